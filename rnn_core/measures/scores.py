"""Losses and accuracies as sums with counts, and what a trained net makes of its test."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window, step_indices
from rnn_core.data import Data, Prepared
from rnn_core.nets import reading
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import measuring

FIRST_STEPS = 300
"""Steps of the test whose hidden states are kept."""


@dataclass(frozen=True)
class Score:
    """A loss and an accuracy as sums with their count: scores add up, and are divided once at the end.

    Attributes:
        loss_sum: cross-entropy, nats.
        correct: predictions whose likeliest character was right.
        count: predictions.
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
        """Share of predictions that were right, 0 to 1."""
        return self.correct / self.count


def score_windows(net: CharRNN, windows: list[Window]) -> Score:
    """Score a net, on whichever device it is, on what counts in consecutive windows, the first of them fresh."""
    score = Score()
    with measuring(net):
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
    device = net.readout.weight.device
    for window in (window.to(device) for window in windows):
        with measuring(net):
            if window.fresh:
                state = net.init_hidden(len(window.input_bt))
            logits_btw, state = net(net.encode(window.input_bt), state)
            score += _score(logits_btw, window)
        yield score


def score_side_by_side(net: CharRNN, indices_bt: Tensor) -> Score:
    """Score a net on sequences, int64, (B, T), each read from a zero state."""
    rows = max(1, reading.MAX_NUMBERS // (indices_bt.shape[1] * net.width))
    parts = torch.split(indices_bt, rows)
    return score_windows(net, [Window(part_bt[:, :-1], part_bt[:, 1:], None, fresh=True) for part_bt in parts])


@dataclass(frozen=True, eq=False)
class TestReading:
    """What a net made of its test, of which S steps are read, one character each.

    Attributes:
        score: of the steps that count.
        likeliest: the index of what the net most likely says after each step, int64, (S,).
        output_th: the top layer's output after the first steps, (T, H), float32, T at most FIRST_STEPS.
        state: each part of the top layer's state after those steps, by name, (T, *shape), float32.
    """

    __test__ = False  # no test, whatever pytest makes of the name

    score: Score
    likeliest: np.ndarray
    output_th: np.ndarray
    state: dict[str, np.ndarray]


def read_test(net: CharRNN, prepared: Prepared) -> TestReading:
    """Let a net read its pattern's test once: a stream from a zero state, strings each from a zero state."""
    data, device = prepared.data, net.readout.weight.device
    rows = max(1, reading.MAX_NUMBERS // (reading.CHUNK * net.width)) if prepared.pattern.mark else 1
    windows = data.windows(data.test, rows, reading.CHUNK)
    score, likeliest = Score(), torch.zeros(len(data.test), dtype=torch.int64)
    kept: list[tuple[Tensor, list[Tensor]]] = []
    with measuring(net):
        for window, index_bt in _first_apart(windows, step_indices(data.test, rows, reading.CHUNK)):
            part = window.to(device)
            if part.fresh:
                state = net.init_hidden(len(index_bt))
            x = net.encode(part.input_bt)
            first_bt = (index_bt >= 0) & (index_bt < FIRST_STEPS)
            if first_bt.any():
                output_lbth, states = net.trace(x, state)
                logits_btw = net.readout(output_lbth[-1])
                state = tuple(values[:, :, -1].contiguous() for values in states)
                kept.append((index_bt[first_bt], [values[-1].cpu()[first_bt] for values in (output_lbth, *states)]))
            else:
                logits_btw, state = net(x, state)
            score += _score(logits_btw, part)
            real_bt = index_bt >= 0
            likeliest[index_bt[real_bt]] = logits_btw.argmax(-1).cpu()[real_bt]
    order = torch.cat([index for index, _ in kept]).argsort()
    output_th, *parts = (torch.cat(part)[order].numpy() for part in zip(*(parts for _, parts in kept), strict=True))
    return TestReading(score, likeliest.numpy(), output_th, dict(zip(net.state_names, parts, strict=True)))


def _first_apart(windows: list[Window], indices: list[Tensor]) -> Iterator[tuple[Window, Tensor]]:
    """Yield windows with the indices of their steps, those that hold first steps in two parts.

    Following every layer takes longer than reading: only the first part is followed.
    """
    for window, index_bt in zip(windows, indices, strict=True):
        if ((index_bt >= 0) & (index_bt < FIRST_STEPS)).any():
            parts = window.split(FIRST_STEPS)
            yield from zip(parts, index_bt.split([part.input_bt.shape[1] for part in parts], 1), strict=True)
        else:
            yield window, index_bt


def oracle_loss(data: Data) -> float | None:
    """Return the oracle's mean loss on what the test scores, nats per character; None where nobody knows it."""
    return data.pattern.oracle_loss(data.evaluation)


def references(data: Data) -> dict[str, float]:
    """Return what simple predictors reach on the test, by name, in nats per character."""
    return data.pattern.references(data.evaluation, data.text)


def _score(logits_btw: Tensor, window: Window) -> Score:
    if window.mask_bt is None:
        logits, target = logits_btw.flatten(0, 1), window.target_bt.flatten()
    else:
        logits, target = logits_btw[window.mask_bt], window.target_bt[window.mask_bt]
    # Summed in double: a text has a million terms.
    loss_sum = functional.cross_entropy(logits, target, reduction="none").cpu().double().sum().item()
    return Score(loss_sum, int((logits.argmax(-1) == target).sum()), len(target))
