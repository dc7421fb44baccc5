"""Makes the tables of a database that several programs may begin to use at the same time."""

import contextlib
import functools
import sqlite3
from pathlib import Path

from filelock import FileLock
from mlflow import MlflowClient

from analysis.runs.address import database_address, database_path, spell_out_default_store, store_address, store_name
from analysis.runs.store import check_database, is_postgres, ping_store
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
    """Make the tables in a file named PATH.unfinished, then rename it to PATH, so that PATH is never half-made."""
    if path.parts[:1] == ("~",):
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
            if not _is_whole(path):  # `mlflow ui` may have made it meanwhile
                unfinished.replace(path)
            unfinished.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)  # whoever waits for it finds the tables


def _is_whole(path: Path) -> bool:
    """Return whether MLflow has made all its tables in a database; False if it has no table, or if there is no file.

    Raises:
        UsageError: MLflow has made some of them, or the database is another program's.
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
    if "experiments" not in tables or not tables <= _mlflow_tables():
        raise UsageError(
            f"{store_name()} is the database of another program; allowed: one of MLflow's, or a new file; change "
            "MLFLOW_TRACKING_URI"
        )
    raise UsageError(
        f"the store {store_name()} is half-made: another program is making it now, or was killed while it did; if no "
        f"other program runs, delete it, since nothing is recorded in it: {path}"
    )


def _mlflow_tables() -> set[str]:
    """Return the names of all tables that MLflow may make."""
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.model_registry import dbmodels as _registry
    from mlflow.store.tracking import dbmodels as _tracking

    _imported = _registry, _tracking  # they tell Base their tables
    return {*Base.metadata.tables, "alembic_version"}


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
