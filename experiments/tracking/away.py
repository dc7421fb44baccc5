"""Tells a store that is away, which may pass, from other faults; and asks a store without MLflow's long retries."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator

import requests
from mlflow.exceptions import RestException
from sqlalchemy.exc import DBAPIError, OperationalError

BUSY = (429, 500, 502, 503, 504)
"""The statuses with which a server, or a proxy before it, says that it cannot answer now."""


def is_away(error: BaseException) -> bool:
    """Return whether an error, or a cause of it, says that the store does not answer or is busy, which may pass."""
    return any(map(_says_away, chain(error)))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then its cause, then the cause of that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _says_away(error: BaseException) -> bool:
    """Return whether an error itself says that the store is away; its causes are not looked at."""
    match error:
        case requests.HTTPError():
            return error.response is not None and error.response.status_code in BUSY
        case requests.exceptions.SSLError():
            return False
        case requests.ConnectionError() | requests.Timeout() | requests.exceptions.RetryError():
            return True
        case RestException():
            return error.get_http_status_code() in BUSY
        case sqlite3.OperationalError():
            return "locked" in str(error)
        case OperationalError():
            return error.connection_invalidated or _lacks_connection(str(error.orig))
        case DBAPIError():
            return error.connection_invalidated
    return False


def _lacks_connection(text: str) -> bool:
    """Return whether a database says that it cannot be reached, and not that it lets nobody in."""
    return "connection" in text and "authentication failed" not in text and "does not exist" not in text


@contextlib.contextmanager
def impatient(seconds: int = 5) -> Iterator[None]:
    """While the block runs, let MLflow send each request to a server once; it would try again for minutes.

    Variables of the environment that the user has set win, and in a block within a block the outer one.

    Arguments:
        seconds: how long the server may take to answer a request.
    """
    settings = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{seconds}"}
    ours = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
