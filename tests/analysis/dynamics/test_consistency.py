"""Consistency against brute force, and in nets set by hand."""

import importlib
import itertools

import numpy as np
import pytest
import torch

from analysis.dynamics.consistency import MAX_PREFIXES, consistency
from analysis.dynamics.labelled import draw_text
from analysis.dynamics.net_map import NetMap, map_of_net
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern, parse
from tests.analysis.dynamics.hand_made_nets import automaton_net, bits_net

TOMITA = parse("tomita:3")
FILE = importlib.import_module("analysis.dynamics.consistency")  # the package has the function under this name


def untrained(pattern: Pattern, cell: str = "gru", size: int = 6, seed: int = 0) -> NetMap:
    torch.manual_seed(seed)
    net = CharRNN(len(pattern.alphabet), size, cell, encoding="onehot", outputs=len(pattern.outputs))
    with torch.no_grad():
        net.readout.weight.mul_(60)  # so that it leaves some characters out
    return map_of_net(net, pattern.alphabet, pattern.outputs, pattern.mark, rows=4)


def text_of(pattern: Pattern, length: int = 600) -> str:
    return draw_text(pattern, length, 3).text


@pytest.mark.parametrize("spec", ["tomita:3", "ereber", "dyck:2:depth=2", "elman", "parity:longest=5"])
def test_an_automaton_is_consistent_with_itself(spec: str) -> None:
    pattern = parse(spec)
    found = consistency(automaton_net(pattern), pattern, text_of(pattern))
    assert (found.agree, found.right) == (1, 1)
    assert found.prefixes > found.states > 1
    assert found.pairs <= found.prefixes * (MAX_PREFIXES - 1) / 2


def test_a_flip_flop_is_consistent_with_its_memories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FILE, "MAX_STATES", 10)
    pattern = parse("flipflop:2")
    found = consistency(bits_net(), pattern, text_of(pattern, 1500))
    assert (found.agree, found.right, found.drawn, found.states) == (1, 1, True, 10)


def test_a_net_that_takes_two_states_for_one_agrees_but_is_not_right() -> None:
    """Odd and even numbers of 0 after a 1 are one state to it."""
    merged = consistency(automaton_net(TOMITA, merged=(1, 2)), TOMITA, text_of(TOMITA))
    assert merged.agree == 1
    assert merged.right < 1


def expected_consistency(net: NetMap, pattern: Pattern, text: str, length: int) -> tuple[float, float, int]:
    """Each prefix and each continuation is read from the start, and all pairs are compared."""
    least = min(0.01, pattern.automaton.probability_sv[pattern.automaton.probability_sv > 0].min() / 2)

    def allowed(word: str) -> frozenset[str]:
        logits_w = net.path(word)[1][-1]
        probability_w = np.exp(logits_w) / np.exp(logits_w).sum()
        return frozenset(np.array(list(net.outputs))[probability_w > least])

    def possible(word: str) -> frozenset[str]:
        return frozenset(c for c, share in pattern.oracle.next_distribution(word).items() if share > 0)

    letters = [character for character in pattern.alphabet if character != pattern.mark]
    by_state: dict[object, dict[str, tuple[list[frozenset[str]], bool]]] = {}
    for position, character in enumerate(text):
        prefix = text[text.rfind(pattern.mark, 0, position + 1) : position + 1]
        if character == pattern.mark or prefix in (known := by_state.setdefault(pattern.oracle.states(prefix)[-1], {})):
            continue
        came, right = [], True
        for word in itertools.chain.from_iterable(itertools.product(letters, repeat=n) for n in range(1, length + 1)):
            longer = prefix + "".join(word)
            if not np.isneginf(pattern.oracle.log_probs(longer)).any():
                came.append(allowed(longer))
                right &= came[-1] == possible(longer)
        known[prefix] = came, right
    groups = [list(known.values()) for known in by_state.values() if len(known) > 1 and next(iter(known.values()))[0]]
    pairs = [first[0] == second[0] for group in groups for first, second in itertools.combinations(group, 2)]
    return float(np.mean(pairs)), float(np.mean([right for group in groups for _, right in group])), len(pairs)


@pytest.mark.parametrize(("spec", "length", "seed"), [("tomita:3", 4, 4), ("reber", 3, 0)])
def test_consistency_is_that_of_brute_force(monkeypatch: pytest.MonkeyPatch, spec: str, length: int, seed: int) -> None:
    monkeypatch.setattr(FILE, "LENGTH", length)
    monkeypatch.setattr(FILE, "MAX_PREFIXES", 1000)
    pattern = parse(spec)
    net, text = untrained(pattern, seed=seed), text_of(pattern, 60)
    found = consistency(net, pattern, text)
    assert not found.drawn
    assert (found.agree, found.right, found.pairs) == pytest.approx(expected_consistency(net, pattern, text, length))
    assert 0 < found.agree < 1


def test_continuations_are_drawn_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    net, text = untrained(TOMITA, size=3), text_of(TOMITA)
    every = consistency(net, TOMITA, text)
    monkeypatch.setattr(FILE, "MAX_WORDS", 20)
    drawn = consistency(net, TOMITA, text)
    assert (every.drawn, drawn.drawn) == (False, True)
    assert drawn.states == every.states
    assert drawn.words <= 20 * drawn.states < every.words
    assert drawn.agree >= every.agree


@pytest.mark.parametrize("cell", CELLS)
def test_consistency_of_every_cell(cell: str) -> None:
    found = consistency(untrained(TOMITA, cell), TOMITA, text_of(TOMITA, 100))
    assert 0 <= found.right <= found.agree <= 1


def test_what_has_no_consistency_is_said() -> None:
    pattern = parse("anbn")
    with pytest.raises(ValueError, match="anbn has no automaton; allowed: patterns with finitely many states"):
        consistency(untrained(pattern), pattern, "#ab#")
    pattern = parse("markov:order=1:alphabet=2:seed=2")
    with pytest.raises(ValueError, match="every character is always possible"):
        consistency(untrained(pattern), pattern, "abab")
    with pytest.raises(ValueError, match="no state has two different prefixes in 4 characters; allowed: a longer text"):
        consistency(untrained(TOMITA), TOMITA, "#01#")
