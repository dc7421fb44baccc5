"""What ends a training command early: an exit status, a line, and the end of the run that `mlflow run` has opened."""

import os
import signal
import threading

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.command import run_command
from experiments.signals import IGNORABLE, STOPPING, Interrupted, Stop
from experiments.sweep import main as sweep
from experiments.train import main as train
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


@pytest.mark.parametrize(("number", "status"), [(number, 128 + number) for number in STOPPING])
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


@pytest.mark.parametrize("number", IGNORABLE)
def test_a_signal_that_is_ignored_stays_ignored(opened: str, number: signal.Signals) -> None:
    """As SIGHUP is under nohup."""
    before = signal.signal(number, signal.SIG_IGN)
    try:

        def work(stop: Stop, from_recipes: set[str]) -> int:
            os.kill(os.getpid(), number)
            return 5

        assert run_command(work) == 5
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_outside_the_main_thread_it_works_without_handlers(opened: str) -> None:
    before = [signal.getsignal(number) for number in STOPPING]
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(run_command(lambda stop, from_recipes: 7)))
    thread.start()
    thread.join()
    assert statuses == [7]
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_a_signal_that_is_held_is_raised_where_the_work_asks() -> None:
    stop, reached = Stop(), []

    def work() -> None:
        with stop.held():
            os.kill(os.getpid(), signal.SIGTERM)
            with stop.held():
                reached.append("the inner block has ended")
            assert stop.pending
            stop.check()
            reached.append("never")

    with stop.listening():
        with pytest.raises(Interrupted, match="SIGTERM"):
            work()
        stop.check()  # once is enough
    assert reached == ["the inner block has ended"]


@pytest.mark.parametrize("tags", [{}, {"config_digest": "x"}, {"kind": "sweep"}])
@pytest.mark.parametrize("status", ["RUNNING", "FINISHED", "KILLED"])
def test_a_run_that_was_trained_or_has_ended_is_not_trained_again_nor_ended(
    opened: str, tags: dict[str, str], status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if status == "RUNNING" and not tags:
        pytest.skip("that is what `mlflow run` opens")
    client = MlflowClient()
    for name, value in tags.items():
        client.set_tag(opened, name, value)
    if status != "RUNNING":
        client.set_terminated(opened, status)
    for command in (train, sweep):
        assert command(["--epochs", "1"]) == 2
        error = capsys.readouterr().err
        assert f"MLFLOW_RUN_ID is {opened}, a run that " in error
        assert error.count("\n") == 1
        run = client.get_run(opened)
        assert (run.info.status, run.data.params) == (status, {})
        assert "end_reason" not in run.data.tags
        assert len(client.search_runs(["0"])) == 1


def test_a_signal_is_heard_in_a_pause_and_only_once() -> None:
    stop = Stop()
    with stop.listening():
        stop.ignore()
        with stop.heard():
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # while all is ignored
        with pytest.raises(Interrupted), stop.heard():
            pytest.fail("it has come before")
        os.kill(os.getpid(), signal.SIGTERM)  # while the record is written
        with stop.held():
            os.kill(os.getpid(), signal.SIGTERM)
