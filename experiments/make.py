"""Makes the runs that `find_runs` does not find, by the command that its error names."""

import codecs
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.runs import command_for_missing
from analysis.runs.address import absolute_store_address, choose_store_folder
from analysis.runs.store import NoStoreError, open_store
from experiments.progress import BARS_VARIABLE, waiting, watched

MAX_KEPT = 10_000
"""The last characters of a command's output that are kept: an error shows its last line."""


def make_runs(**fields: Any) -> None:
    """Train and record, in another process, the runs that are missing; do nothing if all are recorded.

    The runs are recorded where `find_runs` looks for them. If there is no store yet, one is made in the nearest folder
    that holds an MLproject: the present one or one above it. What the process prints is printed as it comes.

    Arguments:
        fields: as in `analysis.runs.find_runs`: for any field of TrainConfig the value wanted, or several.

    Raises:
        RunError: an argument is no field, the store cannot be read, or a command line cannot express a pattern.
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
    """Run a command in another process, and print what it prints as it comes.

    Arguments:
        words: the command; its first word, `python`, is the Python that runs this.
        store: the address of the tracking store to record in.
        folder: the folder to run it in; MLflow puts the artifacts of a new store there.

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
    output_end, decoder = "", codecs.getincrementaldecoder("utf-8")("replace")
    with process:
        while part := os.read(process.stdout.fileno(), 65536):  # not by lines: a bar has no line end
            text = decoder.decode(part)
            print(text, end="", flush=True)
            output_end = (output_end + text)[-MAX_KEPT:]
    if process.returncode:
        last_line = (output_end.strip().splitlines() or [""])[-1]
        raise RuntimeError(f"`{shlex.join(words)}` ended with status {process.returncode}: {last_line}")
