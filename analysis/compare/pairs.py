"""Two values of one field, compared over the seeds that both have."""

import math
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.compare.estimates import FEW_SEEDS, RESAMPLES, Estimate, digits, edges, estimate, verdict
from analysis.compare.settings import (
    SEEDS,
    check_columns,
    check_one_setting,
    distinct,
    setting_label,
    settings_within,
    varying,
)

CHANCE = 0.05
"""A difference is decided where chance alone would make one as far from none less often than this."""


@dataclass(frozen=True)
class Paired:
    """Two values of one field, compared seed by seed.

    Attributes:
        field: of TrainConfig, in which the two settings differ.
        first: its value in the one.
        second: its value in the other.
        metric: what is compared.
        difference: the second's metric less the first's, over pairs; or, for a ratio, divided by it.
        effect: Cohen's d_z (1988), the mean difference (of logarithms for a ratio) over its standard deviation, with a
            percentile bootstrap interval. Infinite if all pairs differ by the same, 0 if they do not differ.
        p: how often differences of these sizes, each as likely to be one way as the other, would lie as far from none,
            0 to 1: the two-sided permutation test over all signs (Fisher 1935, section 21), exact up to 13 pairs. It
            guards the verdict, since a bootstrap over few seeds is too sure of itself.
        lower: pairs of which the second's metric is lower.
        higher: pairs of which it is higher.
        equal: pairs of which it is the same.
        unpaired: seeds that only one of the two has.
        ratio: whether the metrics are divided.
    """

    field: str
    first: object
    second: object
    metric: str
    difference: Estimate
    effect: Estimate
    p: float
    lower: int
    higher: int
    equal: int
    unpaired: int
    ratio: bool

    @property
    def n(self) -> int:
        """Pairs of which both have the metric."""
        return self.difference.n

    @property
    def verdict(self) -> str:
        """Whether the second is `lower` or `higher`; `undecided` if its interval holds none, or p >= CHANCE."""
        return verdict(self.difference, 1.0 if self.ratio else 0.0) if self.p < CHANCE else "undecided"

    def __str__(self) -> str:
        value, low, high = (digits(end) for end in (self.difference.value, self.difference.low, self.difference.high))
        of_both = f"is {value} times that at {self.first}" if self.ratio else f"minus that at {self.first} is {value}"
        missing = self.difference.missing
        left_out = [f"{missing} without a number"] if missing else []
        left_out += [f"{self.unpaired} with only one of the two"] if self.unpaired else []
        but = f" (left out: {', '.join(left_out)})" if left_out else ""
        few = " (few seeds)" if self.difference.few else ""
        interval = f"[{low}, {high}] over {self.n} common seeds{but}"
        return f"{self.metric} at {self.field} {self.second} {of_both} {interval}: {self.verdict}{few}"


