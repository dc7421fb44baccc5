"""The common style of all pictures: colours, texts, ticks, grids and legends.

matplotlib makes six objects for every tick and lays out every text anew, which takes most of the time of a small
picture. Here, texts are outlines that are cached and drawn many at a time. All ticks of an axis are one artist, and so
are its grid lines. These artists belong to the figure; the axes hold only the data.
"""

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

from analysis.figures.glyphs import FAMILY, families, glyph
from analysis.figures.palette import with_palette

# Okabe & Ito 2008: distinct with every common kind of colour blindness. Yellow is left out, because it is too pale on
# white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = "osD^v<>"  # one for each colour, so that a picture can be read without colours
GREY = "#767676"
WRONG = "#D55E00"

Box = tuple[float, float, float, float]
"""Left, bottom, right and top in inches, from the lower left corner of the figure."""

_PROPERTIES = FontProperties(family=FAMILY)

_LEGEND_SAMPLE_WIDTH = 0.38
"""The width of a sample line in a legend and of the space after it, in inches."""


class Picture(Figure):
    """A figure 8 inches wide at 100 dpi. Jupyter shows it without a magic command.

    Arguments:
        height: in inches.
    """

    def __init__(self, height: float) -> None:
        super().__init__(figsize=(8, round(height, 2)), dpi=100)

    def png(self, fast: bool = False) -> bytes:
        """Return the figure as a PNG of 256 colours, which is a third of the size of a PNG of all colours.

        Arguments:
            fast: choose the 256 colours, and pack them, in a third of the time; the file is a little larger.
        """
        canvas = FigureCanvasAgg(self)
        canvas.draw()
        file = io.BytesIO()
        if fast:
            with_palette(np.asarray(canvas.buffer_rgba())).save(file, format="png", compress_level=1)
        else:
            image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
            image = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            image.save(file, format="png", compress_level=9)
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        """Return the PNG that Jupyter shows."""
        return self.png()


def character_colours(text: str) -> dict[str, str]:
    """Return a colour for each distinct character of a text, in code-point order."""
    characters = sorted(set(text))
    if len(characters) <= len(COLOURS):
        return dict(zip(characters, COLOURS, strict=False))
    colours = colormaps["viridis"](np.linspace(0, 0.8, len(characters)))
    return {character: to_hex(colour) for character, colour in zip(characters, colours, strict=True)}


class TextCollection(PathCollection):
    """Texts of one size, drawn as one artist; for the arguments see `write`.

    Attributes:
        texts: the texts, in the order of the offsets.
    """

    def __init__(
        self,
        figure: Figure,
        texts: Sequence[str],
        positions: Sequence[tuple[float, float]] | np.ndarray,
        transform: Transform,
        size: float,
        colour: str | Sequence[str],
        align: float,
        shift: tuple[float, float],
        vertical: bool,
    ) -> None:
        outlines = [_outline(text, size, align, shift, vertical) for text in texts]
        points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
        super().__init__(outlines, offsets=positions, offset_transform=transform, transform=points)
        self.set(facecolor=colour, linewidth=0, snap=False)
        self.texts = tuple(texts)


def write(
    figure: Figure,
    texts: Sequence[str],
    positions: Sequence[tuple[float, float]] | np.ndarray,
    transform: Transform | None = None,
    size: float = 10,
    colour: str | Sequence[str] = "black",
    align: float = 0.5,
    shift: tuple[float, float] = (0, 0),
    vertical: bool = False,
) -> None:
    """Write texts on a figure, over everything in its axes.

    Arguments:
        figure: the figure.
        texts: N texts.
        positions: x and y of each text, N pairs. A text is centred vertically on its position.
        transform: the coordinates of the positions; None means inches from the lower left corner of the figure.
        size: the font size, in points.
        colour: one colour for all texts, or one for each.
        align: which point of a text's width is at its position, from 0 (the left end) to 1 (the right end).
        shift: how far each text is moved to the right and up, in points.
        vertical: whether the texts run from bottom to top.
    """
    if texts:
        transform = figure.dpi_scale_trans if transform is None else transform
        figure.add_artist(TextCollection(figure, texts, positions, transform, size, colour, align, shift, vertical))


def add_axes(figure: Figure, box: Box) -> Axes:
    """Add axes with a spine on the left and one at the bottom, without ticks, labels and title."""
    (width, height), (left, bottom, right, top) = figure.get_size_inches(), box
    bounds = (left / width, bottom / height, (right - left) / width, (top - bottom) / height)
    axes = figure.add_axes(bounds, facecolor="none")  # transparent, because the grid is drawn under the axes
    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_visible(False)
    set_locators(axes)
    return axes


