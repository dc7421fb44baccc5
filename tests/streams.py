"""A stream of which only some characters are scored, for tests."""

import itertools
import string
from random import Random

import numpy as np
import pytest

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_whole_number

PULSE_PROBABILITY = 1 / 4
"""The probability that a step has a pulse."""

TEST_GAPS = (50, 100)
"""The numbers of steps without a pulse in the test cases beyond training."""


class Pulses(Pattern):
    """k bits of memory: each step shows a pulse or a dot, then the k bits, which alone are scored.

    `pulses:3`: A, B and C set a bit to 1, a, b and c reset it to 0. One step in four has a pulse, all pulses equally
    likely. All bits are 0 at first.
    """

    family = "pulses"
    example = "pulses:3"

    def __init__(self, argument: str) -> None:
        self.bits = parse_whole_number(f"pulses:{argument}", "k, the number of bits,", argument, 1, 8, "pulses:3")
        self.pulses = string.ascii_uppercase[: self.bits] + string.ascii_lowercase[: self.bits]
        self.alphabet = "".join(sorted(".01" + self.pulses))
        self.default_length = 20_000 * (self.bits + 1)
        self.oracle = StateOracle(self.alphabet, ("", "0" * self.bits), self._transitions)

    @property
    def spec(self) -> str:
        return f"pulses:{self.bits}"

    def sample(self, length: int, rng: Random) -> str:
        steps: list[str] = []
        memory = ["0"] * self.bits
        for _ in range(length // (self.bits + 1) + 1):
            pulse = rng.choice(self.pulses) if rng.random() < PULSE_PROBABILITY else "."
            steps.append(self._apply(pulse, memory))
        return "".join(steps)[:length]

    def _apply(self, pulse: str, memory: list[str]) -> str:
        """Apply a pulse to the memory, in place, and return the characters of the step."""
        if pulse.isupper():
            memory[ord(pulse) - ord("A")] = "1"
        elif pulse != ".":
            memory[ord(pulse) - ord("a")] = "0"
        return pulse + "".join(memory)

    def scored(self, text: str) -> np.ndarray:
        return np.isin(list(text), ["0", "1"])

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        gaps = [*(gap for gap in (1, 2, 5, 10) if gap <= self._longest_gap(training_text)), *TEST_GAPS]
        cases = []
        for gap in gaps:
            for values in itertools.product("01", repeat=self.bits):
                memory = ["0"] * self.bits
                pulses = [self.pulses[bit if value == "1" else bit + self.bits] for bit, value in enumerate(values)]
                text = "".join(self._apply(pulse, memory) for pulse in [*pulses, *"." * gap])
                after_pulses = range(len(pulses) * (self.bits + 1), len(text))
                cases.append(Case("gap", gap, text, tuple(at for at in after_pulses if text[at] in "01")))
        return cases

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        return {"gap": (0, self._longest_gap(training_text))}

    def _longest_gap(self, text: str) -> int:
        """Return the largest number of steps in a row without a pulse."""
        pulses = text[:: self.bits + 1]
        return max(len(gap) for gap in "".join(c if c == "." else " " for c in pulses).split(" "))

    def state_labels(self, state: tuple[str, str]) -> dict[str, int]:
        """Return `bit_A`, `bit_B` ..., the bits after the pulses so far, and `place`, the place in the step.

        Place 0 is the pulse or dot, places 1 to k are the bits.
        """
        remaining, memory = state
        bits = {f"bit_{letter}": int(bit) for letter, bit in zip(string.ascii_uppercase, memory, strict=False)}
        return bits | {"place": self.bits - len(remaining)}

    def _transitions(self, state: tuple[str, str]) -> Transitions:
        """Return the transitions from the bits of the step that are still to come, and the memory."""
        remaining, memory = state
        if remaining:
            return {remaining[0]: (1.0, (remaining[1:], memory))}
        transitions: dict[str, tuple[float, object]] = {".": (1 - PULSE_PROBABILITY, (memory, memory))}
        for bit in range(self.bits):
            for pulse, value in ((chr(ord("A") + bit), "1"), (chr(ord("a") + bit), "0")):
                new_memory = memory[:bit] + value + memory[bit + 1 :]
                transitions[pulse] = (PULSE_PROBABILITY / (2 * self.bits), (new_memory, new_memory))
        return transitions


Pattern.families.pop("pulses")  # the tests of all families are not about it


def offer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the family, as a file in the folder of patterns would."""
    monkeypatch.setitem(Pattern.families, "pulses", Pulses)
