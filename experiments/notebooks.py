"""The command that executes the notebooks of analysis/notebooks and saves them with their output.

python -m experiments.notebooks --make
"""

import contextlib
import copy
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.errors import UsageError
from experiments.flags import complain, read_flags
from experiments.output import run_program
from experiments.progress import Wait, waiting
from rnn_core.vocabulary import visible

FOLDER = Path(__file__).resolve().parent.parent / "analysis" / "notebooks"

MAKE_LINE = "make = False"
"""The line of a notebook which says that missing runs are not made; --make sets it to True."""

MAX_SECONDS = 4 * 3600
"""The most seconds of one cell, which may make a sweep."""


@dataclass(frozen=True)
class Flags:
    """Execute the notebooks and save them with their output; one that fails stays as it was."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """The beginnings of the names of the notebooks to execute, such as 02; none given executes all."""
    make: bool = False
    """First make the runs that a notebook needs and that are not recorded."""
    folder: Path = FOLDER
    """The folder of the notebooks; their runs are looked for in the store of this folder or of one above it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute notebooks.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, 1 if a notebook failed, 2 for bad input.
    """
    try:
        flags: Any = read_flags(Flags, "python -m experiments.notebooks", arguments)
        paths = _chosen(flags.names, flags.folder)
    except UsageError as error:
        return complain(str(error), 2)
    failed = 0
    for path in paths:
        begin = time.monotonic()
        try:
            with waiting(path.name) as wait:
                execute(path, flags.make, wait)
        except RuntimeError as error:
            failed += 1
            first, *others = str(error).splitlines()
            complain(f"{path.name}: {first}", 1)
            print(*map(visible, others), sep="\n", end="\n" * bool(others), file=sys.stderr, flush=True)
            if not flags.make and first.partition(":")[0] in ("RunError", "NoStoreError"):
                print("  with --make, a notebook first makes its missing runs", file=sys.stderr, flush=True)
        else:
            print(f"{path.name}: {time.monotonic() - begin:.0f} s, {path.stat().st_size / 1000:.0f} kB", flush=True)
    return min(failed, 1)


def execute(path: Path, make: bool, wait: Wait) -> None:
    """Execute a notebook in its folder, and save it with its output.

    Arguments:
        path: of the notebook.
        make: first execute it up to the cell that can make its runs, and let that cell make them.
        wait: the line on stderr that says how far it is.

    Raises:
        RuntimeError: a cell failed; the message is the cell's error, and the file stays as it was.
    """
    from nbformat import read, write

    notebook = read(path, as_version=4)  # type: ignore[no-untyped-call]
    if make:  # in a copy, so that what a sweep prints is not saved in the notebook
        cells = [number for number, cell in enumerate(notebook.cells) if MAKE_LINE in cell.source]
        if not cells:
            raise RuntimeError(f"no cell has the line {MAKE_LINE!r}, which --make makes True")
        first = copy.deepcopy(notebook)
        del first.cells[cells[0] + 1 :]
        first.cells[-1].source = first.cells[-1].source.replace(MAKE_LINE, "make = True")
        _run(first, path, wait, ", making its runs")
    _run(notebook, path, wait)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    write(notebook, path)  # type: ignore[no-untyped-call]


def _run(notebook: Any, path: Path, wait: Wait, purpose: str = "") -> None:
    """Execute all cells of a notebook in its folder; raise RuntimeError if one fails."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    def show_progress(cell: Any, cell_index: int) -> None:  # noqa: ARG001  (nbclient names both)
        wait.what = f"{path.name}: cell {cell_index + 1} of {len(notebook.cells)}{purpose}"

    client = NotebookClient(
        notebook,
        on_cell_start=show_progress,
        kernel_name="python3",
        timeout=MAX_SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors alone: its warnings are for servers on a network
        record_timing=False,  # or each execution would change the file
        coalesce_streams=True,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise RuntimeError(f"{error.ename}: {error.evalue}") from None
    except (CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(str(error)) from None


def _chosen(names: Sequence[str], folder: Path) -> list[Path]:
    """Return the notebooks whose names begin with one of `names`; all, if there are no names."""
    with contextlib.suppress(ImportError):
        import nbclient  # noqa: F401
        import nbformat  # noqa: F401

        notebooks = sorted(folder.glob("*.ipynb"))
        chosen = [path for path in notebooks if not names or path.name.startswith(tuple(names))]
        for name in names:
            if not any(path.name.startswith(name) for path in chosen):
                raise UsageError(
                    f"there is no notebook {name!r}; allowed: {', '.join(path.stem for path in notebooks)}"
                )
        if not chosen:
            raise UsageError(f"there are no notebooks in {folder} (--folder)")
        return chosen
    raise UsageError('nbclient is not installed: pip install -e ".[notebooks]"')


if __name__ == "__main__":
    run_program(main)
