"""Writes what was found inside a net into its run: tables and pictures under `inside/`, a few metrics, and its page."""

import csv
import tempfile
from pathlib import Path

from mlflow import MlflowClient

from analysis.inside.finding import Finding
from analysis.runs.schema import INSIDE_FOLDER, INSPECTED_TAG, PAGE_FILE, inside_table_file
from analysis.runs.store import get_run
from experiments.errors import TrackingError
from experiments.tracking.causes import store_trouble


def record_finding(run_id: str, question: str, finding: Finding) -> None:
    """Record the answer to a question in a run.

    Files and metrics of the same names are replaced; others that an earlier answer to the question left stay.

    Arguments:
        run_id: the run.
        question: the name of the question, which is that of the file with what was found in words.
        finding: the answer.

    Raises:
        TrackingError: the run cannot be written to.
    """
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, INSIDE_FOLDER)
        folder.mkdir()
        (folder / f"{question}.txt").write_text("\n".join(finding.lines) + "\n", encoding="utf-8")
        for table_name, table in finding.tables.items():
            # Quoted, so that a character such as a carriage return does not end a row.
            table.to_csv(Path(root, inside_table_file(table_name)), index=False, quoting=csv.QUOTE_NONNUMERIC)
        for picture_name, picture in finding.pictures.items():
            (folder / f"{picture_name}.png").write_bytes(picture.png())
        try:
            client.log_artifacts(run_id, root)
            for metric, value in finding.metrics.items():
                client.log_metric(run_id, metric, value)
            # Last, so that a question is marked as asked only where all of its answer is there.
            client.set_tag(run_id, INSPECTED_TAG, ",".join(sorted({*inspected(run_id), question})))
        except Exception as error:  # MLflow raises many kinds
            raise TrackingError(store_trouble(error)) from error


def record_page(run_id: str, page: str) -> None:
    """Record the page of a run's net, in HTML, in place of an earlier one.

    Raises:
        TrackingError: the run cannot be written to.
    """
    try:
        MlflowClient().log_text(run_id, page, PAGE_FILE)
    except Exception as error:  # MLflow raises many kinds
        raise TrackingError(store_trouble(error)) from error


def inspected(run_id: str) -> list[str]:
    """Return the questions that were asked of a run: their answers, or why they have none, are recorded in it."""
    return list(filter(None, get_run(run_id).data.tags.get(INSPECTED_TAG, "").split(",")))
