"""What a person sees while a command works, and what a log file gets."""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments import progress
from experiments.bars import show_epochs, show_runs
from experiments.make import _run
from experiments.progress import LogLines, waiting
from experiments.sweep import main as sweep
from experiments.train import main as train
from experiments.workers import AtWork
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.training import EpochRecord, Progress
from tests.conftest import PROJECT


class Terminal:
    """A stderr that somebody watches, and beside it stdout.

    Attributes:
        out: what has been written to stdout.
    """

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured
        self._err = self.out = ""

    def getvalue(self) -> str:
        """Return what has been written to stderr."""
        out, err = self._captured.readouterr()
        self.out += out
        self._err += err
        return self._err

    def wait_for(self, words: str) -> None:
        end = time.monotonic() + 30
        while words not in self.getvalue():
            assert time.monotonic() < end, self.getvalue()
            time.sleep(0.01)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv(progress.BARS_VARIABLE, "1")
    return Terminal(capsys)


def on_screen(text: str) -> str:
    """Return what is left to be seen of the last line."""
    line: list[str] = []
    for part in text.split("\n")[-1].split("\r"):
        line[: len(part)] = part
    return "".join(line).rstrip()


def test_a_wait_counts_its_seconds_on_a_terminal_and_leaves_nothing_behind(terminal: Terminal) -> None:
    begin = time.monotonic()
    with waiting("preparing the data") as wait:
        terminal.wait_for("preparing the data ... ")
        assert time.monotonic() - begin >= 0.5
        wait.what = "now"
        terminal.wait_for("\rnow ... ")
        assert re.fullmatch(r"now \.\.\. \d+ s", on_screen(terminal.getvalue())), "nothing is left of the longer line"
    assert on_screen(terminal.getvalue()) == ""


def test_a_wait_that_is_over_at_once_says_nothing(terminal: Terminal) -> None:
    with waiting("preparing the data"):
        pass
    assert terminal.getvalue() == ""


def test_a_wait_that_fails_leaves_nothing_behind(terminal: Terminal) -> None:
    with contextlib.suppress(KeyError), waiting("reading"):
        terminal.wait_for("reading ... ")
        raise KeyError
    assert on_screen(terminal.getvalue()) == ""


def test_where_nobody_watches_a_wait_has_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with waiting("reading"):
        time.sleep(0.6)  # less than ten seconds
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.2)
    with waiting("writing"):
        time.sleep(0.5)
    out, err = capsys.readouterr()
    assert out == ""
    assert err
    assert all(re.fullmatch(r"writing \.\.\. \d+ s", line) for line in err.splitlines())


def test_lines_of_a_log_are_at_least_ten_seconds_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = LogLines()
    for second in (0, 3, 9.9, 10, 12, 25):
        monkeypatch.setattr("experiments.progress.time.monotonic", lambda now=second: 100.0 + now)
        lines.say(str(second))
    assert capsys.readouterr().err.splitlines() == ["0", "10", "25"]


def records() -> Iterator[EpochRecord | Progress]:
    """A training of two epochs, the first of which is long."""
    net = prepare(TrainConfig()).build_net()
    yield Progress(0, 0.25, 3.0)
    yield Progress(0, 0.5, 2.5)
    yield EpochRecord(0, 2.0, 0.5, None, net)
    yield EpochRecord(1, 1.0, 1.0, None, net)


def test_the_bar_of_a_training_moves_within_an_epoch(terminal: Terminal) -> None:
    shown = show_epochs(records(), 2)
    assert [record.epoch for record in shown] == [0, 1]
    bars = [part for part in terminal.getvalue().split("\r") if part.strip()]
    assert "| 0/2 [" in bars[0], "the bar is there before anything has come"
    assert [part for part in bars if "0.5/2 [" in part and "loss=2.5" in part]
    assert "2/2 [" in bars[-1]
    assert terminal.out == ""


