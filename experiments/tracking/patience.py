"""Tries again what a store that is away has refused, with growing pauses, and says so meanwhile."""

import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from analysis.runs.address import store_name
from experiments.errors import TrackingError
from experiments.signals import Stop
from experiments.tracking.away import impatient, is_away
from experiments.tracking.causes import cause_of

PATIENCE_SECONDS = 600.0
"""How long a store that is away is tried."""

FIRST_PAUSE, MAX_PAUSE = 2.0, 60.0
"""The seconds between the first two tries, and the most between two; each pause is twice the one before."""

REQUEST_SECONDS = 30
"""How long a server may take to answer one request: a busy one is slow."""

T = TypeVar("T")


class StoreAwayError(TrackingError):
    """The tracking store has been away for so long that it is tried no more."""


@dataclass(frozen=True)
class Away:
    """What is known when a try has failed because the store is away, and the next one is due.

    Attributes:
        since: when that was noticed, in seconds since 1970.
        until: when trying ends, in seconds since 1970.
        reason: the error, in a line.
        pause: the seconds until the next try.
    """

    since: float
    until: float
    reason: str
    pause: float

    def __str__(self) -> str:
        """Return in words since when the store is away, and how long it will be tried."""
        return (
            f"{store_name()} has been away since {_clock(self.since)} ({self.reason}); next try in "
            f"{self.pause:.0f} s, the last at {_clock(self.until)}"
        )


def persist(
    action: Callable[[bool], T], stop: Stop, kept: str, seconds: float = PATIENCE_SECONDS
) -> Generator[Away, None, T]:
    """Call `action`; while the store is away, call it again, with growing pauses.

    Arguments:
        action: uses the store; it is given whether this is another try.
        stop: the signals that end the waiting.
        kept: what is kept if the store stays away, and how it is recorded later, in words.
        seconds: how long a store that is away is tried; with 0 there is one try.

    Yields:
        Before each pause, an Away.

    Returns:
        What `action` returned.

    Raises:
        StoreAwayError: the store has been away for `seconds`.
        Interrupted: a signal came.
        Exception: from `action`, if the store is not away.
    """
    since, pause = 0.0, FIRST_PAUSE
    while True:
        try:
            with impatient(REQUEST_SECONDS):
                return action(bool(since))
        except Exception as error:
            if not is_away(error):
                raise
            since = since or time.time()
            until = since + seconds
            pause = min(pause, max(0.0, until - time.time()))  # the last try comes when the time is up
            away = Away(since, until, cause_of(error).words, pause)
            if time.time() >= until:
                raise StoreAwayError(
                    f"{store_name()} has been away since {_clock(since)} ({away.reason}); {kept}"
                ) from error
        yield away
        with stop.heard():
            time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE)


def persist_aloud(action: Callable[[bool], T], stop: Stop, kept: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Do what `persist` does, and print on stderr each time that the store is away; return what `action` returned."""
    tries = persist(action, stop, kept, seconds)
    while True:
        try:
            away = next(tries)
        except StopIteration as done:
            result: T = done.value
            return result
        print(f"{away}; {kept}; Ctrl-C ends the waiting", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """Return a time of this day, such as 14:02:11, in local time."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))
