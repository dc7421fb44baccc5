"""How far a trained net's knowledge reaches: its cases judged step by step against the oracle, size by size."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional

from rnn_core.data import Data, Prepared
from rnn_core.nets import reading
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import measuring, width
from rnn_core.patterns.shared.base import Case, Pattern
from rnn_core.patterns.tomita import Tomita

ALLOWED = 0.01
"""A net allows the characters to which it gives more than this probability, or than half of what the oracle gives to
the least likely that may come, where that is less."""

CERTAIN = 1 - 1e-9
"""The oracle's probability of a character above which no other is possible."""


@dataclass(frozen=True)
class Row:
    """The cases of one size.

    Attributes:
        measure, size: what was counted, and how many of it, such as length 41.
        trained: the size lies within what was trained on.
        cases: how many there are.
        cases_right: those of which every judged step is right.
        steps, steps_right: judged predictions, and those of them that are right.
        decidable, decidable_right: judged predictions with only one possible character, and those that are right.
        loss_sum: cross-entropy of the judged predictions, nats.

    A step is right if the likeliest character is the only possible one or, where several are possible, if the net
    allows (gives more than ALLOWED) the one that came and none that is impossible.
    """

    measure: str
    size: int
    trained: bool
    cases: int = 0
    cases_right: int = 0
    steps: int = 0
    steps_right: int = 0
    decidable: int = 0
    decidable_right: int = 0
    loss_sum: float = 0.0


COUNTED = ("cases", "cases_right", "steps", "steps_right", "decidable", "decidable_right")


