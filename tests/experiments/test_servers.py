"""Real servers on loopback: a tracking server with its UI's endpoints, and the model served without the project."""

import json
import subprocess
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from analysis.runs import load_run
from experiments.delete import main as delete
from experiments.sweep import main as sweep
from experiments.train import main
from tests.conftest import copy_store, readers_environment, tracked_at, tracking
from tests.servers import ask, free_port, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_server(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    copy_store(migrated_store, folder)
    with tracking(folder) as address:
        yield address


@pytest.fixture
def tracking_server(store: Path, one_server: str) -> Iterator[str]:
    """The same server for every test here, each of which has an experiment of its own."""
    with tracked_at(one_server):
        yield one_server


def test_two_runs_compare_in_the_ui(tracking_server: str, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = MlflowClient().create_experiment("over http")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
        for hidden_size in ("4", "8"):
            assert main(["--hidden-size", hidden_size, "--epochs", "12"]) == 0
    assert f"{tracking_server}/#/experiments/{experiment}/runs/" in capsys.readouterr().out
    api = f"{tracking_server}/ajax-api/2.0/mlflow"

    status, answer = ask(f"{api}/runs/search", {"experiment_ids": [experiment], "max_results": 100})
    assert status == 200
    runs = json.loads(answer)["runs"]
    assert {run["info"]["run_name"] for run in runs} == {"abc rnn4 e12 s42", "abc rnn8 e12 s42"}
    shown = [{param["key"]: param["value"] for param in run["data"]["params"]} for run in runs]
    assert {key for key in shown[0] if shown[0][key] != shown[1][key]} == {"hidden_size"}
    assert all("mlflow.note.content" in {tag["key"] for tag in run["data"]["tags"]} for run in runs)
    assert all(run["inputs"]["dataset_inputs"][0]["dataset"]["name"] == "abc" for run in runs)

    ids = [run["info"]["run_id"] for run in runs]
    asked = "&".join(f"run_ids={run_id}" for run_id in ids)
    query = f"metrics/get-history-bulk-interval?{asked}&metric_key=train_loss&max_results=320"
    status, answer = ask(f"{api}/{query}")
    assert status == 200
    points = json.loads(answer)["metrics"]
    for run_id in ids:
        curve = load_run(run_id).curves["train_loss"]
        assert [point["value"] for point in points if point["run_id"] == run_id] == pytest.approx(curve.tolist())
        for name in ("loss", "predictions", "hidden_states", "trajectory"):
            status, answer = ask(f"{tracking_server}/get-artifact?path=plots/{name}.png&run_uuid={run_id}")
            assert status == 200
            assert answer.startswith(b"\x89PNG")
    status, page = ask(f"{tracking_server}/")
    assert status == 200
    assert b"<title>MLflow</title>" in page


def test_a_run_over_http_reads_back_the_same_as_it_was_trained(tracking_server: str) -> None:
    experiment = MlflowClient().create_experiment("one run over http")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
        assert main(["--epochs", "25", "--cell", "gru"]) == 0
    (run,) = MlflowClient().search_runs([experiment])
    loaded = load_run(run.info.run_id)
    assert np.isfinite(loaded.curves.to_numpy()).all()
    assert loaded.config.cell == "gru"
    assert sum(weight.numel() for weight in loaded.net.parameters()) == run.data.metrics["parameters"]


def test_the_password_of_a_server_is_neither_printed_nor_recorded(
    tracking_server: str, capfd: pytest.CaptureFixture[str]
) -> None:
    experiment = MlflowClient().create_experiment("with a password")
    address = tracking_server.replace("://", "://anna:s3cret@")
    with pytest.MonkeyPatch.context() as patch, tracked_at(address):
        patch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
        assert main(["--epochs", "2"]) == 0
        assert sweep(["--epochs", "2", "--seeds", "1"]) == 0
        assert delete(["latest", "--yes"]) == 0
        (run,) = MlflowClient().search_runs([experiment])
    assert "s3cret" not in repr(run)
    out, err = capfd.readouterr()
    shown = address.replace("s3cret", "***")
    assert f"{shown}/#/experiments/{experiment}/runs/" in out
    assert f"--tracking-uri '{shown}'" in out
    assert "s3cret" not in out + err


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with this one's packages but without this project; returns its python."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # A folder named in a .pth file is searched, but its own .pth files, which hold editable installs, are not read.
    (packages / "borrowed.pth").write_text(str(Path(np.__file__).parent.parent))
    command = [python, "-c", "import torch, mlflow; import rnn_core"]
    looked = subprocess.run(command, cwd=folder, env=readers_environment(), capture_output=True, check=False)
    assert b"No module named 'rnn_core'" in looked.stderr
    return python


def test_the_model_serves_without_the_project(store: Path, bare_environment: Path) -> None:
    """From the folder that holds mlflow.db, with nothing set."""
    assert main(["--pattern", "abcd", "--epochs", "150"]) == 0
    (run,) = MlflowClient().search_runs(["0"])
    port = free_port()
    command = [str(bare_environment), "-m", "mlflow", "models", "serve", "-m", f"runs:/{run.info.run_id}/model"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = readers_environment()
    environment["PATH"] = f"{bare_environment.parent}:{environment['PATH']}"
    with serving(command, port, "/ping", cwd=store, env=environment) as address:
        invocations = f"{address}/invocations"
        status, answer = ask(invocations, {"inputs": ["abcd", "abcd" * 60 + "ab"], "params": {"length": 6}})
        assert (status, json.loads(answer)) == (200, {"predictions": ["abcdab", "cdabcd"]})

        hot = {"length": 40, "temperature": 3.0, "seed": 7}
        one, two = (ask(invocations, {"inputs": ["ab"], "params": hot}) for _ in range(2))
        assert one == two
        assert one[0] == 200
        assert ask(invocations, {"inputs": ["ab"], "params": hot | {"seed": 8}}) != one

        for body, words in (
            ({"inputs": ["abX"]}, ["'X'", "'abcd'"]),
            ({"inputs": [""]}, ["empty"]),
            ({"inputs": ["a"], "params": {"temperature": -1.0}}, ["temperature is -1.0"]),
            ({"inputs": ["a"], "params": {"length": -1}}, ["length is -1"]),
            ({"inputs": ["a"], "params": {"length": None}}, ["length is None; allowed: a whole number"]),
            ({"inputs": ["a"] * 1000, "params": {"length": 1000}}, ["there are 1000000 characters to write"]),
        ):
            status, answer = ask(invocations, body)
            said = json.loads(answer)
            assert status == 400
            assert all(word in said["message"] for word in words)
            assert "Traceback" not in answer.decode()
            assert "stack_trace" not in said

        # What MLflow's own parser makes of it, as docs/runs.md says.
        assert ask(invocations, {"inputs": ["a"], "params": {"lenght": 3}})[0] == 200
        deep = urllib.request.Request(invocations, b"[" * 100_000, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError, match="500"):
            urllib.request.urlopen(deep, timeout=30)
