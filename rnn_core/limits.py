"""What fits into this machine: its devices, and its memory for single nets and for stacks."""

import math
import os
from collections.abc import Sequence
from functools import lru_cache

import torch

from rnn_core.batching import Window
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.nets.cells import load_cell
from rnn_core.nets.charrnn import input_width, parameter_count
from rnn_core.record import Record

BYTES_A_NUMBER = 4
"""Single precision."""


def check_device(device: str) -> None:
    """Raise ConfigError unless this machine has the device."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        here = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
        here += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigError("device", device, f"the devices of this machine: {', '.join(here)}") from None


def check_memory(config: TrainConfig, inputs: int, outputs: int, length: int, window: int, chosen: bool) -> None:
    """Refuse by a rough count what cannot fit into this machine's memory.

    Arguments:
        config: of the net.
        inputs: V, the number of distinct characters that it reads.
        outputs: W, the number of distinct characters that it may say.
        length: the number of training characters.
        window: steps of truncated backpropagation.
        chosen: whether somebody asked for that window; or else it is the length that is too large.

    Raises:
        ConfigError: it cannot; the field to change is the one that takes most.
    """
    try:
        weights = parameter_count(inputs, config.hidden_size, config.cell, config.layers, config.encoding, outputs)
    except RuntimeError:  # more bytes than torch can count
        widths = [input_width(inputs, config.hidden_size, config.encoding)] + [config.hidden_size] * (config.layers - 1)
        shapes = [load_cell(config.cell).weight_shapes(width, config.hidden_size).values() for width in widths]
        weights = sum(math.prod(shape) for layer in shapes for shape in layer)
    needs = {
        "hidden_size": BYTES_A_NUMBER * 4 * weights,  # weights, gradients and Adam's two moments
        "window": BYTES_A_NUMBER * config.batch_size * window * numbers_a_step(config, outputs),
        "length": 400 * length,  # bytes, of characters and indices, and of a test that may be eleven times as long
    }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.device(config.device).type == "cuda":
        memory = min(memory, torch.cuda.mem_get_info(config.device)[1])
    if sum(needs.values()) > memory:
        field = max(needs, key=lambda name: needs[name])
        field = "length" if field == "window" and not chosen else field
        what = f"what fits into memory: this needs about {_size(sum(needs.values()))}, the machine has {_size(memory)}"
        came = {"hidden_size": config.hidden_size, "window": window, "length": length}[field]
        raise ConfigError(field, came, what)


def bytes_in_a_stack(record: Record, windows: Sequence[Window]) -> int:
    """Return about how much memory one net takes in a stack, in bytes.

    Arguments:
        record: of the net.
        windows: what it is trained on in an epoch.
    """
    steps = max(window.input_bt.numel() for window in windows)
    characters = sum(window.input_bt.numel() for window in windows)
    # Weights, gradients (parts and whole), Adam's two moments, and two to three passing values; what steps keep.
    numbers = 8 * record.parameters + steps * numbers_a_step(record.config, len(record.outputs))
    # A step's read and target are int64 and its mask is a byte; an epoch's loss and accuracy are in double precision.
    return BYTES_A_NUMBER * numbers + 17 * characters + 16 * record.config.epochs


def numbers_a_step(config: TrainConfig, outputs: int) -> int:
    """Return about how many numbers each step of each sequence takes while a net is trained.

    Those of the cell, and beside them 6 for each character that may be said (logits, their softmax, gradients, a
    comparison) and 2 for each hidden unit. Most are kept for the backward pass.
    """
    return config.layers * _cell_numbers(config.cell, config.hidden_size) + 6 * outputs + 2 * config.hidden_size


@lru_cache
def _cell_numbers(cell: str, hidden_size: int) -> int:
    try:
        return load_cell(cell).numbers_a_step(hidden_size)
    except RuntimeError:  # more than torch can count: so are the weights, which are refused
        return 0


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} EB"
