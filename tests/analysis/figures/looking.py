"""How the tests look at a figure: drawn, and what is written and plotted on it."""

import io
import struct
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import Transform

from analysis.figures.style import TextCollection

ODD = {
    "signs": "$\\_^{}%#&~<>'\" \xa0",
    "two dollars": "$$x$",
    "controls": "\n\r\t\0\x1b\x7f\x85",
    "invisible": "\xad\u200b\u200d\u2028\u2029\ufe0f\ufeff",
    "combining": "\u0301\u0308\u0335",
    "scripts": "αβγ\u05d0\u202e\u0639\u0e01\u0e33\u0915\u0940",
    "no glyph": "漢字\U0001f9ea\U0001f1e9\ue000\U0010fffd\U0010ffff",
}

ODD_TEXTS = [
    pytest.param(text, id=name, marks=() if name in ("signs", "scripts", "no glyph") else pytest.mark.slow)
    for name, text in ODD.items()
]
"""Texts to draw: in the quick tests what means something to TeX, scripts, and characters that no font has."""

LONG = "markov:order=2:alphabet=4:seed=0"


def draw(figure: Figure) -> tuple[int, int]:
    """Draw a figure to a PNG in memory; return its width and height in pixels. A warning is an error here."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    content = file.getvalue()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (800, round(100 * figure.get_figheight()))
    return width, height


def draw_path(steps: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(steps, 2))


def lines(figure: Figure) -> dict[str, list[float]]:
    """Return each labelled line's heights by label."""
    return {str(line.get_label()): list(map(float, line.get_ydata())) for line in figure.axes[0].get_lines()}


def axis_labels(figure: Figure) -> tuple[str, str]:
    return figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()


class Written(NamedTuple):
    """A text of a figure, where it stands in the coordinates of what it was written on, and its colour."""

    text: str
    x: float
    y: float
    colour: str


def written(figure: Figure, transform: Transform | None = None) -> list[Written]:
    """Return the texts of a figure; with a transform, those whose places are in its coordinates."""
    found = []
    for group in figure.artists:
        if isinstance(group, TextCollection) and (transform is None or group.get_offset_transform() == transform):
            colours = np.resize(group.get_facecolor(), (len(group.texts), 4))
            for text, (x, y), colour in zip(group.texts, group.get_offsets(), colours, strict=True):
                found.append(Written(text, float(x), float(y), to_hex(colour).upper()))
    return found


def texts(figure: Figure) -> list[str]:
    return [text for text, *_ in written(figure)]


BLACK = "#000000"


def pixels(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="raw")
    return file.getvalue()


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def heights(axes: Axes) -> dict[str, np.ndarray]:
    """The labelled lines of a panel."""
    every = {str(line.get_label()): np.asarray(line.get_ydata(), float) for line in axes.get_lines()}
    return {label: height for label, height in every.items() if not label.startswith("_")}
