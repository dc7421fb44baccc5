"""The table of reach: how far beyond the sizes of the training data a net's predictions are right."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional

from rnn_core.batching import Steps
from rnn_core.data import Data, Prepared
from rnn_core.nets import reading
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, ReachRow

ALLOWING_PROBABILITY = 0.01
"""A net allows a character if it gives it a probability above this, or above half of the oracle's smallest probability
of a possible character there, if that is lower."""

CERTAIN = 1 - 1e-9
"""A character whose exact probability is above this is the only possible one."""

COUNT_FIELDS = ("cases", "cases_right", "steps", "steps_right", "decidable", "decidable_right")
"""The whole numbers of a ReachRow."""


def reach(net: CharRNN, prepared: Prepared) -> tuple[list[ReachRow], dict[str, float]]:
    """Score a net on its pattern's cases, of sizes that were trained on and of larger ones.

    A case is right if all its judged steps are. A decidable step, which has one possible target, is right if the
    likeliest output is that target; another step is right if the net allows the target and no impossible character.

    Arguments:
        net: the net, on any device.
        prepared: the config and data of its training.

    Returns:
        One row for each measure and size, and these metrics (shares are 0 to 1; a metric without cases is left out):
        whole_strings: only for patterns of strings: the share of cases within the training range, by the main measure,
            that are right.
        beyond_strings: the same for cases beyond the training range.
        beyond_accuracy: for those, the share of decidable steps that are right.
        longest_right: only where the cases have every size: the largest size up to which all cases are right; 0 if the
            smallest size is not right.
        MEASURE_right, MEASURE_beyond: for every measure, except the main one of a pattern of strings, the share of its
            cases that are right, within and beyond the training range.
    """
    ranges = prepared.data.ranges
    rows: list[ReachRow] = []
    if table := prepared.data.cached(_case_table):
        sums: dict[tuple[str, int], np.ndarray] = {}
        for kind, values in _score_cases(net, table):
            sums[kind] = sums.get(kind, np.zeros(len(COUNT_FIELDS) + 1)) + values
        measures = list(ranges)
        for (measure, size), total in sorted(sums.items(), key=lambda item: (measures.index(item[0][0]), item[0][1])):
            smallest, largest = ranges[measure]
            *float_counts, loss_sum = total.tolist()
            counts = {name: int(count) for name, count in zip(COUNT_FIELDS, float_counts, strict=True)}
            rows.append(ReachRow(measure, size, smallest <= size <= largest, **counts, loss_sum=loss_sum))
    return rows, _metrics(rows, prepared.pattern, list(ranges))


@dataclass(frozen=True)
class _CaseTable:
    """A pattern's cases as arrays: all that scoring needs and that does not depend on the net.

    There are n texts with S steps in all, one text after the other, and C cases with J judged steps in all.

    Attributes:
        kinds: the measure and the size of each case, (C,).
        lengths: the number of steps of each text, (n,), ascending.
        strings: for each text the number of steps of each of its strings; of a stream, one number.
        read: the index of the character read at each step, (S,).
        target: the index of the target after each step, (S,).
        possible_sw: which targets are possible after each step, bool, (S, W).
        bar_s: the probability above which a net allows a character, (S,).
        decidable_s: whether only one target is possible, bool, (S,).
        judged: the judged steps of the first case, then those of the second, and so on, (J,).
        begins: the index in `kinds` of the first case of each text, and C at the end, (n + 1,).
        bounds: the index in `judged` of the first step of each case, and J at the end, (C + 1,).
    """

    kinds: list[tuple[str, int]]
    lengths: np.ndarray
    strings: list[np.ndarray]
    read: np.ndarray
    target: np.ndarray
    possible_sw: np.ndarray
    bar_s: np.ndarray
    decidable_s: np.ndarray
    judged: np.ndarray
    begins: np.ndarray
    bounds: np.ndarray


def _case_table(data: Data) -> _CaseTable | None:
    """Return the cases of these data as arrays; None where the pattern has no cases."""
    pattern = data.pattern
    # Cases with the same text are read once. Texts are sorted by length, so that those read in parallel are alike.
    cases_by_text: dict[str, list[Case]] = {}
    for case in pattern.cases(data.evaluation, data.text, data.data_seed, data.draws.every_epoch):
        cases_by_text.setdefault(case.text, []).append(case)
    if not cases_by_text:
        return None
    texts = sorted(cases_by_text, key=lambda text: (len(text), text))
    cases = [case for text in texts for case in cases_by_text[text]]
    all_steps, possible, bars, decidable, judged = [], [], [], [], []
    offset = 0  # the number of steps of the texts so far
    for text in texts:
        expected_tw = pattern.target_distributions(text)
        possible.append(expected_tw > 0)
        bars.append(np.minimum(ALLOWING_PROBABILITY, np.where(possible[-1], expected_tw, 1).min(axis=1) / 2))
        decidable.append(expected_tw.max(axis=1) > CERTAIN)
        steps = data.steps(text)
        first_target = len(text) - len(steps)  # its position in the text
        counted = np.flatnonzero(steps.counted.numpy())
        for case in cases_by_text[text]:
            case_steps = (
                counted if case.judged is None else np.intersect1d(counted, np.array(case.judged) - first_target)
            )
            judged.append((offset + case_steps).astype(np.int32))
        all_steps.append(steps)
        offset += len(steps)
    return _CaseTable(
        kinds=[(case.measure, case.size) for case in cases],
        lengths=np.array([len(steps) for steps in all_steps]),
        strings=[_string_lengths(steps) for steps in all_steps],
        read=np.concatenate([steps.read.numpy() for steps in all_steps]).astype(np.int32),
        target=np.concatenate([steps.target.numpy() for steps in all_steps]).astype(np.int32),
        possible_sw=np.concatenate(possible),
        bar_s=np.concatenate(bars),
        decidable_s=np.concatenate(decidable),
        judged=np.concatenate(judged),
        begins=np.cumsum([0, *(len(cases_by_text[text]) for text in texts)]),
        bounds=np.cumsum([0, *map(len, judged)]),
    )


def _string_lengths(steps: Steps) -> np.ndarray:
    """Return the number of steps of each string; of a stream, one number."""
    starts = [0] if steps.starts is None else steps.starts.tolist()
    return np.diff([*starts, len(steps)])


def _score_cases(net: CharRNN, table: _CaseTable) -> Iterator[tuple[tuple[str, int], np.ndarray]]:
    """Yield for each case its measure and size, and seven numbers: ReachRow's fields from `cases` to `loss_sum`."""
    lengths = table.lengths
    begin = 0
    while begin < len(lengths):
        # The next texts, as many as MAX_TENSOR_NUMBERS allows at the length of the longest of them.
        end = begin + 1
        while (
            end < len(lengths)
            and (end + 1 - begin) * lengths[end] * net.largest_numbers_per_step <= reading.MAX_TENSOR_NUMBERS
        ):
            end += 1
        yield from _score_texts(net, table, begin, end)
        begin = end


