"""The automaton of a pattern: the states of its oracle as tables, where there are finitely many."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_STATES = 10_000
"""States of the largest automaton that is made; a pattern with more has none."""


@dataclass(frozen=True, eq=False)
class Automaton:
    """An oracle as a machine of S states over V characters.

    Attributes:
        alphabet: the V characters in code-point order, which is that of the columns.
        states: the oracle's own S states. Number 0 is the start; the others are numbered as a breadth-first search
            meets them, which tries the characters in the alphabet's order.
        next_sv: the number of the state after each character, 0 to S - 1; -1 where it cannot come. int64, (S, V).
        probability_sv: the probability of each character, 0 where it cannot come; rows sum to 1. float64, (S, V).
    """

    alphabet: str
    states: tuple[Hashable, ...]
    next_sv: np.ndarray
    probability_sv: np.ndarray


def explore(
    alphabet: str, start: Hashable, moves: Callable[[Any], Mapping[str, tuple[float, Hashable]]]
) -> Automaton | None:
    """Return the automaton of all states that can be reached from `start`; None if there are more than MAX_STATES.

    Arguments:
        alphabet: V characters in code-point order.
        start: the state before the first character.
        moves: from a state, each character that may come, with its probability and the state that it leads to.
    """
    numbers: dict[Hashable, int] = {start: 0}
    states = [start]
    rows: list[list[tuple[int, float]]] = []
    for state in states:  # which grows meanwhile
        ways = moves(state)
        row = []
        for character in alphabet:
            probability, after = ways.get(character, (0.0, None))
            if probability > 0 and after not in numbers:
                numbers[after] = len(states)
                states.append(after)
            row.append((numbers[after], probability) if probability > 0 else (-1, 0.0))
        rows.append(row)
        if len(states) > MAX_STATES:
            return None
    table_sv2 = np.array(rows)  # for each state and character the number and the probability
    return Automaton(alphabet, tuple(states), table_sv2[..., 0].astype(np.int64), table_sv2[..., 1])
