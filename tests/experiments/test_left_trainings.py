"""Sweeps that were cut off while they trained go on with that training, and end with the same bits."""

import contextlib
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient
from safetensors import safe_open
from safetensors.torch import save_file

from analysis.runs import find_runs, load_run
from analysis.runs.life import process_tags
from experiments.checkpoints import main as checkpoints
from experiments.delete import main as delete
from experiments.left_trainings import left_trainings
from experiments.sweep import main
from experiments.tracking.tracked_run import TrackedRun
from rnn_core.training.compiled_stack import CompiledStack
from rnn_core.training.loop import rate_factor
from tests.forks import Command

train_slice = CompiledStack.train

pytestmark = pytest.mark.usefixtures("store", "every_window")

STACK = ["--patterns", "aab,abb", "--lengths", "61", "--windows", "7", "--hidden-sizes", "4", "--seeds", "1"]
GRIDS = {
    "stack": [*STACK, "--epochs", "4,2"],
    "a net that diverges": [*STACK, "--epochs", "4", "--learning-rates", "0.01,1e37"],
    "alone, for two numbers of epochs": [STACK[0], "aab", *STACK[2:], "--epochs", "2,4"],
    "alone, keep=best": ["--patterns", "elman", "--lengths", "900", *STACK[4:], "--epochs", "3", "--keeps", "best"],
}


@pytest.fixture
def every_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training yield between all windows, and save the state each time."""
    monkeypatch.setattr("rnn_core.training.loop.PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr("rnn_core.training.compiled_stack.SLICE_SECONDS", 0.0)
    monkeypatch.setattr("experiments.checkpoint_files.SAVE_SECONDS", 0.0)


class Windows:
    """Counts the windows that are trained on, and sends SIGTERM to this process at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.signal_at = 0, 0
        for module in ("loop", "stack"):
            monkeypatch.setattr(f"rnn_core.training.{module}.rate_factor", self._count_and_rate)
        monkeypatch.setattr(CompiledStack, "train", lambda stack, goal: self._count_and_train(stack, goal))

    def _count(self) -> None:
        self.count += 1
        if self.count == self.signal_at:
            os.kill(os.getpid(), signal.SIGTERM)

    def _count_and_rate(self, schedule: str, done: float) -> float:
        self._count()
        return rate_factor(schedule, done)

    def _count_and_train(self, stack: CompiledStack, goal: int) -> None:
        if goal:  # 0 only loads the loops; every slice is one window
            self._count()
        train_slice(stack, goal)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    return Windows(monkeypatch)


def results() -> dict[str, tuple[dict[str, torch.Tensor], str, str]]:
    """Return the weights, the curves and the end of each run, by name; each name must be there once."""
    runs = find_runs(finished=False)
    assert not runs["name"].duplicated().any()
    found = {}
    for run_id, name, end in zip(runs["run_id"], runs["name"], runs["end"], strict=True):
        weights, curves = {}, ""
        if end == "finished":
            run = load_run(run_id)
            weights, curves = dict(run.net.state_dict()), run.curves.to_csv()
        found[name] = (weights, curves, end)
    return found


def check_same(whole: dict[str, tuple[dict[str, torch.Tensor], str, str]]) -> None:
    here = results()
    assert here.keys() == whole.keys()
    for name, (weights, curves, end) in whole.items():
        assert here[name][1:] == (curves, end), name
        assert all(torch.equal(here[name][0][key], weight) for key, weight in weights.items()), name


wholes: dict[tuple[str, ...], tuple[dict[str, tuple[dict[str, torch.Tensor], str, str]], int]] = {}
"""Of each sweep that was made without being cut off, by its grid: its results, and how many windows it took."""


def train_whole(grid: list[str], windows: Windows) -> dict[str, tuple[dict[str, torch.Tensor], str, str]]:
    """Return the results of a sweep that is not cut off, made once and deleted; the count of windows is that of it."""
    assert windows.count == 0
    if tuple(grid) not in wholes:
        main(grid)
        wholes[tuple(grid)] = results(), windows.count
        assert delete(["latest", "--yes"]) == 0
    whole, windows.count = wholes[tuple(grid)]
    return whole


