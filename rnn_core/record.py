"""What identifies a run: its config, its alphabet, the digest of its data, and the version of the training."""

import hashlib
import json
from dataclasses import dataclass

from rnn_core.config import ADDED, TrainConfig
from rnn_core.nets.charrnn import CharRNN, parameter_count

TRAINING_VERSION = 1
"""Part of a run's identity: raise it when the same config and data no longer give the same weights."""


@dataclass(frozen=True)
class Record:
    """What config.json holds: enough to build the net and its alphabets again without the training data.

    Attributes:
        config: the resolved TrainConfig.
        alphabet: the distinct characters that are read, in index order.
        data_sha256: of the training characters and then the test's, in UTF-8, in hexadecimal; for a whole text file
            this is the file's own. Where what is said after a character is not the next one, what is said stands after
            each of the two texts.
        training_version: TRAINING_VERSION when it was trained.
        mark: the character before and after each string, at which the net's state is zero; empty for a stream.
        outputs: the distinct characters that may be said, in index order; the alphabet where none are given.
        predicts_next: what is said after a character is the next one, so that the net can run free.
    """

    config: TrainConfig
    alphabet: str
    data_sha256: str
    training_version: int = TRAINING_VERSION
    mark: str = ""
    outputs: str = ""
    predicts_next: bool = True

    def __post_init__(self) -> None:
        if not self.outputs:
            object.__setattr__(self, "outputs", self.alphabet)

    @property
    def digest(self) -> str:
        """The run's identity: a sha256 over config, data and training version, in hexadecimal.

        A field that was added later counts only where it is not what held before, so that earlier identities stay.
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
        """The numbers of characters that the net reads and says."""
        return len(self.alphabet), len(self.outputs)

    @property
    def parameters(self) -> int:
        """Trainable numbers in the net."""
        config, (inputs, outputs) = self.config, self.alphabet_sizes
        return parameter_count(inputs, config.hidden_size, config.cell, config.layers, config.encoding, outputs)

    def build_net(self) -> CharRNN:
        """Return a net of this shape, its weights drawn from torch's global random state."""
        config, (inputs, outputs) = self.config, self.alphabet_sizes
        return CharRNN(inputs, config.hidden_size, config.cell, config.layers, config.encoding, outputs)
