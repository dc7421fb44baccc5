"""Trajectories of hidden states in two principal components, and what three-dimensional pictures share with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from analysis.figures.characters import write_states
from analysis.figures.glyphs import glyph
from analysis.figures.known import BAR_HEIGHT, Key, Known
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
from analysis.figures.style import GREY, Picture, draw_ticks, write

MAX_TRAJECTORIES = 12
"""The most trajectories that are drawn side by side."""

MAX_POINTS = 240
"""The most states of a trajectory that are drawn as points."""

MAX_LETTERS = 96
"""The most states of a trajectory that are drawn as the characters read."""


@dataclass(frozen=True)
class TrajectoryPanel:
    """The trajectory of a hidden state, and the cycle in which it settles.

    Attributes:
        title: the title of the panel.
        coordinates_tk: the state after each character in its principal components, (T, 2 or more), T at least 1.
        text: the T characters read.
        cycle_pk: the mean states of the cycle, in order, (P, 2 or more); None if there is none.
        cycle_text: the P characters after which the net is in these states.
        share_k: the share of the variance that each component explains, 0 to 1; None if it is not known.
        known: what is known of the states, by which they are coloured; None for the characters read.
        begins: the numbers of the states, 1 to T - 1, at which a path begins anew.
    """

    title: str
    coordinates_tk: np.ndarray
    text: str
    cycle_pk: np.ndarray | None = None
    cycle_text: str = ""
    share_k: np.ndarray | None = None
    known: Known | None = None
    begins: Sequence[int] = ()


def trajectories(title: str, panels: Sequence[TrajectoryPanel], columns: int = 3, shared: bool = False) -> Picture:
    """Draw trajectories in two principal components, with arrows along the cycles in which they settle.

    Both components have the same scale, so that angles are not distorted. Of a long trajectory MAX_POINTS states,
    chosen at random but the same ones each time, are drawn as points, and the path is faint.

    Arguments:
        title: the title of the picture.
        panels: 1 to 12 panels. A character or a class has the same colour and marker in all of them (`known.Key`). If
            there are more characters than colours, each state is drawn as its character.
        columns: the number of panels in a row.
        shared: whether all panels have the same limits, which shows growth. Otherwise each trajectory fills its panel.

    Raises:
        ValueError: there are too few or too many panels, `columns` is less than 1, or a trajectory or a cycle does
            not have one state for each character, or what is known is not known of each state.
    """
    if not 1 <= len(panels) <= MAX_TRAJECTORIES or columns < 1:
        raise ValueError(f"{len(panels)} panels in {columns} columns; allowed: 1 to {MAX_TRAJECTORIES} in 1 or more")
    for panel in panels:
        check_states(panel, 2)
    key = Key([(panel.text, panel.known) for panel in panels])
    cycle_marker = ">" if any(panel.cycle_pk is not None for panel in panels) else None
    columns, rows = min(columns, len(panels)), -(-len(panels) // columns)
    number_room = 0.0 if shared else 0.4  # panels with limits of their own have numbers between them
    width = (RIGHT + number_room - LEFT + PANEL_GAP) / columns - PANEL_GAP - number_room
    height, row_gap = min(width, 4.4), TITLE_HEIGHT + (0 if shared else 0.25)
    top = BOTTOM + rows * (height + row_gap) - row_gap
    figure = path_figure(title, top + TITLE_HEIGHT, panels, key, cycle_marker)
    points = [all_states(panel.coordinates_tk[:, :2], panel.cycle_pk) for panel in panels]
    boxes = panel_boxes(len(panels), columns, LEFT, BOTTOM, RIGHT + number_room, height, row_gap)
    for number, (panel, (left, bottom, right, panel_top)) in enumerate(zip(panels, boxes, strict=True)):
        axes = add_panel(figure, (left, bottom, right - number_room, panel_top), panel.title, *_COMPONENTS)
        unit_length = _set_limits(axes, np.concatenate(points) if shared else points[number], width, height)
        _draw_trajectory(figure, axes, panel, key)
        if panel.cycle_pk is not None:
            cycle_text = "" if key.as_letters else panel.cycle_text
            _draw_cycle(figure, axes, panel.cycle_pk[:, :2], cycle_text, unit_length)
        if panel.share_k is not None:
            note = " + ".join(f"{share:.0%}" for share in panel.share_k[:2])
            note += " of the variance" if width > 1.8 else ""
            write(figure, [note], [(0, 0)], axes.transAxes, 9, GREY, 0, shift=(5, 8))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(max_tick_intervals(width), steps=(1, 2, 5, 10)))
        set_tick_numbers(axes, number, len(panels), columns, shared)
        draw_ticks(axes, size=9)
    key.draw_bar(figure, top + TITLE_HEIGHT)
    write(figure, [_COMPONENTS[0]], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    write_y_label(figure, _COMPONENTS[1], BOTTOM, top)
    return figure


def check_states(panel: TrajectoryPanel, components: int) -> None:
    """Raise ValueError unless a path and its cycle have one state for each character, and enough components."""
    for name, states, characters in (
        ("path", panel.coordinates_tk, panel.text),
        ("cycle", panel.cycle_pk, panel.cycle_text),
    ):
        if states is not None and (states.ndim != 2 or len(states) != len(characters) or not characters):
            raise ValueError(
                f"a {name} of shape {states.shape} for {len(characters)} characters; allowed: (T, K) for T"
            )
        if states is not None and states.shape[1] < components:
            raise ValueError(f"a {name} of {states.shape[1]} components; allowed: {components} or more")
    if panel.known is not None:
        panel.known.check(len(panel.text))


def path_figure(
    title: str,
    top: float,
    panels: Sequence[TrajectoryPanel],
    key: Key,
    cycle_marker: str | None,
    more: Sequence[Line2D] = (),
) -> Picture:
    """Return a figure with the title and the legend of paths, and room for the scale of colours, all above `top`.

    Arguments:
        title: the title.
        top: in inches from the bottom.
        panels: what is drawn.
        key: its colours and markers.
        cycle_marker: the marker of a cycle in the legend; None if there is no cycle.
        more: further lines of the legend.
    """
    legend = [
        *key.legend(),
        Line2D([], [], label="start", **RING),
        Line2D([], [], label="path", color=PALE, linewidth=0.9),
    ]
    if cycle_marker is not None:
        legend.append(Line2D([], [], label="cycle of mean states", marker=cycle_marker, markersize=6, **CYCLE))
    bar_height = BAR_HEIGHT if key.number_name else 0.0
    return titled_figure(title, top + bar_height, [*legend, *more], _thinning(panels, key))


def _thinning(panels: Sequence[TrajectoryPanel], key: Key) -> str:
    """Return how many of the states are drawn as points; empty if all are."""
    counts = {(len(_points_of(panel, key)), len(panel.text)) for panel in panels}
    thinned = sorted(pair for pair in counts if pair[0] < pair[1])
    if not thinned:
        return ""
    listed = ", ".join(f"{points:,} of {states:,} states" for points, states in thinned)
    return f"points: {listed}, chosen at random; path: all states"


@dataclass(frozen=True, eq=False)
class ShownPoints:
    """The N states of a trajectory that are drawn as points, or as characters.

    Attributes:
        coordinates_nk: their coordinates, (N, K).
        text: the characters read, N.
        groups: for each colour and marker the places among the N, with the style; none if states are drawn as
            characters.
        size: the area of a point, in points squared.
    """

    coordinates_nk: np.ndarray
    text: str
    groups: Sequence[tuple[np.ndarray, dict[str, Any]]]
    size: float


def shown_points(panel: TrajectoryPanel, key: Key) -> ShownPoints:
    """Return the states of a panel that are drawn."""
    points = _points_of(panel, key)
    text = "".join(panel.text[point] for point in points)
    known = None if panel.known is None else panel.known.at(points)
    size = 16.0 if is_long(panel.text) else 30.0
    return ShownPoints(panel.coordinates_tk[points], text, key.groups(text, known), size)


def _points_of(panel: TrajectoryPanel, key: Key) -> np.ndarray:
    """Return the numbers of the states of a panel that are drawn, ascending; the first one is among them."""
    most = MAX_LETTERS if panel.known is None and key.as_letters else MAX_POINTS
    states = len(panel.text)
    if states <= most:
        return np.arange(states)
    # At random, because every n-th state of a text that repeats itself would be of the same few places.
    chosen = np.random.default_rng(0).choice(np.arange(1, states), most - 1, replace=False)
    return np.concatenate([[0], np.sort(chosen)])


def is_long(text: str) -> bool:
    """Return whether a path over a text has so many states that its points are small and its line is faint."""
    return len(text) > MAX_LETTERS


def path_lines(panel: TrajectoryPanel, components: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the path with a row of NaN before each new beginning, (T + begins, components), and how it is drawn."""
    path_tk = np.insert(panel.coordinates_tk[:, :components].astype(float), list(panel.begins), np.nan, axis=0)
    faint = {"linewidth": 0.4, "alpha": 0.4} if is_long(panel.text) else {"linewidth": 0.9}
    return path_tk, {"color": PALE, **faint}


