"""A tracking store for each test: a copy of one that was migrated once, in a folder of its own."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import matplotlib
import pytest

import experiments  # noqa: F401  (sets what MLflow reads when it is imported)
from tests.servers import free_port, serving

PROJECT = Path(__file__).resolve().parent.parent

# A run left over in the environment would be written to by every test.
for name in ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
    os.environ.pop(name, None)
matplotlib.use("Agg")


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store with MLflow's tables: making them takes seconds, copying them nothing."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a fresh default store; returns the directory."""
    import mlflow

    copy_store(migrated_store, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    yield tmp_path
    while mlflow.active_run():
        mlflow.end_run()


@contextmanager
def recording_in(migrated: Path, folder: Path) -> Iterator[Path]:
    """Work in a folder with a fresh store, where fixtures of many tests record their runs."""
    import mlflow

    copy_store(migrated, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.set_tracking_uri(None)
        yield folder
    mlflow.set_tracking_uri(None)


@pytest.fixture
def tracking_server(store: Path) -> Iterator[str]:
    with tracking(store) as address, tracked_at(address):
        yield address


@contextmanager
def tracking(store: Path) -> Iterator[str]:
    """Run a tracking server over a store, artifacts included; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(store / "served")]
    # Its job runners are processes of their own, which nothing here asks for anything.
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with serving(command, port, "/health", cwd=store, env=environment) as address:
        yield address


@contextmanager
def tracked_at(address: str) -> Iterator[None]:
    """Let MLflow write to and read from a server."""
    import mlflow

    mlflow.set_tracking_uri(address)
    yield
    mlflow.set_tracking_uri(None)


def copy_store(migrated: Path, folder: Path) -> None:
    """Copy a store to folder/mlflow.db, its artifacts in folder/mlruns."""
    shutil.copy(migrated, folder / "mlflow.db")
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("UPDATE experiments SET artifact_location = ? || experiment_id", (f"{folder}/mlruns/",))
