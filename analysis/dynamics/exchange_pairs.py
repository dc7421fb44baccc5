"""Pairs of positions between which one variable is exchanged, and what is right after it.

What is right is what the pattern answers after a third position, the target: one that has the labels of the base, but
the source's value of the variable.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from analysis.dynamics.answers import LENGTH, Answers, answers_of_states
from analysis.dynamics.labelled import LabelledText, applies
from rnn_core.patterns import Pattern

# The end of an array's name gives its axes: T positions of a text, N positions or pairs, L characters of a word, W
# characters that are answered.


@dataclass(frozen=True, eq=False)
class Pairs:
    """N pairs of a base and a source, and what is right after the exchange.

    Attributes:
        base_n: the position of each base, (N,).
        source_n: the position of each source, (N,).
        target_n: a position with the labels of the base, but the source's value of the variable, (N,).
        words: the LENGTH characters that are read after it, N words. Where fewer follow in the text before its end or a
            mark, the last of them is repeated, and nothing is asked after it.
        asked_nl: where an answer is asked, bool, (N, L).
        answer_nlw: what is right there, bool, (N, L, W).
        missing: the pairs that were skipped because the text has no position with the replaced labels, from which
            something is asked.
        left_open: the pairs that were skipped because the labels leave open what is right.
    """

    base_n: np.ndarray
    source_n: np.ndarray
    target_n: np.ndarray
    words: list[str]
    asked_nl: np.ndarray
    answer_nlw: np.ndarray
    missing: int
    left_open: int


def draw_pairs(
    pattern: Pattern,
    answers: Answers,
    test: LabelledText,
    label: str,
    kept: Collection[str] | None,
    count: int,
    rng: np.random.Generator,
) -> Pairs:
    """Draw bases and sources, and find targets.

    Arguments:
        pattern: the pattern.
        answers: what it answers over the text, from `answers_over`.
        test: the text.
        label: the variable that is exchanged, one of its labels.
        kept: the labels that stay as in the base; None as in `interchange`.
        count: how many pairs are drawn, 1 or more, some of which may have to be skipped.
        rng: the source of the draws.

    Raises:
        ValueError: count is below 1, the label has one value, no pair is left, or the pattern's oracle has no states.
    """
    if count < 1:
        raise ValueError(f"{count} pairs; allowed: 1 or more")
    words, asked_tl = _words(test, answers)
    applying_t = applies(test.labels[label])
    value_t = _codes(test.labels[label])
    kept_t = _kept_codes(test, label, kept, applying_t)
    key_t = value_t * (kept_t.max() + 1) + kept_t
    position_n = np.flatnonzero(applying_t)
    if len(np.unique(value_t[position_n])) < 2:
        raise ValueError(f"{label} has one value in {len(test.text)} characters; allowed: two or more")
    usable_n = position_n[asked_tl[position_n].any(1)]
    targets = {int(key): usable_n[key_t[usable_n] == key] for key in np.unique(key_t[usable_n])}
    states = _LabelledStates(pattern, test.text, key_t, applying_t)
    found, missing, left_open = [], 0, 0
    for base in rng.choice(position_n, count):
        source = rng.choice(position_n)
        while value_t[source] == value_t[base]:
            source = rng.choice(position_n)
        key = int(value_t[source] * (kept_t.max() + 1) + kept_t[base])
        if key not in targets:
            missing += 1
            continue
        target = rng.choice(targets[key])
        if states.leave_open(key, words[target], asked_tl[target]):
            left_open += 1
            continue
        found.append((base, source, target))
    if not found:
        raise ValueError(
            f"of {count} pairs {missing} have no position with {label} replaced and the other labels kept, and of "
            f"{left_open} the labels leave open what is right; allowed: a longer text, or other labels that are kept"
        )
    base_n, source_n, target_n = np.array(found).T
    ahead_nl = np.minimum(target_n[:, None] + 1 + np.arange(LENGTH), len(test.text) - 1)
    return Pairs(
        base_n,
        source_n,
        target_n,
        [words[target].ljust(LENGTH, words[target][-1]) for target in target_n],
        asked_tl[target_n],
        answers.answer_nw[ahead_nl],
        missing,
        left_open,
    )


def _words(test: LabelledText, answers: Answers) -> tuple[list[str], np.ndarray]:
    """Return what follows each position, up to LENGTH characters or a mark, and where in it is asked, bool, (T, L)."""
    text = test.text
    words = [text[position + 1 : position + 1 + LENGTH] for position in range(len(text))]
    if test.mark:
        words = [word.partition(test.mark)[0] for word in words]
    ahead_tl = np.arange(len(text))[:, None] + 1 + np.arange(LENGTH)
    within_tl = np.arange(LENGTH) < np.array([len(word) for word in words])[:, None]
    return words, within_tl & answers.asked_n[np.minimum(ahead_tl, len(text) - 1)]


def _codes(value_t: np.ndarray) -> np.ndarray:
    """Return a number from 0 for each different value of a label, int64, (T,)."""
    codes: np.ndarray = np.unique(value_t, return_inverse=True)[1]
    return codes


def _kept_codes(test: LabelledText, label: str, kept: Collection[str] | None, applying_t: np.ndarray) -> np.ndarray:
    """Return a number from 0 for each different combination of the labels that are kept, int64, (T,)."""
    value_n = _codes(test.labels[label])[applying_t]
    code_t = np.zeros(len(test.text), dtype=np.int64)
    for name, value_t in test.labels.items():
        if name == label or value_t.ndim != 1 or (kept is not None and name not in kept):
            continue
        other_t = _codes(value_t)
        both = len(np.unique(value_n * (other_t.max() + 1) + other_t[applying_t]))
        if kept is None and both in (len(np.unique(value_n)), len(np.unique(other_t[applying_t]))):
            continue  # the one determines the other
        code_t = _codes(code_t * (other_t.max() + 1) + other_t)
    return code_t


class _LabelledStates:
    """The states of a pattern that share their labels, over a text.

    Arguments:
        pattern: the pattern.
        text: the text.
        key_t: a number for the labels of each position, (T,).
        applying_t: the positions that count, bool, (T,).
    """

    def __init__(self, pattern: Pattern, text: str, key_t: np.ndarray, applying_t: np.ndarray) -> None:
        states = None if pattern.oracle is None else pattern.oracle.states(text)
        if states is None:
            raise ValueError(f"the states of {pattern.spec} are unknown; allowed: patterns whose oracle has states")
        self._machine = None if pattern.automaton is None else answers_of_states(pattern)
        known = states if self._machine is None else self._machine[0].states
        numbers = {state: number for number, state in enumerate(dict.fromkeys(known))}
        number_t = np.array([numbers[state] for state in states[1:]])
        pairs = np.unique(np.stack([key_t, number_t])[:, applying_t], axis=1)
        self._states = {int(key): pairs[1, pairs[0] == key] for key in np.unique(pairs[0])}

    def leave_open(self, key: int, word: str, asked_l: np.ndarray) -> bool:
        """Return whether two states with the same labels give different answers along a word.

        Where the pattern has no automaton, different states count as different.

        Arguments:
            key: the number of the labels.
            word: the characters that are read.
            asked_l: where along the word an answer is asked, bool, (L,).
        """
        state_n = self._states[key]
        if len(state_n) == 1 or self._machine is None:
            return len(state_n) > 1
        automaton, answers = self._machine
        for character, asked in zip(word, asked_l, strict=False):
            state_n = automaton.next_sv[state_n, automaton.alphabet.index(character)]
            state_n = state_n[state_n >= 0]  # where the word is impossible, nothing is said of it
            if asked and (answers.answer_nw[state_n] != answers.answer_nw[state_n[:1]]).any():
                return True
        return False
