"""The address of the tracking store that MLflow uses, and the folders that belong to it."""

from pathlib import Path

import mlflow

from analysis.credentials import redacted

DEFAULT_STORE = "mlflow.db"
"""The file of the store that MLflow uses in the present folder if it was given no other."""


def store_address() -> str:
    """Return the tracking URI that MLflow uses."""
    address: str = mlflow.get_tracking_uri()
    return address


def store_name() -> str:
    """Return the tracking URI that MLflow uses, for people to read: without its password and tokens."""
    return redacted(store_address())


def database_path() -> Path | None:
    """Return the file of the SQLite database that MLflow uses; None if its store is something else."""
    address = store_address()
    if not address.startswith("sqlite"):
        return None
    from sqlalchemy import make_url  # with an SQLite store, MLflow imports it, too

    name = make_url(address).database
    return None if name in (None, "", ":memory:") else Path(name)


def spell_out_default_store() -> None:
    """Let MLflow use its default store by an address without codes such as %20, if it would use one with them.

    MLflow would make an empty folder of that name beside the present one, and fail where it may not.
    """
    if not mlflow.is_tracking_uri_set() and "%" in store_address():
        mlflow.set_tracking_uri(database_address(Path.cwd() / DEFAULT_STORE))


def database_address(path: Path) -> str:
    """Return the tracking URI of an SQLite database."""
    return "sqlite:///" + str(path).replace("%", "%25").replace("?", "%3F")


def absolute_store_address() -> str:
    """Return the tracking URI that MLflow uses, in a form that names the same store in every folder."""
    path, (_, question_mark, query) = database_path(), store_address().partition("?")
    return store_address() if path is None else f"{database_address(path.resolve())}{question_mark}{query}"


def project_folder() -> Path:
    """Return the nearest folder that holds an MLproject, the present one or one above it; otherwise the present one."""
    folders = (Path.cwd(), *Path.cwd().parents)
    return next((folder for folder in folders if (folder / "MLproject").exists()), Path.cwd())


def store_folder() -> Path:
    """Return the folder of the store's database; of a server's store, that of the project on this machine."""
    path = database_path()
    return project_folder() if path is None else path.resolve().parent


def choose_store_folder() -> Path:
    """Return the folder for a new store, and let MLflow use a store there unless it was given another."""
    folder = project_folder()
    if not mlflow.is_tracking_uri_set():
        mlflow.set_tracking_uri(database_address(folder / DEFAULT_STORE))
    return folder


def use_store(address: str) -> None:
    """Let MLflow use the store with this tracking URI."""
    mlflow.set_tracking_uri(address)
