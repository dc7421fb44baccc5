"""The machine of a pattern, against its oracle and its own answers on all words up to a length."""

import numpy as np
import pytest

from analysis.dynamics.machines import BEYOND, DEAD, Machine, Output
from analysis.dynamics.pattern_machines import DEPTH, machine_of_pattern
from rnn_core.patterns import Pattern, parse
from tests.analysis.dynamics.test_machines import words_up_to

SIZES = {
    "tomita:1": 2,
    "tomita:2": 3,
    "tomita:3": 5,
    "tomita:4": 4,
    "tomita:5": 4,
    "tomita:6": 3,
    "tomita:7": 5,
    "tomita:3:reading=later": 5,
    "tomita:6:reading=mod5": 5,
    "reber": 9,
    "abc": 4,
    "dyck:1": 7,
}
"""The states of the minimal automata, with the dead one where there is one. Of the Tomita languages they are those of
the minimal acceptors (Tomita 1982); Reber's grammar has eight nodes; dyck:1 has depths 0 to 4, and the empty string."""


def allowed_by_oracle(pattern: Pattern, word: str) -> Output:
    """The characters of positive probability after a word, by the oracle's distributions."""
    assert pattern.oracle is not None
    text = pattern.mark + word
    if text and np.isneginf(pattern.oracle.log_probs(text)).any():
        return DEAD
    return frozenset(c for c, probability in pattern.oracle.next_distribution(text).items() if probability > 0)


@pytest.mark.parametrize("spec", [*SIZES, "elman", "dyck:2:depth=2", "ereber", "anbn:uniform=2"])
def test_after_each_word_a_machine_allows_what_the_oracle_does(spec: str) -> None:
    pattern = parse(spec)
    found = machine_of_pattern(pattern)
    assert (found.meaning, found.depth, found.sign) == ("allowed", None, "")
    for word in words_up_to(found.machine.inputs, 10 if len(found.machine.inputs) == 2 else 3):
        assert found.machine.run(word) == allowed_by_oracle(pattern, word), word
    assert found.machine.size == SIZES.get(spec, found.machine.size)


@pytest.mark.parametrize("spec", [f"tomita:{number}" for number in range(1, 8)])
def test_a_machine_has_a_state_for_each_future(spec: str) -> None:
    pattern = parse(spec)
    suffixes = words_up_to("01", 4)
    futures = {tuple(allowed_by_oracle(pattern, word + suffix) for suffix in suffixes) for word in words_up_to("01", 5)}
    assert len(futures) == SIZES[spec]


@pytest.mark.parametrize(("spec", "size"), [("parity", 2), ("even_pairs", 5), ("cycle_navigation", 5)])
def test_the_machine_of_questions_answers_them(spec: str, size: int) -> None:
    pattern = parse(spec)
    found = machine_of_pattern(pattern)
    assert (found.meaning, found.sign, found.machine.size, found.machine.dead) == ("answer", "=", size, None)
    for word in words_up_to(found.machine.inputs, 5)[1:]:
        assert found.machine.run(word) == {pattern.answer(word)}  # type: ignore[attr-defined]
    longer = "01<>"[:2] * 30 if spec != "cycle_navigation" else "<>>" * 20
    assert found.machine.run(longer) == {pattern.answer(longer)}, "beyond the longest question"  # type: ignore[attr-defined]


def test_questions_that_cannot_end_have_no_answer() -> None:
    pattern = parse("modular_arithmetic:longest=15")
    found = machine_of_pattern(pattern).machine
    assert found.size == 51
    for word in words_up_to(found.inputs, 3):
        digits, signs = word[::2], word[1::2]
        possible = all(c in "01234" for c in digits) and all(c in "+-*" for c in signs)
        ended = possible and len(word) % 2 == 1
        expected = {pattern.answer(word)} if ended else None if possible else DEAD  # type: ignore[attr-defined]
        assert found.run(word) == expected, word


