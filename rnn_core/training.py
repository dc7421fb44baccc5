"""train(config): the loop, a generator that yields one EpochRecord per epoch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from rnn_core.adam import Adam
from rnn_core.config import TrainConfig
from rnn_core.model import CharRNN, detach
from rnn_core.prepare import Prepared, prepare


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to, each window measured just before its optimiser step.

    Attributes:
        epoch: from 0.
        loss: mean cross-entropy over the training predictions, nats per character.
        accuracy: share of predictions whose likeliest character is right, 0 to 1.
        net: the net, which the next epoch goes on to train.
    """

    epoch: int
    loss: float
    accuracy: float
    net: CharRNN


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number."""

    def __init__(self, epoch: int, loss: float) -> None:
        super().__init__(
            f"the loss became {loss} in epoch {epoch}; give a lower --learning-rate, or clip gradients (--clip 1)"
        )
        self.epoch = epoch


def train(config: TrainConfig | Prepared, net: CharRNN | None = None) -> Iterator[EpochRecord]:
    """Train a net on its pattern.

    Cross-entropy and Adam (Kingma & Ba 2015), one step per window. The state is zero at the start of each epoch and
    carried from window to window, cut off from its history: truncated backpropagation through time.

    Arguments:
        config: what to train; a Prepared saves making it ready again.
        net: the net to train in place; by default the one that `config.seed` builds.

    Yields:
        An EpochRecord after each epoch.

    Raises:
        ConfigError: before the first epoch, if the config cannot be trained.
        DivergedError: at the first window whose loss is not finite, before its step is taken.

    Example:
        >>> [record.epoch for record in train(TrainConfig(pattern="abc", epochs=3))]
        [0, 1, 2]
    """
    prepared = config if isinstance(config, Prepared) else prepare(config)
    config = prepared.config
    torch.set_num_threads(config.threads)
    net = prepared.build_net() if net is None else net
    optimizer = Adam(net.parameters(), config.learning_rate)
    windows = [window.to(config.device) for window in prepared.windows]
    for epoch in range(config.epochs):
        net.train()
        hidden = net.init_hidden(config.batch_size)
        loss_sum, correct, count = 0.0, 0, 0
        for window in windows:
            logits, hidden = net(net.encode(window.input_bt), detach(hidden))
            logits, target = logits.flatten(0, 1), window.target_bt.flatten()
            if window.mask_bt is not None:
                counted = window.mask_bt.flatten()
                logits, target = logits[counted], target[counted]
            loss = functional.cross_entropy(logits, target)
            value = loss.item()
            if not math.isfinite(value):
                raise DivergedError(epoch, value)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if config.clip:
                torch.nn.utils.clip_grad_norm_(net.parameters(), config.clip)
            optimizer.step()
            loss_sum += value * len(target)
            correct += int((logits.argmax(-1) == target).sum())
            count += len(target)
        yield EpochRecord(epoch, loss_sum / count, correct / count, net)
