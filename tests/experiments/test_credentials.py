"""No command prints or records the password of the store's address."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from analysis.runs import RunError, find_runs, load_run
from experiments import delete, generate, sweep, train
from experiments.command import run_command
from tests.conftest import tracked_at
from tests.servers import free_port

PASSWORD = "s3cret"

COMMANDS: list[tuple[Callable[[Sequence[str]], int], list[str]]] = [
    (train.main, ["--epochs", "1"]),
    (train.main, ["--resume", "latest"]),
    (sweep.main, ["--epochs", "1", "--seeds", "1"]),
    (sweep.main, ["--epochs", "1", "--seeds", "1", "--dry-run"]),
    (generate.main, ["latest"]),
    (generate.main, ["0" * 32]),
    (delete.main, ["latest"]),
]


@pytest.fixture
def address_of_nobody(store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return f"http://anna:{PASSWORD}@127.0.0.1:{free_port()}"


def test_no_command_prints_the_password_of_a_store_that_is_away(
    address_of_nobody: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with tracked_at(address_of_nobody):
        for main, arguments in COMMANDS:
            assert main(arguments) == 2, arguments
            out, err = capfd.readouterr()
            assert "anna:***@127.0.0.1" in err, arguments
            assert PASSWORD not in out + err, arguments


def test_no_error_of_reading_has_the_password(address_of_nobody: str) -> None:
    with tracked_at(address_of_nobody):
        for read in (find_runs, lambda: load_run("0" * 32), lambda: load_run("latest")):
            with pytest.raises(RunError, match=r"anna:\*\*\*@127\.0\.0\.1") as refused:
                read()
            assert PASSWORD not in str(refused.value)


def test_an_error_that_nobody_expected_is_printed_without_the_password(address_of_nobody: str) -> None:
    def work(*_: object) -> int:
        raise MlflowException(f"API request to {address_of_nobody}/api failed")

    with pytest.raises(MlflowException, match=r"anna:\*\*\*@127\.0\.0\.1:\d+/api failed"):
        run_command(work)


def test_the_address_of_the_project_is_recorded_without_the_password(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `mlflow run https://anna:s3cret@host/project.git` has opened the run."""
    tags = {"mlflow.source.name": f"https://anna:{PASSWORD}@host/project.git#", "mlflow.source.git.branch": "main"}
    run = MlflowClient().create_run("0", tags=tags)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert train.main(["--epochs", "1"]) == 0
    recorded = MlflowClient().get_run(run.info.run_id).data.tags
    assert recorded["mlflow.source.name"] == "https://anna:***@host/project.git#"
    assert recorded["mlflow.source.git.branch"] == "main"
    assert PASSWORD not in repr(recorded)
