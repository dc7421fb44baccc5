"""Pictures of the shape of trajectories."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from analysis.figures import Growth, Mismatch, distance_matrix, growth, mismatch
from analysis.figures.cycles import MAX_LABELS, MAX_NUMBERS
from analysis.figures.style import COLOURS, GREY, WRONG
from tests.analysis.figures.looking import LONG, ODD_TEXTS, draw, texts, written

NAN = np.nan


def lag_panel(
    found: int | None = 3, values: Any = (0.9, 1.1, 0.02, 0.9, 1.2, 0.02), pattern: int | None = 3
) -> Mismatch:
    return Mismatch("teacher forced", np.array(values, dtype=float), found, pattern, 0.05)


def test_the_distance_at_each_lag_is_drawn_with_the_period_found_that_of_the_pattern_and_the_tolerance() -> None:
    panels = [lag_panel(), lag_panel(found=None, pattern=5), lag_panel(pattern=None)]
    figure = mismatch("periods", panels)
    assert draw(figure)[0] == 800
    for one, axes in zip(panels, figure.axes, strict=True):
        by_marker = {line.get_marker(): line for line in axes.get_lines() if line.get_marker() != "None"}
        dots = by_marker["o"].get_xydata()
        np.testing.assert_array_equal(dots, np.column_stack([range(1, 7), one.mismatch_p]))
        (stems,) = axes.collections
        np.testing.assert_array_equal([stem[-1] for stem in stems.get_segments()], dots)
        found = by_marker["D"].get_xydata().tolist() if "D" in by_marker else None
        assert found == ([[3, 0.02]] if one.found else None)
        if one.found:
            assert by_marker["D"].get_color() == WRONG
        dotted = [set(line.get_xdata()) for line in axes.get_lines() if line.get_linestyle() == ":"]
        assert dotted == ([{one.pattern}] if one.pattern else [])
        level = [set(line.get_ydata()) for line in axes.get_lines() if line.get_color() == GREY]
        assert level == [{0.05}]
        low, high = axes.get_ylim()
        assert low < 0
        assert high == pytest.approx(1.4)
        assert axes.get_ylabel() == "distance to itself (1: unrelated moments)"
        assert axes.get_xlabel() == "lag (characters)"
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["teacher forced: period 3", "teacher forced: no period", "teacher forced: period 3"]
    assert set(titles) | {"period found", "period of the pattern", "tolerance"} <= set(texts(figure))


@pytest.mark.parametrize("values", [[0.0], [NAN] * 6, [np.inf, 0.5, NAN, 7.0], [0.0] * 200])
def test_any_distances_can_be_drawn(values: list[float]) -> None:
    figure = mismatch("periods", [lag_panel(None, values), lag_panel(1, values)])
    draw(figure)
    finite = [value for value in values if np.isfinite(value)]
    assert figure.axes[0].get_ylim()[1] > max([1.3, *finite])
    (dots,) = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert dots.get_ydata().tolist() == finite


def matrix_of(count: int) -> np.ndarray:
    """Return distances of which every two say which runs they are between: |i - j| / count."""
    return np.abs(np.subtract.outer(np.arange(count), np.arange(count))) / count


def test_runs_of_a_group_stand_together_and_lines_part_the_groups() -> None:
    groups = ["aab", "abc", "aab", "abc", "aab"]
    figure = distance_matrix("shapes", matrix_of(5), [f"run {n}" for n in range(5)], groups)
    draw(figure)
    axes = figure.axes[0]
    order = [0, 2, 4, 1, 3]
    (image,) = axes.get_images()
    np.testing.assert_array_equal(image.get_array(), matrix_of(5)[order][:, order])
    assert image.get_clim() == (0, 1)
    assert image.get_cmap().name == "viridis"
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.get_lines()]
    assert lines == [([0, 1], [2.5, 2.5]), ([2.5, 2.5], [0, 1])]
    beside = [(one.text, one.y) for one in written(figure, axes.get_yaxis_transform())]
    below = [(one.text, one.x) for one in written(figure, axes.get_xaxis_transform())]
    assert beside == below
    assert beside == [*((f"run {run}", n) for n, run in enumerate(order)), ("aab", 1), ("abc", 3.5)]
    numbers = [(one.text, one.x, one.y) for one in written(figure, axes.transData)]
    assert sorted(numbers) == sorted((f"{abs(order[x] - order[y]) / 5:.2f}", x, y) for x in range(5) for y in range(5))
    scale = figure.axes[1]
    assert scale.get_ylabel() == "Procrustes distance (0: the same shape)"
    assert scale.get_ylabel() in texts(figure)
    assert scale.get_ylim() == (0, 1)
    wide, tall = axes.get_position().size * figure.get_size_inches()
    assert wide == pytest.approx(tall)


@pytest.mark.parametrize("count", [1, 2, MAX_NUMBERS, MAX_NUMBERS + 1, MAX_LABELS, MAX_LABELS + 1, 60])
def test_numbers_and_labels_stand_where_there_is_room(count: int) -> None:
    labels = [f"{n} {LONG * (n == 0)}" for n in range(count)]
    groups = [LONG if n % 2 else "abc" for n in range(count)]
    figure = distance_matrix("shapes", matrix_of(count), labels, groups)
    draw(figure)
    axes = figure.axes[0]
    assert len(written(figure, axes.transData)) == (count**2 if count <= MAX_NUMBERS else 0)
    named = len(written(figure, axes.get_yaxis_transform())) - min(count, 2)
    assert named == (count if count <= MAX_LABELS else 0)
    assert axes.get_position().x0 > 0


def test_a_distance_that_is_not_there_is_hatched_and_has_no_number() -> None:
    distances = matrix_of(3)
    distances[0, 1] = NAN
    figure = distance_matrix("shapes", distances, ["1", "2", "3"], ["a"] * 3)
    (hatched,) = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert hatched.get_hatch()
    places = {(one.x, one.y) for one in written(figure, figure.axes[0].transData)}
    assert places == {(x, y) for x in range(3) for y in range(3)} - {(1, 0)}
    draw(figure)
    draw(distance_matrix("shapes", np.full((2, 2), NAN), ["1", "2"], ["a", "b"]))
    assert not distance_matrix("shapes", matrix_of(2), ["1", "2"], ["a"] * 2).axes[0].patches


EPOCHS = np.array([1, 10, 100])


def growth_of(seeds: int = 3, epochs: np.ndarray = EPOCHS, scale: float = 1.0, **more: Any) -> Growth:
    values = scale * np.random.default_rng(seeds).uniform(0.1, 1, (seeds, len(epochs)))
    edges = np.median(values, axis=0), values.min(axis=0), values.max(axis=0)
    return Growth("radius (no unit)", epochs, values, *edges, **more)


def test_each_seed_has_a_thin_line_and_the_middle_a_thick_one_in_a_band() -> None:
    one = growth_of()
    one.value_se[1, 2] = NAN
    figure = growth("growth", [one], "median and range of 3 seeds")
    draw(figure)
    axes = figure.axes[0]
    *seeds, middle = axes.get_lines()
    for line, value_e in zip(seeds, one.value_se, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([EPOCHS, value_e]))
        assert line.get_linewidth() < middle.get_linewidth()
        assert line.get_marker() == ".", "an epoch between two gaps shows too"
    np.testing.assert_array_equal(middle.get_xydata(), np.column_stack([EPOCHS, one.middle_e]))
    (band,) = axes.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    assert {(e, edge) for e, edge in zip(EPOCHS, one.low_e, strict=True)} <= corners
    assert {(e, edge) for e, edge in zip(EPOCHS, one.high_e, strict=True)} <= corners
    assert to_hex(band.get_facecolor()[0]) == COLOURS[0].lower()
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epochs trained", "radius (no unit)")
    assert {"one seed", "median and range of 3 seeds", "epochs trained", "radius (no unit)"} <= set(texts(figure))


def test_panels_share_the_epochs_and_have_their_own_heights() -> None:
    figure = growth("growth", [growth_of(), growth_of(scale=50, epochs=np.array([2, 5000]))], "median")
    first, second = figure.axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_xlim()[0] < 1
    assert first.get_xlim()[1] > 5000
    assert first.get_ylim()[1] < 2 < second.get_ylim()[1]
    ticks = [(one.text, one.x) for one in written(figure, first.get_xaxis_transform())]
    assert ticks == [("1", 1), ("10", 10), ("100", 100), ("1000", 1000)]


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [([0], "0"), ([0, 1, 30], "0 1 10"), ([7], "7"), ([20, 70], "20 70"), ([0, 1], "0 1"), ([5, 500], "10 100")],
)
def test_any_epochs_can_be_drawn_the_untrained_net_too(epochs: list[int], ticks: str) -> None:
    figure = growth("growth", [growth_of(1, np.array(epochs))], "median")
    draw(figure)
    axes = figure.axes[0]
    assert " ".join(one.text for one in written(figure, axes.get_xaxis_transform())) == ticks
    low, high = axes.get_xlim()
    assert low < epochs[0] <= epochs[-1] < high


def test_growth_of_which_nothing_is_known_can_be_drawn() -> None:
    nothing = np.full(3, NAN)
    draw(growth("growth", [Growth("radius", EPOCHS, np.full((2, 3), NAN), nothing, nothing, nothing)], "median"))
    draw(growth("growth", [Growth("radius", EPOCHS, np.empty((0, 3)), nothing, nothing, nothing)], "median"))


def test_every_figure_is_as_high_as_its_panels_need() -> None:
    assert draw(mismatch("periods", [lag_panel()] * 2)) == (800, 435)
    assert draw(growth("growth", [growth_of()] * 3, "median")) == (800, 405)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_character_can_be_drawn(text: str) -> None:
    draw(mismatch(text, [Mismatch(text, np.ones(3), None, None, 0.1)]))
    draw(distance_matrix(text, matrix_of(3), [text] * 3, [text, text, "b"]))
    draw(growth(text, [growth_of()], text))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mismatch("t", []), "0 panels; allowed: 1 or more"),
        (lambda: mismatch("t", [lag_panel(None, [])]), "the lags 1 to 0"),
        (lambda: mismatch("t", [lag_panel(7)]), "period 7 found among the lags 1 to 6; allowed: one of them, or None"),
        (lambda: mismatch("t", [lag_panel(0)]), "period 0 found"),
        (lambda: distance_matrix("t", np.zeros((0, 0)), [], []), r"distances of shape \(0, 0\), 0 labels, 0 groups"),
        (lambda: distance_matrix("t", np.zeros((2, 3)), ["a"] * 2, ["a"] * 2), r"distances of shape \(2, 3\)"),
        (lambda: distance_matrix("t", np.zeros((2, 2)), ["a"] * 2, ["a"]), "2 labels, 1 groups"),
        (lambda: growth("t", [], "median"), "0 panels; allowed: 1 or more"),
        (lambda: growth("t", [growth_of(epochs=np.array([-1, 1]))], "median"), "epochs from 0 up"),
        (lambda: growth("t", [growth_of(epochs=np.array([]))], "median"), "epochs from 0 up"),
        (
            lambda: growth("t", [Growth("", EPOCHS, np.ones((2, 2)), EPOCHS, EPOCHS, EPOCHS)], "median"),
            r"\(3,\), \(2, 2\), \(3,\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)
