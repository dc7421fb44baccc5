"""The machines of nets that are a pattern's automaton, of wrong ones, of nets with weights set by hand, and trained."""

import builtins
import random
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analysis.dynamics.asked_net import AskedNet
from analysis.dynamics.automata import compare_with_pattern, learn_machine
from analysis.dynamics.kearns_vazirani import Limits
from analysis.dynamics.machines import BEYOND, DEAD, Machine
from analysis.dynamics.net_map import NetMap, map_of_module, map_of_net
from analysis.dynamics.pattern_machines import machine_of_pattern
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern, parse
from rnn_core.training import train
from tests.analysis.dynamics.pattern_nets import net_of_automaton
from tests.analysis.dynamics.test_machines import words_up_to

TOMITA = [f"tomita:{number}" for number in range(1, 8)]
FINITE = [
    *TOMITA,
    "tomita:3:reading=later",
    "tomita:6:reading=mod5",
    "reber",
    "ereber",
    "abc",
    "elman",
    "dyck:1",
    "dyck:2:depth=3",
    "dyck:2:say=depth",
    "flipflop:1",
    "flipflop:2:golub",
    "copy:1:delay=2",
    "parity",
    "even_pairs",
    "cycle_navigation",
    "anbn:uniform=9",
    "shuffle:1",
]
"""Patterns whose automaton is finite, of every kind; and one that has none, which is followed to a depth."""


def assert_same(first: Machine, second: Machine) -> None:
    assert (first.inputs, first.outputs) == (second.inputs, second.outputs)
    np.testing.assert_array_equal(first.next_sv, second.next_sv)


@pytest.mark.parametrize("spec", [spec for spec in FINITE if spec != "shuffle:1"])
def test_the_machine_of_a_net_that_is_the_automaton_is_the_patterns(spec: str) -> None:
    pattern = parse(spec)
    found = compare_with_pattern(net_of_automaton(pattern), pattern)
    assert_same(found.learnt.machine, machine_of_pattern(pattern).machine)
    assert found.equal is True
    assert found.difference is None
    assert found.learnt.complete
    words, longest = f"{found.learnt.words:,}", found.learnt.longest
    assert found.verdict == (
        f"equal: {found.learnt.machine.size} states, no counterexample among {words} words up to length {longest}"
    )


@pytest.mark.parametrize("spec", [*TOMITA, "reber", "dyck:1"])
def test_the_same_machine_is_found_without_the_pattern(spec: str) -> None:
    pattern = parse(spec)
    found = learn_machine(net_of_automaton(pattern), mark="#")
    assert_same(found.machine, machine_of_pattern(pattern).machine)


def test_what_a_net_says_without_a_pattern() -> None:
    pattern = parse("group:Z3:length=2-40")
    found = learn_machine(net_of_automaton(pattern), mark="#").machine
    assert found.outputs == (None, frozenset("0"), frozenset("1"), frozenset("2"))
    assert found.dead is None
    assert found.run("1212") == {"0"}


@pytest.mark.parametrize("depth", [1, 3])
def test_the_machine_of_a_net_that_counts_is_found_to_a_depth(depth: int) -> None:
    pattern = parse("anbn")
    found = compare_with_pattern(net_of_automaton(parse("anbn:uniform=20")), pattern, depth)
    assert found.equal
    assert_same(found.learnt.machine, machine_of_pattern(pattern, depth).machine)
    assert f"states up to depth {depth}, no counterexample" in found.verdict


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spec", ["tomita:3", "reber", "group:Z5:length=2-30", "flipflop:1", "parity", "dyck:1"])
def test_a_wrong_net_differs_on_the_shortest_word(spec: str, seed: int) -> None:
    pattern = parse(spec)
    automaton = pattern.automaton
    assert automaton is not None
    rng = random.Random(seed)
    near = range(1, min(9, len(automaton.states)))
    moves = [
        (s, c)
        for s in near
        for c in automaton.alphabet
        if c not in "#=" and automaton.next_sv[s, automaton.alphabet.index(c)] >= 0
    ]
    state, character = rng.choice(moves)
    net = net_of_automaton(pattern, (state, character, rng.choice(near)))
    found = compare_with_pattern(net, pattern, limits=Limits(states=30, steps=3000))
    true = machine_of_pattern(pattern)
    asked = AskedNet(net, true, pattern.mark, min(0.01, true.least_probability / 2))
    differing = (
        word for word in words_up_to(true.machine.inputs, 7 if len(true.machine.inputs) < 4 else 4)
        if asked.output(word) != true.machine.run(word)
    )  # fmt: skip
    first = next(differing, None)
    if first is not None:
        assert found.difference == first
    if found.learnt.complete:
        assert found.equal == (found.difference is None)
    if found.difference is not None:
        assert asked.output(found.difference) == found.of_net != found.of_pattern
        assert true.machine.run(found.difference) == found.of_pattern
        assert repr(found.difference) in found.verdict or found.difference == ""


