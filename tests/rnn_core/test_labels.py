"""Labels and automata against their definitions: every label is worked out anew from the text before its place."""

import itertools
import math
import re
from collections.abc import Callable, Hashable
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from rnn_core.patterns import Pattern, parse
from rnn_core.patterns.counting import AnBnCn
from rnn_core.patterns.shared import automaton
from rnn_core.patterns.shared.automaton import Automaton
from rnn_core.patterns.shared.oracle import StateOracle
from rnn_core.vocabulary import UnknownCharacterError
from tests.rnn_core.test_oracles import EXAMPLES, REBER, TOMITA, VARIANTS, all_strings

SPECS = [*EXAMPLES, *VARIANTS, "abab", "noisy:abab:0.1", "noisy:abc:0.9", "ereber", "modular_arithmetic:longest=3"]


@pytest.fixture(scope="module", params=dict.fromkeys(SPECS))
def pattern(request: pytest.FixtureRequest) -> Pattern:
    return parse(request.param)


@pytest.fixture(scope="module")
def text(pattern: Pattern) -> str:
    return pattern.sample(400, Random("labels"))


# For every family.


def test_labels_are_one_array_a_name_with_one_value_a_place(pattern: Pattern, text: str) -> None:
    labels, nothing = pattern.labels(text), pattern.labels("")
    assert labels.keys() == nothing.keys()
    for name, values in labels.items():
        assert values.shape == (len(text),)
        assert nothing[name].shape == (0,)
        assert values.dtype in (np.int64, np.bool_, np.float64) or values.dtype.kind == "U"
        assert nothing[name].dtype.kind == values.dtype.kind
        if values.dtype == np.int64:
            assert values.min() >= -1


def test_what_comes_later_changes_no_label(pattern: Pattern, text: str) -> None:
    labels = pattern.labels(text)
    for end in (1, 2, 57, 399):
        for name, values in pattern.labels(text[:end]).items():
            assert values.tolist() == labels[name][:end].tolist()


def walk(machine: Automaton, text: str) -> list[int]:
    """Return the number of the state before a text and after each of its characters."""
    numbers = [0]
    for character in text:
        numbers.append(int(machine.next_sv[numbers[-1], machine.alphabet.index(character)]))
    return numbers


def test_a_walk_through_the_automaton_says_what_the_oracle_says(pattern: Pattern, text: str) -> None:
    machine = pattern.automaton
    if machine is None:
        assert "state" not in pattern.labels(text)
        return
    assert machine is pattern.automaton, "it is made once"
    numbers = walk(machine, text)
    assert min(numbers) >= 0, "a sample is possible"
    assert np.array_equal(machine.probability_sv[numbers[:-1]], pattern.oracle.distributions(text))
    assert pattern.labels(text)["state"].tolist() == numbers[1:]


def test_an_automaton_is_numbered_as_a_breadth_first_search_meets_it(pattern: Pattern) -> None:
    machine = pattern.automaton
    if machine is None:
        return
    states, characters = len(machine.states), len(machine.alphabet)
    assert machine.alphabet == pattern.alphabet
    assert len(set(machine.states)) == states
    assert machine.next_sv.shape == machine.probability_sv.shape == (states, characters)
    assert (machine.next_sv.dtype, machine.probability_sv.dtype) == (np.int64, np.float64)
    assert machine.probability_sv.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert np.array_equal(machine.next_sv == -1, machine.probability_sv == 0)
    met = dict.fromkeys([0, *machine.next_sv[machine.next_sv >= 0].tolist()])
    assert list(met) == list(range(states)), "each is met, in the order of the numbers"


def test_a_label_is_a_function_of_the_state(pattern: Pattern) -> None:
    labels = pattern.labels(pattern.sample(20_000, Random("function")))
    for name, values in labels.items() if "state" in labels else ():
        pairs = set(zip(labels["state"].tolist(), values.tolist(), strict=True))
        assert len(pairs) == len({state for state, _ in pairs}), name


def test_a_character_that_cannot_come_is_named_with_its_place(pattern: Pattern, text: str) -> None:
    rows = pattern.oracle.distributions(text)
    for at in [at for at, row in enumerate(rows) if not row.all()][:5]:
        came = pattern.wide_oracle.next_distribution(text[:at])
        for character in (character for character, probability in came.items() if probability == 0):
            message = rf"^place {at} of the text holds '{re.escape(character)}'; allowed there: '.+'$"
            with pytest.raises(ValueError, match=message):
                pattern.labels(text[:at] + character + text[at:])


