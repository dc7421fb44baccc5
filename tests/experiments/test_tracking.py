"""Recording: what survives when the store fails, what names and descriptions say."""

import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import mlflow.pyfunc
import pytest
import yaml
from mlflow import MlflowClient

from analysis.runs import load_run
from experiments.descriptions import run_name
from experiments.errors import TrackingError
from experiments.recording import measure_and_record
from experiments.tracking import TrackedRun
from experiments.tracking.model_files import write_archive
from experiments.train import main
from rnn_core.checkpoint import load_record
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.nets.cells import CELLS
from rnn_core.patterns import parse
from rnn_core.training import train
from tests.conftest import PROJECT

NET_FILES = {"config": "config.json", "weights": "model.safetensors"}


def test_params_that_mlflow_run_has_logged_keep_their_spelling(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = MlflowClient().create_run("0")
    for name, value in (("learning_rate", "1e-2"), ("pattern", "'a b'"), ("hidden_size", "04")):
        MlflowClient().log_param(run.info.run_id, name, value)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert main(["--pattern=a b", "--learning-rate=1e-2", "--hidden-size=04", "--epochs=2"]) == 0
    done = MlflowClient().get_run(run.info.run_id)
    assert done.data.params["learning_rate"] == "1e-2"
    assert done.data.params["pattern"] == "'a b'"
    assert done.data.params["hidden_size"] == "04"
    assert done.data.params["epochs"] == "2"
    assert done.info.run_name == "a b rnn4 e2 s42"


def test_a_name_that_a_person_gave_is_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = MlflowClient().create_run("0", run_name="my first net")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert main(["--epochs", "1"]) == 0
    assert MlflowClient().get_run(run.info.run_id).info.run_name == "my first net"


def test_the_experiment_of_the_environment_is_followed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "counting")
    assert main(["--epochs", "1"]) == 0
    experiment = MlflowClient().get_experiment_by_name("counting")
    assert experiment is not None
    assert len(MlflowClient().search_runs([experiment.experiment_id])) == 1


