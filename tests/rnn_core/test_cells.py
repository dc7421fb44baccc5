"""What holds for every cell there is: its step against every faster road, in a stack, differentiated, counted."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.func import jacrev, vmap

from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.cell import Cell, State, layer_weights
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.nets.charrnn import CharRNN, parameter_count
from rnn_core.training.stacked_nets import Stack

SIZE, INPUTS, BATCH = 4, 3, 2

ALL_CELLS = (*CELLS, "outer")
"""Those that there are, and one for tests."""


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Double precision: rounding is then far below whatever a wrong formula makes."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def draw(*axes: int, inputs: int = INPUTS, cell: Cell) -> tuple[dict[str, Tensor], Tensor, State]:
    """Draw weights, an input and a state of one layer, all with further axes in front."""
    torch.manual_seed(1)
    weights = {name: torch.randn(*axes, *shape) / 2 for name, shape in cell.weight_shapes(inputs, SIZE).items()}
    state = tuple(torch.rand(*axes, BATCH, *shape) for shape in cell.state_shapes(SIZE).values())
    return weights, torch.randn(*axes, BATCH, inputs), state


def at(weights: dict[str, Tensor], state: State, *place: int) -> tuple[dict[str, Tensor], State]:
    return {name: weight[place] for name, weight in weights.items()}, tuple(part[place] for part in state)


def test_listing_the_cells_imports_no_torch() -> None:
    code = "import sys; from rnn_core.nets.cells import CELLS; print(*CELLS); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == list(CELLS)


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_step_has_the_shapes_it_says_and_changes_nothing(cell: str) -> None:
    found = load_cell(cell)
    weights, x, state = draw(cell=found)
    before = [tensor.clone() for tensor in (*weights.values(), x, *state)]
    output, after = found.step(weights, x, state)
    assert tuple(output.shape) == (BATCH, SIZE)
    grown = [name in found.growing for name in found.state_shapes(SIZE)]
    assert [part.shape[grows + 1 :] for part, grows in zip(after, grown, strict=True)] == [
        part.shape[grows + 1 :] for part, grows in zip(state, grown, strict=True)
    ]
    assert all(len(part) == BATCH for part in after)
    assert all(torch.equal(old, new) for old, new in zip(before, (*weights.values(), x, *state), strict=True))
    if found.output is not None:
        assert torch.equal(output, after[list(found.state_shapes(SIZE)).index(found.output)])


@pytest.mark.parametrize("axes", [(3,), (2, 3)])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_step_of_many_nets_is_that_of_each(cell: str, axes: tuple[int, ...]) -> None:
    found = load_cell(cell)
    weights, x, state = draw(*axes, cell=found)
    output, after = found.step(weights, x, state)
    for place in torch.cartesian_prod(*map(torch.arange, axes)).reshape(-1, len(axes)).tolist():
        own, before = at(weights, state, *place)
        alone, alone_after = found.step(own, x[tuple(place)], before)
        torch.testing.assert_close(output[tuple(place)], alone, atol=1e-12, rtol=0)
        for part, right in zip(after, alone_after, strict=True):
            torch.testing.assert_close(part[tuple(place)], right, atol=1e-12, rtol=0)


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_step_runs_under_vmap_and_its_jacobian_is_that_of_finite_differences(cell: str) -> None:
    found = load_cell(cell)
    weights, x, state = draw(5, cell=found)
    own = {name: weight[0] for name, weight in weights.items()}
    output_nbh, after_n = vmap(lambda x, state: found.step(own, x, state))(x, state)
    for n in range(5):
        output, after = found.step(own, x[n], tuple(part[n] for part in state))
        torch.testing.assert_close(output_nbh[n], output, atol=1e-12, rtol=0)
        assert all(torch.allclose(part[n], right, atol=1e-12) for part, right in zip(after_n, after, strict=True))

    def flat_step(flat: Tensor) -> Tensor:
        """One sequence's whole state as one vector, to the output and the state after the step."""
        shapes = list(found.state_shapes(SIZE).values())
        parts = flat.split([torch.Size(shape).numel() for shape in shapes])
        before = tuple(part.reshape(1, *shape) for part, shape in zip(parts, shapes, strict=True))
        output, after = found.step(own, x[0, :1], before)
        return torch.cat([output.flatten(), *(part.flatten() for part in after)])

    flat_n = torch.cat([part[:, 0].reshape(5, -1) for part in state], 1)
    jacobian_n = vmap(jacrev(flat_step))(flat_n)
    step = 1e-6
    for n, flat in enumerate(flat_n):
        for place in range(len(flat)):
            nudge = torch.zeros_like(flat)
            nudge[place] = step
            slope = (flat_step(flat + nudge) - flat_step(flat - nudge)) / (2 * step)
            torch.testing.assert_close(jacobian_n[n, :, place], slope, atol=1e-7, rtol=0)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_sequence_is_its_steps(cell: str, layers: int) -> None:
    torch.manual_seed(2)
    net = CharRNN(INPUTS, SIZE, cell, layers, "onehot")
    x = net.encode(torch.randint(INPUTS, (BATCH, 6)))
    start = tuple(torch.rand(part.shape) for part in net.init_state(BATCH))
    output, last = net.cell.read(net.recurrent, x, start)
    states = [tuple(part[layer] for part in start) for layer in range(layers)]
    for t in range(6):
        below = x[:, t]
        for layer in range(layers):
            below, states[layer] = net.cell.step(layer_weights(net.cell, net.recurrent, layer), below, states[layer])
        torch.testing.assert_close(output[:, t], below, atol=1e-12, rtol=0)
    for number, part in enumerate(last):
        right = torch.stack([states[layer][number] for layer in range(layers)])
        torch.testing.assert_close(part, right, atol=1e-12, rtol=0)


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_stack_reads_as_the_step_does_and_has_its_gradients(cell: str) -> None:
    """The road that stacks take against autograd through the step, from a state that is not zero.

    Weights, inputs and the state before have gradients, which come from the outputs and from the state after.
    """
    found, steps, nets = load_cell(cell), 5, 3
    weights, _, state = draw(nets, cell=found)
    x_nis = torch.randn(nets, INPUTS, steps * BATCH)
    seen = []
    for read in (found.read_layer_of_stack, lambda *arguments: Cell.read_layer_of_stack(found, *arguments)):
        arguments = [value.clone().requires_grad_() for value in (x_nis, *weights.values(), *state)]
        x, *others = arguments
        own, before = dict(zip(weights, others, strict=False)), tuple(others[len(weights) :])
        output_nhs, after = read(own, x, before, steps)
        weighted = [(part * torch.linspace(-1, 1, part.numel()).reshape(part.shape)).sum() for part in after]
        weighted.append((output_nhs * torch.linspace(1, -1, output_nhs.numel()).reshape(output_nhs.shape)).sum())
        gradients = torch.autograd.grad(sum(weighted), arguments)
        seen.append((output_nhs.detach(), *(part.detach() for part in after), *gradients))
    for came, right in zip(*seen, strict=True):
        torch.testing.assert_close(came, right, atol=1e-10, rtol=0)


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_stack_starts_from_the_weights_and_zero_states_of_its_nets(cell: str) -> None:
    torch.manual_seed(3)
    nets = [CharRNN(INPUTS, SIZE, cell, layers=2) for _ in range(2)]
    stack = Stack(nets)
    for number, net in enumerate(nets):
        assert all(torch.equal(stack.weights[name][number], weight) for name, weight in net.named_parameters())
    shapes = [part.shape[2:] for part in nets[0].init_state(BATCH)]
    for layer in stack.init_state(BATCH):
        assert [part.shape for part in layer] == [(2, BATCH, *shape) for shape in shapes]
        assert not any(part.any() for part in layer)


