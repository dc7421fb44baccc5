"""The tables of what was found inside the nets of recorded runs."""

import io
from contextlib import closing
from pathlib import Path

import pandas as pd

from analysis.runs.schema import INSIDE_FOLDER
from analysis.runs.store import RunError, read_files


def inside_table(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return one table of what `python -m experiments.inspect` found in each of several runs.

    Arguments:
        runs: a table from `find_runs`.
        name: the name of the table, which is that of its file in `inside/` without ".csv", such as `limit_points`.

    Returns:
        The rows of all runs that have this table, with the column run_id; `merge` joins them to `runs`.

    Raises:
        RunError: no run has such a table, or one is damaged.
    """
    addresses = [f"{uri}/{INSIDE_FOLDER}/{name}.csv" for uri in runs["artifact_uri"]]
    tables = []
    with closing(read_files(addresses, Path.read_bytes, missing_ok=True)) as contents:
        for run_id, address, content in zip(runs["run_id"], addresses, contents, strict=True):
            if content is not None:
                try:
                    table = pd.read_csv(io.BytesIO(content))
                except ValueError as error:  # empty, ragged, not UTF-8
                    raise RunError(f"{address} is no table ({error}); allowed: CSV; inspect the run again") from None
                table.insert(0, "run_id", run_id)
                tables.append(table)
    if not tables:
        raise RunError(
            f"none of {len(runs)} runs has a table {name!r} of its inside; python -m experiments.inspect RUN makes it"
        )
    return pd.concat(tables, ignore_index=True)
