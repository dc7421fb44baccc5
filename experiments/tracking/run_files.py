"""Writes the files of a run into a folder, whose folder `artifacts` becomes the artifacts of the run in MLflow."""

import csv
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir, mkdtemp

import numpy as np
from safetensors import SafetensorError

from analysis.runs import schema
from analysis.runs.schema import CONFIG_FILE, WEIGHTS_FILE
from rnn_core.checkpoint import save_record, save_weights
from rnn_core.patterns.shared.cases import ReachRow
from rnn_core.record import Record

ARTIFACTS = "artifacts"
"""The folder, in the folder of a run's files, that holds its artifacts."""


def write_files(
    folder: Path, record: Record, history: Sequence[Mapping[str, float]], weights: Mapping[str, np.ndarray] | None
) -> None:
    """Write what identifies a run, its weights, and its curves.

    Arguments:
        folder: an empty folder.
        record: what identifies the run.
        history: the metrics of each epoch, by name.
        weights: the weights of the net, by name; None for a net that is not recorded.
    """
    if weights:
        save_weights(weights, folder / WEIGHTS_FILE)
    (folder / ARTIFACTS / schema.PLOTS_FOLDER).mkdir(parents=True)
    save_record(record, folder / CONFIG_FILE)
    with (folder / ARTIFACTS / schema.CURVES_FILE).open("w", newline="", encoding="utf-8") as file:
        names = list(history[0]) if history else ["train_loss", "train_accuracy"]
        rows = csv.DictWriter(file, ["epoch", *names])
        rows.writeheader()
        rows.writerows({"epoch": epoch, **values} for epoch, values in enumerate(history))


def write_reach(folder: Path, rows: Sequence[ReachRow]) -> None:
    """Write the table of how many cases of each size the net gets right, if its pattern has such cases."""
    if rows:
        with (folder / ARTIFACTS / schema.REACH_FILE).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [field.name for field in dataclasses.fields(ReachRow)])
            table.writeheader()
            table.writerows(dataclasses.asdict(row) for row in rows)


def keep_files(record: Record, history: Sequence[Mapping[str, float]], weights: Mapping[str, np.ndarray] | None) -> str:
    """Write the files of a run that could not be recorded into a new folder, where they fit; return in words where.

    Arguments:
        record: what identifies the run.
        history: the metrics of each epoch, by name.
        weights: the weights of the net, by name; None for a net that is not recorded.
    """
    for home in (Path(gettempdir()), Path.cwd(), Path.home()):
        folder = None
        try:
            folder = Path(mkdtemp(prefix="rnn-patterns-", dir=home))
            write_files(folder, record, history, weights)
        except (OSError, SafetensorError):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        else:
            return f"the run's files are kept in {folder}"
    return "there is room nowhere to keep the run's files"
