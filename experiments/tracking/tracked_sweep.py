"""Records a sweep in MLflow as the parent of its runs."""

import contextlib
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis.figures import Picture
from analysis.runs import schema
from analysis.runs.life import process_tags
from analysis.runs.schema import End
from experiments.code_state import code_state
from experiments.errors import TrackingError
from experiments.tracking.access import MAX_END_REASON, MAX_PARAM, end_run, name_of, open_run
from experiments.tracking.causes import store_trouble
from experiments.tracking.code_record import code_tags, log_diff
from experiments.tracking.life import Heart, children_condition, delete_half_made, goes_on


@dataclass(frozen=True)
class Membership:
    """How a run belongs to a sweep.

    Attributes:
        sweep_id: the run id of the sweep.
        experiment_id: MLflow's id of the experiment of both.
        shard: the number of the shard in which the run is made.
        also_named: the fields of TrainConfig that the name of the run holds besides those in the name of every run.
        code: the digest of the state of the code that the sweep has recorded; empty if none is. A run that is made by
            other code, such as that of another machine, records its own.
    """

    sweep_id: str
    experiment_id: str
    shard: int
    also_named: tuple[str, ...] = ()
    code: str = ""

    @property
    def tags_of_a_child(self) -> dict[str, str]:
        """The tags that a run made by the sweep has from the moment it is opened."""
        return {schema.PARENT_TAG: self.sweep_id, schema.SHARD_TAG: str(self.shard)}

    @property
    def tag_of_a_member(self) -> dict[str, str]:
        """The tag of every complete run that belongs to the sweep, new or reused."""
        return schema.member_tag(self.sweep_id)

    def adopt(self, run_id: str) -> None:
        """Make a complete run that others recorded a member of the sweep as well; its parent stays the same.

        Raises:
            TrackingError: the store could not be written.
        """
        try:
            for name, value in self.tag_of_a_member.items():
                MlflowClient().set_tag(run_id, name, value)
        except Exception as error:
            raise TrackingError(store_trouble(error)) from error

    @property
    def condition(self) -> str:
        """The condition of MLflow's search that finds the runs made in this shard."""
        return f"{children_condition(self.sweep_id)} AND {schema.tag_condition(schema.SHARD_TAG, str(self.shard))}"


class TrackedSweep:
    """The MLflow run of a sweep, the parent of the runs that it makes. A thread renews its heartbeat.

    Arguments:
        name: the name of the sweep, unless a person has given it one already.
        params: the lists of the grid, by name.
        files: texts to keep as artifacts, by file name.

    Attributes:
        run_id, experiment_id: MLflow's ids.
        name: the name of the sweep.
        code: the digest of the state of the code, which is recorded here for all runs.

    Raises:
        TrackingError: the store cannot be reached or written.
    """

    def __init__(self, name: str, params: Mapping[str, str], files: Mapping[str, str]) -> None:
        # From the start, so that a sweep that is killed a moment later is known to be dead.
        state = code_state()
        self.code = state.digest
        tags = {
            schema.MARK_TAG: schema.MARK,
            schema.KIND_TAG: schema.SWEEP_KIND,
            **process_tags(),
            **code_tags(state),
        }
        run = open_run(name, tags=tags)
        self.name = name_of(run, name)
        self.run_id: str = run.info.run_id
        self.experiment_id: str = run.info.experiment_id
        self._client = MlflowClient()
        try:
            self._files = get_artifact_repository(run.info.artifact_uri)
            self._client.log_batch(
                self.run_id,
                # `mlflow run` has logged the params that were typed; they cannot be changed.
                params=[Param(key, value[:MAX_PARAM]) for key, value in params.items() if key not in run.data.params],
                tags=[RunTag(schema.NAME_TAG, self.name)],
            )
            for path, text in files.items():
                self._client.log_text(self.run_id, text, path)
            log_diff(self.run_id, state.diff)
        except Exception as error:
            with contextlib.suppress(Exception):
                end_run(self.run_id, End.FAILED.status)
            raise TrackingError(store_trouble(error)) from error
        self._heart = Heart(self.run_id)

    @property
    def members_condition(self) -> str:
        """The condition of MLflow's search that finds the complete runs of this sweep, new or reused."""
        return schema.members_condition(self.run_id)

    def adopt(self, run_ids: Iterable[str]) -> None:
        """Make earlier runs members of this sweep as well; the sweep that made them stays their parent."""
        for run_id in run_ids:
            for name, value in schema.member_tag(self.run_id).items():
                self._client.set_tag(run_id, name, value)

    def delete_half_made(self, failed_too: bool = False) -> int:
        """Delete the runs of this sweep that have not ended, and if asked those that failed; return how many."""
        return delete_half_made(self.experiment_id, children_condition(self.run_id), failed_too)

    def renew(self, note: str, files: Mapping[str, str]) -> None:
        """Record the present state of the sweep, which goes on; nothing, if another start has ended it.

        Arguments:
            note: the description of its page, in Markdown.
            files: texts to keep as artifacts, by file name, in place of earlier ones.

        Raises:
            TrackingError: the store could not be read or written.
        """
        try:
            if goes_on(self.run_id):
                self._write({name: text.encode() for name, text in files.items()}, {schema.NOTE_TAG: note}, {})
        except Exception as error:
            raise TrackingError(f"sweep {self.run_id}: {store_trouble(error)}") from error

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
            TrackingError: the store could not be written. If it is away (see `is_away`), this can be tried again.
        """
        self._heart.stop()
        try:
            contents = {name: text.encode() for name, text in files.items()}
            contents |= {schema.picture_file(name): figure.png() for name, figure in figures.items()}
            tags = {schema.NOTE_TAG: note, schema.END_REASON_TAG: end_reason[:MAX_END_REASON]}
            self._write(contents, tags, metrics)
        except Exception as error:
            end = End.FAILED
            raise TrackingError(f"sweep {self.run_id}: {store_trouble(error)}") from error
        finally:
            end_run(self.run_id, end.status)

    def _write(self, contents: Mapping[str, bytes], tags: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Write artifacts, by path, each of them whole or not at all; and then tags and metrics."""
        with tempfile.TemporaryDirectory() as folder:
            for path, content in contents.items():
                file = Path(folder, path)
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
                # One by one: of a whole folder, MLflow would write files in place, and a reader could see half of one.
                self._files.log_artifact(str(file), path.rpartition("/")[0] or None)
        now = int(time.time() * 1000)
        self._client.log_batch(
            self.run_id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
