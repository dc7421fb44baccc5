"""tomita: the seven regular languages over {0, 1} on which grammar learners are compared."""

from collections.abc import Mapping
from random import Random
from typing import ClassVar

import numpy as np

from rnn_core.patterns.shared.base import Questioned, refuse
from rnn_core.patterns.shared.cases import Case, ReachRow
from rnn_core.patterns.shared.meaning import Meaning
from rnn_core.patterns.shared.oracle import Moves, StateOracle
from rnn_core.patterns.shared.strings import MARK, Strings, marked

END = 1 / 4
"""How likely a string ends where it may end."""

MAX_LONGER = 100
"""Test strings longer than any trained on."""

LANGUAGES = {
    1: "1*",
    2: "(10)*",
    3: "no odd run of 1s is followed by an odd run of 0s",
    4: "no 000",
    5: "an even number of 0s and an even number of 1s",
    6: "the number of 0s less the number of 1s is a multiple of 3",
    7: "0*1*0*1*",
}

AUTOMATA = {
    1: ("x0", "0"),
    2: ("x1 0x", "0"),
    3: ("01 20 3x 21", "013"),
    4: ("10 20 x0", "012"),
    5: ("12 03 30 21", "0"),
    6: ("12 20 01", "0"),
    7: ("01 21 23 x3", "0123"),
}
"""Each as an automaton: where 0 and 1 lead from states 0, 1, 2 ... (x: nowhere), and the states it may end in."""


class Tomita(Strings):
    """The seven regular languages of Tomita 1982, `tomita:1` to `tomita:7`.

    A string is drawn character by character: it ends with probability 1/4 where it may end, and otherwise each of the
    characters from which it can still end is equally likely. A net is asked about all strings up to length 16.

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
    classified: ClassVar[int] = 16
    meanings: ClassVar[Mapping[str, Meaning]] = {
        "false_accepts": Meaning(
            "strings up to length 16 that are not of the language and that the net accepts", "strings", "0 to 131,071"
        ),
        "false_rejects": Meaning(
            "strings up to length 16 that are of the language and that the net rejects", "strings", "0 to 131,071"
        ),
    }

    def __init__(self, argument: str) -> None:
        if argument not in [str(number) for number in LANGUAGES]:
            raise refuse(f"tomita:{argument}", "tomita:1 to tomita:7")
        self.number = int(argument)
        self.alphabet = MARK + "01"
        self.default_length = 100_000
        rows, ends = AUTOMATA[self.number]
        self._ways = [dict(zip("01", row, strict=True)) for row in rows.split()]
        self._ends = ends
        self.oracle = StateOracle(self.alphabet, "", self._moves)

    @property
    def spec(self) -> str:
        return f"tomita:{self.number}"

    @property
    def description(self) -> str:
        return f"Tomita's language {self.number}: {LANGUAGES[self.number]}; ends at 1/4 where it may, else evenly."

    def draw(self, rng: Random) -> str:
        return self.walk(rng, END)

    def beyond(self, training: list[str], rng: Random) -> list[Case]:
        longest = max(map(len, training))
        strings: list[str] = []
        while len(strings) < MAX_LONGER:
            string = self.walk(rng, 1 / (1 + longest))
            if longest < len(string) <= 3 * longest + 3:
                strings.append(string)
        return [Case("length", len(string), marked(string)) for string in strings]

    def walk(self, rng: Random, end: float) -> str:
        """Draw a string that ends with probability `end` where it may, by counting, without the automaton."""
        characters: list[str] = []
        count = {"0": 0, "1": 0}
        run = before = blocks = 0  # length of the last run and of the one before it; runs so far
        while True:
            last = characters[-1] if characters else ""
            may, ends = self._may(last, count["0"] - count["1"], count["0"], run, before, blocks)
            if ends and rng.random() < end:
                return "".join(characters)
            character = rng.choice(may)
            if character == last:
                run += 1
            else:
                # 0*1*0*1* has four blocks: a string that begins with 1 has left the first of them empty.
                before, run, blocks = run, 1, blocks + 1 if last or character == "0" else 2
            count[character] += 1
            characters.append(character)

    def _may(self, last: str, difference: int, zeros: int, run: int, before: int, blocks: int) -> tuple[str, bool]:
        """Return the characters that may follow, and whether the string may end; `difference` is 0s less 1s."""
        odd_after_odd = last == "0" and run % 2 == 1 and before % 2 == 1
        return {
            1: ("1", True),
            2: ("1" if difference == 0 else "0", difference == 0),
            3: ("0" if odd_after_odd else "01", not odd_after_odd),
            4: ("1" if last == "0" and run == 2 else "01", True),
            5: ("01", zeros % 2 == 0 and difference % 2 == 0),
            6: ("01", difference % 3 == 0),
            7: ("1" if blocks == 4 else "01", True),
        }[self.number]

    def examine(
        self, net: Questioned, length: int, ranges: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, float], list[ReachRow]]:
        """Ask a net about every string up to the `classified` length.

        Returns:
            false_accepts, false_rejects: how many strings the net accepts that are not of the language, and how many
            that are it rejects. And for each length a row, in which only `cases` and `cases_right` count something.
        """
        _, longest = ranges["length"]
        rows, false_accepts, false_rejects = [], 0, 0
        for size, accepted in zip(range(self.classified + 1), net.accepted("01"), strict=False):
            members = self.members(size)
            false_accepts += int((accepted & ~members).sum())
            false_rejects += int((members & ~accepted).sum())
            right = int((accepted == members).sum())
            rows.append(ReachRow("classified_length", size, size <= longest, 2**size, right))
        return {"false_accepts": false_accepts, "false_rejects": false_rejects}, rows

    def members(self, length: int) -> np.ndarray:
        """Return which strings of a length are of the language, bool, (2**length,): as binary numbers in order."""
        dead = len(self._ways)
        ways = [*self._ways, {"0": "x", "1": "x"}]
        table = np.array([[dead if way[symbol] == "x" else int(way[symbol]) for symbol in "01"] for way in ways])
        states = np.zeros(1, dtype=np.int64)
        for _ in range(length):
            states = table[states].reshape(-1)
        return np.isin(states, [int(state) for state in self._ends])

    def knows(self, state: str) -> dict[str, int]:
        """Return `node`, the state of the language's automaton as in AUTOMATA, and `may_end`: whether it accepts."""
        return {"node": int(state or -1), "may_end": state in list(self._ends)}

    def _moves(self, state: str) -> Moves:
        if not state:
            return {MARK: (1.0, "0")}
        ways = {character: after for character, after in self._ways[int(state)].items() if after != "x"}
        end = END if state in self._ends else 0.0
        moves: dict[str, tuple[float, object]] = {way: ((1 - end) / len(ways), after) for way, after in ways.items()}
        if end:
            moves[MARK] = (end, "0")
        return moves
