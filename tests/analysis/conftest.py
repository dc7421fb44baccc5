"""A store of small runs that the tests of pictures and tables of runs share; none of them writes to it."""

import os
import warnings
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from filelock import FileLock

from analysis.runs import find_runs
from experiments.sweep import main as sweep
from experiments.train import main as train
from tests.conftest import recording_in

SWEEPS = (
    "--patterns abc --hidden-sizes 4 --epochs 2,60 --learning-rates 0.05 --seeds 3",
    "--patterns abc,aab --hidden-sizes 6 --epochs 60 --learning-rates 0.05 --seeds 2",
    "--patterns reber --lengths 60,120 --batch-sizes 4 --hidden-sizes 3 --epochs 2 --seeds 2",
)

DIVERGES = "--pattern abc --hidden-size 64 --epochs 60 --learning-rate 1e37 --seed 0"


@pytest.fixture(scope="session")
def recorded_sweeps(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on motifs with two hidden sizes, a grid with gaps, strings of two lengths, and a run that diverged."""
    # Processes that test side by side share one folder; the first that needs the runs records them.
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "sweeps"
    with FileLock(f"{folder}.lock"):
        if not (folder / "recorded").exists():
            folder.mkdir()
            with recording_in(migrated_store, folder):
                for flags in SWEEPS:
                    assert sweep(flags.split()) == 0
                assert train(DIVERGES.split()) == 1
            (folder / "recorded").touch()
    return folder


@pytest.fixture
def sweeps(recorded_sweeps: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded_sweeps / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    return recorded_sweeps


@pytest.fixture
def units(sweeps: Path) -> pd.DataFrame:
    """Runs on abc, 4 hidden units, 2 and 60 epochs, seeds 0 to 2; on abc and aab, 6 units, 60 epochs, seeds 0 and 1."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "3 of the 4 combinations")
        return find_runs(pattern=["abc", "aab"], hidden_size=[4, 6])


@pytest.fixture
def diverged(sweeps: Path) -> pd.DataFrame:
    """One run on abc that diverged: 64 hidden units."""
    return find_runs(hidden_size=64)


@pytest.fixture
def strings(sweeps: Path) -> pd.DataFrame:
    """Runs on reber, 60 and 120 characters, seeds 0 and 1."""
    return find_runs(pattern="reber")
