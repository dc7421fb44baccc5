"""Limit points: where visited states come to rest, one by one, and the memories of flip-flops."""

from random import Random

import numpy as np
import pytest
import torch

from analysis.dynamics.fixed_points import find_fixed_points, noisy_starts
from analysis.dynamics.limit_points import LimitPoints, limit_points
from analysis.dynamics.net_map import NetMap, map_of_net
from rnn_core.config import TrainConfig
from rnn_core.nets.cells import CELLS
from rnn_core.patterns import parse
from rnn_core.training.loop import train
from tests.analysis.dynamics.by_hand import linear_map, net_map_of, one_number_map, tanh_map
from tests.analysis.dynamics.test_fixed_points import NINE, ROOT, TEXT

MEMORIES = parse("flipflop:2")


def visited_memories(net_map: NetMap) -> tuple[np.ndarray, str]:
    """Return the states of a net over a text that sets both bits at first, and the memory in each."""
    text = "ab" + MEMORIES.sample(600, Random(1))
    visited_tk, logits_tw = net_map.path(text)
    memories = MEMORIES.transduce(text)[1:]  # type: ignore[attr-defined]
    assert "".join(net_map.outputs[index] for index in logits_tw.argmax(axis=1))[1:] == memories
    return visited_tk[1:], memories


def check_limits(limits: LimitPoints, memories: str) -> None:
    """Check that there is one stable point a memory, to which the states with this memory lead."""
    assert [point.kind for point in limits.points] == ["stable"] * 4
    assert limits.count_p.tolist() == sorted([memories.count(memory) for memory in "0123"], reverse=True)
    assert np.bincount(limits.point_n).tolist() == limits.count_p.tolist()
    memory_of = [set(np.array(list(memories))[limits.point_n == number]) for number in range(4)]
    assert sorted(map(len, memory_of)) == [1, 1, 1, 1], "each memory has a point of its own"


def test_a_flip_flop_set_by_hand_has_a_point_for_each_memory_and_saddles_between_them() -> None:
    # A pulse of 6 sets a unit; each output is a pair of signs.
    pulses = [[0, 6, 0, -6, 0], [0, 0, 6, 0, -6]]
    signs = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    net_map = tanh_map([[2, 0], [0, 2]], pulses, MEMORIES.alphabet, signs, MEMORIES.outputs)
    visited_tk, memories = visited_memories(net_map)
    limits = limit_points(net_map, visited_tk, ".")
    check_limits(limits, memories)
    places = {tuple(point.state_k.round(6)) for point in limits.points}
    assert places == {tuple(np.round(place, 6)) for place in NINE if place.all()}
    found = find_fixed_points(net_map, noisy_starts(visited_tk, 600, scale=1), ".")
    assert [point.kind for point in found.points].count("saddle") == 4


def test_a_trained_flip_flop_has_a_point_for_each_memory_and_saddles_between_them() -> None:
    config = TrainConfig(
        pattern="flipflop:2",
        cell="rnn",
        hidden_size=8,
        epochs=20,
        length=20_000,
        batch_size=32,
        window=64,
        encoding="onehot",
        learning_rate=0.02,
        clip=1.0,
    )
    *_, last = train(config)
    net_map = map_of_net(last.net, MEMORIES.alphabet, MEMORIES.outputs)
    visited_tk, memories = visited_memories(net_map)
    check_limits(limit_points(net_map, visited_tk, "."), memories)
    found = find_fixed_points(net_map, noisy_starts(visited_tk, 600), ".", visited_tk)
    kinds = [point.kind for point in found.points if not point.outlier]
    assert kinds.count("stable") == 4
    assert kinds.count("saddle") >= 3


@pytest.mark.parametrize("word", ["c", "ab"])
@pytest.mark.parametrize("cell", CELLS)
def test_each_state_leads_where_it_leads_alone(cell: str, word: str) -> None:
    net_map = net_map_of(cell)
    visited_tk = np.concatenate([net_map.start_k[None], net_map.path(TEXT)[0][:7]])
    limits = limit_points(net_map, visited_tk, word, max_words=300)
    assert limits.count_p.sum() + limits.still_moving + sum(limits.on_cycles.values()) + limits.growing == 8
    assert (limits.point_n >= 0).tolist() == (limits.period_n == 1).tolist()
    rests = np.flatnonzero(limits.point_n >= 0)
    for state_k, number in zip(visited_tk[rests[::5]], limits.point_n[rests[::5]], strict=True):
        state_nk = net_map.advance(state_k[None], word * 600)
        assert state_nk[0] == pytest.approx(limits.points[number].state_k, abs=0.02)


