"""A TrainConfig made concrete: its zeros resolved, its characters drawn, its net built."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np
import torch

from rnn_core.batching import Steps, Window, cut_into_windows
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.limits import check_device, check_memory
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Evaluation, Pattern, parse
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary

READ_BEFORE = 4096
"""At most so many steps of a stream are read before those that validate, unscored; and steps of a validation window."""

CUTS = 8
"""How many results of `cut_into_windows` a Data keeps."""

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Data:
    """What nets are trained and measured on; it is drawn and cut once, and shared by all nets that have it in common.

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
        """The characters that are read, and their indices."""
        return Vocabulary(self.pattern.alphabet)

    @cached_property
    def outputs(self) -> Vocabulary:
        """The characters that may be said, and their indices."""
        return Vocabulary(self.pattern.outputs)

    @cached_property
    def evaluation(self) -> Evaluation:
        """What the trained net is evaluated on."""
        return self.pattern.evaluation(self.length, self.data_seed)

    @cached_property
    def sha256(self) -> str:
        """The digest of the training text and the test, in hexadecimal; see `Record.data_sha256`."""
        texts = [self.text, self.evaluation.text]
        if not self.pattern.predicts_next:
            texts = [text + self.pattern.exchange(text)[1] for text in texts]
        return hashlib.sha256("".join(texts).encode()).hexdigest()

    @cached_property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """For each measure of the pattern's cases the least and the greatest size trained on."""
        return self.pattern.ranges(self.text)

    @cached_property
    def training(self) -> Steps:
        """The steps of the training characters."""
        return self.steps(self.text)

    @cached_property
    def test(self) -> Steps:
        """The steps of the test; those before its start do not count."""
        return self.steps(self.evaluation.text, self.evaluation.start)

    @cached_property
    def string_count_and_longest(self) -> tuple[int, int]:
        """The number of training strings, and the steps of the longest; only for a pattern of strings."""
        starts = self.training.starts
        assert starts is not None, "only patterns of strings have some"
        return len(starts), int(torch.diff(starts, append=torch.tensor([len(self.training)])).max())

    def steps(self, text: str, start: int = 0) -> Steps:
        """Return the steps of a text of this pattern; what stands before `text[start:]` is read and does not count."""
        read, said = self.pattern.exchange(text)
        first = len(text) - len(said)  # the character of the text that is said first
        counted = np.arange(first, len(text)) >= start
        scored = self.pattern.scored(text)
        if scored is not None:
            counted &= scored[first:]
        indices, mark = self.vocabulary.encode(read), self.pattern.mark
        starts = (indices == self.vocabulary.to_index[mark]).nonzero().flatten() if mark else None
        return Steps(indices, self.outputs.encode(said), torch.from_numpy(counted), starts)

    def parts(self, keep: str) -> tuple[Steps, Steps]:
        """Return the steps to train on and those to validate on.

        Arguments:
            keep: `last` trains on all steps and validates on none; `best` sets the last tenth apart. In a stream some
                steps before that tenth are read too, unscored, so that the state is not zero where it begins.

        Raises:
            ConfigError: one of the two parts has nothing that is scored.
        """
        return self.once(_validated_parts if keep == "best" else _whole_parts)

    def windows(self, steps: Steps, batch_size: int, window: int) -> list[Window]:
        """Cut steps as `batching.cut_into_windows` does; the latest cuts are kept."""
        return self._cut(steps, batch_size, window)

    def once(self, make: Callable[["Data"], Made]) -> Made:
        """Return `make(self)`, computed once and kept.

        Arguments:
            make: also the key: a function of a module, since each lambda would be a new one.
        """
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    @cached_property
    def _made(self) -> dict[Callable[["Data"], Any], Any]:
        return {}

    @cached_property
    def _cut(self) -> Callable[[Steps, int, int], list[Window]]:
        return lru_cache(CUTS)(cut_into_windows)