def test_where_nobody_watches_a_long_epoch_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert [record.epoch for record in show_epochs(records(), 2)] == [0, 1]
    out, err = capsys.readouterr()
    assert re.match(r"epoch 1/2, 25% of it, \d+ s left", err)
    assert err.count("\n") == 1, "the second was too soon"
    assert [line.split(",")[0] for line in out.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_the_bar_of_a_sweep_counts_what_workers_have_recorded_and_says_what_they_do(terminal: Terminal) -> None:
    work = [
        ([], AtWork("training 4 runs: epoch 3/9")),
        ([], AtWork("recording 4 runs", 3)),
        (["a", "b", "c", "d"], AtWork()),
    ]
    assert list(show_runs(iter(work), 4)) == [outcomes for outcomes, _ in work]  # type: ignore[arg-type]
    bars = terminal.getvalue().split("\r")
    assert [part for part in bars if "0/4 [" in part and "training 4 runs: epoch 3/9]" in part]
    assert [part for part in bars if "3/4 [" in part and "recording 4 runs]" in part], "before the shard is over"
    assert [part for part in bars if "4/4 [" in part]


def test_a_sweep_says_how_far_the_training_of_a_stack_is(
    store: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.shared_training.PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr("rnn_core.training.loop.PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr("rnn_core.training.compiled_stack.SLICE_SECONDS", 0.0)
    asked = ["--patterns", "abc", "--hidden-sizes", "2", "--epochs", "3", "--windows", "7", "--seeds", "3"]
    assert sweep(asked) == 0
    for said in ("epoch 1/3]", "epoch 2/3]", "epoch 3/3 (50% of it)]"):
        assert f"training 3 runs: {said}" in terminal.getvalue()
    assert "recording 3 runs" in terminal.getvalue()
    assert "\r" not in terminal.out


def test_a_run_says_that_it_is_measured_and_recorded(
    store: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.0001)
    assert train(["--pattern", "reber", "--length", "600", "--epochs", "1", "--hidden-size", "4"]) == 0
    for what in ("opening a run in sqlite", "measuring the net", "recording the run"):
        assert f"\r{what}" in terminal.getvalue()
    assert on_screen(terminal.getvalue()) == ""


def test_what_a_command_writes_over_is_passed_on_and_it_knows_that_somebody_watches(
    terminal: Terminal, tmp_path: Path
) -> None:
    program = f"import os; print('1/2\\r2/2', os.environ['{progress.BARS_VARIABLE}'], end='')"
    _run(["python", "-c", program], "sqlite:///none.db", tmp_path)
    assert terminal.getvalue() == ""
    assert terminal.out.endswith("1/2\r2/2 1")


@pytest.mark.slow
def test_a_command_says_within_a_second_that_it_is_starting(store: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "experiments.train", "--epochs", "2"]
    with subprocess.Popen(
        command, cwd=store, env=os.environ | {"PYTHONPATH": str(PROJECT)}, stderr=theirs, stdout=subprocess.PIPE
    ) as process:
        os.close(theirs)
        first = os.read(ours, 100).decode()
        assert re.match(r"\rstarting \.\.\. \d+ s", first)
        assert process.stdout is not None
        assert b"\r" not in process.stdout.read()
    os.close(ours)
    assert process.returncode == 0


@pytest.mark.slow
def test_workers_say_what_they_do(store: Path, terminal: Terminal) -> None:
    asked = ["--patterns", "abc", "--hidden-sizes", "2", "--epochs", "1000", "--seeds", "20", "--workers", "2"]
    assert sweep(asked) == 0
    for said in ("starting a worker; starting a worker", "training 10 runs: epoch ", "recording 10 runs"):
        assert said in terminal.getvalue()


def test_a_program_that_has_imported_a_kernel_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """`experiments.notebooks` starts kernels, and its stderr may be a log file."""
    monkeypatch.setitem(sys.modules, "ipykernel", object())  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delenv(progress.BARS_VARIABLE, raising=False)
    assert not progress.watched()
