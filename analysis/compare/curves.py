"""Training curves over the seeds of settings: an estimate for each epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.compare.estimates import (
    STATISTICS,
    check_level,
    check_statistic,
    interval_ranks,
    percentile_interval,
    resample_counts,
)
from analysis.compare.settings import check_columns, column_list, each_setting, list_distinct

_RESAMPLES_PER_EPOCH = 999


def curves_over_seeds(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    by: str | Sequence[str],
    metric: str = "train_loss",
    statistic: str = "median",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the estimate of a metric at each epoch, for each setting, with percentile bootstrap intervals.

    The level of an interval holds for its epoch. The probability that all intervals of a curve hold the true values is
    less than `level`.

    Arguments:
        runs: one row per run.
        curves: one row per run, metric and epoch.
        by: the columns of `runs` that distinguish the settings; none for a single setting.
        metric: `train_loss` in nats per character, `train_accuracy` or `valid_loss`.
        statistic: `median` or `mean`.
        level: the level of the intervals, between 0 and 1.

    Returns:
        One row per setting and epoch: the `by` columns, epoch (from 0), value, low, high, and n, the number of runs
        with a finite value at this epoch. If there is no such run, the epoch has no row; if there is one, low and high
        are NaN.

    Raises:
        MixedError: runs of one setting differ in more than their seeds, or have the same seeds.
        ValueError: an unknown column, metric or statistic, or a level out of range.
    """
    check_level(level)
    check_statistic(statistic)
    runs = runs.reset_index(drop=True)
    all_values_ne = values_by_epoch(runs, curves, metric).replace([np.inf, -np.inf], np.nan).set_axis(runs.index)
    columns = [*column_list(by), "epoch", "value", "low", "high", "n"]
    tables = []
    for setting, runs_of_setting in each_setting(runs, by):
        value_ne = all_values_ne.loc[runs_of_setting.index].dropna(axis=1, how="all")
        has_value_ne = value_ne.notna().to_numpy()
        sections = []
        # All epochs at which the same runs have values are resampled together, which is faster than one by one.
        for has_value_n in np.unique(has_value_ne, axis=1).T:
            epochs = (has_value_ne == has_value_n[:, None]).all(axis=0)
            sections.append(_estimate_epochs(value_ne.loc[has_value_n, epochs], statistic, level))
        if sections:
            tables.append(pd.concat(sections).sort_values("epoch").assign(**setting))
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


@dataclass(frozen=True)
class MedianInterval:
    """How the interval of a median over n runs follows from their values at an epoch, as `curves_over_seeds` makes it.

    A resample's median is half the sum of two of the n values in ascending order. The ends of the interval are two of
    the medians of all resamples in ascending order; where an end lies on the wrong side of the median of the n values
    by rounding, the end is that median.

    Attributes:
        pairs: for each pair of ranks, from 0, that occurs: the lower one, the upper one, and in how many resamples.
        low, high: the places, from 0, of the ends among the medians of all resamples in ascending order.
    """

    pairs: list[tuple[int, int, int]]
    low: int
    high: int


@lru_cache(maxsize=256)
def median_interval(n: int, level: float = 0.95) -> MedianInterval:
    """Return how the interval of a median over n runs is made, for programs that have the values and not this package.

    Arguments:
        n: the number of runs, 2 or more.
        level: the level of the interval, between 0 and 1.

    Raises:
        ValueError: fewer than two runs, or a level out of range.
    """
    check_level(level)
    if n < 2:
        raise ValueError(f"n is {n!r}; allowed: 2 runs or more, because one has no interval")
    ranks_b2 = np.stack(_median_ranks(resample_counts(n, _RESAMPLES_PER_EPOCH)), axis=1)
    pairs, counts = np.unique(ranks_b2, axis=0, return_counts=True)
    low, high = interval_ranks(_RESAMPLES_PER_EPOCH, level)
    return MedianInterval(
        [(*pair, count) for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)], low, high
    )


def values_by_epoch(runs: pd.DataFrame, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the values of a metric with a row for each run and a column for each epoch; NaN if there is no value.

    Arguments:
        runs: one row per run; the rows of the result have the same order.
        curves: one row per run, metric and epoch.
        metric: the metric.

    Raises:
        ValueError: no run has the metric, or the table has no run ids.
    """
    check_columns(runs, ["run_id"])
    metric_curves = curves[curves["metric"] == metric]
    if metric_curves.empty:
        raise ValueError(f"the curves hold no {metric!r}; they hold {list_distinct(curves['metric'])}")
    by_run = metric_curves.astype({"run_id": str}).pivot(index="run_id", columns="epoch", values="value")
    return by_run.reindex(runs["run_id"])


def _estimate_epochs(value_ne: pd.DataFrame, statistic: str, level: float) -> pd.DataFrame:
    """Return epoch, value, low, high and n for each epoch.

    Arguments:
        value_ne: the values of n runs (rows) at each epoch (columns), all finite.
        statistic: `median` or `mean`.
        level: the level of the intervals, between 0 and 1.
    """
    n, sorted_ne = len(value_ne), np.sort(value_ne, axis=0)
    low_e = high_e = np.full(sorted_ne.shape[1], np.nan)
    if n > 1:
        counts_bn = resample_counts(n, _RESAMPLES_PER_EPOCH)
        if statistic == "mean":
            resampled_be = counts_bn @ value_ne.to_numpy() / n
        else:
            lower_rank_b, upper_rank_b = _median_ranks(counts_bn)
            resampled_be = (sorted_ne[lower_rank_b] + sorted_ne[upper_rank_b]) / 2
        low_e, high_e = percentile_interval(resampled_be, level)
    value_e = STATISTICS[statistic](sorted_ne, axis=0)
    # By rounding, an end of the interval of equal values can lie on the wrong side of the value.
    ends = {"low": np.minimum(low_e, value_e), "high": np.maximum(high_e, value_e)}
    return pd.DataFrame({"epoch": value_ne.columns, "value": value_e} | ends | {"n": n})


def _median_ranks(counts_bn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks, 0 to n - 1, of the two values whose mean is the median of each resample, (B,) each.

    Ranks are resampled instead of runs, so that the ranks of a resample's median are the same at all epochs.

    Arguments:
        counts_bn: how often each of n values in ascending order occurs in each resample.
    """
    n, cumulative_bn = counts_bn.shape[1], counts_bn.cumsum(axis=1)
    lower_rank_b, upper_rank_b = ((cumulative_bn > rank).argmax(axis=1) for rank in ((n - 1) // 2, n // 2))
    return lower_rank_b, upper_rank_b
