"""The base class of all patterns."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Protocol

import numpy as np

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.automaton import Automaton
from rnn_core.patterns.shared.cases import Case, Evaluation, ReachRow
from rnn_core.patterns.shared.meaning import Meaning
from rnn_core.patterns.shared.oracle import Oracle

TEST_LENGTH = 20_000
"""Characters of the test text, where it is a fresh draw."""

PROMPT_LENGTH = 5
"""Characters of the prompt that shows how a trained net is used."""


class NetQueries(Protocol):
    """What `Pattern.examine` may measure of a trained net; `rnn_core.measures.queries.QueriedNet` implements it."""

    def loss_over_stretches(self, text: str, length: int) -> float | None:
        """Return the mean loss over all substrings of `length` characters of a text, in nats per character.

        Each substring is read from a zero state. None where the computation would take minutes.
        """

    def accepted(self, symbols: str) -> Iterator[np.ndarray]:
        """Yield for each length 0, 1, 2 ... which strings over two symbols the net accepts: bool, (2**length,).

        Entry i is the string that is i as a binary number of `length` digits; the first symbol is 0, the second 1.
        """


class Pattern(ABC):
    """A source of character sequences, named by a spec.

    A family is a subclass in a file of its own in `rnn_core/patterns/`, with a class attribute `family`. The spec
    `family:argument` stands for `Subclass.from_argument("argument")`, by default `Subclass("argument")`. Derive from
    this class where a sample is one stream, from `Strings` where it is a list of strings, and from `Transducer` or
    `StringTransducer` where the target after a character is not the next one.

    Attributes:
        family: the word before the colon of a spec.
        example: a spec of the family, for lists and tests.
        recipe: the TrainConfig fields that were chosen for the pattern. The class attribute belongs to
            `example`; an instance sets its own where the argument of the spec makes a difference.
        needs_file: whether the spec names a file. For the class: whether every spec does; then `example` alone cannot
            be parsed.
        takes_bare_words: whether a spec without a colon that names no family is an argument of this family. True of
            exactly one family.
        random: whether a sample depends on its seed.
        every_size: whether `cases` has a case of every size from 1 to the largest.
        lengths: the lengths of strings that can be asked for, by the main measure, ascending; a string that is drawn
            has each of them with the same probability. Empty where none can be asked for.
        mark: the character before and after each string; empty for a stream.
        separator: the character after a question, where every string is a question and its answer and a prompt is a
            question; empty for any other pattern.
        alphabet: every character that the pattern can produce.
        default_length: the number of training characters where the config gives none.
        default_window: the steps of truncated backpropagation where the config gives none; 0 is the whole sequence.
        predicts_next: whether the target after each character is the next character; False for a `Transducer`.
        number_labels: the names of the whole-number labels that have a size, such as a count or a depth, of all specs
            of the family; the values of all other ones are the numbers of classes.
        meanings: the meaning of each metric that only this family records, by its name.
        former_arguments: the arguments X for which earlier versions recorded `family:X` as the canonical spec of other
            data than it draws today. Today it is a short form of another canonical spec, so a run that is recorded
            under it is an old one.
        oracle: the exact distribution of the characters of a text; None where it is unknown. For a `Transducer` these
            are the characters that are read; what is said after them is certain.
    """

    family: ClassVar[str]
    families: ClassVar[dict[str, type["Pattern"]]] = {}
    example: ClassVar[str]
    recipe: Mapping[str, Any] = {}
    needs_file: bool = False
    takes_bare_words: ClassVar[bool] = False
    random: ClassVar[bool] = True
    every_size: ClassVar[bool] = False
    mark: ClassVar[str] = ""
    separator: str = ""
    alphabet: str
    lengths: Sequence[int] = ()
    default_length: int
    default_window: ClassVar[int] = 0
    predicts_next: ClassVar[bool] = True
    number_labels: Collection[str] = ()
    meanings: ClassVar[Mapping[str, Meaning]] = {}
    former_arguments: ClassVar[Collection[str]] = ()
    oracle: Oracle | None = None

    def __init_subclass__(cls) -> None:
        if "family" in cls.__dict__:
            Pattern.families[cls.family] = cls

    @abstractmethod
    def __init__(self, argument: str) -> None:
        """Build the pattern from the part of the spec after the family's colon.

        Raises:
            ConfigError: the argument is not allowed.
        """

    @classmethod
    def from_argument(cls, argument: str) -> "Pattern":
        """Return the pattern that `family:argument` names: by default an instance of this class.

        A family of which some arguments need another base class overrides it.

        Raises:
            ConfigError: the argument is not allowed.
        """
        return cls(argument)

    @property
    @abstractmethod
    def spec(self) -> str:
        """The canonical spec, which means the same in every working directory."""

    @property
    def short_name(self) -> str:
        """The pattern's name within the name of a run: by default its spec."""
        return self.spec

    @property
    def note(self) -> str:
        """What a person should know of the data, such as what of them is left out, in one line; empty for nothing."""
        return ""

    @property
    def motif(self) -> str | None:
        """The shortest string whose repetition is the stream; None where the stream does not repeat."""
        return None

    @property
    def period(self) -> int | None:
        """The length of `motif` in characters; None where the stream does not repeat."""
        return None if self.motif is None else len(self.motif)

    @property
    def outputs(self) -> str:
        """The characters that can be targets: the alphabet, except for a `Transducer`."""
        return self.alphabet

    def inputs_and_targets(self, text: str) -> tuple[str, str]:
        """Return the characters of `text` that are read, and the target after each: two strings of S characters."""
        return text[:-1], text[1:]

    def target_distributions(self, text: str) -> np.ndarray:
        """Return the exact distribution of the target after each character read: float64, (S, W).

        It comes from `oracle`, or from `wide_oracle` for a text that is impossible for `oracle`.

        Raises:
            ValueError: the distribution is unknown.
        """
        if self.oracle is None or self.wide_oracle is None:
            raise ValueError(f"the distribution of {self.spec} is unknown; allowed: patterns with an oracle")
        expected_sw = self.oracle.distributions(text)[1:]
        # After an impossible character all probabilities are 0, so the last character tells.
        if expected_sw[-1, self.oracle.vocabulary.to_index[text[-1]]] == 0:
            expected_sw = self.wide_oracle.distributions(text)[1:]
        return expected_sw

    @property
    def description(self) -> str:
        """The pattern in one sentence: the first paragraph of the class's docstring."""
        return (type(self).__doc__ or "").split("\n\n")[0].replace("\n    ", " ")

    def check_length(self, length: int) -> None:
        """Raise ConfigError if the pattern cannot be trained on `length` characters."""
        if length < 2:
            raise ConfigError("length", length, "2 or more")

    @abstractmethod
    def sample(self, length: int, rng: Random) -> str:
        """Return a text of `length` characters (`Strings`: at least as many); random choices are made with `rng`."""

    def sample_of_lengths(self, length: int, rng: Random, lengths: Sequence[int], batch: int = 1) -> str:
        """Return a text of at least `length` characters whose strings have lengths of our choice.

        Arguments:
            length: the least number of characters.
            rng: the source of the draws.
            lengths: some of the pattern's `lengths`, each with the same probability.
            batch: how many strings in a row have the same length; the text ends with whole batches.

        Raises:
            ValueError: no length can be asked of this pattern.
        """
        raise ValueError(f"no length of a string can be asked of {self.spec}; allowed: patterns with lengths")

    def training_text(
        self, length: int, data_seed: int, epoch: int = 0, longest: int | None = None, batch: int = 1
    ) -> str:
        """Return the training text of an epoch, drawn from the data seed and the epoch.

        Arguments:
            length: the number of characters (`Strings`: the least number).
            data_seed: the data seed.
            epoch: the number of the epoch, from 0, where each draws a text of its own.
            longest: the longest length that is drawn; None for all. Only for a pattern with `lengths`.
            batch: how many strings in a row have the same length. Above 1 only for a pattern with `lengths`.
        """
        rng = Random(f"training {data_seed} epoch {epoch}" if epoch else f"training {data_seed}")
        if longest is None and batch == 1:
            return self.sample(length, rng)
        lengths = [each for each in self.lengths if longest is None or each <= longest]
        return self.sample_of_lengths(length, rng, lengths, batch)

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        """Return the test of a net that was trained on `length` characters: by default a fresh draw."""
        text = self.sample(TEST_LENGTH, Random(f"evaluation {data_seed}"))
        return Evaluation(text=text, start=1, prime=text[:1], truth="")

    def prompt(self, training_text: str) -> str:
        """Return a prompt to try a trained net with: by default the first characters of the training text."""
        return training_text[:PROMPT_LENGTH]

    def start_of_test(self, evaluation: Evaluation, length: int) -> str:
        """Return the first `length` characters of the test text, or all of it if it is shorter.

        Where the stream repeats a motif, the text is continued to `length` characters.
        """
        motif = self.motif
        if motif is None:
            return evaluation.text[:length]
        return (motif * math.ceil(length / len(motif)))[:length]

    def labels(self, text: str) -> dict[str, np.ndarray]:
        """Return what is known about each position of a text, after the character there was read.

        By default these are the labels that the family defines in `state_labels` and, where there is an automaton,
        `state`: the number of its state. At a mark, the labels are those of a string that has no characters yet.
        A string that only `wide_oracle` allows has labels too; where the automaton has no such state, the label `state`
        is -1. Without an oracle, or where its states are unknown, there are no labels and nothing is checked.

        Arguments:
            text: a text from its beginning on, with the marks of its strings.

        Returns:
            For each label, by name, an array of shape (len(text),): whole numbers, -1 where the label does not apply;
            or bools; or strings, empty where the label does not apply; or float64, NaN where the label does not apply,
            for what has a size but no classes, such as a probability. The names do not depend on the text.

        Raises:
            UnknownCharacterError: a character is not in the alphabet.
            ValueError: a character is impossible at its position; the message names the first such position.
        """
        if self.wide_oracle is None:
            return {}
        self.wide_oracle.check_possible(text)
        states = self.wide_oracle.states(text)
        if states is None:
            return {}
        state_numbers = {state: number for number, state in enumerate(dict.fromkeys(states))}
        state_number_t = np.array([state_numbers[state] for state in states[1:]], dtype=np.int64)
        labels_by_state = [self.state_labels(state) for state in state_numbers]
        labels = {
            name: np.array([state_labels[name] for state_labels in labels_by_state])[state_number_t]
            for name in labels_by_state[0]
        }
        if (automaton := self.automaton) is not None:
            automaton_numbers = {state: number for number, state in enumerate(automaton.states)}
            labels["state"] = np.array([automaton_numbers.get(state, -1) for state in state_numbers], dtype=np.int64)[
                state_number_t
            ]
        return labels

    def state_labels(self, state: Any) -> Mapping[str, int | str]:
        """Return the labels of one position, by name; by default none.

        Arguments:
            state: the oracle's state after the character there, or its start state. The names of the labels must not
                depend on it.
        """
        return {}

    @property
    def automaton(self) -> Automaton | None:
        """The automaton of `oracle`; None without an oracle, or where it has too many states."""
        return None if self.oracle is None else self.oracle.automaton

    @property
    def wide_oracle(self) -> Oracle | None:
        """An oracle of the same family that also allows the larger strings of `cases`; by default `oracle`."""
        return self.oracle

    def scored(self, text: str) -> np.ndarray | None:
        """Return which characters of `text` count in losses and accuracies: bool, (len(text),); None if all do.

        The character at a position counts as a target; for a transducer, the output after it does.
        """
        return None

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        """Return the test cases of the table of reach: of sizes that were trained on, and larger ones.

        Arguments:
            evaluation: the test.
            training_text: the training text, of the first epoch if each draws its own.
            data_seed: the data seed.
            every_epoch: whether each epoch draws a text of its own. Then no string within the training range can be
                called new, and none is left out.
        """
        return []

    def examine(
        self, net: "NetQueries", length: int, ranges: Mapping[str, tuple[int, int]]
    ) -> tuple[dict[str, float], list[ReachRow]]:
        """Take the measurements of a trained net that only this family has.

        Arguments:
            net: what can be measured of the net.
            length: the number of training characters.
            ranges: what `ranges` returns for the training text.

        Returns:
            Metrics by name, and further rows of the table of reach, with names of measures that `cases` does not use.
        """
        return {}, []

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        """Return for each measure of `cases` the smallest and the largest size in the text, the main measure first."""
        return {}

    def oracle_loss(self, evaluation: Evaluation) -> float | None:
        """Return the oracle's mean loss on the scored characters of the test, nats per character; None without one."""
        if self.oracle is None:
            return None
        log_probs = self.oracle.log_probs(evaluation.text)[evaluation.start :]
        scored = self.scored(evaluation.text)
        counted = log_probs if scored is None else log_probs[scored[evaluation.start :]]
        return float(-counted.mean()) + 0.0  # + 0.0: not "-0.0"

    def references(self, evaluation: Evaluation, training_text: str) -> dict[str, float]:
        """Return the test losses of models to compare a net with, by name, in nats per scored character."""
        return {}


def least_period(text: str) -> int:
    """Return the length of the shortest string that gives `text` when it is repeated a whole number of times.

    Example:
        >>> least_period("abab"), least_period("aab")
        (2, 3)
    """
    return (2 * text).index(text, 1)
