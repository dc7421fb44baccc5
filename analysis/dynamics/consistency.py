"""Consistency: whether a net goes on alike after all texts that lead a pattern to one state of its automaton."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.dynamics.answers import LENGTH, Answers, answers_of_states, follow
from analysis.dynamics.net_map import NetMap
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.automaton import Automaton

# The end of an array's name gives its axes: N prefixes, M words, L characters of a word, W characters that are
# answered, K numbers of a flat state, S states of an automaton, V characters that are read.

MAX_WORDS = 256
"""The most continuations of a state that are asked; of a state with more, as many are drawn."""

MAX_PREFIXES = 10
"""The most prefixes of a state that are compared."""

MAX_STATES = 50
"""The most states of which prefixes are compared."""


@dataclass(frozen=True)
class Consistency:
    """Whether a net answers alike after all texts that lead the pattern to the same state of its automaton.

    Attributes:
        agree: the share of the pairs of prefixes of one state after which the net gives the same answers along all
            continuations, 0 to 1. A net that answers always the same reaches 1, so look at `right`, too.
        right: the share of the prefixes after which all of these answers are the pattern's, 0 to 1.
        pairs: the number of pairs.
        prefixes: the number of prefixes.
        states: the number of states that are compared.
        words: the number of continuations asked, over all these states; each has LENGTH characters, or ends where only
            a mark follows.
        drawn: whether there are more continuations, of which these were drawn.
    """

    agree: float
    right: float
    pairs: int
    prefixes: int
    states: int
    words: int
    drawn: bool


def consistency(net: NetMap, pattern: Pattern, text: str, seed: int = 0) -> Consistency:
    """Return whether a net goes on alike after texts that lead a pattern to one state.

    A prefix is the text from the last mark, or from the beginning, to some position. Up to MAX_STATES states are drawn
    of those to which two or more different prefixes lead, and up to MAX_PREFIXES of these of each. All continuations
    that are possible in the pattern are read after each prefix, up to MAX_WORDS of a state; where there are more, each
    character is drawn evenly from the possible ones. None goes beyond a mark. Answers that the pattern does not score
    are not compared.

    Arguments:
        net: the net, which is reset at the pattern's marks.
        pattern: a pattern with an automaton.
        text: a text of the pattern from its beginning on.
        seed: the seed of the draws.

    Raises:
        ValueError: the pattern has no automaton, every character is always possible in it, or no state has two
            different prefixes.
    """
    automaton, answers = answers_of_states(pattern)
    next_sv = automaton.next_sv.copy()
    if pattern.mark:
        next_sv[:, automaton.alphabet.index(pattern.mark)] = -1
    rng = np.random.default_rng(seed)
    states_tk, _ = net.path(text)
    prefixes = _prefixes(pattern, automaton, text)
    agreeing = pairs = right = count = compared = asked = 0
    drawn = False
    states = [state for state, positions in prefixes.items() if len(positions) > 1]
    for state in sorted(rng.permutation(states)[:MAX_STATES].tolist()):
        words, words_drawn = _continuations(automaton.alphabet, next_sv, state, rng)
        position_n = rng.permutation(prefixes[state])[:MAX_PREFIXES]
        asked_ml, answer_mlw = _along(automaton.alphabet, next_sv, answers, state, words)
        if not asked_ml.any():
            continue
        came_nmlw = _answers_of_net(net, answers, states_tk[position_n], words) & asked_ml[..., None]
        _, group_n = np.unique(came_nmlw.reshape(len(position_n), -1), axis=0, return_counts=True)
        agreeing += int((group_n * (group_n - 1)).sum()) // 2
        pairs += len(position_n) * (len(position_n) - 1) // 2
        right += int((came_nmlw == answer_mlw & asked_ml[..., None]).all((1, 2, 3)).sum())
        count += len(position_n)
        compared, asked, drawn = compared + 1, asked + len(words), drawn or words_drawn
    if not pairs:
        raise ValueError(f"no state has two different prefixes in {len(text)} characters; allowed: a longer text")
    return Consistency(agreeing / pairs, right / count, pairs, count, compared, asked, drawn)


def _prefixes(pattern: Pattern, automaton: Automaton, text: str) -> dict[int, list[int]]:
    """Return for each state the positions of a text at which different prefixes lead to it, but for marks."""
    prefixes: dict[int, dict[str, int]] = {}
    begin = state = 0
    for position, character in enumerate(text):
        state = int(automaton.next_sv[state, automaton.alphabet.index(character)])
        if character == pattern.mark:
            begin = position
        else:
            prefixes.setdefault(state, {}).setdefault(text[begin : position + 1], position)
    return {state: list(positions.values()) for state, positions in prefixes.items()}


def _continuations(alphabet: str, next_sv: np.ndarray, state: int, rng: np.random.Generator) -> tuple[list[str], bool]:
    """Return continuations of a state: all, or MAX_WORDS that are drawn, and whether they were drawn.

    Arguments:
        alphabet: the V characters.
        next_sv: the next state for each state and character, -1 where there is none, (S, V).
        state: the state.
        rng: the source of the draws.
    """
    moves_s = (next_sv >= 0).sum(1)
    number_s = np.ones(len(next_sv))  # of continuations, of one character more each time
    for _ in range(LENGTH):
        number_s = np.where(moves_s > 0, (number_s[next_sv] * (next_sv >= 0)).sum(1), 1.0)
    if number_s[state] > MAX_WORDS:
        drawn: dict[str, None] = {}
        for _ in range(MAX_WORDS):
            word, at = "", state
            while len(word) < LENGTH and moves_s[at]:
                column = int(rng.choice(np.flatnonzero(next_sv[at] >= 0)))
                word, at = word + alphabet[column], int(next_sv[at, column])
            drawn[word] = None
        return list(drawn), True
    words = [("", state)]
    for _ in range(LENGTH):
        words = [
            (word + alphabet[column], int(next_sv[at, column])) if column >= 0 else (word, at)
            for word, at in words
            for column in (np.flatnonzero(next_sv[at] >= 0).tolist() or [-1])
        ]
    return [word for word, _ in words], False


def _along(
    alphabet: str, next_sv: np.ndarray, answers: Answers, state: int, words: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return where along words the pattern is asked, bool, (M, L), and what it answers there, bool, (M, L, W)."""
    asked_ml = np.zeros((len(words), LENGTH), dtype=bool)
    answer_mlw = np.zeros((len(words), LENGTH, len(answers.outputs)), dtype=bool)
    for row, word in enumerate(words):
        at = state
        for place, character in enumerate(word):
            at = int(next_sv[at, alphabet.index(character)])
            asked_ml[row, place], answer_mlw[row, place] = answers.asked_n[at], answers.answer_nw[at]
    return asked_ml, answer_mlw


def _answers_of_net(net: NetMap, answers: Answers, states_nk: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """Return what a net answers along each of M words from each of N states: bool, (N, M, L, W).

    What it answers after the end of a word means nothing.
    """
    padded = [word.ljust(LENGTH, word[-1]) for word in words]
    rows_nk = np.repeat(states_nk, len(words), 0)
    came = [answers.of_net(net, logits_nw) for _, logits_nw in follow(net, rows_nk, padded * len(states_nk))]
    return np.stack(came, 1).reshape(len(states_nk), len(words), LENGTH, -1)
