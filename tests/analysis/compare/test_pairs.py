"""Two values of a field compared seed by seed, reached by a second route: by hand, by all resamples."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare import MixedError, estimate, paired, paired_steps
from tests.analysis.compare.seeds import INF, LOSSES, NAN, assert_interval, numbered, runs_with


def two_sizes(first: Iterable[float], second: Iterable[float]) -> pd.DataFrame:
    return numbered(
        runs_with("eval_loss", first, hidden_size=8),
        runs_with("eval_loss", [99.0] * 3, hidden_size=4, cell="gru"),
        runs_with("eval_loss", second, hidden_size=16)[::-1],
    )


def test_seeds_are_compared_with_themselves() -> None:
    first = np.array([1.0, 2, 4, 8, 16, 32, 64])
    steps = np.array([-0.5, -1, -0.75, -0.5, -1, -0.625, 0])
    result = paired(two_sizes([*first, 7], first + steps), "eval_loss", "hidden_size", 8, 16)
    assert (result.field, result.first, result.second, result.metric) == ("hidden_size", 8, 16, "eval_loss")
    assert result.difference == estimate(steps, "mean")
    assert result.difference.value == pytest.approx(-0.625)
    assert result.effect.value == pytest.approx(steps.mean() / steps.std(ddof=1))
    assert (result.lower, result.higher, result.equal, result.n, result.unpaired) == (6, 0, 1, 7, 1)
    assert result.verdict == "lower"
    assert str(result) == (
        "eval_loss at hidden_size 16 minus that at 8 is -0.625 "
        f"[{result.difference.low:#.3g}, {result.difference.high:#.3g}] over 7 common seeds "
        "(left out: 1 with only one of the two): lower"
    )
    assert paired(two_sizes(first + steps, first), "eval_loss", "hidden_size", 8, 16).verdict == "higher"
    middle = paired(two_sizes(first, first + steps), "eval_loss", "hidden_size", 8, 16, "median").difference
    assert middle == estimate(steps, "median")


def test_fields_that_change_together_are_compared_as_one() -> None:
    first, second = [1.0, 2, 4, 8, 16, 32], [0.5, 1.0, 2, 4, 8, 16]
    gru = runs_with("eval_loss", second, cell="gru", hidden_size=9, learning_rate=0.003)
    runs = numbered(runs_with("eval_loss", first, hidden_size=16), gru)
    result = paired(runs, "eval_loss", "cell", "rnn", "gru", together=["hidden_size", "learning_rate"])
    assert result.difference == estimate(np.array(second) - np.array(first), "mean")
    with pytest.raises(MixedError, match=r"differ in hidden_size \(16, 9\)"):
        paired(runs, "eval_loss", "cell", "rnn", "gru", together=["learning_rate"])
    mixed = numbered(runs, runs_with("eval_loss", [3.0], cell="gru", hidden_size=8, seed=9))
    with pytest.raises(MixedError, match=r"differ in hidden_size \(9, 8\)"):
        paired(mixed, "eval_loss", "cell", "rnn", "gru", together=["hidden_size", "learning_rate"])


def test_a_ratio_is_the_geometric_mean_of_the_seeds_ratios() -> None:
    first, ratios = np.array([1e-6, 1e-3, 1, 10, 1e3, 5]), np.array([0.5, 0.2, 0.125, 0.3, 0.26, 0.2502])
    result = paired(two_sizes(first, first * ratios), "eval_loss", "hidden_size", 8, 16, ratio=True)
    logs = estimate(np.log(first * ratios) - np.log(first), "mean")
    assert result.difference.value == pytest.approx(math.prod(ratios) ** (1 / 6))
    assert result.difference.low == pytest.approx(math.exp(logs.low))
    assert result.difference.high == pytest.approx(math.exp(logs.high))
    assert result.difference.statistic == "geometric mean"
    assert result.effect.value == pytest.approx(np.log(ratios).mean() / np.log(ratios).std(ddof=1))
    assert result.verdict == "lower"
    assert str(result).startswith("eval_loss at hidden_size 16 is 0.250 times that at 8 [0.1")
    assert str(result).endswith("] over 6 common seeds: lower")
    around_1 = paired(two_sizes([1] * 6, [0.5, 2, 0.5, 2, 0.8, 1.2]), "eval_loss", "hidden_size", 8, 16, ratio=True)
    assert around_1.verdict == "undecided"
    assert str(around_1).endswith("over 6 common seeds: undecided")


@pytest.mark.parametrize(
    ("better", "n", "said"), [(3, 10, "undecided"), (5, 10, "undecided"), (6, 10, "higher"), (5, 5, "undecided")]
)
def test_solved_seeds_are_decided_by_the_exact_sign_test(better: int, n: int, said: str) -> None:
    """Of seeds that change, all one way: 2 / 2^n of chances (McNemar 1947), however narrow a bootstrap is."""
    result = paired(two_sizes([0.0] * n, [1.0] * better + [0.0] * (n - better)), "eval_loss", "hidden_size", 8, 16)
    assert result.p == pytest.approx(2 / 2**better)
    assert result.verdict == said


def test_chance_is_counted_over_all_signs() -> None:
    steps = np.array([0.5, -0.2, 0.9, 0.4, 0.7, 0.1, 0.3])
    result = paired(two_sizes([1.0] * 7, 1 + steps), "eval_loss", "hidden_size", 8, 16)
    means = [np.mean(np.array(signs) * steps) for signs in itertools.product((-1, 1), repeat=7)]
    assert result.p == pytest.approx(np.mean(np.abs(means) >= abs(steps.mean()) - 1e-12))


def test_few_pairs_decide_nothing() -> None:
    result = paired(two_sizes([1, 2, 3, 4], [0.1, 0.2, 0.3, NAN]), "eval_loss", "hidden_size", 8, 16)
    assert result.difference.high < 0
    assert (result.n, result.difference.missing, result.unpaired) == (3, 1, 0)
    assert str(result).endswith("over 3 common seeds (left out: 1 without a number): undecided (few seeds)")


def test_the_effects_interval_is_that_of_all_resamples() -> None:
    steps = np.array([1.0, 2, 2, 3, 5])
    result = paired(two_sizes([0] * 5, steps), "eval_loss", "hidden_size", 8, 16)
    assert result.effect.value == pytest.approx(2.6 / math.sqrt(2.3))
    draws = itertools.product(steps, repeat=5)
    assert_interval(result.effect, np.array([np.mean(d) / np.std(d, ddof=1) if np.ptp(d) else INF for d in draws]))
    assert (result.effect.statistic, result.effect.n) == ("d_z", 5)


@pytest.mark.parametrize(("step", "effect"), [(0.5, INF), (-0.5, -INF), (0, 0)])
def test_the_effect_of_the_same_difference_in_all_pairs(step: float, effect: float) -> None:
    result = paired(two_sizes([1] * 6, [1 + step] * 6), "eval_loss", "hidden_size", 8, 16)
    assert result.effect.value == result.effect.low == result.effect.high == effect
    assert result.difference.low == result.difference.high == step
    assert result.verdict == {INF: "higher", -INF: "lower", 0: "undecided"}[effect]


def test_a_comparison_needs_two_pairs() -> None:
    two = paired(two_sizes([1, 2], [2, 4]), "eval_loss", "hidden_size", 8, 16)
    assert (two.n, two.verdict) == (2, "undecided")
    with pytest.raises(
        ValueError, match=r"have 1 seed with eval_loss in common; allowed: 2 or more; train both .* 6 of"
    ):
        paired(two_sizes([1, 2], [2, INF]), "eval_loss", "hidden_size", 8, 16)
    with pytest.raises(ValueError, match="have 0 seeds with"):
        paired(two_sizes([1], [NAN]), "eval_loss", "hidden_size", 8, 16)


@pytest.mark.parametrize(("first", "second"), [(8, 8), (8, 32), ("8", "16")])
def test_a_comparison_needs_two_values_that_runs_have(first: object, second: object) -> None:
    with pytest.raises(ValueError, match=f"are {first!r} and {second!r}; allowed: two different values of 8, 4, 16"):
        paired(two_sizes([1, 2], [1, 2]), "eval_loss", "hidden_size", first, second)


@pytest.mark.parametrize("value", [0, -0.5])
def test_a_ratio_needs_numbers_above_0(value: float) -> None:
    with pytest.raises(ValueError, match=rf"eval_loss is {value:g} in a run; allowed with ratio=True: above 0"):
        paired(two_sizes([1, 2], [1, value]), "eval_loss", "hidden_size", 8, 16, ratio=True)


def test_pairs_are_of_the_same_data_seed_too_and_may_differ_in_window_with_their_length() -> None:
    short = [runs_with("eval_loss", [1, 2, 3], length=15, window=14, data_seed=n) for n in (0, 1)]
    long = runs_with("eval_loss", [2, 4, 6], length=30, window=29, data_seed=1)
    result = paired(numbered(*short, long), "eval_loss", "length", 15, 30)
    assert (result.n, result.unpaired, result.difference.value) == (3, 3, 2)


@given(st.lists(st.tuples(LOSSES, LOSSES), min_size=2, max_size=8))
def test_the_other_way_round_the_difference_has_the_other_sign(pairs: list[tuple[float, float]]) -> None:
    one, other = zip(*pairs, strict=True)
    there = paired(two_sizes(one, other), "eval_loss", "hidden_size", 8, 16)
    back = paired(two_sizes(one, other), "eval_loss", "hidden_size", 16, 8)
    assert there.difference.value == pytest.approx(-back.difference.value)
    assert there.effect.value == pytest.approx(-back.effect.value)
    assert (there.lower, there.higher, there.equal) == (back.higher, back.lower, back.equal)
    assert there.difference.low <= there.difference.value <= there.difference.high
    assert there.effect.low <= there.effect.high


def test_the_same_numbers_come_out_again() -> None:
    once, again = (
        paired(two_sizes(range(9), [3, 1, 4, 1, 5, 9, 2, 6, 5]), "eval_loss", "hidden_size", 8, 16) for _ in range(2)
    )
    assert once == again


def grid_with_gaps() -> pd.DataFrame:
    """abc at 4, 8 and 16 units, aab at 4 and 16 and with one seed at 8; epochs 20 throughout."""
    return numbered(
        runs_with("eval_loss", [8.0, 6, 7], hidden_size=16),
        runs_with("eval_loss", [1.0, 2, 3], hidden_size=4),
        runs_with("eval_loss", [2.0, 4, INF], hidden_size=8),
        runs_with("eval_loss", [1.0, 1], hidden_size=4, pattern="aab"),
        runs_with("eval_loss", [5.0, NAN], hidden_size=8, pattern="aab"),
        runs_with("eval_loss", [3.0, 4], hidden_size=16, pattern="aab"),
    )


def test_numbers_are_compared_with_the_next_greater_in_each_setting_of_the_others() -> None:
    found = paired_steps(grid_with_gaps(), "eval_loss", "hidden_size")
    assert list(found) == ["abc: 4 to 8 units", "abc: 8 to 16 units"], "a single seed of aab at 8 lies between"
    first, second = found.values()
    assert (first.difference.value, first.n, first.difference.missing, first.unpaired) == (1.5, 2, 1, 0)
    assert second.difference.value == np.mean([8 - 2, 6 - 4])
    without = grid_with_gaps().query("pattern != 'aab' or hidden_size != 8")
    assert list(paired_steps(without, "eval_loss", "hidden_size"))[2:] == ["aab: 4 to 16 units"]
    assert paired_steps(without, "eval_loss", "hidden_size", ratio=True)["aab: 4 to 16 units"].difference.value == (
        pytest.approx(math.sqrt(3 * 4))
    )


def test_names_are_compared_each_with_each_and_truths_by_their_shares() -> None:
    cells = [
        runs_with("right", right, cell=cell) for cell, right in (("rnn", [0, 0]), ("gru", [1, 0]), ("lstm", [1, 1]))
    ]
    runs = numbered(*cells)
    found = paired_steps(runs.assign(right=runs["right"].astype(bool)), "right", "cell")
    assert {label: pair.difference.value for label, pair in found.items()} == {
        "rnn to gru": 0.5,
        "rnn to lstm": 1,
        "gru to lstm": 0.5,
    }
    rates = numbered(*(runs_with("eval_loss", [1, 2], learning_rate=rate) for rate in (0.1, 0.01)))
    assert list(paired_steps(rates, "eval_loss", "learning_rate")) == ["learning rate 0.01 to 0.1"]


def test_steps_need_two_seeds_and_runs_that_count_once() -> None:
    single = numbered(runs_with("eval_loss", [1], hidden_size=4), runs_with("eval_loss", [2], hidden_size=8))
    assert (
        paired_steps(single, "eval_loss", "hidden_size") == paired_steps(single[:0], "eval_loss", "hidden_size") == {}
    )
    with pytest.raises(MixedError, match="would count twice"):
        paired_steps(numbered(grid_with_gaps(), grid_with_gaps()), "eval_loss", "hidden_size")
    with pytest.raises(ValueError, match="no column 'nothing'"):
        paired_steps(single, "nothing", "hidden_size")
    zero = numbered(runs_with("eval_loss", [1, 1], hidden_size=4), runs_with("eval_loss", [0, 1], hidden_size=8))
    with pytest.raises(ValueError, match="eval_loss is 0 in a run; allowed with ratio=True: above 0"):
        paired_steps(zero, "eval_loss", "hidden_size", ratio=True)