def test_a_character_that_is_not_in_the_alphabet_is_refused(pattern: Pattern, text: str) -> None:
    with pytest.raises(UnknownCharacterError):
        pattern.labels(text[:7] + "\0")


def test_nobody_knows_a_place_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text("once upon a time")
    tale = parse(f"text:{tmp_path / 'tale.txt'}")
    assert tale.labels("once") == {}
    assert tale.automaton is None


# Which patterns have an automaton.


@pytest.mark.parametrize(
    ("spec", "states"),
    [
        ("abab", 4),
        ("elman", 1 + 3 + 2 + 3 + 1),  # the start; after b, d, g; their vowels, of which the last leave none to come
        ("markov:order=0", 1),
        ("markov", 1 + 4 + 16),
        ("markov:order=5:alphabet=6", sum(6**k for k in range(6))),
        ("markov:order=6:alphabet=5", None),
        ("flipflop:3", 8 * 52),  # 0 to 50 steps since the last pulse, or more
        ("flipflop:3:golub", 1 + 8),
        ("group:S3", 1 + 1 + 6 * 20),
        ("group:A5:generators:length=3", 1 + 1 + 2 + 4 + 8),
        ("group:S3:generators:length=3", 1 + 1 + 2 + 4 + 6),  # of the eight products of three, six are different
        ("copy:1:delay=1", 1 + 1 + 8 + 8 + 8),
        ("copy:10:delay=100", None),
        ("dyck:2:say=depth", 1 + 1 + 1 + 2 + 4 + 8 + 16),
        ("dyck:2", 1 + 1 + 1 + 2 + 4 + 8 + 16),  # before the text, in an empty string, and each stack up to depth 4
        ("dyck:1:depth=100", 1 + 1 + 101),
        # Before the text; then stacks of an even depth after 0, 2, 4 brackets and of an odd one after 1, 3, 5.
        ("dyck:1:depth=2:weights=hewitt:longest=7", 1 + (1 + 2 + 2 + 1) + 3),
        ("dyck:10:depth=4", None),
        ("shuffle:1", None),
        ("tomita:3", 1 + 4),
        ("tomita:3:reading=later", 1 + 4),
        ("tomita:6:reading=mod5", 1 + 5),
        ("reber", 1 + 8),
        ("ereber", 1 + 2 + 2 * 10),
        ("parity:longest=5", 1 + 1 + 2 * 5 + 2 + 1),  # the start, no bit yet, two memories each, two answers, the end
        ("even_pairs:longest=5", 1 + 1 + 2 + 4 * 4 + 2 + 1),  # of one bit, first and last are the same
        ("modular_arithmetic:longest=1000", None),
        ("anbn:uniform=5", 1 + 6 + 5),
        ("anbn", None),
        ("ambncmn", None),
        ("reverse:longest=2", None),
        ("noisy:abc:0.1", None),
        ("hmm:mess3", None),
    ],
)
def test_an_automaton_has_as_many_states_as_the_definition(spec: str, states: int | None) -> None:
    machine = parse(spec).automaton
    assert (None if machine is None else len(machine.states)) == states


def test_the_largest_automaton_is_where_the_limit_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def ring(size: int) -> Automaton | None:
        return StateOracle("ab", 0, lambda place: {"a": (1.0, (place + 1) % size), "b": (0.0, "never")}).automaton

    assert automaton.MAX_STATES == 10_000
    machine = ring(10_000)
    assert machine is not None
    assert machine.states == tuple(range(10_000)), "what cannot come leads nowhere"
    assert machine.next_sv[:, 0].tolist() == [*range(1, 10_000), 0]
    assert ring(10_001) is None


# Each label, from the text before its place. A string is what has been read of it since its mark.


def begun(text: str) -> str:
    """Return what has been read of the last string of a text."""
    return text.rpartition("#")[2]


def last_pulse(letter: str) -> Callable[[str], int]:
    def bit(text: str) -> int:
        return int("".join(re.findall(letter, text, flags=re.IGNORECASE))[-1:] == letter)

    return bit


def last_published_pulse(bits: int, channel: int) -> Callable[[str], int]:
    """Return what a channel's last pulse was: the letters count in base 3, with the digits no pulse, 1 and 0."""

    def bit(text: str) -> int:
        digits = [
            (0 if letter == "." else ord(letter) - ord("a") + 1) // 3 ** (bits - 1 - channel) % 3 for letter in text
        ]
        return int([digit for digit in [2, *digits] if digit][-1] == 1)

    return bit


