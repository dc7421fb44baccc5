"""Many recorded runs as tables: what they were asked and came to, their curves, how far their knowledge reaches."""

import dataclasses
import json
import math
import shlex
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.entities import Run

from analysis.commands import command
from analysis.runs import suggestions
from analysis.runs.schema import (
    COMPLETE,
    CONFIG_FILE,
    CURVES_FILE,
    DIGEST_TAG,
    END_REASON_TAG,
    HEARTBEAT_TAG,
    REACH_FILE,
    End,
    find_members,
    find_tag,
    is_sweep,
    own_tags,
    read_end,
)
from analysis.runs.store import NoStoreError, RunError, address, read_files, search_runs
from rnn_core.checkpoint import CheckpointError, parse_record
from rnn_core.config import ADDED, TrainConfig, config_from_dict
from rnn_core.patterns import parse
from rnn_core.patterns.shared.cases import ReachRow
from rnn_core.record import Record

FIELDS = tuple(field.name for field in dataclasses.fields(TrainConfig))


def find_runs(*, sweep: str = "", finished: bool = True, **fields: Any) -> pd.DataFrame:
    """Return the recorded runs that match as a table, from the tracking store that MLflow is pointed at.

    Where MLFLOW_TRACKING_URI is not set, the store is the nearest mlflow.db in this folder or above it.

    Arguments:
        sweep: the id of a sweep whose runs are wanted, or `latest`; empty for those of any.
        finished: leave out runs that were killed, have failed or are still at work, and of complete runs that are alike
            all but the newest. A run that diverged has come to its end.
        fields: for any field of TrainConfig the value wanted, or several; what config.json holds counts, in which
            zeros are resolved. They are a grid: each combination is looked for.

    Returns:
        One row a run, sorted by the fields, values in the order in which they were asked for:
        run_id, name, started (UTC), end (`finished`, `diverged`, `killed`, `failed` or `running`) and end_reason;
        every field of TrainConfig with its own type; the last value of every metric, NaN where a run has none;
        alphabet, mark, outputs (the characters that the net may say), predicts_next (whether what it says after a
        character is the next one; if not, it cannot run free) and digest of its config.json; assumed: the fields that
        it is older than, which have the value that held then (a warning says so, too); tags: those of this project, a
        dict; artifact_uri.

    Raises:
        RunError: no run matches; the message says what there is, and which command would make them. Or the store
            cannot be read.
        ConfigError: a field cannot have such a value.

    Example:
        runs = find_runs(pattern="abc", hidden_size=[8, 16], epochs=100)
    """
    asked = _asked(fields, ("sweep", "finished"))
    makes_them = shlex.join(command(asked))
    try:
        everything = _everything(sweep, finished)
    except NoStoreError as error:
        raise RunError(f"{error}; this makes the runs, and a store with them: {makes_them}") from None
    matching = _select(everything, asked)
    if everything.empty and sweep:
        raise RunError(
            f"{address()} holds no finished run of a sweep {sweep!r}; allowed: the run id of a sweep, or 'latest'"
        )
    if matching.empty:
        where = f"{address()}, sweep {sweep}," if sweep else address()
        others = suggestions.what_there_is(everything)
        makes = "" if sweep else f"; this makes them: {makes_them}"
        raise RunError(f"no run in {where} has {suggestions.in_words(asked)}; {others}{makes}")
    there, wanted = _combinations(matching, asked), _wanted(asked)
    if there < wanted and not sweep:
        what = f"{there} of the {wanted} combinations of {', '.join(asked)} are there"
        warnings.warn(f"{what}; this makes the others: {makes_them}", stacklevel=2)
    _say_what_is_assumed(matching)
    return matching


