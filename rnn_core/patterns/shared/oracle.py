"""Oracles: the exact next-character distribution of a pattern, computed in one pass over a text."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from rnn_core.patterns.shared.automaton import Automaton, explore
from rnn_core.vocabulary import Vocabulary

Transitions = Mapping[str, tuple[float, Hashable]]
"""For each possible character its probability and the next state."""

MAX_STATES = 2_000_000
"""When a StateOracle holds more states than this, it drops them all before the next text, to bound its memory."""


class Oracle(ABC):
    """The exact distribution of a pattern's next character, given the characters before it.

    No predictor has a lower expected loss.

    Arguments:
        alphabet: the pattern's characters.

    Attributes:
        vocabulary: the V characters in the order in which distributions list them.
    """

    def __init__(self, alphabet: str) -> None:
        self.vocabulary = Vocabulary(alphabet)

    @abstractmethod
    def distributions(self, text: str) -> np.ndarray:
        """Return the distribution of each character of `text`, given those before it: float64, (len(text), V).

        After an impossible character all rows are zero.

        Raises:
            UnknownCharacterError: a character is not in the alphabet.
        """

    def log_probs(self, text: str) -> np.ndarray:
        """Return the log-probability of each character of `text`, given those before it, in nats: (len(text),)."""
        indices = self.vocabulary.indices(text)
        with np.errstate(divide="ignore"):
            log_probs: np.ndarray = np.log(self.distributions(text)[np.arange(len(text)), indices])
            return log_probs

    def next_distribution(self, prefix: str) -> dict[str, float]:
        """Return the probability of each character after `prefix`, which may be empty."""
        any_character = self.vocabulary.characters[0]  # a character does not change its own distribution
        probabilities = self.distributions(prefix + any_character)[-1]
        return dict(zip(self.vocabulary.characters, probabilities.tolist(), strict=True))

    def states(self, text: str) -> list[Hashable] | None:
        """Return the states before `text` and after each of its characters, len(text) + 1; by default None.

        Arguments:
            text: a text without impossible characters.
        """
        return None

    @property
    def automaton(self) -> Automaton | None:
        """The oracle as a finite automaton; by default None."""
        return None

    def nearest_states(self, count: int) -> Automaton | None:
        """Return the automaton of the `count` states nearest to the start, or of all, if the oracle has states.

        By default it is `automaton`, if that has no more states.
        """
        automaton = self.automaton
        return automaton if automaton is not None and len(automaton.states) <= count else None

    def check_possible(self, text: str) -> None:
        """Raise ValueError if a character of `text` is impossible after those before it; the error names the first."""
        impossible = np.flatnonzero(np.isneginf(self.log_probs(text)))
        if len(impossible):
            position = int(impossible[0])
            allowed = [repr(c) for c, probability in self.next_distribution(text[:position]).items() if probability > 0]
            raise ValueError(
                f"place {position} of the text holds {text[position]!r}; allowed there: {', '.join(allowed)}"
            )


class StateOracle(Oracle):
    """An oracle defined by a state machine, whose states may be infinitely many.

    Arguments:
        alphabet: the pattern's characters.
        start: the state before the first character.
        transitions: takes a state and returns, for each possible character, its probability and the next state.

    Example, a coin that never shows tails twice in a row:
        >>> coin = StateOracle("ht", "any", lambda s: {"h": (1.0 if s == "t" else 0.5, "h")} | (
        ...     {} if s == "t" else {"t": (0.5, "t")}))
        >>> coin.next_distribution("ht")
        {'h': 1.0, 't': 0.0}
    """

    def __init__(self, alphabet: str, start: Hashable, transitions: Callable[[Any], Transitions]) -> None:
        super().__init__(alphabet)
        self._start, self._transitions = start, transitions
        self._clear()

    def _clear(self) -> None:
        """Drop all states but the start."""
        # States are numbered as they are first reached, so that a step is one look-up in a small dict. Number 0 is the
        # state after an impossible character, number 1 the start.
        self._numbers: dict[Hashable, int] = {}
        self._states: list[Hashable] = [None]
        self._next: list[dict[str, tuple[int, float]]] = [{}]  # by number: for each character the next number
        self._number(self._start)

    def _number(self, state: Hashable) -> int:
        """Return the number of a state; a new state gets the next free number."""
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
            self._next.append({})
        return self._numbers[state]

    def _step(self, number: int, character: str) -> tuple[int, float]:
        """Return the number of the state after a character, and the character's probability; store both.

        Arguments:
            number: the number of the state before the character.
            character: a character that was not yet read in this state.
        """
        transitions = self._transitions(self._states[number]) if number else {}
        probability, next_state = transitions.get(character, (0.0, None))
        self._next[number][character] = (self._number(next_state) if probability > 0 else 0, probability)
        return self._next[number][character]

    def _walk(self, text: str) -> tuple[list[int], list[float]]:
        """Return the len(text) + 1 numbers of the states, the start first, and the probability of each character."""
        self.vocabulary.indices(text)  # raises for a character that is not in the alphabet
        if len(self._states) > MAX_STATES:
            self._clear()
        number, numbers, probabilities = 1, [], []
        for character in text:
            numbers.append(number)
            number, probability = self._next[number].get(character) or self._step(number, character)
            probabilities.append(probability)
        return [*numbers, number], probabilities

    def distributions(self, text: str) -> np.ndarray:
        numbers, _ = self._walk(text)
        distinct, row_of = np.unique(np.array(numbers[:-1], dtype=np.int64), return_inverse=True)
        rows = np.zeros((len(distinct), len(self.vocabulary)))
        for row, number in zip(rows, distinct, strict=True):
            for character, (probability, _) in (self._transitions(self._states[number]) if number else {}).items():
                row[self.vocabulary.to_index[character]] = probability
        result: np.ndarray = rows[row_of]
        return result

    def log_probs(self, text: str) -> np.ndarray:
        with np.errstate(divide="ignore"):
            log_probs: np.ndarray = np.log(np.array(self._walk(text)[1]))
            return log_probs

    def states(self, text: str) -> list[Hashable]:
        return [self._states[number] for number in self._walk(text)[0]]

    @cached_property
    def automaton(self) -> Automaton | None:
        """The oracle as a finite automaton; None where it has more than `automaton.MAX_STATES` states."""
        return explore(self.vocabulary.characters, self._start, self._transitions)

    def nearest_states(self, count: int) -> Automaton | None:
        return explore(self.vocabulary.characters, self._start, self._transitions, count)
