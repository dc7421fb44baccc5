"""Shows on stderr that a command is at work: by a line that counts the seconds.

If a person watches, one line is written over again and again. If not, as in a log file, each is a line of its own, and
there is at most one in LOG_SECONDS.
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

COMPILING = "compiling the loops of the cell {cell}, for now and later"
"""What is shown while `load_loops` is at work for longer than a moment."""

FIRST_SECONDS = 0.5
"""How long a wait lasts before a person who watches sees a line."""

LOG_SECONDS = 10.0
"""The least time between two lines if nobody watches, and before the first line of a wait."""


def watched() -> bool:
    """Return whether a person watches stderr: on a terminal, or in a notebook, which may have started this process."""
    # Another thread may be importing it.
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = get_shell() if get_shell else None
    in_notebook = hasattr(shell, "kernel")  # the notebook shows stderr below the cell
    return in_notebook or sys.stderr.isatty() or os.environ.get(BARS_VARIABLE) == "1"


class LogLines:
    """Writes lines to stderr if nobody watches: the first at once, then at most one in LOG_SECONDS."""

    def __init__(self) -> None:
        self._last = -LOG_SECONDS

    def say(self, line: str) -> None:
        """Write a line, unless the last one is too recent."""
        now = time.monotonic()
        if now - self._last >= LOG_SECONDS:
            self._last = now
            print(line, file=sys.stderr, flush=True)


class Wait:
    """A line such as "preparing the data ... 3 s" on stderr, which a thread keeps up to date until `end` is called.

    Attributes:
        what: what is being done, such as "preparing the data"; may be changed at any time.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Remove the line."""
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        stream, bars = sys.stderr, watched()
        begin, width = time.monotonic(), 0
        pause = FIRST_SECONDS if bars else LOG_SECONDS
        while not self._over.wait(pause):
            pause = 1.0 if bars else LOG_SECONDS
            line = f"{self.what} ... {time.monotonic() - begin:.0f} s"
            # Padded, so that it covers a longer line before it.
            stream.write(f"\r{line:<{width}}" if bars else f"{line}\n")
            stream.flush()
            width = len(line)
        if width and bars:
            stream.write(f"\r{'':<{width}}\r")
            stream.flush()


@contextlib.contextmanager
def waiting(what: str) -> Iterator[Wait]:
    """Show on stderr what is being done while the block runs, if it takes longer than a moment.

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
    """Show on stderr that the program starts, while the block imports torch and MLflow, which takes seconds."""
    new = "torch" not in sys.modules
    begin = time.monotonic()
    with waiting("starting"):
        yield
    if new:
        _Imports.seconds = time.monotonic() - begin


def import_seconds() -> float | None:
    """Return how many seconds this process took to import torch and MLflow; None if that was not measured."""
    return _Imports.seconds