def _whole_parts(data: Data) -> tuple[Steps, Steps]:
    _check_counted(data, data.training, "")
    return data.training, data.training.part(0, 0)


def _validated_parts(data: Data) -> tuple[Steps, Steps]:
    """Set a tenth of the training steps apart, the last ones, in whole strings."""
    steps = data.training
    tenth = max(1, len(steps) // 10)
    begin = len(steps) - tenth
    if steps.starts is not None:
        begin = max(0, int(steps.starts[steps.starts <= begin].max()))
    trained, validated = steps.part(0, begin), steps.part(begin, len(steps))
    for part in (trained, validated):
        _check_counted(data, part, ", part of it set apart by keep=best")
    if steps.starts is None:
        before = max(0, begin - READ_BEFORE)
        validated = steps.part(before, len(steps))
        validated = Steps(
            validated.read, validated.target, validated.counted & (torch.arange(before, len(steps)) >= begin)
        )
    return trained, validated


def _check_counted(data: Data, part: Steps, apart: str) -> None:
    """Raise ConfigError if nothing in a part counts; `apart` is what the message says of it beside."""
    if not part.counted.any():
        raise ConfigError("length", data.length, f"more: nothing in so little{apart} can be scored")


@dataclass(frozen=True)
class Prepared:
    """Everything that a TrainConfig implies, ready to train on.

    Attributes:
        config: the resolved TrainConfig: length, window and pattern say what they came to.
        data: the data, which all configs of one `prepare_all` share that have their pattern, length and data seed.
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
        """The characters that are read, and their indices."""
        return self.data.vocabulary

    @property
    def evaluation(self) -> Evaluation:
        """What the trained net is evaluated on."""
        return self.data.evaluation

    @property
    def record(self) -> Record:
        """What config.json holds of this."""
        pattern = self.pattern
        return Record(
            self.config,
            self.vocabulary.characters,
            self.data.sha256,
            mark=pattern.mark,
            outputs=self.data.outputs.characters,
            predicts_next=pattern.predicts_next,
        )

    @property
    def sizes(self) -> dict[str, int]:
        """How large the data and the net are, by the name of the metric that says it."""
        return {"training_characters": len(self.text), "parameters": self.record.parameters}

    @property
    def windows(self) -> list[Window]:
        """One epoch of training data; with keep=best, without the tenth that is set apart."""
        return self.data.windows(self.data.parts(self.config.keep)[0], self.config.batch_size, self.config.window)

    @property
    def validation(self) -> list[Window]:
        """The tenth of the training data that chooses the weights to keep; nothing where the last ones are kept."""
        if self.config.keep == "last":
            return []
        strings = bool(self.pattern.mark)
        batch_size, window = (self.config.batch_size, self.config.window) if strings else (1, READ_BEFORE)
        return self.data.windows(self.data.parts(self.config.keep)[1], batch_size, window)

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
    """Return a config with the values that its zeros stand for.

    Raises:
        ConfigError: something does not fit the data or the machine; where that can be told before the data are drawn,
            it is.
    """
    pattern, length = data.pattern, data.length
    streams = 1 if pattern.mark else config.batch_size
    steps = length - 1 if pattern.predicts_next else length
    if streams > steps:
        raise ConfigError("batch_size", config.batch_size, f"1 to {steps}, the predictions in {length} characters")
    check_device(config.device)
    longest = -(-steps // streams)
    window = config.window or pattern.default_window
    sizes = len(data.vocabulary), len(data.outputs)
    if pattern.mark:
        # How long the longest string is, only the draw can tell.
        check_memory(config, *sizes, length, 1, chosen=False)
        strings, longest = data.string_count_and_longest
        if config.batch_size > strings:
            raise ConfigError("batch_size", config.batch_size, f"1 to {strings}, the strings in {length} characters")
    window = min(window or longest, longest)
    check_memory(config, *sizes, length, window, chosen=config.window > 0)
    data.parts(config.keep)
    return dataclasses.replace(config, pattern=pattern.spec, length=length, window=window)
