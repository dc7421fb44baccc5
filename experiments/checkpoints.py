"""The command that lists the saved states of trainings that were cut off, and deletes those that nobody resumes."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import UsageError
from experiments.flags import complain, read_flags
from experiments.output import run_program
from experiments.progress import starting
from rnn_core.vocabulary import visible


@dataclass(frozen=True)
class Flags:
    """List the saved states of trainings that were cut off, with their size, and delete those that nobody resumes.

    A saved state is deleted by itself when its run has finished or diverged.
    """

    delete: str = ""
    """Delete the saved state of the run with this id or name; `all` deletes those of all runs that are not at work."""


@dataclass(frozen=True)
class Saved:
    """The saved state of a training.

    Attributes:
        path: its file.
        run_id: MLflow's id of the run.
        name: the name of the run.
        end: how the run ended, in a word; `gone` if it is not in the store.
        at_work: whether the run is at work.
    """

    path: Path
    run_id: str
    name: str
    end: str
    at_work: bool

    def __str__(self) -> str:
        """Return a line that says what it is, and its size."""
        return f"{self.run_id}  {self.path.stat().st_size / 1e6:8.2f} MB  {self.end:<8} {visible(self.name)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """List or delete saved states.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, or 2 for bad input.
    """
    try:
        return _list_or_delete(read_flags(Flags, "python -m experiments.checkpoints", arguments))
    except UsageError as error:
        return complain(str(error), 2)


def _list_or_delete(flags: Flags) -> int:
    """Do what the flags ask, and return the exit status.

    Raises:
        UsageError: there is nothing to delete, or the run is at work.
    """
    with starting():
        from experiments.checkpoint_files import checkpoint_folder, delete_checkpoint
    states = _saved_states()
    if not flags.delete:
        print(*states, sep="\n")
        total = sum(state.path.stat().st_size for state in states) / 1e6
        print(f"{len(states)} saved states, {total:.2f} MB, in {checkpoint_folder()}")
        return 0
    chosen = [state for state in states if flags.delete in ("all", state.run_id, state.name)]
    if not chosen and flags.delete != "all":
        raise UsageError(
            f"no saved state of {flags.delete!r}; allowed: an id or a name that is listed, or all (--delete)"
        )
    for state in chosen:
        if state.at_work:
            if flags.delete != "all":
                raise UsageError(f"{state.run_id} ({state.name}) is at work; allowed: a run that has ended (--delete)")
            continue
        line = f"deleted {state}"
        delete_checkpoint(state.path)
        print(line)
    return 0


def _saved_states() -> list[Saved]:
    """Return all saved states of the store that MLflow uses, by the names of their files."""
    from analysis.runs import RunError
    from analysis.runs.life import end_of, is_alive
    from analysis.runs.store import find_run
    from experiments.checkpoint_files import SUFFIX, checkpoint_folder, owner_id
    from rnn_core.checkpoint import CheckpointError
    from rnn_core.training.state_file import read_about

    states = []
    for path in sorted(checkpoint_folder().glob(f"*{SUFFIX}")):
        name, run_id = "a damaged file", owner_id(path)
        with contextlib.suppress(CheckpointError, KeyError):
            name = str(read_about(path)["name"])
        try:
            run = find_run(run_id)
        except RunError as error:
            raise UsageError(str(error)) from None
        end = "gone" if run is None else str(end_of(run))
        states.append(Saved(path, run_id, name, end, at_work=run is not None and is_alive(run)))
    return states


if __name__ == "__main__":
    run_program(main)
