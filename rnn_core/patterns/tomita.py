"""tomita: the seven regular languages over {0, 1} on which grammar learners are compared."""

from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar

import numpy as np

from rnn_core.patterns.shared.base import NetQueries
from rnn_core.patterns.shared.cases import Case, ReachRow
from rnn_core.patterns.shared.meaning import Meaning
from rnn_core.patterns.shared.oracle import StateOracle, Transitions
from rnn_core.patterns.shared.specs import spec_error
from rnn_core.patterns.shared.strings import MARK, Strings, with_marks

END_PROBABILITY = 1 / 4
"""The probability that a string ends where it may end."""

LONGER_CASES = 100
"""The number of test strings that are longer than the training strings."""

LANGUAGES = {
    "1": "1*",
    "2": "(10)*",
    "3": "no odd run of 1s is followed by an odd run of 0s",
    "3:reading=later": "no odd run of 1s is followed, directly or later, by an odd run of 0s",
    "4": "no 000",
    "5": "an even number of 0s and an even number of 1s",
    "6": "the number of 0s less the number of 1s is a multiple of 3",
    "6:reading=mod5": "the number of 0s less the number of 1s is a multiple of 5",
    "7": "0*1*0*1*",
}
"""Each language in words, by the argument of its spec."""

AUTOMATA = {
    "1": ("x0", "0"),
    "2": ("x1 0x", "0"),
    "3": ("01 20 3x 21", "013"),
    "3:reading=later": ("01 20 3x 23", "013"),
    "4": ("10 20 x0", "012"),
    "5": ("12 03 30 21", "0"),
    "6": ("12 20 01", "0"),
    "6:reading=mod5": ("14 20 31 42 03", "0"),
    "7": ("01 21 23 x3", "0123"),
}
"""Each language as an automaton: the next states after 0 and 1 in state 0, 1, 2 ... (x: none), and accepting states."""

OWN_RECIPES: dict[str, dict[str, Any]] = {
    "6:reading=mod5": {
        "hidden_size": 64,
        "epochs": 100,
        "batch_size": 16,
        "learning_rate": 0.005,
        "clip": 1.0,
        "draws": "every-epoch",
    }
}
"""Settings that differ from the family's, by argument."""

USUAL_READINGS = {"3:reading=next": "3", "6:reading=mod3": "6"}
"""Arguments that name the reading which the number alone stands for, too."""


