"""Writes what was found inside a net into its run: tables and pictures under `inside/`, and a few metrics."""

import tempfile
from pathlib import Path

from mlflow import MlflowClient

from analysis.inside.finding import Finding
from analysis.runs.schema import INSIDE_FOLDER, INSPECTED_TAG
from analysis.runs.store import get_run
from experiments.errors import TrackingError
from experiments.tracking.causes import store_trouble


def record_finding(run_id: str, question: str, finding: Finding) -> None:
    """Record the answer to a question in a run; an earlier answer to the same question is replaced.

    Arguments:
        run_id: the run.
        question: the name of the question, which is that of the file with what was found in words.
        finding: the answer.

    Raises:
        TrackingError: the run cannot be written to.
    """
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{question}.txt").write_text("\n".join(finding.lines) + "\n", encoding="utf-8")
        for table_name, table in finding.tables.items():
            table.to_csv(folder / f"{table_name}.csv", index=False)
        for picture_name, picture in finding.pictures.items():
            (folder / f"{picture_name}.png").write_bytes(picture.png())
        try:
            client.log_artifacts(run_id, str(folder), INSIDE_FOLDER)
            for metric, value in finding.metrics.items():
                client.log_metric(run_id, metric, value)
            # Last, so that a question is marked as asked only where all of its answer is there.
            client.set_tag(run_id, INSPECTED_TAG, ",".join(sorted({*inspected(run_id), question})))
        except Exception as error:  # MLflow raises many kinds
            raise TrackingError(store_trouble(error)) from error


def inspected(run_id: str) -> list[str]:
    """Return the questions whose answers are recorded in a run."""
    return list(filter(None, get_run(run_id).data.tags.get(INSPECTED_TAG, "").split(",")))