def test_the_verdict_on_a_wrong_net_says_both_sides() -> None:
    pattern = parse("tomita:2")  # (10)*: in the net a second 1 leads on
    automaton = pattern.automaton
    assert automaton is not None
    found = compare_with_pattern(net_of_automaton(pattern, (2, "0", 2)), pattern)
    assert found.difference == "10"
    assert (found.of_net, found.of_pattern) == ({"0"}, {"#", "1"})
    assert found.verdict == "not equal: after '10' the net allows 0, the pattern # 1; the net has 3 states"


def relu_net(pattern: Pattern) -> NetMap:
    """An nn.RNN whose units are the pairs of a state and the character that was read in it, and one for the mark."""
    automaton = pattern.automaton
    assert automaton is not None
    alphabet, after = automaton.alphabet, int(automaton.next_sv[0, automaton.alphabet.index("#")])
    reads = [(s, v) for s, v in np.argwhere(automaton.next_sv >= 0).tolist() if s and alphabet[v] != "#"]
    leads_to = [after, *(int(automaton.next_sv[s, v]) for s, v in reads)]
    layers = nn.RNN(len(alphabet), 1 + len(reads), nonlinearity="relu")
    readout = nn.Linear(1 + len(reads), len(alphabet))
    with torch.no_grad():
        for weight in [*layers.parameters(), *readout.parameters()]:
            weight.zero_()
        layers.weight_ih_l0[0, alphabet.index("#")] = 1
        for unit, (state, column) in enumerate(reads, start=1):
            layers.weight_ih_l0[unit, column] = 1
            layers.bias_ih_l0[unit] = -1
            layers.weight_hh_l0[unit] = torch.tensor([float(to == state) for to in leads_to])
        logits = np.log(np.maximum(automaton.probability_sv[leads_to], 1e-30))
        readout.weight.copy_(torch.from_numpy(logits.T))
    return map_of_module(layers, readout, alphabet, mark="#")


@pytest.mark.parametrize("spec", ["tomita:3", "tomita:7", "reber"])
def test_a_net_with_weights_set_by_hand_is_the_machine(spec: str) -> None:
    pattern = parse(spec)
    assert compare_with_pattern(relu_net(pattern), pattern).equal
    assert_same(learn_machine(relu_net(pattern)).machine, machine_of_pattern(pattern).machine)


def untrained(cell: str) -> NetMap:
    torch.manual_seed(1)
    return map_of_net(CharRNN(3, 6, cell, 1, "onehot"), "#01", mark="#")


@pytest.mark.parametrize("cell", CELLS)
def test_an_untrained_net_of_any_cell_has_a_machine_or_the_limit_is_said(cell: str) -> None:
    pattern = parse("tomita:4")
    limits = Limits(states=8, steps=3000, walks=10)
    found = compare_with_pattern(untrained(cell), pattern, limits=limits, probability=0.3)
    learnt = found.learnt
    assert learnt.limit in ("", "states", "steps")
    assert learnt.machine.size <= 8
    assert 0 < learnt.steps <= 3000
    asked = AskedNet(untrained(cell), found.pattern, "#", 0.3)
    outputs = {word: asked.output(word) for word in words_up_to("01", 6)}
    if learnt.complete:
        assert outputs == {word: learnt.machine.run(word) for word in outputs}
    assert found.equal is False
    first = next(word for word, output in outputs.items() if output != found.pattern.machine.run(word))
    assert found.difference == first


@cache
def sevens(limit: str) -> tuple[Any, Machine]:
    """The machine of a net that counts modulo 7, as far as a limit lets it be learnt."""
    pattern = parse("group:Z7:length=2-40")
    limits = {
        "states": Limits(states=4), "steps": Limits(steps=6), "seconds": Limits(seconds=0), "": Limits(walk_length=9),
    }[limit]  # fmt: skip
    return compare_with_pattern(net_of_automaton(pattern), pattern, limits=limits), machine_of_pattern(pattern).machine


@pytest.mark.parametrize("limit", ["states", "steps", "seconds"])
def test_at_a_limit_what_was_learnt_so_far_is_returned(limit: str) -> None:
    found, true = sevens(limit)
    whole, _ = sevens("")
    assert whole.equal
    assert (found.learnt.limit, found.learnt.complete, found.equal, found.difference) == (limit, False, None, None)
    assert 1 <= found.learnt.machine.size < true.size
    assert found.learnt.steps < whole.learnt.steps
    assert found.learnt.machine.run("") == true.run("")
    assert found.verdict.startswith(f"unknown: stopped by the limit of {limit}, no counterexample among ")


