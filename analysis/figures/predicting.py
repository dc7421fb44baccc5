"""The characters that many runs predicted, one row for each run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter

from analysis.figures.characters import write_characters
from analysis.figures.multiples import row_figure, text_colours
from analysis.figures.style import GREY, Picture, character_colours, draw_ticks

MAX_CHARACTERS = 40
"""The most characters that can be read side by side, with labels on both sides."""

MIN_COLUMNS = 12
"""The least number of columns for which a row has room, so that a few characters are not drawn very wide."""


@dataclass(frozen=True)
class PredictionRow:
    """The predictions of one run.

    Attributes:
        label: the run.
        predicted: the likeliest character at each position of the target.
    """

    label: str
    predicted: str


def prediction_rows(
    title: str, target: str, rows: Sequence[PredictionRow], start: int | None = None, first: int = 0
) -> Picture:
    """Draw the target and below it the predictions of many runs: wrong characters bold and framed, right ones pale.

    Arguments:
        title: the title of the picture.
        target: the characters to predict, 1 to 40.
        rows: one or more runs, from the top.
        start: how many characters of the target are in the training range; a vertical line marks its end. None means
            no line.
        first: the position of the target's first character in the sequence.

    Raises:
        ValueError: there is no run, the target is too short or too long, or a prediction has another length.
    """
    if not rows or not 1 <= len(target) <= MAX_CHARACTERS:
        raise ValueError(
            f"{len(rows)} runs on {len(target)} characters; allowed: 1 or more on 1 to {MAX_CHARACTERS} characters"
        )
    for row in rows:
        if len(row.predicted) != len(target):
            raise ValueError(f"{row.label}: {len(row.predicted)} characters; allowed: the target's {len(target)}")
    lines = [target, *(row.predicted for row in rows)]
    wrong = [(t, n) for n, line in enumerate(lines) for t in range(len(target)) if line[t] != target[t]]
    right_shares = [sum(map(str.__eq__, row.predicted, target)) / len(target) for row in rows]
    labels = ["target", *(row.label for row in rows)]
    notes = ["right here", *(f"{share:.0%}" for share in right_shares)]
    training_ends = start is not None and 0 < start < len(target)
    styles = [_RIGHT, _WRONG, *([_TRAINING_END] if training_ends else [])]
    legend = [Line2D([], [], linestyle="", **style) for style in styles]
    position = "position in the sequence (characters, the first is 0)"
    figure, axes = row_figure(title, labels, notes, position, 0.27 if len(rows) > 12 else 0.32, legend)
    _draw_cells(axes, lines, wrong)
    _write_characters(figure, axes, lines, wrong)
    if start is not None and training_ends:
        axes.axvline(start - 0.5, color="black", linewidth=2, zorder=4)
    axes.xaxis.set_major_locator(FixedLocator(range(0, len(target), 5 if len(target) > MIN_COLUMNS else 1)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda column, _: f"{column + first:g}"))
    draw_ticks(axes, "")
    return figure


def _cell_colours(lines: Sequence[str], wrong: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return red, green, blue and alpha of each cell, (lines, T, 4).

    Arguments:
        lines: the target and the predictions, T characters each.
        wrong: the column and the row of each wrong character.
    """
    colours = character_colours("".join(lines))
    cells = np.array([[to_rgba(colours[character], _PALE) for character in line] for line in lines])
    for t, n in wrong:
        cells[n, t, 3] = 1
    return cells


def _draw_cells(axes: Axes, lines: Sequence[str], wrong: Sequence[tuple[int, int]]) -> None:
    """Draw the cells in their colours, white lines between the rows, and frames around wrong characters."""
    columns, last = len(lines[0]), len(lines) - 1
    axes.set_xlim(-0.5, max(columns, MIN_COLUMNS) - 0.5)
    axes.imshow(_cell_colours(lines, wrong), extent=(-0.5, columns - 0.5, last + 0.5, -0.5), aspect="auto")
    axes.set_ylim(last + 0.5, -0.5)
    widths = [4, *[1.5] * (last - 1)]
    axes.hlines(np.arange(last) + 0.5, -0.5, columns - 0.5, color="white", linewidth=widths)
    frames = [Rectangle((t - 0.42, n - 0.42), 0.84, 0.84) for t, n in wrong]
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor="black", linewidth=1.6, zorder=3))


def _write_characters(figure: Picture, axes: Axes, lines: Sequence[str], wrong: Sequence[tuple[int, int]]) -> None:
    """Write each character into its cell, in black or white."""
    columns = len(lines[0])
    cell_n4 = _cell_colours(lines, wrong).reshape(-1, 4)
    colours = text_colours(cell_n4[:, :3] * cell_n4[:, 3:] + 1 - cell_n4[:, 3:])  # pale colours as they look on white
    width, height = np.array(axes.get_position().size) * figure.get_size_inches()
    room = 0.9 * width / max(columns, MIN_COLUMNS), 0.72 * height / len(lines)
    positions = [(t, n) for n in range(len(lines)) for t in range(columns)]
    write_characters(figure, "".join(lines), positions, axes.transData, 10, room, colours)


_PALE = 0.25
_RIGHT: dict[str, Any] = {
    "color": to_rgba(GREY, _PALE),
    "marker": "s",
    "markersize": 11,
    "markeredgecolor": "none",
    "label": "right",
}
_WRONG: dict[str, Any] = {
    "color": GREY,
    "marker": "s",
    "markersize": 11,
    "markeredgecolor": "black",
    "markeredgewidth": 1.6,
    "label": "wrong",
}
_TRAINING_END: dict[str, Any] = {
    "color": "black",
    "marker": "|",
    "markersize": 13,
    "markeredgewidth": 2,
    "label": "end of the training range",
}
