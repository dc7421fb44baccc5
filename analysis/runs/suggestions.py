"""The texts of `find_runs` for runs that are missing: what was asked for, what is recorded, and a command to train."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.commands import PLURALS, training_command
from analysis.runs.store import RunError

MAX_LISTED = 6
"""The number of patterns, or of values of a field, up to which all are listed."""


def checked_training_command(query: Mapping[str, Sequence[Any]], parameters: int = 0) -> list[str]:
    """Return `training_command`, after checking that the command means what the query means.

    Raises:
        RunError: a pattern holds a comma, which separates the values of a list.
    """
    command = training_command(query, parameters)
    if f"--{PLURALS['pattern']}" in command and any("," in str(pattern) for pattern in query["pattern"]):
        raise RunError(
            "a pattern holds a comma, which separates the values of a list; "
            "write the patterns into a file and train with experiments.sweep --grid FILE"
        )
    return command


def describe_query(query: Mapping[str, Sequence[Any]]) -> str:
    """Return a query in words, such as "pattern abc, hidden_size 8 or 16"."""
    return ", ".join(f"{field} {list_values(values, ' or ')}" for field, values in query.items())


def describe_runs(runs: pd.DataFrame) -> list[str]:
    """Return a line for each pattern of a table of runs: how many runs there are, and the values of some fields."""
    lines = []
    for pattern, runs_of_pattern in list(runs.groupby("pattern", sort=False))[:MAX_LISTED]:
        fields = [field for field in ("cell", "hidden_size", "layers", "epochs", "seed") if field in runs_of_pattern]
        values = ", ".join(f"{field} {list_values(sorted(runs_of_pattern[field].unique()))}" for field in fields)
        lines.append(f"{len(runs_of_pattern)} on {pattern} ({values})")
    more = runs["pattern"].nunique() - len(lines)
    return [*lines, f"and others, on {more} more patterns"] if more > 0 else lines


def no_match_message(runs: pd.DataFrame, query: Mapping[str, Sequence[Any]], where: str, command: str) -> str:
    """Return the error message for a query that no run matches.

    Arguments:
        runs: the runs that were searched.
        query: the values asked for, by field.
        where: the store, and the sweep if only its runs were searched.
        command: the command that trains the runs asked for; empty for none.
    """
    lines = [f"no run in {where} has {describe_query(query)}" if query else f"no run in {where}"]
    if runs.empty:
        lines.append("  there is no finished run")
    else:
        lines += ["  recorded runs:", *(f"    {line}" for line in describe_runs(runs))]
    return "\n".join([*lines, f"  to make them: {command}"] if command else lines)


def list_values(values: Sequence[Any], last_separator: str = ", ") -> str:
    """Return values in words: consecutive whole numbers as a range, and at most MAX_LISTED other values."""
    given = list(values)
    if len(given) > 2 and all(isinstance(value, int) or hasattr(value, "dtype") for value in given):
        numbers = [int(value) for value in given]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{numbers[0]}-{numbers[-1]}"
    names = [str(value) for value in given[:MAX_LISTED]] + (["..."] if len(given) > MAX_LISTED else [])
    return ", ".join(names[:-1]) + last_separator + names[-1] if len(names) > 1 else names[0]