def test_a_net_that_is_wrong_within_the_limit_is_wrong() -> None:
    pattern = parse("tomita:5")
    found = compare_with_pattern(net_of_automaton(pattern, (1, "0", 1)), pattern, limits=Limits(states=2))
    assert found.equal is False
    assert found.verdict.endswith("; stopped by the limit of states")


def test_learning_depends_on_its_seed_alone() -> None:
    pattern = parse("tomita:3")

    def asked(seed: int) -> list[Any]:
        net = AskedNet(net_of_automaton(pattern), machine_of_pattern(pattern), "#")
        found = compare_with_pattern(net_of_automaton(pattern), pattern, limits=Limits(seed=seed))
        return [found.learnt.words, found.learnt.steps, found.learnt.longest, net.words]

    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    first = asked(0)
    now = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert now == states
    random.seed(6)
    assert asked(0) == first
    assert asked(1) != first


def test_a_word_is_read_once_and_nothing_after_a_dead_one() -> None:
    pattern = parse("tomita:1")
    net = AskedNet(net_of_automaton(pattern), machine_of_pattern(pattern), "#")
    net.ask(["111", "11", "1101", "0110"])
    assert net.steps == 1 + 3  # the mark, 1, 11, 111
    assert set(net.words) == {"", "0", "1", "11", "110", "111"}
    assert net.output("0110") == DEAD
    assert net.output("11") == {"1", "#"}
    assert (net.steps, net.longest) == (4, 3)


def test_what_is_asked_depends_on_the_probability() -> None:
    pattern = parse("tomita:4")  # a string ends with probability 1/4
    found = [learn_machine(net_of_automaton(pattern), mark="#", probability=p).machine.run("") for p in (0.1, 0.3, 0.4)]
    assert found == [{"#", "0", "1"}, {"0", "1"}, DEAD]
    rare = parse("anbn:geometric=0.01")
    assert rare.automaton is None
    assert machine_of_pattern(rare, 3).least_probability == pytest.approx(0.01)


def test_what_is_rare_in_the_pattern_is_allowed_too() -> None:
    pattern = parse("anbn:uniform=150")  # after a, b comes with probability 1/150
    assert compare_with_pattern(net_of_automaton(pattern), pattern, depth=2).equal
    assert compare_with_pattern(net_of_automaton(pattern), pattern, depth=2, probability=0.01).difference == "a"


def test_beyond_the_depth_a_net_is_not_asked() -> None:
    pattern = parse("anbn:uniform=9")
    true = machine_of_pattern(pattern, 2)
    net = AskedNet(net_of_automaton(pattern), true, "#")
    assert [net.output(word) for word in ("aa", "aaa", "aaab")] == [{"a", "b"}, BEYOND, BEYOND]


def test_what_does_not_fit_is_said() -> None:
    pattern = parse("tomita:3")
    with pytest.raises(ValueError, match="the net reads '#ab' without '0'; allowed: all of"):
        compare_with_pattern(net_of_automaton(parse("anbn:uniform=5")), pattern)
    says = parse("group:Z2")
    with pytest.raises(ValueError, match="the net predicts '01' without '#'; allowed: all of"):
        compare_with_pattern(net_of_automaton(says), pattern)
    for name, least in (("states", 1), ("steps", 1), ("walk_length", 1), ("walks", 0), ("seconds", 0)):
        with pytest.raises(ValueError, match=f"{name} is -1; allowed: {least} or more"):
            Limits(**{name: -1})
    with pytest.raises(ValueError, match="probability is 1; allowed: 0 or more and below 1"):
        learn_machine(untrained("gru"), probability=1)


def test_without_aalpy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "aalpy"]:
        monkeypatch.delitem(sys.modules, name)
    imported = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("aalpy"):
            raise ModuleNotFoundError("No module named 'aalpy'")
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModuleNotFoundError, match=r'allowed: AALpy, installed by pip install -e "\.\[inside\]"'):
        learn_machine(untrained("gru"))


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "size"), [pytest.param("tomita:3", 5, marks=pytest.mark.long), ("reber", 9)])
def test_a_net_trained_with_the_recipe_is_the_machine(spec: str, size: int) -> None:
    pattern = parse(spec)
    *_, last = train(prepare(TrainConfig(pattern=spec, threads=1, **pattern.recipe), pattern))
    net = map_of_net(last.net, pattern.alphabet, mark=pattern.mark)
    found = compare_with_pattern(net, pattern)
    assert found.equal
    assert found.learnt.machine.size == size
    assert found.learnt.seconds < 10
    assert_same(learn_machine(net).machine, machine_of_pattern(pattern).machine)
