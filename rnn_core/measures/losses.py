"""How good a trained net is: losses and accuracies as sums with counts, free running, distance to the oracle."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window
from rnn_core.data import Data, Prepared
from rnn_core.nets import reading
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import generate, measuring, predict, read, width
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.patterns.unit import Unit

FREE_LENGTH = 1000
"""Characters that a net writes by itself where many are right."""

UNSCORED = "\u00b7"
"""Stands for a prediction that does not count."""

MOST_PHASE_NUMBERS = 2**28
"""Logits or states that the loss from an unknown phase may take, some seconds' worth; longer units go without."""


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
    """Score a net on consecutive windows, on whichever device it is."""
    score = Score()
    device = net.readout.weight.device
    with measuring(net):
        for window in (window.to(device) for window in windows):
            if window.fresh:
                hidden = net.init_hidden(len(window.input_bt))
            logits_btv, hidden = net(net.encode(window.input_bt), hidden)
            if window.mask_bt is None:
                logits, target = logits_btv.flatten(0, 1), window.target_bt.flatten()
            else:
                logits, target = logits_btv[window.mask_bt], window.target_bt[window.mask_bt]
            # Summed in double: a text has a million terms.
            loss_sum = functional.cross_entropy(logits, target, reduction="none").cpu().double().sum().item()
            score += Score(loss_sum, int((logits.argmax(-1) == target).sum()), len(target))
    return score


