"""anbn, anbncn, anb2n, ambncmn: languages that need counting."""

import math
from functools import cached_property
from random import Random
from typing import Any, ClassVar

from rnn_core.patterns.shared.base import refuse, whole
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import Moves, Oracle, StateOracle
from rnn_core.patterns.shared.strings import MARK, Strings, marked

GREATEST = 1_000_000
"""The greatest count that may be asked for."""

FURTHEST = 1000
"""Every n up to this one is tested."""


class Counting(Strings):
    """Strings whose first count is drawn, and whose other counts follow from it.

    The count n is at least 1: `geometric=0.3` stops after each with probability 0.3, `uniform=50` draws from 1 to 50.
    One n is one string, so a fresh draw repeats what was trained on; what is new are the n beyond.

    Attributes:
        blocks: for each letter after a, how often it comes for each a.
    """

    blocks: ClassVar[str]
    every_size = True
    recipe = {
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
            self.most = whole(spec, "uniform", number, 1, GREATEST, f"{self.family}:uniform=50")
        elif self.kind == "geometric":
            try:
                self.stop = float(number)
            except ValueError:
                self.stop = math.nan
            if not 1e-4 <= self.stop < 1:
                example = f"{self.family}:geometric=0.3"
                raise refuse(spec, f"geometric from 0.0001 to below 1, such as {example}, not {number!r}")
        else:
            raise refuse(spec, f"{self.family}, {self.family}:geometric=0.3 or {self.family}:uniform=50")
        self.alphabet = "".join(sorted(MARK + "abc"[: 1 + len(self.blocks)]))
        self.default_length = 50_000
        self.oracle = StateOracle(self.alphabet, "start", self._moves)

    @property
    def spec(self) -> str:
        number = f"{self.most}" if self.kind == "uniform" else repr(self.stop)
        return self.family if (self.kind, number) == ("geometric", "0.3") else f"{self.family}:{self.kind}={number}"

    @cached_property
    def language(self) -> Oracle | None:
        return type(self)("").oracle  # which holds every n possible

    def count(self, rng: Random) -> int:
        """Draw n."""
        if self.kind == "uniform":
            return rng.randint(1, self.most)
        return 1 + int(math.log(1 - rng.random()) / math.log(1 - self.stop))

    def string(self, count: int) -> str:
        """Return the string of a count."""
        return "a" * count + "".join(
            letter * (int(times) * count) for letter, times in zip("bc", self.blocks, strict=False)
        )

    def draw(self, rng: Random) -> str:
        return self.string(self.count(rng))

    def sizes(self, string: str) -> dict[str, int]:
        return {"n": string.count("a")}

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        return [Case("n", count, marked(self.string(count))) for count in range(1, FURTHEST + 1)]

    def knows(self, state: Any) -> dict[str, int]:
        """Return how many a there are so far, `count_a`, and how many of each letter are to come, `left_b`, `left_c`.

        While a come, how many of the others will, cannot be known; afterwards a do not count any more.
        """
        letters = [f"left_{letter}" for letter in "bc"[: len(self.blocks)]]
        if state == "start" or state[0] == "a":
            return {"count_a": 0 if state == "start" else state[1], **dict.fromkeys(letters, -1)}
        block, left, count = state
        later = [int(times) * count for times in self.blocks[block + 1 :]]
        return {"count_a": -1, **dict(zip(letters, [0] * block + [left, *later], strict=True))}

    def stops(self, count: int) -> float:
        """Return the probability that a count that has come this far ends here."""
        if count == 0:
            return 0.0
        return self.stop if self.kind == "geometric" else 1 / max(1, self.most - count + 1)

    def _moves(self, state: Any) -> Moves:
        """Go from a state: how many a there are, or (the block, what is left of it, n)."""
        if state == "start":
            return {MARK: (1.0, ("a", 0))}
        if state[0] == "a":
            count = state[1]
            stop = self.stops(count)
            moves: dict[str, tuple[float, object]] = {}
            if stop < 1:
                moves["a"] = (1 - stop, ("a", count + 1))
            if stop > 0:
                moves["b"] = (stop, self._left(0, int(self.blocks[0]) * count - 1, count))
            return moves
        block, left, count = state
        return {"bc"[block]: (1.0, self._left(block, left - 1, count))} if left else {MARK: (1.0, ("a", 0))}

    def _left(self, block: int, left: int, count: int) -> tuple[int, int, int]:
        """Return the state with `left` characters to come of a block, or the whole next one; n while it is needed."""
        if left == 0 and block + 1 < len(self.blocks):
            block, left = block + 1, int(self.blocks[block + 1]) * count
        return (block, left, count if block + 1 < len(self.blocks) else 0)


class AnBn(Counting):
    """As many b as a: a^n b^n, n at least 1, geometric(0.3) or uniform.

    Example:
        >>> AnBn("").sample(20, Random(1))
        '#ab#aaaaaabbbbbb#aaaaabbbbb#'
    """

    family = example = "anbn"
    blocks = "1"


class AnBnCn(Counting):
    """As many b and c as a: a^n b^n c^n, n at least 1, geometric(0.3) or uniform.

    Example:
        >>> AnBnCn("uniform=3").sample(20, Random(1))
        '#abc#aaabbbccc#abc#aabbcc#'
    """

    family = example = "anbncn"
    blocks = "11"


class AnB2n(Counting):
    """Two b for each a: a^n b^2n, n at least 1, geometric(0.3) or uniform.

    Example:
        >>> AnB2n("geometric=0.5").sample(20, Random(1))
        '#abb#aaabbbbbb#aaabbbbbb#'
    """

    family = example = "anb2n"
    blocks = "2"


class AmBnCmn(Counting):
    """As many c as a and b together: a^m b^n c^(m+n), m and n at least 1, each geometric(0.3) or uniform.

    Example:
        >>> AmBnCmn("").sample(20, Random(1))
        '#abbbbbbccccccc#aaaaabcccccc#'
    """

    family = example = "ambncmn"
    blocks = "11"

    def draw(self, rng: Random) -> str:
        m, n = self.count(rng), self.count(rng)
        return "a" * m + "b" * n + "c" * (m + n)

    def sizes(self, string: str) -> dict[str, int]:
        return {"larger_of_m_and_n": max(string.count("a"), string.count("b"))}

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        rng = Random(f"beyond {data_seed}")
        pairs = [(larger, rng.randint(1, larger)) for larger in range(1, FURTHEST + 1)]
        pairs = [pair if rng.random() < 1 / 2 else pair[::-1] for pair in pairs]
        strings = ["a" * m + "b" * n + "c" * (m + n) for m, n in pairs]
        return [Case("larger_of_m_and_n", max(pair), marked(s)) for pair, s in zip(pairs, strings, strict=True)]

    def knows(self, state: Any) -> dict[str, int]:
        """Return how many a and b there are so far, `count_a` and `count_b`, and how many c are to come, `left_c`.

        Until the first c, how many will come cannot be known; from then on the others do not count any more.
        """
        letter, *counts = ("a", 0) if state == "start" else state
        if letter == "c":
            return {"count_a": -1, "count_b": -1, "left_c": counts[0]}
        return {"count_a": counts[0], "count_b": counts[1] if letter == "b" else 0, "left_c": -1}

    def _moves(self, state: Any) -> Moves:
        """Go from a state: ("a", m so far), ("b", m, n so far), ("c", how many are left)."""
        if state == "start":
            return {MARK: (1.0, ("a", 0))}
        letter, *counts = state
        if letter == "c":
            return {"c": (1.0, ("c", counts[0] - 1))} if counts[0] else {MARK: (1.0, ("a", 0))}
        stop = self.stops(counts[-1])
        more = (letter, *counts[:-1], counts[-1] + 1)
        after = ("b", counts[0], 1) if letter == "a" else ("c", sum(counts) - 1)
        moves = {letter: (1 - stop, more), "b" if letter == "a" else "c": (stop, after)}
        return {character: move for character, move in moves.items() if move[0] > 0}
