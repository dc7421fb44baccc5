"""Make the runs that `find_runs` does not find, by the command that its error names."""

import codecs
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.runs import command_for_missing
from analysis.runs.store import NoStoreError, absolute_store_address, choose_store_folder, open_store
from experiments.progress import BARS_VARIABLE, waiting, watched

MAX_LINE = 10_000
"""Characters of a command's output that are kept for the error, whose last line it shows."""


def make_runs(**fields: Any) -> None:
    """Train and record those of the runs asked for that are not there, in a process of its own; nothing if all are.

    They are recorded where `find_runs` looks. Where there is no store yet, one is made in the nearest folder, this or
    above it, that holds an MLproject. What the process prints is printed as it comes, in a notebook with its bars.

    Arguments:
        fields: as in `analysis.runs.find_runs`: for any field of TrainConfig the value wanted, or several.

    Raises:
        RunError: an argument is no field, the store cannot be read, or the command cannot say a pattern.
        ConfigError: a field cannot have such a value.
        RuntimeError: the command failed; the message has its last line.

    Example:
        make_runs(pattern="abc", hidden_size=[8, 16], epochs=100)
    """
    home = Path.cwd()
    with waiting("looking for the runs that are there"):
        words = command_for_missing(**fields)
    if not words:
        return
    try:
        open_store()
    except NoStoreError:
        home = choose_store_folder()
    _run(words, absolute_store_address(), home)


def _run(words: Sequence[str], store: str, folder: Path) -> None:
    """Run a command in a process of its own, and print what it prints as it comes.

    Arguments:
        words: the command; its first word, `python`, is the Python that runs this.
        store: the address of the tracking store to record in.
        folder: where to run it; MLflow puts the artifacts of a new store there.

    Raises:
        RuntimeError: the command failed; the message has its last line.
    """
    print(f"$ {shlex.join(words)}", flush=True)
    environment = os.environ | {"MLFLOW_TRACKING_URI": store, BARS_VARIABLE: "1" if watched() else ""}
    process = subprocess.Popen(
        [sys.executable, *words[1:]],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    end, decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
    with process:
        while part := os.read(process.stdout.fileno(), 65536):  # a bar is no line: it is passed on as it comes
            text = decoder.decode(part)
            print(text, end="", flush=True)
            end = (end + text)[-MAX_LINE:]
    if process.returncode:
        said = end.strip().splitlines()
        raise RuntimeError(f"`{shlex.join(words)}` ended with status {process.returncode}: {said[-1] if said else ''}")
