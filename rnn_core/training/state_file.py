"""Writes the state of a training to one safetensors file, and reads it again."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rnn_core.checkpoint import CheckpointError
from rnn_core.config import shown

FORMAT = 1
"""The version of the form of these files."""

_KEY = "state"
"""The entry of the file's header that holds all but the tensors, as JSON."""


class State(Protocol):
    """The state of a training, as tensors and plain values by name."""

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors of the state, and torch's random states."""

    def values(self) -> dict[str, Any]:
        """Return all else, in a form that JSON can hold."""


def write_state(path: Path, state: State, about: Mapping[str, Any]) -> None:
    """Write a state to a file. A file that is there is replaced in one step, so that a crash leaves one or the other.

    Arguments:
        path: the file; its folder must exist.
        state: the state, between two windows of its training.
        about: what the reader needs to know of it, in a form that JSON can hold.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.tensors().items()}
    header = json.dumps({"format": FORMAT, "about": dict(about), "values": state.values()})
    unfinished = path.with_name(f"{path.name}.unfinished")
    save_file(tensors, unfinished, {_KEY: header})
    with unfinished.open("rb") as file:  # on the disk before it takes the place of the older one
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_about(path: Path) -> dict[str, Any]:
    """Return what `write_state` was told about a state, without reading its tensors.

    Raises:
        CheckpointError: the file is missing, is damaged, or is not of this form.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = _header(path, file.metadata())["about"]
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from None
    return about


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the other values of a state that `write_state` wrote.

    Raises:
        CheckpointError: the file is missing, is damaged, or is not of this form.
    """
    try:
        with safe_open(path, framework="pt") as file:
            values = _header(path, file.metadata())["values"]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from None
    return tensors, values


def _header(path: Path, metadata: Mapping[str, str] | None) -> Any:
    """Return the entry of a file's header that holds all but the tensors."""
    try:
        header = json.loads((metadata or {})[_KEY])
        form, parts = header["format"], [header["about"], header["values"]]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise CheckpointError(f"{path} holds no state of a training") from None
    if form != FORMAT or not all(isinstance(part, dict) for part in parts):
        raise CheckpointError(f"{path} has the form {shown(form)}; allowed: {FORMAT}, that of this version")
    return header


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return torch's random state on the CPU and, if it is another one, on a device."""
    states = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["random.device"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["random.device"] = torch.mps.get_rng_state()
    return states


def restore_random_states(tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Set torch's random states to those that `random_states` returned on the same kind of device."""
    torch.set_rng_state(tensors["random.cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.device"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(tensors["random.device"])
