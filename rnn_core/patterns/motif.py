"""unit: a short string, the motif, repeated endlessly."""

import math
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from random import Random
from typing import ClassVar

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.base import NetQueries, Pattern, least_period
from rnn_core.patterns.shared.cases import Evaluation, ReachRow
from rnn_core.patterns.shared.meaning import LOSS, Meaning
from rnn_core.patterns.shared.oracle import StateOracle
from rnn_core.patterns.shared.specs import family_of

SHORTEST_LENGTH = 15
"""The default length of training, that of "abcabcabcabcabc"."""

TEST_RATIO = 10
"""The number of scored test characters over the number of training characters."""


class Motif(Pattern):
    """A short string, the motif, repeated without end.

    The spec is the motif itself, such as `abc`; a motif with a colon is written `unit:a:b`.

    Training reads the first `length` characters. The test reads them again and continues for ten times their length;
    only the characters beyond the training length are scored. Since the text begins at the beginning of the motif,
    each next character is certain, and the floor is 0.

    Attributes:
        repeated: the string of the spec. It may itself be a repetition; `motif` is the shortest string that it repeats:
            for `abab` that is `ab`.

    Example:
        >>> pattern = Motif("aab")
        >>> pattern.training_text(length=7, data_seed=0)
        'aabaaba'
        >>> pattern.phases(length=4)
        ['aaba', 'abaa', 'baab']
    """

    family = "unit"
    example = "abc"
    random = False
    takes_bare_words = True
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "unknown_phase_loss": Meaning(
            "mean loss over texts that begin at each place of the motif, so that the net must find out where it is; "
            "they are as long as the training text",
            LOSS,
            "0 or more",
        ),
        "unknown_phase_floor": Meaning("the lowest loss that any predictor can expect there", LOSS, "0 or more"),
    }

    def __init__(self, argument: str) -> None:
        self.repeated = argument
        if len(set(argument)) < 2:
            raise ConfigError(
                "pattern", argument, "motifs of two or more distinct characters (one alone leaves nothing to predict)"
            )
        self.alphabet = "".join(sorted(set(argument)))
        self.oracle = StateOracle(argument, 0, lambda place: {argument[place]: (1.0, (place + 1) % len(argument))})
        # A training text that holds less than two repetitions would not show that the motif is repeated.
        self.default_length = max(SHORTEST_LENGTH, 2 * len(argument))
        self._floors: dict[int, float] = {}  # unknown_phase_floor by length, since many nets share one length

    @cached_property
    def spec(self) -> str:
        return self.repeated if _is_plain(self.repeated) else f"unit:{self.repeated}"

    @property
    def motif(self) -> str:
        return self.repeated[: least_period(self.repeated)]

    def check_length(self, length: int) -> None:
        if length < len(self.repeated):
            raise ConfigError("length", length, f"{len(self.repeated)} or more, so that the whole motif is read once")

    def sample(self, length: int, rng: Random) -> str:
        return self.repeat(length)

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        text = self.repeat((1 + TEST_RATIO) * length)
        return Evaluation(text=text, start=length, prime=text[:length], truth=text[length:])

    def state_labels(self, state: int) -> dict[str, int]:
        """Return `place`: the place of the last character in `motif`, from 0."""
        return {"place": (state - 1) % len(self.motif)}

    def phases(self, length: int) -> list[str]:
        """Return `length` characters from each position of `repeated` on: len(repeated) strings."""
        stream = self.repeat(length + len(self.repeated))
        return [stream[phase : phase + length] for phase in range(len(self.repeated))]

    def examine(
        self, net: NetQueries, length: int, ranges: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, float], list[ReachRow]]:
        """Measure how well a net finds its place in the motif if it starts anywhere.

        Returns:
            unknown_phase_loss, the mean loss over the strings of `phases(length)`, and unknown_phase_floor, the lowest
            loss that any predictor can expect there; both in nats per character. Nothing for motifs so long that the
            measurement would take minutes.
        """
        # The stretches of this text are the strings of phases(length).
        loss = net.loss_over_stretches(self.repeat(length + len(self.repeated) - 1), length)
        if loss is None:
            return {}, []
        if length not in self._floors:
            self._floors[length] = self.unknown_phase_floor(length)
        return {"unknown_phase_loss": loss, "unknown_phase_floor": self._floors[length]}, []

    def unknown_phase_floor(self, length: int) -> float:
        """Return the lowest expected loss when the phase is unknown, all phases equally likely.

        It is exact, in nats per character, over the length - 1 predictions after the first character. The best
        predictor averages over the phases that agree with the characters so far. After the first character it gives
        the rest of a string the probability (number of phases with this string) / (number of phases with this first
        character). The loss of the string is the negative logarithm of that.

        Example: over 15 characters, two of the three phases of aab have the loss ln 2 in all, the third has 0.
            >>> round(Motif("aab").unknown_phase_floor(15) * 14 / math.log(2), 6)
            0.666667
        """
        phases = self.phases(length)
        count_by_first, count_by_string = Counter(phase[0] for phase in phases), Counter(phases)
        losses = [math.log(count_by_first[phase[0]] / count_by_string[phase]) for phase in phases]
        return math.fsum(losses) / len(phases) / (length - 1)

    def repeat(self, length: int) -> str:
        """Return the first `length` characters of the stream."""
        return (self.repeated * math.ceil(length / len(self.repeated)))[:length]


def _is_plain(motif: str) -> bool:
    """Return whether a motif can be a spec by itself, without `unit:`."""
    try:
        return family_of(motif) == (Motif, motif)
    except ConfigError:
        return False
