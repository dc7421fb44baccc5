"""One step of a net as a graph of operations, carried out by NumPy and compared with the net itself."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rnn_core.nets import step_graph as graphs
from rnn_core.nets.cell import Cell, State, Weights, layer_weights
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.step_graph import StepGraph, flat_state, step_graph
from rnn_core.nets.tracing import FUNCTIONS as KNOWN_FUNCTIONS
from rnn_core.nets.tracing import Operand, UnknownOperationError

FUNCTIONS = {
    "copy": lambda a: a,
    "add": np.add,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "rsqrt": lambda a: a**-0.5,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, 0),
    "silu": lambda a: a / (1 + np.exp(-a)),
    "log_sigmoid_forward": lambda a: -np.logaddexp(0, -a),
}


class NumpyNet:
    """A net whose steps NumPy takes, as a graph says.

    Arguments:
        net: the net.
    """

    def __init__(self, net: CharRNN) -> None:
        self.inputs_vi = net.encode(torch.arange(net.inputs)[None])[0].detach().double().numpy()
        self.graph = step_graph(
            type(net.cell).__module__.rpartition(".")[2],
            self.inputs_vi.shape[1],
            net.hidden_size,
            net.layers,
            net.outputs,
        )
        self.buffers = [np.zeros(size) for size in self.graph.sizes]
        for buffer, numbers in self.graph.constants.items():
            self.buffers[buffer][:] = numbers
        state = net.state_dict()
        flat = [state[name].double().numpy().ravel() for name in self.graph.weights]
        self.buffers[graphs.WEIGHTS][:] = np.concatenate(flat)
        self.buffers[graphs.KEPT][:] = 1

    def step(self, index: int, state_k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the logits, the state and the units' outputs after a character."""
        self.buffers[graphs.X][:] = self.inputs_vi[index]
        self.buffers[graphs.STATE][:] = state_k
        for operation in self.graph.operations:
            longer = operation.axes + operation.over
            read = [self._view(operand, longer) for operand in operation.operands]
            over = tuple(range(len(operation.axes), len(longer)))
            if operation.name == "dot":
                value = np.multiply(*read).sum(over)
            elif operation.name == "max":
                value = read[0].max(over)
            else:
                value = FUNCTIONS[operation.name](*read)
            self._view(operation.result, operation.axes)[...] = value
        return tuple(self.buffers[each].copy() for each in (self.graph.logits, self.graph.state, self.graph.units))

    def _view(self, operand: Operand, axes: tuple[int, ...]) -> np.ndarray:
        if isinstance(operand, float):
            return np.broadcast_to(operand, axes)
        buffer, offset, distances = operand
        strides = [8 * distance for distance in distances]
        return np.lib.stride_tricks.as_strided(self.buffers[buffer][offset:], axes, strides)


def make_net(cell: str, layers: int = 2, encoding: str = "onehot", outputs: int = 4) -> CharRNN:
    """Return a net in double precision whose units do not look alike."""
    torch.manual_seed(3)
    net = CharRNN(3, 5, cell, layers, encoding, outputs).eval()
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.3 * torch.randn_like(weight)
    return net.double()


def indices(steps: int) -> list[int]:
    return np.random.default_rng(0).integers(0, 3, steps).tolist()


