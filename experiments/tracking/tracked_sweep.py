"""Records a sweep in MLflow as the parent of its runs, and clears up after sweeps that were killed."""

import contextlib
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag

from analysis.figures import Picture
from analysis.runs import RunError, schema, search_runs
from analysis.runs.schema import End
from analysis.runs.store import get_run, models_of_run
from experiments.code_state import code_state
from experiments.errors import TrackingError
from experiments.tracking.access import (
    MAX_END_REASON,
    MAX_PARAM,
    end_run,
    name_of,
    open_run,
    store_trouble,
)

HEARTBEAT_SECONDS = 10.0
"""How often a sweep writes the tag that says that it is alive."""

STALE_SECONDS = 300.0
"""A sweep on another machine that has not written that tag for so long is taken for dead."""


@dataclass(frozen=True)
class Membership:
    """How a run belongs to a sweep.

    Attributes:
        sweep_id: the run id of the sweep.
        experiment_id: MLflow's id of the experiment of both.
        shard: the number of the shard in which the run is made.
        also_named: the fields of TrainConfig that the name of the run holds besides those in the name of every run.
    """

    sweep_id: str
    experiment_id: str
    shard: int
    also_named: tuple[str, ...] = ()

    @property
    def tags_of_a_child(self) -> dict[str, str]:
        """The tags that a run made by the sweep has from the moment it is opened."""
        return {schema.PARENT_TAG: self.sweep_id, schema.SHARD_TAG: str(self.shard)}

    @property
    def tag_of_a_member(self) -> dict[str, str]:
        """The tag of every complete run that belongs to the sweep, new or reused."""
        return schema.member_tag(self.sweep_id)

    @property
    def condition(self) -> str:
        """The condition of MLflow's search that finds the runs made in this shard."""
        return f"{children_condition(self.sweep_id)} AND {schema.tag_condition(schema.SHARD_TAG, str(self.shard))}"


class TrackedSweep:
    """The MLflow run of a sweep, the parent of the runs that it makes. A thread renews its heartbeat tag.

    Arguments:
        name: the name of the sweep, unless a person has given it one already.
        params: the lists of the grid, by name.
        files: texts to keep as artifacts, by file name.

    Attributes:
        run_id, experiment_id: MLflow's ids.
        name: the name of the sweep.

    Raises:
        TrackingError: the store cannot be reached or written.
    """

    def __init__(self, name: str, params: Mapping[str, str], files: Mapping[str, str]) -> None:
        # From the start, so that a sweep that is killed a moment later is known to be dead.
        code = code_state()
        tags = {
            schema.KIND_TAG: schema.SWEEP_KIND,
            schema.HOST_TAG: platform.node(),
            schema.PID_TAG: str(os.getpid()),
            **_heartbeat_tag(),
            schema.COMMIT_TAG: code.commit,
            schema.DIRTY_TAG: code.dirty,
        }
        run = open_run(name, tags=tags)
        self.name = name_of(run, name)
        self.run_id: str = run.info.run_id
        self.experiment_id: str = run.info.experiment_id
        self._client = MlflowClient()
        self._over = threading.Event()
        try:
            self._client.log_batch(
                self.run_id,
                # `mlflow run` has logged the params that were typed; they cannot be changed.
                params=[Param(key, value[:MAX_PARAM]) for key, value in params.items() if key not in run.data.params],
                tags=[RunTag(schema.NAME_TAG, self.name)],
            )
            for path, text in files.items():
                self._client.log_text(self.run_id, text, path)
        except Exception as error:
            with contextlib.suppress(Exception):
                end_run(self.run_id, End.FAILED.status)
            raise TrackingError(store_trouble(error)) from error
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    @property
    def condition(self) -> str:
        """The condition of MLflow's search that finds the runs made in this sweep."""
        return children_condition(self.run_id)

    def adopt(self, run_ids: Iterable[str]) -> None:
        """Make earlier runs members of this sweep as well; the sweep that made them stays their parent."""
        for run_id in run_ids:
            for key, value in schema.member_tag(self.run_id).items():
                self._client.set_tag(run_id, key, value)

    def clean(self) -> tuple[int, int]:
        """End the sweeps whose process is gone or silent, and delete the half-made runs of all sweeps that have ended.

        Returns:
            The number of sweeps that were ended, and the number of runs that were deleted.
        """
        with_heartbeat = _running(self.experiment_id, schema.tag_condition(schema.HEARTBEAT_TAG))
        dead = [
            run
            for run in with_heartbeat
            if schema.is_sweep(run.data.tags) and run.info.run_id != self.run_id and not is_alive(run)
        ]
        for sweep in dead:
            # Before its runs are deleted: a worker that is still alive looks at this before it makes another run.
            reason = schema.format_end_reason(End.KILLED, "killed: its process is gone")
            self._client.set_tag(sweep.info.run_id, schema.END_REASON_TAG, reason)
            self._client.set_terminated(sweep.info.run_id, End.KILLED.status)
        # Failed runs are deleted, too: the sweep would have tried them once more.
        half_made = sum(delete_half_made(self.experiment_id, children_condition(run.info.run_id), True) for run in dead)
        # Sweeps that ended earlier may have half-made runs, if whoever cleared up was killed.
        unended = list(_running(self.experiment_id, schema.tag_condition(schema.SHARD_TAG)))
        for sweep_id in {run.data.tags[schema.PARENT_TAG] for run in unended}:
            if not goes_on(sweep_id):
                half_made += delete_half_made(self.experiment_id, children_condition(sweep_id))
        return len(dead), half_made

    def delete_half_made(self, failed_too: bool = False) -> int:
        """Delete the runs of this sweep that have not ended, and if asked those that failed; return how many."""
        return delete_half_made(self.experiment_id, self.condition, failed_too)

    def finish(
        self,
        end: End,
        end_reason: str,
        note: str,
        metrics: Mapping[str, float],
        files: Mapping[str, str],
        figures: Mapping[str, Picture],
    ) -> None:
        """Record the results of the sweep, and end it.

        Arguments:
            end: how it ended: FINISHED, FAILED or KILLED.
            end_reason: the reason, in words.
            note: the description of its page, in Markdown.
            metrics: its metrics, by name.
            files: texts to keep as artifacts, by file name.
            figures: pictures to keep as plots/NAME.png, by name.

        Raises:
            TrackingError: the store could not be written.
        """
        self._over.set()
        self._heart.join()
        try:
            with tempfile.TemporaryDirectory() as folder:
                plots = Path(folder) / schema.PLOTS_FOLDER
                plots.mkdir()
                for name, text in files.items():
                    (Path(folder) / name).write_text(text, encoding="utf-8")
                for name, figure in figures.items():
                    (plots / f"{name}.png").write_bytes(figure.png())
                self._client.log_artifacts(self.run_id, folder)
            now = int(time.time() * 1000)
            self._client.log_batch(
                self.run_id,
                metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
                tags=[RunTag(schema.NOTE_TAG, note), RunTag(schema.END_REASON_TAG, end_reason[:MAX_END_REASON])],
            )
        except Exception as error:
            end = End.FAILED
            raise TrackingError(f"sweep {self.run_id}: {store_trouble(error)}") from error
        finally:
            end_run(self.run_id, end.status)

    def _beat(self) -> None:
        """Write the heartbeat again and again until the sweep has ended."""
        while not self._over.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(Exception):  # a store that is away for a while does not stop the sweep
                for key, value in _heartbeat_tag().items():
                    self._client.set_tag(self.run_id, key, value)


