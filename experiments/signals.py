"""Turns the signals that ask a program to stop into an exception, raised once, and only where the work can stop."""

import contextlib
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

IGNORABLE = [
    getattr(signal, name)
    # A terminal that is closed or lost; and what schedulers send some time before they kill: Slurm, Grid Engine, LSF.
    for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
    if hasattr(signal, name)
]
"""Signals that ask a program to stop, as far as this system has them, unless it was started to ignore them."""

STOPPING = [signal.SIGINT, signal.SIGTERM, *IGNORABLE]
"""All signals that ask a program to stop. A script's background ignores SIGINT, but somebody may send it on purpose."""


class Interrupted(BaseException):
    """A signal asked the program to stop.

    Attributes:
        name: the name of the signal, such as SIGINT.
        exit_status: the exit status of a program that the signal ended: 128 and its number, such as 130.
    """

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        self.exit_status = 128 + number
        super().__init__(f"interrupted by {self.name}")


class Stop:
    """Raises Interrupted at the first of the STOPPING signals; later ones are ignored while the record is written."""

    def __init__(self) -> None:
        self._holders = 0
        self._done = False
        self._number: int | None = None

    @contextmanager
    def listening(self, numbers: Collection[int] = tuple(STOPPING)) -> Iterator["Stop"]:
        """Handle signals, by default STOPPING, while the block runs, and restore their handlers afterwards.

        Of IGNORABLE, what this process ignores, as it does SIGHUP under nohup, stays ignored. Outside the main thread,
        where Python allows no handlers, the block runs without them.
        """
        with contextlib.ExitStack() as handlers:
            if threading.current_thread() is threading.main_thread():
                for number in numbers:
                    before = signal.getsignal(number)
                    ignored = number in IGNORABLE and before == signal.SIG_IGN
                    if before is not None and not ignored:  # None: not set by Python, and cannot be restored
                        signal.signal(number, self._arrived)
                        handlers.callback(signal.signal, number, before)
            yield self

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise Interrupted for a signal that arrives in the block only after the block has ended, or at a `check`."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
        if not self._holders:
            self.check()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Raise Interrupted at the first signal in the block, also in a `held` block or after an earlier signal."""
        before = self._done, self._holders
        self._done, self._holders = False, 0
        try:
            self.check()
            yield
        finally:
            self._done, self._holders = self._done or before[0], before[1]

    @property
    def pending(self) -> bool:
        """Whether a signal has arrived in a `held` block, so that `check` would raise Interrupted."""
        return self._number is not None and not self._done

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived in a `held` block."""
        if self._number is not None:
            self._raise(self._number)

    def ignore(self) -> None:
        """Ignore every further signal."""
        self._done = True

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self._holders or self._done:
            self._number = self._number or number
        else:
            self._raise(number)

    def _raise(self, number: int) -> None:
        if not self._done:
            self._done, self._number = True, None
            raise Interrupted(number)
