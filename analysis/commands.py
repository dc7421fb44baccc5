"""The shell commands that train runs: the names of a sweep's lists, and the command for a query."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from rnn_core.config import TrainConfig

PLURALS = {field.name: field.name.removesuffix("s") + "s" for field in dataclasses.fields(TrainConfig)}
"""By field, the name of a list of its values: in a sweep's flags, in the file of a grid, and in MLflow's params."""


def training_command(query: Mapping[str, Sequence[Any]], parameters: int = 0) -> list[str]:
    """Return the shell command that trains and records all runs of a query, as a list of words.

    Arguments:
        query: one or more values for some fields of TrainConfig; each combination of values is a run. Several seeds
            become the range from the least to the greatest.
        parameters: the number of parameters to which the hidden size of each net is fitted; 0 for no such fit.
    """
    if not parameters and "seed" in query and all(len(values) == 1 for values in query.values()):
        flags = {field: str(values[0]) for field, values in query.items()}
        module = "experiments.train"
    else:
        flags = {PLURALS[field]: ",".join(map(str, values)) for field, values in query.items()}
        if "seed" in query:
            flags["seeds"] = f"{min(query['seed'])}-{max(query['seed'])}"
        if parameters:
            flags["parameters"] = str(parameters)
        module = "experiments.sweep"
        if os.cpu_count() not in (None, 1):
            flags["workers"] = "2"
    arguments = [word for flag, value in flags.items() for word in (f"--{flag.replace('_', '-')}", value)]
    return ["python", "-m", module, *arguments]