def command_for_missing(**fields: Any) -> list[str]:
    """Return the command that makes runs which are asked for and not there; it leaves those that are there.

    Arguments:
        fields: as in `find_runs`.

    Returns:
        The words of the command, as a shell has them; none if every combination of values is there.

    Raises:
        RunError: the store cannot be read, or the command cannot say a pattern. That there is no store is no error.
        ConfigError: a field cannot have such a value.
    """
    asked = _asked(fields)
    try:
        everything = _everything("", True)
    except NoStoreError:
        everything = pd.DataFrame()
    return (
        [] if _combinations(_select(everything, asked), asked) >= _wanted(asked) else suggestions.checked_command(asked)
    )


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the training curves of runs as one tidy table, from the curves.csv of each.

    Arguments:
        runs: a table from `find_runs`.

    Returns:
        One row a run, metric and epoch: run_id and metric (`train_loss` in nats per character, `train_accuracy` from
        0 to 1, `valid_loss`) as categories, epoch (from 0, int32), value. Metrics are as they were before the
        optimiser steps of their epoch, so that epoch e shows what e epochs of training came to.

    Raises:
        RunError: a run has no curves.
    """
    if runs.empty:
        raise RunError("there are no runs in this table; allowed: one or more")
    names: list[str] = []
    runs_n: list[np.ndarray] = []
    epochs_n: list[np.ndarray] = []
    metrics_n: list[np.ndarray] = []
    values_n: list[np.ndarray] = []
    addresses = [f"{uri}/{CURVES_FILE}" for uri in runs["artifact_uri"]]
    for number, curve in enumerate(read_files(addresses, pd.read_csv)):
        measured = [name for name in curve if name != "epoch"]
        names += [name for name in measured if name not in names]
        runs_n.append(np.full(curve[measured].size, number, dtype=np.int32))
        epochs_n.append(np.tile(curve["epoch"].to_numpy(np.int32), len(measured)))
        metrics_n.append(np.repeat([names.index(name) for name in measured], len(curve)).astype(np.int8))
        values_n.append(curve[measured].to_numpy(np.float64).ravel(order="F"))
    return pd.DataFrame(
        {
            "run_id": pd.Categorical.from_codes(np.concatenate(runs_n), pd.Index(runs["run_id"])),
            "epoch": np.concatenate(epochs_n),
            "metric": pd.Categorical.from_codes(np.concatenate(metrics_n), pd.Index(names)),
            "value": np.concatenate(values_n),
        }
    )


def reach_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return how far the knowledge of runs reaches as one table, from the generalization.csv of each that has one.

    Arguments:
        runs: a table from `find_runs`.

    Returns:
        One row a run, measure and size: run_id, measure (such as `length` or `depth`), size, whether that size was
        trained on, and as counts: cases, cases_right, steps, steps_right, decidable, decidable_right; loss_sum (nats).
        Runs without such a file have no row: those on units and other streams without cases, and those that diverged.
    """
    addresses = [f"{uri}/{REACH_FILE}" for uri in runs["artifact_uri"]]
    tables = read_files(addresses, pd.read_csv, or_none=True)
    found = [
        table.assign(run_id=run_id) for run_id, table in zip(runs["run_id"], tables, strict=True) if table is not None
    ]
    columns = ["run_id", *(field.name for field in dataclasses.fields(ReachRow))]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def without_diverged(runs: pd.DataFrame, stacklevel: int = 3) -> pd.DataFrame:
    """Return the runs that did not diverge; a warning says how many did, since they recorded no net to look into.

    Arguments:
        runs: a table from `find_runs`.
        stacklevel: whose line the warning names, as in `warnings.warn`: that of the caller's caller.

    Raises:
        RunError: all of them did, or there is none.
    """
    diverged = runs["end"] == End.DIVERGED
    if diverged.all():
        raise RunError(f"all of {len(runs)} runs diverged and recorded no net; allowed: one or more that has one")
    if diverged.any():
        names = suggestions.first_few(runs.loc[diverged, "name"].tolist(), " and ")
        warnings.warn(f"{diverged.sum()} of {len(runs)} runs diverged and are left out: {names}", stacklevel=stacklevel)
    return runs[~diverged]


def _wanted(asked: Mapping[str, Sequence[Any]]) -> int:
    """Return how many combinations of values are asked for."""
    return math.prod(len(values) for values in asked.values())


def _combinations(runs: pd.DataFrame, asked: Mapping[str, Sequence[Any]]) -> int:
    """Return how many of the combinations that are asked for are there."""
    if not asked or runs.empty:
        return min(len(runs), 1)
    return len(runs[list(asked)].drop_duplicates())


