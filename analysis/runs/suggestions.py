"""What to say when no run matches: what there is instead, and the one command that makes the runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.commands import PLURALS, command
from analysis.runs.store import RunError

MAX_SHOWN = 6
"""Patterns, and values of a field, that are named; of more only the first."""


def checked_command(asked: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return `command`, unless it means something else than was asked for.

    Raises:
        RunError: a pattern holds a comma, at which a sweep parts its list.
    """
    words = command(asked)
    if f"--{PLURALS['pattern']}" in words and any("," in str(pattern) for pattern in asked["pattern"]):
        raise RunError("a pattern holds a comma, which parts the values of a list; give it by experiments.sweep --grid")
    return words


def in_words(asked: Mapping[str, Sequence[Any]]) -> str:
    """Return a grid in words, such as "pattern abc, hidden_size 8 or 16"."""
    return ", ".join(f"{name} {first_few(values, ' or ')}" for name, values in asked.items())


def what_there_is(runs: pd.DataFrame) -> str:
    """Return in a line which runs a table holds: for each pattern how many, and what they differ in."""
    if runs.empty:
        return "there is no finished run"
    said = []
    for pattern, some in list(runs.groupby("pattern", sort=False))[:MAX_SHOWN]:
        fields = [name for name in ("cell", "hidden_size", "layers", "epochs", "seed") if name in some]
        differ = ", ".join(f"{name} {first_few(sorted(some[name].unique()))}" for name in fields)
        said.append(f"{len(some)} of {pattern} ({differ})")
    more = runs["pattern"].nunique() - len(said)
    return f"there are {'; '.join(said)}" + (f"; and {more} patterns more" if more > 0 else "")


def first_few(values: Sequence[Any], last: str = ", ") -> str:
    """Return values in words: a range as its ends, and of many only some."""
    shown = list(values)
    if len(shown) > 2 and all(isinstance(value, int) or hasattr(value, "dtype") for value in shown):
        numbers = [int(value) for value in shown]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{numbers[0]}-{numbers[-1]}"
    names = [str(value) for value in shown[:MAX_SHOWN]] + (["..."] if len(shown) > MAX_SHOWN else [])
    return ", ".join(names[:-1]) + last + names[-1] if len(names) > 1 else names[0]
