"""Makes the tables of a PostgreSQL database that several programs may begin to use at the same time."""

import functools

from analysis.runs.store import check_database, is_postgres, ping_store

LOCK = 7_106_772
"""The number of the database's lock; any that no other program uses."""


@functools.cache  # once for a process
def make_tables(address: str) -> None:
    """Let MLflow make its tables, unless they are there; of several programs at a time, only one.

    Arguments:
        address: the tracking URI that MLflow uses; nothing is done unless it is that of a PostgreSQL database.

    Raises:
        NoDriverError: no driver for the address is installed.
        Exception: from SQLAlchemy or the driver; the database cannot be reached.
    """
    if not is_postgres(address):
        return
    check_database(address)
    from sqlalchemy import create_engine, text

    engine = create_engine(address)
    try:
        with engine.connect() as connection:  # the lock ends with the connection
            connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
            ping_store()
    finally:
        engine.dispose()
