"""Which runs are seeds of one setting, and what metrics and curves come to over them."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.compare.estimates import STATISTICS, check_allowed, counts, edges, estimate
from analysis.runs.schema import End
from rnn_core.config import TrainConfig

SEEDS = ["seed", "data_seed"]

SEED_FIELDS = (*SEEDS, "device", "threads")
"""Fields in which runs of one setting may differ."""

ESTIMATE = ["value", "low", "high", "n", "missing"]
"""The columns of an `Estimate` in a table."""

_RESAMPLES_A_BAND = 999


class MixedError(ValueError):
    """Runs that are not seeds of one setting would be pooled; the message says what they differ in."""


def setting_label(setting: Mapping[Any, object]) -> str:
    """Return a setting as a label, such as "abc, 16 units".

    Arguments:
        setting: by field of TrainConfig, or by any other column, its value; none gives an empty label.

    Example:
        >>> setting_label({"pattern": "abc", "hidden_size": 16, "epochs": 100, "seed": 0, "clip": 1.0})
        'abc, 16 units, 100 epochs, seed 0, clip 1.0'
    """
    plain, counted = ("pattern", "cell", "encoding", "schedule"), {"hidden_size": "unit", "epochs": "epoch"}
    said = []
    for name, value in setting.items():
        if name in plain:
            said.append(str(value))
        elif name in counted:
            said.append(f"{value} {counted[str(name)]}{'' if value == 1 else 's'}")
        else:
            said.append(f"{str(name).replace('_', ' ')} {value}")
    return ", ".join(said)


def spread_label(statistic: str, seeds: Iterable[int]) -> str:
    """Return what a line and the band around it are, such as "median of 8 to 10 seeds, 95 % interval".

    Arguments:
        statistic: what the line is.
        seeds: how many seeds each of its points rests on, one number or more; a single seed has no interval.
    """
    counts = list(seeds)
    return f"{middle_label(statistic, counts)}, {'95 %' if max(counts) > 1 else 'no'} interval"


def middle_label(statistic: str, seeds: Iterable[int]) -> str:
    """Return what numbers without an interval are, such as "median of 8 to 10 seeds"; arguments as in `spread`."""
    least, most = min(counts := list(seeds)), max(counts)
    if most <= 1:
        return "single seeds"
    return f"{statistic} of {most if least == most else f'{least} to {most}'} seeds"


def varying(runs: pd.DataFrame) -> list[str]:
    """Return the config fields, other than SEED_FIELDS, in which runs differ, in TrainConfig's order.

    A window that is the whole sequence is as long as the data; it counts only if runs on the same data differ in it.

    Raises:
        ValueError: the table lacks a field of TrainConfig.
    """
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    check_columns(runs, names)
    fields = [name for name in names if name not in SEED_FIELDS and runs[name].nunique() > 1]
    same_data = runs.groupby(["pattern", "length", "batch_size", "data_seed"], observed=True)["window"]
    return [name for name in fields if name != "window" or (same_data.nunique() > 1).any()]


def over_seeds(runs: pd.DataFrame, metric: str, by: str | Sequence[str], statistic: str = "median") -> pd.DataFrame:
    """Return for each setting what a metric comes to over its seeds.

    Arguments:
        runs: one row a run.
        metric: a numeric column of it.
        by: the columns that tell the settings apart; none for a single setting.
        statistic: `median` or `mean`.

    Returns:
        One row a setting, in order of appearance: the by columns, and value, low, high, n, missing of its `Estimate`.

    Raises:
        MixedError: runs of one row differ in more than their seeds, or one run would count twice.
        ValueError: an unknown column or statistic.
    """
    check_columns(runs, [metric])
    return a_row_each(runs, by, ESTIMATE, lambda some: vars(estimate(some[metric], statistic)))


def curves_over_seeds(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    by: str | Sequence[str],
    metric: str = "train_loss",
    statistic: str = "median",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return for each setting and epoch what the curves come to over seeds, with percentile bootstrap intervals.

    An interval is of its own epoch: that a whole curve stays within its band is less likely than `level`.

    Arguments:
        runs: one row a run.
        curves: one row a run, metric and epoch.
        by: the columns of `runs` that tell the settings apart; none for a single setting.
        metric: `train_loss` in nats per character, `train_accuracy` or `valid_loss`.
        statistic: `median` or `mean`.
        level: between 0 and 1.

    Returns:
        One row a setting and epoch: the by columns, epoch (from 0), value, low, high, and n, which falls where a run
        diverges. An epoch that no run reaches has no row, one that a single run reaches no interval (NaN).

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column, metric or statistic, or a level out of range.
    """
    check_allowed(level, statistic)
    runs = runs.reset_index(drop=True)
    all_ne = epochs_of(runs, curves, metric).replace([np.inf, -np.inf], np.nan).set_axis(runs.index)
    columns = [*field_names(by), "epoch", "value", "low", "high", "n"]
    tables = []
    for key, some in each_setting(runs, by):
        value_ne = all_ne.loc[some.index].dropna(axis=1, how="all")
        there_ne = value_ne.notna().to_numpy()
        # Epochs that the same runs reach are worked out in one go.
        parts = [
            _band(value_ne.loc[there_n, (there_ne == there_n[:, None]).all(axis=0)], statistic, level)
            for there_n in np.unique(there_ne, axis=1).T
        ]
        if parts:
            tables.append(pd.concat(parts).sort_values("epoch").assign(**key))
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def results(
    runs: pd.DataFrame, metrics: Sequence[str], by: str | Sequence[str], statistic: str = "median"
) -> pd.DataFrame:
    """Return for each setting how its runs ended, and what each of several metrics comes to over its seeds.

    Arguments:
        runs: one row a run.
        metrics: numeric columns of it.
        by: the columns that tell the settings apart; none for a single setting.
        statistic: `median` or `mean`.

    Returns:
        One row a setting, in order of appearance: the by columns; finished, diverged and failed, how many of its runs
        ended so; and for each metric of its `Estimate` METRIC_median (or METRIC_mean), METRIC_low, METRIC_high and
        METRIC_n, the seeds that have it.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column or statistic.
    """
    check_columns(runs, ["end", *metrics])
    ends = [end.value for end in (End.FINISHED, End.DIVERGED, End.FAILED)]
    parts = {"value": statistic, "low": "low", "high": "high", "n": "n"}

    def numbers(some: pd.DataFrame) -> dict[str, Any]:
        row: dict[str, Any] = {end: int((some["end"] == end).sum()) for end in ends}
        for metric in metrics:
            found = estimate(some[metric], statistic)
            row |= {f"{metric}_{name}": getattr(found, part) for part, name in parts.items()}
        return row

    columns = [*ends, *(f"{metric}_{name}" for metric in metrics for name in parts.values())]
    return a_row_each(runs, by, columns, numbers)


