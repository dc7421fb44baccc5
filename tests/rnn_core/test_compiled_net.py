"""What holds for a net whose strings are read by compiled loops: gradients are torch's, padding is not read."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.nets.cell import State, detach
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record
from rnn_core.training import DivergedError, train
from rnn_core.training.compiled_net import CompiledNet, reads_compiled, road_alone
from rnn_core.training.compiled_stack import CELLS

ALL: dict[str, Any] = {"length": 700, "hidden_size": 5, "batch_size": 8, "window": 11, "epochs": 2}


def gradients(net: CharRNN, logits: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradients of the mean loss by the weights of a net."""
    return list(torch.autograd.grad(functional.cross_entropy(logits, target), list(net.parameters())))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("pattern", "encoding", "layers"),
    [("dyck:2", "onehot", 1), ("parity", "embedding", 2), ("tomita:3", "index", 2), ("reber", "onehot", 3)],
)
def test_losses_and_gradients_are_those_of_torch(cell: str, pattern: str, encoding: str, layers: int) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, cell=cell, encoding=encoding, layers=layers, **ALL))
    net = prepared.build_net()
    compiled, hidden, torch_hidden = CompiledNet(prepared, net, prepared.windows), (), ()
    assert any(window.mask_bt is not None for window in prepared.windows)
    assert not all(window.fresh for window in prepared.windows)
    for number, window in enumerate(prepared.windows):
        logits_sw, target_s, hidden = compiled.read(number, hidden)
        torch_state: State = net.init_state(len(window.input_bt)) if window.fresh else torch_hidden
        logits_btw, torch_hidden = net(net.encode(window.input_bt), torch_state)
        torch_hidden = detach(torch_hidden)
        counted_bt = torch.ones_like(window.input_bt).bool() if window.mask_bt is None else window.mask_bt
        assert len(logits_sw) == counted_bt.sum()
        if not counted_bt.any():
            continue
        ours = gradients(net, logits_sw, target_s)
        theirs = gradients(net, logits_btw[counted_bt], window.target_bt[counted_bt])
        ours_loss = functional.cross_entropy(logits_sw, target_s).item()
        theirs_loss = functional.cross_entropy(logits_btw[counted_bt], window.target_bt[counted_bt]).item()
        assert ours_loss == pytest.approx(theirs_loss, rel=1e-5)
        for one, other in zip(ours, theirs, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def losses(prepared: Prepared) -> list[float]:
    return [record.loss for record in train(prepared)]


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_training_comes_to_what_it_comes_to_with_padding(keep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"cell": "gru", "clip": 1.0, "schedule": "cosine", "keep": keep}
    prepared = prepare(TrainConfig(pattern="anbn", **settings, **ALL))
    read: list[int] = []

    def counting(net: CompiledNet, *arguments: Any) -> Any:
        read.append(len(arguments[1]))
        return forward(net, *arguments)

    forward = CompiledNet.forward
    monkeypatch.setattr(CompiledNet, "forward", counting)
    compiled = losses(prepared)
    steps = len(prepared.data.training_and_validation(keep)[0])
    assert sum(read) == 2 * steps < 2 * sum(window.input_bt.numel() for window in prepared.windows)
    monkeypatch.setattr("rnn_core.training.compiled_net.can_compile", lambda config: False)
    assert compiled == pytest.approx(losses(prepared), rel=1e-5)
    assert sum(read) == 2 * steps  # the second one was torch's


def test_a_net_that_diverges_is_seen() -> None:
    prepared = prepare(TrainConfig(pattern="reber", **ALL | {"learning_rate": 1e37, "epochs": 30}))
    with pytest.raises(DivergedError, match="the loss became"):
        losses(prepared)


def test_streams_and_cells_without_compiled_loops_are_read_by_torch() -> None:
    def record(mark: str, **settings: Any) -> Record:
        return Record(TrainConfig(**settings), "#ab", "", mark=mark)

    assert reads_compiled(record("#"))
    assert not reads_compiled(record(""))
    assert not reads_compiled(record("#", device="cuda"))
    assert {road_alone(record(mark)) for mark in ("", "#")} == {"torch", "torch, compiled reading"}
    assert {record(mark).training_version for mark in ("", "#")} == {1, 3}
