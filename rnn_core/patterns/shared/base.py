"""What every pattern offers: an alphabet, a sample to train on, an oracle, a recipe, and something to be tested on."""

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, ClassVar, Protocol

import numpy as np

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.automaton import Automaton
from rnn_core.patterns.shared.cases import Case, Evaluation, ReachRow
from rnn_core.patterns.shared.meaning import Meaning
from rnn_core.patterns.shared.oracle import Oracle

TEST_LENGTH = 20_000
"""Characters of a fresh draw that a net is tested on."""


class Questioned(Protocol):
    """A trained net as a pattern may question it; `rnn_core.measures.questions` says what the methods return."""

    def loss_over_stretches(self, text: str, length: int) -> float | None:
        """Return the mean loss over all stretches of `length` characters of a text, or None where it takes minutes."""

    def accepted(self, symbols: str) -> Iterator[np.ndarray]:
        """Yield for each length, from 0 on, which strings over two symbols the net accepts, bool, (2**length,)."""


class Pattern(ABC):
    """A source of character sequences, named by a spec.

    A family is a subclass in a file of its own in this folder, with a class attribute `family`: a spec
    `family:argument` makes `Subclass("argument")`, and no other file needs a change. This class is the base of patterns
    that are one stream; `Strings` that of patterns whose strings end.

    Attributes:
        family: the word before the colon.
        example: a spec of the family, shown and tested.
        recipe: the TrainConfig fields with which the pattern is known to be learnt. The class has the one of `example`;
            where a spec's argument makes a difference, the instance sets its own.
        needs_file: whether a spec names a file, so that `example` is no pattern by itself.
        takes_bare_words: whether a spec without a colon that is no family's name is the argument of this family.
        random: whether a sample depends on its seed.
        every_size: whether `cases` has every size up to the greatest, so that all up to some size can be right.
        mark: the character that stands before and after each string; empty for a stream.
        alphabet: every character the pattern can produce.
        default_length: training characters when none are asked for.
        default_window: steps of truncated backpropagation when none are asked for; 0 is the whole sequence.
        predicts_next: what is said after each character is the next one; `Transducer` says something else.
        meanings: what the metrics mean that only this family gives, by name.
        oracle: the exact distribution of what is said; None where nobody knows it.
    """

    family: ClassVar[str]
    families: ClassVar[dict[str, type["Pattern"]]] = {}
    example: ClassVar[str]
    recipe: Mapping[str, Any] = {}
    needs_file: ClassVar[bool] = False
    takes_bare_words: ClassVar[bool] = False
    random: ClassVar[bool] = True
    every_size: ClassVar[bool] = False
    mark: ClassVar[str] = ""
    alphabet: str
    default_length: int
    default_window: ClassVar[int] = 0
    predicts_next: ClassVar[bool] = True
    meanings: ClassVar[Mapping[str, Meaning]] = {}
    oracle: Oracle | None = None

    def __init_subclass__(cls) -> None:
        if "family" in cls.__dict__:
            Pattern.families[cls.family] = cls

    @abstractmethod
    def __init__(self, argument: str) -> None:
        """Make the pattern from what follows the family's colon; raise ConfigError when it makes no sense."""

    @property
    @abstractmethod
    def spec(self) -> str:
        """The spec that names this pattern from any folder."""

    @property
    def short_name(self) -> str:
        """What the name of a run calls the pattern: by default its spec."""
        return self.spec

    @property
    def motif(self) -> str | None:
        """The shortest string that the stream repeats for ever, from its beginning on; None where it repeats none."""
        return None

    @property
    def period(self) -> int | None:
        """How many characters the stream takes to repeat itself, the length of `motif`; None where it does not."""
        return None if self.motif is None else len(self.motif)

    @property
    def outputs(self) -> str:
        """Every character that may be said after one that is read; the alphabet, where that is the next one."""
        return self.alphabet

    def exchange(self, text: str) -> tuple[str, str]:
        """Return what is read of a text, S characters, and what is to be said after each of them, S characters."""
        return text[:-1], text[1:]

    def expected(self, text: str) -> np.ndarray:
        """Return the exact distribution of what is said after each character that is read: float64, (S, W).

        A text beyond the pattern's own limits is one of its `language`.

        Raises:
            ValueError: nobody knows the distribution.
        """
        if self.oracle is None or self.language is None:
            raise ValueError(f"nobody knows the distribution of {self.spec}; allowed: patterns with an oracle")
        expected_tv = self.oracle.distributions(text)[1:]
        if expected_tv[-1, self.oracle.vocabulary.to_index[text[-1]]] == 0:
            expected_tv = self.language.distributions(text)[1:]
        return expected_tv

    @property
    def description(self) -> str:
        """The pattern in one sentence."""
        return (type(self).__doc__ or "").split("\n\n")[0].replace("\n    ", " ")

    def check_length(self, length: int) -> None:
        """Raise ConfigError unless `length` training characters can be had and learnt from."""
        if length < 2:
            raise ConfigError("length", length, "2 or more")

    @abstractmethod
    def sample(self, length: int, rng: Random) -> str:
        """Return `length` characters, drawn with `rng` where there is something to draw."""

    def training_text(self, length: int, data_seed: int) -> str:
        """Return the characters to train on."""
        return self.sample(length, Random(f"training {data_seed}"))

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        """Return what a net trained on `length` characters is tested on: by default a fresh draw."""
        text = self.sample(TEST_LENGTH, Random(f"evaluation {data_seed}"))
        return Evaluation(text=text, start=1, prime=text[:1], truth="")

    def start_of_test(self, evaluation: Evaluation, length: int) -> str:
        """Return the first `length` characters of the test: all of it where it has no more.

        A stream that repeats for ever goes on beyond the end of its test.
        """
        motif = self.motif
        if motif is None:
            return evaluation.text[:length]
        return (motif * math.ceil(length / len(motif)))[:length]

    def labels(self, text: str) -> dict[str, np.ndarray]:
        """Return what the pattern knows of each place of a text after reading the character there, by name.

        By default the labels are those of `knows`, where each family says what they are, and `state`, the number of the
        state of `automaton()`, where there is one. A mark ends one string and begins the next: the labels of its place
        are those of a string that has no characters yet. Strings beyond the pattern's own limits have labels too, if
        `language` holds them possible; their `state` is -1 wherever the automaton has no such state.

        Arguments:
            text: characters as the pattern writes them from its beginning on, strings with their marks.

        Returns:
            For each name an array of shape (len(text),): whole numbers, -1 where there is nothing to know; bools; or
            texts, empty where there is nothing to know. The names are the same for every text.

        Raises:
            UnknownCharacterError: a character is not in the alphabet.
            ValueError: a character cannot come where it stands; the message names the first such place.
        """
        if self.language is None:
            return {}
        self.language.check_possible(text)
        states = self.language.states(text)
        if states is None:
            return {}
        numbers = {state: number for number, state in enumerate(dict.fromkeys(states))}
        place = np.array([numbers[state] for state in states[1:]], dtype=np.int64)
        known = [self.knows(state) for state in numbers]
        labels = {name: np.array([each[name] for each in known])[place] for name in known[0]}
        if (automaton := self.automaton()) is not None:
            number_of = {state: number for number, state in enumerate(automaton.states)}
            labels["state"] = np.array([number_of.get(state, -1) for state in numbers], dtype=np.int64)[place]
        return labels

    def knows(self, state: Any) -> Mapping[str, int | str]:
        """Return the labels of a place by name, given the oracle's state after the character there; by default none.

        The names are the same for every state. The start, the state before the first character, is asked for, too.
        """
        return {}

    def automaton(self) -> Automaton | None:
        """Return the oracle as tables; None without an oracle, or where it has too many states."""
        return None if self.oracle is None else self.oracle.automaton

    @property
    def language(self) -> Oracle | None:
        """An oracle that also holds possible what is beyond the pattern's own limits; by default the pattern's own."""
        return self.oracle

    def scored(self, text: str) -> np.ndarray | None:
        """Return which characters of `text` count in training and test, bool, (len(text),); None where all do.

        A character counts as a prediction from those before it; for a transducer, by what is said after it.
        """
        return None

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        """Return the cases of the table of generalization, those like the training text and those beyond it."""
        return []

    def examine(
        self, net: "Questioned", length: int, ranges: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, float], list[ReachRow]]:
        """Measure what only this family asks of a trained net.

        Arguments:
            net: the net, as a pattern may question it.
            length: the training characters.
            ranges: those of the training text, for each measure of `cases`.

        Returns:
            Metrics by name, and further rows of the table of generalization, for other measures than those of `cases`.
        """
        return {}, []

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        """Return for each measure of `cases`, the main one first, the least and the greatest size trained on."""
        return {}

    def oracle_loss(self, evaluation: Evaluation) -> float | None:
        """Return the oracle's mean loss on what the test scores, nats per character; None without an oracle."""
        if self.oracle is None:
            return None
        log_probs = self.oracle.log_probs(evaluation.text)[evaluation.start :]
        scored = self.scored(evaluation.text)
        counted = log_probs if scored is None else log_probs[scored[evaluation.start :]]
        return float(-counted.mean()) + 0.0  # + 0.0: not "-0.0"

    def references(self, evaluation: Evaluation, training_text: str) -> dict[str, float]:
        """Return what simple predictors reach on the test, by name, in nats per scored character."""
        return {}


