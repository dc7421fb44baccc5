"""Curves over epochs and sizes."""

import dataclasses

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from analysis.figures import Band, CurvePanel, ReachPanel, curve_bands, reach_curves
from analysis.figures.style import COLOURS, text_width
from tests.analysis.figures.looking import LONG, ODD_TEXTS, draw, texts, written


def band_of(label: str = "rnn", least: float = 1.0, most: float = 2.0, epochs: int = 5, spread: float = 0.5) -> Band:
    middle_e = np.linspace(most, least, epochs)
    return Band(label, np.arange(epochs), middle_e, middle_e - spread, middle_e + spread)


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
    broken = Band("rnn", np.arange(4), *(np.array([2.0, np.nan, np.inf, 1.0]) + edge for edge in (0, -0.5, 0.5)))
    nothing = Band("gru", np.arange(3), *[np.full(3, np.nan)] * 3)
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
    accuracies = Band("rnn", np.arange(3), *(np.array([0.01, 0.5, 1.0]) * part for part in (1, 0.5, 1)))
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


def reach_of(sizes: list[float], label: str = "rnn", share: float = 0.8) -> Band:
    middle_s = np.full(len(sizes), share)
    return Band(label, np.array(sizes), middle_s, middle_s - 0.1, middle_s + 0.1)


def test_a_reach_is_a_line_with_what_lies_around_it_and_the_sizes_trained_on_are_shaded() -> None:
    bands = [reach_of([1, 5, 9]), reach_of([2, 6], "gru", 0.3)]
    figure = reach_curves(
        "How far", [ReachPanel("abc", "length (characters)", (1, 4), bands)], "median, and all 10 seeds"
    )
    (axes,) = figure.axes
    for n, band in enumerate(bands):
        (line,) = (line for line in axes.get_lines() if line.get_label() == band.label)
        np.testing.assert_array_equal(line.get_data(), (band.x_n, band.middle_n))
        assert (line.get_color(), line.get_linestyle()) == (COLOURS[n], ("-", "--")[n])
        corners = {(float(x), float(y)) for x, y in axes.collections[n].get_paths()[0].vertices}
        assert corners == {(x, y) for edge in (band.low_n, band.high_n) for x, y in zip(band.x_n, edge, strict=True)}
    (shade,) = axes.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (0.5, 4.5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("length (characters)", "share that is right")
    assert axes.get_ylim()[0] <= 0 < 1 <= axes.get_ylim()[1] < 1.1
    written_there = texts(figure)
    assert {"How far", "abc", "line and band: median, and all 10 seeds", "length (characters)"} <= set(written_there)
    assert [written_there.count(text) for text in ("rnn", "gru", "sizes trained on", axes.get_ylabel())] == [1] * 4
    draw(figure)


@pytest.mark.parametrize(
    ("sizes", "trained", "scale"),
    [
        ([1, 32], (1, 4), "linear"),
        ([1, 33], (1, 4), "log"),
        ([0, 33], (1, 4), "linear"),
        ([1, 33], (0, 4), "linear"),
        ([1, 33], None, "linear"),
    ],
)
def test_sizes_far_beyond_training_stand_on_a_logarithmic_axis(
    sizes: list[float], trained: tuple[int, int] | None, scale: str
) -> None:
    figure = reach_curves("How far", [ReachPanel("abc", "length", trained, [reach_of(sizes)])], "one seed")
    (axes,) = figure.axes
    assert axes.get_xscale() == scale
    left, right = axes.get_xlim()
    assert left < min(sizes) < max(sizes) < right
    assert ("sizes trained on" in texts(figure)) == bool(axes.patches) == (trained is not None)
    assert len([text for text, *_ in written(figure, axes.get_xaxis_transform()) if text]) >= 2
    draw(figure)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_panels_of_reaches_share_a_key_and_have_sizes_of_their_own(count: int) -> None:
    panels = [
        ReachPanel(f"{LONG}{n}", f"measure {n}", (1, 4), [reach_of([1, 8 + n]), *[reach_of([3], "gru")] * (n % 2)])
        for n in range(count)
    ]
    figure = reach_curves("How far", panels, "one seed")
    places = [axes.get_position() for axes in figure.axes]
    assert [place.x0 == places[0].x0 for place in places] == [n % 3 == 0 for n in range(count)]
    assert all(upper.y0 > lower.y1 for upper, lower in zip(places, places[3:], strict=False))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [panel.title for panel in panels]
    for n, axes in enumerate(figure.axes):
        assert axes.get_xlim()[1] > 8 + n
        assert any(text for text, *_ in written(figure, axes.get_xaxis_transform()))
        assert any(text for text, *_ in written(figure, axes.get_yaxis_transform())) == (n % 3 == 0)
        assert f"measure {n}" in texts(figure)
    assert texts(figure).count("rnn") == 1
    draw(figure)


@pytest.mark.parametrize(
    "bands", [[], [reach_of([])], [reach_of([7])], [reach_of([3, 3])], [reach_of([1, 2, 99], share=np.nan)]]
)
def test_there_may_be_hardly_any_reach(bands: list[Band]) -> None:
    for trained in ((1, 4), (3, 3), None):
        draw(reach_curves("How far", [ReachPanel("abc", "length", trained, bands)], "none"))


@pytest.mark.parametrize("panels", [[], [ReachPanel("abc", "length", None, [reach_of([1], f"{n}") for n in range(8)])]])
def test_more_reaches_than_colours_are_refused(panels: list[ReachPanel]) -> None:
    with pytest.raises(ValueError, match="allowed: 1 or more of up to 7"):
        reach_curves("None", panels, "median")


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG * 3, id="long")])
def test_titles_and_labels_may_hold_any_text(text: str) -> None:
    draw(curve_bands(text, [CurvePanel(text, [band_of(text)], 0.5)] * 4, text))
    draw(reach_curves(text, [ReachPanel(text, text, (1, 2), [reach_of([1, 2], text)])] * 4, text))


@pytest.mark.parametrize("limits", [(1.0, 1.0), (1.0, 0.0), (np.nan, 1.0)])
def test_limits_that_bound_nothing_are_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"limits .*; allowed: the lower first"):
        curve_bands("None", [CurvePanel("abc", [band_of()], None)], "median", limits=limits)


def test_the_legend_has_the_note_of_each_label_once() -> None:
    few, many = dataclasses.replace(band_of("rnn"), note="3 seeds"), band_of("gru")
    losses = curve_bands("Training", [CurvePanel(name, [few, many], None) for name in ("abc", "aab")], "median")
    reach = reach_curves(
        "How far", [ReachPanel(name, "length", None, [few, many]) for name in ("abc", "aab")], "median"
    )
    for figure in (losses, reach):
        assert [texts(figure).count(text) for text in ("rnn (3 seeds)", "gru", "rnn")] == [1, 1, 0]
        assert set(curves(figure.axes[1])) == {"rnn", "gru"}
        draw(figure)
