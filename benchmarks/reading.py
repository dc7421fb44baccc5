"""What it costs to read the curves of many runs into one table, beside search_runs and get_metric_history.

    python -m benchmarks.reading

Both read the same runs in turn, once from a SQLite store with its files beside it, once over a tracking server on this
machine that keeps the same. The runs have the record, the metrics and the files of a run of a small net; they are
written by MLflow's client one after the other, without a training each. Times belong to one machine; the ratios carry
over. It takes about ten minutes on two cores, most of them in get_metric_history.
"""

import contextlib
import dataclasses
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import tyro
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from analysis.runs import curves, find_runs
from benchmarks.one_run import PROJECT
from rnn_core.checkpoint import CONFIG_FILE, record_text
from rnn_core.config import TrainConfig
from rnn_core.data import prepare, prepare_all
from rnn_core.training import train

EPOCHS = 500
METRICS = ("train_loss", "train_accuracy")

LEAST = 5
"""How many times as fast we ask ourselves to be."""


@dataclass(frozen=True)
class Flags:
    """Measure the reading of many runs against what a user would do instead."""

    runs: int = 1000
    """Runs in each store."""
    repeats: int = 1
    """Counted pairs of each comparison; one is a sum over all runs already."""


def ours() -> pd.DataFrame:
    """Read every run and its curves."""
    return curves(find_runs())


def instead() -> pd.DataFrame:
    """Read the same curves as MLflow's documentation shows."""
    client = MlflowClient()
    rows = []
    for run in mlflow.search_runs(search_all_experiments=True, output_format="list"):
        for name in METRICS:
            history = client.get_metric_history(run.info.run_id, name)
            rows += [(run.info.run_id, point.step, name, point.value) for point in history]
    return pd.DataFrame(rows, columns=["run_id", "epoch", "metric", "value"])


def write_runs(count: int, experiment: str, files: Path) -> None:
    """Record runs of a small net that differ in their seeds, with the curves of one of them.

    Arguments:
        count: how many.
        experiment: MLflow's id.
        files: the folder in which MLflow looks for the files of the experiment's runs.
    """
    client, config = MlflowClient(), TrainConfig(epochs=EPOCHS)
    curve = [
        {"epoch": one.epoch, "train_loss": one.loss, "train_accuracy": one.accuracy} for one in train(prepare(config))
    ]
    table = pd.DataFrame(curve).to_csv(index=False)
    for member in prepare_all(dataclasses.replace(config, seed=seed) for seed in range(count)):
        run_id = client.create_run(experiment).info.run_id
        metrics = [Metric(name, row[name], 0, int(row["epoch"])) for row in curve for name in METRICS]
        params = [Param(name, str(value)) for name, value in vars(member.config).items()]
        tags = {"config_digest": member.record.digest, "end_reason": "finished"}
        client.log_batch(run_id, metrics, params, [RunTag(*tag) for tag in tags.items()])
        client.set_terminated(run_id)
        folder = files / run_id / "artifacts"
        folder.mkdir(parents=True)
        (folder / "curves.csv").write_text(table)
        (folder / CONFIG_FILE).write_text(record_text(member.record))


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a tracking server over a store in `folder`, its files in `folder`/served; yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/served"]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
                    break
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()


def compare(name: str, repeats: int) -> str:
    """Read the store that MLflow is pointed at by both ways in turn, and return a line of the table."""
    pairs = []
    for _ in range(repeats):
        times = []
        tables = []
        for read in (ours, instead):
            begin = time.perf_counter()
            tables.append(read())
            times.append(time.perf_counter() - begin)
        same(*tables)
        pairs.append(times)
    mine, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    return f"| {name} | {mine:.1f} s | {theirs:.1f} s | {theirs / mine:.1f} | {LEAST} |"


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Raise unless both tables hold the same."""
    keys = ["run_id", "metric", "epoch"]
    first, second = (table.astype({"run_id": str, "metric": str}).sort_values(keys) for table in (one, other))
    for name in [*keys, "value"]:
        if not (first[name].to_numpy() == second[name].to_numpy()).all():
            raise RuntimeError(f"the two tables differ in {name}")


def memory(most: int) -> tuple[float, float]:
    """Return the size of the table of `most` runs, and the most memory that reading it took at any time, in bytes."""
    code = (
        "import sys, tracemalloc\n"
        "from analysis.runs import curves, find_runs\n"
        "curves(find_runs(seed=range(10)))\n"  # what is needed in any case is there now
        "tracemalloc.start()\n"
        "table = curves(find_runs(seed=range(int(sys.argv[1]))))\n"
        "print(table.memory_usage(deep=True).sum(), tracemalloc.get_traced_memory()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(most)], check=True, capture_output=True, text=True)
    size, taken = done.stdout.split()
    return float(size), float(taken)


def main() -> None:
    flags = tyro.cli(Flags)
    rows, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["PYTHONPATH"] = str(PROJECT)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{home}/mlflow.db"
        mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
        client = MlflowClient()
        write_runs(flags.runs, client.create_experiment("here", f"{home}/here"), home / "here")
        rows.append(compare(f"{flags.runs:,} runs of {EPOCHS} epochs into one table, from SQLite", flags.repeats))
        sizes = [(count, *memory(count)) for count in (flags.runs // 4, flags.runs // 2, flags.runs)]
    with tempfile.TemporaryDirectory() as folder, server(home := Path(folder)) as address:
        mlflow.set_tracking_uri(address)
        experiment = MlflowClient().create_experiment("there")
        mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")  # written directly, which is faster
        write_runs(flags.runs, experiment, home / "served" / experiment)
        mlflow.set_tracking_uri(address)
        rows.append(compare(f"{flags.runs:,} runs of {EPOCHS} epochs into one table, over a server", flags.repeats))
    print("| what | ours | instead | times as fast | at least |\n|---|---|---|---|---|")
    print(*rows, sep="\n")
    print("\n| runs found among all | table | most memory at any time |\n|---|---|---|")
    for count, size, taken in sizes:
        print(f"| {count:,} | {size / 1e6:.0f} MB | {taken / 1e6:.0f} MB |")


if __name__ == "__main__":
    main()