def refuse(spec: str, allowed: str) -> ConfigError:
    """Return the error for a spec that makes no sense."""
    return ConfigError("pattern", spec, allowed)


def whole(spec: str, name: str, text: str, least: int, most: int, example: str) -> int:
    """Return a whole number that stands in a spec, checked; `example` is a spec that would do."""
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not least <= int(text) <= most:
        raise refuse(spec, f"{name} from {least} to {most}, such as {example}, not {text!r}")
    return int(text)


def options(spec: str, argument: str, allowed: Mapping[str, str]) -> dict[str, str]:
    """Read the `name=value:name=value` with which a spec ends; what is not given keeps the value in `allowed`.

    Raises:
        ConfigError: a name that is not in `allowed`, one given twice, or something else between the colons.
    """
    given: dict[str, str] = {}
    for part in argument.split(":") if argument else []:
        name, equals, value = part.partition("=")
        if not equals or name not in allowed or name in given:
            shown = ":".join(f"{name}={value}" for name, value in allowed.items())
            raise refuse(spec, f"options as in {spec.removesuffix(argument)}{shown}, not {part!r}")
        given[name] = value
    return {**allowed, **given}


def least_period(text: str) -> int:
    """Return the length of the shortest string that makes `text` when it is repeated.

    Example:
        >>> least_period("abab"), least_period("aab")
        (2, 3)
    """
    return (2 * text).index(text, 1)


def family_of(spec: str) -> tuple[type[Pattern], str]:
    """Return the family that a spec names, and its argument.

    A word alone is a family if there is one of that name, and otherwise an argument of the one that takes bare words.

    Raises:
        ConfigError: no such family, or a word that is probably one mistyped.
    """
    word, colon, argument = spec.partition(":")
    (plain,) = (family for family in Pattern.families.values() if family.takes_bare_words)
    if word in Pattern.families and (colon or word != plain.family):
        return Pattern.families[word], argument
    known = sorted(Pattern.families)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6 if colon else 0.75)
    if not colon and (not near or len(spec) < 4):
        return plain, spec
    hint = f"; did you mean {near[0]}?" if near else ""
    name = plain.family
    other = f"{name}:... where a {name} has a colon" if colon else f"{name}:{spec} for a {name} of that name"
    raise ConfigError("pattern", spec, f"the families {', '.join(known)}; {other}{hint}")


def parse(spec: str) -> Pattern:
    """Return the pattern that `spec` names.

    Example:
        >>> parse("abc").training_text(length=7, data_seed=0)
        'abcabca'

    Raises:
        ConfigError: no such family, or an argument that it cannot use.
    """
    family, argument = family_of(spec)
    return family(argument)
