"""Recorded runs read back, and what a store may not do to its reader."""

import contextlib
import json
import math
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from safetensors.torch import load_file, save_file

from analysis.runs import RunError, curves, find_run_id, find_runs, load_net, load_run, recorded_runs
from experiments.generate import main as generate
from experiments.sweep import main as sweep
from experiments.train import main
from rnn_core.checkpoint import CheckpointError
from rnn_core.data import prepare
from rnn_core.training import train
from tests.conftest import recording_in


@pytest.fixture
def run(store: Path) -> Run:
    assert main(["--pattern", "aab", "--cell", "lstm", "--layers", "2", "--epochs", "4"]) == 0
    (run,) = MlflowClient().search_runs(["0"])
    return run


@pytest.fixture(scope="module")
def recorded(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The curves of a run that is recorded once."""
    with recording_in(migrated_store, tmp_path_factory.mktemp("curves")) as folder:
        assert main(["--pattern", "aab", "--epochs", "4"]) == 0
        (path,) = folder.rglob("curves.csv")
        yield path


@pytest.fixture
def curves_file(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The curves of a run, which a test may damage."""
    folder, content = next(each for each in recorded.parents if (each / "mlflow.db").exists()), recorded.read_bytes()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    yield recorded
    recorded.write_bytes(content)


def weights_file(store: Path) -> Path:
    (path,) = store.rglob("model.safetensors")
    return path


class Touch:
    """Unpickling this makes a file: the mark of code that was run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_run_is_read_back_as_config_curves_and_net(run: Run) -> None:
    loaded = load_run(run.info.run_id)
    assert loaded.name == "aab lstm16x2 e4 s42"
    assert (loaded.config.cell, loaded.config.layers, loaded.config.length) == ("lstm", 2, 15)
    assert loaded.record.alphabet == "ab"
    records = list(train(prepare(loaded.config)))
    assert list(loaded.curves.columns) == ["epoch", "train_loss", "train_accuracy"]
    assert loaded.curves["train_loss"].tolist() == [record.loss for record in records]
    assert not loaded.net.training
    trained = records[-1].net.state_dict()
    for name, weight in loaded.net.state_dict().items():
        assert torch.equal(weight, trained[name])


def test_the_validation_loss_is_read_back_with_the_curves(store: Path) -> None:
    assert main(["--pattern", "reber", "--length", "600", "--epochs", "3", "--keep", "best", "--hidden-size", "4"]) == 0
    (run,) = MlflowClient().search_runs(["0"])
    loaded = load_run(run.info.run_id)
    records = list(train(prepare(loaded.config)))
    assert list(loaded.curves.columns) == ["epoch", "train_loss", "train_accuracy", "valid_loss"]
    assert loaded.curves["valid_loss"].tolist() == [record.valid_loss for record in records]
    assert loaded.record.mark == "#"
    for name, weight in loaded.net.state_dict().items():
        assert torch.equal(weight, records[-1].net.state_dict()[name])


def test_of_runs_that_are_alike_the_newest_that_finished_counts(store: Path) -> None:
    client = MlflowClient()
    for _ in range(2):
        assert main(["--epochs", "1", "--hidden-size", "2"]) == 0
    newest, oldest = client.search_runs(["0"], order_by=["attributes.start_time DESC"])
    digest = newest.data.tags["config_digest"]
    assert oldest.data.tags["config_digest"] == digest
    for tag, status in (("diverged: why", "FAILED"), ("failed: why", "FAILED"), ("interrupted by SIGINT", "KILLED")):
        for config_digest in (digest, f"{tag} alone"):  # the same, as it ended on another day, and by itself
            twin = client.create_run("0", tags={"config_digest": config_digest, "end_reason": tag})
            client.log_text(twin.info.run_id, "{}", "config.json")
            client.set_terminated(twin.info.run_id, status)
    client.create_run("0", tags={"config_digest": digest})  # still at work
    asked = {digest, "diverged: why alone", "failed: why alone", "interrupted by SIGINT alone", "unknown"}
    found = recorded_runs("0", asked)
    assert found.keys() == {digest, "diverged: why alone"}
    assert found[digest].info.run_id == newest.info.run_id
    assert found[digest].data.metrics == newest.data.metrics
    again = client.create_run("0", tags={"config_digest": "diverged: why alone", "end_reason": "diverged: again"})
    client.log_text(again.info.run_id, "{}", "config.json")
    client.set_terminated(again.info.run_id, "FAILED")
    assert recorded_runs("0", asked)["diverged: why alone"].info.run_id == again.info.run_id
    assert recorded_runs("0", {digest}, "tags.sweep = 'none'") == {}


def test_a_run_without_a_net_still_gives_its_curve(store: Path) -> None:
    assert main(["--learning-rate", "1e37", "--hidden-size", "64", "--epochs", "9"]) == 1
    (run,) = MlflowClient().search_runs(["0"])
    loaded = load_run(run.info.run_id)
    assert len(loaded.curves) >= 1
    with pytest.raises(RunError, match="recorded no net"):
        _ = loaded.net


def test_nothing_in_the_store_is_executed(run: Run, store: Path) -> None:
    mark = store / "executed"
    evil_code = f"from pathlib import Path; Path({str(mark)!r}).touch()\n"
    (artifacts,) = (path.parent for path in store.rglob("curves.csv"))
    model = weights_file(store).parent.parent
    for folder in (artifacts, artifacts / "model", artifacts / "model" / "artifacts", model, model / "artifacts"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("python_model.pkl", "model.pkl", "model.pt"):
            (folder / name).write_bytes(pickle.dumps(Touch(mark)))
        for name in ("predictor.py", "sitecustomize.py", "__init__.py", "rnn_core.py"):
            (folder / name).write_text(evil_code)
    (archive,) = (model / "code").glob("*.zip")
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("rnn_core/__init__.py", evil_code)
    assert load_run(run.info.run_id).net.inputs == 2
    assert not mark.exists()
    # The plants are real: whoever serves the model runs the model's code.
    with contextlib.suppress(Exception):
        mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert mark.exists()


def test_weights_that_are_a_pickle_are_refused_unread(run: Run, store: Path) -> None:
    weights_file(store).write_bytes(pickle.dumps(Touch(store / "executed")))
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_run(run.info.run_id)
    assert not (store / "executed").exists()


def test_truncated_oversized_and_mismatched_weights_are_refused(run: Run, store: Path) -> None:
    path = weights_file(store)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:20], b"", whole + b"\0", b"\xff" * 8 + whole[8:]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="not a whole safetensors file"):
            load_run(run.info.run_id)
    path.write_bytes(whole)
    weights = load_file(path)
    save_file({name: weight for name, weight in weights.items() if name != "readout.bias"}, path)
    with pytest.raises(CheckpointError, match=r"readout\.bias"):
        load_run(run.info.run_id)
    save_file(weights | {"readout.bias": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match=r"readout\.bias"):
        load_run(run.info.run_id)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused(number: float, run: Run, store: Path, capsys: Any) -> None:
    path = weights_file(store)
    weights = load_file(path)
    weights["readout.bias"][0] = number
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"safetensors holds nan or inf in readout\.bias; allowed: the finite"):
        load_run(run.info.run_id)
    for temperature in ("0", "1"):
        capsys.readouterr()
        assert generate([run.info.run_id, "--prompt", "a", "--temperature", temperature]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)


HEAD = "epoch,train_loss,train_accuracy\n"
ROWS = [f"{epoch},0.5,0.75\n" for epoch in range(4)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no table"),
        ("\0" * 9, "has the columns"),
        ("".join(ROWS), "has the columns"),
        (HEAD.replace("train_loss", "loss") + "".join(ROWS), "columns epoch, loss, train_accuracy; allowed: epoch, "),
        (HEAD, "has 0 rows; allowed: 4, one for each epoch"),
        (HEAD + "".join(ROWS[:3]), "has 3 rows; allowed: 4"),
        (HEAD + "".join([*ROWS, "4,1,1\n"]), "has 5 rows; allowed: 4"),
        (HEAD + "".join(ROWS[::-1]), "has other epochs; allowed: the epochs 0 to 3 in this order"),
        (HEAD + "".join([*ROWS[:3], "3,0.5,0.75,1,1\n"]), "is no table"),
        (HEAD + "".join(row.replace("\n", ",1\n") for row in ROWS), "has a wrong value in epoch"),
        (HEAD + "".join([*ROWS[:3], "3,many,0.75\n"]), "has a wrong value in train_loss; allowed: numbers"),
        (HEAD + "".join([*ROWS[:3], "3,,0.75\n"]), "holds a number that is not finite"),
        (HEAD + "".join([*ROWS[:3], "3,1e400,0.75\n"]), "holds a number that is not finite"),
        (HEAD + "".join(row.replace("0.5", "True") for row in ROWS), "has a wrong value in train_loss"),
    ],
)
def test_damaged_curves_are_refused_where_they_are_asked_for(content: str, words: str, curves_file: Path) -> None:
    curves_file.write_text(content)
    loaded = load_run("latest")
    assert loaded.net.inputs == 2
    with pytest.raises(RunError, match=words):
        _ = loaded.curves
    with pytest.raises(RunError, match=words):
        curves(find_runs(pattern="aab"))
    curves_file.unlink()
    assert generate(["latest", "--prompt", "a", "--length", "2"]) == 0
    with pytest.raises(RunError, match="no such file"):
        _ = load_run("latest").curves


@pytest.mark.parametrize("came", [None, 3, ["latest"], b"latest"])
def test_what_names_no_run_is_refused(came: Any, store: Path) -> None:
    with pytest.raises(RunError, match=r"a run is .*; allowed: its id, its name, or `latest`"):
        load_run(came)
    with pytest.raises(RunError, match=r"runs is .*; allowed: a table from find_runs"):
        curves(came)


def test_a_damaged_config_is_refused(run: Run, store: Path) -> None:
    (path,) = (path for path in store.rglob("config.json") if (path.parent / "curves.csv").exists())
    record = json.loads(path.read_text())
    record["config"]["hidden_size"] = 10**9
    path.write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="does not belong to this config"):
        load_run(run.info.run_id)
    path.write_text("{")
    with pytest.raises(CheckpointError, match="not JSON"):
        load_run(run.info.run_id)


def test_a_run_that_is_not_there_or_not_ours_is_said(store: Path) -> None:
    with pytest.raises(RunError, match=r"no run '123': .* holds no trained net"):
        load_run("123")
    with mlflow.start_run() as foreign:
        pass
    with pytest.raises(RunError, match="is no run of this project"):
        load_run(foreign.info.run_id)


@pytest.mark.parametrize("address", ["sqlite:///garbage.db", "http://127.0.0.1:1"])
def test_a_store_that_cannot_be_read_is_said(address: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "garbage.db").write_bytes(b"no database " * 1000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RunError, match=f"the store {address} cannot be read"):
        find_run_id("latest")


def test_reading_makes_no_store_where_there_is_none(store: Path) -> None:
    (store / "mlflow.db").unlink()
    with pytest.raises(RunError, match="MLFLOW_TRACKING_URI"):
        load_run("123")
    assert not (store / "mlflow.db").exists()


def test_a_run_is_read_by_its_id_by_its_name_and_as_the_latest(store: Path) -> None:
    small = ["--epochs", "1", "--hidden-size", "2"]
    ids = []
    for pattern in ("ab", "ab", "abc"):
        assert main(["--pattern", pattern, *small]) == 0
        ids.append(MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0].info.run_id)
    assert main(["--learning-rate", "1e37", "--hidden-size", "64", "--epochs", "9"]) == 1
    names = {ids[0]: ids[0], "ab rnn2 e1 s42": ids[1], "abc rnn2 e1 s42": ids[2], "latest": ids[2]}
    assert {name: load_run(name).run_id for name in names} == names
    assert load_net("ab rnn2 e1 s42").inputs == 2
    diverged = load_run("abc rnn64 e9 learning_rate=1e+37 s42")  # it has no net, but it has curves
    assert len(diverged.curves) >= 1
    for unknown in ("abd rnn2 e1 s42", "0" * 32):
        with pytest.raises(
            RunError, match=f"no run '{unknown}' in .*one of 2 names, such as 'abc? rnn2 e1 s42', 'abc?"
        ):
            load_run(unknown)


def test_a_sweep_is_no_run_and_the_error_says_how_its_runs_are_found(store: Path) -> None:
    assert sweep(["--patterns", "ab", "--hidden-sizes", "2", "--epochs", "1", "--seeds", "2"]) == 0
    (parent,) = MlflowClient().search_runs(["0"], "tags.kind = 'sweep'")
    with pytest.raises(RunError, match=rf"is a sweep in .*; find_runs\(sweep='{parent.info.run_id}'\) gives its runs"):
        load_run(parent.info.run_id)
