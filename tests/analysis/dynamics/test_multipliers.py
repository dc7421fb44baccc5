"""Cycles of nets that read a repeated word or run free: their multipliers, and the disturbances they withstand."""

import math
from contextlib import suppress

import numpy as np
import pytest

from analysis.dynamics.multipliers import StateCycle, cycle_through, free_cycle, reading_cycle, withstood
from analysis.dynamics.net_map import NetMap
from rnn_core.nets.cells import CELLS
from tests.analysis.dynamics.by_hand import linear_map, net_map_of, tanh_map


def writer() -> NetMap:
    """Return a net that writes abcabc..., from units that hold the last character, and some of those before."""
    recurrent = [[0.5, 0.1, 0], [0, 0.5, 0.1], [0.1, 0, 0.5]]
    return tanh_map(recurrent, 3 * np.eye(3), "abc", np.roll(np.eye(3), 1, axis=0))


def write(net_map: NetMap, state_k: np.ndarray, first: str, count: int) -> str:
    """Let the net read a character, and then write and read what it writes, one character after the other."""
    text, state_nk = first, state_k[None]
    while len(text) < count:
        state_nk, logits_nw = net_map.predict(state_nk, text[-1])
        text += net_map.outputs[logits_nw[0].argmax()]
    return text


def settled(cell: str) -> tuple[NetMap, StateCycle]:
    """Return an untrained net that settles within 900 characters, which not every one does, and its cycle on abc."""
    for seed in range(1, 9):
        net_map = net_map_of(cell, seed=seed)
        with suppress(ValueError):
            return net_map, reading_cycle(net_map, "abc", max_characters=900)
    raise AssertionError(f"no net of {cell} settles")


@pytest.mark.parametrize("cell", CELLS)
def test_multipliers_do_not_depend_on_where_the_cycle_is_cut(cell: str) -> None:
    net_map, cycle = settled(cell)
    assert np.abs(cycle.multipliers_k).tolist() == sorted(np.abs(cycle.multipliers_k), reverse=True)
    for place, state_k in enumerate(cycle.states_pk):
        text = cycle.text[place:] + cycle.text[:place]
        assert net_map.advance(state_k[None], text)[0] == pytest.approx(state_k, abs=1e-8)
        of_word = np.linalg.eigvals(net_map.jacobian(state_k[None], text)[0])
        assert sorted(np.abs(of_word)) == pytest.approx(sorted(np.abs(cycle.multipliers_k)), rel=1e-5, abs=1e-7)


def test_a_small_disturbance_falls_by_the_greatest_multiplier_each_round() -> None:
    net_map = net_map_of("gru")
    cycle = reading_cycle(net_map, "aab")
    state_nk = cycle.states_pk[:1] + 1e-5 * np.random.default_rng(0).normal(size=(1, net_map.size))
    distances = []
    for _ in range(7):
        state_nk = net_map.advance(state_nk, cycle.text)
        distances.append(np.linalg.norm(state_nk[0] - cycle.states_pk[0]))
    rate = (distances[6] / distances[3]) ** (1 / 3)
    assert rate == pytest.approx(abs(cycle.multipliers_k[0]), rel=1e-2)
    assert cycle.time_constant == pytest.approx(-3 / math.log(abs(cycle.multipliers_k[0])))
    assert math.exp(-3 / cycle.time_constant) == pytest.approx(rate, rel=1e-2)
    assert cycle.exponents_k[0] == pytest.approx(math.log(rate) / 3, rel=1e-2)


def test_a_net_that_returns_after_two_words_has_a_cycle_of_two() -> None:
    net_map = tanh_map([[-2.0]], [[0, 0]], "ab")
    cycle = reading_cycle(net_map, "ab", start_k=np.array([0.3]))
    assert cycle.text == "ab"
    odd = reading_cycle(net_map, "a", start_k=np.array([0.3]))
    assert odd.text == "aa"
    assert odd.states_pk[0] == pytest.approx(-odd.states_pk[1], abs=1e-9)
    assert odd.multipliers_k == pytest.approx([(2 * (1 - odd.states_pk[0, 0] ** 2)) ** 2], abs=1e-9)


