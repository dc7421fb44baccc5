"""text: a UTF-8 file, whose last tenth is the test."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import ClassVar

from rnn_core.config import ConfigError
from rnn_core.files import read_whole_file
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Evaluation
from rnn_core.patterns.shared.meaning import LOSS, Meaning
from rnn_core.patterns.shared.ngrams import NAMES, ngram_losses
from rnn_core.vocabulary import Vocabulary

RECIPE = {
    "encoding": "embedding",
    "cell": "lstm",
    "hidden_size": 256,
    "epochs": 14,
    "batch_size": 32,
    "learning_rate": 0.02,
    "schedule": "cosine",
    "weight_decay": 0.1,
    "clip": 1.0,
    "threads": 2,
}

MAX_BYTES = 10**9
"""The largest file, in bytes; a training text has to fit into the memory hundreds of times."""

PRIME = 1000
"""The number of characters before the held-out part that a net reads before it runs free."""

BYTE_ORDER_MARK = "\ufeff"
"""What some editors write at the beginning of a file, and show to nobody."""


class Text(Pattern):
    """A text file, `text:PATH`: the first nine tenths are for training, the last tenth is only for the test.

    A smaller `length` trains on the first `length` characters; the test stays the same. The alphabet is that of the
    whole file, so that it covers the held-out part. A byte order mark at the beginning of the file is left out. The
    true distribution of a text is unknown, so there is no floor.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "tale.txt").write_text("to be or not to be. ")
        ...     text = Text(f"{folder}/tale.txt")
        >>> text.training_text(length=18, data_seed=0), text.evaluation(length=18, data_seed=0).text
        ('to be or not to be', '. ')
    """

    family = "text"
    example = "text:PATH"
    random = False
    recipe = RECIPE
    needs_file = True
    default_window = 64
    meanings: ClassVar[Mapping[str, Meaning]] = {
        f"{name}_loss": Meaning(
            "mean loss on the same test of every character being equally likely"
            if name == "uniform"
            else f"mean loss on the same test of a smoothed {name} model counted in the training text",
            LOSS,
            "0 or more",
        )
        for name in NAMES
    }

    def __init__(self, argument: str) -> None:
        if not argument:
            raise ConfigError("pattern", "text", "text:PATH, the path of a UTF-8 file; unit:text for the motif text")
        self.path = Path(argument)
        try:
            self.path = self.path.expanduser().absolute()
            self.text = read_whole_file(self.path, MAX_BYTES).decode()
            if self.text.startswith(BYTE_ORDER_MARK):
                self.text = self.text[1:]
                self.note = f"{self.path.name} begins with a byte order mark (U+FEFF), which is left out"
        except UnicodeDecodeError as error:
            raise ConfigError("pattern", f"text:{argument}", f"UTF-8 files (byte {error.start} is not UTF-8)") from None
        except (OSError, RuntimeError) as error:  # RuntimeError: the home directory of ~user is unknown
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError("pattern", f"text:{argument}", f"a readable UTF-8 file ({self.path}: {reason})") from None
        if len(set(self.text)) < 2:
            raise ConfigError(
                "pattern",
                f"text:{argument}",
                f"files of two or more distinct characters ({self.path} has {len(set(self.text))})",
            )
        self.alphabet = "".join(sorted(set(self.text)))
        self.default_length = len(self.text) * 9 // 10
        if len(self.text) - self.default_length < 2 or self.default_length < 2:
            raise ConfigError(
                "pattern", f"text:{argument}", f"files of 11 or more characters ({self.path} has {len(self.text)})"
            )

    @property
    def spec(self) -> str:
        return f"text:{self.path}"

    @property
    def short_name(self) -> str:
        """The file with its folder, by which two files of the same name differ."""
        return f"text:{Path(self.path.parent.name, self.path.name)}"

    def check_length(self, length: int) -> None:
        if not 2 <= length <= self.default_length:
            raise ConfigError("length", length, f"2 to {self.default_length}, the first nine tenths of {self.path}")

    def sample(self, length: int, rng: Random) -> str:
        return self.text[:length]

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        held_out = self.text[self.default_length :]
        # The prime ends where the held-out part begins, even if training ended earlier.
        prime = self.text[max(0, self.default_length - PRIME) : self.default_length]
        return Evaluation(text=held_out, start=1, prime=prime, truth=held_out[: 10 * length])

    def references(self, evaluation: Evaluation, training_text: str) -> dict[str, float]:
        """Return the test losses of n-gram models that are counted in the training text, by name."""
        return ngram_losses(Vocabulary(self.alphabet), training_text, evaluation.text)