def test_units_that_change_sign_lead_to_cycles_of_two_and_their_words_of_two_to_points() -> None:
    net_map = tanh_map([[-2.0, 0], [0, 0.5]], [[0, 1], [0, 1]], ".x")
    states_nk = np.array([[0.3, 0.2], [-0.8, 1.0], [0.0, 0.7]])
    limits = limit_points(net_map, states_nk, ".")
    assert limits.period_n.tolist() == [2, 2, 1]
    assert limits.on_cycles == {2: 2}
    assert limits.point_n.tolist() == [-1, -1, 0]
    assert limits.points[0].kind == "saddle"
    assert np.abs(limits.ends_nk[:2, 0]) == pytest.approx([ROOT, ROOT])
    twice = limit_points(net_map, states_nk, "..")
    assert sorted(point.state_k[0] for point in twice.points) == pytest.approx([-ROOT, 0.0, ROOT], abs=1e-9)
    assert twice.table()["states"].tolist() == [1, 1, 1]


def test_a_longer_cycle_is_found_and_a_turn_that_never_closes_is_not() -> None:
    for angle, period in ((2 * np.pi / 7, 7), (1.0, 0)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        limits = limit_points(linear_map({"a": turn}, np.zeros(2), np.ones((1, 2))), np.ones((1, 2)), "a", max_words=50)
        assert limits.period_n.tolist() == [period]
        assert limits.still_moving == (period == 0)


def test_a_state_that_creeps_to_a_stable_point_counts_where_it_is_within_the_radius() -> None:
    net_map = linear_map({"a": np.array([[0.999]])}, np.array([1.0]), np.ones((1, 1)))
    exact = 1000.0
    near = limit_points(net_map, np.array([[exact + 1.0]]), "a", radius=0.1, max_words=3000)
    assert near.point_n.tolist() == [0]
    assert near.points[0].state_k == pytest.approx([exact], abs=1e-9)
    assert 1e-20 < near.speed_n[0] < 0.01
    far = limit_points(net_map, np.array([[exact + 1.0]]), "a", radius=0.1, max_words=1000)
    assert far.point_n.tolist() == [-1]
    assert (far.still_moving, far.points, far.speed_n.shape) == (1, (), (1,))
    assert far.speed_n[0] == pytest.approx((0.001 * 0.999**1000) ** 2 / 2, rel=1e-6)


def test_a_state_that_grows_without_bounds_is_said() -> None:
    net_map = linear_map({"a": np.array([[2.0]])}, np.zeros(1), np.ones((1, 1)))
    limits = limit_points(net_map, np.array([[0.0], [1.0], [-1e-3]]), "a")
    assert limits.period_n.tolist() == [1, -1, -1]
    assert (limits.growing, limits.still_moving) == (2, 0)
    assert limits.points[0].kind == "unstable"


def test_a_state_that_becomes_no_number_leads_to_no_point() -> None:
    net_map = one_number_map(torch.sqrt)
    limits = limit_points(net_map, np.array([[0.25], [-1.0], [4.0]]), "a")
    assert limits.period_n.tolist() == [1, -1, 1]
    assert limits.point_n.tolist() == [0, -1, 0]
    assert limits.count_p.tolist() == [2]
    assert limits.points[0].state_k == pytest.approx([1])
    assert (limits.growing, limits.still_moving) == (1, 0)
    # The last state that is read is a number, and the one after it is none.
    late = limit_points(one_number_map(lambda h: torch.sqrt(h) - 0.3), np.array([[0.05], [0.8]]), "a", max_words=1)
    assert late.point_n[0] == -1
    assert late.period_n[0] == 0


def test_lines_of_rest_keep_a_point_for_each_state() -> None:
    net_map = linear_map({"a": np.diag([1.0, 0.5])}, np.zeros(2), np.ones((1, 2)))
    states_nk = np.array([[0.0, 1.0], [1.0, 2.0], [1.001, -2.0], [2.0, 0.0]])
    limits = limit_points(net_map, states_nk, "a")
    assert limits.count_p.tolist() == [2, 1, 1]
    assert [point.kind for point in limits.points] == ["neutral"] * 3
    assert [point.staying for point in limits.points] == [1, 1, 1]


def test_the_start_of_a_net_is_among_the_states_even_where_it_is_infinite() -> None:
    torch.manual_seed(0)
    net_map = net_map_of("slstm")
    assert not np.isfinite(net_map.start_k).all()
    limits = limit_points(net_map, net_map.start_k[None], "a")
    assert limits.point_n.tolist() == [0]
    assert np.isfinite(limits.points[0].state_k).all()
