"""Each cell's equations in NumPy, in double precision, from its source: a net that reads follows them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rnn_core.config import ENCODINGS
from rnn_core.nets.cell import layer_weights
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.nets.charrnn import CharRNN

Weights = dict[str, np.ndarray]
Step = Callable[[Weights, np.ndarray, list[np.ndarray]], tuple[np.ndarray, list[np.ndarray]]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gates(weights: Weights, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x @ weights["weight_ih"].T + weights["bias_ih"], h @ weights["weight_hh"].T + weights["bias_hh"]


def rnn(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h = np.tanh(sum(gates(weights, x, state[0])))
    return h, [h]


def relu(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h = np.maximum(sum(gates(weights, x, state[0])), 0)
    return h, [h]


def gru(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    (h,) = state
    (input_r, input_z, input_n), (state_r, state_z, state_n) = (np.split(g, 3, axis=1) for g in gates(weights, x, h))
    reset, update = sigmoid(input_r + state_r), sigmoid(input_z + state_z)
    new = np.tanh(input_n + reset * state_n)
    h = (1 - update) * new + update * h
    return h, [h]


def lstm(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h, c = state
    input_gate, forget, new, output = np.split(sum(gates(weights, x, h)), 4, axis=1)
    c = sigmoid(forget) * c + sigmoid(input_gate) * np.tanh(new)
    h = sigmoid(output) * np.tanh(c)
    return h, [h, c]


def two_layers(weights: Weights, numbers: np.ndarray) -> np.ndarray:
    inner = numbers @ weights["weight_1"].T + weights["bias_1"]
    return (inner * sigmoid(inner)) @ weights["weight_2"].T + weights["bias_2"]


def affine(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    return x @ weights[f"weight_{name}"].T + weights[f"bias_{name}"]


def diagonal(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h = sigmoid(10 * affine(weights, "a", x)) * state[0] + affine(weights, "b", x)
    return two_layers(weights, np.hstack([h, x])), [h]


def signed(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h = np.tanh(10 * affine(weights, "a", x)) * state[0] + affine(weights, "b", x)
    return two_layers(weights, np.hstack([h, x])), [h]


def slstm(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h, c, n, m = state
    sums = x @ weights["weight_ih"].T + weights["bias"] + h @ weights["weight_hh"].T
    i, f, z, o = np.split(sums, 4, axis=1)
    log_f = -np.log1p(np.exp(-f))
    new_m = np.maximum(log_f + m, i)
    c = np.exp(log_f + m - new_m) * c + np.exp(i - new_m) * np.tanh(z)
    n = np.exp(log_f + m - new_m) * n + np.exp(i - new_m)
    h = sigmoid(o) * c / n
    return h, [h, c, n, new_m]


def stack(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    h, s = state
    inner = x @ weights["weight_x"].T + h @ weights["weight_h"].T + s[:, 0] @ weights["weight_s"].T + weights["bias"]
    h = np.tanh(inner)
    shares = np.exp(affine(weights, "a", h))
    push, pop, leave = (shares / shares.sum(1, keepdims=True)).T[:, :, None]
    after = np.zeros((len(s), s.shape[1] + 1, s.shape[2]))
    for row in range(after.shape[1]):
        above = sigmoid(affine(weights, "d", h)) if row == 0 else s[:, row - 1]
        here, below = (s[:, at] if at < s.shape[1] else 0 * above for at in (row, row + 1))
        after[:, row] = push * above + pop * below + leave * here
    return h, [h, after]


def mingru(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    z, v = sigmoid(affine(weights, "z", x)), affine(weights, "v", x)
    h = (1 - z) * state[0] + z * np.where(v >= 0, v + 0.5, sigmoid(v))
    return h, [h]


def rotation(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    radius, angle = sigmoid(10 * affine(weights, "r", x)), np.pi * affine(weights, "p", x)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    (h,) = state
    h = radius[:, :, None] * np.einsum("ijbh,bhj->bhi", turn, h) + affine(weights, "b", x).reshape(h.shape)
    return two_layers(weights, np.hstack([h.reshape(len(h), -1), x])), [h]


def deltanet(weights: Weights, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    q, k, v = (sums * sigmoid(sums) for sums in (x @ weights[f"weight_{name}"].T for name in "qkv"))
    q, k = (u / np.sqrt((u**2).sum(1, keepdims=True) + 1e-6) for u in (q, k))
    (before,) = state
    outputs, after = [], []
    for row in range(len(x)):
        beta = 2 * sigmoid(x[row] @ weights["weight_b"][0])
        left = np.eye(len(k[row])) - beta * np.outer(k[row], k[row])
        after.append(before[row] @ left + beta * np.outer(v[row], k[row]))
        found = after[row] @ q[row] / np.sqrt(len(q[row]))
        outputs.append(weights["weight_o"] @ (found / np.sqrt((found**2).mean() + 1e-5)))
    return np.array(outputs), [np.array(after)]


EQUATIONS: dict[str, Step] = {
    "rnn": rnn,
    "relu": relu,
    "irnn": relu,
    "gru": gru,
    "lstm": lstm,
    "diagonal": diagonal,
    "signed": signed,
    "slstm": slstm,
    "stack": stack,
    "mingru": mingru,
    "rotation": rotation,
    "deltanet": deltanet,
}


def test_every_cell_has_its_equations() -> None:
    assert set(EQUATIONS) == set(CELLS)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", EQUATIONS)
def test_logits_and_states_follow_the_equations(cell: str, layers: int, encoding: str) -> None:
    torch.manual_seed(0)
    net = CharRNN(4, 5, cell, layers, encoding).double()
    indices = torch.randint(4, (3, 7))
    before = tuple(torch.rand_like(part) * 2 - 1 for part in net.init_state(3))
    with torch.no_grad():
        x = net.encode(indices)
        logits, last = net(x, before)
        outputs, states = net.trace(x, before)
    weights = {name: weight.detach().double().numpy() for name, weight in net.state_dict().items()}
    below = [*x.double().numpy().transpose(1, 0, 2)]
    for layer in range(layers):
        own = {name: weights[f"recurrent.{name}_l{layer}"] for name in net.cell.weight_shapes(1, 1)}
        now = [part[layer].double().numpy() for part in before]
        for t in range(len(below)):
            below[t], now = EQUATIONS[cell](own, below[t], now)
            np.testing.assert_allclose(outputs[layer, :, t].numpy(), below[t], atol=1e-10)
            for came, right in zip(states, now, strict=True):
                longer = np.zeros(came[layer, :, t].shape)  # a part that grows has zeros at its end
                longer[tuple(map(slice, right.shape))] = right
                np.testing.assert_allclose(came[layer, :, t].numpy(), longer, atol=1e-10)
        for came, right in zip(last, now, strict=True):
            np.testing.assert_allclose(came[layer].numpy(), right, atol=1e-10)
    expected = np.stack(below, axis=1) @ weights["readout.weight"].T + weights["readout.bias"]
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-10)


def test_irnn_starts_as_a_memory_that_changes_nothing() -> None:
    torch.manual_seed(0)
    net = CharRNN(4, 50, "irnn", layers=2, encoding="onehot")
    for layer in range(2):
        weights = layer_weights(net.cell, net.recurrent, layer)
        h = torch.rand(1, 50)
        assert torch.equal(net.cell.step(weights, torch.zeros(1, 50 if layer else 4), (h,))[0], h)
        assert 0.0008 < weights["weight_ih"].std() < 0.0012


def test_slstm_starts_with_a_defined_output_however_small_its_input_gate() -> None:
    cell = load_cell("slstm")
    torch.manual_seed(0)
    weights = {name: torch.randn(shape, requires_grad=True) for name, shape in cell.weight_shapes(2, 3).items()}
    weights["bias"] = torch.cat([torch.full((3,), -500.0), torch.zeros(9)]).requires_grad_()
    h, state = cell.step(weights, torch.randn(1, 2), tuple(torch.zeros(1, 3) for _ in range(4)))
    h, _ = cell.step(weights, torch.randn(1, 2), state)
    gradients = torch.autograd.grad(h.sum(), list(weights.values()))
    assert h.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert h.any()
