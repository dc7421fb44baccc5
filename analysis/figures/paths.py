"""Pictures of the paths that hidden states take through their principal components, and of their cycles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from analysis.figures.multiples import (
    FOOT,
    GAP,
    LEFT,
    RIGHT,
    TITLE,
    boxes,
    headed,
    label_panels,
    most_ticks,
    number_ticks,
    panel,
)
from analysis.figures.style import COLOURS, GREY, MARKERS, Picture, character_colours, glyph, rule, write

MAX_PATHS = 12
"""Trajectories that can be told apart side by side."""


@dataclass(frozen=True)
class TrajectoryPanel:
    """The path of a hidden state.

    Attributes:
        title: whose it is.
        coordinates_tk: the state after each character in its principal components, (T, 2 or more), T at least 1.
        text: the T characters read.
        cycle_pk: the mean states of a cycle in the order they are passed, (P, 2 or more), or None where there is none.
        cycle_text: the P characters after which they stand.
        share_k: the share of the variance that each component holds, 0 to 1, or None where nobody says.
    """

    title: str
    coordinates_tk: np.ndarray
    text: str
    cycle_pk: np.ndarray | None = None
    cycle_text: str = ""
    share_k: np.ndarray | None = None


def trajectories(title: str, panels: Sequence[TrajectoryPanel], columns: int = 3, shared: bool = False) -> Picture:
    """Draw paths of hidden states in two principal components, the cycles in which they end drawn with a direction.

    A unit is as long across as upwards, so that angles are seen as they are.

    Arguments:
        title: of the picture.
        panels: 1 to 12. A character has the same colour and marker in all of them; where there are more characters
            than colours, each state is the character itself.
        columns: how many panels stand side by side.
        shared: whether all panels have the same limits, which shows growth; else each is as large as its path.

    Raises:
        ValueError: there are too few or too many panels or columns, or a path has another length than its text.
    """
    if not 1 <= len(panels) <= MAX_PATHS or columns < 1:
        raise ValueError(f"{len(panels)} panels in {columns} columns; allowed: 1 to {MAX_PATHS} in 1 or more")
    for one in panels:
        _check_path(one.coordinates_tk, one.text, one.cycle_pk, one.cycle_text, 2)
    colours = character_colours("".join(one.text for one in panels))
    cycles = any(one.cycle_pk is not None for one in panels)
    across, down = min(columns, len(panels)), -(-len(panels) // columns)
    apart = 0.0 if shared else 0.4  # panels with limits of their own have numbers between them
    wide = (RIGHT + apart - LEFT + GAP) / across - GAP - apart
    tall, between = min(wide, 4.4), TITLE + (0 if shared else 0.25)
    top = FOOT + down * (tall + between) - between
    figure = headed(title, top + TITLE, _samples(colours, cycles))
    points = [_points(one.coordinates_tk[:, :2], one.cycle_pk) for one in panels]
    places = boxes(len(panels), columns, LEFT, FOOT, RIGHT + apart, tall, between)
    for number, (one, (left, foot, right, head)) in enumerate(zip(panels, places, strict=True)):
        axes = panel(figure, (left, foot, right - apart, head), one.title, *_COMPONENTS)
        inch = _fit(axes, np.concatenate(points) if shared else points[number], wide, tall)
        _draw_path(figure, axes, one, colours)
        if one.cycle_pk is not None:
            _draw_cycle(figure, axes, one.cycle_pk[:, :2], one.cycle_text if _looks(colours) else "", inch)
        if one.share_k is not None:
            note = " + ".join(f"{share:.0%}" for share in one.share_k[:2])
            note += " of the variance" if wide > 1.8 else ""
            write(figure, [note], [(0, 0)], axes.transAxes, 9, GREY, 0, nudge=(5, 8))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(most_ticks((0, 0, wide, tall)), steps=(1, 2, 5, 10)))
        number_ticks(axes, number, len(panels), across, shared)
        rule(axes, size=9)
    write(figure, [_COMPONENTS[0]], [((LEFT + RIGHT) / 2, 0.2)], size=11)
    label_panels(figure, _COMPONENTS[1], FOOT, top)
    return figure


def trajectory_3d(
    title: str,
    coordinates_tk: np.ndarray,
    share_k: np.ndarray,
    text: str,
    cycle_pk: np.ndarray | None = None,
    cycle_text: str = "",
) -> Picture:
    """Draw the path of a hidden state in three principal components, and its shadow on the floor.

    Arguments:
        title: of the picture.
        coordinates_tk: the state after each character, (T, 3 or more), T at least 1.
        share_k: the share of the variance that each component holds, 0 to 1, (3 or more,).
        text: the T characters read.
        cycle_pk: the mean states of a cycle in the order they are passed, (P, 3 or more), or None where there is none.
        cycle_text: the P characters after which they stand.

    Raises:
        ValueError: the path has another length than the text, or there are fewer than 3 components or shares.
    """
    _check_path(coordinates_tk, text, cycle_pk, cycle_text, 3)
    if len(share_k) < 3:
        raise ValueError(f"{len(share_k)} shares; allowed: 3 or more")
    colours = character_colours(text)
    looks = _looks(colours)
    figure = headed(title, 5.3, _samples(colours, cycle_pk is not None, shadow=True))
    with matplotlib.rc_context({"grid.color": "#DDDDDD", "grid.linewidth": 0.5, "axes.edgecolor": GREY}):
        # Any: what a three-dimensional Axes adds has no types.
        box = (-0.03, 0.45 / figure.get_figheight(), 1, 4.95 / figure.get_figheight())
        axes: Any = figure.add_axes(box, projection="3d", computed_zorder=False)
    path_tk = coordinates_tk[:, :3]
    points = _points(path_tk, cycle_pk)
    middle, spans = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0)
    # A unit is as long in each direction, but a component of little variance must not lie flat on the floor.
    spans = 1.16 * np.maximum(spans, 0.45 * (spans.max() or 1))
    (x_low, y_low, floor), (x_high, y_high, z_high) = middle - spans / 2, middle + spans / 2
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high), zlim=(floor, z_high))
    axes.set_box_aspect(spans, zoom=_zoom(spans))
    axes.view_init(*np.rad2deg(_VIEW))
    for k, axis in enumerate((axes.xaxis, axes.yaxis, axes.zaxis)):
        axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        axis.set_major_formatter("{x:g}")
        axis.set_pane_color("#FAFAFA")
        axis.set_label_text(f"principal component {k + 1}\n({share_k[k]:.1%} of the variance)", fontsize=10)
        axis.labelpad = 9
        axis.set_tick_params(labelsize=9, pad=2)
    axes.plot(*path_tk.T, color=_PALE, linewidth=0.9, zorder=2)
    axes.plot(*path_tk[:1].T, zorder=5, **_RING)
    for at, look in _by_character(text, looks):
        axes.scatter(*path_tk[at].T, s=42, zorder=4, edgecolors="white", linewidths=0.6, depthshade=False, **look)
    if not looks:
        axes.plot(*path_tk.T, zorder=4, **_DISC)
        _letter(axes, text, path_tk, [colours[read] for read in text])
    resting_nk = path_tk if cycle_pk is None else _closed(cycle_pk[:, :3])
    axes.plot(*resting_nk[:, :2].T, floor, **_SHADOW)
    if cycle_pk is not None:
        axes.plot(*resting_nk.T, zorder=3, **_CYCLE)
        if looks:
            corners_pk = cycle_pk[:, :3]
            outwards_pk = corners_pk - corners_pk.mean(axis=0)
            _letter(axes, cycle_text, corners_pk + 0.16 * outwards_pk, ["black"] * len(cycle_text))
    return figure


def _check_path(
    coordinates_tk: np.ndarray, text: str, cycle_pk: np.ndarray | None, cycle_text: str, components: int
) -> None:
    """Raise a ValueError unless a path and its cycle have as many states as characters, and enough components."""
    for what, states, read in (("path", coordinates_tk, text), ("cycle", cycle_pk, cycle_text)):
        if states is not None and (states.ndim != 2 or len(states) != len(read) or not read):
            raise ValueError(f"a {what} of shape {states.shape} for {len(read)} characters; allowed: (T, K) for T")
        if states is not None and states.shape[1] < components:
            raise ValueError(f"a {what} of {states.shape[1]} components; allowed: {components} or more")


def _looks(colours: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return how a state after each character is drawn; nothing where there are too many characters to tell apart."""
    if len(colours) > len(COLOURS):
        return {}
    pairs = zip(colours.items(), MARKERS, strict=False)
    return {character: {"color": colour, "marker": marker} for (character, colour), marker in pairs}


