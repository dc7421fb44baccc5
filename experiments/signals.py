"""Ctrl-C and SIGTERM as one exception, raised once, and held back where work must not be cut in two."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal asked the program to stop.

    Attributes:
        name: SIGINT or SIGTERM.
        exit_status: what the shell expects of a program that ended by it: 130 or 143.
    """

    def __init__(self, number: int) -> None:
        self.name = signal.Signals(number).name
        self.exit_status = 128 + number
        super().__init__(f"interrupted by {self.name}")


class Stop:
    """Turns the first SIGINT or SIGTERM into Interrupted; later ones are ignored, so that saving can end."""

    def __init__(self) -> None:
        self._held = False
        self._done = False
        self._pending: int | None = None

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Take over both signals, and give them back at the end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._arrived) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the block end before a signal that arrives in it is raised."""
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
