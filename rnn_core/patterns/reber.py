"""reber, ereber: the Reber grammar, and its strings between two equal letters."""

from random import Random
from typing import Any

from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import StateOracle, Transitions
from rnn_core.patterns.shared.specs import spec_error
from rnn_core.patterns.shared.strings import MARK, Strings, with_marks

RULES = {"M": ("TL", "PR"), "L": ("SL", "XA"), "R": ("TR", "VB"), "A": ("XR", "S"), "B": ("PA", "V")}
"""The grammar, right-linear: a nonterminal is replaced by a letter and the next nonterminal, both rules evenly."""

LOOP_PROBABILITY = 0.9
"""The probability of the looping rules of L and R in test strings that are longer than the training strings."""

LONGER_CASES = 200
"""The number of test strings that are longer than the training strings."""

NODES = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}
"""The same grammar as the graph of Cleeremans et al. 1989, figure 1: node, letter, next node. Node 7 is the end."""


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
            raise spec_error(f"{self.family}:{argument}", f"{self.family} alone")
        self.alphabet = "".join(sorted(MARK + "BEPSTVX"))
        self.default_length = 50_000
        self.oracle = StateOracle(self.alphabet, "start", self._transitions)

    @property
    def spec(self) -> str:
        return self.family

    def draw(self, rng: Random) -> str:
        return self.walk(rng, 0.5)

    def walk(self, rng: Random, loops: float) -> str:
        """Draw a string; L and R take their looping rule with probability `loops`, all other choices are even."""
        letters, nonterminal = ["B"], "M"
        while nonterminal:
            rule = RULES[nonterminal][rng.random() >= (loops if nonterminal in "LR" else 0.5)]
            letters.append(rule[0])
            nonterminal = rule[1:]
        return "".join([*letters, "E"])

    def larger_cases(self, training: list[str], rng: Random) -> list[Case]:
        longest = max(map(len, training))
        cases: list[Case] = []
        while len(cases) < LONGER_CASES:
            string = self.walk(rng, LOOP_PROBABILITY)
            if longest < len(string) <= 3 * longest:
                cases.append(Case("length", len(string), with_marks(string)))
        return cases

    def state_labels(self, state: Any) -> dict[str, int | str]:
        """Return `node`: the node of the graph, 0 to 7."""
        return {"node": -1 if state == "start" else state}

    def _transitions(self, node: str | int) -> Transitions:
        if node == "start":
            return {MARK: (1.0, 0)}
        if node == 7:
            return {MARK: (1.0, 0)}
        edges = NODES[int(node)]
        return {letter: (1 / len(edges), next_node) for letter, next_node in edges.items()}


class EmbeddedReber(Reber):
    """A Reber string between two equal letters, T or P, the second of which depends on the first over a long range.

    The table of reach has rows for that letter alone, by its distance: every other letter can be predicted without
    such a memory (Hochreiter & Schmidhuber 1997, experiment 1).

    Example:
        >>> EmbeddedReber("").sample(40, Random(1))
        '#BTBPVPXVPXTTVPSETE#BTBPTVVETE#BTBPTTVVETE#'
    """

    family = example = "ereber"
    recipe = {**Reber.recipe, "cell": "lstm", "hidden_size": 32, "epochs": 40}

    def walk(self, rng: Random, loops: float) -> str:
        letter = rng.choice("TP")
        return f"B{letter}{super().walk(rng, loops)}{letter}E"

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        cases = super().cases(evaluation, training_text, data_seed, every_epoch)
        # In "#BT...TE#" the letter to predict is the third from the end, the one to remember the third from the start.
        return cases + [Case("symbol_distance", case.size - 3, case.text, (len(case.text) - 3,)) for case in cases]

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        shortest, longest = super().ranges(training_text)["length"]
        return {"length": (shortest, longest), "symbol_distance": (shortest - 3, longest - 3)}

    def state_labels(self, state: Any) -> dict[str, int | str]:
        """Return `node`, that of the inner string in the graph, and `remembered`, the letter that comes again.

        Outside the inner string `node` is -1; before the letter is read `remembered` is empty.
        """
        remembered, node = ("", 0) if state == "start" else state
        return {"node": node if remembered and node <= 7 else -1, "remembered": remembered}

    def _transitions(self, node: str | int | tuple[str, int]) -> Transitions:
        """Return the transitions from "start" or from (letter, number).

        The letter is the one to remember, empty before it is read. Then the number is 0 before the outer B and 1 after
        it; afterwards it is 0 to 7 for the nodes of the inner string, 8 and 9 for what follows it.
        """
        if not isinstance(node, tuple):
            return {MARK: (1.0, ("", 0))}
        letter, number = node
        if not letter:
            return {"B": (1.0, ("", 1))} if number == 0 else {first: (0.5, (first, 0)) for first in "TP"}
        if number < 7:
            inner = super()._transitions(number)
            return {inner_letter: (p, (letter, next_node)) for inner_letter, (p, next_node) in inner.items()}
        return {7: {letter: (1.0, (letter, 8))}, 8: {"E": (1.0, (letter, 9))}, 9: {MARK: (1.0, ("", 0))}}[number]