def paired(
    runs: pd.DataFrame,
    metric: str,
    field: str,
    first: object,
    second: object,
    statistic: str = "mean",
    ratio: bool = False,
) -> Paired:
    """Compare two values of one field over the seeds that both have.

    Arguments:
        runs: one row a run; those with other values of the field are left aside.
        metric: a numeric column of it.
        field: a config field; but for it and their seeds, the runs must be alike.
        first: the value to compare with.
        second: the value that is compared.
        statistic: `mean` or `median` of the differences.
        ratio: compare by the ratio second / first, with the geometric mean: for losses over decades. The logarithms
            are averaged, so metrics must be above 0.

    Raises:
        MixedError: the runs differ in more than the field and their seeds, or one would count twice.
        ValueError: an unknown column, value or statistic; a ratio of numbers that are not above 0; fewer than two
            pairs.
    """
    check_columns(runs, [metric, field])
    if first == second or not {first, second} <= set(runs[field]):
        allowed = f"two different ones of {distinct(runs[field])}"
        raise ValueError(f"{field} is to be {first!r} and {second!r}; allowed: {allowed}")
    both = runs[runs[field].isin([first, second])]
    check_one_setting(both, [field])
    one, other = (both[both[field] == value].set_index(SEEDS)[metric].astype(float) for value in (first, second))
    pairs_n2 = pd.concat([one, other], axis=1, join="inner").to_numpy()
    unpaired = len(both) - 2 * len(pairs_n2)
    known_n2 = pairs_n2[np.isfinite(pairs_n2).all(axis=1)]
    n = len(known_n2)
    if n < 2:
        raise ValueError(
            f"{field} {first!r} and {second!r} have {n} seed{'s' * (n != 1)} with {metric} in common: a difference of "
            f"single runs is an anecdote; train both with at least {FEW_SEEDS} seeds, the same ones"
        )
    if ratio and (known_n2 <= 0).any():
        raise ValueError(f"{metric} is {known_n2.min():g} in a run; allowed with ratio=True: above 0 (or ratio=False)")
    scaled_n2 = np.log(known_n2) if ratio else known_n2
    apart_n = np.sort(scaled_n2[:, 1] - scaled_n2[:, 0])
    difference = replace(estimate(apart_n, statistic), missing=len(pairs_n2) - n)
    if ratio:
        value, low, high = (math.exp(log) for log in (difference.value, difference.low, difference.high))
        name = "geometric mean" if statistic == "mean" else statistic
        difference = replace(difference, value=value, low=low, high=high, statistic=name)
    draws = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    low, high = edges(_effects(apart_n[draws]), difference.level)
    (size,) = _effects(apart_n[None])
    effect = replace(difference, value=float(size), low=low, high=high, statistic="d_z")
    step_n = np.sign(known_n2[:, 1] - known_n2[:, 0])
    lower, higher, equal = (int((step_n == sign).sum()) for sign in (-1, 1, 0))
    return Paired(
        field, first, second, metric, difference, effect, _chance(apart_n), lower, higher, equal, unpaired, ratio
    )


def paired_steps(runs: pd.DataFrame, metric: str, field: str, ratio: bool = False) -> dict[str, Paired]:
    """Compare the values of one field in every setting of the others that vary.

    Arguments:
        runs: one row a run.
        metric: a numeric column of it, or one of truths: then shares of seeds are compared.
        field: a config field. Numbers are each compared with the next greater for which its setting has the metric,
            names each with each that comes after it.
        ratio: see `paired`.

    Returns:
        By label, such as "abc, 8 units: 20 to 100 epochs", the comparisons for which two common seeds or more have the
        metric, settings in order of appearance; empty where there is none. What is missing in a grid is left out.

    Raises:
        MixedError, ValueError: see `paired`.
    """
    check_columns(runs, [metric, field])
    by = [name for name in varying(runs) if name != field]
    each_with_each = not pd.api.types.is_numeric_dtype(runs[field])
    found = {}
    for key, settings in settings_within(runs, by, field):
        known = {value: some[np.isfinite(some[metric].astype(float))] for value, some in settings.items()}
        seeds = {value: set(map(tuple, some[SEEDS].to_numpy())) for value, some in known.items() if len(some)}
        values: list[Any] = list(seeds)
        some = pd.concat(list(settings.values()))
        for first, second in combinations(values, 2) if each_with_each else pairwise(sorted(values)):
            if len(seeds[first] & seeds[second]) > 1:
                step = setting_label({field: f"{first} to {second}"})
                setting = setting_label(key)
                label = f"{setting}: {step}" if setting else step
                found[label] = paired(some, metric, field, first, second, ratio=ratio)
    return found


def _chance(apart_n: np.ndarray) -> float:
    """Return the two-sided p of the permutation test over the signs of n differences."""
    test = stats.permutation_test(
        (apart_n,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        random_state=np.random.default_rng(0),
    )
    return float(test.pvalue)


def _effects(apart_bn: np.ndarray) -> np.ndarray:
    """Return the mean of each row over its standard deviation: (B,)."""
    mean_b, deviation_b = apart_bn.mean(axis=1), apart_bn.std(axis=1, ddof=1)
    # By rounding, the deviation of equal differences is not always 0.
    apart_b = (np.ptp(apart_bn, axis=1) > 0) & (deviation_b > 0)
    effect_b = np.where(mean_b == 0, 0, np.copysign(np.inf, mean_b))
    np.divide(mean_b, deviation_b, out=effect_b, where=apart_b)
    return effect_b
