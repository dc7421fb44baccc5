"""Pictures of the shape of trajectories: when they repeat, how they grow, how far apart those of two runs are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter

from analysis.figures.multiples import (
    FOOT,
    LEFT,
    PANELS_A_ROW,
    RIGHT,
    SCALE,
    TITLE,
    boxes,
    draw_scale,
    hatched,
    headed,
    inks,
    label_panels,
    limits_around,
    number_ticks,
    panel,
)
from analysis.figures.style import COLOURS, GREY, WRONG, Picture, blank, rule, shorten, text_width, write

MAX_NUMBERS = 12
"""Runs whose distances can be written into a matrix."""

MAX_LABELS = 30
"""Runs whose labels can be written along a matrix."""


@dataclass(frozen=True)
class Mismatch:
    """How far a trajectory is from itself at each lag.

    Attributes:
        title: whose it is.
        mismatch_p: the distance at the lags 1 to P, (P,); 0 where the states repeat, 1 between unrelated moments; NaN
            where there is none.
        found: the period found, 1 to P, or None where there is none.
        pattern: the period of the pattern itself, or None where it has none.
        tolerance: the greatest distance of states that repeat.
    """

    title: str
    mismatch_p: np.ndarray
    found: int | None
    pattern: int | None
    tolerance: float


@dataclass(frozen=True)
class Growth:
    """A measure of the same nets after more and more training.

    Attributes:
        title: the measure, with its unit.
        epochs_e: epochs trained, (E,), ascending from 0 or more.
        value_se: the measure of each seed, (S, E); NaN where there is none.
        middle_e: what the thick line is, (E,).
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
    """Draw how far trajectories are from themselves at each lag, and the period found.

    Arguments:
        title: of the picture.
        panels: one or more, two side by side, with the same limits.

    Raises:
        ValueError: there is no panel, one has no lags, or a period found is not one of its lags.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for one in panels:
        lags = len(one.mismatch_p)
        if not lags or one.found not in (None, *range(1, lags + 1)):
            raise ValueError(f"period {one.found} found among the lags 1 to {lags}; allowed: one of them, or None")
    samples = [
        Line2D([], [], label="distance at each lag", **_STEM),
        Line2D([], [], label="period found", **_FOUND),
        Line2D([], [], label="period of the pattern", **_PATTERN),
        Line2D([], [], label="tolerance", **_TOLERANCE),
    ]
    top = FOOT + -(-len(panels) // 2) * (2.7 + TITLE)
    figure = headed(title, top, samples)
    heights = np.concatenate([[1.4 / 1.05], *([*one.mismatch_p, one.tolerance] for one in panels)])
    most = 1.05 * float(heights[np.isfinite(heights)].max())
    longest = max(len(one.mismatch_p) for one in panels)
    for number, (one, box) in enumerate(zip(panels, boxes(len(panels), 2, LEFT, FOOT, RIGHT, 2.7), strict=True)):
        found = f"period {one.found}" if one.found else "no period"
        axes = panel(figure, box, f"{one.title}: {found}", "lag (characters)", _DISTANCE)
        axes.set(xlim=(0.4, longest + 0.6), ylim=(-0.06 * most, most))
        lags_p = np.arange(1, len(one.mismatch_p) + 1)
        known_p = np.isfinite(one.mismatch_p)
        axes.vlines(lags_p[known_p], 0, one.mismatch_p[known_p], color=COLOURS[0], linewidth=1.4, zorder=2)
        axes.plot(lags_p[known_p], one.mismatch_p[known_p], zorder=3, **_STEM)
        if one.pattern is not None:
            axes.axvline(one.pattern, zorder=1, **_PATTERN)
        axes.axhline(one.tolerance, zorder=1, **_TOLERANCE)
        if one.found:
            axes.plot([one.found], [one.mismatch_p[one.found - 1]], zorder=4, **_FOUND)
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10), integer=True))
        number_ticks(axes, number, len(panels), 2)
        rule(axes, grid="y")
    write(figure, ["lag (characters)"], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    label_panels(figure, _DISTANCE, FOOT, top - TITLE)
    return figure


def growth(title: str, panels: Sequence[Growth], spread: str) -> Picture:
    """Draw measures against the epochs trained, on a logarithmic axis: a thin line for each seed, and a band.

    Arguments:
        title: of the picture.
        panels: one or more, three side by side; each has its own measure and limits.
        spread: what the thick line and the band are, such as "median and quartiles of 5 seeds".

    Raises:
        ValueError: there is no panel, or one has no epochs, epochs below 0, or arrays that do not fit together.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    for one in panels:
        shapes = [np.shape(array) for array in (one.epochs_e, one.value_se, one.middle_e, one.low_e, one.high_e)]
        wanted = [shapes[0], (len(one.value_se), *shapes[0]), *[shapes[0]] * 3]
        if shapes != wanted or len(shapes[0]) != 1 or not shapes[0][0] or min(one.epochs_e) < 0:
            raise ValueError(f"arrays of shapes {shapes}; allowed: (E,), (S, E) and three of (E,), epochs from 0 up")
    samples = [Line2D([], [], label="one seed", **_SEED), Line2D([], [], label=shorten(spread, 10, 7), **_MIDDLE)]
    tall, apart = 2.4 if len(panels) <= PANELS_A_ROW else 1.8, 0.4
    top = FOOT + -(-len(panels) // PANELS_A_ROW) * (tall + TITLE)
    figure = headed(title, top, samples)
    epochs = np.concatenate([one.epochs_e for one in panels])
    places = boxes(len(panels), PANELS_A_ROW, 0.6, FOOT, RIGHT + apart, tall)
    for number, (one, (left, foot, right, head)) in enumerate(zip(panels, places, strict=True)):
        axes = panel(figure, (left, foot, right - apart, head), one.title, "epochs trained", one.title)
        axes.fill_between(one.epochs_e, one.low_e, one.high_e, color=COLOURS[0], alpha=0.2, linewidth=0)
        for value_e in one.value_se:
            axes.plot(one.epochs_e, value_e, zorder=2, **_SEED)
        axes.plot(one.epochs_e, one.middle_e, zorder=3, **_MIDDLE)
        seen = [*np.ravel(one.value_se), *one.middle_e, *one.low_e, *one.high_e]
        axes.set_ylim(limits_around(seen, log=False))
        _count_epochs(axes, float(epochs.min()), float(epochs.max()), number + PANELS_A_ROW >= len(panels))
        axes.yaxis.set_major_formatter("{x:g}")
        rule(axes, size=9)
    write(figure, ["epochs trained"], [((0.6 + RIGHT) / 2, 0.2)], size=11)
    return figure


def distance_matrix(title: str, distance_nn: np.ndarray, labels: Sequence[str], groups: Sequence[str]) -> Picture:
    """Draw the Procrustes distance between every two runs, the runs of one group beside each other.

    The numbers stand in the cells of up to 12 runs, and labels beside up to 30. A cell without a value is hatched.

    Arguments:
        title: of the picture.
        distance_nn: 0 (the same shape) to 1 (unrelated), (N, N), N at least 1; NaN where there is none.
        labels: of each run.
        groups: of each run, such as its pattern; those that come first stand first.

    Raises:
        ValueError: there is no run, or not as many of one as of another.
    """
    count = len(labels)
    if not count or distance_nn.shape != (count, count) or len(groups) != count:
        raise ValueError(
            f"distances of shape {distance_nn.shape}, {count} labels, {len(groups)} groups; allowed: (N, N), N and N"
        )
    first = list(dict.fromkeys(groups))
    order = sorted(range(count), key=lambda run: first.index(groups[run]))  # runs of a group keep their order
    value_nn = distance_nn[np.ix_(order, order)]
    named = [shorten(labels[run], 9, 1.2) for run in order] if count <= MAX_LABELS else []
    room = max((text_width(label, 9) for label in named), default=0) + (0.12 if named else 0)
    foot, right = 0.42 + room, 6.95
    side = min(right - foot, 5.4)  # what stands on the left is as wide as what stands below is high
    left = right - side
    figure = headed(title, foot + side + 0.08)
    axes = blank(figure, (left, foot, right, foot + side))
    axes.set_title(title, loc="left", visible=False)
    axes.set(xlabel="run", ylabel="run")
    axes.spines[:].set_visible(False)
    norm = Normalize(0, 1)
    extent = (-0.5, count - 0.5, count - 0.5, -0.5)
    if np.isnan(value_nn).any():
        axes.add_patch(hatched(-0.5, -0.5, count, count))
    axes.imshow(value_nn, cmap=SCALE, norm=norm, extent=extent, interpolation="nearest", zorder=2)
    if count <= MAX_NUMBERS:
        known_n2 = np.argwhere(~np.isnan(value_nn))
        values = value_nn[tuple(known_n2.T)]
        ink = inks(np.asarray(SCALE(values)))
        size = 10 if count <= 9 else 9
        write(figure, [f"{value:.2f}" for value in values], known_n2[:, ::-1], axes.transData, size, ink)
    rows, columns = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    if named:
        write(figure, named, [(0, n) for n in range(count)], rows, 9, across=1, nudge=(-4, 0))
        write(figure, named, [(n, 0) for n in range(count)], columns, 9, across=1, nudge=(0, -4), upwards=True)
    sizes = [sum(group == other for other in groups) for group in first]
    ends = np.cumsum(sizes)
    for end in ends[:-1] - 0.5:
        axes.axhline(end, color="white", linewidth=2.5)
        axes.axvline(end, color="white", linewidth=2.5)
    shown = [shorten(group, 11, side * size / count) for group, size in zip(first, sizes, strict=True)]
    middles = ends - np.array(sizes) / 2 - 0.5
    away = -72 * room - 12
    write(figure, shown, [(0, middle) for middle in middles], rows, 11, nudge=(away, 0), upwards=True)
    write(figure, shown, [(middle, 0) for middle in middles], columns, 11, nudge=(0, away))
    draw_scale(figure, norm, SCALE, "Procrustes distance (0: the same shape)", (7.12, foot, 7.86, foot + side))
    return figure


def _count_epochs(axes: Axes, least: float, most: float, low: bool) -> None:
    """Make the axis below one of epochs from `least` to `most` on a logarithm; it has numbers where it lies `low`."""
    ticks = [float(10**power) for power in range(10) if least <= 10**power <= most]
    if len(ticks) < 2:
        ticks = [tick for tick in dict.fromkeys((least, most)) if tick]
    if least == 0:  # a logarithm has no place for the untrained net
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        ticks = [0, *ticks]
    else:
        axes.set_xscale("log")
    axes.set_xlim(least / 1.2 if least else -0.2, max(most, 1) * 1.2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]) if low else NullFormatter())


_DISTANCE = "distance to itself (1: unrelated moments)"

_STEM: dict[str, Any] = {"color": COLOURS[0], "linestyle": "", "marker": "o", "markersize": 4.5}
_FOUND: dict[str, Any] = {"color": WRONG, "linestyle": "", "marker": "D", "markersize": 8}
_PATTERN: dict[str, Any] = {"color": "black", "linewidth": 1.6, "linestyle": ":"}
_TOLERANCE: dict[str, Any] = {"color": GREY, "linewidth": 1.2, "linestyle": (0, (5, 2))}
_SEED: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "marker": ".", "markersize": 3, "alpha": 0.7}
_MIDDLE: dict[str, Any] = {"color": COLOURS[0], "linewidth": 2, "marker": "o", "markersize": 4}
