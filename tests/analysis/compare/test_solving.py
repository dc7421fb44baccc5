"""Epochs to solve, reached by a second route: by hand, in fractions, by a textbook."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare import MixedError, epochs_to_solve, median_epochs_to_solve, share, solved, solved_share
from tests.analysis.compare.seeds import INF, NAN, curves_with, numbered, runs_with


def watched(times: Sequence[int], solved: Sequence[bool], **fields: Any) -> pd.DataFrame:
    """What epochs_to_solve would return."""
    return runs_with("epochs_to_solve", times, **fields).assign(solved=list(solved))


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


def test_the_textbooks_median() -> None:
    (row,) = median_epochs_to_solve(remission(), "cell").to_dict("records")
    assert (row["cell"], row["value"], row["n"], row["solved"]) == ("rnn", 23, 21, 9)
    assert row["low"] in (10, 13, 16)  # R's survfit: 16, by Brookmeyer & Crowley
    assert row["high"] == INF


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
    (row,) = median_epochs_to_solve(watched(times, right), ()).to_dict("records")
    assert (row["value"], row["n"], row["solved"]) == (value, len(times), sum(right))
    assert math.isnan(row["low"]) == (len(times) == 1)


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_the_median_times_interval_is_that_of_all_resamples(level: float) -> None:
    times, right = [2, 5, 6, 7, 9], [True, True, True, False, False]
    (row,) = median_epochs_to_solve(watched(times, right), "cell", level).to_dict("records")
    medians = sorted(
        half_time([times[i] for i in draw], [right[i] for i in draw]) for draw in itertools.product(range(5), repeat=5)
    )
    assert row["low"] == medians[int((1 - level) / 2 * len(medians))]
    assert row["high"] == medians[int((1 + level) / 2 * len(medians))]


OUTCOMES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=8)


@given(OUTCOMES, st.data())
def test_censoring_never_lowers_the_median_and_order_does_not_matter(
    outcomes: list[tuple[int, bool]], data: st.DataObject
) -> None:
    table = watched(*zip(*outcomes, strict=True))
    (row,) = median_epochs_to_solve(table, "cell").to_dict("records")
    assert row["value"] == half_time(*zip(*outcomes, strict=True))
    if len(outcomes) > 1:
        assert row["low"] <= row["value"] <= row["high"]
    assert median_epochs_to_solve(table[::-1], "cell").equals(median_epochs_to_solve(table, "cell"))
    censored = data.draw(st.integers(0, len(outcomes) - 1))
    table.loc[censored, "solved"] = False
    assert median_epochs_to_solve(table, "cell")["value"][0] >= row["value"]


def test_epochs_to_solve_goes_through_to_the_median_of_each_setting() -> None:
    runs = numbered(runs_with("eval_loss", [1] * 3, epochs=3), runs_with("eval_loss", [1] * 3, epochs=2))
    curves = curves_with([0, 1, 1], [0, 0, 1], [1, 0, 0], [0, 1], [0, 0], [0, 0])
    table = epochs_to_solve(runs, curves)
    assert median_epochs_to_solve(table, "epochs")[["epochs", "value", "solved"]].to_numpy().tolist() == [
        [3, 2, 2],
        [2, INF, 1],
    ]
    assert median_epochs_to_solve(table, "epochs")["high"].tolist() == [INF, INF]
    with pytest.raises(MixedError, match=r"epochs \(3, 2\)"):
        median_epochs_to_solve(table, ())
