"""parity: is the number of 1s odd?"""

from rnn_core.patterns.shared.answers import Folding


class Parity(Folding):
    """Bits, and whether the number of 1s among them is odd (1) or even (0): two states (Delétang et al. 2022).

    Example:
        >>> Parity("").answer("10110")
        '1'
    """

    family = example = "parity"
    symbols = digits = "01"
    begin = False

    def answer(self, question: str) -> str:
        return str(question.count("1") % 2)

    def fold(self, memory: bool, symbol: str) -> bool:
        return memory != (symbol == "1")

    def conclude(self, memory: bool) -> str:
        return "1" if memory else "0"
