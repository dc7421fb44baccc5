"""Sweeps in real processes: killed, interrupted, with workers here and on a cluster, none lost and none doubled."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from analysis.runs import load_run
from experiments.delete import main as delete
from experiments.sweep import main
from tests.conftest import PROJECT, readers_environment
from tests.forks import Command


def runs(view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
    return list(MlflowClient().search_runs(["0"], run_view_type=view, order_by=["attributes.start_time ASC"]))


def children() -> list[Run]:
    return [run for run in runs() if "mlflow.parentRunId" in run.data.tags]


def parents() -> list[Run]:
    return [run for run in runs() if "kind" in run.data.tags]


def complete() -> int:
    return sum(run.info.status == "FINISHED" for run in children())


@contextmanager
def sweeping(store: Path, *arguments: str, said: str = "out.txt") -> Iterator[Command]:
    """Start a sweep in a process group of its own; what it leaves running is killed at the end.

    Arguments:
        store: the folder of the store.
        arguments: those of the sweep.
        said: the file in that folder for what it prints.
    """
    process = Command("experiments.sweep", *arguments, said=store / said)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(condition: Callable[[], bool], store: Path, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, (store / "out.txt").read_text()
        time.sleep(0.2)  # to ask a store costs as much as a tenth of this


def check_whole(seeds: int) -> None:
    """Every run is there once, whole, and a member of the newest sweep, whose tables cover them all."""
    assert Counter(run.info.run_name for run in children()) == {f"abc rnn16 e3 s{seed}": 1 for seed in range(seeds)}
    assert {run.info.status for run in children()} == {"FINISHED"}
    newest = parents()[-1]
    members = MlflowClient().search_runs(["0"], f"tags.`sweep.{newest.info.run_id}` = 'member'")
    assert {run.info.run_id for run in members} == {run.info.run_id for run in children()}
    table = pd.read_csv(MlflowClient().download_artifacts(newest.info.run_id, "runs.csv"))
    assert set(table["run_id"]) == {run.info.run_id for run in children()}
    for run in children():
        assert len(load_run(run.info.run_id).curves) == 3
    assert not [run for run in runs() if run.info.status == "RUNNING"]


@pytest.mark.parametrize(
    "workers", [pytest.param(1, marks=pytest.mark.slow), *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3))]
)
def test_two_sweeps_at_once_make_each_run_once(store: Path, workers: int) -> None:
    arguments = ["--epochs", "3", "--seeds", "12", "--workers", str(workers)]
    with sweeping(store, *arguments, said="1.txt") as first, sweeping(store, *arguments, said="2.txt") as second:
        for process in (first, second):
            assert process.wait(180) == 0, (store / "1.txt").read_text() + (store / "2.txt").read_text()
    check_whole(12)
    made = {run.info.run_id for run in children()}
    new = []
    for parent in parents():
        found = MlflowClient().search_runs(["0"], f"tags.`sweep.{parent.info.run_id}` = 'member'")
        assert {run.info.run_id for run in found} == made
        own = [run for run in found if run.data.tags["mlflow.parentRunId"] == parent.info.run_id]
        assert parent.data.metrics["runs"] == 12
        assert parent.data.metrics["runs_new"] == len(own)
        new.append(len(own))
    assert sum(new) == 12


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.long)])
def test_of_two_sweeps_at_once_one_is_killed(store: Path, workers: int) -> None:
    """The other one makes all that is missing, and waits for no run of the dead."""
    arguments = ["--epochs", "3", "--seeds", "12", "--workers", str(workers)]
    with sweeping(store, *arguments, said="1.txt") as first, sweeping(store, *arguments) as second:
        wait_until(lambda: len(children()) >= 4, store)
        first.kill()
        assert second.wait(180) == 0, (store / "out.txt").read_text()
    finished = [run for run in children() if run.info.status == "FINISHED"]
    assert Counter(run.info.run_name for run in finished) == {f"abc rnn16 e3 s{seed}": 1 for seed in range(12)}
    (whole,) = [parent for parent in parents() if parent.info.status == "FINISHED"]
    members = MlflowClient().search_runs(["0"], f"tags.`sweep.{whole.info.run_id}` = 'member'")
    assert {run.info.run_id for run in members} == {run.info.run_id for run in finished}
    with sweeping(store, *arguments) as third:
        assert third.wait(180) == 0
    check_whole(12)


def workers_of(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(child) for child in listed.split() if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.parametrize(
    ("workers", "counts"),
    [
        pytest.param(2, (4,), marks=pytest.mark.slow),
        pytest.param(1, (1, 2, 4, 6, 8, 10, 12), marks=pytest.mark.long),
        pytest.param(2, (1, 5, 9), marks=pytest.mark.long),
    ],
)
def test_a_sweep_killed_goes_on_with_no_run_lost_and_none_doubled(
    store: Path, workers: int, counts: tuple[int, ...]
) -> None:
    """Killed after so many runs."""
    arguments = ["--epochs", "3", "--seeds", "16", "--workers", str(workers)]
    for count in counts:
        with sweeping(store, *arguments) as process:
            wait_until(lambda count=count: complete() >= count, store)  # type: ignore[misc]
            process.kill()
            if workers > 1:  # they notice, and end by themselves
                made = complete()
                time.sleep(3)
                assert complete() <= made + 2 * workers
    with sweeping(store, *arguments) as process:
        assert process.wait(120) == 0, (store / "out.txt").read_text()
    check_whole(16)
    assert [(run.info.status, run.data.tags["end_reason"]) for run in parents()] == [
        *[("KILLED", "killed: its process is gone")] * len(counts),
        ("FINISHED", "finished"),
    ]
    models = MlflowClient().search_logged_models(["0"], max_results=1000)
    assert {model.source_run_id for model in models} == {run.info.run_id for run in children()}


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.slow)])
def test_a_signal_ends_a_sweep_with_what_there_is(store: Path, workers: int) -> None:
    arguments = ["--epochs", "3", "--seeds", "150", "--workers", str(workers)]
    with sweeping(store, *arguments) as process:
        wait_until(lambda: complete() >= 3, store)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(60) == 130, (store / "out.txt").read_text()
    (parent,) = parents()
    assert parent.info.status == "KILLED"
    assert parent.data.tags["end_reason"] == "interrupted by SIGINT"
    assert "Traceback" not in (store / "out.txt").read_text()
    assert "error: interrupted by SIGINT" in (store / "out.txt").read_text()
    whole = {run.info.run_id for run in children() if run.info.status == "FINISHED"}
    assert 3 <= len(whole) < 150
    # Two writers at once: SQLite refuses one of them now and then. What would have been tried again is gone.
    assert whole == {run.info.run_id for run in children()}
    table = pd.read_csv(MlflowClient().download_artifacts(parent.info.run_id, "runs.csv"))
    assert set(table.loc[table["end"] == "finished", "run_id"]) == whole


@pytest.mark.slow
def test_a_worker_that_is_killed_takes_only_its_shard_down(store: Path) -> None:
    with sweeping(store, "--epochs", "3", "--seeds", "21", "--workers", "2") as process:  # shards of 10, 10 and 1
        wait_until(lambda: complete() >= 3, store)
        workers = workers_of(process.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        assert process.wait(300) == 0, (store / "out.txt").read_text()
    assert "runs failed and are tried once more" in (store / "out.txt").read_text()
    check_whole(21)


@pytest.mark.long  # with PostgreSQL as the store, the same is among the slow tests
def test_a_sweep_on_a_cluster_survives_the_death_of_a_worker(
    tracking_server: str,
    tmp_path: Path,
) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        pids = [nanny.pid for nanny in cluster.workers.values()]
        with sweeping(tmp_path, "--epochs", "3", "--seeds", "21", "--scheduler", cluster.scheduler_address) as process:
            wait_until(lambda: complete() >= 3, tmp_path)
            os.kill(pids[0], signal.SIGKILL)
            assert process.wait(300) == 0, (tmp_path / "out.txt").read_text()
    check_whole(21)


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_refused(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "where nobody answers" in error
    assert not runs()


@pytest.mark.long
def test_a_sweep_under_mlflow_run(store: Path) -> None:
    command = [str(Path(sys.executable).with_name("mlflow")), "run", ".", "-e", "sweep", "--env-manager", "local"]
    command += ["-P", "patterns=abc,aab", "-P", "hidden_sizes=2", "-P", "epochs=2,3", "-P", "seeds=2"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    (parent,) = parents()
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "hidden 2: pattern abc, aab x epochs 2, 3 x 2 seeds"
    assert len(children()) == 8
    assert {run.data.tags["mlflow.parentRunId"] for run in children()} == {parent.info.run_id}


@pytest.mark.slow
def test_the_docs_delete_a_sweep_with_its_models(store: Path) -> None:
    assert main(["--epochs", "2", "--seeds", "2"]) == 0
    assert main(["--epochs", "3", "--seeds", "1"]) == 0
    kept, sweep = (parent.info.run_id for parent in (parents()[1], parents()[0]))
    page = (PROJECT / "docs" / "sweeps.md").read_text()
    assert "python -m experiments.delete latest --yes" in page
    assert delete([sweep, "--yes"]) == 0
    (gc,) = re.findall(r"^(mlflow gc .*)$", page, flags=re.MULTILINE)
    subprocess.run(shlex.split(gc), cwd=store, env=readers_environment(), check=True)
    left = {kept, *(run.info.run_id for run in children())}
    assert len(left) == 2
    assert {run.info.run_id for run in runs(ViewType.ALL)} == left
    holding = {path.relative_to(store / "mlruns" / "0").parts[0] for path in store.glob("mlruns/0/**/*.*")}
    assert holding == {*left, "models"}
    (weights,) = store.glob("mlruns/0/models/**/model.safetensors")
    assert MlflowClient().get_logged_model(weights.parts[-4]).source_run_id in left


@pytest.mark.long
def test_loops_are_compiled_once_before_the_workers_start_and_kept(store: Path) -> None:
    loops = store / "loops"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(loops), "RNN_PATTERNS_BARS": "1"}
    command = [sys.executable, "-m", "experiments.sweep", "--epochs", "2", "--workers", "2", "--seeds"]
    first = subprocess.run([*command, "2"], env=environment, cwd=store, capture_output=True, text=True, check=True)
    assert "compiling the loops of the cell rnn" in first.stderr
    kept = {path: path.stat().st_mtime_ns for path in loops.rglob("*.nb*")}
    subprocess.run([*command, "4"], env=environment, cwd=store, capture_output=True, text=True, check=True)
    assert kept
    assert {path: path.stat().st_mtime_ns for path in loops.rglob("*.nb*")} == kept
