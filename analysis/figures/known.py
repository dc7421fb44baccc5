"""What is known of each state of a path, as colours and markers: the character read, a class, a number, or shares."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex, to_rgb, to_rgba_array
from matplotlib.lines import Line2D

from analysis.figures.glyphs import glyph
from analysis.figures.multiples import LEGEND_SIZE, draw_colour_bar
from analysis.figures.style import COLOURS, MARKERS, Picture, character_colours, shorten

BAR_HEIGHT = 0.62
"""The height of a colour bar with its numbers, its name and the gap below it, in inches."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of each of T states.

    Attributes:
        name: what it is, such as "depth".
        value_t: for classes, strings, (T,), empty where there is none; for numbers, floats, (T,), NaN where there is
            none; for shares of D classes, floats, (T, D), each row NaN or with a sum of 1.
    """

    name: str
    value_t: np.ndarray

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.value_t.dtype.kind == "f" and self.value_t.ndim == 1

    @property
    def is_shares(self) -> bool:
        """Whether it is shares."""
        return self.value_t.ndim == 2

    @property
    def classes(self) -> list[str]:
        """The class of each state, that of the largest share, or the number as text; empty where there is none."""
        if self.is_number:
            return [f"{value:g}" if np.isfinite(value) else "" for value in self.value_t]
        if not self.is_shares:
            return [str(value) for value in self.value_t]
        return [_mostly(shares_d.argmax()) if np.isfinite(shares_d).all() else "" for shares_d in self.value_t]

    def at(self, places: np.ndarray | slice) -> "Known":
        """Return what is known of some of the states."""
        return Known(self.name, self.value_t[places])

    def check(self, states: int) -> None:
        """Raise ValueError unless it is known of so many states."""
        if len(self.value_t) != states:
            raise ValueError(f"{len(self.value_t)} values of {self.name} for {states} states; allowed: one for each")


class Key:
    """The colours and markers of the states of all panels of a picture, and its legend.

    The character read has a colour and a marker; with more characters than colours, states are to be drawn as their
    characters. So has each class; with more classes than colours, those that are most frequent. Shares of two or three
    classes mix the colours of these classes. Numbers lie on a scale of colours.

    Arguments:
        panels: for each panel the characters read, and what is known of the states, as many; None for the characters
            alone.
    """

    def __init__(self, panels: Sequence[tuple[str, Known | None]]) -> None:
        self.character_colours = character_colours("".join(text for text, known in panels if known is None))
        numbers = [known for _, known in panels if known is not None and known.is_number]
        values = np.concatenate([known.value_t for known in numbers]) if numbers else np.zeros(0)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0, 1)
        self.norm = Normalize(low, high if high > low else low + 1)
        self.number_name = " or ".join(dict.fromkeys(known.name for known in numbers))
        self._styles: dict[str, dict[str, dict[str, Any]]] = {}
        self._without: dict[str, int] = {}  # by name, how many classes have no colour
        self._missing = list(dict.fromkeys(k.name for k in numbers if not np.isfinite(k.value_t).all()))
        counts: dict[str, Counter[str]] = {}
        for _, known in panels:
            if known is not None and not known.is_number:
                count = counts.setdefault(known.name, Counter())
                count.update(known.classes)
                if known.is_shares:  # a class whose share is never the largest has its colour, too
                    count.update({_mostly(d): 0 for d in range(known.value_t.shape[1])})
        for name, count in counts.items():
            if count.pop("", 0):
                self._missing.append(name)
            most = len(COLOURS) if len(count) <= len(COLOURS) else len(COLOURS) - 1
            kept = sorted([value for value, _ in count.most_common(most)], key=_natural)
            self._styles[name] = _styles(kept)
            self._without[name] = len(count) - len(kept)

    @property
    def as_letters(self) -> bool:
        """Whether states of which the character alone is known are to be drawn as their characters."""
        return len(self.character_colours) > len(COLOURS)

    def groups(self, text: str, known: Known | None) -> list[tuple[np.ndarray, dict[str, Any]]]:
        """Return the numbers of the states that have one marker, with that marker and their colour or colours.

        Arguments:
            text: the T characters read.
            known: what is known of the T states; None for the characters alone.

        Returns:
            The groups; none for states that are drawn as their characters.
        """
        if known is None:
            styles = {} if self.as_letters else _styles(self.character_colours)
            return _grouped(list(text), styles)
        if known.is_number:
            there_t = np.isfinite(known.value_t)
            style = {"marker": "o", "color": NUMBERS(self.norm(known.value_t[there_t]))}
            groups = [(np.flatnonzero(~there_t), NONE), (np.flatnonzero(there_t), style)]
            return [group for group in groups if len(group[0])]
        classes, styles = known.classes, self._styles[known.name]
        grey = {value: OTHER if value else NONE for value in sorted(set(classes) - styles.keys())}
        groups = _grouped(classes, grey | styles)  # the grey ones lie below the others
        if known.is_shares and known.value_t.shape[1] <= 3:
            pure_d3 = np.array([to_rgb(COLOURS[d]) for d in range(known.value_t.shape[1])])
            groups = [
                (steps, style if style is NONE else {**style, "color": np.clip(known.value_t[steps] @ pure_d3, 0, 1)})
                for steps, style in groups
            ]
        return groups

    def colours(self, known: Known) -> np.ndarray:
        """Return the colour of what is known of each of T states: red, green and blue, 0 to 1, (T, 3)."""
        colour_t3 = np.zeros((len(known.value_t), 3))
        for places, style in self.groups("", known):
            colour_t3[places] = to_rgba_array(style["color"])[:, :3]
        return colour_t3

    def legend(self) -> list[Line2D]:
        """Return the lines of the legend."""
        characters = {} if self.as_letters else _styles(self.character_colours)
        lines = [_line(f"after {glyph(character)}", style) for character, style in characters.items()]
        for name, styles in self._styles.items():
            lines += [_line(f"{name}: {value}", style) for value, style in styles.items()]
            if self._without[name]:
                lines.append(_line(f"{name}: {self._without[name]} others", OTHER))
        return lines + [_line(f"no {name}", NONE) for name in self._missing]

    def draw_bar(self, figure: Picture, bottom: float) -> None:
        """Draw the scale of colours of the numbers, if there are any, BAR_HEIGHT high, from `bottom` up, in inches."""
        if self.number_name:
            box = (0.15, bottom + 0.14, 3.4, bottom + BAR_HEIGHT)
            draw_colour_bar(figure, self.norm, NUMBERS, f"{self.number_name} (number)", box, horizontal=True)


def _styles(values: Sequence[str] | Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return a colour and a marker for each of at most as many values as there are colours."""
    looks = zip(values, COLOURS, MARKERS, strict=False)
    return {value: {"color": colour, "marker": marker} for value, colour, marker in looks}


def _grouped(values: Sequence[str], styles: Mapping[str, dict[str, Any]]) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Return for each value that occurs and has a style the places where it is, with the style, in order of styles."""
    value_t = np.array(values)
    groups = [(np.flatnonzero(value_t == value), style) for value, style in styles.items()]
    return [group for group in groups if len(group[0])]


def _line(label: str, style: Mapping[str, Any]) -> Line2D:
    return Line2D([], [], linestyle="", label=shorten(label, LEGEND_SIZE, 2.6), **style)


def _mostly(place: int) -> str:
    return f"mostly {place}"


def _natural(value: str) -> tuple[int, str]:
    """Return by what values are sorted: 2 before 10."""
    return len(value), value


NUMBERS = LinearSegmentedColormap.from_list("numbers", colormaps["viridis"](np.linspace(0, 0.92, 256)))
"""From dark blue to a yellow that can be seen on white."""

OTHER: dict[str, Any] = {"color": to_hex("0.5"), "marker": "X"}
NONE: dict[str, Any] = {"color": to_hex("0.72"), "marker": "P"}
