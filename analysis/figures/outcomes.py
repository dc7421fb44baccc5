"""Pictures with a row for each setting: when its seeds solved the pattern, or a number with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator

from analysis.figures.multiples import LEGEND_SIZE, LOG_AXIS_RATIO, limits_around, log_locator, row_figure
from analysis.figures.style import COLOURS, GREY, MARKERS, WRONG, Picture, draw_ticks, shorten


@dataclass(frozen=True)
class SolveTimes:
    """When each of the N seeds of a setting solved the pattern.

    Attributes:
        label: the setting.
        epochs_n: after how many epochs each seed solved it, or how many epochs it was trained without solving it, (N,).
        solved_n: whether each seed solved it, bool, (N,).
        median: the Kaplan-Meier median of the epochs to solve; inf if it is not reached, NaN if there is none.
        low: the lower end of its interval; inf or NaN as for the median.
        high: the upper end of its interval; inf or NaN as for the median.
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
        label: what the number is of; consecutive rows with the same label show it once.
        value: the number; NaN if there is none.
        low: the lower end of the interval; -inf if it is unbounded, NaN if there is no interval.
        high: the upper end of the interval; inf if it is unbounded, NaN if there is no interval.
        note: the text to the right of the row, such as "n=10".
        group: the rows with which it shares its colour and its marker.
        undecided: whether the row is drawn as undecided, wherever its interval is.
    """

    label: str
    value: float
    low: float
    high: float
    note: str = ""
    group: str = ""
    undecided: bool = False


def epochs_to_solve(title: str, settings: Sequence[SolveTimes], max_epochs: int) -> Picture:
    """Draw when each seed solved the pattern, and the median of each setting, a row for each setting.

    Arguments:
        title: the title of the picture.
        settings: one or more settings, from the top.
        max_epochs: the most epochs that a seed was trained, 1 or more.

    Raises:
        ValueError: there is no setting or no epoch, `epochs_n` and `solved_n` differ in length, or a seed solved the
            pattern after more than `max_epochs`.
    """
    _check_solve_times(settings, max_epochs)
    seeds = np.concatenate([setting.epochs_n for setting in settings])
    log = max_epochs > LOG_AXIS_RATIO * min([max_epochs, *seeds[seeds >= 1]])
    styles = [_SOLVED]
    styles += [] if all(setting.solved_n.all() for setting in settings) else [_UNSOLVED]
    styles += [_MEDIAN] if any(setting.median <= max_epochs for setting in settings) else []
    not_reached = any(setting.median > max_epochs or setting.high > max_epochs for setting in settings)
    styles += [_NOT_REACHED] if not_reached else []
    notes = [f"{(~setting.solved_n).sum()} of {len(setting.solved_n)} unsolved" for setting in settings]
    legend = [Line2D([], [], **style) for style in styles]
    row_height = 0.62 if len(settings) <= 8 else 0.48
    labels = [setting.label for setting in settings]
    figure, axes = row_figure(title, labels, notes, "epochs of training", row_height, legend)
    untrained = any(setting.epochs_n[setting.solved_n].min(initial=1) < 1 or setting.low < 1 for setting in settings)
    _set_epoch_axis(axes, max_epochs, log, untrained)
    axes.axvline(max_epochs, color=GREY, linewidth=1, linestyle=":", zorder=0)
    for row, setting in enumerate(settings):
        _draw_solve_times(axes, row, setting, max_epochs, least=int(log and not untrained))
    draw_ticks(axes, "x")
    return figure


def _check_solve_times(settings: Sequence[SolveTimes], max_epochs: int) -> None:
    """Raise the errors of `epochs_to_solve`."""
    if not settings or max_epochs < 1:
        raise ValueError(f"{len(settings)} settings, at most {max_epochs} epochs; allowed: 1 or more of both")
    for setting in settings:
        epochs, solved = setting.epochs_n.shape, setting.solved_n.shape
        if epochs != solved:
            raise ValueError(f"{setting.label}: {epochs} epochs, {solved} solved; allowed: as many")
        solved_at = setting.epochs_n[setting.solved_n]
        if not ((solved_at >= 0) & (solved_at <= max_epochs)).all():
            raise ValueError(f"{setting.label}: solved after {solved_at.tolist()} epochs; allowed: 0 to {max_epochs}")


def _set_epoch_axis(axes: Axes, max_epochs: int, log: bool, untrained: bool) -> None:
    """Set the scale, the limits and the ticks of the x axis.

    Arguments:
        axes: the axes.
        max_epochs: the largest number of epochs.
        log: whether the axis is logarithmic.
        untrained: whether the axis must include 0 epochs.
    """
    limits = limits_around([1 if log else 0, max_epochs], log)
    if log and untrained:
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        axes.set_xlim(-0.3, limits[1])
    else:
        axes.set(xscale="log" if log else "linear", xlim=limits)
    if log:
        ticks = np.asarray(log_locator(*limits).tick_values(*limits))
        axes.xaxis.set_major_locator(FixedLocator([0, *ticks[ticks >= 1]] if untrained else ticks.tolist()))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    axes.xaxis.set_major_formatter("{x:g}")


def _draw_solve_times(axes: Axes, row: int, setting: SolveTimes, max_epochs: int, least: int) -> None:
    """Draw the seeds of a setting, and below them the median with its interval.

    Arguments:
        axes: the axes.
        row: the number of the row.
        setting: what to draw.
        max_epochs: the largest number of epochs on the axis.
        least: the smallest number of epochs on the axis.
    """
    epochs_n = np.clip(np.nan_to_num(setting.epochs_n.astype(float), nan=max_epochs), least, max_epochs)
    rank_n = np.argsort(np.argsort(epochs_n, kind="stable"))
    # In steps of the golden ratio, no two seeds have the same height, however many have the same number of epochs.
    height_n = row - 0.13 + 0.46 * ((rank_n + 0.5) * _GOLDEN_RATIO % 1 - 0.5)
    axes.plot(epochs_n[setting.solved_n], height_n[setting.solved_n], **_SOLVED)
    axes.plot(epochs_n[~setting.solved_n], height_n[~setting.solved_n], **_UNSOLVED)
    low, high = (np.inf if end > max_epochs else end for end in (setting.low, setting.high))
    if setting.median > max_epochs:  # the interval is then unbounded, even if its lower end is not known
        low, high = np.inf if np.isnan(low) else low, np.inf
    _draw_interval(axes, row + 0.3, low, high, "black")
    if setting.median <= max_epochs:
        axes.plot([setting.median], [row + 0.3], **_MEDIAN)
    if row:
        axes.axhline(row - 0.5, color="#E5E5E5", linewidth=0.8, zorder=0)


def intervals(
    title: str, rows: Sequence[Interval], x_label: str, null: float | None = None, log: bool = False
) -> Picture:
    """Draw numbers with their intervals below each other.

    Arguments:
        title: the title of the picture.
        rows: one or more rows, from the top, of at most 7 groups.
        x_label: what the numbers are, with the unit.
        null: the number that means no effect, such as 0 for a difference. A row is undecided and drawn in grey with a
            hollow marker if its interval contains `null`, if it has no interval, or if its `undecided` is set. None
            means that no row is undecided.
        log: whether the axis is logarithmic.

    Raises:
        ValueError: there is no row, there are more groups than colours, the lower end of an interval is above the upper
            one, or a number on a logarithmic axis is not above 0.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    if not 1 <= len(groups) <= len(COLOURS):
        raise ValueError(f"{len(rows)} rows of {len(groups)} groups; allowed: 1 or more of up to {len(COLOURS)}")
    for row in rows:
        if row.low > row.high:
            raise ValueError(f"{row.label}: an interval from {row.low} to {row.high}; allowed: the lower end first")
    values = [row.value for row in rows] + ([] if null is None else [null])
    if log and (not_positive := [value for value in values if value <= 0]):
        raise ValueError(f"{not_positive[0]:g} on a logarithmic axis; allowed: above 0")
    styles: dict[str, dict[str, Any]] = {
        group: {"label": shorten(group, LEGEND_SIZE, 7), "color": COLOURS[n], "marker": MARKERS[n], "markersize": 7}
        for n, group in enumerate(groups)
    }
    decided = [null is None or (not row.undecided and (row.high < null or row.low > null)) for row in rows]
    legend = [Line2D([], [], linewidth=2, **style) for style in styles.values()] if len(groups) > 1 else []
    if not all(decided):
        undecided = {**styles[groups[0]], **_UNDECIDED, "label": "undecided"}
        legend.append(Line2D([], [], linewidth=2, **undecided))
    labels = [row.label if n == 0 or row.label != rows[n - 1].label else "" for n, row in enumerate(rows)]
    figure, axes = row_figure(title, labels, [row.note for row in rows], x_label, 0.36, legend)
    limits = limits_around([*values, *(end for row in rows for end in (row.low, row.high))], log)
    axes.set(xscale="log" if log else "linear", xlim=limits)
    if null is not None:
        axes.axvline(null, color="black", linewidth=1.2, linestyle=(0, (4, 2)), zorder=0)
    for n, row in enumerate(rows):
        style = styles[row.group] if decided[n] else {**styles[row.group], **_UNDECIDED}
        _draw_interval(axes, n, row.low, row.high, style["color"])
        axes.plot([row.value], [n], linestyle="", **style)
        if n and labels[n] and "" in labels:  # a line between rows of different labels, if labels have several rows
            axes.axhline(n - 0.5, color="#BBBBBB", linewidth=0.8, zorder=0)
    if log:
        axes.xaxis.set_major_locator(log_locator(*limits))
        axes.xaxis.set_major_formatter("{x:g}")
    draw_ticks(axes)
    return figure


def _draw_interval(axes: Axes, y: float, low: float, high: float, colour: str) -> None:
    """Draw an interval, with an arrow at an end that is beyond the axis; draw nothing if an end is NaN."""
    if np.isnan(low) or np.isnan(high):
        return
    left, right = axes.get_xlim()
    axes.plot(np.clip([low, high], left, right), [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    for beyond, edge, marker in ((low < left, left, "<"), (high > right, right, ">")):
        if beyond:
            axes.plot([edge], [y], color=colour, marker=marker, markersize=7, clip_on=False)


_GOLDEN_RATIO = (5**0.5 - 1) / 2

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
_NOT_REACHED: dict[str, Any] = {
    "color": "black",
    "marker": ">",
    "markersize": 7,
    "linestyle": "",
    "label": "not reached",
}
_UNDECIDED: dict[str, Any] = {"color": GREY, "markerfacecolor": "white", "markeredgewidth": 1.6}
