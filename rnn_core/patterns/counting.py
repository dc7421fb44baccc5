"""anbn, anbncn, anb2n, ambncmn: languages whose strings can only be predicted by counting."""

import math
from collections.abc import Mapping
from functools import cached_property
from random import Random
from typing import Any, ClassVar

from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import Oracle, StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_whole_number, spec_error
from rnn_core.patterns.shared.strings import MARK, Strings, with_marks

MAX_COUNT = 1_000_000
"""The largest count that `uniform` allows."""

MAX_TEST_COUNT = 1000
"""Every n from 1 to this one is a test case."""


class Counting(Strings):
    """Strings of a count n of a, followed by blocks of b and c whose lengths are multiples of n.

    n is at least 1. With `geometric=0.3` it is geometric with stopping probability 0.3, with `uniform=50` it is uniform
    on 1 to 50. Each n has one string, so a fresh draw repeats training strings; only larger n are new.

    Attributes:
        blocks: one digit for each block after the a: its length divided by n.
        own_recipes: the recipes of specs that have one of their own, by the argument of the canonical spec.
    """

    blocks: ClassVar[str]
    own_recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    every_size = True
    number_labels = ("count_a", "count_b", "left_b", "left_c")
    recipe: Mapping[str, Any] = {
        "encoding": "onehot",
        "cell": "lstm",
        "hidden_size": 8,
        "epochs": 60,
        "learning_rate": 0.02,
        "schedule": "cosine",
        "batch_size": 32,
    }

    def __init__(self, argument: str) -> None:
        spec = f"{self.family}:{argument}"
        self.kind, _, number = (argument or "geometric=0.3").partition("=")
        if self.kind == "uniform":
            self.max_count = parse_whole_number(spec, "uniform", number, 1, MAX_COUNT, f"{self.family}:uniform=50")
        elif self.kind == "geometric":
            try:
                self.stop = float(number)
            except ValueError:
                self.stop = math.nan
            if not 1e-4 <= self.stop < 1:
                example = f"{self.family}:geometric=0.3"
                raise spec_error(spec, f"geometric from 0.0001 to below 1, such as {example}, not {number!r}")
        else:
            raise spec_error(spec, f"{self.family}, {self.family}:geometric=0.3 or {self.family}:uniform=50")
        self.recipe = self.own_recipes.get(self.spec.partition(":")[2], self.recipe)
        self.alphabet = "".join(sorted(MARK + "abc"[: 1 + len(self.blocks)]))
        self.default_length = 50_000
        self.lengths = range(1, self.max_count + 1) if self.kind == "uniform" else ()
        self.oracle = StateOracle(self.alphabet, "start", self._transitions)

    @property
    def spec(self) -> str:
        number = f"{self.max_count}" if self.kind == "uniform" else repr(self.stop)
        return self.family if (self.kind, number) == ("geometric", "0.3") else f"{self.family}:{self.kind}={number}"

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return type(self)("").oracle  # the geometric distribution allows every n

    def count(self, rng: Random) -> int:
        """Draw n."""
        if self.kind == "uniform":
            return rng.randint(1, self.max_count)
        return 1 + int(math.log(1 - rng.random()) / math.log(1 - self.stop))

    def string(self, count: int) -> str:
        """Return the string whose n is `count`."""
        return "a" * count + "".join(
            letter * (int(times) * count) for letter, times in zip("bc", self.blocks, strict=False)
        )

    def draw(self, rng: Random) -> str:
        return self.string(self.count(rng))

    def draw_of_length(self, rng: Random, length: int) -> str:
        """Return the string whose n is `length`."""
        return self.string(length)

    def sizes(self, string: str) -> dict[str, int]:
        return {"n": string.count("a")}

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        return [Case("n", count, with_marks(self.string(count))) for count in range(1, MAX_TEST_COUNT + 1)]

    def state_labels(self, state: Any) -> dict[str, int]:
        """Return `count_a`, the number of a so far, and `left_b` and `left_c`, the numbers of b and c still to come.

        Among the a, `left_b` and `left_c` are -1 since they are not determined yet; after the a, `count_a` is -1.
        """
        names = [f"left_{letter}" for letter in "bc"[: len(self.blocks)]]
        if state == "start" or state[0] == "a":
            return {"count_a": 0 if state == "start" else state[1], **dict.fromkeys(names, -1)}
        block, remaining, count = state
        later_blocks = [int(times) * count for times in self.blocks[block + 1 :]]
        return {"count_a": -1, **dict(zip(names, [0] * block + [remaining, *later_blocks], strict=True))}

    def stop_probability(self, count: int) -> float:
        """Return the probability that a drawn count equals `count`, given that it is at least `count`."""
        if count == 0:
            return 0.0
        return self.stop if self.kind == "geometric" else 1 / max(1, self.max_count - count + 1)

    def _transitions(self, state: Any) -> Transitions:
        """Return the transitions from "start", ("a", a so far) or (block, characters left in it, n)."""
        if state == "start":
            return {MARK: (1.0, ("a", 0))}
        if state[0] == "a":
            count = state[1]
            stop = self.stop_probability(count)
            transitions: dict[str, tuple[float, object]] = {}
            if stop < 1:
                transitions["a"] = (1 - stop, ("a", count + 1))
            if stop > 0:
                transitions["b"] = (stop, self._block_state(0, int(self.blocks[0]) * count - 1, count))
            return transitions
        block, remaining, count = state
        if not remaining:
            return {MARK: (1.0, ("a", 0))}
        return {"bc"[block]: (1.0, self._block_state(block, remaining - 1, count))}

    def _block_state(self, block: int, remaining: int, count: int) -> tuple[int, int, int]:
        """Return the state with `remaining` characters left in a block; at 0, the beginning of the next block.

        The state holds n only while a later block depends on it, so that strings of different n share their last
        states.
        """
        if remaining == 0 and block + 1 < len(self.blocks):
            block, remaining = block + 1, int(self.blocks[block + 1]) * count
        return (block, remaining, count if block + 1 < len(self.blocks) else 0)