def test_a_persons_name_that_looks_made_up_is_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = MlflowClient().create_run("0", run_name="gru-long-2")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert main(["--epochs", "1"]) == 0
    assert MlflowClient().get_run(run.info.run_id).info.run_name == "gru-long-2"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (TrainConfig(), "abc rnn16 e20 s42"),
        (TrainConfig(pattern="a\nb", cell="lstm", layers=3, epochs=5, seed=0), "a↵b lstm16x3 e5 s0"),
        (TrainConfig(pattern="text:a folder/tale:1.txt"), "text:a folder/tale:1.txt rnn16 e20 s42"),
    ],
)
def test_a_run_is_named_after_what_it_is(
    config: TrainConfig, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a folder").mkdir()
    Path("a folder", "tale:1.txt").write_text("once upon a time")
    assert run_name(config, parse(config.pattern).short_name) == name


def tracked(config: TrainConfig) -> tuple[TrackedRun, Prepared]:
    """Open a run of a config."""
    prepared = prepare(config)
    return TrackedRun("a run", prepared.record, config, prepared.size_metrics), prepared


def test_epochs_reach_mlflow_while_the_training_goes_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.tracking.sending.FLUSH_SECONDS", 0.0)
    config = TrainConfig(epochs=3)
    run, prepared = tracked(config)
    for record in train(config):
        run.log(record.metrics)
        history = MlflowClient().get_metric_history(run.run_id, "train_loss")
        assert [metric.step for metric in history] == list(range(record.epoch + 1))
    measure_and_record(run, record.net, prepared)
    assert len(MlflowClient().get_metric_history(run.run_id, "train_loss")) == 3


def test_more_epochs_than_one_call_takes_are_all_recorded(store: Path) -> None:
    config = TrainConfig(pattern="ab", length=3, hidden_size=1, epochs=1203)
    run, prepared = tracked(config)
    for record in train(config):
        run.log(record.metrics)
    measure_and_record(run, record.net, prepared)
    history = MlflowClient().get_metric_history(run.run_id, "train_accuracy")
    assert [metric.step for metric in history] == list(range(1203))


def test_a_run_that_cannot_be_recorded_keeps_its_files_and_ends_failed(store: Path) -> None:
    config = TrainConfig(epochs=2)
    run, prepared = tracked(config)
    for record in train(config):
        run.log(record.metrics)
    artifacts = Path(mlflow.get_artifact_uri())
    shutil.rmtree(artifacts)
    artifacts.write_text("a file where the run's folder should be")
    with pytest.raises(TrackingError, match="files are kept in") as refused:
        measure_and_record(run, record.net, prepared)
    kept = Path(str(refused.value).rsplit(" ", 1)[-1])
    try:
        assert (kept / "model.safetensors").exists()
        assert (kept / "curves.csv").read_text().count("\n") == 3
    finally:
        shutil.rmtree(kept)
    ended = MlflowClient().get_run(run.run_id)
    assert ended.info.status == "FAILED"
    assert ended.data.tags["end_reason"].startswith("recording failed: ")


def test_a_net_that_cannot_be_measured_ends_failed_with_its_curve(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room for the evaluation")

    monkeypatch.setattr("experiments.recording.measure", broken)
    config = TrainConfig(epochs=3)
    run, prepared = tracked(config)
    for record in train(config):
        run.log(record.metrics)
    with pytest.raises(TrackingError, match="no room for the evaluation") as refused:
        measure_and_record(run, record.net, prepared)
    kept = Path(str(refused.value).rsplit(" ", 1)[-1])
    try:
        assert (kept / "model.safetensors").exists()
    finally:
        shutil.rmtree(kept)
    ended = MlflowClient().get_run(run.run_id)
    assert ended.info.status == "FAILED"
    assert "no room for the evaluation" in ended.data.tags["end_reason"]
    assert len(MlflowClient().get_metric_history(run.run_id, "train_loss")) == 3


def test_a_disk_that_is_full_from_the_first_file_on_ends_the_run_failed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    config = TrainConfig(epochs=2)
    run, prepared = tracked(config)
    *_, last = train(config)
    for module in ("model_files", "run_files"):
        monkeypatch.setattr(f"experiments.tracking.{module}.save_weights", full)
    with pytest.raises(TrackingError, match="the disk is full; there is room nowhere"):
        measure_and_record(run, last.net, prepared)
    ended = MlflowClient().get_run(run.run_id)
    assert (ended.info.status, ended.data.tags["end_reason"][:16]) == ("FAILED", "recording failed")


def test_a_run_says_what_it_is_before_it_has_trained(store: Path) -> None:
    config = TrainConfig(pattern="aab")
    run, prepared = tracked(config)
    path = Path(MlflowClient().download_artifacts(run.run_id, "config.json"))
    assert load_record(path) == prepared.record


def test_a_failure_in_training_ends_the_run_failed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class BrokenError(Exception):
        pass

    def broken(*_: object, **__: object) -> None:
        raise BrokenError("the cable\nis out")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.nn.functional.cross_entropy", broken)
        with pytest.raises(BrokenError):
            main(["--epochs", "2"])
    (run,) = MlflowClient().search_runs(["0"])
    assert run.info.status == "FAILED"
    assert run.data.tags["end_reason"] == "failed: BrokenError: the cable"


def test_a_models_files_are_those_that_mlflow_itself_would_log(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nets of one example, so that the second gets files that were made for the first."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # MLflow may load what it has logged, and leave it there
    for hidden_size in ("2", "40"):
        assert main(["--epochs", "2", "--hidden-size", hidden_size]) == 0
    run, first = MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])
    ours = MlflowClient().get_logged_model(run.outputs.model_outputs[0].model_id)
    home = Path(ours.artifact_location.removeprefix("file://"))
    archive = tmp_path / "rnn_core.zip"
    write_archive(archive)
    with mlflow.start_run():
        mlflow.log_params(run.data.params)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(PROJECT / "experiments" / "predictor.py"),
            artifacts={name: str(home / "artifacts" / file) for name, file in NET_FILES.items()},
            code_paths=[str(archive)],
            pip_requirements=[line for line in (home / "requirements.txt").read_text().splitlines() if line],
            input_example=(["abcab"], {"length": 30, "temperature": 0.0, "seed": 0}),
        )
    theirs = MlflowClient().get_logged_model(logged.model_id)
    assert (ours.name, ours.status, ours.params) == (theirs.name, theirs.status, theirs.params)
    assert (ours.source_run_id, ours.experiment_id) == (run.info.run_id, theirs.experiment_id)
    other = Path(theirs.artifact_location.removeprefix("file://"))
    files = [{path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} for folder in (home, other)]
    assert files[0] == files[1]
    for name in files[0] - {Path("MLmodel")}:
        assert (home / name).read_bytes() == (other / name).read_bytes(), name
    about, expected = (yaml.safe_load((folder / "MLmodel").read_text()) for folder in (home, other))
    assert about.keys() == expected.keys()
    own = {"artifact_path", "flavors", "model_id", "model_uuid", "run_id", "utc_time_created", "model_size_bytes"}
    assert {key: about[key] for key in about.keys() - own} == {key: expected[key] for key in expected.keys() - own}
    assert (about["model_id"], about["model_uuid"], about["run_id"]) == (ours.model_id, ours.model_id, run.info.run_id)
    assert about["artifact_path"] == ours.artifact_location
    assert about["model_size_bytes"] == expected["model_size_bytes"]
    assert about["utc_time_created"] > expected["utc_time_created"][:16]
    assert [load_run(one.info.run_id).net.hidden_size for one in (run, first)] == [40, 2]


def test_a_models_code_is_one_archive_that_needs_nothing_else_of_the_project(tmp_path: Path) -> None:
    archives = [tmp_path / "rnn_core.zip", tmp_path / "again.zip"]
    for archive in archives:
        write_archive(archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    code = f"""
import sys
sys.path.insert(0, {str(archives[0])!r})
sys.modules["experiments"] = sys.modules["analysis"] = None
import rnn_core.checkpoint, rnn_core.nets.reading
from rnn_core.nets.cells import CELLS, load_cell
assert rnn_core.__file__.startswith({str(archives[0])!r}), rnn_core.__file__
for cell in CELLS:
    load_cell(cell)
print(*CELLS)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == list(CELLS)


def test_a_run_with_all_it_can_hold_has_at_most_twenty_files(store: Path) -> None:
    assert main(["--pattern", "anbn", "--epochs", "1", "--hidden-size", "2"]) == 0
    files = [path for path in (store / "mlruns").rglob("*") if path.is_file()]
    assert {"generalization.csv", "generalization.png", "rnn_core.zip"} <= {path.name for path in files}
    assert len(files) <= 20


def test_the_models_description_has_a_call_that_works(store: Path) -> None:
    run, prepared = tracked(TrainConfig(epochs=1))
    *_, last = train(TrainConfig(epochs=1))
    measure_and_record(run, last.net, prepared)
    (model,) = MlflowClient().search_logged_models(["0"])
    described = model.tags["mlflow.note.content"]
    assert described.startswith(f"The net of run {run.name} ({run.run_id}).")
    (call,) = [line.strip() for line in described.splitlines() if line.startswith("    ")]
    (text,) = eval(call, {"mlflow": mlflow})
    assert len(text) == 30
    assert set(text) <= set("abc")
