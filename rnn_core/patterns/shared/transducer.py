"""Patterns after whose every character something is said that is not the next character, and that is never read."""

from abc import abstractmethod
from random import Random

import numpy as np

from rnn_core.patterns.shared.base import TEST_LENGTH, Pattern
from rnn_core.patterns.shared.cases import Evaluation
from rnn_core.vocabulary import Vocabulary


class Transducer(Pattern):
    """A pattern that says one of `outputs` after each character; what it says is certain, once that is read.

    Nothing runs free: what a net says is no character that it could read next.
    """

    predicts_next = False

    @property
    @abstractmethod
    def outputs(self) -> str:
        """Every character that may be said, sorted, two or more."""

    @abstractmethod
    def say(self, text: str) -> str:
        """Return what is said after each character of a text, read from its beginning: as many characters."""

    def exchange(self, text: str) -> tuple[str, str]:
        return text, self.say(text)

    def expected(self, text: str) -> np.ndarray:
        outputs = Vocabulary(self.outputs)
        certain_tw: np.ndarray = np.eye(len(outputs))[outputs.indices(self.say(text))]
        return certain_tw

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        text = self.sample(TEST_LENGTH, Random(f"evaluation {data_seed}"))
        return Evaluation(text=text, start=0, prime="", truth="")

    def oracle_loss(self, evaluation: Evaluation) -> float | None:
        return 0.0
