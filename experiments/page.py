"""The command that prints the page in which the net of a recorded run, or the nets of several, can be played with."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from experiments.errors import UsageError
from experiments.flags import complain, read_flags
from experiments.output import run_program
from experiments.progress import starting, waiting


@dataclass(frozen=True)
class Flags:
    """Print a page in which the net of a run can be played with: `python -m experiments.page latest > net.html`.

    The page is one file that needs no network. Several runs of one pattern, such as the seeds or the epochs of a sweep,
    share a page with a slider, in the order of the fields in which they differ.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """A run's id, its name (the newest of that name), or `latest`; one or more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; return the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    # Ask a server that is not there once, where MLflow would ask for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    try:
        _print(read_flags(Flags, "python -m experiments.page", arguments))
    except UsageError as error:
        return complain(str(error), 2)
    except KeyboardInterrupt:
        print()
        return 130
    return 0


def _print(flags: Flags) -> None:
    """Print the page of the runs.

    Raises:
        UsageError: no run is named, one cannot be read or has no net, they have different patterns, or the page would
            fill a terminal.
    """
    if not flags.runs:
        raise UsageError("no run is named; allowed: one or more ids or names, or latest")
    if sys.stdout.isatty():
        raise UsageError("a page would fill the terminal; allowed: into a file, by > FILE.html after the command")
    with starting():
        from analysis.runs import RunError, load_run
        from analysis.runs.address import store_name
        from experiments.net_page.of_runs import page_of_runs
        from rnn_core.checkpoint import CheckpointError
    try:
        with waiting(f"reading the runs from {store_name()}"):
            runs = {run.run_id: run for run in map(load_run, dict.fromkeys(flags.runs))}
            page = page_of_runs(list(runs.values()))
    except (RunError, CheckpointError) as error:
        raise UsageError(str(error)) from None
    print(page)


if __name__ == "__main__":
    run_program(main, only_prints=True)
