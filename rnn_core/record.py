"""The record of a run, saved as config.json: config, alphabet, digest of the data, version of the training code."""

import hashlib
import json
from dataclasses import dataclass

from rnn_core.config import ADDED, TrainConfig
from rnn_core.nets.cells import load_cell
from rnn_core.nets.charrnn import CharRNN, parameter_count


def current_version(mark: str, cell: str) -> int:
    """Return the version of the code that trains a cell on a pattern with this mark, the empty string for a stream.

    Raise it, for strings, for streams or for a cell (`Cell.version`), when the same config and data no longer give the
    same weights. Of strings, version 2 takes no steps for padding in compiled loops, and version 3 few of them in
    torch, so that the last bits of sums are others.
    """
    return (3 if mark else 1) + load_cell(cell).version


@dataclass(frozen=True)
class Record:
    """The contents of config.json, from which the net and its alphabets can be rebuilt without the training data.

    Attributes:
        config: the resolved TrainConfig.
        alphabet: the V distinct characters that are read, in the order of their indices.
        data_sha256: the SHA-256 of the training text followed by the test text, in UTF-8, in hexadecimal. For a text
            file that is used whole and whose end is the test, this is the digest of the file. For a transducer, each of
            the two texts is followed by its targets.
        training_version: the version of the code that trained the net; by default (0) the present one.
        mark: the character before and after each string; before it the net's state is set to zero. Empty for a stream.
        outputs: the W distinct characters that can be targets, in the order of their indices; by default the alphabet.
        predicts_next: whether the target after each character is the next character. Only then can the net run free.
        separator: the character after a question, where every string is a question and its answer; otherwise empty.
    """

    config: TrainConfig
    alphabet: str
    data_sha256: str
    training_version: int = 0
    mark: str = ""
    outputs: str = ""
    predicts_next: bool = True
    separator: str = ""

    def __post_init__(self) -> None:
        if not self.outputs:
            object.__setattr__(self, "outputs", self.alphabet)
        if not self.training_version:
            object.__setattr__(self, "training_version", current_version(self.mark, self.config.cell))

    @property
    def digest(self) -> str:
        """The identity of the run: the SHA-256 of config, data digest and training version, in hexadecimal.

        A field that was added to TrainConfig later is left out where it has the value that applied before it was added,
        so that the digests of earlier runs stay the same.
        """
        identity = {
            "config": {
                name: value for name, value in vars(self.config).items() if name not in ADDED or value != ADDED[name]
            },
            "data_sha256": self.data_sha256,
            "training_version": self.training_version,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def mark_index(self) -> int | None:
        """The index of the mark; None for a stream."""
        return self.alphabet.index(self.mark) if self.mark else None

    @property
    def alphabet_sizes(self) -> tuple[int, int]:
        """V, the number of input characters, and W, the number of output characters."""
        return len(self.alphabet), len(self.outputs)

    @property
    def parameter_count(self) -> int:
        """The number of trainable parameters of the net."""
        config, (inputs, outputs) = self.config, self.alphabet_sizes
        return parameter_count(inputs, config.hidden_size, config.cell, config.layers, config.encoding, outputs)

    def build_net(self) -> CharRNN:
        """Return a new net as the config describes it; its weights are drawn from torch's global random state."""
        config, (inputs, outputs) = self.config, self.alphabet_sizes
        return CharRNN(inputs, config.hidden_size, config.cell, config.layers, config.encoding, outputs)