def a_row_each(
    runs: pd.DataFrame,
    by: str | Sequence[str],
    columns: list[str],
    numbers: Callable[[pd.DataFrame], dict[str, Any]],
) -> pd.DataFrame:
    """Return a row for each setting: its by columns, and those columns of what `numbers` says of its runs."""
    rows = [key | numbers(some) for key, some in each_setting(runs, by)]
    return pd.DataFrame(rows, columns=[*field_names(by), *columns])


def each_setting(runs: pd.DataFrame, by: str | Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each setting's by columns and its runs, in order of appearance, checked that they differ in no more."""
    names = field_names(by)
    check_columns(runs, names)
    if runs.empty:
        return
    groups = runs.groupby(names, sort=False, dropna=False, observed=True) if names else [((), runs)]
    checked = _all_alike(runs, names)
    for key, some in groups:
        if not checked:
            check_one_setting(some, names, f"name it in by={names}, or ")
        yield dict(zip(names, key, strict=True)), some


def settings_within(
    runs: pd.DataFrame, outer: str | Sequence[str], inner: str
) -> list[tuple[dict[str, Any], dict[Any, pd.DataFrame]]]:
    """Return the settings of a table in groups, such as the lines of each panel of a picture.

    Arguments:
        runs: one row a run.
        outer: the columns that tell the groups apart; none for a single group.
        inner: the column that tells the settings of one group apart.

    Returns:
        For each group, in order of appearance, its outer columns, and by value of the inner column the runs of that
        setting, which differ in their seeds alone.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column.
    """
    names = field_names(outer)
    groups: dict[tuple[Any, ...], dict[Any, pd.DataFrame]] = {}
    for key, some in each_setting(runs, list(dict.fromkeys([*names, inner]))):
        groups.setdefault(tuple(key[name] for name in names), {})[key[inner]] = some
    return [(dict(zip(names, key, strict=True)), settings) for key, settings in groups.items()]


def _all_alike(runs: pd.DataFrame, names: Sequence[str]) -> bool:
    """Say at one glance whether no setting needs a closer look: it takes as long for all of them as for one."""
    fields = [field.name for field in dataclasses.fields(TrainConfig)]
    check_columns(runs, fields)
    others = [name for name in fields if name not in (*SEED_FIELDS, *names)]
    settings = len(runs[names].drop_duplicates()) if names else 1
    alike = len(runs[[*names, *others]].drop_duplicates()) == settings
    return alike and not runs.duplicated([*names, *(seed for seed in SEEDS if seed not in names)]).any()


def check_one_setting(runs: pd.DataFrame, apart: Sequence[str] = (), advice: str = "") -> None:
    """Raise MixedError if runs differ in more than some fields and their seeds, or if one would count twice."""
    fields = [name for name in varying(runs) if name not in apart]
    if fields:
        which = ", ".join(f"{name} ({distinct(runs[name])})" for name in fields)
        raise MixedError(
            f"runs of one setting differ in {which}; {advice}leave runs out with find_runs({fields[0]}=...)"
        )
    twice = runs[runs.duplicated([*apart, *SEEDS], keep=False)]
    if len(twice):
        seeds = " and ".join(f"{name} {twice[name].iloc[0]}" for name in SEEDS)
        raise MixedError(f"{seeds} would count double: several runs of one setting have them; keep one with each seed")


def check_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise ValueError if the table lacks a column."""
    for name in names:
        if name not in table:
            raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, table))}")


def field_names(by: str | Sequence[str]) -> list[str]:
    """Return the by columns as a list, whether one or many were given."""
    return [by] if isinstance(by, str) else list(by)


def distinct(values: pd.Series) -> str:
    """Return a few of the distinct values, in order of appearance."""
    distinct = [str(value) for value in values.unique()]
    return ", ".join(distinct[:6] + ["..."] * (len(distinct) > 6))


def epochs_of(runs: pd.DataFrame, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a metric of each run (rows, as in `runs`) at each epoch (columns, ascending), NaN where there is none."""
    check_columns(runs, ["run_id"])
    some = curves[curves["metric"] == metric]
    if some.empty:
        raise ValueError(f"the curves hold no {metric!r}; they hold {distinct(curves['metric'])}")
    return some.astype({"run_id": str}).pivot(index="run_id", columns="epoch", values="value").reindex(runs["run_id"])


def _band(value_ne: pd.DataFrame, statistic: str, level: float) -> pd.DataFrame:
    """Return value, low, high and n at each epoch, all of which all runs reach."""
    n, sorted_ne = len(value_ne), np.sort(value_ne, axis=0)
    low_e = high_e = np.full(sorted_ne.shape[1], np.nan)
    if n > 1:
        counts_bn = counts(n, _RESAMPLES_A_BAND)
        if statistic == "mean":
            resampled_be = counts_bn @ value_ne.to_numpy() / n
        else:
            # Seeds are drawn by their ranks at each epoch, by which the middle of any resample is known at once.
            up_to_bn = counts_bn.cumsum(axis=1)
            below_b, above_b = ((up_to_bn > middle).argmax(axis=1) for middle in ((n - 1) // 2, n // 2))
            resampled_be = (sorted_ne[below_b] + sorted_ne[above_b]) / 2
        low_e, high_e = edges(resampled_be, level)
    middle_e = STATISTICS[statistic](sorted_ne, axis=0)
    ends = {"low": np.minimum(low_e, middle_e), "high": np.maximum(high_e, middle_e)}  # against rounding
    return pd.DataFrame({"epoch": value_ne.columns, "value": middle_e} | ends | {"n": n})
