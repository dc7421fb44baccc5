"""dyck: balanced brackets."""

from functools import cached_property, partial
from random import Random

from rnn_core.patterns.shared.brackets import CLOSING, OPENING, height
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import Oracle, StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_options, parse_whole_number
from rnn_core.patterns.shared.strings import MARK, Strings, with_marks

END_PROBABILITY = 1 / 3
"""The probability that a string ends where all brackets are closed."""

OPEN_PROBABILITY = 1 / 2
"""The probability that a bracket opens where one may open and one may close."""

MAX_DEPTH_RATIO = 3
"""The depth of the deepest test strings over the greatest depth in training."""

LENGTH_TENTHS = (15, 20, 30, 40, 60, 80, 100)
"""The lengths of the longer test strings, in tenths of the length of the longest training string."""

CASES_PER_SIZE = 20
"""Test strings of each depth and of each length beyond training."""


class Dyck(Strings):
    """Balanced brackets of k kinds, of which at most `depth` are open at once.

    `dyck:2:depth=4`. Every kind is equally likely. Where a bracket is open, another one opens with probability 1/2, and
    otherwise the innermost one closes; at the greatest depth it always closes. Where none is open, the string ends with
    probability 1/3, and otherwise a bracket opens; a string has at least one pair. The kinds are ( [ { < and then small
    letters, closed by their capitals. Of test strings deeper than in training only the closing brackets are judged:
    the training data do not show that deeper brackets are allowed.

    Example:
        >>> Dyck("2:depth=3").sample(30, Random(1))
        '#[()([][])[]()][[][()]][][]#([[]])#'
    """

    family = "dyck"
    example = "dyck:2"
    recipe = {
        "encoding": "onehot",
        "cell": "lstm",
        "hidden_size": 32,
        "epochs": 20,
        "batch_size": 32,
        "schedule": "cosine",
    }

    def __init__(self, argument: str) -> None:
        kinds, _, rest = argument.partition(":")
        spec = f"dyck:{argument}"
        self.kinds = parse_whole_number(spec, "k, the kinds of brackets,", kinds, 1, len(OPENING), "dyck:2")
        depth = parse_options(spec, rest, {"depth": "4"})["depth"]
        self.depth = parse_whole_number(spec, "depth", depth, 1, 100, f"dyck:{self.kinds}:depth=4")
        self.opening, self.closing = OPENING[: self.kinds], CLOSING[: self.kinds]
        self.alphabet = "".join(sorted(MARK + self.opening + self.closing))
        self.default_length = 200_000
        self.oracle = StateOracle(self.alphabet, None, partial(self._transitions, self.depth))

    @property
    def spec(self) -> str:
        return f"dyck:{self.kinds}" + ("" if self.depth == 4 else f":depth={self.depth}")

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return StateOracle(self.alphabet, None, partial(self._transitions, MAX_DEPTH_RATIO * self.depth))

    def draw(self, rng: Random) -> str:
        groups = [self.group(rng, self.depth)]
        while rng.random() >= END_PROBABILITY:
            groups.append(self.group(rng, self.depth))
        return "".join(groups)

    def group(self, rng: Random, depth: int) -> str:
        """Draw a pair of brackets with its contents, at most `depth` open at once, 1 or more."""
        contents = []
        while depth > 1 and rng.random() < OPEN_PROBABILITY:
            contents.append(self.group(rng, depth - 1))
        kind = rng.randrange(self.kinds)
        return self.opening[kind] + "".join(contents) + self.closing[kind]

    def sizes(self, string: str) -> dict[str, int]:
        return {"length": len(string), "depth": height(string)}

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        cases = []
        for depth in range(self.depth + 1, MAX_DEPTH_RATIO * self.depth + 1):
            for _ in range(CASES_PER_SIZE):
                text = with_marks(self.deep(rng, depth))
                closings = tuple(position for position, character in enumerate(text) if character in self.closing)
                cases.append(Case("depth", depth, text, closings))
        longest = max(map(len, training))
        for length in sorted({longest * tenths // 20 * 2 for tenths in LENGTH_TENTHS} - {longest}):
            cases += [Case("length", length, with_marks(self.long(rng, length))) for _ in range(CASES_PER_SIZE)]
        return cases

    def deep(self, rng: Random, depth: int) -> str:
        """Draw a string whose greatest depth is exactly `depth`: nested pairs, with shallower groups between them."""
        if depth == 0:
            return ""
        kind = rng.randrange(self.kinds)
        before, after = (self.group(rng, min(depth, 2)) if rng.random() < 1 / 4 else "" for _ in range(2))
        return before + self.opening[kind] + self.deep(rng, depth - 1) + self.closing[kind] + after

    def long(self, rng: Random, length: int) -> str:
        """Draw a string of exactly `length` characters, an even number, no deeper than in training."""
        text = ""
        while len(text) < length:
            group = self.group(rng, self.depth)
            text += group if len(text) + len(group) <= length else self.group(rng, 1)
        return text

    def state_labels(self, state: str | None) -> dict[str, int | str]:
        """Return `depth`, the number of open brackets, and `innermost`, the one that was opened last."""
        open_brackets = (state or "").removeprefix(".")
        return {"depth": len(open_brackets), "innermost": open_brackets[-1:]}

    def _transitions(self, depth: int, stack: str | None) -> Transitions:
        """Return the transitions from a stack of open brackets.

        Arguments:
            depth: the greatest number of open brackets.
            stack: the open brackets, the innermost last; "." at the beginning of a string; None at the start.
        """
        if stack is None:
            return {MARK: (1.0, ".")}
        open_brackets = stack.removeprefix(".")
        if not open_brackets:
            end = 0.0 if stack else END_PROBABILITY
            opening = 1 - end
        else:
            end, opening = 0.0, OPEN_PROBABILITY if len(open_brackets) < depth else 0.0
        transitions: dict[str, tuple[float, object]] = {}
        if opening:
            transitions |= {bracket: (opening / self.kinds, open_brackets + bracket) for bracket in self.opening}
        if open_brackets:
            closing = self.closing[self.opening.index(open_brackets[-1])]
            transitions[closing] = (1 - opening, open_brackets[:-1])
        if end:
            transitions[MARK] = (end, ".")
        return transitions
