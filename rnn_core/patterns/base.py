"""What every pattern offers: an alphabet, training characters, and something to be tested on."""

import difflib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnn_core.config import ConfigError


@dataclass(frozen=True)
class Evaluation:
    """What a trained net is tested on.

    Attributes:
        text: read from a zero state, each character predicted from those before it.
        start: predictions of `text[start:]` are scored, those before only read; at least 1.
        prime: read from a zero state before the net is let go.
        truth: what the net should then write by itself.
    """

    text: str
    start: int
    prime: str
    truth: str


class Pattern(ABC):
    """A source of character sequences, named by a spec.

    A family is a subclass in a file of its own in this folder, with a class attribute `family`: a spec
    `family:argument` makes `Subclass("argument")`, and no other file needs a change.

    Attributes:
        family: the word before the colon.
        alphabet: every character the pattern can produce.
        default_length: training characters when none are asked for.
        default_window: steps of truncated backpropagation when none are asked for; 0 is the whole sequence.
    """

    family: ClassVar[str]
    families: ClassVar[dict[str, type["Pattern"]]] = {}
    alphabet: str
    default_length: int
    default_window: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        Pattern.families[cls.family] = cls

    @abstractmethod
    def __init__(self, argument: str) -> None:
        """Make the pattern from what follows the family's colon; raise ConfigError when it makes no sense."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """The spec that names this pattern from any folder."""

    @abstractmethod
    def check_length(self, length: int) -> None:
        """Raise ConfigError unless `length` training characters can be had and learnt from."""

    @abstractmethod
    def training_text(self, length: int, data_seed: int) -> str:
        """Return the `length` characters to train on, drawn with `data_seed` where there is something to draw."""

    @abstractmethod
    def evaluation(self, length: int) -> Evaluation:
        """Return what a net trained on `length` characters is tested on."""

    def oracle_log_probs(self, evaluation: Evaluation) -> np.ndarray | None:
        """Return the oracle's log-probability (nats) of each scored character, or None without an oracle."""
        return None


def parse(spec: str) -> Pattern:
    """Return the pattern that `spec` names.

    Example:
        >>> parse("abc").training_text(length=7, data_seed=0)
        'abcabca'

    Raises:
        ConfigError: no such family, or an argument that it cannot use.
    """
    family, colon, argument = spec.partition(":")
    if not colon:
        return Pattern.families["unit"](spec)
    if family not in Pattern.families:
        known = sorted(Pattern.families)
        near = difflib.get_close_matches(family, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError("pattern", spec, f"the families {', '.join(known)}; unit:... where a unit has a colon{hint}")
    return Pattern.families[family](argument)
