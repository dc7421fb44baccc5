"""reverse: the control that no finite-state net can learn, since it needs a stack."""

from collections.abc import Hashable

import numpy as np

from rnn_core.patterns.shared.answers import EQUALS, Answers
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.patterns.shared.strings import MARK


class Reverse(Answers):
    """Letters, and the same backwards: needs a memory as long as the question (Delétang et al. 2022).

    Example:
        >>> Reverse("").answer("abb")
        'bba'
    """

    family = example = "reverse"
    symbols = digits = "ab"

    def oracle_up_to(self, longest: int) -> Oracle:
        return ReverseOracle(self, longest)

    def knows(self, state: str) -> dict[str, int | str]:
        """Return the `height` of the stack, the letters that are still to be answered, and the one on its `top`."""
        return {"height": len(state), "top": state[-1:]}

    def answer(self, question: str) -> str:
        return question[::-1]


class ReverseOracle(Oracle):
    """Keeps the question on a stack and takes it off again."""

    def __init__(self, pattern: Reverse, longest: int) -> None:
        super().__init__(pattern.alphabet)
        index = self.vocabulary.to_index
        self._certain = np.eye(len(self.vocabulary))
        self._asking = np.zeros((longest + 1, len(self.vocabulary)))
        for length in range(longest + 1):
            stop = pattern.stops(length, longest)
            self._asking[length, index[EQUALS]] = stop
            for symbol in pattern.symbols:
                self._asking[length, index[symbol]] = (1 - stop) / len(pattern.symbols)

    def distributions(self, text: str) -> np.ndarray:
        index, certain = self.vocabulary.to_index, self._certain
        rows: list[np.ndarray] = []
        row = certain[index[MARK]]
        stack: list[str] = []
        answering = False
        for character in text:
            rows.append(row)
            if row[index[character]] == 0:  # impossible, and so is all that comes after
                rows += [np.zeros(len(index))] * (len(text) - len(rows))
                break
            if character == MARK:
                stack, answering = [], False
            elif character == EQUALS:
                answering = True
            elif not answering:
                stack.append(character)
            row = certain[index[stack.pop() if stack else MARK]] if answering else self._asking[len(stack)]
        return np.array(rows).reshape(len(text), len(index))

    def states(self, text: str) -> list[Hashable]:
        """Return the stack before a text and after each of its characters."""
        stack, answering = "", False
        stacks: list[Hashable] = [stack]
        for character in text:
            if character in (MARK, EQUALS):
                answering = character == EQUALS
            else:
                stack = stack[:-1] if answering else stack + character
            stacks.append(stack)
        return stacks
