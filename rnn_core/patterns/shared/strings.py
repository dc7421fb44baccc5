"""Patterns of strings: each string is read from a zero state and ends with a mark, which is predicted too."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from random import Random

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, Evaluation

MARK = "#"


def split_strings(text: str, mark: str = MARK) -> list[str]:
    """Return the strings of a text such as `#ab#aabb#`, without their marks.

    Example:
        >>> split_strings("#ab##aabb#")
        ['ab', '', 'aabb']
    """
    return text[1:-1].split(mark) if len(text) > 1 else []


def with_marks(string: str, mark: str = MARK) -> str:
    """Return a string with a mark on each side: the first mark is only read, the last one is predicted.

    Example:
        >>> with_marks("ab")
        '#ab#'
    """
    return f"{mark}{string}{mark}"


class Strings(Pattern):
    """A pattern whose strings are drawn independently.

    A sample is one text, with a mark before and after each string. A string of n characters has n + 1 predictions: its
    n characters and the mark at its end.
    """

    mark = MARK

    def text_of(self, strings: Iterable[str]) -> str:
        """Return strings as one text: a mark before the first one and after each."""
        return MARK + "".join(string + MARK for string in strings)

    def strings_of(self, text: str) -> list[str]:
        """Return the strings of a text that `text_of` made."""
        return split_strings(text)

    @abstractmethod
    def draw(self, rng: Random) -> str:
        """Draw one string, without marks."""

    def draw_of_length(self, rng: Random, length: int) -> str:
        """Draw one string of a length that can be asked for, one of `lengths`, without marks."""
        raise ValueError(f"no length of a string can be asked of {self.spec}; allowed: patterns with lengths")

    def sizes(self, string: str) -> dict[str, int]:
        """Return the size of a string by each measure of the table of reach; the main measure comes first."""
        return {"length": len(string)}

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        """Return test cases that are larger than the training strings.

        Arguments:
            training: the training strings, without marks.
            rng: the source of the draws.
        """
        return []

    def sample(self, length: int, rng: Random) -> str:
        """Draw whole strings until they have at least `length` characters, each with the mark at its end."""
        strings: list[str] = []
        drawn_length = 0
        while drawn_length < length:
            strings.append(self.draw(rng))
            drawn_length += len(strings[-1]) + 1
        return self.text_of(strings)

    def sample_of_lengths(self, length: int, rng: Random, lengths: Sequence[int], batch: int = 1) -> str:
        if not lengths:
            return super().sample_of_lengths(length, rng, lengths, batch)
        strings: list[str] = []
        drawn_length = 0
        while drawn_length < length:
            of_batch = rng.choice(lengths)
            drawn = [self.draw_of_length(rng, of_batch) for _ in range(batch)]
            drawn_length += sum(len(string) + 1 for string in drawn)
            strings += drawn
        return self.text_of(strings)

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        training = self.strings_of(training_text)
        # The test text is a fresh draw, so it repeats common training strings. Its losses need these, because only then
        # is the oracle's loss the floor. The cases leave them out, because only strings that were not trained on show
        # whether a net has learnt more than those strings. Which these are is unknown where every epoch draws others.
        test = set(self.strings_of(evaluation.text)) - set(() if every_epoch else training)
        within_cases = [
            Case(measure, size, self.text_of([string]))
            for string in sorted(test, key=lambda string: (len(string), string))
            for measure, size in self.sizes(string).items()
        ]
        return within_cases + self.larger_cases(training, Random(f"beyond {data_seed}"))

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        sizes = [self.sizes(string) for string in self.strings_of(training_text)]
        return {name: (min(s[name] for s in sizes), max(s[name] for s in sizes)) for name in sizes[0]}
