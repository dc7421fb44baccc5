"""Reads files that a person names, without waiting for ever and without filling the memory."""

import errno
import os
import stat
from pathlib import Path

CHUNK = 2**20
"""The bytes that are read at a time."""


def read_whole_file(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Arguments:
        path: the file. A folder, a device, a pipe or a socket is refused: it may never end.
        most: the largest size, in bytes. More is never read, also if the file does not tell its size, as in /proc.

    Raises:
        OSError: the file cannot be read, or is larger; `strerror` says why.
    """
    try:
        # Without waiting: opening a pipe would wait until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as error:  # a null byte, or a character that no path can hold
        raise OSError(errno.EINVAL, str(error)) from None
    try:
        state, content = os.fstat(descriptor), bytearray()
        size = state.st_size
        if stat.S_ISDIR(state.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "not a file, but a device, a pipe or a socket")
        while max(size, len(content)) <= most and (part := os.read(descriptor, CHUNK)):
            content += part
    finally:
        os.close(descriptor)
    if max(size, len(content)) > most:
        raise OSError(errno.EFBIG, f"larger than {most:,} bytes")
    return bytes(content)


def why_not_read(error: ValueError | RecursionError) -> str:
    """Return why a text cannot be read as JSON or TOML, without Python's advice to those who program in it."""
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error).partition("; use sys.")[0]
