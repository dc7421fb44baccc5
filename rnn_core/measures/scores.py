"""Losses and accuracies, on windows and on the test."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window, step_indices
from rnn_core.blocks import by_length, into_blocks
from rnn_core.data import Data, Prepared
from rnn_core.nets import reading
from rnn_core.nets.cell import State, join
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating, read_window

FIRST_STEPS = 300
"""The number of steps, from the beginning of the test, whose hidden states are kept."""


@dataclass(frozen=True)
class Score:
    """A loss and an accuracy as sums and a count, so that scores can be added and divided once at the end.

    Attributes:
        loss_sum: the sum of the cross-entropies, in nats.
        correct: the number of predictions whose likeliest character is right.
        count: the number of predictions.
    """

    loss_sum: float = 0.0
    correct: int = 0
    count: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.loss_sum + other.loss_sum, self.correct + other.correct, self.count + other.count)

    @property
    def loss(self) -> float:
        """Mean cross-entropy, nats per character."""
        return self.loss_sum / self.count

    @property
    def accuracy(self) -> float:
        """Share of predictions whose likeliest character is right, 0 to 1."""
        return self.correct / self.count


def score_windows(net: CharRNN, windows: list[Window]) -> Score:
    """Return the score of a net on the steps that count.

    Arguments:
        net: the net, on any device.
        windows: consecutive windows, on any device; the first one must be fresh.
    """
    score = Score()
    with evaluating(net):
        for so_far in running_scores(net, windows):
            score = so_far
    return score


def running_scores(net: CharRNN, windows: list[Window]) -> Iterator[Score]:
    """Do what `score_windows` does, and yield the score so far after each window; between two of them the net is free.

    Arguments:
        net: the net, on any device; which is quicker where it is in eval mode.
        windows: consecutive windows, the first of them fresh.
    """
    score = Score()
    state: State = ()
    device = net.readout.weight.device
    for window in by_length(windows):
        with evaluating(net):
            blocks = into_blocks(window.to(device))
            logits, state = read_window(net, blocks, state)
            for logits_btw, block in zip(logits, blocks, strict=True):
                score += _score(logits_btw, block)
        yield score


def score_side_by_side(net: CharRNN, indices_bt: Tensor) -> Score:
    """Return the score of a net on the next characters of sequences, each read from a zero state.

    Arguments:
        net: the net, on any device.
        indices_bt: the sequences, int64, (B, T), T at least 2.
    """
    rows = max(1, reading.MAX_TENSOR_NUMBERS // (indices_bt.shape[1] * net.largest_numbers_per_step))
    batches = torch.split(indices_bt, rows)
    return score_windows(net, [Window(batch_bt[:, :-1], batch_bt[:, 1:], None, fresh=True) for batch_bt in batches])


@dataclass(frozen=True, eq=False)
class TestReading:
    """The results of reading the test, S steps, once.

    Attributes:
        score: the score of the steps that count.
        likeliest: the index of the likeliest output after each step, int64, (S,).
        output_th: the top layer's output after each of the first T steps, (T, H), float32, T at most FIRST_STEPS.
        state: each part of the top layer's state after those steps, by name, (T, *shape), float32.
    """

    __test__ = False  # pytest would take the class for tests because of its name

    score: Score
    likeliest: np.ndarray
    output_th: np.ndarray
    state: dict[str, np.ndarray]


def read_test(net: CharRNN, prepared: Prepared) -> TestReading:
    """Read the test with a net, once: a stream from a zero state, or each string from a zero state."""
    data, device = prepared.data, net.readout.weight.device
    rows = (
        max(1, reading.MAX_TENSOR_NUMBERS // (reading.CHUNK * net.largest_numbers_per_step))
        if prepared.pattern.mark
        else 1
    )
    windows = data.windows(data.test, rows, reading.CHUNK)
    score, likeliest = Score(), torch.zeros(len(data.test), dtype=torch.int64)
    traced: list[tuple[Tensor, list[Tensor]]] = []  # indices of first steps; the top layer's outputs and states there
    with evaluating(net):
        for cut_window, index_bt in _split_at_first_steps(windows, step_indices(data.test, rows, reading.CHUNK)):
            window = cut_window.to(device)
            if window.fresh:
                state = net.init_state(len(index_bt))
            x = net.encode(window.input_bt)
            first_bt = (index_bt >= 0) & (index_bt < FIRST_STEPS)
            if first_bt.any():
                output_lbth, states = net.trace(x, state)
                logits_btw = net.readout(output_lbth[-1])
                state = tuple(values[:, :, -1].contiguous() for values in states)
                traced.append((index_bt[first_bt], [values[-1].cpu()[first_bt] for values in (output_lbth, *states)]))
            else:
                logits_btw, state = net(x, state)
            score += _score(logits_btw, window)
            real_bt = index_bt >= 0  # without padding
            likeliest[index_bt[real_bt]] = logits_btw.argmax(-1).cpu()[real_bt]
    order = torch.cat([index for index, _ in traced]).argsort()
    columns = zip(*(values for _, values in traced), strict=True)
    output_th, *state_parts = (join(column, 0)[order].numpy() for column in columns)
    return TestReading(score, likeliest.numpy(), output_th, dict(zip(net.state_names, state_parts, strict=True)))


def _split_at_first_steps(windows: list[Window], indices: list[Tensor]) -> Iterator[tuple[Window, Tensor]]:
    """Yield windows and the indices of their steps; a window with first steps is split after FIRST_STEPS columns.

    Only the first of the two is traced layer by layer, which is slower than reading.
    """
    for window, index_bt in zip(windows, indices, strict=True):
        if ((index_bt >= 0) & (index_bt < FIRST_STEPS)).any():
            halves = window.split(FIRST_STEPS)
            yield from zip(halves, index_bt.split([half.input_bt.shape[1] for half in halves], 1), strict=True)
        else:
            yield window, index_bt


def oracle_loss(data: Data) -> float | None:
    """Return `Pattern.oracle_loss` on the test of these data; a function, to be used with `Data.cached`."""
    return data.pattern.oracle_loss(data.evaluation)


def references(data: Data) -> dict[str, float]:
    """Return `Pattern.references` on the test of these data; a function, to be used with `Data.cached`."""
    return data.pattern.references(data.evaluation, data.text)


def _score(logits_btw: Tensor, window: Window) -> Score:
    """Return the score of the steps of a window that count."""
    if window.mask_bt is None:
        logits, target = logits_btw.flatten(0, 1), window.target_bt.flatten()
    else:
        logits, target = logits_btw[window.mask_bt], window.target_bt[window.mask_bt]
    # Summed in double precision, since a text has a million terms.
    loss_sum = functional.cross_entropy(logits, target, reduction="none").cpu().double().sum().item()
    return Score(loss_sum, int((logits.argmax(-1) == target).sum()), len(target))
