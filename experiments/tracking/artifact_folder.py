"""Gives a folder for files that become artifacts: the folder of the artifacts itself, where this machine has it."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository


@contextlib.contextmanager
def artifact_folder(address: str) -> Iterator[Path]:
    """Yield a folder; the files that are written into it are artifacts when the block ends.

    On this machine it is the folder of the artifacts itself, because to copy each file would take longer than to write
    it; files that are there already stay. Otherwise it is an empty one, whose files are sent.

    Arguments:
        address: MLflow's address of the artifacts of a run or of a model.
    """
    repository = get_artifact_repository(address)
    if isinstance(repository, LocalArtifactRepository):
        home = Path(repository.artifact_dir)
        home.mkdir(parents=True, exist_ok=True)
        yield home
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        repository.log_artifacts(folder)
