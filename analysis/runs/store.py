"""Reading from MLflow: the tracking store, its runs, and their files. Nothing from the store is executed."""

import functools
import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, LoggedModel, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis.credentials import redacted
from analysis.runs.address import (
    DEFAULT_STORE,
    database_address,
    database_path,
    spell_out_default_store,
    store_address,
    store_name,
)
from analysis.runs.schema import MODEL_NAME

MAX_PARALLEL_DOWNLOADS = 16
"""The number of files that are fetched from a server at the same time."""

DISK_BLOCK = 4096
"""On most disks a file takes a multiple of so many bytes."""

CONNECT_SECONDS = 10
"""How long a database is waited for."""

_NOT_FOUND = ("404", "No such", "does not exist", "RESOURCE_DOES_NOT_EXIST")
"""Parts of the error messages that mean that a file does not exist, as opposed to a server that fails."""

Content = TypeVar("Content")


class RunError(LookupError):
    """A run cannot be read; the message says which, and why. No address in it shows a password or a token."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class NoRunError(RunError):
    """There is no run with an id."""


class NoStoreError(RunError):
    """There is no tracking store at the address that MLflow uses."""


class NoDriverError(RunError):
    """The store is a PostgreSQL database, and no driver for its address is installed."""


def open_store() -> MlflowClient:
    """Return a client of the tracking store that MLflow uses, and make no store if there is none, as MLflow would.

    If neither MLFLOW_TRACKING_URI nor the program names a store, it is the nearest mlflow.db in the present folder or
    in one above it. So a notebook in a subfolder finds the store of its project.

    Raises:
        NoStoreError: there is no store.
        NoDriverError: no driver for the store's database is installed.
        RunError: the store cannot be read.
    """
    if not mlflow.is_tracking_uri_set() and not Path(DEFAULT_STORE).exists():
        folder = next((folder for folder in Path.cwd().parents if (folder / DEFAULT_STORE).exists()), None)
        if folder is not None:
            mlflow.set_tracking_uri(database_address(folder / DEFAULT_STORE))
    spell_out_default_store()
    store = store_address()
    if (path := database_path()) is not None and not path.exists():
        raise NoStoreError(
            f"there is no store {store}; go to the folder that holds mlflow.db, or set MLFLOW_TRACKING_URI; "
            "the first training makes one"
        )
    try:
        check_database(store)
        return MlflowClient()
    except NoDriverError:
        raise
    except Exception as error:  # from MLflow or a database
        raise unreadable(error) from None


def is_postgres(address: str) -> bool:
    """Return whether a tracking URI is that of a PostgreSQL database."""
    return address.startswith("postgres")


@functools.cache  # a database that was there is not asked again before every reading
def check_database(address: str) -> None:
    """Raise an error at once if the database with a tracking URI cannot be reached, which MLflow would try for minutes.

    Files and servers are not looked at.

    Raises:
        NoDriverError: no driver for the address is installed.
        Exception: from SQLAlchemy or the driver; the database cannot be reached.
    """
    if not is_postgres(address):
        return
    from sqlalchemy import create_engine  # MLflow needs it for databases alone, and it takes a quarter of a second
    from sqlalchemy.exc import NoSuchModuleError

    try:
        engine = create_engine(address, connect_args={"connect_timeout": CONNECT_SECONDS})
    except (ModuleNotFoundError, NoSuchModuleError):
        right = re.sub(r"^[^:]*", "postgresql+psycopg", address)
        raise NoDriverError(
            f"the store {redacted(address)} has no driver here; allowed: {redacted(right)}, after "
            '`pip install -e ".[postgres]"`; change MLFLOW_TRACKING_URI'
        ) from None
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def unreadable(error: Exception) -> RunError:
    """Return the error which says that the store cannot be read, and why.

    Arguments:
        error: from MLflow, a database or the network.
    """
    return RunError(f"the store {store_name()} cannot be read: {redacted(repr(error)):.300}")


def ping_store() -> None:
    """Send the store a small request and wait for the answer, so that the time for one can be measured."""
    MlflowClient().search_experiments(max_results=1)


def get_run(run_id: str) -> Run:
    """Return a run by its id, even if it is marked as deleted.

    Raises:
        NoRunError: there is no such run.
        RunError: the store cannot be read.
    """
    client = open_store()
    try:
        return client.get_run(run_id)
    except Exception as error:  # from MLflow, a database or the network
        if getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise NoRunError(f"no run {run_id} in {store_name()}: {error}") from None
        raise unreadable(error) from None


def find_run(run_id: str) -> Run | None:
    """Return a run by its id; None if it is not in the store, or if there is no store.

    Raises:
        RunError: the store cannot be read.
    """
    try:
        return get_run(run_id)
    except (NoRunError, NoStoreError):
        return None


def model_address(run: Run) -> str | None:
    """Return the URI of the net's files, from the model that the run logged; None if it logged none.

    A folder among the run's artifacts does not count, even if it has the right name: anyone could have put it there.
    """
    logged = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
    if not logged:
        return None
    # A run that was cut off and went on has replaced its model; the earlier one is deleted.
    models = [model for model in models_of_run(run) if model.model_id in logged and model.name == MODEL_NAME]
    newest = max(models, key=lambda model: model.creation_timestamp, default=None)
    return newest.artifact_location if newest else None


def models_of_run(run: Run) -> list[LoggedModel]:
    """Return the models that a run logged or began to log."""
    condition = f"source_run_id = '{run.info.run_id}'"
    return list(open_store().search_logged_models([run.info.experiment_id], condition))


def is_deleted(run: Run) -> bool:
    """Return whether a run is marked as deleted."""
    deleted: bool = run.info.lifecycle_stage == LifecycleStage.DELETED
    return deleted


def metric_history(run: Run) -> list[Metric]:
    """Return every value of every metric of a run."""
    client = open_store()
    return [metric for name in run.data.metrics for metric in client.get_metric_history(run.info.run_id, name)]


def artifact_paths(run: Run, folder: str | None = None) -> list[str]:
    """Return the paths of a run's artifacts in a folder; None for the folder of all."""
    return [entry.path for entry in open_store().list_artifacts(run.info.run_id, folder)]


