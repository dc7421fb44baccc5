"""How the training text of each epoch is drawn: once or afresh, in batches of one length, with a curriculum on length.

A length is the size of a string by its family's main measure, such as the symbols of a question. With
draws=every-epoch, the text of epoch e follows from the data seed, e, and the longest length of the curriculum then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.patterns import Pattern

FIRST_LONGEST = 3
"""The longest length with which a curriculum begins."""

BY_ONE_BELOW = 8
"""Below this longest length a curriculum is raised by one; from it on by the factor RAISE_TENTHS / 10."""

RAISE_TENTHS = 13


@dataclass(frozen=True)
class Draws:
    """How the training texts of a config are drawn.

    Attributes:
        every_epoch: whether each epoch draws a text of its own; otherwise all epochs read the same one.
        batch: the number of strings in a row that have one length; 1 where each has a length of its own.
        curriculum: whether strings are short at first.
        epochs: the number of epochs, where each draws a text of its own and no length can be asked for. Only then does
            the range of the sizes that were trained on depend on it.
    """

    every_epoch: bool = False
    batch: int = 1
    curriculum: bool = False
    epochs: int = 0

    def text(self, pattern: Pattern, length: int, data_seed: int, epoch: int = 0, longest: int | None = None) -> str:
        """Return the training text of an epoch.

        Arguments:
            pattern: the pattern.
            length: the number of characters (of strings: the least number).
            data_seed: the seed.
            epoch: the number of the epoch, from 0; of no meaning where all epochs read the same text.
            longest: the longest length that is drawn; None for all that the pattern has.
        """
        return pattern.training_text(length, data_seed, epoch if self.every_epoch else 0, longest, self.batch)

    def ranges(self, pattern: Pattern, length: int, data_seed: int, first: str) -> dict[str, tuple[int, int]]:
        """Return for each measure of the pattern's cases the smallest and the largest size that training may have read.

        Where each epoch draws a text of its own, these are the sizes of strings of the least and the greatest length;
        where no length can be asked for, of all texts of all epochs, which are drawn again.

        Arguments:
            pattern: the pattern.
            length: the number of characters of a text.
            data_seed: the seed.
            first: the text of the first epoch.
        """
        if not self.every_epoch:
            return pattern.ranges(first)
        if pattern.lengths:
            ends = pattern.lengths[0], pattern.lengths[-1]
            ranges = [pattern.ranges(pattern.sample_of_lengths(1, Random(0), [size])) for size in ends]
        else:
            later_texts = (self.text(pattern, length, data_seed, epoch) for epoch in range(1, self.epochs))
            ranges = [pattern.ranges(text) for text in (first, *later_texts)]
        return {
            measure: (min(each[measure][0] for each in ranges), max(each[measure][1] for each in ranges))
            for measure in ranges[0]
        }


ONE_DRAW = Draws()
"""The draws of a config that asks for nothing else: all epochs read one text, of whichever strings come."""


def draws_of(config: TrainConfig, pattern: Pattern) -> Draws:
    """Return how the training texts of a config are drawn.

    Raises:
        ConfigError: the config asks for something that makes no sense: a motif or a text that is drawn afresh, a
            curriculum or keep=best with a text that is drawn once or afresh, or lengths of a pattern that has none.
    """
    every_epoch = config.draws == "every-epoch"
    if every_epoch and not pattern.random:
        raise ConfigError("draws", config.draws, f"once: {pattern.spec} is always the same text")
    if every_epoch and config.keep == "best":
        raise ConfigError("keep", config.keep, "last with draws=every-epoch, where no training data can be set apart")
    if config.curriculum and not every_epoch:
        raise ConfigError("curriculum", config.curriculum, "0 with draws=once: later strings have to be drawn later")
    for name, value, off in (("batches", config.batches, "drawn"), ("curriculum", config.curriculum, 0)):
        if value != off and not pattern.lengths:
            raise ConfigError(name, value, f"{off}: no length of a string can be asked of {pattern.spec}")
    batch = config.batch_size if config.batches == "one-length" else 1
    epochs = config.epochs if every_epoch and not pattern.lengths else 0
    return Draws(every_epoch, batch, config.curriculum > 0, epochs)


def first_longest(lengths: Sequence[int]) -> int:
    """Return the longest length of a curriculum's first epoch: the first of `lengths` that is FIRST_LONGEST or more."""
    return next((length for length in lengths if length >= FIRST_LONGEST), lengths[-1])


def next_longest(longest: int, lengths: Sequence[int]) -> int:
    """Return the longest length to which a curriculum is raised; the last of `lengths` stays.

    Example:
        >>> next_longest(3, range(1, 41)), next_longest(8, range(1, 41)), next_longest(39, range(1, 41))
        (4, 10, 40)
    """
    goal = longest + 1 if longest < BY_ONE_BELOW else longest * RAISE_TENTHS // 10
    return next((length for length in lengths if length >= goal), lengths[-1])
