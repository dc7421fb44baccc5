"""The algorithm of Kearns & Vazirani (1994) for Moore machines, as AALpy has it, asking a net."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from analysis.dynamics.asked_net import ENDS, AskedNet, LimitReachedError
from analysis.dynamics.machines import Machine, Output, shortest_difference

LIVE = 0.9
"""The probability that a step of a random word is one that the machine learnt so far does not hold dead."""

SHORT_WORDS = 64
"""The most words that are tried after the shortest word to each state: all those of the greatest length that fits."""


@dataclass(frozen=True)
class Limits:
    """How much a net is asked.

    Attributes:
        states: the most states of the machine, 1 or more.
        steps: the most steps of the net, 1 or more.
        seconds: the most seconds, 0 or more.
        walks: the random words from each state of the machine, 0 or more.
        walk_length: the length of the longest of them, 1 or more.
        seed: the seed of these words.
    """

    states: int = 200
    steps: int = 50_000
    seconds: float = 30.0
    walks: int = 100
    walk_length: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("states", 1), ("steps", 1), ("seconds", 0), ("walks", 0), ("walk_length", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: {least} or more")


def learn(asked: AskedNet, true: Machine | None, limits: Limits) -> tuple[Machine, str]:
    """Return the minimal machine of a net, and which limit ended the learning; empty if none did.

    Arguments:
        asked: the net.
        true: the machine of its pattern; None if it is unknown.
        limits: how much the net is asked.

    Raises:
        ModuleNotFoundError: AALpy is not installed.
    """
    run_kv = _kearns_vazirani()
    tests = _Tests(asked, true, limits)
    try:
        run_kv(list(asked.inputs), _Queries(asked), tests, "moore", cache_and_non_det_check=False, print_level=0)
    except LimitReachedError as reached:
        return tests.guess.minimised(), reached.limit
    return tests.guess.minimised(), ""


class _Queries:
    """The net as AALpy asks it: a word is a tuple of characters, and the answer has the output after each."""

    num_queries = num_steps = num_cached_queries = 0  # AALpy reads them; the steps are counted by AskedNet

    def __init__(self, asked: AskedNet) -> None:
        self._asked = asked

    def query(self, word: tuple[str, ...]) -> list[Output]:
        """Return the output after each character of a word; for the empty word, that at the start."""
        text = "".join(word)
        self._asked.ask([text])
        return [self._asked.output(text[:length]) for length in range(1, len(text) + 1)] or [self._asked.output("")]


class _Tests:
    """The tests of the machines that AALpy guesses.

    Attributes:
        guess: the last machine that was guessed and is not too large.
    """

    num_queries = num_steps = 0

    def __init__(self, asked: AskedNet, true: Machine | None, limits: Limits) -> None:
        self._asked, self._true, self._limits = asked, true, limits
        self._random = Random(f"words {limits.seed}")
        self._walked: dict[str, int] = {}
        inputs = asked.inputs
        self.guess = Machine(inputs, (asked.output(""),), np.zeros((1, len(inputs)), np.int64))
        self._short, longer = [""], [""]
        while inputs and len(longer) * len(inputs) <= SHORT_WORDS:
            longer = [word + character for word in longer for character in inputs]
            self._short += longer

    def find_cex(self, hypothesis: Any) -> tuple[str, ...] | None:
        """Return a word on which the net differs from a machine of AALpy's; None if none is found."""
        machine = machine_of_aalpy(hypothesis, self._asked.inputs)
        if machine.size > self._limits.states:
            raise LimitReachedError("states")
        self.guess = machine
        tests: list[Callable[[Machine], list[str]]] = [lambda _: [], self._from_pattern, self._short_words, self._walks]
        for words in tests:
            self._asked.ask(words(machine))
            if (difference := self._asked.difference(machine)) is not None:
                if machine.size == self._limits.states:
                    raise LimitReachedError("states")
                return tuple(difference)
        return None

    def _from_pattern(self, machine: Machine) -> list[str]:
        difference = None if self._true is None else shortest_difference(machine, self._true)
        return [] if difference is None else [difference]

    def _short_words(self, machine: Machine) -> list[str]:
        return [word + short for word in machine.shortest_words().values() for short in self._short]

    def _walks(self, machine: Machine) -> list[str]:
        """Return random words from each state that does not end; from each state there are `walks` in all."""
        ends = np.isin(np.arange(machine.size), [s for s, output in enumerate(machine.outputs) if output in ENDS])
        columns = range(len(machine.inputs))
        live = [[column for column in columns if not ends[row[column]]] for row in machine.next_sv]
        words = []
        for start, shortest in machine.shortest_words().items():
            if ends[start]:
                continue
            for _ in range(self._limits.walks - self._walked.get(shortest, 0)):
                state, word = start, shortest
                for _ in range(self._random.randint(1, self._limits.walk_length)):
                    among = live[state] if live[state] and self._random.random() < LIVE else columns
                    column = self._random.choice(among)
                    state, word = int(machine.next_sv[state, column]), word + machine.inputs[column]
                    if ends[state]:
                        break
                words.append(word)
            self._walked[shortest] = self._limits.walks
        return words


def machine_of_aalpy(hypothesis: Any, inputs: str) -> Machine:
    """Return a Moore machine of AALpy's as ours.

    Arguments:
        hypothesis: an `aalpy.automata.MooreMachine` with an output, as of `Machine`, in each state.
        inputs: the characters that it reads.
    """
    states = [hypothesis.initial_state, *(s for s in hypothesis.states if s is not hypothesis.initial_state)]
    number = {id(state): place for place, state in enumerate(states)}
    rows = [[number[id(state.transitions[character])] for character in inputs] for state in states]
    outputs = tuple(state.output for state in states)
    return Machine(inputs, outputs, np.array(rows, np.int64).reshape(len(states), len(inputs)))


def _kearns_vazirani() -> Callable[..., Any]:
    """Return AALpy's `run_KV`.

    Raises:
        ModuleNotFoundError: AALpy is not installed.
    """
    try:
        with warnings.catch_warnings():
            # When it is first compiled, a regular expression of AALpy 2.0's is warned of.
            warnings.filterwarnings("ignore", ".*invalid escape sequence")
            from aalpy.learning_algs import run_KV
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f'{error}; allowed: AALpy, installed by pip install -e ".[inside]"') from error
    learner: Callable[..., Any] = run_KV
    return learner
