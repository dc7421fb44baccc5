"""TrainConfig: every hyperparameter of a run, one sentence each, checked once."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnn_core.nets.cells import CELLS
from rnn_core.vocabulary import visible

MAX_NUMBER = 1e37
"""The largest value of a float field; single precision overflows at 3.4e38."""

_WHOLE_FIELDS = {
    "length": (0, 2**40),
    "hidden_size": (1, 2**40),
    "layers": (1, 1000),
    "epochs": (1, 2**40),
    "batch_size": (1, 2**40),
    "window": (0, 2**40),
    "seed": (0, 2**63 - 1),
    "data_seed": (0, 2**63 - 1),
    "threads": (1, 1024),
}
"""Fields that hold a whole number, with their smallest and largest values; data and memory may allow less."""

_FLOAT_FIELDS = {"learning_rate": False, "weight_decay": True, "clip": True, "curriculum": True}
"""Fields that hold a float, and whether 0 is allowed."""

ADDED: Mapping[str, Any] = {
    "schedule": "constant",
    "weight_decay": 0.0,
    "keep": "last",
    "draws": "once",
    "batches": "drawn",
    "curriculum": 0.0,
}
"""Fields of TrainConfig that the first recorded runs lack, with the values that those runs were trained with."""

ENCODINGS = ("index", "onehot", "embedding")
"""How a character enters the net; `CharRNN.encode` implements each."""

SCHEDULES = ("constant", "cosine")
KEPT = ("last", "best")
DRAWS = ("once", "every-epoch")
BATCHES = ("drawn", "one-length")


def choices() -> dict[str, tuple[str, ...]]:
    """Return the values of each field that has a list of them."""
    return {
        "encoding": ENCODINGS,
        "cell": CELLS,
        "schedule": SCHEDULES,
        "keep": KEPT,
        "draws": DRAWS,
        "batches": BATCHES,
    }


class ConfigError(Exception):
    """Bad input in one line: which field, what came, and what is allowed.

    Arguments (kept as attributes):
        field: the TrainConfig field at fault; `config` for a field that does not exist.
        came: the value that was given.
        allowed: the values that are allowed, as the message says them after "allowed: ".
    """

    def __init__(self, field: str, came: object, allowed: str) -> None:
        super().__init__(visible(f"{field} is {shown(came)}; allowed: {allowed}"))
        self.field, self.came, self.allowed = field, came, allowed


def shown(value: object) -> str:
    """Return a value as an error shows it: its beginning, if it is long."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):  # Python writes neither 4,301 digits nor what is nested deeper than its stack
        return "a value too long to be shown"
    return repr(value) if len(text) <= 80 else f"{text[:60]!r}... ({len(text)} characters)"


@dataclass(frozen=True)
class TrainConfig:
    """The hyperparameters of a run: the data, the net and its training. A run is one TrainConfig trained once.

    Raises:
        ConfigError: a field has the wrong type or lies outside its range.
    """

    pattern: str = "abc"
    """What to learn: `abc` repeats the motif "abc", `text:PATH` reads a UTF-8 file, and `reber`, `dyck:2` and others
    name a family of patterns."""
    length: int = 0
    """Training characters; 0 is the pattern's own default: 15 for a motif, nine tenths of a text. For strings it is the
    least number: whole strings are drawn until it is reached."""
    encoding: str = "index"
    """How a character enters the net: `index` (one float), `onehot`, or `embedding` (learnt, hidden_size wide)."""
    cell: str = "rnn"
    """The recurrent cell: `rnn` (tanh), `relu`, `gru`, `lstm`, or another file of rnn_core/nets/cells."""
    hidden_size: int = 16
    """Hidden units in each layer."""
    layers: int = 1
    """Recurrent layers, each reading the states of the one below."""
    epochs: int = 20
    """Passes over the training characters; the hidden state is zero at the start of each."""
    learning_rate: float = 0.01
    """The learning rate of Adam."""
    schedule: str = "constant"
    """How the learning rate changes: `constant`, or `cosine`, which falls from learning_rate to 0 over the training."""
    weight_decay: float = 0.0
    """AdamW's decay: before each step, every weight loses this share of itself times the learning rate."""
    batch_size: int = 1
    """The number of strings, or of pieces of one sequence, that are read side by side."""
    window: int = 0
    """Characters read before each optimiser step, which is how far back gradients reach; 0 is the whole sequence (64
    for a text)."""
    clip: float = 0.0
    """The largest gradient norm; longer gradients are scaled down to it. 0 never clips."""
    keep: str = "last"
    """Which weights to keep: of the `last` epoch, or of the `best` on a tenth of the training data, set apart."""
    draws: str = "once"
    """When the training characters are drawn: `once`, or anew for `every-epoch`; motifs and texts are never drawn."""
    batches: str = "drawn"
    """Which strings a batch holds: the next ones as `drawn`, or strings of `one-length`, a length drawn anew for each
    batch; only for families of which a length can be asked for."""
    curriculum: float = 0.0
    """0 draws all lengths from the start. Otherwise strings are short at first, and grow after each epoch at whose
    end the running mean of the training loss is below this number, in nats per character."""
    seed: int = 42
    """Seed of the net's initial weights."""
    data_seed: int = 0
    """Seed of the training sample and of the test, for patterns that draw them; motifs and texts do not."""
    device: str = "cpu"
    """Where to train: `cpu`, `cuda`, `cuda:N` or `mps`."""
    threads: int = 1
    """Threads torch may use; small nets are fastest with one."""

    def __post_init__(self) -> None:
        for name, (least, most) in _WHOLE_FIELDS.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                bounds = f"{least} or more" if type(value) is int and value < least else f"from {least} to {most}"
                raise ConfigError(name, value, f"whole numbers {bounds}")
        for name, zero_ok in _FLOAT_FIELDS.items():
            value = getattr(self, name)
            # NaN fails every comparison.
            if type(value) not in (int, float) or not (0 < value <= MAX_NUMBER or (value == 0 and zero_ok)):
                start = "0 or above" if zero_ok else "above 0"
                raise ConfigError(name, value, f"numbers {start}, at most {MAX_NUMBER:g}")
            object.__setattr__(self, name, float(value) + 0.0)  # JSON's 1 and 1.0, or 0 and -0.0, are one config
        for name, allowed in choices().items():
            if getattr(self, name) not in allowed:
                raise ConfigError(name, getattr(self, name), ", ".join(allowed))
        _check_spec(self.pattern)
        _check_device_name(self.device)


def config_from_dict(fields: Mapping[str, Any]) -> TrainConfig:
    """Rebuild a TrainConfig from the fields of a record.

    A field of ADDED that is missing takes its value there; another one that is missing takes its default.

    Raises:
        ConfigError: a field is unknown, has the wrong type or lies outside its range.
    """
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    for name in fields:
        if name not in known:
            raise ConfigError("config", name, f"the fields {', '.join(known)}")
    return TrainConfig(**(dict(ADDED) | dict(fields)))


def _check_spec(spec: object) -> None:
    if not isinstance(spec, str) or not spec:
        raise ConfigError("pattern", spec, "a motif such as abc, or a family such as reber or text:PATH")
    try:
        spec.encode()
    except UnicodeEncodeError:
        raise ConfigError("pattern", spec, "characters that UTF-8 can hold") from None


def _check_device_name(device: object) -> None:
    """Check the form of the name only: a record may be read on a machine that lacks the device."""
    if not isinstance(device, str) or not re.fullmatch(r"(cpu|cuda|mps)(:(0|[1-9]\d?))?", device):
        raise ConfigError("device", device, "cpu, cuda, cuda:N, mps")
