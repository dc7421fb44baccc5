import pytest
import torch
from torch import nn

from rnn_core.config import ENCODINGS
from rnn_core.nets.cell import State, detach
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN, input_width, parameter_count
from tests.rnn_core.bare import TORCHS, bare_layers

SIZE = 5
VOCABULARY = 4

ALL_CELLS = (*CELLS, "outer")
"""Those that there are, and one for tests."""


def build(cell: str = "rnn", layers: int = 1, encoding: str = "index", seed: int = 0) -> CharRNN:
    torch.manual_seed(seed)
    return CharRNN(VOCABULARY, SIZE, cell, layers, encoding)


def draw_indices(batch_size: int = 3, steps: int = 7) -> torch.Tensor:
    return torch.randint(VOCABULARY, (batch_size, steps), generator=torch.Generator().manual_seed(1))


def draw_state(net: CharRNN, batch_size: int = 3) -> State:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.rand(part.shape, generator=generator) * 2 - 1 for part in net.init_state(batch_size))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_states_are_what_forward_goes_through(cell: str, layers: int) -> None:
    net = build(cell, layers, "onehot")
    before = draw_state(net, batch_size=2)
    x = net.encode(draw_indices(batch_size=2, steps=9))
    with torch.no_grad():
        logits, last = net(x, before)
        outputs, states = net.trace(x, before)
        assert tuple(outputs.shape) == (layers, 2, 9, SIZE)
        shapes = net.cell.state_shapes(SIZE)
        assert net.state_names == tuple(shapes)
        assert [state.shape[:3] for state in states] == [(layers, 2, 9)] * len(shapes)
        assert [part.shape[2:] for part in last] == [state.shape[3:] for state in states]
        for (name, shape), state in zip(shapes.items(), states, strict=True):
            assert tuple(state.shape[3:]) == shape or name in net.cell.growing
        for state, end in zip(states, last, strict=True):
            torch.testing.assert_close(state[:, :, -1], end, atol=1e-6, rtol=0)
        torch.testing.assert_close(net.readout(outputs[-1]), logits, atol=1e-6, rtol=0)
        if net.cell.output is not None:
            assert torch.equal(outputs, states[net.state_names.index(net.cell.output)])


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_sequence_read_in_two_halves_goes_on_where_it_was(cell: str) -> None:
    net = build(cell, layers=2)
    x = net.encode(draw_indices())
    whole, end = net(x, net.init_state(3))
    first, between = net(x[:, :4], net.init_state(3))
    second, last = net(x[:, 4:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-6, rtol=0)
    for came, right in zip(last, end, strict=True):
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
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_the_parameter_count_is_that_of_the_net(cell: str, layers: int, encoding: str) -> None:
    for vocabulary_size, hidden_size in ((2, 1), (7, 4), (3, 16)):
        net = CharRNN(vocabulary_size, hidden_size, cell, layers, encoding)
        real = sum(weight.numel() for weight in net.parameters() if weight.requires_grad)
        assert parameter_count(vocabulary_size, hidden_size, cell, layers, encoding) == real


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_the_first_state_is_zero(cell: str, layers: int) -> None:
    net = build(cell, layers)
    hidden = net.init_state(2)
    assert [tuple(part.shape) for part in hidden] == [
        (layers, 2, *shape) for shape in net.cell.state_shapes(SIZE).values()
    ]
    for part in hidden:
        assert part.dtype == torch.float32
        assert not part.any()
        assert not part.requires_grad


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_detached_state_has_the_same_values_and_no_history(cell: str) -> None:
    net = build(cell)
    _, hidden = net(net.encode(draw_indices()), net.init_state(3))
    cut_off = detach(hidden)
    assert any(part.requires_grad for part in hidden)
    for before, after in zip(hidden, cut_off, strict=True):
        assert not after.requires_grad
        assert torch.equal(before, after)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_seed_draws_the_weights_of_a_bare_net(cell: str, layers: int) -> None:
    net = build(cell, layers, seed=42)
    torch.manual_seed(42)
    bare = nn.ModuleDict({"recurrent": bare_layers(cell, 1, SIZE, layers)})
    bare["readout"] = nn.Linear(SIZE, VOCABULARY)
    for weight, right in zip(net.parameters(), bare.parameters(), strict=True):
        assert torch.equal(weight, right)
    if cell in TORCHS:
        assert list(net.state_dict()) == list(bare.state_dict())


@pytest.mark.parametrize("cell", ALL_CELLS)
def test_a_net_may_say_other_characters_than_it_reads(cell: str) -> None:
    torch.manual_seed(0)
    net = CharRNN(VOCABULARY, SIZE, cell, encoding="onehot", outputs=2)
    logits, _ = net(net.encode(draw_indices()), net.init_state(3))
    assert tuple(logits.shape) == (3, 7, 2)
    real = sum(weight.numel() for weight in net.parameters())
    assert parameter_count(VOCABULARY, SIZE, cell, 1, "onehot", 2) == real
    assert real == parameter_count(VOCABULARY, SIZE, cell, 1, "onehot") - 2 * (SIZE + 1)
