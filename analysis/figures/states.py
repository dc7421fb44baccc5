"""Rasters: the state of every hidden unit at every time step, as colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.characters import write_characters
from analysis.figures.glyphs import glyph
from analysis.figures.known import BAR_HEIGHT, Key, Known
from analysis.figures.multiples import (
    BOTTOM,
    TITLE_HEIGHT,
    add_panel,
    draw_colour_bar,
    text_colours,
    titled_figure,
    write_y_label,
)
from analysis.figures.style import Box, Picture, text_width, write

MAX_RASTER_STEPS = 48
"""The most time steps of a raster whose characters can be read side by side."""

STRIP = 0.17
"""The height of the strip that shows what is known of each step, with the gap below it, in inches."""


@dataclass(frozen=True)
class Raster:
    """The states of H hidden units over T time steps.

    Attributes:
        title: the title of the panel.
        hidden_th: the state after each character, (T, H), both at least 1.
        text: the T characters read.
        period: after how many characters the states repeat; None if they do not.
        known: what is known of each step, drawn as a strip of colours above the states; None for nothing.
        units: the unit in each row, from the top, (H,); None lets `raster` sort them.
    """

    title: str
    hidden_th: np.ndarray
    text: str
    period: int | None = None
    known: Known | None = None
    units: np.ndarray | None = None


def raster(
    title: str,
    panels: Sequence[Raster],
    sort_units: bool = True,
    value_name: str = "hidden state h (no unit)",
    row_name: str = "",
) -> Picture:
    """Draw every hidden unit (rows) over time (columns) in colours, with the panels below each other.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, which share one colour bar; the first 48 characters of each are drawn.
        sort_units: whether the units are sorted by the time at which their value, averaged over the periods, is high; a
            cycle then looks like a diagonal. Otherwise unit 0 is the top row. Has no effect where a panel has `units`.
        value_name: what the values are, with the unit.
        row_name: what the rows are; empty lets `sort_units` say it.

    Raises:
        ValueError: there is no panel, or a panel has no units or not one state for each character, or what is known is
            not known of each step.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for panel in panels:
        shape = panel.hidden_th.shape
        if len(shape) != 2 or 0 in shape or shape[0] != len(panel.text):
            raise ValueError(f"states of shape {shape} for {len(panel.text)} characters; allowed: (T, H) for T")
        if panel.known is not None:
            panel.known.check(shape[0])
    left, right = 0.95, 6.95
    has_codes = any(len(glyph(character)) > 1 for panel in panels for character in panel.text[:MAX_RASTER_STEPS])
    text_room = 0.44 if has_codes else 0.24
    steps = min(max(len(panel.text) for panel in panels), MAX_RASTER_STEPS)
    heights = [float(np.clip(0.17 * panel.hidden_th.shape[1], 0.8, 3.4)) for panel in panels]
    strips = [0.0 if panel.known is None else STRIP for panel in panels]
    top = BOTTOM + sum(heights) + sum(strips) + TITLE_HEIGHT * len(panels) + text_room * (len(panels) - 1)
    shown = [None if panel.known is None else panel.known.at(slice(MAX_RASTER_STEPS)) for panel in panels]
    key = Key([("", known) for known in shown])
    squares = [
        Line2D([], [], **{**_SQUARE, "color": line.get_color(), "label": line.get_label()}) for line in key.legend()
    ]
    figure = titled_figure(title, top + (BAR_HEIGHT if key.number_name else 0), squares)
    # The colours extend at least over the range of tanh.
    largest = max(1.0, *(float(np.nanmax(np.abs(panel.hidden_th), initial=0)) for panel in panels))
    norm = Normalize(-largest, largest)
    row_name = row_name or ("unit, by when it is high" if sort_units else "unit")
    panel_top = top
    for panel, known, height, strip in zip(panels, shown, heights, strips, strict=True):
        states_top = panel_top - TITLE_HEIGHT - strip
        box = (left, states_top - height, right, states_top)
        units = np.arange(panel.hidden_th.shape[1]) if panel.units is None else panel.units
        if sort_units and panel.units is None:
            units = _units_by_peak(panel.hidden_th, panel.period)
        axes = add_panel(figure, box, panel.title, "character read", row_name, strip)
        _draw_raster(figure, axes, box, panel, units, norm, steps)
        if known is not None:
            _draw_strip(figure, axes, height, known, key.colours(known), 0.9 * (right - left) / steps)
        panel_top = box[1] - text_room
    write(figure, ["character read"], [((left + right) / 2, 0.2)], size=11)
    write_y_label(figure, row_name, BOTTOM, top - TITLE_HEIGHT)
    key.draw_bar(figure, top)
    draw_colour_bar(figure, norm, _DIVERGING, value_name, (7.12, BOTTOM, 7.86, top - TITLE_HEIGHT))
    return figure


