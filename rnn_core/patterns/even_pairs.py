"""even_pairs: whether 01 and 10 occur an even number of times together."""

from itertools import pairwise

from rnn_core.patterns.shared.answers import Folding


class EvenPairs(Folding):
    """Bits, and whether 01 and 10 occur an even (0) or an odd (1) number of times together (Delétang et al. 2022).

    The number is even just if the first and the last bit agree, so the task asks for one remembered bit.

    Example:
        >>> EvenPairs("").answer("0010"), EvenPairs("").answer("0011")
        ('0', '1')
    """

    family = example = "even_pairs"
    symbols = digits = "01"
    initial_memory = ("", "")

    def answer(self, question: str) -> str:
        return str(sum(first != second for first, second in pairwise(question)) % 2)

    def fold(self, memory: tuple[str, str], symbol: str) -> tuple[str, str]:
        """Return the first and the last bit so far."""
        return memory[0] or symbol, symbol

    def memory_labels(self, memory: tuple[str, str]) -> dict[str, int]:
        """Return `first` and `last`, the first and the last bit so far; -1 before the first bit."""
        return {name: int(bit or -1) for name, bit in zip(("first", "last"), memory, strict=True)}

    def answer_from(self, memory: tuple[str, str]) -> str:
        first, last = memory
        return str(int(first != last))
