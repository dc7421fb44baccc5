"""Two values of one field, compared over the seeds that both have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.compare.estimates import (
    FEW_SEEDS,
    RESAMPLES,
    Estimate,
    estimate,
    percentile_interval,
    three_digits,
    verdict,
)
from analysis.compare.labels import setting_label
from analysis.compare.settings import (
    SEEDS,
    check_columns,
    check_one_setting,
    grouped_settings,
    list_distinct,
    varying,
)

SIGNIFICANCE_LEVEL = 0.05
"""A difference is decided only if its p is below this."""


@dataclass(frozen=True)
class Paired:
    """Two values of one field, compared seed by seed.

    A pair is two runs with the same seeds, one with each of the two values.

    Attributes:
        field: the field of TrainConfig in which the two settings differ.
        first: the value of the field that is the reference.
        second: the value of the field that is compared with it.
        metric: the metric that is compared.
        difference: the estimate, over the pairs, of the metric at `second` minus that at `first`; with `ratio`, of the
            metric at `second` divided by that at `first`.
        effect: Cohen's d_z (1988) with a percentile bootstrap interval: the mean of the differences (with `ratio`, of
            their logarithms) divided by their standard deviation. It is infinite if all pairs have the same difference,
            and 0 if the difference is 0.
        p: the two-sided p-value, 0 to 1, of the permutation test over all signs of the differences (Fisher 1935,
            section 21): the probability of a mean at least as far from 0 if each difference had either sign with equal
            probability. It is exact up to 13 pairs. The verdict depends on it, too, since bootstrap intervals over few
            seeds are too narrow.
        lower: the number of pairs in which the metric at `second` is lower.
        higher: the number of pairs in which it is higher.
        equal: the number of pairs in which it is the same.
        unpaired: the number of runs whose seeds only one of the two settings has.
        ratio: whether the metrics are compared by their ratio.
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
        """The number of pairs in which both runs have the metric."""
        return self.difference.n

    @property
    def verdict(self) -> str:
        """Whether the metric at `second` is `lower` or `higher`.

        It is `undecided` if the interval includes "no difference", if p is not below SIGNIFICANCE_LEVEL, or if there
        are few seeds.
        """
        no_difference = 1.0 if self.ratio else 0.0
        return verdict(self.difference, no_difference) if self.p < SIGNIFICANCE_LEVEL else "undecided"

    def __str__(self) -> str:
        numbers = self.difference.value, self.difference.low, self.difference.high
        value, low, high = map(three_digits, numbers)
        comparison = (
            f"is {value} times that at {self.first}" if self.ratio else f"minus that at {self.first} is {value}"
        )
        missing = self.difference.missing
        left_out = [f"{missing} without a number"] if missing else []
        left_out += [f"{self.unpaired} with only one of the two"] if self.unpaired else []
        note = f" (left out: {', '.join(left_out)})" if left_out else ""
        few = " (few seeds)" if self.difference.has_few_seeds else ""
        interval = f"[{low}, {high}] over {self.n} common seeds{note}"
        return f"{self.metric} at {self.field} {self.second} {comparison} {interval}: {self.verdict}{few}"


def paired(
    runs: pd.DataFrame,
    metric: str,
    field: str,
    first: object,
    second: object,
    statistic: str = "mean",
    ratio: bool = False,
    together: Sequence[str] = (),
) -> Paired:
    """Compare two values of one field over the seeds that both have in common.

    Arguments:
        runs: one row per run; runs with other values of the field are ignored.
        metric: a numeric column of `runs`.
        field: a field of TrainConfig. The runs may differ only in this field and their seeds.
        first: the value that is the reference.
        second: the value that is compared with it.
        statistic: the statistic of the differences, `mean` or `median`.
        ratio: whether to compare by the ratio second / first, with the geometric mean. It suits losses, which differ by
            powers of ten. The metrics must be above 0, since their logarithms are averaged.
        together: fields that change together with `field`, such as the hidden size that is fitted to each cell.

    Raises:
        MixedError: the runs differ in more than these fields and their seeds, or have the same seeds.
        ValueError: an unknown column, value or statistic; a ratio of numbers that are not above 0; fewer than two
            pairs.
    """
    pairs_n2, unpaired = _pair_runs(runs, metric, field, first, second, together)
    finite_n2 = pairs_n2[np.isfinite(pairs_n2).all(axis=1)]
    n = len(finite_n2)
    if n < 2:
        raise ValueError(
            f"{field} {first!r} and {second!r} have {n} seed{'s' * (n != 1)} with {metric} in common; allowed: 2 or "
            f"more; train both with the same seeds, at least {FEW_SEEDS} of them"
        )
    if ratio and (finite_n2 <= 0).any():
        raise ValueError(f"{metric} is {finite_n2.min():g} in a run; allowed with ratio=True: above 0 (or ratio=False)")
    scaled_n2 = np.log(finite_n2) if ratio else finite_n2
    difference_n = np.sort(scaled_n2[:, 1] - scaled_n2[:, 0])
    difference = replace(estimate(difference_n, statistic), missing=len(pairs_n2) - n)
    effect, p = _effect(difference_n, difference), _p_value(difference_n)
    if ratio:
        value, low, high = (math.exp(log) for log in (difference.value, difference.low, difference.high))
        statistic_of_ratios = "geometric mean" if statistic == "mean" else statistic
        difference = replace(difference, value=value, low=low, high=high, statistic=statistic_of_ratios)
    sign_n = np.sign(finite_n2[:, 1] - finite_n2[:, 0])
    lower, higher, equal = (int((sign_n == sign).sum()) for sign in (-1, 1, 0))
    return Paired(field, first, second, metric, difference, effect, p, lower, higher, equal, unpaired, ratio)


