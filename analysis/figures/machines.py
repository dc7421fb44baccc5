"""Pictures of machines: states as circles with what they allow or say, and arrows with what is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon, Rectangle

from analysis.figures.glyphs import glyph
from analysis.figures.graph_layout import choose_bend, free_direction, loop, place_of_label, places
from analysis.figures.multiples import PANEL_GAP, TITLE_HEIGHT, titled_figure
from analysis.figures.style import COLOURS, GREY, WRONG, Picture, shorten, text_width, write

MAX_STATES = 40
"""The most states of a machine that is drawn."""

WIDE = 6
"""Machines of more states than this have a row of their own."""

PER_ROW = 2
"""The most other machines in a row."""

LEFT, BOTTOM, FULL_WIDTH = 0.1, 0.1, 7.8
"""The left side and the bottom of the panels, and the width of a row, in inches."""

PALE = "#C8C8C8"
WRONG_FACE = "#FBE3D2"

ARROW_COLOURS = tuple(colour for colour in COLOURS if colour != WRONG)
"""The colours of the characters that are read, where there are many arrows."""


Arrow = tuple[int, int, bool]
"""The state that an arrow leaves, the one that it reaches, and whether it is marked as wrong."""


@dataclass(frozen=True, eq=False)
class MachinePanel:
    """A machine of S states over V inputs.

    Attributes:
        title: the title of the panel.
        inputs: the V characters that it reads.
        labels: what each state allows or says, S texts.
        next_sv: the state after each state and input, 0 to S - 1, (S, V). State 0 is the start.
        may_end_s: the states in which a string may end, bool, (S,); they have a second ring. None for none.
        dead_s: the states that are drawn as dead, bool, (S,). None for none.
        wrong_s: the states that are marked as wrong, bool, (S,). None for none.
        wrong_sv: the moves that are marked as wrong, bool, (S, V). None for none.
    """

    title: str
    inputs: str
    labels: Sequence[str]
    next_sv: np.ndarray
    may_end_s: np.ndarray | None = None
    dead_s: np.ndarray | None = None
    wrong_s: np.ndarray | None = None
    wrong_sv: np.ndarray | None = None


def machines(title: str, panels: Sequence[MachinePanel], show_dead: bool = False) -> Picture:
    """Draw machines side by side, large ones below each other.

    Arguments:
        title: the title of the picture.
        panels: one machine or more, each of 1 to 40 states that are not dead.
        show_dead: whether dead states, and the moves to them, are drawn.

    Raises:
        ValueError: there is no machine, one has too many states, or its parts do not fit together.
        ModuleNotFoundError: networkx is not installed.
    """
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    shown = [_Shown(panel, show_dead) for panel in panels]
    rows: list[list[_Shown]] = []
    for one in shown:
        beside = rows and one.small and rows[-1][0].small and len(rows[-1]) < PER_ROW
        rows[-1].append(one) if beside else rows.append([one])
    marked = any(panel.wrong_s is not None or panel.wrong_sv is not None for panel in panels)
    ringed = any(panel.may_end_s is not None and panel.may_end_s.any() for panel in panels)
    y = BOTTOM + sum(max(one.height for one in row) + TITLE_HEIGHT for row in rows)
    figure = titled_figure(title, y, _legend(marked, ringed), "" if show_dead else _note(panels))
    size = np.tile(figure.get_size_inches(), 2)
    for row in rows:
        y -= TITLE_HEIGHT
        for number, one in enumerate(row):
            width = (FULL_WIDTH - PANEL_GAP * (PER_ROW - 1)) / PER_ROW if one.small else FULL_WIDTH
            left = LEFT + number * (width + PANEL_GAP)
            write(figure, [shorten(one.title, 11, width)], [(left, y + 0.13)], size=11, align=0)
            axes = figure.add_axes(tuple(np.array([left, y - one.height, width, one.height]) / size))
            axes.set(xlim=(0, width), ylim=(0, one.height))
            axes.set_axis_off()
            axes.set_title(one.title, loc="left", visible=False)
            _draw(figure, axes, one, width, one.height)
        y -= max(one.height for one in row)
    return figure


class _Shown:
    """What is drawn of a machine: its states without the dead ones, if these are left out, and its arrows.

    Attributes:
        title: the title.
        labels: the label of each of the N states.
        arrows: for each pair of states the characters that lead from one to the other, and whether such a move is
            wrong; right and wrong moves are arrows of their own.
        twofold: the arrows that have a head at both ends, for the same characters lead back.
        dense: whether there are so many arrows that their colours should tell them apart.
        small: whether another machine has room beside it.
        height: the height of its panel, in inches.
        may_end, dead, wrong: which states are so, bool, (N,).
    """

    def __init__(self, panel: MachinePanel, show_dead: bool) -> None:
        count, shape = len(panel.labels), (len(panel.labels), len(panel.inputs))
        flags = {"may_end_s": panel.may_end_s, "dead_s": panel.dead_s, "wrong_s": panel.wrong_s}
        for name, array, allowed in [("next_sv", panel.next_sv, shape), ("wrong_sv", panel.wrong_sv, shape)] + [
            (name, array, (count,)) for name, array in flags.items()
        ]:
            if array is not None and array.shape != allowed:
                raise ValueError(f"{name} of shape {array.shape} for {count} labels; allowed: {allowed}")
        may_end, dead, wrong = (np.zeros(count, bool) if a is None else a.astype(bool) for a in flags.values())
        wrong_sv = np.zeros(shape, bool) if panel.wrong_sv is None else panel.wrong_sv
        kept = [state for state in range(count) if show_dead or not dead[state] or state == 0]
        if not 1 <= len(kept) <= MAX_STATES:
            raise ValueError(f"{len(kept)} states; allowed: 1 to {MAX_STATES}")
        number = {state: place for place, state in enumerate(kept)}
        self.title, self.labels = panel.title, [panel.labels[state] for state in kept]
        self.may_end, self.dead, self.wrong = may_end[kept], dead[kept], wrong[kept]
        self.arrows: dict[Arrow, str] = {}
        for state in kept:
            for column, character in enumerate(panel.inputs):
                after = int(panel.next_sv[state, column])
                if after in number:
                    key = number[state], number[after], bool(wrong_sv[state, column])
                    self.arrows[key] = self.arrows.get(key, "") + character
        self.dense = len(self.arrows) > 3 * len(kept)
        self.small = len(kept) <= WIDE
        self.height = float(np.clip((1.2 + 0.27 * len(kept)) * (1.3 if self.dense else 1), 1.6, 6))
        self.twofold: set[Arrow] = set()
        for one, other, is_wrong in list(self.arrows):
            back = other, one, is_wrong
            if one < other and self.arrows.get(back) == self.arrows[one, other, is_wrong]:
                self.twofold.add((one, other, is_wrong))
                del self.arrows[back]


def _note(panels: Sequence[MachinePanel]) -> str:
    hidden = any(panel.dead_s is not None and panel.dead_s[1:].any() for panel in panels)
    return "characters without an arrow lead to a dead state, which is not drawn" if hidden else ""


def _legend(marked: bool, ringed: bool) -> list[Line2D]:
    lines = []
    if ringed or marked:
        lines.append(Line2D([], [], color=GREY, marker=">", markersize=5, linewidth=1.2, label="start"))
    if ringed:
        lines.append(Line2D([], [], color="black", label="a string may end", marker="$◎$", markersize=13, linestyle=""))
    if marked:
        square = Line2D(
            [], [], color=WRONG, marker="s", markersize=10, markerfacecolor=WRONG_FACE, linestyle=(0, (4, 1.5))
        )
        square.set(markeredgewidth=2, label="state or move that differs")
        lines.append(square)
    return lines


def _draw(figure: Picture, axes: Axes, shown: _Shown, width: float, height: float) -> None:
    """Draw a machine into axes whose coordinates are inches."""
    count = len(shown.labels)
    widest = max((text_width(label, 9) for label in shown.labels), default=0.0)
    radius = float(np.clip(widest / 2 + 0.09, 0.19, 0.32)) if count <= 20 else 0.17
    margins = radius + 0.45, radius + 0.38
    edges = list({(one, other): None for one, other, _ in shown.arrows})
    place_n2 = places(edges, count, width - 2 * margins[0], height - 2 * margins[1]) + np.array(margins)
    curves, start = _curves(shown, place_n2, radius, (width, height))
    _draw_arrow(axes, start, GREY)
    colours = {key: _colour(shown, key) for key in curves}
    for key, points in curves.items():
        _draw_arrow(axes, points, colours[key], dashed=key[2], twofold=key in shown.twofold)
    _write_read(figure, axes, shown, curves, colours, place_n2, radius)
    _draw_states(figure, axes, shown, place_n2, radius)


def _curves(
    shown: _Shown, place_n2: np.ndarray, radius: float, size: tuple[float, float]
) -> tuple[dict[Arrow, np.ndarray], np.ndarray]:
    """Return the curve of each arrow, and that of the arrow to the start, (P, 2)."""
    curves: dict[Arrow, np.ndarray] = {}
    pairs = {(one, other) for one, other, _ in shown.arrows}
    ends: dict[int, list[np.ndarray]] = {state: [] for state in range(len(place_n2))}
    for one, other, wrong in sorted(shown.arrows, key=lambda key: np.ptp(place_n2[list(key[:2])], axis=0).sum()):
        if one == other:
            continue
        both_ways = (other, one) in pairs or (one, other, not wrong) in shown.arrows
        points = choose_bend(one, other, place_n2, radius, both_ways, list(curves.values()), size)
        if (one, other, not wrong) in curves and (other, one) not in pairs:  # on the other side of the first
            points = choose_bend(other, one, place_n2, radius, True, list(curves.values()), size)[::-1]
        curves[one, other, wrong] = points
        ends[one].append(points[min(4, len(points) - 1)])
        ends[other].append(points[-min(5, len(points))])
    for state, place in enumerate(place_n2):  # states nearby leave no room for a loop
        distance = np.linalg.norm(place_n2 - place, axis=1)
        ends[state] += list(place_n2[(distance > 0) & (distance < 4.2 * radius)])
    angle = free_direction(place_n2[0], ends[0], np.pi)
    out = np.array([np.cos(angle), np.sin(angle)])
    start = np.asarray(place_n2[0] + np.linspace(radius + 0.32, radius, 9)[:, None] * out)
    ends[0].append(start[0])
    bent = np.concatenate([*curves.values(), np.zeros((0, 2))])
    for one, other, wrong in shown.arrows:
        if one == other:
            distance = np.linalg.norm(bent - place_n2[one], axis=1)
            ends[one] += list(bent[(1.5 * radius < distance) & (distance < 3.2 * radius)])
            away = place_n2[one] - place_n2.mean(axis=0)
            preferred = float(np.arctan2(away[1], away[0])) if np.linalg.norm(away) > 0.2 else np.pi / 2
            points = loop(place_n2[one], free_direction(place_n2[one], ends[one], preferred), radius)
            curves[one, other, wrong] = points
            ends[one].append(points[len(points) // 2])
    return curves, start


def _colour(shown: _Shown, key: Arrow) -> str:
    """Return the colour of an arrow: where there are many, that of the character that is read."""
    _, other, wrong = key
    if shown.dead[other]:
        return PALE
    if wrong:
        return WRONG
    read = shown.arrows[key]
    inputs = sorted(set("".join(shown.arrows.values())))
    if shown.dense and len(read) == 1 and len(inputs) <= len(ARROW_COLOURS):
        return ARROW_COLOURS[inputs.index(read)]
    return "#444444"


def _draw_arrow(axes: Axes, points: np.ndarray, colour: str, dashed: bool = False, twofold: bool = False) -> None:
    """Draw a curve, (P, 2), with a head at its end, or at both ends."""
    head = 0.085
    line = points
    for curve in (points, points[::-1])[: 2 if twofold else 1]:
        back = curve[np.linalg.norm(curve - curve[-1], axis=1) >= head]
        along = curve[-1] - (back[-1] if len(back) else curve[0])
        along = along / max(float(np.linalg.norm(along)), 1e-9)
        across = np.array([-along[1], along[0]])
        corners = [curve[-1], *(curve[-1] - head * along + side * head * across for side in (0.42, -0.42))]
        axes.add_patch(Polygon(np.array(corners), closed=True, facecolor=colour, linewidth=0, zorder=1.5))
        line = line[np.linalg.norm(line - curve[-1], axis=1) >= 0.8 * head]
    style = (0, (4, 1.5)) if dashed else "-"
    axes.plot(*line.T, color=colour, linewidth=1.6 if dashed else 1.1, linestyle=style, zorder=1)


def _write_read(
    figure: Picture,
    axes: Axes,
    shown: _Shown,
    curves: dict[Arrow, np.ndarray],
    colours: dict[Arrow, str],
    place_n2: np.ndarray,
    radius: float,
) -> None:
    """Write on each arrow what is read, all characters that lead the same way in one label."""
    taken: list[tuple[np.ndarray, tuple[float, float]]] = []
    for key in sorted(curves, key=lambda key: key[0] != key[1]):  # loops first: their labels have one place
        points, (one, other, wrong) = curves[key], key
        text = shorten(" ".join(map(glyph, shown.arrows[key])), 9, 1.1)
        size = (text_width(text, 9) + 0.05, 0.15)
        if one == other:
            out = points[len(points) // 2] - place_n2[one]
            out = out / np.linalg.norm(out)
            place = points[len(points) // 2] + out * (0.01 + np.abs(out) @ size / 2)
        else:
            others = np.concatenate([np.zeros((0, 2)), *(curve for each, curve in curves.items() if each != key)])
            place, on_curve = place_of_label(points, size, taken, place_n2, radius, others)
            if on_curve:
                corner = place - np.array(size) / 2
                axes.add_patch(Rectangle(tuple(corner), *size, facecolor="white", linewidth=0, zorder=2))
        taken.append((place, size))
        plain = GREY if shown.dead[other] else WRONG if wrong else COLOURS[0]
        write(figure, [text], [tuple(place)], axes.transData, 9, colours[key] if shown.dense else plain)


def _draw_states(figure: Picture, axes: Axes, shown: _Shown, place_n2: np.ndarray, radius: float) -> None:
    """Draw the states over the arrows: circles, of wrong states squares, and what they allow or say."""
    flags = zip(place_n2, shown.labels, shown.may_end, shown.dead, shown.wrong, strict=True)
    for place, label, may_end, dead, wrong in flags:
        for size in (radius, radius - (0.05 if wrong else 0.035))[: 2 if may_end else 1]:
            shape = (
                Rectangle(tuple(place - 0.9 * size), 1.8 * size, 1.8 * size) if wrong else Circle(tuple(place), size)
            )
            shape.set(
                facecolor=WRONG_FACE if wrong else "white", edgecolor=PALE if dead else WRONG if wrong else "black"
            )
            shape.set(linewidth=1.6 if wrong else 1.1, zorder=3)
            axes.add_patch(shape)
        text = "".join(glyph(character) for character in label)
        room = 2 * radius - 0.1
        fitting = next((size for size in (10.0, 9.0, 8.0, 7.0) if text_width(text, size) <= room), 7.0)
        colour = GREY if dead else "black"
        write(figure, [shorten(text, fitting, room)], [tuple(place)], axes.transData, fitting, colour)
