"""group: the product of a sequence of group elements, said after each of them."""

import itertools
import math
import re
from collections.abc import Iterator
from functools import cached_property, partial
from random import Random
from typing import Any

import numpy as np

from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.oracle import Oracle, StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_options, parse_whole_number, spec_error
from rnn_core.patterns.shared.strings import MARK
from rnn_core.patterns.shared.symbols import symbols
from rnn_core.patterns.shared.transducer import StringTransducer

Permutation = tuple[int, ...]
"""Where each of the points 0, 1, 2 ... goes."""

Element = tuple[Permutation, ...]
"""An element of a product of groups: a permutation for each factor."""

MAX_ORDER = 120
"""The largest number of elements of a group: that of S5."""

MAX_LENGTH = 1000
"""The largest number of elements of a training string."""

MANY = 60
"""Where so many elements are read, or more, strings are shorter and there are more of them."""

MAX_LENGTH_RATIO = 3
"""The length of the longest test strings over that of the longest training strings."""

TEST_LENGTHS = 8
"""The number of lengths beyond training that are tested."""

CASES_PER_LENGTH = 40
"""Test strings of each length beyond training."""


class Group(StringTransducer):
    """Elements of a group in random order, and after each the product of all so far (after Merrill et al. 2024).

    `group:S3`. Groups are Zn (the numbers modulo n), Sn (all permutations of n points), An (the even ones), and
    products of them such as `A4xZ5`, of at most 120 elements. Elements are multiplied from the left, and of two
    permutations the left one is applied first: (a b)(i) = b(a(i)). So the first answer is the first element.

    An element is one character, the number of its place in a list: 0 to 9, A to Z (10 to 35), a to z (36 to 61), then
    letters with accents. 0 is the identity. In Zn the number is the element; permutations are listed like words (012,
    021, 102 ...), pairs by the first of the two and then by the second.

    All elements are read, each as likely as any other; with `group:A5:generators` only these: 1 and -1 of Zn; of Sn the
    swap of the first two points and the cycle of all; of An the cycle of the first three points and that of all, or
    where n is even of all but the first. With `group:S3:swaps` only the swaps of neighbouring points are read. A string
    has 2 to 20 elements, all lengths equally likely, or 10 where 60 or more elements are read; `group:S3:length=2-20`
    sets it. Strings are drawn independently, so that a short one may come more than once. The table of reach goes up to
    three times the length.

    Example:
        >>> text = Group("S3:length=2-4").sample(16, Random(1))
        >>> text, Group("S3").transduce(text)
        ('#34#12#221#052#41', '03001302010054042')
    """

    family = "group"
    example = "group:S3"
    number_labels = ("length",)
    recipe = {
        "encoding": "onehot",
        "cell": "gru",
        "hidden_size": 32,
        "epochs": 10,
        "batch_size": 32,
        "schedule": "cosine",
        "clip": 1.0,
    }

    def __init__(self, argument: str) -> None:
        spec, (name, _, options) = f"group:{argument}", argument.partition(":")
        first, _, others = options.partition(":")
        self.only, options = (first, others) if first in ONLY else ("", options)
        self.factors = parse_factors(spec, name)
        self.elements = list(itertools.product(*(permutations(*factor) for factor in self.factors)))
        number_of = {element: number for number, element in enumerate(self.elements)}
        read = self._read_alone() if self.only else self.elements
        if not read:
            raise spec_error(spec, "swaps of Sn alone, such as group:S3:swaps")
        if len(read) < 2:
            raise spec_error(spec, f"all elements of a group that one element generates, such as group:{name}")
        self.length_of_each = "10" if len(read) >= MANY else "2-20"
        if options and not options.startswith("length="):
            example = f"group:{name}:generators:length=2-20"
            raise spec_error(spec, f"first generators or swaps, then length, such as {example}, not {options!r}")
        lengths = parse_options(spec, options, {"length": self.length_of_each})["length"]
        self.shortest, self.longest = parse_lengths(spec, name, lengths)
        self.lengths = range(self.shortest, self.longest + 1)
        self.letters = "".join(sorted(self.outputs[number_of[element]] for element in read))
        self.alphabet = MARK + self.letters
        # For each character, the number of the product of each element with it.
        self._products = {
            letter: [
                number_of[product(element, self.elements[self.outputs.index(letter)])] for element in self.elements
            ]
            for letter in self.letters
        }
        self.default_length = 200_000
        if len(read) >= MANY:  # 500,000 strings of 10, read once
            self.default_length = 5_500_000
            larger = {"cell": "lstm", "hidden_size": 128, "epochs": 1, "batch_size": 128, "learning_rate": 0.005}
            self.recipe = {**self.recipe, **larger}
        self.oracle = self._oracle_up_to(self.longest)

    @property
    def spec(self) -> str:
        name = "x".join(f"{kind}{points}" for kind, points in self.factors)
        lengths = f"{self.shortest}-{self.longest}" if self.shortest < self.longest else str(self.longest)
        return (
            f"group:{name}"
            + (f":{self.only}" if self.only else "")
            + ("" if lengths == self.length_of_each else f":length={lengths}")
        )

    @property
    def outputs(self) -> str:
        return symbols(len(self.elements))

    output_at_mark = symbols(1)

    def _read_alone(self) -> list[Element]:
        """Return the generators or the swaps of every factor, as elements of the product; none if a factor has none."""
        found: dict[Element, None] = {}
        identities = tuple(tuple(range(points)) for _, points in self.factors)
        for place, factor in enumerate(self.factors):
            read_of_factor = ONLY[self.only](*factor)
            if not read_of_factor:
                return []
            for generator in read_of_factor:
                found.setdefault((*identities[:place], generator, *identities[place + 1 :]))
        return list(found)

    def draw(self, rng: Random) -> str:
        return self.draw_of_length(rng, rng.randint(self.shortest, self.longest))

    def draw_of_length(self, rng: Random, length: int) -> str:
        """Draw a string of `length` elements."""
        return "".join(rng.choices(self.letters, k=length))

    def transduce_string(self, string: str) -> str:
        number, outputs, said = 0, self.outputs, []
        for letter in string:
            number = self._products[letter][number]
            said.append(outputs[number])
        return "".join(said)

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        lengths = np.linspace(self.longest, MAX_LENGTH_RATIO * self.longest, TEST_LENGTHS + 1).round().astype(int)
        return [
            Case("length", length, self.text_of([self.draw_of_length(rng, length)]))
            for length in sorted(set(lengths.tolist()) - {self.longest})
            for _ in range(CASES_PER_LENGTH)
        ]

    @cached_property
    def wide_oracle(self) -> Oracle | None:
        return self._oracle_up_to(MAX_LENGTH_RATIO * self.longest)

    def _oracle_up_to(self, longest: int) -> Oracle:
        """Return the oracle of strings of up to `longest` elements."""
        return StateOracle(self.alphabet, None, partial(self._transitions, longest))

    def state_labels(self, state: tuple[int, int] | None) -> dict[str, int]:
        """Return `element`, the number of the product so far, and `length`, the elements of the string so far."""
        length, number = state or (0, 0)
        return {"element": number, "length": length}

    def _transitions(self, longest: int, state: tuple[int, int] | None) -> Transitions:
        """Return the transitions from the number of elements so far and that of their product; None at the start."""
        if state is None:
            return {MARK: (1.0, (0, 0))}
        length, number = state
        end = 1 / (longest + 1 - length) if length >= self.shortest else 0.0
        transitions: dict[str, tuple[float, Any]] = {MARK: (end, (0, 0))} if end else {}
        if end < 1:
            for letter in self.letters:
                transitions[letter] = ((1 - end) / len(self.letters), (length + 1, self._products[letter][number]))
        return transitions


