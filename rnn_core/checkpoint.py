"""A trained net on disk: config.json and model.safetensors, read back without executing anything."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from rnn_core.config import ConfigError, config_from_dict
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names the file and what is wrong with it."""


def record_text(record: Record) -> str:
    """Return a record as JSON."""
    return json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False) + "\n"


def save_record(record: Record, path: Path) -> None:
    """Write a record as JSON."""
    path.write_text(record_text(record), encoding="utf-8")


def load_record(path: Path) -> Record:
    """Read a record as `save_record` wrote it.

    Raises:
        CheckpointError: the file is missing, is not such a record, or holds a config that is not allowed.
    """
    try:
        return read_record(path.read_bytes(), str(path))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None


def read_record(content: bytes, path: str) -> Record:
    """Read a record from what `save_record` wrote; `path` is where that came from, for the error.

    Raises:
        CheckpointError: it is not such a record, or holds a config that is not allowed.
    """
    try:
        fields: Any = json.loads(content.decode())
    except (ValueError, RecursionError) as error:  # not UTF-8, or not JSON, or nested without end
        raise CheckpointError(f"{path} is not JSON: {error}") from None
    expected = [field.name for field in dataclasses.fields(Record)]
    if isinstance(fields, dict):
        fields = {"mark": ""} | fields  # records older than strings have none
    if not isinstance(fields, dict) or sorted(fields) != sorted(expected):
        came = ", ".join(fields) if isinstance(fields, dict) else type(fields).__name__
        raise CheckpointError(f"{path} holds {came or 'nothing'}; a run's config.json holds {', '.join(expected)}")
    config, alphabet, sha256, version, mark = (fields[name] for name in expected)
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: config is {config!r}; a run's config.json holds its fields there")
    if not isinstance(alphabet, str) or len(alphabet) < 2 or alphabet != "".join(sorted(set(alphabet))):
        raise CheckpointError(f"{path}: alphabet is {alphabet!r}; allowed: two or more characters, sorted, none twice")
    if alphabet.encode(errors="replace").decode() != alphabet:  # lone surrogates
        raise CheckpointError(f"{path}: alphabet is {alphabet!r}; allowed: characters that UTF-8 can hold")
    if not isinstance(sha256, str) or type(version) is not int:
        raise CheckpointError(f"{path}: data_sha256 must be a string and training_version a whole number")
    if not isinstance(mark, str) or len(mark) > 1 or mark not in alphabet:
        raise CheckpointError(f"{path}: mark is {mark!r}; allowed: one character of the alphabet, or none")
    try:
        return Record(config_from_dict(config), alphabet, sha256, version, mark)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None


def save_weights(net: CharRNN, path: Path) -> None:
    """Write the net's weights, from whichever device they are on."""
    save_file({name: weight.detach().cpu().contiguous() for name, weight in net.state_dict().items()}, path)


def load_weights(record: Record, path: Path) -> CharRNN:
    """Build the record's net with the weights of a safetensors file, on the CPU, in eval mode.

    The file's names, shapes and types are compared with the config's before any memory is taken for them.

    Raises:
        CheckpointError: the file is missing, truncated, longer than it says, or not this net's.
    """
    try:
        with torch.device("meta"):  # shapes without memory
            net = record.build_net()
    except RuntimeError as error:  # sizes that no memory has
        raise CheckpointError(f"{path} does not belong to this config, whose net cannot be built: {error}") from None
    expected = {name: (tuple(weight.shape), "F32") for name, weight in net.state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
            came = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
        if came != expected:
            wrong = sorted(name for name in came.keys() | expected.keys() if came.get(name) != expected.get(name))[0]
            raise CheckpointError(
                f"{path} does not belong to this config: {wrong} is {came.get(wrong, 'missing')}, "
                f"the config's net has {expected.get(wrong, 'no such weight')}"
            )
        # Copied: what load_file gives stays a view of the file, lies where it lies there, and rounds by that.
        weights = {name: weight.clone() for name, weight in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from None
    net.load_state_dict(weights, assign=True)
    return net.eval()
