"""Checks against this machine's devices and memory, for single nets and for stacks."""

import math
import os
import platform
from collections.abc import Sequence
from functools import lru_cache

import torch

from rnn_core.batching import Window
from rnn_core.blocks import by_length, into_blocks
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.nets.cells import load_cell
from rnn_core.nets.charrnn import input_width, parameter_count
from rnn_core.record import Record

BYTES_A_NUMBER = 4
"""Bytes of a number in single precision."""


def check_device(device: str) -> None:
    """Raise ConfigError unless torch can use the device on this machine."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        devices = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
        devices += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigError("device", device, f"the devices of this machine: {', '.join(devices)}") from None


def device_kind(device: str) -> str:
    """Return the kind of a device, such as "x86_64 AVX512" or the name of a GPU: others may round sums differently."""
    if device.startswith("cuda"):
        name: str = torch.cuda.get_device_name(device)
        return name
    processor = platform.machine()
    return processor if device == "mps" else f"{processor} {torch.backends.cpu.get_cpu_capability()}"


def check_memory(config: TrainConfig, inputs: int, outputs: int, length: int, window: int, window_given: bool) -> None:
    """Raise ConfigError if a rough estimate of a training's memory exceeds that of this machine.

    Arguments:
        config: what to train.
        inputs: V, the number of distinct characters that the net reads.
        outputs: W, the number of distinct characters that can be targets.
        length: the number of training characters.
        window: the steps of truncated backpropagation.
        window_given: whether the config gives the window. If not, it follows from the length.

    Raises:
        ConfigError: the memory does not suffice. The error names the field that needs most of it; the length instead of
            a window that is not given.
    """
    try:
        weights = parameter_count(inputs, config.hidden_size, config.cell, config.layers, config.encoding, outputs)
        in_a_step = numbers_per_step(config, outputs)
    except RuntimeError:  # more bytes than torch can count: the weights alone are too many
        in_a_step = 0
        widths = [input_width(inputs, config.hidden_size, config.encoding)] + [config.hidden_size] * (config.layers - 1)
        shapes = [load_cell(config.cell).weight_shapes(width, config.hidden_size).values() for width in widths]
        weights = sum(math.prod(shape) for layer in shapes for shape in layer)
    needs = {
        "hidden_size": BYTES_A_NUMBER * 4 * weights,  # weights, gradients and Adam's two moments
        "window": BYTES_A_NUMBER * config.batch_size * window * in_a_step,
        "length": 400 * length,  # bytes: characters and indices of the training text and a test of up to 11 times that
    }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.device(config.device).type == "cuda":
        memory = min(memory, torch.cuda.mem_get_info(config.device)[1])
    if sum(needs.values()) > memory:
        field = max(needs, key=lambda name: needs[name])
        field = "length" if field == "window" and not window_given else field
        needed, available = _bytes_text(sum(needs.values())), _bytes_text(memory)
        value = {"hidden_size": config.hidden_size, "window": window, "length": length}[field]
        allowed = f"what fits into memory: this needs about {needed}, the machine has {available}"
        raise ConfigError(field, value, allowed)


def bytes_per_stacked_net(record: Record, windows: Sequence[Window]) -> int:
    """Return an estimate of the memory that one net of a stack needs for its training, in bytes.

    Arguments:
        record: the net's record.
        windows: its training windows of one epoch, one or more.
    """
    steps = max(sum(block.input_bt.numel() for block in into_blocks(window)) for window in by_length(windows))
    characters = sum(window.input_bt.numel() for window in windows)
    # 8 numbers a parameter: weight, gradient (in parts and joined), Adam's two moments, two to three temporaries.
    numbers = 8 * record.parameter_count + steps * numbers_per_step(record.config, len(record.outputs))
    # 17 bytes for each step: input and target as int64 and a mask of one byte. 16 for each epoch: loss and accuracy in
    # double precision.
    return BYTES_A_NUMBER * numbers + 17 * characters + 16 * record.config.epochs


def numbers_per_step(config: TrainConfig, outputs: int) -> int:
    """Return an estimate of the numbers that training holds in memory for each step of each sequence.

    They are the cell's numbers for each layer, 6 for each output (logits, softmax, gradients, a comparison), and 2 for
    each hidden unit. Most of them are kept for the backward pass.

    Arguments:
        config: what to train.
        outputs: W.
    """
    return config.layers * _cell_numbers(config.cell, config.hidden_size) + 6 * outputs + 2 * config.hidden_size


@lru_cache
def _cell_numbers(cell: str, hidden_size: int) -> int:
    return load_cell(cell).numbers_per_step(hidden_size)


def _bytes_text(count: float) -> str:
    """Return a number of bytes as text, such as `1.5 GB`."""
    for symbol in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000:
            return f"{count:.3g} {symbol}"
        count /= 1000
    return f"{count:.3g} EB"