def set_locators(axes: Axes) -> None:
    """Let both axes have at most seven ticks, at round numbers."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))


def draw_frame(axes: Axes, title: str, x_label: str, y_label: str, grid: str = "xy") -> None:
    """Draw the title, the axis labels, the ticks and the grid of axes.

    The axes' limits, locators and formatters must be final.

    Arguments:
        axes: axes from `add_axes`.
        title: the title. Like the labels it is also set on the axes, where it is invisible.
        x_label: the label of the x axis, with the unit.
        y_label: the label of the y axis, with the unit.
        grid: which axes have grid lines at their ticks: "x", "y", "xy" or "".
    """
    figure = _figure_of(axes)
    axes.set_title(title, loc="left", visible=False)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    draw_ticks(axes, grid)
    (left, bottom), (right, top) = axes.get_position().get_points() * figure.get_size_inches()
    write(figure, [title], [(left, top + 0.21)], size=12, align=0)
    write(figure, [x_label + _common_factor(axes.xaxis)], [((left + right) / 2, bottom - 0.36)], size=11)
    write(figure, [y_label + _common_factor(axes.yaxis)], [(left - 0.66, (bottom + top) / 2)], size=11, vertical=True)


def draw_ticks(axes: Axes, grid: str = "xy", size: float = 10) -> None:
    """Draw the ticks of both axes, their labels and the grid lines.

    The axes' limits, locators and formatters must be final.

    Arguments:
        axes: axes from `add_axes`.
        grid: which axes have grid lines at their ticks: "x", "y", "xy" or "".
        size: the font size of the tick labels, in points.
    """
    figure = _figure_of(axes)
    for axis, transform, marker, align, shift in (
        (axes.xaxis, axes.get_xaxis_transform(), TICKDOWN, 0.5, (0, -6 - size / 2)),
        (axes.yaxis, axes.get_yaxis_transform(), TICKLEFT, 1.0, (-6.5, 0)),
    ):
        low, high = sorted(axis.get_view_interval())
        tolerance = 1e-6 * (high - low)
        ticks = [float(tick) for tick in axis.get_majorticklocs() if low - tolerance <= tick <= high + tolerance]
        # Along the axis, coordinates are data; across it, 0 and 1 are the two sides of the axes.
        ends = [[(tick, end) if axis is axes.xaxis else (end, tick) for tick in ticks] for end in (0.0, 1.0)]
        marks = Line2D([x for x, _ in ends[0]], [y for _, y in ends[0]], color="black", linestyle="", markersize=3.5)
        marks.set(marker=marker, markeredgewidth=0.8, transform=transform)
        figure.add_artist(marks)
        if (axis is axes.xaxis and "x" in grid) or (axis is axes.yaxis and "y" in grid):
            lines = list(zip(*ends, strict=True))
            figure.add_artist(LineCollection(lines, colors="#E5E5E5", linewidths=0.6, zorder=-1, transform=transform))
        labels = axis.get_major_formatter().format_ticks(ticks)
        if any(labels):
            write(figure, labels, ends[0], transform, size, align=align, shift=shift)


def draw_legend(
    figure: Figure, lines: Sequence[Line2D], left: float, top: float, right: float, size: float = 10
) -> None:
    """Draw a sample and the label of each line, from left to right; a full row is followed by another one below it.

    Arguments:
        figure: the figure.
        lines: the lines, each with its label.
        left: the left end of the rows, in inches from the left side of the figure.
        top: the middle of the first row, in inches from the bottom of the figure.
        right: the right end of the rows, in inches from the left side of the figure.
        size: the font size of the labels, in points.
    """
    labels = [str(line.get_label()) for line in lines]
    positions = [
        (left + x, top - legend_row_height(size) * row) for x, row in legend_positions(labels, right - left, size)
    ]
    for line, (x, y) in zip(lines, positions, strict=True):
        sample = Line2D([], [])
        sample.update_from(line)
        sample.set_data([x, x + _LEGEND_SAMPLE_WIDTH / 2, x + _LEGEND_SAMPLE_WIDTH - 0.08], [y, y, y])
        sample.set(markevery=[1], transform=figure.dpi_scale_trans, clip_on=False)
        figure.add_artist(sample)
    write(figure, labels, [(x + _LEGEND_SAMPLE_WIDTH, y) for x, y in positions], size=size, align=0)


def legend_positions(labels: Sequence[str], width: float, size: float) -> list[tuple[float, int]]:
    """Return for each label of a legend where its sample begins, in inches from the left, and its row, from 0."""
    x, row, positions = 0.0, 0, []
    for label in labels:
        label_width = _LEGEND_SAMPLE_WIDTH + text_width(label, size)
        if x and x + label_width > width:
            x, row = 0.0, row + 1
        positions.append((x, row))
        x += label_width + 0.2
    return positions


def legend_row_height(size: float) -> float:
    """Return the height of a row of a legend with labels of this size (points), in inches."""
    return 0.025 * size


def text_width(text: str, size: float) -> float:
    """Return the width of a text of this size (points), in inches."""
    return float(np.asarray(_outline(text, size, 0, (0, 0), False).vertices)[:, 0].max(initial=0)) / 72


def shorten(text: str, size: float, width: float) -> str:
    """Return a text, or its two ends with an ellipsis between them if it is wider than `width`, in inches."""
    shown, kept = text, len(text)
    while text_width(shown, size) > width and kept > 1:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


def _figure_of(axes: Axes) -> Figure:
    figure = axes.figure
    assert isinstance(figure, Figure)  # a SubFigure has no size in inches
    return figure


def _common_factor(axis: Axis) -> str:
    """Return the factor or the offset that all tick labels of an axis have in common, as text; "" for none."""
    factor = axis.get_major_formatter().get_offset()
    if not factor:
        return ""
    return f" {factor}" if factor[0] in "+-\u2212" else f" ×{factor}"


@lru_cache(maxsize=4096)  # the pictures of a sweep share most of their texts
def _outline(text: str, size: float, align: float, shift: tuple[float, float], vertical: bool) -> Path:
    """Return the outline of a text in points, relative to its position; the caller must not change it."""
    shown = "".join(character if character == " " else glyph(character) for character in text)
    properties = _PROPERTIES if len(names := families(shown)) == 1 else FontProperties(family=names)
    points, codes = text_to_path.get_text_path(properties, shown)
    vertices = np.array(points).reshape(-1, 2) * (size / text_to_path.FONT_SCALE)
    left, right = (vertices[:, 0].min(), vertices[:, 0].max()) if len(vertices) else (0, 0)  # spaces have no outline
    vertices -= (left + align * (right - left), 0.365 * size)  # the digits of this font are 0.73 of its size high
    if vertical:
        vertices = np.column_stack([-vertices[:, 1], vertices[:, 0]])
    return Path(vertices + shift, np.array(codes, dtype=Path.code_type), readonly=True)
