"""Which runs make one setting, and its rows and bands, reached by a second route: by hand, by all resamples."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare import (
    FREE_FIELDS,
    MixedError,
    curves_over_seeds,
    estimate,
    interval_label,
    median_epochs_to_solve,
    over_seeds,
    paired,
    results,
    setting_label,
    solved,
    solved_share,
    varying,
)
from analysis.compare.settings import grouped_settings
from tests.analysis.compare.seeds import (
    INF,
    LOSSES,
    NAN,
    all_resamples,
    assert_interval,
    curves_with,
    numbered,
    runs_with,
)


def test_varying_names_the_fields_in_the_order_of_the_config() -> None:
    runs = numbered(
        runs_with("eval_loss", [1, 2], clip=1.0, cell="gru", device="cuda", data_seed=3, threads=2),
        runs_with("eval_loss", [1, 2]),
    )
    assert varying(runs) == ["cell", "clip"]
    assert varying(runs[:2]) == varying(runs[:0]) == []
    assert {"seed", "data_seed", "device", "threads"} == set(FREE_FIELDS)


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
        lambda runs: curves_over_seeds(runs, curves_with(*[[1]] * len(runs)), "cell", "train_accuracy"),
        lambda runs: median_epochs_to_solve(runs.assign(epochs_to_solve=3, solved=True), "cell"),
        lambda runs: paired(runs, "eval_loss", "cell", "rnn", "gru"),
    ],
    ids=["over_seeds", "solved_share", "bands", "median_epochs_to_solve", "paired"],
)
def test_runs_of_several_settings_are_not_pooled_nor_is_one_counted_twice(pool: Callable[[pd.DataFrame], Any]) -> None:
    alike = numbered(runs_with("eval_loss", [1, 2]), runs_with("eval_loss", [1, 2], cell="gru"))
    wide = runs_with("eval_loss", [1, 2], hidden_size=64, epochs=50)
    with pytest.raises(MixedError) as mixed:
        pool(numbered(alike, wide))
    assert "hidden_size (16, 64), epochs (20, 50)" in str(mixed.value)
    assert "select with find_runs(hidden_size=...)" in str(mixed.value)
    again = runs_with("eval_loss", [1, 2], device="cuda")[1:]
    with pytest.raises(MixedError, match="have seed 1 and data_seed 0 and would count twice; keep one"):
        pool(numbered(alike, again))


def test_the_way_out_of_mixed_runs_names_what_is_apart_already() -> None:
    runs = numbered(*[runs_with("eval_loss", [1, 2], hidden_size=size) for size in range(1, 9)])
    with pytest.raises(MixedError) as mixed:
        over_seeds(runs, "eval_loss", ["cell"])
    assert "hidden_size (1, 2, 3, 4, 5, 6, ...); add these fields to by=['cell'], or select" in str(mixed.value)


def test_unknown_columns_are_refused() -> None:
    runs = runs_with("eval_loss", [1, 2])
    calls: list[Callable[[], Any]] = [
        lambda: over_seeds(runs, "nothing", "cell"),
        lambda: over_seeds(runs, "eval_loss", ["cell", "nothing"]),
        lambda: solved(runs, metric="nothing"),
        lambda: paired(runs, "nothing", "cell", "rnn", "gru"),
        lambda: paired(runs, "eval_loss", "nothing", 1, 2),
        lambda: median_epochs_to_solve(
            runs.rename(columns={"eval_loss": "epochs_to_solve"}).assign(solved=True), "nothing"
        ),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"no column 'nothing'; it has end, pattern, .*run_id"):
            call()
    with pytest.raises(ValueError, match="no column 'clip'"):
        varying(runs.drop(columns="clip"))


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


def test_results_have_how_the_runs_of_each_setting_ended_and_an_estimate_of_each_metric() -> None:
    runs = numbered(
        runs_with("eval_loss", [3, 1, 2], cell="gru"),
        runs_with("eval_loss", [5]),
        runs_with("eval_loss", [NAN], "diverged", seed=7),
        runs_with("eval_loss", [NAN], "failed", seed=8),
        runs_with("eval_loss", [NAN], "running", seed=9),
    ).assign(margin=lambda runs: -runs["eval_loss"])
    table = results(runs, ["eval_loss", "margin"], "cell")
    ends, parts = ["finished", "diverged", "failed"], ["median", "low", "high", "n"]
    assert list(table) == ["cell", *ends, *(f"{name}_{part}" for name in ("eval_loss", "margin") for part in parts)]
    assert table[["cell", *ends]].to_numpy().tolist() == [["gru", 3, 0, 0], ["rnn", 1, 1, 1]]
    for name, sign in (("eval_loss", 1), ("margin", -1)):
        assert table.loc[0, [f"{name}_{part}" for part in parts]].tolist() == [sign * 2, *sorted((sign, 3 * sign)), 3]
        assert table.loc[1, [f"{name}_median", f"{name}_n"]].tolist() == [sign * 5, 1]
        assert table.loc[1, [f"{name}_low", f"{name}_high"]].isna().all()
    assert results(runs, ["margin"], "cell", "mean")["margin_mean"].tolist() == [-2, -5]
    with pytest.raises(MixedError, match=r"cell \(gru, rnn\)"):
        results(runs, ["margin"], ())


def test_settings_stand_in_groups_and_each_is_checked() -> None:
    runs = numbered(
        runs_with("eval_loss", [1, 2], cell="gru", epochs=9),
        runs_with("eval_loss", [3], epochs=5),
        runs_with("eval_loss", [4], cell="gru", epochs=5),
    )
    found = grouped_settings(runs, "cell", "epochs")
    losses = [(key, {value: some["eval_loss"].tolist() for value, some in lines.items()}) for key, lines in found]
    assert losses == [({"cell": "gru"}, {9: [1, 2], 5: [4]}), ({"cell": "rnn"}, {5: [3]})]
    assert [key for key, _ in grouped_settings(runs[:2], (), "cell")] == [{}]
    with pytest.raises(MixedError, match="differ in epochs"):
        grouped_settings(runs, (), "cell")
    assert grouped_settings(runs[:0], "cell", "epochs") == []


def test_windows_that_are_whole_sequences_of_other_data_are_no_difference() -> None:
    runs = numbered(
        runs_with("eval_loss", [1], data_seed=0, length=30, window=29),
        runs_with("eval_loss", [2], data_seed=1, length=30, window=31),
    )
    assert over_seeds(runs, "eval_loss", "cell")["n"].tolist() == [2]
    same = runs.assign(data_seed=0, seed=[0, 1])
    with pytest.raises(MixedError, match=r"differ in window \(29, 31\)"):
        over_seeds(same, "eval_loss", "cell")


def test_a_run_that_belongs_to_several_settings_counts_once_in_each() -> None:
    runs = numbered(runs_with("eval_loss", [1, 1, 1]), runs_with("eval_loss", [1, 1, 1], length=15))
    runs["run_id"] = ["run0", "run1", "run2"] * 2
    band = curves_over_seeds(runs, curves_with([1, 2], [3, 4], [5, 9], metric="train_loss"), "length")
    assert band[["length", "epoch", "value", "n"]].to_numpy().tolist() == [
        [length, epoch, value, 3] for length in (0, 15) for epoch, value in ((0, 3), (1, 4))
    ]


def test_settings_may_be_told_apart_by_nothing_and_there_may_be_none() -> None:
    runs = runs_with("eval_loss", [1, 2, 3])
    assert over_seeds(runs, "eval_loss", ())["value"].tolist() == [2]
    assert over_seeds(runs, "eval_loss", "device")["n"].tolist() == [3]
    for table in (
        over_seeds(runs[:0], "eval_loss", "cell"),
        over_seeds(runs[:0], "eval_loss", ()),
        solved_share(runs[:0], "cell", metric="eval_loss"),
        median_epochs_to_solve(runs[:0].assign(epochs_to_solve=1, solved=True), "cell"),
        curves_over_seeds(runs[:0], curves_with([1]), "cell", "train_accuracy"),
    ):
        assert len(table) == 0
        assert "low" in table


@pytest.mark.parametrize("statistic", ["median", "mean"])
@pytest.mark.parametrize("n", [5, 6])
def test_a_band_is_what_all_resamples_of_the_seeds_come_to(statistic: str, n: int) -> None:
    value_ne = np.random.default_rng(n).lognormal(size=(n, 4))
    runs = runs_with("eval_loss", range(n), cell="gru")
    curves = curves_with(*value_ne, metric="train_loss").sample(frac=1, random_state=0)
    band = curves_over_seeds(runs, curves, ["cell"], statistic=statistic, level=0.8)
    assert list(band.columns) == ["cell", "epoch", "value", "low", "high", "n"]
    assert band[["cell", "epoch", "n"]].to_numpy().tolist() == [["gru", epoch, n] for epoch in range(4)]
    middle = {"median": np.median, "mean": np.mean}[statistic]
    assert band["value"].to_numpy() == pytest.approx(middle(value_ne, axis=0))
    for epoch, value_n in enumerate(value_ne.T):
        assert_interval(band.loc[epoch], middle(all_resamples(value_n), axis=1), 0.8)


def test_a_band_rests_on_fewer_seeds_where_runs_diverge() -> None:
    runs = numbered(runs_with("eval_loss", [1, 1, 1]), runs_with("eval_loss", [1], cell="gru"))
    curves = curves_with([5, 4, 3, 2], [6, INF], [7, 6], [9], metric="train_loss")
    band = curves_over_seeds(runs, curves, "cell")
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
    assert set(curves_over_seeds(runs, curves_with([0.1] * 3, [0.1] * 3), "cell", "train_accuracy")["cell"]) == {"rnn"}
    with pytest.raises(ValueError, match="the curves hold no 'valid_loss'; they hold train_accuracy"):
        curves_over_seeds(runs, curves_with([1], [1]), "cell", "valid_loss")


def test_a_band_of_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(ValueError, match="'mode'"):
        curves_over_seeds(runs_with("eval_loss", [1]), curves_with([1]), (), "train_accuracy", "mode")


@given(st.lists(st.lists(LOSSES, min_size=1, max_size=4), min_size=1, max_size=5), st.sampled_from(["median", "mean"]))
def test_a_band_holds_its_middle(curves: list[list[float]], statistic: str) -> None:
    band = curves_over_seeds(
        runs_with("eval_loss", curves), curves_with(*curves, metric="train_loss"), (), statistic=statistic
    )
    assert band["n"].tolist() == [sum(len(c) > epoch for c in curves) for epoch in range(max(map(len, curves)))]
    known = band[band["n"] > 1]
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_the_band_of_equal_curves_has_no_width() -> None:
    curves = curves_with(*[[1.1]] * 7, metric="train_loss")  # seven sevenths of 1.1 are a little more
    band = curves_over_seeds(runs_with("eval_loss", range(7)), curves, (), statistic="mean")
    assert ((band["low"] <= band["value"]) & (band["value"] <= band["high"])).all()
    assert (band["high"] - band["low"]).max() < 1e-15


def test_the_same_band_comes_out_again() -> None:
    runs = runs_with("eval_loss", range(12))
    curves = curves_with(*np.random.default_rng(0).random((12, 3)), metric="train_loss")
    assert curves_over_seeds(runs, curves, (), statistic="mean").equals(
        curves_over_seeds(runs, curves, (), statistic="mean")
    )


@pytest.mark.parametrize(
    ("setting", "label"),
    [
        ({}, ""),
        ({"epochs": 1, "hidden_size": 2, "cell": "gru"}, "1 epoch, 2 units, gru"),
        ({"pattern": "a_b", "learning_rate": 0.1, "layers": 1}, "a_b, learning rate 0.1, layers 1"),
        ({"name": "a_b"}, "name a_b"),
    ],
)
def test_a_setting_is_said_in_words(setting: dict[Any, object], label: str) -> None:
    assert setting_label(setting) == label


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([10, 10], "median of 10 seeds, 95 % interval"),
        ([10, 1, 3], "median of 1 to 10 seeds, 95 % interval"),
        ([2], "median of 2 seeds, 95 % interval"),
        ([1, 1], "single seeds, no interval"),
    ],
)
def test_a_spread_says_how_many_seeds_it_rests_on(seeds: list[int], said: str) -> None:
    assert interval_label("median", pd.Series(seeds)) == said