def all_states(path_tk: np.ndarray, cycle_pk: np.ndarray | None) -> np.ndarray:
    """Return the states of a path and of its cycle, (T + P, K)."""
    return path_tk if cycle_pk is None else np.concatenate([path_tk, cycle_pk[:, : path_tk.shape[1]]])


def _set_limits(axes: Axes, points_n2: np.ndarray, width: float, height: float) -> float:
    """Set limits around points, with the same scale in both directions; return the length of a unit, in inches.

    Arguments:
        axes: the axes of a panel.
        points_n2: the points.
        width: the width of the panel, in inches.
        height: the height of the panel, in inches.
    """
    # The letters and rings around the points, and the note below them, have a fixed size.
    margins, note_height = 0.56, 0.16
    spans, sizes = np.ptp(points_n2, axis=0), (width, height - note_height)
    unit_length = min([(size - margins) / span for size, span in zip(sizes, spans, strict=True) if span] or [1.0])
    middle = (points_n2.max(axis=0) + points_n2.min(axis=0)) / 2 - (0, note_height / 2 / unit_length)
    half = np.array([width, height]) / 2 / unit_length
    (left, bottom), (right, top) = middle - half, middle + half
    axes.set(xlim=(left, right), ylim=(bottom, top))
    return float(unit_length)


