"""What pictures of many runs or states share: a title and a key above, panels or rows, and a scale of colours."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, Locator, LogLocator, MaxNLocator, NullFormatter

from analysis.figures.style import COLOURS, GREY, Picture, blank, key, key_places, key_row, shorten, text_width, write

SCALE = colormaps["viridis"]

PANELS_A_ROW = 3

SPAN = 30
"""Values whose greatest is more than so many times the least stand on a logarithmic axis."""

MAX_POINTS = 32
"""Points of a line that are marked one by one, so that a single one shows too."""

TITLE = 0.34
"""Above each panel, for its title, in inches."""

GAP = 0.2
"""Between two panels of a row, in inches."""

LEFT = 0.85
"""Where panels of lines begin, in inches."""

RIGHT = 7.75
"""Where panels and keys end, in inches."""

FOOT = 0.66
"""Where panels of hidden states begin, in inches."""

KEY_SIZE = 10
"""Of the labels in a key, in points: half as wide, a picture can still be read."""


def headed(title: str, top: float, explained: Sequence[Line2D] = (), said: str = "") -> Picture:
    """Return a figure whose title, what is said of all its parts, and key stand above `top`, in inches."""
    rows = key_places([str(line.get_label()) for line in explained], RIGHT - 0.1, KEY_SIZE)
    under = top + key_row(KEY_SIZE) * (1 + max((row for _, row in rows), default=-1))
    over = under + (0.24 if said else 0)
    figure = Picture(over + 0.4)
    write(figure, [shorten(title, 12, RIGHT)], [(0.1, over + 0.2)], size=12, across=0)
    if said:
        write(figure, [shorten(said, 9, RIGHT)], [(0.1, under + 0.11)], size=9, colour=GREY, across=0)
    key(figure, explained, 0.1, under - 0.09, RIGHT, KEY_SIZE)
    return figure


def samples(labels: Iterable[str]) -> dict[str, Line2D]:
    """Return a line of its own colour and kind for each distinct label, as it stands in a key."""
    # Seven colours and four kinds of line have no common divisor, so that 28 labels look different.
    return {
        label: Line2D(
            [], [], label=shorten(label, KEY_SIZE, 7), color=COLOURS[n % len(COLOURS)], **_KINDS[n % len(_KINDS)]
        )
        for n, label in enumerate(dict.fromkeys(labels))
    }


def check_panels(drawn: Sequence[Sequence[object]], columns: int = PANELS_A_ROW) -> None:
    """Check how many lines each panel has, and how many panels a row.

    Raises:
        ValueError: there is no panel, one has more lines than there are colours, or less than one stands in a row.
    """
    if not drawn or max(map(len, drawn)) > len(COLOURS):
        most = max(map(len, drawn), default=0)
        raise ValueError(f"{len(drawn)} panels of up to {most} bands; allowed: 1 or more of up to {len(COLOURS)}")
    if columns < 1:
        raise ValueError(f"columns {columns}; allowed: 1 or more")


def check_limits(limits: tuple[float, float], log: bool = False) -> None:
    """Check the ends of an axis or of a scale of colours.

    Raises:
        ValueError: the lower is not below the upper, or not above 0 where the scale is logarithmic.
    """
    if not (limits[0] < limits[1] and (limits[0] > 0 or not log)):
        raise ValueError(f"limits {limits}; allowed: the lower first{', above 0 on a logarithm' if log else ''}")


def boxes(
    count: int, columns: int, left: float, foot: float, right: float, tall: float, between: float = TITLE
) -> list[tuple[float, float, float, float]]:
    """Return left, foot, right and top of each panel, in inches; the last row stands on `foot`."""
    across, down = min(count, columns), -(-count // columns)
    wide = (right - left + GAP) / across - GAP
    places = []
    for number in range(count):
        x = left + number % across * (wide + GAP)
        y = foot + (down - 1 - number // across) * (tall + between)
        places.append((x, y, x + wide, y + tall))
    return places


def panel(figure: Figure, box: tuple[float, float, float, float], title: str, x_label: str, y_label: str) -> Axes:
    """Add axes with their title; the labels, which they keep unseen, are for the caller to write."""
    left, _, right, top = box
    axes = blank(figure, box)
    axes.set_title(title, loc="left", visible=False)
    axes.set(xlabel=x_label, ylabel=y_label)
    size = next((size for size in (10.0, 9.0) if text_width(title, size) <= right - left), 8.0)
    write(figure, [shorten(title, size, right - left)], [(left, top + 0.13)], size=size, across=0)
    return axes


def most_ticks(box: tuple[float, float, float, float]) -> int:
    """Return how many spaces between the ticks below a panel have room for numbers."""
    return max(1, min(5, round(2.2 * (box[2] - box[0]))))


def label_panels(figure: Figure, y_label: str, foot: float, top: float) -> None:
    """Write what the axes on the left count once for all panels, which stand from `foot` to `top` in inches."""
    _write_upwards(figure, y_label, 0.15, foot, top, 11)


def number_ticks(axes: Axes, number: int, count: int, columns: int, shared: bool = True) -> None:
    """Write numbers at the ticks of a panel; where limits are shared, only below the columns and left of the rows.

    Arguments:
        axes: of the panel.
        number: which panel it is, row by row, from 0.
        count: how many panels there are.
        columns: how many stand side by side.
        shared: whether all panels have the same limits.
    """
    axes.xaxis.set_major_formatter(NullFormatter() if shared and number + columns < count else "{x:g}")
    axes.yaxis.set_major_formatter(NullFormatter() if shared and number % columns else "{x:g}")


def draw_scale(
    figure: Figure,
    norm: Normalize,
    colours: Colormap,
    name: str,
    box: tuple[float, float, float, float],
    ticks: Locator | None = None,
    size: float = 9,
) -> None:
    """Draw the colours of all values, and what these are.

    Arguments:
        figure: where to.
        norm: the values at the two ends of the colours.
        colours: from the least to the greatest value.
        name: what the values are, with the unit.
        box: left, foot, right and top in inches; the colours begin on its left, the name stands on its right.
        ticks: which values have numbers; None: a few round ones.
        size: of the numbers, in points.
    """
    left, foot, right, top = box
    width, height = figure.get_size_inches()
    bar = figure.add_axes((left / width, foot / height, 0.18 / width, (top - foot) / height))
    ticks = ticks or MaxNLocator(5, steps=(1, 2, 5, 10))
    figure.colorbar(ScalarMappable(norm, colours), cax=bar, ticks=ticks, format="{x:g}")
    bar.set_ylabel(name, visible=False)
    bar.tick_params(labelsize=size)
    bar.minorticks_off()
    bar.spines[:].set_visible(False)
    _write_upwards(figure, name, right, foot, top, 10)


def hatched(left: float, low: float, wide: float, tall: float) -> Rectangle:
    """Return what is drawn where a value is missing."""
    found = Rectangle((left, low), wide, tall, facecolor="#EEEEEE", edgecolor="#BBBBBB", linewidth=0)
    found.set_hatch("///")
    return found


def table(
    title: str,
    labels: Sequence[str],
    notes: Sequence[str],
    x_label: str,
    tall: float,
    explained: Sequence[Line2D] = (),
) -> tuple[Picture, Axes]:
    """Return a figure of rows and its axes, where the middle of row n is at n, from above.

    Arguments:
        title: of the picture.
        labels: what stands left of each row.
        notes: what stands right of each.
        x_label: what the axis below counts, with the unit.
        tall: how high a row is, in inches.
        explained: what the key holds.
    """
    labels = [shorten(label, 10, 2.4) for label in labels]
    notes = [shorten(note, 10, 1.6) for note in notes]
    left = 0.25 + max(text_width(label, 10) for label in labels)
    right = RIGHT - 0.15 - max(text_width(note, 10) for note in notes)
    top = 0.65 + tall * len(labels)
    figure = headed(title, top + 0.1, explained)
    axes = blank(figure, (left, 0.65, right, top))
    axes.set(xlabel=x_label, ylim=(len(labels) - 0.5, -0.5))
    axes.yaxis.set_major_locator(FixedLocator(range(len(labels))))
    axes.yaxis.set_major_formatter(FixedFormatter(labels))
    write(figure, notes, [(1, n) for n in range(len(notes))], axes.get_yaxis_transform(), across=0, nudge=(11, 0))
    middle = np.clip((left + right) / 2, *(8 * np.array([0, 1]) + np.array([0.55, -0.55]) * text_width(x_label, 11)))
    write(figure, [x_label], [(middle, 0.2)], size=11)
    return figure, axes


def draw_band(axes: Axes, x_n: np.ndarray, edges: Sequence[np.ndarray], label: str, sample: Line2D) -> None:
    """Draw a line and the band around it in the colour and the kind of its sample; what is not finite leaves a gap.

    Arguments:
        axes: where.
        x_n: where each of the N points stands.
        edges: the heights of the line, of the lower edge and of the upper edge, (N,) each.
        label: the line's own.
        sample: from `samples`.
    """
    middle_n, low_n, high_n = (np.where(np.isfinite(edge), edge, np.nan) for edge in edges)
    colour, marker = sample.get_color(), "." if len(x_n) <= MAX_POINTS else ""
    axes.fill_between(x_n, low_n, high_n, color=colour, alpha=0.2, linewidth=0)
    axes.plot(x_n, middle_n, color=colour, linestyle=sample.get_linestyle(), marker=marker, label=label)


def limits_around(values: Iterable[float], log: bool) -> tuple[float, float]:
    """Return limits a little wider than the finite values; on a logarithmic axis only those above 0 count."""
    counted = [value for value in values if np.isfinite(value) and (value > 0 or not log)]
    least, most = (min(counted), max(counted)) if counted else (1.0, 1.0) if log else (0.0, 1.0)
    if log:
        room = (most / least) ** 0.04 if most > least else 2.0
        return least / room, most * room
    room = 0.04 * (most - least) or 0.5
    return least - room, most + room


def decades(least: float, most: float, labels: int = 9) -> LogLocator:
    """Return ticks at the powers of ten between two values, and between these while there is room for the labels."""
    powers = np.log10(most / least)
    between = next((subs for subs in ((1, 2, 5), (1, 3)) if len(subs) * powers <= labels), (1,))
    return LogLocator(subs=between, numticks=6)


def inks(colour_nk: np.ndarray) -> list[str]:
    """Return black or white, whichever stands out more, for each of N colours of red, green, blue (0 to 1)."""
    # Relative luminance of sRGB (WCAG 2.1, 2018): above 0.18, black stands out more than white.
    rgb_nk = colour_nk[:, :3]
    linear_nk = np.where(rgb_nk <= 0.04045, rgb_nk / 12.92, ((rgb_nk + 0.055) / 1.055) ** 2.4)
    return ["black" if light > 0.18 else "white" for light in linear_nk @ (0.2126, 0.7152, 0.0722)]


def _write_upwards(figure: Figure, text: str, x: float, foot: float, top: float, size: float) -> None:
    """Write a text from the foot up, in the middle between `foot` and `top` in inches, as far as the figure allows."""
    height = float(figure.get_figheight())
    shown = shorten(text, size, height - 0.1)
    half = text_width(shown, size) / 2 + 0.05
    write(figure, [shown], [(x, np.clip((foot + top) / 2, half, height - half))], size=size, upwards=True)


_KINDS: list[dict[str, Any]] = [{"linestyle": style} for style in ("-", "--", "-.", ":")]
