"""The house style: colours, signs for characters, and all that stands around the data of a picture.

matplotlib makes six objects of every tick and lays out every text anew, which takes most of the time of a small
picture. Here texts are outlines, kept and drawn many at a time, and the ticks and the grid of an axis are one artist
each. They belong to the figure; the axes hold only the data.
"""

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

from rnn_core.vocabulary import visible

# Okabe & Ito 2008: told apart with every common kind of colour-blindness. Yellow is left out: too pale on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = "osD^v<>"  # one for each colour, for who sees none
GREY = "#767676"
WRONG = "#D55E00"

_PROPERTIES = FontProperties(family="DejaVu Sans")
_FONT = FT2Font(font_manager.findfont(_PROPERTIES))


class Picture(Figure):
    """A figure 8 inches wide at 100 dpi, which notebooks show as it is saved.

    Arguments:
        height: in inches.
    """

    def __init__(self, height: float) -> None:
        super().__init__(figsize=(8, round(height, 2)), dpi=100)

    def png(self, fast: bool = False) -> bytes:
        """Return the figure as a PNG of 256 colours, a third of the room that all would take.

        Arguments:
            fast: choose the colours in half the time, and less well: fine shades come out a little pale.
        """
        canvas = FigureCanvasAgg(self)
        canvas.draw()
        picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
        method = Image.Quantize.FASTOCTREE if fast else Image.Quantize.MAXCOVERAGE
        file = io.BytesIO()
        few = picture.quantize(256, method, dither=Image.Dither.NONE)
        few.save(file, format="png", compress_level=1 if fast else 9)
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        """What Jupyter shows, in whichever front end, without a magic command."""
        return self.png()


def character_colours(text: str) -> dict[str, str]:
    """Give each distinct character of `text` a colour, in code-point order."""
    characters = sorted(set(text))
    if len(characters) <= len(COLOURS):
        return dict(zip(characters, COLOURS, strict=False))
    spectrum = colormaps["viridis"](np.linspace(0, 0.8, len(characters)))
    return {character: to_hex(colour) for character, colour in zip(characters, spectrum, strict=True)}


def glyph(character: str) -> str:
    """Return what stands for a character in a picture: itself, or a sign or code where it cannot be drawn."""
    if character == " ":
        return "\u2423"
    shown = visible(character)
    return shown if _FONT.get_char_index(ord(shown)) else f"{ord(character):x}"


class Writing(PathCollection):
    """Texts of one size, drawn as one artist.

    Attributes:
        texts: what is written, in the order of the offsets.
    """

    def __init__(
        self,
        figure: Figure,
        texts: Sequence[str],
        places: Sequence[tuple[float, float]] | np.ndarray,
        transform: Transform,
        size: float,
        colour: str | Sequence[str],
        across: float,
        nudge: tuple[float, float],
        upwards: bool,
    ) -> None:
        outlines = [_outline(text, size, across, nudge, upwards) for text in texts]
        points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
        super().__init__(outlines, offsets=places, offset_transform=transform, transform=points)
        self.set(facecolor=colour, linewidth=0, snap=False)
        self.texts = tuple(texts)


def write(
    figure: Figure,
    texts: Sequence[str],
    places: Sequence[tuple[float, float]] | np.ndarray,
    transform: Transform | None = None,
    size: float = 10,
    colour: str | Sequence[str] = "black",
    across: float = 0.5,
    nudge: tuple[float, float] = (0, 0),
    upwards: bool = False,
) -> None:
    """Write texts on a figure, over everything in its axes.

    Arguments:
        figure: where.
        texts: what, N of them.
        places: where each stands, N pairs; half the height of its digits is there.
        transform: of the places; None means inches from the lower left corner of the figure.
        size: of the font, in points.
        colour: one, or one each.
        across: which part of its width is at the place, 0 (its left end) to 1 (its right).
        nudge: how far it stands right of and above its place, in points.
        upwards: whether it is read from the foot up.
    """
    if texts:
        transform = figure.dpi_scale_trans if transform is None else transform
        figure.add_artist(Writing(figure, texts, places, transform, size, colour, across, nudge, upwards))


def blank(figure: Figure, inches: tuple[float, float, float, float]) -> Axes:
    """Add axes with a spine on the left and one below; `furnish` draws what else stands around the data.

    Arguments:
        figure: where to.
        inches: left, foot, right and top of the axes, from the lower left corner of the figure.
    """
    (width, height), (left, foot, right, top) = figure.get_size_inches(), inches
    box = (left / width, foot / height, (right - left) / width, (top - foot) / height)
    axes = figure.add_axes(box, facecolor="none")  # the grid lies under it
    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_visible(False)
        axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    return axes


def furnish(axes: Axes, title: str, x_label: str, y_label: str, grid: str = "xy") -> None:
    """Draw the title, the labels, the ticks and the grid of axes whose limits, locators and formatters are final.

    Arguments:
        axes: from `blank`.
        title: above, on the left; like the labels, the axes keep it too, unseen.
        x_label: what the ticks below count, with the unit.
        y_label: what the ticks on the left count, with the unit.
        grid: which axes have lines across, of "x" and "y".
    """
    figure = _figure_of(axes)
    axes.set_title(title, loc="left", visible=False)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    rule(axes, grid)
    (left, foot), (right, top) = axes.get_position().get_points() * figure.get_size_inches()
    write(figure, [title], [(left, top + 0.21)], size=12, across=0)
    write(figure, [x_label + _factor(axes.xaxis)], [((left + right) / 2, foot - 0.36)], size=11)
    write(figure, [y_label + _factor(axes.yaxis)], [(left - 0.66, (foot + top) / 2)], size=11, upwards=True)


