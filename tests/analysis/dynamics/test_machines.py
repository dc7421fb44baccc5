"""Machines: their minimal form against the words that tell states apart, differences against trying all words."""

from itertools import product

import numpy as np
import pytest

from analysis.dynamics.machines import BEYOND, DEAD, Machine, Output, shortest_difference


def words_up_to(inputs: str, length: int) -> list[str]:
    """In order of length, then of the inputs."""
    return ["".join(word) for size in range(length + 1) for word in product(inputs, repeat=size)]


def random_machine(seed: int, size: int = 6, inputs: str = "ab") -> Machine:
    rng = np.random.default_rng(seed)
    said = [DEAD, frozenset("x"), frozenset("xy"), BEYOND, None]
    outputs: list[Output] = [said[number] for number in rng.integers(0, 3, size)]
    return Machine(inputs, tuple(outputs), rng.integers(0, size, (size, len(inputs))))


@pytest.mark.parametrize("seed", range(30))
def test_the_minimal_machine_has_a_state_for_each_future(seed: int) -> None:
    machine = random_machine(seed)
    least = machine.minimised()
    words, suffixes = words_up_to("ab", 6), words_up_to("ab", 5)
    assert [least.run(word) for word in words] == [machine.run(word) for word in words]
    futures = {tuple(machine.run(word + suffix) for suffix in suffixes) for word in words_up_to("ab", 5)}
    assert least.size == len(futures)
    assert list(least.shortest_words()) == list(range(least.size)), "numbered as a breadth-first search meets them"


@pytest.mark.parametrize("seed", range(30))
def test_equal_machines_have_equal_minimal_forms(seed: int) -> None:
    machine = random_machine(seed)
    order = np.random.default_rng(seed).permutation(machine.size - 1) + 1  # the start stays state 0
    order = np.concatenate([[0], order])
    renamed = Machine("ab", tuple(machine.outputs[s] for s in order), np.argsort(order)[machine.next_sv[order]])
    assert renamed.minimised().outputs == machine.minimised().outputs
    np.testing.assert_array_equal(renamed.minimised().next_sv, machine.minimised().next_sv)
    assert shortest_difference(machine, renamed) is None


@pytest.mark.parametrize("seed", range(30))
def test_the_shortest_difference_is_the_first_of_all_words(seed: int) -> None:
    first = random_machine(seed, 4)
    next_sv = first.next_sv.copy()
    next_sv[seed % 4, seed % 2] = (next_sv[seed % 4, seed % 2] + 1) % 4
    second = Machine("ba", first.outputs, next_sv[:, ::-1])
    different = (word for word in words_up_to("ab", 8) if first.run(word) != second.run(word))
    assert shortest_difference(first, second) == next(different, None)


def test_a_machine_says_where_it_is() -> None:
    machine = Machine("ab", (frozenset("a"), DEAD, None), np.array([[2, 1], [1, 1], [0, 0]]))
    assert machine.states_along("aab") == [0, 2, 0, 1]
    assert (machine.size, machine.dead, machine.run("a"), machine.run("")) == (3, 1, None, frozenset("a"))
    assert machine.shortest_words() == {0: "", 2: "a", 1: "b"}
    assert random_machine(0, 1).minimised().size == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Machine("ab", (DEAD,), np.zeros((2, 2), int)), r"shape \(2, 2\) for 1 outputs .*; allowed: \(1, 2\)"),
        (lambda: Machine("ab", (), np.zeros((0, 2), int)), "allowed: .* with one state or more"),
        (lambda: Machine("ab", (DEAD,), np.array([[0, 1]])), "next_sv holds 0 to 1; allowed: 0 to 0"),
        (lambda: Machine("ab", (DEAD,), np.array([[0, -1]])), "next_sv holds -1 to 0; allowed: 0 to 0"),
        (lambda: random_machine(0).run("abc"), "the word holds 'c'; allowed: ab"),
        (lambda: shortest_difference(random_machine(0), random_machine(0, inputs="ac")), "allowed: the same inputs"),
    ],
)
def test_what_is_no_machine_is_refused(call, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=said):
        call()
