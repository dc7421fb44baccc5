"""From a TrainConfig to what is trained: defaults filled in, data drawn and cut into windows, net built."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import Any, TypeVar

import numpy as np
import torch

from rnn_core.batching import Steps, Window, cut_into_windows
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.draws import ONE_DRAW, Draws, draws_of, first_longest
from rnn_core.limits import check_device, check_memory
from rnn_core.nets.cells import load_cell
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Evaluation, Pattern, parse
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary

WARM_UP_STEPS = 4096
"""The most steps that are read before the validation steps of a stream, without counting, to build up the state; also
the steps of each window in which they are read."""

MAX_CACHED_CUTS = 8
"""How many results of `cut_into_windows` a Data keeps."""

Computed = TypeVar("Computed")


@dataclass(frozen=True, eq=False)
class Data:
    """The training and test data of all configs that have the same pattern, length, data seed and draws.

    Everything is computed when it is first needed, and kept.

    Attributes:
        pattern: the source of the characters.
        length: the number of training characters (of strings: the least number).
        data_seed: the seed from which the characters are drawn.
        draws: how the training texts are drawn.
    """

    pattern: Pattern
    length: int
    data_seed: int
    draws: Draws = ONE_DRAW

    @cached_property
    def text(self) -> str:
        """The training text; where each epoch draws a text of its own, that of the first epoch."""
        longest = first_longest(self.pattern.lengths) if self.draws.curriculum else None
        return self.draws.text(self.pattern, self.length, self.data_seed, 0, longest)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The V characters that are read, and their indices."""
        return Vocabulary(self.pattern.alphabet)

    @cached_property
    def outputs(self) -> Vocabulary:
        """The W characters that can be targets, and their indices."""
        return Vocabulary(self.pattern.outputs)

    @cached_property
    def evaluation(self) -> Evaluation:
        """The test of the trained net."""
        return self.pattern.evaluation(self.length, self.data_seed)

    @cached_property
    def sha256(self) -> str:
        """The digest of the training and the test text, in hexadecimal; see `Record.data_sha256`."""
        texts = [self.text, self.evaluation.text]
        if not self.pattern.predicts_next:
            texts = [text + self.pattern.inputs_and_targets(text)[1] for text in texts]
        return hashlib.sha256("".join(texts).encode()).hexdigest()

    @cached_property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """For each measure of the pattern's cases, the smallest and the largest size that the training text holds.

        Where each epoch draws a text of its own, see `Draws.ranges`.
        """
        return self.draws.ranges(self.pattern, self.length, self.data_seed, self.text)

    @cached_property
    def training(self) -> Steps:
        """The steps of the training text; where each epoch draws a text of its own, of that of the first epoch."""
        return self.steps(self.text)

    def drawn_afresh(self, epoch: int, longest: int | None) -> Steps:
        """Return the steps of the text that an epoch draws, where each draws its own; they are not kept.

        Arguments:
            epoch: the number of the epoch, from 0.
            longest: the longest length of the curriculum in that epoch; None for all lengths.

        Raises:
            ConfigError: nothing counts in them.
        """
        steps = self.steps(self.draws.text(self.pattern, self.length, self.data_seed, epoch, longest))
        _check_counted(self, steps, f" in epoch {epoch}")
        return steps

    @cached_property
    def test(self) -> Steps:
        """The steps of the test text; those before `evaluation.start` do not count."""
        return self.steps(self.evaluation.text, self.evaluation.start)

    @cached_property
    def string_count_and_longest(self) -> tuple[int, int]:
        """The number of training strings, and the number of steps of the longest; only for a pattern of strings.

        Where each epoch draws a text of its own, the strings are those of the first epoch; the longest is that of the
        greatest length, if lengths can be asked for.
        """
        starts, pattern = self.training.starts, self.pattern
        assert starts is not None, "only a pattern of strings has starts"
        longest = int(torch.diff(starts, append=torch.tensor([len(self.training)])).max())
        if self.draws.every_epoch and pattern.lengths:
            read, _ = pattern.inputs_and_targets(pattern.sample_of_lengths(1, Random(0), pattern.lengths[-1:]))
            longest = len(read)
        return len(starts), longest

    def steps(self, text: str, start: int = 0) -> Steps:
        """Return the steps of a text of this pattern.

        Arguments:
            text: the text, from the beginning of a stream or with the marks of its strings.
            start: the position of the first character that counts; those before it are only read.
        """
        inputs, targets = self.pattern.inputs_and_targets(text)
        first_target = len(text) - len(targets)  # its position in the text
        counted = np.arange(first_target, len(text)) >= start
        scored = self.pattern.scored(text)
        if scored is not None:
            counted &= scored[first_target:]
        indices, mark = self.vocabulary.encode(inputs), self.pattern.mark
        starts = (indices == self.vocabulary.to_index[mark]).nonzero().flatten() if mark else None
        return Steps(indices, self.outputs.encode(targets), torch.from_numpy(counted), starts)

    def training_and_validation(self, keep: str) -> tuple[Steps, Steps]:
        """Return the steps to train on and the steps to validate on.

        Arguments:
            keep: with `last`, all steps are trained on and none validate. With `best`, the last tenth validates. In a
                stream, the validation steps begin up to WARM_UP_STEPS earlier; these steps build up the state and do
                not count. For strings, the tenth begins where a string begins.

        Raises:
            ConfigError: nothing counts in the training steps or, with `best`, in the validation steps.
        """
        return self.cached(_hold_out_tenth if keep == "best" else _hold_out_nothing)

    def windows(self, steps: Steps, batch_size: int, window: int) -> list[Window]:
        """Return `batching.cut_into_windows` of these arguments; the latest results are kept."""
        return self._cached_cut(steps, batch_size, window)

    def cached(self, compute: Callable[["Data"], Computed]) -> Computed:
        """Return `compute(self)`, which is computed at the first call and kept.

        Arguments:
            compute: a function defined in a module. It is the key of the result, so a lambda would be computed anew.
        """
        if compute not in self._results:
            self._results[compute] = compute(self)
        result: Computed = self._results[compute]
        return result

    @cached_property
    def _results(self) -> dict[Callable[["Data"], Any], Any]:
        return {}

    @cached_property
    def _cached_cut(self) -> Callable[[Steps, int, int], list[Window]]:
        return lru_cache(MAX_CACHED_CUTS)(cut_into_windows)


