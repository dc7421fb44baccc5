"""The experiment in which MLflow would record a run, as the environment names it."""

import os
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage
from mlflow.exceptions import MlflowException

from analysis.runs.address import database_path, store_name
from analysis.runs.store import RunError, local_path, open_store, unreadable

NAME_VARIABLE, ID_VARIABLE = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"

DEFAULT_ID = "0"
"""The id of the experiment that MLflow makes by itself."""


def current_experiment_id() -> str | None:
    """Return the id of the experiment in which MLflow would record a run; None if the one of that name is not there."""
    if name := os.environ.get(NAME_VARIABLE):
        client = open_store()
        try:
            experiment = client.get_experiment_by_name(name)
        except Exception as error:  # from MLflow, a database or the network
            raise unreadable(error) from None
        return None if experiment is None else str(experiment.experiment_id)
    return os.environ.get(ID_VARIABLE) or DEFAULT_ID


def check_experiment() -> None:
    """Raise RunError, naming the variable at fault, if no run can be recorded in the experiment that is in use."""
    name, experiment_id = os.environ.get(NAME_VARIABLE), os.environ.get(ID_VARIABLE)
    if name is not None:
        if not name.strip():
            raise RunError(f"{NAME_VARIABLE} is {name!r}; allowed: the name of an experiment, old or new; or unset it")
        experiment = MlflowClient().get_experiment_by_name(name)
        if experiment is not None:
            if experiment_id and experiment.experiment_id != experiment_id:
                raise RunError(
                    f"{ID_VARIABLE} is {experiment_id}, and {NAME_VARIABLE} is {name!r}, which is experiment "
                    f"{experiment.experiment_id}; unset one of them"
                )
            _check_active(experiment, f"{NAME_VARIABLE} is {name!r}")
            _check_place(experiment)
        return
    fault = f"{ID_VARIABLE} is {experiment_id!r}" if experiment_id else f"{NAME_VARIABLE} is not set"
    try:
        experiment = MlflowClient().get_experiment(experiment_id or DEFAULT_ID)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise RunError(f"{fault}, and {store_name()} has no such experiment; set {NAME_VARIABLE} instead") from None
    _check_active(experiment, fault)
    _check_place(experiment)


def _check_active(experiment: Experiment, fault: str) -> None:
    """Raise RunError if an experiment is deleted; `fault` says why it would be used."""
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise RunError(
            f"{fault}, and that experiment, {experiment.name} ({experiment.experiment_id}), is deleted; set another "
            f"{NAME_VARIABLE}, or bring it back: mlflow experiments restore -x {experiment.experiment_id}"
        )


def _check_place(experiment: Experiment) -> None:
    """Raise RunError if the files of new runs would be written to the folder in which the store was before."""
    database, place = database_path(), local_path(experiment.artifact_location)
    if database is None or place is None or not place.is_absolute():
        return
    here: Path = database.resolve().parent / "mlruns" / str(experiment.experiment_id)
    old_home = place.parent.parent
    gone = not old_home.exists() and (here.exists() or place.parent.name == "mlruns")
    copied = here.exists() and here.resolve() != place.resolve() and (old_home / database.name).exists()
    if not gone and not copied:
        return
    raise RunError(
        f"{store_name()} was moved or copied: its files would go to {place}; move its folder back to {old_home}, or "
        f"make that a link to {here.parent.parent}; or begin a new store in another folder"
    )
