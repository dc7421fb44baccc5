"""An oracle with finitely many states as a finite automaton: tables of transitions and probabilities."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_STATES = 10_000
"""The largest number of states of an automaton; a pattern with more states has none."""

BEYOND = -2
"""The number that stands for every state that an automaton leaves out."""


@dataclass(frozen=True, eq=False)
class Automaton:
    """A probabilistic finite automaton with S states over V characters.

    Attributes:
        alphabet: the V characters in code-point order, the order of the columns.
        states: the oracle's S states. State 0 is the start. The others are numbered in the order in which a
            breadth-first search visits them; it tries the characters in the order of the alphabet.
        next_sv: the number of the next state, 0 to S - 1, for each state and character; -1 where the character is
            impossible; BEYOND where it leads to a state that was left out. int64, (S, V).
        probability_sv: the probability of each character in each state; rows sum to 1. float64, (S, V).
    """

    alphabet: str
    states: tuple[Hashable, ...]
    next_sv: np.ndarray
    probability_sv: np.ndarray


def explore(
    alphabet: str,
    start: Hashable,
    transitions: Callable[[Any], Mapping[str, tuple[float, Hashable]]],
    nearest: int | None = None,
) -> Automaton | None:
    """Return the automaton of all states that can be reached from `start`; None if there are more than MAX_STATES.

    Arguments:
        alphabet: V characters in code-point order.
        start: the state before the first character.
        transitions: takes a state and returns, for each possible character, its probability and the next state.
        nearest: leave out all but so many states, 1 or more: the first that the search visits. None for all states.
    """
    numbers: dict[Hashable, int] = {start: 0}
    states = [start]
    rows: list[list[tuple[int, float]]] = []
    for state in states:  # the loop appends to `states` and visits what it appends
        if len(rows) == nearest:
            break
        possible = transitions(state)
        row = []
        for character in alphabet:
            probability, next_state = possible.get(character, (0.0, None))
            if probability > 0 and next_state not in numbers:
                numbers[next_state] = len(states)
                states.append(next_state)
            row.append((numbers[next_state], probability) if probability > 0 else (-1, 0.0))
        rows.append(row)
        if len(states) > MAX_STATES:
            return None
    table_sv2 = np.array(rows)  # the last axis: the number of the next state, and the probability
    next_sv = table_sv2[..., 0].astype(np.int64)
    return Automaton(
        alphabet, tuple(states[: len(rows)]), np.where(next_sv < len(rows), next_sv, BEYOND), table_sv2[..., 1]
    )
