"""Signs of life of the run that this process records, and the clearing up after processes that are gone."""

import contextlib
import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run

from analysis.runs import schema, search_runs
from analysis.runs.life import GONE, heartbeat_tag, is_alive
from analysis.runs.schema import End
from analysis.runs.store import NoRunError, get_run, models_of_run
from experiments.descriptions import AT_WORK

HEARTBEAT_SECONDS = 10.0
"""How often a process writes the tag that says that it is at work."""


MAX_TRIES = 360
"""How often `keep_trying` tries: for an hour."""


class Heart:
    """A thread that renews the heartbeat of a run until `stop` is called.

    Arguments:
        run_id: MLflow's id of the run.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id, self._client = run_id, MlflowClient()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Renew the heartbeat no longer."""
        self._over.set()
        self._thread.join(timeout=1)  # it may be waiting for a store that is away

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(Exception):  # a store that is away for a while does not stop the work
                for name, value in heartbeat_tag().items():
                    self._client.set_tag(self._run_id, name, value)


def keep_trying(action: Callable[[], object]) -> None:
    """Do something in a thread every HEARTBEAT_SECONDS until it raises no error, MAX_TRIES times at most."""

    def work() -> None:
        for _ in range(MAX_TRIES):
            time.sleep(HEARTBEAT_SECONDS)
            with contextlib.suppress(Exception):
                action()
                return

    threading.Thread(target=work, daemon=True).start()


class ClearedUp(NamedTuple):
    """What was cleared up.

    Attributes:
        ended: the number of runs and sweeps that were ended.
        half_made: the number of half-made runs of sweeps that were deleted.
    """

    ended: int
    half_made: int

    def __str__(self) -> str:
        """Return in words what was done; empty if that is nothing."""
        if not self.ended and not self.half_made:
            return ""
        return f"ended {self.ended} runs and sweeps that had been killed, and deleted {self.half_made} half-made runs"


def clear_up(experiment_id: str, but: str = "") -> ClearedUp:
    """End the runs and sweeps whose process is gone, and delete the half-made runs of all sweeps that have ended.

    Only records with this project's mark are touched. A half-made run whose process may still be at work stays.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        but: the id of a run or a sweep that is left alone.
    """
    unended = _running(experiment_id)
    ended = half_made = 0
    for run in unended:
        if schema.SHARD_TAG not in run.data.tags and run.info.run_id != but and _end_if_dead(run.info.run_id):
            ended += 1
            if schema.is_sweep(run.data.tags):
                # Failed runs are deleted, too: the sweep would have tried them once more.
                condition = children_condition(run.info.run_id)
                half_made += delete_half_made(experiment_id, condition, failed_too=True, dead_only=True)
    # Sweeps that ended earlier may have half-made runs, if whoever cleared up was killed.
    for sweep_id in {run.data.tags.get(schema.PARENT_TAG, "") for run in unended if schema.SHARD_TAG in run.data.tags}:
        if sweep_id and not goes_on(sweep_id):
            half_made += delete_half_made(experiment_id, children_condition(sweep_id), dead_only=True)
    return ClearedUp(ended, half_made)


def goes_on(sweep_id: str) -> bool:
    """Return whether a sweep has not ended; one that another start has ended must make no further runs.

    Raises:
        RunError: the store cannot be read.
    """
    try:
        sweep = get_run(sweep_id)
    except NoRunError:  # it has been removed from the store
        return False
    return schema.read_end(sweep.info.status, sweep.data.tags) == End.RUNNING


def delete_half_made(experiment_id: str, condition: str, failed_too: bool = False, dead_only: bool = False) -> int:
    """Delete runs with this project's mark that have not ended, with their models; return how many.

    Arguments:
        experiment_id: MLflow's id of their experiment.
        condition: a condition of MLflow's search; runs that do not meet it stay.
        failed_too: also delete the runs that failed, because they are tried again.
        dead_only: keep a run that has not ended if its process may still be at work. Without it, the caller knows that
            the process no longer records the run.
    """
    found = _running(experiment_id, condition)
    if failed_too:
        conditions = [schema.FAILED_OR_DIVERGED_CONDITION, _OURS, condition]
        found += search_runs(" AND ".join(conditions), [experiment_id])
    ends = (End.RUNNING, End.FAILED) if failed_too else (End.RUNNING,)
    return sum(_delete(run.info.run_id, ends, dead_only) for run in found)


def children_condition(sweep_id: str) -> str:
    """Return the condition of MLflow's search that finds the runs which a sweep made, complete or not."""
    return schema.tag_condition(schema.PARENT_TAG, sweep_id)


_OURS = schema.tag_condition(schema.MARK_TAG, schema.MARK)
"""The condition of MLflow's search that finds what has this project's mark."""


def _running(experiment_id: str, condition: str = "") -> list[Run]:
    """Return the runs with this project's mark that have not ended and meet a further condition of MLflow's search."""
    conditions = [schema.RUNNING_CONDITION, _OURS, *filter(None, [condition])]
    return list(search_runs(" AND ".join(conditions), [experiment_id]))


def _read_ours(run_id: str) -> Run | None:
    """Return a run as it is now; None if it has not this project's mark, or has been deleted."""
    try:
        run = get_run(run_id)
    except NoRunError:
        return None
    ours = schema.has_mark(run.data.tags) and run.info.lifecycle_stage == LifecycleStage.ACTIVE
    return run if ours else None


def _end_if_dead(run_id: str) -> bool:
    """End a run as KILLED if it has this project's mark and its process is gone; return whether it was ended."""
    run = _read_ours(run_id)  # it may have ended since it was found, or another process may have gone on with it
    if run is None or schema.read_end(run.info.status, run.data.tags) != End.RUNNING or is_alive(run):
        return False
    client = MlflowClient()
    client.set_tag(run_id, schema.END_REASON_TAG, GONE)
    note = run.data.tags.get(schema.NOTE_TAG, "")
    if note.startswith(f"**{AT_WORK}"):
        client.set_tag(run_id, schema.NOTE_TAG, note.replace("**", f"**{GONE}; it was ", 1))
    client.set_terminated(run_id, End.KILLED.status)
    return True


def _delete(run_id: str, ends: Collection[End], dead_only: bool) -> bool:
    """Delete a run of a sweep and its models if it has this project's mark and one of some ends; return whether."""
    run = _read_ours(run_id)  # it may have ended since it was found
    if run is None or schema.DIGEST_TAG not in run.data.tags:
        return False
    if schema.read_end(run.info.status, run.data.tags) not in ends or (dead_only and is_alive(run)):
        return False
    delete_with_models(run)
    return True


def delete_with_models(run: Run) -> None:
    """Delete a run, and the models that it logged or began to log."""
    client = MlflowClient()
    for model in models_of_run(run):
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)
