"""Characters of other scripts in pictures: from an installed font that has them, otherwise as codes, side by side."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from analysis import figures
from analysis.figures import Picture, PredictionRow, Raster, TrajectoryPanel
from analysis.figures.glyphs import _families_by_code, families, glyph
from analysis.figures.style import TextCollection, _outline, text_width
from tests.analysis.figures.looking import draw, texts

MIXED = "天地नमस्ते😀👩abc\n玄黄宇宙洪荒日月" * 3


def forget() -> None:
    _families_by_code.cache_clear()
    _outline.cache_clear()


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any fonts but matplotlib's."""
    own = [font for font in font_manager.fontManager.ttflist if "matplotlib" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    forget()
    yield
    forget()


@pytest.fixture
def a_font(no_fonts: None, tmp_path: Path) -> str:
    """A machine with one more font, which has squares for 天 and 地, 1.2 times as wide as they are high."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 1000), (1200, 1000), (1200, 0)):
        pen.lineTo(corner)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap({ord("天"): "square", ord("地"): "square"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1200, 0)})
    font.setupHorizontalHeader(ascent=1000, descent=0)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2(usWeightClass=400)
    font.setupPost()
    font.save(tmp_path / "squares.ttf")
    font_manager.fontManager.addfont(str(tmp_path / "squares.ttf"))
    forget()
    return "Squares"


def picture(kind: int, text: str) -> Picture:
    """Return one of the KINDS of picture that have single characters as labels."""
    states, share, row = np.random.default_rng(0).normal(size=(len(text), 3)), np.array([0.5, 0.3, 0.1]), text[:40]
    return (
        lambda: figures.predictions(text, text[1:] + text[:1], 3),
        lambda: figures.first_hidden_units(np.tanh(states), text),
        lambda: figures.trajectory(states, share, text),
        lambda: figures.raster("t", [Raster("p", np.tanh(states), text)] * 2),
        lambda: figures.prediction_rows("t", row, [PredictionRow("run", row[::-1])] * 3),
        lambda: figures.trajectories("t", [TrajectoryPanel("p", states, text, states[:3], text[:3])]),
        lambda: figures.trajectory_3d("t", states, share, text, states[:3], text[:3]),
    )[kind]()


KINDS = range(7)


def boxes(figure: Picture) -> list[tuple[str, np.ndarray]]:
    """Return the texts of a drawn figure, each with its box: left, bottom, right and top in pixels."""
    found = []
    for group in figure.artists:
        if isinstance(group, TextCollection):
            places = group.get_offset_transform().transform(group.get_offsets())
            for text, path, place in zip(group.texts, group.get_paths(), places, strict=True):
                if len(path.vertices):
                    corners = path.get_extents().get_points() * figure.dpi / 72 + place
                    found.append((text, corners.ravel()))
    return found


def overlapping(figure: Picture) -> list[tuple[str, str]]:
    """Return the pairs of texts of a figure that cover each other by more than a pixel."""
    draw(figure)
    found = boxes(figure)
    pairs = []
    for number, (text, (left, bottom, right, top)) in enumerate(found):
        for other, (other_left, other_bottom, other_right, other_top) in found[:number]:
            across = min(right, other_right) - max(left, other_left)
            up = min(top, other_top) - max(bottom, other_bottom)
            if across > 1 and up > 1:
                pairs.append((other, text))
    return pairs


def test_a_character_that_no_font_has_is_its_code(no_fonts: None) -> None:
    assert [glyph(character) for character in "漢\U0001f9eaa"] == ["6f22", "1f9ea", "a"]
    assert text_width("a 漢", 10) == text_width("a 6f22", 10)
    assert families("a 漢") == ["DejaVu Sans"]


def test_an_installed_font_that_has_a_character_is_used(a_font: str) -> None:
    assert [glyph(character) for character in "天玄a"] == ["天", "7384", "a"]
    assert families("a天") == ["DejaVu Sans", a_font]
    assert text_width("天", 10) == pytest.approx(12 / 72, rel=0.01)
    for kind in KINDS:
        draw(figure := picture(kind, "天地" * 10 + "abcdefg"))
        assert not {"5929", "5730"} & set(texts(figure))


def test_only_a_character_that_the_default_font_lacks_has_fonts_read(no_fonts: None) -> None:
    for kind in KINDS:
        draw(picture(kind, "abc αβγ\n" * 3))
    assert _families_by_code.cache_info().misses == 0


@pytest.mark.parametrize("kind", range(6))  # in three dimensions, labels lie before each other
def test_codes_do_not_cover_each_other(kind: int, no_fonts: None) -> None:
    figure = picture(kind, MIXED)
    assert [pair for pair in overlapping(figure) if "start" not in pair] == []
    assert any(text == "5929" for text, _ in boxes(figure))


@pytest.mark.parametrize("kind", [0, 1, 3, 4])
def test_wide_characters_do_not_cover_each_other(kind: int, a_font: str) -> None:
    assert overlapping(picture(kind, "天地" * 24)) == []


def test_where_codes_would_cover_each_other_a_dot_stands_for_another_character(no_fonts: None) -> None:
    text = "天地玄黄宇宙洪荒天"
    states = np.arange(9.0)[:, None] * [1.0, 1.0]
    states[1], states[8] = states[0] + 0.01, states[0]  # another character, and the same again
    figure = figures.trajectory(states, np.array([0.5, 0.3]), text)
    assert [each for each in texts(figure) if each in ("5929", "5730")] == ["5929"]
    (dots,) = figure.axes[0].collections
    assert dots.get_offsets().tolist() == [states[1].tolist()]


def test_a_legend_with_codes_stays_in_the_picture(no_fonts: None) -> None:
    figure = picture(2, "天地😀" * 10)
    draw(figure)
    assert max(right for _, (_, _, right, _) in boxes(figure)) <= 800
    assert {"5929", "5730", "after \U0001f600"} <= set(texts(figure))


ORDINARY = "The quick—brown WWWWMMMM fox, jumps\nover 12 αβγ€%@"


@pytest.mark.parametrize(
    ("kind", "size", "up"), [(0, 11, 0), (1, 10, -11), (2, 10, 0), (3, 8, -9), (4, 10, 0), (5, 10, 0)]
)
def test_ordinary_characters_are_as_large_as_ever_and_stand_where_they_stood(kind: int, size: int, up: int) -> None:
    figure = picture(kind, ORDINARY)
    groups = [group for group in figure.artists if isinstance(group, TextCollection)]
    labels = [group for group in groups if set(map(len, group.texts)) == {1} and "W" in group.texts]
    assert len(labels) == (2 if kind in (0, 3) else 1)
    for group in labels:
        for text, path in zip(group.texts, group.get_paths(), strict=True):
            written = _outline(text, size, 0.5, (0, up), False)
            np.testing.assert_array_equal(path.vertices, written.vertices)
