"""Records with which code a run or a sweep is made: its commit, and the changes since."""

import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import schema
from analysis.runs.store import artifact_paths, read_files
from experiments.code_state import CodeState

MAX_TAG = 5000
"""The longest tag here, in characters: MLflow cuts a tag off at 8000."""


def code_tags(state: CodeState, sweep_id: str | None = None) -> dict[str, str]:
    """Return the tags that say with which code a run or a sweep is made.

    Arguments:
        state: the state of the code.
        sweep_id: the run id of the sweep that keeps the changes of the code; None if the run keeps them itself.
    """
    tags = {schema.COMMIT_TAG: state.commit, schema.DIRTY_TAG: state.dirty}
    if state.diff and sweep_id:
        tags[schema.DIFF_TAG] = f"{schema.DIFF_FILE} of {sweep_id}"
    elif state.left_out:
        tags[schema.DIFF_TAG] = f"{schema.DIFF_FILE} without {', '.join(state.left_out)}"[:MAX_TAG]
    return tags


def log_diff(run_id: str, diff: bytes, name: str = schema.DIFF_FILE) -> None:
    """Record the changes of the code, if there are any, as the artifact `name` of a run; they need not be UTF-8."""
    if diff:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(diff)
            MlflowClient().log_artifact(run_id, str(path))


def copy_diff(sweep: Run, run: Run) -> None:
    """Copy the changes of the code from a sweep to a run that only refers to them there.

    Arguments:
        sweep: the sweep, which is about to be deleted.
        run: one of its runs, which is kept.
    """
    relies = run.data.tags.get(schema.DIFF_TAG) == f"{schema.DIFF_FILE} of {sweep.info.run_id}"
    if relies and schema.DIFF_FILE in artifact_paths(sweep):
        (diff,) = read_files([f"{sweep.info.artifact_uri}/{schema.DIFF_FILE}"], Path.read_bytes)
        log_diff(run.info.run_id, diff)
        MlflowClient().delete_tag(run.info.run_id, schema.DIFF_TAG)
