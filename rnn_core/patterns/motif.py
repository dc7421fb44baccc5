"""unit: one short string repeated for ever."""

import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from random import Random
from typing import ClassVar

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.base import Pattern, Questioned, family_of, least_period
from rnn_core.patterns.shared.cases import Evaluation, ReachRow
from rnn_core.patterns.shared.meaning import LOSS, Meaning
from rnn_core.patterns.shared.oracle import StateOracle

LAB_LENGTH = 15
"""The lab's sequence is "abcabcabcabcabc"."""

BEYOND = 10
"""The test goes on for this many times the training length."""


class Motif(Pattern):
    """A unit repeated: `abc`, or `unit:a:b` where the unit holds a colon.

    Training reads the first `length` characters from the unit's beginning. The test reads them again and goes on
    for ten times their length; only what lies beyond the training length is scored. Since the start is known, each
    next character is certain, and the floor is 0.

    Example:
        >>> unit = Motif("aab")
        >>> unit.training_text(length=7, data_seed=0)
        'aabaaba'
        >>> unit.phases(length=4)
        ['aaba', 'abaa', 'baab']
    """

    family = "unit"
    example = "abc"
    random = False
    takes_bare_words = True
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "unknown_phase_loss": Meaning(
            "mean loss over texts as long as the training text that begin at each place of the motif, which the net is "
            "not told",
            LOSS,
            "0 or more",
        ),
        "unknown_phase_floor": Meaning("the lowest loss that any predictor can expect there", LOSS, "0 or more"),
    }

    def __init__(self, argument: str) -> None:
        self.unit = argument
        if len(set(argument)) < 2:
            raise ConfigError(
                "pattern", argument, "units of two or more distinct characters (one alone leaves nothing to predict)"
            )
        self.alphabet = "".join(sorted(set(argument)))
        self.oracle = StateOracle(argument, 0, lambda place: {argument[place]: (1.0, (place + 1) % len(argument))})
        # A unit longer than half the lab's sequence is read twice, or its repetition could not be seen.
        self.default_length = max(LAB_LENGTH, 2 * len(argument))
        self._floors: dict[int, float] = {}  # by length: many nets are examined at one

    @cached_property
    def spec(self) -> str:
        return self.unit if _is_plain(self.unit) else f"unit:{self.unit}"

    @property
    def motif(self) -> str:
        return self.unit[: least_period(self.unit)]

    def check_length(self, length: int) -> None:
        if length < len(self.unit):
            raise ConfigError("length", length, f"{len(self.unit)} or more, so that the whole unit is read once")

    def sample(self, length: int, rng: Random) -> str:
        return self.repeat(length)

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        text = self.repeat((1 + BEYOND) * length)
        return Evaluation(text=text, start=length, prime=text[:length], truth=text[length:])

    def knows(self, state: int) -> dict[str, int]:
        """Return `place`: that of the character just read in the shortest string that is repeated, from 0."""
        return {"place": (state - 1) % len(self.motif)}

    def phases(self, length: int) -> list[str]:
        """Return the first `length` characters as read from each of the unit's len(unit) starting points."""
        doubled = self.repeat(length + len(self.unit))
        return [doubled[phase : phase + length] for phase in range(len(self.unit))]

    def examine(
        self, net: Questioned, length: int, ranges: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, float], list[ReachRow]]:
        """Ask how well a net finds its place in the unit.

        Returns:
            unknown_phase_loss, unknown_phase_floor: the mean loss over `length` characters read from every phase, and
            the least that can be expected there, nats per character; not for units so long that it would take minutes.
        """
        loss = net.loss_over_stretches(self.repeat(length + len(self.unit) - 1), length)
        if loss is None:
            return {}, []
        if length not in self._floors:
            self._floors[length] = self.unknown_phase_floor(length)
        return {"unknown_phase_loss": loss, "unknown_phase_floor": self._floors[length]}, []

    def unknown_phase_floor(self, length: int) -> float:
        """Return the least expected loss when the starting point is unknown, every one equally likely.

        Exact, in nats a character over the length - 1 predictions, the first character given. The best predictor
        weighs the phases that agree with what it has read; the product of its predictions telescopes, so that a
        sequence costs ln(phases that share its first character / phases that share all of it).

        Example: aab over 15 characters costs ln 2 from two of its three phases and nothing from the third.
            >>> round(Motif("aab").unknown_phase_floor(15) * 14 / math.log(2), 6)
            0.666667
        """
        phases = self.phases(length)
        same_start, same_whole = Counter(phase[0] for phase in phases), Counter(phases)
        costs = [math.log(same_start[phase[0]] / same_whole[phase]) for phase in phases]
        return math.fsum(costs) / len(phases) / (length - 1)

    def repeat(self, length: int) -> str:
        """Return the first `length` characters from the unit's beginning on."""
        return (self.unit * math.ceil(length / len(self.unit)))[:length]


def _is_plain(unit: str) -> bool:
    """Say whether a unit alone, without its family, is read as that unit."""
    try:
        return family_of(unit) == (Motif, unit)
    except ConfigError:
        return False
