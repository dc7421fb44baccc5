"""Pictures of what many runs know."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from analysis.figures import ReachBand, ReachPanel, Strip, reach_curves, strips
from analysis.figures.many_runs import MAX_CHARACTERS
from analysis.figures.style import COLOURS, character_colours, glyph
from tests.analysis.figures.looking import LONG, ODD_TEXTS, draw, texts, written


def frames(axes: Axes) -> list[tuple[float, float]]:
    """Return the middle of each frame around a wrong character."""
    (frame,) = (collection for collection in axes.collections if isinstance(collection, PatchCollection))
    middles = [np.round((path.vertices.min(0) + path.vertices.max(0)) / 2, 6) for path in frame.get_paths()]
    return [(float(x), float(y)) for x, y in middles]


def cells(axes: Axes) -> np.ndarray:
    (image,) = axes.images
    return np.asarray(image.get_array())


def letters(figure: Figure) -> dict[tuple[float, float], str]:
    return {(letter.x, letter.y): letter.text for letter in written(figure, figure.axes[0].transData)}


def test_each_run_is_a_row_below_the_target_with_its_share_and_its_wrong_characters_framed_once() -> None:
    figure = strips("Three runs", "abca", [Strip("seed 0", "abba"), Strip("seed 1", "abca"), Strip("seed 2", "cbca")])
    (axes,) = figure.axes
    rows = ("abca", "abba", "abca", "cbca")
    assert letters(figure) == {(t, n): row[t] for n, row in enumerate(rows) for t in range(4)}
    assert frames(axes) == [(2, 1), (0, 3)]
    colours = character_colours("abc")
    for n, row in enumerate(rows):
        for t, character in enumerate(row):
            assert to_hex(cells(axes)[n, t]).upper() == colours[character], "each in its own colour"
            assert (cells(axes)[n, t, 3] == 1) == ((t, n) in frames(axes)), "right ones are pale"
    assert texts(figure).count("75%") == 2
    beside = {letter.text: letter.y for letter in written(figure, axes.get_yaxis_transform())}
    assert beside == {"target": 0, "seed 0": 1, "seed 1": 2, "seed 2": 3, "right here": 0, "100%": 2, "75%": 3}
    assert axes.get_ylim() == (3.5, -0.5), "the target is above"
    assert (axes.images[0].get_extent(), cells(axes).shape[:2]) == ([-0.5, 3.5, 3.5, -0.5], (4, 4))
    assert {"Three runs", "position in the sequence (characters, the first is 0)", "wrong"} <= set(texts(figure))
    draw(figure)


def test_a_wrong_character_is_read_on_its_colour() -> None:
    figure = strips("Run", "abca", [Strip("seed 0", "bcab")])
    ink = {letter[:3]: letter.colour for letter in written(figure, figure.axes[0].transData)}
    assert ink["a", 2, 1] == "#FFFFFF", "white on blue"
    assert ink["b", 0, 1] == "#000000", "black on orange"
    assert {colour for (_, _, y), colour in ink.items() if y == 0} == {"#000000"}


@pytest.mark.parametrize(("start", "drawn"), [(None, False), (0, False), (2, True), (4, False), (9, False)])
def test_a_line_parts_what_was_trained_on(start: int | None, drawn: bool) -> None:
    figure = strips("Run", "abca", [Strip("seed 0", "abca")], start)
    upright = [list(line.get_xdata()) for line in figure.axes[0].get_lines()]
    assert upright == ([[1.5, 1.5]] if drawn else [])
    assert ("end of the training range" in texts(figure)) == drawn
    assert frames(figure.axes[0]) == []
    draw(figure)


@pytest.mark.parametrize("length", [1, 2, 12, MAX_CHARACTERS])
@pytest.mark.parametrize("runs", [1, 30])
def test_strips_may_be_short_and_long_few_and_many(length: int, runs: int) -> None:
    target = ("abcdefgh" * 5)[:length]
    figure = strips("Runs", target, [Strip(f"seed {n}, 16 units", target[::-1]) for n in range(runs)], length // 2)
    assert len(letters(figure)) == length * (runs + 1)
    ticks = [float(letter.text) for letter in written(figure, figure.axes[0].get_xaxis_transform())]
    assert ticks[0] == 0 <= ticks[-1] < length
    draw(figure)


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG, id="long")])
def test_strips_may_hold_any_character(text: str) -> None:
    target = text[:MAX_CHARACTERS]
    figure = strips(text, target, [Strip(text * 3, target[::-1])])
    signs = letters(figure)
    assert [signs[t, 0] for t in range(len(target))] == list(map(glyph, target))
    assert len(frames(figure.axes[0])) == sum(a != b for a, b in zip(target, target[::-1], strict=True))
    draw(figure)


@pytest.mark.parametrize(
    ("target", "rows", "message"),
    [
        ("abc", [], "0 runs on 3 characters; allowed: 1 or more on 1 to 40"),
        ("", [Strip("seed 0", "")], "1 runs on 0 characters; allowed: 1 or more on 1 to 40"),
        ("a" * 41, [Strip("seed 0", "a" * 41)], "1 runs on 41 characters; allowed: 1 or more on 1 to 40"),
        ("abc", [Strip("seed 0", "abc"), Strip("seed 1", "ab")], "seed 1: 2 characters; allowed: the target's 3"),
    ],
)
def test_strips_that_do_not_fit_are_refused(target: str, rows: list[Strip], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strips("None", target, rows)


def reach_of(sizes: list[float], label: str = "rnn", share: float = 0.8) -> ReachBand:
    middle_s = np.full(len(sizes), share)
    return ReachBand(label, np.array(sizes), middle_s, middle_s - 0.1, middle_s + 0.1)


def test_a_reach_is_a_line_with_what_lies_around_it_and_the_sizes_trained_on_are_shaded() -> None:
    bands = [reach_of([1, 5, 9]), reach_of([2, 6], "gru", 0.3)]
    figure = reach_curves(
        "How far", [ReachPanel("abc", "length (characters)", (1, 4), bands)], "median, and all 10 seeds"
    )
    (axes,) = figure.axes
    for n, band in enumerate(bands):
        (line,) = (line for line in axes.get_lines() if line.get_label() == band.label)
        np.testing.assert_array_equal(line.get_data(), (band.size_s, band.middle_s))
        assert (line.get_color(), line.get_linestyle()) == (COLOURS[n], ("-", "--")[n])
        corners = {(float(x), float(y)) for x, y in axes.collections[n].get_paths()[0].vertices}
        assert corners == {(x, y) for edge in (band.low_s, band.high_s) for x, y in zip(band.size_s, edge, strict=True)}
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
def test_there_may_be_hardly_any_reach(bands: list[ReachBand]) -> None:
    for trained in ((1, 4), (3, 3), None):
        draw(reach_curves("How far", [ReachPanel("abc", "length", trained, bands)], "none"))


@pytest.mark.parametrize("panels", [[], [ReachPanel("abc", "length", None, [reach_of([1], f"{n}") for n in range(8)])]])
def test_more_reaches_than_colours_are_refused(panels: list[ReachPanel]) -> None:
    with pytest.raises(ValueError, match="allowed: 1 or more of up to 7"):
        reach_curves("None", panels, "median")


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG * 3, id="long")])
def test_titles_and_labels_may_hold_any_text(text: str) -> None:
    draw(reach_curves(text, [ReachPanel(text, text, (1, 2), [reach_of([1, 2], text)])] * 4, text))


def test_positions_are_those_of_the_sequence() -> None:
    assert {"11", "16"} <= set(texts(strips("Later", "ab" * 8, [Strip("seed 0", "ab" * 8)], first=11)))
