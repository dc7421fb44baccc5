"""How far a trained net's knowledge reaches: its cases judged step by step against the oracle, size by size."""

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
from rnn_core.nets.reading import measuring
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, ReachRow

ALLOWED = 0.01
"""A net allows the characters to which it gives more than this probability, or than half of what the oracle gives to
the least likely that may come, where that is less."""

CERTAIN = 1 - 1e-9
"""The oracle's probability of a character above which no other is possible."""


COUNTED = ("cases", "cases_right", "steps", "steps_right", "decidable", "decidable_right")


def reach(net: CharRNN, prepared: Prepared) -> tuple[list[ReachRow], dict[str, float]]:
    """Judge a net on its pattern's cases, those like the training text and those beyond it.

    Returns:
        One row a size, and their key numbers:
        whole_strings: of patterns of strings, the share of the cases within the training range, by the main measure, of
            which every step is right.
        beyond_strings, beyond_accuracy: the same of the cases beyond the training range, and the share of their
            decidable steps that is right.
        longest_right: where the cases have every size, the greatest up to which, from the least, all are right; 0 for
            none.
        MEASURE_right, MEASURE_beyond: for any other measure, the share of its cases that is right, within the training
            range and beyond it.
        Shares from 0 to 1; what has no cases is left out.
    """
    ranges = prepared.data.ranges
    rows: list[ReachRow] = []
    if questions := prepared.data.cached(_questions):
        sums: dict[tuple[str, int], np.ndarray] = {}
        for kind, counted in _judge(net, questions):
            sums[kind] = sums.get(kind, np.zeros(7)) + counted
        measures = list(ranges)
        for (measure, size), total in sorted(sums.items(), key=lambda item: (measures.index(item[0][0]), item[0][1])):
            least, most = ranges[measure]
            *counts, loss_sum = total.tolist()
            whole = {name: int(count) for name, count in zip(COUNTED, counts, strict=True)}
            rows.append(ReachRow(measure, size, least <= size <= most, **whole, loss_sum=loss_sum))
    return rows, _summary(rows, prepared.pattern, list(ranges))


