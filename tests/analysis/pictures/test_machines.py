"""Pictures of the machines of nets beside the pattern's: the titles and what is marked."""

import numpy as np
import pytest

from analysis.dynamics.automata import compare_with_pattern
from analysis.dynamics.kearns_vazirani import Limits
from analysis.dynamics.machines import BEYOND, DEAD, Machine, wrong_parts
from analysis.dynamics.pattern_machines import machine_of_pattern
from analysis.figures.machines import MAX_STATES
from analysis.pictures.machines import compared_machines, machine_panel
from rnn_core.patterns import parse
from tests.analysis.dynamics.pattern_nets import net_of_automaton
from tests.analysis.figures.looking import draw, titles


def test_only_the_move_that_was_changed_is_wrong() -> None:
    pattern = parse("reber")
    true = machine_of_pattern(pattern).machine
    found = compare_with_pattern(net_of_automaton(pattern, (4, "X", 2)), pattern)  # BTX leads back to BT's state
    wrong_s, wrong_sv = wrong_parts(found.learnt.machine, true)
    assert not wrong_s.any()
    state = found.learnt.machine.states_along("BT")[-1]
    assert np.argwhere(wrong_sv).tolist() == [[state, true.inputs.index("X")]]
    assert not any(part.any() for part in wrong_parts(true, true))
    pattern = parse("tomita:3")
    found = compare_with_pattern(net_of_automaton(pattern, (3, "0", 2)), pattern)  # of fewer states
    wrong_s, wrong_sv = wrong_parts(found.learnt.machine, machine_of_pattern(pattern).machine)
    assert not wrong_s.any()
    assert np.argwhere(wrong_sv).tolist() == [[found.learnt.machine.states_along("10")[-1], 0]]


def test_a_state_with_another_output_is_wrong() -> None:
    true = Machine("ba", (frozenset("a"), DEAD), np.array([[1, 0], [1, 1]]))
    other = Machine("ab", (frozenset("a"), frozenset("b")), np.array([[0, 1], [1, 1]]))
    wrong_s, wrong_sv = wrong_parts(other, true)
    assert wrong_s.tolist() == [False, True]
    assert not wrong_sv.any()
    with pytest.raises(ValueError, match="with 1 state that cannot be reached; allowed: the same inputs"):
        wrong_parts(Machine("ab", (DEAD, DEAD), np.zeros((2, 2), int)), true)


def test_each_net_has_a_panel_and_the_pattern_the_last() -> None:
    pattern = parse("tomita:3")
    nets = [net_of_automaton(pattern), net_of_automaton(pattern, (3, "0", 2))]
    found = [compare_with_pattern(net, pattern) for net in nets]
    found.append(compare_with_pattern(nets[0], pattern, limits=Limits(states=2)))
    figure = compared_machines("machines", found, ["seed 0", "seed 1", "seed 2"], pattern.mark)
    draw(figure)
    assert titles(figure) == [
        "seed 0: 5 states, equal",
        "seed 1: 4 states, not equal",
        "seed 2: 1 state, unknown, as far as the limit of states",
        "the pattern, 5 states",
    ]
    counts = compare_with_pattern(net_of_automaton(parse("anbn:uniform=9")), parse("anbn"), depth=2)
    figure = compared_machines("machines", [counts], ["net"], "#")
    assert titles(figure)[1] == "the pattern, 6 states up to depth 2"
    with pytest.raises(ValueError, match="1 comparisons, 2 names; allowed: one or more, a name for each"):
        compared_machines("machines", found[:1], ["a", "b"])


def test_what_a_panel_shows_of_a_machine() -> None:
    machine = Machine("ab", (frozenset("b#"), None, DEAD, BEYOND), np.array([[1, 2], [3, 3], [2, 2], [3, 3]]))
    shown = machine_panel("title", machine, "#")
    assert shown.labels == ["#b", "–", "×", "…"]
    assert shown.may_end_s is not None
    assert shown.dead_s is not None
    assert (shown.may_end_s.tolist(), shown.dead_s.tolist()) == (
        [True, False, False, False],
        [False, False, True, False],
    )
    assert (shown.wrong_s, shown.wrong_sv) == (None, None)


def test_of_a_large_machine_the_first_states_are_drawn() -> None:
    true = machine_of_pattern(parse("dyck:2:depth=5")).machine
    assert true.size == 65
    shown = machine_panel("pattern", true, "#", true)
    assert shown.next_sv.shape == (MAX_STATES, 4)
    assert shown.next_sv.max() == MAX_STATES - 1
    assert shown.title == "pattern; the first 39 are drawn"
    assert shown.labels[-1] == "…"
