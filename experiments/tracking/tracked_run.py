"""A run in MLflow: one way of recording, for a net trained alone and for the nets of a stack."""

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    LoggedModelStatus,
    Param,
    RunTag,
)
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis.runs import schema
from analysis.runs.config_tag import config_tag
from analysis.runs.life import process_tags
from analysis.runs.schema import CONFIG_FILE, End
from experiments.code_state import code_state
from experiments.descriptions import description, fields_in_words, first_line, model_description
from experiments.errors import TrackingError
from experiments.links import page_link, picture_links
from experiments.plots import draw_run
from experiments.tracking.access import MAX_END_REASON, end_run, name_of, open_run
from experiments.tracking.artifact_folder import artifact_folder
from experiments.tracking.away import impatient, is_away
from experiments.tracking.causes import cause_of, store_trouble
from experiments.tracking.claims import GaveWayError, claim
from experiments.tracking.code_record import code_tags, log_diff
from experiments.tracking.life import Heart, keep_trying
from experiments.tracking.model_files import write_model
from experiments.tracking.run_files import keep_files, run_artifacts
from experiments.tracking.sending import MetricSender
from experiments.tracking.tracked_sweep import Membership
from rnn_core.checkpoint import save_record
from rnn_core.config import TrainConfig
from rnn_core.limits import device_kind
from rnn_core.measures.report import Report
from rnn_core.record import Record