class Tomita(Strings):
    """The seven regular languages of Tomita 1982, `tomita:1` to `tomita:7`.

    Two of them are read in two ways. In `tomita:3` an odd run of 0s must not come directly after an odd run of 1s
    (`reading=next`); in `tomita:3:reading=later`, the reading of Weiss et al. 2018, not anywhere after it. `tomita:6`
    counts modulo 3 (`reading=mod3`), theirs, `tomita:6:reading=mod5`, modulo 5.

    A string is drawn character by character. Where it is in the language it ends with probability 1/4; otherwise each
    character after which it can still be completed is equally likely. For all strings up to length 16, the table of
    reach has the share that a trained net classifies correctly.

    Attributes:
        max_classified_length: the length of the longest strings that a net classifies.

    Example:
        >>> Tomita("4").sample(30, Random(1))
        '##0110##101001#011011##110#1#10110101#'
    """

    family = "tomita"
    example = "tomita:4"
    recipe = {
        "encoding": "onehot",
        "cell": "lstm",
        "hidden_size": 32,
        "epochs": 30,
        "batch_size": 32,
        "schedule": "cosine",
    }
    max_classified_length: ClassVar[int] = 16
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "false_accepts": Meaning(
            "strings up to length 16 that are not of the language and that the net accepts", "strings", "0 to 131,071"
        ),
        "false_rejects": Meaning(
            "strings up to length 16 that are of the language and that the net rejects", "strings", "0 to 131,071"
        ),
    }

    def __init__(self, argument: str) -> None:
        self.language = USUAL_READINGS.get(argument, argument)
        if self.language not in LANGUAGES:
            readings = ", ".join(f"tomita:{name}" for name in sorted([*LANGUAGES, *USUAL_READINGS]) if ":" in name)
            raise spec_error(f"tomita:{argument}", f"tomita:1 to tomita:7, {readings}")
        self.number = int(self.language[0])
        self.alphabet = MARK + "01"
        self.default_length = 100_000
        self.recipe = {**self.recipe, **OWN_RECIPES.get(self.language, {})}
        rows, accepting = AUTOMATA[self.language]
        self._next_states = [dict(zip("01", row, strict=True)) for row in rows.split()]
        self._accepting = accepting
        self.oracle = StateOracle(self.alphabet, "", self._transitions)

    @property
    def spec(self) -> str:
        return f"tomita:{self.language}"

    @property
    def description(self) -> str:
        language = LANGUAGES[self.language]
        return f"Tomita's language {self.number}: {language}; a string ends with probability 1/4 where it may."

    def draw(self, rng: Random) -> str:
        return self.walk(rng, END_PROBABILITY)

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        longest = max(map(len, training))
        strings: list[str] = []
        while len(strings) < LONGER_CASES:
            string = self.walk(rng, 1 / (1 + longest))
            if longest < len(string) <= 3 * longest + 3:
                strings.append(string)
        return [Case("length", len(string), with_marks(string)) for string in strings]

    def walk(self, rng: Random, end: float) -> str:
        """Draw a string that ends with probability `end` where it may.

        It follows the definitions in LANGUAGES by counting, not the automata, so that each can be tested by the other.
        """
        characters: list[str] = []
        count = {"0": 0, "1": 0}
        run = previous_run = blocks = 0  # lengths of the last run and of the one before it; number of runs
        odd_ones = False  # whether a run of 1s that has ended was odd
        while True:
            last = characters[-1] if characters else ""
            allowed, may_end = self._allowed(
                last, count["0"] - count["1"], count["0"], run, previous_run, blocks, odd_ones
            )
            if may_end and rng.random() < end:
                return "".join(characters)
            character = rng.choice(allowed)
            if character == last:
                run += 1
            else:
                # 0*1*0*1* has four blocks; in a string that begins with 1, the first one is empty.
                previous_run, run, blocks = run, 1, blocks + 1 if last or character == "0" else 2
                odd_ones = odd_ones or (last == "1" and previous_run % 2 == 1)
            count[character] += 1
            characters.append(character)

    def _allowed(
        self, last: str, difference: int, zeros: int, run: int, previous_run: int, blocks: int, odd_ones: bool
    ) -> tuple[str, bool]:
        """Return the characters that may follow, and whether the string may end.

        Arguments:
            last: the last character; empty at the beginning.
            difference: the number of 0s less the number of 1s.
            zeros: the number of 0s.
            run: the length of the last run of equal characters.
            previous_run: the length of the run before it.
            blocks: the number of runs; one more for a string that begins with 1.
            odd_ones: whether a run of 1s that has ended was odd.
        """
        odd_after_odd = last == "0" and run % 2 == 1 and previous_run % 2 == 1
        odd_later = last == "0" and run % 2 == 1 and odd_ones
        return {
            "1": ("1", True),
            "2": ("1" if difference == 0 else "0", difference == 0),
            "3": ("0" if odd_after_odd else "01", not odd_after_odd),
            "3:reading=later": ("0" if odd_later else "01", not odd_later),
            "4": ("1" if last == "0" and run == 2 else "01", True),
            "5": ("01", zeros % 2 == 0 and difference % 2 == 0),
            "6": ("01", difference % 3 == 0),
            "6:reading=mod5": ("01", difference % 5 == 0),
            "7": ("1" if blocks == 4 else "01", True),
        }[self.language]

    def examine(
        self, net: NetQueries, length: int, ranges: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, float], list[ReachRow]]:
        """Classify every string up to `max_classified_length` with a net, and compare with the language.

        Returns:
            The metrics false_accepts, the number of strings outside the language that the net accepts, and
            false_rejects, the number of strings of the language that it rejects. And a row for each length, of which
            only `cases` and `cases_right` are set.
        """
        _, longest = ranges["length"]
        rows, false_accepts, false_rejects = [], 0, 0
        for size, accepted in zip(range(self.max_classified_length + 1), net.accepted("01"), strict=False):
            members = self.members(size)
            false_accepts += int((accepted & ~members).sum())
            false_rejects += int((members & ~accepted).sum())
            correct = int((accepted == members).sum())
            rows.append(ReachRow("classified_length", size, size <= longest, 2**size, correct))
        return {"false_accepts": false_accepts, "false_rejects": false_rejects}, rows

    def members(self, length: int) -> np.ndarray:
        """Return which strings of a length are in the language: bool, (2**length,), in the order of binary numbers."""
        dead = len(self._next_states)  # the number of one more state, from which no string is accepted
        rows = [*self._next_states, {"0": "x", "1": "x"}]
        table = np.array([[dead if row[symbol] == "x" else int(row[symbol]) for symbol in "01"] for row in rows])
        states = np.zeros(1, dtype=np.int64)
        for _ in range(length):
            states = table[states].reshape(-1)
        return np.isin(states, [int(state) for state in self._accepting])

    def state_labels(self, state: str) -> dict[str, int]:
        """Return `node`, the state of the automaton in AUTOMATA, and `may_end`, whether that state accepts."""
        return {"node": int(state or -1), "may_end": state in list(self._accepting)}

    def _transitions(self, state: str) -> Transitions:
        if not state:
            return {MARK: (1.0, "0")}
        possible = {character: after for character, after in self._next_states[int(state)].items() if after != "x"}
        end = END_PROBABILITY if state in self._accepting else 0.0
        transitions: dict[str, tuple[float, object]] = {
            character: ((1 - end) / len(possible), after) for character, after in possible.items()
        }
        if end:
            transitions[MARK] = (end, "0")
        return transitions
