"""What to say when no run matches: what there is instead, and the one command that makes the runs."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.runs.store import RunError
from rnn_core.config import TrainConfig

PLURALS = {field.name: field.name.removesuffix("s") + "s" for field in dataclasses.fields(TrainConfig)}
"""What the list of a field's values is called: in a sweep's flags, in a grid's file, and in MLflow's params."""

MAX_SHOWN = 6
"""Patterns, and values of a field, that are named; of more only the first."""


def command(asked: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the command that makes the runs of a grid, in words as a shell has them.

    Arguments:
        asked: for each field of TrainConfig that was asked for its values, one or more.
    """
    if "seed" in asked and all(len(values) == 1 for values in asked.values()):
        flags = {name: str(values[0]) for name, values in asked.items()}
        module = "experiments.train"
    else:
        flags = {PLURALS[name]: ",".join(map(str, values)) for name, values in asked.items()}
        if "seed" in asked:  # a sweep takes a range
            flags["seeds"] = f"{min(asked['seed'])}-{max(asked['seed'])}"
        module = "experiments.sweep"
        if os.cpu_count() not in (None, 1):
            flags["workers"] = "2"
    said = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)]
    return ["python", "-m", module, *said]


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
