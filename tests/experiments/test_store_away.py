"""A store that is away for a while costs time; one that stays away costs nothing that was trained."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException, RestException

from experiments.signals import Stop
from experiments.sweep import main as sweep
from experiments.tracking import StoreAwayError, is_away, persist
from experiments.tracking.tracked_run import TrackedRun
from experiments.train import main
from rnn_core.training.compiled_stack import CompiledStack
from tests.conftest import copy_store, tracking
from tests.life_signs import tags_of
from tests.servers import Wire
from tests.whole_runs import check_equal


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.tracking.patience.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("experiments.tracking.patience.MAX_PAUSE", 0.1)


def refused() -> requests.ConnectionError:
    return requests.ConnectionError("Connection refused")


def wrapped(error: Exception) -> Exception:
    """Return an error as a chain of except-clauses leaves it."""
    try:
        try:
            raise error
        except Exception as first:
            raise MlflowException("API request failed") from first
    except MlflowException as second:
        return second


def answered(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (refused(), True),
        (requests.ReadTimeout(), True),
        (answered(503), True),
        (answered(404), False),
        (RestException({"error_code": "TEMPORARILY_UNAVAILABLE"}), True),
        (RestException({"error_code": "RESOURCE_DOES_NOT_EXIST"}), False),
        (sqlite3.OperationalError("database is locked"), True),
        (sqlite3.OperationalError("database or disk is full"), False),
        (OSError("No space left on device"), False),
        (ValueError("connection"), False),
    ],
)
def test_only_what_may_pass_counts_as_away(error: Exception, away: bool) -> None:
    assert is_away(error) == away
    assert is_away(wrapped(error)) == away


def test_what_is_tried_again_says_how_long_and_then_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[bool] = []

    def action(again: bool) -> str:
        tries.append(again)
        if len(tries) < 4:
            raise wrapped(refused())
        return "done"

    def result(seconds: float) -> tuple[list[str], str]:
        said, steps = [], persist(action, Stop(), "the net is kept", seconds)
        while True:
            try:
                said.append(str(next(steps)))
            except StopIteration as end:
                return said, end.value

    said, value = result(60.0)
    assert (value, tries) == ("done", [False, True, True, True])
    assert len(said) == 3
    assert "has been away since" in said[0]
    assert "(nobody answers there); next try in 0 s, the last at" in said[0]
    tries.clear()
    with pytest.raises(StoreAwayError, match=r"away since \d\d:\d\d:\d\d \(nobody answers there\); the net is kept"):
        result(0.15)
    assert tries == [False, True, True], "the last one when the time is up"


def test_other_errors_are_raised_at_once() -> None:
    def action(_: bool) -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        next(persist(action, Stop(), "", 60.0))


@pytest.fixture(scope="module")
def server(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("served")
    copy_store(migrated_store, folder)
    with tracking(folder) as address:
        yield int(address.rpartition(":")[2])


@pytest.fixture
def wire(server: int, store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The way to the server, where this test has an experiment of its own."""
    wire = Wire(server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", wire.address)
    mlflow.set_tracking_uri(None)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", MlflowClient().create_experiment(os.urandom(8).hex()))
    yield wire
    wire.cut()
    mlflow.set_tracking_uri(None)


def runs() -> list[Run]:
    experiment = os.environ["MLFLOW_EXPERIMENT_ID"]
    return list(MlflowClient().search_runs([experiment], order_by=["attributes.start_time ASC"]))


def end_process_of(run: Run) -> None:
    """Let a run be that of another process, which is gone."""
    with subprocess.Popen(["sleep", "600"]) as process:
        tags = tags_of(process)
        process.kill()
    for name, value in tags.items():
        MlflowClient().set_tag(run.info.run_id, name, value)


def at_stderr(monkeypatch: pytest.MonkeyPatch, words: str, action: Callable[[], object]) -> None:
    """Do something once when some words are printed on stderr."""
    write = sys.stderr.write
    waiting = [action]

    def noticing(text: str) -> int:
        if words in text and waiting:
            waiting.pop()()
        return write(text)

    monkeypatch.setattr(sys.stderr, "write", noticing)


def cut_before_the_end(monkeypatch: pytest.MonkeyPatch, wire: Wire, run: int = 0) -> None:
    """Cut the wire when the results of a run are about to be recorded, the first or a later one."""
    finish, count = TrackedRun.finish, iter(range(1000))

    def cutting(self: TrackedRun, *rest: object) -> None:
        if next(count) == run:
            wire.cut()
        finish(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackedRun, "finish", cutting)


@pytest.mark.long
def test_a_run_is_recorded_when_the_server_is_back(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--epochs", "3"]) == 0
    capsys.readouterr()
    with monkeypatch.context() as patched:
        cut_before_the_end(patched, wire)
        at_stderr(patched, "next try in", wire.mend)
        assert main(["--epochs", "3"]) == 0
    said = capsys.readouterr().err
    assert f"{wire.address} has been away since" in said
    assert "records it later; Ctrl-C ends the waiting" in said
    whole, run = runs()
    check_equal(run.info.run_id, whole.info.run_id)


@pytest.mark.parametrize(
    "end", [pytest.param("it stays away", marks=pytest.mark.long), pytest.param("Ctrl-C", marks=pytest.mark.slow)]
)
def test_a_run_that_could_not_be_recorded_is_recorded_later(
    end: str, wire: Wire, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--epochs", "3", "--keep", "best", "--pattern", "elman", "--length", "300"]) == 0
    (whole,) = runs()
    capsys.readouterr()
    with monkeypatch.context() as patched:
        cut_before_the_end(patched, wire)
        if end == "Ctrl-C":
            at_stderr(patched, "next try in", lambda: threading.Timer(0.02, os.kill, (os.getpid(), 2)).start())
        else:
            patched.setattr("experiments.single_run.PATIENCE_SECONDS", 0.5)
        status = main(["--epochs", "3", "--keep", "best", "--pattern", "elman", "--length", "300"])
    assert status == (130 if end == "Ctrl-C" else 1)
    *_, error = capsys.readouterr().err.strip().splitlines()
    assert "the training is kept; python -m experiments.train --resume " in error
    assert list((store / "checkpoints").glob("*.safetensors"))
    wire.mend()
    end_process_of(runs()[-1])
    assert main(["--resume", "latest"]) == 0
    check_equal(runs()[-1].info.run_id, whole.info.run_id)
    assert not (store / "checkpoints").exists()


@pytest.mark.long
def test_epochs_that_could_not_be_sent_are_sent_later(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--epochs", "5"]) == 0
    log, epochs = TrackedRun.log, iter(range(1000))

    def cutting(self: TrackedRun, metrics: dict[str, float]) -> None:
        {1: wire.cut, 3: wire.mend}.get(next(epochs), lambda: None)()
        log(self, metrics)

    monkeypatch.setattr("experiments.tracking.sending.FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(TrackedRun, "log", cutting)
    assert main(["--epochs", "5"]) == 0
    said = capsys.readouterr().err
    assert said.count("the training goes on, what it logs is sent later") == 1
    assert said.count(f"{wire.address} can be written again") == 1
    whole, run = runs()
    check_equal(run.info.run_id, whole.info.run_id)


@pytest.mark.parametrize(
    "back", [pytest.param(True, marks=pytest.mark.long), pytest.param(False, marks=pytest.mark.slow)]
)
def test_a_sweep_waits_and_stops_with_its_nets_kept(
    back: bool, wire: Wire, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--epochs", "3", "--seeds", "6", "--hidden-sizes", "4"]
    with monkeypatch.context() as patched:
        cut_before_the_end(patched, wire, run=2)
        if back:
            ask = TrackedRun.give_up

            def mending(self: TrackedRun, end_reason: str) -> None:
                ask(self, end_reason)
                wire.mend()

            patched.setattr(TrackedRun, "give_up", mending)
        else:
            patched.setattr(persist, "__defaults__", (0.3,))
        assert sweep(arguments) == (0 if back else 1)
    said = capsys.readouterr()
    if not back:
        assert said.err.count("error: ") == 1
        assert "the nets are kept in" in said.err
        assert len(list((store / "checkpoints").glob("*.safetensors"))) == 1
        wire.mend()
        for run in runs():
            if run.info.status == "RUNNING":
                end_process_of(run)
        monkeypatch.setattr(CompiledStack, "train", lambda _, goal: goal and pytest.fail("trained again"))
        assert sweep(arguments) == 0
    children = [run for run in runs() if "mlflow.parentRunId" in run.data.tags]
    assert Counter(run.info.run_name for run in children) == {f"abc rnn4 e3 s{seed}": 1 for seed in range(6)}
    assert {run.info.status for run in children} == {"FINISHED"}
    parents = [run for run in runs() if "kind" in run.data.tags]
    assert [run.info.status for run in parents] == (["FINISHED"] if back else ["KILLED", "FINISHED"])
    assert not (store / "checkpoints").exists()


@pytest.mark.long  # MLflow waits for half a minute before it says that the database is locked
def test_a_database_that_is_locked_for_a_while(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish, locked = TrackedRun.finish, []

    def locking(self: TrackedRun, *rest: object) -> None:
        if not locked:
            locked.append(sqlite3.connect(store / "mlflow.db", check_same_thread=False))
            locked[0].execute("BEGIN EXCLUSIVE")
        finish(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackedRun, "finish", locking)
    at_stderr(monkeypatch, "next try in", lambda: locked[0].rollback())
    assert main(["--epochs", "3"]) == 0
    assert "(the database is locked); next try in" in capsys.readouterr().err
    locked[0].close()
    (run,) = MlflowClient().search_runs(["0"])
    assert run.info.status == "FINISHED"
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM logged_models").fetchone() == (1,)
