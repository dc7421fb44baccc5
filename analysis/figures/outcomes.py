"""Pictures with a row for each setting: when its seeds solved the pattern, and what an interval says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from analysis.figures.multiples import KEY_SIZE, SPAN, decades, limits_around, table
from analysis.figures.style import COLOURS, GREY, MARKERS, WRONG, Picture, rule, shorten


@dataclass(frozen=True)
class SolveTimes:
    """When each seed of a setting solved the pattern, N seeds.

    Attributes:
        label: the setting.
        epochs_n: after how many epochs of training each solved it, or how many it had without: 0 or more, (N,).
        solved_n: whether it did: bool, (N,).
        median: the Kaplan-Meier median of the epochs to solve; inf where it is not reached, NaN for none.
        low, high: its interval; inf where that has no end.
    """

    label: str
    epochs_n: np.ndarray
    solved_n: np.ndarray
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Interval:
    """A number with its interval.

    Attributes:
        label: what it is of; rows with the same label one after another show it once.
        value: the number; NaN for none.
        low, high: its interval; infinite where it has no end, NaN for none.
        note: what stands right of it, such as "n=10".
        group: what it shares its colour and its marker with.
        undecided: whether it decides nothing, wherever its interval lies.
    """

    label: str
    value: float
    low: float
    high: float
    note: str = ""
    group: str = ""
    undecided: bool = False


def epochs_to_solve(title: str, settings: Sequence[SolveTimes], longest: int) -> Picture:
    """Draw when each seed solved the pattern, and the median of each setting: a row each.

    Arguments:
        title: of the picture.
        settings: one or more, from above.
        longest: how many epochs a seed had at most, 1 or more.

    Raises:
        ValueError: there is no setting or no epoch, epochs and solved differ in number, or a seed solved it in more
            epochs than there were.
    """
    if not settings or longest < 1:
        raise ValueError(f"{len(settings)} settings, at most {longest} epochs; allowed: 1 or more of both")
    for one in settings:
        if one.epochs_n.shape != one.solved_n.shape:
            raise ValueError(f"{one.label}: {one.epochs_n.shape} epochs, {one.solved_n.shape} solved; allowed: as many")
        solved_at = one.epochs_n[one.solved_n]
        if not ((solved_at >= 0) & (solved_at <= longest)).all():
            raise ValueError(f"{one.label}: solved after {solved_at.tolist()} epochs; allowed: 0 to {longest}")
    seeds = np.concatenate([one.epochs_n for one in settings])
    log = longest > SPAN * min([longest, *seeds[seeds >= 1]])
    kinds = [_SOLVED]
    kinds += [] if all(one.solved_n.all() for one in settings) else [_UNSOLVED]
    kinds += [_MEDIAN] if any(one.median <= longest for one in settings) else []
    kinds += [_BEYOND] if any(one.median > longest or one.high > longest for one in settings) else []
    notes = [f"{(~one.solved_n).sum()} of {len(one.solved_n)} unsolved" for one in settings]
    explained = [Line2D([], [], **kind) for kind in kinds]
    tall = 0.62 if len(settings) <= 8 else 0.48
    figure, axes = table(title, [one.label for one in settings], notes, "epochs of training", tall, explained)
    untrained = any(one.epochs_n[one.solved_n].min(initial=1) < 1 or one.low < 1 for one in settings)
    limits = limits_around([1 if log else 0, longest], log)
    if log and untrained:  # a logarithm has no place for 0
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        axes.set_xlim(-0.3, limits[1])
    else:
        axes.set(xscale="log" if log else "linear", xlim=limits)
    axes.axvline(longest, color=GREY, linewidth=1, linestyle=":", zorder=0)
    for row, one in enumerate(settings):
        at_n = np.clip(np.nan_to_num(one.epochs_n.astype(float), nan=longest), int(log and not untrained), longest)
        # Steps of the golden ratio: however many seeds are alike, no two of them stand at one height.
        rank_n = np.argsort(np.argsort(at_n, kind="stable"))
        height_n = row - 0.13 + 0.46 * ((rank_n + 0.5) * _GOLDEN % 1 - 0.5)
        axes.plot(at_n[one.solved_n], height_n[one.solved_n], **_SOLVED)
        axes.plot(at_n[~one.solved_n], height_n[~one.solved_n], **_UNSOLVED)
        low, high = (np.inf if edge > longest else edge for edge in (one.low, one.high))
        if one.median > longest:  # then its interval has no end, whether or not it has a beginning
            low, high = np.inf if np.isnan(low) else low, np.inf
        _draw_bar(axes, row + 0.3, low, high, "black")
        if one.median <= longest:
            axes.plot([one.median], [row + 0.3], **_MEDIAN)
        if row:
            axes.axhline(row - 0.5, color="#E5E5E5", linewidth=0.8, zorder=0)
    if log:
        ticks = np.asarray(decades(*limits).tick_values(*limits))
        axes.xaxis.set_major_locator(FixedLocator([0, *ticks[ticks >= 1]] if untrained else ticks.tolist()))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    axes.xaxis.set_major_formatter("{x:g}")
    rule(axes, "x")
    return figure


def intervals(
    title: str, rows: Sequence[Interval], x_label: str, null: float | None = None, log: bool = False
) -> Picture:
    """Draw numbers with their intervals below one another, those that decide a question apart from the others.

    Arguments:
        title: of the picture.
        rows: one or more, from above, of at most 7 groups.
        x_label: what the numbers are, with the unit.
        null: the number that says nothing, such as 0 for a difference; a row whose interval holds it, that has no
            interval, or that is undecided all the same, is grey and hollow. None: there is no such number.
        log: whether the axis is logarithmic.

    Raises:
        ValueError: there is no row, there are more groups than colours, an interval's ends are the wrong way round,
            or a number on a logarithmic axis is not above 0.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    if not 1 <= len(groups) <= len(COLOURS):
        raise ValueError(f"{len(rows)} rows of {len(groups)} groups; allowed: 1 or more of up to {len(COLOURS)}")
    for row in rows:
        if row.low > row.high:
            raise ValueError(f"{row.label}: an interval from {row.low} to {row.high}; allowed: the lower end first")
    values = [row.value for row in rows] + ([] if null is None else [null])
    if log and (low := [value for value in values if value <= 0]):
        raise ValueError(f"{low[0]:g} on a logarithmic axis; allowed: above 0")
    looks: dict[str, dict[str, Any]] = {
        group: {"label": shorten(group, KEY_SIZE, 7), "color": COLOURS[n], "marker": MARKERS[n], "markersize": 7}
        for n, group in enumerate(groups)
    }
    decided = [null is None or (not row.undecided and (row.high < null or row.low > null)) for row in rows]
    explained = [Line2D([], [], linewidth=2, **look) for look in looks.values()] if len(groups) > 1 else []
    if not all(decided):
        label = "undecided"
        explained.append(Line2D([], [], **{**looks[groups[0]], **_UNDECIDED, "linewidth": 2, "label": label}))
    labels = [row.label if n == 0 or row.label != rows[n - 1].label else "" for n, row in enumerate(rows)]
    figure, axes = table(title, labels, [row.note for row in rows], x_label, 0.36, explained)
    limits = limits_around([*values, *(edge for row in rows for edge in (row.low, row.high))], log)
    axes.set(xscale="log" if log else "linear", xlim=limits)
    if null is not None:
        axes.axvline(null, color="black", linewidth=1.2, linestyle=(0, (4, 2)), zorder=0)
    for n, row in enumerate(rows):
        look = looks[row.group] if decided[n] else {**looks[row.group], **_UNDECIDED}
        _draw_bar(axes, n, row.low, row.high, look["color"])
        axes.plot([row.value], [n], linestyle="", **look)
        if n and labels[n] and "" in labels:  # between those that share a label
            axes.axhline(n - 0.5, color="#BBBBBB", linewidth=0.8, zorder=0)
    if log:
        axes.xaxis.set_major_locator(decades(*limits))
        axes.xaxis.set_major_formatter("{x:g}")
    rule(axes)
    return figure


