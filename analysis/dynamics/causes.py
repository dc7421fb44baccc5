"""Causes: whether a net goes on alike after texts that lead a pattern to one state, and what is lost without a unit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics.answers import LENGTH, Answers, answers_of_states, follow
from analysis.dynamics.net_map import NetMap
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.automaton import Automaton
from rnn_core.vocabulary import Vocabulary

# The end of an array's name gives its axes: N prefixes or nets, M words, L characters of a word, W characters that are
# answered, K numbers of a flat state, D directions, T characters of a text, V characters that are read.

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
        words, some_drawn = _continuations(automaton.alphabet, next_sv, state, rng)
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
        compared, asked, drawn = compared + 1, asked + len(words), drawn or some_drawn
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


@dataclass(frozen=True, eq=False)
class Ablation:
    """What a net loses without each of D directions of its state.

    Attributes:
        loss_d: the mean loss without each direction, in nats per scored character, (D,).
        accuracy_d: the share of scored characters whose likeliest target is right without each, 0 to 1, (D,).
        loss: the mean loss of the whole net on the same characters.
        accuracy: its accuracy there.
        characters: the number of characters scored.
    """

    loss_d: np.ndarray
    accuracy_d: np.ndarray
    loss: float
    accuracy: float
    characters: int

    def table(self, names: Sequence[str]) -> pd.DataFrame:
        """Return a row for each direction, the one without which the net loses most first.

        Arguments:
            names: the names of the D directions, such as `NetMap.number_names`.

        Returns:
            The columns name, loss, accuracy, and the two differences from the whole net: loss_added, in nats per scored
            character, and accuracy_lost.
        """
        table = pd.DataFrame(
            {
                "name": list(names),
                "loss": self.loss_d,
                "accuracy": self.accuracy_d,
                "loss_added": self.loss_d - self.loss,
                "accuracy_lost": self.accuracy - self.accuracy_d,
            }
        )
        return table.sort_values("loss_added", ascending=False, kind="stable", ignore_index=True)


def ablation(net: NetMap, pattern: Pattern, text: str, directions_dk: np.ndarray | None = None) -> Ablation:
    """Take each direction out of what a net remembers, one at a time, and measure what it loses over a text.

    After each character the state's coordinate along the direction is set to its mean over the text in the whole net.
    What is measured is what the direction carries from one character to the next ones: the prediction after a character
    is made before its state is changed. The state at the start and at marks stays as it is.

    Arguments:
        net: the net.
        pattern: the pattern, which gives targets and which of them are scored.
        text: a text of the pattern from its beginning on.
        directions_dk: D directions, of any length above 0, (D, K); None for each number of the state.

    Raises:
        ValueError: a direction is 0 or has another size, or nothing in the text is scored.
    """
    direction_dk = np.eye(net.size) if directions_dk is None else np.asarray(directions_dk, dtype=np.float64)
    if direction_dk.ndim != 2 or direction_dk.shape[1] != net.size or not direction_dk.any(1).all():
        raise ValueError(f"directions have the shape {direction_dk.shape}; allowed: (D, {net.size}), none of them 0")
    direction_dk = direction_dk / np.linalg.norm(direction_dk, axis=1, keepdims=True)
    read, targets = pattern.inputs_and_targets(text)
    scored_t = pattern.scored(text)
    scored_t = np.ones(len(read), dtype=bool) if scored_t is None else scored_t[len(text) - len(targets) :]
    if not scored_t.any():
        raise ValueError(f"nothing is scored in {len(text)} characters; allowed: a longer text")
    target_t = np.array([net.outputs.index(target) for target in targets])
    Vocabulary(net.alphabet).indices(read)  # checks the text before anything is computed
    mean_d = direction_dk @ net.path(read)[0].mean(0)
    states_nk = start_nk = np.tile(net.start_k, (len(direction_dk) + 1, 1))  # the last row is the whole net
    loss_n, right_n = np.zeros(len(start_nk)), np.zeros(len(start_nk))
    for character, target, scored in zip(read, target_t, scored_t, strict=True):
        states_nk, logits_nw = net.predict(start_nk if character == net.mark else states_nk, character)
        along_d = (states_nk[:-1] * direction_dk).sum(1)
        states_nk[:-1] += (mean_d - along_d)[:, None] * direction_dk
        if scored:
            top_n = logits_nw.max(1)
            loss_n += np.log(np.exp(logits_nw - top_n[:, None]).sum(1)) + top_n - logits_nw[:, target]
            right_n += logits_nw.argmax(1) == target
    count = int(scored_t.sum())
    loss_n, right_n = loss_n / count, right_n / count
    return Ablation(loss_n[:-1], right_n[:-1], float(loss_n[-1]), float(right_n[-1]), count)
