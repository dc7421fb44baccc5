"""Trainings that are killed with kill -9 at any moment of their life, and resumed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import find_runs, load_run
from experiments.train import main
from tests.conftest import PROJECT
from tests.whole_runs import check_equal

EAGER = """
import sys
import experiments.checkpoint_files, experiments.single_run, experiments.tracking.tracked_run, rnn_core.training.loop
experiments.checkpoint_files.SAVE_SECONDS = 0.05
experiments.tracking.tracked_run.FLUSH_SECONDS = 0.1
rnn_core.training.loop.PROGRESS_SECONDS = 0.01
from experiments.train import main
print("begun", flush=True)
sys.exit(main(sys.argv[1:]))
"""
"""A training that saves and sends often, so that much can go wrong in a few seconds."""

ARGUMENTS = ["--pattern", "aabb", "--length", "2001", "--cell", "gru", "--hidden-size", "4", "--window", "10"]
ARGUMENTS += ["--epochs", "4", "--keep", "best", "--schedule", "cosine"]


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a training, and return when it has loaded its libraries."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    process = subprocess.Popen(
        [sys.executable, "-c", EAGER, *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def newest() -> Run:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0]


def check_kills(store: Path, seeds: range) -> None:
    """Kill a training for each seed at some moment, resume it, and compare it with one that was never killed."""
    process = start(*ARGUMENTS)
    begin = time.monotonic()
    said, _ = process.communicate()
    assert process.returncode == 0, said
    life = time.monotonic() - begin
    whole = newest()
    ends = {"before it was recorded": 0, "resumed": 0, "after its end": 0}
    for seed in seeds:
        delays = random.Random(seed)
        process = start(*ARGUMENTS)
        time.sleep(delays.uniform(0, life))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed = newest()
        if killed.info.run_id == whole.info.run_id:  # no run had been opened
            ends["before it was recorded"] += 1
            continue
        run_id = killed.info.run_id
        if killed.info.status == "FINISHED":
            ends["after its end"] += 1
        else:
            assert find_runs(finished=False)["end"].isin(["killed", "finished"]).all()
            resumption = start("--resume", run_id)
            if delays.random() < 0.3:  # and killed once more
                time.sleep(delays.uniform(0, life))
                resumption.send_signal(signal.SIGKILL)
                resumption.communicate()
                resumption = start("--resume", run_id)
            said, _ = resumption.communicate()
            if "was cut off before its config.json" in said:
                ends["before it was recorded"] += 1
                MlflowClient().delete_run(run_id)
                continue
            if "is finished; allowed" not in said:  # it had ended when it was killed for the second time
                assert resumption.returncode == 0, said
            ends["resumed"] += 1
        check_equal(run_id, whole.info.run_id)
        MlflowClient().delete_run(run_id)
    print(f"{len(seeds)} kills: {ends}")
    assert ends["resumed"] > 0
    assert not list(store.glob("checkpoints/*"))
    assert main(["--epochs", "1"]) == 0
    assert {run.info.status for run in MlflowClient().search_runs(["0"])} == {"FINISHED"}


@pytest.mark.slow
def test_six_kills_at_any_moment_lose_and_double_nothing(store: Path) -> None:
    check_kills(store, range(6))


@pytest.mark.long
def test_forty_kills_at_any_moment_lose_and_double_nothing(store: Path) -> None:
    check_kills(store, range(100, 140))


@pytest.mark.slow
def test_a_closed_terminal_ends_a_run_as_sigterm_does(store: Path) -> None:
    process = start("--epochs", "100000000")
    assert process.stdout is not None
    while "epoch 1/" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 129
    run = newest()
    assert run.info.status == "KILLED"
    assert run.data.tags["end_reason"].startswith("interrupted by SIGHUP in epoch ")
    assert load_run(run.info.run_id).net.inputs > 1
    assert Path(run.data.tags["checkpoint"]).exists()
