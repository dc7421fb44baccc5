"""What fits into this machine: its devices, and its memory for single nets and for stacks."""

import os

import torch

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.nets.charrnn import parameter_count


def check_device(device: str) -> None:
    """Raise ConfigError unless this machine has the device."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        here = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
        here += ["mps"] if torch.backends.mps.is_available() else []
        raise ConfigError("device", device, f"the devices of this machine: {', '.join(here)}") from None


def check_memory(config: TrainConfig, vocabulary_size: int, length: int, window: int, whole: bool) -> None:
    """Refuse by a rough count what cannot fit into this machine's memory.

    Arguments:
        config: of the net.
        vocabulary_size: its characters.
        length: training characters.
        window: steps of truncated backpropagation.
        whole: the window is the whole sequence, because nobody asked for another.

    Raises:
        ConfigError: it cannot; the field to change is the one that takes most.
    """
    weights = parameter_count(vocabulary_size, config.hidden_size, config.cell, config.layers, config.encoding)
    per_step = 16 * config.layers * config.hidden_size + 4 * vocabulary_size
    needs = {
        "hidden_size": 4 * 4 * weights,  # float32 weights, gradients and Adam's two moments
        "window": 4 * config.batch_size * window * per_step,  # what backpropagation keeps of each step
        "length": 400 * length,  # characters and indices, and those of a test eleven times as long
    }
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.device(config.device).type == "cuda":
        memory = min(memory, torch.cuda.mem_get_info(config.device)[1])
    if sum(needs.values()) > memory:
        field = max(needs, key=lambda name: needs[name])
        field = "length" if field == "window" and whole else field
        what = f"what fits into memory: this needs about {_size(sum(needs.values()))}, the machine has {_size(memory)}"
        came = {"hidden_size": config.hidden_size, "window": window, "length": length}[field]
        raise ConfigError(field, came, what)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} EB"
