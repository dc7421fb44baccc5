"""Says in one line why a tracking store cannot be used, and what to do."""

from typing import NamedTuple

from analysis.runs.address import store_name
from experiments.descriptions import first_line
from experiments.tracking.away import chain

ANOTHER_STORE = (
    "allowed: sqlite:///FILE, a PostgreSQL database, or the address of a running `mlflow server`; change "
    "MLFLOW_TRACKING_URI"
)
"""The cure where the address may be wrong."""


class Cause(NamedTuple):
    """A cause of errors that is known.

    Attributes:
        parts: parts of the messages of such errors, in small letters.
        words: what to call it.
        cure: what to do.
    """

    parts: tuple[str, ...]
    words: str
    cure: str


CAUSES = (
    Cause(("no space left", "disk is full", "quota exceeded"), "the disk is full", "make room on it, and start again"),
    Cause(
        ("readonly database", "read-only file system", "permission denied", "unable to open database file"),
        "it may not be written",
        "make its file and its folder writable, or change MLFLOW_TRACKING_URI",
    ),
    Cause(("out-of-date database schema",), "it is of another version of MLflow", "use: mlflow db upgrade STORE"),
    Cause(("connection refused", "failed to establish a new connection"), "nobody answers there", ANOTHER_STORE),
    Cause(("database is locked",), "the database is locked", "wait for the program that writes to it"),
    Cause(("timed out",), "no answer in time", ANOTHER_STORE),
    Cause(("name or service not known", "temporary failure in name resolution"), "unknown host", ANOTHER_STORE),
)


def cause_of(error: Exception) -> Cause:
    """Return the first known cause whose words an error has, or one of its causes; otherwise one of its first line."""
    text = " ".join(str(each) for each in chain(error)).lower()
    known = (cause for cause in CAUSES if any(part in text for part in cause.parts))
    return next(known, Cause((), first_line(error)[:300], ANOTHER_STORE))


def store_trouble(error: Exception) -> str:
    """Return in one line why the store cannot be used, and what to do."""
    cause = cause_of(error)
    return f"the tracking store {store_name()} cannot be used ({cause.words}); {cause.cure}"
