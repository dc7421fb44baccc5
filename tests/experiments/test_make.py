"""Runs that are not there, made by the command that the reader names, in the store that it reads."""

from pathlib import Path

import mlflow
import pytest

from analysis.runs import RunError, command_for_missing, find_runs
from analysis.runs.address import absolute_store_address, choose_store_folder
from experiments.make import _run, make_runs
from experiments.train import main as train
from rnn_core.config import ConfigError
from tests.conftest import PROJECT


def test_only_fields_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="no field 'sweep'; allowed: parameters, pattern, "):
        make_runs(sweep="latest")
    with pytest.raises(ConfigError, match="hidden_size is 0; allowed"):
        make_runs(hidden_size=0)
    assert not list(tmp_path.iterdir())


def test_nothing_is_started_where_every_combination_is_there(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"pattern": "ab", "hidden_size": 2, "epochs": 1, "seed": 3}
    command = ["python", "-m", "experiments.train", "--pattern", "ab", "--hidden-size", "2", "--epochs", "1"]
    assert command_for_missing(**asked) == [*command, "--seed", "3"]
    assert train([*command[3:], "--seed", "3"]) == 0
    assert command_for_missing(**asked) == []
    two = command_for_missing(**asked | {"seed": [3, 4]})
    assert two[2:9] == ["experiments.sweep", "--patterns", "ab", "--hidden-sizes", "2", "--epochs", "1"]
    assert two[9:11] == ["--seeds", "3-4"]
    capsys.readouterr()
    monkeypatch.setattr("subprocess.Popen", None)
    make_runs(**asked)
    assert capsys.readouterr().out == ""
    with pytest.raises(TypeError):
        make_runs(**asked | {"seed": 4})


def test_what_a_list_cannot_say_is_not_made(store: Path) -> None:
    with pytest.raises(RunError, match="a pattern holds a comma"):
        make_runs(pattern="a,b", seed=range(2))


def test_a_relative_store_is_made_where_it_is_called_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "MLproject").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    mlflow.set_tracking_uri(None)
    assert choose_store_folder() == tmp_path
    assert absolute_store_address() == f"sqlite:///{tmp_path}/notebooks/mlflow.db"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    try:
        assert choose_store_folder() == tmp_path
        assert absolute_store_address() == f"sqlite:///{tmp_path}/mlflow.db"
    finally:
        mlflow.set_tracking_uri(None)


@pytest.mark.slow
def test_missing_runs_are_made_on_request_where_the_project_is_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an empty folder, and as from a notebook's: the store lands beside MLproject."""
    (tmp_path / "MLproject").touch()
    (tmp_path / "analysis").mkdir()
    monkeypatch.chdir(tmp_path / "analysis")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # without workers, which would import everything, too
    asked = {"pattern": ["ab", "abc"], "cell": ["rnn", "mingru"], "parameters": 100, "epochs": 1}
    sizes = {("ab", "rnn"): 8, ("ab", "mingru"): 16, ("abc", "rnn"): 7, ("abc", "mingru"): 14}
    try:
        make_runs(**asked, seed=0)
        runs = find_runs(**asked, seed=0)
        assert {(run.pattern, run.cell): run.hidden_size for run in runs.itertuples()} == sizes
        assert len(runs) == 4
        assert (tmp_path / "mlflow.db").exists()
        assert "$ python -m experiments.sweep --patterns ab" in capsys.readouterr().out
        assert train(["--pattern", "ab", "--hidden-size", "9", "--epochs", "1", "--seed", "1"]) == 0
        command = command_for_missing(**asked, seed=range(2))
        assert command[command.index("--parameters") + 1] == "100"
        make_runs(**asked, seed=range(2))
        more = find_runs(**asked, seed=range(2))
        assert set(runs["run_id"]) < set(more["run_id"])
        assert {(run.pattern, run.cell): run.hidden_size for run in more.itertuples()} == sizes
        assert len(more) == 8
        assert len(find_runs(pattern="ab", cell="rnn")) == 3
        assert command_for_missing(**asked, seed=range(2)) == []
        capsys.readouterr()
        make_runs(**asked, seed=range(2))
        assert find_runs(**asked, seed=range(2)).equals(more)
        assert capsys.readouterr().out == ""
    finally:
        mlflow.set_tracking_uri(None)


def test_a_command_that_fails_says_what_it_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match=r"status 1: .*No module named experiments\.none"):
        _run(["python", "-m", "experiments.none"], "sqlite:///none.db", tmp_path)
    assert "No module named" in capsys.readouterr().out
