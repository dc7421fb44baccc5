"""Many recorded runs as tables: their configs and metrics, their curves, and their results by case size."""

import dataclasses
import json
import math
import shlex
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.entities import Run

from analysis.commands import training_command
from analysis.meanings import INSPECTED
from analysis.runs import suggestions
from analysis.runs.address import store_name
from analysis.runs.config_tag import search_by_config
from analysis.runs.csv_files import read_curves, read_reach
from analysis.runs.life import end_of, reason_of
from analysis.runs.loading import search_sweeps
from analysis.runs.schema import (
    COMPLETE,
    CONFIG_FILE,
    CURVES_FILE,
    END_REASON_TAG,
    REACH_FILE,
    End,
    members_condition,
    project_tags,
    read_end,
)
from analysis.runs.store import NoStoreError, RunError, read_files
from rnn_core.checkpoint import CheckpointError, parse_record
from rnn_core.config import ADDED, TrainConfig, config_from_dict, shown
from rnn_core.measures.meanings import SHARED
from rnn_core.nets.charrnn import nearest_hidden_size
from rnn_core.patterns import parse
from rnn_core.patterns.shared.cases import ReachRow
from rnn_core.patterns.shared.specs import is_former_spec
from rnn_core.record import Record

MAX_VALUES = 100_000
"""The most values of a field in a query: a sweep has no more runs."""

_METRICS = tuple(name for name in (*SHARED, *INSPECTED) if name.islower())
"""The metrics of all patterns, without those that stand for several: columns whichever runs are found."""

FIELDS = tuple(field.name for field in dataclasses.fields(TrainConfig))


def find_runs(*, sweep: str = "", finished: bool = True, parameters: int = 0, **fields: Any) -> pd.DataFrame:
    """Return a table of the recorded runs that match, from the tracking store that MLflow uses.

    If MLFLOW_TRACKING_URI is not set, the store is the nearest mlflow.db in the present folder or in one above it.

    Arguments:
        sweep: the run id of a sweep, or `latest`, to return only its runs; empty for all runs.
        finished: whether to return only complete runs, which finished or diverged, and of several with the same config
            only the newest. Otherwise runs that failed, were killed or are still running are returned, too.
        parameters: return only runs whose hidden_size is that with which their net comes closest to so many
            parameters, as with the flag --parameters of a sweep; 0 for runs with any hidden_size.
        fields: one value or several for any fields of TrainConfig. A run matches if each of these fields of its config
            has one of the values. The config is that of config.json, in which no zero stands for a default. A spec
            that stood for other data in an earlier version finds the runs of both; its canonical spec only today's.

    Returns:
        One row per run, sorted by the fields; the values of a given field are in the order in which they were given.
        Columns:
        run_id, name, started (UTC), end (`finished`, `diverged`, `failed`, `running`, or `killed`, also if the process
        of the run is gone) and end_reason;
        every field of TrainConfig; the last value of every metric that patterns share and of every other one that a run
        in the table has, NaN if a run does not have it;
        alphabet, mark, outputs (the characters that the net can predict), predicts_next (whether it predicts the next
        character; otherwise it cannot run free) and digest, all from config.json; assumed (the fields that did not
        exist when the run was recorded; they have the value that was fixed then, and a warning says so); former_spec
        (True if the spec of its pattern stands for other data today than those on which it was trained); tags (those
        that this project set, a dict); artifact_uri.

    Warns:
        UserWarning: runs of some combinations of the given values are missing, or runs lack a field.

    Raises:
        RunError: no run matches; the message lists what is recorded, and gives a command that trains the runs. Or the
            store cannot be read.
        ConfigError: a value is not allowed for its field.

    Example:
        runs = find_runs(pattern="abc", hidden_size=[8, 16], epochs=100)
    """
    if not isinstance(sweep, str):
        raise RunError(f"sweep is {shown(sweep)}; allowed: the run id of a sweep, `latest`, or '' for all runs")
    if not isinstance(finished, bool):
        raise RunError(f"finished is {shown(finished)}; allowed: True or False")
    given = {field: _listed(values) for field, values in fields.items()}
    query = _parse_query(given, ("sweep", "finished", "parameters"))
    _check_parameters(parameters, query)
    with_former = _add_former_specs(query, given.get("pattern", []))
    command = shlex.join(training_command(query, parameters))
    asked = {**query, "parameters": [parameters]} if parameters else query
    try:
        matching = _select(_read_runs(sweep, finished, with_former), with_former, parameters)
        # The message lists the runs that are there.
        runs = _read_runs(sweep, finished, {}) if matching.empty and asked else matching
    except NoStoreError as error:
        raise RunError(f"{error}\n  to make a store with these runs: {command}") from None
    if runs.empty and sweep:
        raise RunError(
            f"{store_name()} holds no finished run of a sweep {shown(sweep)}; "
            "allowed: the run id of a sweep, or 'latest'"
        )
    if matching.empty:
        where = f"{store_name()}, sweep {sweep}," if sweep else store_name()
        # No runs can be added to a sweep.
        raise RunError(suggestions.no_match_message(runs, asked, where, "" if sweep else command))
    recorded, possible = _count_recorded(matching[~matching["former_spec"]], query), _count_combinations(query)
    if query and recorded < possible and not sweep:
        counts = f"{recorded} of the {possible} combinations of {', '.join(query)} are recorded"
        warnings.warn(f"{counts}; to make the others: {command}", stacklevel=2)
    _warn_of_assumed_fields(matching)
    return matching


