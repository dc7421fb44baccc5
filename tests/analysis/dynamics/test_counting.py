"""Counting units against nets that count by hand, and lines against NumPy's."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics.counting import CountingPhase, counting_phases, counting_table
from analysis.dynamics.labelled import label_text
from analysis.dynamics.net_map import NetMap, map_of_module
from rnn_core.patterns import parse
from rnn_core.patterns.shared.strings import MARK

ANBN = parse("anbn")


def strings(*counts: int) -> str:
    return MARK + "".join("a" * count + "b" * count + MARK for count in counts)


def hand_made(most: float = np.inf) -> NetMap:
    """Unit 0 goes up by 2 with an a to at most `most` and down by 2 with a b; unit 1 counts a alone; unit 2 stays."""
    push_vk = torch.tensor([[0, 0, 0], [2, 1, 0], [-2, 0, 0]], dtype=torch.float64)  # for #, a and b

    def step(input_ni: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        after_nk = (state[0] + input_ni @ push_vk).clamp(max=most)
        return after_nk, (after_nk,)

    start = torch.tensor([0.5, 0, 3], dtype=torch.float64)
    return NetMap(step, (start,), torch.eye(3, dtype=torch.float64), "#ab", "#ab", ["h"], "#")


def phases_of(net: NetMap, text: str, label: str, fit_to: int | None = None) -> dict[str, CountingPhase]:
    states_tk, _ = net.path(text)
    return {
        phase.phase: phase for phase in counting_phases(states_tk, label_text(ANBN, text).labels[label], text, fit_to)
    }


def test_a_net_that_counts_by_hand() -> None:
    text = strings(*range(1, 13))
    up, down = phases_of(hand_made(), text, "count_a")["a"], phases_of(hand_made(), text, "left_b")["b"]
    assert up.slope_k == pytest.approx([2, 1, 0], abs=1e-12)
    assert up.intercept_k == pytest.approx([0.5, 0, 3], abs=1e-12)
    assert up.r2_k == pytest.approx([1, 1, np.nan], nan_ok=True)
    assert up.reach_k == pytest.approx([12, 12, np.nan], nan_ok=True)
    assert (up.first, up.last, up.fitted) == (1, 12, 12 * 13 // 2)
    # What is still to come is what unit 0 has left; unit 1 holds how many a there were, which says less.
    assert down.slope_k[0] == pytest.approx(2)
    assert down.intercept_k[0] == pytest.approx(0.5)
    assert down.r2_k[0] == pytest.approx(1)
    assert (down.first, down.reach_k[0]) == (0, 11)
    assert 0 < down.r2_k[1] < 0.5
    assert np.isnan(down.reach_k[1])


@pytest.mark.parametrize("most", [7, 10.5])
def test_where_a_counter_that_saturates_breaks(most: float) -> None:
    up = phases_of(hand_made(most), strings(*range(1, 13)), "count_a", fit_to=3)["a"]
    expected = next(count for count in range(1, 13) if abs(min(0.5 + 2 * count, most) - (0.5 + 2 * count)) >= 2) - 1
    assert up.slope_k[0] == pytest.approx(2)
    assert up.reach_k[0] == expected
    assert up.fitted == sum(min(count, 3) for count in range(1, 13))


def test_a_counter_that_saturates_has_lost_count_of_the_b_to_come() -> None:
    """Of 9 a it counts 7, so that only 5 are left after 2 b; strings of up to 7 are counted down exactly."""
    down = phases_of(hand_made(14.5), strings(9, 2, 12, 7, 5, 8, 1), "left_b", fit_to=6)["b"]
    assert down.slope_k[0] == pytest.approx(2)
    assert down.fitted == 2 + 7 + 5 + 1
    assert down.reach_k[0] == 6  # a string of 8 is off by one whole count
    assert (down.first, down.last) == (0, 11)


def test_a_relu_net_of_torch_counts() -> None:
    """h = relu(h + a - b) for the difference, and relu(h + b) for the b."""
    layers, readout = nn.RNN(3, 2, nonlinearity="relu", bias=False), nn.Linear(2, 3)
    with torch.no_grad():
        layers.weight_hh_l0.copy_(torch.eye(2))
        layers.weight_ih_l0.copy_(torch.tensor([[0, 1, -1], [0, 0, 1]]))
    net = map_of_module(layers, readout, "#ab", mark="#")
    text = strings(3, 9, 1, 6)
    up, down = phases_of(net, text, "count_a")["a"], phases_of(net, text, "left_b")["b"]
    assert (up.slope_k[0], down.slope_k[0]) == pytest.approx((1, 1))
    assert (up.reach_k[0], down.reach_k[0]) == (9, 8)
    table = counting_table([up, down], net.number_names)
    assert table["number"].tolist() == ["h 0", "h 1"] * 2
    assert table["phase"].tolist() == ["a", "a", "b", "b"]
    assert table["slope"].iloc[2] == pytest.approx(1)
    assert table["last"].tolist() == [9, 9, 8, 8]


def test_lines_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    count_t, phase_t = rng.integers(-1, 9, 400), rng.integers(0, 2, 400)
    states_tk = rng.normal(size=(400, 5)) + np.outer(count_t, rng.normal(size=5))
    for phase in counting_phases(states_tk, count_t, phase_t.astype(str)):
        used_t = (count_t >= 0) & (phase_t == int(phase.phase))
        lines = np.polyfit(count_t[used_t], states_tk[used_t], 1)
        assert phase.slope_k == pytest.approx(lines[0])
        assert phase.intercept_k == pytest.approx(lines[1])
        correlation_k = [np.corrcoef(count_t[used_t], column)[0, 1] for column in states_tk[used_t].T]
        assert phase.r2_k == pytest.approx(np.square(correlation_k))


def test_what_does_not_count_is_said() -> None:
    states_tk = np.zeros((4, 2))
    with pytest.raises(ValueError, match="4 states, 3 counts and 4 phases; allowed: as many of each"):
        counting_phases(states_tk, np.arange(3), "aaaa")
    with pytest.raises(ValueError, match=r"a count is 0.5; allowed: whole numbers"):
        counting_phases(states_tk, np.array([0, 0.5, 1, 2]), "aaaa")
    with pytest.raises(ValueError, match="no phase has 3 different counts up to 1; allowed"):
        counting_phases(states_tk, np.arange(4), "aaaa", fit_to=1)
    with pytest.raises(ValueError, match="no phase has 3 different counts; allowed"):
        counting_phases(states_tk, np.arange(4), "abab")