def test_a_printed_net_says_which_cell_it_has() -> None:
    assert "(recurrent): Layers(Outer, 3, 4, 2)" in repr(CharRNN(INPUTS, SIZE, "outer", 2, "onehot"))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_net_is_counted_and_named_as_it_is_built(cell: str, layers: int) -> None:
    net = CharRNN(INPUTS, SIZE, cell, layers, "onehot")
    assert parameter_count(INPUTS, SIZE, cell, layers, "onehot") == sum(weight.numel() for weight in net.parameters())
    found = load_cell(cell)
    for layer in range(layers):
        shapes = found.weight_shapes(SIZE if layer else INPUTS, SIZE)
        for name, shape in shapes.items():
            assert tuple(net.state_dict()[f"recurrent.{name}_l{layer}"].shape) == shape
    recurrent = [name for name in net.state_dict() if name.startswith("recurrent.")]
    assert len(recurrent) == layers * len(found.weight_shapes(1, 1))


def test_a_stack_has_a_row_more_after_each_step_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.nets.cells.stack.MAX_ROWS", 5)
    net = CharRNN(INPUTS, SIZE, "stack", 1, "onehot")
    x, state = net.encode(torch.randint(INPUTS, (BATCH, 7))), net.init_state(BATCH)
    rows = []
    for t in range(7):
        _, state = net(x[:, t : t + 1], state)
        rows.append(state[1].shape[2])
    assert rows == [2, 3, 4, 5, 5, 5, 5]


def test_the_size_of_the_state_is_said_where_it_is_fixed() -> None:
    sizes = {"lstm": 2 * 2 * 16, "slstm": 2 * 4 * 16, "rotation": 2 * 2 * 16, "deltanet": 2 * 16 * 16, "stack": None}
    for cell, size in sizes.items():
        assert prepare(TrainConfig(cell=cell, layers=2)).size_metrics.get("state_size") == size
