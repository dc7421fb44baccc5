"""Question-and-answer tasks: a string is a question, an equals sign and the answer."""

import math
from abc import abstractmethod
from functools import cached_property, partial
from random import Random
from typing import Any, ClassVar

import numpy as np

from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import Oracle, StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_options, parse_whole_number
from rnn_core.patterns.shared.strings import MARK, Strings, with_marks

EQUALS = "="

CASES_PER_LENGTH = 20
"""Test questions of each length beyond training."""

TEST_LENGTHS = 24
"""The number of lengths beyond training that are tested."""

MAX_LENGTH_RATIO = 12.5
"""The longest test question over the longest training question: 500 / 40, as in Delétang et al. 2022."""


class Answers(Strings):
    """A question of 1 to `longest` symbols, all lengths equally likely, and its answer; only the answer is scored.

    Attributes:
        symbols: the symbols at the first, third, fifth ... position of a question.
        between: the symbols at the second, fourth ... position; then lengths are odd. Empty where all positions have
            `symbols`.
        digits: the symbols of an answer.
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
        longest = parse_options(spec, argument, {"longest": "40"})["longest"]
        self.longest = parse_whole_number(spec, "longest", longest, 2, 1000, f"{self.family}:longest=40")
        self.alphabet = "".join(sorted(set(MARK + EQUALS + self.symbols + self.between + self.digits)))
        self.default_length = 400_000
        self._length_step = 2 if self.between else 1
        self.lengths = range(1, self.longest + 1, self._length_step)
        self.oracle = self.oracle_up_to(self.longest)

    @property
    def spec(self) -> str:
        return self.family if self.longest == 40 else f"{self.family}:longest={self.longest}"

    @abstractmethod
    def answer(self, question: str) -> str:
        """Return the answer to a question."""

    def draw(self, rng: Random) -> str:
        return self.draw_of_length(rng, rng.choice(self.lengths))

    def draw_of_length(self, rng: Random, length: int) -> str:
        """Draw a question of `length` symbols, also of more than `longest`, and return it with its answer."""
        alternatives = (self.symbols, self.between or self.symbols)
        question = "".join(rng.choice(alternatives[position % 2]) for position in range(length))
        return f"{question}{EQUALS}{self.answer(question)}"

    def scored(self, text: str) -> np.ndarray:
        # Scored are the characters after each equals sign, up to and including the next mark: those before which there
        # are as many equals signs as marks.
        points = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        equals, marks = (np.cumsum(points == ord(sign)) for sign in (EQUALS, MARK))
        equals_before = equals - (points == ord(EQUALS))
        marks_before = marks - (points == ord(MARK))
        answers: np.ndarray = (equals_before == marks_before) & (marks_before > 0)
        return answers

    def sizes(self, string: str) -> dict[str, int]:
        return {"length": string.index(EQUALS)}

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        lengths = np.linspace(self.longest + 1, MAX_LENGTH_RATIO * self.longest, TEST_LENGTHS)
        possible = {n - (n - 1) % self._length_step for n in lengths.round().astype(int).tolist()} - set(self.lengths)
        return [
            Case("length", length, with_marks(self.draw_of_length(rng, length)))
            for length in sorted(possible)
            for _ in range(CASES_PER_LENGTH)
        ]

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return self.oracle_up_to(math.ceil(MAX_LENGTH_RATIO * self.longest))

    @abstractmethod
    def oracle_up_to(self, longest: int) -> Oracle:
        """Return the oracle of questions of up to `longest` symbols."""

    def stop_probability(self, length: int, longest: int) -> float:
        """Return the probability that a question of up to `longest` symbols ends after its first `length` symbols."""
        lengths = range(1, longest + 1, self._length_step)
        return 1 / (1 + (lengths[-1] - length) // self._length_step) if length in lengths else 0.0


class Folding(Answers):
    """A task whose answer, one character, is computed by reading the question symbol by symbol into a memory.

    Attributes:
        initial_memory: the memory before the first symbol; any hashable value.
    """

    initial_memory: ClassVar[Any]
    number_labels = ("length",)

    def oracle_up_to(self, longest: int) -> Oracle:
        return StateOracle(self.alphabet, "start", partial(self._transitions, longest))

    @abstractmethod
    def fold(self, memory: Any, symbol: str) -> Any:
        """Return the memory after one more symbol."""

    @abstractmethod
    def answer_from(self, memory: Any) -> str:
        """Return the answer, given the memory after the whole question."""

    def state_labels(self, state: Any) -> dict[str, int]:
        """Return `length`, the symbols of the question so far, and the `memory_labels`; all -1 from the `=` on."""
        if state[0] == "ask":
            return {"length": state[1], **self.memory_labels(state[2])}
        return dict.fromkeys(["length", *self.memory_labels(self.initial_memory)], -1)

    def memory_labels(self, memory: Any) -> dict[str, int]:
        """Return the memory as whole numbers, by name."""
        return {"memory": int(memory)}

    def _transitions(self, longest: int, state: Any) -> Transitions:
        """Return the transitions from "start", ("ask", length, memory), ("answer", answer) or "end"."""
        if state in ("start", "end"):
            return {MARK: (1.0, ("ask", 0, self.initial_memory))}
        if state[0] == "answer":
            return {state[1]: (1.0, "end")}
        _, length, memory = state
        stop = self.stop_probability(length, longest)
        symbols = self.between if self.between and length % 2 else self.symbols
        transitions: dict[str, tuple[float, Any]] = {}
        if stop < 1:
            for symbol in symbols:
                transitions[symbol] = ((1 - stop) / len(symbols), ("ask", length + 1, self.fold(memory, symbol)))
        if stop > 0:
            transitions[EQUALS] = (stop, ("answer", self.answer_from(memory)))
        return transitions
