"""One recorded run back as config, curves and net, by its id or by the name that a person gives it."""

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from mlflow.entities import Run

from analysis.runs.schema import (
    CONFIG_FILE,
    CURVES_FILE,
    DIGEST_TAG,
    END_REASON_TAG,
    FIND_END,
    MODEL_FOLDER,
    WEIGHTS_FILE,
    End,
    find_tag,
    is_sweep,
)
from analysis.runs.store import RunError, address, get_run, model_of, open_store, read_files, search_runs
from rnn_core.checkpoint import load_record, load_weights
from rnn_core.config import TrainConfig
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary


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
    def vocabulary(self) -> Vocabulary:
        """The characters that it reads, and their indices."""
        return Vocabulary(self.record.alphabet)

    @property
    def outputs(self) -> Vocabulary:
        """The characters that its net may say, and their indices."""
        return Vocabulary(self.record.outputs)

    @property
    def net(self) -> CharRNN:
        """The trained net, on the CPU, in eval mode.

        Raises:
            RunError: the run recorded none.
        """
        if self._net is None:
            raise RunError(f"run {self.run_id} ({self.name}) recorded no net; its tag {END_REASON_TAG} says why")
        return self._net

    def untrained_net(self) -> CharRNN:
        """Return the net that its seed began with, on the CPU, in eval mode; one that diverged has it, too.

        Torch's random state is left as it was.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return self.record.build_net().eval()


def load_run(name: str) -> LoadedRun:
    """Read a run from the tracking store that MLflow is pointed at.

    Only config.json, curves.csv and the safetensors of the logged model are fetched; no code and no pickle is run.

    Arguments:
        name: what `find_run` takes: a run's id, its name (the newest of that name), or `latest`.

    Raises:
        RunError: no such run, or one that this project did not record.
        CheckpointError: its config.json or its weights are damaged, or do not belong together.

    Example, with the name that the training printed:
        run = load_run("abc rnn16 e20 s42")
        run.config.hidden_size, run.curves["train_loss"].min(), run.net
    """
    run = get_run(find_run(name))
    run_id: str = run.info.run_id
    if is_sweep(run.data.tags):
        raise RunError(f"{name!r} is a sweep in {address()}; find_runs(sweep={run_id!r}) gives its runs")
    model = model_of(run)
    home = run.info.artifact_uri
    (record,) = read_files([f"{home}/{CONFIG_FILE}"], load_record)
    (curve,) = read_files([f"{home}/{CURVES_FILE}"], pd.read_csv)
    net = None
    if model is not None:
        (net,) = read_files([f"{model}/{MODEL_FOLDER}/{WEIGHTS_FILE}"], lambda path: load_weights(record, path))
    return LoadedRun(run_id, run.info.run_name, record, curve, net)


def find_run(name: str) -> str:
    """Return the id of the run that a person means, from the tracking store that MLflow is pointed at.

    Arguments:
        name: a run's id, its name, or `latest`; of several with that name the newest that recorded a net, or
            if none of them did, such as a run that diverged, the newest.

    Raises:
        RunError: there is no such run; the message says which there are.
    """
    client = open_store()
    if is_id := bool(re.fullmatch("[0-9a-f]{32}", name)):
        try:
            client.get_run(name)
            return name
        except Exception as error:  # MLflow's, a database's, or the network's
            if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                raise RunError(f"the store {address()} cannot be read: {error!r:.300}") from None
    names: dict[str, None] = {}
    without_net: list[str] = []
    for run in search_runs(find_tag(DIGEST_TAG)):
        run_id: str = run.info.run_id
        if run.outputs and run.outputs.model_outputs:
            if name in ("latest", run.info.run_name):
                return run_id
            names.setdefault(run.info.run_name)
        elif name == run.info.run_name:
            without_net.append(run_id)
    if without_net:
        return without_net[0]
    if not names:
        raise RunError(f"no run {name!r}: {address()} holds no trained net; train one first")
    nearest = [] if is_id else difflib.get_close_matches(name, names, n=3, cutoff=0)
    shown = ", ".join(map(repr, nearest or list(names)[:3]))
    raise RunError(
        f"no run {name!r} in {address()}; allowed: a run's id, `latest`, or one of {len(names)} names, such as {shown}"
    )


def recorded_runs(experiment_id: str, digests: Collection[str], condition: str = "") -> dict[str, Run]:
    """Return by digest the runs of an experiment that are complete: of several alike one that finished, and the newest.

    A run is complete that finished or diverged.

    Arguments:
        experiment_id: MLflow's id.
        digests: the `config_digest`s that are looked for.
        condition: what MLflow's search is to find beside that.
    """
    found: dict[str, Run] = {}
    for end in (End.FINISHED, End.DIVERGED):
        wanted = [FIND_END[end], find_tag(DIGEST_TAG), *([condition] if condition else [])]
        for run in search_runs(" AND ".join(wanted), [experiment_id]):
            if run.data.tags[DIGEST_TAG] in digests:
                found.setdefault(run.data.tags[DIGEST_TAG], run)
    return found


def curves_of(run_ids: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the curves of runs: one row an epoch, as `LoadedRun.curves` has them.

    Raises:
        RunError: a run has none.
    """
    return read_files([f"runs:/{run_id}/{CURVES_FILE}" for run_id in run_ids], pd.read_csv)


def load_net(run: Any) -> CharRNN:
    """Return the trained net of a run, on the CPU, in eval mode.

    Arguments:
        run: a row of `find_runs`' table; or what `load_run` takes, such as a run's id or name.

    Raises:
        RunError: no such run, or it recorded no net.
        CheckpointError: its config.json or its weights are damaged, or do not belong together.
    """
    return load_run(run if isinstance(run, str) else run.run_id).net
