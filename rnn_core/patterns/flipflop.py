"""flipflop: memories of one bit each, set and reset by pulses and kept in between."""

import itertools
import string
from random import Random

import numpy as np

from rnn_core.patterns.shared.base import Pattern, whole
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import Moves, StateOracle

PULSE = 1 / 4
"""How likely a step has a pulse."""

GAPS = (50, 100, 200, 400)
"""Steps without a pulse in the test, more than training ever has in a row."""


class FlipFlop(Pattern):
    """k bits of memory: each step shows a pulse or a dot, then the k bits (after Sussillo & Barak 2013).

    `flipflop:3`: A, B, C set a bit, a, b, c reset it; one step in four has a pulse, all equally likely. All bits are 0
    at first. Only the bits are scored: the pulses cannot be known.

    Example:
        >>> FlipFlop("2").sample(30, Random(1))
        'A10.10.10.10.10.10A10.10.10.10'
    """

    family = "flipflop"
    example = "flipflop:3"
    recipe = {
        "encoding": "onehot",
        "cell": "gru",
        "hidden_size": 32,
        "epochs": 60,
        "batch_size": 32,
        "window": 64,
        "schedule": "cosine",
    }

    def __init__(self, argument: str) -> None:
        self.bits = whole(f"flipflop:{argument}", "k, the number of bits,", argument, 1, 8, "flipflop:3")
        self.pulses = string.ascii_uppercase[: self.bits] + string.ascii_lowercase[: self.bits]
        self.alphabet = "".join(sorted(".01" + self.pulses))
        self.default_length = 20_000 * (self.bits + 1)
        self.oracle = StateOracle(self.alphabet, ("", "0" * self.bits), self._moves)

    @property
    def spec(self) -> str:
        return f"flipflop:{self.bits}"

    def sample(self, length: int, rng: Random) -> str:
        steps: list[str] = []
        memory = ["0"] * self.bits
        for _ in range(length // (self.bits + 1) + 1):
            pulse = rng.choice(self.pulses) if rng.random() < PULSE else "."
            steps.append(self._shown(pulse, memory))
        return "".join(steps)[:length]

    def _shown(self, pulse: str, memory: list[str]) -> str:
        """Let a pulse change the memory in place, and return the step as it is written."""
        if pulse.isupper():
            memory[ord(pulse) - ord("A")] = "1"
        elif pulse != ".":
            memory[ord(pulse) - ord("a")] = "0"
        return pulse + "".join(memory)

    def scored(self, text: str) -> np.ndarray:
        return np.isin(list(text), ["0", "1"])

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        gaps = [*(gap for gap in (1, 2, 5, 10) if gap <= self._longest_gap(training_text)), *GAPS]
        cases = []
        for gap in gaps:
            for wanted in itertools.product("01", repeat=self.bits):
                memory = ["0"] * self.bits
                pulses = [self.pulses[bit if value == "1" else bit + self.bits] for bit, value in enumerate(wanted)]
                text = "".join(self._shown(pulse, memory) for pulse in [*pulses, *"." * gap])
                held = range(len(pulses) * (self.bits + 1), len(text))
                kept = tuple(position for position in held if text[position] in "01")
                cases.append(Case("gap", gap, text, kept))
        return cases

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        return {"gap": (0, self._longest_gap(training_text))}

    def _longest_gap(self, text: str) -> int:
        pulses = text[:: self.bits + 1]
        return max(len(gap) for gap in "".join(c if c == "." else " " for c in pulses).split(" "))

    def knows(self, state: tuple[str, str]) -> dict[str, int]:
        """Return each bit, `bit_A` and so on, after the pulses so far, and `place` in the step: 0 is the pulse."""
        to_come, memory = state
        bits = {f"bit_{letter}": int(bit) for letter, bit in zip(string.ascii_uppercase, memory, strict=False)}
        return bits | {"place": self.bits - len(to_come)}

    def _moves(self, state: tuple[str, str]) -> Moves:
        """Go from what of this step is still to be written, and the memory."""
        to_come, memory = state
        if to_come:
            return {to_come[0]: (1.0, (to_come[1:], memory))}
        moves: dict[str, tuple[float, object]] = {".": (1 - PULSE, (memory, memory))}
        for bit in range(self.bits):
            for pulse, value in ((chr(ord("A") + bit), "1"), (chr(ord("a") + bit), "0")):
                after = memory[:bit] + value + memory[bit + 1 :]
                moves[pulse] = (PULSE / (2 * self.bits), (after, after))
        return moves
