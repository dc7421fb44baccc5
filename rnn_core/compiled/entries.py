"""The functions of this package that Python calls, for each cell. What numba compiles for them is kept on the disk."""

import functools
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from numba import njit

from rnn_core.compiled import reading
from rnn_core.compiled.arithmetic import OPTIONS
from rnn_core.compiled.training import train_nets


class Entries(NamedTuple):
    """The functions for the nets of one cell; each does what the function of its name in this package does."""

    train: Any  # `training.train_nets`
    make_buffers: Any
    read: Any  # `reading.forward`
    read_back: Any  # `reading.backward`


@functools.cache
def entries_of(cell: str) -> Entries:
    """Return the functions for the nets of a cell."""
    try:
        return _make_entries(cell, _code_digest(), cache=True)
    except (OSError, RuntimeError):  # no folder that can be written, or no files: the package is in an archive
        return _make_entries(cell, "compiled anew", cache=False)


def _make_entries(cell: str, code: str, cache: bool) -> Entries:
    """Return the functions.

    Arguments:
        cell: the cell. Each has files of its own on the disk: numba does not lock them, and processes that compile
            different cells at once would mix them up.
        code: the digest of this package. numba takes it for a part of what it has compiled, and so compiles anew where
            any file of the package has changed; by itself it would look at this file alone.
        cache: whether to keep what is compiled.
    """

    def train(shape, data, nets, settings, first_epoch, goal_n, first, last):
        if code:
            train_nets(shape, data, nets, settings, first_epoch, goal_n, first, last)

    def make_buffers(shape, steps, rows, like):
        return reading.make_buffers(shape, steps, rows, like) if code else None

    def read(flat_k, shape, read_s, sizes_t, state_lpbh, buffers):
        if code:
            reading.forward(flat_k, shape, read_s, sizes_t, state_lpbh, buffers)

    def read_back(flat_k, shape, read_s, sizes_t, gradient_k, buffers):
        if code:
            reading.backward(flat_k, shape, read_s, sizes_t, gradient_k, buffers)

    functions = (train, make_buffers, read, read_back)
    for function in functions:
        function.__qualname__ += f"_{cell}"  # a part of the name of its files
    return Entries(*(njit(function, cache=cache, **OPTIONS) for function in functions))


def _code_digest() -> str:
    """Return the digest of all files of this package."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
