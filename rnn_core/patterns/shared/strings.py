"""Patterns whose sequences are strings: each is read from a zero state and ends with a mark that must be predicted."""

from abc import abstractmethod
from random import Random

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, Evaluation

MARK = "#"


def split(text: str) -> list[str]:
    """Return the strings of a text such as `#ab#aabb#`.

    Example:
        >>> split("#ab##aabb#")
        ['ab', '', 'aabb']
    """
    return text[1:-1].split(MARK) if len(text) > 1 else []


def marked(string: str) -> str:
    """Return a string between its marks: the first is only read, the last is predicted.

    Example:
        >>> marked("ab")
        '#ab#'
    """
    return f"{MARK}{string}{MARK}"


class Strings(Pattern):
    """A pattern whose strings are drawn one by one.

    A sample is one text in which a mark stands before and after each string. A string of n characters has n + 1
    predictions, its own characters and the mark at its end.
    """

    mark = MARK

    @abstractmethod
    def draw(self, rng: Random) -> str:
        """Draw one string."""

    def sizes(self, string: str) -> dict[str, int]:
        """Return how large a string is, by every measure that the table of generalization has; the main one first."""
        return {"length": len(string)}

    def beyond(self, training: list[str], rng: Random) -> list[Case]:
        """Return cases larger than those trained on."""
        return []

    def sample(self, length: int, rng: Random) -> str:
        """Draw whole strings until there are at least `length` characters, marks at the end included."""
        strings: list[str] = []
        have = 0
        while have < length:
            strings.append(self.draw(rng))
            have += len(strings[-1]) + 1
        return MARK + "".join(string + MARK for string in strings)

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        training = split(training_text)
        trained = set(training)
        # The test is a fresh draw, which repeats common strings of the training draw: only so is the floor exact and
        # within reach. Strings held out would have a lower floor, for a predictor who was told which they are. Whether
        # a net has learnt more than the strings it saw, only those it never saw can tell.
        new = sorted(set(split(evaluation.text)) - trained, key=lambda string: (len(string), string))
        inside = [Case(measure, size, marked(string)) for string in new for measure, size in self.sizes(string).items()]
        return inside + self.beyond(training, Random(f"beyond {data_seed}"))

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        sizes = [self.sizes(string) for string in split(training_text)]
        return {name: (min(s[name] for s in sizes), max(s[name] for s in sizes)) for name in sizes[0]}
