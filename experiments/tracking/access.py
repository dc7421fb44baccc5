"""Opens and ends runs in the tracking store; a store that cannot be used is refused in one line and within seconds."""

import contextlib
import dataclasses
import re
from collections.abc import Mapping

import mlflow
from mlflow import ActiveRun, MlflowClient
from mlflow.entities import LifecycleStage, Run
from mlflow.utils.name_utils import _GENERATOR_NOUNS, _GENERATOR_PREDICATES

from analysis.credentials import redacted
from analysis.runs.address import store_name
from analysis.runs.experiment import check_experiment
from analysis.runs.schema import DIGEST_TAG, END_REASON_TAG, KIND_TAG, End, format_end_reason
from analysis.runs.store import NoDriverError, NoRunError, RunError, get_run, is_deleted
from experiments.errors import TrackingError, UsageError
from experiments.opened_run import opened_run_id
from experiments.signals import Interrupted
from experiments.tracking.away import impatient, is_away
from experiments.tracking.causes import store_trouble
from experiments.tracking.databases import make_tables
from rnn_core.config import ConfigError, TrainConfig

MAX_END_REASON = 5000
"""The longest end_reason, in characters: MLflow cuts a tag off at 8000."""

MAX_PARAM = 6000
"""The longest param, in characters, that MLflow keeps as it is."""

AUTOMATIC_NAME = re.compile(rf"({'|'.join(_GENERATOR_PREDICATES)})-({'|'.join(_GENERATOR_NOUNS)})-\d+")
"""The names MLflow makes up, such as bold-crane-123. Ours says more; one that a person gave is kept."""


def check_params(config: TrainConfig) -> None:
    """Raise ConfigError if a field of a config is longer than the params that MLflow keeps."""
    for name, value in dataclasses.asdict(config).items():
        if len(str(value)) > MAX_PARAM:
            longer = "; longer data belong into a text:PATH" if name == "pattern" else ""
            raise ConfigError(name, value, f"at most {MAX_PARAM} characters, the longest param of MLflow{longer}")


def open_run(
    name: str, experiment_id: str | None = None, tags: Mapping[str, str] | None = None, run_id: str | None = None
) -> ActiveRun:
    """Start a run, take over the one that `mlflow run` has opened, or go on with an earlier one.

    Arguments:
        name: the name of the run; one that `mlflow run` has opened keeps the name that a person gave it.
        experiment_id: the experiment of a run of a sweep; None, for any other, takes that of the environment.
        tags: the tags of the run from its start.
        run_id: the id of an earlier run to go on with; None for a new run.

    Raises:
        UsageError: the environment names a run or an experiment that cannot be used.
        TrackingError: the store cannot be used.
    """
    opened = "" if run_id else opened_run_id()
    try:
        if experiment_id is None:  # the sweep of a run has found them
            make_tables()
        # The runs of a sweep wait longer: a busy server may answer late.
        with impatient() if experiment_id is None else contextlib.nullcontext():
            if experiment_id is None and run_id is None:
                _check_environment(opened)
            run = mlflow.start_run(
                run_id=run_id,
                run_name=None if opened or run_id else name,
                experiment_id=experiment_id,
                nested=experiment_id is not None,
                tags=dict(tags or {}),
            )
            _redact_tags(run)
            return run
    except (UsageError, TrackingError):
        raise
    except NoDriverError as error:
        raise TrackingError(str(error)) from None
    except Exception as error:
        raise TrackingError(store_trouble(error)) from error


def _check_environment(opened: str) -> None:
    """Raise UsageError, naming what is at fault, if no run can be opened where the environment says.

    Arguments:
        opened: the id of the run that `mlflow run` has opened; empty if it has not.
    """
    active = mlflow.active_run()
    if active is not None:
        raise UsageError(f"the run {active.info.run_id} is open in this process; call mlflow.end_run() first")
    try:
        if opened:
            _check_new(get_run(opened))
        else:
            check_experiment()
    except NoRunError:
        raise UsageError(
            f"MLFLOW_RUN_ID is {opened}, and {store_name()} has no such run; allowed: a run that `mlflow run` has just "
            f"opened; unset MLFLOW_RUN_ID to train a new run"
        ) from None
    except RunError as error:
        if is_away(error):
            raise
        raise UsageError(str(error)) from None


def _redact_tags(run: Run) -> None:
    """Hide passwords and tokens in the tags that MLflow gives to a run, such as the address of a git repository."""
    for name, value in run.data.tags.items():
        if (shown := redacted(value)) != value:
            MlflowClient().set_tag(run.info.run_id, name, shown)


def _check_new(run: Run) -> None:
    """Raise UsageError unless a run is as `mlflow run` has opened it, so that two trainings are never mixed in one."""
    if not _is_new(run):
        what = "has been trained already" if run.info.status == End.RUNNING.status else f"is {run.info.status}"
        what = "has been deleted" if is_deleted(run) else what
        raise UsageError(
            f"MLFLOW_RUN_ID is {run.info.run_id}, a run that {what}; allowed: a run that `mlflow run` has just opened; "
            f"unset MLFLOW_RUN_ID to train a new run"
        )


def _is_new(run: Run) -> bool:
    """Return whether a run is open and nothing has been recorded in it."""
    recorded = DIGEST_TAG in run.data.tags or KIND_TAG in run.data.tags
    active = run.info.lifecycle_stage == LifecycleStage.ACTIVE
    return run.info.status == End.RUNNING.status and active and not recorded


def end_run(run_id: str, status: str) -> None:
    """End a run, whether or not MLflow takes it for the active one."""
    active = mlflow.active_run()
    if active is not None and active.info.run_id == run_id:
        mlflow.end_run(status)
    else:
        MlflowClient().set_terminated(run_id, status)


def name_of(run: ActiveRun, name: str) -> str:
    """Return the name that a person gave to an opened run; `name` if MLflow made its name up."""
    given: str = run.info.run_name
    return name if AUTOMATIC_NAME.fullmatch(given) else given


def end_run_from_environment(error: BaseException, message: str) -> None:
    """End the run that `mlflow run` has opened, if it has: an error ends the program before it has taken the run over.

    Arguments:
        error: a signal (the run was KILLED), an error of the person who typed the command, or any other (it FAILED).
        message: what the program says of it.
    """
    if isinstance(error, Interrupted):
        status, end_reason = End.KILLED.status, format_end_reason(End.KILLED, message)
    elif isinstance(error, (UsageError, ConfigError, TrackingError)):
        status, end_reason = End.FAILED.status, f"refused: {message}"
    else:
        status, end_reason = End.FAILED.status, format_end_reason(End.FAILED, message)
    if run_id := opened_run_id():
        with contextlib.suppress(Exception), impatient():  # the reason itself is on the terminal
            if not _is_new(get_run(run_id)):  # it is not this program's
                return
            MlflowClient().set_tag(run_id, END_REASON_TAG, end_reason[:MAX_END_REASON])
            MlflowClient().set_terminated(run_id, status)
