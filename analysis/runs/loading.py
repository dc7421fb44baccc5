"""Single recorded runs, found by id or by name: their config, curves and net."""

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from mlflow.entities import Run

from analysis.runs.address import store_name
from analysis.runs.config_tag import MAX_SEARCHES, search_any, search_by_config
from analysis.runs.csv_files import read_curves
from analysis.runs.life import end_of, reason_of
from analysis.runs.schema import (
    COMPLETE,
    CONFIG_FILE,
    CURVES_FILE,
    DIGEST_TAG,
    END_REASON_TAG,
    HEARTBEAT_TAG,
    INSIDE_FOLDER,
    KIND_TAG,
    MODEL_FOLDER,
    SWEEP_KIND,
    WEIGHTS_FILE,
    End,
    is_sweep,
    no_tag_condition,
    read_end,
    tag_condition,
)
from analysis.runs.store import (
    RunError,
    artifact_paths,
    get_run,
    has_files,
    model_address,
    open_store,
    read_files,
    search_runs,
    unreadable,
)
from rnn_core.checkpoint import load_record, load_weights
from rnn_core.config import TrainConfig, shown
from rnn_core.data import Prepared
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record
from rnn_core.recorded_data import ChangedDataError, prepare_again
from rnn_core.vocabulary import Vocabulary


@dataclass(frozen=True)
class LoadedRun:
    """A recorded run.

    Attributes:
        run_id: MLflow's id of the run.
        name: the name of the run, such as "abc rnn16 e20 s42".
        record: the content of its config.json: the config, the alphabet and more.
    """

    run_id: str
    name: str
    record: Record
    _run: Run
    _net: CharRNN | None

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row per epoch: epoch (from 0), train_loss (nats per character), train_accuracy (0 to 1) and, with
        keep=best, valid_loss. The file is read when they are first asked for.

        Raises:
            RunError: the run has no curves, or their file is damaged.
        """
        address, finished = f"{self._run.info.artifact_uri}/{CURVES_FILE}", end_of(self._run) == End.FINISHED
        (curves,) = read_curves([address], [self.config.epochs], [finished])
        return curves

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric, by name; see docs/runs.md."""
        return dict(self._run.data.metrics)

    def inside(self) -> dict[str, str]:
        """Return the texts and tables that `python -m experiments.inspect` recorded, by the name of their file.

        Raises:
            RunError: they cannot be read.
        """
        paths = [path for path in artifact_paths(self._run, INSIDE_FOLDER) if path.endswith((".txt", ".csv"))]
        contents = read_files([f"{self._run.info.artifact_uri}/{path}" for path in paths], Path.read_bytes)
        return {Path(path).name: content.decode() for path, content in zip(paths, contents, strict=True)}

    @property
    def config(self) -> TrainConfig:
        """The resolved config of the training."""
        return self.record.config

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters that the net reads, and their indices."""
        return Vocabulary(self.record.alphabet)

    @property
    def outputs(self) -> Vocabulary:
        """The characters that the net can predict, and their indices."""
        return Vocabulary(self.record.outputs)

    @property
    def net(self) -> CharRNN:
        """The trained net, on the CPU, in eval mode.

        Raises:
            RunError: the run recorded no net.
        """
        if self._net is None:
            raise RunError(f"run {self.run_id} ({self.name}) recorded no net; its tag {END_REASON_TAG} says why")
        return self._net

    def prepare(self) -> Prepared:
        """Return the config with its pattern and data.

        Raises:
            RunError: the pattern draws other data today than those on which the run was trained.
            ConfigError: the data cannot be made again here.
        """
        try:
            return prepare_again(self.record)
        except ChangedDataError as error:
            raise RunError(f"run {self.run_id} ({self.name}): {error}") from None

    def untrained_net(self) -> CharRNN:
        """Return the net with the weights that it had before the training, on the CPU, in eval mode.

        It is drawn from the run's seed, so a run that diverged has it, too. Torch's random state does not change.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            return self.record.build_net().eval()


def load_run(id_or_name: str) -> LoadedRun:
    """Return a run from the tracking store that MLflow uses.

    Only config.json, curves.csv and the safetensors file of the logged model are read. No code from the store is
    executed, and no pickle is opened.

    Arguments:
        id_or_name: a run's id, its name (the newest run of that name), or `latest`; see `find_run_id`.

    Raises:
        RunError: there is no such run, or this project did not record it.
        CheckpointError: its config.json or its weights are damaged, or do not belong together.

    Example, with a name that the training printed:
        run = load_run("abc rnn16 e20 s42")
        run.config.hidden_size, run.curves["train_loss"].min(), run.net
    """
    run = get_run(find_run_id(id_or_name))
    run_id: str = run.info.run_id
    if is_sweep(run.data.tags):
        raise RunError(
            f"{id_or_name!r} is a sweep in {store_name()}; allowed: a run, such as one that its page lists; "
            f"find_runs(sweep={run_id!r}) gives its runs"
        )
    if DIGEST_TAG not in run.data.tags:
        raise RunError(f"{id_or_name!r} is no run of this project; allowed: a run that it has trained")
    model = model_address(run)
    artifacts = run.info.artifact_uri
    (record,) = read_files([f"{artifacts}/{CONFIG_FILE}"], load_record)
    end = end_of(run)
    if model is None and end not in COMPLETE:
        why = "is still at work" if end == End.RUNNING else f"recorded no net and no curves ({reason_of(run) or end})"
        raise RunError(f"run {run_id} ({run.info.run_name}) {why}; allowed: a run that was trained to its end")
    net = None
    if model is not None:
        (net,) = read_files([f"{model}/{MODEL_FOLDER}/{WEIGHTS_FILE}"], lambda path: load_weights(record, path))
    return LoadedRun(run_id, run.info.run_name, record, run, net)


