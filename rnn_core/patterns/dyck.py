"""dyck: balanced brackets."""

import string
from functools import cached_property, partial
from random import Random

from rnn_core.patterns.shared.base import options, whole
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import Moves, Oracle, StateOracle
from rnn_core.patterns.shared.strings import MARK, Strings, marked

OPENING = "([{<" + string.ascii_lowercase
CLOSING = ")]}>" + string.ascii_uppercase

END = 1 / 3
"""How likely a string ends where all brackets are closed."""

OPENS = 1 / 2
"""How likely a bracket opens where one may open and one may close."""

DEEPER = 3
"""The deepest test strings, in depths of the deepest trained on."""

LONGER = (15, 20, 30, 40, 60, 80, 100)
"""The lengths of the longer test strings, in tenths of the longest trained on."""

EACH = 20
"""Test strings of each depth and length beyond training."""


class Dyck(Strings):
    """Balanced brackets of k kinds, at most so many open at once.

    `dyck:2:depth=4`. Every kind is equally likely. Inside, a bracket opens with probability 1/2 and otherwise the last
    one closes, at the greatest depth always; outside, the string ends with probability 1/3 and otherwise goes on. The
    kinds are ( [ { < and then small letters, closed by their capitals. Beyond training, deeper strings are judged at
    the closing brackets only, since a net that was never shown such depths cannot know that they are allowed.

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
        self.kinds = whole(spec, "k, the kinds of brackets,", kinds, 1, len(OPENING), "dyck:2")
        depth = options(spec, rest, {"depth": "4"})["depth"]
        self.depth = whole(spec, "depth", depth, 1, 100, f"dyck:{self.kinds}:depth=4")
        self.opening, self.closing = OPENING[: self.kinds], CLOSING[: self.kinds]
        self.alphabet = "".join(sorted(MARK + self.opening + self.closing))
        self.default_length = 200_000
        self.oracle = StateOracle(self.alphabet, None, partial(self._moves, self.depth))

    @property
    def spec(self) -> str:
        return f"dyck:{self.kinds}" + ("" if self.depth == 4 else f":depth={self.depth}")

    @cached_property
    def language(self) -> Oracle | None:
        return StateOracle(self.alphabet, None, partial(self._moves, DEEPER * self.depth))

    def draw(self, rng: Random) -> str:
        groups = [self.group(rng, self.depth)]
        while rng.random() >= END:
            groups.append(self.group(rng, self.depth))
        return "".join(groups)

    def group(self, rng: Random, depth: int) -> str:
        """Draw one bracket with all that it holds, at most `depth` open at once."""
        inside = []
        while depth > 1 and rng.random() < OPENS:
            inside.append(self.group(rng, depth - 1))
        kind = rng.randrange(self.kinds)
        return self.opening[kind] + "".join(inside) + self.closing[kind]

    def sizes(self, string: str) -> dict[str, int]:
        return {"length": len(string), "depth": self.height(string)}

    def height(self, string: str) -> int:
        """Return how many brackets are open at once in a string, at most."""
        depth = most = 0
        for character in string:
            depth += 1 if character in self.opening else -1
            most = max(most, depth)
        return most

    def beyond(self, training: list[str], rng: Random) -> list[Case]:
        cases = []
        for depth in range(self.depth + 1, DEEPER * self.depth + 1):
            for _ in range(EACH):
                text = marked(self.deep(rng, depth))
                closings = tuple(at for at, character in enumerate(text) if character in self.closing)
                cases.append(Case("depth", depth, text, closings))
        longest = max(map(len, training))
        for length in sorted({longest * tenths // 20 * 2 for tenths in LONGER} - {longest}):
            cases += [Case("length", length, marked(self.long(rng, length))) for _ in range(EACH)]
        return cases

    def deep(self, rng: Random, depth: int) -> str:
        """Draw a string that is exactly so deep: down and up again, with shallower groups on the way."""
        if depth == 0:
            return ""
        kind = rng.randrange(self.kinds)
        before, after = (self.group(rng, min(depth, 2)) if rng.random() < 1 / 4 else "" for _ in range(2))
        return before + self.opening[kind] + self.deep(rng, depth - 1) + self.closing[kind] + after

    def long(self, rng: Random, length: int) -> str:
        """Draw groups of the depth trained on until the string has exactly `length` characters, an even number."""
        text = ""
        while len(text) < length:
            group = self.group(rng, self.depth)
            text += group if len(text) + len(group) <= length else self.group(rng, 1)
        return text

    def knows(self, state: str | None) -> dict[str, int | str]:
        """Return `depth`, how many brackets are open, and `innermost`, the one of them that was opened last."""
        held = (state or "").removeprefix(".")
        return {"depth": len(held), "innermost": held[-1:]}

    def _moves(self, depth: int, stack: str | None) -> Moves:
        """Go from the brackets that are open, the last one at the end; "." stands for a string without any yet."""
        if stack is None:
            return {MARK: (1.0, ".")}
        held = stack.removeprefix(".")
        if not held:
            ends = 0.0 if stack else END
            opens = 1 - ends
        else:
            ends, opens = 0.0, OPENS if len(held) < depth else 0.0
        moves: dict[str, tuple[float, object]] = {}
        if opens:
            moves |= {bracket: (opens / self.kinds, held + bracket) for bracket in self.opening}
        if held:
            moves[self.closing[self.opening.index(held[-1])]] = (1 - opens, held[:-1])
        if ends:
            moves[MARK] = (ends, ".")
        return moves