def rule(axes: Axes, grid: str = "xy", size: float = 10) -> None:
    """Draw the ticks of both axes, their labels of a size in points, and lines across at those of the axes in `grid`.

    Limits, locators and formatters are final.
    """
    figure = _figure_of(axes)
    for axis, transform, marker, across, nudge in (
        (axes.xaxis, axes.get_xaxis_transform(), TICKDOWN, 0.5, (0, -6 - size / 2)),
        (axes.yaxis, axes.get_yaxis_transform(), TICKLEFT, 1.0, (-6.5, 0)),
    ):
        low, high = sorted(axis.get_view_interval())
        slack = 1e-6 * (high - low)
        ticks = [float(tick) for tick in axis.get_majorticklocs() if low - slack <= tick <= high + slack]
        # Along its axis a tick is a number of the data, across it 0 is one side of the axes and 1 the other.
        ends = [[(tick, end) if axis is axes.xaxis else (end, tick) for tick in ticks] for end in (0.0, 1.0)]
        marks = Line2D([x for x, _ in ends[0]], [y for _, y in ends[0]], color="black", linestyle="", markersize=3.5)
        marks.set(marker=marker, markeredgewidth=0.8, transform=transform)
        figure.add_artist(marks)
        if (axis is axes.xaxis and "x" in grid) or (axis is axes.yaxis and "y" in grid):
            lines = list(zip(*ends, strict=True))
            figure.add_artist(LineCollection(lines, colors="#E5E5E5", linewidths=0.6, zorder=-1, transform=transform))
        texts = axis.get_major_formatter().format_ticks(ticks)
        write(figure, texts, ends[0], transform, size, across=across, nudge=nudge)


def key(figure: Figure, lines: Sequence[Line2D], left: float, top: float, right: float, size: float = 10) -> None:
    """Explain lines by a sample and the label of each, from left to right, and on a new row where one is full.

    Arguments:
        figure: where to.
        lines: each with its label.
        left: where rows begin, in inches from the left of the figure.
        top: where the middle of the first row is, in inches from its foot.
        right: where rows end, in inches from the left.
        size: of the labels, in points.
    """
    labels = [str(line.get_label()) for line in lines]
    places = [(left + x, top - key_row(size) * row) for x, row in key_places(labels, right - left, size)]
    for line, (x, y) in zip(lines, places, strict=True):
        sample = Line2D([], [])
        sample.update_from(line)
        sample.set_data([x, x + _SAMPLE / 2, x + _SAMPLE - 0.08], [y, y, y])
        sample.set(markevery=[1], transform=figure.dpi_scale_trans, clip_on=False)
        figure.add_artist(sample)
    write(figure, labels, [(x + _SAMPLE, y) for x, y in places], size=size, across=0)


def key_places(labels: Sequence[str], width: float, size: float) -> list[tuple[float, int]]:
    """Return where in a key the sample of each label begins: inches from its left, and the row, the first being 0."""
    x, row, places = 0.0, 0, []
    for label in labels:
        needed = _SAMPLE + text_width(label, size)
        if x and x + needed > width:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += needed + 0.2
    return places


def key_row(size: float) -> float:
    """Return how high a row of a key is, in inches."""
    return 0.025 * size


def text_width(text: str, size: float) -> float:
    """Return how wide a text is, in inches."""
    return float(np.asarray(_outline(text, size, 0, (0, 0), False).vertices)[:, 0].max(initial=0)) / 72


def shorten(text: str, size: float, width: float) -> str:
    """Return a text, or as much of its two ends as fits into a width in inches, with an ellipsis between them."""
    shown, left = text, len(text)
    while text_width(shown, size) > width and left > 1:
        left -= 1
        shown = f"{text[: (left + 1) // 2]}…{text[len(text) - left // 2 :]}"
    return shown


_SAMPLE = 0.38
"""The width of a key's sample with the space behind it, in inches."""


def _figure_of(axes: Axes) -> Figure:
    figure = axes.figure
    assert isinstance(figure, Figure)  # a SubFigure has no inches of its own
    return figure


def _factor(axis: Axis) -> str:
    """Return what the labels of an axis' ticks are to be multiplied with, or moved by, where they are cut short."""
    factor = axis.get_major_formatter().get_offset()
    if not factor:
        return ""
    return f" {factor}" if factor[0] in "+-\u2212" else f" ×{factor}"


@lru_cache(maxsize=4096)  # ticks, letters and labels come again in every picture of a sweep
def _outline(text: str, size: float, across: float, nudge: tuple[float, float], upwards: bool) -> Path:
    """Return a text's outline in points, the place it is written at being the origin; the caller must not change it."""
    shown = "".join(character if character == " " else glyph(character) for character in text)
    points, codes = text_to_path.get_text_path(_PROPERTIES, shown)
    vertices = np.array(points).reshape(-1, 2) * (size / text_to_path.FONT_SCALE)
    left, right = (vertices[:, 0].min(), vertices[:, 0].max()) if len(vertices) else (0, 0)  # nothing to see of a space
    vertices -= (left + across * (right - left), 0.365 * size)  # digits of this font are 0.73 of its size high
    if upwards:
        vertices = np.column_stack([-vertices[:, 1], vertices[:, 0]])
    return Path(vertices + nudge, np.array(codes, dtype=Path.code_type), readonly=True)
