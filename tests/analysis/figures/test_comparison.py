"""Pictures that compare many runs."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import Band, CurvePanel, HeatMap, curve_bands, heat_map
from analysis.figures.style import COLOURS, Writing, text_width
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
    assert figure.axes[-1].get_ylim() == pytest.approx((0.01, 1.0))


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


def band_of(label: str = "rnn", least: float = 1.0, most: float = 2.0, epochs: int = 5, spread: float = 0.5) -> Band:
    middle_e = np.linspace(most, least, epochs)
    return Band(label, middle_e, middle_e - spread, middle_e + spread)


def curves(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}


def test_a_band_is_a_line_with_what_lies_around_it() -> None:
    figure = curve_bands(
        "Training", [CurvePanel("abc", [band_of("rnn"), band_of("gru", epochs=3)], None)], "median, and all"
    )
    (axes,) = figure.axes
    for n, (label, epochs) in enumerate((("rnn", 5), ("gru", 3))):
        line, area = curves(axes)[label], axes.collections[n]
        middle_e = np.linspace(2, 1, epochs)
        np.testing.assert_array_equal(line.get_data(), (np.arange(epochs), middle_e))
        corners = {(float(x), float(y)) for x, y in area.get_paths()[0].vertices}
        assert corners == {(e, float(edge)) for e, y in enumerate(middle_e) for edge in (y - 0.5, y + 0.5)}
        assert line.get_color() == COLOURS[n]
        assert to_hex(area.get_facecolor()[0]).upper() == COLOURS[n]
        assert 0 < area.get_facecolor()[0][3] < 0.5
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "training loss (nats per character)")
    shown = texts(figure)
    assert {"Training", "abc", "line and band: median, and all", "epoch", axes.get_ylabel()} <= set(shown)
    assert (shown.count("rnn"), shown.count("gru")) == (1, 1)
    draw(figure)


def test_a_label_looks_alike_in_all_panels_and_unlike_the_others() -> None:
    names = [LONG + name for name in "abcdefg"]
    panels_given = [
        CurvePanel("all", [band_of(name) for name in names], 0.5),
        CurvePanel("last", [band_of(names[-1])], None),
    ]
    figure = curve_bands("Training", panels_given, "one seed")
    first, second = (curves(axes) for axes in figure.axes)
    looks = [(first[name].get_color(), first[name].get_linestyle()) for name in names]
    assert [colour for colour, _ in looks] == list(COLOURS)
    assert [style for _, style in looks[:4]] == ["-", "--", "-.", ":"]
    assert (second[names[-1]].get_color(), second[names[-1]].get_linestyle()) == looks[-1]
    assert [texts(figure).count(name) for name in names] == [1] * 7, "one key for all"
    assert texts(figure).count("floor") == 1
    draw(figure)


@pytest.mark.parametrize(
    ("least", "most", "floor", "scale", "drawn"),
    [
        (1.0, 29.0, 0.5, "linear", True),
        (1.0, 31.0, 0.5, "log", True),
        (1.0, 31.0, 0.0, "log", False),
        (1.0, 2.0, 0.0, "linear", True),
        (0.0, 31.0, 0.0, "linear", True),
        (-1.0, 31.0, None, "linear", False),
    ],
)
def test_losses_that_span_much_stand_on_a_logarithmic_axis(
    least: float, most: float, floor: float | None, scale: str, drawn: bool
) -> None:
    figure = curve_bands("Training", [CurvePanel("abc", [band_of("rnn", least, most, spread=0)], floor)], "one seed")
    (axes,) = figure.axes
    assert axes.get_yscale() == scale
    floors = [line.get_ydata()[0] for line in axes.get_lines() if line.get_label() != "rnn"]
    assert floors == ([floor] if drawn else [])
    assert ("floor" in texts(figure)) == drawn
    low, high = axes.get_ylim()
    assert low < min([least, *floors]) <= most < high
    ticks = [float(text) for text, *_ in written(figure, axes.get_yaxis_transform())]
    assert len(ticks) >= 3
    assert (1 in ticks and 10 in ticks) or scale == "linear", "powers of ten among them"
    draw(figure)


@pytest.mark.parametrize("count", [1, 3, 4, 9, 12])
def test_panels_of_bands_share_their_limits_and_stand_three_in_a_row(count: int) -> None:
    given = [
        CurvePanel(f"{LONG}{n}", [band_of("rnn", 1, 2 + n, epochs=5 + n, spread=0.25)], None) for n in range(count)
    ]
    figure = curve_bands("Training", given, "median, and all 10 seeds")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [panel.title for panel in given]
    assert len({axes.get_xlim() + axes.get_ylim() for axes in figure.axes}) == 1
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert left < 0 < 4 + count - 1 < right
    assert low < 0.75 < 1.25 + count < high
    places = [axes.get_position() for axes in figure.axes]
    assert [place.x0 == places[0].x0 for place in places] == [n % 3 == 0 for n in range(count)]
    assert all(upper.y0 > lower.y1 for upper, lower in zip(places, places[3:], strict=False))
    labelled = [any(text for text, *_ in written(figure, axes.get_yaxis_transform())) for axes in figure.axes]
    assert labelled == [n % 3 == 0 for n in range(count)]
    labelled = [any(text for text, *_ in written(figure, axes.get_xaxis_transform())) for axes in figure.axes]
    assert labelled == [n + 3 >= count for n in range(count)]
    draw(figure)


def test_what_is_not_finite_leaves_a_gap() -> None:
    broken = Band("rnn", *(np.array([2.0, np.nan, np.inf, 1.0]) + edge for edge in (0, -0.5, 0.5)))
    nothing = Band("gru", *[np.full(3, np.nan)] * 3)
    figure = curve_bands(
        "Training", [CurvePanel("abc", [broken, nothing], None), CurvePanel("empty", [], 0.0)], "median, and all"
    )
    line = curves(figure.axes[0])["rnn"]
    np.testing.assert_array_equal(line.get_ydata(), [2.0, np.nan, np.nan, 1.0])
    assert figure.axes[0].get_ylim()[1] < 3
    draw(figure)
    draw(curve_bands("Training", [CurvePanel("abc", [nothing], None)], "none"))
    draw(curve_bands("Training", [CurvePanel("abc", [], None)], "none"))


@pytest.mark.parametrize("epochs", [0, 1, 2, 32, 33, 2000])
def test_one_seed_of_any_number_of_epochs_can_be_drawn(epochs: int) -> None:
    figure = curve_bands("Training", [CurvePanel("abc", [band_of(epochs=epochs, spread=0)], 0.0)], "one seed")
    assert curves(figure.axes[0])["rnn"].get_marker() == ("." if epochs <= 32 else "")
    draw(figure)


@pytest.mark.parametrize("given", [[], [CurvePanel("abc", [band_of(f"{n}") for n in range(8)], None)]])
def test_more_bands_than_colours_are_refused(given: list[CurvePanel]) -> None:
    with pytest.raises(ValueError, match="allowed: 1 or more of up to 7"):
        curve_bands("Training", given, "median")


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG * 3, id="long")])
def test_titles_and_labels_may_hold_any_text(text: str) -> None:
    draw(heat_map(text, [HeatMap(text, np.ones((1, 2)))], (text, [text]), (text, [text, text]), text, False))
    draw(curve_bands(text, [CurvePanel(text, [band_of(text)], 0.5)] * 4, text))


def test_the_ends_of_the_colours_can_be_given() -> None:
    shares = HeatMap("abc", np.array([[0.0, 0.5, 1.0]])), HeatMap("none", np.array([[0.4, 0.5, 0.6]]))
    figure = heat_map("Solved", shares, ("units", ["4"]), ("epochs", ["1", "2", "3"]), "share", False, (0, 1))
    ((low, middle, high),), ((_, other, beyond),) = (cell_colours(axes) for axes in figure.axes[:2])
    assert (low, high) == ("#440154", "#fde725")
    assert other == middle
    assert beyond != high
    assert figure.axes[-1].get_ylim() == (0, 1)
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
    if not log:
        with pytest.raises(ValueError, match=r"limits .*; allowed: the lower first"):
            curve_bands("None", [CurvePanel("abc", [band_of()], None)], "median", limits=limits)


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
        if isinstance(group, Writing)
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


@pytest.mark.parametrize(("count", "columns"), [(6, 2), (10, 5), (2, 12)])
def test_panels_of_bands_stand_as_many_in_a_row_as_asked(count: int, columns: int) -> None:
    given = [CurvePanel(f"abc, {n} units", [band_of("rnn", epochs=20_001, spread=0.25)], None) for n in range(count)]
    figure = curve_bands("Training", given, "one seed", columns)
    places = [axes.get_position() for axes in figure.axes]
    assert [place.x0 == places[0].x0 for place in places] == [n % columns == 0 for n in range(count)]
    assert all(upper.y0 > lower.y1 for upper, lower in zip(places, places[columns:], strict=False))
    assert {f"abc, {n} units" for n in range(count)} <= set(texts(figure))
    named = [any(text for text, *_ in written(figure, axes.get_yaxis_transform())) for axes in figure.axes]
    assert named == [n % columns == 0 for n in range(count)], "on the left alone"
    ends = [0.0]
    for axes in figure.axes[(count - 1) // columns * columns :]:  # all of the last row
        ticks = [letter for letter in written(figure, axes.get_xaxis_transform()) if letter.text]
        assert len(ticks) >= 2
        for tick in ticks:
            middle, half = axes.transData.transform((tick.x, 0))[0] / 100, text_width(tick.text, 9) / 2
            assert middle - half > ends[-1] + 0.02, "labels leave room between them"
            ends.append(middle + half)
    assert ends[-1] < 8
    draw(figure)


def test_bands_may_be_of_a_share() -> None:
    accuracies = Band("rnn", *(np.array([0.01, 0.5, 1.0]) * part for part in (1, 0.5, 1)))
    panels_given = [CurvePanel("abc", [accuracies], None)] * 4
    figure = curve_bands("Accuracy", panels_given, "median", 2, "train accuracy (share)", (0, 1))
    for axes in figure.axes:
        assert axes.get_yscale() == "linear", "whatever it spans"
        assert axes.get_ylim() == pytest.approx((-0.04, 1.04))
        assert axes.get_ylabel() == "train accuracy (share)"
    assert texts(figure).count("train accuracy (share)") == 1
    draw(figure)
    with pytest.raises(ValueError, match="columns 0; allowed: 1 or more"):
        curve_bands("Accuracy", panels_given, "median", 0)
