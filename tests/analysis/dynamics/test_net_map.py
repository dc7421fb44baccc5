"""Nets as maps: the same numbers as the net gives, Jacobians by finite differences, and nets of torch's own layers."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.dynamics.net_map import map_of_module, map_of_net
from analysis.dynamics.states import collect
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.vocabulary import UnknownCharacterError, Vocabulary
from tests.rnn_core.bare import SMOOTH

TEXT = "abcab"


def net_of(cell: str, layers: int = 2, encoding: str = "onehot") -> CharRNN:
    torch.manual_seed(3)
    return CharRNN(3, 5, cell, layers, encoding)


def logits_of(net: CharRNN, text: str) -> np.ndarray:
    with torch.no_grad():
        logits_btw, _ = net(net.encode(Vocabulary("abc").encode(text)[None]), net.init_state(1))
    return np.asarray(logits_btw[0])


@pytest.mark.parametrize("encoding", ["index", "onehot", "embedding"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_map_gives_the_logits_of_the_net(cell: str, encoding: str) -> None:
    net = net_of(cell, encoding=encoding)
    states_tk, logits_tw = map_of_net(net, "abc").path(TEXT)
    assert logits_tw == pytest.approx(logits_of(net, TEXT), abs=1e-6)
    assert len(states_tk) == len(TEXT)
    assert logits_of(net, TEXT).dtype == np.float32, "the net itself was changed"


@pytest.mark.parametrize("cell", CELLS)
def test_the_parts_of_the_map_are_those_that_are_collected(cell: str) -> None:
    net = net_of(cell)
    net_map = map_of_net(net, "abc", rows=len(TEXT) + 1)
    states_tk, _ = net_map.path(TEXT)
    collected = {
        name: torch.from_numpy(part).double() for name, part in collect(net, Vocabulary("abc"), TEXT).state.items()
    }
    reduced = net.cell.reduce(tuple(collected[name] for name in net.state_names))
    for layer in range(2):
        for name, part in zip(net.cell.reduced_shapes(5), reduced, strict=True):
            assert net_map.part(states_tk, f"layer {layer} {name}") == pytest.approx(part[layer].numpy(), abs=1e-5)


def test_an_alphabet_of_another_size_is_refused() -> None:
    for alphabet, outputs in (("abcd", "abc"), ("abc", "ab")):
        message = rf"{len(alphabet)} characters that are read, {len(outputs)} that are predicted; allowed: \(3, 3\)"
        with pytest.raises(ValueError, match=message):
            map_of_net(net_of("gru"), alphabet, outputs)


@pytest.mark.parametrize("cell", CELLS)
def test_two_states_that_reduce_to_the_same_act_alike(cell: str) -> None:
    net = net_of(cell, layers=1).double()
    state = tuple(torch.rand_like(part) for part in net.init_state(4))
    expanded = net.cell.expand(net.cell.reduce(state))
    x = net.encode(torch.tensor([[0, 2, 1]] * 4))
    (first, after), (second, after_expanded) = net(x, state), net(x, expanded)
    assert torch.allclose(first, second, atol=1e-12)
    for part, other in zip(net.cell.reduce(after), net.cell.reduce(after_expanded), strict=True):
        assert torch.allclose(part, other, atol=1e-12)


@pytest.mark.parametrize("word", ["b", "cab"])
@pytest.mark.parametrize("cell", SMOOTH)
def test_the_jacobian_is_the_one_of_finite_differences(cell: str, word: str) -> None:
    net_map = map_of_net(net_of(cell), "abc", rows=4)
    states_nk, _ = net_map.path(TEXT)
    step = 1e-6
    columns = [
        (net_map.advance(states_nk + step * unit, word) - net_map.advance(states_nk - step * unit, word)) / (2 * step)
        for unit in np.eye(net_map.size)
    ]
    assert net_map.jacobian(states_nk, word) == pytest.approx(np.stack(columns, -1), abs=1e-7)
    assert np.isfinite(net_map.jacobian(net_map.start_k[None], word)).all()


def test_many_jacobians_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    net_map = map_of_net(net_of("gru"), "abc")
    states_nk = np.random.default_rng(0).normal(size=(7, net_map.size))
    whole = net_map.jacobian(states_nk, "ab")
    monkeypatch.setattr("analysis.dynamics.net_map.MAX_JACOBIAN_NUMBERS", 2 * net_map.size**2)
    assert net_map.jacobian(states_nk, "ab") == pytest.approx(whole, abs=1e-15)
    assert net_map.jacobian(states_nk[:0], "ab").shape == (0, net_map.size, net_map.size)


def test_a_mark_sets_the_state_to_zero() -> None:
    net_map = map_of_net(net_of("lstm"), "abc", mark="a")
    states_tk, _ = net_map.path("bab")
    assert (states_tk[1] == net_map.path("a")[0][0]).all()
    assert (states_tk[2] == net_map.path("ab")[0][1]).all()


LAYERS = {
    "rnn": lambda width: nn.RNN(width, 6, 2),
    "relu": lambda width: nn.RNN(width, 6, nonlinearity="relu"),
    "gru": lambda width: nn.GRU(width, 6, bias=False),
    "lstm": lambda width: nn.LSTM(width, 6, 2, batch_first=True),
}


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_torchs_own_layers_become_a_map(name: str, embedded: bool) -> None:
    torch.manual_seed(0)
    layers, readout, table = LAYERS[name](2 if embedded else 4), nn.Linear(6, 3), nn.Embedding(4, 2)
    indices_t = torch.tensor([1, 3, 0, 0, 2])
    x = table(indices_t) if embedded else nn.functional.one_hot(indices_t, 4).float()
    with torch.no_grad():
        expected = readout(layers(x)[0])  # without an axis of sequences, which torch allows
    net_map = map_of_module(layers, readout, "dabc", "xyz", embedding=table if embedded else None)
    assert net_map.path("acddb")[1] == pytest.approx(expected.numpy(), abs=1e-6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (nn.GRU(4, 6, bidirectional=True), "allowed: nn.RNN, nn.GRU or nn.LSTM in one direction"),
        (nn.LSTM(4, 6, proj_size=2), "allowed: nn.RNN, nn.GRU or nn.LSTM in one direction"),
        (nn.GRU(3, 6), "the layers read 3 numbers, .*; allowed: for the layers 4 .*; for the readout 6 and 4"),
        (nn.GRU(4, 5), "allowed: .* for the readout 5 and 4"),
    ],
)
def test_other_layers_are_refused(layers: nn.RNNBase, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_of_module(layers, nn.Linear(6, 4), "abcd")


def test_what_a_map_cannot_do_is_said() -> None:
    net_map = map_of_net(net_of("gru", layers=1), "abc")
    with pytest.raises(ValueError, match="the word is empty; allowed: one character or more"):
        net_map.advance(net_map.start_k[None], "")
    with pytest.raises(UnknownCharacterError):
        net_map.path("abx")
    with pytest.raises(ValueError, match="part is 'c'; allowed: h"):
        net_map.part(net_map.start_k[None], "c")
    with pytest.raises(ValueError, match="rows is 0; allowed: 1 or more"):
        map_of_net(net_of("stack"), "abc", rows=0)
    assert net_map.number_names == [f"h {unit}" for unit in range(5)]
