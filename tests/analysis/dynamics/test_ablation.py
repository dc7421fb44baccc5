"""Ablation against one direction at a time, and in nets set by hand."""

import numpy as np
import pytest

from analysis.dynamics.ablation import ablation
from analysis.dynamics.labelled import draw_text
from analysis.dynamics.net_map import NetMap
from rnn_core.nets.cells import CELLS
from rnn_core.patterns import Pattern, parse
from tests.analysis.dynamics.hand_made_nets import bits_net
from tests.analysis.dynamics.test_consistency import TOMITA, text_of, untrained


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


def test_what_cannot_be_taken_out_is_said() -> None:
    with pytest.raises(ValueError, match=r"directions have the shape \(1, 5\); allowed: \(D, 6\), none of them 0"):
        ablation(untrained(TOMITA), TOMITA, "#01#", np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"allowed: .*none of them 0"):
        ablation(untrained(TOMITA), TOMITA, "#01#", np.zeros((1, 6)))
    parity = parse("parity")
    with pytest.raises(ValueError, match="nothing is scored in 3 characters; allowed: a longer text"):
        ablation(untrained(parity), parity, "#01")
