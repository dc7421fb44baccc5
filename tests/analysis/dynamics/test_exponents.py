"""Lyapunov exponents: of linear nets, of diagonal cells, of cycles, and their sum by determinants."""

import math

import numpy as np
import pytest
import torch

from analysis.dynamics.exponents import lyapunov_exponents
from analysis.dynamics.multipliers import free_cycle, reading_cycle
from analysis.dynamics.net_map import map_of_net
from rnn_core.nets.cell import layer_weights
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.vocabulary import UnknownCharacterError
from tests.analysis.dynamics.by_hand import linear_map, net_map_of, one_number_map, tanh_map
from tests.analysis.dynamics.test_multipliers import writer

UNIFORM = "".join(np.random.default_rng(0).choice(list("abc"), 300))


def test_a_linear_net_has_the_logarithms_of_its_eigenvalues() -> None:
    basis = np.random.default_rng(0).normal(size=(3, 3))
    matrix = basis @ np.diag([1.5, 0.7, -0.2]) @ np.linalg.inv(basis)
    net_map = linear_map({"a": matrix}, np.zeros(3), np.ones((1, 3)))
    found = lyapunov_exponents(net_map, "a" * 260, "a alone", burn_in=60, start_k=np.zeros(3))
    assert found.exponent_e == pytest.approx(np.log([1.5, 0.7, 0.2]), abs=1e-9)
    assert found.spread_e == pytest.approx(np.zeros(3), abs=1e-9)
    assert (found.characters, found.inputs, found.block_be.shape) == (200, "a alone", (10, 3))
    two = lyapunov_exponents(net_map, "a" * 260, "a alone", burn_in=60, count=2)
    assert two.exponent_e == pytest.approx(np.log([1.5, 0.7]), abs=1e-9)


@pytest.mark.parametrize("cell", ["diagonal", "signed"])
def test_a_diagonal_cell_has_the_mean_of_its_decays_logarithms(cell: str) -> None:
    net_map = net_map_of(cell)
    torch.manual_seed(3)
    net = CharRNN(3, 4, cell, 1, "onehot").double()
    weights = layer_weights(net.cell, net.recurrent, 0)
    read_t = ["abc".index(character) for character in UNIFORM]
    with torch.no_grad():
        decays, _ = net.cell.coefficients(weights, torch.eye(3, dtype=torch.float64)[read_t])  # type: ignore[attr-defined]
    logarithm_th = np.log(np.abs(decays.numpy()))
    found = lyapunov_exponents(net_map, UNIFORM, "uniform", burn_in=50, blocks=5)
    order = np.argsort(-logarithm_th[50:].mean(axis=0))
    assert found.exponent_e == pytest.approx(logarithm_th[50:].mean(axis=0)[order], abs=1e-9)
    blocks = logarithm_th[50:].reshape(5, 50, 4).mean(axis=1)[:, order]
    assert found.block_be == pytest.approx(blocks, abs=1e-9)
    assert found.spread_e == pytest.approx(blocks.std(axis=0, ddof=1), abs=1e-9)
    table = found.table()
    assert list(table.columns) == ["exponent", "spread", "characters", "inputs"]
    assert table["inputs"].unique() == ["uniform"]


@pytest.mark.parametrize("cell", CELLS)
def test_the_exponents_add_up_to_the_mean_logarithm_of_the_determinant(cell: str) -> None:
    net_map = net_map_of(cell, layers=2)
    states_tk, _ = net_map.path(UNIFORM)
    jacobians = [
        net_map.jacobian(state_k[None], character)[0]
        for state_k, character in zip(states_tk[199:-1], UNIFORM[200:], strict=True)
    ]
    with np.errstate(divide="ignore"):
        logarithms = [np.linalg.slogdet(jacobian_kk)[1] for jacobian_kk in jacobians]
    found = lyapunov_exponents(net_map, UNIFORM, "uniform", burn_in=200)
    total = found.exponent_e.sum()
    assert total == pytest.approx(np.mean(logarithms), abs=1e-6)
    assert found.exponent_e.tolist() == sorted(found.exponent_e, reverse=True)


def test_a_text_that_a_net_writes_has_the_exponents_of_its_cycle() -> None:
    net_map = writer()
    cycle = free_cycle(net_map, "ca", max_characters=100)
    found = lyapunov_exponents(net_map, cycle.text * 200, "greedy", burn_in=60, start_k=cycle.states_pk[0])
    assert found.exponent_e == pytest.approx(np.log(np.abs(cycle.multipliers_k)) / 3, abs=2e-3)
    net_map = net_map_of("gru")
    reads = reading_cycle(net_map, "abca")
    found = lyapunov_exponents(net_map, "abca" * 300, "the word again and again", burn_in=200)
    assert found.exponent_e[0] == pytest.approx(reads.exponents_k[0], abs=2e-3)


