"""Interchange in nets set by hand, in which it is known what a subspace does."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.dynamics.answers import answers_of_states, answers_over
from analysis.dynamics.exchange_pairs import draw_pairs
from analysis.dynamics.interchange import Interchange, _of_length, interchange, subspace
from analysis.dynamics.labelled import LabelledText, draw_text
from analysis.dynamics.net_map import NetMap, map_of_net
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import parse
from tests.analysis.dynamics.hand_made_nets import automaton_net, bits_net, corners_net, counter_net

FLIPFLOP = parse("flipflop:2")


def texts(spec: str, length: int = 1500) -> tuple[LabelledText, LabelledText]:
    return draw_text(parse(spec), length, 1), draw_text(parse(spec), length, 2)


def of(found: list[Interchange], net: str = "net") -> dict[str, float]:
    return {row.exchanged: row.accuracy for row in found if row.net == net}


def run(net: NetMap, spec: str, label: str, **settings: object) -> list[Interchange]:
    return interchange({"net": net}, parse(spec), *texts(spec), label, **settings)


@pytest.mark.parametrize("spec", ["tomita:3", "reber", "ereber", "dyck:2:depth=2", "elman"])
def test_the_state_of_an_automaton_is_exchanged_exactly(spec: str) -> None:
    found = run(automaton_net(parse(spec), idle=60), spec, "state")
    accuracy = of(found)
    assert accuracy["subspace"] == accuracy["target"] == 1
    assert max(accuracy["random"], accuracy["nothing"]) < 0.8
    row = found[0]
    assert row.dimension == len(np.unique(texts(spec)[0].labels["state"])) - 1 == row.size - 62  # the start is gone
    assert row.share == pytest.approx(1)
    assert accuracy["shuffled"] == 1, "all states lie in the subspace, whichever labels it is of"
    assert row.pairs + row.missing == 200
    assert row.left_open == 0


@pytest.mark.parametrize("label", ["bit_A", "bit_B"])
def test_one_bit_is_exchanged_and_the_other_kept(label: str) -> None:
    found = run(bits_net(), "flipflop:2", label)
    accuracy = of(found)
    assert accuracy["subspace"] == accuracy["target"] == 1
    assert max(accuracy["random"], accuracy["shuffled"]) < 0.5
    assert found[0].dimension == 1
    assert found[0].left_open == 0, "how long it has been silent changes no memory"


def test_a_net_in_which_a_bit_has_no_direction_of_its_own_fails() -> None:
    accuracy = of(run(corners_net(), "flipflop:2", "bit_A"))
    assert accuracy["target"] == 1
    assert accuracy["subspace"] < 0.8


def test_a_counter_is_exchanged() -> None:
    found = run(counter_net(), "anbn", "left_b")
    accuracy = of(found)
    assert accuracy["subspace"] == accuracy["target"] == 1
    assert accuracy["nothing"] < 0.2
    assert accuracy["random"] < 0.6
    assert found[0].dimension == 1


def test_a_net_that_ignores_what_it_reads_is_never_right_by_exchange() -> None:
    torch.manual_seed(0)
    untrained = map_of_net(CharRNN(5, 8, "gru", encoding="onehot", outputs=4), FLIPFLOP.alphabet, FLIPFLOP.outputs)
    found = interchange({"net": bits_net(), "untrained": untrained}, FLIPFLOP, *texts("flipflop:2"), "bit_A")
    table = pd.DataFrame(found)
    assert len(table) == 10
    assert max(of(found, "untrained").values()) < 0.5
    assert len(set(table["pairs"])) == 1, "all nets are asked of the same pairs"


def test_the_right_answers_are_those_of_the_replaced_bit_worked_out_anew() -> None:
    _, test = texts("flipflop:2")
    pairs = draw_pairs(FLIPFLOP, answers_over(FLIPFLOP, test.text), test, "bit_A", None, 100, np.random.default_rng(0))
    bits = np.stack([test.labels["bit_A"], test.labels["bit_B"]], 1)
    for row, (base, source) in enumerate(zip(pairs.base_n, pairs.source_n, strict=True)):
        assert bits[base, 0] != bits[source, 0]
        memory = f"{bits[source, 0]}{bits[base, 1]}"
        expected = ""
        for character in pairs.words[row]:
            memory = FLIPFLOP._next_memory[memory][character]
            expected += FLIPFLOP.symbol_of[memory]
        asked = pairs.asked_nl[row]
        said = "".join("0123"[column] for column in pairs.answer_nlw[row].argmax(1))
        assert said[: asked.sum()] == expected[: asked.sum()]
        assert asked.sum() >= 1


def test_pairs_are_skipped_where_no_text_has_the_labels_or_they_leave_it_open() -> None:
    pattern, (_, test) = parse("dyck:2"), texts("dyck:2")
    pairs = draw_pairs(pattern, answers_over(pattern, test.text), test, "depth", None, 300, np.random.default_rng(0))
    assert pairs.missing > 0, "at depth 0 nothing is innermost, and only there"
    assert pairs.left_open > 0, "depth and innermost do not say what lies below"
    assert len(pairs.words) + pairs.missing + pairs.left_open == 300
    depths = test.labels["depth"][pairs.target_n]
    assert depths.tolist() == test.labels["depth"][pairs.source_n].tolist()
    assert (test.labels["innermost"][pairs.target_n] == test.labels["innermost"][pairs.base_n]).all()
    unbounded = parse("reverse")  # no automaton: a label with several stacks says too little
    test = draw_text(unbounded, 1500, 2)
    with pytest.raises(ValueError, match=r"of 20 pairs \d+ have no position .* leave open what is right"):
        draw_pairs(unbounded, answers_over(unbounded, test.text), test, "top", (), 20, np.random.default_rng(0))


def test_the_subspace_is_that_of_the_means() -> None:
    rng = np.random.default_rng(0)
    value_n = np.arange(3000) % 4
    mean_ck = np.array([[0, 0, 0, 0], [9, 0, 0, 0], [0, 5, 0, 0], [9, 5, 0, 0]])
    states_nk = mean_ck[value_n] + 0.01 * rng.normal(size=(3000, 4))
    plane_dk = subspace(states_nk, value_n, 2)
    assert plane_dk @ plane_dk.T == pytest.approx(np.eye(2))
    assert plane_dk[:, :2].T @ plane_dk[:, :2] == pytest.approx(np.eye(2), abs=1e-4)
    assert np.abs(subspace(states_nk, value_n, 1)[0]) == pytest.approx([1, 0, 0, 0], abs=1e-3)
    assert subspace(states_nk, value_n).shape == (3, 4)
    assert subspace(states_nk, value_n.astype(float)).shape == (2, 4), "99 % of the variance of a number's means"
    with pytest.raises(ValueError, match="the dimension is 4; allowed: 1 to 3"):
        subspace(states_nk, value_n, 4)
    with pytest.raises(ValueError, match="the dimension is 0; allowed: 1 to 3"):
        subspace(states_nk, value_n, 0)
    with pytest.raises(ValueError, match="the means of all values are the same; allowed: values whose means differ"):
        subspace(np.ones((6, 2)), np.arange(6))


def test_the_mean_of_many_states_weighs_more() -> None:
    """Between two classes of 1000 that are 1 apart in x and one of 100, 6 off in y, the latter holds more variance."""
    count_c, mean_ck = np.array([1000, 1000, 100]), np.array([[0, 0], [1, 0], [0.5, 6]])
    value_n = np.repeat(np.arange(3), count_c)
    assert np.abs(subspace(mean_ck[value_n], value_n, 1)[0]) == pytest.approx([0, 1])
    fewer_n = np.concatenate([value_n[:2000], value_n[-10:]])
    assert np.abs(subspace(mean_ck[fewer_n], fewer_n, 1)[0]) == pytest.approx([1, 0])


def test_changes_in_other_subspaces_have_the_same_length() -> None:
    changes_nk = np.array([[3.0, 4.0], [0.0, 0.1], [0.0, 0.0]])
    assert _of_length(changes_nk, np.array([10.0, 2.0, 1.0])) == pytest.approx(np.array([[6, 8], [0, 2], [0, 0]]))


def test_answers_over_a_text_are_those_of_the_states() -> None:
    for spec in ("tomita:3", "flipflop:2", "parity", "group:S3:length=3"):
        pattern, (_, test) = parse(spec), texts(spec, 400)
        _, by_state = answers_of_states(pattern)
        over = answers_over(pattern, test.text)
        state_t = test.labels["state"][: -1 if pattern.predicts_next else None]
        asked_t = over.asked_n[: len(state_t)]
        assert over.outputs == by_state.outputs
        assert asked_t.tolist() == by_state.asked_n[state_t].tolist()
        assert (over.answer_nw[: len(state_t)][asked_t] == by_state.answer_nw[state_t][asked_t]).all()
        assert 0 < asked_t.mean() <= 1
        assert (over.least is None) == (not pattern.predicts_next)


def test_what_a_net_allows_does_not_depend_on_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """After d come two i for certain; elsewhere in the pattern one of three consonants comes."""
    monkeypatch.setattr("analysis.dynamics.allowing.ALLOWING_PROBABILITY", 0.6)
    pattern = parse("elman")
    assert answers_over(pattern, "di").least == answers_of_states(pattern)[1].least == pytest.approx(1 / 6)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_its_states_exchanged(cell: str) -> None:
    torch.manual_seed(0)
    net = map_of_net(CharRNN(3, 4, cell, encoding="onehot"), "#01", mark="#", rows=4)
    found = interchange({"net": net}, parse("tomita:3"), *texts("tomita:3", 200), "node", pairs=20, dimension=1)
    assert 0 < found[0].share < 1
    assert found[0].size == net.size


def test_what_cannot_be_exchanged_is_said() -> None:
    fit, test = texts("flipflop:2", 300)
    with pytest.raises(ValueError, match="the label is 'bit_C'; allowed: bit_A, bit_B, state"):
        interchange({}, FLIPFLOP, fit, test, "bit_C")
    with pytest.raises(ValueError, match="the label is 'depth'; allowed"):
        interchange({}, FLIPFLOP, fit, test, "bit_A", kept=["depth"])
    one_number = dataclasses.replace(
        bits_net(0), start=(torch.zeros(1).double(),), step=lambda x, state: (x[:, :4], (state[0] * 0.9 + x[:, 1:2],))
    )
    with pytest.raises(ValueError, match=r"the means of 2 values span all 1 numbers .* a dimension of 1 to 0"):
        interchange({"net": one_number}, FLIPFLOP, fit, test, "bit_A")
    same = dataclasses.replace(test, labels={**test.labels, "bit_A": np.zeros(len(test.text), int)})
    with pytest.raises(ValueError, match="bit_A has one value in 300 characters; allowed: two or more"):
        interchange({}, FLIPFLOP, fit, same, "bit_A")
    with pytest.raises(ValueError, match=r"in markov.* every character is always possible"):
        run(bits_net(), "markov:order=1:alphabet=2:seed=2", "context")
    with pytest.raises(ValueError, match="the label is 'belief'; allowed: none of this pattern"):
        run(bits_net(), "hmm:mess3", "belief")
