"""copy: symbols that are to be said again after a delay."""

import dataclasses
import math
from collections.abc import Mapping
from functools import cached_property, partial
from random import Random
from typing import ClassVar

from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.meaning import LOSS, Meaning
from rnn_core.patterns.shared.oracle import Oracle, StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_options, parse_whole_number
from rnn_core.patterns.shared.strings import MARK
from rnn_core.patterns.shared.transducer import StringTransducer

SYMBOLS = "abcdefgh"

BLANK = "."

MARKER = ">"
"""It asks for the symbols, one after each of the blanks that follow."""

DELAY_TENTHS = (11, 12, 15, 20, 30)
"""The delays of the test cases beyond training, in tenths of the delay in training."""

CASES_PER_DELAY = 20
"""Test strings of each delay beyond training."""


class Copy(StringTransducer):
    """Symbols that are read once and are to be said again after a delay (Hochreiter & Schmidhuber 1997).

    `copy:10:delay=100`. A string is 10 symbols out of a to h, each as likely as any other, 99 blanks (dots), the marker
    > and 10 more blanks. What is said is a blank after each of the first 110 characters, then the symbols in their
    order. All 120 outputs are scored. The floor is 0; beside it the reference `memoryless` is the loss of a net that
    knows the place but no symbol: 10 ln 8 / 120. The table of reach has delays up to three times as long; in its
    strings only the symbols are judged. In Bai et al. 2018 the marker lasts for the last eleven steps, here for one.

    Example:
        >>> text = Copy("3:delay=4").sample(20, Random(1))
        >>> text, Copy("3:delay=4").transduce(text)
        ('#bgg...>...#cdd...>...', '........bgg........cdd')
    """

    family = "copy"
    example = "copy:10:delay=100"
    number_labels = ("waited", "said")
    recipe = {
        "encoding": "onehot",
        "cell": "gru",
        "hidden_size": 32,
        "epochs": 8,
        "batch_size": 32,
        "schedule": "cosine",
        "clip": 1.0,
    }
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "memoryless_loss": Meaning(
            "loss on the test of a net that knows where the symbols are to be said, but not which", LOSS, "0 or more"
        ),
    }
    outputs = BLANK + SYMBOLS
    output_at_mark = BLANK

    def __init__(self, argument: str) -> None:
        spec, (count, _, options) = f"copy:{argument}", argument.partition(":")
        self.count = parse_whole_number(spec, "n, the number of symbols,", count, 1, 100, "copy:10:delay=100")
        delay = parse_options(spec, options, {"delay": "100"})["delay"]
        self.delay = parse_whole_number(spec, "delay", delay, 1, 10_000, f"copy:{self.count}:delay=100")
        self.alphabet = MARK + BLANK + MARKER + SYMBOLS
        self.default_length = 2000 * (1 + self.delay + 2 * self.count)
        self.oracle = self._oracle_up_to(self.delay)

    @property
    def spec(self) -> str:
        return f"copy:{self.count}:delay={self.delay}"

    def draw(self, rng: Random) -> str:
        return self.draw_with_delay(rng, self.delay)

    def draw_with_delay(self, rng: Random, delay: int) -> str:
        """Draw a string in which the marker is the last of `delay` characters between symbols and answer."""
        return "".join(rng.choices(SYMBOLS, k=self.count)) + BLANK * (delay - 1) + MARKER + BLANK * self.count

    def transduce_string(self, string: str) -> str:
        before, marker, after = string.partition(MARKER)
        symbols = "".join(character for character in before if character in SYMBOLS)
        return BLANK * len(before + marker) + symbols[: len(after)] + BLANK * (len(after) - len(symbols))

    def sizes(self, string: str) -> dict[str, int]:
        return {"delay": len(string) - 2 * self.count}

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        return [
            dataclasses.replace(case, judged=tuple(range(len(case.text) - self.count, len(case.text))))
            for case in super().cases(evaluation, training_text, data_seed, every_epoch)
        ]

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        delays = {math.ceil(self.delay * tenths / 10) for tenths in DELAY_TENTHS} - {self.delay}
        return [
            Case("delay", delay, self.text_of([self.draw_with_delay(rng, delay)]))
            for delay in sorted(delays)
            for _ in range(CASES_PER_DELAY)
        ]

    def references(self, evaluation: Evaluation, training_text: str) -> dict[str, float]:
        return {"memoryless": self.count * math.log(len(SYMBOLS)) / (self.delay + 2 * self.count)}

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return self._oracle_up_to(math.ceil(self.delay * max(DELAY_TENTHS) / 10))

    def _oracle_up_to(self, longest: int) -> Oracle:
        """Return the oracle of strings whose delay is at least `delay` and at most `longest`, all equally likely."""
        return StateOracle(self.alphabet, None, partial(self._transitions, longest))

    def state_labels(self, state: tuple[str, int, int] | None) -> dict[str, int | str]:
        """Return what has been read and said of a string.

        Returns:
            `symbols`, those read so far; `waited`, the blanks since then, -1 from the marker on; `said`, how many of
            the symbols have been said again, -1 before the marker.
        """
        symbols, waited, said = state or ("", 0, -1)
        return {"symbols": symbols, "waited": waited, "said": said}

    def _transitions(self, longest: int, state: tuple[str, int, int] | None) -> Transitions:
        """Return the transitions from the values of the labels; None at the start."""
        if state is None:
            return {MARK: (1.0, ("", 0, -1))}
        symbols, waited, said = state
        if said == self.count:
            return {MARK: (1.0, ("", 0, -1))}
        if said >= 0:
            return {BLANK: (1.0, (symbols, -1, said + 1))}
        if len(symbols) < self.count:
            return {symbol: (1 / len(SYMBOLS), (symbols + symbol, 0, -1)) for symbol in SYMBOLS}
        end = 1 / (longest - waited) if waited >= self.delay - 1 else 0.0
        transitions: dict[str, tuple[float, tuple[str, int, int]]] = {}
        if end:
            transitions[MARKER] = (end, (symbols, -1, 0))
        if end < 1:
            transitions[BLANK] = (1 - end, (symbols, waited + 1, -1))
        return transitions
