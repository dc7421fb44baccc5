"""The runs that solve their pattern, and after how many epochs. Runs that do not, or not yet, count, too."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.compare.curves import values_by_epoch
from analysis.compare.estimates import RESAMPLES, check_level, percentile_interval, resample_counts, share
from analysis.compare.settings import check_columns
from analysis.compare.tables import ESTIMATE_COLUMNS, row_per_setting
from analysis.runs.schema import COMPLETE, End


def solved(runs: pd.DataFrame, threshold: float = 1.0, metric: str = "eval_accuracy") -> pd.Series:
    """Return for each run whether its metric reaches the threshold; False if it does not have the metric.

    By default, every character of the test must be predicted correctly. The test of a motif is ten times as long as its
    training text, and follows it. If characters are partly random, no net can predict them all: use the metric
    `whole_strings` or a lower threshold then.

    Arguments:
        runs: one row per run.
        threshold: the lowest value that counts as solved; if the name of the metric ends in `loss`, the highest.
        metric: a numeric column of `runs`.

    Raises:
        ValueError: an unknown column.
    """
    check_columns(runs, [metric])
    return pd.Series(_meets_threshold(runs[metric].to_numpy(np.float64), threshold, metric), runs.index, name="solved")


def solved_share(
    runs: pd.DataFrame, by: str | Sequence[str], threshold: float = 1.0, metric: str = "eval_accuracy"
) -> pd.DataFrame:
    """Return for each setting the share of its seeds that are `solved`, in a table as that of `over_seeds`.

    A run that diverged is not solved. A run that was killed, failed or is still running counts as missing.

    Arguments:
        runs: one row per run.
        by: the columns that distinguish the settings; none for a single setting.
        threshold: see `solved`.
        metric: see `solved`.

    Raises:
        MixedError: runs of one setting differ in more than their seeds, or have the same seeds.
        ValueError: an unknown column.
    """
    check_columns(runs, ["end", metric])

    def row_of(runs_of_setting: pd.DataFrame) -> dict[str, Any]:
        complete = runs_of_setting["end"].isin(COMPLETE)
        solved_estimate = share(solved(runs_of_setting[complete], threshold, metric))
        return vars(solved_estimate) | {"missing": int((~complete).sum())}

    return row_per_setting(runs, by, ESTIMATE_COLUMNS, row_of)


def epochs_to_solve(
    runs: pd.DataFrame, curves: pd.DataFrame, threshold: float = 1.0, metric: str = "train_accuracy"
) -> pd.DataFrame:
    """Return the runs with the number of epochs after which each has solved its pattern for good.

    The value of a curve at epoch e is that after e epochs of training, so 0 means that the untrained net solves it.

    Arguments:
        runs: one row per run.
        curves: one row per run, metric and epoch.
        threshold: see `solved`.
        metric: a metric of the curves.

    Returns:
        The table `runs` with two more columns. epochs_to_solve is the first epoch from which the curve meets the
        threshold up to its end. If there is none, solved is False, and epochs_to_solve is the number of epochs of
        training so far; for a run that diverged, which would never solve it, it is the number that was planned.

    Raises:
        ValueError: an unknown column or metric, or a run that finished and has no curve.
    """
    check_columns(runs, ["end", "epochs"])
    table_ne = values_by_epoch(runs, curves, metric)
    epoch_e, value_ne = table_ne.columns.to_numpy(), table_ne.to_numpy()
    trained_n = np.where(~np.isnan(value_ne), epoch_e + 1, 0).max(axis=1)
    ends = runs["end"].to_numpy()
    without_curve = runs["run_id"].to_numpy()[(trained_n == 0) & (ends == End.FINISHED)]
    if len(without_curve):
        raise ValueError(f"run {without_curve[0]} has finished, but the curves hold no {metric} of it; add its curves")
    after_end_ne = epoch_e >= trained_n[:, None]
    met_ne = _meets_threshold(value_ne, threshold, metric) | after_end_ne
    met_to_end_ne = np.flip(np.logical_and.accumulate(np.flip(met_ne, axis=1), axis=1), axis=1) & ~after_end_ne
    solved_n = met_to_end_ne.any(axis=1) & (ends != End.DIVERGED)
    unsolved_epochs_n = np.where(ends == End.DIVERGED, runs["epochs"], trained_n)
    return runs.assign(
        epochs_to_solve=np.where(solved_n, epoch_e[met_to_end_ne.argmax(axis=1)], unsolved_epochs_n), solved=solved_n
    )


def median_epochs_to_solve(table: pd.DataFrame, by: str | Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """Return for each setting the median epochs to solve; seeds that have not solved count as taking longer.

    The median is the first epoch by which half of the seeds have solved, by the product-limit estimate (Kaplan & Meier
    1958); it is inf if fewer than half do. Its interval is the percentile bootstrap interval over seeds (Efron 1981).
    If no seed solves, the interval is [inf, inf]; use `solved_share` then to judge how certain that is.

    Arguments:
        table: a table from `epochs_to_solve`.
        by: the columns that distinguish the settings; none for a single setting.
        level: the level of the intervals, between 0 and 1.

    Returns:
        One row per setting, in order of appearance: the `by` columns; value, low and high in epochs; n, the number of
        seeds; solved, the number of seeds that have solved.

    Raises:
        MixedError: runs of one setting differ in more than their seeds, or have the same seeds.
        ValueError: an unknown column, or a level out of range.
    """
    check_level(level)
    check_columns(table, ["epochs_to_solve", "solved"])

    def row_of(runs_of_setting: pd.DataFrame) -> dict[str, Any]:
        ordered = runs_of_setting.sort_values(["epochs_to_solve", "solved"], ascending=[True, False])
        epochs_n, solved_n, n = ordered["epochs_to_solve"].to_numpy(), ordered["solved"].to_numpy(bool), len(ordered)
        (value,) = _median_epochs(epochs_n, solved_n, np.ones((1, n), dtype=np.int64))
        low = high = math.nan
        if n > 1:
            low, high = percentile_interval(_median_epochs(epochs_n, solved_n, resample_counts(n, RESAMPLES)), level)
        return {"value": value, "low": low, "high": high, "n": n, "solved": int(solved_n.sum())}

    return row_per_setting(table, by, ["value", "low", "high", "n", "solved"], row_of)


def _meets_threshold(values: np.ndarray, threshold: float, metric: str) -> np.ndarray:
    """Return whether values are at least the threshold; if the name of the metric ends in `loss`, at most."""
    met: np.ndarray = values <= threshold if metric.endswith("loss") else values >= threshold
    return met


def _median_epochs(epochs_n: np.ndarray, solved_n: np.ndarray, counts_bn: np.ndarray) -> np.ndarray:
    """Return the product-limit median of each resample, (B,); inf if fewer than half solve.

    Arguments:
        epochs_n: the epochs to solve of n seeds, in ascending order.
        solved_n: whether each seed has solved. Of seeds with equal epochs, those that have come first, since the others
            were still unsolved at that epoch.
        counts_bn: how often each seed occurs in each resample.
    """
    at_risk_bn = np.flip(np.flip(counts_bn, axis=1).cumsum(axis=1), axis=1)
    unsolved_share_bn = np.cumprod(1 - solved_n * counts_bn / np.maximum(at_risk_bn, 1), axis=1)
    half_solved_bn = unsolved_share_bn < 0.5 + 1e-9  # products of fractions miss 0.5 by rounding
    return np.where(half_solved_bn.any(axis=1), epochs_n[half_solved_bn.argmax(axis=1)], np.inf)
