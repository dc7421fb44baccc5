"""parity: whether the number of 1s is odd."""

from rnn_core.patterns.shared.answers import Folding


class Parity(Folding):
    """Bits, and whether the number of 1s among them is odd (answer 1) or even (answer 0) (Delétang et al. 2022).

    Example:
        >>> Parity("").answer("10110")
        '1'
    """

    family = example = "parity"
    symbols = digits = "01"
    initial_memory = False

    def answer(self, question: str) -> str:
        return str(question.count("1") % 2)

    def fold(self, memory: bool, symbol: str) -> bool:
        return memory != (symbol == "1")

    def answer_from(self, memory: bool) -> str:
        return "1" if memory else "0"
