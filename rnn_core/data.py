"""A TrainConfig made concrete: its zeros resolved, its characters drawn, its net built."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch

from rnn_core.batching import Window, cut, pad
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.limits import check_device, check_memory
from rnn_core.nets.charrnn import CharRNN, parameter_count
from rnn_core.patterns import Evaluation, Pattern, parse
from rnn_core.patterns.shared.strings import split
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary

READ_BEFORE = 4096
"""Characters of a stream that are read before those that validate, at most."""

CUTS = 8
"""Ways of cutting its texts into windows that a Data keeps."""

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Data:
    """What a net is trained and measured on, whatever the net: many Prepared share it, and with it what it has cost.

    Attributes:
        pattern: where the characters come from.
        length, data_seed: of a resolved TrainConfig.
    """

    pattern: Pattern
    length: int
    data_seed: int

    @cached_property
    def text(self) -> str:
        """The training characters."""
        return self.pattern.training_text(self.length, self.data_seed)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The pattern's characters and their indices."""
        return Vocabulary(self.pattern.alphabet)

    @cached_property
    def evaluation(self) -> Evaluation:
        """What the trained net is evaluated on."""
        return self.pattern.evaluation(self.length, self.data_seed)

    @cached_property
    def sha256(self) -> str:
        """What a Record says of the data."""
        return hashlib.sha256((self.text + self.evaluation.text).encode()).hexdigest()

    @cached_property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """For each measure of the pattern's cases the least and the greatest size trained on."""
        return self.pattern.ranges(self.text)

    @cached_property
    def strings(self) -> tuple[int, int]:
        """How many strings a pattern of strings has to train on, and the predictions in the longest of them."""
        sizes = [len(string) + 1 for string in split(self.text)]
        return len(sizes), max(sizes)

    @cached_property
    def parts(self) -> Callable[[str], tuple[str, str]]:
        """For a config's `keep`, the characters to train on and those to validate on.

        Raises:
            ConfigError: one of the two has nothing that is scored.
        """
        return cache(self._parts)

    @cached_property
    def cut(self) -> Callable[[str, int, int, int], list[Window]]:
        """Cut a text as `Prepared.cut` says; the latest cuts are kept."""
        return lru_cache(CUTS)(self._cut)

    def once(self, make: Callable[["Data"], Made]) -> Made:
        """Return what a function, one that has a name, makes of this data: made once, and kept as long as the data."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    @cached_property
    def _made(self) -> dict[Callable[["Data"], Any], Any]:
        return {}

    def _parts(self, keep: str) -> tuple[str, str]:
        text, mark = self.text, self.pattern.mark
        at = len(text) - _validation_length(text, mark)
        # Both parts keep the mark, or the character, where they meet: it ends the one and starts the other.
        parts = (text[: at + 1], text[at:]) if keep == "best" else (text, "")
        for part in parts if keep == "best" else parts[:1]:
            scored = self.pattern.scored(part)
            if len(part) < 2 or (scored is not None and not scored[1:].any()):
                apart = ", part of it set apart by keep=best" if keep == "best" else ""
                raise ConfigError("length", self.length, f"more: nothing in so little{apart} can be scored")
        return parts

    def _cut(self, text: str, batch_size: int, window: int, start: int) -> list[Window]:
        counts = np.arange(1, len(text)) >= start
        scored = self.pattern.scored(text)
        if scored is not None:
            counts &= scored[1:]
        counted = None if counts.all() else torch.from_numpy(counts)
        indices = self.vocabulary.encode(text)
        if not self.pattern.mark:
            return cut(indices, min(batch_size, len(indices) - 1), window, counted)
        ends = (indices == self.vocabulary.to_index[self.pattern.mark]).nonzero().flatten().tolist()
        strings = [indices[begin : end + 1] for begin, end in pairwise(ends)]
        answers = None if counted is None else [counted[begin:end] for begin, end in pairwise(ends)]
        return pad(strings, batch_size, window, answers)


@dataclass(frozen=True)
class Prepared:
    """Everything that a TrainConfig implies, ready to train on.

    Attributes:
        config: the resolved TrainConfig: length, window and pattern say what they came to.
        data: what it shares with all that are prepared beside it and have the same pattern, length and data seed.
    """

    config: TrainConfig
    data: Data

    @property
    def pattern(self) -> Pattern:
        """Where the characters come from."""
        return self.data.pattern

    @property
    def text(self) -> str:
        """The training characters."""
        return self.data.text

    @property
    def vocabulary(self) -> Vocabulary:
        """The pattern's characters and their indices."""
        return self.data.vocabulary

    @property
    def evaluation(self) -> Evaluation:
        """What the trained net is evaluated on."""
        return self.data.evaluation

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """For each measure of the pattern's cases the least and the greatest size trained on."""
        return self.data.ranges

    @property
    def record(self) -> Record:
        """What config.json holds of this."""
        return Record(self.config, self.vocabulary.characters, self.data.sha256, mark=self.pattern.mark)

    @property
    def mark_index(self) -> int | None:
        """The index of the mark between strings; None for a stream."""
        return self.vocabulary.to_index[self.pattern.mark] if self.pattern.mark else None

    @property
    def parameters(self) -> int:
        """Trainable numbers in the net."""
        config = self.config
        return parameter_count(len(self.vocabulary), config.hidden_size, config.cell, config.layers, config.encoding)

    @property
    def windows(self) -> list[Window]:
        """One epoch of training data; with keep=best, without the tenth that is set apart."""
        return self.cut(self.parts[0], self.config.batch_size, self.config.window)

    @property
    def validation(self) -> list[Window]:
        """The tenth of the training data that chooses the weights to keep; nothing where the last ones are kept.

        Strings are read as in training; a stream from what comes before it, unscored, so that the net knows its place.
        """
        if self.config.keep == "last":
            return []
        if self.pattern.mark:
            return self.cut(self.parts[1], self.config.batch_size, self.config.window)
        begin = max(0, len(self.parts[0]) - 1 - READ_BEFORE)
        return self.cut(self.text[begin:], 1, READ_BEFORE, start=len(self.parts[0]) - begin)

    @property
    def parts(self) -> tuple[str, str]:
        """The characters to train on and those to validate on."""
        return self.data.parts(self.config.keep)

    def cut(self, text: str, batch_size: int, window: int, start: int = 1) -> list[Window]:
        """Cut a text of this pattern into windows: a stream into `batch_size` streams, strings into batches of as many.

        Only what the pattern scores counts, and of that only the predictions of `text[start:]`.
        """
        return self.data.cut(text, batch_size, window, start)

    def build_net(self) -> CharRNN:
        """Return the untrained net on the config's device: the seed is set immediately before it is built."""
        torch.manual_seed(self.config.seed)
        return self.record.build_net().to(self.config.device)


