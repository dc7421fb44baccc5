"""Runs in a PostgreSQL database, used directly, behind a server, and by many processes at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest
from mlflow import MlflowClient

from analysis.runs import find_runs, load_run
from experiments.delete import main as delete
from experiments.sweep import main as sweep
from experiments.train import main
from tests.conftest import tracked_at, tracking
from tests.experiments.test_sweep_processes import check_whole, complete
from tests.postgres import PASSWORD, postgres
from tests.servers import free_port


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database that MLflow uses; works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    with postgres() as address, tracked_at(address):
        yield address


@pytest.mark.slow
def test_a_database_is_used_directly(database: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--epochs", "2"]) == 0
    assert sweep(["--epochs", "2", "--seeds", "3"]) == 0
    assert len(find_runs(sweep="latest")) == 3
    assert load_run("latest").config.epochs == 2
    assert delete(["latest", "--yes"]) == 0
    (run,) = find_runs().to_dict("records")
    assert run["name"] == "abc rnn16 e2 s42"
    said = "".join(capfd.readouterr())
    shown = database.replace(PASSWORD, "***")
    assert f"mlflow ui --backend-store-uri '{shown}'   then http://127.0.0.1:5000/#/experiments/0/runs/" in said
    assert f"mlflow gc --backend-store-uri '{shown}' --tracking-uri '{shown}'" in said
    assert PASSWORD not in said
    recorded = MlflowClient().get_run(run["run_id"])
    assert PASSWORD not in repr(recorded)


@pytest.mark.parametrize(
    ("served", "workers", "seeds", "kills"),
    [pytest.param(False, 2, 12, 1, marks=pytest.mark.slow), pytest.param(True, 4, 160, 8, marks=pytest.mark.long)],
    ids=["one of two workers", "eight of four workers"],
)
def test_a_sweep_on_a_cluster_survives_the_death_of_workers(
    database: str, tmp_path: Path, served: bool, workers: int, seeds: int, kills: int
) -> None:
    """One worker is killed every few seconds, and another one takes its place; `served`: with a server in between."""
    import dask
    from distributed import LocalCluster

    def kill_workers() -> None:
        for kill in range(kills):
            made = complete()
            while complete() < made + 2:
                time.sleep(0.3)
            os.kill(list(cluster.workers.values())[kill % workers].pid, signal.SIGKILL)
            killed.append(kill)
            time.sleep(2)

    killed: list[int] = []
    ensure_running()
    with (
        tracking(tmp_path, database) if served else nullcontext(database) as address,
        tracked_at(address),
        # Workers are forked from a process that has imported what they need: seconds less for each.
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        killer = threading.Thread(target=kill_workers, daemon=True)
        killer.start()
        arguments = ["--epochs", "3", "--seeds", str(seeds), "--scheduler", cluster.scheduler_address]
        assert sweep(arguments) == 0
        assert len(killed) == kills
        check_whole(seeds)


@pytest.mark.long
def test_programs_that_begin_with_an_empty_database_at_once_all_record(database: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments.train", "--epochs", "1", "--seed"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": database}
    programs = [subprocess.Popen([*command, str(seed)], cwd=tmp_path, env=environment) for seed in range(4)]
    assert [program.wait(120) for program in programs] == [0] * 4
    assert len(find_runs()) == 4


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg2"])
def test_an_address_without_a_driver_says_what_to_write(
    scheme: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tracked_at(f"{scheme}://anna:{PASSWORD}@127.0.0.1:{free_port()}/runs"):
        assert main(["--epochs", "1"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: the store {scheme}://anna:***@127.0.0.1:")
    assert "allowed: postgresql+psycopg://anna:***@127.0.0.1:" in error
    assert '`pip install -e ".[postgres]"`' in error


def test_a_database_that_is_away_is_refused_at_once(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("psycopg", reason='psycopg is not installed: pip install -e ".[postgres]"')
    begin = time.monotonic()
    with tracked_at(f"postgresql+psycopg://anna:{PASSWORD}@127.0.0.1:{free_port()}/runs"):
        assert main(["--epochs", "1"]) == 2
        with pytest.raises(
            LookupError, match=r"the store postgresql\+psycopg://anna:\*\*\*@127.0.0.1:\d+/runs cannot be read"
        ):
            find_runs()
    assert time.monotonic() - begin < 20
    (error,) = capsys.readouterr().err.splitlines()
    assert "(nobody answers there)" in error
    assert PASSWORD not in error
