"""The run that `mlflow run` has opened for this process before it started it."""

import os


def opened_run_id() -> str:
    """Return the id of that run; empty if this process was started in another way."""
    return os.environ.get("MLFLOW_RUN_ID", "")
