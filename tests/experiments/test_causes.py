"""A store that cannot be used is named with its cause, and what could not be recorded is kept where there is room."""

import sqlite3
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from safetensors.numpy import load_file

from experiments.tracking.causes import store_trouble
from experiments.tracking.run_files import keep_files
from rnn_core.checkpoint import named_weights
from rnn_core.config import TrainConfig
from rnn_core.data import prepare


@pytest.mark.parametrize(
    ("error", "words", "cure"),
    [
        (sqlite3.OperationalError("database or disk is full"), "the disk is full", "make room on it"),
        (OSError(28, "No space left on device"), "the disk is full", "make room on it"),
        (OSError(122, "Disk quota exceeded"), "the disk is full", "make room on it"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "it may not be written", "writable"),
        (OSError(30, "Read-only file system"), "it may not be written", "writable"),
        (PermissionError(13, "Permission denied"), "it may not be written", "writable"),
        (OSError("Detected out-of-date database schema (found 1, but expected 2)"), "another version", "db upgrade"),
        (ConnectionRefusedError(111, "Connection refused"), "nobody answers there", "change MLFLOW_TRACKING_URI"),
        (ValueError("a fault"), "ValueError: a fault", "change MLFLOW_TRACKING_URI"),
    ],
)
def test_a_store_that_cannot_be_used_is_named_with_its_cause(error: Exception, words: str, cure: str) -> None:
    outer = MlflowException("raised as a result of Query-invoked autoflush")
    outer.__cause__ = error
    for each in (error, outer) if "ValueError" not in words else (error,):
        said = store_trouble(each)
        assert words in said
        assert cure in said
        assert "autoflush" not in said


def test_files_are_kept_in_the_first_folder_where_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = prepare(TrainConfig(epochs=1))
    weights = named_weights(prepared.build_net())
    full = Path("/dev/full")  # what is no folder takes no file
    monkeypatch.setattr("experiments.tracking.run_files.gettempdir", lambda: str(full))
    monkeypatch.chdir(tmp_path)
    said = keep_files(prepared.record, [], weights)
    (folder,) = tmp_path.iterdir()
    assert said == f"the run's files are kept in {folder}"
    assert load_file(folder / "model.safetensors").keys() == weights.keys()
    monkeypatch.setattr("experiments.tracking.run_files.Path.cwd", lambda: full)
    monkeypatch.setattr("experiments.tracking.run_files.Path.home", lambda: full)
    assert keep_files(prepared.record, [], weights) == "there is room nowhere to keep the run's files"