def test_directions_that_are_gone_at_once_have_minus_infinity() -> None:
    matrix = np.array([[0.5, 0.0, 0.0], [3.0, 0.0, 0.0], [1.0, 1.0, 0.25]])
    found = lyapunov_exponents(linear_map({"a": matrix}, np.zeros(3), np.ones((1, 3))), "a" * 60, "a", burn_in=40)
    assert found.exponent_e[:2] == pytest.approx(np.log([0.5, 0.25]), abs=1e-9)
    assert found.exponent_e[2] == -math.inf
    assert np.isnan(found.spread_e).tolist() == [False, False, True]
    once = linear_map({"a": np.eye(2) / 2, "b": np.diag([0.5, 0.0])}, np.zeros(2), np.ones((2, 2)))
    found = lyapunov_exponents(once, "aaaabaaaa", "one b", burn_in=1, blocks=2)
    assert found.exponent_e.tolist() == [pytest.approx(math.log(0.5)), -math.inf]
    assert np.isfinite(found.block_be).tolist() == [[True, False], [True, True]]


def test_a_rounding_that_is_left_of_a_direction_is_no_exponent() -> None:
    left, right = np.random.default_rng(1).normal(size=(2, 4, 3))
    net_map = linear_map({"a": left @ right.T / 4}, np.zeros(4), np.ones((1, 4)))
    exponents = lyapunov_exponents(net_map, "a" * 100, "a", burn_in=80).exponent_e
    assert np.isfinite(exponents).tolist() == [True, True, True, False]


def test_many_characters_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    net_map = net_map_of("lstm")
    whole = lyapunov_exponents(net_map, UNIFORM[:90], "uniform", burn_in=10, blocks=4)
    monkeypatch.setattr("analysis.dynamics.net_map.MAX_JACOBIAN_NUMBERS", 7 * net_map.size**2)
    pieces = lyapunov_exponents(net_map, UNIFORM[:90], "uniform", burn_in=10, blocks=4)
    assert pieces.exponent_e == pytest.approx(whole.exponent_e, abs=1e-12)


def test_a_mark_at_the_beginning_starts_the_state() -> None:
    torch.manual_seed(0)
    net = CharRNN(3, 4, "gru", 1, "onehot")
    text = "c" + UNIFORM.replace("c", "a")
    started = lyapunov_exponents(map_of_net(net, "abc", mark="c"), text, "a and b", start_k=np.full(4, 9.0))
    unmarked = lyapunov_exponents(map_of_net(net, "abc"), text, "a and b")
    assert (started.exponent_e == unmarked.exponent_e).all()
    with pytest.raises(ValueError, match="the text holds the mark 'c' after its beginning"):
        lyapunov_exponents(map_of_net(net, "abc", mark="c"), UNIFORM, "uniform")


def test_a_net_that_explodes_has_no_exponents() -> None:
    square = one_number_map(torch.square)
    with pytest.raises(ValueError, match="the states over the text are not finite; allowed: a net whose states are fi"):
        lyapunov_exponents(square, "a" * 60, "a", burn_in=2, start_k=np.array([2.0]))
    assert lyapunov_exponents(square, "a" * 60, "a", burn_in=2, start_k=np.array([1.0])).exponent_e == pytest.approx(
        [math.log(2)]
    )
    with pytest.raises(ValueError, match="the Jacobians over the text are not finite; allowed"):
        lyapunov_exponents(one_number_map(torch.sqrt), "a" * 60, "a", burn_in=2, start_k=np.array([0.0]))


def test_what_has_no_exponents_is_said() -> None:
    net_map = tanh_map([[0.5]], [[0, 1]], "ab")
    with pytest.raises(ValueError, match="a text of 209 characters; allowed: 210 or more"):
        lyapunov_exponents(net_map, "a" * 209, "a")
    with pytest.raises(ValueError, match="burn_in 200, blocks 1, count 1; allowed: 0 or more, 2 or more, 1 to 1"):
        lyapunov_exponents(net_map, "a" * 300, "a", blocks=1)
    with pytest.raises(ValueError, match=r"count 2; allowed: .* 1 to 1"):
        lyapunov_exponents(net_map, "a" * 300, "a", count=2)
    with pytest.raises(UnknownCharacterError):
        lyapunov_exponents(net_map, "x" * 300, "x")
