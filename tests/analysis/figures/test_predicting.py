"""The characters that many runs predicted."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from analysis.figures import PredictionRow, prediction_rows
from analysis.figures.glyphs import glyph
from analysis.figures.predicting import MAX_CHARACTERS
from analysis.figures.style import character_colours
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
    figure = prediction_rows(
        "Three runs",
        "abca",
        [PredictionRow("seed 0", "abba"), PredictionRow("seed 1", "abca"), PredictionRow("seed 2", "cbca")],
    )
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
    figure = prediction_rows("Run", "abca", [PredictionRow("seed 0", "bcab")])
    ink = {letter[:3]: letter.colour for letter in written(figure, figure.axes[0].transData)}
    assert ink["a", 2, 1] == "#FFFFFF", "white on blue"
    assert ink["b", 0, 1] == "#000000", "black on orange"
    assert {colour for (_, _, y), colour in ink.items() if y == 0} == {"#000000"}


@pytest.mark.parametrize(("start", "drawn"), [(None, False), (0, False), (2, True), (4, False), (9, False)])
def test_a_line_parts_what_was_trained_on(start: int | None, drawn: bool) -> None:
    figure = prediction_rows("Run", "abca", [PredictionRow("seed 0", "abca")], start)
    upright = [list(line.get_xdata()) for line in figure.axes[0].get_lines()]
    assert upright == ([[1.5, 1.5]] if drawn else [])
    assert ("end of the training range" in texts(figure)) == drawn
    assert frames(figure.axes[0]) == []
    draw(figure)


@pytest.mark.parametrize("length", [1, 2, 12, MAX_CHARACTERS])
@pytest.mark.parametrize("runs", [1, 30])
def test_rows_may_be_short_and_long_few_and_many(length: int, runs: int) -> None:
    target = ("abcdefgh" * 5)[:length]
    figure = prediction_rows(
        "Runs", target, [PredictionRow(f"seed {n}, 16 units", target[::-1]) for n in range(runs)], length // 2
    )
    assert len(letters(figure)) == length * (runs + 1)
    ticks = [float(letter.text) for letter in written(figure, figure.axes[0].get_xaxis_transform())]
    assert ticks[0] == 0 <= ticks[-1] < length
    draw(figure)


@pytest.mark.parametrize("text", [*ODD_TEXTS, pytest.param(LONG, id="long")])
def test_rows_may_hold_any_character(text: str) -> None:
    target = text[:MAX_CHARACTERS]
    figure = prediction_rows(text, target, [PredictionRow(text * 3, target[::-1])])
    signs = letters(figure)
    assert [signs[t, 0] for t in range(len(target))] == list(map(glyph, target))
    assert len(frames(figure.axes[0])) == sum(a != b for a, b in zip(target, target[::-1], strict=True))
    draw(figure)


@pytest.mark.parametrize(
    ("target", "rows", "message"),
    [
        ("abc", [], "0 runs on 3 characters; allowed: 1 or more on 1 to 40"),
        ("", [PredictionRow("seed 0", "")], "1 runs on 0 characters; allowed: 1 or more on 1 to 40"),
        ("a" * 41, [PredictionRow("seed 0", "a" * 41)], "1 runs on 41 characters; allowed: 1 or more on 1 to 40"),
        (
            "abc",
            [PredictionRow("seed 0", "abc"), PredictionRow("seed 1", "ab")],
            "seed 1: 2 characters; allowed: the target's 3",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(target: str, rows: list[PredictionRow], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prediction_rows("None", target, rows)


def test_positions_are_those_of_the_sequence() -> None:
    assert {"11", "16"} <= set(texts(prediction_rows("Later", "ab" * 8, [PredictionRow("seed 0", "ab" * 8)], first=11)))