def prepare(config: TrainConfig, pattern: Pattern | None = None) -> Prepared:
    """Resolve a config and draw its training characters.

    Arguments:
        config: what to train.
        pattern: what `config.pattern` names, where it has been parsed already; a text's file is then not read again.

    Raises:
        ConfigError: the pattern cannot be read, a number does not fit the data, the device is not here, or the
            memory would not do.
    """
    return prepare_all([config], {} if pattern is None else {config.pattern: pattern})[0]


def prepare_all(configs: Iterable[TrainConfig], patterns: Mapping[str, Pattern] | None = None) -> list[Prepared]:
    """Prepare configs, in their order: those of one pattern, length and data seed share their data.

    Arguments:
        configs: what to train.
        patterns: those that have been parsed already, by spec as the configs have it.

    Raises:
        ConfigError: what `prepare` refuses in the first config of which it refuses anything.
    """
    parsed: dict[str, Pattern] = {}
    drawn: dict[tuple[Pattern, int, int], Data] = {}
    prepared = []
    for config in configs:
        if config.pattern not in parsed:
            pattern = (patterns or {}).get(config.pattern) or parse(config.pattern)
            parsed[config.pattern] = parsed.setdefault(pattern.spec, pattern)
        pattern = parsed[config.pattern]
        length = config.length or pattern.default_length
        key = (pattern, length, config.data_seed)
        if key not in drawn:
            pattern.check_length(length)
            drawn[key] = Data(*key)
        prepared.append(Prepared(_resolve(config, drawn[key]), drawn[key]))
    return prepared


def _resolve(config: TrainConfig, data: Data) -> TrainConfig:
    """Say what a config's zeros come to; what does not fit the data or the machine is refused before it is drawn."""
    pattern, length = data.pattern, data.length
    streams = 1 if pattern.mark else config.batch_size
    if streams > length - 1:
        raise ConfigError("batch_size", config.batch_size, f"1 to {length - 1}, the predictions in {length} characters")
    check_device(config.device)
    steps = -(-(length - 1) // streams)
    window = config.window or pattern.default_window
    if pattern.mark:
        # How long the longest string is, only the draw can tell.
        check_memory(config, len(data.vocabulary), length, 1, whole=True)
        strings, steps = data.strings
        if config.batch_size > strings:
            raise ConfigError("batch_size", config.batch_size, f"1 to {strings}, the strings in {length} characters")
    window = min(window or steps, steps)
    check_memory(config, len(data.vocabulary), length, window, whole=config.window == 0)
    data.parts(config.keep)
    return dataclasses.replace(config, pattern=pattern.spec, length=length, window=window)


def _validation_length(text: str, mark: str) -> int:
    """Return how many characters at the end of the training text are set apart: a tenth, in whole strings."""
    tenth = max(1, (len(text) - 1) // 10)
    if not mark:
        return tenth + 1
    return len(text) - max(0, text.rfind(mark, 0, len(text) - tenth))
