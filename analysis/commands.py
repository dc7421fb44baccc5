"""The commands of a shell that make runs, as analysis offers them and a sweep reads them."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from rnn_core.config import TrainConfig

PLURALS = {field.name: field.name.removesuffix("s") + "s" for field in dataclasses.fields(TrainConfig)}
"""What the list of a field's values is called: in a sweep's flags, in a grid's file, and in MLflow's params."""


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
