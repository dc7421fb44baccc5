"""One number over several seeds, with its interval, and which side of a null it decides for."""

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
"""Fewer seeds than this decide nothing: five pairs all point the same way once in sixteen times by chance alone."""

STATISTICS: dict[str, Callable[..., Any]] = {"median": np.median, "mean": np.mean}

RESAMPLES = 9999


@dataclass(frozen=True)
class Estimate:
    """One number over several seeds, with its interval.

    Attributes:
        value: the number; NaN where no seed has it.
        low: lower end of the interval, NaN where there is none: bootstrap intervals need two seeds.
        high: its upper end.
        n: seeds that have the number.
        missing: runs without it, such as those that diverged. They are left out, which flatters a setting: say so.
        statistic: what the number is, such as "median", "mean" or "share".
        level: how often such an interval should hold the truth, between 0 and 1.
    """

    value: float
    low: float
    high: float
    n: int
    missing: int
    statistic: str
    level: float

    @property
    def few(self) -> bool:
        """Whether there are too few seeds to decide anything."""
        return self.n < FEW_SEEDS

    def __str__(self) -> str:
        if not self.n:
            return "none"
        if math.isnan(self.low):
            text, notes = digits(self.value), ["one seed: no interval"]
        else:
            text = f"{digits(self.value)} [{digits(self.low)}, {digits(self.high)}]"
            notes = [f"{self.statistic} of {self.n} seed{'s' * (self.n != 1)}"]
        if self.missing:
            notes.append(f"{self.missing} of {self.n + self.missing} {'has' if self.missing == 1 else 'have'} none")
        if self.few and not math.isnan(self.low):
            notes.append("few seeds")
        return f"{text} ({'; '.join(notes)})"


def estimate(
    values: Sequence[float] | np.ndarray | pd.Series, statistic: str = "median", level: float = 0.95
) -> Estimate:
    """Return the median or the mean over seeds, with a bootstrap interval.

    The median has the percentile interval, the mean BCa (Efron & Tibshirani 1993, chapters 13 and 14), of 9,999
    resamples. The same values give the same interval, in whichever order. Over few seeds a bootstrap is too sure of
    itself: of normal values, 95 % intervals of the mean hold the truth in 83 % of cases with 5 seeds, 90 % with 10,
    92 % with 20; those of the median in about 94 %.

    Arguments:
        values: one a seed. NaN and infinite ones, of which there is no average, count as missing.
        statistic: `median` or `mean`.
        level: between 0 and 1.

    Raises:
        ValueError: an unknown statistic, or a level out of range.

    Example:
        >>> print(estimate([0.5, 0.25, 0.25, math.nan]))
        0.250 [0.250, 0.500] (median of 3 seeds; 1 of 4 has none; few seeds)
    """
    check_allowed(level, statistic)
    given = np.asarray(values, dtype=np.float64)
    known = np.sort(given[np.isfinite(given)])
    n, missing = len(known), len(given) - len(known)
    if n < 2:
        return Estimate(float(known[0]) if n else math.nan, math.nan, math.nan, n, missing, statistic, level)
    value = low = high = float(known[0])
    if known[0] < known[-1]:
        value = float(STATISTICS[statistic](known))
        low, high = _of_the_mean(known, level) if statistic == "mean" else _of_the_median(known, level)
    # Of a low level and skewed values, BCa may lie on one side of the value.
    return Estimate(value, min(low, value), max(high, value), n, missing, statistic, level)


def share(right: Sequence[bool] | np.ndarray | pd.Series, level: float = 0.95) -> Estimate:
    """Return the share of seeds that got it right, 0 to 1, with the score interval (Wilson 1927).

    Arguments:
        right: one a seed; a run that diverged did not get it right.
        level: between 0 and 1.

    Raises:
        ValueError: a level out of range.

    Example:
        >>> print(share([True] * 10))
        1.00 [0.722, 1.00] (share of 10 seeds)
    """
    check_allowed(level)
    if pd.isna(np.asarray(right, dtype=object)).any():
        raise ValueError("some runs neither got it right nor wrong (NaN); allowed: truths, one a seed")
    n, hits = len(right), int(np.sum(right))
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0, 0, "share", level)
    low, high = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    return Estimate(hits / n, float(low), float(high), n, 0, "share", level)


def verdict(estimate: Estimate, null: float = 0.0) -> str:
    """Return on which side of `null` the interval lies: `lower`, `higher`; `undecided` if on both, or of few seeds."""
    if estimate.few:
        return "undecided"
    return "lower" if estimate.high < null else "higher" if estimate.low > null else "undecided"


def check_allowed(level: float, statistic: str = "median") -> None:
    """Raise ValueError for a statistic that is not known or a level out of range."""
    if statistic not in STATISTICS:
        raise ValueError(f"statistic is {statistic!r}; allowed: {', '.join(STATISTICS)}")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; allowed: numbers between 0 and 1, such as 0.95")


def counts(n: int, times: int) -> np.ndarray:
    """Return how often each of n seeds is drawn in each resample of n, always the same draws: (times, n)."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=times)


def edges(resampled: np.ndarray, level: float) -> tuple[Any, Any]:
    """Return the percentile interval along the first axis. Its ends are resamples: between infinite ones lies none."""
    last = len(resampled) - 1
    ends = math.floor((1 - level) / 2 * last), math.ceil((1 + level) / 2 * last)
    ordered = np.partition(resampled, ends, axis=0)
    return ordered[ends[0]], ordered[ends[1]]


def digits(value: float) -> str:
    """Return three digits, the zeros at their end included."""
    return f"{value:#.3g}".rstrip(".")


def _of_the_median(sorted_n: np.ndarray, level: float) -> tuple[float, float]:
    """Return the percentile interval of the median of n values in ascending order."""
    below_b, above_b = _middle_ranks(len(sorted_n))
    tail = (1 - level) / 2
    low, high = np.quantile((sorted_n[below_b] + sorted_n[above_b]) / 2, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=64)  # they are the same for all values, and take ten times as long to draw as to use
def _middle_ranks(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks, 0 to n - 1, of the two values in the middle of each resample of n: (RESAMPLES,) both."""
    drawn_bn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    middles = (n - 1) // 2, n // 2
    ordered_bn = np.partition(drawn_bn, middles, axis=1)
    return ordered_bn[:, middles[0]].copy(), ordered_bn[:, middles[1]].copy()


def _of_the_mean(values: np.ndarray, level: float, method: str = "BCa") -> tuple[float, float]:
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
    if method == "BCa" and not np.isfinite(interval).all():  # values that differ by rounding alone
        return _of_the_mean(values, level, "percentile")
    return float(interval.low), float(interval.high)
