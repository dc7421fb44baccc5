"""Turns Ctrl-C and SIGTERM into an exception, raised once, and not while something is being recorded."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal asked the program to stop.

    Attributes:
        name: SIGINT or SIGTERM.
        exit_status: the exit status of a program that the signal ended: 130 or 143.
    """

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        self.exit_status = 128 + number
        super().__init__(f"interrupted by {self.name}")


class Stop:
    """Raises Interrupted at the first SIGINT or SIGTERM; later ones are ignored, so that the record can be finished."""

    def __init__(self) -> None:
        self._held = False
        self._done = False
        self._pending: int | None = None

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Handle both signals while the block runs, and restore their handlers afterwards."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._arrived) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise Interrupted for a signal that arrives in the block only after the block has ended."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending is not None:
            self._arrived(self._pending, None)

    def ignore(self) -> None:
        """Ignore every further signal."""
        self._done = True

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = number
        elif not self._done:
            self._done = True
            raise Interrupted(number)
