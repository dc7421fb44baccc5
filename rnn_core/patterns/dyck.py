"""dyck: balanced brackets."""

from collections.abc import Mapping
from functools import cached_property, partial
from random import Random
from typing import Any

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.brackets import CLOSING, OPENING, height
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import Oracle, StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_options, parse_whole_number, spec_error
from rnn_core.patterns.shared.strings import MARK, Strings
from rnn_core.patterns.shared.symbols import symbols
from rnn_core.patterns.shared.transducer import StringTransducer

END_PROBABILITY = 1 / 3
"""The probability that a string ends where all brackets are closed."""

HEWITT_END_PROBABILITY = 1 / 2
"""The same with the weights of Hewitt et al. 2020, and there at the beginning of a string, too."""

OPEN_PROBABILITY = 1 / 2
"""The probability that a bracket opens where one may open and one may close."""

MAX_LONGEST = 10_000
"""The largest value of `longest`."""

MAX_DEPTH_RATIO = 3
"""The depth of the deepest test strings over the greatest depth in training."""

BEYOND_LONGEST = (1.1, 1.25, 1.5, 1.75, 2)
"""The lengths of the longer test strings, in units of `longest` where a spec gives it; both with the end mark."""

LENGTH_TENTHS = (15, 20, 30, 40, 60, 80, 100)
"""The lengths of the longer test strings, in tenths of the length of the longest training string."""

CASES_PER_SIZE = 20
"""Test strings of each depth and of each length beyond training."""


