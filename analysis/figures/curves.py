"""Curves over epochs and over sizes, each with the band around it, in panels side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from analysis.figures.multiples import (
    LEFT,
    LEGEND_SIZE,
    LOG_AXIS_RATIO,
    PANELS_PER_ROW,
    RIGHT,
    TITLE_HEIGHT,
    add_panel,
    check_limits,
    limits_around,
    log_locator,
    max_tick_intervals,
    panel_boxes,
    set_tick_numbers,
    titled_figure,
    write_y_label,
)
from analysis.figures.style import COLOURS, GREY, Picture, draw_ticks, shorten, write

MAX_POINTS = 32
"""The most points of a line that get markers; with markers, a line of a single point is visible, too."""


@dataclass(frozen=True)
class Band:
    """A curve of one setting and the band around it, N points. Values that are not finite leave gaps.

    Attributes:
        label: the setting. A label has the same colour and line style in all panels.
        x_n: the points' positions, ascending, (N,).
        middle_n: the height of the line, (N,).
        low_n: the lower edge of the band, (N,).
        high_n: the upper edge of the band, (N,).
        note: what the legend adds to the label in parentheses, such as "3 seeds"; the same for all bands of a label.
    """

    label: str
    x_n: np.ndarray
    middle_n: np.ndarray
    low_n: np.ndarray
    high_n: np.ndarray
    note: str = ""


@dataclass(frozen=True)
class CurvePanel:
    """A panel of training curves.

    Attributes:
        title: the title of the panel.
        bands: the curves over the epochs, at most 7, the number of colours.
        floor: the lowest loss that any predictor can expect, nats per character; None if it is not known.
    """

    title: str
    bands: Sequence[Band]
    floor: float | None


@dataclass(frozen=True)
class ReachPanel:
    """A panel of shares of correct predictions at each size.

    Attributes:
        title: the title of the panel.
        measure: what the sizes count, such as "length (characters)".
        trained: the smallest and the largest size in the training data; None if they are not known.
        bands: the shares, 0 to 1, over the sizes; at most 7 bands, the number of colours.
    """

    title: str
    measure: str
    trained: tuple[int, int] | None
    bands: Sequence[Band]


def curve_bands(
    title: str,
    panels: Sequence[CurvePanel],
    spread: str,
    columns: int = PANELS_PER_ROW,
    y_label: str = "training loss (nats per character)",
    limits: tuple[float, float] | None = None,
) -> Picture:
    """Draw training curves with their bands, in panels that share their limits.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, drawn row by row.
        spread: what the lines and the bands are, such as "median of 10 seeds, 95 % interval".
        columns: the number of panels in a row, 1 or more.
        y_label: what the curves show, with the unit.
        limits: the ends of the y axis, which is then linear, such as (0, 1) for an accuracy. None means that the values
            determine the limits, and whether the axis is logarithmic.

    Raises:
        ValueError: there is no panel, a panel has more bands than there are colours, `columns` is less than 1, or the
            lower limit is not below the upper one.
    """
    _check_panels([panel.bands for panel in panels], columns)
    check_limits(limits or (0, 1))
    bands = [band for panel in panels for band in panel.bands]
    values = _finite_values(bands)
    log = bool(limits is None and len(values) and values.min() > 0 and values.max() > LOG_AXIS_RATIO * values.min())
    floors = [panel.floor for panel in panels if panel.floor is not None and (panel.floor > 0 or not log)]
    lines = _legend_lines(bands)
    legend = [*lines.values(), *([Line2D([], [], label="floor", **_FLOOR)] if floors else [])]
    rows = -(-len(panels) // columns)
    bottom, height = 0.7, 1.6 if rows > 1 else 2.4
    top = bottom + rows * (height + TITLE_HEIGHT) - TITLE_HEIGHT
    figure = titled_figure(title, top + TITLE_HEIGHT, legend, f"line and band: {spread}")
    x_limits = limits_around([0, *(float(band.x_n.max()) for band in bands if len(band.x_n))], log=False)
    y_limits = limits_around([*values, *floors] if limits is None else limits, log)
    boxes = panel_boxes(len(panels), columns, LEFT, bottom, RIGHT, height)
    for number, (panel, box) in enumerate(zip(panels, boxes, strict=True)):
        axes = add_panel(figure, box, panel.title, "epoch", y_label)
        if log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(log_locator(*y_limits))
        axes.set(xlim=x_limits, ylim=y_limits)
        for band in panel.bands:
            _draw_band(axes, band, lines[band.label])
        if panel.floor in floors:
            axes.axhline(panel.floor, **_FLOOR)
        axes.xaxis.set_major_locator(_integer_locator(box[2] - box[0]))
        set_tick_numbers(axes, number, len(panels), columns)
        draw_ticks(axes, size=9)
    write(figure, ["epoch"], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    write_y_label(figure, y_label, bottom, top)
    return figure


def reach_curves(title: str, panels: Sequence[ReachPanel], spread: str) -> Picture:
    """Draw the share of correct predictions against size, with the sizes in the training data shaded.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, three in a row.
        spread: what the lines and the bands are, such as "median of 10 seeds, 95 % interval".

    Raises:
        ValueError: there is no panel, or a panel has more bands than there are colours.
    """
    _check_panels([panel.bands for panel in panels])
    lines = _legend_lines(band for panel in panels for band in panel.bands)
    shade = Line2D([], [], color=_TRAINED, linewidth=9, solid_capstyle="butt", label="sizes trained on")
    legend = [*lines.values(), *([shade] if any(panel.trained for panel in panels) else [])]
    rows = -(-len(panels) // PANELS_PER_ROW)
    bottom, height, row_gap = 0.6, 1.6 if rows > 1 else 2.4, TITLE_HEIGHT + 0.5
    top = bottom + rows * (height + row_gap) - row_gap
    figure = titled_figure(title, top + TITLE_HEIGHT, legend, f"line and band: {spread}")
    boxes = panel_boxes(len(panels), PANELS_PER_ROW, LEFT, bottom, RIGHT, height, row_gap)
    for number, (panel, box) in enumerate(zip(panels, boxes, strict=True)):
        left, panel_bottom, right, _ = box
        axes = add_panel(figure, box, panel.title, panel.measure, _SHARE)
        _set_size_axis(axes, panel, right - left)
        for band in panel.bands:
            _draw_band(axes, band, lines[band.label])
        axes.yaxis.set_major_formatter(NullFormatter() if number % PANELS_PER_ROW else "{x:g}")
        draw_ticks(axes, size=9)
        write(figure, [shorten(panel.measure, 10, right - left)], [((left + right) / 2, panel_bottom - 0.36)])
    write_y_label(figure, _SHARE, bottom, top)
    return figure


def _set_size_axis(axes: Axes, panel: ReachPanel, width: float) -> None:
    """Set the limits, the scale and the ticks of a panel of reach curves, and shade the sizes trained on.

    Arguments:
        axes: the axes of the panel.
        panel: what the panel shows.
        width: the width of the panel, in inches.
    """
    sizes = [float(size) for band in panel.bands for size in band.x_n]
    sizes_and_trained = [*sizes, *(panel.trained or ())]
    log = False
    if panel.trained and sizes:
        # On a linear axis, the sizes trained on would then be too narrow to see.
        log = min(sizes_and_trained) > 0 and max(sizes_and_trained) > 8 * max(panel.trained)
    limits = limits_around(sizes_and_trained, log)
    axes.set(xscale="log" if log else "linear", xlim=limits, ylim=(-0.05, 1.05))
    if panel.trained:
        smallest, largest = panel.trained
        axes.axvspan(smallest - (0 if log else 0.5), largest + 0.5, color=_TRAINED, zorder=0, linewidth=0)
    locator = log_locator(*limits, max_labels=round(2.4 * width)) if log else _integer_locator(width)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter("{x:g}")


def _legend_lines(bands: Iterable[Band]) -> dict[str, Line2D]:
    """Return for each distinct label of the bands its line in the legend, with a colour and a line style of its own."""
    notes = {band.label: band.note for band in bands}
    # 7 colours and 4 line styles have no common divisor, so 28 labels look different.
    return {
        label: Line2D(
            [],
            [],
            label=shorten(f"{label} ({note})" if note else label, LEGEND_SIZE, 7),
            color=COLOURS[n % len(COLOURS)],
            **_LINE_STYLES[n % len(_LINE_STYLES)],
        )
        for n, (label, note) in enumerate(notes.items())
    }


def _check_panels(lines_of_panels: Sequence[Sequence[object]], columns: int = PANELS_PER_ROW) -> None:
    """Check the number of panels, of the lines of each panel, and of panels per row.

    Raises:
        ValueError: there is no panel, a panel has more lines than there are colours, or `columns` is less than 1.
    """
    most = max(map(len, lines_of_panels), default=0)
    if not lines_of_panels or most > len(COLOURS):
        raise ValueError(
            f"{len(lines_of_panels)} panels of up to {most} bands; allowed: 1 or more of up to {len(COLOURS)}"
        )
    if columns < 1:
        raise ValueError(f"columns {columns}; allowed: 1 or more")


def _draw_band(axes: Axes, band: Band, legend_line: Line2D) -> None:
    """Draw a band and its line, in the colour and the style of a line from `_legend_lines`."""
    middle_n, low_n, high_n = (
        np.where(np.isfinite(edge_n), edge_n, np.nan) for edge_n in (band.middle_n, band.low_n, band.high_n)
    )
    colour, marker = legend_line.get_color(), "." if len(band.x_n) <= MAX_POINTS else ""
    axes.fill_between(band.x_n, low_n, high_n, color=colour, alpha=0.2, linewidth=0)
    style = legend_line.get_linestyle()
    axes.plot(band.x_n, middle_n, color=colour, linestyle=style, marker=marker, label=band.label)


def _finite_values(bands: Iterable[Band]) -> np.ndarray:
    """Return all finite heights of the lines and the edges of some bands."""
    edges = [np.ravel(edge_n) for band in bands for edge_n in (band.middle_n, band.low_n, band.high_n)]
    values = np.concatenate([[], *edges])
    finite: np.ndarray = values[np.isfinite(values)]
    return finite


def _integer_locator(width: float) -> MaxNLocator:
    """Return a locator with integer ticks whose labels have room along an axis of this width, in inches."""
    return MaxNLocator(max_tick_intervals(width), steps=(1, 2, 5, 10), integer=True)


_LINE_STYLES: list[dict[str, Any]] = [{"linestyle": style} for style in ("-", "--", "-.", ":")]
_FLOOR: dict[str, Any] = {"color": GREY, "linewidth": 1, "linestyle": (0, (4, 2))}
_TRAINED = "#E8E8E8"  # not a colour of a band
_SHARE = "share that is right"
