"""Tables of runs grouped into settings, with a check that the runs of a setting differ only in their seeds."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from rnn_core.config import TrainConfig

SEEDS = ["seed", "data_seed"]

FREE_FIELDS = (*SEEDS, "device", "threads")
"""The fields in which runs of one setting may differ: their seeds, and where they were trained."""


class MixedError(ValueError):
    """Runs that were to be treated as one setting are not; the message names the fields in which they differ."""


def varying(runs: pd.DataFrame) -> list[str]:
    """Return the fields of TrainConfig, except FREE_FIELDS, in which runs differ, in TrainConfig's order.

    If the window is as long as the whole sequence, it differs wherever the data differ. So the window is returned only
    if it differs between runs with the same pattern, length, batch_size and data_seed.

    Raises:
        ValueError: the table lacks a field of TrainConfig.
    """
    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    check_columns(runs, fields)
    varying_fields = [field for field in fields if field not in FREE_FIELDS and runs[field].nunique() > 1]
    windows_by_data = runs.groupby(["pattern", "length", "batch_size", "data_seed"], observed=True)["window"]
    return [field for field in varying_fields if field != "window" or (windows_by_data.nunique() > 1).any()]


def each_setting(runs: pd.DataFrame, by: str | Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each setting as its values of the `by` columns and its runs, in order of appearance.

    Arguments:
        runs: one row per run.
        by: the columns that distinguish the settings; none for a single setting.

    Raises:
        MixedError: runs of one setting differ in more than their seeds, or have the same seeds.
        ValueError: an unknown column.
    """
    names = column_list(by)
    check_columns(runs, names)
    if runs.empty:
        return
    groups = runs.groupby(names, sort=False, dropna=False, observed=True) if names else [((), runs)]
    checked = _all_settings_pass(runs, names)
    for values, runs_of_setting in groups:
        if not checked:
            check_one_setting(runs_of_setting, advice=f"add these fields to by={names}, or ")
        yield dict(zip(names, values, strict=True)), runs_of_setting


def grouped_settings(
    runs: pd.DataFrame, outer: str | Sequence[str], inner: str
) -> list[tuple[dict[str, Any], dict[Any, pd.DataFrame]]]:
    """Return the settings of a table in groups, for example as the lines in each panel of a picture.

    Arguments:
        runs: one row per run.
        outer: the columns that distinguish the groups; none for a single group.
        inner: the column that distinguishes the settings of a group.

    Returns:
        For each group, in order of appearance: its values of the outer columns, and for each value of the inner column
        the runs of that setting.

    Raises:
        MixedError, ValueError: see `each_setting`.
    """
    names = column_list(outer)
    groups: dict[tuple[Any, ...], dict[Any, pd.DataFrame]] = {}
    for setting, runs_of_setting in each_setting(runs, list(dict.fromkeys([*names, inner]))):
        groups.setdefault(tuple(setting[name] for name in names), {})[setting[inner]] = runs_of_setting
    return [(dict(zip(names, values, strict=True)), settings) for values, settings in groups.items()]


def check_one_setting(runs: pd.DataFrame, apart_from: Sequence[str] = (), advice: str = "") -> None:
    """Raise MixedError if runs differ in other fields than FREE_FIELDS, or if several of them have the same seeds.

    Arguments:
        runs: one row per run.
        apart_from: fields in which the runs may differ, too; only runs that agree in them need different seeds.
        advice: the beginning of the error's recommendation, which ends with "select with find_runs(...)".
    """
    fields = [field for field in varying(runs) if field not in apart_from]
    if fields:
        differences = ", ".join(f"{field} ({list_distinct(runs[field])})" for field in fields)
        raise MixedError(f"runs of one setting differ in {differences}; {advice}select with find_runs({fields[0]}=...)")
    repeated = runs[runs.duplicated([*apart_from, *SEEDS], keep=False)]
    if len(repeated):
        seeds = " and ".join(f"{name} {repeated[name].iloc[0]}" for name in SEEDS)
        raise MixedError(f"several runs of one setting have {seeds} and would count twice; keep one of them")


def _all_settings_pass(runs: pd.DataFrame, names: Sequence[str]) -> bool:
    """Return whether all settings surely pass `check_one_setting`, much faster than by checking each of them.

    It may return False although they pass, because of a window that is as long as the data.
    """
    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    check_columns(runs, fields)
    other_fields = [field for field in fields if field not in (*FREE_FIELDS, *names)]
    settings = len(runs[names].drop_duplicates()) if names else 1
    alike = len(runs[[*names, *other_fields]].drop_duplicates()) == settings
    return alike and not runs.duplicated([*names, *(seed for seed in SEEDS if seed not in names)]).any()


def check_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise ValueError if the table lacks a column."""
    for name in names:
        if name not in table:
            raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, table))}")


def column_list(by: str | Sequence[str]) -> list[str]:
    """Return one column name or several as a list."""
    return [by] if isinstance(by, str) else list(by)


def list_distinct(values: pd.Series) -> str:
    """Return the first six distinct values as a text, in order of appearance."""
    distinct = [str(value) for value in values.unique()]
    return ", ".join(distinct[:6] + ["..."] * (len(distinct) > 6))
