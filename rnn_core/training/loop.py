"""train(config): the loop, a generator that yields one EpochRecord per epoch."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window
from rnn_core.blocks import by_length, into_blocks
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.measures.scores import Score, running_scores
from rnn_core.nets.cell import State, detach
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import read_window
from rnn_core.training.compiled_net import CompiledNet, reads_compiled
from rnn_core.training.state import TrainingState

PROGRESS_SECONDS = 1.0
"""The least time between two Progress records, and between a Progress record and an epoch's."""


@dataclass(frozen=True)
class EpochRecord:
    """The results of one epoch. Each window is measured with the weights before its optimiser step.

    Attributes:
        epoch: the number of the epoch, from 0.
        loss: mean cross-entropy over the training predictions, nats per character.
        accuracy: share of predictions whose likeliest character is right, 0 to 1.
        valid_loss: with keep=best, mean cross-entropy after the epoch on the validation data, nats per character.
        net: the net, which the next epoch trains further; after the last epoch it has the weights to keep.
        longest: with a curriculum, the longest length that the epoch drew.
    """

    epoch: int
    loss: float
    accuracy: float
    valid_loss: float | None
    net: CharRNN
    longest: int | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the epoch by the names under which they are recorded."""
        metrics = {"train_loss": self.loss, "train_accuracy": self.accuracy}
        more = {"valid_loss": self.valid_loss, "longest_drawn": self.longest}
        return metrics | {name: float(value) for name, value in more.items() if value is not None}


@dataclass(frozen=True)
class Progress:
    """How far a training is, between two windows of an epoch.

    Attributes:
        epoch: the number of the epoch, from 0.
        share: the share of the epoch's windows, validation windows included, that have been read, 0 to 1.
        loss: mean cross-entropy over the epoch's training predictions so far, nats per character; NaN before the first.
            Of a stack: the mean over the nets that have not diverged.
    """

    epoch: int
    share: float
    loss: float


class Clock:
    """Says when a Progress record is due: PROGRESS_SECONDS after the last record of any kind.

    Arguments:
        wanted: whether such records are wanted at all.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self.start()

    def start(self) -> None:
        """Begin to wait anew: a record has just been yielded."""
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for a Progress record."""
        return self._wanted and time.monotonic() - self._last >= PROGRESS_SECONDS


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number.

    Arguments:
        epoch: the epoch in which that happened, from 0; None if it was only seen when the trained net was measured.
        loss: the loss then, NaN or infinite.

    Attributes:
        fields: the fields of TrainConfig whose change may help.
    """

    fields = ("learning_rate", "clip")

    def __init__(self, epoch: int | None, loss: float) -> None:
        what = f"the loss became {loss} in epoch {epoch}"
        if epoch is None:
            what = "the trained net's losses or weights are not finite"
        super().__init__(f"{what}; give a lower learning_rate, or clip gradients with clip=1")
        self.epoch = epoch
        self.loss = loss


