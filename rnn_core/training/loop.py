"""train(config): the loop, a generator that yields one EpochRecord per epoch."""

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.measures.scores import score_windows
from rnn_core.nets.cell import detach
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training.adam import Adam


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to, each window measured just before its optimiser step.

    Attributes:
        epoch: from 0.
        loss: mean cross-entropy over the training predictions, nats per character.
        accuracy: share of predictions whose likeliest character is right, 0 to 1.
        valid_loss: with keep=best, mean cross-entropy after the epoch on the validation data, nats per character.
        net: the net, which the next epoch goes on to train; after the last one it holds the weights to keep.
    """

    epoch: int
    loss: float
    accuracy: float
    valid_loss: float | None
    net: CharRNN

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the epoch by the names under which they are recorded."""
        metrics = {"train_loss": self.loss, "train_accuracy": self.accuracy}
        return metrics if self.valid_loss is None else metrics | {"valid_loss": self.valid_loss}


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number.

    Arguments:
        epoch: in which it became so, from 0; None where only the trained net shows it.
        loss: what it became.

    Attributes:
        fields: the fields of TrainConfig whose change may help.
    """

    fields = ("learning_rate", "clip")

    def __init__(self, epoch: int | None, loss: float) -> None:
        what = (
            "the trained net's losses are not finite" if epoch is None else f"the loss became {loss} in epoch {epoch}"
        )
        super().__init__(f"{what}; give a lower learning_rate, or clip gradients with clip=1")
        self.epoch = epoch
        self.loss = loss


def train(config: TrainConfig | Prepared, net: CharRNN | None = None) -> Generator[EpochRecord, None, None]:
    """Train a net on its pattern.

    Cross-entropy and Adam (Kingma & Ba 2015), one step per window. The state is zero where a sequence starts and
    carried from window to window, cut off from its history: truncated backpropagation through time. With keep=best the
    net ends with the weights of the epoch that had the lowest loss on the validation data, even if it is cut short.

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
    optimizer = Adam(net.parameters(), config.learning_rate, config.weight_decay)
    windows = [window.to(config.device) for window in prepared.windows]
    held_out = [window.to(config.device) for window in prepared.validation]
    best = Best(net)
    step, steps = 0, config.epochs * len(windows)
    try:
        for epoch in range(config.epochs):
            net.train()
            loss_sum, correct, count = 0.0, 0, 0
            for window in windows:
                if window.fresh:
                    hidden = net.init_hidden(len(window.input_bt))
                logits, hidden = net(net.encode(window.input_bt), detach(hidden))
                logits, target = logits.flatten(0, 1), window.target_bt.flatten()
                if window.mask_bt is not None:
                    counted = window.mask_bt.flatten()
                    logits, target = logits[counted], target[counted]
                optimizer.learning_rate = config.learning_rate * step_size(config.schedule, step / steps)
                step += 1
                if not len(target):  # read for what comes after
                    continue
                loss = functional.cross_entropy(logits, target)
                value = loss.item()
                if not math.isfinite(value):
                    raise DivergedError(epoch, value)
                optimizer.zero_grad()
                loss.backward()
                if config.clip:
                    torch.nn.utils.clip_grad_norm_(net.parameters(), config.clip)
                optimizer.step()
                loss_sum += value * len(target)
                correct += int((logits.argmax(-1) == target).sum())
                count += len(target)
            valid_loss = score_windows(net, held_out).loss if held_out else None
            if valid_loss is not None:
                best.see(valid_loss)
            if epoch == config.epochs - 1:
                best.restore()
            yield EpochRecord(epoch, loss_sum / count, correct / count, valid_loss, net)
    finally:
        best.restore()


def step_size(schedule: str, done: float) -> float:
    """Return the share of the learning rate that a step takes, `done` of the training (0 to 1) lying behind it.

    The cosine is that of Loshchilov & Hutter 2017 (SGDR, equation 5) without restarts, down to 0.
    """
    return 0.5 * (1 + math.cos(math.pi * done)) if schedule == "cosine" else 1.0


class Best:
    """The weights with the lowest validation loss so far; the first of equals."""

    def __init__(self, net: CharRNN) -> None:
        self._net = net
        self._loss = math.inf
        self._weights: dict[str, Tensor] | None = None

    def see(self, valid_loss: float) -> None:
        """Keep a copy of the net's weights if no earlier ones were as good."""
        if valid_loss < self._loss:
            self._loss = valid_loss
            self._weights = {name: weight.clone() for name, weight in self._net.state_dict().items()}

    def restore(self) -> None:
        """Put the best weights back into the net; without any, the net keeps its own."""
        if self._weights is not None:
            self._net.load_state_dict(self._weights)
