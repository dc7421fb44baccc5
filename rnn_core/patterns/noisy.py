"""noisy: a repeated motif whose characters are replaced at random."""

import math
from random import Random

import numpy as np

from rnn_core.patterns.shared.base import Pattern, least_period
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.patterns.shared.specs import spec_error
from rnn_core.vocabulary import Vocabulary, code_points

MIN_RATE = 1e-9
"""The lowest rate; the highest is 1 - MIN_RATE."""

CHUNK_NUMBERS = 2**22
"""The number of phases x characters that are worked on at a time, to bound the memory."""


class Noisy(Pattern):
    """A repeated motif read from a random phase, each character replaced with a fixed probability by another one of it.

    `noisy:abc:0.1`: with probability 0.1 a character is replaced by one of the other two, both equally likely.

    Example:
        >>> Noisy("abc:0.2").sample(30, Random(1))
        'abaabcaacabcabcacaaccabcabcabc'
    """

    family = "noisy"
    example = "noisy:abc:0.1"
    recipe = {"encoding": "onehot", "cell": "gru", "epochs": 20, "batch_size": 32, "window": 50}

    def __init__(self, argument: str) -> None:
        self.repeated, colon, rate = argument.rpartition(":")
        spec = f"noisy:{argument}"
        if not colon or len(set(self.repeated)) < 2:
            allowed = "noisy:MOTIF:RATE, such as noisy:abc:0.1, the motif of two or more distinct characters"
            raise spec_error(spec, allowed)
        try:
            self.rate = float(rate)
        except ValueError:
            self.rate = math.nan
        if not MIN_RATE <= self.rate <= 1 - MIN_RATE:
            raise spec_error(spec, f"a rate from {MIN_RATE:g} to 1 - {MIN_RATE:g} after the last colon, not {rate!r}")
        self.alphabet = "".join(sorted(set(self.repeated)))
        self.default_length = 10_000
        self.oracle = NoisyOracle(self.repeated, self.rate)

    @property
    def spec(self) -> str:
        return f"noisy:{self.repeated}:{self.rate!r}"

    def sample(self, length: int, rng: Random) -> str:
        phase = rng.randrange(len(self.repeated))
        others = {character: self.alphabet.replace(character, "") for character in self.alphabet}
        characters = []
        for position in range(length):
            character = self.repeated[(phase + position) % len(self.repeated)]
            characters.append(rng.choice(others[character]) if rng.random() < self.rate else character)
        return "".join(characters)

    def labels(self, text: str) -> dict[str, np.ndarray]:
        """Return `place`: the likeliest place of the last character in the motif, given all characters up to it.

        The motif is the shortest string of which `repeated` is a repetition. If several places are equally likely, it
        is the one that belongs to the smallest phase. No character is impossible anywhere.
        """
        period, motif = least_period(self.repeated), code_points(self.repeated)
        Vocabulary(self.alphabet).indices(text)  # raises for a character that is not in the alphabet
        characters = code_points(text)
        # The likelihood of a phase depends only on the number of characters that agree with it. It grows with that
        # number if the right character is likelier than each wrong one, and falls with it otherwise.
        sign = np.sign((1 - self.rate) * (len(self.alphabet) - 1) - self.rate)
        phases = np.arange(period)[:, None]
        agreeing = np.zeros((period, 1))  # for each phase, the number of characters so far that agree with it
        places = np.empty(len(text), dtype=np.int64)
        for begin in range(0, len(text), size := max(1, CHUNK_NUMBERS // period)):
            chunk = slice(begin, begin + size)
            position = np.arange(begin, begin + len(characters[chunk]))
            agreeing_after = agreeing + (motif[(phases + position) % period] == characters[chunk]).cumsum(axis=1)
            places[chunk] = ((sign * agreeing_after).argmax(axis=0) + position) % period
            agreeing = agreeing_after[:, -1:]
        return {"place": places}


class NoisyOracle(Oracle):
    """The average of the predictions of all phases, weighted by their probabilities given the text (Bayes' rule).

    Arguments:
        repeated: the string that is repeated.
        rate: the probability that a character is replaced, above 0 and below 1.
    """

    def __init__(self, repeated: str, rate: float) -> None:
        super().__init__(repeated)
        self._repeated, self._right, self._wrong = repeated, 1 - rate, rate / (len(self.vocabulary) - 1)

    def distributions(self, text: str) -> np.ndarray:
        result = np.empty((len(text), len(self.vocabulary)))
        for index, character in enumerate(self.vocabulary.characters):
            result[:, index] = np.exp(self._log_probs_of(code_points(character * len(text)), text))
        return result

    def log_probs(self, text: str) -> np.ndarray:
        return self._log_probs_of(code_points(text), text)

    def _log_probs_of(self, candidates: np.ndarray, text: str) -> np.ndarray:
        """Return the log-probability of a candidate at each position of a text, given the characters before it.

        Arguments:
            candidates: the code point of the candidate at each position, (len(text),).
            text: the text.
        """
        self.vocabulary.indices(text)  # raises for a character that is not in the alphabet
        characters, motif = code_points(text), code_points(self._repeated)
        phases = np.arange(len(motif))[:, None]
        log_likelihood = np.zeros((len(motif), 1))  # of each phase, up to a constant
        result = np.empty(len(text))
        for begin in range(0, len(text), size := max(1, CHUNK_NUMBERS // len(motif))):
            chunk = slice(begin, begin + size)
            expected = motif[(phases + np.arange(begin, begin + len(characters[chunk]))) % len(motif)]
            step = np.where(expected == characters[chunk], math.log(self._right), math.log(self._wrong))
            after = log_likelihood + step.cumsum(1)
            before = np.concatenate([log_likelihood, after[:, :-1]], axis=1)
            weight = np.exp(before - before.max(axis=0))
            share = (weight * (expected == candidates[chunk])).sum(axis=0) / weight.sum(axis=0)
            result[chunk] = np.log(self._wrong + (self._right - self._wrong) * share)
            log_likelihood = after[:, -1:] - after[:, -1].max()
        return result
