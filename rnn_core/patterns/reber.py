"""reber, ereber: the Reber grammar, and the same inside a frame that must be remembered."""

from random import Random
from typing import Any

from rnn_core.patterns.shared.base import refuse
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import Moves, StateOracle
from rnn_core.patterns.shared.strings import MARK, Strings, marked

RULES = {"M": ("TL", "PR"), "L": ("SL", "XA"), "R": ("TR", "VB"), "A": ("XR", "S"), "B": ("PA", "V")}
"""The grammar, right-linear: each place becomes one of two letters with the place that follows, evenly."""

LONGER = 0.9
"""How often the loops are taken in the test strings that are longer than any trained on."""

MAX_LONGER = 200

NODES = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}
"""The same as the graph of Cleeremans et al. 1989, figure 1: node, letter, next node. Node 7 is the end."""


class Reber(Strings):
    """The strings of Reber's grammar (Reber 1967): a graph of seven nodes, both ways out of a node equally likely.

    Example:
        >>> Reber("").sample(40, Random(1))
        '#BTXSE#BTSSXSE#BTSXXVPXVPSE#BPTTVVE#BTSSSSSSSSSSSSXSE#'
    """

    family = example = "reber"
    recipe = {"encoding": "onehot", "epochs": 30, "batch_size": 32, "schedule": "cosine"}

    def __init__(self, argument: str) -> None:
        if argument:
            raise refuse(f"{self.family}:{argument}", f"{self.family} alone")
        self.alphabet = "".join(sorted(MARK + "BEPSTVX"))
        self.default_length = 50_000
        self.oracle = StateOracle(self.alphabet, "start", self._moves)

    @property
    def spec(self) -> str:
        return self.family

    def draw(self, rng: Random) -> str:
        return self.walk(rng, 0.5)

    def walk(self, rng: Random, loops: float) -> str:
        """Draw a string; the loops of L and R are taken with probability `loops`, all else evenly."""
        letters, place = ["B"], "M"
        while place:
            rule = RULES[place][rng.random() >= (loops if place in "LR" else 0.5)]
            letters.append(rule[0])
            place = rule[1:]
        return "".join([*letters, "E"])

    def beyond(self, training: list[str], rng: Random) -> list[Case]:
        longest = max(map(len, training))
        cases: list[Case] = []
        while len(cases) < MAX_LONGER:
            string = self.walk(rng, LONGER)
            if longest < len(string) <= 3 * longest:
                cases.append(Case("length", len(string), marked(string)))
        return cases

    def knows(self, state: Any) -> dict[str, int | str]:
        """Return `node`: that of the graph, 0 to 7."""
        return {"node": -1 if state == "start" else state}

    def _moves(self, node: str | int) -> Moves:
        if node == "start":
            return {MARK: (1.0, 0)}
        if node == 7:
            return {MARK: (1.0, 0)}
        ways = NODES[int(node)]
        return {letter: (1 / len(ways), after) for letter, after in ways.items()}


class EmbeddedReber(Reber):
    """A Reber string between two equal letters, T or P: the last but one must be remembered from the second on.

    The long-range symbol is judged apart: every other letter can be known without it (Hochreiter & Schmidhuber 1997,
    experiment 1).

    Example:
        >>> EmbeddedReber("").sample(40, Random(1))
        '#BTBPVPXVPXTTVPSETE#BTBPTVVETE#BTBPTTVVETE#'
    """

    family = example = "ereber"
    recipe = {**Reber.recipe, "cell": "lstm", "hidden_size": 32, "epochs": 40}

    def walk(self, rng: Random, loops: float) -> str:
        letter = rng.choice("TP")
        return f"B{letter}{super().walk(rng, loops)}{letter}E"

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        cases = super().cases(evaluation, training_text, data_seed)
        # In "#BT...TE#" the symbol is the third from the end, and the one to remember the third from the beginning.
        return cases + [Case("symbol_distance", case.size - 3, case.text, (len(case.text) - 3,)) for case in cases]

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        least, most = super().ranges(training_text)["length"]
        return {"length": (least, most), "symbol_distance": (least - 3, most - 3)}

    def knows(self, state: Any) -> dict[str, int | str]:
        """Return `node`, of the inner string's graph, and `remembered`: the letter that must come again in the end."""
        remembered, at = ("", 0) if state == "start" else state
        return {"node": at if remembered and at <= 7 else -1, "remembered": remembered}

    def _moves(self, node: str | int | tuple[str, int]) -> Moves:
        """Go from "start", from the frame's nodes, or from a node of the inner grammar with the letter to remember."""
        if not isinstance(node, tuple):
            return {MARK: (1.0, ("", 0))}
        letter, at = node
        if not letter:
            return {"B": (1.0, ("", 1))} if at == 0 else {way: (0.5, (way, 0)) for way in "TP"}
        if at < 7:
            return {way: (probability, (letter, after)) for way, (probability, after) in super()._moves(at).items()}
        return {7: {letter: (1.0, (letter, 8))}, 8: {"E": (1.0, (letter, 9))}, 9: {MARK: (1.0, ("", 0))}}[at]
