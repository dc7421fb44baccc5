"""Oracles: the exact next-character distribution of a pattern, in one linear pass over a text."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from rnn_core.patterns.shared.automaton import Automaton, explore
from rnn_core.vocabulary import Vocabulary

Moves = Mapping[str, tuple[float, Hashable]]
"""Each character that may come, with its probability and the state that it leads to."""

MAX_STATES = 2_000_000
"""States that a StateOracle keeps; beyond, it forgets them all and starts anew, so that memory stays bounded."""


class Oracle(ABC):
    """The best predictor there can be: it knows the pattern, and has read what was read.

    Attributes:
        vocabulary: the pattern's characters; distributions are over them in this order.
    """

    def __init__(self, alphabet: str) -> None:
        self.vocabulary = Vocabulary(alphabet)

    @abstractmethod
    def distributions(self, text: str) -> np.ndarray:
        """Return the distribution of each character of `text` given those before it: float64, (len(text), V).

        After a character of probability zero all is impossible: rows of zeros.

        Raises:
            UnknownCharacterError: a character is not in the alphabet.
        """

    def log_probs(self, text: str) -> np.ndarray:
        """Return the log-probability of each character of `text` given those before it, nats: (len(text),)."""
        came = self.vocabulary.indices(text)
        with np.errstate(divide="ignore"):
            log_probs: np.ndarray = np.log(self.distributions(text)[np.arange(len(text)), came])
            return log_probs

    def next_distribution(self, prefix: str) -> dict[str, float]:
        """Return each character's probability of coming after `prefix`, which may be empty."""
        some = self.vocabulary.characters[0]  # whatever stands there does not change its own distribution
        probabilities = self.distributions(prefix + some)[-1]
        return dict(zip(self.vocabulary.characters, probabilities.tolist(), strict=True))

    def states(self, text: str) -> list[Hashable] | None:
        """Return what is known before `text` and after each of its characters, len(text) + 1 states.

        By default None: what the oracle knows is not one of countably many states.

        Arguments:
            text: one that is possible.
        """
        return None

    @property
    def automaton(self) -> Automaton | None:
        """The oracle as tables; by default None."""
        return None

    def check_possible(self, text: str) -> None:
        """Raise ValueError if a character of `text` cannot come after those before it; it names the first."""
        impossible = np.flatnonzero(np.isneginf(self.log_probs(text)))
        if len(impossible):
            at = int(impossible[0])
            allowed = [repr(c) for c, probability in self.next_distribution(text[:at]).items() if probability > 0]
            raise ValueError(f"place {at} of the text holds {text[at]!r}; allowed there: {', '.join(allowed)}")


class StateOracle(Oracle):
    """An oracle whose knowledge after any text is one of countably many states.

    Arguments:
        alphabet: the pattern's characters.
        start: the state before the first character.
        moves: from a state, what may come.

    Example, a coin that never shows tails twice:
        >>> coin = StateOracle("ht", "any", lambda s: {"h": (1.0 if s == "t" else 0.5, "h")} | (
        ...     {} if s == "t" else {"t": (0.5, "t")}))
        >>> coin.next_distribution("ht")
        {'h': 1.0, 't': 0.0}
    """

    def __init__(self, alphabet: str, start: Hashable, moves: Callable[[Any], Moves]) -> None:
        super().__init__(alphabet)
        self._start, self._moves = start, moves
        self._forget()

    def _forget(self) -> None:
        # States are numbered as they are met, so that a step costs one look into a small dict. Number 0: impossible.
        self._numbers: dict[Hashable, int] = {}
        self._states: list[Hashable] = [None]
        self._next: list[dict[str, tuple[int, float]]] = [{}]
        self._enter(self._start)

    def _enter(self, state: Hashable) -> int:
        """Return a state's number, a new one for a new state."""
        if state not in self._numbers:
            self._numbers[state] = len(self._states)
            self._states.append(state)
            self._next.append({})
        return self._numbers[state]

    def _step(self, number: int, character: str) -> tuple[int, float]:
        """Return the state after a character that has not been read there before, and its probability."""
        moves = self._moves(self._states[number]) if number else {}
        probability, after = moves.get(character, (0.0, None))
        self._next[number][character] = (self._enter(after) if probability > 0 else 0, probability)
        return self._next[number][character]

    def _walk(self, text: str) -> tuple[list[int], list[float]]:
        """Return the numbers of the states, len(text) + 1 from the start on, and each character's probability."""
        self.vocabulary.indices(text)  # refuses characters that are not in the alphabet
        if len(self._states) > MAX_STATES:
            self._forget()
        number, numbers, probabilities = 1, [], []
        for character in text:
            numbers.append(number)
            number, probability = self._next[number].get(character) or self._step(number, character)
            probabilities.append(probability)
        return [*numbers, number], probabilities

    def distributions(self, text: str) -> np.ndarray:
        numbers, _ = self._walk(text)
        met, place = np.unique(np.array(numbers[:-1], dtype=np.int64), return_inverse=True)
        rows = np.zeros((len(met), len(self.vocabulary)))
        for row, number in zip(rows, met, strict=True):
            for character, (probability, _) in (self._moves(self._states[number]) if number else {}).items():
                row[self.vocabulary.to_index[character]] = probability
        result: np.ndarray = rows[place]
        return result

    def log_probs(self, text: str) -> np.ndarray:
        with np.errstate(divide="ignore"):
            log_probs: np.ndarray = np.log(np.array(self._walk(text)[1]))
            return log_probs

    def states(self, text: str) -> list[Hashable]:
        return [self._states[number] for number in self._walk(text)[0]]

    @cached_property
    def automaton(self) -> Automaton | None:
        """The oracle as tables; None where it has more than `automaton.MAX_STATES` states."""
        return explore(self.vocabulary.characters, self._start, self._moves)