def parse_factors(spec: str, name: str) -> list[tuple[str, int]]:
    """Return the factors of a group such as A4xZ5: the kind of each, Z, S or A, and its number n.

    Raises:
        ConfigError: there is no such group, or it has one element or more than MAX_ORDER.
    """
    factors = [(factor[0], int(factor[1:])) for factor in name.split("x") if re.fullmatch(r"[ZSA][0-9]{1,3}", factor)]
    if len(factors) < len(name.split("x")):
        allowed = "groups Zn, Sn and An, or a product of them, such as group:A4xZ5"
        raise spec_error(spec, f"{allowed}, not {name!r}")
    orders = [
        points if kind == "Z" else math.factorial(min(points, 10)) // (2 if kind == "A" else 1)  # 10! is too many
        for kind, points in factors
    ]
    if min(orders) < 2 or math.prod(orders) > MAX_ORDER:
        order = math.prod(orders)
        size = "1 in one factor" if min(orders) < 2 else f"{order} or more" if order > 1_000_000 else f"{order} in all"
        raise spec_error(spec, f"two or more elements in each factor and at most {MAX_ORDER} in all, not {size}")
    return factors


def parse_lengths(spec: str, name: str, lengths: str) -> tuple[int, int]:
    """Return the smallest and the largest length of strings; `lengths` is one of them, or both as in 2-20.

    Raises:
        ConfigError: they are no whole numbers from 1 to MAX_LENGTH, the smaller one first.
    """
    first, dash, last = lengths.partition("-")
    example = f"group:{name}:length=2-20"
    shortest = parse_whole_number(spec, "length", first, 1, MAX_LENGTH, example)
    longest = parse_whole_number(spec, "length", last, 1, MAX_LENGTH, example) if dash else shortest
    if longest < shortest:
        raise spec_error(spec, f"the smaller length first, such as {example}, not {lengths!r}")
    return shortest, longest


