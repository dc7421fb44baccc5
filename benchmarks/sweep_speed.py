"""What a whole sweep costs with all that it records, beside what a user would do instead.

    python -m benchmarks.sweep_speed

Times belong to one machine; the ratios carry over. It takes about five minutes on two cores.
"""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import tyro

from benchmarks.one_run import PROJECT, least_runs, plain_script
from experiments import recording
from experiments.sweep import main as sweep_main
from experiments.tracking import tracked_run as tracking
from rnn_core.config import TrainConfig
from rnn_core.data import prepare_all
from rnn_core.training.stack import train_stack

EPOCHS = 100
WORKERS = 2


@dataclass(frozen=True)
class Flags:
    """Measure sweeps against what a user would do instead."""

    runs: int = 1000
    """Runs of the large sweep; the small one has a tenth."""
    repeats: int = 5
    """Counted pairs of each comparison."""


def sweep_process(runs: int) -> tuple[float, float]:
    """Sweep over so many seeds in a process of its own; return the seconds a run, and the peak memory in bytes."""
    command = [sys.executable, "-m", "experiments.sweep", "--epochs", str(EPOCHS), "--seeds", str(runs)]
    with new_store():
        # A process in between, so that the peak is that of this sweep's largest process alone.
        measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2); "
        measure += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", measure, *command, "--workers", str(WORKERS)], check=True, capture_output=True
        )
        return (time.perf_counter() - begin) / runs, 1024 * int(done.stdout)


def sweep_here(runs: int) -> float:
    """Sweep over so many seeds in this process; return the seconds a run."""
    return quiet(lambda: sweep_main(["--epochs", str(EPOCHS), "--seeds", str(runs), "--again"])) / runs


def recording_cost(flags: Flags) -> tuple[list[str], dict[int, tuple[float, float]]]:
    """Measure what recording costs, all in one go, because the times of each part differ between machines.

    Returns:
        The lines of two tables: a run of a sweep, in one process and with workers, beside a plain script; and the least
        tracked run beside both. And for both sizes of sweeps the seconds a run and the peak memory in bytes.
    """
    small = flags.runs // 10
    with new_store():
        works: list[Callable[[], float]] = [
            lambda: quiet(lambda: plain_script(EPOCHS)),
            lambda: sweep_here(small),
            lambda: quiet(lambda: least_runs(small)) / small,
        ]
        for work in works:
            work()
        rounds = [[work() for work in works] for _ in range(flags.repeats)]
    plain, here, least = (statistics.median(times) for times in zip(*rounds, strict=True))
    sizes = {runs: sweep_process(runs) for runs in (small, flags.runs)}
    apart = sizes[flags.runs][0]

    lines = [
        f"| {name} | {1000 * ours:.0f} ms | {1000 * plain:.0f} ms | {plain / ours:.0f} | {wanted} |"
        for name, ours, wanted in (
            (f"a run of {EPOCHS} epochs in a sweep of {small}, one process, against a plain script", here, 60),
            (f"whole sweep of {flags.runs} runs, a run, {WORKERS} workers, against a plain script", apart, 100),
        )
    ]
    lines += [
        "",
        "| the floor | a run | a run of a sweep, times that | the plain script, times that |",
        "|---|---|---|---|",
    ]
    lines += [f"| open, log one metric, end | {1000 * least:.0f} ms | {here / least:.1f} | {plain / least:.0f} |"]
    return lines, sizes


def parts(runs: int) -> dict[str, float]:
    """Sweep in this process; return the seconds a run that go into each part of the work."""
    seconds: dict[str, float] = defaultdict(float)
    inside: list[str] = []

    def timed(where: Any, name: str, part: str) -> None:
        function = getattr(where, name)

        def measured(*arguments: Any, **named: Any) -> Any:
            inside.append(part)
            begin = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                seconds[inside.pop()] += time.perf_counter() - begin
                if inside:  # what is counted here is not counted there
                    seconds[inside[-1]] -= time.perf_counter() - begin

        setattr(where, name, measured)

    run = tracking.TrackedRun
    for where, name, part in (
        (run, "__init__", "params, tags and metrics"),
        (run, "finish", "params, tags and metrics"),
        (run, "_log_model", "model"),
        (tracking, "draw_run", "plots"),
        (recording, "measure", "measuring"),
        (recording, "page_of_training", "page of the net"),
    ):
        timed(where, name, part)
    with new_store():
        begin = time.perf_counter()
        quiet(lambda: sweep_main(["--epochs", str(EPOCHS), "--seeds", str(runs)]))
        whole = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in train_stack(prepare_all(TrainConfig(seed=seed, epochs=EPOCHS) for seed in range(runs))):
        pass
    seconds["training"] = time.perf_counter() - begin
    seconds["all else (looking for runs, tables, comparison pictures)"] = whole - sum(seconds.values())
    return {part: total / runs for part, total in seconds.items()}


@contextlib.contextmanager
def new_store() -> Iterator[None]:
    """Work in an empty folder with an empty default store."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
        os.chdir(folder)  # first, because the store keeps its files in the folder in which it is made
        try:
            mlflow.MlflowClient().search_experiments()  # makes the store
            yield
        finally:
            os.chdir(before)


def quiet(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes, its words not shown."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin


def main() -> None:
    flags = tyro.cli(Flags)
    os.environ["PYTHONPATH"] = str(PROJECT)
    print("| what, median | ours | instead | times as fast | goal |\n|---|---|---|---|---|")
    lines, sizes = recording_cost(flags)
    print("\n".join(lines), "\n")
    print("| sweep of | seconds a run | peak memory of the largest process |\n|---|---|---|")
    for count, (seconds, peak) in sizes.items():
        print(f"| {count} runs | {seconds:.3f} | {peak / 1e6:.0f} MB |")
    print("\n| where a run's time goes, in one process | ms | share |\n|---|---|---|")
    measured = parts(flags.runs // 10)
    for part, seconds in sorted(measured.items(), key=lambda item: -item[1]):
        print(f"| {part} | {1000 * seconds:.1f} | {seconds / sum(measured.values()):.0%} |")


if __name__ == "__main__":
    main()