def command_for_missing(*, parameters: int = 0, **fields: Any) -> list[str]:
    """Return the command that trains all runs of a query, as a list of words; an empty list if all are recorded.

    When it is run, it does not train the recorded runs again. A missing store is not an error.

    Arguments:
        parameters: as in `find_runs`.
        fields: one value or several for any fields of TrainConfig, as in `find_runs`.

    Raises:
        RunError: the store cannot be read, or a command line cannot express a pattern.
        ConfigError: a value is not allowed for its field.
    """
    query = _parse_query(fields, ("parameters",))
    _check_parameters(parameters, query)
    try:
        matching = _select(_read_runs("", finished=True, query=query), query, parameters)
    except NoStoreError:
        matching = pd.DataFrame()
    if _count_recorded(matching, query) >= _count_combinations(query):
        return []
    return suggestions.checked_training_command(query, parameters)


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the training curves of runs as one tidy table, read from the curves.csv of each run.

    Arguments:
        runs: a table from `find_runs`.

    Returns:
        One row per run, metric and epoch: run_id and metric (`train_loss` in nats per character, `train_accuracy` from
        0 to 1, `valid_loss`) as categories, epoch (from 0, int32), value. Metrics are measured before the optimiser
        steps of their epoch, so the value at epoch e shows the net after e epochs of training.

    Raises:
        RunError: the table is empty, or a run has no curves, or damaged ones.
    """
    _check_table(runs, "run_id", "artifact_uri", "epochs", "end")
    if runs.empty:
        raise RunError("there are no runs in this table; allowed: one or more")
    metrics: list[str] = []
    # One array per run; their elements are the rows of the table.
    run_arrays: list[np.ndarray] = []
    epoch_arrays: list[np.ndarray] = []
    metric_arrays: list[np.ndarray] = []
    value_arrays: list[np.ndarray] = []
    addresses = [f"{uri}/{CURVES_FILE}" for uri in runs["artifact_uri"]]
    finished = (runs["end"] == End.FINISHED).tolist()
    for run_number, curve in enumerate(read_curves(addresses, runs["epochs"].tolist(), finished)):
        metrics_of_run = [name for name in map(str, curve) if name != "epoch"]
        metrics += [name for name in metrics_of_run if name not in metrics]
        run_arrays.append(np.full(curve[metrics_of_run].size, run_number, dtype=np.int32))
        epoch_arrays.append(np.tile(curve["epoch"].to_numpy(np.int32), len(metrics_of_run)))
        metric_arrays.append(np.repeat([metrics.index(name) for name in metrics_of_run], len(curve)).astype(np.int8))
        value_arrays.append(curve[metrics_of_run].to_numpy(np.float64).ravel(order="F"))
    return pd.DataFrame(
        {
            "run_id": pd.Categorical.from_codes(np.concatenate(run_arrays), pd.Index(runs["run_id"])),
            "epoch": np.concatenate(epoch_arrays),
            "metric": pd.Categorical.from_codes(np.concatenate(metric_arrays), pd.Index(metrics)),
            "value": np.concatenate(value_arrays),
        }
    )


def reach_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return how many cases of each size runs predict correctly, read from the generalization.csv of each run.

    Arguments:
        runs: a table from `find_runs`.

    Returns:
        One row per run, measure and size: run_id, measure (such as `length` or `depth`), size, trained (whether the
        size was trained on), the counts cases, cases_right, steps, steps_right, decidable, decidable_right, and
        loss_sum (nats); see `ReachRow`. A run without this file has no row: its pattern has no cases, or it diverged.

    Raises:
        RunError: a file is damaged.
    """
    _check_table(runs, "run_id", "artifact_uri")
    addresses = [f"{uri}/{REACH_FILE}" for uri in runs["artifact_uri"]]
    tables = [
        table.assign(run_id=run_id)
        for run_id, table in zip(runs["run_id"], read_reach(addresses), strict=True)
        if table is not None
    ]
    columns = ["run_id", *(field.name for field in dataclasses.fields(ReachRow))]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def drop_diverged(runs: pd.DataFrame, stacklevel: int = 3) -> pd.DataFrame:
    """Return the runs that did not diverge, and warn if some did, since a run that diverged has no net.

    Arguments:
        runs: a table from `find_runs`.
        stacklevel: as in `warnings.warn`; 3 lets the warning name the line that called the caller of this function.

    Raises:
        RunError: all runs diverged, or there is none.
    """
    _check_table(runs, "end", "name")
    diverged = runs["end"] == End.DIVERGED
    if diverged.all():
        raise RunError(f"all of {len(runs)} runs diverged and recorded no net; allowed: one or more that has one")
    if diverged.any():
        names = suggestions.list_values(runs.loc[diverged, "name"].tolist(), " and ")
        warnings.warn(f"{diverged.sum()} of {len(runs)} runs diverged and are left out: {names}", stacklevel=stacklevel)
    return runs[~diverged]