def _hold_out_nothing(data: Data) -> tuple[Steps, Steps]:
    """Return all training steps, and no validation steps."""
    _check_counted(data, data.training, "")
    return data.training, data.training.section(0, 0)


def _hold_out_tenth(data: Data) -> tuple[Steps, Steps]:
    """Return the steps before the last tenth, and the validation steps; see `Data.training_and_validation`."""
    steps = data.training
    begin = len(steps) - max(1, len(steps) // 10)
    if steps.starts is not None:
        begin = max(0, int(steps.starts[steps.starts <= begin].max()))
    training, validation = steps.section(0, begin), steps.section(begin, len(steps))
    for section in (training, validation):
        _check_counted(data, section, ", or nothing in the tenth that keep=best holds out")
    if steps.starts is None:
        warm_up = max(0, begin - WARM_UP_STEPS)
        validation = steps.section(warm_up, len(steps))
        counted = validation.counted & (torch.arange(warm_up, len(steps)) >= begin)
        validation = Steps(validation.read, validation.target, counted)
    return training, validation


def _check_counted(data: Data, steps: Steps, remark: str) -> None:
    """Raise ConfigError if no step counts; `remark` is the end of its message."""
    if not steps.counted.any():
        raise ConfigError("length", data.length, f"more: in so few characters nothing is scored{remark}")


@dataclass(frozen=True)
class Prepared:
    """A config with its data, ready to be trained.

    Attributes:
        config: the resolved TrainConfig: the pattern's spec is canonical, and length and window are not 0.
        data: the data; the results of one `prepare_all` share it where pattern, length and data seed agree.
    """

    config: TrainConfig
    data: Data

    @property
    def pattern(self) -> Pattern:
        """The source of the characters."""
        return self.data.pattern

    @property
    def text(self) -> str:
        """The training text."""
        return self.data.text

    @property
    def vocabulary(self) -> Vocabulary:
        """The V characters that are read, and their indices."""
        return self.data.vocabulary

    @property
    def evaluation(self) -> Evaluation:
        """The test of the trained net."""
        return self.data.evaluation

    @property
    def record(self) -> Record:
        """The contents of config.json."""
        pattern = self.pattern
        return Record(
            self.config,
            self.vocabulary.characters,
            self.data.sha256,
            mark=pattern.mark,
            outputs=self.data.outputs.characters,
            predicts_next=pattern.predicts_next,
            separator=pattern.separator,
        )

    @property
    def size_metrics(self) -> dict[str, int]:
        """The numbers of training characters, of trainable parameters, and of the state, by the names of their metrics.

        The state is left out where it grows with the text.
        """
        sizes = {"training_characters": len(self.text), "parameters": self.record.parameter_count}
        cell = load_cell(self.config.cell)
        if not cell.growing:
            shapes = cell.state_shapes(self.config.hidden_size).values()
            sizes["state_size"] = self.config.layers * sum(math.prod(shape) for shape in shapes)
        return sizes

    @property
    def windows(self) -> list[Window]:
        """The training data of one epoch, the first one with draws=every-epoch; see `windows_of`.

        With keep=best, without the tenth that is held out.
        """
        training, _ = self.data.training_and_validation(self.config.keep)
        return self.data.windows(training, self.config.batch_size, self.config.window or len(training))

    @property
    def last_windows(self) -> list[Window]:
        """The training data of the last epoch, of all lengths, whatever a curriculum comes to."""
        return self.windows_of(self.config.epochs - 1, None)

    def windows_of(self, epoch: int, longest: int | None) -> list[Window]:
        """Return the training data of an epoch.

        Arguments:
            epoch: the number of the epoch, from 0.
            longest: the longest length of the curriculum in that epoch; None for all lengths.

        Raises:
            ConfigError: nothing counts in what the epoch draws.
        """
        if not self.data.draws.every_epoch:
            return self.windows
        steps = self.data.drawn_afresh(epoch, longest)
        return cut_into_windows(steps, self.config.batch_size, self.config.window or len(steps))

    @property
    def validation_windows(self) -> list[Window]:
        """The data on which keep=best chooses the weights; empty with keep=last.

        A stream is read as one row, in windows of WARM_UP_STEPS, whatever the config says.
        """
        if self.config.keep == "last":
            return []
        has_strings = bool(self.pattern.mark)
        batch_size, window = (self.config.batch_size, self.config.window) if has_strings else (1, WARM_UP_STEPS)
        _, validation = self.data.training_and_validation(self.config.keep)
        return self.data.windows(validation, batch_size, window)

    def build_net(self) -> CharRNN:
        """Return the untrained net on the config's device. Sets torch's global seed to `config.seed`."""
        torch.manual_seed(self.config.seed)
        return self.record.build_net().to(self.config.device)


def prepare(config: TrainConfig, pattern: Pattern | None = None) -> Prepared:
    """Resolve a config and draw its training data.

    Arguments:
        config: what to train.
        pattern: the Pattern that the spec `config.pattern` stands for; None to parse the spec, which reads the file of
            a text.

    Raises:
        ConfigError: the pattern cannot be parsed, a number does not fit the data, this machine lacks the device, or
            the memory does not suffice.
    """
    return prepare_all([config], {} if pattern is None else {config.pattern: pattern})[0]


def prepare_all(configs: Iterable[TrainConfig], patterns: Mapping[str, Pattern] | None = None) -> list[Prepared]:
    """Prepare configs; those with the same pattern, length, data seed and draws share their data.

    Arguments:
        configs: what to train.
        patterns: patterns that are parsed already, by `config.pattern`.

    Returns:
        One Prepared for each config, in their order.

    Raises:
        ConfigError: as `prepare` raises it for the first config with an error.
    """
    parsed: dict[str, Pattern] = {}
    all_data: dict[tuple[Pattern, int, int, Draws], Data] = {}
    prepared = []
    for config in configs:
        if config.pattern not in parsed:
            pattern = (patterns or {}).get(config.pattern) or parse(config.pattern)
            parsed[config.pattern] = parsed.setdefault(pattern.spec, pattern)
        pattern = parsed[config.pattern]
        length = config.length or pattern.default_length
        key = (pattern, length, config.data_seed, draws_of(config, pattern))
        if key not in all_data:
            pattern.check_length(length)
            all_data[key] = Data(*key)
        prepared.append(Prepared(_resolve_and_check(config, all_data[key]), all_data[key]))
    return prepared


def _resolve_and_check(config: TrainConfig, data: Data) -> TrainConfig:
    """Return a config with its canonical pattern, its length and its window, after checking that it can be trained.

    Raises:
        ConfigError: a value does not fit the data or the machine. What can be checked without the data is checked
            before they are drawn, since drawing can take long.
    """
    pattern, length = data.pattern, data.length
    # Of strings, each is a row, and their number is not known yet; but a whole batch of one length is always drawn.
    rows = 1 if pattern.mark and data.draws.batch == 1 else config.batch_size
    steps = length - 1 if pattern.predicts_next else length
    if rows > steps:
        raise ConfigError("batch_size", config.batch_size, f"1 to {steps}, the predictions in {length} characters")
    check_device(config.device)
    longest_row = -(-steps // rows)
    window = config.window or pattern.default_window
    sizes = len(data.vocabulary), len(data.outputs)
    if pattern.mark:
        # The length of the longest string is unknown before the strings are drawn: first checked for one step.
        check_memory(config, *sizes, length, 1, window_given=False)
        strings, longest_row = data.string_count_and_longest
        if config.batch_size > strings:
            raise ConfigError("batch_size", config.batch_size, f"1 to {strings}, the strings in {length} characters")
    most_steps = min(window or longest_row, longest_row)
    check_memory(config, *sizes, length, most_steps, window_given=config.window > 0)
    if not (pattern.mark and data.draws.every_epoch):  # otherwise each draw has another longest string
        window = most_steps
    data.training_and_validation(config.keep)  # raises ConfigError if nothing counts
    return dataclasses.replace(config, pattern=pattern.spec, length=length, window=window)