class TrackedRun:
    """The MLflow run of one net: opened before training, given the metrics of each epoch, and ended with a Report.

    Arguments:
        name: the name of the run, unless a person has given it one already.
        record: what identifies the run.
        given: the config before its zeros were resolved; MLflow's params hold these values.
        sizes: the metrics that say how large the data and the net are, by name.
        recipe: those fields of `given` that come from the pattern's recipe, with their values.
        sweep: the sweep that the run belongs to; None for a single run.
        other_tags: more tags of the run, by name.
        give_way: whether the run is given up if another one like it is complete or being recorded; see `claim`.

    Attributes:
        run_id, experiment_id: MLflow's ids.
        name: the name of the run, such as "abc rnn16 e20 s42".
        history: the metrics of each epoch so far, by name.
        end: how the run ended; RUNNING before its end.
        end_reason: the reason in words; empty before its end.

    Raises:
        TrackingError: the store cannot be reached or written.
        GaveWayError: the run was given up, and has been deleted.
    """

    _heart: Heart | None = None

    def __init__(
        self,
        name: str,
        record: Record,
        given: TrainConfig,
        sizes: Mapping[str, float],
        recipe: Mapping[str, Any] | None = None,
        sweep: Membership | None = None,
        other_tags: Mapping[str, str] | None = None,
        give_way: bool = False,
    ) -> None:
        self._set_up(record, sizes, sweep)
        # All from the start: without the digest, a heartbeat would mark the record of an older sweep.
        tags = {schema.MARK_TAG: schema.MARK, schema.DIGEST_TAG: record.digest, **process_tags()}
        tags |= config_tag(record.config)
        if sweep is None:
            self._run = open_run(name, tags=tags)
        else:
            self._run = open_run(name, sweep.experiment_id, tags | sweep.tags_of_a_child)
        self.name = name_of(self._run, name)
        self._take_over()
        try:
            if give_way:
                claim(self.run_id, self.experiment_id, record.digest)
            self._heart = Heart(self.run_id)
            self._describe_start(given, recipe or {}, other_tags or {})
        except GaveWayError:
            raise
        except Exception as error:
            raise self._fail_to_open(error) from error

    def _set_up(self, record: Record, sizes: Mapping[str, float], sweep: Membership | None) -> None:
        """Set what does not need the run in MLflow."""
        self.record = record
        self.history: list[Mapping[str, float]] = []
        self.end = End.RUNNING
        self.end_reason = ""
        self._sizes, self._sweep = sizes, sweep
        self._model: LoggedModel | None = None
        self._queued_results = False

    def _take_over(self) -> None:
        """Set what needs the run in MLflow, `self._run`."""
        self.run_id: str = self._run.info.run_id
        self.experiment_id: str = self._run.info.experiment_id
        self._client = MlflowClient()
        self._metrics = MetricSender(self.run_id)

    def _fail_to_open(self, error: Exception) -> TrackingError:
        """End a run that could not be opened, and return the error that says so."""
        self.give_up(f"the run could not be opened: {first_line(error)}")
        return TrackingError(store_trouble(error))

    def log(self, metrics: Mapping[str, float]) -> None:
        """Add the metrics of the next epoch; what has not been sent is sent now and then."""
        self._metrics.queue(metrics, len(self.history))
        self.history.append(metrics)
        self._metrics.flush_if_due()

    def finish(
        self,
        end: End,
        why: str = "",
        report: Report | None = None,
        weights: Mapping[str, np.ndarray] | None = None,
        training_state: Path | None = None,
        page: str = "",
    ) -> None:
        """Record the results, and end the run.

        Arguments:
            end: how it ended; not RUNNING.
            why: the reason, in words; empty for a run that finished.
            report: the measures of the trained net; None, for a training that failed, records the curve alone.
            weights: the weights of the net, by name; recorded if there is a report.
            training_state: a file with the state of the training, from which a longer one can go on; None for none.
            page: the page in which the net can be played with, in HTML; empty for none.

        Raises:
            TrackingError: the store could not be written; the message says in which folder the files are kept.
            Exception: the store is away (see `is_away`); the same call can be tried again, or `give_up` called.
        """
        try:
            self._record(end, why, report, weights, training_state, page)
        except Exception as error:
            if is_away(error):
                raise
            raise self._fail_and_keep(error, weights) from error

    def _record(
        self,
        end: End,
        why: str,
        report: Report | None,
        weights: Mapping[str, np.ndarray] | None,
        training_state: Path | None,
        page: str,
    ) -> None:
        """Do what `finish` does, but for its errors."""
        metrics: Mapping[str, float] = report.metrics if report else {}
        pictures = draw_run(self.history, report)
        made = run_artifacts(self.history, report, pictures, page)
        with artifact_folder(self._run.info.artifact_uri) as folder:
            (folder / schema.PLOTS_FOLDER).mkdir(exist_ok=True)
            for path, content in made.items():
                (folder / path).write_bytes(content)
            if training_state:
                shutil.copy(training_state, folder / schema.TRAINING_STATE_FILE)
        # Before the metrics, or MLflow would read the history of each to link it to the model.
        model_id = self._log_model(weights, report.example) if report and weights else None
        self._remove_earlier(made, model_id)
        if not self._queued_results:
            # The sizes come last, because MLflow compares runs by the first metric unless told otherwise.
            self._metrics.queue(self._with_earlier({**metrics, **self._sizes}), len(self.history), model_id)
            self._queued_results = True
        sample, references = (report.sample, report.references) if report else (None, {})
        end_reason = schema.format_end_reason(end, why)
        links = picture_links(self.experiment_id, self.run_id, pictures)
        if page:
            links = f"{page_link(self.experiment_id, self.run_id)}; pictures: {links}"
        tags = {schema.NOTE_TAG: description(end == End.FINISHED, end_reason, links, metrics, sample, references)}
        if self._sweep:  # written last, so that every member of a sweep is complete
            tags |= self._sweep.tag_of_a_member
        self._end(end, end_reason, tags)

    def give_up(self, end_reason: str, end: End = End.FAILED) -> None:
        """End the run for a reason; if the store cannot be written now, later, as long as this process goes on.

        Arguments:
            end_reason: the reason, in words.
            end: FAILED or KILLED.
        """
        if self._heart:
            self._heart.stop()
        try:
            with impatient():
                self._end(end, end_reason)
        except Exception:  # somebody else says the reason
            keep_trying(lambda: self._end(end, end_reason))
        self.end, self.end_reason = end, end_reason

    def tell_checkpoint(self, path: Path) -> None:
        """Record where the state of the training is saved, so that another machine can get at it."""
        with contextlib.suppress(Exception), impatient():  # a store that is away does not stop the training
            self._client.set_tag(self.run_id, schema.CHECKPOINT_TAG, f"{path}")

    def _with_earlier(self, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Return the metrics to be recorded at the end; a run that was cut off earlier adds those that no longer hold.

        Arguments:
            metrics: the metrics of the trained net and of its size, by name.
        """
        return metrics

    def _remove_earlier(self, made: Collection[str], model_id: str | None) -> None:
        """Remove what an earlier part of the run has recorded and what has been recorded anew; a new run has nothing.

        Arguments:
            made: the paths of the artifacts that have just been recorded.
            model_id: MLflow's id of the model that has just been recorded; None for none.
        """

    def abandon(self, error: Exception, weights: Mapping[str, np.ndarray]) -> TrackingError:
        """End a run whose net could not be measured; return the error that says where its weights are kept."""
        return self._fail_and_keep(error, weights)

    def _fail_and_keep(self, error: Exception, weights: Mapping[str, np.ndarray] | None) -> TrackingError:
        """End the run as FAILED by an error, and return the error that says in which folder its files are kept."""
        kept = keep_files(self.record, self.history, weights)
        reason = f"{schema.RECORDING_FAILED}: {cause_of(error).words}; {kept}"
        self.give_up(reason)
        return TrackingError(f"run {self.run_id}: {reason}")

    def _end(self, end: End, end_reason: str, tags: Mapping[str, str] | None = None) -> None:
        """Send what has not been sent, and end the run; a run that cannot be written to is ended as FAILED."""
        status = end.status
        try:
            self._metrics.flush({schema.END_REASON_TAG: end_reason[:MAX_END_REASON]} | dict(tags or {}))
        except Exception:
            status = End.FAILED.status
            raise
        finally:
            end_run(self.run_id, status)  # or MLflow calls it FINISHED when the program exits
        if self._heart:
            self._heart.stop()
        self.end, self.end_reason = end, end_reason

    def _describe_start(self, given: TrainConfig, recipe: Mapping[str, Any], other_tags: Mapping[str, str]) -> None:
        """Record what is known before training: params, tags, the name, the data, and the record of the config."""
        record, config = self.record, self.record.config
        # First, so that a run that is killed a moment later can go on; MLflow writes a single file whole or not at all.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / CONFIG_FILE
            save_record(record, path)
            get_artifact_repository(self._run.info.artifact_uri).log_artifact(str(path))
        # `mlflow run` has logged the params that were typed, as they were typed; they cannot be changed.
        fields = dataclasses.asdict(given) | {"pattern": config.pattern}
        self._params = {name: str(value) for name, value in fields.items()} | self._run.data.params
        params = [Param(name, value) for name, value in self._params.items() if name not in self._run.data.params]
        state = code_state()
        sweep_id = self._sweep.sweep_id if self._sweep and self._sweep.code == state.digest else None
        tags = {
            schema.TORCH_TAG: torch.__version__,  # tells other processes that this run stays; see `claim`
            schema.THREADS_TAG: str(config.threads),
            schema.DEVICE_TAG: config.device,
            schema.DEVICE_KIND_TAG: device_kind(config.device),
            **code_tags(state, sweep_id),
            **other_tags,
        }
        if self.name != self._run.info.run_name:  # or MLflow would write the whole run anew
            tags[schema.NAME_TAG] = self.name
        if recipe:
            tags[schema.RECIPE_TAG] = fields_in_words(recipe)
        self._client.log_batch(self.run_id, params=params, tags=[RunTag(name, value) for name, value in tags.items()])
        source = CodeDatasetSource({"pattern": config.pattern})
        data = MetaDataset(  # type: ignore[abstract]  # MLflow's own stubs forget that it has a profile
            source, name=config.pattern[:200], digest=record.data_sha256[:36]
        )
        context = [InputTag(schema.DATA_CONTEXT_TAG, "training")]
        if sweep_id is None:
            log_diff(self.run_id, state.diff)
        self._client.log_inputs(self.run_id, datasets=[DatasetInput(data._to_mlflow_entity(), context)])

    def _log_model(self, weights: Mapping[str, np.ndarray], example: str) -> str:
        """Log the net as a model that brings the code of rnn_core along and holds no pickle; return the model's id.

        This is what `mlflow.pyfunc.log_model` does, except that files which are alike for all nets are made once.
        """
        if self._model is None:
            self._model = self._client.create_logged_model(
                self.experiment_id,
                name=schema.MODEL_NAME,
                source_run_id=self.run_id,
                params=self._params,
                tags={schema.NOTE_TAG: model_description(self.name, self.run_id, example)},
            )
        model_id: str = self._model.model_id
        with artifact_folder(self._model.artifact_location) as folder:
            write_model(folder, self._model, self.run_id, self.record, weights, example)
        self._client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        self._client.log_outputs(self.run_id, [LoggedModelOutput(model_id, step=0)])
        return model_id
