"""Estimates: the median or mean of a metric over several seeds, or the share of seeds that solve, with an interval."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

FEW_SEEDS = 6
"""The number of seeds below which nothing is decided. If two settings do not differ, five pairs of seeds all differ in
the same direction with a probability of 1/16."""

STATISTICS: dict[str, Callable[..., Any]] = {"median": np.median, "mean": np.mean}

RESAMPLES = 9999


@dataclass(frozen=True)
class Estimate:
    """One number over several seeds, with its interval.

    Attributes:
        value: the number; NaN if no seed has a value.
        low: the lower end of the interval; NaN if there is none, because a bootstrap interval needs two seeds.
        high: the upper end of the interval.
        n: the number of seeds that have a value.
        missing: the number of runs that have no value and are left out, for example because they diverged. This makes a
            setting look better than it is, so report it.
        statistic: the kind of number, such as "median", "mean" or "share".
        level: the level of the interval, such as 0.95, between 0 and 1.
    """

    value: float
    low: float
    high: float
    n: int
    missing: int
    statistic: str
    level: float

    @property
    def has_few_seeds(self) -> bool:
        """Whether there are too few seeds to decide anything."""
        return self.n < FEW_SEEDS

    def __str__(self) -> str:
        if not self.n:
            return "none"
        if math.isnan(self.low):
            text, notes = three_digits(self.value), ["one seed: no interval"]
        else:
            text = f"{three_digits(self.value)} [{three_digits(self.low)}, {three_digits(self.high)}]"
            notes = [f"{self.statistic} of {self.n} seed{'s' * (self.n != 1)}"]
        if self.missing:
            notes.append(f"{self.missing} of {self.n + self.missing} {'has' if self.missing == 1 else 'have'} none")
        if self.has_few_seeds and not math.isnan(self.low):
            notes.append("few seeds")
        return f"{text} ({'; '.join(notes)})"


def estimate(
    values: Sequence[float] | np.ndarray | pd.Series, statistic: str = "median", level: float = 0.95
) -> Estimate:
    """Return the median or the mean over seeds, with a bootstrap interval from 9,999 resamples.

    The median has the percentile interval, the mean the BCa interval (Efron & Tibshirani 1993, chapters 13 and 14). The
    interval does not depend on the order of the values, and is the same at each call. Over few seeds it is too narrow:
    of normal values, 95 % intervals of the mean hold the true mean in 83 % of cases with 5 seeds, in 90 % with 10, and
    in 92 % with 20; those of the median do so in about 94 %.

    Arguments:
        values: one value per seed. NaN and infinite values count as missing.
        statistic: `median` or `mean`.
        level: the level of the interval, between 0 and 1.

    Raises:
        ValueError: an unknown statistic, or a level out of range.

    Example:
        >>> print(estimate([0.5, 0.25, 0.25, math.nan]))
        0.250 [0.250, 0.500] (median of 3 seeds; 1 of 4 has none; few seeds)
    """
    check_level(level)
    check_statistic(statistic)
    all_values = np.asarray(values, dtype=np.float64)
    sorted_n = np.sort(all_values[np.isfinite(all_values)])
    n, missing = len(sorted_n), len(all_values) - len(sorted_n)
    if n < 2:
        return Estimate(float(sorted_n[0]) if n else math.nan, math.nan, math.nan, n, missing, statistic, level)
    value = low = high = float(sorted_n[0])
    if sorted_n[0] < sorted_n[-1]:
        value = float(STATISTICS[statistic](sorted_n))
        interval_of = _interval_of_mean if statistic == "mean" else _interval_of_median
        low, high = interval_of(sorted_n, level)
    # With a low level and skewed values, a BCa interval can lie beside the value.
    return Estimate(value, min(low, value), max(high, value), n, missing, statistic, level)


def share(truths: Sequence[bool] | np.ndarray | pd.Series, level: float = 0.95) -> Estimate:
    """Return the share of seeds for which something is true, 0 to 1, with the score interval (Wilson 1927).

    Arguments:
        truths: one truth per seed, such as whether it solved its pattern; False for a run that diverged.
        level: the level of the interval, between 0 and 1.

    Raises:
        ValueError: a level out of range, or a NaN among the truths.

    Example:
        >>> print(share([True] * 10))
        1.00 [0.722, 1.00] (share of 10 seeds)
    """
    check_level(level)
    if pd.isna(np.asarray(truths, dtype=object)).any():
        raise ValueError("the truth of some runs is NaN; allowed: True or False, one for each seed")
    n, count = len(truths), int(np.sum(truths))
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0, 0, "share", level)
    low, high = stats.binomtest(count, n).proportion_ci(level, method="wilson")
    return Estimate(count / n, float(low), float(high), n, 0, "share", level)


def verdict(estimate: Estimate, null: float = 0.0) -> str:
    """Return `lower` or `higher` if the whole interval lies below or above `null`; else, or for few seeds, `undecided`.

    Arguments:
        estimate: the estimate.
        null: the value that means "no difference".
    """
    if estimate.has_few_seeds:
        return "undecided"
    return "lower" if estimate.high < null else "higher" if estimate.low > null else "undecided"


def check_level(level: float) -> None:
    """Raise ValueError for a level out of range."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; allowed: numbers between 0 and 1, such as 0.95")