@dataclass(frozen=True)
class _Questions:
    """What nets are judged by, as far as it does not depend on the net.

    There are n texts with S steps in all, one behind the other, and C cases that judge J steps in all.

    Attributes:
        kinds: the measure and the size of each case, (C,).
        lengths: the steps of each text, (n,), ascending.
        strings: for each text the steps of each of its strings, each read from a zero state; of a stream, one number.
        read, target: the character read at each step, and what is to be said after it, as indices, (S,).
        possible_sw: what may be said, bool, (S, W).
        bar_s: the probability above which a net allows a character, (S,).
        decidable_s: whether only one character may be said, bool, (S,).
        judged: the steps that each case judges, those of one case after those of another, (J,).
        begins: where the cases of each text begin in `kinds`, and where the last ones end, (n + 1,).
        bounds: where the steps of each case begin in `judged`, and where the last ones end, (C + 1,).
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


def _questions(data: Data) -> _Questions | None:
    """Return what the nets of this data are judged by; None where the pattern has no cases."""
    pattern = data.pattern
    # Cases that share a text are read once; texts of like length side by side.
    of_text: dict[str, list[Case]] = {}
    for case in pattern.cases(data.evaluation, data.text, data.data_seed):
        of_text.setdefault(case.text, []).append(case)
    if not of_text:
        return None
    texts = sorted(of_text, key=lambda text: (len(text), text))
    cases = [case for text in texts for case in of_text[text]]
    every, possible, bars, decidable, judged = [], [], [], [], []
    before = 0  # steps of the texts so far
    for text in texts:
        expected_tw = pattern.target_distributions(text)
        possible.append(expected_tw > 0)
        bars.append(np.minimum(ALLOWED, np.where(possible[-1], expected_tw, 1).min(axis=1) / 2))
        decidable.append(expected_tw.max(axis=1) > CERTAIN)
        steps = data.steps(text)
        first = len(text) - len(steps)  # the character of the text that is said first
        counted = np.flatnonzero(steps.counted.numpy())
        for case in of_text[text]:
            own = counted if case.judged is None else np.intersect1d(counted, np.array(case.judged) - first)
            judged.append((before + own).astype(np.int32))
        every.append(steps)
        before += len(steps)
    return _Questions(
        kinds=[(case.measure, case.size) for case in cases],
        lengths=np.array([len(steps) for steps in every]),
        strings=[_string_lengths(steps) for steps in every],
        read=np.concatenate([steps.read.numpy() for steps in every]).astype(np.int32),
        target=np.concatenate([steps.target.numpy() for steps in every]).astype(np.int32),
        possible_sw=np.concatenate(possible),
        bar_s=np.concatenate(bars),
        decidable_s=np.concatenate(decidable),
        judged=np.concatenate(judged),
        begins=np.cumsum([0, *(len(of_text[text]) for text in texts)]),
        bounds=np.cumsum([0, *map(len, judged)]),
    )


def _string_lengths(steps: Steps) -> np.ndarray:
    starts = [0] if steps.starts is None else steps.starts.tolist()
    return np.diff([*starts, len(steps)])


def _judge(net: CharRNN, questions: _Questions) -> Iterator[tuple[tuple[str, int], np.ndarray]]:
    """Yield each case's measure and size, with its counts in the order of ReachRow's fields, from `cases` on."""
    lengths = questions.lengths
    begin = 0
    while begin < len(lengths):
        # As many of the next texts as fit into memory at the length of the longest.
        end = begin + 1
        while end < len(lengths) and (end + 1 - begin) * lengths[end] * net.width <= reading.MAX_NUMBERS:
            end += 1
        yield from _judge_texts(net, questions, begin, end)
        begin = end


def _judge_texts(
    net: CharRNN, questions: _Questions, begin: int, end: int
) -> Iterator[tuple[tuple[str, int], np.ndarray]]:
    """Judge the cases of the texts from `begin` to before `end`, read side by side."""
    lengths = questions.lengths
    first, count = lengths[:begin].sum(), lengths[begin:end].sum()
    steps = slice(first, first + count)
    row_lengths = np.concatenate(questions.strings[begin:end])
    here_bt = np.arange(row_lengths.max()) < row_lengths[:, None]
    indices_bt = np.zeros(here_bt.shape, dtype=np.int64)
    indices_bt[here_bt] = questions.read[steps]
    log_probs_sw, target_s = _log_probs(net, indices_bt, here_bt), questions.target[steps]

    possible_sw, decidable_s = questions.possible_sw[steps], questions.decidable_s[steps]
    allowed_sw = np.exp(log_probs_sw) > questions.bar_s[steps, None]
    allows_s = allowed_sw[np.arange(count), target_s] & ~(allowed_sw & ~possible_sw).any(axis=1)
    right_s = np.where(decidable_s, log_probs_sw.argmax(axis=1) == target_s, allows_s)

    cases = range(questions.begins[begin], questions.begins[end])
    bounds = questions.bounds[cases.start : cases.stop + 1]
    judged = questions.judged[bounds[0] : bounds[-1]] - first
    bounds = bounds - bounds[0]
    flags = [flags_s[judged] for flags_s in (right_s, decidable_s, decidable_s & right_s)]
    target_log_probs_j = log_probs_sw[np.arange(count), target_s][judged]
    for case, (left, right) in zip(cases, pairwise(bounds), strict=True):
        counts = [np.count_nonzero(flags_j[left:right]) for flags_j in flags]
        loss = -target_log_probs_j[left:right].sum(dtype=np.float64)
        yield questions.kinds[case], np.array([1, counts[0] == right - left, right - left, *counts, loss])


def _log_probs(net: CharRNN, indices_bt: np.ndarray, here_bt: np.ndarray) -> np.ndarray:
    """Return a net's log-probabilities after each character that is here, each row read from a zero state, (S, W)."""
    with measuring(net):
        input_bti = net.encode(torch.from_numpy(indices_bt).to(net.readout.weight.device))
        logits_btw, _ = net(input_bti, net.init_hidden(len(indices_bt)))
        logits_sw = logits_btw.cpu()[torch.from_numpy(here_bt)]
        log_probs: np.ndarray = functional.log_softmax(logits_sw, -1).numpy()
        return log_probs


def _summary(rows: list[ReachRow], pattern: Pattern, measures: list[str]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for measure in measures:
        main = bool(pattern.mark) and measure == measures[0]
        for trained in (True, False):
            own = [row for row in rows if row.measure == measure and row.trained == trained]
            if not own:
                continue
            name = f"{measure}_{'right' if trained else 'beyond'}"
            if main:
                name = "whole_strings" if trained else "beyond_strings"
            metrics[name] = sum(row.cases_right for row in own) / sum(row.cases for row in own)
            decidable = sum(row.decidable for row in own)
            if name == "beyond_strings" and decidable:
                metrics["beyond_accuracy"] = sum(row.decidable_right for row in own) / decidable
    if pattern.every_size:
        metrics["longest_right"] = 0
        for row in rows:
            if row.cases_right < row.cases:
                break
            metrics["longest_right"] = row.size
    return metrics
