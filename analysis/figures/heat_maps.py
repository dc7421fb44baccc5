"""Heat maps: one value for each combination of the values of two fields."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, MaxNLocator

from analysis.figures.multiples import (
    COLOUR_MAP,
    PANEL_GAP,
    PANELS_PER_ROW,
    RIGHT,
    TITLE_HEIGHT,
    add_panel,
    check_limits,
    draw_colour_bar,
    hatched_rectangle,
    log_locator,
    panel_boxes,
    text_colours,
    titled_figure,
)
from analysis.figures.style import Box, Picture, shorten, text_width, write

LABEL_SIZE = 9
"""The font size of the labels of rows and columns, in points."""


@dataclass(frozen=True)
class HeatMap:
    """One value for each cell of a grid.

    Attributes:
        title: the title of the map.
        value_rc: the values, (R rows, C columns); NaN where there is none.
        note_rc: a second line of text for each cell that has a value, such as "7/10", (R, C); None for no notes.
    """

    title: str
    value_rc: np.ndarray
    note_rc: np.ndarray | None = None


def heat_map(
    title: str,
    maps: Sequence[HeatMap],
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    value_name: str,
    log: bool,
    limits: tuple[float, float] | None = None,
) -> Picture:
    """Draw heat maps that share their axes and one colour bar, three in a row.

    Each cell has its number and its note if all of them have room. A cell without a value is hatched.

    Arguments:
        title: the title of the picture.
        maps: one or more maps of the same shape.
        rows: the name of the field along the rows, "" for none, and the label of each row, from the top.
        columns: the name of the field along the columns, "" for none, and the label of each column, from the left.
        value_name: what the values are, with the unit.
        log: whether the colour scale is logarithmic; values of 0 and below then have the colour of the lower end.
        limits: the values at the two ends of the colour bar, such as (0, 1) for shares; None means the smallest and the
            largest value.

    Raises:
        ValueError: there is no map, a map does not have the shape of the labels, the lower limit is not below the upper
            one, or it is not above 0 on a logarithmic scale.
    """
    shape = len(rows[1]), len(columns[1])
    shapes = [array_rc.shape for panel in maps for array_rc in (panel.value_rc, panel.note_rc) if array_rc is not None]
    if not maps or 0 in shape or any(map_shape != shape for map_shape in shapes):
        raise ValueError(f"the maps' shapes are {shapes}; allowed: one or more of {shape}")
    norm = _norm(np.concatenate([panel.value_rc.ravel() for panel in maps]), log, limits)
    row_labels, column_labels = ([shorten(label, LABEL_SIZE, 2.5) for label in labels] for _, labels in (rows, columns))
    layout = _layout(maps, (rows[0], row_labels), (columns[0], column_labels))
    size = _number_size(maps, layout.cell_width)
    figure = titled_figure(title, layout.top + TITLE_HEIGHT)
    for number, (panel, box) in enumerate(zip(maps, layout.boxes, strict=True)):
        axes = add_panel(figure, box, panel.title, columns[0], rows[0])
        axes.spines[:].set_visible(False)
        _draw_cells(axes, panel.value_rc, norm)
        if size:
            _write_numbers(figure, axes, panel, norm, size)
        if number % PANELS_PER_ROW == 0:
            _write_row_labels(figure, axes, row_labels)
        if number + PANELS_PER_ROW >= len(maps):
            _write_column_labels(figure, axes, column_labels, layout.cell_width)
    left, right = layout.boxes[0][0], layout.right
    write(figure, [columns[0]], [((left + right) / 2, layout.bottom - layout.column_label_height - 0.27)], size=11)
    write(figure, [rows[0]], [(0.2, (layout.bottom + layout.top) / 2)], size=11, vertical=True)
    draw_colour_bar(
        figure, norm, COLOUR_MAP, value_name, layout.colour_bar, _ticks(norm), 8, horizontal=layout.horizontal
    )
    return figure


@dataclass(frozen=True)
class _Layout:
    """Where the parts of a picture of heat maps are, in inches.

    Attributes:
        boxes: the box of each map.
        bottom, top, right: the sides of the area of all maps.
        cell_width: the width of a cell.
        column_label_height: the height of the labels of the columns.
        colour_bar: the box of the colour bar.
        horizontal: whether the colour bar is horizontal.
    """

    boxes: list[Box]
    bottom: float
    top: float
    right: float
    cell_width: float
    column_label_height: float
    colour_bar: Box
    horizontal: bool


def _layout(maps: Sequence[HeatMap], rows: tuple[str, list[str]], columns: tuple[str, list[str]]) -> _Layout:
    """Return the layout of maps; see `heat_map` for the arguments."""
    (row_name, row_labels), (column_name, column_labels) = rows, columns
    horizontal = len(row_labels) == 1  # a row of cells is too low for a vertical colour bar
    left = (0.55 if row_name else 0.15) + max(text_width(label, LABEL_SIZE) for label in row_labels)
    right = RIGHT if horizontal else 7.0
    panel_columns, panel_rows = min(len(maps), PANELS_PER_ROW), -(-len(maps) // PANELS_PER_ROW)
    cell_width = ((right - left + PANEL_GAP) / panel_columns - PANEL_GAP) / len(column_labels)
    # A cell is high enough for its text, and not much higher than it is wide.
    has_notes = any(panel.note_rc is not None for panel in maps)
    height = float(np.clip(0.8 * cell_width, *((0.42, 0.5) if has_notes else (0.2, 0.42)))) * len(row_labels)
    if not horizontal:
        height = max(height, 1.9 / panel_rows)  # all maps together are high enough for the colour bar
    column_label_height = 0.15
    if _vertical(column_labels, cell_width):
        column_label_height = max(text_width(label, LABEL_SIZE) for label in column_labels)
    bottom = (0.7 if horizontal else 0) + (0.45 if column_name else 0.15) + column_label_height
    top = bottom + panel_rows * (height + TITLE_HEIGHT) - TITLE_HEIGHT
    boxes = panel_boxes(len(maps), PANELS_PER_ROW, left, bottom, right, height)
    colour_bar = (7.1, bottom, 7.88, top)
    if horizontal:
        colour_bar = (max(left, 0.4), 0.18, right - 0.15, 0.68)  # the numbers at the ends are wider than the bar
    return _Layout(boxes, bottom, top, right, cell_width, column_label_height, colour_bar, horizontal)


def _vertical(column_labels: Sequence[str], cell_width: float) -> bool:
    """Return whether the labels of the columns are too wide for a cell and so run from bottom to top."""
    return max(text_width(label, LABEL_SIZE) for label in column_labels) > 0.9 * cell_width


def _number_size(maps: Sequence[HeatMap], cell_width: float) -> int | None:
    """Return the font size of the numbers and notes in the cells, in points; None if they have no room."""
    texts = {_number(value) for panel in maps for value in panel.value_rc.ravel()}
    texts |= {str(note) for panel in maps if panel.note_rc is not None for note in panel.note_rc.ravel()}
    widest = max(text_width(text, 1) for text in texts)
    return next((size for size in (9, 8, 7) if size * widest < 0.92 * cell_width), None)


def _norm(values: np.ndarray, log: bool, limits: tuple[float, float] | None) -> Normalize:
    """Return the colour scale between the limits, or between the smallest and the largest finite value.

    On a logarithmic scale only values above 0 count; if there is none and no limits are given, the scale is linear.
    """
    if limits is not None:
        check_limits(limits, log)
        return LogNorm(*limits) if log else Normalize(*limits)
    values = values[np.isfinite(values)]
    log = log and bool((values > 0).any())
    if log:
        values = values[values > 0]
    least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if least == most:  # a scale of length 0 would have no ticks
        least, most = (least / 2, most * 2) if log else (least - 0.5, most + 0.5)
    return LogNorm(least, most) if log else Normalize(least, most)


def _number(value: float) -> str:
    """Return a number with three significant digits; below 0.01 and from 1000 on, with an exponent."""
    if 0 < abs(value) < 0.01 or 999.5 <= abs(value) < np.inf:
        digits, exponent = f"{value:.2e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{value:.3g}"


def _ticks(norm: Normalize) -> Locator:
    """Return the locator of the numbers beside the colour bar."""
    if not isinstance(norm, LogNorm):
        return MaxNLocator(6)
    assert norm.vmin is not None
    assert norm.vmax is not None
    return log_locator(norm.vmin, norm.vmax)


def _draw_cells(axes: Axes, value_rc: np.ndarray, norm: Normalize) -> None:
    """Draw the cells of one map in their colours, and cells without a value hatched."""
    rows, columns = value_rc.shape
    axes.imshow(_colours(value_rc, norm), aspect="auto", extent=(-0.5, columns - 0.5, rows - 0.5, -0.5))
    for row, column in np.argwhere(np.isnan(value_rc)):
        axes.add_patch(hatched_rectangle(column - 0.5, row - 0.5, 1, 1))


def _write_numbers(figure: Figure, axes: Axes, panel: HeatMap, norm: Normalize, size: float) -> None:
    """Write the number of each cell that has a value, and its note below, in black or white."""
    cells_n2 = np.argwhere(~np.isnan(panel.value_rc))
    values = panel.value_rc[tuple(cells_n2.T)]
    colours = text_colours(_colours(values, norm))
    positions, up = cells_n2[:, ::-1], 0.0
    if panel.note_rc is not None:
        up = 0.68 * size
        notes = list(map(str, panel.note_rc[tuple(cells_n2.T)]))
        write(figure, notes, positions, axes.transData, size, colours, shift=(0, -up))
    write(figure, list(map(_number, values)), positions, axes.transData, size, colours, shift=(0, up))


def _write_row_labels(figure: Figure, axes: Axes, labels: Sequence[str]) -> None:
    positions = [(0, row) for row in range(len(labels))]
    write(figure, labels, positions, axes.get_yaxis_transform(), LABEL_SIZE, align=1, shift=(-4, 0))


def _write_column_labels(figure: Figure, axes: Axes, labels: Sequence[str], cell_width: float) -> None:
    positions = [(column, 0) for column in range(len(labels))]
    vertical = _vertical(labels, cell_width)
    align, shift = (1.0, (0, -4)) if vertical else (0.5, (0, -10))
    write(figure, labels, positions, axes.get_xaxis_transform(), LABEL_SIZE, "black", align, shift, vertical)


def _colours(values: np.ndarray, norm: Normalize) -> np.ndarray:
    """Return red, green, blue and alpha of each value; a value beyond the scale has the colour of its end."""
    return np.asarray(COLOUR_MAP(norm(np.clip(values, norm.vmin, norm.vmax))))
