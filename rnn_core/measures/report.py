"""The report of a trained net: all its measurements as plain values."""

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
from rnn_core.nets.reading import OutputError
from rnn_core.patterns.shared.cases import ReachRow

UNSCORED = "\u00b7"
"""Replaces a prediction that does not count."""

SAMPLE_LENGTH = 60
"""The most characters of each text of a Sample."""


@dataclass(frozen=True)
class Sample:
    """Short texts that show what a net predicts, at most SAMPLE_LENGTH characters each.

    Attributes:
        target: the targets of the first steps of the test.
        predicted: the net's likeliest outputs there; a dot for a step that the pattern does not score.
        continuation: the characters that the net generates after the test's prime; empty if it does not run free.
        question: a question of the test, where the continuation is the net's answer to it; otherwise empty.
    """

    target: str
    predicted: str
    continuation: str
    question: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """The measurements of a trained net.

    Some are of the first P steps of its test: all steps before the scored part, and up to FIRST_STEPS of that part.

    Attributes:
        metrics: numbers by name; see `measure`.
        references: the losses on the test to compare the net's with, by name; see `Pattern.references`.
        rows: the table of reach, a row for each measure and size; empty where the pattern has no cases.
        ranges: for each measure of the pattern's cases, the smallest and the largest size in the training text.
        sample: short texts to look at.
        text: the first characters of the test: P + 1; for a transducer P.
        target: the targets of the first P steps.
        predicted: the net's likeliest outputs after those steps, P characters.
        start: the number of steps, from the first one, that come before the scored part of the test.
        scored: which of the P steps the pattern scores, bool, (P,); None where it scores all.
        output_th: the top layer's output after each of the first T steps, (T, H), float32, T at most FIRST_STEPS.
        state: each part of the top layer's state after those steps, by name, (T, *shape), float32.
        example: a prompt to try the net with, from the training text.
    """

    metrics: Mapping[str, float]
    references: Mapping[str, float]
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
        """Whether all metrics are finite; if not, the net diverged in its last steps."""
        return all(math.isfinite(value) for value in self.metrics.values())


def measure(net: CharRNN, prepared: Prepared) -> Report:
    """Measure a trained net. The net does not change.

    The test is read once, for its losses, the sample and the states. The training loss, the cases, the family's own
    measures and free running are read separately.

    Arguments:
        net: the net, on any device.
        prepared: the config and data of its training.

    Returns:
        A Report with these metrics; losses are means in nats per character:
        final_train_loss: the loss on the training data with the final weights; with draws=every-epoch, on what the last
            epoch draws, of all lengths.
        eval_loss, eval_accuracy: the loss and the accuracy on the test, teacher forced.
        free_run_correct: the number of characters that the net generates before the first wrong one; where several
            continuations are right, before the first impossible one.
        free_run_length: the number of characters that were judged. Both only if the net can run free and the pattern
            scores all characters.
        floor_loss: the oracle's loss on the test; no predictor can expect a lower one. Only if there is an oracle.
        oracle_loss: the same number, under the name that earlier runs have.
        excess_loss: eval_loss - floor_loss.
        NAME_loss: for each of `references` its loss; for a person's own text or lines those of n-gram models, such as
            unigram_loss.
        The metrics of `reach`, and those of the pattern's `examine`.
    """
    data, pattern = prepared.data, prepared.pattern
    test = read_test(net, prepared)
    metrics = {
        "final_train_loss": score_windows(net, prepared.last_windows).loss,
        "eval_loss": test.score.loss,
        "eval_accuracy": test.score.accuracy,
    }
    scored = pattern.scored(prepared.evaluation.text)
    generated = question = ""
    free_metrics: dict[str, float] = {}
    try:
        if pattern.predicts_next and scored is None:
            generated, free_metrics = _run_free(net, prepared, test)
        elif pattern.predicts_next and prepared.evaluation.truth:  # the answer to the question that the prime holds
            question = prepared.evaluation.prime.removeprefix(pattern.mark)
            generated = write(net, prepared, SAMPLE_LENGTH).partition(pattern.mark)[0]
    except OutputError:  # the report is then not finite
        free_metrics = {"free_run_correct": math.nan}
    metrics |= free_metrics
    floor = data.cached(oracle_loss)
    if floor is not None:
        metrics |= {"oracle_loss": floor, "floor_loss": floor, "excess_loss": test.score.loss - floor}
    compared_with = data.cached(references)
    metrics |= {f"{name}_loss": loss for name, loss in compared_with.items()}
    rows, reach_metrics = reach(net, prepared)
    family_metrics, family_rows = pattern.examine(QueriedNet(net, prepared), data.length, data.ranges)
    text, start = prepared.evaluation.text, prepared.evaluation.start
    first_target = len(text) - len(data.test)  # its position in the text
    shown = slice(0, start - first_target + FIRST_STEPS)
    target = data.outputs.decode(data.test.target[shown])
    predicted = data.outputs.decode(test.likeliest[shown].tolist())
    scored_s = None if scored is None else scored[first_target:][shown]
    return Report(
        metrics=metrics | reach_metrics | family_metrics,
        references=compared_with,
        rows=(*rows, *family_rows),
        ranges=data.ranges,
        sample=_sample(target, predicted, scored_s, generated, question),
        text=text[: shown.stop + first_target],
        target=target,
        predicted=predicted,
        start=start - first_target,
        scored=scored_s,
        output_th=test.output_th,
        state=test.state,
        example=pattern.prompt(prepared.text),
    )


def _run_free(net: CharRNN, prepared: Prepared, test: TestReading) -> tuple[str, dict[str, float]]:
    """Return the characters that a net generates after the test's prime, and the metrics of free running."""
    evaluation, oracle = prepared.evaluation, prepared.pattern.oracle
    prime, truth = evaluation.prime, evaluation.truth
    if truth and prime + truth == evaluation.text:  # the predictions are known from reading the test
        right_count = count_right(test.likeliest, prepared.data.test.target.numpy(), len(prime) - 1)
    elif truth:
        right_count = free_run_correct(net, *map(prepared.vocabulary.encode, (prime, truth)))
    elif oracle is not None:
        generated = write(net, prepared, FREE_LENGTH)
        return generated, {"free_run_correct": free_run_legal(oracle, prime, generated), "free_run_length": FREE_LENGTH}
    else:
        return write(net, prepared, SAMPLE_LENGTH), {}
    return write(net, prepared, SAMPLE_LENGTH), {"free_run_correct": right_count, "free_run_length": len(truth)}


def _sample(target: str, predicted: str, scored: np.ndarray | None, generated: str, question: str) -> Sample:
    """Return the first characters of the texts, with UNSCORED in place of predictions that are not scored."""
    if scored is not None:
        pairs = zip(predicted, scored.tolist(), strict=True)
        predicted = "".join(character if is_scored else UNSCORED for character, is_scored in pairs)
    return Sample(*(text[:SAMPLE_LENGTH] for text in (target, predicted, generated, question)))
