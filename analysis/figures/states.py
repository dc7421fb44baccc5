"""Pictures of every unit of a hidden state over the text that was read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, Normalize

from analysis.figures.multiples import FOOT, TITLE, draw_scale, headed, label_panels, panel
from analysis.figures.style import Picture, glyph, text_width, write

MAX_READ = 48
"""Time steps of a raster whose characters can be read side by side."""


@dataclass(frozen=True)
class Raster:
    """Every unit of a hidden state over a text.

    Attributes:
        title: whose it is.
        hidden_th: the state after each character, (T, H), both at least 1.
        text: the T characters read.
        period: after how many characters the states repeat, or None where they do not.
    """

    title: str
    hidden_th: np.ndarray
    text: str
    period: int | None = None


def raster(
    title: str, panels: Sequence[Raster], order: bool = True, value_name: str = "hidden state h (no unit)"
) -> Picture:
    """Draw every unit (rows) over time (columns) in colours, panels one below the other with one scale.

    Arguments:
        title: of the picture.
        panels: one or more; of each, the first 48 characters.
        order: whether the rows are sorted by when a unit's value, averaged over the periods, is high; a cycle is then
            seen as a diagonal. Else unit 0 is above.
        value_name: what the values are, with the unit.

    Raises:
        ValueError: there is no panel, or one has no units or another length than its text.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for one in panels:
        if one.hidden_th.ndim != 2 or 0 in one.hidden_th.shape or len(one.hidden_th) != len(one.text):
            shape = one.hidden_th.shape
            raise ValueError(f"states of shape {shape} for {len(one.text)} characters; allowed: (T, H) for T")
    left, right, under = 0.95, 6.95, 0.24
    steps = min(max(len(one.text) for one in panels), MAX_READ)
    heights = [float(np.clip(0.17 * one.hidden_th.shape[1], 0.8, 3.4)) for one in panels]
    top = FOOT + sum(heights) + TITLE * len(panels) + under * (len(panels) - 1)
    figure = headed(title, top)
    # Beyond the edges of tanh only as far as values go: the scale says how far that is.
    most = max(1.0, *(float(np.nanmax(np.abs(one.hidden_th), initial=0)) for one in panels))
    norm = Normalize(-most, most)
    name = "unit, by when it is high" if order else "unit"
    head = top
    for one, tall in zip(panels, heights, strict=True):
        hidden_th, text = one.hidden_th[:MAX_READ], one.text[:MAX_READ]
        box = (left, head - TITLE - tall, right, head - TITLE)
        head = box[1] - under
        rows = _by_peak(one.hidden_th, one.period) if order else np.arange(hidden_th.shape[1])
        axes = panel(figure, box, one.title, "character read", name)
        axes.spines[:].set_visible(False)
        extent = (-0.5, len(text) - 0.5, len(rows) - 0.5, -0.5)
        image = axes.imshow(hidden_th[:, rows].T, cmap=_DIVERGING, norm=norm, aspect="auto", extent=extent)
        image.set_interpolation("nearest")
        axes.set_xlim(-0.5, steps - 0.5)  # the same time lies below the same time
        letters = [glyph(character) for character in text]
        cell = (right - left) / steps
        size = next(
            (size for size in (10, 9, 8) if max(text_width(letter, size) for letter in letters) < 0.9 * cell), 7
        )
        places = [(t, 0) for t in range(len(text))]
        write(figure, letters, places, axes.get_xaxis_transform(), size, nudge=(0, -9))
        each = -(-len(rows) * 14 // round(100 * tall))  # so that the numbers of units have room
        shown = range(0, len(rows), each)
        names = [str(rows[row]) for row in shown]
        write(figure, names, [(0, row) for row in shown], axes.get_yaxis_transform(), 9, across=1, nudge=(-5, 0))
    write(figure, ["character read"], [((left + right) / 2, 0.2)], size=11)
    label_panels(figure, name, FOOT, top - TITLE)
    draw_scale(figure, norm, _DIVERGING, value_name, (7.12, FOOT, 7.86, top - TITLE))
    return figure


def _by_peak(hidden_th: np.ndarray, period: int | None) -> np.ndarray:
    """Return the units by the middle of the time at which their value, averaged over all periods, is high."""
    period = min(period or len(hidden_th), len(hidden_th))
    mean_ph = np.array([hidden_th[phase::period].mean(axis=0, dtype=np.float64) for phase in range(period)])
    # The phase of the first harmonic: units that saturate have no single largest value.
    turn_p = np.exp(2j * np.pi * np.arange(period) / period)
    middle_h = np.angle((mean_ph - mean_ph.mean(axis=0)).T @ turn_p) / (2 * np.pi) * period
    return np.argsort((middle_h + 0.5) % period, kind="stable")


# Without its ends, which are too dark to be told apart.
_DIVERGING = LinearSegmentedColormap.from_list("states", colormaps["RdBu_r"](np.linspace(0.08, 0.92, 256)))
"""From blue (-) over white (0) to red (+): told apart with every common kind of colour-blindness."""
