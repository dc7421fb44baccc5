"""What settings come to over their seeds, reached by a second route: by hand, by all resamples, by textbooks."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.compare import (
    SEED_FIELDS,
    SMALL,
    Estimate,
    MixedError,
    bands,
    epochs_to_solve,
    estimate,
    over_seeds,
    paired,
    share,
    solved,
    solved_share,
    survival,
    time_to_solve,
    varying,
    verdict,
)
from rnn_core.config import TrainConfig

NAN, INF = math.nan, math.inf
LOSSES = st.floats(0, 1e6) | st.sampled_from([0.0, 1.0, 0.1, 0.1 + 2**-56])


def runs_with(metric: str, values: Iterable[float], end: str = "finished", **fields: Any) -> pd.DataFrame:
    """One run a value, with seeds 0, 1, ..."""
    rows = [
        {"end": end, **dataclasses.asdict(TrainConfig()), "seed": seed, **fields, metric: value}
        for seed, value in enumerate(values)
    ]
    return numbered(pd.DataFrame(rows))


def numbered(*tables: pd.DataFrame) -> pd.DataFrame:
    runs = pd.concat(tables, ignore_index=True)
    runs["run_id"] = [f"run{number}" for number in range(len(runs))]
    return runs


def curves_with(*curves: Sequence[float], metric: str = "train_accuracy") -> pd.DataFrame:
    """The curves of run0, run1, ..."""
    rows = [(f"run{n}", epoch, metric, value) for n, curve in enumerate(curves) for epoch, value in enumerate(curve)]
    table = pd.DataFrame(rows, columns=["run_id", "epoch", "metric", "value"])
    return table.astype({"run_id": "category", "metric": "category"})


def watched(times: Sequence[int], solved: Sequence[bool], **fields: Any) -> pd.DataFrame:
    """What epochs_to_solve would return."""
    return runs_with("epochs_to_solve", times, **fields).assign(solved=list(solved))


# How an estimate is said


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


def test_few_seeds_are_fewer_than_five() -> None:
    assert SMALL == 5
    assert estimate(range(4)).few
    assert not estimate(range(5)).few


# The bootstrap


def all_resamples(values: Sequence[float]) -> np.ndarray:
    return np.array(list(itertools.product(values, repeat=len(values))))


def assert_interval(found: Any, resampled: np.ndarray, level: float = 0.95) -> None:
    """Check that an interval cuts off the tails of all resamples, but for the chance of drawing some of them."""
    for end, tail in ((found.low, (1 - level) / 2), (found.high, (1 + level) / 2)):
        rounding = 1e-9 * abs(end)
        assert np.mean(resampled < end - rounding) - 0.03 < tail < np.mean(resampled <= end + rounding) + 0.03


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


@settings(max_examples=60, deadline=None)
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
    with pytest.raises(ValueError, match="'mode'"):
        bands(runs_with("eval_loss", [1]), curves_with([1]), (), "train_accuracy", "mode")


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
        (-2, -1, 5, 0, "lower"),
        (1, 2, 5, 0, "higher"),
        (1, 2, 5, 1, "undecided"),
        (1, 2, 5, 2, "undecided"),
        (1, 2, 5, 3, "lower"),
        (0, 0, 5, 0, "undecided"),
        (1, 2, 4, 0, "undecided"),
        (-2, -1, 4, 0, "undecided"),
        (NAN, NAN, 9, 0, "undecided"),
    ],
)
def test_an_interval_that_holds_the_null_decides_nothing_nor_do_few(
    low: float, high: float, n: int, null: float, said: str
) -> None:
    assert verdict(Estimate((low + high) / 2, low, high, n, 0, "mean", 0.95), null) == said


# What is one setting


def test_varying_names_the_fields_in_the_order_of_the_config() -> None:
    runs = numbered(
        runs_with("eval_loss", [1, 2], clip=1.0, cell="gru", device="cuda", data_seed=3, threads=2),
        runs_with("eval_loss", [1, 2]),
    )
    assert varying(runs) == ["cell", "clip"]
    assert varying(runs[:2]) == varying(runs[:0]) == []
    assert {"seed", "data_seed", "device", "threads"} == set(SEED_FIELDS)


def test_a_window_as_long_as_what_was_drawn_does_not_vary() -> None:
    # Reber's longest string, which the whole window holds, has 39 characters in one draw and 31 in another.
    drawn = [runs_with("eval_loss", [1, 2], pattern="reber", data_seed=n, window=w) for n, w in ((0, 39), (1, 31))]
    assert varying(numbered(*drawn)) == []
    cut = runs_with("eval_loss", [1, 2], pattern="reber", window=8)
    assert varying(numbered(*drawn, cut)) == ["window"]


@pytest.mark.parametrize(
    "pool",
    [
        lambda runs: over_seeds(runs, "eval_loss", "cell"),
        lambda runs: solved_share(runs, ["cell"], metric="eval_loss"),
        lambda runs: bands(runs, curves_with(*[[1]] * len(runs)), "cell", "train_accuracy"),
        lambda runs: time_to_solve(runs.assign(epochs_to_solve=3, solved=True), "cell"),
        lambda runs: survival(runs[runs["cell"] == "rnn"].assign(epochs_to_solve=3, solved=True)),
        lambda runs: paired(runs, "eval_loss", "cell", "rnn", "gru"),
    ],
    ids=["over_seeds", "solved_share", "bands", "time_to_solve", "survival", "paired"],
)
def test_runs_of_several_settings_are_not_pooled_nor_is_one_counted_twice(pool: Callable[[pd.DataFrame], Any]) -> None:
    alike = numbered(runs_with("eval_loss", [1, 2]), runs_with("eval_loss", [1, 2], cell="gru"))
    wide = runs_with("eval_loss", [1, 2], hidden_size=64, epochs=50)
    with pytest.raises(MixedError) as mixed:
        pool(numbered(alike, wide))
    assert "hidden_size (16, 64), epochs (20, 50)" in str(mixed.value)
    assert "leave runs out with find_runs(hidden_size=...)" in str(mixed.value)
    again = runs_with("eval_loss", [1, 2], device="cuda")[1:]
    with pytest.raises(MixedError, match=r"seed 1 and data_seed 0 would count double.*keep one"):
        pool(numbered(alike, again))


def test_the_way_out_of_mixed_runs_names_what_is_apart_already() -> None:
    runs = numbered(*[runs_with("eval_loss", [1, 2], hidden_size=size) for size in range(1, 9)])
    with pytest.raises(MixedError) as mixed:
        over_seeds(runs, "eval_loss", ["cell"])
    assert "hidden_size (1, 2, 3, 4, 5, 6, ...); name it in by=['cell'], or leave" in str(mixed.value)


def test_unknown_columns_are_refused() -> None:
    runs = runs_with("eval_loss", [1, 2])
    calls: list[Callable[[], Any]] = [
        lambda: over_seeds(runs, "nothing", "cell"),
        lambda: over_seeds(runs, "eval_loss", ["cell", "nothing"]),
        lambda: solved(runs, metric="nothing"),
        lambda: paired(runs, "nothing", "cell", "rnn", "gru"),
        lambda: paired(runs, "eval_loss", "nothing", 1, 2),
        lambda: time_to_solve(runs.rename(columns={"eval_loss": "epochs_to_solve"}).assign(solved=True), "nothing"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"no column 'nothing'; it has end, pattern, .*run_id"):
            call()
    with pytest.raises(ValueError, match="no column 'clip'"):
        varying(runs.drop(columns="clip"))


# Tables


def test_over_seeds_has_a_row_for_each_setting_in_order_of_appearance() -> None:
    runs = numbered(
        runs_with("eval_loss", [3, 1, 2], hidden_size=8, cell="gru"),
        runs_with("eval_loss", [5, NAN, INF], hidden_size=4),
        runs_with("eval_loss", [NAN], hidden_size=8),
    )
    table = over_seeds(runs, "eval_loss", ["cell", "hidden_size"], "mean")
    assert list(table.columns) == ["cell", "hidden_size", "value", "low", "high", "n", "missing"]
    assert table[["cell", "hidden_size", "n", "missing"]].to_numpy().tolist() == [
        ["gru", 8, 3, 0],
        ["rnn", 4, 1, 2],
        ["rnn", 8, 0, 1],
    ]
    three = estimate([1, 2, 3], "mean")
    assert table.loc[0, ["value", "low", "high"]].tolist() == [three.value, three.low, three.high]
    assert table["value"][1] == 5
    assert np.isnan(table.loc[2, "value"])


def test_settings_may_be_told_apart_by_nothing_and_there_may_be_none() -> None:
    runs = runs_with("eval_loss", [1, 2, 3])
    assert over_seeds(runs, "eval_loss", ())["value"].tolist() == [2]
    assert over_seeds(runs, "eval_loss", "device")["n"].tolist() == [3]
    for table in (
        over_seeds(runs[:0], "eval_loss", "cell"),
        over_seeds(runs[:0], "eval_loss", ()),
        solved_share(runs[:0], "cell", metric="eval_loss"),
        time_to_solve(runs[:0].assign(epochs_to_solve=1, solved=True), "cell"),
        bands(runs[:0], curves_with([1]), "cell", "train_accuracy"),
        survival(runs[:0].assign(epochs_to_solve=1, solved=True)),
    ):
        assert len(table) == 0
        assert "low" in table


def test_solved_is_every_character_right() -> None:
    runs = runs_with("eval_accuracy", [1, 0.999, NAN, 1])[::-1]
    assert solved(runs).to_dict() == {3: True, 2: False, 1: False, 0: True}
    assert solved(runs, 0.9).sum() == 3
    assert solved(runs).dtype == bool


def test_a_loss_solves_from_above() -> None:
    runs = runs_with("excess_loss", [0.01, 0.02, 0.001, NAN])
    assert solved(runs, 0.01, "excess_loss").tolist() == [True, False, True, False]


def test_a_diverged_run_counts_as_unsolved_and_a_killed_one_as_unknown() -> None:
    runs = numbered(
        runs_with("eval_accuracy", [1, 1, 0.5]),
        runs_with("eval_accuracy", [NAN], "diverged", seed=3),
        runs_with("eval_accuracy", [NAN], "killed", seed=4),
        runs_with("eval_accuracy", [NAN], "killed", cell="gru"),
    )
    table = solved_share(runs, "cell")
    expected = share([True, True, False, False])
    assert table["value"].tolist()[0] == 0.5
    assert (table["low"][0], table["high"][0]) == (expected.low, expected.high)
    assert table[["n", "missing"]].to_numpy().tolist() == [[4, 1], [0, 1]]
    assert np.isnan(table["value"][1])


# Bands


@pytest.mark.parametrize("statistic", ["median", "mean"])
@pytest.mark.parametrize("n", [5, 6])
def test_a_band_is_what_all_resamples_of_the_seeds_come_to(statistic: str, n: int) -> None:
    value_ne = np.random.default_rng(n).lognormal(size=(n, 4))
    runs = runs_with("eval_loss", range(n), cell="gru")
    curves = curves_with(*value_ne, metric="train_loss").sample(frac=1, random_state=0)
    band = bands(runs, curves, ["cell"], statistic=statistic, level=0.8)
    assert list(band.columns) == ["cell", "epoch", "value", "low", "high", "n"]
    assert band[["cell", "epoch", "n"]].to_numpy().tolist() == [["gru", epoch, n] for epoch in range(4)]
    middle = {"median": np.median, "mean": np.mean}[statistic]
    assert band["value"].to_numpy() == pytest.approx(middle(value_ne, axis=0))
    for epoch, value_n in enumerate(value_ne.T):
        assert_interval(band.loc[epoch], middle(all_resamples(value_n), axis=1), 0.8)


def test_a_band_rests_on_fewer_seeds_where_runs_diverge() -> None:
    runs = numbered(runs_with("eval_loss", [1, 1, 1]), runs_with("eval_loss", [1], cell="gru"))
    curves = curves_with([5, 4, 3, 2], [6, INF], [7, 6], [9], metric="train_loss")
    band = bands(runs, curves, "cell")
    assert band[["cell", "epoch", "value", "n"]].to_numpy().tolist() == [
        ["rnn", 0, 6, 3],
        ["rnn", 1, 5, 2],
        ["rnn", 2, 3, 1],
        ["rnn", 3, 2, 1],
        ["gru", 0, 9, 1],
    ]
    assert band["low"].tolist()[:2] == [5, 4]
    assert band["high"].tolist()[:2] == [7, 6]
    assert band.loc[2:, ["low", "high"]].isna().all(axis=None)


def test_a_band_needs_curves_but_not_of_every_setting() -> None:
    runs = numbered(runs_with("eval_loss", [1, 1]), runs_with("eval_loss", [1], "failed", cell="gru"))
    assert set(bands(runs, curves_with([0.1] * 3, [0.1] * 3), "cell", "train_accuracy")["cell"]) == {"rnn"}
    with pytest.raises(ValueError, match="the curves hold no 'valid_loss'; they hold train_accuracy"):
        bands(runs, curves_with([1], [1]), "cell", "valid_loss")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(LOSSES, min_size=1, max_size=4), min_size=1, max_size=5), st.sampled_from(["median", "mean"]))
def test_a_band_holds_its_middle(curves: list[list[float]], statistic: str) -> None:
    band = bands(runs_with("eval_loss", curves), curves_with(*curves, metric="train_loss"), (), statistic=statistic)
    assert band["n"].tolist() == [sum(len(c) > epoch for c in curves) for epoch in range(max(map(len, curves)))]
    known = band[band["n"] > 1]
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_the_band_of_equal_curves_has_no_width() -> None:
    curves = curves_with(*[[1.1]] * 7, metric="train_loss")  # seven sevenths of 1.1 are a little more
    band = bands(runs_with("eval_loss", range(7)), curves, (), statistic="mean")
    assert ((band["low"] <= band["value"]) & (band["value"] <= band["high"])).all()
    assert (band["high"] - band["low"]).max() < 1e-15


def test_the_same_numbers_come_out_again() -> None:
    runs = runs_with("eval_loss", range(12))
    curves = curves_with(*np.random.default_rng(0).random((12, 3)), metric="train_loss")
    assert bands(runs, curves, (), statistic="mean").equals(bands(runs, curves, (), statistic="mean"))
    assert paired(two_sizes(range(9), [3, 1, 4, 1, 5, 9, 2, 6, 5]), "eval_loss", "hidden_size", 8, 16) == paired(
        two_sizes(range(9), [3, 1, 4, 1, 5, 9, 2, 6, 5]), "eval_loss", "hidden_size", 8, 16
    )


# Epochs to solve


def test_a_run_solves_when_its_curve_reaches_the_threshold_for_good() -> None:
    curves = curves_with([0.5, 1, 1, 1], [1, 1, 0.9, 1], [1, 1, 1, 1], [0, 1, 1, 0.9], [0, 0.9, 0.9, 0.95])
    runs = runs_with("eval_loss", range(5), epochs=4)[::-1]
    table = epochs_to_solve(runs, curves)
    assert table["run_id"].tolist() == ["run4", "run3", "run2", "run1", "run0"]
    assert table["epochs_to_solve"].tolist() == [4, 4, 0, 3, 1]
    assert table["solved"].tolist() == [False, False, True, True, True]
    assert table.drop(columns=["epochs_to_solve", "solved"]).equals(runs)
    assert epochs_to_solve(runs, curves, 0.9)["epochs_to_solve"].tolist() == [1, 1, 0, 0, 1]


def test_a_loss_is_reached_from_above() -> None:
    runs = runs_with("eval_loss", [1, 1], epochs=3)
    table = epochs_to_solve(runs, curves_with([2, 0.5, 0.1], [2, 1, 0.7], metric="valid_loss"), 0.5, "valid_loss")
    assert table[["epochs_to_solve", "solved"]].to_numpy().tolist() == [[1, True], [3, False]]


def test_a_diverged_run_stays_at_risk_and_a_killed_one_only_while_it_ran() -> None:
    runs = runs_with("eval_loss", range(4), epochs=9)
    runs["end"] = ["diverged", "diverged", "killed", "failed"]
    table = epochs_to_solve(runs, curves_with([0, 1, 1], [NAN], [0, 0.5]))
    assert table["epochs_to_solve"].tolist() == [9, 9, 2, 0]
    assert not table["solved"].any()


def test_a_finished_run_needs_its_curve() -> None:
    with pytest.raises(ValueError, match="run run1 has finished, but the curves hold no train_accuracy of it"):
        epochs_to_solve(runs_with("eval_loss", [1, 1]), curves_with([1]))
    with pytest.raises(ValueError, match="the curves hold no 'train_loss'"):
        epochs_to_solve(runs_with("eval_loss", [1]), curves_with([1]), metric="train_loss")


def half_time(times: Sequence[int], solved: Sequence[bool]) -> float:
    """The product-limit estimate as the paper has it, in fractions."""
    left = Fraction(1)
    for time in sorted(set(times)):
        at_risk = sum(other >= time for other in times)
        left *= 1 - Fraction(sum(t == time and s for t, s in zip(times, solved, strict=True)), at_risk)
        if left <= Fraction(1, 2):
            return time
    return INF


REMISSION = {  # weeks in remission with 6-mercaptopurine, Freireich et al. (1963); False: still in remission
    True: [6, 6, 6, 7, 10, 13, 16, 22, 23],
    False: [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35],
}


def remission() -> pd.DataFrame:
    pairs = [(time, ended) for ended, times in REMISSION.items() for time in times]
    times, ended = zip(*pairs, strict=True)
    return watched(times, ended).sample(frac=1, random_state=3)


def test_the_textbooks_survival_curve() -> None:
    curve = survival(remission()).set_index("epoch")
    # As in Kleinbaum & Klein (Survival Analysis, table 2.2).
    expected = {0: 1, 6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482, 35: 0.4482}
    for epoch, left in expected.items():
        assert 1 - curve["share_solved"][epoch] == pytest.approx(left, abs=5e-5)
    # Greenwood's variance by hand at 6 weeks: 3 of 21 solved.
    half = stats.norm.ppf(0.975) * math.sqrt(3 / (21 * 18)) / abs(math.log(6 / 7))
    ends = [1 - (6 / 7) ** math.exp(sign * half) for sign in (-1, 1)]
    assert curve.loc[6, ["low", "high"]].tolist() == pytest.approx(ends)
    assert curve["share_solved"].is_monotonic_increasing
    assert np.isnan(curve["low"][0])


def test_the_textbooks_median() -> None:
    (row,) = time_to_solve(remission(), "cell").to_dict("records")
    assert (row["cell"], row["value"], row["n"], row["solved"]) == ("rnn", 23, 21, 9)
    assert row["low"] in (10, 13, 16)  # R's survfit: 16, by Brookmeyer & Crowley
    assert row["high"] == INF


def test_survival_where_none_or_all_have_solved() -> None:
    none, all_of_them = survival(watched([5, 5], [False] * 2)), survival(watched([0, 0], [True] * 2))
    assert none[["epoch", "share_solved"]].to_numpy().tolist() == [[0, 0], [5, 0]]
    assert all_of_them[["epoch", "share_solved"]].to_numpy().tolist() == [[0, 1]]
    assert none["low"].isna().all()
    assert all_of_them["high"].isna().all()


@pytest.mark.parametrize(
    ("times", "right", "value"),
    [
        ([3], [True], 3),
        ([3], [False], INF),
        ([3, 9], [True, False], 3),
        ([9, 9, 9, 4], [False, False, False, True], INF),
        ([9] * 5 + [1, 2, 3, 4, 5], [False] * 5 + [True] * 5, 5),
        ([0, 5, 5], [False, True, True], 5),
    ],
)
def test_unsolved_runs_raise_the_median_time(times: list[int], right: list[bool], value: float) -> None:
    (row,) = time_to_solve(watched(times, right), ()).to_dict("records")
    assert (row["value"], row["n"], row["solved"]) == (value, len(times), sum(right))
    assert math.isnan(row["low"]) == (len(times) == 1)


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_the_median_times_interval_is_that_of_all_resamples(level: float) -> None:
    times, right = [2, 5, 6, 7, 9], [True, True, True, False, False]
    (row,) = time_to_solve(watched(times, right), "cell", level).to_dict("records")
    medians = sorted(
        half_time([times[i] for i in draw], [right[i] for i in draw]) for draw in itertools.product(range(5), repeat=5)
    )
    assert row["low"] == medians[int((1 - level) / 2 * len(medians))]
    assert row["high"] == medians[int((1 + level) / 2 * len(medians))]


OUTCOMES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES, st.data())
def test_censoring_never_lowers_the_median_and_order_does_not_matter(
    outcomes: list[tuple[int, bool]], data: st.DataObject
) -> None:
    table = watched(*zip(*outcomes, strict=True))
    (row,) = time_to_solve(table, "cell").to_dict("records")
    assert row["value"] == half_time(*zip(*outcomes, strict=True))
    if len(outcomes) > 1:
        assert row["low"] <= row["value"] <= row["high"]
    assert time_to_solve(table[::-1], "cell").equals(time_to_solve(table, "cell"))
    censored = data.draw(st.integers(0, len(outcomes) - 1))
    table.loc[censored, "solved"] = False
    assert time_to_solve(table, "cell")["value"][0] >= row["value"]


def test_epochs_to_solve_goes_through_to_the_median_of_each_setting() -> None:
    runs = numbered(runs_with("eval_loss", [1] * 3, epochs=3), runs_with("eval_loss", [1] * 3, epochs=2))
    curves = curves_with([0, 1, 1], [0, 0, 1], [1, 0, 0], [0, 1], [0, 0], [0, 0])
    table = epochs_to_solve(runs, curves)
    assert time_to_solve(table, "epochs")[["epochs", "value", "solved"]].to_numpy().tolist() == [[3, 2, 2], [2, INF, 1]]
    assert time_to_solve(table, "epochs")["high"].tolist() == [INF, INF]
    with pytest.raises(MixedError, match=r"epochs \(3, 2\)"):
        time_to_solve(table, ())


# Paired comparisons


def two_sizes(first: Iterable[float], second: Iterable[float]) -> pd.DataFrame:
    return numbered(
        runs_with("eval_loss", first, hidden_size=8),
        runs_with("eval_loss", [99.0] * 3, hidden_size=4, cell="gru"),
        runs_with("eval_loss", second, hidden_size=16)[::-1],
    )


def test_seeds_are_compared_with_themselves() -> None:
    first = np.array([1.0, 2, 4, 8, 16, 32])
    steps = np.array([-0.5, -1, -0.75, -0.5, -1, 0])
    result = paired(two_sizes([*first, 7], first + steps), "eval_loss", "hidden_size", 8, 16)
    assert (result.field, result.first, result.second, result.metric) == ("hidden_size", 8, 16, "eval_loss")
    assert result.difference == estimate(steps, "mean")
    assert result.difference.value == pytest.approx(-0.625)
    assert result.effect.value == pytest.approx(steps.mean() / steps.std(ddof=1))
    assert (result.lower, result.higher, result.equal, result.n, result.unpaired) == (5, 0, 1, 6, 1)
    assert result.verdict == "lower"
    assert str(result) == (
        "eval_loss at hidden_size 16 minus that at 8 is -0.625 "
        f"[{result.difference.low:#.3g}, {result.difference.high:#.3g}] over 6 common seeds "
        "(left out: 1 with only one of the two): lower"
    )
    assert paired(two_sizes(first + steps, first), "eval_loss", "hidden_size", 8, 16).verdict == "higher"
    middle = paired(two_sizes(first, first + steps), "eval_loss", "hidden_size", 8, 16, "median").difference
    assert middle == estimate(steps, "median")


def test_a_ratio_is_the_geometric_mean_of_the_seeds_ratios() -> None:
    first, ratios = np.array([1e-6, 1e-3, 1, 10, 1e3]), np.array([0.5, 0.2, 0.125, 0.3, 0.26])
    result = paired(two_sizes(first, first * ratios), "eval_loss", "hidden_size", 8, 16, ratio=True)
    logs = estimate(np.log(ratios), "mean")
    assert result.difference.value == pytest.approx(math.prod(ratios) ** (1 / 5))
    assert result.difference.low == pytest.approx(math.exp(logs.low))
    assert result.difference.high == pytest.approx(math.exp(logs.high))
    assert result.difference.statistic == "geometric mean"
    assert result.effect.value == pytest.approx(np.log(ratios).mean() / np.log(ratios).std(ddof=1))
    assert result.verdict == "lower"
    assert str(result).startswith("eval_loss at hidden_size 16 is 0.250 times that at 8 [0.1")
    assert str(result).endswith("] over 5 common seeds: lower")
    around_1 = paired(two_sizes([1] * 6, [0.5, 2, 0.5, 2, 0.8, 1.2]), "eval_loss", "hidden_size", 8, 16, ratio=True)
    assert around_1.verdict == "undecided"
    assert str(around_1).endswith("over 6 common seeds: undecided")


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
    result = paired(two_sizes([1] * 5, [1 + step] * 5), "eval_loss", "hidden_size", 8, 16)
    assert result.effect.value == result.effect.low == result.effect.high == effect
    assert result.difference.low == result.difference.high == step
    assert result.verdict == {INF: "higher", -INF: "lower", 0: "undecided"}[effect]


def test_a_comparison_needs_two_pairs() -> None:
    two = paired(two_sizes([1, 2], [2, 4]), "eval_loss", "hidden_size", 8, 16)
    assert (two.n, two.verdict) == (2, "undecided")
    with pytest.raises(ValueError, match=r"have 1 seed with eval_loss in common: .*anecdote; train both .* 5 seeds"):
        paired(two_sizes([1, 2], [2, INF]), "eval_loss", "hidden_size", 8, 16)
    with pytest.raises(ValueError, match="have 0 seeds with"):
        paired(two_sizes([1], [NAN]), "eval_loss", "hidden_size", 8, 16)


@pytest.mark.parametrize(("first", "second"), [(8, 8), (8, 32), ("8", "16")])
def test_a_comparison_needs_two_values_that_runs_have(first: object, second: object) -> None:
    with pytest.raises(ValueError, match=f"is to be {first!r} and {second!r}; allowed: two different ones of 8, 4, 16"):
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


@settings(max_examples=20, deadline=None)
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
