"""text: a UTF-8 file, whose last tenth is the test, or blocks that are spread over it."""

import math
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from random import Random
from typing import ClassVar

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Evaluation
from rnn_core.patterns.shared.file_specs import byte_order_note, read_text, short_path, split_option
from rnn_core.patterns.shared.meaning import Meaning
from rnn_core.patterns.shared.ngrams import MEANINGS, ngram_losses
from rnn_core.patterns.shared.specs import spec_error
from rnn_core.vocabulary import Vocabulary

RECIPE = {
    "encoding": "embedding",
    "cell": "lstm",
    "hidden_size": 256,
    "epochs": 14,
    "batch_size": 32,
    "learning_rate": 0.02,
    "schedule": "cosine",
    "weight_decay": 0.2,
    "clip": 1.0,
    "threads": 2,
}

PRIME = 1000
"""The number of characters before the held-out part that a net reads before it runs free."""

MAX_BLOCKS = 100
"""The most blocks that are held out."""

MIN_BLOCK = 200
"""The fewest characters of a block, as long as the text has ten times as many."""

COMPARED_ORDER = 3
"""The n-grams by which the last tenth is compared with the rest: long enough to know names and spellings, and counted
well in a short text."""

COMPARED_LENGTH = 300_000
"""The most characters that are compared, to bound the time to a second."""

UNLIKE = 0.05
"""The difference of the two losses, in nats per character, from which on the last tenth counts as unlike the rest."""

CHANCE = 6.0
"""The same for a last tenth of one character; over the square root of its length, it is what chance seldom makes: three
standard deviations of the difference of two means, where the loss of a character has one of 1.4 nats."""


class Text(Pattern):
    """A text file, `text:PATH`: the first nine tenths are for training, the last tenth is only for the test.

    With `text:PATH:split=blocks` the test is made of blocks that are spread over the text: it is cut into as many
    sections of equal length as there may be with blocks of 200 or more characters, 100 at most, and the last tenth of
    each section is a block. Where a line ends within half a block after the beginning or the end of a block, it is
    moved there. The training text is what remains, joined; the test is the blocks, joined. Both are read as one stream,
    and the few characters after a joint are predicted from before it.

    A smaller `length` trains on the first `length` characters; the test stays the same. The alphabet is that of the
    whole file, so that it covers the held-out part. A byte order mark at the beginning of the file is left out. The
    true distribution of a text is unknown, so there is no floor.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "tale.txt").write_text("to be or not to be. ")
        ...     text = Text(f"{folder}/tale.txt")
        >>> text.training_text(length=18, data_seed=0), text.evaluation(length=18, data_seed=0).text
        ('to be or not to be', '. ')
    """

    family = "text"
    example = "text:PATH"
    random = False
    recipe = RECIPE
    needs_file = True
    default_window = 64
    meanings: ClassVar[Mapping[str, Meaning]] = MEANINGS

    def __init__(self, argument: str) -> None:
        spec = f"text:{argument}"
        name, self.split = split_option(argument, "split")
        if not name:
            raise ConfigError("pattern", "text", "text:PATH, the path of a UTF-8 file; unit:text for the motif text")
        if self.split not in (None, "blocks"):
            raise spec_error(spec, f"text:PATH or text:PATH:split=blocks, not split={self.split}")
        self.path, self.text, self._marked = read_text(spec, name)
        if len(set(self.text)) < 2:
            raise spec_error(spec, f"files of two or more distinct characters ({self.path} has {len(set(self.text))})")
        self.alphabet = "".join(sorted(set(self.text)))
        end = len(self.text) * 9 // 10
        if len(self.text) - end < 2 or end < 2:
            raise spec_error(spec, f"files of 11 or more characters ({self.path} has {len(self.text)})")
        self._blocks = [(end, len(self.text))] if self.split is None else held_out_blocks(self.text)
        self.default_length = len(self.text) - sum(stop - start for start, stop in self._blocks)

    @property
    def spec(self) -> str:
        return f"text:{self.path}" + (f":split={self.split}" if self.split else "")

    @property
    def short_name(self) -> str:
        """The file with its folder, by which two files of the same name differ."""
        return f"text:{short_path(self.path)}" + (f":split={self.split}" if self.split else "")

    @cached_property
    def note(self) -> str:
        """What was left out of the file, and whether its last tenth, if that is the test, is unlike the rest."""
        notes = [byte_order_note(self.path)] if self._marked else []
        if self.split is None and (unlike := unlike_the_rest(self.text, self.default_length)):
            spread_loss, end_loss = unlike
            notes.append(
                f"the last tenth of {self.path.name}, which is the test, is unlike the rest: 3-grams come to "
                f"{end_loss:.3g} nats per character on it, and to {spread_loss:.3g} on blocks that are spread over the "
                "rest; :split=blocks tests on such blocks"
            )
        return "; ".join(notes)

    def check_length(self, length: int) -> None:
        if not 2 <= length <= self.default_length:
            what = "the first nine tenths" if self.split is None else "what is not held out"
            raise ConfigError("length", length, f"2 to {self.default_length}, {what} of {self.path}")

    def sample(self, length: int, rng: Random) -> str:
        return without_blocks(self.text, self._blocks)[:length]

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        held_out = "".join(self.text[start:stop] for start, stop in self._blocks)
        # The prime ends where the held-out part begins, even if training ended earlier.
        (start, stop), *_ = self._blocks
        prime = self.text[max(0, start - PRIME) : start]
        return Evaluation(text=held_out, start=1, prime=prime, truth=self.text[start:stop][: 10 * length])

    def references(self, evaluation: Evaluation, training_text: str) -> dict[str, float]:
        """Return the test losses of n-gram models that are counted in the training text, by name."""
        return ngram_losses(Vocabulary(self.alphabet), training_text, evaluation.text)


