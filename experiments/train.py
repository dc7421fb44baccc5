"""The command that trains one run: reads its flags, and refuses what they alone show to be wrong."""

import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.command import run_command
from experiments.errors import UsageError
from experiments.flags import read_flags
from experiments.opened_run import opened_run_id
from experiments.output import run_program
from experiments.progress import starting, waiting
from experiments.signals import Stop
from rnn_core.config import TrainConfig
from rnn_core.patterns import Pattern, parse

if TYPE_CHECKING:
    from rnn_core.record import Record


@dataclass(frozen=True)
class Flags(TrainConfig):
    """Train one recurrent net on one pattern, and record the run in MLflow.

    `python -m experiments.patterns` lists the families of patterns. The recipe of a family replaces the defaults below;
    `python -m experiments.patterns FAMILY` shows it. A flag that is given always counts.
    """

    config: Path | None = None
    """A run's config.json: train exactly that again. Flags beside it change single fields."""
    resume: str = ""
    """The id or the name of a run that was killed, or `latest`: go on where it was cut off, in the same run."""
    continue_: str = ""
    """The id or the name of a run that finished, or `latest`: go on from its end, in a new run, up to --epochs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and record one run.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, 1 for a training that failed, 2 for bad input, 130 or 143 for a signal.
    """
    return run_command(functools.partial(_run, sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str], stop: Stop, from_recipes: set[str]) -> int:
    """Read the flags, train and record, and return the exit status; the recipe's fields are added to `from_recipes`."""
    flags = _read_flags(arguments, Flags())
    if flags.resume or flags.continue_:
        return _go_on(flags, arguments, stop)
    earlier = None
    recipe: Mapping[str, Any] = {}
    if flags.config is None:
        flags, pattern, recipe = _with_recipe(flags, arguments)
    else:
        with stop.held():
            earlier = _earlier_record(flags.config)
        flags = _read_flags(arguments, Flags(**dataclasses.asdict(earlier.config)))
        pattern = parse(flags.pattern)
    from_recipes.update(recipe)
    config = TrainConfig(**{field.name: getattr(flags, field.name) for field in dataclasses.fields(TrainConfig)})
    with stop.held(), starting():  # an import that is broken off can end the process
        from experiments.single_run import train_and_record
        from experiments.starts import new_training
    return train_and_record(new_training(config, pattern, recipe, earlier), stop)


def _go_on(flags: Flags, arguments: Sequence[str], stop: Stop) -> int:
    """Train and record what goes on from an earlier run, and return the exit status.

    Raises:
        UsageError: there is no such run, it cannot be gone on with, or the command line changes it.
    """
    ways = {"resume": flags.resume, "continue": flags.continue_, "config": flags.config}
    (way, name), *others = [(way, value) for way, value in ways.items() if value]
    if others:
        raise UsageError(f"--{way} is given beside --{others[0][0]}; allowed: one of them")
    if opened_run_id():
        raise UsageError(
            f"{way} is not a parameter of `mlflow run`, which opens a run of its own; use: python -m experiments.train "
            f"--{way} {name}"
        )
    with stop.held(), starting():
        from analysis.runs import RunError
        from experiments.single_run import train_and_record
        from experiments.starts import longer_training, resumed_training
    try:
        start = resumed_training(flags.resume) if flags.resume else longer_training(flags.continue_, flags.epochs)
    except RunError as error:
        raise UsageError(str(error)) from None
    config = dataclasses.asdict(start.prepared.config)
    given = _read_flags(arguments, dataclasses.replace(flags, **config))
    for name, value in config.items():
        if getattr(given, name) != value:
            raise UsageError(
                f"{name} is {getattr(given, name)!r}, the run's is {value!r}; allowed: no change beside --{way}"
            )
    return train_and_record(start, stop)


def _read_flags(arguments: Sequence[str], default: Flags) -> Flags:
    return read_flags(Flags, "python -m experiments.train", arguments, default)


def _with_recipe(flags: Flags, arguments: Sequence[str]) -> tuple[Flags, Pattern, Mapping[str, Any]]:
    """Let the recipe of the pattern fill in what the command line does not give.

    Returns:
        The completed flags, the pattern, and the fields of the completed flags that have the recipe's value.
    """
    with waiting("reading the pattern"):
        pattern = parse(flags.pattern)
    recipe = pattern.recipe
    if opened_run_id():
        # `mlflow run` passes every parameter, so that a value that nobody typed shows only by being the default.
        default = Flags()
        filled_in = {name: recipe[name] for name in recipe if getattr(flags, name) == getattr(default, name)}
        flags = dataclasses.replace(flags, **filled_in)
    else:
        flags = _read_flags(arguments, Flags(**recipe))
    return flags, pattern, {name: value for name, value in recipe.items() if getattr(flags, name) == value}


def _earlier_record(config_file: Path) -> "Record":
    """Return the record in a run's config.json.

    Raises:
        UsageError: the file cannot be read, its training cannot be repeated, or `mlflow run` started this process.
    """
    with starting():
        from analysis.runs.schema import COMMIT_TAG, CONFIG_FILE
        from rnn_core.checkpoint import CheckpointError, load_record
        from rnn_core.record import current_version
    if opened_run_id():
        # `mlflow run` passes every parameter, which would replace all that the file says.
        raise UsageError(
            f"config is not a parameter of `mlflow run`; use: python -m experiments.train --config {CONFIG_FILE}"
        )
    try:
        record = load_record(config_file)
    except CheckpointError as error:
        raise UsageError(f"{error} (--config)") from None
    version = current_version(record.mark, record.config.cell)
    if record.training_version != version:
        raise UsageError(
            f"{config_file} was trained by version {record.training_version} of the training, this is version "
            f"{version}; check out the run's {COMMIT_TAG} to get the same weights (--config)"
        )
    return record


if __name__ == "__main__":
    run_program(main)
