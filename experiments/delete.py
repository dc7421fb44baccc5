"""The command that deletes a sweep with its runs and their models, or a single run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from experiments.errors import TrackingError, UsageError
from experiments.flags import complain, read_flags
from experiments.output import output_lost, run_program
from experiments.progress import starting, waiting
from rnn_core.vocabulary import visible

if TYPE_CHECKING:
    from experiments.tracking import Deletion


@dataclass(frozen=True)
class Flags:
    """Delete a sweep with its runs and their models, or a single run, after showing what will be deleted.

    MLflow only marks them as deleted. The command that frees the disk is printed at the end.
    """

    sweep: Annotated[str, tyro.conf.Positional]
    """The id or the name of a sweep, or `latest`; or the id or the name of a single run."""
    yes: bool = False
    """Delete without asking."""
    shared: bool = False
    """Also delete runs that other sweeps use."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Delete a sweep or a run.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, 1 if it was not deleted, 2 for bad input, 130 after Ctrl-C.
    """
    try:
        flags = read_flags(Flags, "python -m experiments.delete", arguments)
        return _delete(flags)
    except UsageError as error:
        return complain(str(error), 2)
    except TrackingError as error:
        return complain(f"{error}; start again to delete the rest", 1)
    except KeyboardInterrupt:
        print()
        return 130


def _delete(flags: Flags) -> int:
    """Print what will be deleted, ask, delete it, and return the exit status.

    Raises:
        UsageError: there is no such sweep or run.
        TrackingError: not all of it could be deleted.
    """
    with starting():
        from analysis.runs import RunError
        from experiments.checkpoint_files import delete_checkpoints_of
        from experiments.tracking import command_that_frees_the_disk, plan_deletion
    try:
        with waiting("looking for its runs"):
            deletion = plan_deletion(flags.sweep, flags.shared)
    except RunError as error:
        raise UsageError(str(error)) from None
    print(*_lines(deletion), sep="\n", flush=True)
    if not flags.yes and not _agreed():
        print("nothing was deleted")
        return 1
    with waiting("deleting"):
        deletion.carry_out()
        for run in (deletion.found, *deletion.runs):
            delete_checkpoints_of(run.info.run_id)
    print(f"deleted; to free the disk of all that is deleted in this store:\n{command_that_frees_the_disk()}")
    return 0


def _lines(deletion: "Deletion") -> list[str]:
    """Return lines that say what will be deleted and what is kept."""
    info, runs = deletion.found.info, len(deletion.runs)
    kind = "run" if deletion.found in deletion.runs else "sweep"
    room = f"about {deletion.megabytes:.1f} MB"
    what = f"{runs} run{'s' * (runs != 1)} with their models, {room}" if kind == "sweep" else f"with its model, {room}"
    lines = [f"{kind} {info.run_id} ({visible(info.run_name)}): {what}"]
    if deletion.reused:
        lines.append(f"kept: {deletion.reused} of the runs that it uses, which it did not make")
    if deletion.foreign:
        lines.append(f"kept: {deletion.foreign} of the runs below it, which this project did not record")
    if deletion.kept:
        users = ", ".join(deletion.users)
        lines.append(f"kept: {len(deletion.kept)} of its runs, which other sweeps use: {users} (--shared deletes them)")
    elif deletion.users:
        lines.append(f"other sweeps lose runs by it: {', '.join(deletion.users)}")
    return lines


def _agreed() -> bool:
    """Ask whether to delete, and return the answer; it is no if nobody reads the question or can answer it."""
    print("delete? [y/N] ", end="", flush=True)
    try:
        return not output_lost() and input().strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


if __name__ == "__main__":
    run_program(main)
