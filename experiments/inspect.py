"""The command that asks by what mechanism the nets of recorded runs work, and records what it finds in the runs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from experiments.command import run_command
from experiments.errors import UsageError
from experiments.flags import read_flags
from experiments.output import run_program
from experiments.progress import starting, waiting
from experiments.signals import Stop
from rnn_core.vocabulary import visible


@dataclass(frozen=True)
class Flags:
    """Ask by what mechanism nets work, print what was found, and record tables and pictures in `inside/` of their runs.

    fixed_points: where states come to rest while one character is read again and again. cycle: the cycle of a net that
    runs free, and what it withstands. exponents: whether disturbances grow. automaton: the automaton of what the net
    holds possible, beside the pattern's. readouts: which labels of the pattern can be read out of the states. counting:
    which numbers of the state count. causes: whether the net uses what can be read out.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """A run's id, its name (the newest of that name), or `latest`; one or more."""
    what: str = ""
    """Which of these questions to ask, separated by commas; by default all that have a meaning for the run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask the questions; return the exit status: 0, 2 for bad input, 130 or 143 for a signal."""
    # Ask a server that is not there once, where MLflow would ask for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return run_command(lambda stop, _: _inspect(read_flags(Flags, "python -m experiments.inspect", arguments), stop))


def _inspect(flags: Flags, stop: Stop) -> int:
    """Ask all questions of all runs, and return the exit status 0.

    Raises:
        UsageError: no run is named, one cannot be read or has no net, its pattern cannot be made again, or a package is
            missing.
        ConfigError: there is no such question.
        TrackingError: an answer cannot be recorded.
    """
    if not flags.runs:
        raise UsageError("no run is named; allowed: one or more ids or names, or latest")
    with stop.held(), starting():  # an import that is broken off can end the process
        from analysis.runs import RunError, load_run
        from analysis.runs.address import store_name
        from experiments.inspection import check_packages, inspect_run, parse_questions
        from rnn_core.checkpoint import CheckpointError
    questions = parse_questions(flags.what, "what")
    if flags.what:
        check_packages(questions)
    try:
        with waiting(f"reading the runs from {store_name()}"):
            loaded = [load_run(name) for name in dict.fromkeys(flags.runs)]
            for run in loaded:
                _ = run.net  # raises RunError where there is none, before any run is asked
    except (RunError, CheckpointError) as error:
        raise UsageError(str(error)) from None
    for run in loaded:
        print(f"{run.run_id} ({visible(run.name)})", flush=True)
        for line in inspect_run(run, questions, asked_for=bool(flags.what)):
            print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    run_program(main)
