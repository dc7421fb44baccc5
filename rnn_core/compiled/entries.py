"""The functions of this package that Python calls. What numba compiles for them is kept on the disk."""

import hashlib
from pathlib import Path
from typing import Any

from numba import njit

from rnn_core.compiled import reading
from rnn_core.compiled.training import train_nets


def _make_entries(code: str, cache: bool) -> tuple[Any, ...]:
    """Return the functions.

    Arguments:
        code: the digest of this package. numba takes it for a part of what it has compiled, and so compiles anew where
            any file of the package has changed; by itself it would look at this file alone.
        cache: whether to keep what is compiled.
    """
    entry = njit(nogil=True, cache=cache)

    @entry
    def train(shape, data, nets, settings, first_epoch, goal_n, first, last):
        if code:
            train_nets(shape, data, nets, settings, first_epoch, goal_n, first, last)

    @entry
    def make_buffers(shape, steps, rows, like):
        return reading.make_buffers(shape, steps, rows, like) if code else None

    @entry
    def read(flat_k, shape, read_s, sizes_t, state_lpbh, buffers):
        if code:
            reading.forward(flat_k, shape, read_s, sizes_t, state_lpbh, buffers)

    @entry
    def read_back(flat_k, shape, read_s, sizes_t, gradient_k, buffers):
        if code:
            reading.backward(flat_k, shape, read_s, sizes_t, gradient_k, buffers)

    return train, make_buffers, read, read_back


def _code_digest() -> str:
    """Return the digest of all files of this package."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


try:
    train, make_buffers, read, read_back = _make_entries(_code_digest(), cache=True)
except (OSError, RuntimeError):  # no folder that can be written, or no files: the package is imported from an archive
    train, make_buffers, read, read_back = _make_entries("compiled anew", cache=False)
