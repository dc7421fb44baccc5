"""The machine of a pattern: what may come after each word, what is said after it, or the answer if asked then."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.dynamics.machines import BEYOND, DEAD, Machine, Output
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.oracle import Oracle

OutputMeaning = Literal["allowed", "said", "answer"]
"""What an output is: the characters that may come next, the character that is said, or the answer if asked now."""

DEPTH = 8
"""The depth of the machine of a pattern with too many states, such as one that counts, if no other depth is asked for:
it has the states up to so many characters from the start."""

MAX_STATES = 10_000
"""The most states that are looked at, before equal ones are merged."""


@dataclass(frozen=True, eq=False)
class PatternMachine:
    """The minimal machine of a pattern.

    Attributes:
        machine: the machine, with its dead state.
        meaning: what its outputs are.
        depth: it has the states up to so many characters from the start; None if it has all states.
        sign: the character that asks for the answer; empty where an output is no answer.
        least_probability: the least probability of a character that may come, above 0, at most 1.
    """

    machine: Machine
    meaning: OutputMeaning
    depth: int | None
    sign: str
    least_probability: float


def machine_of_pattern(pattern: Pattern, depth: int | None = None) -> PatternMachine:
    """Return the minimal Moore machine of what a pattern holds possible.

    The machine reads the characters of a string without its marks; its start is the state after the first mark. Its
    outputs are, where the pattern's target is the next character, the characters of positive probability, the end mark
    included: states that differ in probabilities alone are one state. What is impossible leads to a dead state. For a
    transducer the output is what it says. Where a pattern does not score the characters of a question, the output is
    the answer if asked now, and the machine reads the symbols of the question.

    Of a transducer and of questions, nothing is said before the first character and where no question can end. Such an
    output is free: it is that of a state which otherwise acts alike, or None if there is none. Where the pattern can
    draw strings of a chosen length, the end of a longest string is left out, so that the machine goes on beyond it.

    Arguments:
        pattern: the pattern.
        depth: keep the states up to so many characters from the start, 1 or more, and let all others be one state with
            the output BEYOND. None for all states, and for `DEPTH` where there are too many.

    Raises:
        ValueError: the depth is below 1; the oracle's states are unknown; everything is always possible; there are more
            than MAX_STATES states; or an answer has several characters.
    """
    if depth is not None and depth < 1:
        raise ValueError(f"depth is {depth}; allowed: 1 or more, or None for all states")
    allowed = "patterns whose oracle has states, of which some do not allow every character"
    if pattern.oracle is None or pattern.oracle.states(pattern.mark) is None:
        raise ValueError(f"the machine of {pattern.spec} is unknown; allowed: {allowed}")
    if depth is None and pattern.automaton is None:
        depth = DEPTH
    explored = _Explored(pattern, pattern.oracle, depth)
    if pattern.predicts_next and all(len(moves) == len(pattern.alphabet) for moves in explored.probabilities):
        raise ValueError(f"after each word, {pattern.spec} allows every character; allowed: {allowed}")
    inputs = pattern.alphabet.replace(pattern.mark, "") if pattern.mark else pattern.alphabet
    outputs: list[Output] = [frozenset(moves) for moves in explored.probabilities]
    meaning: OutputMeaning = "allowed"
    if not pattern.predicts_next:
        meaning, outputs = "said", explored.said()
    elif explored.sign:
        meaning, outputs = "answer", list(explored.answers)
        inputs = "".join(c for c in inputs if any(c in moves for moves in explored.moves))
    dead, beyond = len(outputs), len(outputs) + 1
    rows = [
        [dead if c not in moves else beyond if (after := moves[c]) is None else after for c in inputs]
        for moves in explored.moves
    ]
    rows += [[dead] * len(inputs), [beyond] * len(inputs)]
    machine = Machine(inputs, (*outputs, DEAD, BEYOND), np.array(rows, np.int64)).minimised()
    if meaning != "allowed":
        machine = _merged(machine, bool(pattern.lengths)).minimised()
    least = min(min(moves.values()) for moves in explored.probabilities)
    return PatternMachine(machine, meaning, depth, explored.sign, least)


class _Explored:
    """The states of a pattern's oracle that can be reached from the start, by a breadth-first search over words.

    Attributes:
        words: a shortest word to each state, with the mark before it; for the start the mark alone.
        probabilities: for each state the probability of each character that may come.
        moves: for each state the next state of each character that the machine reads; None beyond the depth.
        answers: for each state the answer if asked there; None where it cannot be asked.
        sign: the character that asks for it; empty where the pattern has no questions.
    """

    def __init__(self, pattern: Pattern, oracle: Oracle, depth: int | None) -> None:
        self._pattern, self._oracle = pattern, oracle
        self.words: list[str] = [pattern.mark]
        self.probabilities: list[dict[str, float]] = []
        self.moves: list[dict[str, int | None]] = []
        self.answers: list[Output] = []
        self.sign = ""
        numbers: dict[Hashable, int] = {self._state(pattern.mark): 0}
        for word in self.words:  # the loop appends to what it visits
            possible = self._possible(word)
            moves: dict[str, int | None] = {}
            answer: Output = None
            for character in possible:
                if character == pattern.mark:
                    continue
                if self._asks(word, character):
                    self.sign, answer = character, self._answer(word + character)
                    continue
                state = self._state(word + character)
                if state not in numbers and (depth is None or len(word + character) - len(pattern.mark) <= depth):
                    if len(self.words) == MAX_STATES:
                        raise ValueError(
                            f"{pattern.spec} has more than {MAX_STATES:,} states"
                            + (f" up to depth {depth}" if depth else "")
                            + f"; allowed: {MAX_STATES:,} at most"
                        )
                    numbers[state] = len(self.words)
                    self.words.append(word + character)
                moves[character] = numbers.get(state)
            self.probabilities.append(possible)
            self.moves.append(moves)
            self.answers.append(answer)

    def said(self) -> list[Output]:
        """Return what a transducer says in each state; None where nothing was read yet."""
        words = list(self.words)
        for word, moves in zip(self.words, self.moves, strict=True):
            for character, after in moves.items():
                if after == 0 and words[0] == self._pattern.mark:
                    words[0] = word + character  # the start, too, may be a state after something was read
        return [
            None if word == self._pattern.mark else frozenset(self._pattern.inputs_and_targets(word)[1][-1])
            for word in words
        ]

    def _state(self, word: str) -> Hashable:
        states = self._oracle.states(word)
        assert states is not None  # checked for the mark
        return states[-1]

    def _possible(self, word: str) -> dict[str, float]:
        return {c: probability for c, probability in self._oracle.next_distribution(word).items() if probability > 0}

    def _scores(self, word: str) -> bool:
        """Return whether the pattern scores the last character of a word."""
        scored = self._pattern.scored(word)
        return scored is None or bool(scored[-1])

    def _asks(self, word: str, character: str) -> bool:
        """Return whether a character after a word is not scored, and those after it are: whether it ends a question."""
        if not self._pattern.predicts_next or self._scores(word + character):
            return False
        return self._scores(word + character + next(iter(self._possible(word + character))))

    def _answer(self, question: str) -> Output:
        """Return the possible answers to a question that ends with its sign.

        Raises:
            ValueError: an answer has several characters.
        """
        answers = frozenset(self._possible(question))
        if any(set(self._possible(question + answer)) != {self._pattern.mark} for answer in answers):
            raise ValueError(f"answers of {self._pattern.spec} have several characters; allowed: one character")
        return answers


def _merged(machine: Machine, longer: bool) -> Machine:
    """Return a machine with fewer states, in which a state takes the place of later ones that act alike.

    Two states act alike if they have the same output, or one has None, and the states after each input act alike, too.

    Arguments:
        machine: a minimal machine.
        longer: whether states with the same output may act alike where the later one allows fewer inputs; otherwise
            both must allow the same ones.
    """
    dead = machine.dead
    moves = [{column: after for column, after in enumerate(row) if after != dead} for row in machine.next_sv.tolist()]
    agreeing: set[tuple[int, int]] = set()

    def agree(state: int, earlier: int) -> bool:
        pairs = {(state, earlier): None}
        queue = list(pairs)
        for one, other in queue:
            both, fewer, more = {machine.outputs[one], machine.outputs[other]}, moves[one].keys(), moves[other].keys()
            same = fewer == more
            if not (same or (longer and fewer <= more)) or not (len(both) == 1 or (None in both and same)):
                return False
            for column, after in moves[one].items():
                pair = after, moves[other][column]
                if pair not in pairs and pair not in agreeing and pair[0] != pair[1]:
                    pairs[pair] = None
                    queue.append(pair)
        agreeing.update(pairs)
        return True

    members, place = [[0]], {0: 0}
    for group in members:  # the loop appends to what it visits
        for after in moves[group[0]].values():
            if after in place:
                continue
            for number, others in enumerate(members):
                if all(agree(after, other) for other in others):
                    place[after] = number
                    others.append(after)
                    break
            else:
                place[after] = len(members)
                members.append([after])
    outputs = [next((o for state in group if (o := machine.outputs[state]) is not None), None) for group in members]
    nowhere, columns = len(members), range(len(machine.inputs))
    firsts = [moves[group[0]] for group in members]
    rows = [[place[first[column]] if column in first else nowhere for column in columns] for first in firsts]
    next_sv = np.array([*rows, [nowhere for _ in columns]], np.int64)
    return Machine(machine.inputs, (*outputs, DEAD), next_sv)
