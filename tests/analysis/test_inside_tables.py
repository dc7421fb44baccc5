"""The tables of what was found inside nets, read for several runs at once."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.inside.finding import Finding
from analysis.runs import RunError, find_runs, inside_table
from experiments.sweep import main as sweep
from experiments.tracking.inside_files import record_finding


def test_the_tables_of_runs_are_joined_by_the_run(store: Path) -> None:
    assert sweep(["--patterns", "ab", "--epochs", "1", "--hidden-sizes", "2", "--seeds", "3"]) == 0
    runs = find_runs(pattern="ab")
    with pytest.raises(RunError, match="none of 3 runs has inside/points.csv; allowed: the name of a table"):
        inside_table(runs, "points")
    for number, run_id in enumerate(runs["run_id"][:2]):
        table = pd.DataFrame({"kind": ["stable", "saddle"], "states": [number, 9]})
        record_finding(run_id, "question", Finding(["found"], {"points": table}))
    found = inside_table(runs, "points").merge(runs[["run_id", "seed"]], on="run_id")
    assert found["seed"].tolist() == [0, 0, 1, 1]
    assert found["kind"].tolist() == ["stable", "saddle"] * 2
    assert found["states"].tolist() == [0, 9, 1, 9]
    next(store.rglob("points.csv")).write_bytes(b"")
    with pytest.raises(RunError, match=r"points.csv is no table .*; allowed: CSV as it was recorded"):
        inside_table(runs, "points")
