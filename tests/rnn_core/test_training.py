import dataclasses
import json
import math
from pathlib import Path
from types import GeneratorType

import pytest
import torch
from torch import nn
from torch.nn import functional

from analysis.hidden_states import trajectory
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.evaluation import evaluate, sample
from rnn_core.model import CELLS
from rnn_core.prepare import prepare
from rnn_core.training import DivergedError, train

CELL_NAMES = ("rnn", "gru", "lstm")
LAB = json.loads((Path(__file__).parent / "lab_reference.json").read_text())


def last_weights(config: TrainConfig) -> list[torch.Tensor]:
    *_, record = train(config)
    return [weight.detach().clone() for weight in record.net.parameters()]


def all_equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_labs_curve_comes_out_for_500_epochs() -> None:
    assert (LAB["seed"], len(LAB["losses"])) == (TrainConfig().seed, 500)
    losses = [record.loss for record in train(TrainConfig(epochs=500))]
    assert losses == pytest.approx(LAB["losses"], abs=1e-5, rel=0)


def bare_streams(text: str, count: int) -> list[torch.Tensor]:
    """Cut the indices of a text into consecutive streams that share the character where they meet."""
    indices = torch.tensor([sorted(set(text)).index(character) for character in text])
    streams, begin = [], 0
    for number in range(count):
        steps = (len(text) - 1) // count + (number < (len(text) - 1) % count)
        streams.append(indices[begin : begin + steps + 1])
        begin += steps
    assert begin == len(text) - 1
    return streams


