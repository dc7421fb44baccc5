"""modular_arithmetic: sums and products modulo 5, without brackets."""

import math
import re

from rnn_core.patterns.shared.answers import Folding

MODULUS = 5


class ModularArithmetic(Folding):
    """Digits 0 to 4 with +, - and * between them, and their value modulo 5; * binds first (Delétang et al. 2022).

    Example:
        >>> ModularArithmetic("").answer("1-3*4+2")
        '1'
    """

    family = example = "modular_arithmetic"
    recipe = {**Folding.recipe, "hidden_size": 128, "learning_rate": 0.005}
    symbols = digits = "01234"
    between = "+-*"
    initial_memory = (0, 1)

    def answer(self, question: str) -> str:
        terms = re.findall(r"([+-]?)([0-4*]+)", question)
        products = (math.prod(map(int, factors.split("*"))) * (-1 if sign == "-" else 1) for sign, factors in terms)
        return str(sum(products) % MODULUS)

    def fold(self, memory: tuple[int, int], symbol: str) -> tuple[int, int]:
        """Return the sum of the complete terms and the product of the current term so far, each modulo 5."""
        total, product = memory
        if symbol in self.symbols:
            return total, product * int(symbol) % MODULUS
        if symbol == "*":
            return memory
        return (total + product) % MODULUS, 1 if symbol == "+" else MODULUS - 1

    def memory_labels(self, memory: tuple[int, int]) -> dict[str, int]:
        """Return `total`, the sum of the complete terms, and `product`, that of the current term; both modulo 5.

        The product of a new term is its sign: 1, or 4 for -1 modulo 5.
        """
        return dict(zip(("total", "product"), memory, strict=True))

    def answer_from(self, memory: tuple[int, int]) -> str:
        return str(sum(memory) % MODULUS)
