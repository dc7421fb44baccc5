"""Tasks that ask a question and want its answer: a string of symbols, an equals sign, the answer."""

import math
from abc import abstractmethod
from functools import cached_property, partial
from random import Random
from typing import Any, ClassVar

import numpy as np

from rnn_core.patterns.shared.base import options, whole
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import Moves, Oracle, StateOracle
from rnn_core.patterns.shared.strings import MARK, Strings, marked

EQUALS = "="

EACH = 20
"""Test questions of each length beyond training."""

LENGTHS = 24
"""How many lengths beyond training are tested."""

FURTHEST = 12.5
"""The longest test question, in lengths of the longest trained on: 500 for 40, as in Delétang et al. 2022."""


class Answers(Strings):
    """A question of 1 to `longest` symbols, all lengths equally likely, and its answer; only the answer is scored.

    Attributes:
        symbols: what the odd places of a question may hold.
        between: what the even places may hold; empty where all places are alike.
        digits: what an answer may hold.
    """

    symbols: ClassVar[str]
    between: ClassVar[str] = ""
    digits: ClassVar[str]
    recipe = {
        "encoding": "onehot",
        "cell": "lstm",
        "hidden_size": 64,
        "epochs": 40,
        "learning_rate": 0.01,
        "batch_size": 64,
        "schedule": "cosine",
        "clip": 1.0,
    }

    def __init__(self, argument: str) -> None:
        spec = f"{self.family}:{argument}"
        longest = options(spec, argument, {"longest": "40"})["longest"]
        self.longest = whole(spec, "longest", longest, 2, 1000, f"{self.family}:longest=40")
        self.alphabet = "".join(sorted(set(MARK + EQUALS + self.symbols + self.between + self.digits)))
        self.default_length = 400_000
        # Only odd lengths where symbols and what stands between them take turns.
        self._step = 2 if self.between else 1
        self._lengths = range(1, self.longest + 1, self._step)
        self.oracle = self.oracle_up_to(self.longest)

    @property
    def spec(self) -> str:
        return self.family if self.longest == 40 else f"{self.family}:longest={self.longest}"

    @abstractmethod
    def answer(self, question: str) -> str:
        """Return the answer to a question."""

    def draw(self, rng: Random) -> str:
        return self.ask(rng, rng.choice(self._lengths))

    def ask(self, rng: Random, length: int) -> str:
        """Draw a question of `length` symbols, and answer it."""
        places = (self.symbols, self.between or self.symbols)
        question = "".join(rng.choice(places[place % 2]) for place in range(length))
        return f"{question}{EQUALS}{self.answer(question)}"

    def scored(self, text: str) -> np.ndarray:
        # From behind each equals sign to the mark, that included.
        points = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        equals, marks = (np.cumsum(points == ord(sign)) for sign in (EQUALS, MARK))
        started = equals - (points == ord(EQUALS))
        ended = marks - (points == ord(MARK))
        answers: np.ndarray = (started == ended) & (ended > 0)
        return answers

    def sizes(self, string: str) -> dict[str, int]:
        return {"length": string.index(EQUALS)}

    def beyond(self, training: list[str], rng: Random) -> list[Case]:
        lengths = np.linspace(self.longest + 1, FURTHEST * self.longest, LENGTHS).round().astype(int).tolist()
        possible = {length - (length - 1) % self._step for length in lengths} - set(self._lengths)
        return [
            Case("length", length, marked(self.ask(rng, length))) for length in sorted(possible) for _ in range(EACH)
        ]

    @cached_property
    def language(self) -> Oracle | None:
        return self.oracle_up_to(math.ceil(FURTHEST * self.longest))

    @abstractmethod
    def oracle_up_to(self, longest: int) -> Oracle:
        """Return the oracle of questions of up to `longest` symbols."""

    def stops(self, length: int, longest: int) -> float:
        """Return the probability that a question that has come this far ends here."""
        lengths = range(1, longest + 1, self._step)
        return 1 / (1 + (lengths[-1] - length) // self._step) if length in lengths else 0.0


class Folding(Answers):
    """An answer of one character that a fold over the question knows, symbol by symbol."""

    begin: ClassVar[Any]

    def oracle_up_to(self, longest: int) -> Oracle:
        return StateOracle(self.alphabet, "start", partial(self._moves, longest))

    @abstractmethod
    def fold(self, memory: Any, symbol: str) -> Any:
        """Return what is remembered after one more symbol."""

    @abstractmethod
    def conclude(self, memory: Any) -> str:
        """Return the answer to what is remembered."""

    def knows(self, state: Any) -> dict[str, int]:
        """Return the `length` of the question so far and what `remembers` says; all -1 from the equals sign on."""
        if state[0] == "ask":
            return {"length": state[1], **self.remembers(state[2])}
        return dict.fromkeys(["length", *self.remembers(self.begin)], -1)

    def remembers(self, memory: Any) -> dict[str, int]:
        """Return what is remembered as whole numbers, by name."""
        return {"memory": int(memory)}

    def _moves(self, longest: int, state: Any) -> Moves:
        """Go from "start", ("ask", length, memory), ("answer", answer) or "end"."""
        if state in ("start", "end"):
            return {MARK: (1.0, ("ask", 0, self.begin))}
        if state[0] == "answer":
            return {state[1]: (1.0, "end")}
        _, length, memory = state
        stop = self.stops(length, longest)
        symbols = self.between if self.between and length % 2 else self.symbols
        moves: dict[str, tuple[float, Any]] = {}
        if stop < 1:
            for symbol in symbols:
                moves[symbol] = ((1 - stop) / len(symbols), ("ask", length + 1, self.fold(memory, symbol)))
        if stop > 0:
            moves[EQUALS] = (stop, ("answer", self.conclude(memory)))
        return moves
