"""Pictures with a row for each setting."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import Interval, SolveTimes, epochs_to_solve, intervals
from analysis.figures.style import COLOURS, GREY, WRONG
from tests.analysis.figures.looking import LONG, ODD_TEXTS, draw, texts, written


def times_of(
    epochs: list[float], unsolved: int = 0, median: float = 5, low: float = 4, high: float = 6, label: str = "rnn"
) -> SolveTimes:
    """Return a setting whose last seeds did not solve it."""
    return SolveTimes(label, np.array(epochs), np.arange(len(epochs)) < len(epochs) - unsolved, median, low, high)


def marked(axes: Axes, marker: str, colour: str = "") -> list[tuple[float, float]]:
    """Return where the marks of a kind stand."""
    found = []
    for line in axes.get_lines():
        if line.get_marker() == marker and colour in ("", line.get_color()):
            found += [(float(x), float(y)) for x, y in zip(*line.get_data(), strict=True)]
    return found


def bars(axes: Axes) -> dict[float, list[float]]:
    """Return the ends of each bar by its height."""
    flat = [line for line in axes.get_lines() if len(line.get_xdata()) == 2 and line.get_linewidth() == 2]
    level = [line for line in flat if line.get_marker() in ("", "None") and len(set(line.get_ydata())) == 1]
    return {round(float(line.get_ydata()[0]), 6): list(map(float, line.get_xdata())) for line in level}


def key_of(figure: Figure) -> list[str]:
    samples = [artist for artist in figure.artists if isinstance(artist, Line2D)]
    return [str(line.get_label()) for line in samples if not str(line.get_label()).startswith("_")]


def test_each_seed_is_a_dot_in_its_row_and_unsolved_ones_are_counted_and_marked_at_the_right() -> None:
    figure = epochs_to_solve("Solved", [times_of([3, 7, 5, 20, 20], 2), times_of([5], label="gru")], 20)
    (axes,) = figure.axes
    dots, open_ones = marked(axes, "o"), marked(axes, ">", WRONG)
    assert [(x, round(y)) for x, y in dots] == [(3, 0), (7, 0), (5, 0), (5, 1)]
    assert [(x, round(y)) for x, y in open_ones] == [(20, 0), (20, 0)]
    (unsolved,) = (line for line in axes.get_lines() if line.get_marker() == ">" and len(line.get_xdata()))
    assert unsolved.get_markerfacecolor() == "white", "told apart by more than the colour"
    notes = {letter.text: letter.y for letter in written(figure, axes.get_yaxis_transform())}
    assert notes == {"rnn": 0, "gru": 1, "2 of 5 unsolved": 0, "0 of 1 unsolved": 1}
    assert axes.get_ylim() == (1.5, -0.5), "the first row is above"
    assert axes.get_xlim()[0] < 0 < 20 < axes.get_xlim()[1]
    assert {"Solved", "epochs of training", "a seed", "unsolved seed"} <= set(texts(figure))
    draw(figure)


@pytest.mark.parametrize("seeds", [2, 10, 100])
def test_equal_epochs_are_seen_one_by_one_and_always_alike(seeds: int) -> None:
    first, second = (epochs_to_solve("Solved", [times_of([5.0] * seeds)] * 2, 20) for _ in range(2))
    dots = marked(first.axes[0], "o")
    assert {x for x, _ in dots} == {5}
    heights = np.sort([y for _, y in dots])
    assert np.diff(heights).min() > 0.1 / seeds
    assert -0.5 < heights[0] < heights[seeds - 1] < 0.15, "above the median's bar"
    assert dots == marked(second.axes[0], "o")
    draw(first)


def test_a_median_is_a_diamond_on_its_interval() -> None:
    figure = epochs_to_solve("Solved", [times_of([3, 7, 5]), times_of([3, 7, 5], 0, 6, 3, 9)], 20)
    (axes,) = figure.axes
    assert marked(axes, "D") == [(5, 0.3), (6, 1.3)]
    assert bars(axes) == {0.3: [4, 6], 1.3: [3, 9]}
    assert not marked(axes, ">", "black")
    assert "not reached" not in texts(figure)
    assert "unsolved seed" not in texts(figure)


@pytest.mark.parametrize(
    ("median", "low", "high", "diamonds", "bar", "arrow"),
    [
        (5, 4, np.inf, 1, 4, True),
        (np.inf, 4, np.inf, 0, 4, True),
        (np.inf, np.inf, np.inf, 0, None, True),
        (np.inf, np.nan, np.nan, 0, None, True),
        (5, np.nan, np.nan, 1, None, False),
        (5, 5, 5, 1, 5, False),
        (np.nan, np.nan, np.nan, 0, None, False),
    ],
)
def test_what_is_not_reached_points_beyond_the_right(
    median: float, low: float, high: float, diamonds: int, bar: float | None, arrow: bool
) -> None:
    figure = epochs_to_solve("Solved", [times_of([4, 5, 20], 1, median, low, high)], 20)
    (axes,) = figure.axes
    right = axes.get_xlim()[1]
    assert len(marked(axes, "D")) == diamonds
    assert marked(axes, ">", "black") == ([(right, 0.3)] if arrow else [])
    assert ("not reached" in texts(figure)) == arrow
    if bar is not None:
        assert bars(axes) == {0.3: [bar, right if arrow else high]}
    draw(figure)


@pytest.mark.parametrize(
    ("epochs", "longest", "scale"), [([10, 300], 300, "linear"), ([9, 300], 300, "log"), ([1], 1, "linear")]
)
def test_epochs_that_span_much_stand_on_a_logarithmic_axis_from_one(
    epochs: list[float], longest: int, scale: str
) -> None:
    figure = epochs_to_solve("Solved", [times_of(epochs, 0, epochs[0], epochs[0], epochs[0])], longest)
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    least, most = axes.get_xlim()
    assert least == pytest.approx(-0.04 * longest) if scale == "linear" else 0.5 < least < 1
    assert longest < most < 1.6 * longest
    ticks = [float(letter.text) for letter in written(figure, axes.get_xaxis_transform())]
    assert 1 in ticks or scale == "linear"
    draw(figure)


@pytest.mark.parametrize(("longest", "scale"), [(20, "linear"), (3000, "symlog")])
def test_a_net_that_needs_no_training_stands_at_zero(longest: int, scale: str) -> None:
    figure = epochs_to_solve("Solved", [times_of([0, 0, 5], 0, 0, 0, 5)], longest)
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    assert axes.get_xlim()[0] < 0
    assert [x for x, _ in marked(axes, "o")] == [0, 0, 5]
    assert (marked(axes, "D"), bars(axes)) == ([(0, 0.3)], {0.3: [0, 5]})
    ticks = [letter.text for letter in written(figure, axes.get_xaxis_transform())]
    assert ticks[0] == "0"
    assert "1" in ticks or scale == "linear"
    draw(figure)


def test_a_seed_that_ended_early_is_marked_where_it_ended() -> None:
    figure = epochs_to_solve("Solved", [times_of([3, 8, np.nan, np.inf], 3)], 20)
    assert sorted(x for x, _ in marked(figure.axes[0], ">", WRONG)) == [8, 20, 20]
    draw(figure)


@pytest.mark.parametrize(
    ("settings", "longest", "message"),
    [
        ([], 20, "0 settings, at most 20 epochs; allowed: 1 or more of both"),
        ([times_of([1])], 0, "1 settings, at most 0 epochs; allowed: 1 or more"),
        ([times_of([1, 21])], 20, r"rnn: solved after \[1, 21\] epochs; allowed: 0 to 20"),
        ([times_of([-1])], 20, r"rnn: solved after \[-1\] epochs; allowed: 0 to 20"),
        ([times_of([np.nan])], 20, r"rnn: solved after \[nan\] epochs; allowed: 0 to 20"),
        (
            [SolveTimes("gru", np.ones(2), np.ones(3, bool), 1, 1, 1)],
            20,
            r"gru: \(2,\) epochs, \(3,\) solved; allowed: as",
        ),
    ],
)
def test_epochs_that_cannot_be_are_refused(settings: list[SolveTimes], longest: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        epochs_to_solve("Solved", settings, longest)


def test_an_interval_is_a_mark_on_a_bar_with_its_note() -> None:
    rows = [Interval("gru", -0.2, -0.3, -0.1, "n=10"), Interval("lstm", 0.4, 0.1, 0.7, "n=3")]
    figure = intervals("Against rnn", rows, "difference (nats)", 0.0)
    (axes,) = figure.axes
    assert marked(axes, "o", COLOURS[0]) == [(-0.2, 0), (0.4, 1)]
    assert bars(axes) == {0: [-0.3, -0.1], 1: [0.1, 0.7]}
    beside = {letter.text: letter.y for letter in written(figure, axes.get_yaxis_transform())}
    assert beside == {"gru": 0, "lstm": 1, "n=10": 0, "n=3": 1}
    (null,) = (line for line in axes.get_lines() if list(line.get_ydata()) == [0, 1] and line.get_marker() != "o")
    assert list(null.get_xdata()) == [0, 0]
    assert axes.get_xlim()[0] < -0.3 < 0.7 < axes.get_xlim()[1]
    assert {"Against rnn", "difference (nats)"} <= set(texts(figure))
    assert not any("undecided" in text for text in texts(figure))
    draw(figure)


@pytest.mark.parametrize(
    ("low", "high", "null", "decided"),
    [
        (1, 2, 0, True),
        (-2, -1, 0, True),
        (-1, 1, 0, False),
        (0, 1, 0, False),
        (-1, 0, 0, False),
        (-np.inf, np.inf, 0, False),
        (np.nan, np.nan, 0, False),
        (-1, 1, None, True),
    ],
)
def test_an_interval_that_holds_the_null_is_grey_and_hollow(
    low: float, high: float, null: float | None, decided: bool
) -> None:
    figure = intervals("Against rnn", [Interval("gru", 0.5, low, high)], "difference (nats)", null)
    (mark,) = (line for line in figure.axes[0].get_lines() if line.get_marker() == "o")
    assert mark.get_color() == (COLOURS[0] if decided else GREY)
    assert mark.get_markerfacecolor() == (COLOURS[0] if decided else "white")
    bar_colours = {
        line.get_color() for line in figure.axes[0].get_lines() if line.get_linewidth() == 2 and line is not mark
    }
    assert bar_colours <= {mark.get_color()}
    assert ("undecided" in texts(figure)) == (not decided)
    draw(figure)


@pytest.mark.parametrize(
    ("low", "high", "log", "left", "right"),
    [(-np.inf, 2, False, 1, 0), (0.5, np.inf, False, 0, 1), (0, 2, True, 1, 0), (-np.inf, np.inf, True, 1, 1)],
)
def test_an_interval_without_an_end_points_beyond_the_axis(
    low: float, high: float, log: bool, left: int, right: int
) -> None:
    figure = intervals("Ratio", [Interval("gru", 1.5, low, high)], "ratio (no unit)", 1.0, log)
    (axes,) = figure.axes
    assert axes.get_xscale() == ("log" if log else "linear")
    edges = axes.get_xlim()
    assert marked(axes, "<") == [(edges[0], 0)] * left
    assert marked(axes, ">") == [(edges[1], 0)] * right
    assert bars(axes)[0] == [edges[0] if left else low, edges[1] if right else high]
    draw(figure)


def test_groups_have_a_colour_a_marker_and_a_place_in_the_key() -> None:
    rows = [Interval(f"{n // 7}", n, n - 0.5, n + 0.5, group=f"group {n % 7}") for n in range(14)]
    figure = intervals("All", rows, "loss (nats)", 20.0)
    looks = []
    for n in range(7):
        (look,) = {
            (line.get_color(), line.get_marker())
            for line in figure.axes[0].get_lines()
            if len(line.get_xdata()) == 1 and line.get_ydata()[0] in (n, n + 7)
        }
        looks.append(look)
    assert [colour for colour, _ in looks] == list(COLOURS)
    assert len({marker for _, marker in looks}) == 7
    assert [texts(figure).count(f"group {n}") for n in range(7)] == [1] * 7
    labels = [letter for letter in written(figure, figure.axes[0].get_yaxis_transform()) if letter.text]
    assert [(letter.text, letter.y) for letter in labels] == [("0", 0), ("1", 7)], "a shared label stands once"
    draw(figure)
    with pytest.raises(ValueError, match="8 rows of 8 groups; allowed: 1 or more of up to 7"):
        intervals("All", [Interval("a", 1, 1, 1, group=f"{n}") for n in range(8)], "loss")


@pytest.mark.parametrize(
    ("rows", "null", "log", "message"),
    [
        ([], None, False, "0 rows of 0 groups; allowed: 1 or more"),
        ([Interval("gru", 1, 2, 0)], None, False, "gru: an interval from 2 to 0; allowed: the lower end first"),
        ([Interval("gru", np.nan, 1, 2), Interval("b", -1, 1, 2)], None, True, "-1 on a logarithmic axis; allowed: ab"),
        ([Interval("gru", 1, 1, 2)], 0.0, True, "0 on a logarithmic axis; allowed: above 0"),
    ],
)
def test_intervals_that_cannot_be_drawn_are_refused(
    rows: list[Interval], null: float | None, log: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        intervals("None", rows, "loss (nats)", null, log)


@pytest.mark.parametrize(("log", "null"), [(True, None), (False, 1.0)])
@pytest.mark.parametrize("value", [1.0, np.nan, np.inf])
def test_there_may_be_hardly_any_interval(value: float, null: float | None, log: bool) -> None:
    draw(intervals("One", [Interval("gru", value, value, value)], "loss (nats)", null, log))
    draw(intervals("Forty", [Interval("gru", value, value, value, "n=1")] * 40, "loss (nats)", null, log))


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG * 3, id="long")])
def test_titles_and_labels_may_hold_any_text(text: str) -> None:
    draw(epochs_to_solve(text, [times_of([3, 20], 1, label=text)] * 2, 20))
    rows = [Interval(text, 1, 0.5, 2, text, group) for group in (text, text + "b")]
    draw(intervals(text, rows, text, 3))
