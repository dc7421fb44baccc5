"""What was found inside the nets of many runs, as one table."""

import io
from contextlib import closing
from pathlib import Path

import pandas as pd

from analysis.runs.schema import inside_table_file
from analysis.runs.store import RunError, read_files

TEXTS = ("character", "phase", "output", "inputs", "label")
"""The columns that hold texts, also where these look like numbers, such as the characters 0 and 1."""


def inside_table(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table that `python -m experiments.inspect` recorded in runs, those of all runs below one another.

    Arguments:
        runs: a table from `find_runs`; it needs the columns run_id and artifact_uri.
        name: the name of the table's file in `inside/` without .csv, such as `readouts`.

    Returns:
        The rows of each run in the order of the runs, with the column run_id before those of the file. A run that has
        no such table has no row.

    Raises:
        RunError: none of the runs has such a table, or a file is damaged.
    """
    addresses = [f"{uri}/{inside_table_file(name)}" for uri in runs["artifact_uri"]]
    tables = []
    with closing(read_files(addresses, Path.read_bytes, missing_ok=True)) as contents:
        for content, address, run_id in zip(contents, addresses, runs["run_id"], strict=True):
            if content is None:
                continue
            try:
                table = pd.read_csv(
                    io.BytesIO(content), dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""]
                )
            except ValueError as error:  # empty, ragged, not UTF-8
                raise RunError(f"{address} is no table ({error}); allowed: CSV as it was recorded") from None
            table.insert(0, "run_id", run_id)
            tables.append(table)
    if not tables:
        raise RunError(
            f"none of {len(runs)} runs has {inside_table_file(name)}; allowed: the name of a table that "
            "`python -m experiments.inspect` recorded in one or more of them"
        )
    return pd.concat(tables, ignore_index=True)
