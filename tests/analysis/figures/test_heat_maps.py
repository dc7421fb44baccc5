"""Heat maps."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from analysis.figures import HeatMap, heat_map
from analysis.figures.style import TextCollection
from tests.analysis.figures.looking import BLACK, LONG, ODD_TEXTS, draw, texts, written


def map_of(values: list[list[float]] | np.ndarray, log: bool = True, count: int = 1) -> Figure:
    value_rc = np.array(values, dtype=float)
    rows, columns = ([f"{name}{n}" for n in range(size)] for name, size in zip("rc", value_rc.shape, strict=True))
    maps = [HeatMap(f"map {n}", value_rc) for n in range(count)]
    return heat_map("Everything", maps, ("hidden units", rows), ("rate", columns), "loss (nats)", log)


def cell_colours(axes: Axes) -> list[list[str]]:
    (image,) = axes.images
    return [[to_hex(colour) for colour in row] for row in np.asarray(image.get_array())]


def test_each_cell_of_a_heat_map_has_its_number_and_a_missing_one_is_hatched() -> None:
    figure = map_of([[0.5, np.nan, 0.000123456], [12345.0, 1.0, 0.0]])
    axes, bar = figure.axes
    numbers = {(letter.x, letter.y): letter.text for letter in written(figure, axes.transData)}
    assert numbers == {(0, 0): "0.5", (2, 0): "1.23e-4", (0, 1): "1.23e4", (1, 1): "1", (2, 1): "0"}
    (hatched,) = axes.patches
    assert hatched.get_hatch()
    assert (hatched.get_xy(), hatched.get_width(), hatched.get_height()) == ((0.5, -0.5), 1, 1)
    assert {letter.text: letter.y for letter in written(figure, axes.get_yaxis_transform())} == {"r0": 0, "r1": 1}
    columns = {letter.text: letter.x for letter in written(figure, axes.get_xaxis_transform())}
    assert columns == {"c0": 0, "c1": 1, "c2": 2}
    assert axes.get_ylim() == (1.5, -0.5), "the first row is above"
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("rate", "hidden units", "loss (nats)")
    assert {"rate", "hidden units", "loss (nats)", "Everything", "map 0"} <= set(texts(figure))
    draw(figure)


def test_a_number_is_black_on_a_light_cell_and_white_on_a_dark_one() -> None:
    figure = map_of([[0.0, 1.0]], log=False)
    assert [letter.colour for letter in written(figure, figure.axes[0].transData)] == ["#FFFFFF", BLACK]


@pytest.mark.parametrize(("log", "middle"), [(True, 0.1), (False, 0.505)])
def test_a_scale_of_colours_is_even_in_the_values_or_in_their_logarithms(log: bool, middle: float) -> None:
    figure = map_of([[0.01, middle, 1.0]], log)
    ((low, between, high),) = cell_colours(figure.axes[0])
    assert (low, high) == ("#440154", "#fde725"), "the ends of viridis"
    assert between in ("#21918c", "#21908d"), "its middle"
    assert figure.axes[-1].get_xlim() == pytest.approx((0.01, 1.0))


def test_a_logarithmic_scale_shows_what_is_not_above_zero_as_its_least() -> None:
    figure = map_of([[0.0, -2.0, 0.01], [1.0, np.inf, 0.1]])
    (zero, negative, least), (most, infinite, between) = cell_colours(figure.axes[0])
    assert zero == negative == least != between != most == infinite
    assert [letter.text for letter in written(figure, figure.axes[0].transData)][:2] == ["0", "-2"]
    draw(figure)


@pytest.mark.parametrize("values", [[[0.5]], [[np.nan]], [[0.0, 0.0]], [[-1.0], [-2.0]], [[np.inf, np.nan]]])
@pytest.mark.parametrize("log", [True, False])
def test_a_heat_map_may_have_hardly_any_values(values: list[list[float]], log: bool) -> None:
    draw(map_of(values, log))


def test_heat_maps_share_one_scale_and_stand_three_in_a_row() -> None:
    low, high = np.full((2, 2), 0.1), np.full((2, 2), 10.0)
    maps = [HeatMap("low", low), *[HeatMap(LONG, high)] * 4]
    figure = heat_map("Two", maps, ("pattern", [LONG, "abc"]), ("train", [LONG, "$x$"]), "loss (nats)", True)
    *panels_shown, bar = figure.axes
    assert bar.get_ylim() == pytest.approx((0.1, 10.0))
    assert {colour for row in cell_colours(panels_shown[0]) for colour in row} == {"#440154"}
    assert {colour for row in cell_colours(panels_shown[1]) for colour in row} == {"#fde725"}
    places = [axes.get_position() for axes in panels_shown]
    assert places[0].y0 == places[1].y0 == places[2].y0 > places[3].y1
    assert places[0].x1 < places[1].x0 < places[1].x1 < places[2].x0
    assert places[3].x0 == places[0].x0
    named = [bool(written(figure, axes.get_yaxis_transform())) for axes in panels_shown]
    assert named == [True, False, False, True, False], "rows are named on the left"
    named = [bool(written(figure, axes.get_xaxis_transform())) for axes in panels_shown]
    assert named == [False, False, True, True, True], "columns are named where no map is below"
    draw(figure)


@pytest.mark.parametrize(("size", "count", "shown"), [(12, 1, True), (12, 12, False), (4, 9, True), (1, 12, True)])
def test_numbers_are_left_out_where_there_is_no_room(size: int, count: int, shown: bool) -> None:
    figure = map_of(np.geomspace(1.23e-4, 1.23, size * size).reshape(size, size), count=count)
    letters = [written(figure, axes.transData) for axes in figure.axes[:-1]]
    assert [len(some) for some in letters] == [size * size * shown] * count
    draw(figure)


@pytest.mark.parametrize("maps", [[], [HeatMap("m", np.zeros((2, 1)))]])
def test_a_heat_map_of_another_shape_is_refused(maps: list[HeatMap]) -> None:
    with pytest.raises(ValueError, match=r"shapes .* allowed: one or more of"):
        heat_map("None", maps, ("hidden units", ["4"]), ("rate", ["0.1", "1"]), "loss", False)


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG * 3, id="long")])
def test_titles_and_labels_may_hold_any_text(text: str) -> None:
    draw(heat_map(text, [HeatMap(text, np.ones((1, 2)))], (text, [text]), (text, [text, text]), text, False))


def test_the_ends_of_the_colours_can_be_given() -> None:
    shares = HeatMap("abc", np.array([[0.0, 0.5, 1.0]])), HeatMap("none", np.array([[0.4, 0.5, 0.6]]))
    figure = heat_map("Solved", shares, ("units", ["4"]), ("epochs", ["1", "2", "3"]), "share", False, (0, 1))
    ((low, middle, high),), ((_, other, beyond),) = (cell_colours(axes) for axes in figure.axes[:2])
    assert (low, high) == ("#440154", "#fde725")
    assert other == middle
    assert beyond != high
    assert figure.axes[-1].get_xlim() == (0, 1)
    narrow = heat_map("Solved", shares, ("units", ["4"]), ("epochs", ["1", "2", "3"]), "share", True, (0.45, 0.55))
    ((low, _, high),) = cell_colours(narrow.axes[0])
    assert (low, high) == ("#440154", "#fde725"), "what is beyond has the colour of the end"
    draw(figure)
    draw(narrow)


@pytest.mark.parametrize(
    ("limits", "log"), [((1.0, 1.0), False), ((1.0, 0.0), False), ((0.0, 1.0), True), ((np.nan, 1.0), False)]
)
def test_limits_that_bound_nothing_are_refused(limits: tuple[float, float], log: bool) -> None:
    with pytest.raises(ValueError, match=r"limits .*; allowed: the lower first"):
        heat_map("None", [HeatMap("m", np.zeros((1, 1)))], ("", ["a"]), ("", ["b"]), "share", log, limits)


def test_a_note_stands_below_the_number_of_each_cell_that_has_one() -> None:
    one = HeatMap("abc", np.array([[0.7, np.nan], [0.0, 1.0]]), np.array([["7/10", "?"], ["0/10", "10/10"]]))
    figure = heat_map("Solved", [one], ("units", ["4", "8"]), ("epochs", ["1", "2"]), "share", False, (0, 1))
    axes = figure.axes[0]
    for row, column, number, note in ((0, 0, "0.7", "7/10"), (1, 0, "0", "0/10"), (1, 1, "1", "10/10")):
        found = {
            letter.text: letter.colour for letter in written(figure, axes.transData) if letter[1:3] == (column, row)
        }
        assert set(found) == {number, note}
        assert found[number] == found[note] == ("#FFFFFF" if number == "0" else BLACK)
    assert "?" not in texts(figure), "there is nothing to say of no value"
    outlines = {
        text: path.vertices[:, 1]
        for group in figure.artists
        if isinstance(group, TextCollection)
        for text, path in zip(group.texts, group.get_paths(), strict=True)
    }
    assert outlines["7/10"].max() < outlines["0.7"].min()
    draw(figure)


def test_notes_too_wide_for_their_cells_are_left_out_with_the_numbers() -> None:
    notes = np.full((2, 12), "between 0.35 and 0.93")
    figure = heat_map(
        "Solved",
        [HeatMap("abc", np.ones((2, 12)), notes)] * 3,
        ("", list("ab")),
        ("", list("abcdefghijkl")),
        "share",
        False,
    )
    assert not any(written(figure, axes.transData) for axes in figure.axes[:-1])
    with pytest.raises(ValueError, match=r"shapes are \[\(1, 1\), \(1, 2\)\]; allowed: one or more of \(1, 1\)"):
        heat_map("None", [HeatMap("m", np.zeros((1, 1)), np.array([["a", "b"]]))], ("", ["a"]), ("", ["b"]), "s", False)
    draw(figure)


def inches(axes: Axes) -> np.ndarray:
    """Return left and bottom, and right and top of axes, in inches."""
    points: np.ndarray = axes.get_position().get_points() * axes.get_figure().get_size_inches()
    return points


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("noted", [True, False])
def test_a_single_row_is_low_and_its_colour_bar_lies_below_it(count: int, noted: bool) -> None:
    notes = np.full((1, 3), "n=3") if noted else None
    maps = [HeatMap("abc" if count > 1 else "", np.array([[0.001, 0.1, 1.0]]), notes)] * count
    figure = heat_map("Loss", maps, ("", [""]), ("epochs", ["20", "100", "500"]), "loss (nats)", True)
    *panels, bar = figure.axes
    for axes in panels:
        (left, bottom), (_, top) = inches(axes)
        assert 0.2 <= top - bottom <= 0.5
        assert left < 0.3 or axes is not panels[0], "no room for the name and the labels of rows that have none"
    (bar_left, bar_bottom), (bar_right, bar_top) = inches(bar)
    assert bar_right - bar_left > 5 * (bar_top - bar_bottom)
    assert (bar.get_xlim(), bar.get_xlabel()) == (pytest.approx((0.001, 1.0)), "loss (nats)")
    inch = {letter.text: letter.y for letter in written(figure, figure.dpi_scale_trans)}
    assert inch["loss (nats)"] < bar_bottom < bar_top < inch["epochs"] < inches(panels[-1])[0, 1]
    draw(figure)
    shown = [label for label in bar.get_xticklabels() if 0.001 <= label.get_position()[0] <= 1]
    assert len(shown) >= 3
    for extent in (label.get_window_extent() for label in shown):
        assert 0 < extent.x0 < extent.x1 < 800, "the numbers at the ends are whole"


def test_a_single_column_has_no_room_for_the_label_of_columns() -> None:
    sizes = ("hidden size", ["4", "8", "16"])
    single, named = (
        heat_map("Loss", [HeatMap("", np.ones((3, 1)))], sizes, column, "loss (nats)", False)
        for column in (("", [""]), ("epochs", ["20"]))
    )
    assert inches(single.axes[0])[0, 1] == pytest.approx(inches(named.axes[0])[0, 1] - 0.3)
    assert single.axes[-1].get_ylabel() == "loss (nats)", "beside the map"
    draw(single)