def test_a_linear_net_has_the_eigenvalues_of_the_product() -> None:
    rng = np.random.default_rng(0)
    matrices = {"a": 0.5 * rng.normal(size=(3, 3)), "b": 0.5 * rng.normal(size=(3, 3))}
    net_map = linear_map(matrices, np.ones(3), np.ones((2, 3)))
    cycle = reading_cycle(net_map, "aab")
    product = matrices["b"] @ matrices["a"] @ matrices["a"]
    assert sorted(np.abs(cycle.multipliers_k)) == pytest.approx(sorted(np.abs(np.linalg.eigvals(product))))
    still = linear_map({"a": np.zeros((2, 2)), "b": np.eye(2)}, np.ones(2), np.ones((2, 2)))
    gone = cycle_through(still, np.ones(2), "a")
    assert gone.time_constant == 0
    assert gone.exponents_k.tolist() == [-math.inf, -math.inf]


def test_the_cycle_of_a_net_that_runs_free_is_what_it_writes() -> None:
    net_map = writer()
    cycle = free_cycle(net_map, "ca", max_characters=100)
    assert cycle.text in ("abc", "bca", "cab")
    assert write(net_map, cycle.states_pk[0], cycle.text[0], 30) == cycle.text * 10
    read = reading_cycle(net_map, cycle.text)
    assert read.multipliers_k == pytest.approx(cycle.multipliers_k, abs=1e-9), "the same for reading and running free"
    assert cycle.gap < 1e-9


def test_the_same_text_goes_on_up_to_the_radius_and_no_further() -> None:
    net_map = writer()
    cycle = free_cycle(net_map, "ca", max_characters=100)
    found = withstood(net_map, cycle, directions=6, seed=4, precision=1e-4)
    assert found.radius_pd.shape == (3, 6)
    assert (found.directions, found.seed, found.characters) == (6, 4, 60)
    assert found.radius == found.radius_pd.min() > 0.1
    rng = np.random.default_rng(4)
    finite = 0
    for place, state_k in enumerate(cycle.states_pk):
        text = (cycle.text[place:] + cycle.text[:place]) * 20
        for unit_k, radius in zip(_directions(rng, 6), found.radius_pd[place], strict=True):
            reached = min(radius, found.greatest_tried)
            for share in (0.25, 0.5, 0.999):
                assert write(net_map, state_k + share * reached * unit_k, text[0], 61) == text + text[0]
            if np.isfinite(radius):
                finite += 1
                assert write(net_map, state_k + 1.001 * radius * unit_k, text[0], 61) != text + text[0]
    assert finite > 1
    again = withstood(net_map, cycle, directions=6, seed=4, precision=1e-4)
    assert (again.radius_pd == found.radius_pd).all()


def _directions(rng: np.random.Generator, count: int) -> np.ndarray:
    unit_dk = rng.normal(size=(count, 3))
    return unit_dk / np.linalg.norm(unit_dk, axis=1, keepdims=True)


def test_the_radius_is_where_a_linear_net_changes_its_mind() -> None:
    # From h = 2 the net writes a as long as h' = 0.5 h + 1 is above 0: down to h = -2, a disturbance of -4.
    net_map = linear_map({"a": np.array([[0.5]]), "b": np.array([[0.5]])}, np.ones(1), np.array([[1.0], [-1.0]]))
    cycle = free_cycle(net_map, "b", max_characters=100)
    assert (cycle.text, cycle.states_pk[0, 0]) == ("a", pytest.approx(2))
    found = withstood(net_map, cycle, directions=20, precision=1e-5)
    down = np.isfinite(found.radius_pd[0])
    assert 0 < down.sum() < 20
    assert found.radius_pd[0][down] == pytest.approx([4.0] * down.sum(), rel=2e-5)
    assert found.greatest_tried == 20
    small = withstood(net_map, cycle, greatest=3.9)
    assert small.radius == math.inf
    # Below the least of the lengths that are tried first, too.
    assert withstood(net_map, cycle, greatest=1e6).radius == pytest.approx(4, rel=2e-3)


