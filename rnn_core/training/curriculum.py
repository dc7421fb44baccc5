"""A curriculum on length: the longest strings that are drawn, raised as a net learns."""

import math
from collections.abc import Sequence

from rnn_core.draws import first_longest, next_longest

KEPT_SHARE = 0.98
"""The share of the running mean loss that an optimiser step leaves; the rest is that step's loss."""


class Curriculum:
    """The longest length that is drawn. It is raised only between two epochs, so that all strings of one have the same.

    Arguments:
        threshold: the running mean loss below which the longest length is raised, in nats per character.
        lengths: the lengths that the pattern has, ascending.

    Attributes:
        lengths: the same.
        longest: the longest length of the present epoch.
        running_loss: the running mean of the losses of all steps, in nats per character; infinite before the first.
    """

    def __init__(self, threshold: float, lengths: Sequence[int]) -> None:
        self._threshold = threshold
        self.lengths = lengths
        self.longest = first_longest(lengths)
        self.running_loss = math.inf

    def see(self, loss: float) -> None:
        """Take the loss of a step, in nats per character, into the running mean."""
        first = math.isinf(self.running_loss)
        self.running_loss = loss if first else KEPT_SHARE * self.running_loss + (1 - KEPT_SHARE) * loss

    def finish_epoch(self) -> None:
        """Raise the longest length if the running mean loss is below the threshold."""
        if self.running_loss < self._threshold:
            self.longest = next_longest(self.longest, self.lengths)