def is_alive(sweep: Run) -> bool:
    """Return whether a sweep is still at work.

    Its record has not ended, its heartbeat is not older than STALE_SECONDS, and its process exists if it runs on this
    machine.
    """
    tags = sweep.data.tags
    if schema.read_end(sweep.info.status, tags) != End.RUNNING:
        return False
    if tags[schema.HOST_TAG] == platform.node() and not _process_exists(int(tags[schema.PID_TAG])):
        return False
    return time.time() - float(tags[schema.HEARTBEAT_TAG]) <= STALE_SECONDS


def _heartbeat_tag() -> dict[str, str]:
    """Return the tag that says when the sweep was last alive: now."""
    return {schema.HEARTBEAT_TAG: f"{time.time():.0f}"}


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def goes_on(sweep_id: str) -> bool:
    """Return whether a sweep has not ended; one that another start has ended must make no further runs."""
    try:
        sweep = get_run(sweep_id)
    except RunError:  # it has been removed from the store
        return False
    return schema.read_end(sweep.info.status, sweep.data.tags) == End.RUNNING


def delete_half_made(experiment_id: str, condition: str, failed_too: bool = False) -> int:
    """Delete runs that have not ended, with their models; return how many.

    To be called only when the process that recorded them is gone.

    Arguments:
        experiment_id: MLflow's id of their experiment.
        condition: a condition of MLflow's search; runs that do not meet it stay.
        failed_too: also delete the runs that failed, because they are tried again.
    """
    client, half_made = MlflowClient(), list(_running(experiment_id, condition))
    if failed_too:
        ended = search_runs(f"{schema.FAILED_OR_DIVERGED_CONDITION} AND {condition}", [experiment_id])
        half_made += [run for run in ended if schema.read_end(run.info.status, run.data.tags) == End.FAILED]
    for run in half_made:
        for model in models_of_run(run):
            client.delete_logged_model(model.model_id)
        client.delete_run(run.info.run_id)
    return len(half_made)


def children_condition(sweep_id: str) -> str:
    """Return the condition of MLflow's search that finds the runs which a sweep made, complete or not."""
    return schema.tag_condition(schema.PARENT_TAG, sweep_id)


def _running(experiment_id: str, condition: str) -> Iterator[Run]:
    return search_runs(f"{schema.END_CONDITIONS[End.RUNNING]} AND {condition}", [experiment_id])