def bare_loop(config: TrainConfig, text: str) -> tuple[list[float], list[float], list[torch.Tensor]]:
    """Train torch's own modules, each stream read by itself; return losses, accuracies and weights."""
    size = len(set(text))
    torch.manual_seed(config.seed)
    width = 1 if config.encoding == "index" else size
    cell = CELLS[config.cell](width, config.hidden_size, config.layers, batch_first=True)
    readout = nn.Linear(config.hidden_size, size)
    weights = [*cell.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    streams = bare_streams(text, config.batch_size)
    losses, accuracies = [], []
    for _ in range(config.epochs):
        states: list = [None] * len(streams)
        epoch_loss, right = 0.0, 0
        for begin in range(0, len(streams[0]) - 1, config.window):
            logits, targets = [], []
            for number, stream in enumerate(streams):
                target = stream[begin + 1 : begin + 1 + config.window]
                if not len(target):
                    continue
                read = stream[begin : begin + len(target)]
                x = read[:, None].float() if config.encoding == "index" else torch.eye(size)[read]
                output, state = cell(x[None], states[number])
                states[number] = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
                logits.append(readout(output[0]))
                targets.append(target)
            logits_nv, target_n = torch.cat(logits), torch.cat(targets)
            summed = functional.cross_entropy(logits_nv, target_n, reduction="sum")
            optimizer.zero_grad()
            (summed / len(target_n)).backward()
            if config.clip > 0:
                torch.nn.utils.clip_grad_norm_(weights, config.clip)
            optimizer.step()
            epoch_loss += summed.item()
            right += int((logits_nv.argmax(1) == target_n).sum())
        losses.append(epoch_loss / (len(text) - 1))
        accuracies.append(right / (len(text) - 1))
    return losses, accuracies, weights


@pytest.mark.parametrize(
    ("length", "batch_size", "window"),
    [(30, 1, 29), (30, 1, 7), (33, 4, 3), (33, 4, 8), (34, 4, 4), (35, 5, 1), (30, 29, 1)],
)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_training_equals_a_bare_loop(cell: str, length: int, batch_size: int, window: int) -> None:
    config = TrainConfig(
        pattern="aabcb", length=length, cell=cell, batch_size=batch_size, window=window, epochs=8, learning_rate=0.02
    )
    losses, accuracies, weights = bare_loop(config, ("aabcb" * 7)[:length])
    records = list(train(config))
    assert [record.loss for record in records] == pytest.approx(losses, abs=1e-5, rel=0)
    assert [record.accuracy for record in records] == pytest.approx(accuracies, abs=1e-9)
    for came, right in zip(records[-1].net.parameters(), weights, strict=True):
        torch.testing.assert_close(came, right, atol=1e-4, rtol=0)


@pytest.mark.parametrize("clip", [0.0, 0.05, 0.3])
def test_clipping_is_torchs_and_zero_does_not_clip(clip: float) -> None:
    config = TrainConfig(
        pattern="aabcb", length=33, layers=2, encoding="onehot", batch_size=4, window=3, epochs=8, clip=clip
    )
    losses, _, weights = bare_loop(config, ("aabcb" * 7)[:33])
    records = list(train(config))
    assert [record.loss for record in records] == pytest.approx(losses, abs=1e-5, rel=0)
    for came, right in zip(records[-1].net.parameters(), weights, strict=True):
        torch.testing.assert_close(came, right, atol=1e-4, rtol=0)


def test_clipping_changes_training_only_where_gradients_are_longer() -> None:
    never, far, near = (last_weights(TrainConfig(clip=clip)) for clip in (0.0, 1e9, 0.05))
    assert all_equal(never, far)
    assert not all_equal(never, near)


@pytest.mark.parametrize("encoding", ["index", "embedding"])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_same_config_gives_the_same_weights_bit_for_bit(cell: str, encoding: str) -> None:
    config = TrainConfig(
        cell=cell, encoding=encoding, layers=2, length=40, window=9, batch_size=2, seed=0, clip=1, epochs=6
    )
    first = last_weights(config)
    torch.rand(3)  # what was drawn in between must not matter
    assert all_equal(first, last_weights(config))
    assert not all_equal(first, last_weights(dataclasses.replace(config, seed=1)))


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_measuring_each_epoch_changes_nothing(cell: str) -> None:
    config = TrainConfig(cell=cell, layers=2, encoding="embedding", length=30, window=8, batch_size=2, epochs=4)
    prepared = prepare(config)
    for record in train(prepared):
        evaluate(record.net, prepared)
        sample(record.net, prepared, most=20)
        trajectory(record.net, prepared.vocabulary, prepared.text)
        measured = record.net
    assert all_equal(last_weights(config), [weight.detach() for weight in measured.parameters()])


def test_epochs_are_counted_from_zero_and_share_one_net() -> None:
    records = list(train(TrainConfig(epochs=4)))
    assert [record.epoch for record in records] == [0, 1, 2, 3]
    assert len({id(record.net) for record in records}) == 1
    assert all(0 <= record.accuracy <= 1 and math.isfinite(record.loss) for record in records)


def test_the_first_loss_is_that_of_the_untrained_net() -> None:
    prepared = prepare(TrainConfig(pattern="abcd"))
    untrained = evaluate(prepared.build_net(), prepared)["final_train_loss"]
    assert next(train(prepared)).loss == pytest.approx(untrained, abs=1e-6)


def test_training_waits_for_the_caller() -> None:
    prepared = prepare(TrainConfig(epochs=2**40))
    net = prepared.build_net()
    before = [weight.detach().clone() for weight in net.parameters()]
    records = train(prepared, net)
    assert isinstance(records, GeneratorType)
    assert all_equal(before, list(net.parameters()))
    first = next(records)
    assert first.net is net
    after = [weight.detach().clone() for weight in net.parameters()]
    assert not all_equal(before, after)
    assert all_equal(after, list(net.parameters()))
    assert next(records).epoch == 1
    assert not all_equal(after, list(net.parameters()))


def test_a_config_that_cannot_be_trained_fails_before_the_first_epoch() -> None:
    records = train(TrainConfig(batch_size=15))
    with pytest.raises(ConfigError, match=r"^batch_size is 15; "):
        next(records)


def test_a_given_net_goes_on_from_its_weights() -> None:
    prepared = prepare(TrainConfig(epochs=3))
    *_, first = train(prepared)
    loss = evaluate(first.net, prepared)["final_train_loss"]
    assert next(train(prepared, first.net)).loss == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_divergence_names_its_epoch_and_takes_no_further_step(cell: str) -> None:
    prepared = prepare(TrainConfig(cell=cell, learning_rate=1e37, epochs=50))
    net = prepared.build_net()
    losses: list[float] = []

    def train_on() -> None:
        for record in train(prepared, net):
            losses.append(record.loss)  # noqa: PERF401 (what came before the error is kept)

    with pytest.raises(DivergedError) as caught:
        train_on()
    assert caught.value.epoch == len(losses) > 0
    assert all(math.isfinite(loss) for loss in losses)
    assert not any(weight.isnan().any() for weight in net.parameters())
    message = str(caught.value)
    assert f"in epoch {caught.value.epoch};" in message
    assert "--learning-rate" in message
    assert "\n" not in message


def test_an_untrained_net_learns_abc_in_twenty_epochs() -> None:
    *_, last = train(TrainConfig(encoding="onehot"))
    assert last.accuracy == 1.0
    assert last.loss < 0.2


def test_the_thread_count_is_the_configs() -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 1):
            next(train(TrainConfig(threads=threads)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