def permutations(kind: str, points: int) -> Iterator[Permutation]:
    """Yield the elements of Zn (rotations of n points), Sn or An in the order of words, the identity first."""
    if kind == "Z":
        yield from (tuple((point + turn) % points for point in range(points)) for turn in range(points))
        return
    for permutation in itertools.permutations(range(points)):
        inversions = sum(left > right for left, right in itertools.combinations(permutation, 2))
        if kind == "S" or inversions % 2 == 0:
            yield permutation


def generators(kind: str, points: int) -> list[Permutation]:
    """Return the generators of Zn (1 and -1), Sn (a swap and the cycle of all points) or An (two cycles)."""
    if kind == "Z":
        return [cycle(points, range(points)), cycle(points, range(points)[::-1])]
    if kind == "S":
        return [cycle(points, range(2)), cycle(points, range(points))]
    return [cycle(points, range(3)), cycle(points, range(1 - points % 2, points))]


def swaps(kind: str, points: int) -> list[Permutation]:
    """Return the swaps of neighbouring points, which generate Sn; none for another kind."""
    return [cycle(points, range(point, point + 2)) for point in range(points - 1)] if kind == "S" else []


ONLY = {"generators": generators, "swaps": swaps}
"""What else than all elements can be read, by the option that says so."""


def cycle(points: int, moved: range) -> Permutation:
    """Return the permutation that takes each point of `moved` to the next, and the last to the first.

    Example:
        >>> cycle(4, range(3))
        (1, 2, 0, 3)
    """
    after = dict(zip(moved, [*moved[1:], moved[0]], strict=True))
    return tuple(after.get(point, point) for point in range(points))


def product(left: Element, right: Element) -> Element:
    """Return the product of two elements, the left one applied first: (a b)(i) = b(a(i)).

    Example:
        >>> product(((1, 0, 2),), ((0, 2, 1),))
        ((2, 0, 1),)
    """
    return tuple(tuple(b[point] for point in a) for a, b in zip(left, right, strict=True))