@overload
def train(
    config: TrainConfig | Prepared, state: TrainingState | None = None, *, progress: Literal[False] = False
) -> Generator[EpochRecord, None, None]: ...
@overload
def train(
    config: TrainConfig | Prepared, state: TrainingState | None = None, *, progress: Literal[True]
) -> Generator[EpochRecord | Progress, None, None]: ...
def train(
    config: TrainConfig | Prepared, state: TrainingState | None = None, *, progress: bool = False
) -> Generator[EpochRecord | Progress, None, None]:
    """Train a net on its pattern.

    The loss is the cross-entropy, and the optimiser is Adam (Kingma & Ba 2015). It takes one step for each window in
    which a step counts; the schedule advances with every window. Gradients come from truncated backpropagation through
    time: the state is zero where a sequence starts, and is carried from window to window without gradient. With
    keep=best the net ends with the weights of the epoch that had the lowest loss on the validation data, even if the
    generator is closed early. With draws=every-epoch each epoch reads a text of its own, see `rnn_core.draws`, and a
    curriculum is raised between two epochs.

    Arguments:
        config: what to train; a Prepared, where the config was prepared before.
        state: the state from which the training goes on, changed in place; by default that of a new training. It can be
            saved at each yield, and a training that goes on from it gives the same weights as one that never stopped.
        progress: whether to yield Progress records, too. They change nothing about the training.

    Yields:
        An EpochRecord after each epoch; with `progress`, within an epoch of more than a second, a Progress between two
        windows, at most one a second.

    Raises:
        ConfigError: before the first epoch, if the config cannot be trained.
        DivergedError: at the first window whose loss is not finite, before its optimiser step.

    Example:
        >>> [record.epoch for record in train(TrainConfig(pattern="abc", epochs=3))]
        [0, 1, 2]
    """
    prepared = config if isinstance(config, Prepared) else prepare(config)
    config = prepared.config
    torch.set_num_threads(config.threads)
    state = TrainingState(prepared) if state is None else state
    net, clock = state.net, Clock(progress)
    compiled, windows = None, None
    validation = [window.to(config.device) for window in prepared.validation_windows]
    try:
        while state.epoch < config.epochs:
            if windows is None or config.draws == "every-epoch":
                drawn = prepared.windows_of(state.epoch, state.longest)
                if compiled:
                    compiled.take(drawn)
                elif reads_compiled(prepared.record):
                    compiled = CompiledNet(prepared, net, drawn)
                windows = [into_blocks(window.to(config.device)) for window in by_length(drawn)]
                windows_an_epoch = len(windows) + len(validation)
            net.train()
            for blocks in windows[state.windows_read :]:
                if clock.due:
                    loss = state.loss_sum / state.count if state.count else math.nan
                    yield Progress(state.epoch, state.windows_read / windows_an_epoch, loss)
                    clock.start()
                done = (state.epoch * len(windows) + state.windows_read) / (config.epochs * len(windows))
                rate = config.learning_rate * rate_factor(config.schedule, done)
                _train_on(blocks, state, rate, config.clip, compiled)
                state.windows_read += 1
            net.eval()
            score = Score()
            # A training that is interrupted here validates from the beginning again, which changes nothing.
            for number, score_so_far in enumerate(running_scores(net, validation), len(windows) + 1):
                score = score_so_far
                if clock.due:
                    yield Progress(state.epoch, number / windows_an_epoch, state.loss_sum / state.count)
                    clock.start()
            net.train()
            valid_loss = score.loss if validation else None
            loss, accuracy = state.loss_sum / state.count, state.correct / state.count
            record = EpochRecord(state.epoch, loss, accuracy, valid_loss, net, state.longest)
            if valid_loss is not None:
                state.best.see(valid_loss)
            if state.epoch + 1 == config.epochs:
                state.best.restore()
            state.finish_epoch(record.metrics)
            yield record
            clock.start()
    finally:
        state.best.restore()


def _train_on(
    blocks: list[Window], state: TrainingState, learning_rate: float, clip: float, compiled: CompiledNet | None
) -> None:
    """Read a window, and take an optimiser step if a step of the window counts.

    Arguments:
        blocks: the window, from `into_blocks`.
        state: the state of the training; all but `windows_read` is brought up to date.
        learning_rate: the learning rate of this step.
        clip: the largest gradient norm; 0 never clips.
        compiled: reads the net's windows; None for torch.

    Raises:
        DivergedError: the loss is not finite.
    """
    net, optimizer = state.net, state.optimizer
    if compiled:
        logits, target, state.hidden = compiled.read(state.windows_read, state.hidden)
    else:
        logits, target, state.hidden = _read(blocks, net, state.hidden)
    if not len(target):  # nothing counts: the window is only read for its last state
        return
    loss = functional.cross_entropy(logits, target)
    loss_value = loss.item()
    if not math.isfinite(loss_value):
        raise DivergedError(state.epoch, loss_value)
    optimizer.learning_rate = learning_rate
    optimizer.zero_grad()
    loss.backward()
    if clip:
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    optimizer.step()
    if state.curriculum:
        state.curriculum.see(loss_value)
    state.loss_sum += loss_value * len(target)
    state.correct += int((logits.argmax(-1) == target).sum())
    state.count += len(target)


def _read(blocks: list[Window], net: CharRNN, hidden: State) -> tuple[Tensor, Tensor, State]:
    """Read a window.

    Arguments:
        blocks: the window, from `into_blocks`.
        net: the net.
        hidden: the state after the window before it; of no meaning for a window that is read from a zero state.

    Returns:
        The logits after the steps that count, (S, W); the targets of these steps, (S,); and the state after the window.
    """
    logits, hidden = read_window(net, blocks, hidden)
    logits_sw = torch.cat([logits_btw.flatten(0, 1) for logits_btw in logits])
    target_s = torch.cat([block.target_bt.flatten() for block in blocks])
    masks = [block.mask_bt for block in blocks]
    if masks[0] is not None:
        counted_s = torch.cat([mask.flatten() for mask in masks if mask is not None])
        logits_sw, target_s = logits_sw[counted_s], target_s[counted_s]
    return logits_sw, target_s, detach(hidden)


def rate_factor(schedule: str, done: float) -> float:
    """Return the factor, 0 to 1, by which the learning rate is multiplied in a step.

    Arguments:
        schedule: `constant`, or `cosine`: equation 5 of Loshchilov & Hutter 2017 (SGDR), without restarts, down to 0.
        done: the share of the training that is done before the step, 0 to 1.
    """
    return 0.5 * (1 + math.cos(math.pi * done)) if schedule == "cosine" else 1.0