def _asked(fields: Mapping[str, Any], others: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return for each field the values that are asked for, checked, and patterns as config.json names them.

    Arguments:
        fields: what was given, by name.
        others: what else the caller could have been given, for the error.
    """
    asked: dict[str, list[Any]] = {}
    for name, value in fields.items():
        if name not in FIELDS:
            raise RunError(f"there is no field {name!r}; allowed: {', '.join((*others, *FIELDS))}")
        values = [value] if isinstance(value, (str, int, float, np.generic)) else list(value)
        if not values:
            raise RunError(f"{name} was asked for with no value at all; allowed: one or more")
        if name in ("length", "window") and 0 in values:
            raise RunError(f"{name} was asked for with 0, which stands for the pattern's own; leave it out for that")
        plain = [each.item() if isinstance(each, np.generic) else each for each in values]
        checked = [getattr(config_from_dict({name: each}), name) for each in plain]
        asked[name] = list(dict.fromkeys(parse(spec).spec for spec in checked) if name == "pattern" else checked)
    return asked


def _everything(sweep: str, finished: bool) -> pd.DataFrame:
    """Return the runs of the store, or of a sweep, as `find_runs` has them, the newest first."""
    if sweep == "latest":
        newest = next((run for run in search_runs(find_tag(HEARTBEAT_TAG)) if is_sweep(run.data.tags)), None)
        if newest is None:
            raise RunError(f"{address()} holds no sweep; python -m experiments.sweep makes one")
        sweep = newest.info.run_id
    runs = list(search_runs(f"{find_tag(DIGEST_TAG)} AND {find_members(sweep)}" if sweep else find_tag(DIGEST_TAG)))
    if finished:
        runs = [run for run in runs if read_end(run.info.status, run.data.tags) in COMPLETE]
    configs = read_files([f"{run.info.artifact_uri}/{CONFIG_FILE}" for run in runs], _read_config, or_none=True)
    rows = [_row(run, config) for run, config in zip(runs, configs, strict=True) if config is not None]
    if len(rows) < len(runs):
        why = f"their {CONFIG_FILE} is damaged, or names what is not here"
        warnings.warn(f"{len(runs) - len(rows)} runs are left out: {why}", stacklevel=3)
    table = pd.DataFrame(rows)
    return table.drop_duplicates("digest") if finished and len(table) else table


def _read_config(path: Path) -> tuple[Record, str] | None:
    """Return a run's record and the names of the fields that it is older than; None if it is damaged."""
    content = path.read_bytes()
    try:
        record = parse_record(content, str(path))
    except CheckpointError:
        return None
    return record, ", ".join(name for name in ADDED if name not in json.loads(content)["config"])


def _row(run: Run, config: tuple[Record, str]) -> dict[str, Any]:
    record, assumed = config
    return {
        "run_id": run.info.run_id,
        "name": run.info.run_name,
        "started": pd.Timestamp(run.info.start_time, unit="ms", tz="UTC"),
        "end": read_end(run.info.status, run.data.tags).value,
        END_REASON_TAG: run.data.tags.get(END_REASON_TAG, ""),
        **vars(record.config),
        **run.data.metrics,
        "alphabet": record.alphabet,
        "mark": record.mark,
        "outputs": record.outputs,
        "predicts_next": record.predicts_next,
        "digest": record.digest,
        "assumed": assumed,
        "tags": own_tags(run.data.tags),
        "artifact_uri": run.info.artifact_uri,
    }


def _select(runs: pd.DataFrame, asked: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return the rows that have what is asked for, sorted: by the values as asked, where nothing is asked ascending."""
    if runs.empty:
        return runs
    for name, values in asked.items():
        runs = runs[runs[name].isin(values)]
    order = [*asked, *(name for name in FIELDS if name not in asked)]
    places = {name: {value: place for place, value in enumerate(values)} for name, values in asked.items()}
    return runs.sort_values(
        order, key=lambda column: column.map(places[column.name]) if column.name in places else column, kind="stable"
    ).reset_index(drop=True)


def _say_what_is_assumed(runs: pd.DataFrame) -> None:
    older = runs.loc[runs["assumed"] != "", "assumed"]
    if len(older):
        names = dict.fromkeys(", ".join(older).split(", "))
        said = ", ".join(f"{name}={ADDED[name]}" for name in names)
        warnings.warn(f"{len(older)} runs are older than some fields, and have what held then: {said}", stacklevel=3)