def check_statistic(statistic: str) -> None:
    """Raise ValueError for an unknown statistic."""
    if statistic not in STATISTICS:
        raise ValueError(f"statistic is {statistic!r}; allowed: {', '.join(STATISTICS)}")


def resample_counts(n: int, resamples: int) -> np.ndarray:
    """Return how often each of n seeds occurs in each bootstrap resample, (resamples, n); the same at each call."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples)


def percentile_interval(resampled: np.ndarray, level: float) -> tuple[Any, Any]:
    """Return the ends of the percentile interval of resampled statistics.

    The ends are values of resamples, without interpolation, because a mean of infinite values would not be defined.

    Arguments:
        resampled: the statistic of each resample, along the first axis.
        level: the level of the interval, between 0 and 1.
    """
    low_rank, high_rank = interval_ranks(len(resampled), level)
    ordered = np.partition(resampled, (low_rank, high_rank), axis=0)
    return ordered[low_rank], ordered[high_rank]


def interval_ranks(resamples: int, level: float) -> tuple[int, int]:
    """Return the ranks, from 0, of the ends of the percentile interval among resampled statistics that ascend."""
    return math.floor((1 - level) / 2 * (resamples - 1)), math.ceil((1 + level) / 2 * (resamples - 1))


def three_digits(value: float) -> str:
    """Return a number with three significant digits, including zeros at the end."""
    return f"{value:#.3g}".rstrip(".")


def _interval_of_median(sorted_n: np.ndarray, level: float) -> tuple[float, float]:
    """Return the percentile interval of the median of n values in ascending order."""
    lower_rank_b, upper_rank_b = _median_ranks(len(sorted_n))
    tail = (1 - level) / 2
    low, high = np.quantile((sorted_n[lower_rank_b] + sorted_n[upper_rank_b]) / 2, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=64)  # the ranks do not depend on the values, and take ten times as long to draw as to use
def _median_ranks(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks, 0 to n - 1, of the two values whose mean is the median of each resample, (RESAMPLES,) each."""
    drawn_bn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    places = (n - 1) // 2, n // 2
    ordered_bn = np.partition(drawn_bn, places, axis=1)
    return ordered_bn[:, places[0]].copy(), ordered_bn[:, places[1]].copy()


def _interval_of_mean(values: np.ndarray, level: float, method: str = "BCa") -> tuple[float, float]:
    """Return the bootstrap interval of the mean, by one of SciPy's methods."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=RESAMPLES,
            confidence_level=level,
            method=method,
            random_state=np.random.default_rng(0),
        ).confidence_interval
    if method == "BCa" and not np.isfinite(interval).all():  # for values that differ only by rounding
        return _interval_of_mean(values, level, "percentile")
    return float(interval.low), float(interval.high)