def read(net: CharRNN, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a graph says over a random text: the logits and the units after each step."""
    by_numpy = NumpyNet(net)
    state_k, rows = np.zeros(by_numpy.graph.sizes[graphs.STATE]), []
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # slstm begins at -inf
        for index in indices(steps):
            logits_w, state_k, unit_lh = by_numpy.step(index, state_k)
            rows.append((logits_w, unit_lh))
    logits, units = zip(*rows, strict=True)
    return np.array(logits), np.array(units)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_graph_says_what_the_net_says(cell: str, layers: int) -> None:
    net = make_net(cell, layers)
    logits_tw, unit_tn = read(net, 40)
    indices_bt = torch.tensor([indices(40)])
    with torch.no_grad():
        expected_btw, _ = net(net.encode(indices_bt), net.init_state(1))
        output_lbth, _ = net.trace(net.encode(indices_bt), net.init_state(1))
    np.testing.assert_allclose(logits_tw, expected_btw[0].numpy(), rtol=1e-9, atol=1e-11)
    expected_tn = output_lbth[:, 0].transpose(0, 1).flatten(1).numpy()
    np.testing.assert_allclose(unit_tn, expected_tn, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("encoding", ["index", "onehot", "embedding"])
def test_every_encoding_is_read(encoding: str) -> None:
    net = make_net("gru", 1, encoding)
    with torch.no_grad():
        expected_btw, _ = net(net.encode(torch.tensor([indices(20)])), net.init_state(1))
    np.testing.assert_allclose(read(net, 20)[0], expected_btw[0].numpy(), rtol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_a_unit_that_is_switched_off_says_nothing_to_anybody(cell: str) -> None:
    """Beside the net's own layers, stepped by hand, whose output and state are changed after each step."""
    net, off = make_net(cell), (0, 2)
    by_numpy = NumpyNet(net)
    by_numpy.buffers[graphs.KEPT].reshape(net.layers, net.hidden_size)[off] = 0
    state_k = np.zeros(by_numpy.graph.sizes[graphs.STATE])
    states = [tuple(part[layer] for part in net.init_state(1)) for layer in range(net.layers)]
    place = None if net.cell.output is None else net.state_names.index(net.cell.output)
    with torch.no_grad(), np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for index in indices(20):
            logits_w, state_k, _ = by_numpy.step(index, state_k)
            output = net.encode(torch.tensor([[index]]))[:, 0]
            for layer in range(net.layers):
                output, state = net.cell.step(layer_weights(net.cell, net.recurrent, layer), output, states[layer])
                if layer == off[0]:
                    output = output.clone()
                    output[:, off[1]] = 0
                states[layer] = tuple(output if number == place else part for number, part in enumerate(state))
            np.testing.assert_allclose(logits_w, net.readout(output)[0].numpy(), rtol=1e-9, atol=1e-11)


def test_what_grows_has_all_the_rows_that_its_cell_can_have() -> None:
    growing = [cell for cell in CELLS if load_cell(cell).growing]
    assert growing
    for cell in growing:
        net = make_net(cell, 1)
        steps = 530  # more than the rows of the stack
        with torch.no_grad():
            _, state = net(net.encode(torch.tensor([indices(steps)])), net.init_state(1))
        logits_tw, _ = read(net, steps)
        graph = NumpyNet(net).graph
        flat_k = flat_state(graph, tuple(part[layer, 0] for layer in range(net.layers) for part in state))
        assert len(flat_k) == graph.sizes[graphs.STATE]
        with torch.no_grad():
            expected_btw, _ = net(net.encode(torch.tensor([indices(steps)])), net.init_state(1))
        np.testing.assert_allclose(logits_tw, expected_btw[0].numpy(), rtol=1e-6)


def test_a_flat_state_is_what_a_graph_goes_on_from() -> None:
    net = make_net("lstm")
    by_numpy = NumpyNet(net)
    with torch.no_grad():
        _, state = net(net.encode(torch.tensor([indices(9)])), net.init_state(1))
        expected_btw, _ = net(net.encode(torch.tensor([[1]])), state)
    flat_k = flat_state(by_numpy.graph, tuple(part[layer, 0] for layer in range(net.layers) for part in state))
    np.testing.assert_allclose(by_numpy.step(1, flat_k.numpy())[0], expected_btw[0, 0].numpy(), rtol=1e-9)


def test_a_shape_is_traced_once() -> None:
    first: StepGraph = step_graph("gru", 3, 5, 1, 4)
    assert step_graph("gru", 3, 5, 1, 4) is first
    assert all(math.prod(operation.axes) for operation in first.operations)


class OfOneFunction(Cell):
    """h_t = f(h_(t-1), x_t), where f is a function to be tried."""

    output = "h"

    def __init__(self, function: object) -> None:
        self.function = function

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"weight_x": (hidden_size, input_size)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size,)}

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        h = self.function(state[0] + x @ weights["weight_x"].mT)  # type: ignore[operator]
        return h, (h,)


TRIED = {
    "comparisons": lambda h: (h > 0.1) * h + (h < -1) * 2 * h + (h >= 0) * h + (h <= 0) * h**2 + (h != 0).to(h.dtype),
    "functions": lambda h: torch.sin(h).abs().sqrt() - torch.log(h * h + 1) + (-h).minimum(h * 2) / (1 + h**2),
    "power": lambda h: (h.abs() + 1) ** 1.5 + torch.ones_like(h) - torch.zeros_like(h),
    "sums": lambda h: h - h.sum() + h.mean(-1, keepdim=True) - h.amax(-1, keepdim=True) + 2 * h.amax(),
    "products": lambda h: torch.baddbmm(h[None], h[None, :, :1], h[None], beta=0.5, alpha=2)[0],
    "addmm": lambda h: torch.addmm(h, h[:, :1], h, beta=0.25),
    "shapes": lambda h: torch.stack([h[:, 1:], h[:, :-1]], 1).clone().sum(1) @ torch.ones(4, 5, dtype=h.dtype),
    "differences": lambda h: torch.sub(h, h * h, alpha=3) + (1 - h),
}


@pytest.mark.parametrize("name", TRIED)
def test_operations_that_no_cell_here_needs_are_right_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = OfOneFunction(TRIED[name])
    monkeypatch.setattr(graphs, "load_cell", lambda _: cell)
    net = make_net("rnn", 1)
    graph_of = copy.deepcopy(net)
    graph_of.cell, graph_of.recurrent = cell, cell.build_layers(3, 5, 1).double()
    graphs.step_graph.cache_clear()
    try:
        logits_tw, _ = read(graph_of, 3)
        with torch.no_grad():
            expected_btw, _ = graph_of(graph_of.encode(torch.tensor([indices(3)])), graph_of.init_state(1))
    finally:
        graphs.step_graph.cache_clear()
    np.testing.assert_allclose(logits_tw, expected_btw[0].numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    ("function", "said"), [(lambda h: torch.sort(h)[0], "aten.sort"), (lambda h: h.add_(1), "changes its argument")]
)
def test_what_a_graph_cannot_hold_is_refused(function: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "load_cell", lambda _: OfOneFunction(function))
    graphs.step_graph.cache_clear()
    with pytest.raises(UnknownOperationError, match=said):
        step_graph("odd", 3, 5, 1, 4)
    graphs.step_graph.cache_clear()


def test_every_function_is_tried() -> None:
    assert FUNCTIONS.keys() == KNOWN_FUNCTIONS | {"add"}
