"""Pictures of cycles: their periods, their growth during training, and the distances between those of two runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter

from analysis.figures.multiples import (
    BOTTOM,
    COLOUR_MAP,
    LEFT,
    PANELS_PER_ROW,
    RIGHT,
    TITLE_HEIGHT,
    add_panel,
    draw_colour_bar,
    hatched_rectangle,
    limits_around,
    panel_boxes,
    set_tick_numbers,
    text_colours,
    titled_figure,
    write_y_label,
)
from analysis.figures.style import COLOURS, GREY, WRONG, Picture, add_axes, draw_ticks, shorten, text_width, write

MAX_NUMBERS = 12
"""The most runs for which a matrix of distances has room for numbers."""

MAX_LABELS = 30
"""The most runs for which a matrix of distances has room for labels."""


@dataclass(frozen=True)
class Mismatch:
    """The distance of a trajectory to itself at each lag.

    Attributes:
        title: the title of the panel.
        mismatch_p: the distance at the lags 1 to P, (P,): 0 if the states repeat, 1 between unrelated steps, NaN if
            there is none.
        found: the period found, 1 to P; None if there is none.
        pattern: the period of the pattern; None if it has none.
        tolerance: the largest distance of states that count as equal.
    """

    title: str
    mismatch_p: np.ndarray
    found: int | None
    pattern: int | None
    tolerance: float


@dataclass(frozen=True)
class Growth:
    """A measure of the nets of S seeds after E numbers of epochs.

    Attributes:
        title: the measure, with its unit.
        epochs_e: the numbers of epochs, ascending, 0 or more, (E,).
        value_se: the measure of each seed, (S, E); NaN where there is none.
        middle_e: the height of the thick line, (E,).
        low_e: the lower edge of the band, (E,).
        high_e: the upper edge of the band, (E,).
    """

    title: str
    epochs_e: np.ndarray
    value_se: np.ndarray
    middle_e: np.ndarray
    low_e: np.ndarray
    high_e: np.ndarray


def mismatch(title: str, panels: Sequence[Mismatch]) -> Picture:
    """Draw the distance of trajectories to themselves at each lag, and the period found.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, two in a row; they share their limits.

    Raises:
        ValueError: there is no panel, a panel has no lags, or a period found is not one of its lags.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for panel in panels:
        lags = len(panel.mismatch_p)
        if not lags or panel.found not in (None, *range(1, lags + 1)):
            raise ValueError(f"period {panel.found} found among the lags 1 to {lags}; allowed: one of them, or None")
    legend = [
        Line2D([], [], label="distance at each lag", **_STEM),
        Line2D([], [], label="period found", **_FOUND),
        Line2D([], [], label="period of the pattern", **_PATTERN),
        Line2D([], [], label="tolerance", **_TOLERANCE),
    ]
    top = BOTTOM + -(-len(panels) // 2) * (2.7 + TITLE_HEIGHT)
    figure = titled_figure(title, top, legend)
    heights = np.concatenate([[1.4 / 1.05], *([*panel.mismatch_p, panel.tolerance] for panel in panels)])
    y_max = 1.05 * float(heights[np.isfinite(heights)].max())
    longest = max(len(panel.mismatch_p) for panel in panels)
    boxes = panel_boxes(len(panels), 2, LEFT, BOTTOM, RIGHT, 2.7)
    for number, (panel, box) in enumerate(zip(panels, boxes, strict=True)):
        found = f"period {panel.found}" if panel.found else "no period"
        axes = add_panel(figure, box, f"{panel.title}: {found}", "lag (characters)", _DISTANCE)
        axes.set(xlim=(0.4, longest + 0.6), ylim=(-0.06 * y_max, y_max))
        _draw_mismatch(axes, panel)
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10), integer=True))
        set_tick_numbers(axes, number, len(panels), 2)
        draw_ticks(axes, grid="y")
    write(figure, ["lag (characters)"], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    write_y_label(figure, _DISTANCE, BOTTOM, top - TITLE_HEIGHT)
    return figure


def _draw_mismatch(axes: Axes, panel: Mismatch) -> None:
    """Draw the distances as stems, the period found, the period of the pattern, and the tolerance."""
    lags_p = np.arange(1, len(panel.mismatch_p) + 1)
    finite_p = np.isfinite(panel.mismatch_p)
    axes.vlines(lags_p[finite_p], 0, panel.mismatch_p[finite_p], color=COLOURS[0], linewidth=1.4, zorder=2)
    axes.plot(lags_p[finite_p], panel.mismatch_p[finite_p], zorder=3, **_STEM)
    if panel.pattern is not None:
        axes.axvline(panel.pattern, zorder=1, **_PATTERN)
    axes.axhline(panel.tolerance, zorder=1, **_TOLERANCE)
    if panel.found:
        axes.plot([panel.found], [panel.mismatch_p[panel.found - 1]], zorder=4, **_FOUND)


def growth(title: str, panels: Sequence[Growth], spread: str) -> Picture:
    """Draw measures against the number of epochs, on a logarithmic axis: a thin line for each seed, and a band.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, three in a row; each has limits of its own.
        spread: what the thick line and the band are, such as "median of 5 seeds, 95 % interval".

    Raises:
        ValueError: there is no panel, or a panel has no epochs, epochs below 0, or arrays of other shapes.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for panel in panels:
        arrays = (panel.epochs_e, panel.value_se, panel.middle_e, panel.low_e, panel.high_e)
        shapes = [np.shape(array) for array in arrays]
        expected = [shapes[0], (len(panel.value_se), *shapes[0]), *[shapes[0]] * 3]
        if shapes != expected or len(shapes[0]) != 1 or not shapes[0][0] or min(panel.epochs_e) < 0:
            raise ValueError(f"arrays of shapes {shapes}; allowed: (E,), (S, E) and three of (E,), epochs from 0 up")
    legend = [Line2D([], [], label="one seed", **_SEED), Line2D([], [], label=shorten(spread, 10, 7), **_MIDDLE)]
    height, number_room = 2.4 if len(panels) <= PANELS_PER_ROW else 1.8, 0.4
    top = BOTTOM + -(-len(panels) // PANELS_PER_ROW) * (height + TITLE_HEIGHT)
    figure = titled_figure(title, top, legend)
    epochs = np.concatenate([panel.epochs_e for panel in panels])
    boxes = panel_boxes(len(panels), PANELS_PER_ROW, 0.6, BOTTOM, RIGHT + number_room, height)
    for number, (panel, (left, bottom, right, panel_top)) in enumerate(zip(panels, boxes, strict=True)):
        box = (left, bottom, right - number_room, panel_top)
        axes = add_panel(figure, box, panel.title, "epochs trained", panel.title)
        axes.fill_between(panel.epochs_e, panel.low_e, panel.high_e, color=COLOURS[0], alpha=0.2, linewidth=0)
        for value_e in panel.value_se:
            axes.plot(panel.epochs_e, value_e, zorder=2, **_SEED)
        axes.plot(panel.epochs_e, panel.middle_e, zorder=3, **_MIDDLE)
        heights = [*np.ravel(panel.value_se), *panel.middle_e, *panel.low_e, *panel.high_e]
        axes.set_ylim(limits_around(heights, log=False))
        _set_epoch_axis(axes, float(epochs.min()), float(epochs.max()), number + PANELS_PER_ROW >= len(panels))
        axes.yaxis.set_major_formatter("{x:g}")
        draw_ticks(axes, size=9)
    write(figure, ["epochs trained"], [((0.6 + RIGHT) / 2, 0.2)], size=11)
    return figure


def _set_epoch_axis(axes: Axes, least: float, most: float, numbered: bool) -> None:
    """Make the x axis one of epochs from `least` to `most`, logarithmic, with or without numbers at its ticks."""
    ticks = [float(10**power) for power in range(10) if least <= 10**power <= most]
    if len(ticks) < 2:
        ticks = [tick for tick in dict.fromkeys((least, most)) if tick]
    if least == 0:  # a logarithmic axis has no 0, where the untrained net is
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        ticks = [0, *ticks]
    else:
        axes.set_xscale("log")
    axes.set_xlim(least / 1.2 if least else -0.2, max(most, 1) * 1.2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]) if numbered else NullFormatter())


def distance_matrix(title: str, distance_nn: np.ndarray, labels: Sequence[str], groups: Sequence[str]) -> Picture:
    """Draw the Procrustes distance between every two of N runs, with the runs of one group side by side.

    The cells of up to 12 runs have numbers, and up to 30 runs have labels. A cell without a value is hatched.

    Arguments:
        title: the title of the picture.
        distance_nn: the distances, 0 (the same shape) to 1 (unrelated), (N, N), N at least 1; NaN where there is none.
        labels: the label of each run.
        groups: the group of each run, such as its pattern; groups are drawn in order of appearance.

    Raises:
        ValueError: there is no run, or the numbers of distances, labels and groups differ.
    """
    count = len(labels)
    if not count or distance_nn.shape != (count, count) or len(groups) != count:
        raise ValueError(
            f"distances of shape {distance_nn.shape}, {count} labels, {len(groups)} groups; allowed: (N, N), N and N"
        )
    distinct = list(dict.fromkeys(groups))
    order = sorted(range(count), key=lambda run: distinct.index(groups[run]))  # runs of a group keep their order
    distance_nn = distance_nn[np.ix_(order, order)]
    labels = [shorten(labels[run], 9, 1.2) for run in order] if count <= MAX_LABELS else []
    label_room = max((text_width(label, 9) for label in labels), default=0) + (0.12 if labels else 0)
    bottom, right = 0.42 + label_room, 6.95
    side = min(right - bottom, 5.4)
    figure = titled_figure(title, bottom + side + 0.08)
    axes = add_axes(figure, (right - side, bottom, right, bottom + side))
    axes.set_title(title, loc="left", visible=False)
    axes.set(xlabel="run", ylabel="run")
    axes.spines[:].set_visible(False)
    norm = Normalize(0, 1)
    extent = (-0.5, count - 0.5, count - 0.5, -0.5)
    if np.isnan(distance_nn).any():
        axes.add_patch(hatched_rectangle(-0.5, -0.5, count, count))
    axes.imshow(distance_nn, cmap=COLOUR_MAP, norm=norm, extent=extent, interpolation="nearest", zorder=2)
    if count <= MAX_NUMBERS:
        _write_distances(figure, axes, distance_nn)
    rows, columns = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    write(figure, labels, [(0, n) for n in range(len(labels))], rows, 9, align=1, shift=(-4, 0))
    write(figure, labels, [(n, 0) for n in range(len(labels))], columns, 9, align=1, shift=(0, -4), vertical=True)
    sizes = [sum(group == other for other in groups) for group in distinct]
    ends = np.cumsum(sizes)
    for end in ends[:-1] - 0.5:
        axes.axhline(end, color="white", linewidth=2.5)
        axes.axvline(end, color="white", linewidth=2.5)
    names = [shorten(group, 11, side * size / count) for group, size in zip(distinct, sizes, strict=True)]
    middles = ends - np.array(sizes) / 2 - 0.5
    shift = -72 * label_room - 12
    write(figure, names, [(0, middle) for middle in middles], rows, 11, shift=(shift, 0), vertical=True)
    write(figure, names, [(middle, 0) for middle in middles], columns, 11, shift=(0, shift))
    bar = (7.12, bottom, 7.86, bottom + side)
    draw_colour_bar(figure, norm, COLOUR_MAP, "Procrustes distance (0: the same shape)", bar)
    return figure


def _write_distances(figure: Picture, axes: Axes, distance_nn: np.ndarray) -> None:
    """Write the distance into each cell that has one, in black or white."""
    cells_n2 = np.argwhere(~np.isnan(distance_nn))
    distances = distance_nn[tuple(cells_n2.T)]
    numbers, colours = [f"{distance:.2f}" for distance in distances], text_colours(np.asarray(COLOUR_MAP(distances)))
    size = 10 if len(distance_nn) <= 9 else 9
    write(figure, numbers, cells_n2[:, ::-1], axes.transData, size, colours)


_DISTANCE = "distance to itself (1: unrelated moments)"

_STEM: dict[str, Any] = {"color": COLOURS[0], "linestyle": "", "marker": "o", "markersize": 4.5}
_FOUND: dict[str, Any] = {"color": WRONG, "linestyle": "", "marker": "D", "markersize": 8}
_PATTERN: dict[str, Any] = {"color": "black", "linewidth": 1.6, "linestyle": ":"}
_TOLERANCE: dict[str, Any] = {"color": GREY, "linewidth": 1.2, "linestyle": (0, (5, 2))}
_SEED: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "marker": ".", "markersize": 3, "alpha": 0.7}
_MIDDLE: dict[str, Any] = {"color": COLOURS[0], "linewidth": 2, "marker": "o", "markersize": 4}
