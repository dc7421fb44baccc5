"""A text with what a pattern knows about each of its positions, in the form in which it is read out of states."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import numpy as np

from rnn_core.patterns import Pattern


@dataclass(frozen=True, eq=False)
class LabelledText:
    """A text of T characters with labels of its positions, each of what is known after the character was read.

    Attributes:
        text: the T characters.
        labels: by name, an array of one value for each position. Floats are *numbers*, (T,), or vectors of D numbers,
            (T, D), with NaN where the label does not apply. All others are *classes*, (T,): whole numbers, with -1
            where the label does not apply; bools; or strings, empty where it does not apply.
        mark: the character before which the state of a net is set to that at the start; empty for none.
    """

    text: str
    labels: Mapping[str, np.ndarray]
    mark: str = ""


def label_text(pattern: Pattern, text: str) -> LabelledText:
    """Return a text with the labels of a pattern.

    Whole numbers that have a size (`Pattern.number_labels`), such as counts, become numbers. Floats whose names differ
    in a final number only, such as x_0 and x_1, become one vector, which has the common part of the names, x.

    Arguments:
        pattern: the pattern.
        text: a text of the pattern from its beginning on.

    Raises:
        ValueError: a character is impossible at its position (`Pattern.labels`).
    """
    labels: dict[str, np.ndarray] = {}
    vectors: dict[str, list[np.ndarray]] = {}
    for name, value_t in pattern.labels(text).items():
        if name in pattern.number_labels:
            labels[name] = np.where(value_t < 0, np.nan, value_t.astype(np.float64))
        elif value_t.dtype.kind == "f" and (part := re.fullmatch(r"(.+)_\d+", name)):
            vectors.setdefault(part[1], []).append(value_t)
        else:
            labels[name] = value_t
    labels |= {name: np.stack(parts, -1) for name, parts in vectors.items()}
    return LabelledText(text, labels, pattern.mark)


def draw_text(pattern: Pattern, length: int, seed: int) -> LabelledText:
    """Draw a text of a pattern and return it with the pattern's labels.

    Arguments:
        pattern: the pattern.
        length: the number of characters, 1 or more (for patterns of strings: the least number).
        seed: the seed of the draw, 0 or more. It gives another text than the same seed of training or test data.
    """
    return label_text(pattern, pattern.sample(length, Random(f"labelled {seed}")))


def applies(value_t: np.ndarray) -> np.ndarray:
    """Return where a label applies: bool, (T,).

    Arguments:
        value_t: the values of a label, as in `LabelledText.labels`.
    """
    applies_t: np.ndarray
    if value_t.dtype.kind == "f":
        applies_t = np.isfinite(value_t.reshape(len(value_t), -1)).all(1)
    elif value_t.dtype.kind == "U":
        applies_t = value_t != ""
    else:
        applies_t = value_t.astype(np.int64) >= 0
    return applies_t
