"""MLflow, read: the tracking store, the runs in it, and their files. Nothing that lies there is executed."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

with warnings.catch_warnings():
    # MLflow's bars, which are not shown here, want to be widgets where they are imported in a notebook.
    warnings.filterwarnings("ignore", "IProgress not found")
    import tqdm.auto  # noqa: F401

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis.runs.schema import MODEL_NAME

READERS = 16
"""Files that are fetched from a server at a time: each waits longer than it works."""

DEFAULT_STORE = "mlflow.db"

_GONE = ("404", "No such", "does not exist", "RESOURCE_DOES_NOT_EXIST")
"""By which an answer says that there is no such file, not that the server is in trouble."""

Read = TypeVar("Read")


class RunError(LookupError):
    """A run cannot be read as asked; the message says which, and why."""


class NoStoreError(RunError):
    """There is no tracking store where MLflow is pointed at."""


def open_store() -> MlflowClient:
    """Return a client of the store that MLflow is pointed at; MLflow by itself would make a missing one.

    Where neither MLFLOW_TRACKING_URI nor the program says which, it is the nearest mlflow.db in this folder or above
    it, so that a notebook finds the store of the folder that its project was run in.

    Raises:
        NoStoreError: there is none.
        RunError: it cannot be read.
    """
    if not mlflow.is_tracking_uri_set() and not Path(DEFAULT_STORE).exists():
        home = next((folder for folder in Path.cwd().parents if (folder / DEFAULT_STORE).exists()), None)
        if home is not None:
            mlflow.set_tracking_uri(f"sqlite:///{home / DEFAULT_STORE}")
    store = address()
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).exists():
        raise NoStoreError(
            f"there is no store {store}; go to the folder that holds mlflow.db, or set MLFLOW_TRACKING_URI"
        )
    try:
        return MlflowClient()
    except Exception as error:  # MLflow's or a database's
        raise RunError(f"the store {store} cannot be read: {error!r:.300}") from None


def address() -> str:
    """Return the address of the store that MLflow is pointed at."""
    store: str = mlflow.get_tracking_uri()
    return store


def absolute_address() -> str:
    """Return the address of the store that MLflow is pointed at, as it is called from any folder."""
    store = address()
    path = store.removeprefix("sqlite:///")
    return store if path == store else f"sqlite:///{Path(path).resolve()}"


def new_store() -> Path:
    """Return the folder that a new store belongs in, and point MLflow there unless it was told where its store is.

    It is the nearest folder, this or above it, that holds an MLproject; this one if none does.
    """
    home = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "MLproject").exists()), Path.cwd())
    if not mlflow.is_tracking_uri_set():
        mlflow.set_tracking_uri(f"sqlite:///{home / DEFAULT_STORE}")
    return home


def use_store(store: str) -> None:
    """Point MLflow at the store with that address."""
    mlflow.set_tracking_uri(store)


def experiment_in_use() -> str | None:
    """Return the id of the experiment in which MLflow would record a run; None if the one named does not exist."""
    if name := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        experiment = MlflowClient().get_experiment_by_name(name)
        return None if experiment is None else str(experiment.experiment_id)
    return os.environ.get("MLFLOW_EXPERIMENT_ID") or "0"


def answer_once() -> None:
    """Ask the store one small question and wait for the answer, such as to time it."""
    MlflowClient().search_experiments(max_results=1)


def get_run(run_id: str) -> Run:
    """Return a run, also one that has been deleted but not yet for good.

    Raises:
        RunError: no such run.
    """
    try:
        return open_store().get_run(run_id)
    except MlflowException as error:
        raise RunError(f"no run {run_id} in {address()}: {error.message}") from None


def model_of(run: Run) -> str | None:
    """Return the address of the model that a run logged: not of a folder of that name, which anyone may put there."""
    client, models = open_store(), run.outputs.model_outputs if run.outputs else []
    logged = [client.get_logged_model(output.model_id) for output in models]
    ours: list[str] = [model.artifact_location for model in logged if model.name == MODEL_NAME]
    return ours[-1] if ours else None


def models_made_by(run: Run) -> list[LoggedModel]:
    """Return the models that a run has begun to log, finished or not."""
    where = f"source_run_id = '{run.info.run_id}'"
    return list(open_store().search_logged_models([run.info.experiment_id], where))


def size_of_files(run: Run) -> int:
    """Return how many bytes the files of a run and of the models that it made have."""

    def below(folder: str | None) -> int:
        listed = files.list_artifacts(folder)
        return sum(below(entry.path) if entry.is_dir else entry.file_size or 0 for entry in listed)

    size = 0
    for home in (run.info.artifact_uri, *(model.artifact_location for model in models_made_by(run))):
        files = get_artifact_repository(home)
        size += below(None)
    return size


def search_runs(condition: str = "", experiments: list[str] | None = None) -> Iterator[Run]:
    """Yield the runs that a condition of MLflow's search finds, the newest first.

    Arguments:
        condition: as MLflow's `filter_string`.
        experiments: ids of those to look in; None for all that are not deleted.

    Raises:
        RunError: there is no store, or it cannot be read.
    """
    client, token = open_store(), None
    while True:
        try:
            if experiments is None:
                experiments = [experiment.experiment_id for experiment in client.search_experiments()]
            page = client.search_runs(experiments, condition, order_by=["attributes.start_time DESC"], page_token=token)
        except Exception as error:  # MLflow's, a database's, or the network's
            raise RunError(f"the store {address()} cannot be read: {error!r:.300}") from None
        yield from page
        token = page.token
        if not token:
            return


def read_files(addresses: Sequence[str], read: Callable[[Path], Read], or_none: bool = False) -> Iterator[Any]:
    """Yield what a function makes of each of many artifacts, in their order; those on a server are fetched in parallel.

    Arguments:
        addresses: URIs of files.
        read: what to make of a file, which is gone afterwards if it had to be fetched.
        or_none: yield None for a file that is not there.

    Raises:
        RunError: a file is not there, and `or_none` does not say that it may be so.
    """
    with tempfile.TemporaryDirectory() as folder, _no_bars():

        def fetch(artifact: str) -> Read | None:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                try:
                    path = Path(mlflow.artifacts.download_artifacts(artifact, dst_path=place))
                except (MlflowException, OSError) as error:
                    if or_none and not any(sign in str(error) for sign in _GONE):
                        raise RunError(f"{artifact} cannot be read: {error}") from None
                    return missing(artifact, error)
                return read(path)

        def open_here(artifact: str) -> Read | None:
            path = Path(unquote(urlparse(artifact).path) if artifact.startswith("file:") else artifact)
            return read(path) if path.is_file() else missing(artifact, "no such file")

        def missing(artifact: str, why: object) -> Read | None:
            if or_none:
                return None
            raise RunError(f"{artifact} cannot be read, so its run is none of this project's: {why}")

        if all(urlparse(artifact).scheme in ("", "file") for artifact in addresses):
            yield from map(open_here, addresses)
        else:
            with ThreadPoolExecutor(READERS) as pool:
                yield from pool.map(fetch, addresses)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Fetch without MLflow's progress bars, which are longer than what they count."""
    name = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
