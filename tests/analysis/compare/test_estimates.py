"""Estimates, reached by a second route: by all resamples, by the papers' equations."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from analysis.compare import FEW_SEEDS, Estimate, estimate, share, verdict
from analysis.compare.estimates import percentile_interval
from tests.analysis.compare.seeds import INF, LOSSES, NAN, all_resamples


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (Estimate(0.02551, 0.024, 0.0783, 10, 0, "median", 0.95), "0.0255 [0.0240, 0.0783] (median of 10 seeds)"),
        (
            Estimate(0.02551, 0.024, 0.0783, 10, 1, "mean", 0.95),
            "0.0255 [0.0240, 0.0783] (mean of 10 seeds; 1 of 11 has none)",
        ),
        (
            Estimate(1, 0.5, INF, 4, 2, "median", 0.95),
            "1.00 [0.500, inf] (median of 4 seeds; 2 of 6 have none; few seeds)",
        ),
        (Estimate(0.02551, NAN, NAN, 1, 0, "median", 0.95), "0.0255 (one seed: no interval)"),
        (Estimate(250, NAN, NAN, 1, 3, "median", 0.95), "250 (one seed: no interval; 3 of 4 have none)"),
        (Estimate(NAN, NAN, NAN, 0, 3, "median", 0.95), "none"),
        (share([True]), "1.00 [0.207, 1.00] (share of 1 seed; few seeds)"),
    ],
)
def test_an_estimate_says_its_interval_and_how_few_seeds_it_rests_on(number: Estimate, said: str) -> None:
    assert str(number) == said


def test_few_seeds_are_fewer_than_six() -> None:
    assert FEW_SEEDS == 6
    assert estimate(range(5)).has_few_seeds
    assert not estimate(range(6)).has_few_seeds


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_the_medians_interval_is_that_of_all_resamples(level: float) -> None:
    values = [0.5, 3, 1, 8, 2, 2.5]
    found = estimate(values, "median", level)
    medians = np.median(all_resamples(values), axis=1)
    assert found.value == 2.25
    assert (found.low, found.high) == tuple(np.quantile(medians, [(1 - level) / 2, (1 + level) / 2]))
    assert (found.n, found.missing, found.statistic, found.level) == (6, 0, "median", level)


def test_the_means_interval_is_bca_of_all_resamples() -> None:
    values = np.array([1, 2, 2.5, 4, 30])
    found = estimate(values, "mean")
    # Efron & Tibshirani (1993), equations 14.9 to 14.15, a resample of the same mean counted by half.
    means = all_resamples(values).mean(axis=1)
    bias = stats.norm.ppf(np.mean(means < values.mean()) + np.mean(means == values.mean()) / 2)
    left_out = np.array([np.delete(values, i).mean() for i in range(5)])
    apart = left_out.mean() - left_out
    skew = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    low, high = np.quantile(means, stats.norm.cdf(bias + z / (1 - skew * z)))
    assert found.value == pytest.approx(7.9)
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.03)
    percentile = np.quantile(means, [0.025, 0.975])
    assert found.high > 1.1 * percentile[1]  # the tail on the right is seen


@pytest.mark.parametrize(("statistic", "least", "most"), [("median", 0.91, 0.97), ("mean", 0.86, 0.94)])
def test_intervals_hold_the_truth_about_as_often_as_the_docstring_says(
    statistic: str, least: float, most: float
) -> None:
    values = np.random.default_rng(6).normal(3, 1, (400, 10))
    found = [estimate(row, statistic) for row in values]
    assert least < np.mean([one.low <= 3 <= one.high for one in found]) < most


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_estimates_of_none_one_and_two(statistic: str) -> None:
    none, one, two = (estimate(values, statistic) for values in ([], [0.5], [0.5, 1.5]))
    assert np.isnan([none.value, none.low, none.high, one.low, one.high]).all()
    assert (none.n, one.n, two.n) == (0, 1, 2)
    assert one.value == 0.5
    assert (two.value, two.low, two.high) == (1, 0.5, 1.5)


@pytest.mark.parametrize("level", [0.95, 0.9, 0.5])
def test_the_edges_of_a_percentile_interval_cut_off_as_much_on_either_side(level: float) -> None:
    draws_bk = np.random.default_rng(0).permuted(np.tile(np.arange(1000.0), (2, 1)), axis=1).T
    low_k, high_k = percentile_interval(draws_bk, level)
    assert low_k.tolist() == pytest.approx([999 * (1 - level) / 2] * 2, abs=1)
    assert high_k.tolist() == (999 - low_k).tolist(), "a tail is as long below as above"
    assert percentile_interval(np.array([1.0, INF, 0.0, INF]), level) == (0, INF), "no middle of infinite ones"


@pytest.mark.parametrize("n", [2, 3, 9, 10])
@pytest.mark.parametrize("level", [0.95, 0.6])
def test_the_medians_interval_is_that_of_scipys_bootstrap(n: int, level: float) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    draws = {"random_state": np.random.default_rng(0), "n_resamples": 9999, "confidence_level": level}
    other = stats.bootstrap((values,), np.median, method="percentile", **draws).confidence_interval
    found = estimate(values, "median", level)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=0.02)


def test_nan_and_infinite_values_are_missing() -> None:
    found = estimate([NAN, 2, INF, 1, 3, -INF])
    assert (found.value, found.n, found.missing) == (2, 3, 3)
    assert (estimate([NAN, INF]).n, estimate([NAN, INF]).missing) == (0, 2)


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_equal_values_have_an_interval_of_no_width(statistic: str) -> None:
    found = estimate([0.1] * 7, statistic)
    assert found.value == found.low == found.high == 0.1


def test_a_narrow_interval_of_skewed_values_still_holds_the_value() -> None:
    found = estimate([1, 2, 2.5, 4, 30], "mean", 0.02)  # BCa alone moves it off the mean
    assert found.low <= 7.9 <= found.high


def test_values_that_differ_by_rounding_alone_have_an_interval_too() -> None:
    values = [0.1] * 9 + [0.1 + 2**-56]  # SciPy's BCa has none here
    found = estimate(values, "mean")
    assert 0.1 - 1e-15 < found.low <= found.value <= found.high < 0.1 + 1e-15


@given(st.lists(LOSSES, min_size=2, max_size=9), st.sampled_from(["median", "mean"]), st.randoms())
@example([0.1, 0.1, 0.1 + 2**-56], "mean", None)
@example([0.0, 5e-324], "mean", None)
def test_the_value_lies_in_its_interval_in_whichever_order_it_is_given(
    values: list[float], statistic: str, random: Any
) -> None:
    found = estimate(values, statistic)
    assert found.low <= found.value <= found.high
    rounding = 1e-12 * max(values)
    assert min(values) - rounding <= found.low <= found.high <= max(values) + rounding
    if random:
        random.shuffle(values)
    assert estimate(values, statistic) == found


@pytest.mark.parametrize("call", [lambda **k: estimate([1, 2], **k), lambda **k: share([True], **k)])
@pytest.mark.parametrize("level", [0, 1, 95, NAN])
def test_levels_lie_between_0_and_1(call: Callable[..., Any], level: float) -> None:
    with pytest.raises(ValueError, match=f"level is {level}; allowed: numbers between 0 and 1"):
        call(level=level)


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(ValueError, match="statistic is 'mode'; allowed: median, mean"):
        estimate([1, 2], "mode")


@pytest.mark.parametrize(
    ("hits", "n", "level"), [(0, 10, 0.95), (3, 10, 0.95), (10, 10, 0.9), (1, 1, 0.95), (1, 2, 0.5)]
)
def test_a_share_has_wilsons_interval(hits: int, n: int, level: float) -> None:
    found = share([True] * hits + [False] * (n - hits), level)
    # Wilson (1927): the p with (p - hits/n)² = z² p (1 - p) / n.
    z = stats.norm.ppf((1 + level) / 2)
    middle, half = hits / n + z**2 / (2 * n), z * math.sqrt(hits / n * (1 - hits / n) / n + z**2 / (4 * n**2))
    expected = [(middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1)]
    assert [found.low, found.high] == pytest.approx(expected)
    assert found.low <= found.value == hits / n <= found.high
    assert (found.n, found.missing, found.statistic, found.level) == (n, 0, "share", level)


def test_the_share_of_no_seeds_is_none() -> None:
    assert str(share([])) == "none"
    assert share(np.array([True, False])).value == 0.5


@pytest.mark.parametrize(
    ("low", "high", "n", "null", "said"),
    [
        (-2, -1, 6, 0, "lower"),
        (1, 2, 6, 0, "higher"),
        (1, 2, 6, 1, "undecided"),
        (1, 2, 6, 2, "undecided"),
        (1, 2, 6, 3, "lower"),
        (0, 0, 6, 0, "undecided"),
        (1, 2, 5, 0, "undecided"),
        (-2, -1, 5, 0, "undecided"),
        (NAN, NAN, 9, 0, "undecided"),
    ],
)
def test_an_interval_that_holds_the_null_decides_nothing_nor_do_few(
    low: float, high: float, n: int, null: float, said: str
) -> None:
    assert verdict(Estimate((low + high) / 2, low, high, n, 0, "mean", 0.95), null) == said
