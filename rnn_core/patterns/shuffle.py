"""shuffle: brackets of several kinds, each balanced by itself, in any interleaving."""

from random import Random

from rnn_core.patterns.shared.brackets import CLOSING, OPENING, height
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_whole_number
from rnn_core.patterns.shared.strings import MARK, Strings, with_marks

END_PROBABILITY = 0.3
"""The probability that a string ends where all brackets are closed."""

OPEN_PROBABILITY = 0.4
"""The probability that a bracket opens where one is open; otherwise one closes."""

LENGTH_TENTHS = (12, 15, 20, 30, 40)
"""The lengths of the longer test strings, in tenths of the length of the longest training string."""

DEPTH_TENTHS = (12, 15, 20, 30)
"""The depths of the deeper test strings, in tenths of the greatest depth in training."""

CASES_PER_SIZE = 20
"""Test strings of each length and of each depth beyond training."""


class Shuffle(Strings):
    """Brackets of k kinds, each kind balanced by itself: k languages Dyck-1, shuffled.

    `shuffle:2`: a closing bracket needs an open one of its kind, not that it was opened last, as in ([)]. So k counts
    suffice, without a stack. Where nothing is open the string ends with probability 0.3, at its beginning too, and
    otherwise a bracket opens. Elsewhere a bracket opens with probability 0.4, and otherwise one closes. Its kind is
    uniform among the possible ones. The depth of a string is the greatest number of open brackets of all kinds.

    Example:
        >>> Shuffle("2").sample(30, Random(4))
        '###(())#[]#()([][)[[[]]]]##([])(()[])()#'
    """

    family = "shuffle"
    example = "shuffle:2"
    recipe = {
        "encoding": "onehot",
        "cell": "lstm",
        "hidden_size": 16,
        "epochs": 30,
        "learning_rate": 0.02,
        "batch_size": 32,
        "schedule": "cosine",
        "clip": 1.0,
    }

    def __init__(self, argument: str) -> None:
        spec = f"shuffle:{argument}"
        self.kinds = parse_whole_number(spec, "k, the kinds of brackets,", argument, 1, len(OPENING), "shuffle:2")
        self.opening, self.closing = OPENING[: self.kinds], CLOSING[: self.kinds]
        self.number_labels = [f"open_{kind}" for kind in range(1, self.kinds + 1)]
        self.alphabet = "".join(sorted(MARK + self.opening + self.closing))
        self.default_length = 200_000
        self.oracle = StateOracle(self.alphabet, None, self._transitions)

    @property
    def spec(self) -> str:
        return f"shuffle:{self.kinds}"

    def draw(self, rng: Random) -> str:
        groups = []
        while rng.random() >= END_PROBABILITY:
            groups.append(self.group(rng))
        return "".join(groups)

    def group(self, rng: Random) -> str:
        """Draw brackets from a first one up to where nothing is open again."""
        open_kinds: list[int] = []
        brackets = [self._open(rng, open_kinds)]
        while open_kinds:
            add = self._open if rng.random() < OPEN_PROBABILITY else self._close
            brackets.append(add(rng, open_kinds))
        return "".join(brackets)

    def deep(self, rng: Random, depth: int) -> str:
        """Draw a string whose depth is exactly `depth`, 1 or more: it climbs there and falls, with some returns."""
        open_kinds: list[int] = []
        brackets = []
        while len(open_kinds) < depth:
            add = self._close if len(open_kinds) > 1 and rng.random() < 1 / 4 else self._open
            brackets.append(add(rng, open_kinds))
        while open_kinds:
            add = self._open if len(open_kinds) < depth and rng.random() < 1 / 4 else self._close
            brackets.append(add(rng, open_kinds))
        return "".join(brackets)

    def _open(self, rng: Random, open_kinds: list[int]) -> str:
        """Return an opening bracket of any kind, and append its kind to those that are open."""
        kind = rng.randrange(self.kinds)
        open_kinds.append(kind)
        return self.opening[kind]

    def _close(self, rng: Random, open_kinds: list[int]) -> str:
        """Return a closing bracket and remove its kind from those that are open, of which each is equally likely."""
        kind = rng.choice(sorted(set(open_kinds)))
        open_kinds.remove(kind)
        return self.closing[kind]

    def sizes(self, string: str) -> dict[str, int]:
        return {"length": len(string), "depth": height(string)}

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        longest, deepest = max(map(len, training)), max(map(height, training))
        cases = []
        for length in sorted({max(2, longest) * tenths // 20 * 2 for tenths in LENGTH_TENTHS}):
            if length > longest:
                strings = [self.long(rng, length, max(1, deepest)) for _ in range(CASES_PER_SIZE)]
                cases += [Case("length", length, with_marks(string)) for string in strings]
        for depth in sorted({max(2, deepest) * tenths // 10 for tenths in DEPTH_TENTHS}):
            if depth > deepest:
                strings = [self.deep(rng, depth) for _ in range(CASES_PER_SIZE)]
                cases += [Case("depth", depth, with_marks(string)) for string in strings]
        return cases

    def long(self, rng: Random, length: int, depth: int) -> str:
        """Draw a string of exactly `length` brackets, an even number, of which at most `depth` are open at once."""
        text = ""
        while len(text) < length:
            group = self.group(rng)
            fits = len(text) + len(group) <= length and height(group) <= depth
            text += group if fits else self.deep(rng, 1)
        return text

    def state_labels(self, state: tuple[int, ...] | None) -> dict[str, int]:
        """Return `open_1`, `open_2` ..., the number of open brackets of each kind."""
        counts = state or (0,) * self.kinds
        return {f"open_{kind}": count for kind, count in enumerate(counts, start=1)}

    def _transitions(self, counts: tuple[int, ...] | None) -> Transitions:
        """Return the transitions from the number of open brackets of each kind; None at the start."""
        nothing_open = (0,) * self.kinds
        if counts is None:
            return {MARK: (1.0, nothing_open)}
        open_kinds = [kind for kind, count in enumerate(counts) if count]
        opening = OPEN_PROBABILITY if open_kinds else 1 - END_PROBABILITY
        transitions: dict[str, tuple[float, object]] = {}
        for kind, bracket in enumerate(self.opening):
            after = (*counts[:kind], counts[kind] + 1, *counts[kind + 1 :])
            transitions[bracket] = (opening / self.kinds, after)
        for kind in open_kinds:
            after = (*counts[:kind], counts[kind] - 1, *counts[kind + 1 :])
            transitions[self.closing[kind]] = ((1 - opening) / len(open_kinds), after)
        if not open_kinds:
            transitions[MARK] = (END_PROBABILITY, nothing_open)
        return transitions
