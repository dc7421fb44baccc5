"""What a pattern answers after a text, and what a net answers: the characters that may come next, or what is said.

Both are compared as sets. A pattern that predicts the next character answers with all characters that are possible
next, and a net with those to which it gives more than a least probability. A transducer answers with what it says, and
a net with its likeliest output.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.dynamics.allowing import allowed, threshold
from analysis.dynamics.net_map import NetMap
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.automaton import Automaton
from rnn_core.vocabulary import Vocabulary

# The end of an array's name gives its axes: N states or positions, K numbers of a flat state, V characters that are
# read, W that are answered, S states of an automaton.

LENGTH = 8
"""The most characters along which answers are compared."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a pattern answers at N positions of a text, or in N states of its automaton.

    Attributes:
        answer_nw: whether each of W characters is in the answer, bool, (N, W).
        asked_n: where the pattern scores the answer, bool, (N,); elsewhere a net may answer anything.
        outputs: the W characters.
        least: the probability above which a net allows a character; None where its answer is its likeliest output.
    """

    answer_nw: np.ndarray
    asked_n: np.ndarray
    outputs: str
    least: float | None

    def of_net(self, net: NetMap, logits_nw: np.ndarray) -> np.ndarray:
        """Return what a net answers, bool, (N, W), in the order of `outputs`.

        Arguments:
            net: the net.
            logits_nw: its logits, (N, W), in the order of its own outputs.
        """
        logits_nw = logits_nw[:, [net.outputs.index(character) for character in self.outputs]]
        if self.least is None:
            likeliest: np.ndarray = logits_nw.argmax(1)[:, None] == np.arange(len(self.outputs))
            return likeliest
        return allowed(logits_nw, self.least)


def answers_over(pattern: Pattern, text: str) -> Answers:
    """Return what a pattern answers after each character of a text.

    Where the answer is what may come next, nothing is asked after the last character.

    Arguments:
        pattern: the pattern.
        text: a text of the pattern from its beginning on, two or more characters.

    Raises:
        ValueError: the pattern has no oracle, or every character is always possible.
    """
    scored_t = pattern.scored(text)
    if not pattern.predicts_next:
        asked_t = np.ones(len(text), dtype=bool) if scored_t is None else scored_t
        return Answers(pattern.target_distributions(text) > 0, asked_t, *_rule(pattern, np.zeros(0)))
    if pattern.oracle is None:
        raise ValueError(f"the distribution of {pattern.spec} is unknown; allowed: patterns with an oracle")
    probability_tw = pattern.oracle.distributions(text + text[0])[1:]
    asked_t = np.ones(len(text), dtype=bool)
    if scored_t is not None:
        asked_t[:-1] = scored_t[1:]
    asked_t[-1] = False
    return _checked(pattern, Answers(probability_tw > 0, asked_t, *_rule(pattern, probability_tw)))


def answers_of_states(pattern: Pattern) -> tuple[Automaton, Answers]:
    """Return the automaton of a pattern, and what the pattern answers in each of its states.

    A transducer's answer in the start state is not asked where no text leads back to it.

    Raises:
        ValueError: the pattern has no automaton, or every character is always possible.
    """
    automaton = pattern.automaton
    if automaton is None:
        raise ValueError(f"{pattern.spec} has no automaton; allowed: patterns with finitely many states")
    words: dict[int, str] = {}  # a shortest text that leads to each state, from which lower numbers lead there
    for state, next_v in enumerate(automaton.next_sv):
        for character, after in zip(automaton.alphabet, next_v.tolist(), strict=True):
            if after >= 0:
                words.setdefault(after, (words[state] if state else "") + character)
    asked_s = np.zeros(len(automaton.states), dtype=bool)
    if not pattern.predicts_next:
        answer_sw = np.zeros((len(asked_s), len(pattern.outputs)), dtype=bool)
        for state, word in words.items():
            answer_sw[state] = pattern.target_distributions(word)[-1] > 0
            scored_t = pattern.scored(word)
            asked_s[state] = scored_t is None or scored_t[-1]
        return automaton, Answers(answer_sw, asked_s, *_rule(pattern, np.zeros(0)))
    for state, column in enumerate(automaton.probability_sv.argmax(1).tolist()):
        scored_t = pattern.scored(words.get(state, "") + automaton.alphabet[column])
        asked_s[state] = scored_t is None or scored_t[-1]
    probability_sv = automaton.probability_sv
    return automaton, _checked(pattern, Answers(probability_sv > 0, asked_s, *_rule(pattern, probability_sv)))


def follow(net: NetMap, states_nk: np.ndarray, words: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Let each of N states read a word of its own; yield the states, (N, K), and logits, (N, W), after each character.

    Arguments:
        net: the net.
        states_nk: the flat states before the words, (N, K).
        words: N words of one length, without a mark.
    """
    for column in zip(*words, strict=True):
        character_n = np.array(column)
        states_nk, logits_nw = states_nk.copy(), np.empty((len(column), len(net.outputs)))
        for character in np.unique(character_n).tolist():
            row_n = np.flatnonzero(character_n == character)
            states_nk[row_n], logits_nw[row_n] = net.predict(states_nk[row_n], character)
        yield states_nk, logits_nw


def _rule(pattern: Pattern, probability_nw: np.ndarray) -> tuple[str, float | None]:
    """Return the characters that are answered, in the order of distributions, and `Answers.least`."""
    outputs = Vocabulary(pattern.outputs).characters
    if not pattern.predicts_next:
        return outputs, None
    if pattern.automaton is not None:  # its least probability may not come in a text
        probability_nw = pattern.automaton.probability_sv
    return outputs, threshold(float(probability_nw[probability_nw > 0].min()))


def _checked(pattern: Pattern, answers: Answers) -> Answers:
    """Return answers; raise ValueError if every character is always possible."""
    if answers.answer_nw[answers.asked_n].all():
        raise ValueError(
            f"in {pattern.spec} every character is always possible; allowed: patterns in which some are not"
        )
    return answers
