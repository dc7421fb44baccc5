"""What pictures show for a character, and in which font."""

from functools import cache

import matplotlib
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from rnn_core.vocabulary import visible

FAMILY = "DejaVu Sans"
"""The font of all pictures. It comes with matplotlib; a character that it lacks is taken from an installed font."""

_FONT = FT2Font(font_manager.findfont(FontProperties(family=FAMILY)))


def glyph(character: str) -> str:
    """Return what a picture shows for a character: the character, or a visible sign for it.

    If no installed font has the character, that is its code point in hexadecimal.
    """
    if character == " ":
        return "\u2423"
    shown = visible(character)
    return shown if _family(shown) else f"{ord(character):x}"


def families(text: str) -> list[str]:
    """Return the fonts that have the characters of a text, FAMILY first."""
    return list(dict.fromkeys([FAMILY, *filter(None, map(_family, text))]))


def _family(character: str) -> str:
    """Return the font that has a character; "" for none."""
    return FAMILY if _FONT.get_char_index(ord(character)) else _families_by_code().get(ord(character), "")


@cache
def _families_by_code() -> dict[int, str]:
    """Return for each character of all installed fonts, by its code point, one font that has it.

    Reading them takes some seconds where there are many, and is done only when FAMILY lacks a character. Three kinds
    are left out: the other fonts of matplotlib, whose code points have meanings of their own; fonts called Last Resort,
    which have a box for every character; and fonts of coloured pictures, which have no outlines.
    """
    paths: dict[str, str] = {}
    for font in font_manager.fontManager.ttflist:
        if (font.weight, font.style) == (400, "normal") and not font.fname.startswith(matplotlib.get_data_path()):
            paths.setdefault(font.name, font.fname)
    found: dict[int, str] = {}
    for name in sorted(paths, key=lambda name: ("sans" not in name.lower(), name)):
        try:
            opened = font_manager.get_font(paths[name])
        except (OSError, RuntimeError):  # a font that cannot be read has no characters
            continue
        if opened.scalable and not any(part in name.lower().replace(" ", "") for part in ("coloremoji", "lastresort")):
            found = dict.fromkeys(opened.get_charmap(), name) | found
    return found
