"""How far a trained net's knowledge reaches: its cases judged step by step against the oracle, size by size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rnn_core.evaluation import MOST_NUMBERS, measuring, width
from rnn_core.model import CharRNN
from rnn_core.patterns.base import Case, Pattern
from rnn_core.patterns.strings import split
from rnn_core.patterns.tomita import Tomita
from rnn_core.prepare import Prepared

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
    cases = pattern.cases(prepared.evaluation, prepared.text, prepared.config.data_seed)
    rows: list[Row] = []
    if cases:
        sums: dict[tuple[str, int], np.ndarray] = {}
        for case, counted in _judge(net, prepared, cases):
            key = (case.measure, case.size)
            sums[key] = sums.get(key, np.zeros(7)) + counted
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
    longest = max(len(string) for string in split(prepared.text))
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


def _judge(net: CharRNN, prepared: Prepared, cases: list[Case]) -> Iterator[tuple[Case, np.ndarray]]:
    """Yield each case with its counts in the order of Row's fields, from `cases` on."""
    # Cases that share a text are read once; texts of like length side by side.
    texts = sorted({case.text for case in cases}, key=lambda text: (len(text), text))
    of_text: dict[str, list[Case]] = {}
    for case in cases:
        of_text.setdefault(case.text, []).append(case)
    begin = 0
    while begin < len(texts):
        # As many of the next texts as fit into memory at the length of the longest.
        end = begin + 1
        while end < len(texts) and (end + 1 - begin) * len(texts[end]) * width(net) <= MOST_NUMBERS:
            end += 1
        batch, begin = texts[begin:end], end
        log_probs_btv = _log_probs(net, prepared, batch)
        for text, log_probs_tv in zip(batch, log_probs_btv, strict=True):
            yield from _judge_text(prepared, text, log_probs_tv[: len(text) - 1], of_text[text])


def _log_probs(net: CharRNN, prepared: Prepared, texts: list[str]) -> np.ndarray:
    """Return the net's log-probabilities after each character but the last of each text, (B, T, V), T the longest's."""
    longest = max(map(len, texts)) - 1
    indices_bt = torch.zeros(len(texts), longest, dtype=torch.int64)
    for row, text in zip(indices_bt, texts, strict=True):
        row[: len(text) - 1] = prepared.vocabulary.encode(text)[:-1]
    with measuring(net):
        indices_bt = indices_bt.to(net.readout.weight.device)
        logits_btv, _ = net(net.encode(indices_bt), net.init_hidden(len(texts)))
        log_probs: np.ndarray = functional.log_softmax(logits_btv, -1).cpu().numpy()
        return log_probs


def _judge_text(
    prepared: Prepared, text: str, log_probs_tv: np.ndarray, cases: list[Case]
) -> Iterator[tuple[Case, np.ndarray]]:
    pattern = prepared.pattern
    assert pattern.oracle is not None, "only patterns with an oracle have cases"
    assert pattern.language is not None
    came = prepared.vocabulary.encode(text)[1:].numpy()
    steps = np.arange(len(came))
    oracle_tv = pattern.oracle.distributions(text)[1:]
    if oracle_tv[-1, came[-1]] == 0:  # larger than any that may be drawn
        oracle_tv = pattern.language.distributions(text)[1:]
    least_t = np.where(oracle_tv > 0, oracle_tv, 1).min(axis=1)
    allowed_tv = np.exp(log_probs_tv) > np.minimum(ALLOWED, least_t / 2)[:, None]
    impossible = (allowed_tv & (oracle_tv == 0)).any(axis=1)
    decidable = oracle_tv.max(axis=1) > CERTAIN
    right = np.where(decidable, log_probs_tv.argmax(axis=1) == came, allowed_tv[steps, came] & ~impossible)
    scored = pattern.scored(text)
    for case in cases:
        judged = np.ones(len(came), dtype=bool) if scored is None else scored[1:].copy()
        if case.judged is not None:
            judged &= np.isin(steps + 1, case.judged)
        counts = (judged, judged & right, judged & decidable, judged & decidable & right)
        loss = -log_probs_tv[steps, came][judged].sum(dtype=np.float64)
        yield case, np.array([1, right[judged].all(), *(count.sum() for count in counts), loss])


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
