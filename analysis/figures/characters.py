"""Single characters as labels, such that none covers the next: those of other scripts are wider than Latin ones."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Transform

from analysis.figures.glyphs import glyph
from analysis.figures.style import text_width, write

DIGIT_HEIGHT = 0.73
"""The height of a digit, as a share of the font size."""

CODE_SIZE = 7
"""The font size of the codes of characters that no font has, where they stand at the states of a trajectory."""

CODE_HEIGHT = 0.1
"""The height of a label there, in inches."""


def write_characters(
    figure: Figure,
    text: str,
    positions: Sequence[tuple[float, float]],
    transform: Transform,
    size: float,
    room: tuple[float, float],
    colours: str | Sequence[str] = "black",
    up: float = 0,
) -> None:
    """Write the characters of a text, each at a position of its own and not wider than its room.

    A character that is wider is written smaller. Its code, if no font has it, runs from bottom to top.

    Arguments:
        figure: the figure.
        text: N characters.
        positions: x and y of each character, N pairs.
        transform: the coordinates of the positions.
        size: the font size, in points.
        room: the width and the height of the room of a character, in inches.
        colours: one colour for all characters, or one for each.
        up: how far the middle of each character is moved up, in points. If it is below 0, a code hangs down from there.
    """
    width, height = room
    colours = [colours] * len(text) if isinstance(colours, str) else colours
    widths = {character: text_width(glyph(character), size) for character in text}
    wide_codes = [each for character, each in widths.items() if each > width and len(glyph(character)) > 1]
    code_size = min([size, 72 * width / DIGIT_HEIGHT, *(size * height / each for each in wide_codes)])
    numbers_by_style: dict[tuple[float, bool], list[int]] = {}
    for number, character in enumerate(text):
        style = (size, False)
        if widths[character] > width:
            is_code = len(glyph(character)) > 1
            style = (code_size, True) if is_code else (size * width / widths[character], False)
        numbers_by_style.setdefault(style, []).append(number)
    for (character_size, upright), numbers in numbers_by_style.items():
        hangs = upright and up < 0
        write(
            figure,
            [glyph(text[number]) for number in numbers],
            [positions[number] for number in numbers],
            transform,
            character_size,
            [colours[number] for number in numbers],
            align=1.0 if hangs else 0.5,
            shift=(0, up + size / 2 if hangs else up),
            vertical=upright,
        )


def write_states(figure: Figure, axes: Axes, text: str, states_t2: np.ndarray, colours: Mapping[str, str]) -> None:
    """Write each state of a trajectory as its character.

    If there are codes, they are small, and of labels that cover each other only the first is written: a dot stands for
    another character.

    Arguments:
        figure: the figure.
        axes: axes whose limits are final.
        text: T characters.
        states_t2: the state after each character, (T, 2).
        colours: the colour of each character.
    """
    shown = [glyph(character) for character in text]
    sizes = [10 if len(each) == 1 else CODE_SIZE for each in shown]
    kept: list[int] = list(range(len(text)))
    dots: list[int] = []
    if CODE_SIZE in sizes:
        widths = [text_width(*each) for each in zip(shown, sizes, strict=True)]
        kept, dots = _apart(text, axes.transData.transform(states_t2) / figure.dpi, np.array(widths))
    for size in dict.fromkeys(sizes):
        numbers = [number for number in kept if sizes[number] == size]
        text_colours = [colours[text[number]] for number in numbers]
        write(figure, [shown[number] for number in numbers], states_t2[numbers], axes.transData, size, text_colours)
    if dots:
        x, y = states_t2[dots].T
        axes.scatter(x, y, s=6, color=[colours[text[number]] for number in dots], zorder=3)


def _apart(text: str, middles_n2: np.ndarray, widths: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the numbers of the labels that cover no earlier one, and of those that only cover other characters.

    Arguments:
        text: N characters.
        middles_n2: the middle of each one's label, in inches, (N, 2).
        widths: the width of each label, in inches, (N,).
    """
    kept: list[int] = []
    dots: list[int] = []
    for number, character in enumerate(text):
        across, up = np.abs(middles_n2[kept] - middles_n2[number]).T
        covers = (across < (widths[kept] + widths[number]) / 2) & (up < CODE_HEIGHT)
        covered = {text[earlier] for earlier, covers_it in zip(kept, covers, strict=True) if covers_it}
        if not covered:
            kept.append(number)
        elif character not in covered:
            dots.append(number)
    return kept, dots
