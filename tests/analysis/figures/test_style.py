"""The house style."""

import pytest

from analysis.figures.style import shorten, text_width
from tests.analysis.figures.looking import LONG


def test_a_text_is_written_as_it_is() -> None:
    """Two dollars in a text are no formula: its width is that of its letters."""
    assert text_width("$x$", 10) > text_width("$$", 10) > text_width("$", 10) > 0


@pytest.mark.parametrize("width", [0.3, 1.0, 1.9])
def test_a_text_too_wide_keeps_both_ends(width: float) -> None:
    short = shorten(LONG, 9, width)
    assert text_width(short, 9) <= width < text_width(LONG, 9)
    head, tail = short.split("…")
    assert LONG.startswith(head)
    assert LONG.endswith(tail)
    assert shorten(LONG, 9, 9.0) == LONG
