"""Pictures with a row for each question and a mark for each way of answering it, scored up to 1."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from analysis.figures.multiples import LEGEND_SIZE, check_limits, row_figure
from analysis.figures.style import COLOURS, GREY, MARKERS, Picture, draw_ticks, shorten

MARGIN = 0.04
"""The room beyond either end of the axis, as a part of its length."""

SPREAD = 0.6
"""The part of a row's height over which its marks are spread, so that equal scores are seen one by one."""


@dataclass(frozen=True, eq=False)
class ScoreRow:
    """What different ways reach at one question.

    Attributes:
        label: the question, such as the label that is read out.
        scores: the score of each way by its name, such as an accuracy or R2, at most 1; NaN for none.
        note: the text to the right of the row, such as "R2" or "n=200".
    """

    label: str
    scores: Mapping[str, float]
    note: str = ""


def score_rows(
    title: str, rows: Sequence[ScoreRow], x_label: str, compared: Collection[str] = (), low: float = 0.0
) -> Picture:
    """Draw scores below each other, a row for each question and a mark for each way.

    A score below the left end of the axis is drawn as an arrow there.

    Arguments:
        title: the title of the picture.
        rows: one or more rows, from the top, of at most 7 ways.
        x_label: what the scores are.
        compared: the names of the ways that are there for comparison; they are drawn in grey with hollow marks.
        low: the score at the left end of the axis, below 1.

    Raises:
        ValueError: there is no row or no way, there are more ways than marks, a score is above 1, or `low` is not
            below 1.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.scores))
    if not 1 <= len(names) <= len(MARKERS):
        raise ValueError(f"{len(rows)} rows of {len(names)} ways; allowed: 1 or more of 1 to {len(MARKERS)}")
    check_limits((low, 1))
    for row in rows:
        if above := [score for score in row.scores.values() if score > 1 + 1e-9]:
            raise ValueError(f"{row.label}: a score of {above[0]:g}; allowed: at most 1")
    colours = iter(COLOURS)
    styles: dict[str, dict[str, Any]] = {}
    for name, marker in zip(names, MARKERS, strict=False):
        look = {"color": GREY, "markerfacecolor": "white"} if name in compared else {"color": next(colours)}
        styles[name] = {**look, "marker": marker, "markersize": 7, "markeredgewidth": 1.4, "linestyle": ""}
    legend = [Line2D([], [], label=shorten(name, LEGEND_SIZE, 7), **style) for name, style in styles.items()]
    labels, notes = [row.label for row in rows], [row.note for row in rows]
    figure, axes = row_figure(title, labels, notes, x_label, max(0.36, 0.09 * len(names)), legend)
    margin = MARGIN * (1 - low)
    axes.set_xlim(low - margin, 1 + margin)
    axes.xaxis.set_major_formatter("{x:g}")
    step = SPREAD / max(1, len(names) - 1)
    for number, row in enumerate(rows):
        if number:
            axes.axhline(number - 0.5, color="#E5E5E5", linewidth=0.8, zorder=0)
        for place, name in enumerate(names):
            score = row.scores.get(name, np.nan)
            style = {**styles[name], "marker": "<"} if score < low else styles[name]
            height = number if len(names) == 1 else number - SPREAD / 2 + step * place
            axes.plot([low - margin if score < low else score], [height], clip_on=False, label=f"_{name}", **style)
    draw_ticks(axes, "x")
    return figure
