"""Signs of life of the run that this process records, and the clearing up after processes that are gone."""

import contextlib
import threading

from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import RunError, schema, search_runs
from analysis.runs.life import GONE, heartbeat_tag, is_alive
from analysis.runs.schema import End
from analysis.runs.store import get_run, models_of_run

HEARTBEAT_SECONDS = 10.0
"""How often a process writes the tag that says that it is at work."""


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


def clear_up(experiment_id: str, but: str = "") -> tuple[int, int]:
    """End the runs and sweeps whose process is gone, and delete the half-made runs of all sweeps that have ended.

    Only records with this project's mark are touched.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        but: the id of a run or a sweep that is left alone.

    Returns:
        The number of runs and sweeps that were ended, and the number of half-made runs of sweeps that were deleted.
    """
    unended = running(experiment_id)
    ended = half_made = 0
    for run in unended:
        if schema.SHARD_TAG not in run.data.tags and run.info.run_id != but and _end_if_dead(run.info.run_id):
            ended += 1
            if schema.is_sweep(run.data.tags):
                # Failed runs are deleted, too: the sweep would have tried them once more.
                half_made += delete_half_made(experiment_id, children_condition(run.info.run_id), failed_too=True)
    # Sweeps that ended earlier may have half-made runs, if whoever cleared up was killed.
    for sweep_id in {run.data.tags.get(schema.PARENT_TAG, "") for run in unended if schema.SHARD_TAG in run.data.tags}:
        if sweep_id and not goes_on(sweep_id):
            half_made += delete_half_made(experiment_id, children_condition(sweep_id))
    return ended, half_made


def _end_if_dead(run_id: str) -> bool:
    """End a run as KILLED if it has this project's mark and its process is gone; return whether it was ended."""
    run = get_run(run_id)  # as it is now: it may have ended, or another process may have gone on with it
    if not schema.has_mark(run.data.tags) or run.info.status != End.RUNNING.status or is_alive(run):
        return False
    client = MlflowClient()
    client.set_tag(run_id, schema.END_REASON_TAG, GONE)
    client.set_terminated(run_id, End.KILLED.status)
    return True


def running(experiment_id: str, condition: str = "") -> list[Run]:
    """Return the runs with this project's mark that have not ended.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        condition: a further condition of MLflow's search.
    """
    conditions = [schema.END_CONDITIONS[End.RUNNING], schema.tag_condition(schema.MARK_TAG, schema.MARK)]
    return list(search_runs(" AND ".join([*conditions, *filter(None, [condition])]), [experiment_id]))


def goes_on(sweep_id: str) -> bool:
    """Return whether a sweep has not ended; one that another start has ended must make no further runs."""
    try:
        sweep = get_run(sweep_id)
    except RunError:  # it has been removed from the store
        return False
    return schema.read_end(sweep.info.status, sweep.data.tags) == End.RUNNING


def delete_half_made(experiment_id: str, condition: str, failed_too: bool = False) -> int:
    """Delete runs with this project's mark that have not ended, with their models; return how many.

    To be called only when the process that recorded them is gone.

    Arguments:
        experiment_id: MLflow's id of their experiment.
        condition: a condition of MLflow's search; runs that do not meet it stay.
        failed_too: also delete the runs that failed, because they are tried again.
    """
    half_made = running(experiment_id, condition)
    if failed_too:
        ended = search_runs(f"{schema.FAILED_OR_DIVERGED_CONDITION} AND {condition}", [experiment_id])
        half_made += [run for run in ended if schema.read_end(run.info.status, run.data.tags) == End.FAILED]
    deleted = 0
    for run in half_made:
        if schema.has_mark(run.data.tags) and schema.DIGEST_TAG in run.data.tags:
            delete_with_models(run)
            deleted += 1
    return deleted


def delete_with_models(run: Run) -> None:
    """Delete a run, and the models that it logged or began to log."""
    client = MlflowClient()
    for model in models_of_run(run):
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


def children_condition(sweep_id: str) -> str:
    """Return the condition of MLflow's search that finds the runs which a sweep made, complete or not."""
    return schema.tag_condition(schema.PARENT_TAG, sweep_id)
