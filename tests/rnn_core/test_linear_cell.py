"""The recurrence of linear cells by either way, against autograd through its steps."""

import pytest
import torch
from torch import Tensor

from rnn_core.nets import linear_cell
from rnn_core.nets.cells import load_cell
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.linear_cell import LinearCell, _Recurrence


def by_steps(a_t: Tensor, b_t: Tensor, h: Tensor) -> Tensor:
    states = []
    for a, b in zip(a_t, b_t, strict=True):
        h = a * h + b
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("doubling_numbers", [0, 10**6])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("steps", [1, 2, 7, 64])
def test_states_and_gradients_are_those_of_the_steps(
    steps: int, dtype: torch.dtype, doubling_numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_cell, "DOUBLING_NUMBERS", doubling_numbers)
    torch.manual_seed(0)
    a_t, b_t = (torch.randn(steps, 2, 3, dtype=dtype, requires_grad=True) for _ in range(2))
    h = torch.randn(2, 3, dtype=dtype, requires_grad=True)
    weight_t = torch.randn(steps, 2, 3, dtype=dtype)
    seen = []
    for recur in (_Recurrence.apply, by_steps):
        h_t = recur(a_t, b_t, h)
        seen.append((h_t.detach(), *torch.autograd.grad((weight_t * h_t).real.sum(), (a_t, b_t, h))))
    for came, right in zip(*seen, strict=True):
        torch.testing.assert_close(came, right, atol=1e-9, rtol=1e-9)


def test_a_long_sequence_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = CharRNN(3, 4, "diagonal", layers=2, encoding="onehot").double()
    x = net.encode(torch.randint(3, (2, 11)))
    traced: list[int] = []
    trace = net.cell.trace

    def counted(layers: torch.nn.Module, x_bti: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        traced.append(x_bti.shape[1])
        return trace(layers, x_bti, state)

    monkeypatch.setattr(net.cell, "trace", counted)
    whole, last = net(x, net.init_state(2))
    monkeypatch.setattr(linear_cell, "MAX_STATE_NUMBERS", 3 * net.init_state(2)[0].numel())
    in_pieces, last_in_pieces = net(x, net.init_state(2))
    assert traced == [11, 3, 3, 3, 2]
    torch.testing.assert_close(in_pieces, whole, atol=1e-12, rtol=0)
    torch.testing.assert_close(last_in_pieces[0], last[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("steps", [1, 31, 32, 33, 70])
def test_deltanet_takes_many_steps_at_once_as_one_by_one(steps: int) -> None:
    torch.manual_seed(0)
    cell = load_cell("deltanet")
    assert isinstance(cell, LinearCell)
    weights = {
        name: torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
        for name, shape in cell.weight_shapes(3, 4).items()
    }
    x_nsi = torch.randn(2, 5 * steps, 3, dtype=torch.float64)
    h_nb = torch.randn(2, 5, 4, 4, dtype=torch.float64, requires_grad=True)
    seen = []
    for output_nsh, last_nb in (
        cell.read_window(weights, x_nsi, h_nb, steps),
        LinearCell.read_window(cell, weights, x_nsi, h_nb, steps),
    ):
        of = [*weights.values(), h_nb]
        seen.append((output_nsh, last_nb, *torch.autograd.grad(output_nsh.square().sum() + last_nb.sum(), of)))
    for came, right in zip(*seen, strict=True):
        torch.testing.assert_close(came, right, atol=1e-9, rtol=1e-9)
