"""What pictures of several panels or rows share: title and legend, boxes of panels, colour bars, ticks."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, Locator, LogLocator, MaxNLocator, NullFormatter

from analysis.figures.style import (
    GREY,
    Box,
    Picture,
    add_axes,
    draw_legend,
    legend_positions,
    legend_row_height,
    shorten,
    text_width,
    write,
)

COLOUR_MAP = colormaps["viridis"]

PANELS_PER_ROW = 3

LOG_AXIS_RATIO = 30
"""An axis is logarithmic if the largest value is more than this many times the smallest."""

TITLE_HEIGHT = 0.34
"""The height of the title above each panel, in inches."""

PANEL_GAP = 0.2
"""The gap between two panels of a row, in inches."""

LEFT = 0.85
"""The left end of the panels of curves and trajectories, in inches."""

RIGHT = 7.75
"""The right end of panels and legends, in inches."""

BOTTOM = 0.66
"""The bottom of the panels of hidden states, in inches."""

LEGEND_SIZE = 10
"""The font size of legend labels, in points: readable even when the picture is shown at half its width."""


def titled_figure(title: str, top: float, legend: Sequence[Line2D] = (), subtitle: str = "") -> Picture:
    """Return a figure with a title, a subtitle and a legend, all above `top`, in inches from the bottom."""
    positions = legend_positions([str(line.get_label()) for line in legend], RIGHT - 0.1, LEGEND_SIZE)
    legend_top = top + legend_row_height(LEGEND_SIZE) * (1 + max((row for _, row in positions), default=-1))
    subtitle_top = legend_top + (0.24 if subtitle else 0)
    figure = Picture(subtitle_top + 0.4)
    write(figure, [shorten(title, 12, RIGHT)], [(0.1, subtitle_top + 0.2)], size=12, align=0)
    if subtitle:
        write(figure, [shorten(subtitle, 9, RIGHT)], [(0.1, legend_top + 0.11)], size=9, colour=GREY, align=0)
    draw_legend(figure, legend, 0.1, legend_top - 0.09, RIGHT, LEGEND_SIZE)
    return figure


def check_limits(limits: tuple[float, float], log: bool = False) -> None:
    """Check the ends of an axis or of a colour scale.

    Raises:
        ValueError: the lower end is not below the upper end, or not above 0 on a logarithmic scale.
    """
    if not (limits[0] < limits[1] and (limits[0] > 0 or not log)):
        raise ValueError(
            f"limits {limits}; allowed: the lower first{', above 0 on a logarithmic scale' if log else ''}"
        )


def panel_boxes(
    count: int, columns: int, left: float, bottom: float, right: float, height: float, row_gap: float = TITLE_HEIGHT
) -> list[Box]:
    """Return the box of each panel, row by row.

    Arguments:
        count: the number of panels.
        columns: the most panels in a row.
        left: the left side of each row, in inches.
        bottom: the bottom of the last row, in inches.
        right: the right side of each row, in inches.
        height: the height of a panel, in inches.
        row_gap: the gap between two rows, in inches.
    """
    columns, rows = min(count, columns), -(-count // columns)
    width = (right - left + PANEL_GAP) / columns - PANEL_GAP
    boxes = []
    for number in range(count):
        x = left + number % columns * (width + PANEL_GAP)
        y = bottom + (rows - 1 - number // columns) * (height + row_gap)
        boxes.append((x, y, x + width, y + height))
    return boxes


def add_panel(figure: Figure, box: Box, title: str, x_label: str, y_label: str, above: float = 0.0) -> Axes:
    """Add axes and draw their title; the axis labels are set, but invisible, for the caller to draw.

    Arguments:
        figure: the figure.
        box: the box of the axes.
        title: the title.
        x_label: the label of the x axis, with the unit.
        y_label: the label of the y axis, with the unit.
        above: the room that is left between the axes and the title, in inches.
    """
    left, _, right, top = box
    axes = add_axes(figure, box)
    axes.set_title(title, loc="left", visible=False)
    axes.set(xlabel=x_label, ylabel=y_label)
    size = next((size for size in (10.0, 9.0) if text_width(title, size) <= right - left), 8.0)
    write(figure, [shorten(title, size, right - left)], [(left, top + above + 0.13)], size=size, align=0)
    return axes


def max_tick_intervals(width: float) -> int:
    """Return the most intervals between ticks whose labels have room along an axis of this width, in inches."""
    return max(1, min(5, round(2.2 * width)))


def write_y_label(figure: Figure, y_label: str, bottom: float, top: float) -> None:
    """Write one label for the y axes of all panels, which extend from `bottom` to `top`, in inches."""
    _write_vertically(figure, y_label, 0.15, bottom, top, 11)


def set_tick_numbers(axes: Axes, number: int, count: int, columns: int, shared: bool = True) -> None:
    """Let the ticks of a panel have numbers; with shared limits, only in the lowest and the leftmost panels.

    Arguments:
        axes: the axes of the panel.
        number: the number of the panel, row by row, from 0.
        count: the number of panels.
        columns: the number of panels in a row.
        shared: whether all panels have the same limits.
    """
    axes.xaxis.set_major_formatter(NullFormatter() if shared and number + columns < count else "{x:g}")
    axes.yaxis.set_major_formatter(NullFormatter() if shared and number % columns else "{x:g}")


def draw_colour_bar(
    figure: Figure,
    norm: Normalize,
    colours: Colormap,
    name: str,
    box: Box,
    ticks: Locator | None = None,
    size: float = 9,
    horizontal: bool = False,
) -> None:
    """Draw a colour bar along the left side of a box, and its name along the right side.

    Arguments:
        figure: the figure.
        norm: the values at the two ends of the bar.
        colours: the colour map.
        name: what the values are, with the unit.
        box: the box of the bar, its numbers and its name.
        ticks: the values that have numbers; None means a few round ones.
        size: the font size of the numbers, in points.
        horizontal: draw the bar along the top of the box, and its name along the bottom.
    """
    left, bottom, right, top = box
    width, height = figure.get_size_inches()
    bounds = (left, bottom, 0.18, top - bottom)
    if horizontal:
        bounds = (left, top - 0.14, right - left, 0.14)
    bar = figure.add_axes(tuple(np.divide(bounds, (width, height, width, height))))
    figure.colorbar(
        ScalarMappable(norm, colours),
        cax=bar,
        ticks=ticks or MaxNLocator(5, steps=(1, 2, 5, 10)),
        format="{x:g}",
        orientation="horizontal" if horizontal else "vertical",
    )
    bar.tick_params(labelsize=size)
    bar.minorticks_off()
    bar.spines[:].set_visible(False)
    if horizontal:
        bar.set_xlabel(name, visible=False)
        write(figure, [shorten(name, 10, right - left)], [((left + right) / 2, bottom)])
    else:
        bar.set_ylabel(name, visible=False)
        _write_vertically(figure, name, right, bottom, top, 10)


def hatched_rectangle(left: float, bottom: float, width: float, height: float) -> Rectangle:
    """Return the rectangle that is drawn where a value is missing."""
    rectangle = Rectangle((left, bottom), width, height, facecolor="#EEEEEE", edgecolor="#BBBBBB", linewidth=0)
    rectangle.set_hatch("///")
    return rectangle


def row_figure(
    title: str,
    labels: Sequence[str],
    notes: Sequence[str],
    x_label: str,
    row_height: float,
    legend: Sequence[Line2D] = (),
) -> tuple[Picture, Axes]:
    """Return a figure of labelled rows and its axes, in which the middle of row n is at y = n, counted from the top.

    Arguments:
        title: the title of the picture.
        labels: the text to the left of each row.
        notes: the text to the right of each row.
        x_label: the label of the x axis, with the unit.
        row_height: the height of a row, in inches.
        legend: the lines of the legend.
    """
    labels = [shorten(label, 10, 2.4) for label in labels]
    notes = [shorten(note, 10, 1.6) for note in notes]
    left = 0.25 + max(text_width(label, 10) for label in labels)
    right = RIGHT - 0.15 - max(text_width(note, 10) for note in notes)
    top = 0.65 + row_height * len(labels)
    figure = titled_figure(title, top + 0.1, legend)
    axes = add_axes(figure, (left, 0.65, right, top))
    axes.set(xlabel=x_label, ylim=(len(labels) - 0.5, -0.5))
    axes.yaxis.set_major_locator(FixedLocator(range(len(labels))))
    axes.yaxis.set_major_formatter(FixedFormatter(labels))
    write(figure, notes, [(1, n) for n in range(len(notes))], axes.get_yaxis_transform(), align=0, shift=(11, 0))
    margin = 0.55 * text_width(x_label, 11)  # the label is moved towards the middle as far as the figure's edges demand
    write(figure, [x_label], [(np.clip((left + right) / 2, margin, 8 - margin), 0.2)], size=11)
    return figure, axes


def limits_around(values: Iterable[float], log: bool) -> tuple[float, float]:
    """Return limits a little wider than the finite values; on a logarithmic axis only values above 0 count."""
    used = [value for value in values if np.isfinite(value) and (value > 0 or not log)]
    least, most = (min(used), max(used)) if used else (1.0, 1.0) if log else (0.0, 1.0)
    if log:
        factor = (most / least) ** 0.04 if most > least else 2.0
        return least / factor, most * factor
    margin = 0.04 * (most - least) or 0.5
    return least - margin, most + margin


def log_locator(least: float, most: float, max_labels: int = 9) -> LogLocator:
    """Return a locator with ticks at the powers of ten between two values, and between these if labels have room."""
    powers = np.log10(most / least)
    multiples = next((subs for subs in ((1, 2, 5), (1, 3)) if len(subs) * powers <= max_labels), (1,))
    return LogLocator(subs=multiples, numticks=6)


def text_colours(background_nk: np.ndarray) -> list[str]:
    """Return black or white, whichever has more contrast, for each of N backgrounds of red, green, blue (0 to 1)."""
    # Relative luminance of sRGB (WCAG 2.1, 2018): above 0.18, black has more contrast than white.
    rgb_nk = background_nk[:, :3]
    linear_nk = np.where(rgb_nk <= 0.04045, rgb_nk / 12.92, ((rgb_nk + 0.055) / 1.055) ** 2.4)
    return ["black" if luminance > 0.18 else "white" for luminance in linear_nk @ (0.2126, 0.7152, 0.0722)]


def _write_vertically(figure: Figure, text: str, x: float, bottom: float, top: float, size: float) -> None:
    """Write a text from bottom to top, in the middle between `bottom` and `top` as far as the figure has room."""
    height = float(figure.get_figheight())
    shown = shorten(text, size, height - 0.1)
    half = text_width(shown, size) / 2 + 0.05
    write(figure, [shown], [(x, np.clip((bottom + top) / 2, half, height - half))], size=size, vertical=True)
