"""One run for each cell of a sweep, whoever records it: a run that has just been opened gives way to one like it.

A run is like another if both have the same config digest. While it is recorded, it is first asking, and then taken: it
is asking from the moment it is opened, and taken as soon as it has the tag `torch_version`. In between it looks for
others. Of two that are opened at once, at least one sees the other, because each looks after it was opened. If both see
each other, the one with the smaller id stays. No lock is needed, and a process that is killed in the midst holds nobody
up: its run is not alive.
"""

import time

from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import schema, search_runs
from analysis.runs.life import is_alive
from analysis.runs.schema import COMPLETE, End
from analysis.runs.store import has_files
from experiments.tracking.access import end_run

LOOK_SECONDS = 0.05
"""How long a run waits before it looks again whether another has given way to it."""

ASK_SECONDS = 5.0
"""How long a run waits for another to give way, before it gives way itself: the other's process may be stopped."""


class GaveWayError(Exception):
    """A run that had just been opened has been deleted, because another one like it is complete or being recorded.

    Attributes:
        other: the other run.
    """

    def __init__(self, run_id: str, other: Run) -> None:
        self.other = other
        super().__init__(f"{run_id} gave way to {other.info.run_id}")


def find_others(experiment_id: str, digest: str, but: str = "") -> list[Run]:
    """Return the runs with a config digest that are complete or that a sweep is recording, the complete ones first.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        digest: the value of the tag `config_digest`.
        but: the id of a run that is left out; empty for none.
    """
    conditions = [schema.tag_condition(schema.DIGEST_TAG, digest), schema.other_than_condition(but)]
    found = search_runs(" AND ".join(conditions), [experiment_id])
    others = [run for run in found if is_complete(run) or _is_recorded(run)]
    return sorted(others, key=is_complete, reverse=True)


def is_complete(run: Run) -> bool:
    """Return whether a run is complete and still has its files, so that making it again would give the same result."""
    return schema.read_end(run.info.status, run.data.tags) in COMPLETE and has_files(run)


def claim(run_id: str, experiment_id: str, digest: str) -> None:
    """Return if an open run is the one that is to be recorded; otherwise end and delete it.

    Arguments:
        run_id: the id of the run. It has been opened with its digest, this project's mark and its signs of life, and
            is not taken yet.
        experiment_id: MLflow's id of its experiment.
        digest: its config digest.

    Raises:
        GaveWayError: another run like it is complete or being recorded; this one has been deleted.
    """
    begin = time.monotonic()
    while others := find_others(experiment_id, digest, but=run_id):
        stays = all(_is_asking(other) and other.info.run_id > run_id for other in others)
        if not stays or time.monotonic() - begin > ASK_SECONDS:
            end_run(run_id, End.FAILED.status)  # should it not be deleted, it is found among those that failed
            MlflowClient().delete_run(run_id)
            raise GaveWayError(run_id, others[0])
        time.sleep(LOOK_SECONDS)


def _is_recorded(run: Run) -> bool:
    """Return whether a sweep is recording a run; a single run, which is open while it is trained, is not waited for."""
    running = schema.read_end(run.info.status, run.data.tags) == End.RUNNING
    return running and schema.SHARD_TAG in run.data.tags and schema.has_mark(run.data.tags) and is_alive(run)


def _is_asking(run: Run) -> bool:
    return not is_complete(run) and schema.TORCH_TAG not in run.data.tags