def _pair_runs(
    runs: pd.DataFrame, metric: str, field: str, first: object, second: object, together: Sequence[str]
) -> tuple[np.ndarray, int]:
    """Return the metric of each pair of runs, at `first` and at `second`, (N, 2), and the number of unpaired runs.

    The arguments and the errors are those of `paired`.
    """
    check_columns(runs, [metric, field])
    if first == second or not {first, second} <= set(runs[field]):
        allowed = f"two different values of {list_distinct(runs[field])}"
        raise ValueError(f"the values of {field} to compare are {first!r} and {second!r}; allowed: {allowed}")
    compared_runs = runs[runs[field].isin([first, second])]
    check_one_setting(compared_runs, [field, *together])
    for value in (first, second):
        check_one_setting(compared_runs[compared_runs[field] == value])
    metrics = [
        compared_runs[compared_runs[field] == value].set_index(SEEDS)[metric].astype(float) for value in (first, second)
    ]
    pairs_n2 = pd.concat(metrics, axis=1, join="inner").to_numpy()
    return pairs_n2, len(compared_runs) - 2 * len(pairs_n2)


def paired_steps(runs: pd.DataFrame, metric: str, field: str, ratio: bool = False) -> dict[str, Paired]:
    """Compare values of one field within each setting of the other fields that vary.

    Arguments:
        runs: one row per run.
        metric: a numeric column of `runs`, or one of truths, whose shares are compared then.
        field: a field of TrainConfig. A number is compared with the next greater one for which runs have the metric; a
            text is compared with each that comes after it.
        ratio: see `paired`.

    Returns:
        The comparisons by label, such as "abc, 8 units: 20 to 100 epochs", in the order in which the settings appear.
        A comparison needs two common seeds whose runs have the metric; those with fewer are left out.

    Raises:
        MixedError, ValueError: see `paired`.
    """
    check_columns(runs, [metric, field])
    by = [name for name in varying(runs) if name != field]
    is_number = pd.api.types.is_numeric_dtype(runs[field])
    comparisons = {}
    for setting, runs_by_value in grouped_settings(runs, by, field):
        seeds_by_value = {}
        for value, runs_of_value in runs_by_value.items():
            has_metric = np.isfinite(runs_of_value[metric].astype(float))
            seeds_by_value[value] = set(map(tuple, runs_of_value.loc[has_metric, SEEDS].to_numpy()))
        values: list[Any] = [value for value, seeds in seeds_by_value.items() if seeds]
        runs_of_setting = pd.concat(list(runs_by_value.values()))
        for first, second in pairwise(sorted(values)) if is_number else combinations(values, 2):
            if len(seeds_by_value[first] & seeds_by_value[second]) > 1:
                step_label = setting_label({field: f"{first} to {second}"})
                label = f"{setting_label(setting)}: {step_label}" if setting else step_label
                comparisons[label] = paired(runs_of_setting, metric, field, first, second, ratio=ratio)
    return comparisons


def _p_value(difference_n: np.ndarray) -> float:
    """Return the two-sided p-value of the permutation test over the signs of n differences."""
    test = stats.permutation_test(
        (difference_n,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        random_state=np.random.default_rng(0),
    )
    return float(test.pvalue)


def _effect(difference_n: np.ndarray, difference: Estimate) -> Estimate:
    """Return Cohen's d_z of n differences with its percentile bootstrap interval.

    Arguments:
        difference_n: the differences, or the differences of logarithms.
        difference: their estimate, whose n, missing and level are those of the effect.
    """
    n = len(difference_n)
    draws_bn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    low, high = percentile_interval(_effect_sizes(difference_n[draws_bn]), difference.level)
    (effect_size,) = _effect_sizes(difference_n[None])
    return replace(difference, value=float(effect_size), low=low, high=high, statistic="d_z")


def _effect_sizes(difference_bn: np.ndarray) -> np.ndarray:
    """Return the mean of each row divided by its standard deviation, (B,); see `Paired.effect`."""
    mean_b, deviation_b = difference_bn.mean(axis=1), difference_bn.std(axis=1, ddof=1)
    # By rounding, the standard deviation of equal differences is not always 0.
    varies_b = (np.ptp(difference_bn, axis=1) > 0) & (deviation_b > 0)
    effect_b = np.where(mean_b == 0, 0, np.copysign(np.inf, mean_b))
    np.divide(mean_b, deviation_b, out=effect_b, where=varies_b)
    return effect_b
