"""Pictures that compare many runs, as small multiples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import Locator, MaxNLocator

from analysis.figures.multiples import (
    GAP,
    LEFT,
    PANELS_A_ROW,
    RIGHT,
    SCALE,
    SPAN,
    TITLE,
    boxes,
    check_limits,
    check_panels,
    decades,
    draw_band,
    draw_scale,
    hatched,
    headed,
    inks,
    label_panels,
    limits_around,
    most_ticks,
    number_ticks,
    panel,
    samples,
)
from analysis.figures.style import GREY, Picture, rule, shorten, text_width, write


@dataclass(frozen=True)
class HeatMap:
    """One value for each cell of a grid.

    Attributes:
        title: what the map is of.
        value_rc: (rows, columns); NaN where there is none.
        note_rc: a second line for each cell that has a value, such as "7/10": texts, (rows, columns); or None.
    """

    title: str
    value_rc: np.ndarray
    note_rc: np.ndarray | None = None


@dataclass(frozen=True)
class Band:
    """Training curves of one setting over its seeds.

    Attributes:
        label: the setting.
        middle_e: what the line is, at each epoch: (E,).
        low_e: the lower edge of the band, (E,); NaN and infinite values leave gaps.
        high_e: the upper edge of the band, (E,).
        epoch_e: the epochs, ascending from 0 or more, (E,); None for every one from 0.
    """

    label: str
    middle_e: np.ndarray
    low_e: np.ndarray
    high_e: np.ndarray
    epoch_e: np.ndarray | None = None

    @property
    def at_e(self) -> np.ndarray:
        """The epochs, (E,)."""
        return np.arange(len(self.middle_e)) if self.epoch_e is None else self.epoch_e


@dataclass(frozen=True)
class CurvePanel:
    """Bands to compare with one another.

    Attributes:
        title: what they have in common.
        bands: at most 7, the number of colours.
        floor: the lowest loss any predictor can expect, nats per character, or None where nobody knows.
    """

    title: str
    bands: Sequence[Band]
    floor: float | None


def heat_map(
    title: str,
    maps: Sequence[HeatMap],
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    value_name: str,
    log: bool,
    limits: tuple[float, float] | None = None,
) -> Picture:
    """Draw heat maps that share their axes and one scale of colours, three side by side.

    The number and the note stand in each cell where there is room for all of them. A cell without a value is hatched.

    Arguments:
        title: of the picture.
        maps: one or more, of the same shape.
        rows: what the rows differ in, and the label of each, from above.
        columns: what the columns differ in, and the label of each, from the left.
        value_name: what the values are, with the unit.
        log: whether colours follow the logarithm; values of 0 and below then look like the least that is above.
        limits: the values at the two ends of the colours, such as (0, 1) for shares; None: the least and the greatest.

    Raises:
        ValueError: there is no map, one has another shape than the labels, or the limits bound nothing.
    """
    shape = len(rows[1]), len(columns[1])
    shapes = [grid.shape for one in maps for grid in (one.value_rc, one.note_rc) if grid is not None]
    if not maps or 0 in shape or any(found != shape for found in shapes):
        raise ValueError(f"the maps' shapes are {shapes}; allowed: one or more of {shape}")
    row_labels, column_labels = ([shorten(label, 9, 2.5) for label in labels] for _, labels in (rows, columns))
    left, right = 0.55 + max(text_width(label, 9) for label in row_labels), 7.0
    across, down = min(len(maps), PANELS_A_ROW), -(-len(maps) // PANELS_A_ROW)
    cell = (right - left + GAP) / across / shape[1] - GAP / shape[1]
    noted = any(one.note_rc is not None for one in maps)
    # High enough for a number or a label, not much higher than wide, and together for a scale of colours.
    least, most = (0.42, 0.5) if noted else (0.2, 0.42)
    tall = max(float(np.clip(0.8 * cell, least, most)) * shape[0], 1.9 / down)
    length = max(text_width(label, 9) for label in column_labels)
    turned = length > 0.9 * cell
    foot = 0.45 + (length if turned else 0.15)
    top = foot + down * (tall + TITLE) - TITLE
    norm = _norm(np.concatenate([one.value_rc.ravel() for one in maps]), log, limits)
    inside = {_number(value) for one in maps for value in one.value_rc.ravel()}
    inside |= {str(note) for one in maps if one.note_rc is not None for note in one.note_rc.ravel()}
    widest = max(text_width(text, 1) for text in inside)
    size = next((size for size in (9, 8, 7) if size * widest < 0.92 * cell), None)  # None: no room for numbers
    figure = headed(title, top + TITLE)
    for number, (one, box) in enumerate(
        zip(maps, boxes(len(maps), PANELS_A_ROW, left, foot, right, tall), strict=True)
    ):
        axes = panel(figure, box, one.title, columns[0], rows[0])
        axes.spines[:].set_visible(False)
        _draw_cells(axes, one.value_rc, norm)
        if size:
            _write_numbers(figure, axes, one.value_rc, norm, size, one.note_rc)
        if number % across == 0:
            heights = [(0, row) for row in range(shape[0])]
            write(figure, row_labels, heights, axes.get_yaxis_transform(), 9, across=1, nudge=(-4, 0))
        if number + across >= len(maps):
            places = [(column, 0) for column in range(shape[1])]
            end, nudge = (1.0, (0, -4)) if turned else (0.5, (0, -10))
            write(figure, column_labels, places, axes.get_xaxis_transform(), 9, "black", end, nudge, turned)
    write(figure, [columns[0]], [((left + right) / 2, 0.18)], size=11)
    write(figure, [rows[0]], [(0.2, (foot + top) / 2)], size=11, upwards=True)
    draw_scale(figure, norm, SCALE, value_name, (7.1, foot, 7.88, top), _ticks(norm), size=8)
    return figure


def curve_bands(
    title: str,
    panels: Sequence[CurvePanel],
    spread: str,
    columns: int = PANELS_A_ROW,
    y_label: str = "training loss (nats per character)",
    limits: tuple[float, float] | None = None,
) -> Picture:
    """Draw training curves with their spread over seeds, in panels that share their limits, row by row.

    Arguments:
        title: of the picture.
        panels: one or more. A label has the same colour and kind of line in all of them.
        spread: what the lines and the bands around them are, such as "median, and all 10 seeds".
        columns: how many panels stand side by side, 1 or more.
        y_label: what the curves are of, with the unit.
        limits: the ends of a linear axis, such as (0, 1) for an accuracy; None: as the values ask.

    Raises:
        ValueError: there is no panel, one has more bands than there are colours, less than one stands in a row, or
            the limits bound nothing.
    """
    check_panels([one.bands for one in panels], columns)
    check_limits(limits or (0, 1))
    shown = [band for one in panels for band in one.bands]
    values = np.concatenate(
        [[], *(np.ravel(edge) for band in shown for edge in (band.middle_e, band.low_e, band.high_e))]
    )
    values = values[np.isfinite(values)]
    log = bool(limits is None and len(values) and values.min() > 0 and values.max() > SPAN * values.min())
    floors = [one.floor for one in panels if one.floor is not None and (one.floor > 0 or not log)]
    kinds = samples(band.label for band in shown)
    explained = [*kinds.values(), *([Line2D([], [], label="floor", **_FLOOR)] if floors else [])]
    down = -(-len(panels) // columns)
    foot, tall = 0.7, 1.6 if down > 1 else 2.4
    top = foot + down * (tall + TITLE) - TITLE
    figure = headed(title, top + TITLE, explained, f"line and band: {spread}")
    x_limits = limits_around([0, *(float(band.at_e.max()) for band in shown if len(band.at_e))], log=False)
    y_limits = limits_around([*values, *floors] if limits is None else limits, log)
    places = boxes(len(panels), columns, LEFT, foot, RIGHT, tall)
    for number, (one, box) in enumerate(zip(panels, places, strict=True)):
        axes = panel(figure, box, one.title, "epoch", y_label)
        if log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(decades(*y_limits))
        axes.set(xlim=x_limits, ylim=y_limits)
        for band in one.bands:
            edges = band.middle_e, band.low_e, band.high_e
            draw_band(axes, band.at_e, edges, band.label, kinds[band.label])
        if one.floor in floors:
            axes.axhline(one.floor, **_FLOOR)
        axes.xaxis.set_major_locator(MaxNLocator(most_ticks(box), steps=(1, 2, 5, 10), integer=True))
        number_ticks(axes, number, len(panels), columns)
        rule(axes, size=9)
    write(figure, ["epoch"], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    label_panels(figure, y_label, foot, top)
    return figure


def _norm(values: np.ndarray, log: bool, limits: tuple[float, float] | None) -> Normalize:
    """Return the scale of colours between limits, or the finite values; the least above 0 if `log`."""
    if limits is not None:
        check_limits(limits, log)
        return LogNorm(*limits) if log else Normalize(*limits)
    values = values[np.isfinite(values)]
    log = log and bool((values > 0).any())
    if log:
        values = values[values > 0]
    least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if least == most:  # a scale of no length has no ticks
        least, most = (least / 2, most * 2) if log else (least - 0.5, most + 0.5)
    return LogNorm(least, most) if log else Normalize(least, most)


def _number(value: float) -> str:
    """Return three digits of a number, in as little room as they take."""
    if 0 < abs(value) < 0.01 or 1000 <= abs(value) < np.inf:
        digits, exponent = f"{value:.2e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{value:.3g}"


def _ticks(norm: Normalize) -> Locator:
    """Return which values a scale of colours has numbers at."""
    if not isinstance(norm, LogNorm):
        return MaxNLocator(6)
    assert norm.vmin is not None
    assert norm.vmax is not None
    return decades(norm.vmin, norm.vmax)


def _draw_cells(axes: Axes, value_rc: np.ndarray, norm: Normalize) -> None:
    """Draw the cells of one map in their colours, and those without a value hatched."""
    rows, columns = value_rc.shape
    axes.imshow(_colours(value_rc, norm), aspect="auto", extent=(-0.5, columns - 0.5, rows - 0.5, -0.5))
    for row, column in np.argwhere(np.isnan(value_rc)):
        axes.add_patch(hatched(column - 0.5, row - 0.5, 1, 1))


def _write_numbers(
    figure: Figure, axes: Axes, value_rc: np.ndarray, norm: Normalize, size: float, note_rc: np.ndarray | None = None
) -> None:
    """Write the number into each cell that has a value, and its note below, black or white by how light the cell is."""
    known_n2 = np.argwhere(~np.isnan(value_rc))
    values = value_rc[tuple(known_n2.T)]
    ink = inks(_colours(values, norm))
    places, up = known_n2[:, ::-1], 0.0
    if note_rc is not None:
        up = 0.68 * size
        notes = list(map(str, note_rc[tuple(known_n2.T)]))
        write(figure, notes, places, axes.transData, size, ink, nudge=(0, -up))
    write(figure, list(map(_number, values)), places, axes.transData, size, ink, nudge=(0, up))


def _colours(values: np.ndarray, norm: Normalize) -> np.ndarray:
    """Return red, green, blue and alpha of each value; one beyond the scale has the colour of its end."""
    return np.asarray(SCALE(norm(np.clip(values, norm.vmin, norm.vmax))))


_FLOOR: dict[str, Any] = {"color": GREY, "linewidth": 1, "linestyle": (0, (4, 2))}
