"""Fixed points: of weights set by hand, of cells that are solved exactly, and of a flip-flop's memories."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor

from analysis.dynamics.fixed_points import counts_over, find_fixed_points, noisy_starts
from analysis.dynamics.least_speed import least_speed, speed
from analysis.dynamics.limit_points import limit_points
from analysis.dynamics.net_map import NetMap, map_of_net
from analysis.dynamics.points import merge
from rnn_core.nets.cell import State, layer_weights
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.linear_cell import ElementwiseCell
from rnn_core.vocabulary import UnknownCharacterError
from tests.analysis.dynamics.by_hand import linear_map, net_map_of, tanh_map

TEXT = "abcabbcacbbaccab" * 4
ROOT = brentq(lambda h: math.tanh(2 * h) - h, 0.5, 1)
"""The fixed point of h -> tanh(2 h) above 0."""

NINE = np.array(list(itertools.product([-ROOT, 0.0, ROOT], repeat=2)))
"""The fixed points of two such units: four stable ones, four saddles and the origin."""

ELEMENTWISE = tuple(cell for cell in CELLS if isinstance(load_cell(cell), ElementwiseCell))


def latches() -> NetMap:
    return tanh_map([[2, 0], [0, 2]], [[0, 1], [0, 1]], ".x")


def test_all_nine_fixed_points_of_two_latches_are_found_with_their_kinds() -> None:
    starts_nk = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    found = find_fixed_points(latches(), starts_nk, ".")
    assert (found.point_n >= 0).all()
    by_place = {tuple(np.round(point.state_k, 6) + 0.0): point for point in found.points}
    assert set(by_place) == {tuple(np.round(place, 6)) for place in NINE}
    for place, point in by_place.items():
        zeros = place.count(0.0)
        assert point.kind == ("stable", "saddle", "unstable")[zeros]
        assert point.unstable == zeros
        slopes = [2 * (1 - h**2) for h in point.state_k]
        assert sorted(point.eigenvalues_k.real) == pytest.approx(sorted(slopes), abs=1e-9)
        assert abs(point.eigenvalues_k[0]) == pytest.approx(max(slopes)), "the largest first"
        assert point.time_constant == pytest.approx(-1 / math.log(max(slopes)) if max(slopes) < 1 else math.inf)
        if zeros == 1:
            unstable_unit = [float(h == 0) for h in place]
            assert np.abs(point.directions_uk) == pytest.approx(np.array([unstable_unit]), abs=1e-9)
    assert np.bincount(found.point_n).sum() == len(starts_nk)
    table = found.table()
    assert table["starts"].sum() == len(starts_nk)
    assert table["kind"].value_counts().to_dict() == {"stable": 4, "saddle": 4, "unstable": 1}
    places = np.array([found.points[number].state_k for number in found.point_n])
    assert places == pytest.approx(found.ends_nk, abs=0.01)


def test_counts_are_the_same_over_tolerances_and_radii_that_separate_the_points() -> None:
    found = find_fixed_points(latches(), np.random.default_rng(0).uniform(-1, 1, (300, 2)), ".")
    counts = counts_over(latches(), found, [1e-24, 1e-16], [1e-4, 0.1, 10.0])
    assert list(counts.columns) == ["tolerance", "radius", "stable", "saddle", "unstable", "neutral", "slow"]
    fine, coarse = counts[counts["radius"] < 1], counts[counts["radius"] > 1]
    assert fine[["stable", "saddle", "unstable", "slow"]].to_numpy().tolist() == [[4, 4, 1, 0]] * 4
    assert coarse[["stable", "saddle", "unstable"]].to_numpy().sum(axis=1).tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"tolerances \[1\], radii \[0.1\]; allowed: above 0 to 1e-05, 0 or above"):
        counts_over(latches(), found, [1], [0.1])


def test_where_the_fixed_points_have_met_and_gone_there_is_a_slow_point() -> None:
    # tanh(2 h + b) = h has three solutions up to b = 0.5328, and one beyond it.
    net_map = tanh_map([[2.0]], [[0.55, 0]], ".x")
    found = find_fixed_points(net_map, np.linspace(-1, 1, 40)[:, None], ".", slow=1e-3)
    bias = float(np.float32(0.55))
    least = minimize_scalar(
        lambda h: (math.tanh(2 * h + bias) - h) ** 2, bounds=(-0.9, -0.4), method="bounded", options={"xatol": 1e-10}
    )
    (slow,) = [point for point in found.points if point.kind == "slow"]
    assert slow.state_k == pytest.approx([least.x], abs=1e-5)
    assert slow.speed == pytest.approx(least.fun / 2, rel=1e-9)
    assert [point.kind for point in found.points] == ["stable", "slow"], "the slowest first"
    counts = counts_over(net_map, found, [1e-20, 1e-3], [0.01])
    assert counts["slow"].tolist() == [1, 0]
    strict = find_fixed_points(net_map, np.linspace(-1, 1, 40)[:, None], ".")
    assert len(strict.points) == 1
    assert (strict.point_n < 0).sum() == (found.point_n == 1).sum() > 0


def test_a_start_that_newton_leads_away_from_finds_what_the_speed_leads_to() -> None:
    net_map = tanh_map([[2.0]], [[0.55, 0]], ".x")
    ends_nk, speed_n = least_speed(net_map, np.array([[-0.9], [0.9]]), ".")
    assert speed_n == pytest.approx(speed(net_map, ends_nk, "."))
    assert speed_n[1] < 1e-25


def test_a_fixed_point_at_the_end_of_a_narrow_curved_valley_of_the_speed_is_found() -> None:
    # The state is drawn fast to the parabola y = x^2, and creeps along it to x = 1. Steps that must lower the speed are
    # tiny there, and Newton's whole steps go to infinity, since arctan is flat far from 0.
    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        x, y = state[0].unbind(-1)
        after_nk = state[0] + torch.stack([1e-4 * torch.atan(4 * (1 - x)), 10 * (x**2 - y)], -1)
        return after_nk, (after_nk,)

    start = (torch.zeros(2, dtype=torch.float64),)
    net_map = NetMap(step, start, torch.ones((1, 1), dtype=torch.float64), "a", "ab", ["h"])
    (point,) = find_fixed_points(net_map, np.array([[-1.0, 1.0], [-2.0, 4.0]]), "a").points
    assert point.state_k == pytest.approx([1.0, 1.0], abs=1e-6)
    assert sorted(point.eigenvalues_k.real) == pytest.approx([-9, 1 - 4e-4])


@pytest.mark.parametrize("cell", ELEMENTWISE)
def test_an_elementwise_cell_has_the_one_fixed_point_that_its_coefficients_give(cell: str) -> None:
    torch.manual_seed(5)
    net = CharRNN(3, 4, cell, 1, "onehot")
    net_map = map_of_net(net, "abc")
    net = net.double()
    with torch.no_grad():
        weights = layer_weights(net.cell, net.recurrent, 0)
        x = net.encode(torch.tensor([[1]]))[0].double()
        zero = net.init_state(1)[0][0].double()
        origin = net.cell.next_state(net.cell.coefficients(weights, x), zero)  # type: ignore[attr-defined]
        # One column for each number of the state: a linear map is known by what it does to each of them.
        units = torch.eye(net_map.size, dtype=torch.float64).reshape(-1, *zero.shape[1:])
        coefficients = net.cell.coefficients(weights, x.expand(len(units), -1))  # type: ignore[attr-defined]
        moved = net.cell.next_state(coefficients, units)  # type: ignore[attr-defined]
    matrix_kk = (moved - origin).reshape(len(units), -1).numpy().T
    exact_k = np.linalg.solve(np.eye(len(units)) - matrix_kk, origin.numpy().ravel())
    found = find_fixed_points(net_map, noisy_starts(net_map.path(TEXT)[0], 50), "b")
    (point,) = found.points
    assert point.state_k == pytest.approx(exact_k, rel=1e-6, abs=1e-9)
    assert point.kind == "stable"
    assert sorted(np.abs(point.eigenvalues_k)) == pytest.approx(sorted(np.abs(np.linalg.eigvals(matrix_kk))))


def test_the_list_of_elementwise_cells_is_not_empty() -> None:
    assert {"diagonal", "signed", "mingru"} <= set(ELEMENTWISE)


def test_deltanet_holds_a_continuum_of_which_the_dimension_is_said() -> None:
    net_map = net_map_of("deltanet")
    found = find_fixed_points(net_map, noisy_starts(net_map.path(TEXT)[0], 30), "a")
    torch.manual_seed(3)
    net = CharRNN(3, 4, "deltanet", 1, "onehot").double()
    weights = layer_weights(net.cell, net.recurrent, 0)
    key_k, _, beta_v = net.cell.coefficients(weights, torch.eye(3, dtype=torch.float64)[:1])  # type: ignore[attr-defined]
    beta = 2 * torch.sigmoid(weights["weight_b"][0, 0].double())
    for point in found.points:
        assert point.kind == "neutral"
        assert point.staying == 4 * 3, "S k = v binds 4 of 16 numbers"
        held = point.state_k.reshape(4, 4) @ key_k[0].detach().numpy()
        assert held == pytest.approx((beta_v / beta)[0].detach().numpy(), abs=1e-7)
        assert point.time_constant == math.inf
    counts = counts_over(net_map, found, [1e-20], [1e-3, 0.3, 30.0])["neutral"].tolist()
    assert counts[0] > counts[1] > counts[2] == 1, "a count of a continuum depends on the radius"


@pytest.mark.parametrize("word", ["b", "cab"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cells_points_stay_where_they_are(cell: str, word: str) -> None:
    net_map = net_map_of(cell, layers=2)
    visited_nk = np.concatenate([net_map.start_k[None], net_map.path(TEXT)[0]])
    found = find_fixed_points(net_map, visited_nk, word, slow=math.inf)
    assert found.points
    assert (found.point_n >= 0).all()
    for point in found.points[:5]:
        moved = np.linalg.norm(net_map.advance(point.state_k[None], word)[0] - point.state_k)
        assert moved**2 / 2 == pytest.approx(point.speed, abs=1e-24)
        if point.kind != "slow":
            assert moved < 2e-10
        rates = np.linalg.eigvals(net_map.jacobian(point.state_k[None], word)[0])
        assert sorted(np.abs(point.eigenvalues_k)) == pytest.approx(sorted(np.abs(rates)))
        finite_nk = visited_nk[np.isfinite(visited_nk).all(axis=1)]
        assert point.nearest <= np.linalg.norm(finite_nk - point.state_k, axis=1).min() + 1e-12


def test_a_rotation_that_grows_has_its_plane_as_unstable_directions() -> None:
    matrix = np.zeros((3, 3))
    matrix[:2, :2] = 1.2 * np.array([[0.6, -0.8], [0.8, 0.6]])
    matrix[2, 2] = 0.5
    basis, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    net_map = linear_map({"a": basis @ matrix @ basis.T}, np.array([1.0, 2.0, 3.0]), np.ones((1, 3)))
    (point,) = find_fixed_points(net_map, np.zeros((1, 3)), "a", np.ones((2, 3)) * [[0.0], [1.0]]).points
    assert point.kind == "saddle"
    assert np.abs(point.eigenvalues_k) == pytest.approx([1.2, 1.2, 0.5])
    assert np.linalg.norm(point.directions_uk, axis=1) == pytest.approx([1, 1])
    assert point.directions_uk @ basis[:, 2] == pytest.approx(np.zeros(2), abs=1e-12)
    assert np.linalg.matrix_rank(point.directions_uk) == 2


def test_an_outlier_is_marked_and_kept() -> None:
    net_map = linear_map({"a": 0.5 * np.eye(2)}, np.array([50.0, 0.0]), np.ones((1, 2)))
    visited_nk = np.array([[0.0, 0.0], [1.0, 0.0]])
    (point,) = find_fixed_points(net_map, visited_nk, "a").points
    assert point.state_k == pytest.approx([100.0, 0.0])
    assert point.nearest == pytest.approx(99.0)
    assert point.outlier
    (near,) = find_fixed_points(net_map, visited_nk, "a", np.array([[99.0, 0.0], [100.5, 0.0]])).points
    assert not near.outlier


def test_points_are_merged_to_the_slowest_of_them() -> None:
    states_nk = np.array([[0.0], [0.4], [0.9], [5.0], [9.0]])
    point_n, first_p = merge(states_nk, np.array([3.0, 1.0, 2.0, np.nan, 9.0]), 5.0, 0.5)
    assert point_n.tolist() == [0, 0, 0, -1, -1]
    assert first_p.tolist() == [1]
    point_n, first_p = merge(states_nk, np.array([1.0, 3.0, 2.0, 0.0, 9.0]), 9.0, 0.5)
    assert point_n.tolist() == [1, 1, 2, 0, 3]
    assert first_p.tolist() == [3, 0, 2, 4]


def test_starts_lie_around_visited_states() -> None:
    visited_nk = np.array([[0.0, 5.0], [2.0, 5.0], [-np.inf, 0.0]])
    starts_nk = noisy_starts(visited_nk, 2000, scale=0.5, seed=1)
    assert (starts_nk[:2] == visited_nk[:2]).all()
    noise_nk = starts_nk[2:] - visited_nk[:2][np.argmin(np.abs(starts_nk[2:, :1] - [[0.0, 2.0]]), axis=1)]
    assert noise_nk[:, 0].std() == pytest.approx(0.5, rel=0.1)
    assert (noise_nk[:, 1] == 0).all()
    assert (noisy_starts(visited_nk, 9, seed=1) != noisy_starts(visited_nk, 9, seed=2)).any()


def test_what_cannot_be_searched_is_said() -> None:
    net_map, start_nk = latches(), np.zeros((1, 2))
    with pytest.raises(ValueError, match=r"states of shape \(1, 3\); allowed: \(N, 2\), N 1 or more"):
        find_fixed_points(net_map, np.zeros((1, 3)), ".")
    with pytest.raises(ValueError, match="a state holds NaN; allowed: numbers"):
        limit_points(net_map, np.full((1, 2), np.nan), ".")
    with pytest.raises(UnknownCharacterError):
        find_fixed_points(net_map, start_nk, "q")
    with pytest.raises(ValueError, match="the word is empty"):
        limit_points(net_map, start_nk, "")
    with pytest.raises(ValueError, match=r"tolerance 1, slow 0.1, .*; allowed: above 0, the tolerance or above"):
        find_fixed_points(net_map, start_nk, ".", tolerance=1, slow=0.1)
    with pytest.raises(ValueError, match="max_period 1; allowed: 0 or above, 1 or more, 2 or more"):
        limit_points(net_map, start_nk, ".", max_period=1)
    with pytest.raises(ValueError, match="0 finite states, count 1, scale 1; allowed: 1 or more"):
        noisy_starts(np.full((2, 2), -np.inf), 1, 1)
    marked = linear_map({"a": np.eye(1), "|": np.eye(1)}, np.zeros(1), np.ones((2, 1)), mark="|")
    with pytest.raises(ValueError, match=r"the word 'a\|' holds the mark"):
        find_fixed_points(marked, np.zeros((1, 1)), "a|")