def _draw_trajectory(figure: Picture, axes: Axes, panel: TrajectoryPanel, key: Key) -> None:
    """Draw a trajectory in two dimensions: a pale line, a ring around its start, and its states by what is known."""
    path_t2, line = path_lines(panel, 2)
    axes.plot(*path_t2.T, zorder=1, **line)
    axes.plot(*panel.coordinates_tk[:1, :2].T, zorder=4, **RING)
    shown = shown_points(panel, key)
    points_n2 = shown.coordinates_nk[:, :2]
    for places, style in shown.groups:
        look = {"s": shown.size, "edgecolors": "white", "linewidths": shown.size / 50, **style}
        axes.scatter(*points_n2[places].T, zorder=3, **look)
    if not shown.groups:
        axes.plot(*points_n2.T, zorder=3, **DISC)
        write_states(figure, axes, shown.text, points_n2, key.character_colours)


def closed(states_pk: np.ndarray) -> np.ndarray:
    """Return states with the first one repeated at the end."""
    return np.concatenate([states_pk, states_pk[:1]])


def _draw_cycle(figure: Picture, axes: Axes, cycle_p2: np.ndarray, text: str, unit_length: float) -> None:
    """Draw a cycle as a polygon, with an arrowhead in the middle of each edge and a character outside each corner.

    Arguments:
        figure: the figure.
        axes: the axes of a panel.
        cycle_p2: the corners, (P, 2).
        text: a character for each corner, or "".
        unit_length: the length of a unit, in inches.
    """
    axes.plot(*closed(cycle_p2).T, zorder=2, **CYCLE)
    edges_p2 = np.diff(closed(cycle_p2), axis=0)
    arrowheads = []
    for x, y in edges_p2:
        size = min(5.0, 0.2 * 72 * unit_length * float(np.hypot(x, y)))  # in points
        transform = Affine2D().scale(size).rotate(np.arctan2(y, x))
        triangle = Path([(1.0, 0.0), (-0.8, 0.8), (-0.8, -0.8), (1.0, 0.0)], closed=True)
        arrowheads.append(triangle.transformed(transform))
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    middles_p2 = cycle_p2 + edges_p2 / 2
    arrows = PathCollection(arrowheads, offsets=middles_p2, offset_transform=axes.transData, transform=points)
    arrows.set(facecolor=CYCLE["color"], linewidth=0, label="direction", zorder=3.5)
    axes.add_collection(arrows, autolim=False)
    for character, (x, y), (right, up) in zip(text, cycle_p2, cycle_p2 - cycle_p2.mean(axis=0), strict=False):
        length = float(np.hypot(right, up))
        shift = (13 * right / length, 13 * up / length) if length * unit_length > 0.01 else (0, 13)
        write(figure, [glyph(character)], [(x, y)], axes.transData, 11, shift=shift)


_COMPONENTS = "principal component 1 (no unit)", "principal component 2 (no unit)"

PALE = "#B4B4B4"
RING: dict[str, Any] = {
    "color": "black",
    "linestyle": "",
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgewidth": 1.1,
}
CYCLE: dict[str, Any] = {"color": "#333333", "linewidth": 1.5}
DISC: dict[str, Any] = {"color": "white", "linestyle": "", "marker": "o", "markersize": 11}