def _count_combinations(query: Mapping[str, Sequence[Any]]) -> int:
    """Return the number of combinations of values in a query."""
    return math.prod(len(values) for values in query.values())


def _count_recorded(matching: pd.DataFrame, query: Mapping[str, Sequence[Any]]) -> int:
    """Return for how many combinations of values of a query there is a run among the matching ones."""
    if not query or matching.empty:
        return min(len(matching), 1)
    return len(matching[list(query)].drop_duplicates())


def _parse_query(fields: Mapping[str, Any], other_arguments: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return the values asked for, by field: always as lists, checked, and patterns in their canonical form.

    Arguments:
        fields: one value or several, by field, as the caller was given them.
        other_arguments: the names of its own arguments, for the error message.
    """
    query: dict[str, list[Any]] = {}
    for field, given in fields.items():
        if field not in FIELDS:
            raise RunError(f"there is no field {shown(field)}; allowed: {', '.join((*other_arguments, *FIELDS))}")
        values = _listed(given)
        if not 0 < len(values) <= MAX_VALUES:
            came = "no value" if not values else f"more than {MAX_VALUES} values"
            raise RunError(f"{field} was asked for with {came}; allowed: one or more, at most {MAX_VALUES}")
        plain_values = [value.item() if isinstance(value, np.generic) else value for value in values]
        checked = [getattr(config_from_dict({field: value}), field) for value in plain_values]
        if field in ("length", "window") and 0 in checked:
            raise RunError(f"{field} is 0, which stands for the pattern's default; leave {field} out instead")
        query[field] = list(dict.fromkeys(parse(spec).spec for spec in checked) if field == "pattern" else checked)
    return query


def _check_parameters(parameters: object, query: Mapping[str, Sequence[Any]]) -> None:
    """Raise RunError unless a number of parameters can be asked for beside the fields of a query."""
    if type(parameters) is not int or parameters < 0:
        raise RunError(f"parameters is {shown(parameters)}; allowed: whole numbers from 0 on; 0 for any hidden_size")
    if parameters and "hidden_size" in query:
        raise RunError("parameters was given beside hidden_size; allowed: one of the two, since it fits the size")


def _add_former_specs(query: Mapping[str, list[Any]], specs: Sequence[Any]) -> dict[str, list[Any]]:
    """Return a query that also finds the runs recorded under a given spec that stands for other data today.

    Arguments:
        query: what `_parse_query` returns.
        specs: the specs that were given.
    """
    former = [spec for spec in specs if is_former_spec(spec)]
    return {**query, "pattern": [*query["pattern"], *former]} if former else dict(query)


def _listed(given: Any) -> list[Any]:
    """Return the value or the values that were given for a field, at most MAX_VALUES and one more."""
    if isinstance(given, (str, bytes, int, float, np.generic)):
        return [given]
    try:
        return list(islice(given, MAX_VALUES + 1))
    except TypeError:  # something else, which the check of the field refuses
        return [given]


def _check_table(runs: object, *columns: str) -> None:
    """Raise RunError unless `runs` is a table that has certain columns."""
    if not isinstance(runs, pd.DataFrame) or not set(columns) <= set(runs):
        came = ", ".join(map(str, runs)) if isinstance(runs, pd.DataFrame) else shown(runs)
        raise RunError(f"runs is {came or 'empty'}; allowed: a table from find_runs, with {', '.join(columns)}")


def _read_runs(sweep: str, finished: bool, query: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return a table of the runs of the store or of one sweep that may match a query, the newest first.

    Runs that do not match may be among them. See `find_runs`.

    Arguments:
        sweep: the run id of the sweep, or `latest`; empty for the whole store.
        finished: whether to return only complete runs, and of several with the same config only the newest.
        query: the values asked for, by field; empty for all runs.
    """
    if sweep == "latest":
        newest = next(search_sweeps(), None)
        if newest is None:
            raise RunError(f"{store_name()} holds no sweep; python -m experiments.sweep makes one")
        sweep = newest.info.run_id
    runs = search_by_config(query, members_condition(sweep) if sweep else "")
    if finished:
        runs = [run for run in runs if read_end(run.info.status, run.data.tags) in COMPLETE]
    configs = read_files([f"{run.info.artifact_uri}/{CONFIG_FILE}" for run in runs], _read_config, missing_ok=True)
    rows = [_row(run, *config) for run, config in zip(runs, configs, strict=True) if config is not None]
    if len(rows) < len(runs):
        reason = f"their {CONFIG_FILE} is damaged or gone, or names a pattern or a cell that does not exist here"
        warnings.warn(f"{len(runs) - len(rows)} runs are left out: {reason}", stacklevel=3)
    table = pd.DataFrame(rows)
    return table.drop_duplicates("digest") if finished and len(table) else table


def _read_config(path: Path) -> tuple[Record, str] | None:
    """Return a run's record and the names of the fields that its config.json lacks; None if the file is damaged."""
    content = path.read_bytes()
    try:
        record = parse_record(content, str(path))
    except CheckpointError:
        return None
    return record, ", ".join(field for field in ADDED if field not in json.loads(content)["config"])


def _row(run: Run, record: Record, assumed: str) -> dict[str, Any]:
    """Return a run's row of `find_runs`; `assumed` names the fields that its config.json lacks."""
    return {
        "run_id": run.info.run_id,
        "name": run.info.run_name,
        "started": pd.Timestamp(run.info.start_time, unit="ms", tz="UTC"),
        "end": end_of(run).value,
        END_REASON_TAG: reason_of(run),
        **vars(record.config),
        **dict.fromkeys(_METRICS, math.nan),
        **run.data.metrics,
        "alphabet": record.alphabet,
        "mark": record.mark,
        "outputs": record.outputs,
        "predicts_next": record.predicts_next,
        "digest": record.digest,
        "assumed": assumed,
        "former_spec": is_former_spec(record.config.pattern),
        "tags": project_tags(run.data.tags),
        "artifact_uri": run.info.artifact_uri,
    }


def _select(runs: pd.DataFrame, query: Mapping[str, Sequence[Any]], parameters: int = 0) -> pd.DataFrame:
    """Return the rows that match a query, sorted first by its fields, in the order of their values, then by the others.

    Arguments:
        runs: a table from `_read_runs`.
        query: the values asked for, by field.
        parameters: as in `find_runs`.
    """
    if runs.empty:
        return runs
    for field, values in query.items():
        runs = runs[runs[field].isin(values)]
    if parameters:
        runs = runs[[_has_nearest_size(run, parameters) for run in runs.itertuples()]]
    sort_fields = [*query, *(field for field in FIELDS if field not in query)]
    ranks = {field: {value: rank for rank, value in enumerate(values)} for field, values in query.items()}
    return runs.sort_values(
        sort_fields,
        key=lambda column: column.map(ranks[column.name]) if column.name in ranks else column,
        kind="stable",
    ).reset_index(drop=True)


def _has_nearest_size(run: Any, parameters: int) -> bool:
    """Return whether no other hidden size brings the net of a run, a row of a table, closer to so many parameters."""
    shape = len(run.alphabet), run.cell, run.layers, run.encoding, len(run.outputs)
    return bool(run.hidden_size == nearest_hidden_size(parameters, *shape))


def _warn_of_assumed_fields(runs: pd.DataFrame) -> None:
    """Warn if some runs were recorded before a field existed, and give the value that they have instead."""
    assumed = runs.loc[runs["assumed"] != "", "assumed"]
    if len(assumed):
        fields = dict.fromkeys(", ".join(assumed).split(", "))
        values = ", ".join(f"{field}={ADDED[field]}" for field in fields)
        warnings.warn(
            f"{len(assumed)} runs are older than some fields, and have the values fixed then: {values}", stacklevel=3
        )