def find_run_id(id_or_name: str) -> str:
    """Return the id of a run in the tracking store that MLflow uses.

    Arguments:
        id_or_name: a run's id, its name, or `latest`. Of several runs with the name, it is the newest that recorded a
            net; if none of them did, because they diverged for example, it is the newest.

    Raises:
        RunError: there is no such run; the message names some that exist. Or the store cannot be read.
    """
    if not isinstance(id_or_name, str):
        raise RunError(f"a run is {shown(id_or_name)}; allowed: its id, its name, or `latest`")
    client = open_store()
    if is_id := bool(re.fullmatch("[0-9a-f]{32}", id_or_name)):
        try:
            client.get_run(id_or_name)
            return id_or_name
        except Exception as error:  # from MLflow, a database or the network
            if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                raise unreadable(error) from None
    names_with_net: dict[str, None] = {}  # the newest first
    ids_without_net: list[str] = []
    for run in search_runs(tag_condition(DIGEST_TAG)):
        run_id: str = run.info.run_id
        if run.outputs and run.outputs.model_outputs and read_end(run.info.status, run.data.tags) != End.DIVERGED:
            if id_or_name in ("latest", run.info.run_name):
                return run_id
            names_with_net.setdefault(run.info.run_name)
        elif id_or_name == run.info.run_name:
            ids_without_net.append(run_id)
    if ids_without_net:
        return ids_without_net[0]
    if not names_with_net:
        raise RunError(f"no run {shown(id_or_name)}: {store_name()} holds no trained net; train one first")
    similar = [] if is_id else difflib.get_close_matches(id_or_name, names_with_net, n=3, cutoff=0)
    examples = ", ".join(map(repr, similar or list(names_with_net)[:3]))
    raise RunError(
        f"no run {shown(id_or_name)} in {store_name()}; "
        f"allowed: a run's id, `latest`, or one of {len(names_with_net)} names, such as {examples}"
    )


def search_sweeps() -> Iterator[Run]:
    """Yield the records of sweeps, the newest first.

    Raises:
        RunError: there is no store, or it cannot be read.
    """
    yield from filter(lambda run: is_sweep(run.data.tags), search_runs(tag_condition(KIND_TAG, SWEEP_KIND)))
    # Sweeps that are older than the tag `kind` follow; they have no digest, as opposed to runs.
    conditions = [tag_condition(HEARTBEAT_TAG), no_tag_condition(KIND_TAG), no_tag_condition(DIGEST_TAG)]
    yield from filter(lambda run: is_sweep(run.data.tags), search_runs(" AND ".join(conditions)))


def recorded_runs(
    experiment_id: str, digests: Collection[str], condition: str = "", configs: Collection[TrainConfig] = ()
) -> dict[str, Run]:
    """Return the complete runs of an experiment that have certain config digests, by digest.

    A run is complete if it finished or diverged, and still has its files. Of several runs with the same digest, one
    that finished is preferred to one that diverged, and a newer one to an older one.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        digests: the values of the tag `config_digest` to look for.
        condition: a further condition in the syntax of MLflow's search.
        configs: the resolved configs of the runs with these digests. If there are many, what they have in common spares
            the reading of other runs. Empty if `condition` does.
    """
    if configs and len(digests) <= MAX_SEARCHES:
        runs = search_any([tag_condition(DIGEST_TAG, digest) for digest in digests], condition, [experiment_id])
    else:
        fields = [vars(config) for config in configs]
        query = {name: list(dict.fromkeys(config[name] for config in fields)) for name in (fields or [{}])[0]}
        runs = search_by_config(query, condition, [experiment_id])
    run_of_digest: dict[str, Run] = {}
    for end in (End.FINISHED, End.DIVERGED):
        for run in runs:
            digest = run.data.tags[DIGEST_TAG]
            if digest in digests and read_end(run.info.status, run.data.tags) == end and has_files(run):
                run_of_digest.setdefault(digest, run)
    return run_of_digest


def load_net(run: Any) -> CharRNN:
    """Return the trained net of a run, on the CPU, in eval mode.

    Arguments:
        run: a row of a table from `find_runs`, or a run's id, its name, or `latest`.

    Raises:
        RunError: there is no such run, or it recorded no net.
        CheckpointError: its config.json or its weights are damaged, or do not belong together.
    """
    return load_run(getattr(run, "run_id", run)).net
