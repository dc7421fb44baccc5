"""The only reader of MLflow: recorded runs back as configs, curves and nets. Nothing from the store is executed."""

import difflib
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow.artifacts
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rnn_core.checkpoint import CONFIG_FILE, WEIGHTS_FILE, load_record, load_weights
from rnn_core.config import TrainConfig
from rnn_core.model import CharRNN
from rnn_core.prepare import Record


class RunError(LookupError):
    """A run cannot be read as asked; the message says which, and why."""


@dataclass(frozen=True)
class LoadedRun:
    """A recorded run.

    Attributes:
        run_id: MLflow's id.
        name: such as "abc rnn16 e20 s42".
        record: what its config.json holds, the alphabet included.
        curves: one row an epoch: epoch (from 0), train_loss (nats per character), train_accuracy (0 to 1).
    """

    run_id: str
    name: str
    record: Record
    curves: pd.DataFrame
    _net: CharRNN | None

    @property
    def config(self) -> TrainConfig:
        """The resolved config that it was trained with."""
        return self.record.config

    @property
    def net(self) -> CharRNN:
        """The trained net, on the CPU, in eval mode.

        Raises:
            RunError: the run recorded none.
        """
        if self._net is None:
            raise RunError(f"run {self.run_id} ({self.name}) recorded no net; its tag end_reason says why")
        return self._net


def load_run(run_id: str) -> LoadedRun:
    """Read a run from the tracking store that MLflow is pointed at.

    Only config.json, curves.csv and the safetensors of the logged model are fetched; no code and no pickle is run.

    Raises:
        RunError: no such run, or one that this project did not record.
        CheckpointError: its config.json or its weights are damaged, or do not belong together.

    Example, with the id that the training printed:
        run = load_run("9e8f69348e974038ae70d99a90a8294d")
        run.config.hidden_size, run.curves["train_loss"].min(), run.net
    """
    client = _client()
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise RunError(f"no run {run_id} in {mlflow.get_tracking_uri()}: {error.message}") from None
    models = run.outputs.model_outputs if run.outputs else []
    # Not an artifact folder "model" of the run, which anyone may have put there, but the model it logged.
    logged = [client.get_logged_model(output.model_id) for output in models]
    ours = [model for model in logged if model.name == "model"]
    with tempfile.TemporaryDirectory() as folder, _no_bars():
        record = load_record(_fetch(run_id, f"runs:/{run_id}/{CONFIG_FILE}", folder))
        curves = pd.read_csv(_fetch(run_id, f"runs:/{run_id}/curves.csv", folder))
        net = None
        if ours:
            net = load_weights(record, _fetch(run_id, f"{ours[-1].artifact_location}/artifacts/{WEIGHTS_FILE}", folder))
    return LoadedRun(run_id, run.info.run_name, record, curves, net)


def find_run(name: str) -> str:
    """Return the id of the run that a person means, from the tracking store that MLflow is pointed at.

    Arguments:
        name: a run's id, its name, or `latest`; of several with that name the newest that recorded a net.

    Raises:
        RunError: there is no such run.
    """
    client = _client()
    if re.fullmatch("[0-9a-f]{32}", name):
        return name
    near: dict[str, None] = {}
    token = None
    while True:
        try:
            experiments = [experiment.experiment_id for experiment in client.search_experiments()]
            page = client.search_runs(experiments, order_by=["attributes.start_time DESC"], page_token=token)
        except Exception as error:  # MLflow's, a database's, or the network's
            raise RunError(f"the store {mlflow.get_tracking_uri()} cannot be read: {error!r:.300}") from None
        for run in page:
            recorded = run.outputs and run.outputs.model_outputs and "config_digest" in run.data.tags
            if recorded and name in ("latest", run.info.run_name):
                run_id: str = run.info.run_id
                return run_id
            if recorded:
                near.setdefault(run.info.run_name)
        token = page.token
        if not token:
            break
    if not near:
        raise RunError(f"no run {name!r}: {mlflow.get_tracking_uri()} holds no trained net; train one first")
    shown = difflib.get_close_matches(name, near, n=3, cutoff=0) or list(near)[:3]
    raise RunError(
        f"no run {name!r} in {mlflow.get_tracking_uri()}; there is, for example, {', '.join(map(repr, shown))}"
    )


@dataclass(frozen=True)
class Recorded:
    """What MLflow knows of a run that is complete: trained to its end, or diverged.

    Attributes:
        run_id: MLflow's id.
        end_reason: "finished", or "diverged: " and why.
        metrics: the last value of each.
    """

    run_id: str
    end_reason: str
    metrics: dict[str, float]


def recorded_runs(experiment_id: str, digests: Collection[str], condition: str = "") -> dict[str, Recorded]:
    """Return by digest the runs of an experiment that are complete, of several alike the newest.

    Arguments:
        experiment_id: MLflow's id.
        digests: the `config_digest`s that are looked for.
        condition: what MLflow's search is to find beside that.
    """
    client = MlflowClient()
    found: dict[str, Recorded] = {}
    for ended in ("status = 'FINISHED' AND tags.end_reason = 'finished'", "tags.end_reason LIKE 'diverged:%'"):
        wanted = f"status != 'RUNNING' AND {ended} AND tags.config_digest LIKE '%'" + (
            f" AND {condition}" if condition else ""
        )
        token = None
        while True:
            page = client.search_runs(
                [experiment_id], wanted, order_by=["attributes.start_time DESC"], page_token=token
            )
            for run in page:
                digest = run.data.tags["config_digest"]
                if digest in digests:
                    found.setdefault(digest, Recorded(run.info.run_id, run.data.tags["end_reason"], run.data.metrics))
            token = page.token
            if not token:
                break
    return found


def curves_of(run_ids: Iterable[str]) -> Iterator[pd.DataFrame]:
    """Yield the curves of runs: one row an epoch, as `LoadedRun.curves` has them.

    Raises:
        RunError: a run has none.
    """
    with _no_bars():
        for run_id in run_ids:
            with tempfile.TemporaryDirectory() as folder:
                yield pd.read_csv(_fetch(run_id, f"runs:/{run_id}/curves.csv", folder))


def _client() -> MlflowClient:
    """Return a client of the store; MLflow by itself would make a missing one."""
    store = mlflow.get_tracking_uri()
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).exists():
        raise RunError(f"there is no store {store}; go to the folder that holds mlflow.db, or set MLFLOW_TRACKING_URI")
    try:
        return MlflowClient()
    except Exception as error:  # MLflow's or a database's
        raise RunError(f"the store {store} cannot be read: {error!r:.300}") from None


def _fetch(run_id: str, address: str, folder: str) -> Path:
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=folder))
    except (MlflowException, OSError) as error:
        raise RunError(f"run {run_id} has no {address}, so it is none of this project's: {error}") from None


@contextmanager
def _no_bars() -> Iterator[None]:
    """Fetch without MLflow's progress bars, which are longer than what they count."""
    name = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
