"""Trainings that are killed with kill -9 at any moment of their life, and resumed."""

import random
import signal
import time
import uuid
import warnings
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import find_runs, load_run
from experiments.train import main
from tests.forks import Command
from tests.whole_runs import check_equal

EAGER = {
    "experiments.checkpoint_files.SAVE_SECONDS": 0.05,
    "experiments.tracking.sending.FLUSH_SECONDS": 0.1,
    "rnn_core.training.loop.PROGRESS_SECONDS": 0.01,
}
"""A training saves and sends often, so that much can go wrong in a few seconds."""

ARGUMENTS = ["--pattern", "aabb", "--length", "2001", "--cell", "gru", "--hidden-size", "4", "--window", "10"]
ARGUMENTS += ["--epochs", "4", "--keep", "best", "--schedule", "cosine"]


def start(store: Path, *arguments: str) -> Command:
    """Start a training, and return when it has loaded its libraries."""
    said = store / f"{uuid.uuid4()}.txt"
    command = Command("experiments.train", *arguments, said=said, changed=EAGER)
    command.wait_for("begun\n")
    return command


def newest() -> Run:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0]


def check_kills(store: Path, seeds: range) -> None:
    """Kill a training for each seed at some moment, resume it, and compare it with one that was never killed."""
    process = start(store, *ARGUMENTS)
    begin = time.monotonic()
    assert process.wait() == 0, process.said
    life = time.monotonic() - begin
    whole = newest()
    ends = {"before it was recorded": 0, "resumed": 0, "after its end": 0}
    for seed in seeds:
        delays = random.Random(seed)
        process = start(store, *ARGUMENTS)
        time.sleep(delays.uniform(0, life))
        process.kill()
        killed = newest()
        if killed.info.run_id == whole.info.run_id:  # no run had been opened
            ends["before it was recorded"] += 1
            continue
        run_id = killed.info.run_id
        if killed.info.status == "FINISHED":
            ends["after its end"] += 1
        else:
            with warnings.catch_warnings():  # that one run is left out, if it was killed before it had its config.json
                warnings.filterwarnings("ignore", "1 runs are left out: their config.json")
                assert find_runs(finished=False)["end"].isin(["killed", "finished"]).all()
            resumption = start(store, "--resume", run_id)
            if delays.random() < 0.3:  # and killed once more
                time.sleep(delays.uniform(0, life))
                resumption.kill()
                resumption = start(store, "--resume", run_id)
            status = resumption.wait()
            if "was cut off before its config.json" in resumption.said:
                ends["before it was recorded"] += 1
                MlflowClient().delete_run(run_id)
                continue
            if "is finished; allowed" not in resumption.said:  # it had ended when it was killed for the second time
                assert status == 0, resumption.said
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
    process = start(store, "--epochs", "100000000")
    process.wait_for("epoch 1/")
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 129
    run = newest()
    assert run.info.status == "KILLED"
    assert run.data.tags["end_reason"].startswith("interrupted by SIGHUP in epoch ")
    assert load_run(run.info.run_id).net.inputs > 1
    assert Path(run.data.tags["checkpoint"]).exists()
