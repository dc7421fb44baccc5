"""Makes the tables of a database that several programs may begin to use at the same time."""

import contextlib
import functools
import sqlite3
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient

from analysis.runs.store import (
    check_database,
    database_address,
    database_path,
    is_postgres,
    ping_store,
    spell_out_default_store,
    store_address,
    store_name,
)
from experiments.errors import UsageError

LOCK = 7_106_772
"""The number of the lock of a PostgreSQL database; any that no other program uses."""


def make_tables() -> None:
    """Let MLflow make the tables of its database, unless they are there; of several programs at a time, only one.

    Nothing is done if MLflow's store is no database.

    Raises:
        NoDriverError: no driver for the address is installed.
        UsageError: the path of the database begins with ~, or its tables are half-made.
        Exception: from SQLAlchemy or the driver; the database cannot be reached.
    """
    spell_out_default_store()
    path = database_path()
    if path is not None:
        _make_sqlite_tables(path)
    elif is_postgres(store_address()):
        _make_postgres_tables(store_address())


def _make_sqlite_tables(path: Path) -> None:
    """Make the tables of an SQLite database in another file, and give it the name when it is whole."""
    if path.parts[0] == "~":
        raise UsageError(
            f"MLFLOW_TRACKING_URI is {store_name()}, in which ~ is no home folder; use: "
            f"{database_address(path.expanduser())}"
        )
    if _is_whole(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock")
    with FileLock(lock):
        if not _is_whole(path):
            unfinished = path.with_name(f"{path.name}.unfinished")
            unfinished.unlink(missing_ok=True)  # a program was killed while it made it
            MlflowClient(tracking_uri=database_address(unfinished.absolute()))
            unfinished.replace(path)
        lock.unlink(missing_ok=True)  # whoever waits for it finds the tables


def _is_whole(path: Path) -> bool:
    """Return whether a database has all of MLflow's tables; False if it has none, or if there is no file.

    Raises:
        UsageError: it has some of them.
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return False
        # MLflow makes its first experiment last.
        if {"experiments", "alembic_version"} <= tables and database.execute("SELECT 1 FROM experiments").fetchone():
            return True
    raise UsageError(
        f"the store {store_name()} is half-made: another program is making it now, or was killed while it did; if no "
        f"other program runs, delete it, since nothing is recorded in it: {path}"
    )


@functools.cache  # once for a process
def _make_postgres_tables(address: str) -> None:
    """Make the tables of a PostgreSQL database while no other program does."""
    check_database(address)
    from sqlalchemy import create_engine, text

    engine = create_engine(address)
    try:
        with engine.connect() as connection:  # the lock ends with the connection
            connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
            ping_store()
    finally:
        engine.dispose()
