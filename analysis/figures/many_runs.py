"""Pictures of what many runs know: their predictions, and how far their knowledge reaches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from analysis.figures.multiples import (
    LEFT,
    PANELS_A_ROW,
    RIGHT,
    TITLE,
    boxes,
    check_panels,
    decades,
    draw_band,
    headed,
    inks,
    label_panels,
    limits_around,
    most_ticks,
    panel,
    samples,
    table,
)
from analysis.figures.style import GREY, Picture, character_colours, glyph, rule, shorten, text_width, write

MAX_CHARACTERS = 40
"""Characters that can be read side by side, with labels on both sides."""


@dataclass(frozen=True)
class Strip:
    """What one run predicted.

    Attributes:
        label: the run.
        predicted: the likeliest character at each position of the target.
    """

    label: str
    predicted: str


@dataclass(frozen=True)
class ReachBand:
    """How much is right at each size, of one setting over its seeds, S sizes.

    Attributes:
        label: the setting.
        size_s: ascending: (S,).
        middle_s: the share that is right, 0 to 1, at each: (S,); NaN leaves a gap.
        low_s, high_s: the edges of the band, as long.
    """

    label: str
    size_s: np.ndarray
    middle_s: np.ndarray
    low_s: np.ndarray
    high_s: np.ndarray


@dataclass(frozen=True)
class ReachPanel:
    """Settings to compare with one another.

    Attributes:
        title: what they have in common.
        measure: what the sizes count, such as "length (characters)".
        trained: the least and the greatest size trained on; None where nobody says.
        bands: at most 7, the number of colours.
    """

    title: str
    measure: str
    trained: tuple[int, int] | None
    bands: Sequence[ReachBand]


def strips(title: str, target: str, rows: Sequence[Strip], start: int | None = None, first: int = 0) -> Picture:
    """Draw what many runs predicted below the target: wrong characters bold and framed, right ones pale.

    Arguments:
        title: of the picture.
        target: the characters to predict, 1 to 40.
        rows: one or more runs, from above.
        start: how many of the characters were trained on; the line drawn there parts the two. None: no line.
        first: the position of the target's first character in the sequence.

    Raises:
        ValueError: there is no run, the target is too short or too long, or a prediction is not as long.
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
    right = [sum(map(str.__eq__, row.predicted, target)) / len(target) for row in rows]
    colours = character_colours("".join(lines))
    cells = np.array([[to_rgba(colours[character], _PALE) for character in line] for line in lines])
    for t, n in wrong:
        cells[n, t, 3] = 1
    labels, notes = ["target", *(row.label for row in rows)], ["right here", *(f"{share:.0%}" for share in right)]
    parted = start is not None and 0 < start < len(target)
    explained = [Line2D([], [], linestyle="", **look) for look in (_RIGHT, _WRONG, *([_PARTED] if parted else []))]
    position = "position in the sequence (characters, the first is 0)"
    figure, axes = table(title, labels, notes, position, 0.27 if len(rows) > 12 else 0.32, explained)
    axes.set_xlim(-0.5, max(len(target), 12) - 0.5)
    axes.imshow(cells, extent=(-0.5, len(target) - 0.5, len(rows) + 0.5, -0.5), aspect="auto")
    axes.set_ylim(len(rows) + 0.5, -0.5)
    axes.hlines(
        np.arange(len(rows)) + 0.5, -0.5, len(target) - 0.5, color="white", linewidth=[4, *[1.5] * (len(rows) - 1)]
    )
    frames = [Rectangle((t - 0.42, n - 0.42), 0.84, 0.84) for t, n in wrong]
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor="black", linewidth=1.6, zorder=3))
    shade_nk = cells.reshape(-1, 4)
    ink = inks(shade_nk[:, :3] * shade_nk[:, 3:] + 1 - shade_nk[:, 3:])  # as seen on white
    room = 0.9 * axes.get_position().width * figure.get_figwidth() / max(len(target), 12)
    texts: dict[float, list[tuple[str, tuple[int, int], str]]] = {}
    for number, character in enumerate("".join(lines)):
        text = glyph(character)
        size = min(10.0, 10 * room / (text_width(text, 10) or room))  # a code of many digits is to stay in its cell
        texts.setdefault(size, []).append((text, (number % len(target), number // len(target)), ink[number]))
    for size, some in texts.items():
        write(figure, [t for t, _, _ in some], [p for _, p, _ in some], axes.transData, size, [c for _, _, c in some])
    if start is not None and parted:
        axes.axvline(start - 0.5, color="black", linewidth=2, zorder=4)
    axes.xaxis.set_major_locator(FixedLocator(range(0, len(target), 5 if len(target) > 12 else 1)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: f"{place + first:g}"))
    rule(axes, "")
    return figure


def reach_curves(title: str, panels: Sequence[ReachPanel], spread: str) -> Picture:
    """Draw the share that is right against size, the sizes trained on shaded: a panel for each pattern.

    Arguments:
        title: of the picture.
        panels: one or more. A label has the same colour and kind of line in all of them.
        spread: what the lines and the bands around them are, such as "median, and all 10 seeds".

    Raises:
        ValueError: there is no panel, or one has more bands than there are colours.
    """
    check_panels([one.bands for one in panels])
    kinds = samples(band.label for one in panels for band in one.bands)
    shade = Line2D([], [], color=_TRAINED, linewidth=9, solid_capstyle="butt", label="sizes trained on")
    explained = [*kinds.values(), *([shade] if any(one.trained for one in panels) else [])]
    down = -(-len(panels) // PANELS_A_ROW)
    foot, tall, between = 0.6, 1.6 if down > 1 else 2.4, TITLE + 0.5
    top = foot + down * (tall + between) - between
    figure = headed(title, top + TITLE, explained, f"line and band: {spread}")
    places = boxes(len(panels), PANELS_A_ROW, LEFT, foot, RIGHT, tall, between)
    for number, (one, box) in enumerate(zip(panels, places, strict=True)):
        axes = panel(figure, box, one.title, one.measure, _SHARE)
        sizes = [float(size) for band in one.bands for size in band.size_s]
        seen = [*sizes, *(one.trained or ())]
        # Or what was trained on would be a line.
        log = bool(one.trained and sizes) and min(seen) > 0 and max(seen) > 8 * max(one.trained or ())
        limits = limits_around(seen, log)
        axes.set(xscale="log" if log else "linear", xlim=limits, ylim=(-0.05, 1.05))
        if one.trained:
            axes.axvspan(
                one.trained[0] - (0 if log else 0.5), one.trained[1] + 0.5, color=_TRAINED, zorder=0, linewidth=0
            )
        for band in one.bands:
            edges = band.middle_s, band.low_s, band.high_s
            draw_band(axes, band.size_s, edges, band.label, kinds[band.label])
        steps = MaxNLocator(most_ticks(box), steps=(1, 2, 5, 10), integer=True)
        axes.xaxis.set_major_locator(decades(*limits, labels=round(2.4 * (box[2] - box[0]))) if log else steps)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter(NullFormatter() if number % PANELS_A_ROW else "{x:g}")
        rule(axes, size=9)
        name = shorten(one.measure, 10, box[2] - box[0])
        write(figure, [name], [((box[0] + box[2]) / 2, box[1] - 0.36)])
    label_panels(figure, _SHARE, foot, top)
    return figure


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
_PARTED: dict[str, Any] = {
    "color": "black",
    "marker": "|",
    "markersize": 13,
    "markeredgewidth": 2,
    "label": "end of the training range",
}
_TRAINED = "#E8E8E8"  # no colour of a band
_SHARE = "share that is right"
