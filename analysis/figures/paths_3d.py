"""The trajectory of a hidden state in three principal components."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.characters import CODE_SIZE
from analysis.figures.glyphs import families, glyph
from analysis.figures.known import Key, Known
from analysis.figures.paths import (
    CYCLE,
    DISC,
    RING,
    TrajectoryPanel,
    all_states,
    check_states,
    closed,
    is_long,
    path_figure,
    path_lines,
    shown_points,
)
from analysis.figures.style import GREY, Picture

TOP = 5.3
"""The top of the axes, in inches."""


def trajectory_3d(
    title: str,
    coordinates_tk: np.ndarray,
    share_k: np.ndarray,
    text: str,
    cycle_pk: np.ndarray | None = None,
    cycle_text: str = "",
    known: Known | None = None,
    begins: Sequence[int] = (),
) -> Picture:
    """Draw a trajectory in three principal components, the cycle in which it settles, and the shadow of the cycle.

    Without a cycle, the shadow is that of the trajectory, or none if the trajectory is long.

    Arguments:
        title: the title of the picture.
        coordinates_tk: the state after each character, (T, 3 or more), T at least 1.
        share_k: the share of the variance that each component explains, 0 to 1, (3 or more,).
        text: the T characters read.
        cycle_pk: the mean states of the cycle, in order, (P, 3 or more); None if there is none.
        cycle_text: the P characters after which the net is in these states.
        known: what is known of the states, as in `TrajectoryPanel`.
        begins: the numbers of the states at which the path begins anew, as there.

    Raises:
        ValueError: the trajectory or the cycle does not have one state for each character, there are fewer than 3
            components or shares, or what is known is not known of each state.
    """
    panel = TrajectoryPanel(title, coordinates_tk, text, cycle_pk, cycle_text, share_k, known, begins)
    check_states(panel, 3)
    if len(share_k) < 3:
        raise ValueError(f"{len(share_k)} shares; allowed: 3 or more")
    key = Key([(text, known)])
    has_shadow = cycle_pk is not None or not is_long(text)
    shadow = [Line2D([], [], label="its shadow", **_SHADOW)] if has_shadow else []
    figure = path_figure(title, TOP, [panel], key, None if cycle_pk is None else "", shadow)
    path_t3, line = path_lines(panel, 3)
    cycle_p3 = None if cycle_pk is None else cycle_pk[:, :3]
    axes = _add_3d_axes(figure, all_states(coordinates_tk[:, :3], cycle_p3), share_k)
    axes.plot(*path_t3.T, zorder=2, **line)
    axes.plot(*path_t3[:1].T, zorder=5, **RING)
    shown = shown_points(panel, key)
    for places, style in shown.groups:
        size = 1.4 * shown.size
        look = {"s": size, "edgecolors": "white", "linewidths": size / 70, **style}
        axes.scatter(*shown.coordinates_nk[places, :3].T, zorder=4, depthshade=False, **look)
    if not shown.groups:
        axes.plot(*shown.coordinates_nk[:, :3].T, zorder=4, **DISC)
        colours = [key.character_colours[character] for character in shown.text]
        _write_in_3d(axes, shown.text, shown.coordinates_nk[:, :3], colours)
    shadow_n3 = path_t3 if cycle_p3 is None else closed(cycle_p3)
    if has_shadow:
        axes.plot(*shadow_n3[:, :2].T, axes.get_zlim()[0], **_SHADOW)
    if cycle_p3 is not None:
        axes.plot(*closed(cycle_p3).T, zorder=3, **CYCLE)
        if shown.groups:
            outwards_p3 = cycle_p3 - cycle_p3.mean(axis=0)
            _write_in_3d(axes, cycle_text, cycle_p3 + 0.16 * outwards_p3, ["black"] * len(cycle_text))
    key.draw_bar(figure, TOP)
    return figure


def _add_3d_axes(figure: Picture, points_n3: np.ndarray, share_k: np.ndarray) -> Any:
    """Add three-dimensional axes around points; return Any, because matplotlib has no types for their methods."""
    with matplotlib.rc_context({"grid.color": "#DDDDDD", "grid.linewidth": 0.5, "axes.edgecolor": GREY}):
        bounds = (-0.03, 0.45 / figure.get_figheight(), 1, 4.95 / figure.get_figheight())
        axes: Any = figure.add_axes(bounds, projection="3d", computed_zorder=False)
    middle, spans = (points_n3.max(0) + points_n3.min(0)) / 2, np.ptp(points_n3, axis=0)
    # All components have the same scale. Wider limits keep one of little variance
    # from making the box flat.
    spans = 1.16 * np.maximum(spans, 0.45 * (spans.max() or 1))
    (x_low, y_low, z_low), (x_high, y_high, z_high) = middle - spans / 2, middle + spans / 2
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high), zlim=(z_low, z_high))
    axes.set_box_aspect(spans, zoom=_zoom(spans))
    axes.view_init(*np.rad2deg(_VIEW))
    for k, axis in enumerate((axes.xaxis, axes.yaxis, axes.zaxis)):
        axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        axis.set_major_formatter("{x:g}")
        axis.set_pane_color("#FAFAFA")
        axis.set_label_text(f"principal component {k + 1}\n({share_k[k]:.1%} of the variance)", fontsize=10)
        axis.labelpad = 9
        axis.set_tick_params(labelsize=9, pad=2)
    return axes


def _zoom(spans: np.ndarray) -> float:
    """Return the zoom at which a three-dimensional box fills the part of the figure that its labels leave free."""
    elevation, azimuth = _VIEW
    length, depth, height = spans / np.linalg.norm(spans)
    ground = length * abs(np.sin(azimuth)) + depth * abs(np.cos(azimuth))
    # Measured: at zoom 1, matplotlib draws 5.5 inches for each unit of a box whose diagonal is 1.
    return float(min(5.9 / 5.5 / ground, 4.4 / 5.4 / (height * np.cos(elevation) + ground * np.sin(elevation))))


def _write_in_3d(axes: Any, text: str, positions_n3: np.ndarray, colours: Sequence[str]) -> None:
    """Write each character of a text at its position in three dimensions."""
    labels = [glyph(character) for character in text]
    style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 6, "fontfamily": families("".join(labels))}
    for shown, position, colour in zip(labels, positions_n3, colours, strict=True):
        axes.text(*position, shown, color=colour, fontsize=11 if len(shown) == 1 else CODE_SIZE, **style)


_SHADOW: dict[str, Any] = {"color": "#DADADA", "linewidth": 1.5}

_VIEW = np.deg2rad((22, -56))
"""The elevation and the azimuth from which three dimensions are seen, in radians."""
