"""Pictures that compare many runs, as small multiples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from analysis.figures.style import COLOURS, GREY, Picture, blank, key, key_places, rule, shorten, text_width, write

PANELS_A_ROW = 3

SPAN = 30
"""Losses whose greatest is more than so many times the least stand on a logarithmic axis."""

MOST_POINTS = 32
"""Epochs that are marked one by one, so that a single one shows too."""

SCALE = colormaps["viridis"]


@dataclass(frozen=True)
class HeatMap:
    """One value for each cell of a grid.

    Attributes:
        title: what the map is of.
        value_rc: (rows, columns); NaN where there is none.
    """

    title: str
    value_rc: np.ndarray


@dataclass(frozen=True)
class Band:
    """Training curves of one setting over its seeds.

    Attributes:
        label: the setting.
        middle_e: what the line is, for each epoch from 0: (epochs,).
        low_e: the lower edge of the band, as long; NaN and infinite values leave gaps.
        high_e: the upper edge of the band, as long.
    """

    label: str
    middle_e: np.ndarray
    low_e: np.ndarray
    high_e: np.ndarray


@dataclass(frozen=True)
class Panel:
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
) -> Picture:
    """Draw heat maps that share their axes and one scale of colours, three side by side.

    The number stands in each cell where there is room for all of them. A cell without a value is hatched.

    Arguments:
        title: of the picture.
        maps: one or more, of the same shape.
        rows: what the rows differ in, and the label of each, from above.
        columns: what the columns differ in, and the label of each, from the left.
        value_name: what the values are, with the unit.
        log: whether colours follow the logarithm; values of 0 and below then look like the least that is above.

    Raises:
        ValueError: there is no map, or one has another shape than the labels.
    """
    shape = len(rows[1]), len(columns[1])
    if not maps or 0 in shape or any(one.value_rc.shape != shape for one in maps):
        raise ValueError(
            f"the maps' shapes are {[one.value_rc.shape for one in maps]}; allowed: one or more of {shape}"
        )
    row_labels, column_labels = ([shorten(label, 9, 2.5) for label in labels] for _, labels in (rows, columns))
    left, right = 0.55 + max(text_width(label, 9) for label in row_labels), 7.0
    across, down = min(len(maps), PANELS_A_ROW), -(-len(maps) // PANELS_A_ROW)
    cell = (right - left + _GAP) / across / shape[1] - _GAP / shape[1]
    # High enough for a number or a label, not much higher than wide, and together for a scale of colours.
    tall = max(float(np.clip(0.8 * cell, 0.2, 0.42)) * shape[0], 1.9 / down)
    length = max(text_width(label, 9) for label in column_labels)
    turned = length > 0.9 * cell
    foot = 0.45 + (length if turned else 0.15)
    figure = _figure(title, foot + down * (tall + _TITLE))
    norm = _norm(np.concatenate([one.value_rc.ravel() for one in maps]), log)
    widest = max(text_width(_number(value), 1) for one in maps for value in one.value_rc.ravel())
    size = next((size for size in (8, 7) if size * widest < 0.96 * cell), None)  # None: no room for numbers
    for number, (one, box) in enumerate(zip(maps, _boxes(len(maps), left, foot, right, tall), strict=True)):
        axes = _panel(figure, box, one.title, columns[0], rows[0])
        axes.spines[:].set_visible(False)
        _draw_cells(axes, one.value_rc, norm)
        if size:
            _write_numbers(figure, axes, one.value_rc, norm, size)
        if number % across == 0:
            heights = [(0, row) for row in range(shape[0])]
            write(figure, row_labels, heights, axes.get_yaxis_transform(), 9, across=1, nudge=(-4, 0))
        if number + across >= len(maps):
            places = [(column, 0) for column in range(shape[1])]
            end, nudge = (1.0, (0, -4)) if turned else (0.5, (0, -10))
            write(figure, column_labels, places, axes.get_xaxis_transform(), 9, "black", end, nudge, turned)
    top = foot + down * (tall + _TITLE) - _TITLE
    write(figure, [columns[0]], [((left + right) / 2, 0.18)], size=11)
    write(figure, [rows[0]], [(0.2, (foot + top) / 2)], size=11, upwards=True)
    _draw_scale(figure, norm, value_name, foot, top)
    return figure


def bands(title: str, panels: Sequence[Panel], spread: str) -> Picture:
    """Draw training curves with their spread over seeds, in panels that share their limits, three side by side.

    Arguments:
        title: of the picture.
        panels: one or more. A label has the same colour and kind of line in all of them.
        spread: what the lines and the bands around them are, such as "median, and all 10 seeds".

    Raises:
        ValueError: there is no panel, or one has more bands than there are colours.
    """
    if not panels or max(len(panel.bands) for panel in panels) > len(COLOURS):
        most = max((len(panel.bands) for panel in panels), default=0)
        raise ValueError(f"{len(panels)} panels of up to {most} bands; allowed: 1 or more of up to {len(COLOURS)}")
    shown = [band for panel in panels for band in panel.bands]
    values = np.concatenate(
        [[], *(np.ravel(edge) for band in shown for edge in (band.middle_e, band.low_e, band.high_e))]
    )
    values = values[np.isfinite(values)]
    log = bool(len(values) and values.min() > 0 and values.max() > SPAN * values.min())
    floors = [panel.floor for panel in panels if panel.floor is not None and (panel.floor > 0 or not log)]
    # Seven colours and four kinds of line have no common divisor, so that 28 labels look different.
    samples = {
        label: Line2D([], [], label=shorten(label, 9, 7), color=COLOURS[n % len(COLOURS)], **_STYLES[n % len(_STYLES)])
        for n, label in enumerate(dict.fromkeys(band.label for band in shown))
    }
    explained = [*samples.values(), *([Line2D([], [], label="floor", **_FLOOR)] if floors else [])]
    key_rows = 1 + max((row for _, row in key_places([str(line.get_label()) for line in explained], 7.7, 9)), default=0)
    foot, tall = 0.65, 1.6 if len(panels) > PANELS_A_ROW else 2.4
    top = foot + -(-len(panels) // PANELS_A_ROW) * (tall + _TITLE)
    figure = _figure(title, top + 0.3 + 0.225 * key_rows)
    write(figure, [f"line and band: {spread}"], [(0.1, top + 0.17 + 0.225 * key_rows)], size=9, colour=GREY, across=0)
    key(figure, explained, 0.1, top - 0.06 + 0.225 * key_rows, 7.8, size=9)
    x_limits = _limits([0, *(len(band.middle_e) - 1 for band in shown if len(band.middle_e))], log=False)
    y_limits = _limits([*values, *floors], log)
    for number, (panel, box) in enumerate(zip(panels, _boxes(len(panels), 0.85, foot, 7.8, tall), strict=True)):
        axes = _panel(figure, box, panel.title, "epoch", "training loss (nats per character)")
        if log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(_decades(*y_limits))
        axes.set(xlim=x_limits, ylim=y_limits)
        for band in panel.bands:
            _draw_band(axes, band, samples[band.label])
        if panel.floor in floors:
            axes.axhline(panel.floor, **_FLOOR)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10), integer=True))
        last = number + PANELS_A_ROW >= len(panels)
        axes.xaxis.set_major_formatter("{x:g}" if last else NullFormatter())
        axes.yaxis.set_major_formatter(NullFormatter() if number % PANELS_A_ROW else "{x:g}")
        rule(axes, size=8)
    write(figure, ["epoch"], [(0.85 / 2 + 7.8 / 2, 0.2)], size=11)
    write(figure, ["training loss (nats per character)"], [(0.15, (foot + top - _TITLE) / 2)], size=11, upwards=True)
    return figure


def _figure(title: str, top: float) -> Picture:
    """Return a figure 8 inches wide at 100 dpi, with a title above `top`, in inches."""
    figure = Picture(top + 0.4)
    write(figure, [shorten(title, 12, 7.8)], [(0.1, top + 0.2)], size=12, across=0)
    return figure


def _boxes(count: int, left: float, foot: float, right: float, tall: float) -> list[tuple[float, float, float, float]]:
    """Return left, foot, right and top of each panel, in inches; the last row stands on `foot`."""
    across, down = min(count, PANELS_A_ROW), -(-count // PANELS_A_ROW)
    wide = (right - left + _GAP) / across - _GAP
    boxes = []
    for number in range(count):
        x = left + number % across * (wide + _GAP)
        y = foot + (down - 1 - number // across) * (tall + _TITLE)
        boxes.append((x, y, x + wide, y + tall))
    return boxes


def _panel(figure: Figure, box: tuple[float, float, float, float], title: str, x_label: str, y_label: str) -> Axes:
    """Add axes with their title; the labels, which they keep unseen, are written once for all."""
    left, _, right, top = box
    axes = blank(figure, box)
    axes.set_title(title, loc="left", visible=False)
    axes.set(xlabel=x_label, ylabel=y_label)
    size = next((size for size in (10.0, 9.0, 8.0) if text_width(title, size) <= right - left), 7.0)
    write(figure, [shorten(title, size, right - left)], [(left, top + 0.13)], size=size, across=0)
    return axes


def _norm(values: np.ndarray, log: bool) -> Normalize:
    """Return the scale of colours from the least to the greatest finite value; the least above 0 if `log`."""
    values = values[np.isfinite(values)]
    log = log and bool((values > 0).any())
    if log:
        values = values[values > 0]
    least, most = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if least == most:  # a scale of no length has no ticks
        least, most = (least / 2, most * 2) if log else (least - 0.5, most + 0.5)
    return LogNorm(least, most) if log else Normalize(least, most)


def _decades(least: float, most: float) -> LogLocator:
    """Return ticks at the powers of ten between two values, or at 1, 2 and 5 times these where they are few."""
    return LogLocator(subs=(1, 2, 5) if most < 1000 * least else (1,), numticks=6)


def _number(value: float) -> str:
    """Return three digits of a number, in as little room as they take."""
    if 0 < abs(value) < 0.01 or 1000 <= abs(value) < np.inf:
        digits, exponent = f"{value:.2e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{value:.3g}"


def _draw_scale(figure: Figure, norm: Normalize, name: str, foot: float, top: float) -> None:
    """Draw the colours of all values and what they are, right of the maps, from `foot` to `top` in inches."""
    height = figure.get_figheight()
    bar = figure.add_axes((7.1 / 8, foot / height, 0.18 / 8, (top - foot) / height))
    assert norm.vmin is not None
    assert norm.vmax is not None
    ticks = _decades(norm.vmin, norm.vmax) if isinstance(norm, LogNorm) else MaxNLocator(6)
    figure.colorbar(ScalarMappable(norm, SCALE), cax=bar, ticks=ticks, format="{x:g}")
    bar.set_ylabel(name, visible=False)
    bar.tick_params(labelsize=8)
    bar.minorticks_off()
    bar.spines[:].set_visible(False)
    shown = shorten(name, 10, height - 0.1)
    half = text_width(shown, 10) / 2 + 0.05  # it may be longer than the scale, but not leave the figure
    write(figure, [shown], [(7.88, np.clip((foot + top) / 2, half, height - half))], upwards=True)


def _draw_cells(axes: Axes, value_rc: np.ndarray, norm: Normalize) -> None:
    """Draw the cells of one map in their colours, and those without a value hatched."""
    rows, columns = value_rc.shape
    axes.imshow(_colours(value_rc, norm), aspect="auto", extent=(-0.5, columns - 0.5, rows - 0.5, -0.5))
    for row, column in np.argwhere(np.isnan(value_rc)):
        hatched = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="#EEEEEE", edgecolor="#BBBBBB", linewidth=0)
        hatched.set_hatch("///")
        axes.add_patch(hatched)


def _write_numbers(figure: Figure, axes: Axes, value_rc: np.ndarray, norm: Normalize, size: float) -> None:
    """Write the number into each cell that has a value, black or white by how light the cell is."""
    known_n2 = np.argwhere(~np.isnan(value_rc))
    values = value_rc[tuple(known_n2.T)]
    # Relative luminance of sRGB (WCAG 2.1, 2018): above 0.18, black stands out more than white.
    colour_nk = _colours(values, norm)[:, :3]
    linear_nk = np.where(colour_nk <= 0.04045, colour_nk / 12.92, ((colour_nk + 0.055) / 1.055) ** 2.4)
    light = linear_nk @ (0.2126, 0.7152, 0.0722) > 0.18
    ink = ["black" if is_light else "white" for is_light in light]
    write(figure, list(map(_number, values)), known_n2[:, ::-1], axes.transData, size, ink)


def _colours(values: np.ndarray, norm: Normalize) -> np.ndarray:
    """Return red, green, blue and alpha of each value; one beyond the scale has the colour of its end."""
    return np.asarray(SCALE(norm(np.clip(values, norm.vmin, norm.vmax))))


def _draw_band(axes: Axes, band: Band, sample: Line2D) -> None:
    """Draw one band in the colour and the kind of line of its sample."""
    middle_e, low_e, high_e = (
        np.where(np.isfinite(edge), edge, np.nan) for edge in (band.middle_e, band.low_e, band.high_e)
    )
    epochs, colour = np.arange(len(middle_e)), sample.get_color()
    marker = "." if len(epochs) <= MOST_POINTS else ""
    axes.fill_between(epochs, low_e, high_e, color=colour, alpha=0.2, linewidth=0)
    axes.plot(epochs, middle_e, color=colour, linestyle=sample.get_linestyle(), marker=marker, label=band.label)


def _limits(values: Sequence[float], log: bool) -> tuple[float, float]:
    """Return limits a little wider than the values; on a logarithmic axis these are above 0."""
    least, most = (min(values), max(values)) if values else (0.0, 1.0)
    if log:
        return least * (least / most) ** 0.04, most * (most / least) ** 0.04
    room = 0.04 * (most - least) or 0.5
    return least - room, most + room


_GAP = 0.12
"""Between two panels of a row, in inches."""

_TITLE = 0.34
"""Above each panel, for its title, in inches."""

_STYLES: list[dict[str, Any]] = [{"linestyle": style} for style in ("-", "--", "-.", ":")]
_FLOOR: dict[str, Any] = {"color": GREY, "linewidth": 1, "linestyle": (0, (4, 2))}
