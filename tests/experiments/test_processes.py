"""Real processes and real signals: what an interrupted training leaves behind, on both roads."""

import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import load_run
from tests.conftest import PROJECT, readers_environment
from tests.forks import Command

pytestmark = pytest.mark.slow

ENDLESS = 10**8
"""More epochs than any test waits for."""


@contextmanager
def started(store: Path, *command: str, until: str = "epoch 1/") -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process group of its own, as a terminal does, and wait until it has said so much."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{store / 'mlflow.db'}"}
    with (store / "out.txt").open("w") as out:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=out, stderr=out, text=True, start_new_session=True
        )
        try:
            wait_for(store, until)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(store: Path, words: str, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while words not in (store / "out.txt").read_text():
        assert time.monotonic() < end, (store / "out.txt").read_text()
        time.sleep(0.05)


def ended_run() -> Run:
    (run,) = MlflowClient().search_runs(["0"])
    return run


def check_kept(run: Run) -> None:
    """Losses, weights and plots so far are there, and belong together."""
    loaded = load_run(run.info.run_id)
    history = MlflowClient().get_metric_history(run.info.run_id, "train_loss")
    assert loaded.curves["train_loss"].tolist() == [metric.value for metric in history]
    assert len(history) > 1
    assert loaded.net.inputs == 3
    assert "eval_loss" in run.data.metrics
    for name in ("loss", "predictions", "hidden_states", "trajectory"):
        assert Path(MlflowClient().download_artifacts(run.info.run_id, f"plots/{name}.png")).exists()


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_a_signal_keeps_what_there_is_and_ends_the_run_killed(store: Path, number: signal.Signals) -> None:
    process = Command("experiments.train", "--epochs", str(ENDLESS), said=store / "out.txt")
    process.wait_for("epoch 1/")
    time.sleep(0.5)
    process.send_signal(number)
    for impatience in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):  # while it saves
        time.sleep(0.1)
        process.send_signal(impatience)
    assert process.wait(60) == 128 + number
    run = ended_run()
    assert run.info.status == "KILLED"
    epochs = len(MlflowClient().get_metric_history(run.info.run_id, "train_loss"))
    assert run.data.tags["end_reason"] == f"interrupted by {number.name} in epoch {epochs}"
    check_kept(run)
    assert f"error: interrupted by {number.name}" in process.said
    assert "Traceback" not in process.said


def test_a_signal_within_the_first_epoch_keeps_the_weights(store: Path) -> None:
    (store / "tale.txt").write_text("the cat sat on the mat. " * 300)
    long_epoch = ["--pattern", "text:tale.txt", "--window", "1", "--batch-size", "1"]  # many small steps
    process = Command("experiments.train", *long_epoch, "--cell", "rnn", "--hidden-size", "16", said=store / "out.txt")
    process.wait_for(" parameters")
    while not MlflowClient().search_runs(["0"]):
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    run = ended_run()
    assert (run.info.status, run.data.tags["end_reason"]) == ("KILLED", "interrupted by SIGINT in epoch 0")
    loaded = load_run(run.info.run_id)
    assert len(loaded.curves) == 0
    assert loaded.net.inputs == len(loaded.record.alphabet)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, "FAILED"), pytest.param(signal.SIGTERM, "KILLED", marks=pytest.mark.long)]
)
def test_under_mlflow_run_the_tag_tells_the_truth(store: Path, number: signal.Signals, status: str) -> None:
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    with started(store, mlflow, "run", ".", "--env-manager", "local", "-P", f"epochs={ENDLESS}") as process:
        time.sleep(0.5)
        os.killpg(process.pid, number)  # a terminal's Ctrl-C reaches the wrapper and the program
        assert process.wait(60) != 0
        end = time.monotonic() + 60
        while ended_run().info.status == "RUNNING":  # SIGTERM ends the wrapper at once; the program saves, then ends
            assert time.monotonic() < end
            time.sleep(0.2)
    run = ended_run()
    # On Ctrl-C the wrapper sets its own status last.
    assert run.info.status == status
    assert run.data.tags["end_reason"].startswith(f"interrupted by {number.name} in epoch ")
    check_kept(run)


@pytest.mark.parametrize("opened", [pytest.param(False, marks=pytest.mark.long), True], ids=["python -m", "mlflow run"])
def test_a_signal_before_the_training_leaves_no_run_running(store: Path, opened: bool) -> None:
    command = [sys.executable, "-m", "experiments.train"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{store / 'mlflow.db'}"}
    if opened:
        environment["MLFLOW_RUN_ID"] = MlflowClient().create_run("0").info.run_id
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True)
    while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():  # it begins to import torch and MLflow
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err == "error: interrupted by SIGTERM\n"
    runs = MlflowClient().search_runs(["0"])
    ends = [("KILLED", "interrupted by SIGTERM")] if opened else []
    assert [(run.info.status, run.data.tags["end_reason"]) for run in runs] == ends


def test_a_person_sees_a_bar_and_others_see_lines(store: Path) -> None:
    command = [sys.executable, "-m", "experiments.train", "--epochs", "200"]
    environment = readers_environment(MLFLOW_TRACKING_URI=f"sqlite:///{store / 'mlflow.db'}", COLUMNS="100")
    ours, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (30, 100))
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True
    )
    os.close(terminal)
    out, _ = process.communicate(timeout=60)
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "epoch 1/" not in out
    assert re.search(r"200/200 \[\d\d:\d\d<00:00", seen), "the whole bar, and no time left"
    assert all(words in seen for words in ("loss=0.00", "accuracy=100.0%"))

    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 11
    assert "s left" in lines[0]
    assert lines[-1].startswith("epoch 200/200, 0 s left")


def test_mlflow_run_takes_numbers_and_patterns_as_they_are_typed(store: Path) -> None:
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{store / 'mlflow.db'}"}
    typed = ["-P", "learning_rate=1e-2", "-P", "pattern=a b'$c", "-P", "epochs=3"]
    subprocess.run([mlflow, "run", ".", "--env-manager", "local", *typed], cwd=PROJECT, env=environment, check=True)
    run = ended_run()
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "a b'$c rnn16 e3 s42"
    assert run.data.params["learning_rate"] == "1e-2"
    config = load_run(run.info.run_id).config
    assert (config.pattern, config.learning_rate, config.epochs) == ("a b'$c", 0.01, 3)


@pytest.mark.long  # `test_command.py` has it in this process
def test_bad_input_under_mlflow_run_is_said_on_the_run(store: Path) -> None:
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{store / 'mlflow.db'}"}
    command = [mlflow, "run", ".", "--env-manager", "local", "-P", "length=abc"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "error: " in done.stderr
    run = ended_run()
    assert run.info.status == "FAILED"
    assert run.data.tags["end_reason"].startswith("refused: ")
    assert "--length" in run.data.tags["end_reason"]