def generalize(net: CharRNN, prepared: Prepared) -> tuple[list[Row], dict[str, float]]:
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
        false_accepts, false_rejects: where all strings up to a length are classified (see `classify`), how many that
            are not of the language the net accepts, and how many that are it rejects.
        Shares from 0 to 1; what has no cases is left out.
    """
    pattern = prepared.pattern
    rows: list[Row] = []
    if questions := prepared.data.once(_questions):
        sums: dict[tuple[str, int], np.ndarray] = {}
        for kind, counted in _judge(net, questions):
            sums[kind] = sums.get(kind, np.zeros(7)) + counted
        measures = list(prepared.ranges)
        for (measure, size), total in sorted(sums.items(), key=lambda item: (measures.index(item[0][0]), item[0][1])):
            least, most = prepared.ranges[measure]
            *counts, loss_sum = total.tolist()
            whole = {name: int(count) for name, count in zip(COUNTED, counts, strict=True)}
            rows.append(Row(measure, size, least <= size <= most, **whole, loss_sum=loss_sum))
    metrics = _summary(rows, pattern, list(prepared.ranges))
    if isinstance(pattern, Tomita):
        classified, wrong = classify(net, prepared, pattern)
        rows += classified
        metrics |= wrong
    return rows, metrics


def classify(net: CharRNN, prepared: Prepared, pattern: Tomita) -> tuple[list[Row], dict[str, float]]:
    """Ask a net about every string over {0, 1} up to the pattern's `classified` length.

    A net accepts a string if it allows each of its characters and the mark at its end: gives each more than ALLOWED.

    Returns:
        For each length a row, in which only `cases` and `cases_right` count something; false_accepts, false_rejects.
    """
    symbols = prepared.vocabulary.encode("01")
    mark = prepared.vocabulary.encode(pattern.mark)
    _, longest = prepared.ranges["length"]
    rows, false_accepts, false_rejects = [], 0, 0
    with measuring(net):
        device = net.readout.weight.device
        alive = torch.zeros(1, dtype=torch.int64)  # the strings whose characters are all allowed, as binary numbers
        logits_btv, hidden = net(net.encode(mark[None].to(device)), net.init_hidden(1))
        for length in range(pattern.classified + 1):
            allowed_bv = (logits_btv[:, -1].softmax(-1) > ALLOWED).cpu()
            accepted = np.zeros(2**length, dtype=bool)
            accepted[alive[allowed_bv[:, mark[0]]].numpy()] = True
            members = pattern.members(length)
            false_accepts += int((accepted & ~members).sum())
            false_rejects += int((members & ~accepted).sum())
            right = int((accepted == members).sum())
            rows.append(Row("classified_length", length, length <= longest, 2**length, right))
            goes_on = [allowed_bv[:, symbol].nonzero().flatten() for symbol in symbols]
            came_from = torch.cat(goes_on)
            came = torch.cat([symbol.expand(len(part)) for symbol, part in zip(symbols, goes_on, strict=True)])
            alive = torch.cat([2 * alive[part] + bit for bit, part in enumerate(goes_on)])
            if not len(alive):  # nothing longer is accepted either
                logits_btv = logits_btv[:0]
                continue
            chosen = came_from.to(device)
            state = tuple(part[:, chosen] for part in hidden) if isinstance(hidden, tuple) else hidden[:, chosen]
            logits_btv, hidden = net(net.encode(came[:, None].to(device)), state)
    return rows, {"false_accepts": false_accepts, "false_rejects": false_rejects}


@dataclass(frozen=True)
class _Questions:
    """What nets are judged by, as far as it does not depend on the net: n texts with S steps in all, one behind the
    other, and C cases that judge J steps in all.

    Attributes:
        kinds: the measure and the size of each case, (C,).
        lengths: the characters of each text, (n,), ascending.
        indices: the texts' characters, (S + n,).
        possible_sv: which characters may come, bool, (S, V).
        bar_s: the probability above which a net allows a character, (S,).
        decidable_s: whether only one character may come, bool, (S,).
        judged: the steps that each case judges, those of one case after those of another, (J,).
        begins: where the cases of each text begin in `kinds`, and where the last ones end, (n + 1,).
        bounds: where the steps of each case begin in `judged`, and where the last ones end, (C + 1,).
    """

    kinds: list[tuple[str, int]]
    lengths: np.ndarray
    indices: np.ndarray
    possible_sv: np.ndarray
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
    assert pattern.oracle is not None, "only patterns with an oracle have cases"
    assert pattern.language is not None
    texts = sorted(of_text, key=lambda text: (len(text), text))
    cases = [case for text in texts for case in of_text[text]]
    possible, bars, decidable, judged = [], [], [], []
    before = 0  # steps of the texts so far
    for text in texts:
        oracle_tv = pattern.oracle.distributions(text)[1:]
        if oracle_tv[-1, data.vocabulary.to_index[text[-1]]] == 0:  # larger than any that may be drawn
            oracle_tv = pattern.language.distributions(text)[1:]
        possible.append(oracle_tv > 0)
        bars.append(np.minimum(ALLOWED, np.where(possible[-1], oracle_tv, 1).min(axis=1) / 2))
        decidable.append(oracle_tv.max(axis=1) > CERTAIN)
        scored = pattern.scored(text)
        counts = np.ones(len(oracle_tv), dtype=bool) if scored is None else scored[1:]
        for case in of_text[text]:
            steps = np.flatnonzero(counts)
            if case.judged is not None:
                steps = np.intersect1d(steps, np.array(case.judged) - 1)
            judged.append((before + steps).astype(np.int32))
        before += len(oracle_tv)
    return _Questions(
        kinds=[(case.measure, case.size) for case in cases],
        lengths=np.array([len(text) for text in texts]),
        indices=data.vocabulary.encode("".join(texts)).numpy().astype(np.int32),
        possible_sv=np.concatenate(possible),
        bar_s=np.concatenate(bars),
        decidable_s=np.concatenate(decidable),
        judged=np.concatenate(judged),
        begins=np.cumsum([0, *(len(of_text[text]) for text in texts)]),
        bounds=np.cumsum([0, *map(len, judged)]),
    )


def _judge(net: CharRNN, questions: _Questions) -> Iterator[tuple[tuple[str, int], np.ndarray]]:
    """Yield each case's measure and size, with its counts in the order of Row's fields, from `cases` on."""
    lengths = questions.lengths
    begin = 0
    while begin < len(lengths):
        # As many of the next texts as fit into memory at the length of the longest.
        end = begin + 1
        while end < len(lengths) and (end + 1 - begin) * lengths[end] * width(net) <= reading.MOST_NUMBERS:
            end += 1
        yield from _judge_texts(net, questions, begin, end)
        begin = end


def _judge_texts(
    net: CharRNN, questions: _Questions, begin: int, end: int
) -> Iterator[tuple[tuple[str, int], np.ndarray]]:
    """Judge the cases of the texts from `begin` to before `end`, read side by side."""
    lengths = questions.lengths
    at = lengths[:begin].sum()
    here_bt = np.arange(lengths[end - 1]) < lengths[begin:end, None]
    indices_bt = np.zeros(here_bt.shape, dtype=np.int64)
    indices_bt[here_bt] = questions.indices[at : at + lengths[begin:end].sum()]
    came_s = indices_bt[:, 1:][here_bt[:, 1:]]
    log_probs_sv = _log_probs(net, indices_bt[:, :-1], here_bt[:, 1:])

    first, count = at - begin, len(came_s)  # a text has one step less than characters
    steps = slice(first, first + count)
    possible_sv, decidable_s = questions.possible_sv[steps], questions.decidable_s[steps]
    allowed_sv = np.exp(log_probs_sv) > questions.bar_s[steps, None]
    allows_s = allowed_sv[np.arange(count), came_s] & ~(allowed_sv & ~possible_sv).any(axis=1)
    right_s = np.where(decidable_s, log_probs_sv.argmax(axis=1) == came_s, allows_s)

    cases = range(questions.begins[begin], questions.begins[end])
    bounds = questions.bounds[cases.start : cases.stop + 1]
    judged = questions.judged[bounds[0] : bounds[-1]] - first
    bounds = bounds - bounds[0]
    flags = [flags_s[judged] for flags_s in (right_s, decidable_s, decidable_s & right_s)]
    came_log_probs_j = log_probs_sv[np.arange(count), came_s][judged]
    for case, (left, right) in zip(cases, pairwise(bounds), strict=True):
        counts = [np.count_nonzero(flags_j[left:right]) for flags_j in flags]
        loss = -came_log_probs_j[left:right].sum(dtype=np.float64)
        yield questions.kinds[case], np.array([1, counts[0] == right - left, right - left, *counts, loss])


def _log_probs(net: CharRNN, indices_bt: np.ndarray, here_bt: np.ndarray) -> np.ndarray:
    """Return a net's log-probabilities after each character that is here, each row read from a zero state, (S, V)."""
    with measuring(net):
        input_bti = net.encode(torch.from_numpy(indices_bt).to(net.readout.weight.device))
        logits_btv, _ = net(input_bti, net.init_hidden(len(indices_bt)))
        logits_sv = logits_btv.cpu()[torch.from_numpy(here_bt)]
        log_probs: np.ndarray = functional.log_softmax(logits_sv, -1).numpy()
        return log_probs


def _summary(rows: list[Row], pattern: Pattern, measures: list[str]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for measure in measures:
        main = bool(pattern.mark) and measure == measures[0]
        for trained in (True, False):
            some = [row for row in rows if row.measure == measure and row.trained == trained]
            if not some:
                continue
            name = f"{measure}_{'right' if trained else 'beyond'}"
            if main:
                name = "whole_strings" if trained else "beyond_strings"
            metrics[name] = sum(row.cases_right for row in some) / sum(row.cases for row in some)
            decidable = sum(row.decidable for row in some)
            if name == "beyond_strings" and decidable:
                metrics["beyond_accuracy"] = sum(row.decidable_right for row in some) / decidable
    if pattern.every_size:
        metrics["longest_right"] = 0
        for row in rows:
            if row.cases_right < row.cases:
                break
            metrics["longest_right"] = row.size
    return metrics