def _draw_bar(axes: Axes, y: float, low: float, high: float, colour: str) -> None:
    """Draw an interval, with an arrow where it goes on beyond the axis; nothing if an end is NaN."""
    if np.isnan(low) or np.isnan(high):
        return
    left, right = axes.get_xlim()
    axes.plot(np.clip([low, high], left, right), [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    for beyond, edge, marker in ((low < left, left, "<"), (high > right, right, ">")):
        if beyond:
            axes.plot([edge], [y], color=colour, marker=marker, markersize=7, clip_on=False)


_GOLDEN = (5**0.5 - 1) / 2

_SOLVED: dict[str, Any] = {
    "color": COLOURS[0],
    "marker": "o",
    "markersize": 7,
    "markeredgecolor": "white",
    "linestyle": "",
    "label": "a seed",
}
_UNSOLVED: dict[str, Any] = {
    "color": WRONG,
    "marker": ">",
    "markersize": 7,
    "markerfacecolor": "white",
    "markeredgewidth": 1.4,
    "linestyle": "",
    "label": "unsolved seed",
}
_MEDIAN: dict[str, Any] = {
    "color": "black",
    "marker": "D",
    "markersize": 7,
    "linewidth": 2,
    "markeredgecolor": "white",
    "label": "Kaplan–Meier median, interval",
}
_BEYOND: dict[str, Any] = {
    "color": "black",
    "marker": ">",
    "markersize": 7,
    "linestyle": "",
    "label": "not reached",
}
_UNDECIDED: dict[str, Any] = {"color": GREY, "markerfacecolor": "white", "markeredgewidth": 1.6}
