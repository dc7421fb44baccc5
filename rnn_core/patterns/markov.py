"""markov: a Markov chain over characters, with random transition probabilities."""

import math
import string
from bisect import bisect
from collections.abc import Hashable
from functools import cached_property
from itertools import accumulate
from random import Random

import numpy as np

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.automaton import Automaton, explore
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.oracle import Oracle, Transitions
from rnn_core.patterns.shared.specs import parse_options, parse_whole_number, spec_error

MAX_PROBABILITIES = 1_000_000
"""The largest table of transition probabilities."""


class Markov(Pattern):
    """A random source: the last `order` characters determine the distribution of the next, which is drawn from a seed.

    `markov:order=2:alphabet=4:seed=0`: the distribution after each pair of the letters abcd is drawn, with seed 0,
    uniformly from all distributions over abcd. The first `order` characters are drawn evenly.

    Example:
        >>> Markov("order=1:alphabet=3:seed=5").sample(30, Random(1))
        'abcabcbbabcbcbcacbabacacbcbcbc'
    """

    family = "markov"
    example = "markov:order=2:alphabet=4:seed=0"
    recipe = {
        "encoding": "onehot",
        "cell": "gru",
        "hidden_size": 32,
        "epochs": 20,
        "batch_size": 32,
        "window": 50,
        "schedule": "cosine",
    }

    def __init__(self, argument: str) -> None:
        spec = f"markov:{argument}"
        given = parse_options(spec, argument, {"order": "2", "alphabet": "4", "seed": "0"})
        self.order = parse_whole_number(spec, "order", given["order"], 0, 16, "markov:order=2")
        size = parse_whole_number(spec, "alphabet", given["alphabet"], 2, 26, "markov:alphabet=4")
        self.seed = parse_whole_number(spec, "seed", given["seed"], 0, 10**18 - 1, "markov:seed=0")
        if size ** (self.order + 1) > MAX_PROBABILITIES:
            raise spec_error(
                spec, f"alphabet to the power of order + 1 at most {MAX_PROBABILITIES}, not {size ** (self.order + 1)}"
            )
        self.alphabet = string.ascii_lowercase[:size]
        self.default_length = 100_000
        rng = Random(f"markov {self.seed}")
        # Exponential draws, scaled to sum to 1, are uniform over all distributions (Devroye 1986, chapter XI.4).
        draws = [[-math.log(1 - rng.random()) for _ in range(size)] for _ in range(size**self.order)]
        self.table = [[value / math.fsum(row) for value in row] for row in draws]
        self.oracle = MarkovOracle(self.alphabet, self.order, np.array(self.table))

    @property
    def spec(self) -> str:
        return f"markov:order={self.order}:alphabet={len(self.alphabet)}:seed={self.seed}"

    def check_length(self, length: int) -> None:
        if length < self.order + 2:
            raise ConfigError("length", length, f"{self.order + 2} or more: the first {self.order} are drawn evenly")

    def state_labels(self, state: str) -> dict[str, str]:
        """Return `context`: the last `order` characters, or all if there are fewer."""
        return {"context": state}

    def sample(self, length: int, rng: Random) -> str:
        size = len(self.alphabet)
        cumulative = [list(accumulate(row[:-1])) for row in self.table]
        indices = [rng.randrange(size) for _ in range(min(self.order, length))]
        context = 0  # the number of the row of the table
        for index in indices:
            context = context * size + index
        for _ in range(length - len(indices)):
            index = bisect(cumulative[context], rng.random())
            indices.append(index)
            context = (context * size + index) % len(cumulative)
        return "".join(self.alphabet[index] for index in indices)


class MarkovOracle(Oracle):
    """The oracle of a Markov chain: the table's rows at the contexts of a text, looked up in one array operation.

    Arguments:
        alphabet: V characters.
        order: the length of a context.
        table: the distribution of the next character after each context: float64, (V**order, V).
    """

    def __init__(self, alphabet: str, order: int, table: np.ndarray) -> None:
        super().__init__(alphabet)
        self._order, self._table = order, table.reshape([len(alphabet)] * (order + 1))

    def distributions(self, text: str) -> np.ndarray:
        indices = self.vocabulary.indices(text)
        result = np.full((len(text), len(self.vocabulary)), 1 / len(self.vocabulary))
        with_context = max(0, len(text) - self._order)
        # The axes of the table are the characters of the context, the first one first.
        context = tuple(indices[begin : begin + with_context] for begin in range(self._order))
        result[self._order :] = self._table[context]
        return result

    def states(self, text: str) -> list[Hashable]:
        return [text[max(0, end - self._order) : end] for end in range(len(text) + 1)]

    @cached_property
    def automaton(self) -> Automaton | None:
        """The automaton whose states are the contexts, with the shorter ones at the beginning of a text."""
        return explore(self.vocabulary.characters, "", self._transitions)

    def _transitions(self, context: str) -> Transitions:
        size, begin = len(self.vocabulary), len(context) + 1 - self._order
        row = np.full(size, 1 / size)
        if len(context) == self._order:
            row = self._table[tuple(self.vocabulary.to_index[character] for character in context)]
        return {
            character: (float(probability), (context + character)[max(0, begin) :])
            for character, probability in zip(self.vocabulary.characters, row, strict=True)
        }
