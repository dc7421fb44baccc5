"""A trained net's report: everything that is measured of it, as plain values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnn_core.data import Prepared
from rnn_core.measures.free_running import FREE_LENGTH, count_right, free_run_correct, free_run_legal, write
from rnn_core.measures.queries import QueriedNet
from rnn_core.measures.reach import reach
from rnn_core.measures.scores import FIRST_STEPS, TestReading, oracle_loss, read_test, references, score_windows
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns.shared.cases import ReachRow

UNSCORED = "\u00b7"
"""Stands for a prediction that does not count."""

SAMPLE_LENGTH = 60
"""Characters of a Sample, at most."""

EXAMPLE_LENGTH = 5
"""Characters of the prompt that is shown to those who use the net."""


@dataclass(frozen=True)
class Sample:
    """What a net makes of the beginning of its test, to be looked at side by side.

    Attributes:
        target: what is to be said after the test's first characters, at most SAMPLE_LENGTH.
        predicted: what the net most likely says there; a dot where the pattern does not score it.
        continuation: what the net writes by itself after the prime, SAMPLE_LENGTH characters; nothing where it does not
            run free.
    """

    target: str
    predicted: str
    continuation: str


@dataclass(frozen=True, eq=False)
class Report:
    """What was measured of a trained net.

    Attributes:
        metrics: its numbers, by name; see `measure`.
        rows: how far its knowledge reaches, a row for each size; empty where the pattern has no cases.
        ranges: for each measure of the rows the least and the greatest size trained on.
        sample: a little to look at.
        text: the beginning of the test, P + 1 characters for P steps that are shown; for a transducer P.
        target: what is to be said after each of P steps, (P,).
        predicted: what the net most likely says there, (P,).
        start: how many of those steps are only read and not scored.
        scored: which of them the pattern scores, bool, (P,); None where it scores all.
        output_th: the top layer's output after each of the first T steps, (T, H), float32, T at most FIRST_STEPS.
        state: each part of the top layer's state after those steps, by name, (T, *shape), float32.
        example: a prompt that the net can go on from.
    """

    metrics: Mapping[str, float]
    rows: tuple[ReachRow, ...]
    ranges: Mapping[str, tuple[int, int]]
    sample: Sample
    text: str
    target: str
    predicted: str
    start: int
    scored: np.ndarray | None
    output_th: np.ndarray
    state: Mapping[str, np.ndarray]
    example: str

    @property
    def finite(self) -> bool:
        """Whether all metrics are finite numbers; a net of which some are not has diverged in its last steps."""
        return all(math.isfinite(value) for value in self.metrics.values())


def measure(net: CharRNN, prepared: Prepared) -> Report:
    """Measure a trained net; nothing about it changes.

    Its test is read once: the losses, the sample and the first states come from one reading. The pattern's cases are
    texts of their own, some of which may be strings of the test; and a text's free run is compared with the beginning
    of its test.

    Arguments:
        net: the net, on any device.
        prepared: what it was trained on.

    Returns:
        A Report, whose metrics are, losses in nats per character:
        final_train_loss: of the training predictions with the weights as they are now.
        eval_loss, eval_accuracy: of the pattern's test (see its family), teacher forced.
        free_run_correct, free_run_length: how many characters the net writes by itself before the first wrong one
            (where many are right, the first impossible one), and how many it was let write; only where what it says is
            what it reads next, and all of it is scored.
        oracle_loss, floor_loss, excess_loss: the oracle's loss on the same characters; the same number as the least
            that any predictor can expect; and how far eval_loss lies above it. Where the pattern has an oracle.
        uniform_loss, unigram_loss ...: for a text, the losses of n-gram models on the same characters.
        Those of `reach`, and those that the pattern's own `examine` gives.
    """
    data, pattern = prepared.data, prepared.pattern
    test = read_test(net, prepared)
    metrics = {
        "final_train_loss": score_windows(net, prepared.windows).loss,
        "eval_loss": test.score.loss,
        "eval_accuracy": test.score.accuracy,
    }
    scored = pattern.scored(prepared.evaluation.text)
    runs_free = pattern.predicts_next and scored is None
    written, free_metrics = _run_free(net, prepared, test) if runs_free else ("", {})
    metrics |= free_metrics
    floor = data.cached(oracle_loss)
    if floor is not None:
        metrics |= {"oracle_loss": floor, "floor_loss": floor, "excess_loss": test.score.loss - floor}
    metrics |= {f"{name}_loss": loss for name, loss in data.cached(references).items()}
    rows, reached = reach(net, prepared)
    examined, more_rows = pattern.examine(QueriedNet(net, prepared), data.length, data.ranges)
    text, start = prepared.evaluation.text, prepared.evaluation.start
    first = len(text) - len(data.test)  # the character of the text that is said first
    shown = slice(0, start - first + FIRST_STEPS)
    target = data.outputs.decode(data.test.target[shown])
    predicted = data.outputs.decode(test.likeliest[shown].tolist())
    scored_s = None if scored is None else scored[first:][shown]
    return Report(
        metrics=metrics | reached | examined,
        rows=(*rows, *more_rows),
        ranges=data.ranges,
        sample=_sample(target, predicted, scored_s, written),
        text=text[: shown.stop + first],
        target=target,
        predicted=predicted,
        start=start - first,
        scored=scored_s,
        output_th=test.output_th,
        state=test.state,
        example=prepared.text[:EXAMPLE_LENGTH],
    )


def _run_free(net: CharRNN, prepared: Prepared, test: TestReading) -> tuple[str, dict[str, float]]:
    """Return what a net writes by itself after the test's prime, and how much of it is right."""
    evaluation, oracle = prepared.evaluation, prepared.pattern.oracle
    prime, truth = evaluation.prime, evaluation.truth
    if truth and prime + truth == evaluation.text:  # read already
        right = count_right(test.likeliest, prepared.data.test.target.numpy(), len(prime) - 1)
    elif truth:
        right = free_run_correct(net, *map(prepared.vocabulary.encode, (prime, truth)))
    elif oracle is not None:
        written = write(net, prepared, FREE_LENGTH)
        return written, {"free_run_correct": free_run_legal(oracle, prime, written), "free_run_length": FREE_LENGTH}
    else:
        return write(net, prepared, SAMPLE_LENGTH), {}
    return write(net, prepared, SAMPLE_LENGTH), {"free_run_correct": right, "free_run_length": len(truth)}


def _sample(target: str, predicted: str, scored: np.ndarray | None, written: str) -> Sample:
    if scored is not None:
        marked = zip(predicted, scored.tolist(), strict=True)
        predicted = "".join(character if counts else UNSCORED for character, counts in marked)
    return Sample(target[:SAMPLE_LENGTH], predicted[:SAMPLE_LENGTH], written[:SAMPLE_LENGTH])
