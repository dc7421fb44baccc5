"""README's first command in a fresh clone, and the environment that MLflow builds from conda.yaml."""

import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.conftest import PROJECT, readers_environment


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of what is committed, with no store and no environment of its own."""
    folder = tmp_path / "rnn-patterns"
    subprocess.run(["git", "clone", "-q", str(PROJECT), str(folder)], check=True)
    return folder


def run_in(clone: Path, *command: str, **variables: str) -> Run:
    """Run a command as a newcomer would, and return the one run that it recorded in the default store."""
    subprocess.run(command, cwd=clone, env=readers_environment(**variables), check=True)
    (run,) = MlflowClient(tracking_uri=f"sqlite:///{clone / 'mlflow.db'}").search_runs(["0"])
    return run


@pytest.mark.long
def test_mlflow_builds_the_environment_from_conda_yaml(clone: Path, tmp_path: Path) -> None:
    run = run_in(
        clone,
        *["mlflow", "run", ".", "--env-manager", "virtualenv", "-P", "epochs=3", "-P", "cell=gru"],
        MLFLOW_ENV_ROOT=str(tmp_path / "environments"),
        PIP_NO_COMPILE="0",  # pip takes a yes for what the flag forbids
    )
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "abc gru16 e3 s42"
    (python,) = (tmp_path / "environments").glob("*/bin/python")
    command, environment = [python, "-m", "pip", "freeze"], readers_environment()
    listed = subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "rnn-patterns" not in listed.stdout
    assert "torch==2.13.0" in listed.stdout


@pytest.mark.slow
def test_readmes_first_command_works_in_a_fresh_clone(clone: Path) -> None:
    command = "mlflow run . --env-manager local -P hidden_size=16"
    readme = " ".join((clone / "README.md").read_text().split())
    assert f"pip install -e . && {command}" in readme
    run = run_in(clone, *command.split())
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, check=True, capture_output=True, text=True)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "abc rnn16 e20 s42"
    assert (run.data.tags["git_commit"], run.data.tags["git_dirty"]) == (head.stdout.strip(), "false")
    assert f"an eval loss of {run.data.metrics['eval_loss']:.2g} nats per character" in readme
