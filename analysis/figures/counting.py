"""The value of a number of the state against a count, phase by phase, with the line that it follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.multiples import (
    LEFT,
    RIGHT,
    TITLE_HEIGHT,
    add_panel,
    limits_around,
    max_tick_intervals,
    panel_boxes,
    set_tick_numbers,
    titled_figure,
    write_y_label,
)
from analysis.figures.style import COLOURS, GREY, WRONG, Picture, draw_ticks, write

PANELS = 4
"""The most panels in a row."""


KEY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("counts", {"color": COLOURS[0], "marker": "o", "markersize": 4, "linestyle": ""}),
    (
        "off by one count or more",
        {"color": WRONG, "marker": "D", "markersize": 4, "linestyle": "", "markerfacecolor": "white"},
    ),
    ("line", {"color": "black", "linewidth": 1.2, "marker": ""}),
    ("reach", {"color": GREY, "linewidth": 1.2, "linestyle": ":", "marker": ""}),
)
"""The marks and the lines, as they stand in the legend."""


@dataclass(frozen=True, eq=False)
class CountPanel:
    """The value of a number of the state in one phase.

    Attributes:
        title: the title of the panel, such as the phase with the slope.
        x_label: what is counted.
        count_n: the count at each of N positions, (N,).
        value_n: the value there, in units of the state, (N,).
        slope: the slope of the line, in units of the state per count of one.
        intercept: the line's value at count 0.
        reach: the largest count up to which the number counts (`dynamics.counting_phases`); NaN for none.
    """

    title: str
    x_label: str
    count_n: np.ndarray
    value_n: np.ndarray
    slope: float
    intercept: float
    reach: float


def number_against_count(title: str, panels: Sequence[CountPanel], y_label: str) -> Picture:
    """Draw the value of a number of the state against a count, a panel for each phase.

    Values that are off their line by its step from one count to the next, or more, stand out.

    Arguments:
        title: the title of the picture.
        panels: one or more panels, four in a row.
        y_label: the name of the number.

    Raises:
        ValueError: there is no panel, or a panel has no counts or another number of values.
    """
    for panel in panels:
        if len(panel.count_n) != len(panel.value_n) or not len(panel.count_n):
            sizes = f"{len(panel.count_n)} counts and {len(panel.value_n)} values"
            raise ValueError(f"{panel.title}: {sizes}; allowed: 1 or more, as many of both")
    if not panels:
        raise ValueError("0 panels; allowed: 1 or more")
    columns = min(PANELS, len(panels))
    rows, bottom, height, gap = -(-len(panels) // columns), 0.7, 2.2, TITLE_HEIGHT + 0.5
    top = bottom + rows * (height + gap) - gap
    figure = titled_figure(title, top + TITLE_HEIGHT, [Line2D([], [], label=label, **style) for label, style in KEY])
    values = np.concatenate([panel.value_n for panel in panels])
    y_limits = limits_around(values.tolist(), log=False)
    boxes = panel_boxes(len(panels), columns, LEFT, bottom, RIGHT, height, gap)
    for number, (panel, box) in enumerate(zip(panels, boxes, strict=True)):
        axes = add_panel(figure, box, panel.title, panel.x_label, y_label)
        x_limits = limits_around([0, float(panel.count_n.max())], log=False)
        axes.set(xlim=x_limits, ylim=y_limits)
        line_n = panel.intercept + panel.slope * panel.count_n
        counts_n = np.abs(panel.value_n - line_n) < np.abs(panel.slope)
        ends = np.array([0, panel.count_n.max()])
        axes.plot(ends, panel.intercept + panel.slope * ends, label="line", **KEY[2][1])
        if np.isfinite(panel.reach):
            axes.axvline(panel.reach, label="reach", zorder=0, **KEY[3][1])
        for (label, style), shown_n in ((KEY[1], ~counts_n), (KEY[0], counts_n)):
            axes.plot(panel.count_n[shown_n], panel.value_n[shown_n], label=label, **style)
        axes.xaxis.set_major_locator(MaxNLocator(max_tick_intervals(box[2] - box[0]), integer=True))
        set_tick_numbers(axes, number, len(panels), columns)
        axes.xaxis.set_major_formatter("{x:g}")
        draw_ticks(axes, size=9)
        write(figure, [panel.x_label], [((box[0] + box[2]) / 2, box[1] - 0.4)], size=10)
    write_y_label(figure, y_label, bottom, top)
    return figure
