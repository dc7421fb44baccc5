"""A run in MLflow: one way of recording, for a net trained alone and for the nets of a stack."""

import contextlib
import csv
import dataclasses
import math
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
)

from analysis.runs import schema
from analysis.runs.schema import CONFIG_FILE, WEIGHTS_FILE, End
from experiments.code_state import code_state
from experiments.plots import draw_losses, draw_net, draw_reach
from experiments.tracking.model_files import write_model
from experiments.tracking.store import MOST_SAID, TrackingError, end_run, impatient, name_of, open_run, store_trouble
from experiments.tracking.sweep import Membership
from experiments.words import description, first_line, run_name, settings
from rnn_core.checkpoint import record_text, save_record, save_weights
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared
from rnn_core.measures.losses import Sample, evaluate, sample
from rnn_core.measures.reach import Row, generalize
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import EpochRecord

FLUSH_SECONDS = 5.0
"""How often a running training shows its newest epochs in MLflow."""

METRICS_A_CALL = 1000
"""The most metrics that MLflow takes in one call."""


class TrackedRun:
    """One MLflow run of one net: opened before training, fed each EpochRecord, finished after.

    Arguments:
        prepared: what is trained.
        asked: the config before its zeros were resolved; MLflow's params hold these values.
        recipe: the fields of `asked` that nobody said and the pattern's recipe gave, with their values.
        sweep: the sweep that the run belongs to, if any.

    Attributes:
        run_id, experiment_id: MLflow's ids.
        name: the run's name, such as "abc rnn16 e20 s42".
        history: each epoch's metrics so far.
        metrics, sample: what the net came to, once the run is finished with a net.
        status, end_reason: how the run ended, once it has.

    Raises:
        TrackingError: the store cannot be reached or written.
    """

    def __init__(
        self,
        prepared: Prepared,
        asked: TrainConfig,
        recipe: Mapping[str, Any] | None = None,
        sweep: Membership | None = None,
    ) -> None:
        self.prepared = prepared
        self.history: list[dict[str, float]] = []
        self.metrics: dict[str, float] = {}
        self.sample: Sample | None = None
        self.status = End.RUNNING.status
        self.end_reason = ""
        self._unsent: list[Metric] = []
        self._flushed = time.monotonic()
        self._sweep = sweep
        if sweep is None:
            name = run_name(prepared.config)
            self._run = open_run(name)
        else:
            name = run_name(prepared.config, sweep.also_named)
            tags = sweep.tags_of_a_child | {schema.DIGEST_TAG: prepared.record.digest}
            self._run = open_run(name, sweep.experiment_id, tags)
        self.name = name_of(self._run, name)
        self.run_id: str = self._run.info.run_id
        self.experiment_id: str = self._run.info.experiment_id
        self._client = MlflowClient()
        try:
            self._describe_start(asked, recipe or {})
        except Exception as error:
            with contextlib.suppress(Exception), impatient():  # the store may be gone
                self._end(End.FAILED.status, f"the run could not be opened: {first_line(error)}")
            raise TrackingError(store_trouble(error)) from error

    def log(self, record: EpochRecord) -> None:
        """Take in one epoch; MLflow shows it within a few seconds."""
        values = {"train_loss": record.loss, "train_accuracy": record.accuracy}
        if record.valid_loss is not None:
            values["valid_loss"] = record.valid_loss
        self.history.append(values)
        now = _milliseconds()
        self._unsent += [Metric(name, value, now, record.epoch) for name, value in values.items()]
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flushed = time.monotonic()
            with contextlib.suppress(Exception), impatient():  # a store that is away does not stop the training
                self._flush()

    def finish(self, net: CharRNN | None, status: str, end_reason: str) -> None:
        """Measure the net, record all that is left, and end the run.

        A net whose losses are not finite is not recorded: the run then ends FAILED, whatever was asked.

        Arguments:
            net: the net as it is now; None records only the curve, for a training that went wrong.
            status: MLflow's FINISHED, FAILED or KILLED.
            end_reason: what happened, in words.

        Raises:
            TrackingError: the store refused something; the message says where the run's files are kept.
        """
        folder = Path(tempfile.mkdtemp(prefix="rnn-patterns-"))
        rows: list[Row] = []
        try:
            self._write_curve(folder)
            if net is not None:
                save_weights(net, folder / WEIGHTS_FILE)
                self.metrics = evaluate(net, self.prepared)
                rows, reached = generalize(net, self.prepared)
                self.metrics |= reached
                if not all(math.isfinite(value) for value in self.metrics.values()):
                    net, status, self.metrics, rows = None, End.DIVERGED.status, {}, []
                    why = "the trained net's losses are not finite; give a lower --learning-rate"
                    end_reason = schema.write_end(End.DIVERGED, why)
            _write_table(folder, rows)
            self._draw(folder, net, rows)
            self._send(folder, with_model=net is not None)
            finished = status == End.FINISHED.status
            tags = {schema.NOTE_TAG: description(finished, end_reason, self.metrics, self.sample)}
            if self._sweep:  # last, so that a sweep has no half-made runs
                tags |= self._sweep.tag_of_a_member
            self._end(status, end_reason, tags)
        except Exception as error:
            kept = (
                f"{schema.RECORDING_FAILED}: {first_line(error)}; what there is of the run's files is kept in {folder}"
            )
            with contextlib.suppress(Exception):  # the store may be gone; what counts is the message below
                self._end(End.FAILED.status, kept)
            raise TrackingError(f"run {self.run_id}: {kept}") from error
        shutil.rmtree(folder)

    def _end(self, status: str, end_reason: str, tags: Mapping[str, str] | None = None) -> None:
        self.status, self.end_reason = status, end_reason
        try:
            self._flush({schema.END_REASON_TAG: end_reason[:MOST_SAID]} | dict(tags or {}))
        except Exception:
            status = End.FAILED.status
            raise
        finally:
            end_run(self.run_id, status)  # or MLflow calls it FINISHED when the program exits

    def _describe_start(self, asked: TrainConfig, recipe: Mapping[str, Any]) -> None:
        """Record what is known before training: params, tags, the name, the data, and the record of the config."""
        prepared, config = self.prepared, self.prepared.config
        # `mlflow run` has logged its params already, spelt as they were typed: those stay.
        fields = dataclasses.asdict(asked) | {"pattern": config.pattern}
        self._params = {name: str(value) for name, value in fields.items()} | self._run.data.params
        params = [Param(name, value) for name, value in self._params.items() if name not in self._run.data.params]
        state = code_state()
        tags = {
            schema.NAME_TAG: self.name,
            schema.TORCH_TAG: torch.__version__,
            schema.THREADS_TAG: str(config.threads),
            schema.DEVICE_TAG: config.device,
            schema.COMMIT_TAG: state.commit,
            schema.DIRTY_TAG: state.dirty,
            schema.DIGEST_TAG: prepared.record.digest,
        }
        if recipe:
            tags[schema.RECIPE_TAG] = settings(recipe)
        self._client.log_batch(self.run_id, params=params, tags=[RunTag(name, value) for name, value in tags.items()])
        source = CodeDatasetSource({"pattern": config.pattern[:MOST_SAID]})
        data = MetaDataset(  # type: ignore[abstract]  # MLflow's own stubs forget that it has a profile
            source, name=config.pattern[:200], digest=prepared.record.data_sha256[:36]
        )
        context = [InputTag(schema.DATA_CONTEXT_TAG, "training")]
        # At once, so that even a run that is killed says what it was.
        self._client.log_text(self.run_id, record_text(prepared.record), CONFIG_FILE)
        if state.diff:
            self._client.log_text(self.run_id, state.diff, schema.DIFF_FILE)
        self._client.log_inputs(self.run_id, datasets=[DatasetInput(data._to_mlflow_entity(), context)])

    def _flush(self, tags: Mapping[str, str] | None = None) -> None:
        """Send the metrics that have not been sent yet, and tags with the last of them."""
        unsaid = [RunTag(name, value) for name, value in (tags or {}).items()]
        while self._unsent or unsaid:
            last = len(self._unsent) <= METRICS_A_CALL
            self._client.log_batch(self.run_id, metrics=self._unsent[:METRICS_A_CALL], tags=unsaid if last else [])
            unsaid = [] if last else unsaid
            del self._unsent[:METRICS_A_CALL]  # only what has arrived

    def _write_curve(self, folder: Path) -> None:
        """Write what is known whatever became of the net: `artifacts/` is what MLflow will show."""
        (folder / "artifacts" / schema.PLOTS_FOLDER).mkdir(parents=True)
        save_record(self.prepared.record, folder / CONFIG_FILE)
        with (folder / "artifacts" / schema.CURVES_FILE).open("w", newline="", encoding="utf-8") as file:
            names = list(self.history[0]) if self.history else ["train_loss", "train_accuracy"]
            rows = csv.DictWriter(file, ["epoch", *names])
            rows.writeheader()
            rows.writerows({"epoch": epoch, **values} for epoch, values in enumerate(self.history))

    def _draw(self, folder: Path, net: CharRNN | None, rows: list[Row]) -> None:
        drawn = {"loss": draw_losses(self.history, self.metrics)}
        if net is not None:
            self.sample = sample(net, self.prepared)
            drawn |= draw_net(net, self.prepared)
        if rows:
            drawn["generalization"] = draw_reach(rows, self.prepared.ranges)
        for name, figure in drawn.items():
            (folder / "artifacts" / schema.PLOTS_FOLDER / f"{name}.png").write_bytes(figure.png(fast=True))

    def _send(self, folder: Path, with_model: bool) -> None:
        self._client.log_artifacts(self.run_id, str(folder / "artifacts"))
        # The model before the metrics: otherwise MLflow looks through the history of each to link them to it.
        model_id = self._log_model(folder) if with_model else None
        now, end = _milliseconds(), len(self.history)
        # The sizes last: MLflow compares runs by the first metric unless told otherwise.
        values = self.metrics | {"training_characters": len(self.prepared.text), "parameters": self.prepared.parameters}
        self._unsent += [Metric(name, value, now, end, model_id=model_id) for name, value in values.items()]

    def _log_model(self, folder: Path) -> str:
        """Log the net as a model that carries rnn_core with it and holds no pickle; return MLflow's id of it.

        As `mlflow.pyfunc.log_model` does, but that the files which are the same for every net are made only once.
        """
        model = self._client.create_logged_model(
            self.experiment_id, name=schema.MODEL_NAME, source_run_id=self.run_id, params=self._params
        )
        home = write_model(folder, model, self.run_id, example=self.prepared.text[:5])
        self._client.log_model_artifacts(model.model_id, str(home))
        self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, step=0)])
        model_id: str = model.model_id
        return model_id


def _write_table(folder: Path, rows: list[Row]) -> None:
    """Write how far the net's knowledge reaches, size by size, where its pattern has cases to tell."""
    if rows:
        with (folder / "artifacts" / schema.REACH_FILE).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
            table.writeheader()
            table.writerows(dataclasses.asdict(row) for row in rows)


def _milliseconds() -> int:
    return int(time.time() * 1000)
