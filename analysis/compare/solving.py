"""Which runs solve their pattern, and after how many epochs: a run that has not, or not yet, counts too."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.compare.estimates import RESAMPLES, check_allowed, counts, edges, share
from analysis.compare.settings import ESTIMATE, a_row_each, check_columns, epochs_of
from analysis.runs.schema import COMPLETE, End


def solved(runs: pd.DataFrame, threshold: float = 1.0, metric: str = "eval_accuracy") -> pd.Series:
    """Return for each run whether its metric reaches the threshold; without the metric, it does not.

    By default every character of the test is right: of a unit, ten times as many as it was trained on, all beyond
    them. Where what comes is partly random no net can do that: take `whole_strings` there, or a lower threshold.

    Arguments:
        runs: one row a run.
        threshold: the least value that solves; for a metric whose name ends in `loss`, the greatest.
        metric: a numeric column of it.

    Raises:
        ValueError: an unknown column.
    """
    check_columns(runs, [metric])
    return pd.Series(_reaches(runs[metric].to_numpy(np.float64), threshold, metric), runs.index, name="solved")


def solved_share(
    runs: pd.DataFrame, by: str | Sequence[str], threshold: float = 1.0, metric: str = "eval_accuracy"
) -> pd.DataFrame:
    """Return for each setting the share of its seeds that are `solved`, as `over_seeds` does.

    A run that diverged has not solved it. One that was killed, failed or still runs tells neither: it is missing.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column.
    """
    check_columns(runs, ["end", metric])

    def numbers(some: pd.DataFrame) -> dict[str, Any]:
        ended = some["end"].isin(COMPLETE)
        return vars(share(solved(some[ended], threshold, metric))) | {"missing": int((~ended).sum())}

    return a_row_each(runs, by, ESTIMATE, numbers)


def epochs_to_solve(
    runs: pd.DataFrame, curves: pd.DataFrame, threshold: float = 1.0, metric: str = "train_accuracy"
) -> pd.DataFrame:
    """Return the runs with the epochs of training after which each has solved its pattern for good.

    A curve shows at epoch e what e epochs of training came to, so 0 is a net that could do it untrained.

    Arguments:
        runs: one row a run.
        curves: one row a run, metric and epoch.
        threshold: the least value that solves; for a metric whose name ends in `loss`, the greatest.
        metric: of the curves.

    Returns:
        The runs' rows and columns, with two more. epochs_to_solve is the first epoch from which the curve reaches the
        threshold to its end; where there is none, how many epochs the run was watched without success. solved says
        which of the two. A run that diverged never solves, however long it trains: it was watched for all its epochs.

    Raises:
        ValueError: an unknown column or metric, or a run that finished without a curve.
    """
    check_columns(runs, ["end", "epochs"])
    matrix = epochs_of(runs, curves, metric)
    epoch_e, value_ne = matrix.columns.to_numpy(), matrix.to_numpy()
    trained_n = np.where(~np.isnan(value_ne), epoch_e + 1, 0).max(axis=1)
    ends = runs["end"].to_numpy()
    if len(lacking := runs["run_id"].to_numpy()[(trained_n == 0) & (ends == End.FINISHED)]):
        raise ValueError(f"run {lacking[0]} has finished, but the curves hold no {metric} of it; read its curves too")
    after_ne = epoch_e >= trained_n[:, None]
    reached_ne = _reaches(value_ne, threshold, metric) | after_ne
    steady_ne = np.flip(np.logical_and.accumulate(np.flip(reached_ne, axis=1), axis=1), axis=1) & ~after_ne
    solved_n = steady_ne.any(axis=1) & (ends != End.DIVERGED)
    watched_n = np.where(ends == End.DIVERGED, runs["epochs"], trained_n)
    return runs.assign(
        epochs_to_solve=np.where(solved_n, epoch_e[steady_ne.argmax(axis=1)], watched_n), solved=solved_n
    )


def time_to_solve(table: pd.DataFrame, by: str | Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """Return for each setting the median epochs to solve; seeds that have not solved count as taking longer.

    The median is the first epoch by which half of the seeds have solved, by the product-limit estimate (Kaplan &
    Meier 1958), and inf where fewer do. Its interval is the percentile bootstrap's over seeds (Efron 1981). Where no
    seed solves it is [inf, inf]; `solved_share` says how sure that is.

    Arguments:
        table: from `epochs_to_solve`.
        by: the columns that tell the settings apart; none for a single setting.
        level: between 0 and 1.

    Returns:
        One row a setting, in order of appearance: the by columns; value, low and high in epochs; n; how many solved.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column, or a level out of range.
    """
    check_allowed(level)
    check_columns(table, ["epochs_to_solve", "solved"])

    def numbers(some: pd.DataFrame) -> dict[str, Any]:
        ordered = some.sort_values(["epochs_to_solve", "solved"], ascending=[True, False])
        time_n, solved_n, n = ordered["epochs_to_solve"].to_numpy(), ordered["solved"].to_numpy(bool), len(some)
        (value,) = _median_time(time_n, solved_n, np.ones((1, n), dtype=np.int64))
        low, high = edges(_median_time(time_n, solved_n, counts(n, RESAMPLES)), level) if n > 1 else [math.nan] * 2
        return {"value": value, "low": low, "high": high, "n": n, "solved": int(solved_n.sum())}

    return a_row_each(table, by, ["value", "low", "high", "n", "solved"], numbers)


def _reaches(values: np.ndarray, threshold: float, metric: str) -> np.ndarray:
    reached: np.ndarray = values <= threshold if metric.endswith("loss") else values >= threshold
    return reached


def _median_time(time_n: np.ndarray, solved_n: np.ndarray, counts_bn: np.ndarray) -> np.ndarray:
    """Return the first times by which half have solved, inf where fewer do, each seed counted so often: (B,).

    Times ascend; of equal ones those that solved come first, since they were watched until then.
    """
    at_risk_bn = np.flip(np.flip(counts_bn, axis=1).cumsum(axis=1), axis=1)
    left_bn = np.cumprod(1 - solved_n * counts_bn / np.maximum(at_risk_bn, 1), axis=1)
    half_bn = left_bn < 0.5 + 1e-9  # products of fractions miss a half by rounding
    return np.where(half_bn.any(axis=1), time_n[half_bn.argmax(axis=1)], np.inf)
