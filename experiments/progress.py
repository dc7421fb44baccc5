"""What a person sees while a command works: a line that counts the seconds, or a bar. All of it on stderr.

A bar or a line that is written over again and again is shown only where a person watches. Elsewhere, such as in a log
file, there are lines of their own, at most one in LOG_SECONDS.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

BARS_VARIABLE = "RNN_PATTERNS_BARS"
"""The environment variable that, set to 1, asks for bars where stderr is no terminal: `make_runs` sets it for the
command that it starts from a notebook."""

FIRST_SECONDS = 0.5
"""How long a wait lasts before a person is told of it."""

LOG_SECONDS = 10.0
"""The least time between two lines where nobody watches, and before the first line of a wait."""


def watched() -> bool:
    """Return whether a person watches stderr: on a terminal, in a notebook, or in one that passes it on."""
    in_notebook = "ipykernel" in sys.modules  # where Python is a notebook's, and its stderr stands below the cell
    return in_notebook or sys.stderr.isatty() or os.environ.get(BARS_VARIABLE) == "1"


class LogLines:
    """Lines for stderr where nobody watches, of which at most one in LOG_SECONDS is written; the first at once."""

    def __init__(self) -> None:
        self._last = -LOG_SECONDS

    def say(self, line: str) -> None:
        """Write a line, unless the last one is too recent."""
        now = time.monotonic()
        if now - self._last >= LOG_SECONDS:
            self._last = now
            print(line, file=sys.stderr, flush=True)


class Wait:
    """A line such as "preparing the data ... 3 s" on stderr, kept up to date by a thread until it is ended.

    Arguments:
        what: what is being done.

    Attributes:
        what: may be changed meanwhile; the next look shows it.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take the line away."""
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        stream, bars = sys.stderr, watched()
        begin, width = time.monotonic(), 0
        pause = FIRST_SECONDS if bars else LOG_SECONDS
        while not self._over.wait(pause):
            pause = 1.0 if bars else LOG_SECONDS
            line = f"{self.what} ... {time.monotonic() - begin:.0f} s"
            # A line that is written over leaves no rest of a longer one behind it.
            stream.write(f"\r{line:<{width}}" if bars else f"{line}\n")
            stream.flush()
            width = len(line)
        if width and bars:
            stream.write(f"\r{'':<{width}}\r")
            stream.flush()


@contextlib.contextmanager
def waiting(what: str) -> Iterator[Wait]:
    """Say on stderr what is being done while the block runs, if it takes long enough for anybody to wonder.

    Arguments:
        what: what is being done, such as "preparing the data".
    """
    wait = Wait(what)
    try:
        yield wait
    finally:
        wait.end()


class _Imports:
    seconds: float | None = None


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Say on stderr that the program starts, while the block imports torch and MLflow, which takes seconds."""
    new = "torch" not in sys.modules
    begin = time.monotonic()
    with waiting("starting"):
        yield
    if new:
        _Imports.seconds = time.monotonic() - begin


def import_seconds() -> float | None:
    """Return how many seconds this process took to import torch and MLflow; None if that was not measured."""
    return _Imports.seconds
