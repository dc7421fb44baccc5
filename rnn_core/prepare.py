"""A TrainConfig made concrete: its zeros resolved, its characters drawn, its net built."""

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property

import torch

from rnn_core.batching import Window, cut
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.model import CharRNN, parameter_count
from rnn_core.patterns import Evaluation, Pattern, parse
from rnn_core.vocabulary import Vocabulary

TRAINING_VERSION = 1
"""Part of a run's identity: raise it when the same config and data no longer give the same weights."""


@dataclass(frozen=True)
class Record:
    """What config.json holds: enough to build the net and its alphabet again without the training data.

    Attributes:
        config: the resolved TrainConfig.
        alphabet: the distinct characters in index order.
        data_sha256: of the training characters and then the test's, in UTF-8, in hexadecimal; for a whole text file
            this is the file's own.
        training_version: TRAINING_VERSION when it was trained.
    """

    config: TrainConfig
    alphabet: str
    data_sha256: str
    training_version: int = TRAINING_VERSION

    @property
    def digest(self) -> str:
        """The run's identity: a sha256 over config, data and training version, in hexadecimal."""
        identity = {
            "config": dataclasses.asdict(self.config),
            "data_sha256": self.data_sha256,
            "training_version": self.training_version,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def build_net(self) -> CharRNN:
        """Return a net of this shape, its weights drawn from torch's global random state."""
        config = self.config
        return CharRNN(len(self.alphabet), config.hidden_size, config.cell, config.layers, config.encoding)


@dataclass(frozen=True)
class Prepared:
    """Everything that a TrainConfig implies, ready to train on.

    Attributes:
        config: the resolved TrainConfig: length, window and pattern say what they came to.
        pattern: where the characters come from.
        text: the training characters.
        vocabulary: the pattern's characters and their indices.
    """

    config: TrainConfig
    pattern: Pattern
    text: str
    vocabulary: Vocabulary

    @cached_property
    def record(self) -> Record:
        """What config.json holds of this."""
        data = self.text + self.evaluation.text
        return Record(self.config, self.vocabulary.characters, hashlib.sha256(data.encode()).hexdigest())

    @cached_property
    def evaluation(self) -> Evaluation:
        """What the trained net is evaluated on."""
        return self.pattern.evaluation(self.config.length)

    @property
    def parameters(self) -> int:
        """Trainable numbers in the net."""
        config = self.config
        return parameter_count(len(self.vocabulary), config.hidden_size, config.cell, config.layers, config.encoding)

    @cached_property
    def windows(self) -> list[Window]:
        """One epoch of training data."""
        return cut(self.vocabulary.encode(self.text), self.config.batch_size, self.config.window)

    def build_net(self) -> CharRNN:
        """Return the untrained net on the config's device: the seed is set immediately before it is built."""
        torch.manual_seed(self.config.seed)
        return self.record.build_net().to(self.config.device)


def prepare(config: TrainConfig) -> Prepared:
    """Resolve a config and draw its training characters.

    Raises:
        ConfigError: the pattern cannot be read, a number does not fit the data, the device is not here, or the
            memory would not do.
    """
    pattern = parse(config.pattern)
    length = config.length or pattern.default_length
    pattern.check_length(length)
    if config.batch_size > length - 1:
        raise ConfigError("batch_size", config.batch_size, f"1 to {length - 1}, the predictions in {length} characters")
    steps = -(-(length - 1) // config.batch_size)
    window = config.window or pattern.default_window or steps
    resolved = dataclasses.replace(config, pattern=pattern.spec, length=length, window=min(window, steps))
    _check_device(config.device)
    _check_memory(resolved, len(pattern.alphabet), whole=config.window == 0)
    return Prepared(resolved, pattern, pattern.training_text(length, config.data_seed), Vocabulary(pattern.alphabet))


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        here = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
        here += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigError("device", device, f"the devices of this machine: {', '.join(here)}") from None


def _check_memory(config: TrainConfig, vocabulary_size: int, whole: bool) -> None:
    """Refuse what cannot fit into this machine's memory, by a rough count; `whole`: nobody asked for the window."""
    weights = parameter_count(vocabulary_size, config.hidden_size, config.cell, config.layers, config.encoding)
    per_step = 16 * config.layers * config.hidden_size + 4 * vocabulary_size
    needs = {
        "hidden_size": 4 * 4 * weights,  # float32 weights, gradients and Adam's two moments
        "window": 4 * config.batch_size * config.window * per_step,  # what backpropagation keeps of each step
        "length": 400 * config.length,  # characters and indices, and those of a test eleven times as long
    }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.device(config.device).type == "cuda":
        memory = min(memory, torch.cuda.mem_get_info(config.device)[1])
    if sum(needs.values()) > memory:
        field = max(needs, key=lambda name: needs[name])
        field = "length" if field == "window" and whole else field
        what = f"what fits into memory: this needs about {_size(sum(needs.values()))}, the machine has {_size(memory)}"
        raise ConfigError(field, getattr(config, field), what)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} EB"
