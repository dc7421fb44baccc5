"""Pictures of tables of runs, against numbers read from the runs' files and worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import compare, pictures
from analysis.compare import MixedError
from analysis.pictures.labels import METRICS, few_seeds_notes
from analysis.runs import curves
from tests.analysis.figures.looking import draw, heights, texts, titles, written


def floors(axes: Axes) -> list[float]:
    return [float(line.get_ydata()[0]) for line in axes.get_lines() if str(line.get_label()).startswith("_")]


def marks(figure: Figure, marker: str) -> list[tuple[float, float]]:
    """Where marks of one kind stand, from above."""
    found = [line for line in figure.axes[0].get_lines() if line.get_marker() == marker]
    points = [point for line in found for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    return sorted(((float(x), float(y)) for x, y in points), key=lambda point: point[1])


def curve_of(run: pd.Series, metric: str = "train_loss") -> np.ndarray:
    return pd.read_csv(Path(run["artifact_uri"]) / "curves.csv")[metric].to_numpy()


def first_few(runs: pd.DataFrame, **fields: object) -> pd.DataFrame:
    return runs[(runs[list(fields)] == list(fields.values())).all(axis=1)]


def cells(figure: Figure, axes: Axes) -> dict[tuple[float, float], str]:
    """The counts in the cells of a heat map."""
    return {(one.x, one.y): one.text for one in written(figure, axes.transData) if "/" in one.text}


def test_a_map_counts_the_seeds_that_are_right_and_hatches_what_is_missing(units: pd.DataFrame) -> None:
    units["solved"] = units["eval_accuracy"] == 1
    assert 0 < units["solved"].sum() < len(units)
    # Backwards: however the gaps of a grid lie, sizes and epochs ascend.
    figure = pictures.shares(units[::-1], "solved", "Solved", "pattern", rows="hidden_size", columns="epochs")
    *maps, _ = figure.axes
    assert titles(figure)[:2] == ["aab", "abc"]
    for pattern, axes in zip(["aab", "abc"], maps, strict=True):
        expected = {}
        for row, size in enumerate([4, 6]):
            for column, epochs in enumerate([2, 60]):
                some = first_few(units, pattern=pattern, hidden_size=size, epochs=epochs)
                if len(some):
                    expected[column, row] = f"{sum(some['eval_accuracy'] == 1)}/{len(some)}"
        assert cells(figure, axes) == expected
        assert len(axes.patches) == 4 - len(expected)
    assert figure.axes[-1].get_ylabel() == "share of the seeds"
    assert {"share of the seeds", "hidden size", "epochs", "Solved"} <= set(texts(figure))
    assert {one.text: one.y for one in written(figure, maps[0].get_yaxis_transform())} == {"4": 0, "6": 1}
    assert {one.text: one.x for one in written(figure, maps[1].get_xaxis_transform())} == {"2": 0, "60": 1}
    draw(figure)


def test_a_map_does_not_count_runs_of_which_nobody_knows(units: pd.DataFrame) -> None:
    right = [1, 0, np.nan, 1, 1, 1, np.nan, np.nan, 1, 0]
    figure = pictures.shares(units.assign(right=right), "right", "Right", "pattern", "hidden_size", "epochs")
    assert cells(figure, figure.axes[0]) == {(0, 0): "1/2", (1, 0): "3/3"}
    one = pictures.shares(units.assign(right=right), "right", "Right", "data_seed", "name", "pattern")
    assert titles(one)[0] == "data seed 0"


def test_a_map_refuses_what_is_no_truth_and_what_must_not_be_pooled(units: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"eval_accuracy is 0\.333333 in a run; allowed: True or False, 1 or 0"):
        pictures.shares(units, "eval_accuracy", "", "pattern", "hidden_size", "epochs")
    units["solved"] = compare.solved(units)
    with pytest.raises(MixedError, match="differ in hidden_size"):
        pictures.shares(units, "solved", "", None, "pattern", "epochs")
    with pytest.raises(ValueError, match="no column 'nothing'"):
        pictures.shares(units, "nothing", "", None, "pattern", "epochs")
    with pytest.raises(ValueError, match="0 runs; allowed: 1 or more"):
        pictures.shares(units[:0], "solved", "", None, "pattern", "epochs")


def test_a_map_of_medians_says_how_many_seeds_they_rest_on(units: pd.DataFrame, diverged: pd.DataFrame) -> None:
    figure = pictures.medians(units[::-1], "eval_loss", "pattern", "hidden_size", "epochs", log=True, note="one more")
    assert titles(figure)[:2] == ["aab", "abc"]
    for pattern, axes in zip(["aab", "abc"], figure.axes, strict=False):
        shown = {(one.x, one.y): float(one.text) for one in written(figure, axes.transData) if "n=" not in one.text}
        expected = {}
        for place in ((column, row) for row in range(2) for column in range(2)):
            some = first_few(units, pattern=pattern, hidden_size=(4, 6)[place[1]], epochs=(2, 60)[place[0]])
            if len(some):
                expected[place] = pytest.approx(float(np.median(some["eval_loss"])), rel=0.01)
        assert shown == expected
    assert {"Eval loss: median of 2 to 3 seeds, few seeds, one more", "eval loss (nats per character)", "n=3"} <= set(
        texts(figure)
    )
    draw(figure)
    both = pd.concat([first_few(units, hidden_size=4, epochs=60), diverged], ignore_index=True)
    figure = pictures.medians(both, "eval_loss", (), None, "hidden_size")
    assert len(figure.axes[0].patches) == 1, "hatched: the one run diverged"
    assert sorted(one.text for one in written(figure, figure.axes[0].get_xaxis_transform())) == ["4", "64"]
    alike = pictures.medians(first_few(units, hidden_size=6), "eval_loss", (), "pattern", None)
    assert not any("n=" in text for text in texts(alike))
    assert "Eval loss: median of 2 seeds, few seeds" in texts(alike)
    assert "Eval loss: single seeds" in texts(pictures.medians(units[:1], "eval_loss", ["pattern", "cell"], None, None))
    with pytest.raises(ValueError, match="none of 1 runs has a finite eval_loss"):
        pictures.medians(diverged, "eval_loss", (), None, None)
    with pytest.raises(MixedError, match="differ in hidden_size"):
        pictures.medians(units, "eval_loss", "pattern", None, "epochs")


@pytest.mark.parametrize(("metric", "label"), METRICS.items())
def test_an_axis_says_the_unit_of_its_metric(metric: str, label: str) -> None:
    unit = label.split(" (")[1]
    sizes = dict.fromkeys(("longest_drawn", "longest_right"), "size of a string)")
    others = {**sizes, "reach": "count)", "score": "accuracy, or R²)"}
    if metric in others:
        assert unit == others[metric]
    else:
        assert unit == "nats per character)" if metric.endswith("loss") else unit.startswith("share")


def test_few_seeds_are_noted_by_label_and_enough_are_not() -> None:
    seeds = [("rnn", 6), ("gru", 5), ("lstm", 1), ("gru", 3), ("rnn", 10)]
    assert few_seeds_notes(seeds) == {"rnn": "", "gru": "3 to 5 seeds", "lstm": "1 seed"}


def test_learning_is_the_median_curve_of_the_longest_runs(units: pd.DataFrame) -> None:
    figure = pictures.learning_curves(units, curves(units), "pattern", "hidden_size")
    assert titles(figure) == ["abc", "aab"]
    for pattern, axes in zip(["abc", "aab"], figure.axes, strict=True):
        shown = heights(axes)
        for size in (4, 6) if pattern == "abc" else (6,):
            some = first_few(units, pattern=pattern, hidden_size=size, epochs=60)
            expected = np.median([curve_of(run) for _, run in some.iterrows()], axis=0)
            np.testing.assert_allclose(shown.pop(f"{size} units"), expected)
        assert not shown
    assert {"4 units (3 seeds)", "6 units (2 seeds)"} <= set(texts(figure)), "few seeds are said beside their lines"
    assert {"line and band: median of 2 to 3 seeds, 95 % interval", "training loss (nats per character)"} <= set(
        texts(figure)
    )
    draw(figure)


def test_seeds_that_were_not_trained_as_long_as_others_are_not_left_out_unsaid(units: pd.DataFrame) -> None:
    short = first_few(units, pattern="abc", hidden_size=4)
    short = short[(short["epochs"] == 2) | (short["seed"] != 2)]
    with pytest.warns(UserWarning, match="some seeds have not been trained for the most epochs, and are left out"):
        assert set(pictures.trained_longest(short, "hidden_size")["seed"]) == {0, 1}
    twice = pd.concat([first_few(units, epochs=60), first_few(units, epochs=2)])[::-1].set_axis([0] * len(units))
    shown = pictures.trained_longest(twice, ["pattern", "hidden_size"])
    assert shown["run_id"].tolist() == twice.loc[twice["epochs"].eq(60), "run_id"].tolist(), "in their order"
    with pytest.raises(MixedError, match="differ in hidden_size"):
        pictures.trained_longest(units, "pattern")


def test_a_combination_that_is_missing_leaves_its_panel_empty(units: pd.DataFrame) -> None:
    losses = curves(units)
    figure = pictures.learning_curves(units, losses, ["pattern", "hidden_size"], "cell", "train_accuracy")
    assert titles(figure) == ["abc, 4 units", "abc, 6 units", "aab, 4 units: no runs", "aab, 6 units"]
    places = [axes.get_position() for axes in figure.axes]
    assert places[0].x0 == places[2].x0 < places[1].x0 == places[3].x0
    assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1, 0, 1]
    assert figure.axes[0].get_ylim() == pytest.approx((-0.04, 1.04), abs=0.05)
    wide = pictures.learning_curves(
        units[:5].assign(clip=np.arange(5.0)), losses, ["pattern", "clip"], "hidden_size"
    ).axes
    lefts = [axes.get_position().x0 for axes in wide]
    assert [left == lefts[0] for left in lefts] == [True, False, False, True, False], "too many for one row"
    lost = losses.assign(value=losses["value"].where(losses["run_id"].isin(units["run_id"][:8])))  # none of aab
    assert titles(pictures.learning_curves(units, lost, ["pattern"], "hidden_size")) == ["abc", "aab: no curve"]


def test_a_panel_has_a_floor_only_if_it_is_that_of_all_its_runs(units: pd.DataFrame) -> None:
    six = units[units["hidden_size"] == 6].assign(floor_loss=0.25)
    losses = curves(six)
    apart = pictures.learning_curves(six, losses, ["pattern"], "hidden_size")
    assert [floors(axes) for axes in apart.axes] == [[0.25], [0.25]]
    (together,) = pictures.learning_curves(six, losses, [], "pattern").axes
    assert (list(heights(together)), floors(together)) == (["abc", "aab"], [])
    assert not floors(pictures.learning_curves(six, losses, "pattern", "cell", "train_accuracy").axes[0])


def test_a_single_seed_has_no_band_and_many_lines_are_refused(units: pd.DataFrame, diverged: pd.DataFrame) -> None:
    one = units[-1:]
    assert "line and band: single seeds, no interval" in texts(pictures.learning_curves(one, curves(one), [], "cell"))
    with pytest.raises(ValueError, match=r"run_id has 8 values in abc; allowed: 7 lines in a panel; leave some out"):
        pictures.learning_curves(units, curves(units), "pattern", "run_id")
    losses = curves(diverged)
    assert (
        len(heights(pictures.learning_curves(diverged, losses, [], "cell").axes[0])["rnn"]) == losses["epoch"].max() + 1
    )
    with pytest.raises(ValueError, match="none of 1 runs has a finite train_loss"):
        pictures.learning_curves(diverged, losses.assign(value=np.nan), [], "cell")
    with pytest.raises(ValueError, match="the curves hold no 'valid_loss'"):
        pictures.learning_curves(one, losses, [], "cell", "valid_loss")


def test_times_are_the_epochs_from_which_no_training_character_is_wrong(
    units: pd.DataFrame, diverged: pd.DataFrame
) -> None:
    runs = pd.concat([units, diverged], ignore_index=True)
    figure = pictures.epochs_to_solve(runs, curves(runs), ["pattern", "hidden_size"], threshold=0.6)
    expected = []
    for _, run in first_few(units, epochs=60).iterrows():
        wrong = np.flatnonzero(curve_of(run, "train_accuracy") < 0.6)
        expected.append(wrong[-1] + 1)
    assert sorted(x for x, _ in marks(figure, "o")) == pytest.approx(sorted(expected))
    assert {one.text: one.y for one in written(figure, figure.axes[0].get_yaxis_transform())}.items() >= {
        "abc, 4 units": 0,
        "abc, 6 units": 1,
        "aab, 6 units": 2,
        "abc, 64 units": 3,
        "1 of 1 unsolved": 3,
    }.items()
    assert any("stays at 60%" in text for text in texts(figure))
    draw(figure)


def test_estimates_are_medians_and_say_how_many_seeds_have_none(units: pd.DataFrame, diverged: pd.DataFrame) -> None:
    runs = pd.concat([units[units["epochs"] == 60], diverged], ignore_index=True)
    figure = pictures.intervals(runs, "eval_loss", ["pattern", "hidden_size"], "hidden_size", log=True)
    for marker, size in (("o", 4), ("s", 6)):
        some = runs[runs["hidden_size"] == size]
        expected = [np.median(those["eval_loss"]) for _, those in some.groupby("pattern", sort=False)]
        assert [x for x, _ in marks(figure, marker)] == pytest.approx(expected)
    assert {"3 seeds", "2 seeds", "0 seeds, 1 without", "Eval loss: median, 95 % interval"} <= set(texts(figure))
    one = pictures.intervals(units[-1:], "eval_loss", "pattern", "pattern")
    assert {"1 seed", "aab"} <= set(texts(one))
    draw(figure)
    with pytest.raises(ValueError, match=r"group is 'cell'; allowed: one of by=\['pattern'\]"):
        pictures.intervals(runs, "eval_loss", "pattern", "cell")


def test_differences_that_rest_on_few_seeds_look_undecided(units: pd.DataFrame) -> None:
    pairs = compare.paired_steps(units, "eval_loss", "epochs")
    figure = pictures.differences("Epochs", pairs, "difference (nats)")
    before, after = (first_few(units, hidden_size=4, epochs=n).set_index("seed")["eval_loss"] for n in (2, 60))
    ((x, _),) = marks(figure, "o")
    assert x == pytest.approx((after - before).mean())
    assert pairs["abc, 4 units: 2 to 60 epochs"].difference.high < 0
    assert {"undecided, n=3", "undecided"} <= set(texts(figure))
    (mark,) = (line for line in figure.axes[0].get_lines() if line.get_marker() == "o")
    assert mark.get_markerfacecolor() == "white"
    ratios = compare.paired_steps(units, "eval_loss", "epochs", ratio=True)
    assert marks(pictures.differences("Epochs", ratios, "ratio"), "o")[0][0] == pytest.approx(
        np.exp(np.log(after / before).mean())
    )
    with pytest.raises(ValueError, match="0 comparisons; allowed: 1 or more"):
        pictures.differences("None", {}, "")
    with pytest.raises(ValueError, match="some comparisons are ratios and others are differences"):
        pictures.differences("Both", pairs | {"ratio": next(iter(ratios.values()))}, "")
