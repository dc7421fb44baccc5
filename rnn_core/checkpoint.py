"""Save and load a trained net as config.json and model.safetensors. Loading executes no code from the files."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from safetensors.torch import load_file

from rnn_core.config import ConfigError, config_from_dict, shown
from rnn_core.files import read_whole_file, why_not_read
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.weightless import without_numbers
from rnn_core.record import Record

MAX_RECORD_BYTES = 10**8
"""The largest config.json, in bytes; that of an alphabet of all Unicode has less than a tenth of it."""

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


class CheckpointError(ValueError):
    """A checkpoint cannot be loaded; the message names the file and what is wrong with it."""


def record_text(record: Record) -> str:
    """Return a record as JSON."""
    return json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False) + "\n"


def save_record(record: Record, path: Path) -> None:
    """Write a record to a file, as JSON."""
    path.write_text(record_text(record), encoding="utf-8")


def load_record(path: Path) -> Record:
    """Read a record from a file that `save_record` wrote.

    Raises:
        CheckpointError: the file is missing, is not a record, or holds a config that is not allowed.
    """
    try:
        return parse_record(read_whole_file(path, MAX_RECORD_BYTES), str(path))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None


def parse_record(content: bytes, path: str) -> Record:
    """Return the record that the bytes of a config.json hold.

    Arguments:
        content: the bytes of the file.
        path: the path of the file, for the error.

    Raises:
        CheckpointError: the content is not a record, or holds a config that is not allowed.
    """
    try:
        fields: Any = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, too many digits, or nested too deep
        raise CheckpointError(f"{path} is not JSON: {why_not_read(error)}") from None
    expected = [field.name for field in dataclasses.fields(Record)]
    if isinstance(fields, dict):  # older records lack these fields, whose values were these
        fields = {"mark": "", "outputs": fields.get("alphabet"), "predicts_next": True, "separator": ""} | fields
    if not isinstance(fields, dict) or sorted(fields) != sorted(expected):
        contents = ", ".join(fields) if isinstance(fields, dict) else type(fields).__name__
        raise CheckpointError(f"{path} holds {contents or 'nothing'}; a run's config.json holds {', '.join(expected)}")
    config, sha256, version = (fields[name] for name in ("config", "data_sha256", "training_version"))
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: config is {shown(config)}; a run's config.json holds its fields there")
    for name in ("alphabet", "outputs"):
        _check_characters(fields[name], name, path)
    if not isinstance(sha256, str) or type(version) is not int or version < 1:
        raise CheckpointError(f"{path}: data_sha256 must be a string and training_version a whole number from 1")
    for name in ("mark", "separator"):
        sign = fields[name]
        if not isinstance(sign, str) or len(sign) > 1 or sign not in fields["alphabet"]:
            raise CheckpointError(f"{path}: {name} is {shown(sign)}; allowed: one character of the alphabet, or none")
    if fields["separator"] and fields["mark"] in ("", fields["separator"]):
        raise CheckpointError(
            f"{path}: separator is {shown(fields['separator'])} beside the mark {shown(fields['mark'])}; allowed: none "
            "without a mark, or another character"
        )
    if type(fields["predicts_next"]) is not bool or (
        fields["predicts_next"] and fields["outputs"] != fields["alphabet"]
    ):
        value = f"{shown(fields['predicts_next'])} with the outputs {shown(fields['outputs'])}"
        raise CheckpointError(f"{path}: predicts_next is {value}; allowed: true where they are the alphabet, or false")
    try:
        return Record(**fields | {"config": config_from_dict(config)})
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _each_name_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of JSON pairs; raise ValueError for a name that comes twice, of which one would be lost."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{shown(name)} comes twice in an object")
    return fields


def _check_characters(characters: object, name: str, path: str) -> None:
    """Raise CheckpointError unless `characters` is a sorted string of two or more distinct characters in UTF-8."""
    if not isinstance(characters, str) or len(characters) < 2 or characters != "".join(sorted(set(characters))):
        raise CheckpointError(
            f"{path}: {name} is {shown(characters)}; allowed: two or more characters, sorted, none twice"
        )
    if characters.encode(errors="replace").decode() != characters:  # lone surrogates
        raise CheckpointError(f"{path}: {name} is {shown(characters)}; allowed: characters that UTF-8 can hold")


def named_weights(net: CharRNN) -> dict[str, np.ndarray]:
    """Return a copy of the net's weights by name, as arrays in main memory."""
    return {name: weight.detach().cpu().numpy().copy(order="C") for name, weight in net.state_dict().items()}


def save_weights(weights: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a net's weights, as `named_weights` returns them, to a safetensors file."""
    save_file(dict(weights), path)


def load_weights(record: Record, path: Path) -> CharRNN:
    """Return the record's net with the weights of a safetensors file, on the CPU, in eval mode.

    The names, shapes and types in the file's header are compared with the config before the weights are read, so that a
    wrong file takes no memory.

    Raises:
        CheckpointError: the file is missing, is damaged, or holds weights of another net, or such as are not finite.
    """
    try:
        with without_numbers():
            net = record.build_net()
    except RuntimeError as error:  # sizes that torch cannot count
        raise CheckpointError(f"{path} does not belong to this config, whose net cannot be built: {error}") from None
    expected = {name: (tuple(weight.shape), "F32") for name, weight in net.state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
            saved = {name: (tuple(weight.get_shape()), weight.get_dtype()) for name, weight in slices.items()}
        if saved != expected:
            wrong = sorted(name for name in saved.keys() | expected.keys() if saved.get(name) != expected.get(name))[0]
            raise CheckpointError(
                f"{path} does not belong to this config: {wrong} is {saved.get(wrong, 'missing')}, "
                f"the config's net has {expected.get(wrong, 'no such weight')}"
            )
        # Copied, because load_file returns views of the file, whose alignment in memory may change how results round.
        weights = {name: weight.clone() for name, weight in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from None
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise CheckpointError(f"{path} holds nan or inf in {name}; allowed: the finite weights of a trained net")
    net.load_state_dict(weights, assign=True)
    return net.eval()