@pytest.mark.parametrize(("spec", "size"), [("group:S3", 6), ("group:Z5:generators", 5), ("group:Z2xZ2:length=3-6", 4)])
def test_the_machine_of_a_group_has_its_elements(spec: str, size: int) -> None:
    pattern = parse(spec)
    found = machine_of_pattern(pattern)
    assert (found.meaning, found.machine.size) == ("said", size)
    for word in words_up_to(found.machine.inputs, 4)[1:]:
        assert found.machine.run(word) == {pattern.inputs_and_targets("#" + word)[1][-1]}


@pytest.mark.parametrize("spec", ["flipflop:1", "flipflop:2", "flipflop:2:golub", "copy:1:delay=2", "dyck:2:say=depth"])
def test_the_machine_of_a_transducer_says_what_it_says(spec: str) -> None:
    pattern = parse(spec)
    found = machine_of_pattern(pattern)
    assert pattern.oracle is not None
    for word in words_up_to(found.machine.inputs, 3 if len(found.machine.inputs) > 5 else 5)[1:]:
        text = pattern.mark + word
        possible = not np.isneginf(pattern.oracle.log_probs(text)).any()
        expected = {pattern.inputs_and_targets(text)[1][-1]} if possible else DEAD
        assert found.machine.run(word) == expected, word


def test_the_machine_of_a_pattern_that_counts_goes_to_a_depth() -> None:
    found = machine_of_pattern(parse("anbn"))
    assert found.depth == DEPTH == 8
    found = machine_of_pattern(parse("anbn"), depth=4)
    machine = found.machine
    assert found.depth == 4
    # a to aaaa, the 0 to 2 b left after up to aaab, the empty string, the dead state, and what is beyond.
    assert machine.size == 1 + 4 + 3 + 2
    assert [machine.run(word) for word in ("", "a", "aaa", "aaab", "aaabbb", "aba")] == [
        {"a"}, {"a", "b"}, {"a", "b"}, {"b"}, {"#"}, DEAD,
    ]  # fmt: skip
    assert [machine.run(word) for word in ("aaaaa", "aaaab", "aaaabbbb", "aaaaaaa")] == [BEYOND] * 4
    same = machine_of_pattern(parse("anbn:uniform=20"), depth=4).machine
    assert same.outputs == machine.outputs
    np.testing.assert_array_equal(same.next_sv, machine.next_sv)


def test_the_states_up_to_a_depth_of_two_counters() -> None:
    machine = machine_of_pattern(parse("shuffle:2"), depth=3).machine
    # One for each pair of counts of at most three in all, the dead state, and what is beyond.
    assert machine.size == 10 + 2
    assert machine.run("([)") == {"(", "[", "]"}
    assert machine.run("([(") == {"(", "[", ")", "]"}
    assert machine.run("([([") == BEYOND


@pytest.mark.parametrize(
    ("spec", "depth", "said"),
    [
        ("markov:order=2:alphabet=4:seed=0", None, "after each word, markov.* allows every character; allowed: "),
        ("noisy:abc:0.1", None, "the machine of noisy:abc:0.1 is unknown; allowed: patterns whose oracle has states"),
        ("hmm:mess3", None, "the machine of hmm:mess3 is unknown; allowed: "),
        ("reverse", None, "answers of reverse have several characters; allowed: one character"),
        ("tomita:3", 0, "depth is 0; allowed: 1 or more, or None for all states"),
    ],
)
def test_where_there_is_no_machine_it_is_said(spec: str, depth: int | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        machine_of_pattern(parse(spec), depth)


def test_least_probabilities() -> None:
    assert machine_of_pattern(parse("tomita:4")).least_probability == pytest.approx(1 / 4)
    assert machine_of_pattern(parse("reber")).least_probability == pytest.approx(1 / 2)
    assert isinstance(machine_of_pattern(parse("abc")).machine, Machine)


def test_a_string_of_fixed_length_ends_and_one_of_a_chosen_length_goes_on() -> None:
    copies = machine_of_pattern(parse("copy:2:delay=2")).machine
    assert copies.run("aa.>..") == {"a"}
    assert copies.run("aa.>...") == DEAD
    assert machine_of_pattern(parse("group:Z3:length=2-4")).machine.run("1" * 40) == {"1"}


def test_where_nothing_is_asked_a_longest_question_does_not_answer() -> None:
    assert machine_of_pattern(parse("modular_arithmetic:longest=5")).machine.run("") is None
