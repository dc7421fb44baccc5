"""Makes the files of a run: its artifacts, by path, and those that are kept where a run could not be recorded."""

import csv
import dataclasses
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import numpy as np
from safetensors import SafetensorError

from analysis.runs import schema
from rnn_core.checkpoint import CONFIG_FILE, WEIGHTS_FILE, save_record, save_weights
from rnn_core.measures.report import Report
from rnn_core.patterns.shared.cases import ReachRow
from rnn_core.record import Record


def run_artifacts(
    history: Sequence[Mapping[str, float]], report: Report | None, pictures: Mapping[str, bytes], page: str
) -> dict[str, bytes]:
    """Return the artifacts of a run that are made at its end, by path.

    Arguments:
        history: the metrics of each epoch, by name.
        report: the measures of the trained net; None for a training that failed.
        pictures: PNGs, by name.
        page: the page in which the net can be played with, in HTML; empty for none.
    """
    made = {schema.CURVES_FILE: _curves(history)}
    made |= {schema.picture_file(name): picture for name, picture in pictures.items()}
    if report and report.rows:  # how many cases of each size the net gets right, if its pattern has such cases
        names = [field.name for field in dataclasses.fields(ReachRow)]
        made[schema.REACH_FILE] = _csv(names, map(dataclasses.asdict, report.rows))
    if page:
        made[schema.PAGE_FILE] = page.encode()
    return made


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
            if weights:
                save_weights(weights, folder / WEIGHTS_FILE)
            save_record(record, folder / CONFIG_FILE)
            (folder / schema.CURVES_FILE).write_bytes(_curves(history))
        except (OSError, SafetensorError):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        else:
            return f"the run's files are kept in {folder}"
    return "there is room nowhere to keep the run's files"


def _curves(history: Sequence[Mapping[str, float]]) -> bytes:
    """Return the curves of a run as CSV: a row for each epoch, from 0."""
    names = list(history[0]) if history else ["train_loss", "train_accuracy"]
    return _csv(["epoch", *names], ({"epoch": epoch, **values} for epoch, values in enumerate(history)))


def _csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a table as CSV, in UTF-8."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, names)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()
