"""Transducers: patterns whose target after each character is a symbol of its own, not the next character."""

from abc import abstractmethod
from collections.abc import Iterable
from random import Random

import numpy as np

from rnn_core.patterns.shared.base import TEST_LENGTH, Pattern
from rnn_core.patterns.shared.cases import Evaluation
from rnn_core.patterns.shared.strings import MARK, Strings
from rnn_core.vocabulary import Vocabulary


class Transducer(Pattern):
    """A pattern that outputs one of `outputs` after each character, determined by the characters up to there.

    A net of a transducer does not run free: its output is not its next input.
    """

    predicts_next = False

    @property
    @abstractmethod
    def outputs(self) -> str:
        """The possible outputs: two or more distinct characters, sorted."""

    @abstractmethod
    def transduce(self, text: str) -> str:
        """Return the output after each character of `text`: len(text) characters.

        Arguments:
            text: characters from the beginning of a sample on.
        """

    def inputs_and_targets(self, text: str) -> tuple[str, str]:
        return text, self.transduce(text)

    def target_distributions(self, text: str) -> np.ndarray:
        outputs = Vocabulary(self.outputs)
        certain_tw: np.ndarray = np.eye(len(outputs))[outputs.indices(self.transduce(text))]
        return certain_tw

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        text = self.sample(TEST_LENGTH, Random(f"evaluation {data_seed}"))
        return Evaluation(text=text, start=0, prime="", truth="")

    def oracle_loss(self, evaluation: Evaluation) -> float | None:
        return 0.0


class StringTransducer(Transducer, Strings):
    """A transducer of strings that are drawn independently. A mark stands before each, and none at the end of a text.

    A string of n characters has n scored outputs, one after each; the output after a mark is not scored.
    """

    @property
    @abstractmethod
    def output_at_mark(self) -> str:
        """The output after a mark, one of `outputs`."""

    @abstractmethod
    def transduce_string(self, string: str) -> str:
        """Return the output after each character of a string without marks: len(string) characters."""

    def text_of(self, strings: Iterable[str]) -> str:
        return "".join(MARK + string for string in strings)

    def strings_of(self, text: str) -> list[str]:
        return text.split(MARK)[1:]

    def transduce(self, text: str) -> str:
        return self.output_at_mark.join(map(self.transduce_string, text.split(MARK)))

    def scored(self, text: str) -> np.ndarray:
        return np.array(list(text)) != MARK if text else np.zeros(0, dtype=bool)
