"""markov: a random source whose next character depends on the last few."""

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
from rnn_core.patterns.shared.base import Pattern, options, refuse, whole
from rnn_core.patterns.shared.oracle import Moves, Oracle

MAX_PROBABILITIES = 1_000_000


class Markov(Pattern):
    """A random source: the last `order` characters draw the next by a table that is itself drawn at random.

    `markov:order=2:alphabet=4:seed=0`: for each pair of the letters abcd, a distribution drawn uniformly from all there
    are. The first `order` characters are drawn evenly.

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
        given = options(spec, argument, {"order": "2", "alphabet": "4", "seed": "0"})
        self.order = whole(spec, "order", given["order"], 0, 16, "markov:order=2")
        size = whole(spec, "alphabet", given["alphabet"], 2, 26, "markov:alphabet=4")
        self.seed = whole(spec, "seed", given["seed"], 0, 10**18 - 1, "markov:seed=0")
        if size ** (self.order + 1) > MAX_PROBABILITIES:
            raise refuse(
                spec, f"alphabet to the power of order + 1 at most {MAX_PROBABILITIES}, not {size ** (self.order + 1)}"
            )
        self.alphabet = string.ascii_lowercase[:size]
        self.default_length = 100_000
        draws = Random(f"markov {self.seed}")
        # Exponential draws, made to sum to 1, are uniform over all distributions (Devroye 1986, chapter XI.4).
        drawn = [[-math.log(1 - draws.random()) for _ in range(size)] for _ in range(size**self.order)]
        self.table = [[value / math.fsum(row) for value in row] for row in drawn]
        self.oracle = MarkovOracle(self.alphabet, self.order, np.array(self.table))

    @property
    def spec(self) -> str:
        return f"markov:order={self.order}:alphabet={len(self.alphabet)}:seed={self.seed}"

    def check_length(self, length: int) -> None:
        if length < self.order + 2:
            raise ConfigError("length", length, f"{self.order + 2} or more, so that something is drawn by the table")

    def knows(self, state: str) -> dict[str, str]:
        """Return `context`: the last `order` characters, fewer at the beginning."""
        return {"context": state}

    def sample(self, length: int, rng: Random) -> str:
        size = len(self.alphabet)
        bounds = [list(accumulate(row[:-1])) for row in self.table]
        drawn = [rng.randrange(size) for _ in range(min(self.order, length))]
        context = 0
        for index in drawn:
            context = context * size + index
        for _ in range(length - len(drawn)):
            index = bisect(bounds[context], rng.random())
            drawn.append(index)
            context = (context * size + index) % len(bounds)
        return "".join(self.alphabet[index] for index in drawn)


class MarkovOracle(Oracle):
    """Looks up the row of every context at once."""

    def __init__(self, alphabet: str, order: int, table: np.ndarray) -> None:
        super().__init__(alphabet)
        self._order, self._table = order, table.reshape([len(alphabet)] * (order + 1))

    def distributions(self, text: str) -> np.ndarray:
        came = self.vocabulary.indices(text)
        result = np.full((len(text), len(self.vocabulary)), 1 / len(self.vocabulary))
        predicted = max(0, len(text) - self._order)
        # The axes of the table are the characters of the context, the oldest first.
        context = tuple(came[age : age + predicted] for age in range(self._order))
        result[self._order :] = self._table[context]
        return result

    def states(self, text: str) -> list[Hashable]:
        return [text[max(0, at - self._order) : at] for at in range(len(text) + 1)]

    @cached_property
    def automaton(self) -> Automaton | None:
        """Contexts and what may follow them, those at the beginning among them, which are shorter."""
        return explore(self.vocabulary.characters, "", self._moves)

    def _moves(self, context: str) -> Moves:
        size, begin = len(self.vocabulary), len(context) + 1 - self._order
        row = np.full(size, 1 / size)
        if len(context) == self._order:
            row = self._table[tuple(self.vocabulary.to_index[character] for character in context)]
        return {
            character: (float(probability), (context + character)[max(0, begin) :])
            for character, probability in zip(self.vocabulary.characters, row, strict=True)
        }