def on_disk(size: int) -> int:
    """Return the bytes that a file of a size in bytes takes on a disk."""
    return -(-size // DISK_BLOCK) * DISK_BLOCK


def artifact_bytes(run: Run) -> int:
    """Return the bytes that the files of a run and of its models take on a disk with blocks of DISK_BLOCK bytes."""

    def folder_bytes(repository: ArtifactRepository, folder: str | None) -> int:
        entries = repository.list_artifacts(folder)
        return sum(
            folder_bytes(repository, entry.path) if entry.is_dir else on_disk(entry.file_size or 0) for entry in entries
        )

    addresses = [run.info.artifact_uri, *(model.artifact_location for model in models_of_run(run))]
    return sum(folder_bytes(get_artifact_repository(address), None) for address in addresses)


def search_runs(condition: str = "", experiments: list[str] | None = None) -> Iterator[Run]:
    """Yield the runs that meet a condition, the newest first.

    Arguments:
        condition: a condition of MLflow's search (its `filter_string`); empty for all runs.
        experiments: the ids of the experiments to search; None for all that are not deleted.

    Raises:
        RunError: there is no store, or it cannot be read.
    """
    client, token = open_store(), None
    while True:
        try:
            if experiments is None:
                experiments = [experiment.experiment_id for experiment in client.search_experiments()]
            page = client.search_runs(experiments, condition, order_by=["attributes.start_time DESC"], page_token=token)
        except Exception as error:  # from MLflow, a database or the network
            raise unreadable(error) from None
        yield from page
        token = page.token
        if not token:
            return


def read_files(
    addresses: Sequence[str], read: Callable[[Path], Content], missing_ok: bool = False
) -> Generator[Any, None, None]:
    """Read artifacts with a function, and yield its results in the order of the addresses.

    Files on a server are fetched in parallel.

    Arguments:
        addresses: the URIs of the files.
        read: the function. A file that was fetched is deleted after its call.
        missing_ok: whether to yield None for a file that does not exist.

    Raises:
        RunError: a file cannot be read; with `missing_ok`, only if it may exist nevertheless.
    """
    with tempfile.TemporaryDirectory() as folder, _without_progress_bars():

        def fetch(address: str) -> Content | None:
            with tempfile.TemporaryDirectory(dir=folder) as subfolder:
                try:
                    path = Path(mlflow.artifacts.download_artifacts(address, dst_path=subfolder))
                except (MlflowException, OSError) as error:
                    if missing_ok and not any(text in str(error) for text in _NOT_FOUND):
                        raise RunError(f"{address} cannot be read: {error}") from None
                    return missing(address, error)
                return read(path)

        def open_local(address: str) -> Content | None:
            path = local_path(address)
            assert path is not None
            if not missing_ok and not path.parent.exists():
                raise RunError(f"{path.parent} is gone, with the files of the run: deleted, or the store was moved")
            return read(path) if path.is_file() else missing(address, "no such file")

        def missing(address: str, why: object) -> Content | None:
            if missing_ok:
                return None
            raise RunError(f"{address} cannot be read, so this project did not record the run: {why}")

        if all(local_path(address) is not None for address in addresses):
            yield from map(open_local, addresses)
        else:
            with ThreadPoolExecutor(MAX_PARALLEL_DOWNLOADS) as pool:
                yield from pool.map(fetch, addresses)


def local_path(address: str) -> Path | None:
    """Return the path on this machine that the URI of an artifact names; None if it names something else."""
    if address.startswith("file:"):
        return Path(unquote(urlparse(address).path))
    return None if urlparse(address).scheme else Path(address)


def has_files(run: Run) -> bool:
    """Return whether the folder of a run's files is there; True if it is not on this machine."""
    path = local_path(run.info.artifact_uri)
    return path is None or path.is_dir()


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Turn MLflow's progress bars off: there would be one for each small file."""
    variable = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    value_before = os.environ.get(variable)
    os.environ[variable] = "false"
    try:
        yield
    finally:
        if value_before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = value_before
