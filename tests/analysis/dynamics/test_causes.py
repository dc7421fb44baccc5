"""Consistency and ablation against brute force, and in nets set by hand."""

import itertools

import numpy as np
import pytest
import torch

from analysis.dynamics import causes
from analysis.dynamics.causes import ablation, consistency
from analysis.dynamics.labelled import draw_text
from analysis.dynamics.net_map import NetMap, map_of_net
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern, parse
from tests.analysis.dynamics.hand_made_nets import automaton_net, bits_net

TOMITA = parse("tomita:3")


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
    assert found.pairs <= found.prefixes * (causes.MAX_PREFIXES - 1) / 2


def test_a_flip_flop_is_consistent_with_its_memories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "MAX_STATES", 10)
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
    monkeypatch.setattr(causes, "LENGTH", length)
    monkeypatch.setattr(causes, "MAX_PREFIXES", 1000)
    pattern = parse(spec)
    net, text = untrained(pattern, seed=seed), text_of(pattern, 60)
    found = consistency(net, pattern, text)
    assert not found.drawn
    assert (found.agree, found.right, found.pairs) == pytest.approx(expected_consistency(net, pattern, text, length))
    assert 0 < found.agree < 1


def test_continuations_are_drawn_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    net, text = untrained(TOMITA, size=3), text_of(TOMITA)
    every = consistency(net, TOMITA, text)
    monkeypatch.setattr(causes, "MAX_WORDS", 20)
    some = consistency(net, TOMITA, text)
    assert (every.drawn, some.drawn) == (False, True)
    assert some.states == every.states
    assert some.words <= 20 * some.states < every.words
    assert some.agree >= every.agree


@pytest.mark.parametrize("cell", CELLS)
def test_consistency_of_every_cell(cell: str) -> None:
    found = consistency(untrained(TOMITA, cell), TOMITA, text_of(TOMITA, 100))
    assert 0 <= found.right <= found.agree <= 1


def expected_without(net: NetMap, pattern: Pattern, text: str, direction: np.ndarray) -> tuple[float, float]:
    """One net, one direction, a character at a time."""
    read, targets = pattern.inputs_and_targets(text)
    scored = pattern.scored(text)
    mean = net.path(read)[0].mean(0)
    direction = direction / np.linalg.norm(direction)
    state, losses, right = net.start_k, [], []
    for position, (character, target) in enumerate(zip(read, targets, strict=True)):
        if character == pattern.mark:
            state = net.start_k
        states, logits = net.predict(state[None], character)
        state = states[0] - direction * (direction @ (states[0] - mean))
        if scored is None or scored[len(text) - len(targets) + position]:
            log_softmax = logits[0] - np.log(np.exp(logits[0]).sum())
            losses.append(-log_softmax[net.outputs.index(target)])
            right.append(net.outputs[int(logits[0].argmax())] == target)
    return float(np.mean(losses)), float(np.mean(right))


@pytest.mark.parametrize("spec", ["tomita:3", "flipflop:2", "parity:longest=5", "group:Z2"])
def test_ablation_is_that_of_one_direction_at_a_time(spec: str) -> None:
    pattern = parse(spec)
    net, text = untrained(pattern), text_of(pattern, 80)
    found = ablation(net, pattern, text)
    for unit in (0, 5):
        expected = expected_without(net, pattern, text, np.eye(6)[unit])
        assert (found.loss_d[unit], found.accuracy_d[unit]) == pytest.approx(expected)
    oblique = np.array([[1.0, -2, 0, 3, 0, 0], [0, 0, 0.1, 0, 0, 0]])
    others = ablation(net, pattern, text, oblique)
    assert (others.loss_d[0], others.accuracy_d[0]) == pytest.approx(expected_without(net, pattern, text, oblique[0]))
    assert others.loss_d[1] == pytest.approx(found.loss_d[2])
    assert (others.loss, others.accuracy) == (found.loss, found.accuracy)


@pytest.mark.parametrize("cell", CELLS)
def test_the_whole_net_has_the_loss_of_its_path(cell: str) -> None:
    net, text = untrained(TOMITA, cell), text_of(TOMITA, 60)
    logits_tw = net.path(text[:-1])[1]
    target_t = np.array(["#01".index(character) for character in text[1:]])
    losses = np.log(np.exp(logits_tw).sum(1)) - logits_tw[np.arange(len(target_t)), target_t]
    found = ablation(net, TOMITA, text)
    assert found.loss == pytest.approx(losses.mean())
    assert found.accuracy == pytest.approx((logits_tw.argmax(1) == target_t).mean())
    assert found.characters == len(text) - 1
    assert len(found.loss_d) == net.size


def test_without_a_bit_a_flip_flop_says_the_other_one() -> None:
    pattern = parse("flipflop:2")
    net, text = bits_net(), text_of(pattern, 1500)
    found = ablation(net, pattern, text)
    assert (found.loss, found.accuracy) == (pytest.approx(0, abs=1e-6), 1)
    assert found.loss_d[2:] == pytest.approx(0, abs=1e-6), "idle numbers cost nothing"
    # At its mean a bit is always said as the one that is more frequent, but for the step of its own pulse.
    labels = draw_text(pattern, 1500, 3).labels
    states_tk, _ = net.path(text)
    for number, name in enumerate(("bit_A", "bit_B")):
        likelier = states_tk[:, number].mean() > 0
        pulsed_t = np.array([character.upper() == name[-1] for character in text])
        right_t = (labels[name] == likelier) | pulsed_t
        right_t[0] = True  # the start stays as it is
        assert found.accuracy_d[number] == pytest.approx(right_t.mean())
    table = found.table(net.number_names)
    assert set(table["name"][:2]) == {"h 0", "h 1"}
    assert (np.diff(table["loss_added"]) <= 0).all()
    assert table["accuracy_lost"].iloc[-1] == 0


def test_what_has_no_consistency_and_no_ablation_is_said() -> None:
    pattern = parse("anbn")
    with pytest.raises(ValueError, match="anbn has no automaton; allowed: patterns with finitely many states"):
        consistency(untrained(pattern), pattern, "#ab#")
    pattern = parse("markov:order=1:alphabet=2:seed=2")
    with pytest.raises(ValueError, match="every character is always possible"):
        consistency(untrained(pattern), pattern, "abab")
    with pytest.raises(ValueError, match="no state has two different prefixes in 4 characters; allowed: a longer text"):
        consistency(untrained(TOMITA), TOMITA, "#01#")
    with pytest.raises(ValueError, match=r"directions have the shape \(1, 5\); allowed: \(D, 6\), none of them 0"):
        ablation(untrained(TOMITA), TOMITA, "#01#", np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"allowed: .*none of them 0"):
        ablation(untrained(TOMITA), TOMITA, "#01#", np.zeros((1, 6)))
    parity = parse("parity")
    with pytest.raises(ValueError, match="nothing is scored in 3 characters; allowed: a longer text"):
        ablation(untrained(parity), parity, "#01")
