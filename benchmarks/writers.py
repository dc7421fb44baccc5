"""How many runs a second a database takes from several processes at once: SQLite, or the one that is named.

    python -m benchmarks.writers
    python -m benchmarks.writers --store postgresql+psycopg://USER:PASSWORD@HOST/DATABASE

Each process writes, one run after the other, the tags, params and metrics of a run of 100 epochs in as many requests as
our recording makes, without training, pictures or files. So this is the most that any number of workers can record.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
import tyro

WRITE = """
import sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

client, count = MlflowClient(), int(sys.argv[1])
params = [Param(f"field_{number}", "16") for number in range(17)]
tags = [RunTag(f"tag_{number}", "a value") for number in range(8)]
curve = [Metric(name, 0.1, 0, epoch) for epoch in range(100) for name in ("train_loss", "train_accuracy")]
client.search_experiments()
print("ready", flush=True)
input()
begin = time.perf_counter()
for _ in range(count):
    run_id = client.create_run("0", tags={f"first_{number}": "a value" for number in range(12)}).info.run_id
    client.log_batch(run_id, params=params, tags=tags)
    client.log_batch(run_id, metrics=curve, tags=tags[:2])
    client.set_terminated(run_id)
print(time.perf_counter() - begin)
"""
"""A process that writes so many runs, once it is told to begin, and prints the seconds that they took."""


@dataclass(frozen=True)
class Flags:
    """Measure how many runs a second a database takes."""

    writers: tuple[int, ...] = (1, 2, 4, 8)
    """The numbers of processes that write at once."""
    runs: int = 40
    """The runs that each process writes."""
    store: str = ""
    """The address of an empty database; by default, a new SQLite file."""


def pace(writers: int, runs: int) -> float:
    """Return how many runs a second are written by so many processes, each of which writes `runs` runs."""
    command = [sys.executable, "-c", WRITE, str(runs)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(writers)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        print(file=process.stdin, flush=True)
    return writers * runs / max(float(process.communicate()[0]) for process in processes)


def main() -> None:
    flags = tyro.cli(Flags)
    with tempfile.TemporaryDirectory() as name:
        os.chdir(Path(name))
        os.environ["MLFLOW_TRACKING_URI"] = flags.store or f"sqlite:///{name}/mlflow.db"
        mlflow.MlflowClient().search_experiments()  # makes the tables
        print("| processes that write at once | runs a second |\n|---|---|")
        for writers in flags.writers:
            print(f"| {writers} | {pace(writers, flags.runs):.0f} |", flush=True)


if __name__ == "__main__":
    main()