def _score_texts(net: CharRNN, table: _CaseTable, begin: int, end: int) -> Iterator[tuple[tuple[str, int], np.ndarray]]:
    """Score the cases of texts number `begin` to `end` - 1, which are read in parallel; see `_score_cases`."""
    lengths = table.lengths
    first, count = lengths[:begin].sum(), lengths[begin:end].sum()
    steps = slice(first, first + count)
    row_lengths = np.concatenate(table.strings[begin:end])
    real_bt = np.arange(row_lengths.max()) < row_lengths[:, None]  # False for padding
    indices_bt = np.zeros(real_bt.shape, dtype=np.int64)
    indices_bt[real_bt] = table.read[steps]
    log_probs_sw, target_s = _log_probs(net, indices_bt, real_bt), table.target[steps]

    possible_sw, decidable_s = table.possible_sw[steps], table.decidable_s[steps]
    allowed_sw = np.exp(log_probs_sw) > table.bar_s[steps, None]
    allows_s = allowed_sw[np.arange(count), target_s] & ~(allowed_sw & ~possible_sw).any(axis=1)
    target_log_probs_s = log_probs_sw[np.arange(count), target_s]
    # Of a state that has overflowed, all are NaN; argmax would name one.
    right_s = np.where(decidable_s, log_probs_sw.argmax(axis=1) == target_s, allows_s) & ~np.isnan(target_log_probs_s)

    cases = range(table.begins[begin], table.begins[end])
    bounds = table.bounds[cases.start : cases.stop + 1]
    judged = table.judged[bounds[0] : bounds[-1]] - first
    bounds = bounds - bounds[0]
    flags = [flags_s[judged] for flags_s in (right_s, decidable_s, decidable_s & right_s)]
    target_log_probs_j = target_log_probs_s[judged]
    for case, (case_begin, case_end) in zip(cases, pairwise(bounds), strict=True):
        right, decidable, decidable_right = (np.count_nonzero(flags_j[case_begin:case_end]) for flags_j in flags)
        judged_count = case_end - case_begin
        loss_sum = -target_log_probs_j[case_begin:case_end].sum(dtype=np.float64)
        values = [1, right == judged_count, judged_count, right, decidable, decidable_right, loss_sum]
        yield table.kinds[case], np.array(values)


def _log_probs(net: CharRNN, indices_bt: np.ndarray, real_bt: np.ndarray) -> np.ndarray:
    """Return a net's log-probabilities of the outputs after each character, (S, W).

    Arguments:
        net: the net, on any device.
        indices_bt: the characters; each row is read from a zero state.
        real_bt: which of them are no padding; S are true.
    """
    with evaluating(net):
        input_bti = net.encode(torch.from_numpy(indices_bt).to(net.readout.weight.device))
        logits_btw, _ = net(input_bti, net.init_state(len(indices_bt)))
        logits_sw = logits_btw.cpu()[torch.from_numpy(real_bt)]
        log_probs: np.ndarray = functional.log_softmax(logits_sw, -1).numpy()
        return log_probs


def _metrics(rows: list[ReachRow], pattern: Pattern, measures: list[str]) -> dict[str, float]:
    """Return the metrics that `reach` describes; `measures` has the main measure first."""
    metrics: dict[str, float] = {}
    for measure in measures:
        is_whole_string = bool(pattern.mark) and measure == measures[0]
        for trained in (True, False):
            group = [row for row in rows if row.measure == measure and row.trained == trained]
            if not group:
                continue
            name = f"{measure}_{'right' if trained else 'beyond'}"
            if is_whole_string:
                name = "whole_strings" if trained else "beyond_strings"
            metrics[name] = sum(row.cases_right for row in group) / sum(row.cases for row in group)
            decidable = sum(row.decidable for row in group)
            if name == "beyond_strings" and decidable:
                metrics["beyond_accuracy"] = sum(row.decidable_right for row in group) / decidable
    if pattern.every_size:
        metrics["longest_right"] = 0
        for row in (row for row in rows if row.measure == measures[0]):
            if row.cases_right < row.cases:
                break
            metrics["longest_right"] = row.size
    return metrics
