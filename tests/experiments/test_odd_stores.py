"""Stores in odd folders, made by several programs at once, moved, emptied; and variables that name nothing."""

import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from analysis.runs import RunError, find_runs, load_run
from analysis.runs.address import absolute_store_address, database_path, store_folder
from analysis.runs.store import open_store
from experiments.delete import main as delete
from experiments.sweep import main as sweep
from experiments.train import main
from tests.conftest import copy_store
from tests.forks import Command

ODD_NAMES = ["a folder", "jürgen", "nr#1", "what?", "100%", "漢字", "it's", 'a "b"', "a&b;c", "x" * 200]


def enter(folder: Path, migrated_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a fresh default store, and no address set."""
    folder.mkdir()
    copy_store(migrated_store, folder)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri(None)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_store_in_a_folder_with_an_odd_name(
    name: str, migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    enter(folder, migrated_store, monkeypatch)
    assert database_path() == folder / "mlflow.db"
    assert store_folder() == folder
    mlflow.set_tracking_uri(absolute_store_address())
    assert database_path() == folder / "mlflow.db"
    mlflow.set_tracking_uri(None)
    open_store()
    if not {"?", "%"} & set(name):  # in an address, only their codes can stand for these
        assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_training_reading_and_deleting_in_such_a_folder(
    migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "jürgen's #1 folder"
    enter(folder, migrated_store, monkeypatch)
    assert main(["--epochs", "2"]) == 0
    assert "mlflow ui   then http" in capsys.readouterr().out
    assert sweep(["--epochs", "2", "--seeds", "2", "--workers", "1"]) == 0
    assert len(find_runs()) == 3
    assert load_run("latest").net.inputs
    assert delete(["latest", "--yes"]) == 0
    assert {entry.name for entry in folder.iterdir()} == {"mlflow.db", "mlruns"}
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("sqlite:///runs/x.db", "runs/x.db"),
        ("sqlite:////data/x.db", "/data/x.db"),
        ("sqlite:///mlflow.db?timeout=60", "mlflow.db"),
        ("sqlite:////a%20b/x.db", "/a b/x.db"),
        ("sqlite+pysqlite:///x.db", "x.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("http://127.0.0.1:5000", None),
        ("postgresql+psycopg://u@h/x", None),
        ("./mlruns", None),
    ],
)
def test_the_path_of_an_address_is_what_sqlalchemy_says(address: str, path: str | None) -> None:
    mlflow.set_tracking_uri(address)
    try:
        assert database_path() == (None if path is None else Path(path))
    finally:
        mlflow.set_tracking_uri(None)


def test_an_address_with_a_query_names_its_file_alone(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db?timeout=60")
    assert main(["--epochs", "1"]) == 0
    assert {entry.name for entry in store.iterdir()} == {"mlflow.db", "mlruns"}
    assert absolute_store_address() == f"sqlite:///{store}/mlflow.db?timeout=60"


def test_a_home_folder_is_refused_with_the_right_address(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///~/runs/x.db")
    assert main(["--epochs", "1"]) == 2
    assert f"use: sqlite:///{Path.home()}/runs/x.db" in capsys.readouterr().err
    assert not (store / "~").exists()


def test_a_half_made_store_is_named_with_the_way_out(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "mlflow.db").unlink()
    with closing(sqlite3.connect(store / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    assert main(["--epochs", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "is half-made" in error
    assert f"delete it, since nothing is recorded in it: {store / 'mlflow.db'}" in error
    (store / "mlflow.db").unlink()
    (store / "mlflow.db").touch()  # what a connection leaves that writes nothing
    assert main(["--epochs", "1"]) == 0
    assert {entry.name for entry in store.iterdir()} == {"mlflow.db", "mlruns"}


def test_the_database_of_another_program_is_left_alone(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "mlflow.db").unlink()
    with closing(sqlite3.connect(store / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE customers (name TEXT)")
    before = (store / "mlflow.db").read_bytes()
    assert main(["--epochs", "1"]) == 2
    error = capsys.readouterr().err
    assert "is the database of another program" in error
    assert "delete" not in error
    assert (store / "mlflow.db").read_bytes() == before


@pytest.mark.slow
def test_four_programs_at_once_make_a_store(store: Path) -> None:
    (store / "mlflow.db").unlink()
    commands = [Command("experiments.train", "--epochs", "1", said=store / f"{number}.txt") for number in range(4)]
    assert [command.wait(120) for command in commands] == [0] * 4, commands[0].said
    assert {run.info.status for run in MlflowClient().search_runs(["0"])} == {"FINISHED"}
    assert len(MlflowClient().search_runs(["0"])) == 4


@pytest.mark.long
def test_a_program_that_is_killed_while_it_makes_a_store_stops_no_other(store: Path) -> None:
    (store / "mlflow.db").unlink()
    made = []
    for seed in range(16):
        command = Command("experiments.train", "--epochs", "1", said=store / "out.txt")
        command.wait_for("begun")
        time.sleep(random.Random(seed).uniform(0, 2.5))
        command.kill()
        made.append((store / "mlflow.db").exists())
        if made[-1]:
            (store / "mlflow.db").unlink()
    assert any(made)
    assert not all(made)
    assert main(["--epochs", "1"]) == 0
    assert not list(store.glob("mlflow.db.*"))


def test_a_store_that_was_moved_or_copied_is_named(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, other = store / "home", store / "other"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    enter(home, store / "mlflow.db", monkeypatch)
    assert main(["--epochs", "1"]) == 0
    shutil.copytree(home, other)
    monkeypatch.chdir(other)
    for moved in (False, True):
        if moved:
            shutil.rmtree(home)
        assert main(["--epochs", "1"]) == 2
        assert f"was moved or copied: its files would go to {home}/mlruns/0" in capsys.readouterr().err
        assert sweep(["--epochs", "1", "--seeds", "1"]) == 2
    with pytest.raises(RunError, match="is gone, with the files of the run: deleted, or the store was moved"):
        load_run("latest")
    assert not home.exists()
    home.symlink_to(other)
    assert main(["--epochs", "1"]) == 0
    assert len(find_runs()) == 1


def test_files_that_were_put_elsewhere_on_purpose_are_no_moved_store(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second database beside the first, used from another folder."""
    (store / "mlruns" / "0").mkdir(parents=True)
    work = store / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/second.db")
    for _ in range(2):
        assert main(["--epochs", "1"]) == 0
    assert len(list((work / "mlruns" / "0").iterdir())) == 3  # two runs, and the folder of the models


def test_only_what_still_has_its_files_is_reused(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = ["--epochs", "2", "--seeds", "3"]
    assert sweep(grid) == 0
    gone, *_ = find_runs(seed=0)["artifact_uri"]
    shutil.rmtree(gone)
    capsys.readouterr()
    assert sweep(grid) == 0
    assert "3 runs, 2 of them recorded before" in capsys.readouterr().out
    shutil.rmtree(store / "mlruns")
    assert sweep(grid) == 0
    assert "3 runs, 0 of them recorded before" in capsys.readouterr().out
    assert sweep(grid) == 0
    assert "3 runs, 3 of them recorded before" in capsys.readouterr().out


@pytest.fixture
def experiments(store: Path) -> dict[str, str]:
    """The ids of an experiment that is deleted and of another one."""
    client = MlflowClient()
    ids = {name: client.create_experiment(name) for name in ("gone", "there")}
    client.delete_experiment(ids["gone"])
    return ids


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MLFLOW_RUN_ID": "0" * 32}, ["MLFLOW_RUN_ID is 000", "has no such run", "unset MLFLOW_RUN_ID"]),
        ({"MLFLOW_RUN_ID": "latest"}, ["MLFLOW_RUN_ID is latest", "has no such run"]),
        ({"MLFLOW_EXPERIMENT_ID": "999"}, ["MLFLOW_EXPERIMENT_ID is '999'", "has no such experiment"]),
        ({"MLFLOW_EXPERIMENT_ID": "abc"}, ["MLFLOW_EXPERIMENT_ID is 'abc'", "has no such experiment"]),
        ({"MLFLOW_EXPERIMENT_ID": "GONE"}, ["MLFLOW_EXPERIMENT_ID is", "is deleted", "mlflow experiments restore -x "]),
        ({"MLFLOW_EXPERIMENT_NAME": "gone"}, ["MLFLOW_EXPERIMENT_NAME is 'gone'", "is deleted"]),
        ({"MLFLOW_EXPERIMENT_NAME": " "}, ["MLFLOW_EXPERIMENT_NAME is ' '"]),
        ({"MLFLOW_EXPERIMENT_NAME": "there", "MLFLOW_EXPERIMENT_ID": "0"}, ["MLFLOW_EXPERIMENT_ID is 0", "unset one"]),
    ],
)
@pytest.mark.parametrize("command", [main, sweep])
def test_the_variable_at_fault_is_named(
    command: object,
    variables: dict[str, str],
    words: list[str],
    experiments: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, experiments["gone"] if value == "GONE" else value)
    assert command(["--epochs", "1"]) == 2  # type: ignore[operator]
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert all(word in error for word in words), error
    assert "MLFLOW_TRACKING_URI" not in error
    assert not MlflowClient().search_runs(["0", *experiments.values()])


def test_a_default_experiment_that_is_deleted_and_a_run_that_is_open(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mlflow.start_run() as run:
        assert main(["--epochs", "1"]) == 2
        assert f"the run {run.info.run_id} is open in this process" in capsys.readouterr().err
    MlflowClient().delete_experiment("0")
    assert main(["--epochs", "1"]) == 2
    assert "MLFLOW_EXPERIMENT_NAME is not set" in capsys.readouterr().err


def test_an_empty_variable_counts_as_unset(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.setenv(name, "")
    assert main(["--epochs", "1", "--config", "nowhere"]) == 2
    assert "mlflow run" not in capsys.readouterr().err
    assert main(["--epochs", "1", "--pattern", "reber", "--length", "300"]) == 0
    (run,) = MlflowClient().search_runs(["0"])
    assert run.data.tags["recipe"]