def test_a_disturbance_that_shows_only_later_counts() -> None:
    # The net writes a while u' = w + 1 > 0; w takes the number v of the step before. So v and w may fall by 1.
    matrix = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    net_map = linear_map({"a": matrix, "b": matrix}, np.array([1.0, 0, 0]), np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    cycle = free_cycle(net_map, "b", max_characters=100)
    assert cycle.states_pk.tolist() == [[1, 0, 0]]
    found = withstood(net_map, cycle, directions=40, seed=2)
    fall_d = np.maximum(0, -_directions(np.random.default_rng(2), 40)[:, 1:].min(axis=1))
    with np.errstate(divide="ignore"):
        exact_d = 1 / fall_d
    exact_d[exact_d > found.greatest_tried] = np.inf
    assert found.radius_pd[0] == pytest.approx(exact_d, rel=2e-3)


def test_what_has_no_cycle_is_said() -> None:
    grows = linear_map({"a": np.array([[1.5]]), "b": np.array([[0.9]])}, np.ones(1), np.array([[1.0], [-1.0]]))
    with pytest.raises(ValueError, match="the state is not finite; allowed: finite states"):
        reading_cycle(grows, "a")
    with pytest.raises(ValueError, match="the state is not finite; allowed: finite states"):
        free_cycle(grows, "a")
    with pytest.raises(ValueError, match="after 40 characters the state does not return within 16 times 'b'"):
        reading_cycle(grows, "b", max_characters=40)
    with pytest.raises(ValueError, match="after 20 characters the state does not return within 5"):
        free_cycle(grows, "a", max_period=5, max_characters=20)
    with pytest.raises(ValueError, match=r"after 'a' the state is .* from where it was; allowed: closed cycles"):
        cycle_through(linear_map({"a": np.eye(1)}, np.ones(1), np.ones((1, 1))), np.ones(1), "a")
    with pytest.raises(ValueError, match="max_rounds 0, max_characters 4000; allowed: 1 or more of both"):
        reading_cycle(grows, "b", max_rounds=0)
    with pytest.raises(ValueError, match="max_period 0, max_characters 4000; allowed: 1 or more of both"):
        free_cycle(grows, "b", max_period=0)
    other = tanh_map([[0.5]], [[1, 0]], "ab", [[1], [2]], "xy")
    with pytest.raises(ValueError, match="the net reads 'ab' and predicts 'xy'; allowed: nets that predict the next"):
        free_cycle(other, "a")
    reads_b = reading_cycle(grows, "b")
    with pytest.raises(ValueError, match="running free, the net does not write 'bb'; allowed: a cycle of free_cycle"):
        withstood(grows, reads_b, rounds=2)
    with pytest.raises(ValueError, match=r"directions 0, rounds 20, precision 0.001, greatest None; allowed: 1 or"):
        withstood(grows, reads_b, directions=0)
    marked = linear_map({"a": np.eye(1), "|": np.eye(1)}, np.zeros(1), np.array([[0.0], [1.0]]), mark="|")
    with pytest.raises(ValueError, match=r"the word 'a\|' holds the mark"):
        reading_cycle(marked, "a|")
    at_rest = linear_map({"a": np.eye(1), "|": np.eye(1)}, np.ones(1), np.array([[0.0], [1.0]]), mark="|")
    with pytest.raises(ValueError, match=r"after 0 characters the net writes the mark '\|', at which the state is set"):
        free_cycle(at_rest, "a")