class Dyck(Strings):
    """Balanced brackets of k kinds, of which at most `depth` are open at once.

    `dyck:2:depth=4`. Every kind is equally likely. Where a bracket is open, another one opens with probability 1/2, and
    otherwise the innermost one closes; at the greatest depth it always closes. Where none is open, the string ends with
    probability 1/3, and otherwise a bracket opens; a string has at least one pair. With `weights=hewitt`, as in
    `dyck:2:depth=3:weights=hewitt:longest=84` (Hewitt et al. 2020), it ends with probability 1/2, at its beginning too.
    `longest` leaves out strings of more symbols, the end mark counted; longer ones, up to twice as long, are for the
    test. The kinds are ( [ { < and then small letters, closed by their capitals. Of test strings deeper than in
    training only the closing brackets are judged: the training data do not show that deeper brackets are allowed. With
    `dyck:2:say=depth` a net says the depth instead of predicting the next character.

    Example:
        >>> Dyck("2:depth=3").sample(30, Random(1))
        '#[()([][])[]()][[][()]][][]#([[]])#'
    """

    family = "dyck"
    example = "dyck:2"
    number_labels = ("depth",)
    recipe = {
        "encoding": "onehot",
        "cell": "lstm",
        "hidden_size": 32,
        "epochs": 20,
        "batch_size": 32,
        "schedule": "cosine",
    }

    def __init__(self, argument: str) -> None:
        self._set_up(argument, {"depth": "4", "weights": "coins", "longest": "0"})

    @classmethod
    def from_argument(cls, argument: str) -> Pattern:
        says = any(option.partition("=")[0] == "say" for option in argument.split(":")[1:])
        return (DyckDepth if says else cls)(argument)

    def _set_up(self, argument: str, defaults: Mapping[str, str]) -> dict[str, str]:
        """Set the attributes from the argument of a spec; return its options, with `defaults` for those not given."""
        kinds, _, rest = argument.partition(":")
        spec = f"dyck:{argument}"
        self.kinds = parse_whole_number(spec, "k, the kinds of brackets,", kinds, 1, len(OPENING), "dyck:2")
        options = parse_options(spec, rest, defaults)
        self.depth = parse_whole_number(spec, "depth", options["depth"], 1, 100, f"dyck:{self.kinds}:depth=4")
        weights, longest = options.get("weights", "coins"), options.get("longest", "0")
        if weights not in ("coins", "hewitt"):
            raise spec_error(spec, f"weights coins or hewitt, such as dyck:2:weights=hewitt, not {weights!r}")
        self.hewitt = weights == "hewitt"
        self.end = HEWITT_END_PROBABILITY if self.hewitt else END_PROBABILITY
        self.longest = 0
        if longest != "0":
            least = 2 * self.depth + 1  # the string that goes to the greatest depth and back, and its end
            example = f"dyck:{self.kinds}:depth={self.depth}:longest={max(84, least)}"
            self.longest = parse_whole_number(spec, "longest 0, or", longest, least, MAX_LONGEST, example)
        self.opening, self.closing = OPENING[: self.kinds], CLOSING[: self.kinds]
        self.alphabet = "".join(sorted(MARK + self.opening + self.closing))
        self.default_length = 200_000
        self.oracle = self._oracle_to(self.depth, self.longest)
        return options

    @property
    def spec(self) -> str:
        options = {"depth": (self.depth, 4), "weights": ("hewitt" if self.hewitt else "coins", "coins")}
        given = {**options, "longest": (self.longest, 0)}.items()
        return f"dyck:{self.kinds}" + "".join(f":{name}={value}" for name, (value, usual) in given if value != usual)

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return self._oracle_to(MAX_DEPTH_RATIO * self.depth, 0)

    def draw(self, rng: Random) -> str:
        string = self._draw_of_any_length(rng)
        while self.longest and len(string) >= self.longest:
            string = self._draw_of_any_length(rng)
        return string

    def _draw_of_any_length(self, rng: Random) -> str:
        groups = [] if self.hewitt else [self.group(rng, self.depth)]
        while rng.random() >= self.end:
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
        return self.deeper_cases(rng) + self.longer_cases(training, rng)

    def deeper_cases(self, rng: Random) -> list[Case]:
        """Return test cases that are deeper than the training strings, of which the closing brackets are judged."""
        cases = []
        for depth in range(self.depth + 1, MAX_DEPTH_RATIO * self.depth + 1):
            for _ in range(CASES_PER_SIZE):
                text = self.text_of([self.deep(rng, depth)])
                closings = tuple(position for position, character in enumerate(text) if character in self.closing)
                cases.append(Case("depth", depth, text, closings))
        return cases

    def longer_cases(self, training: list[str], rng: Random) -> list[Case]:
        """Return test cases that are longer than the training strings, and no deeper."""
        longest = max(map(len, training))
        lengths = {longest * tenths // 20 * 2 for tenths in LENGTH_TENTHS} - {longest}
        if self.longest:
            symbols_and_end = {round(times * self.longest) for times in BEYOND_LONGEST}
            lengths = {(count - 1) // 2 * 2 for count in symbols_and_end} - set(range(self.longest))
        return [
            Case("length", length, self.text_of([self.long(rng, length)]))
            for length in sorted(lengths)
            for _ in range(CASES_PER_SIZE)
        ]

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

    def state_labels(self, state: Any) -> dict[str, int | str]:
        """Return `depth`, the number of open brackets, and `innermost`, the one that was opened last."""
        stack = state[0] if isinstance(state, tuple) else state
        open_brackets = (stack or "").removeprefix(".")
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
            end = 0.0 if stack and not self.hewitt else self.end
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

    # Strings of limited length: the state also holds the number of brackets so far.

    def _oracle_to(self, depth: int, longest: int) -> Oracle:
        """Return the oracle of brackets of which at most `depth` are open, in strings of at most `longest` symbols.

        Where the spec gives no length, `longest` is 0; otherwise 0 stands for any length, with the same states.
        """
        if not self.longest:
            return StateOracle(self.alphabet, None, partial(self._transitions, depth))
        return StateOracle(self.alphabet, (None, 0), partial(self._limited_transitions, depth, longest))

    def _limited_transitions(self, depth: int, longest: int, state: tuple[str | None, int]) -> Transitions:
        """Return the transitions of `_transitions`, given that the string has at most `longest` symbols.

        By Bayes' rule, each is as likely as without a limit, times the probability that the string then still fits,
        over that probability before it.
        """
        stack, length = state
        transitions: dict[str, tuple[float, object]] = {}
        for character, (probability, after) in self._transitions(depth, stack).items():
            next_length = 0 if character == MARK else length + 1
            if longest and stack is not None:
                left = longest - length - 1  # symbols that may follow this one
                before = self._fits_at_beginning if stack == "." else self._fits[left + 1][len(stack)]
                probability *= (1.0 if character == MARK else self._fits[left][len(str(after))]) / before
            if probability > 0:
                transitions[character] = (probability, (after, next_length))
        return transitions

    @cached_property
    def _fits(self) -> list[list[float]]:
        """The probability that a string ends within n symbols more where d brackets are open: row n, column d."""
        rows = [[0.0] * (self.depth + 1)]
        for _ in range(self.longest):
            before = [*rows[-1], 0.0]
            closed = self.end + (1 - self.end) * before[1]
            between = [
                OPEN_PROBABILITY * before[d + 1] + (1 - OPEN_PROBABILITY) * before[d - 1] for d in range(1, self.depth)
            ]
            rows.append([closed, *between, before[self.depth - 1]])
        return rows

    @property
    def _fits_at_beginning(self) -> float:
        """The probability that a string has at most `longest` symbols."""
        return self._fits[self.longest][0] if self.hewitt else self._fits[self.longest - 1][1]


class DyckDepth(StringTransducer, Dyck):
    """Balanced brackets of k kinds, and after each of them the depth: the number of brackets that are open.

    `dyck:2:say=depth`, `dyck:2:depth=4:say=depth`. The strings are those of `dyck:2`. The depth is one character: 0 to
    9, then A to Z for 10 to 35, a to z, and letters with accents. The table of reach has longer strings, but no deeper
    ones: a net cannot say a depth that it was never taught to say.

    Example:
        >>> text = DyckDepth("2:depth=3:say=depth").sample(30, Random(1))
        >>> text, DyckDepth("2:depth=3:say=depth").transduce(text)
        ('#[()([][])[]()][[][()]][][]#([[]])', '0121232321212101212321010100123210')
    """

    output_at_mark = symbols(1)

    def __init__(self, argument: str) -> None:
        said = self._set_up(argument, {"depth": "4", "say": "depth"})["say"]
        if said != "depth":
            raise spec_error(f"dyck:{argument}", f"say=depth, such as dyck:{self.kinds}:say=depth, not {said!r}")

    @property
    def spec(self) -> str:
        return f"{super().spec}:say=depth"

    @property
    def outputs(self) -> str:
        return symbols(self.depth + 1)

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return self.oracle

    def transduce_string(self, string: str) -> str:
        depth, said = 0, []
        for character in string:
            depth += 1 if character in self.opening else -1
            said.append(self.outputs[depth])
        return "".join(said)

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        return self.longer_cases(training, rng)
