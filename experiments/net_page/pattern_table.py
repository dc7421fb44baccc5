"""What a pattern knows, as a small table of states that a page can follow along any text."""

import base64
from functools import lru_cache
from typing import Any

import numpy as np

from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.automaton import BEYOND, Automaton

MAX_STATES, MAX_ENTRIES = 160, 850
"""The most states of a table, and states times characters; of a larger pattern, it has those nearest to the start."""

NOWHERE, OUTSIDE = 255, 254
"""In place of a next state: the character is impossible; the table does not have the state."""

MAX_LABELS = 3
"""The most labels that a table has."""


@lru_cache(maxsize=64)
def pattern_table(pattern: Pattern) -> dict[str, Any] | None:
    """Return the states of a pattern's oracle, and what is known in each; None where it has none.

    State 0 is that before the first character, from where a text is followed.

    Arguments:
        pattern: the pattern.

    Returns:
        states: how many there are, S.
        next: the next state for each state and character of the alphabet, or NOWHERE or OUTSIDE: (S, V), uint8, in
            base64.
        likely: the place in `probabilities` of the probability of each, packed alike.
        probabilities: the different probabilities that characters have; of more than 256, the nearest of these.
        said: for a transducer the place in its outputs of what is said in each state that a character leads to, packed
            alike; None for all other patterns.
        scored: for each state whether the target after it counts, 1 or 0; None where all do.
        labels: for each label its different values, and the place among them of its value in each state, packed alike.
        number_labels: the names of those labels that have a size.
    """
    if pattern.oracle is None:
        return None
    table = pattern.oracle.nearest_states(min(MAX_STATES, max(1, MAX_ENTRIES // len(pattern.alphabet))))
    if table is None:
        return None
    probabilities, place_sv = np.unique(table.probability_sv, return_inverse=True)
    if len(probabilities) > 256:
        probabilities = probabilities[np.linspace(0, len(probabilities) - 1, 256).astype(int)]
        place_sv = np.abs(table.probability_sv[..., None] - probabilities).argmin(-1)
    words = _words(table)
    labels = [dict(pattern.state_labels(state)) for state in table.states]
    names = list(labels[0])[:MAX_LABELS]
    return {
        "states": len(table.states),
        "next": _packed(np.select([table.next_sv == -1, table.next_sv == BEYOND], [NOWHERE, OUTSIDE], table.next_sv)),
        "likely": _packed(place_sv),
        "probabilities": [float(f"{probability:.6g}") for probability in probabilities],
        "said": None if pattern.predicts_next else _packed(np.array([_said(pattern, word) for word in words])),
        "scored": _scored(pattern, table, words),
        "labels": {name: _packed_label([_plain(each[name]) for each in labels]) for name in names},
        "number_labels": [name for name in names if name in pattern.number_labels],
    }


def _packed(numbers_sv: np.ndarray) -> str:
    """Return whole numbers from 0 to 255 as bytes in base64."""
    return base64.b64encode(numbers_sv.astype(np.uint8).tobytes()).decode()


def _words(table: Automaton) -> list[str]:
    """Return a word to each state, which is not empty if there is such a word."""
    words = [""] * len(table.states)
    for state, next_v in enumerate(table.next_sv.tolist()):  # a state comes after one that leads to it
        for character, after in zip(table.alphabet, next_v, strict=True):
            if after >= 0 and not words[after] and (state or not words[0]):
                words[after] = (words[state] if state else "") + character
    return words


def _said(pattern: Pattern, word: str) -> int:
    """Return the place in a transducer's outputs of what it says after a word; any after none."""
    return pattern.outputs.index(pattern.inputs_and_targets(word)[1][-1]) if word else 0


def _scored(pattern: Pattern, table: Automaton, words: list[str]) -> list[int] | None:
    """Return for each state, by a word to it, whether the target after it counts; None if all do."""
    if pattern.scored(table.alphabet[0]) is None:
        return None
    if not pattern.predicts_next:
        return [int(bool(word) and _last_counts(pattern, word)) for word in words]
    return [
        int(any(_last_counts(pattern, word + table.alphabet[index]) for index in np.flatnonzero(next_v != -1)))
        for word, next_v in zip(words, table.next_sv, strict=True)
    ]


def _last_counts(pattern: Pattern, word: str) -> bool:
    """Return whether the last character of a word counts."""
    scored_t = pattern.scored(word)
    return scored_t is None or bool(scored_t[-1])


def _packed_label(values: list[Any]) -> list[Any]:
    """Return the different values of a label, in the order in which they come, and the place of each state's."""
    distinct = list(dict.fromkeys(values))
    return [distinct, _packed(np.array([distinct.index(value) for value in values]))]


def _plain(value: Any) -> Any:
    """Return a label's value as JSON has it."""
    if isinstance(value, (float, np.floating)):
        return round(float(value), 4)
    return int(value) if isinstance(value, (bool, np.integer)) else value
