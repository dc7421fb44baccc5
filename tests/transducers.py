"""Small transducers that tests share: a stream, strings, and a stream that repeats itself."""

from random import Random

import numpy as np
import pytest

from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.strings import MARK
from rnn_core.patterns.shared.transducer import Transducer


def running_parity(text: str) -> str:
    """Say after each character whether the number of 1s so far is odd; anew after each mark."""
    said, odd = [], False
    for character in text:
        odd = False if character == MARK else odd != (character == "1")
        said.append("o" if odd else "e")
    return "".join(said)


def delayed(text: str) -> str:
    """Say after each character whether the one before it was a 1: o, or else e."""
    return "".join("o" if character == "1" else "e" for character in "0" + text[:-1])


SAID = {"delay": delayed, "parities": running_parity, "beat": delayed}


class Delay(Transducer):
    """A stream of bits; after each, what the one before it was."""

    family = example = "delay"
    outputs = "eo"

    def __init__(self, argument: str) -> None:
        self.alphabet, self.default_length = "01", 200

    @property
    def spec(self) -> str:
        return self.family

    def sample(self, length: int, rng: Random) -> str:
        return "".join(rng.choice("01") for _ in range(length))

    def transduce(self, text: str) -> str:
        return SAID[self.family](text)

    def cases(self, evaluation: object, training_text: str, data_seed: int, every_epoch: bool = False) -> list[Case]:
        return [Case("length", n, "1" * n) for n in (1, 5, 300)] + [Case("ones", 9, "0101", judged=(1, 3))]

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        return {"length": (1, len(training_text)), "ones": (0, 9)}


class Parities(Delay):
    """Strings of one to five bits; after each, whether the number of 1s so far is odd. The mark is not scored."""

    family = example = "parities"
    mark = MARK

    def __init__(self, argument: str) -> None:
        super().__init__(argument)
        self.alphabet = "#01"

    def sample(self, length: int, rng: Random) -> str:
        text = ""
        while len(text) < length:
            text += MARK + "".join(rng.choice("01") for _ in range(rng.randint(1, 5)))
        return text

    def scored(self, text: str) -> np.ndarray:
        return np.array([character != MARK for character in text])

    def cases(self, evaluation: object, training_text: str, data_seed: int, every_epoch: bool = False) -> list[Case]:
        return [Case("length", len(string), MARK + string) for string in ("0", "11", "10101")]

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        return {"length": (1, 5)}


class Beat(Delay):
    """A stream that repeats 001011; after each bit, what the one before it was. Its place is that in a half."""

    family = example = "beat"
    random = False

    @property
    def motif(self) -> str:
        return "001011"

    def sample(self, length: int, rng: Random) -> str:
        return (self.motif * length)[:length]

    def labels(self, text: str) -> dict[str, np.ndarray]:
        return {"place": np.arange(len(text)) % 3}


FAMILIES: dict[str, type[Pattern]] = {name: Pattern.families.pop(name) for name in SAID}


def offer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer these families, as files in the folder of patterns would, and let their tests be short."""
    for name, family in FAMILIES.items():
        monkeypatch.setitem(Pattern.families, name, family)
    monkeypatch.setattr("rnn_core.patterns.shared.transducer.TEST_LENGTH", 300)


LEARNT = {"encoding": "onehot", "cell": "gru", "hidden_size": 8, "learning_rate": 0.03, "epochs": 40, "batch_size": 8}
