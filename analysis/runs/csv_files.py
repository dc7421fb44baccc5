"""Reads the tables that runs keep as CSV files, and refuses damaged ones."""

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.runs.store import RunError, read_files
from rnn_core.patterns.shared.cases import ReachRow

INTEGERS, NUMBERS = "i", "if"
"""The kinds of NumPy's types that columns of whole numbers and of numbers may have."""

TRAINING_COLUMNS = ("train_loss", "train_accuracy")
"""The columns of every curves.csv besides `epoch`; all their numbers are finite, because a run that diverges ends."""


def read_curves(addresses: Sequence[str], epochs: Sequence[int], finished: Sequence[bool]) -> Iterator[pd.DataFrame]:
    """Yield the curves of runs, one row per epoch, as in `LoadedRun.curves`.

    Arguments:
        addresses: the URIs of their files.
        epochs: for each run, the number of epochs that it was to be trained.
        finished: for each run, whether it finished; otherwise it may have fewer epochs.

    Raises:
        RunError: a file cannot be read, or is not such a table.
    """
    with closing(read_files(addresses, Path.read_bytes)) as contents:
        for content, address, most, whole in zip(contents, addresses, epochs, finished, strict=True):
            table = _parse(content, address, {"epoch": INTEGERS} | dict.fromkeys(TRAINING_COLUMNS, NUMBERS))
            if not np.isfinite(table[list(TRAINING_COLUMNS)].to_numpy(float)).all():
                raise _damaged(address, "holds a number that is not finite", "finite losses and accuracies")
            if len(table) > most or (whole and len(table) < most):
                raise _damaged(address, f"has {len(table)} rows", f"{most}, one for each epoch of the run")
            if table["epoch"].tolist() != list(range(len(table))):
                raise _damaged(address, "has other epochs", f"the epochs 0 to {len(table) - 1} in this order")
            yield table


def read_reach(addresses: Sequence[str]) -> Iterator[pd.DataFrame | None]:
    """Yield the results by case size of runs; None for a run that has none.

    Arguments:
        addresses: the URIs of their files.

    Raises:
        RunError: a file cannot be read, or is not such a table.
    """
    kinds: dict[Any, str] = {bool: "b", int: INTEGERS, float: NUMBERS}
    columns = {field.name: kinds.get(field.type, "") for field in dataclasses.fields(ReachRow)}
    with closing(read_files(addresses, Path.read_bytes, missing_ok=True)) as contents:
        for content, address in zip(contents, addresses, strict=True):
            yield None if content is None else _parse(content, address, columns)


def _parse(content: bytes, address: str, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return the table in a CSV file.

    Arguments:
        content: the bytes of the file.
        address: its URI, for the error.
        kinds: by column, the kinds of NumPy's types that it may have; empty for a column of texts. Further columns,
            of a later version, hold numbers.

    Raises:
        RunError: the file is no such table.
    """
    try:
        table = pd.read_csv(io.BytesIO(content))
    except (ValueError, OverflowError) as error:  # empty, ragged, not UTF-8
        raise _damaged(address, f"is no table ({error})", "CSV as it was recorded") from None
    ragged = not isinstance(table.index, pd.RangeIndex)  # of rows that are all longer than the head, pandas makes one
    if ragged or not set(kinds) <= set(table):
        raise _damaged(address, f"has the columns {', '.join(map(str, table))}", ", ".join(kinds))
    for name in map(str, table):
        allowed = kinds.get(name, NUMBERS)
        if allowed and len(table) and table[name].dtype.kind not in allowed:
            raise _damaged(address, f"has a wrong value in {name}", {"b": "True or False"}.get(allowed, "numbers"))
    return table


def _damaged(address: str, what: str, allowed: str) -> RunError:
    """Return the error for a file that is not as it was recorded."""
    return RunError(f"{address} {' '.join(what.split())[:200]}; allowed: {allowed}; the file is damaged")
