"""Portraits of memories: visited states, and the fixed points among them, in two principal components."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.multiples import (
    BOTTOM,
    LEFT,
    PANEL_GAP,
    RIGHT,
    TITLE_HEIGHT,
    add_panel,
    max_tick_intervals,
    panel_boxes,
    set_tick_numbers,
    titled_figure,
    write_y_label,
)
from analysis.figures.style import COLOURS, GREY, Picture, draw_ticks, write

MAX_PORTRAITS = 12
"""The most portraits that are drawn side by side."""

STYLES: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "markersize": 9, "markerfacecolor": "#000000"},
    "saddle": {"marker": "X", "markersize": 9, "markerfacecolor": "#D55E00"},
    "unstable": {"marker": "^", "markersize": 9, "markerfacecolor": "white"},
    "neutral": {"marker": "s", "markersize": 7.5, "markerfacecolor": "#56B4E9"},
    "slow": {"marker": "d", "markersize": 7, "markerfacecolor": "#F0E442"},
}
"""How each kind of point is drawn: a shape of its own, so that a portrait can be read without colours."""

PALE = "#B4B4B4"

DIRECTION: dict[str, Any] = {"color": "#D55E00", "linewidth": 2.0}

DIRECTION_LENGTH = 0.34
"""The most half of the line along an unstable direction measures, in inches, if it lies in the plane of the picture."""


@dataclass(frozen=True)
class Portrait:
    """The states that a net was in, and its fixed points, in principal components.

    Attributes:
        title: the title of the panel.
        visited_nk: the visited states, (N, 2 or more), N at least 1.
        points_pk: the fixed points and slow points, (P, 2 or more).
        kinds: the kind of each of them, one of `STYLES`.
        directions: for each of them the unit vectors along which a small move grows, (U, 2 or more), U 0 or more, each
            projected as the states are, so that it is shorter the more it points out of the picture; empty for none.
            Those of slow points are not drawn.
        labels: what each visited state holds, N texts, such as the memory; empty for none.
        share_k: the share of the variance that each component explains, 0 to 1; None if it is not known.
    """

    title: str
    visited_nk: np.ndarray
    points_pk: np.ndarray
    kinds: Sequence[str]
    directions: Sequence[np.ndarray] = field(default=())
    labels: Sequence[str] = ()
    share_k: np.ndarray | None = None


def portraits(title: str, panels: Sequence[Portrait], columns: int = 3) -> Picture:
    """Draw visited states as dots and fixed points by kind, in two principal components.

    Both components have the same scale. Each panel shows all of its visited states, and the points that lie among or
    near them; a note counts those that lie outside. Visited states have the colour of their label, if there are at most
    seven labels in all; otherwise they are grey.

    Arguments:
        title: the title of the picture.
        panels: 1 to 12 panels.
        columns: the number of panels in a row, 1 or more.

    Raises:
        ValueError: there are too few or too many panels or columns, or arrays of a panel do not belong together.
    """
    if not 1 <= len(panels) <= MAX_PORTRAITS or columns < 1:
        raise ValueError(f"{len(panels)} panels in {columns} columns; allowed: 1 to {MAX_PORTRAITS} in 1 or more")
    for panel in panels:
        _check(panel)
    labels = sorted({label for panel in panels for label in panel.labels})
    colours = dict(zip(labels, COLOURS, strict=False)) if len(labels) <= len(COLOURS) else {}
    columns, rows = min(columns, len(panels)), -(-len(panels) // columns)
    number_room = 0.4  # each panel has limits of its own, so there are numbers between panels
    width = (RIGHT + number_room - LEFT + PANEL_GAP) / columns - PANEL_GAP - number_room
    height, row_gap = min(width, 4.4), TITLE_HEIGHT + 0.25
    top = BOTTOM + rows * (height + row_gap) - row_gap
    figure = titled_figure(title, top + TITLE_HEIGHT, _legend(panels, colours))
    boxes = panel_boxes(len(panels), columns, LEFT, BOTTOM, RIGHT + number_room, height, row_gap)
    for number, (panel, (left, bottom, right, panel_top)) in enumerate(zip(panels, boxes, strict=True)):
        axes = add_panel(figure, (left, bottom, right - number_room, panel_top), panel.title, *_COMPONENTS)
        unit_length = _set_limits(axes, panel.visited_nk[:, :2], width, height)
        _draw_visited(axes, panel, colours)
        outside = _draw_points(axes, panel, unit_length)
        _write_notes(figure, axes, panel, outside, width)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(max_tick_intervals(width), steps=(1, 2, 5, 10)))
        set_tick_numbers(axes, number, len(panels), columns, shared=False)
        draw_ticks(axes, size=9)
    write(figure, [_COMPONENTS[0]], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    write_y_label(figure, _COMPONENTS[1], BOTTOM, top)
    return figure


def _check(panel: Portrait) -> None:
    """Raise ValueError unless the arrays of a panel belong together."""
    for name, states in (("visited states", panel.visited_nk), ("points", panel.points_pk)):
        if states.ndim != 2 or states.shape[1] < 2:
            raise ValueError(f"{name} of shape {states.shape}; allowed: (N, K), K 2 or more")
    counts = len(panel.visited_nk), len(panel.points_pk)
    given = len(panel.labels) or counts[0], len(panel.kinds), len(panel.directions) or counts[1]
    if not counts[0] or given != (counts[0], counts[1], counts[1]):
        raise ValueError(
            f"{counts[0]} visited states and {counts[1]} points, with {len(panel.labels)} labels, {len(panel.kinds)} "
            f"kinds and {len(panel.directions)} sets of directions; allowed: 1 state or more, a label for each or "
            "none, a kind for each point, and a set of directions for each or none"
        )
    unknown = sorted(set(panel.kinds) - set(STYLES))
    if unknown:
        raise ValueError(f"kind {unknown[0]!r}; allowed: {', '.join(STYLES)}")


def _legend(panels: Sequence[Portrait], colours: dict[str, str]) -> list[Line2D]:
    """Return the lines of the legend: the labels, and the kinds that occur."""
    dot: dict[str, Any] = {"linestyle": "", "marker": ".", "markersize": 9}
    lines = [Line2D([], [], label=label, color=colour, **dot) for label, colour in colours.items()]
    if not colours:
        lines.append(Line2D([], [], label="visited state", color=PALE, **dot))
    found = {kind for panel in panels for kind in panel.kinds}
    for kind, style in STYLES.items():
        if kind in found:
            lines.append(Line2D([], [], label=kind, color="black", linestyle="", **style))
    if any(len(directions_uk) for panel in panels for directions_uk in panel.directions):
        lines.append(Line2D([], [], label="unstable direction", **DIRECTION))
    return lines


def _set_limits(axes: Axes, visited_n2: np.ndarray, width: float, height: float) -> float:
    """Set limits around visited states, with one scale; return the length of a unit, in inches."""
    margin, note_height = 0.45, 0.18
    spans, sizes = np.ptp(visited_n2, axis=0), (width - 2 * margin, height - note_height - 2 * margin)
    unit_length = min([size / span for size, span in zip(sizes, spans, strict=True) if span] or [1.0])
    middle = (visited_n2.max(axis=0) + visited_n2.min(axis=0)) / 2 - (0, note_height / 2 / unit_length)
    half = np.array([width, height]) / 2 / unit_length
    (left, bottom), (right, top) = middle - half, middle + half
    axes.set(xlim=(left, right), ylim=(bottom, top))
    return float(unit_length)


def _draw_visited(axes: Axes, panel: Portrait, colours: dict[str, str]) -> None:
    """Draw the visited states as small dots, those of each label together."""
    labels = np.array(panel.labels) if colours and len(panel.labels) else np.full(len(panel.visited_nk), "")
    for label in sorted(set(labels.tolist())):
        x_n, y_n = panel.visited_nk[labels == label, :2].T
        axes.scatter(x_n, y_n, s=14, color=colours.get(label, PALE), linewidths=0, alpha=0.6, zorder=1, label=label)


def _draw_points(axes: Axes, panel: Portrait, unit_length: float) -> int:
    """Draw the points within the limits with their unstable directions; return how many lie outside."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    inside_p = ((panel.points_pk[:, :2] >= low) & (panel.points_pk[:, :2] <= high)).all(axis=1)
    drawn_p = inside_p & (np.array(panel.kinds) != "slow")
    half = min(DIRECTION_LENGTH, 0.1 * unit_length * (high[0] - low[0])) / unit_length
    lines = [
        (point_2 - half * direction_2, point_2 + half * direction_2)
        for point_2, directions_uk, drawn in zip(panel.points_pk[:, :2], panel.directions, drawn_p, strict=False)
        for direction_2 in directions_uk[:, :2]
        if drawn
    ]
    axes.add_collection(LineCollection(lines, label="directions", zorder=2, **DIRECTION), autolim=False)
    # Slow points are many and lie under the others.
    for kind in reversed(STYLES):
        places = [number for number, inside in enumerate(inside_p) if inside and panel.kinds[number] == kind]
        if places:
            x_p, y_p = panel.points_pk[places, :2].T
            axes.plot(x_p, y_p, color="black", linestyle="", markeredgewidth=0.9, zorder=3, label=kind, **STYLES[kind])
    return int((~inside_p).sum())


def _write_notes(figure: Picture, axes: Axes, panel: Portrait, outside: int, width: float) -> None:
    """Write below the states the share of the variance, and how many points lie outside."""
    notes = []
    if panel.share_k is not None:
        shares = " + ".join(f"{share:.0%}" for share in panel.share_k[:2])
        notes.append(shares + (" of the variance" if width > (2.6 if outside else 1.8) else ""))
    if outside:
        notes.append(f"{outside} outside")
    write(figure, ["; ".join(notes)] if notes else [], [(0, 0)] if notes else [], axes.transAxes, 9, GREY, 0, (5, 8))


_COMPONENTS = "principal component 1 (no unit)", "principal component 2 (no unit)"