def listed(factor: str) -> list[tuple[int, ...]]:
    """Return the elements of a group such as Z5 or A4 as permutations, in the order of their numbers."""
    points = range(int(factor[1:]))
    if factor[0] == "Z":
        return [tuple((point + turn) % len(points) for point in points) for turn in points]
    every = sorted(itertools.permutations(points))
    even = [one for one in every if round(np.linalg.det(np.eye(len(points))[list(one)])) == 1]
    return every if factor[0] == "S" else even


def followed(spec: str, string: str) -> int:
    """Return the number of a string's product: where each point comes to, element by element, in each factor."""
    factors = [listed(factor) for factor in spec.split(":")[1].split("x")]
    numbers = ["0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(letter) for letter in string]
    product = 0
    for place, elements in enumerate(factors):
        below = math.prod(map(len, factors[place + 1 :]))
        ends = []
        for start in range(len(elements[0])):
            point = start
            for number in numbers:
                point = elements[number // below % len(elements)][point]
            ends.append(point)
        product = product * len(elements) + elements.index(tuple(ends))
    return product


def innermost(string: str) -> str:
    """Return the last bracket that is open, by taking out pairs until there is none."""
    pairs = ("()", "[]", "{}", "<>")
    while any(pair in string for pair in pairs):
        for pair in pairs:
            string = string.replace(pair, "")
    return string[-1:]


def before_equals(of: Callable[[str], int]) -> Callable[[str], int]:
    """Return what is a question's label: -1 from its equals sign on."""
    return lambda text: -1 if "=" in begun(text) else of(begun(text))


def parts(question: str) -> tuple[str, str]:
    """Return the terms of a sum that are done, and the one that is not, with its sign."""
    done, term = re.fullmatch(r"(.*?)([+-]?[0-4*]*)", question).groups()
    return done, term


def letters_left(letter: str, times: int) -> Callable[[str], int]:
    """Return how many of a letter are still to come once it is known how many a there are."""

    def left(text: str) -> int:
        string = begun(text)
        return times * string.count("a") - string.count(letter) if re.search("[bc]", string) else -1

    return left


def count_a(text: str) -> int:
    return -1 if re.search("[bc]", begun(text)) else begun(text).count("a")


def belief(state: int) -> Callable[[str], float]:
    """Return how likely a hidden state of Mess3 is after a text, from the published matrices, not scaled on the way."""
    published = {
        "0": [[0.765, 0.00375, 0.00375], [0.0425, 0.0675, 0.00375], [0.0425, 0.00375, 0.0675]],
        "1": [[0.0675, 0.0425, 0.00375], [0.00375, 0.765, 0.00375], [0.00375, 0.0425, 0.0675]],
        "2": [[0.0675, 0.00375, 0.0425], [0.00375, 0.0675, 0.0425], [0.00375, 0.00375, 0.765]],
    }

    def share(text: str) -> float:
        joint = [1 / 3] * 3
        for symbol in text:
            joint = [sum(joint[i] * published[symbol][i][j] for i in range(3)) for j in range(3)]
        return joint[state] / sum(joint)

    return share


LABELS: dict[str, dict[str, Callable[[str], Any]]] = {
    "elman": {
        "place": lambda text: len(text) - 1 - max(map(text.rfind, "bdg")),
        "word": lambda text: {"b": "ba", "d": "dii", "g": "guuu"}[re.sub("[aiu]", "", text)[-1]],
    },
    "copy": {
        "symbols": lambda text: re.match("[a-h]*", begun(text)).group(),
        "waited": lambda text: -1 if ">" in begun(text) else begun(text).count("."),
        "said": lambda text: len(begun(text).partition(">")[2]) if ">" in begun(text) else -1,
    },
    "anbn": {"count_a": count_a, "left_b": letters_left("b", 1)},
    "anb2n": {"count_a": count_a, "left_b": letters_left("b", 2)},
    "anbncn": {"count_a": count_a, "left_b": letters_left("b", 1), "left_c": letters_left("c", 1)},
    "ambncmn": {
        "count_a": lambda text: -1 if "c" in begun(text) else begun(text).count("a"),
        "count_b": lambda text: -1 if "c" in begun(text) else begun(text).count("b"),
        "left_c": lambda text: len(re.sub("c", "", begun(text))) - begun(text).count("c") if "c" in begun(text) else -1,
    },
    "dyck": {
        "depth": lambda text: sum(1 if c in "([{<" else -1 for c in begun(text)),
        "innermost": lambda text: innermost(begun(text)),
    },
    "shuffle": {
        "open_1": lambda text: begun(text).count("(") - begun(text).count(")"),
        "open_2": lambda text: begun(text).count("[") - begun(text).count("]"),
        "open_3": lambda text: begun(text).count("{") - begun(text).count("}"),
    },
    "hmm": {f"belief_{state}": belief(state) for state in range(3)},
    "ereber": {"remembered": lambda text: begun(text)[1:2]},
    "parity": {
        "length": before_equals(len),
        "memory": before_equals(lambda question: sum(map(int, question)) % 2),
    },
    "even_pairs": {
        "length": before_equals(len),
        "first": before_equals(lambda question: int(question[:1] or -1)),
        "last": before_equals(lambda question: int(question[-1:] or -1)),
    },
    "cycle_navigation": {
        "length": before_equals(len),
        "memory": before_equals(lambda question: sum({"<": 4, ".": 0, ">": 1}[step] for step in question) % 5),
    },
    "modular_arithmetic": {
        "length": before_equals(len),
        "total": before_equals(lambda question: eval(parts(question)[0] or "0") % 5),
        # What is missing behind a sign or a * is a 1.
        "product": before_equals(lambda question: eval(re.sub(r"([+*-]|^)$", r"\g<1>1", parts(question)[1])) % 5),
    },
    "reverse": {
        "height": lambda text: len(re.sub("[^=]*=", "", begun(text)[::-1])) - len(begun(text).partition("=")[2]),
        "top": lambda text: begun(text).partition("=")[0][: parse("reverse").labels(text)["height"][-1]][-1:],
    },
}
"""For each family and label, what it is after a text, from the definition."""


def unit_of(pattern: Pattern) -> str:
    """Return the shortest string that makes a pattern's, tried one after the other."""
    return next(
        start for end in range(9) if (start := pattern.repeated[:end]) * 9 == (pattern.repeated * 9)[: 9 * end] != ""
    )


def likeliest_place(pattern: Pattern, text: str) -> int:
    """Return the last character's place by Bayes' rule with exact fractions."""
    unit, rate = unit_of(pattern), Fraction(pattern.rate)
    wrong = rate / (len(pattern.alphabet) - 1)
    likely = [Fraction(1)] * len(unit)
    for at, character in enumerate(text):
        for phase in range(len(unit)):
            likely[phase] *= 1 - rate if unit[(phase + at) % len(unit)] == character else wrong
    return (likely.index(max(likely)) + len(text) - 1) % len(unit)


def expected_labels(pattern: Pattern) -> dict[str, Callable[[str], Any]]:
    """Return what each label of a pattern is after a text; `state` is compared with a walk, nodes with residuals."""
    by_argument: dict[str, Callable[[], dict[str, Callable[[str], Any]]]] = {
        "unit": lambda: {"place": lambda text: (len(text) - 1) % len(unit_of(pattern))},
        "noisy": lambda: {"place": lambda text: likeliest_place(pattern, text)},
        "markov": lambda: {"context": lambda text: text[::-1][: pattern.order][::-1]},
        "flipflop": lambda: {
            f"bit_{letter}": last_published_pulse(pattern.bits, channel)
            if "golub" in pattern.spec
            else last_pulse(letter)
            for channel, letter in enumerate("ABC"[: pattern.bits])
        },
        "group": lambda: {
            "element": lambda text: followed(pattern.spec, begun(text)),
            "length": lambda text: len(begun(text)),
        },
        "shuffle": lambda: {name: of for name, of in LABELS["shuffle"].items() if name[-1] in "123"[: pattern.kinds]},
        "tomita": lambda: {"may_end": lambda text: TOMITA[pattern.language](begun(text))},
    }
    made = by_argument.get(pattern.family)
    return made() if made else LABELS.get(pattern.family, {})


def test_labels_are_what_their_definitions_say(pattern: Pattern, text: str) -> None:
    short = text[:120]
    labels, expected = pattern.labels(short), expected_labels(pattern)
    assert labels.keys() - {"state", "node"} == expected.keys(), "each label is worked out here by another route"
    for name, after in expected.items():
        wanted = [after(short[: at + 1]) for at in range(len(short))]
        is_float = labels[name].dtype == np.float64
        assert labels[name].tolist() == (pytest.approx(wanted, rel=1e-9) if is_float else wanted), name


def test_letters_of_later_blocks_are_counted_as_often_as_they_come() -> None:
    class AnBnC2n(AnBnCn):
        blocks = "12"

    text = "#aabbcccc#"
    labels = AnBnC2n("").labels(text)
    for letter, times in (("b", 1), ("c", 2)):
        left = letters_left(letter, times)
        assert labels[f"left_{letter}"].tolist() == [left(text[: at + 1]) for at in range(len(text))]


def test_a_noisy_place_is_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = parse("noisy:aab:0.3")
    text = pattern.sample(500, Random(3))
    whole = pattern.labels(text)["place"].tolist()
    monkeypatch.setattr("rnn_core.patterns.noisy.CHUNK_NUMBERS", 3 * 7)
    assert pattern.labels(text)["place"].tolist() == whole
    assert len(set(np.subtract(whole, range(500)) % 3)) > 1, "it changes its mind"


def test_where_nothing_can_be_told_apart_a_noisy_place_is_that_of_the_first_phase() -> None:
    assert parse("noisy:ab:0.5").labels("abbaab")["place"].tolist() == [0, 1] * 3


def residuals(strings: set[str], longest: int, beginnings: set[str]) -> dict[str, frozenset[str]]:
    """Return for each beginning how the strings that begin with it may go on, by at most `longest` characters."""
    return {
        start: frozenset(s[len(start) :] for s in strings if s.startswith(start) and len(s) <= len(start) + longest)
        for start in beginnings
    }


def check_nodes(pattern: Pattern, members: set[str], shortest: int, longest: int) -> None:
    """Check that a node is what all beginnings have in common that may go on in the same ways, and no others."""
    starts = {member[:end] for member in members for end in range(min(len(member), shortest) + 1)}
    ways: dict[Hashable, set[frozenset[str]]] = {}
    for start, goes_on in residuals(members, longest, starts).items():
        ways.setdefault(int(pattern.labels(f"#{start}")["node"][-1]), set()).add(goes_on)
    assert all(len(several) == 1 for several in ways.values()), "one node, one way to go on"
    assert len(set.union(*ways.values())) == len(ways), "two nodes, two ways to go on"


@pytest.mark.parametrize("number", TOMITA)
def test_nodes_of_tomitas_languages_are_what_may_still_come(number: str) -> None:
    members = {string for string in all_strings("01", 12) if TOMITA[number](string)}
    check_nodes(parse(f"tomita:{number}"), members, shortest=7, longest=5)
    assert parse(f"tomita:{number}").labels("#")["node"].tolist() == [0]


def test_nodes_of_rebers_graph_are_what_may_still_come() -> None:
    members = {f"B{middle}E" for middle in all_strings("TPSXV", 8) if re.fullmatch(REBER, middle)}
    check_nodes(parse("reber"), members, shortest=5, longest=5)
    assert parse("reber").labels("#BTXSE#BPVVE")["node"].tolist() == [0, 1, 2, 4, 6, 7, 0, 1, 3, 5, 6, 7]


def test_nodes_of_an_embedded_string_are_those_of_the_one_inside() -> None:
    text = parse("ereber").sample(300, Random(5))
    expected: list[int] = [-1]
    for string in text.strip("#").split("#"):
        expected += [-1, *parse("reber").labels(f"#{string[2:-2]}")["node"].tolist(), -1, -1, -1]
    assert parse("ereber").labels(text)["node"].tolist() == expected


# Beyond the pattern's own limits.


def test_longer_brackets_have_labels_and_no_state_where_they_are_longer() -> None:
    pattern = parse("dyck:1:depth=2:longest=5")
    labels = pattern.labels("#()()()#(())#")
    assert labels["depth"].tolist() == [0, 1, 0, 1, 0, 1, 0, 0, 1, 2, 1, 0, 0]
    assert (labels["state"] == -1).tolist() == [at in (5, 6) for at in range(13)]


def test_deeper_brackets_have_labels_and_no_state_where_they_are_deeper() -> None:
    labels = parse("dyck:2:depth=2").labels("#([()])[]#")
    assert labels["depth"].tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 0, 0]
    assert (labels["state"] == -1).tolist() == [depth == 3 for depth in labels["depth"]]
    inside = parse("dyck:2:depth=2").labels("#([])[]#")["state"].tolist()
    assert np.delete(labels["state"], [3, 4]).tolist() == inside


@pytest.mark.parametrize("spec", ["parity:longest=3", "anbn:uniform=2", "ambncmn:uniform=2"])
def test_cases_beyond_the_limits_have_labels(spec: str) -> None:
    pattern = parse(spec)
    cases = pattern.cases(pattern.evaluation(300, 0), pattern.training_text(300, 0), data_seed=0)
    for case in (cases[len(cases) // 2], max(cases, key=lambda case: len(case.text))):
        text = case.text[:60]
        labels = pattern.labels(text)
        assert labels["state"].min() == -1
        for name, after in expected_labels(pattern).items():
            assert labels[name].tolist() == [after(text[: at + 1]) for at in range(len(text))]