def held_out_blocks(text: str) -> list[tuple[int, int]]:
    """Return the first position of each block that is held out, and the position after its last one.

    Arguments:
        text: 11 or more characters.

    Returns:
        The blocks in the order of the text, each of one or more characters; before each are characters of none.
    """
    count = min(MAX_BLOCKS, max(1, len(text) // (10 * MIN_BLOCK)))
    ends = [len(text) * (number + 1) // count for number in range(count)]
    size = len(text) // count // 10

    def at_line_end(position: int) -> int:
        newline = text.find("\n", position - 1, position + size // 2 - 1)
        return position if newline < 0 else newline + 1

    starts = [end - max(2, -(-(end - begin) // 10)) for begin, end in pairwise([0, *ends])]
    return [(at_line_end(start), at_line_end(end)) for start, end in zip(starts, ends, strict=True)]


def without_blocks(text: str, blocks: list[tuple[int, int]]) -> str:
    """Return what remains of a text without blocks, joined."""
    begins = [0, *(stop for _, stop in blocks)]
    ends = [*(start for start, _ in blocks), len(text)]
    return "".join(text[begin:end] for begin, end in zip(begins, ends, strict=True))


def unlike_the_rest(text: str, end: int) -> tuple[float, float] | None:
    """Return two losses by which the part of a text from a position on is unlike the rest; None if it is alike.

    Blocks that are spread over the rest are held out; what remains of it is counted by 3-grams. Their loss on the
    blocks is compared with that on the last part. Neither part was counted, so that the losses are equal but for chance
    where the characters of both are drawn from one source, and no net is needed.

    Arguments:
        text: the text.
        end: the position; before it are 11 or more characters, after it 2 or more.

    Returns:
        The loss on the blocks and the loss on the last part, in nats per character, if they differ by UNLIKE or more,
        and by CHANCE over the square root of the number of characters of the last part or more. None if they do not.
        Of a text of more than COMPARED_LENGTH characters, sections that are spread over it are compared.
    """
    share = min(1.0, COMPARED_LENGTH / len(text))
    rest, last = spread(text[:end], share), spread(text[end:], share)
    blocks = held_out_blocks(rest)
    counted = without_blocks(rest, blocks)
    vocabulary = Vocabulary(rest + last)
    spread_loss, end_loss = (
        list(ngram_losses(vocabulary, counted, tested, max_order=COMPARED_ORDER).values())[-1]
        for tested in ("".join(rest[start:stop] for start, stop in blocks), last)
    )
    least = max(UNLIKE, CHANCE / math.sqrt(len(last)))
    return (spread_loss, end_loss) if abs(end_loss - spread_loss) >= least else None


def spread(text: str, share: float) -> str:
    """Return a share of a text, 0 to 1: the beginnings of MAX_BLOCKS sections of equal length, joined."""
    if share == 1:
        return text
    bounds = [len(text) * number // MAX_BLOCKS for number in range(MAX_BLOCKS + 1)]
    sections = pairwise(bounds)
    return "".join(text[begin : begin + int(share * (end - begin))] for begin, end in sections)
