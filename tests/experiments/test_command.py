"""What ends a training command early: an exit status, a line, and the end of the run that `mlflow run` has opened."""

import os
import signal

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.command import run_command
from experiments.signals import Stop
from rnn_core.config import ConfigError

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def opened(store: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a run that `mlflow run` has opened for this program."""
    run_id: str = MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    return run_id


def end_of(run_id: str) -> tuple[str, str | None]:
    run: Run = MlflowClient().get_run(run_id)
    return run.info.status, run.data.tags.get("end_reason")


def test_the_status_of_the_work_is_passed_on_and_the_run_left_to_it(opened: str) -> None:
    assert run_command(lambda stop, from_recipes: 7) == 7
    assert end_of(opened) == ("RUNNING", None)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_killed(
    opened: str, number: signal.Signals, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(stop: Stop, from_recipes: set[str]) -> int:
        os.kill(os.getpid(), number)
        return 0

    before = signal.getsignal(number)
    assert run_command(work) == status
    assert signal.getsignal(number) is before
    assert capsys.readouterr().err == f"error: interrupted by {number.name}\n"
    assert end_of(opened) == ("KILLED", f"interrupted by {number.name}")


def test_an_unforeseen_error_ends_the_run_failed_and_is_raised(opened: str) -> None:
    def work(stop: Stop, from_recipes: set[str]) -> int:
        raise ZeroDivisionError("by zero\nand more")

    with pytest.raises(ZeroDivisionError):
        run_command(work)
    status, reason = end_of(opened)
    assert status == "FAILED"
    assert reason is not None
    assert "by zero" in reason
    assert "\n" not in reason


def test_bad_input_names_the_commands_own_flag_and_the_recipe(opened: str, capsys: pytest.CaptureFixture[str]) -> None:
    def work(stop: Stop, from_recipes: set[str]) -> int:
        from_recipes.add("batch_size")
        raise ConfigError("batch_size", 99, "1 to 8")

    assert run_command(work, {"batch_size": "batch_sizes"}) == 2
    why = "batch_size is 99; allowed: 1 to 8 (--batch-sizes); the value may be a recipe's, which this flag changes"
    assert capsys.readouterr().err == f"error: {why}\n"
    assert end_of(opened) == ("FAILED", f"refused: {why}")
