"""A text with what a pattern knows about each of its positions, in the form in which it is read out of states."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from rnn_core.patterns import Pattern

CHARACTER = "character"
"""The name by which the character that was read can be asked for like a label."""

FEW_CLASSES = 7
"""The most classes of a label that is chosen before others: they can be told apart by colours."""


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
        seed: the seed of the draw, 0 or more. It gives another text than the same seed of training or test data. A
            pattern that is not random (`Pattern.random`) has one text for all seeds, the beginning of that of training.
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


def chosen_label(text: LabelledText, label: str | Sequence[str] | None = None) -> tuple[str, np.ndarray]:
    """Return the name of a label and its values.

    Arguments:
        text: a text with labels.
        label: the name of a label, or `character`; or several names, for the classes that they form together, such as
            two bits. None chooses: the first label that has 2 to FEW_CLASSES classes in this text; otherwise the first
            that is a number or a vector; otherwise the first that has several classes; otherwise the character.

    Returns:
        The name, or the names, and the values as in `LabelledText.labels`.

    Raises:
        ValueError: there is no such label.
    """
    labels = {**text.labels, CHARACTER: np.array(list(text.text))}
    names = [label] if isinstance(label, str) else [_default_label(text)] if label is None else list(label)
    unknown = [name for name in names if name not in labels]
    if unknown or not names:
        raise ValueError(f"label is {unknown[0] if unknown else names!r}; allowed: {', '.join(labels)}")
    if len(names) == 1:
        return names[0], labels[names[0]]
    parts = [class_names(labels[name]).tolist() for name in names]
    together = [", ".join(values) if all(values) else "" for values in zip(*parts, strict=True)]
    return ", ".join(names), np.array(together)


def class_names(value_t: np.ndarray) -> np.ndarray:
    """Return the class of each position as a string, empty where the label does not apply: (T,).

    Each value of a number is a class of its own, and a vector is in the class of its largest number.

    Arguments:
        value_t: the values of a label, as in `LabelledText.labels`.
    """
    if value_t.dtype.kind == "b":
        names = np.where(value_t, "yes", "no")
    elif value_t.ndim == 2:
        names = value_t.argmax(1).astype(str)
    else:
        names = np.array([f"{value:g}" if value_t.dtype.kind == "f" else str(value) for value in value_t])
    return np.where(applies(value_t), names, "")


def _default_label(text: LabelledText) -> str:
    """Return the name of the label that `chosen_label` chooses."""
    classes = {
        name: len(set(class_names(value_t)) - {""})
        for name, value_t in text.labels.items()
        if value_t.dtype.kind != "f"
    }
    few = [name for name, count in classes.items() if 2 <= count <= FEW_CLASSES]
    numbers = [name for name in text.labels if name not in classes]
    several = [name for name, count in classes.items() if count > 1]
    return [*few, *numbers, *several, CHARACTER][0]