class AnBn(Counting):
    """As many b as a, such as aaabbb; the number is drawn for each string.

    a^n b^n, n at least 1, geometric(0.3) or uniform.

    Example:
        >>> AnBn("").sample(20, Random(1))
        '#ab#aaaaaabbbbbb#aaaaabbbbb#'
    """

    family = example = "anbn"
    blocks = "1"
    own_recipes = {"uniform=99": {**Counting.recipe, "epochs": 100, "batch_size": 4}}


class AnBnCn(Counting):
    """As many b and c as a, such as aabbcc; the number is drawn for each string.

    a^n b^n c^n, n at least 1, geometric(0.3) or uniform.

    Example:
        >>> AnBnCn("uniform=3").sample(20, Random(1))
        '#abc#aaabbbccc#abc#aabbcc#'
    """

    family = example = "anbncn"
    blocks = "11"


class AnB2n(Counting):
    """Two b for each a, such as aabbbb; the number is drawn for each string.

    a^n b^2n, n at least 1, geometric(0.3) or uniform.

    Example:
        >>> AnB2n("geometric=0.5").sample(20, Random(1))
        '#abb#aaabbbbbb#aaabbbbbb#'
    """

    family = example = "anb2n"
    blocks = "2"


class AmBnCmn(Counting):
    """As many c as a and b together, such as abbccc; both numbers are drawn for each string.

    a^m b^n c^(m+n), m and n at least 1, each geometric(0.3) or uniform.

    Example:
        >>> AmBnCmn("").sample(20, Random(1))
        '#abbbbbbccccccc#aaaaabcccccc#'
    """

    family = example = "ambncmn"
    blocks = "11"

    def __init__(self, argument: str) -> None:
        super().__init__(argument)
        self.lengths = ()  # the larger of m and n is not uniform, even where m and n are

    def draw(self, rng: Random) -> str:
        m, n = self.count(rng), self.count(rng)
        return "a" * m + "b" * n + "c" * (m + n)

    def sizes(self, string: str) -> dict[str, int]:
        return {"larger_of_m_and_n": max(string.count("a"), string.count("b"))}

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        rng = Random(f"beyond {data_seed}")
        pairs = [(larger, rng.randint(1, larger)) for larger in range(1, MAX_TEST_COUNT + 1)]
        pairs = [pair if rng.random() < 1 / 2 else pair[::-1] for pair in pairs]
        strings = ["a" * m + "b" * n + "c" * (m + n) for m, n in pairs]
        return [Case("larger_of_m_and_n", max(pair), with_marks(s)) for pair, s in zip(pairs, strings, strict=True)]

    def state_labels(self, state: Any) -> dict[str, int]:
        """Return `count_a` and `count_b`, the numbers of a and b so far, and `left_c`, the number of c still to come.

        Before the first c, `left_c` is -1 since it is not determined yet; after it, `count_a` and `count_b` are -1.
        """
        letter, *counts = ("a", 0) if state == "start" else state
        if letter == "c":
            return {"count_a": -1, "count_b": -1, "left_c": counts[0]}
        return {"count_a": counts[0], "count_b": counts[1] if letter == "b" else 0, "left_c": -1}

    def _transitions(self, state: Any) -> Transitions:
        """Return the transitions from "start", ("a", a so far), ("b", m, b so far) or ("c", c left)."""
        if state == "start":
            return {MARK: (1.0, ("a", 0))}
        letter, *counts = state
        if letter == "c":
            return {"c": (1.0, ("c", counts[0] - 1))} if counts[0] else {MARK: (1.0, ("a", 0))}
        stop = self.stop_probability(counts[-1])
        same_block = (letter, *counts[:-1], counts[-1] + 1)
        next_block = ("b", counts[0], 1) if letter == "a" else ("c", sum(counts) - 1)
        transitions = {letter: (1 - stop, same_block), "b" if letter == "a" else "c": (stop, next_block)}
        return {
            character: (probability, state) for character, (probability, state) in transitions.items() if probability
        }
