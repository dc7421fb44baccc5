"""Every oracle against its definition, worked out anew: no table and no automaton of the source is used here."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rnn_core.patterns import Pattern, parse
from rnn_core.patterns.shared import oracle
from rnn_core.patterns.shared.oracle import StateOracle
from rnn_core.patterns.shared.strings import Strings, split_strings

EXAMPLES = [
    family.example
    for family in Pattern.families.values()
    if not family.needs_file and parse(family.example).oracle is not None
]
"""The example of every family with an oracle; one whose example is a file has none."""

VARIANTS = [
    "aab",
    "noisy:aab:0.3",
    "noisy:abcab:0.6",
    "markov:order=0:alphabet=5:seed=1",
    "markov:order=1:alphabet=2:seed=2",
    "markov:order=4:alphabet=3:seed=3",
    "anbn:uniform=10",
    "anbncn:uniform=4",
    "anb2n:geometric=0.6",
    "ambncmn:uniform=3",
    "dyck:1:depth=1",
    "dyck:3:depth=2",
    "dyck:1:depth=7",
    "dyck:2:depth=3:weights=hewitt:longest=84",
    "dyck:2:depth=2:weights=hewitt:longest=7",
    "dyck:1:depth=3:longest=9",
    "shuffle:1",
    "shuffle:3",
    *(f"tomita:{number}" for number in range(1, 8)),
    "tomita:3:reading=later",
    "tomita:6:reading=mod5",
    "parity:longest=5",
    "even_pairs:longest=5",
    "cycle_navigation:longest=3",
    "modular_arithmetic:longest=6",
    "reverse:longest=4",
    "flipflop:1",
    "flipflop:2:golub",
    "group:Z2",
    "group:Z2xZ3:length=3",
    "group:A4:generators:length=1-3",
    "copy:2:delay=3",
    "copy:1:delay=1",
    "dyck:2:depth=2:say=depth",
]


@pytest.fixture(scope="module", params=EXAMPLES)
def pattern(request: pytest.FixtureRequest) -> Pattern:
    return parse(request.param)


@pytest.fixture(scope="module")
def text(pattern: Pattern) -> str:
    return pattern.sample(150, Random("oracle"))


# For every family.


@given(data=st.data())
def test_what_may_come_sums_to_one_after_any_beginning(pattern: Pattern, text: str, data: st.DataObject) -> None:
    beginning = text[: data.draw(st.integers(0, len(text)))]
    after = pattern.oracle.next_distribution(beginning)
    assert "".join(after) == pattern.alphabet
    assert min(after.values()) >= 0
    assert math.fsum(after.values()) == pytest.approx(1, abs=1e-9)


def test_one_pass_is_the_same_as_step_by_step(pattern: Pattern, text: str) -> None:
    steps = [pattern.oracle.next_distribution(text[:at]) for at in range(len(text))]
    rows = pattern.oracle.distributions(text)
    assert rows.dtype == np.float64
    assert np.allclose(rows, [list(step.values()) for step in steps], rtol=0, atol=1e-12)
    log_probs = pattern.oracle.log_probs(text)
    assert log_probs.shape == (len(text),)
    assert np.exp(log_probs) == pytest.approx([step[came] for step, came in zip(steps, text, strict=True)], abs=1e-12)


@given(data=st.data())
def test_what_comes_later_changes_nothing_before(pattern: Pattern, text: str, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(text) - 1))
    other = text[:end] + data.draw(st.text(st.sampled_from(pattern.alphabet), min_size=1, max_size=10))
    rows, others = pattern.oracle.distributions(text), pattern.oracle.distributions(other)
    assert np.allclose(others[: end + 1], rows[: end + 1], rtol=0, atol=1e-12)
    assert np.allclose(pattern.oracle.log_probs(other)[:end], pattern.oracle.log_probs(text)[:end], rtol=0, atol=1e-12)


@given(data=st.data())
def test_after_what_cannot_be_everything_is_impossible(pattern: Pattern, text: str, data: st.DataObject) -> None:
    limited = [at for at, row in enumerate(pattern.oracle.distributions(text)) if not row.all()]
    if not limited:
        anything = data.draw(st.text(st.sampled_from(pattern.alphabet), max_size=30))
        assert np.isfinite(pattern.oracle.log_probs(anything)).all(), "where all may come, it may at any time"
        return
    beginning = text[: data.draw(st.sampled_from(limited))]
    after = pattern.oracle.next_distribution(beginning)
    impossible = [character for character, probability in after.items() if probability == 0]
    spoilt = beginning + data.draw(st.sampled_from(impossible)) + data.draw(st.text(pattern.alphabet, max_size=20))
    log_probs = pattern.oracle.log_probs(spoilt)
    assert np.isfinite(log_probs[: len(beginning)]).all()
    assert (log_probs[len(beginning) :] == -np.inf).all()
    assert not pattern.oracle.distributions(spoilt)[len(beginning) + 1 :].any()
    assert set(pattern.oracle.next_distribution(spoilt).values()) == {0.0}


def test_an_empty_text_has_no_distributions(pattern: Pattern) -> None:
    assert pattern.oracle.log_probs("").shape == (0,)
    assert pattern.oracle.distributions("").shape == (0, len(pattern.alphabet))


@pytest.mark.parametrize("spec", VARIANTS)
def test_variants_are_held_possible_and_sum_to_one(spec: str) -> None:
    pattern = parse(spec)
    text = pattern.sample(3000, Random("variant"))
    assert np.isfinite(pattern.oracle.log_probs(text)).all()
    assert pattern.oracle.distributions(text).sum(axis=1) == pytest.approx(1, abs=1e-9)


def disagreement(pattern: Pattern, text: str) -> tuple[float, int]:
    """Return the chi-squared statistic of a text's characters against an oracle, and its degrees of freedom.

    Positions are grouped by what the oracle says there, to three digits; in each group the characters that came are
    counted and compared with the sum of their probabilities. Cells that expect fewer than ten are left out.
    """
    rows = pattern.oracle.distributions(text)
    groups: dict[bytes, int] = {}
    group = np.array([groups.setdefault(row.tobytes(), len(groups)) for row in rows.round(3)])
    came = pattern.oracle.vocabulary.encode(text).numpy()
    observed, expected = np.zeros((len(groups), rows.shape[1])), np.zeros((len(groups), rows.shape[1]))
    np.add.at(observed, (group, came), 1)
    np.add.at(expected, group, rows)
    assert not observed[expected == 0].any(), "what cannot come never came"
    counted = expected >= 10
    all_counted = (counted | (expected == 0)).all(axis=1)
    statistic = ((observed - expected)[counted] ** 2 / expected[counted]).sum()
    return float(statistic), int(counted.sum() - (all_counted & counted.any(axis=1)).sum())


def agrees(pattern: Pattern, text: str) -> bool:
    statistic, freedom = disagreement(pattern, text)
    return statistic < (stats.chi2.isf(1e-6, freedom) if freedom else 1e-6)


@pytest.mark.parametrize("length", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_large_sample_has_the_frequencies_of_the_oracle(pattern: Pattern, length: int) -> None:
    text = pattern.sample(length, Random("frequencies"))
    assert disagreement(pattern, text)[1] > 0 or not pattern.random, "there is something to compare"
    assert agrees(pattern, text)


@pytest.mark.parametrize("spec", VARIANTS)
def test_samples_of_variants_have_the_frequencies_of_the_oracle(spec: str) -> None:
    pattern = parse(spec)
    assert agrees(pattern, pattern.sample(40_000, Random("frequencies")))


@pytest.mark.parametrize(
    ("drawn", "judged"),
    [
        ("noisy:abc:0.1", "noisy:abc:0.11"),
        ("anbn", "anbn:geometric=0.31"),
        ("markov:order=1:seed=0", "markov:order=1:seed=1"),
        pytest.param("noisy:aab:0.3", "noisy:abb:0.3", marks=pytest.mark.slow),
        pytest.param("anbn:uniform=50", "anbn:uniform=52", marks=pytest.mark.slow),
        pytest.param("dyck:2", "dyck:2:depth=5", marks=pytest.mark.slow),
        pytest.param("parity:longest=40", "parity:longest=42", marks=pytest.mark.slow),
    ],
)
def test_the_frequencies_of_another_pattern_are_told_apart(drawn: str, judged: str) -> None:
    assert not agrees(parse(judged), parse(drawn).sample(200_000, Random("frequencies")))


# Strings, one by one.


def probability(pattern: Pattern, string: str) -> float:
    return float(np.exp(pattern.oracle.log_probs(f"#{string}#").sum()))


def all_strings(alphabet: str, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, itertools.product(alphabet, repeat=length))


def held_possible(pattern: Pattern, longest: int) -> dict[str, float]:
    """Return every string of at most `longest` characters that an oracle holds possible, and its probability."""
    found: dict[str, float] = {}
    begun = [("#", pattern.oracle.next_distribution("")["#"])]
    while begun:
        beginning, so_far = begun.pop()
        for character, share in pattern.oracle.next_distribution(beginning).items():
            if share > 0 and character == "#":
                found[beginning[1:]] = so_far * share
            elif share > 0 and len(beginning) <= longest:
                begun.append((beginning + character, so_far * share))
    return found


def check_strings(pattern: Pattern, expected: dict[str, float], longest: int, alphabet: str = "") -> None:
    """Check that the strings up to a length are just the expected ones, each as likely as expected."""
    assert held_possible(pattern, longest) == pytest.approx(expected, rel=1e-9)
    for string in [*expected, *all_strings(alphabet, longest if alphabet else -1)]:
        assert probability(pattern, string) == pytest.approx(expected.get(string, 0.0), rel=1e-9)


def geometric(count: int) -> float:
    return 0.7 ** (count - 1) * 0.3


def uniform_of_3(count: int) -> float:
    return 1 / 3 if count <= 3 else 0.0


@pytest.mark.parametrize(("argument", "share"), [("", geometric), (":uniform=3", uniform_of_3)])
def test_counting_languages_have_the_probabilities_of_their_counts(
    argument: str, share: Callable[[int], float]
) -> None:
    def those_up_to(longest: int, strings: dict[str, float]) -> dict[str, float]:
        return {string: likely for string, likely in strings.items() if len(string) <= longest and likely}

    counts = range(1, 10)
    one = {name: parse(name + argument) for name in ("anbn", "anbncn", "anb2n", "ambncmn")}
    check_strings(one["anbn"], those_up_to(9, {"a" * n + "b" * n: share(n) for n in counts}), 9, "ab")
    check_strings(one["anb2n"], those_up_to(9, {"a" * n + "bb" * n: share(n) for n in counts}), 9, "ab")
    check_strings(one["anbncn"], those_up_to(7, {"a" * n + "b" * n + "c" * n: share(n) for n in counts}), 7, "abc")
    check_strings(one["anbncn"], those_up_to(12, {"a" * n + "b" * n + "c" * n: share(n) for n in counts}), 12)
    sums = {"a" * m + "b" * n + "c" * (m + n): share(m) * share(n) for m in counts for n in counts}
    check_strings(one["ambncmn"], those_up_to(7, sums), 7, "abc")
    check_strings(one["ambncmn"], those_up_to(10, sums), 10)


@pytest.mark.parametrize("family", ["anbn", "anb2n", "anbncn", "ambncmn"])
def test_the_language_of_a_uniform_count_has_no_end(family: str) -> None:
    pattern = parse(f"{family}:uniform=2")
    for n in (1, 2, 3, 40):
        twice = {"anbn": "", "anb2n": "b" * n, "anbncn": "c" * n, "ambncmn": "c" * 2 * n}[family]
        string = "#" + "a" * n + "b" * n + twice + "#"
        assert np.isfinite(pattern.wide_oracle.log_probs(string)).all()
        assert np.isfinite(pattern.oracle.log_probs(string)).all() == (n <= 2)


def bracket_groups(string: str, kinds: tuple[str, ...]) -> list[str] | None:
    """Return what stands inside each outermost pair of brackets; None if the string is not balanced."""
    insides = []
    while string:
        close = next((pair[1] for pair in kinds if pair[0] == string[0]), None)
        if close is None:
            return None
        depths = list(itertools.accumulate((c == string[0]) - (c == close) for c in string))
        if 0 not in depths:
            return None
        end = depths.index(0)
        insides.append(string[1:end])
        string = string[end + 1 :]
    return insides


def bracket_probability(inside: str, kinds: tuple[str, ...], depth: int) -> float:
    """Return how likely a pair of brackets holds just this: before each pair in it a coin says that one opens."""
    groups = bracket_groups(inside, kinds)
    if groups is None or (groups and depth == 1):
        return 0.0
    likely = 1.0 if depth == 1 else 0.5
    for group in groups:
        likely *= 0.5 / len(kinds) * bracket_probability(group, kinds, depth - 1)
    return likely


@pytest.mark.parametrize(
    ("spec", "kinds", "depth", "longest"),
    [
        ("dyck:1:depth=1", ("()",), 1, 8),
        ("dyck:1:depth=2", ("()",), 2, 10),
        ("dyck:2:depth=2", ("()", "[]"), 2, 6),
        ("dyck:5:depth=2", ("()", "[]", "{}", "<>", "aA"), 2, 3),
        *(
            pytest.param(*larger, marks=pytest.mark.slow)
            for larger in (
                ("dyck:1:depth=3", ("()",), 3, 12),
                ("dyck:2:depth=3", ("()", "[]"), 3, 7),
                ("dyck:2", ("()", "[]"), 4, 9),
                ("dyck:4:depth=2", ("()", "[]", "{}", "<>"), 2, 4),
                ("dyck:5:depth=2", ("()", "[]", "{}", "<>", "aA"), 2, 4),
            )
        ),
    ],
)
def test_balanced_brackets_have_the_probability_of_their_coins(
    spec: str, kinds: tuple[str, ...], depth: int, longest: int
) -> None:
    expected: dict[str, float] = {}
    for string in all_strings("".join(kinds), longest):
        groups = bracket_groups(string, kinds)
        if groups:
            likely = (2 / 3) ** (len(groups) - 1) / 3
            for group in groups:
                likely *= bracket_probability(group, kinds, depth) / len(kinds)
            if likely:
                expected[string] = likely
    check_strings(parse(spec), expected, longest, "".join(kinds) if longest <= 4 or len(kinds) == 1 else "")


@pytest.mark.parametrize(("kinds", "longest"), [(("()",), 8), (("()", "[]"), 6), (("()", "[]", "{}"), 4)])
def test_shuffled_brackets_have_the_probability_of_their_walk(kinds: tuple[str, ...], longest: int) -> None:
    """Each step is worked out anew, with exact fractions, from how often each bracket came before."""
    expected: dict[str, float] = {}
    for string in all_strings("".join(kinds), longest):
        likely = Fraction(1)
        for at, character in enumerate(f"{string}#"):
            still_open = [kind for kind in kinds if string[:at].count(kind[0]) > string[:at].count(kind[1])]
            if character == "#":
                likely *= 0 if still_open else Fraction(3, 10)
            elif any(character == kind[0] for kind in kinds):
                likely *= (Fraction(4, 10) if still_open else Fraction(7, 10)) / len(kinds)
            else:
                may_close = any(character == kind[1] for kind in still_open)
                likely *= Fraction(6, 10) / len(still_open) if may_close else 0
        if likely:
            expected[string] = float(likely)
    assert "" in expected
    assert len(kinds) == 1 or "([)]" in expected
    check_strings(parse(f"shuffle:{len(kinds)}"), expected, longest, "".join(kinds))


def test_the_kind_that_closes_does_not_depend_on_how_many_of_it_are_open() -> None:
    """By symmetry, frequencies do not show it while each state that allows the same is looked at together."""
    first_kind_closed = []
    for string in split_strings(parse("shuffle:2").sample(200_000, Random(1))):
        for at, character in enumerate(string):
            counts = [string[:at].count(opening) - string[:at].count(closing) for opening, closing in ("()", "[]")]
            if counts == [3, 1] and character in ")]":
                first_kind_closed.append(character == ")")
    assert len(first_kind_closed) > 1000
    assert np.mean(first_kind_closed) == pytest.approx(1 / 2, abs=5 / (2 * math.sqrt(len(first_kind_closed))))


@pytest.mark.parametrize(("kinds", "depth", "longest"), [(1, 1, 7), (1, 2, 10), (1, 3, 13), (2, 2, 7), (2, 3, 7)])
@pytest.mark.parametrize("end", [Fraction(1, 2), Fraction(1, 3)])
@pytest.mark.parametrize("limited", [False, True])
def test_brackets_have_the_probabilities_of_the_published_weights(
    kinds: int, depth: int, longest: int, end: Fraction, limited: bool
) -> None:
    """Hewitt et al.: at depth 0 end 1/2, each opening 1/(2k); between, closing 1/2, openings 1/(2k); at m closing 1."""
    hewitt = end == Fraction(1, 2)
    expected: dict[str, Fraction] = {}
    for string in all_strings("()[]"[: 2 * kinds], longest - 1):
        likely = Fraction(1)
        for at, character in enumerate(f"{string}#"):
            rest = re.sub(r"[^()[\]]", "", string[:at])
            while rest != (rest := rest.replace("()", "").replace("[]", "")):
                pass
            may_end = not rest and (at > 0 or hewitt)
            opening = Fraction(0) if len(rest) == depth else Fraction(1, 2) if rest else 1 - end if may_end else 1
            if character == "#":
                likely *= end if may_end else 0
            elif character in "([":
                likely *= Fraction(opening) / kinds
            else:
                likely *= 1 - opening if rest[-1:] + character in ("()", "[]") else 0
            if not likely:
                break
        if likely:
            expected[string] = likely
    total = sum(expected.values()) if limited else 1
    weights = ":weights=hewitt" if hewitt else ""
    pattern = parse(f"dyck:{kinds}:depth={depth}{weights}" + (f":longest={longest}" if limited else ""))
    assert ("" in expected) == hewitt
    # Unless the length is limited, there are strings beyond the longest that is looked at.
    check_strings(pattern, {string: float(share / total) for string, share in expected.items()}, longest - 1)
    assert pattern.oracle.next_distribution("#" + "(" * depth)[")"] == pytest.approx(1)
    if limited:
        assert not set(split_strings(pattern.sample(2000, Random(1)))) - expected.keys()
        assert all(np.isfinite(pattern.wide_oracle.log_probs(f"#{'()' * longest}#")))


REBER = "(PT*VV|(TS*X|PT*VP)(XT*VP)*(S|XT*VV))"
"""The published graph between B and E: every node but the last has two ways out, each as likely."""


def test_reber_strings_halve_with_every_letter() -> None:
    expected = {f"B{middle}E": 0.5 ** len(middle) for middle in all_strings("TPSXV", 7) if re.fullmatch(REBER, middle)}
    assert len(expected) > 15
    check_strings(parse("reber"), expected, 9)


@given(st.integers(0, 10**9), st.integers(0, 30), st.text("BEPSTVX", max_size=2), st.booleans())
def test_a_reber_string_with_a_letter_changed_is_told_apart(seed: int, at: int, put: str, embedded: bool) -> None:
    pattern = parse("ereber" if embedded else "reber")
    string = split_strings(pattern.sample(1, Random(seed)))[0]
    assert re.fullmatch(rf"B([TP])B{REBER}E\1E" if embedded else f"B{REBER}E", string)
    changed = string[: at % len(string)] + put + string[at % len(string) + 1 :]
    is_one = re.fullmatch(rf"B([TP])B{REBER}E\1E" if embedded else f"B{REBER}E", changed)
    choices = len(changed) - (5 if embedded else 2)
    assert probability(pattern, changed) == pytest.approx(0.5**choices if is_one else 0.0, rel=1e-9)


def test_embedded_reber_strings_remember_their_second_letter() -> None:
    inner = [middle for middle in all_strings("TPSXV", 6) if re.fullmatch(REBER, middle)]
    expected = {f"B{way}B{middle}E{way}E": 0.5 ** (1 + len(middle)) for middle in inner for way in "TP"}
    check_strings(parse("ereber"), expected, 6 + 6)


def test_published_reber_strings_are_told_apart() -> None:
    # From http://www.willamette.edu/~gorr/classes/cs449/reber.html
    right = "BTSSXXTVVE BPVVE BTXXVPSE BPVPXVPXVPXVVE BTSXXVPSE"
    wrong = "BTSSPXSE BPTVVB BTXXVVSE BPVSPSE BTSSSE"
    assert all(probability(parse("reber"), string) > 0 for string in right.split())
    assert not any(probability(parse("reber"), string) > 0 for string in wrong.split())


@pytest.mark.parametrize(("letters", "count"), [(8, 7), pytest.param(20, 783, marks=pytest.mark.slow)])
def test_there_are_seven_reber_strings_of_8_letters_and_783_of_20(letters: int, count: int) -> None:
    # Counted in https://jamesmccaffreyblog.com/2015/08/26/programmatically-generating-reber-grammar-strings/
    lengths = [len(string) for string in held_possible(parse("reber"), letters)]
    assert lengths.count(letters) == count


TOMITA: dict[str, Callable[[str], bool]] = {
    "1": lambda string: "0" not in string,
    "2": lambda string: string == "10" * (len(string) // 2),
    "3": lambda string: not re.search(r"(?<!1)1(11)*0(00)*(?!0)", string),
    "3:reading=later": lambda string: not re.search(r"(?<!1)1(11)*(?=0)(.*1)?0(00)*(?!0)", string),
    "4": lambda string: "000" not in string,
    "5": lambda string: string.count("0") % 2 == 0 == string.count("1") % 2,
    "6": lambda string: (string.count("0") - string.count("1")) % 3 == 0,
    "6:reading=mod5": lambda string: (string.count("0") - string.count("1")) % 5 == 0,
    "7": lambda string: re.fullmatch("0*1*0*1*", string) is not None,
}


def test_the_readings_of_tomitas_languages_differ_as_published() -> None:
    strings = list(all_strings("01", 12))
    differing = [string for string in strings if TOMITA["3"](string) != TOMITA["3:reading=later"](string)]
    assert (len(strings), len(differing), differing[0]) == (8191, 327, "100110")
    assert parse("tomita:3:reading=next").spec == "tomita:3"
    assert parse("tomita:6:reading=mod3").spec == "tomita:6"


@pytest.mark.parametrize("number", TOMITA)
def test_tomitas_languages_are_their_definitions(number: str) -> None:
    pattern = parse(f"tomita:{number}")
    members = {string for string in all_strings("01", 12) if TOMITA[number](string)}
    for length in range(13):
        strings = map("".join, itertools.product("01", repeat=length))
        assert pattern.members(length).tolist() == [string in members for string in strings]
    # Every beginning of a member of at most 12 characters; to end, none needs more than two.
    viable = {member[:end] for member in members for end in range(len(member) + 1)}
    (end,) = map(Fraction, re.findall(r"1/\d+", pattern.description))  # how likely a string ends where it may
    expected = {}
    for string in (member for member in members if len(member) <= 8):
        likely = float(end)
        for at in range(len(string)):
            likely *= float(1 - end) if string[:at] in members else 1
            likely /= sum(string[:at] + character in viable for character in "01")
        expected[string] = likely
    check_strings(pattern, expected, 8, "01")


def questions(family: str, length: int) -> Iterator[str]:
    symbols, between = {
        "parity": ("01", "01"),
        "even_pairs": ("01", "01"),
        "cycle_navigation": ("<.>", "<.>"),
        "modular_arithmetic": ("01234", "+-*"),
        "reverse": ("ab", "ab"),
    }[family]
    return map("".join, itertools.product(*((symbols, between)[at % 2] for at in range(length))))


ANSWERS: dict[str, Callable[[str], str]] = {
    "parity": lambda question: "01"[sum(bit == "1" for bit in question) & 1],
    "even_pairs": lambda question: str(len(re.findall("0(?=1)|1(?=0)", question)) % 2),
    "cycle_navigation": lambda question: str(sum("<.>".index(step) - 1 for step in question) % 5),
    "modular_arithmetic": lambda question: str(eval(question) % 5),
    "reverse": lambda question: question[::-1],
}


@pytest.mark.parametrize("family", ANSWERS)
@pytest.mark.parametrize("longest", [3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_questions_are_even_and_answers_right(family: str, longest: int) -> None:
    lengths = [length for length in range(1, longest + 1) if family != "modular_arithmetic" or length % 2 == 1]
    expected = {}
    for length in lengths:
        asked = list(questions(family, length))
        for question in asked:
            expected[f"{question}={ANSWERS[family](question)}"] = 1 / len(lengths) / len(asked)
    assert sum(expected.values()) == pytest.approx(1), "so that all others have probability 0"
    pattern = parse(f"{family}:longest={longest}")
    check_strings(pattern, expected, 2 * longest + 1)
    if longest == 3 and family in ("parity", "even_pairs", "reverse"):
        check_strings(pattern, expected, 7, pattern.symbols + "=")


@pytest.mark.parametrize("family", ANSWERS)
def test_a_wrong_answer_to_a_long_question_is_impossible(family: str) -> None:
    pattern = parse(family)
    for seed in range(20):
        (string,) = split_strings(pattern.sample(1, Random(seed)))
        question, answer = string.split("=")
        assert answer == ANSWERS[family](question)
        assert probability(pattern, string) > 0
        for wrong in {*pattern.digits} - {answer[-1]}:
            assert probability(pattern, f"{question}={answer[:-1]}{wrong}") == 0
        assert probability(pattern, f"{question}={answer}{answer[-1]}") == 0


@pytest.mark.parametrize("family", ANSWERS)
def test_the_language_of_questions_goes_on_to_where_they_are_tested(family: str) -> None:
    pattern = parse(f"{family}:longest=8")
    (question,) = itertools.islice(questions(family, 99), 7, 8)
    string = f"#{question}={ANSWERS[family](question)}#"
    assert pattern.oracle.log_probs(string)[-1] == -np.inf
    assert np.isfinite(pattern.wide_oracle.log_probs(string)).all()


def test_a_language_has_the_strings_of_its_oracle() -> None:
    for spec in EXAMPLES + VARIANTS:
        pattern = parse(spec)
        text = pattern.sample(2000, Random("language"))
        assert np.isfinite(pattern.wide_oracle.log_probs(text)).all(), spec


# Streams.


def text_probability(pattern: Pattern, text: str) -> float:
    return float(np.exp(pattern.oracle.log_probs(text).sum()))


@pytest.mark.parametrize("unit", ["abc", "aab", "abca", "ba"])
def test_a_unit_is_certain(unit: str) -> None:
    pattern = parse(unit)
    for text in all_strings("".join(set(unit)), 7):
        assert text_probability(pattern, text) == float(text == (unit * 7)[: len(text)])


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        ("markov:order=0:alphabet=3:seed=4", 3),
        ("markov:order=1:alphabet=3:seed=5", 3),
        ("markov:order=2:alphabet=2:seed=6", 3),
        ("markov:order=3:alphabet=2", 3),
        ("markov", 2),
    ],
)
def test_a_markov_source_multiplies_the_rows_of_its_table(spec: str, more: int) -> None:
    pattern = parse(spec)
    size, order = len(pattern.alphabet), pattern.order
    contexts = list(map("".join, itertools.product(pattern.alphabet, repeat=order)))  # in the order of the table
    table = dict(zip(contexts, pattern.table, strict=True))
    assert all(math.fsum(row) == pytest.approx(1, abs=1e-12) and min(row) > 0 for row in pattern.table)
    for text in all_strings(pattern.alphabet, order + more):
        likely = size ** -min(order, len(text))
        for at in range(order, len(text)):
            likely *= table[text[at - order : at]][pattern.alphabet.index(text[at])]
        assert text_probability(pattern, text) == pytest.approx(likely, rel=1e-9)


def test_the_rows_of_a_markov_table_are_drawn_evenly_from_all_there_are() -> None:
    # Of V shares that are uniform on the simplex, each is above x with probability (1 - x)^(V - 1).
    for size, order in ((2, 10), (3, 6), (5, 4)):
        shares = np.array(parse(f"markov:order={order}:alphabet={size}:seed=7").table)
        for column in shares.T:
            assert stats.kstest(column, stats.beta(1, size - 1).cdf).pvalue > 1e-6


def test_a_markov_table_depends_on_its_seed_alone() -> None:
    tables = [parse(f"markov:seed={seed}").table for seed in (0, 0, 1)]
    assert tables[0] == tables[1] != tables[2]
    assert parse("markov:seed=1").training_text(50, 0) != parse("markov:seed=0").training_text(50, 0)


@pytest.mark.parametrize(
    ("unit", "rate"), [("ab", "0.1"), ("abc", "0.1"), ("aab", "0.25"), ("abca", "0.4"), ("aba", "0.9"), ("abab", "0.5")]
)
def test_a_noisy_unit_weighs_every_phase_by_bayes(unit: str, rate: str) -> None:
    pattern = parse(f"noisy:{unit}:{rate}")
    right, wrong = 1 - Fraction(rate), Fraction(rate) / (len(set(unit)) - 1)

    def explained(text: str, phase: int) -> Fraction:
        return math.prod(
            (right if unit[(phase + at) % len(unit)] == character else wrong for at, character in enumerate(text)),
            start=Fraction(1, len(unit)),
        )

    for text in all_strings(pattern.alphabet, 5):
        joint = [explained(text, phase) for phase in range(len(unit))]
        assert text_probability(pattern, text) == pytest.approx(float(sum(joint)), rel=1e-9)
        after = pattern.oracle.next_distribution(text)
        for character in pattern.alphabet:
            expected = sum(explained(text + character, phase) for phase in range(len(unit))) / sum(joint)
            assert after[character] == pytest.approx(float(expected), rel=1e-9)


def test_a_long_noisy_unit_is_read_in_pieces_that_fit_together() -> None:
    unit = "".join(Random(1).choices("abc", k=3000))
    pattern = parse(f"noisy:{unit}:0.3")
    text = pattern.sample(1500, Random(2))  # 1398 steps of so long a unit are held at a time
    phases = np.lib.stride_tricks.sliding_window_view(np.array(list(unit * 2)), len(text))[: len(unit)]
    right = phases == np.array(list(text))
    weight, paid = np.full(len(unit), 1 / len(unit)), []
    for step in right.T:
        after = weight * np.where(step, 0.7, 0.15)
        paid.append(after.sum())
        weight = after / after.sum()
    assert np.exp(pattern.oracle.log_probs(text)) == pytest.approx(np.array(paid), rel=1e-8)


def test_phases_that_explain_a_long_text_alike_stay_alike() -> None:
    oracle = parse("noisy:ab:0.0001").oracle
    assert oracle.next_distribution("ab" * 20_000 + "ba" * 20_000)["a"] == pytest.approx(0.5, abs=1e-6)
    assert oracle.next_distribution("ab" * 20_000 + "ba" * 20_001)["b"] == pytest.approx(0.9999, abs=1e-6)


def test_elmans_words_come_in_every_order() -> None:
    pattern = parse("elman")
    orders = ["".join(words) for words in itertools.product(("ba", "dii", "guuu"), repeat=4)]
    for length in range(9):
        beginnings = [order[:length] for order in orders]
        expected = {text: beginnings.count(text) / len(orders) for text in set(beginnings)}
        assert sum(text_probability(pattern, text) for text in expected) == pytest.approx(1)
        for text, likely in expected.items():
            assert text_probability(pattern, text) == pytest.approx(likely, rel=1e-9)
    words = {order[:4] for order in orders}
    for text in all_strings("abdgiu", 4):
        if len(text) == 4:
            assert (text_probability(pattern, text) > 0) == (text in words)


SILENCES = {
    length: Fraction(1, 2) * Fraction(3, 4) ** (length - 1) / 4 + (Fraction(1, 100) if length <= 50 else 0)
    for length in range(1, 200)
}
"""How likely a flip-flop is silent for so long before a pulse: half geometric, half even up to 50."""


@pytest.mark.parametrize("bits", [1, 3])
def test_silences_of_a_flip_flop_are_half_geometric_and_half_even(bits: int) -> None:
    pattern = parse(f"flipflop:{bits}")
    assert float(sum(SILENCES.values())) == pytest.approx(1)
    likely = {length: text_probability(pattern, "." * length + "A") for length in (*range(60), 150)}
    expected = {length: float(SILENCES.get(length, 0)) / (2 * bits) for length in likely}
    assert likely == pytest.approx(expected, rel=1e-9)
    # Each is drawn anew, whichever pulses there were.
    text = "...a" + "." * 50 + "A.a"
    whole = math.prod(float(SILENCES[length]) / (2 * bits) for length in (3, 50, 1))
    assert text_probability(pattern, text) == pytest.approx(whole, rel=1e-9)
    gaps = Counter(map(len, pattern.sample(200_000, Random(7)).translate(str.maketrans("ABCbc", "aaaaa")).split("a")))
    count = sum(gaps.values())
    assert all(abs(gaps[n] - count * float(SILENCES[n])) < 5 * math.sqrt(count * SILENCES[n]) for n in range(1, 51))


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_published_channels_are_pulsed_independently(bits: int) -> None:
    pattern = parse(f"flipflop:{bits}:golub")
    ways = list(itertools.product((0, 1, 2), repeat=bits))  # no pulse, set, reset
    letters = [".", *"abcdefghijklmnopqrstuvwxyz"[: len(ways) - 1]]
    assert pattern.alphabet == "".join(letters)
    assert len(letters) == 3**bits
    first, later = pattern.oracle.next_distribution(""), pattern.oracle.next_distribution(letters[-1] + ".")
    for letter, way in zip(letters, ways, strict=True):
        assert first[letter] == pytest.approx(0.0 if 0 in way else 0.5**bits)
        assert later[letter] == pytest.approx(math.prod(0.5 if pulse == 0 else 0.25 for pulse in way))


# Known numbers, and the oracle's own bounds.


@pytest.mark.parametrize(
    ("family", "predictions", "bits"),
    [
        ("anbn", 1_030_000, 0.258224),
        *(pytest.param(name, 1_544_500, 0.172205, marks=pytest.mark.slow) for name in ("anbncn", "anb2n")),
    ],
)
def test_the_optimum_of_lan_et_al_2022_is_the_published_number(family: str, predictions: int, bits: float) -> None:
    # Each n from 15 to 1014 once, the end included, the first a free: their optimal test score.
    log_probs = parse(family).oracle.log_probs
    counted, paid = 0, 0.0
    for n in range(15, 1015):  # all of them: their number is a sum
        string = "a" * n + {"anbn": "b" * n, "anbncn": "b" * n + "c" * n, "anb2n": "b" * 2 * n}[family]
        losses = -log_probs(f"#{string}#")[1:]
        assert losses[0] == 0
        counted += len(losses)
        paid += float(losses.sum()) / math.log(2)
    assert counted == predictions
    assert paid / counted == pytest.approx((513_500 * -math.log2(0.7) + 1000 * -math.log2(0.3)) / predictions, abs=1e-9)
    assert paid / counted == pytest.approx(bits, abs=1e-6)


def test_the_loss_of_a_noisy_unit_of_known_phase_is_the_entropy_of_its_noise() -> None:
    pattern = parse("noisy:abc:0.1")
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.05))
    paid = -pattern.oracle.log_probs(pattern.sample(100_000, Random(1))).mean()
    assert paid == pytest.approx(entropy, abs=0.01)


def test_a_state_oracle_that_forgets_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = parse("dyck:2").sample(500, Random(1))
    rows, log_probs = parse("dyck:2").oracle.distributions(text), parse("dyck:2").oracle.log_probs(text)
    monkeypatch.setattr(oracle, "MAX_STATES", 3)
    forgetful = parse("dyck:2").oracle
    for _ in range(3):
        assert np.array_equal(forgetful.distributions(text), rows)
        assert np.array_equal(forgetful.log_probs(text), log_probs)
        assert forgetful.next_distribution("#(")["]"] == 0


def test_a_state_oracle_keeps_no_more_states_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def moves(state: int) -> dict[str, tuple[float, int]]:
        asked.append(state)
        return {"a": (0.5, state + 1), "b": (0.5, 0)}

    counter = StateOracle("ab", 0, moves)
    counter.log_probs("a" * 50)
    first = len(asked)
    counter.log_probs("a" * 50)
    assert len(asked) == first == 50, "a state that was met is remembered"
    monkeypatch.setattr(oracle, "MAX_STATES", 10)
    counter.log_probs("a" * 50)
    assert len(asked) == 100, "beyond the limit it starts anew"


def test_an_oracle_reads_texts_in_any_order(pattern: Pattern) -> None:
    texts = [pattern.sample(60, Random(seed)) for seed in range(4)]
    alone = [parse(pattern.spec).oracle.log_probs(text) for text in texts]
    for number in (3, 0, 2, 1, 3):
        assert np.array_equal(pattern.oracle.log_probs(texts[number]), alone[number])


def test_strings_are_read_from_mark_to_mark(pattern: Pattern) -> None:
    if not isinstance(pattern, Strings):
        assert pattern.mark == ""
        return
    text = pattern.sample(100, Random(4))
    alone = [pattern.oracle.log_probs(f"#{string}#")[1:] for string in pattern.strings_of(text)]
    # The last string of a transducer has no mark behind it.
    assert np.array_equal(pattern.oracle.log_probs(text), np.concatenate([[0.0], *alone])[: len(text)])
