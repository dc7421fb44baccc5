"""A tracking store for each test: a copy of one that was migrated once. How many examples a property is tried on."""

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import matplotlib
import pytest
from hypothesis import is_hypothesis_test, settings
from sqlalchemy import Engine, event

import experiments  # noqa: F401  (sets what MLflow reads when it is imported)
from tests.servers import free_port, serving

PROJECT = Path(__file__).resolve().parent.parent

# A run left over in the environment would be written to by every test.
for name in ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
    os.environ.pop(name, None)
matplotlib.use("Agg")
# Torch's threads, where a test says no number, and NumPy's: tests run beside each other, and threads that wait for one
# another keep the cores busy. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("quick", max_examples=20, deadline=None, database=None)
settings.register_profile("long", max_examples=500, deadline=None, database=None)


@event.listens_for(Engine, "connect")
def _write_without_waiting(connection: object, _record: object) -> None:
    """Let SQLite not wait for the disk: a test's store need not outlive a power cut, and the waits add up."""
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.DatabaseError):  # the file of a test may be no database
            connection.execute("PRAGMA synchronous = OFF")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.option.markexpr == "long" else "quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `pytest -m long` run each property test, too, on many more examples than the quick tests do."""
    if config.option.markexpr == "long":
        for item in items:
            if is_hypothesis_test(getattr(item, "function", None)):
                item.add_marker("long")


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


def readers_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a reader who types what a document shows into a fresh terminal.

    It has a home, a language and this environment's commands, and no variable of MLflow's or of Python's. How the
    machine reaches the network and where it keeps bytecode says nothing about the project, and stays.

    Args:
        variables: what the document tells the reader to set.
    """
    of_a_terminal = {"HOME", "LANG", "TERM", "TMPDIR", "PYENV_ROOT", "PYTHONPYCACHEPREFIX"}
    of_the_network = re.compile(r"PIP_|SSL_CERT_|.*_CA_BUNDLE$|.*_proxy$", re.IGNORECASE)
    kept = {name: os.environ[name] for name in os.environ if name in of_a_terminal or of_the_network.match(name)}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | variables


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
def tracking(store: Path, database: str | None = None) -> Iterator[str]:
    """Run a tracking server over a store, artifacts included; yields its address.

    Args:
        store: the folder of its artifacts and, unless there is a database, of its mlflow.db.
        database: the address of a database.
    """
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database or f"sqlite:///{store / 'mlflow.db'}"]
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
