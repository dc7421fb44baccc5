"""Whether this checkout records the same numbers as an earlier commit: runs of every family, every cell, and sweeps.

    python -m benchmarks.same_numbers COMMIT

Both checkouts train and record the same command lines on this machine, each in a store of its own. Runs are matched by
their `config_digest`. Weights and curves must be equal bit for bit, counts equal, other metrics to 1e-6.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

PROJECT = Path(__file__).resolve().parent.parent

SMALL = ["--epochs", "2", "--length", "3000"]

TRAINED = [
    ["--pattern", "abc", "--epochs", "20"],
    ["--pattern", "unit:a:b", "--epochs", "20", "--encoding", "onehot"],
    *(
        ["--pattern", spec, *SMALL]
        for spec in (
            *("ambncmn", "anb2n", "anbn:uniform=8", "anbncn", "cycle_navigation", "dyck:2", "elman", "ereber"),
            *("markov:order=2:alphabet=4:seed=0", "modular_arithmetic", "noisy:abc:0.1", "parity"),
            *("reber", "reverse", "tomita:3", "tomita:6"),
        )
    ),
    ["--pattern", "text:text.txt", "--epochs", "2", "--hidden-size", "32", "--threads", "1"],
    *(
        ["--pattern", "abcabd", "--cell", cell, "--layers", layers, "--encoding", encoding, "--epochs", "15"]
        for cell in ("rnn", "gru", "lstm")
        for layers, encoding in (("1", "onehot"), ("2", "embedding"))
    ),
    ["--pattern", "dyck:1", *SMALL, "--keep", "best", "--window", "7", "--clip", "0.5", "--weight-decay", "0.1"],
    ["--pattern", "markov:order=1:alphabet=3:seed=1", *SMALL, "--keep", "best", "--batch-size", "7", "--window", "9"],
    ["--pattern", "abc", "--epochs", "9", "--learning-rate", "1e37", "--hidden-size", "64"],
]
"""Command lines of experiments.train. The last one diverges."""

SWEPT = [
    ["--patterns", "abc,aab", "--cells", "rnn,gru,lstm", "--epochs", "10,20", "--seeds", "3"],
    ["--patterns", "dyck:2,parity", "--lengths", "2000", "--epochs", "2", "--cells", "rnn,lstm", "--seeds", "3"],
    [
        *("--patterns", "noisy:abc:0.1", "--lengths", "2000", "--epochs", "3", "--layers", "2", "--clips", "0,0.5"),
        *("--schedules", "cosine", "--weight-decays", "0.1", "--seeds", "3", "--encodings", "onehot,embedding"),
    ],
    ["--patterns", "aab", "--keeps", "best", "--epochs", "3", "--lengths", "60", "--seeds", "2"],
]
"""Command lines of experiments.sweep."""

DRIVER = """
import json, sys
from experiments.sweep import main as sweep
from experiments.train import main as train
ends = [train(arguments) for arguments in json.loads(sys.argv[1])] + [sweep(a) for a in json.loads(sys.argv[2])]
print("ends", *ends)
"""

READER = """
import csv, hashlib, json, sys
import mlflow
from mlflow import MlflowClient
client = MlflowClient()
found = []
for run in client.search_runs(["0"], "tags.config_digest LIKE '%'", max_results=1000):
    where = run.info.artifact_uri.removeprefix("file://")
    models = run.outputs.model_outputs if run.outputs else []
    weights = ""
    if models:
        home = client.get_logged_model(models[0].model_id).artifact_location.removeprefix("file://")
        weights = hashlib.sha256(open(f"{home}/artifacts/model.safetensors", "rb").read()).hexdigest()
    with open(f"{where}/curves.csv") as file:
        curves = hashlib.sha256(file.read().encode()).hexdigest()
    found.append({"digest": run.data.tags["config_digest"], "name": run.info.run_name, "weights": weights,
                  "curves": curves, "metrics": run.data.metrics, "status": run.info.status})
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Flags:
    """Compare the numbers that two checkouts record."""

    commit: Annotated[str, tyro.conf.Positional] = "HEAD"
    """The commit to compare with."""


def record(checkout: Path, folder: Path) -> dict[str, dict[str, object]]:
    """Record every run with the code of a checkout, in a store in `folder`; return by digest what was recorded."""
    # The spec of a text holds its path, so both checkouts read one file.
    (folder / "text.txt").write_text("the quick brown fox jumps over the lazy dog, and on. " * 40)
    environment = os.environ | {"PYTHONPATH": str(checkout), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    driver = [sys.executable, "-c", DRIVER, json.dumps(TRAINED), json.dumps(SWEPT)]
    done = subprocess.run(driver, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    ends = done.stdout.split("ends ")[-1].split()
    diverges = len(TRAINED) - 1
    if ends != ["1" if number == diverges else "0" for number in range(len(TRAINED) + len(SWEPT))]:
        raise RuntimeError(f"{checkout}: the command lines ended with {ends}; all but the one that diverges must be 0")
    reader = [sys.executable, "-c", READER]
    done = subprocess.run(reader, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return {run["digest"]: run for run in json.loads(done.stdout)}


def largest_difference(first: dict[str, float], second: dict[str, float]) -> float:
    """Return the largest absolute difference between two runs' metrics; infinite where one has a metric alone."""
    if first.keys() != second.keys():
        return math.inf
    return max((abs(first[name] - second[name]) for name in first), default=0.0)


def main() -> int:
    """Print a line a run, and return 1 if any number differs."""
    flags = tyro.cli(Flags)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        subprocess.run(["git", "clone", "-q", str(PROJECT), str(home / "before")], check=True)
        subprocess.run(["git", "-C", str(home / "before"), "checkout", "-q", flags.commit], check=True)
        recorded = []
        for checkout in (home / "before", PROJECT):
            # The same folder for both: a text's spec, and so its digest, holds the path.
            (home / "store").mkdir()
            recorded.append(record(checkout, home / "store"))
            (home / "store").rename(home / f"store{len(recorded)}")
    before, now = recorded
    print("| run | weights | curves | end | largest difference of a metric |\n|---|---|---|---|---|")
    wrong = len(before.keys() ^ now.keys())
    for digest in before.keys() & now.keys():
        old, new = before[digest], now[digest]
        equal = [old[name] == new[name] for name in ("weights", "curves", "status")]
        difference = largest_difference(old["metrics"], new["metrics"])  # type: ignore[arg-type]
        wrong += not (all(equal) and difference <= 1e-6)
        words = " | ".join("equal" if same else "DIFFERS" for same in equal)
        print(f"| {old['name']} {digest[:8]} | {words} | {difference:.1e} |")
    alone = len(before.keys() ^ now.keys())
    print(f"{len(before)} runs before, {len(now)} now, {alone} without the other; {wrong} differ")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
