"""Goes on with the MLflow run of a training that was cut off, so that its record becomes that of one whole training."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis.runs import schema
from analysis.runs.life import is_alive, process_tags
from analysis.runs.schema import End
from analysis.runs.store import artifact_paths, get_run, metric_history, models_of_run
from experiments.code_state import code_state
from experiments.descriptions import first_line
from experiments.errors import TrackingError, UsageError
from experiments.tracking.access import open_run
from experiments.tracking.causes import store_trouble
from experiments.tracking.code_record import log_diff
from experiments.tracking.life import Heart
from experiments.tracking.tracked_run import TrackedRun
from rnn_core.record import Record


class ResumedRun(TrackedRun):
    """The MLflow run of one net whose training was cut off and goes on.

    Only metrics that MLflow lacks are sent. What the earlier part has recorded at its end is replaced.

    Arguments:
        run_id: MLflow's id of the run, which is not alive.
        record: what identifies the run.
        sizes: the metrics that say how large the data and the net are, by name.
        history: the metrics of each epoch that is done, by name.
        lock: a file; of two programs that go on with the same run at the same time, one is refused.

    Raises:
        UsageError: the run is at work.
        TrackingError: the store cannot be reached or written.
    """

    def __init__(
        self,
        run_id: str,
        record: Record,
        sizes: Mapping[str, float],
        history: Sequence[Mapping[str, float]],
        lock: Path,
    ) -> None:
        self._set_up(record, sizes, None)
        with FileLock(lock):
            check_not_alive(get_run(run_id))
            tags = process_tags() | {schema.MARK_TAG: schema.MARK}
            # Before the run is RUNNING again, so that it is never without a living process.
            MlflowClient().log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
        self._run = open_run("", run_id=run_id)
        self.name = self._run.info.run_name
        self._take_over()
        self._heart = Heart(self.run_id)
        try:
            self._describe_resumption(len(history))
            self._read_sent()
        except Exception as error:
            raise self._fail_to_open(error) from error
        for metrics in history:
            self.log(metrics)

    def _fail_to_open(self, error: Exception) -> TrackingError:
        """End the run as KILLED again, so that another try can go on with it; return the error that says so."""
        self.give_up(f"it could not go on: {first_line(error)}", End.KILLED)
        return TrackingError(store_trouble(error))

    def _describe_resumption(self, epoch: int) -> None:
        """Record with which code the run goes on, and in which epoch, from 0."""
        tags, state = self._run.data.tags, code_state()
        self._params = dict(self._run.data.params)
        if schema.TORCH_TAG not in tags:  # it was cut off before it was described
            self._describe_start(self.record.config, {}, {})
            return
        before = tags.get(schema.RESUMED_TAG, "")
        changed = " (with changes)" if state.dirty == "true" else ""
        resumed = f"in epoch {epoch} with {state.commit}{changed}"
        if state.diff:
            number = before.count("; ") + (2 if before else 1)
            log_diff(self.run_id, state.diff, schema.RESUMED_DIFF_FILE.format(number))
        self._client.set_tag(self.run_id, schema.RESUMED_TAG, f"{before}; {resumed}" if before else resumed)
        if schema.END_REASON_TAG in tags:
            self._client.delete_tag(self.run_id, schema.END_REASON_TAG)
            self._client.set_tag(self.run_id, schema.NOTE_TAG, f"resumed in epoch {epoch}")

    def _read_sent(self) -> None:
        """Read which metrics MLflow has."""
        self._metrics.earlier = {(metric.key, metric.step): metric for metric in metric_history(self._run)}

    def _with_earlier(self, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Add, as NaN, the metrics that an earlier part has recorded and that no longer hold: the net has diverged."""
        curves = self.history[0] if self.history else {}
        earlier = [name for name, _ in self._metrics.earlier if name not in metrics and name not in curves]
        return dict.fromkeys(earlier, math.nan) | dict(metrics)

    def _remove_earlier(self, made: Collection[str], model_id: str | None) -> None:
        """Delete the models and the files of an earlier part."""
        for model in models_of_run(self._run):
            if model.model_id != model_id:
                self._client.delete_logged_model(model.model_id)
        replaced = artifact_paths(self._run, schema.PLOTS_FOLDER)
        replaced += [path for path in artifact_paths(self._run) if path in (schema.REACH_FILE, schema.PAGE_FILE)]
        repository = get_artifact_repository(self._run.info.artifact_uri)
        for path in replaced:
            if path not in made:
                repository.delete_artifacts(path)


def check_not_alive(run: Run) -> None:
    """Raise UsageError if a run is still at work."""
    if is_alive(run):
        tags = run.data.tags
        where = f"process {tags.get(schema.PID_TAG)} on {tags.get(schema.HOST_TAG)}"
        raise UsageError(
            f"{run.info.run_id} ({run.info.run_name}) is still at work: {where}; allowed: a run that was killed"
        )
