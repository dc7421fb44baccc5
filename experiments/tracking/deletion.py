"""Deletes a sweep, or a single run, from the tracking store."""

import contextlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run

from analysis.credentials import redacted
from analysis.runs import RunError, schema, search_runs, search_sweeps
from analysis.runs.address import absolute_store_address, store_name
from analysis.runs.life import is_alive
from analysis.runs.store import NoRunError, artifact_bytes, get_run
from experiments.errors import TrackingError
from experiments.tracking.away import impatient
from experiments.tracking.causes import store_trouble
from experiments.tracking.code_record import copy_diff
from experiments.tracking.life import children_condition, delete_with_models
from rnn_core.vocabulary import visible

MEASURED = 5
"""The number of runs, about, whose files are measured to estimate the room of all: runs of a sweep are alike."""


@dataclass(frozen=True)
class Deletion:
    """What is to be deleted, and what is kept.

    Attributes:
        found: the sweep or the single run that is to be deleted.
        runs: the runs that are deleted, with their models: those of the sweep, or the single run.
        kept: the runs of the sweep that are kept, because other sweeps use them.
        users: the ids of the other sweeps that use runs of the sweep.
        reused: the number of runs that the sweep uses and did not make; they are kept.
        foreign: the number of runs below the sweep that another program recorded; they are kept.
        megabytes: about how much room the files of all that is deleted take.
    """

    found: Run
    runs: tuple[Run, ...]
    kept: tuple[Run, ...]
    users: tuple[str, ...]
    reused: int
    foreign: int
    megabytes: float

    def carry_out(self) -> None:
        """Mark the runs, their models and the sweep as deleted.

        A deletion that was interrupted can be started again. A run that is kept becomes a child of a sweep that uses
        it.

        Raises:
            TrackingError: the store could not be written.
        """
        client = MlflowClient()
        try:
            for run in self.kept:
                copy_diff(self.found, run)
                client.set_tag(run.info.run_id, schema.PARENT_TAG, min(_sweeps_of(run) & set(self.users)))
            for run in self.runs:
                delete_with_models(run)
            if self.found not in self.runs:  # the sweep goes last: until then its other runs can be found
                client.delete_run(self.found.info.run_id)
        except Exception as error:
            raise TrackingError(store_trouble(error)) from error


def plan_deletion(name: str, shared: bool = False) -> Deletion:
    """Return what is to be deleted with a sweep or a run.

    Arguments:
        name: the id of a sweep or of a run; or a name, which means the newest sweep of that name or, if there is none,
            the newest run of that name; or `latest`, the newest sweep.
        shared: delete runs even if other sweeps use them.

    Raises:
        RunError: there is no such sweep or run, it is still at work, or it is a run that a sweep uses.
    """
    with impatient():  # a server that is not there is asked once
        found = _find(name)
    run_id, called = found.info.run_id, visible(found.info.run_name)
    is_sweep = schema.is_sweep(found.data.tags)
    if schema.HEARTBEAT_TAG in found.data.tags and is_alive(found):  # without it, nobody can know: the person decides
        raise RunError(f"{run_id} ({called}) is still at work; allowed: what has ended; stop it first")
    runs, foreign = [found], 0
    if is_sweep:
        children = list(search_runs(children_condition(run_id), [found.info.experiment_id]))
        runs = [run for run in children if schema.has_mark(run.data.tags) or schema.DIGEST_TAG in run.data.tags]
        foreign = len(children) - len(runs)
    used_by = {run.info.run_id: _sweeps_of(run) - {run_id} for run in runs}
    users = {sweep_id for sweep_id in set().union(*used_by.values()) if _exists(sweep_id)}
    kept = [] if shared else [run for run in runs if used_by[run.info.run_id] & users]
    if kept and not is_sweep:
        raise RunError(f"{run_id} ({called}) is used by {_and(users)}; allowed: runs of no sweep, or any with --shared")
    deleted = [run for run in runs if run not in kept]
    members = search_runs(schema.members_condition(run_id), [found.info.experiment_id]) if is_sweep else []
    reused = sum(
        schema.PARENT_TAG not in run.data.tags or run.data.tags[schema.PARENT_TAG] != run_id for run in members
    )
    room = _megabytes(deleted) + (_megabytes([found]) if is_sweep else 0)
    return Deletion(found, tuple(deleted), tuple(kept), tuple(sorted(users)), reused, foreign, room)


def command_that_frees_the_disk() -> str:
    """Return MLflow's command that removes from the disk all that has been deleted in the store."""
    store = redacted(absolute_store_address())
    if store.startswith("http"):  # only the machine of the server reaches its database and its files
        database, files = "ITS_DATABASE", " --artifacts-destination ITS_FOLDER_OF_FILES"
    else:
        database, files = shlex.quote(store), ""
    return f"mlflow gc --backend-store-uri {database}{files} --tracking-uri {shlex.quote(store)}"


def _find(name: str) -> Run:
    """Return the sweep or the run of an id or a name."""
    if re.fullmatch("[0-9a-f]{32}", name):
        found = get_run(name)
        if not schema.is_sweep(found.data.tags) and schema.DIGEST_TAG not in found.data.tags:
            raise RunError(f"{name} in {store_name()} is neither a sweep nor a run of this project")
        if found.info.lifecycle_stage == LifecycleStage.DELETED:
            raise RunError(f"{name} has been deleted already; to free the disk: {command_that_frees_the_disk()}")
        return found
    for run in search_sweeps():
        if name in ("latest", run.info.run_name):
            return run
    for run in search_runs(schema.tag_condition(schema.DIGEST_TAG)):
        if name == run.info.run_name:
            return run
    raise RunError(
        f"no sweep and no run {name!r} in {store_name()}; allowed: an id, a name, or `latest`, the newest sweep"
    )


def _sweeps_of(run: Run) -> set[str]:
    """Return the ids of the sweeps that a run is a member of, also of those that are deleted."""
    return {sweep_id for tag in run.data.tags if (sweep_id := schema.sweep_of_tag(tag))}


def _exists(run_id: str) -> bool:
    """Return whether a run is in the store and not deleted."""
    with contextlib.suppress(NoRunError):  # it has been removed from the store
        stage: str = get_run(run_id).info.lifecycle_stage
        return stage == LifecycleStage.ACTIVE
    return False


def _megabytes(runs: Sequence[Run]) -> float:
    """Return about how much room the files of runs and their models take, in MB: measured in a few of the runs."""
    measured = runs[:: max(1, len(runs) // MEASURED)]
    return sum(map(artifact_bytes, measured)) / max(1, len(measured)) * len(runs) / 1e6


def _and(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))