def _samples(colours: Mapping[str, str], cycle: bool, shadow: bool = False) -> list[Line2D]:
    """Return the samples of a key."""
    samples = [
        Line2D([], [], linestyle="", label=f"after {glyph(character)}", **look)
        for character, look in _looks(colours).items()
    ]
    samples += [Line2D([], [], label="start", **_RING), Line2D([], [], label="path", color=_PALE, linewidth=0.9)]
    if cycle:
        marker = "" if shadow else ">"
        samples.append(Line2D([], [], label="cycle of mean states", marker=marker, markersize=6, **_CYCLE))
    if shadow:
        samples.append(Line2D([], [], label="its shadow", **_SHADOW))
    return samples


def _points(path_tk: np.ndarray, cycle_pk: np.ndarray | None) -> np.ndarray:
    """Return the states of a path and of its cycle."""
    return path_tk if cycle_pk is None else np.concatenate([path_tk, cycle_pk[:, : path_tk.shape[1]]])


def _fit(axes: Axes, points_n2: np.ndarray, wide: float, tall: float) -> float:
    """Set limits around points so that a unit is as long across as upwards; return its length in inches."""
    # Letters and rings around the points, and the note below them, do not grow with the one.
    room, below = 0.56, 0.16
    spans = np.ptp(points_n2, axis=0)
    inch = min([(size - room) / span for size, span in zip((wide, tall - below), spans, strict=True) if span] or [1.0])
    middle = (points_n2.max(axis=0) + points_n2.min(axis=0)) / 2 - (0, below / 2 / inch)
    (left, foot), (right, top) = middle - np.array([wide, tall]) / 2 / inch, middle + np.array([wide, tall]) / 2 / inch
    axes.set(xlim=(left, right), ylim=(foot, top))
    return float(inch)


