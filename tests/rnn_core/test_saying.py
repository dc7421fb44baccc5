"""What transducers say, worked out from their definitions: no table and no code of the source is used here."""

import dataclasses
import itertools
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.descriptions import key_numbers
from experiments.plots import draw_run
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.patterns import Pattern, parse
from rnn_core.patterns.shared.specs import is_former_spec
from rnn_core.patterns.shared.symbols import SYMBOLS, symbols
from rnn_core.patterns.shared.transducer import Transducer
from tests.rnn_core.test_labels import listed

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def transducer(spec: str) -> Transducer:
    pattern = parse(spec)
    assert isinstance(pattern, Transducer)
    return pattern


def test_symbols_are_distinct_printable_and_in_their_order() -> None:
    assert symbols(62) == SIGNS
    assert "".join(sorted(set(SYMBOLS))) == SYMBOLS
    assert SYMBOLS.isalnum()
    assert all(len(c.encode("utf-16-le")) == 2 and c.isprintable() for c in SYMBOLS)
    assert len(symbols(256)) == 256


EXAMPLES = [
    family.example
    for family in Pattern.families.values()
    if not family.needs_file and isinstance(parse(family.example), Transducer)
]


@pytest.mark.parametrize(
    "spec", [*EXAMPLES, "flipflop:2:golub", "flipflop:8", "group:S5:generators", "copy:2:delay=1", "dyck:2:say=depth"]
)
def test_what_is_said_is_one_output_a_character_and_depends_on_what_was_read(spec: str) -> None:
    pattern = transducer(spec)
    text = pattern.sample(2000, Random(3))
    said = pattern.transduce(text)
    assert len(said) == len(text)
    assert set(said) <= set(pattern.outputs)
    assert pattern.outputs == "".join(sorted(set(pattern.outputs)))
    for end in (0, 1, 2, 57, 400, 1999):
        assert pattern.transduce(text[:end]) == said[:end]
    assert pattern.inputs_and_targets(text) == (text, said)
    certain = pattern.target_distributions(text)
    assert certain.shape == (len(text), len(pattern.outputs))
    assert [pattern.outputs[row.argmax()] for row in certain] == list(said)
    assert set(certain.sum(axis=1)) == {1.0}
    assert pattern.oracle_loss(pattern.evaluation(100, 0)) == 0
    scored = pattern.scored(text)
    assert (scored is None) == (pattern.mark == "")
    if scored is not None:
        assert scored.tolist() == [character != "#" for character in text]


@given(st.integers(1, 8), st.data())
def test_a_flip_flop_says_the_last_pulse_of_each_bit(bits: int, data: st.DataObject) -> None:
    letters = "ABCDEFGH"[:bits]
    text = data.draw(st.text("." + letters + letters.lower(), max_size=40))
    said = []
    for end in range(1, len(text) + 1):
        last = [[c for c in text[:end] if c.upper() == letter][-1:] for letter in letters]
        number = int("".join("1" if pulse == [letter] else "0" for letter, pulse in zip(letters, last, strict=True)), 2)
        said.append(SYMBOLS[number])
    assert transducer(f"flipflop:{bits}").transduce(text) == "".join(said)