def states(store: Path) -> list[Path]:
    return sorted((store / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize(
    "grid",
    [
        GRIDS["stack"],
        pytest.param(GRIDS["a net that diverges"], marks=pytest.mark.long),
        pytest.param(GRIDS["alone, for two numbers of epochs"], marks=pytest.mark.long),
        GRIDS["alone, keep=best"],
    ],
    ids=GRIDS,
)
def test_a_sweep_goes_on_in_the_middle_of_its_training(
    grid: list[str], store: Path, windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train_whole(grid, windows)
    count = windows.count
    windows.signal_at = count + count // 2
    assert main(grid) == 143
    assert len(states(store)) == 1
    capsys.readouterr()
    assert main(grid) in (0, 1)
    assert f"{len(whole)} runs go on from the training that a killed sweep saved" in capsys.readouterr().out
    assert windows.count == 2 * count, "as many windows as without a cut"
    check_same(whole)
    assert not states(store)


@pytest.mark.parametrize(
    "cuts", [(1, 3), pytest.param((2,), marks=pytest.mark.long), pytest.param((3,), marks=pytest.mark.long)], ids=str
)
def test_what_was_trained_to_the_end_is_not_trained_again(
    cuts: tuple[int, ...], store: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after so many of four runs have been recorded, once or twice."""
    whole = train_whole(GRIDS["stack"], windows)
    count = windows.count
    recorded = 0

    def counting(*_: object) -> bool:
        nonlocal recorded
        recorded += 1
        if recorded in cuts:
            os.kill(os.getpid(), signal.SIGTERM)
        return True

    with monkeypatch.context() as patched:
        patched.setattr("experiments.shard_training.goes_on", counting)
        patched.setattr("experiments.shard_training.LOOK_AT_SWEEP_SECONDS", 0.0)
        for cut in cuts:
            assert main(GRIDS["stack"]) == 143
            assert len(results()) == cut
    assert main(GRIDS["stack"]) == 0
    assert windows.count == 2 * count
    check_same(whole)
    assert not states(store)


def test_a_sweep_is_asked_for_once_a_while_whether_it_goes_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def goes_on(sweep_id: str) -> bool:
        asked.append(sweep_id)
        return True

    monkeypatch.setattr("experiments.shard_training.goes_on", goes_on)
    monkeypatch.setattr("experiments.shard_training.LOOK_AT_SWEEP_SECONDS", 1000.0)
    assert main(["--seeds", "4", "--epochs", "1"]) == 0
    assert len(asked) == 1
    monkeypatch.setattr("experiments.shard_training.LOOK_AT_SWEEP_SECONDS", 0.0)
    assert main(["--seeds", "4", "--epochs", "2"]) == 0
    assert len(asked) == 1 + 4


@pytest.mark.slow
def test_a_state_that_does_not_fit_is_not_used(store: Path, windows: Windows) -> None:
    grid = GRIDS["stack"]
    whole = train_whole(grid, windows)
    count = windows.count
    for change in ("torch", "damaged"):
        windows.signal_at = windows.count + count // 2
        assert main(grid) == 143
        (path,) = states(store)
        if change == "damaged":
            path.write_bytes(path.read_bytes()[:-100])
        else:
            with safe_open(path, framework="pt") as file:
                header = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
            header["about"]["circumstances"]["torch"] = "1.0"
            save_file(tensors, path, {"state": json.dumps(header)})
        before = windows.count
        assert main(grid) == 0
        assert windows.count == before + count
        check_same(whole)
        assert [path.exists() for path in states(store)] == [True] * (change == "damaged"), "it may be another's"
        assert delete(["latest", "--yes"]) == 0


@pytest.mark.slow
def test_what_others_recorded_meanwhile_needs_no_state(store: Path, windows: Windows) -> None:
    grid = GRIDS["stack"]
    windows.signal_at = windows.count + 10
    assert main(grid) == 143
    (path,) = states(store)
    saved = path.read_bytes()
    assert main(grid) == 0
    path.parent.mkdir()
    path.write_bytes(saved)
    assert main(grid) == 0
    assert not states(store)


def test_states_of_sweeps_are_listed_and_deleted(
    store: Path, windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        windows.signal_at = windows.count + 10
        assert main(GRIDS["stack"]) == 143
        capsys.readouterr()
        assert checkpoints([]) == 0
        first, last = capsys.readouterr().out.splitlines()
        assert "killed   4 runs of a sweep" in first
        assert last.startswith("1 saved states, ")
        (sweep, _), *_ = [line.split("  ", 1) for line in [first]]
        assert MlflowClient().get_run(sweep).data.tags["kind"] == "sweep"
        assert delete([sweep, "--yes"]) == 0
        assert not states(store)


@pytest.mark.long
@pytest.mark.parametrize(
    ("workers", "number"),
    [(1, signal.SIGKILL), (1, signal.SIGHUP), (2, signal.SIGINT), (2, signal.SIGTERM)],
)
def test_sweeps_in_processes_go_on_wherever_they_are_cut_off(
    workers: int, number: int, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off at six moments of the training, each time by a signal to the whole process group."""
    monkeypatch.undo()
    monkeypatch.chdir(store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
    grid = ["--patterns", "abcb", "--lengths", "6001", "--windows", "10", "--epochs", "12", "--hidden-sizes", "4"]
    grid += ["--seeds", "20", "--workers", str(workers)]
    eager = {"experiments.checkpoint_files.SAVE_SECONDS": 0.2, "rnn_core.training.loop.PROGRESS_SECONDS": 0.05}
    eager["rnn_core.training.compiled_stack.SLICE_SECONDS"] = 0.02

    def start() -> Command:
        return Command("experiments.sweep", *grid, said=store / "out.txt", changed=eager)

    assert start().wait() == 0
    whole = results()
    assert delete(["latest", "--yes"]) == 0
    delays = random.Random(number)
    gone_on = 0
    for _ in range(6):
        command = start()
        command.wait_for("recorded before")
        time.sleep(delays.uniform(0, 6))
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(command.pid, number)
        command.wait()
        gone_on += "runs go on from the training that a killed sweep saved" in command.said
    assert start().wait() == 0
    assert gone_on
    check_same(whole)
    assert not states(store)
    print(f"{workers} workers, {signal.Signals(number).name}: {gone_on} of 6 went on with a saved training")


def test_a_training_that_another_sweep_has_taken_over_is_not_left(
    store: Path, windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name of its file says whose it is, also before it is saved anew."""
    windows.signal_at = windows.count + 10
    assert main(GRIDS["stack"]) == 143
    (path,) = states(store)
    run = MlflowClient().create_run("0", tags=process_tags() | {"kind": "sweep", "recorded_by": "rnn-patterns"})
    path.rename(path.with_name(f"{run.info.run_id}-0.safetensors"))
    capsys.readouterr()
    assert checkpoints(["--delete", "all"]) == 0
    assert "deleted" not in capsys.readouterr().out
    assert not list(left_trainings(set(), set()))
    assert len(states(store)) == 1


def test_all_failed_runs_of_a_shard_are_tried_again_together(
    store: Path, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_whole(GRIDS["stack"], windows)
    count, failed = windows.count, 0
    end = TrackedRun._end

    def failing(self: TrackedRun, *rest: Any) -> None:
        nonlocal failed
        failed += 1
        if failed in (1, 3):  # and the second and the fourth say that the run failed
            raise OSError("the cable is out")
        end(self, *rest)

    monkeypatch.setattr(TrackedRun, "_end", failing)
    assert main(GRIDS["stack"]) == 0
    assert windows.count == 2 * count
    check_same(whole)
