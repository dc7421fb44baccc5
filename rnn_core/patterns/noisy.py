"""noisy: a repeated unit whose characters are replaced at random at a rate."""

import math
from random import Random

import numpy as np

from rnn_core.patterns.shared.base import Pattern, least_period, refuse
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.vocabulary import Vocabulary, code_points

LEAST = 1e-9
"""The least rate; the greatest is as far below 1."""

CHUNK_NUMBERS = 2**22
"""Posterior weights held at a time, so that memory does not grow with the text."""


class Noisy(Pattern):
    """A repeated unit read from a random phase, each character replaced at a rate by another of the unit's.

    `noisy:abc:0.1`: nine characters in ten are right; the tenth is one of the other two, equally likely.

    Example:
        >>> Noisy("abc:0.2").sample(30, Random(1))
        'abaabcaacabcabcacaaccabcabcabc'
    """

    family = "noisy"
    example = "noisy:abc:0.1"
    recipe = {"encoding": "onehot", "cell": "gru", "epochs": 20, "batch_size": 32, "window": 50}

    def __init__(self, argument: str) -> None:
        self.unit, colon, rate = argument.rpartition(":")
        spec = f"noisy:{argument}"
        if not colon or len(set(self.unit)) < 2:
            raise refuse(spec, "noisy:UNIT:RATE, such as noisy:abc:0.1, the unit of two or more distinct characters")
        try:
            self.rate = float(rate)
        except ValueError:
            self.rate = math.nan
        if not LEAST <= self.rate <= 1 - LEAST:
            raise refuse(spec, f"a rate from {LEAST:g} to 1 - {LEAST:g} after the last colon, not {rate!r}")
        self.alphabet = "".join(sorted(set(self.unit)))
        self.default_length = 10_000
        self.oracle = NoisyOracle(self.unit, self.rate)

    @property
    def spec(self) -> str:
        return f"noisy:{self.unit}:{self.rate!r}"

    def sample(self, length: int, rng: Random) -> str:
        phase = rng.randrange(len(self.unit))
        others = {character: self.alphabet.replace(character, "") for character in self.alphabet}
        characters = []
        for position in range(length):
            character = self.unit[(phase + position) % len(self.unit)]
            characters.append(rng.choice(others[character]) if rng.random() < self.rate else character)
        return "".join(characters)

    def labels(self, text: str) -> dict[str, np.ndarray]:
        """Return `place`: the likeliest place of the character just read, in the shortest string that is repeated.

        Likeliest given all that was read. Of places that are equally likely it is the one whose stream began earliest
        in the string. No character is impossible anywhere.
        """
        period, unit = least_period(self.unit), code_points(self.unit)
        Vocabulary(self.alphabet).indices(text)  # refuses characters that are not in the alphabet
        came = code_points(text)
        # How likely a phase is depends only on how many characters it explains. A character is right with 1 - rate;
        # above that of a wrong one, most are best, and below it, fewest.
        sign = np.sign((1 - self.rate) * (len(self.alphabet) - 1) - self.rate)
        phases = np.arange(period)[:, None]
        right = np.zeros((period, 1))
        places = np.empty(len(text), dtype=np.int64)
        for begin in range(0, len(text), steps := max(1, CHUNK_NUMBERS // period)):
            part = slice(begin, begin + steps)
            step = np.arange(begin, begin + len(came[part]))
            after = right + (unit[(phases + step) % period] == came[part]).cumsum(axis=1)
            places[part] = ((sign * after).argmax(axis=0) + step) % period
            right = after[:, -1:]
        return {"place": places}


class NoisyOracle(Oracle):
    """Weighs every phase by how well it explains what was read (Bayes' rule), and averages their predictions."""

    def __init__(self, unit: str, rate: float) -> None:
        super().__init__(unit)
        self._unit, self._right, self._wrong = unit, 1 - rate, rate / (len(self.vocabulary) - 1)

    def distributions(self, text: str) -> np.ndarray:
        result = np.empty((len(text), len(self.vocabulary)))
        for index, character in enumerate(self.vocabulary.characters):
            result[:, index] = np.exp(self._expecting(text, code_points(character * len(text))))
        return result

    def log_probs(self, text: str) -> np.ndarray:
        return self._expecting(text, code_points(text))

    def _expecting(self, text: str, asked: np.ndarray) -> np.ndarray:
        """Return the log-probability that each character is the one asked for, given the text before it."""
        self.vocabulary.indices(text)  # refuses characters that are not in the alphabet
        came, unit = code_points(text), code_points(self._unit)
        phases = np.arange(len(unit))[:, None]
        evidence = np.zeros((len(unit), 1))  # log-likelihood of each phase so far
        result = np.empty(len(text))
        for begin in range(0, len(text), steps := max(1, CHUNK_NUMBERS // len(unit))):
            part = slice(begin, begin + steps)
            expected = unit[(phases + np.arange(begin, begin + len(came[part]))) % len(unit)]
            after = evidence + np.where(expected == came[part], math.log(self._right), math.log(self._wrong)).cumsum(1)
            before = np.concatenate([evidence, after[:, :-1]], axis=1)
            weight = np.exp(before - before.max(axis=0))
            share = (weight * (expected == asked[part])).sum(axis=0) / weight.sum(axis=0)
            result[part] = np.log(self._wrong + (self._right - self._wrong) * share)
            evidence = after[:, -1:] - after[:, -1].max()
        return result
