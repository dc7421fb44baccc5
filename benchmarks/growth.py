"""How a store grows: what runs, tables, commands and MLflow's page cost when it holds 100, 1,000 and 10,000 runs.

    python -m benchmarks.growth
    python -m benchmarks.growth --runs 100 1000
    python -m benchmarks.growth --store postgresql+psycopg://USER:PASSWORD@HOST/DATABASE

Every run is trained and recorded by `python -m experiments.sweep`, as a user's runs are; nothing is copied. Each size
is reached by a sweep of 100 runs, which is timed. Then the store is read by a process of its own. Times belong to one
machine; the ratios of the last column carry over. With 10,000 runs it takes about an hour on two cores, and 5 GB.
"""

import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tyro

from analysis.runs.store import on_disk
from benchmarks.one_run import PROJECT

EPOCHS = 100
WORKERS = 2

TIMED = 100
"""The runs of the sweep that is timed at each size."""

FILLING = 500
"""The most runs of a sweep that fills the store."""

READ = """
import resource, sys, time
from mlflow import MlflowClient
from analysis.runs import curves, find_runs

def timed(work):
    begin = time.perf_counter()
    result = work()
    print(time.perf_counter() - begin, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return result

MlflowClient().search_experiments()
ten = [int(sys.argv[1]) * number // 10 for number in range(10)]
assert len(timed(lambda: find_runs(seed=ten, epochs=int(sys.argv[2])))) == 10
runs = timed(find_runs)
timed(lambda: curves(runs))
"""
"""Prints, a line for each step, its seconds and the greatest memory of the process so far, in bytes."""


@dataclass(frozen=True)
class Flags:
    """Measure what a store costs as it grows."""

    runs: tuple[int, ...] = (100, 1_000, 10_000)
    """The sizes of the store, ascending, each at least 100 more than the one before."""
    store: str = ""
    """The address of an empty database; by default, a new SQLite file."""


def seconds_of(*arguments: str) -> float:
    """Run a command in a process of its own, and return how many seconds it takes."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - begin


def sweep(first: int, end: int) -> float:
    """Make the runs with the seeds from `first` to `end` - 1, and return the seconds that a run takes."""
    flags = ["--epochs", str(EPOCHS), "--seeds", f"{first}-{end - 1}", "--workers", str(WORKERS)]
    return seconds_of("-m", "experiments.sweep", *flags) / (end - first)


def read(runs: int) -> dict[str, float]:
    """Return what it costs to read a store with so many runs."""
    command = [sys.executable, "-c", READ, str(runs), str(EPOCHS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (ten, _), (found, memory), (curves, peak) = (map(float, line.split()) for line in done.stdout.splitlines())
    return {
        "ten runs by their fields, s": ten,
        "all runs as a table, ms a run": 1000 * found / runs,
        "memory of that process, MB": memory / 1e6,
        "the curves of all runs, ms a run": 1000 * curves / runs,
        "memory of that process with the curves, MB": peak / 1e6,
    }


def page(store: str) -> dict[str, float]:
    """Start `mlflow ui`; return the seconds until it answers what its list of runs asks, and of a further answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    asked = {"experiment_ids": ["0"], "max_results": 100, "order_by": ["attributes.start_time DESC"]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )

    def listed() -> int:
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=60) as answer:
            return len(json.load(answer)["runs"])
        return 0

    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--backend-store-uri", store]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and not listed():
                time.sleep(0.1)
            shown = time.perf_counter() - begin
            answers = []
            for _ in range(9):  # the first few wake up processes of the server
                begin = time.perf_counter()
                listed()
                answers.append(time.perf_counter() - begin)
            return {
                "from `mlflow ui` to its list of runs, s": shown,
                "the list of runs once more, s": statistics.median(answers),
            }
        finally:
            process.terminate()


def room(folder: Path, runs: int) -> dict[str, float]:
    """Return the room that a store of so many runs takes; of a database elsewhere only the files beside it."""
    files = [path for path in (folder / "mlruns").rglob("*") if path.is_file()]
    database = folder / "mlflow.db"
    return {
        "files, kB a run": sum(on_disk(path.stat().st_size) for path in files) / 1e3 / runs,
        "files a run": len(files) / runs,
        "database, kB a run": database.stat().st_size / 1e3 / runs if database.exists() else 0.0,
    }


def measured(folder: Path, store: str, before: int, runs: int) -> dict[str, float]:
    """Let a store of `before` runs grow to `runs` runs, and return what it costs then, by name."""
    starts = [*range(before, runs - TIMED, FILLING), runs - TIMED]
    for first, end in itertools.pairwise(starts):
        sweep(first, end)
    costs = {f"a run, in a sweep of {TIMED} with {WORKERS} workers, s": sweep(runs - TIMED, runs)}
    costs |= room(folder, runs)
    again = TIMED * sweep(runs - TIMED, runs)
    return {
        **costs,
        f"the same sweep of {TIMED} runs again, whole command, s": again,
        # Not a seed of the sweeps, so that their runs stay alone with their number of epochs.
        "one run of one epoch, whole command, s": seconds_of("-m", "experiments.train", "--epochs", "1"),
        **read(runs),
        **page(store),
    }


def table(costs_of_size: Mapping[int, Mapping[str, float]]) -> Iterator[str]:
    """Yield the lines of a Markdown table: a row for each cost, a column for each size of the store."""
    sizes = list(costs_of_size)
    yield f"| what | {' | '.join(f'{size:,} runs' for size in sizes)} | last / first |"
    yield "|---" * (len(sizes) + 2) + "|"
    for name in costs_of_size[sizes[0]]:
        values = [costs_of_size[size][name] for size in sizes]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
        yield f"| {name} | {' | '.join(f'{value:.3g}' for value in values)} | {ratio} |"


def main() -> None:
    flags = tyro.cli(Flags)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        os.environ["PYTHONPATH"] = str(PROJECT)
        store = os.environ["MLFLOW_TRACKING_URI"] = flags.store or f"sqlite:///{folder}/mlflow.db"
        costs_of_size: dict[int, dict[str, float]] = {}
        for before, runs in itertools.pairwise((0, *flags.runs)):
            if runs < before + TIMED:
                raise SystemExit(f"runs is {flags.runs}; allowed: ascending sizes, each at least {TIMED} more (--runs)")
            costs_of_size[runs] = measured(folder, store, before, runs)
            print(f"{runs:,} runs: {costs_of_size[runs]}", file=sys.stderr, flush=True)
        print(*table(costs_of_size), sep="\n")


if __name__ == "__main__":
    main()
