"""Rasters: the state of every hidden unit at every time step, as colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from analysis.figures.characters import write_characters
from analysis.figures.glyphs import glyph
from analysis.figures.multiples import BOTTOM, TITLE_HEIGHT, add_panel, draw_colour_bar, titled_figure, write_y_label
from analysis.figures.style import Box, Picture, text_width, write

MAX_RASTER_STEPS = 48
"""The most time steps of a raster whose characters can be read side by side."""


@dataclass(frozen=True)
class Raster:
    """The states of H hidden units over T time steps.

    Attributes:
        title: the title of the panel.
        hidden_th: the state after each character, (T, H), both at least 1.
        text: the T characters read.
        period: after how many characters the states repeat; None if they do not.
    """

    title: str
    hidden_th: np.ndarray
    text: str
    period: int | None = None


def raster(
    title: str, panels: Sequence[Raster], sort_units: bool = True, value_name: str = "hidden state h (no unit)"
) -> Picture:
    """Draw every hidden unit (rows) over time (columns) in colours, with the panels below each other.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, which share one colour bar; the first 48 characters of each are drawn.
        sort_units: whether the units are sorted by the time at which their value, averaged over the periods, is high; a
            cycle then looks like a diagonal. Otherwise unit 0 is the top row.
        value_name: what the values are, with the unit.

    Raises:
        ValueError: there is no panel, or a panel has no units or not one state for each character.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for panel in panels:
        shape = panel.hidden_th.shape
        if len(shape) != 2 or 0 in shape or shape[0] != len(panel.text):
            raise ValueError(f"states of shape {shape} for {len(panel.text)} characters; allowed: (T, H) for T")
    left, right = 0.95, 6.95
    has_codes = any(len(glyph(character)) > 1 for panel in panels for character in panel.text[:MAX_RASTER_STEPS])
    text_room = 0.44 if has_codes else 0.24
    steps = min(max(len(panel.text) for panel in panels), MAX_RASTER_STEPS)
    heights = [float(np.clip(0.17 * panel.hidden_th.shape[1], 0.8, 3.4)) for panel in panels]
    top = BOTTOM + sum(heights) + TITLE_HEIGHT * len(panels) + text_room * (len(panels) - 1)
    figure = titled_figure(title, top)
    # The colours extend at least over the range of tanh.
    largest = max(1.0, *(float(np.nanmax(np.abs(panel.hidden_th), initial=0)) for panel in panels))
    norm = Normalize(-largest, largest)
    row_name = "unit, by when it is high" if sort_units else "unit"
    panel_top = top
    for panel, height in zip(panels, heights, strict=True):
        box = (left, panel_top - TITLE_HEIGHT - height, right, panel_top - TITLE_HEIGHT)
        panel_top = box[1] - text_room
        units = np.arange(panel.hidden_th.shape[1])
        if sort_units:
            units = _units_by_peak(panel.hidden_th, panel.period)
        _draw_raster(figure, box, panel, units, row_name, norm, steps)
    write(figure, ["character read"], [((left + right) / 2, 0.2)], size=11)
    write_y_label(figure, row_name, BOTTOM, top - TITLE_HEIGHT)
    draw_colour_bar(figure, norm, _DIVERGING, value_name, (7.12, BOTTOM, 7.86, top - TITLE_HEIGHT))
    return figure


def _draw_raster(
    figure: Figure, box: Box, panel: Raster, units: np.ndarray, row_name: str, norm: Normalize, steps: int
) -> None:
    """Draw one panel of rasters.

    Arguments:
        figure: the figure.
        box: the box of the panel.
        panel: what to draw.
        units: the unit in each row, from the top, (H,).
        row_name: the label of the y axis.
        norm: the colour scale.
        steps: the number of time steps on the x axis, which all panels share.
    """
    left, bottom, right, top = box
    hidden_th, text = panel.hidden_th[:MAX_RASTER_STEPS], panel.text[:MAX_RASTER_STEPS]
    axes = add_panel(figure, box, panel.title, "character read", row_name)
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


def _units_by_peak(hidden_th: np.ndarray, period: int | None) -> np.ndarray:
    """Return the units, sorted by the middle of the time at which their value, averaged over all periods, is high."""
    period = min(period or len(hidden_th), len(hidden_th))
    mean_ph = np.array([hidden_th[phase::period].mean(axis=0, dtype=np.float64) for phase in range(period)])
    # The phase of the first harmonic, because a unit that saturates has its largest value at several steps.
    harmonic_p = np.exp(2j * np.pi * np.arange(period) / period)
    middle_h = np.angle((mean_ph - mean_ph.mean(axis=0)).T @ harmonic_p) / (2 * np.pi) * period
    return np.argsort((middle_h + 0.5) % period, kind="stable")


# Without the ends of the colour map, which are too dark to be distinguished.
_DIVERGING = LinearSegmentedColormap.from_list("states", colormaps["RdBu_r"](np.linspace(0.08, 0.92, 256)))
"""From blue (negative) over white (0) to red (positive): distinct with every common kind of colour blindness."""