def score_evaluation(net: CharRNN, prepared: Prepared) -> Score:
    """Score a net on its pattern's test: a stream from a zero state, strings each from a zero state."""
    evaluation = prepared.evaluation
    side_by_side = max(1, reading.MOST_NUMBERS // (reading.CHUNK * width(net))) if prepared.pattern.mark else 1
    return score_windows(net, prepared.cut(evaluation.text, side_by_side, reading.CHUNK, evaluation.start))


def score_side_by_side(net: CharRNN, indices_bt: Tensor) -> Score:
    """Score a net on sequences, int64, (B, T), each read from a zero state."""
    rows = max(1, reading.MOST_NUMBERS // (indices_bt.shape[1] * width(net)))
    parts = torch.split(indices_bt, rows)
    return score_windows(net, [Window(part_bt[:, :-1], part_bt[:, 1:], None, fresh=True) for part_bt in parts])


def free_run_correct(net: CharRNN, prime: Tensor, truth: Tensor) -> int:
    """Return how many characters a free-running net gets right before its first error, 0 to len(truth).

    As long as it is right, what it writes is the truth, and the net reads what teacher forcing would give it. So its
    first error is teacher forcing's first error past the prime, which one pass finds.

    Arguments:
        net: the net, on any device.
        prime: indices of the characters it goes on from, int64, (n,), n at least 1.
        truth: indices of those it should write, int64, (m,), m at least 1.
    """
    begin, position = len(prime) - 1, 0
    following = torch.cat([prime, truth])
    with measuring(net):
        for logits_tv, _ in read(net, following[:-1], net.init_hidden(1)):
            likeliest_t = logits_tv.argmax(-1).cpu()
            wrong_t = likeliest_t != following[position + 1 : position + 1 + len(likeliest_t)]
            wrong_t[: max(0, begin - position)] = False  # within the prime
            if wrong_t.any():
                return position + int(wrong_t.int().argmax()) - begin
            position += len(likeliest_t)
    return len(truth)


def free_run_legal(net: CharRNN, prepared: Prepared, oracle: Oracle) -> int:
    """Return how many of FREE_LENGTH characters that a net writes are possible, before the first that is not.

    The characters are drawn from the net's own distribution, from a fixed seed: where many things are right, the
    likeliest character again and again would show only one of them.
    """
    prime = prepared.evaluation.prime
    log_probs = oracle.log_probs(prime + write(net, prepared, FREE_LENGTH))[len(prime) :]
    impossible = np.flatnonzero(~np.isfinite(log_probs))
    return int(impossible[0]) if len(impossible) else FREE_LENGTH


def write(net: CharRNN, prepared: Prepared, count: int) -> str:
    """Return what a net writes after the test's prime: the likeliest characters, or draws where many are right."""
    evaluation, vocabulary = prepared.evaluation, prepared.vocabulary
    temperature = 0.0 if evaluation.truth else 1.0
    draws = torch.Generator().manual_seed(0)
    running = generate(net, vocabulary.encode(evaluation.prime), temperature, draws, prepared.mark_index)
    with measuring(net):
        return vocabulary.decode(list(islice(running, count)))


@dataclass(frozen=True)
class Sample:
    """What a net makes of the beginning of its test, to be looked at side by side.

    Attributes:
        target: the test's first characters but one, at most `most`.
        predicted: the likeliest character at each of their positions; a dot where the pattern does not score it.
        continuation: what the net writes by itself after the prime, `most` characters; nothing where only some
            characters are scored, since nobody taught it the others.
    """

    target: str
    predicted: str
    continuation: str


def sample(net: CharRNN, prepared: Prepared, most: int = 60) -> Sample:
    """Let a net predict and write a little."""
    vocabulary = prepared.vocabulary
    beginning = prepared.evaluation.text[: most + 1]
    predicted = vocabulary.decode(predict(net, vocabulary.encode(beginning[:-1]), prepared.mark_index))
    scored = prepared.pattern.scored(beginning)
    if scored is None:
        return Sample(beginning[1:], predicted, write(net, prepared, most))
    shown = (character if counts else UNSCORED for character, counts in zip(predicted, scored[1:], strict=True))
    return Sample(beginning[1:], "".join(shown), "")


def evaluate(net: CharRNN, prepared: Prepared) -> dict[str, float]:
    """Measure a trained net; nothing about it changes.

    Returns:
        final_train_loss: of the training predictions with the weights as they are now.
        eval_loss, eval_accuracy: of the pattern's test (see its family), teacher forced.
        oracle_loss, floor_loss, excess_loss: the oracle's loss on the same characters, the least that can be
            expected there, and how far eval_loss lies above it; where the pattern has an oracle.
        free_run_correct, free_run_length: characters right (where many are right, possible) before the first error,
            out of how many; not where only some characters are scored, since nobody taught the net the others.
        uniform_loss, unigram_loss ...: for a text, the losses of n-gram models on the same characters.
        unknown_phase_loss, unknown_phase_floor: for a unit, the mean loss over `length` characters read from every
            phase, and the least that can be expected there; not for units so long that it would take minutes.
        Losses in nats per character.
    """
    encode, pattern, evaluation = prepared.vocabulary.encode, prepared.pattern, prepared.evaluation
    trained = score_windows(net, prepared.windows)
    tested = score_evaluation(net, prepared)
    metrics = {"final_train_loss": trained.loss, "eval_loss": tested.loss, "eval_accuracy": tested.accuracy}
    if evaluation.truth:
        truth = encode(evaluation.truth)
        metrics["free_run_correct"] = free_run_correct(net, encode(evaluation.prime), truth)
        metrics["free_run_length"] = len(truth)
    elif pattern.oracle is not None and pattern.scored(evaluation.text) is None:
        metrics["free_run_correct"] = free_run_legal(net, prepared, pattern.oracle)
        metrics["free_run_length"] = FREE_LENGTH
    oracle_loss = prepared.data.once(_oracle_loss)
    if oracle_loss is not None:
        metrics |= {"oracle_loss": oracle_loss, "floor_loss": oracle_loss, "excess_loss": tested.loss - oracle_loss}
    metrics |= {f"{name}_loss": loss for name, loss in prepared.data.once(_references).items()}
    if isinstance(pattern, Unit):
        length = prepared.config.length
        if len(pattern.unit) * length * width(net) <= MOST_PHASE_NUMBERS:
            # Every stretch of `length` characters: the rows are views of one sequence.
            phases_bt = encode(pattern.repeat(length + len(pattern.unit) - 1)).unfold(0, length, 1)
            metrics["unknown_phase_loss"] = score_side_by_side(net, phases_bt).loss
            metrics["unknown_phase_floor"] = prepared.data.once(_unknown_phase_floor)
    return metrics


def _oracle_loss(data: Data) -> float | None:
    return data.pattern.oracle_loss(data.evaluation)


def _references(data: Data) -> dict[str, float]:
    return data.pattern.references(data.evaluation, data.text)


def _unknown_phase_floor(data: Data) -> float:
    assert isinstance(data.pattern, Unit)
    return data.pattern.unknown_phase_floor(data.length)
