"""The command that trains a sweep: reads its flags and its grid, and refuses what they alone show to be wrong."""

import dataclasses
import functools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from analysis.commands import PLURALS
from experiments.command import run_command
from experiments.flags import read_flags, sentences
from experiments.grid import DEFAULT_SEEDS, FIELDS, read_grid
from experiments.output import run_program
from experiments.progress import starting, waiting
from experiments.signals import Stop
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.vocabulary import visible

WORKER_BYTES = 200_000_000
"""What a process takes of the memory, at the least, with torch and MLflow."""


@dataclass(frozen=True)
class SweepFlags:
    """Train a net for each combination of values and each seed, and record every run in MLflow under one parent.

    A LIST has its values separated by commas. The recipe of a family of patterns replaces the defaults below. A list
    that is given always counts.
    """

    grid: str = ""
    """The path of a TOML file with lists of the same names, for values that hold a comma; a flag replaces its list."""
    parameters: int = 0
    """Fit hidden_size, so that each net has about so many parameters: cells are compared at equal size. 0 does not."""
    workers: int = 1
    """Processes on this machine that work side by side; 1 is this process alone."""
    scheduler: str = ""
    """The address of a running Dask scheduler, such as tcp://host:8786, whose workers do the work."""
    inspect: str = ""
    """Questions about the inside of each net, such as automaton,fixed_points, which are asked when all are trained."""
    again: bool = False
    """Train even what has been recorded before."""
    dry_run: bool = False
    """Only say how many runs it would be, how many of them are recorded already, and how long and how much room the
    others would take."""


def _lists() -> Iterator[tuple[str, str, object]]:
    """Yield for each field of TrainConfig the name of its list, the sentence of its flag, and its default."""
    texts = sentences(TrainConfig) | {
        "seed": "How many seeds, such as 10 for the seeds 0 to 9, or a range such as 40-49."
    }
    defaults = FIELDS | {"seed": DEFAULT_SEEDS}
    for name, plural in PLURALS.items():
        yield plural, texts[name], defaults[name]


# One flag for each field of TrainConfig, so that every field can be swept.
Flags = dataclasses.make_dataclass(
    "Flags",
    [
        (
            plural,
            Annotated[str, tyro.conf.arg(help=text, metavar="LIST", help_behavior_hint=f"(default: {default})")],
            "",
        )
        for plural, text, default in _lists()
    ],
    bases=(SweepFlags,),
    frozen=True,
)
Flags.__doc__ = SweepFlags.__doc__


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and record a sweep.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, 1 if a run failed, 2 for bad input, 130 or 143 for a signal.
    """
    return run_command(functools.partial(_run, arguments), PLURALS)


def _run(arguments: Sequence[str] | None, stop: Stop, from_recipes: set[str]) -> int:
    """Read the flags, do what they ask, and return the exit status; the recipes' fields are added to `from_recipes`."""
    begin = time.monotonic()
    flags: Any = read_flags(Flags, "python -m experiments.sweep", arguments)
    most = max(1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // WORKER_BYTES)
    if not 1 <= flags.workers <= most:
        raise ConfigError("workers", flags.workers, f"1 to {most} processes, which fit into this machine's memory")
    if flags.scheduler and flags.workers > 1:
        raise ConfigError("workers", flags.workers, "1 beside --scheduler, whose cluster has workers of its own")
    if flags.inspect:
        with stop.held(), starting():
            from experiments.inspection import check_packages, inspect_runs, parse_questions
        questions = parse_questions(flags.inspect, "inspect")
        check_packages(questions)
    file = Path(flags.grid) if flags.grid else None
    with waiting("reading the patterns"):
        grid = read_grid({plural: getattr(flags, plural) for plural in PLURALS.values()}, file, flags.parameters)
        requests = grid.runs()
    for line in grid.fitted():
        print(line, flush=True)
    for pattern in grid.patterns.values():
        if pattern.note:
            print(f"note: {visible(pattern.note)}", flush=True)
    from_recipes.update(name for request in requests for name in request.recipe)
    with stop.held(), starting():  # an import that is broken off can end the process
        from experiments.cost import sweep_cost
        from experiments.swept_runs import Sweep, prepare_runs
        from experiments.workers import start_workers
    prepared = prepare_runs(requests, grid.patterns)
    if flags.dry_run:
        with waiting("trying the training"):
            cost = sweep_cost(grid.title(), prepared, flags.workers, flags.again, begin)
        print(cost)
        return 0
    workers = start_workers(flags.workers, flags.scheduler)
    sweep = Sweep(grid, requests, prepared, file, flags.again)
    try:
        status = sweep.run(workers, stop)
    finally:
        if workers:
            workers.stop()
    if flags.inspect and status in (0, 1):  # not after a signal
        with stop.heard():
            inspect_runs(sweep.finished_runs(), questions)
    return status


if __name__ == "__main__":
    run_program(main)
