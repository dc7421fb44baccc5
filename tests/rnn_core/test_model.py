import numpy as np
import pytest
import torch
from torch import nn

from rnn_core.nets.charrnn import CELLS, ENCODINGS, CharRNN, detach, input_width, parameter_count

CELL_NAMES = ("rnn", "gru", "lstm")
SIZE = 5
VOCABULARY = 4


def build(cell: str = "rnn", layers: int = 1, encoding: str = "index", seed: int = 0) -> CharRNN:
    torch.manual_seed(seed)
    return CharRNN(VOCABULARY, SIZE, cell, layers, encoding)


def draw_indices(batch_size: int = 3, steps: int = 7) -> torch.Tensor:
    return torch.randint(VOCABULARY, (batch_size, steps), generator=torch.Generator().manual_seed(1))


def draw_hidden(net: CharRNN, batch_size: int = 3) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    shape = (net.recurrent.num_layers, batch_size, SIZE)
    h, c = (torch.rand(shape, generator=generator) * 2 - 1 for _ in range(2))
    return (h, c) if isinstance(net.recurrent, nn.LSTM) else h


def parts(hidden: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return hidden if isinstance(hidden, tuple) else (hidden,)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def one_step(cell: str, weights: dict[str, np.ndarray], x: np.ndarray, h: np.ndarray, c: np.ndarray | None):
    """One step of one layer, from the equations of torch's documentation, in double precision."""
    from_input = x @ weights["weight_ih"].T + weights["bias_ih"]
    from_state = h @ weights["weight_hh"].T + weights["bias_hh"]
    if cell == "rnn":
        return np.tanh(from_input + from_state), None
    if cell == "gru":
        input_r, input_z, input_n = np.split(from_input, 3, axis=1)
        state_r, state_z, state_n = np.split(from_state, 3, axis=1)
        reset, update = sigmoid(input_r + state_r), sigmoid(input_z + state_z)
        new = np.tanh(input_n + reset * state_n)
        return (1 - update) * new + update * h, None
    input_gate, forget, new, output = np.split(from_input + from_state, 4, axis=1)
    c = sigmoid(forget) * c + sigmoid(input_gate) * np.tanh(new)
    return sigmoid(output) * np.tanh(c), c


def by_hand(net: CharRNN, cell: str, x_bti: np.ndarray, hidden: tuple[np.ndarray, ...]):
    """Return the logits (B, T, V) and every state (L, B, T, H), h and for an LSTM c."""
    weights = {name: weight.detach().double().numpy() for name, weight in net.state_dict().items()}
    h, c = [*hidden[0]], [*hidden[1]] if cell == "lstm" else [None] * len(hidden[0])
    logits, hs, cs = [], [], []
    for t in range(x_bti.shape[1]):
        x = x_bti[:, t]
        for layer in range(len(h)):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            of_layer = {name: weights[f"recurrent.{name}_l{layer}"] for name in names}
            h[layer], c[layer] = one_step(cell, of_layer, x, h[layer], c[layer])
            x = h[layer]
        logits.append(x @ weights["readout.weight"].T + weights["readout.bias"])
        hs.append(np.stack(h))
        cs.append(np.stack(c) if cell == "lstm" else None)
    states = [np.stack(hs, axis=2)] + ([np.stack(cs, axis=2)] if cell == "lstm" else [])
    return np.stack(logits, axis=1), states


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_logits_and_states_follow_the_equations(cell: str, layers: int, encoding: str) -> None:
    net = build(cell, layers, encoding)
    indices, hidden = draw_indices(), draw_hidden(net)
    with torch.no_grad():
        x = net.encode(indices)
        logits, last = net(x, hidden)
        states = net.states(x, hidden)
    expected, expected_states = by_hand(net, cell, x.double().numpy(), tuple(p.numpy() for p in parts(hidden)))
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-5)
    assert len(states) == len(expected_states)
    for came, right, end in zip(states, expected_states, parts(last), strict=True):
        np.testing.assert_allclose(came.numpy(), right, atol=1e-5)
        np.testing.assert_allclose(end.numpy(), right[:, :, -1], atol=1e-5)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_states_are_what_forward_goes_through(cell: str, layers: int) -> None:
    net = build(cell, layers, "onehot")
    hidden = draw_hidden(net, batch_size=2)
    x = net.encode(draw_indices(batch_size=2, steps=9))
    with torch.no_grad():
        logits, last = net(x, hidden)
        states = net.states(x, hidden)
        assert [tuple(state.shape) for state in states] == [(layers, 2, 9, SIZE)] * (2 if cell == "lstm" else 1)
        for state, end in zip(states, parts(last), strict=True):
            torch.testing.assert_close(state[:, :, -1], end, atol=1e-6, rtol=0)
        torch.testing.assert_close(net.readout(states[0][-1]), logits, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_sequence_read_in_two_halves_goes_on_where_it_was(cell: str) -> None:
    net = build(cell, layers=2)
    x = net.encode(draw_indices())
    whole, end = net(x, net.init_hidden(3))
    first, between = net(x[:, :4], net.init_hidden(3))
    second, last = net(x[:, 4:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-6, rtol=0)
    for came, right in zip(parts(last), parts(end), strict=True):
        torch.testing.assert_close(came, right, atol=1e-6, rtol=0)


def test_index_encoding_is_the_index_as_one_float() -> None:
    x = build(encoding="index").encode(torch.tensor([[0, 3, 1]]))
    assert x.dtype == torch.float32
    assert x.tolist() == [[[0.0], [3.0], [1.0]]]


def test_onehot_encoding_is_one_at_the_index() -> None:
    x = build(encoding="onehot").encode(torch.tensor([[0, 3], [1, 1]]))
    assert x.dtype == torch.float32
    assert tuple(x.shape) == (2, 2, VOCABULARY)
    assert x[0].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert x[1].tolist() == [[0, 1, 0, 0], [0, 1, 0, 0]]


def test_embedding_encoding_is_the_row_of_the_index_and_learns() -> None:
    net = build(encoding="embedding")
    x = net.encode(torch.tensor([[2, 0, 2]]))
    assert tuple(x.shape) == (1, 3, SIZE)
    assert torch.equal(x[0], net.embedding.weight[[2, 0, 2]])
    x.sum().backward()
    assert net.embedding.weight.grad is not None
    assert net.embedding.weight.grad.sum(1).tolist() == [SIZE, 0, 2 * SIZE, 0]


@pytest.mark.parametrize(("encoding", "width"), [("index", 1), ("onehot", 7), ("embedding", 5)])
def test_the_input_width_is_what_encode_returns(encoding: str, width: int) -> None:
    assert input_width(7, 5, encoding) == width
    assert CharRNN(7, 5, encoding=encoding).encode(torch.tensor([[6]])).shape[-1] == width


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_parameter_count_is_that_of_the_net(cell: str, layers: int, encoding: str) -> None:
    for vocabulary_size, hidden_size in ((2, 1), (7, 4), (3, 16)):
        net = CharRNN(vocabulary_size, hidden_size, cell, layers, encoding)
        real = sum(weight.numel() for weight in net.parameters() if weight.requires_grad)
        assert parameter_count(vocabulary_size, hidden_size, cell, layers, encoding) == real


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_first_state_is_zero(cell: str, layers: int) -> None:
    hidden = build(cell, layers).init_hidden(2)
    assert isinstance(hidden, tuple) == (cell == "lstm")
    for part in parts(hidden):
        assert tuple(part.shape) == (layers, 2, SIZE)
        assert part.dtype == torch.float32
        assert not part.any()
        assert not part.requires_grad


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_detached_state_has_the_same_values_and_no_history(cell: str) -> None:
    net = build(cell)
    _, hidden = net(net.encode(draw_indices()), net.init_hidden(3))
    cut_off = detach(hidden)
    assert type(cut_off) is type(hidden)
    for before, after in zip(parts(hidden), parts(cut_off), strict=True):
        assert before.requires_grad
        assert not after.requires_grad
        assert torch.equal(before, after)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_seed_draws_the_weights_of_a_bare_net(cell: str, layers: int) -> None:
    net = build(cell, layers, seed=42)
    torch.manual_seed(42)
    bare = nn.ModuleDict({"recurrent": CELLS[cell](1, SIZE, layers, batch_first=True)})
    bare["readout"] = nn.Linear(SIZE, VOCABULARY)
    assert list(net.state_dict()) == list(bare.state_dict())
    for name, weight in bare.state_dict().items():
        assert torch.equal(net.state_dict()[name], weight), name


def test_the_cells_are_torchs() -> None:
    assert CELLS == {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    assert CharRNN(3).recurrent.nonlinearity == "tanh"
