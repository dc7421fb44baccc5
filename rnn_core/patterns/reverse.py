"""reverse: a string backwards. The task needs a stack, so no finite-state machine solves it at every length."""

from collections.abc import Hashable

import numpy as np

from rnn_core.patterns.shared.answers import EQUALS, Answers
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.patterns.shared.strings import MARK


class Reverse(Answers):
    """A string of a and b, and the same backwards: needs a memory as long as the question (Delétang et al. 2022).

    Example:
        >>> Reverse("").answer("abb")
        'bba'
    """

    family = example = "reverse"
    # Chosen on seed 42: with strings that are drawn once, an LSTM has about half of them right.
    recipe = {
        **Answers.recipe,
        "cell": "stack",
        "learning_rate": 0.003,
        "length": 100_000,
        "draws": "every-epoch",
        "batches": "one-length",
        "curriculum": 0.1,
        "epochs": 60,
    }
    symbols = digits = "ab"
    number_labels = ("height",)

    def oracle_up_to(self, longest: int) -> Oracle:
        return ReverseOracle(self, longest)

    def state_labels(self, state: str) -> dict[str, int | str]:
        """Return `height`, the number of letters on the stack, and `top`, the letter on its top.

        The stack holds the question's letters and loses those that are answered.
        """
        return {"height": len(state), "top": state[-1:]}

    def answer(self, question: str) -> str:
        return question[::-1]


class ReverseOracle(Oracle):
    """An oracle that pushes the question onto a stack and pops the answer from it.

    Arguments:
        pattern: the pattern.
        longest: the number of symbols of the longest question.
    """

    def __init__(self, pattern: Reverse, longest: int) -> None:
        super().__init__(pattern.alphabet)
        index = self.vocabulary.to_index
        self._certain = np.eye(len(self.vocabulary))
        self._asking = np.zeros((longest + 1, len(self.vocabulary)))
        for length in range(longest + 1):
            stop = pattern.stop_probability(length, longest)
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
            if row[index[character]] == 0:  # impossible: all later rows are zero
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
        """Return the stack before `text` and after each of its characters: len(text) + 1 strings, the top last."""
        stack, answering = "", False
        stacks: list[Hashable] = [stack]
        for character in text:
            if character in (MARK, EQUALS):
                answering = character == EQUALS
            else:
                stack = stack[:-1] if answering else stack + character
            stacks.append(stack)
        return stacks