def _draw_raster(
    figure: Figure, axes: Axes, box: Box, panel: Raster, units: np.ndarray, norm: Normalize, steps: int
) -> None:
    """Draw one panel of rasters.

    Arguments:
        figure: the figure.
        axes: the axes of the panel.
        box: the box of the panel.
        panel: what to draw.
        units: the unit in each row, from the top, (H,).
        norm: the colour scale.
        steps: the number of time steps on the x axis, which all panels share.
    """
    left, bottom, right, top = box
    hidden_th, text = panel.hidden_th[:MAX_RASTER_STEPS], panel.text[:MAX_RASTER_STEPS]
    axes.spines[:].set_visible(False)
    extent = (-0.5, len(text) - 0.5, len(units) - 0.5, -0.5)
    image = axes.imshow(hidden_th[:, units].T, cmap=_DIVERGING, norm=norm, aspect="auto", extent=extent)
    image.set_interpolation("nearest")
    axes.set_xlim(-0.5, steps - 0.5)
    characters = [glyph(character) for character in text]
    room = 0.9 * (right - left) / steps
    fitting = (size for size in (10, 9, 8) if max(text_width(character, size) for character in characters) < room)
    positions = [(t, 0) for t in range(len(text))]
    write_characters(figure, text, positions, axes.get_xaxis_transform(), next(fitting, 7), (room, 0.34), up=-9)
    rows_per_label = -(-len(units) * 14 // round(100 * (top - bottom)))  # so that the numbers of units do not overlap
    rows = range(0, len(units), rows_per_label)
    names = [str(units[row]) for row in rows]
    write(figure, names, [(0, row) for row in rows], axes.get_yaxis_transform(), 9, align=1, shift=(-5, 0))


def _draw_strip(figure: Figure, axes: Axes, height: float, known: Known, colour_t3: np.ndarray, room: float) -> None:
    """Draw a strip above a raster: the colour of what is known of each step, and its value where it is short.

    Arguments:
        figure: the figure.
        axes: the axes of the raster.
        height: their height, in inches.
        known: what is known of the T steps.
        colour_t3: its colour at each step, (T, 3).
        room: the width of a step, in inches.
    """
    low, high = 1 + 0.04 / height, 1 + STRIP / height
    corners = [[(t - 0.5, low), (t + 0.5, low), (t + 0.5, high), (t - 0.5, high)] for t in range(len(colour_t3))]
    strip = PolyCollection(corners, facecolors=colour_t3, linewidths=0, transform=axes.get_xaxis_transform())
    strip.set_label(known.name)
    figure.add_artist(strip)
    values = known.classes
    if max(text_width(value, 7) for value in values) < room:
        middles = [(t, (low + high) / 2) for t in range(len(values))]
        write(figure, values, middles, axes.get_xaxis_transform(), 7, text_colours(colour_t3))


def _units_by_peak(hidden_th: np.ndarray, period: int | None) -> np.ndarray:
    """Return the units, sorted by the middle of the time at which their value, averaged over all periods, is high."""
    period = min(period or len(hidden_th), len(hidden_th))
    mean_ph = np.array([hidden_th[phase::period].mean(axis=0, dtype=np.float64) for phase in range(period)])
    # The phase of the first harmonic, because a unit that saturates has its largest value at several steps.
    harmonic_p = np.exp(2j * np.pi * np.arange(period) / period)
    middle_h = np.angle((mean_ph - mean_ph.mean(axis=0)).T @ harmonic_p) / (2 * np.pi) * period
    return np.argsort((middle_h + 0.5) % period, kind="stable")


_SQUARE: dict[str, Any] = {"linestyle": "", "marker": "s", "markersize": 7}

# Without the ends of the colour map, which are too dark to be distinguished.
_DIVERGING = LinearSegmentedColormap.from_list("states", colormaps["RdBu_r"](np.linspace(0.08, 0.92, 256)))
"""From blue (negative) over white (0) to red (positive): distinct with every common kind of colour blindness."""