@given(st.text(".abcdefghijklmnopqrstuvwxyz", max_size=60))
def test_published_channels_hold_their_last_pulse(text: str) -> None:
    memory, said = [0, 0, 0], ""
    for character in text:
        number = ".abcdefghijklmnopqrstuvwxyz".index(character)
        for channel, digit in enumerate((number // 9, number // 3 % 3, number % 3)):
            memory[channel] = (memory[channel], 1, 0)[digit]
        said += str(4 * memory[0] + 2 * memory[1] + memory[2])
    assert transducer("flipflop:3:golub").transduce(text) == said


def test_a_published_channel_is_pulsed_at_every_other_step() -> None:
    text = parse("flipflop:3:golub").sample(30_000, Random(5))
    numbers = np.array([".abcdefghijklmnopqrstuvwxyz".index(character) for character in text])
    digits = np.array([numbers // 9, numbers // 3 % 3, numbers % 3])
    assert digits[:, 0].min() > 0, "all at the first step"
    for digit, share in ((0, 0.5), (1, 0.25), (2, 0.25)):
        assert np.abs((digits == digit).mean(axis=1) - share).max() < 5 * math.sqrt(share * (1 - share) / 30_000)
    assert np.abs(np.corrcoef(digits == 0) - np.eye(3)).max() < 0.03


@pytest.mark.parametrize("spec", ["flipflop:1", "flipflop:3", "flipflop:2:golub", "flipflop:3:golub"])
def test_every_memory_is_tested_over_long_silences(spec: str) -> None:
    pattern = transducer(spec)
    training = pattern.training_text(20_000, 0)
    longest = max(len(run) for run in "".join(c if c == "." else " " for c in training).split(" "))
    assert pattern.ranges(training) == {"gap": (0, longest)}
    cases = pattern.cases(pattern.evaluation(20_000, 0), training, 0)
    gaps = [gap for gap in (1, 2, 5, 10, 20, 50) if gap <= longest] + [100, 200, 400]
    assert [case.size for case in cases] == [gap for gap in gaps for _ in range(2**pattern.bits)]
    for number, case in enumerate(cases):
        assert case.text.endswith("." * case.size)
        assert case.judged == tuple(range(len(case.text) - case.size, len(case.text)))
        said = pattern.transduce(case.text)
        assert {said[at] for at in case.judged} == {SYMBOLS[number % 2**pattern.bits]}
    assert longest < 100


def followed_by_points(elements: list[tuple[int, ...]], string: str) -> str:
    """Follow each point through the permutations of a string, the first one first; say each time which it makes."""
    said = ""
    for end in range(1, len(string) + 1):
        places = list(elements[0])
        for letter in string[:end]:
            places = [elements[SIGNS.index(letter)][place] for place in places]
        said += SIGNS[elements.index(tuple(places))]
    return said


@given(st.sampled_from(["Z2", "Z5", "S3", "S4", "A4", "A5"]), st.data())
def test_a_product_is_where_each_point_comes_to(group: str, data: st.DataObject) -> None:
    pattern, elements = transducer(f"group:{group}"), listed(group)
    assert pattern.outputs == SIGNS[: len(elements)] == pattern.alphabet.removeprefix("#")
    strings = data.draw(st.lists(st.text(pattern.outputs, min_size=1, max_size=12), min_size=1, max_size=3))
    said = pattern.transduce("#" + "#".join(strings))
    assert said == "0" + "0".join(followed_by_points(elements, string) for string in strings)
    at = 1
    for string in strings:
        assert said[at] == string[0], "the first answer is the first element"
        at += len(string) + 1


def test_permutations_of_three_points_multiply_as_in_the_definition() -> None:
    """012, 021, 102, 120, 201, 210 are 0 to 5, and (a b)(i) = b(a(i))."""
    words = ["012", "021", "102", "120", "201", "210"]
    table = {(a, b): "".join(b[int(a[int(i)])] for i in "012") for a in words for b in words}
    for (a, b), product in table.items():
        read = f"{words.index(a)}{words.index(b)}"
        assert transducer("group:S3").transduce(f"#{read}") == f"0{words.index(a)}{words.index(product)}"
    assert any(table[a, b] != table[b, a] for a, b in table)


@given(st.lists(st.integers(0, 59), min_size=1, max_size=20))
def test_numbers_are_added(numbers: list[int]) -> None:
    said = [SIGNS[total % 60] for total in itertools.accumulate(numbers)]
    assert transducer("group:Z60").transduce("#" + "".join(SIGNS[n] for n in numbers)) == "0" + "".join(said)


@given(st.lists(st.integers(0, 59), min_size=1, max_size=12))
def test_the_factors_of_a_product_do_not_see_each_other(numbers: list[int]) -> None:
    left = transducer("group:A4").transduce("#" + "".join(SIGNS[n // 5] for n in numbers))
    right = transducer("group:Z5").transduce("#" + "".join(SIGNS[n % 5] for n in numbers))
    both = "".join(SIGNS[5 * SIGNS.index(a) + SIGNS.index(b)] for a, b in zip(left, right, strict=True))
    assert transducer("group:A4xZ5").transduce("#" + "".join(SIGNS[n] for n in numbers)) == both


READ_ALONE = {
    "S3:swaps": [(1, 0, 2), (0, 2, 1)],
    "S4:swaps": [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2)],
    "Z7:generators": [(1, 2, 3, 4, 5, 6, 0), (6, 0, 1, 2, 3, 4, 5)],
    "S3:generators": [(1, 0, 2), (1, 2, 0)],
    "S4:generators": [(1, 0, 2, 3), (1, 2, 3, 0)],
    "S5:generators": [(1, 0, 2, 3, 4), (1, 2, 3, 4, 0)],
    "A4:generators": [(1, 2, 0, 3), (0, 2, 3, 1)],
    "A5:generators": [(1, 2, 0, 3, 4), (1, 2, 3, 4, 0)],
}


@pytest.mark.parametrize("group", READ_ALONE)
def test_what_is_read_alone_is_that_of_the_definition_and_reaches_all(group: str) -> None:
    pattern, elements = transducer(f"group:{group}"), listed(group.partition(":")[0])
    letters = pattern.alphabet.removeprefix("#")
    assert {elements[SYMBOLS.index(letter)] for letter in letters} == set(READ_ALONE[group])
    reached, new = {"0"}, {""}
    while new:
        longer = {string + letter for string in new for letter in letters}
        said = {pattern.transduce(f"#{string}")[-1]: string for string in longer}
        new = {string for product, string in said.items() if product not in reached}
        reached |= set(said)
    assert len(reached) == len(elements) == len(pattern.outputs)


def test_the_orders_of_products_of_sixty() -> None:
    """Z60, A4xZ5 and A5 have 60 elements each, of which so many have each order."""
    orders = {
        "Z60": {n: sum(math.gcd(n, k) == 1 for k in range(1, n + 1)) for n in range(1, 61) if 60 % n == 0},
        "A4xZ5": {1: 1, 2: 3, 3: 8, 5: 4, 10: 12, 15: 32},
        "A5": {1: 1, 2: 15, 3: 20, 5: 24},
    }
    for group, expected in orders.items():
        pattern = transducer(f"group:{group}")
        found: dict[int, int] = {}
        for letter in pattern.outputs:
            order = pattern.transduce("#" + letter * 60).index("0", 1)
            found[order] = found.get(order, 0) + 1
        assert found == expected


@pytest.mark.parametrize(
    ("spec", "shortest", "longest"),
    [("group:S3", 2, 20), ("group:A5:generators", 2, 20), ("group:A5", 10, 10), ("group:Z2:length=3-7", 3, 7)],
)
def test_elements_and_lengths_are_even(spec: str, shortest: int, longest: int) -> None:
    pattern = parse(spec)
    strings = pattern.sample(40_000, Random(1))[1:].split("#")
    lengths = np.bincount([len(string) for string in strings], minlength=longest + 2)
    assert lengths[:shortest].sum() == lengths[longest + 1 :].sum() == 0
    expected = len(strings) / (longest + 1 - shortest)
    assert np.abs(lengths[shortest : longest + 1] - expected).max() < 5 * math.sqrt(expected)
    text = "".join(strings)
    letters = pattern.alphabet.removeprefix("#")
    assert max(abs(text.count(c) - len(text) / len(letters)) for c in letters) < 5 * math.sqrt(len(text) / len(letters))
    training = pattern.training_text(3000, 0)
    beyond = [case.size for case in pattern.larger_cases(training[1:].split("#"), Random(1))]
    assert (min(beyond) > longest, max(beyond)) == (True, 3 * longest)


@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 99))
def test_symbols_are_said_again_after_the_delay(count: int, delay: int, seed: int) -> None:
    pattern = transducer(f"copy:{count}:delay={delay}")
    text = pattern.sample(1, Random(seed))
    (string,) = text[1:].split("#")
    assert len(string) == delay + 2 * count
    copied = string[:count]
    assert set(copied) <= set("abcdefgh")
    assert string[count:] == "." * (delay - 1) + ">" + "." * count
    assert pattern.transduce(text) == "." + "." * (delay + count) + copied
    assert pattern.scored(text).sum() == delay + 2 * count


@pytest.mark.parametrize(("spec", "loss"), [("copy:10:delay=100", 0.17329), ("copy:10:delay=1000", 0.020387)])
def test_the_loss_of_a_net_without_memory_is_the_published_one(spec: str, loss: float) -> None:
    pattern = parse(spec)
    evaluation = pattern.evaluation(3000, 0)
    (memoryless,) = pattern.references(evaluation, "").values()
    assert memoryless == pytest.approx(loss, rel=5e-5)
    # It knows which outputs are blanks, and finds all eight symbols equally likely at the others.
    said, scored = pattern.inputs_and_targets(evaluation.text)[1], pattern.scored(evaluation.text)
    paid = [0 if output == "." else math.log(8) for output, counts in zip(said, scored, strict=True) if counts]
    assert memoryless == pytest.approx(sum(paid) / len(paid), rel=1e-12)


def test_a_report_has_the_reference_beside_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.patterns.shared.transducer.TEST_LENGTH", 300)
    prepared = prepare(TrainConfig(pattern="copy:3:delay=5", length=100))
    report = measure(prepared.build_net(), prepared)
    assert report.references == {"memoryless": 3 * math.log(8) / 11}
    assert report.metrics["memoryless_loss"] == report.references["memoryless"]
    assert report.metrics["floor_loss"] == 0
    assert ("to compare with", "memoryless 0.5671") in key_numbers(report.metrics, report.references)
    without = dataclasses.replace(report, references={})
    pictures, others = (draw_run([{"train_loss": 1.0}, {"train_loss": 0.5}], each) for each in (report, without))
    assert {name for name, picture in pictures.items() if picture != others[name]} == {"loss"}


def test_longer_delays_are_judged_where_the_symbols_are_said() -> None:
    pattern = parse("copy:4:delay=20")
    cases = pattern.cases(pattern.evaluation(500, 0), pattern.training_text(500, 0), 0)
    assert sorted({case.size for case in cases}) == [20, 22, 24, 30, 40, 60]
    for case in cases:
        assert case.text[5:] == "." * (case.size - 1) + ">" + "." * 4
        assert case.judged == tuple(range(len(case.text) - 4, len(case.text)))
        assert transducer("copy:4:delay=20").transduce(case.text)[-4:] == case.text[1:5]


@pytest.mark.parametrize("spec", ["dyck:2:say=depth", "dyck:3:depth=12:say=depth", "dyck:1:depth=40:say=depth"])
def test_a_depth_is_what_is_left_when_pairs_are_taken_out(spec: str) -> None:
    pattern = transducer(spec)
    text = pattern.sample(1500, Random(2))
    said = pattern.transduce(text)
    for end in range(0, len(text), 7):
        left = text[: end + 1].rpartition("#")[2]
        while any(pair in left for pair in ("()", "[]", "{}")):
            for pair in ("()", "[]", "{}"):
                left = left.replace(pair, "")
        assert said[end] == SIGNS[len(left)]
    assert pattern.outputs == SIGNS[: pattern.depth + 1]
    brackets = parse(spec.removesuffix(":say=depth"))
    assert brackets.predicts_next
    assert text + "#" == brackets.sample(1500, Random(2)), "the same strings"
    assert {case.measure for case in pattern.larger_cases(pattern.strings_of(text), Random(1))} == {"length"}


@pytest.mark.parametrize(
    ("spec", "former"),
    [
        ("flipflop:3", True),
        ("flipflop:8", True),
        ("flipflop:3:silence=mixed", False),
        ("flipflop:3:golub", False),
        ("flipflop", False),
        ("abc", False),
        ("dyck:2", False),
        ("text:/no/such/file", False),
        ("nobody:3", False),
    ],
)
def test_a_spec_that_drew_other_data_is_known_without_reading_a_file(spec: str, former: bool) -> None:
    assert is_former_spec(spec) == former


def test_no_canonical_spec_is_a_former_one() -> None:
    for family in Pattern.families.values():
        if not family.needs_file:
            assert not is_former_spec(parse(family.example).spec)