def _draw_path(figure: Picture, axes: Axes, one: TrajectoryPanel, colours: Mapping[str, str]) -> None:
    """Draw a path in two dimensions: a pale line, a ring around its start, and its states by character."""
    path_t2 = one.coordinates_tk[:, :2]
    axes.plot(*path_t2.T, color=_PALE, linewidth=0.9, zorder=1)
    axes.plot(*path_t2[:1].T, zorder=4, **_RING)
    looks = _looks(colours)
    for at, look in _by_character(one.text, looks):
        axes.scatter(path_t2[at, 0], path_t2[at, 1], s=30, zorder=3, edgecolors="white", linewidths=0.6, **look)
    if not looks:
        axes.plot(*path_t2.T, zorder=3, **_DISC)
        write(figure, list(map(glyph, one.text)), path_t2, axes.transData, 10, [colours[read] for read in one.text])


def _by_character(text: str, looks: Mapping[str, dict[str, Any]]) -> list[tuple[list[int], dict[str, Any]]]:
    """Return where in a text each of its characters stands, and how it looks."""
    return [
        ([t for t, read in enumerate(text) if read == character], look)
        for character, look in looks.items()
        if character in text
    ]


def _closed(states_pk: np.ndarray) -> np.ndarray:
    return np.concatenate([states_pk, states_pk[:1]])


def _draw_cycle(figure: Picture, axes: Axes, cycle_p2: np.ndarray, text: str, inch: float) -> None:
    """Draw a closed polygon, an arrowhead in the middle of each edge, and a letter outside each corner.

    Arguments:
        figure: of the axes.
        axes: where to.
        cycle_p2: the corners.
        text: a letter for each corner, or none at all.
        inch: how long a unit is.
    """
    axes.plot(*_closed(cycle_p2).T, zorder=2, **_CYCLE)
    edges_p2 = np.diff(_closed(cycle_p2), axis=0)
    heads = []
    for x, y in edges_p2:
        size = min(5.0, 0.2 * 72 * inch * float(np.hypot(x, y)))  # in points; an edge of no length has no direction
        turned = Affine2D().scale(size).rotate(np.arctan2(y, x))
        heads.append(Path([(1.0, 0.0), (-0.8, 0.8), (-0.8, -0.8), (1.0, 0.0)], closed=True).transformed(turned))
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    arrows = PathCollection(heads, offsets=cycle_p2 + edges_p2 / 2, offset_transform=axes.transData, transform=points)
    arrows.set(facecolor=_CYCLE["color"], linewidth=0, label="direction", zorder=3.5)
    axes.add_collection(arrows, autolim=False)
    for letter, (x, y), (right, up) in zip(text, cycle_p2, cycle_p2 - cycle_p2.mean(axis=0), strict=False):
        length = float(np.hypot(right, up))
        nudge = (13 * right / length, 13 * up / length) if length * inch > 0.01 else (0, 13)
        write(figure, [glyph(letter)], [(x, y)], axes.transData, 11, nudge=nudge)


def _zoom(spans: np.ndarray) -> float:
    """Return by how much a box of three dimensions can be enlarged until it fills what its labels leave of the page."""
    up, around = _VIEW
    length, depth, height = spans / np.linalg.norm(spans)
    ground = length * abs(np.sin(around)) + depth * abs(np.cos(around))
    # Measured: as matplotlib sees it, a box of diagonal 1 is 5.5 inches to the unit.
    return float(min(5.9 / 5.5 / ground, 4.4 / 5.4 / (height * np.cos(up) + ground * np.sin(up))))


def _letter(axes: Any, text: str, places_n3: np.ndarray, colours: Sequence[str]) -> None:
    """Write a letter at each place in three dimensions."""
    style: dict[str, Any] = {"fontsize": 11, "ha": "center", "va": "center", "zorder": 6}
    for letter, place, colour in zip(text, places_n3, colours, strict=True):
        axes.text(*place, glyph(letter), color=colour, **style)


_COMPONENTS = "principal component 1 (no unit)", "principal component 2 (no unit)"

_PALE = "#B4B4B4"
_RING: dict[str, Any] = {
    "color": "black",
    "linestyle": "",
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgewidth": 1.1,
}
_CYCLE: dict[str, Any] = {"color": "#333333", "linewidth": 1.5}
_SHADOW: dict[str, Any] = {"color": "#DADADA", "linewidth": 1.5}
_DISC: dict[str, Any] = {"color": "white", "linestyle": "", "marker": "o", "markersize": 11}

_VIEW = np.deg2rad((22, -56))
"""From how far above and from which side three dimensions are seen."""
