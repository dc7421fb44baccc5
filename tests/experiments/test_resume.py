"""A run that was cut off goes on in the same record, and a finished one in a new one; both equal a run that never
stopped, bit for bit."""

import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from safetensors import safe_open
from safetensors.torch import save_file

from analysis.runs import curves, find_runs, load_run
from analysis.runs.schema import End
from experiments.checkpoints import main as checkpoints
from experiments.delete import main as delete
from experiments.errors import UsageError
from experiments.starts import resumed_training
from experiments.sweep import main as sweep
from experiments.tracking import TrackedRun
from experiments.train import main
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.training import DivergedError, TrainingState
from rnn_core.training.loop import rate_factor
from rnn_core.training.state_file import write_state
from tests.whole_runs import check_equal, files

pytestmark = pytest.mark.usefixtures("store")

KINDS = {
    "gru": ["--cell", "gru"],
    "best": ["--keep", "best", "--pattern", "elman", "--length", "600", "--learning-rate", "0.5", "--window", "32"],
    "cosine": ["--cell", "lstm", "--schedule", "cosine", "--weight-decay", "0.1", "--clip", "0.1"],
    "curriculum": [
        *("--pattern", "parity", "--length", "300", "--batch-size", "4", "--batches", "one-length"),
        *("--draws", "every-epoch", "--curriculum", "0.69"),
    ],
    "strings": ["--pattern", "reber", "--length", "300", "--batch-size", "4", "--window", "5"],
}


@pytest.fixture(autouse=True)
def short_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is drawn to test a net on be short."""
    monkeypatch.setattr("rnn_core.patterns.shared.base.TEST_LENGTH", 300)
    monkeypatch.setattr("rnn_core.patterns.reber.LONGER_CASES", 15)


def interrupt(monkeypatch: pytest.MonkeyPatch, at: str, arguments: list[str], number: int = signal.SIGTERM) -> Run:
    """Train, and send a signal when a text is printed; return the run as it is then."""

    class Impatient(io.StringIO):
        def write(self, text: str) -> int:
            if at in text:
                os.kill(os.getpid(), number)
            return super().write(text)

    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", Impatient())
        assert main(arguments) == 128 + number
    return newest()


def newest() -> Run:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(arguments, id=kind, marks=[pytest.mark.long] if kind in ("best", "curriculum") else [])
        for kind, arguments in KINDS.items()
    ],
)
def test_a_run_that_was_interrupted_goes_on_as_if_it_had_never_stopped(
    arguments: list[str], store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*arguments, "--hidden-size", "5", "--epochs", "10"]
    cut = interrupt(monkeypatch, "epoch 4/10", arguments)
    assert (cut.info.status, cut.data.tags["end_reason"]) == ("KILLED", "interrupted by SIGTERM in epoch 4")
    (checkpoint,) = (store / "checkpoints").glob("*.safetensors")
    assert cut.data.tags["checkpoint"] == str(checkpoint)
    assert main(["--resume", "latest"]) == 0
    assert f"goes on from     {cut.info.run_id}" in capsys.readouterr().out
    assert not (store / "checkpoints").exists()
    assert len(MlflowClient().search_runs(["0"])) == 1
    resumed = MlflowClient().get_run(cut.info.run_id)
    assert resumed.data.tags["resumed"].startswith("in epoch 4 with ")
    assert main(arguments) == 0
    check_equal(cut.info.run_id, newest().info.run_id, cut_at=4)
    runs = find_runs()
    assert len(curves(runs)["epoch"].unique()) == 10


def test_within_an_epoch_and_several_times(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.training.loop.PROGRESS_SECONDS", 0.0)
    arguments = ["--pattern", "aab", "--length", "81", "--window", "8", "--epochs", "3", "--hidden-size", "4"]
    assert main(arguments) == 0
    whole = newest()
    windows = 0

    def counting(schedule: str, done: float) -> float:
        """Let a person press Ctrl-C at each seventh window, in every part of the run."""
        nonlocal windows
        windows += 1
        if windows % 7 == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return rate_factor(schedule, done)

    monkeypatch.setattr("rnn_core.training.loop.rate_factor", counting)
    parts = 1
    assert main(arguments) == 130
    cut = newest().info.run_id
    while main(["--resume", cut]) == 130:
        parts += 1
        assert parts < 20
    assert parts > 2
    tags = MlflowClient().get_run(cut).data.tags
    assert tags["resumed"].count("; ") == parts - 1
    for name, weight in load_run(whole.info.run_id).net.state_dict().items():
        assert torch.equal(load_run(cut).net.state_dict()[name], weight)
    assert load_run(cut).curves.equals(load_run(whole.info.run_id).curves)
    assert MlflowClient().get_run(cut).data.metrics == whole.data.metrics


def test_a_finished_run_goes_on_in_a_new_one(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--cell", "lstm", "--layers", "2", "--encoding", "onehot", "--window", "4", "--clip", "1"]
    assert main([*arguments, "--epochs", "6"]) == 0
    first = newest()
    assert main(["--continue", "abc lstm16x2 e6 encoding=onehot window=4 clip=1.0 s42", "--epochs", "15"]) == 0
    longer = newest()
    assert longer.info.run_id != first.info.run_id
    assert longer.data.tags["continued_from"] == first.info.run_id
    assert main([*arguments, "--epochs", "15"]) == 0
    whole = newest()
    check_equal(longer.info.run_id, whole.info.run_id)
    assert (longer.info.run_name, longer.data.params) == (whole.info.run_name, whole.data.params)
    assert longer.data.tags["config_digest"] == whole.data.tags["config_digest"]
    assert MlflowClient().get_run(first.info.run_id).data.metrics == first.data.metrics
    assert main(["--continue", longer.info.run_id, "--epochs", "17"]) == 0
    assert load_run(newest().info.run_id).curves.shape[0] == 17
    assert not (store / "checkpoints").exists()


def test_a_curriculum_goes_on_in_a_new_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.patterns.shared.answers.CASES_PER_LENGTH", 2)
    arguments = [*KINDS["curriculum"], "--schedule", "constant", "--hidden-size", "5"]
    assert main([*arguments, "--epochs", "4"]) == 0
    assert main(["--continue", "latest", "--epochs", "9"]) == 0
    longer = newest()
    assert main([*arguments, "--epochs", "9"]) == 0
    check_equal(longer.info.run_id, newest().info.run_id)
    assert len(load_run(longer.info.run_id).curves["longest_drawn"].unique()) > 1


def test_a_run_that_diverges_after_it_was_resumed_keeps_no_earlier_result(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--pattern", "reber", "--length", "300", "--epochs", "10", "--hidden-size", "4", "--batch-size", "4"]
    cut = interrupt(monkeypatch, "epoch 2/10", arguments)
    assert math.isfinite(cut.data.metrics["eval_loss"])
    assert "generalization.csv" in files(cut)

    def diverge(*_: object) -> None:
        raise DivergedError(2, math.inf)

    monkeypatch.setattr("rnn_core.training.loop._train_on", diverge)
    assert main(["--resume", "latest"]) == 1
    run = MlflowClient().get_run(cut.info.run_id)
    assert run.data.tags["end_reason"].startswith("diverged:")
    assert math.isnan(run.data.metrics["eval_loss"])
    assert not MlflowClient().search_logged_models(["0"])
    assert "generalization.csv" not in files(run)
    assert [path for path in files(run) if path.startswith("plots/")] == ["plots/loss.png"]
    assert not (store / "checkpoints").exists()


def test_a_run_that_was_trained_but_not_recorded_is_recorded_by_another_try(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:

        def gone(run: TrackedRun, folder: Path, example: str) -> str:
            raise OSError("the store is gone")

        patched.setattr(TrackedRun, "_log_model", gone)
        assert main(["--epochs", "5"]) == 1
    failed = newest()
    assert failed.info.status == "FAILED"
    assert f"--resume {failed.info.run_id}" in capsys.readouterr().out
    assert main(["--resume", failed.info.run_id]) == 0
    assert main(["--epochs", "5"]) == 0
    check_equal(failed.info.run_id, newest().info.run_id)


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the line with which a command line is refused; nothing is recorded."""
    capsys.readouterr()
    before = {run.info.run_id: run.data for run in MlflowClient().search_runs(["0"])}
    assert main(arguments) == 2
    after = {run.info.run_id: run.data for run in MlflowClient().search_runs(["0"])}
    assert {key: data.tags for key, data in after.items()} == {key: data.tags for key, data in before.items()}
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert any(words in error for words in ("allowed: ", "use: ", "copy that file", "train the run anew"))
    return error


def test_what_cannot_be_resumed_is_refused_naming_both_sides(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient()
    text = store / "tale.txt"
    text.write_text("to be or not to be " * 40)
    arguments = ["--pattern", f"text:{text}", "--schedule", "constant", "--epochs", "10", "--hidden-size", "3"]
    cut = interrupt(monkeypatch, "epoch 2/10", arguments)
    run_id = cut.info.run_id
    assert "epochs is 12, the run's is 10" in refusal(["--resume", run_id, "--epochs", "12"], capsys)
    assert "--resume is given beside --config" in refusal(["--resume", run_id, "--config", "x"], capsys)
    assert "no single run 'nobody'" in refusal(["--resume", "nobody"], capsys)
    assert "killed; allowed: a run that finished" in refusal(["--continue", run_id, "--epochs", "12"], capsys)
    for tag, other in (("torch_version", "1.0"), ("threads", "7"), ("device_kind", "abacus"), ("training_road", "a")):
        value = cut.data.tags[tag]
        client.set_tag(run_id, tag, other)
        error = refusal(["--resume", run_id], capsys)
        assert f"{tag} of {run_id}" in error
        assert f"is {other}, here it is {value}" in error
        client.set_tag(run_id, tag, value)
    text.write_text("to be or not to be " * 39 + "to be or not to bb ")
    assert "have changed" in refusal(["--resume", run_id], capsys)
    text.write_text("to be or not to be " * 40)
    (checkpoint,) = (store / "checkpoints").glob("*.safetensors")
    checkpoint.rename(store / "elsewhere")
    assert f"copy that file to {checkpoint}" in refusal(["--resume", run_id], capsys)
    (store / "elsewhere").rename(checkpoint)
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:-9])
    assert str(checkpoint) in refusal(["--resume", run_id], capsys)
    write_state(checkpoint, TrainingState(prepare(TrainConfig())), {"digest": "another"})
    assert f"{checkpoint} is of the run with digest another; allowed: " in refusal(["--resume", run_id], capsys)
    checkpoint.write_bytes(whole)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    assert "use: python -m experiments.train --resume latest" in refusal(["--resume", "latest"], capsys)
    monkeypatch.delenv("MLFLOW_RUN_ID")
    assert main(["--resume", run_id, "--epochs", "10"]) == 0
    error = refusal(["--resume", run_id], capsys)
    assert "is finished; allowed: a run that was killed; --continue trains it longer" in error
    assert "epochs is 10; allowed: more than the 10" in refusal(["--continue", run_id, "--epochs", "10"], capsys)
    assert "seed is 3, the run's is 42" in refusal(["--continue", run_id, "--epochs", "12", "--seed", "3"], capsys)


@pytest.mark.parametrize("way", ["--resume", "--continue"])
def test_sweeps_and_their_runs_are_refused_naming_the_command_of_the_sweep(
    way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(["--hidden-sizes", "2,3", "--seeds", "2", "--epochs", "1"]) == 0
    runs = MlflowClient().search_runs(["0"])
    (parent,) = [run for run in runs if "kind" in run.data.tags]
    child = next(run for run in runs if "shard" in run.data.tags)
    command = "use: python -m experiments.sweep --hidden-sizes 2,3 --epochs 1 --seeds 2"
    for name in (parent.info.run_id, parent.info.run_name, child.info.run_id, child.info.run_name):
        assert command in refusal([way, name, "--epochs", "9"], capsys)
    assert "no single run 'latest'" in refusal([way, "latest", "--epochs", "9"], capsys)


def test_a_sweep_at_equal_parameters_is_sent_to_its_whole_command(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--patterns", "ab", "--cells", "rnn,gru", "--epochs", "1", "--parameters", "60", "--seeds", "1"]
    assert sweep(asked) == 0
    assert "ab, index, rnn: hidden_size 5, 52 parameters\n" in capsys.readouterr().out  # as close as 6 with 68
    (parent,) = [run for run in MlflowClient().search_runs(["0"]) if "kind" in run.data.tags]
    error = refusal(["--resume", parent.info.run_id], capsys)
    assert "use: python -m experiments.sweep --patterns ab " in error
    assert "--parameters 60" in error


@pytest.mark.parametrize(("schedule", "keep"), [("cosine", "last"), ("constant", "best")])
def test_what_would_have_begun_otherwise_is_not_continued(
    schedule: str, keep: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--schedule", schedule, "--keep", keep, "--epochs", "2", "--length", "60"]) == 0
    reason = "schedule=cosine; allowed: schedule=constant" if keep == "last" else "keep=best; allowed: keep=last"
    assert reason in refusal(["--continue", "latest", "--epochs", "9"], capsys)
    assert "training_state.safetensors" not in files(newest())


def ended_process() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_living_run_is_not_resumed_and_the_run_of_a_dead_process_is(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = interrupt(monkeypatch, "epoch 2/10", ["--epochs", "10"])
    client, run_id = MlflowClient(), cut.info.run_id
    client.update_run(run_id, "RUNNING")
    client.set_tag(run_id, "pid", str(os.getpid()))
    assert f"is still at work: process {os.getpid()} on" in refusal(["--resume", run_id], capsys)
    client.set_tag(run_id, "pid", str(ended_process()))
    assert find_runs(finished=False)["end"].tolist() == ["killed"]
    assert client.get_run(run_id).info.status == "RUNNING", "readers change nothing"
    assert main(["--resume", "latest"]) == 0
    assert client.get_run(run_id).info.status == "FINISHED"


def test_of_two_that_go_on_with_the_same_run_the_second_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have found the run dead before one of them takes it over."""
    cut = interrupt(monkeypatch, "epoch 2/10", ["--epochs", "10"])
    first, second = (resumed_training(cut.info.run_id) for _ in range(2))
    run = first.open_run()
    with pytest.raises(UsageError, match=rf"is still at work: process {os.getpid()} on"):
        second.open_run()
    run.finish(End.KILLED, "enough")


def test_the_next_training_ends_what_is_dead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = interrupt(monkeypatch, "epoch 2/10", ["--epochs", "10"])
    client, run_id = MlflowClient(), cut.info.run_id
    client.update_run(run_id, "RUNNING")
    client.set_tag(run_id, "pid", str(ended_process()))
    assert main(["--epochs", "1"]) == 0
    run = client.get_run(run_id)
    assert (run.info.status, run.data.tags["end_reason"]) == ("KILLED", "killed: its process is gone")
    assert "ended 1 runs and sweeps that had been killed" in capsys.readouterr().out


def test_saved_states_are_listed_with_their_size_and_deleted_on_request(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checkpoints([]) == 0
    assert "0 saved states, 0.00 MB" in capsys.readouterr().out
    first, second, third = (
        interrupt(monkeypatch, "epoch 2/10", ["--epochs", "10", "--seed", str(seed)]) for seed in range(3)
    )
    capsys.readouterr()
    assert checkpoints([]) == 0
    said = capsys.readouterr().out
    for run in (first, second, third):
        assert re.search(rf"{run.info.run_id} +0\.01 MB  killed   {run.info.run_name}\n", said)
    assert "3 saved states, 0.0" in said
    assert checkpoints(["--delete", "nobody"]) == 2
    assert "no saved state of 'nobody'; allowed: " in capsys.readouterr().err
    assert checkpoints(["--delete", first.info.run_name]) == 0
    files = store / "checkpoints"
    assert {path.stem for path in files.glob("*.safetensors")} == {second.info.run_id, third.info.run_id}
    MlflowClient().update_run(second.info.run_id, "RUNNING")
    assert checkpoints(["--delete", second.info.run_id]) == 2
    assert "is at work" in capsys.readouterr().err
    assert checkpoints(["--delete", "all"]) == 0
    assert {path.stem for path in files.glob("*.safetensors")} == {second.info.run_id}
    MlflowClient().set_terminated(second.info.run_id, "KILLED")
    assert delete([second.info.run_id, "--yes"]) == 0
    assert not list(files.glob("*.safetensors"))


HARMED = {
    "no object": "[]",
    "deep": "[" * 100_000,
    "no values": '{"format": 1, "about": {}}',
    "another form": '{"format": 2, "about": {}, "values": {}}',
}


def test_a_damaged_state_or_record_is_refused_in_one_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--epochs", "2"]) == 0
    run_id = newest().info.run_id
    (state,) = store.rglob("training_state.safetensors")
    (store / "checkpoints").mkdir()
    with safe_open(state, framework="pt") as file:
        header = file.metadata()["state"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file, not a dict)
    harmed = [(text, tensors) for text in HARMED.values()]
    for name, value in (("epoch", None), ("epoch", -1), ("windows_read", "x"), ("loss_sum", [1]), ("metrics", 3)):
        values = json.loads(header)
        values["values"][name] = value
        harmed.append((json.dumps(values), tensors))
    for name, tensor in (("history.train_loss", torch.zeros(7)), ("net.readout.bias", torch.full((3,), math.nan))):
        harmed.append((header, tensors | {name: tensor}))
    for text, harmed_tensors in harmed:
        save_file(harmed_tensors, state, {"state": text})
        shutil.copy(state, store / "checkpoints" / f"{run_id}.safetensors")
        capsys.readouterr()
        assert checkpoints([]) == 0
        assert main(["--continue", run_id, "--epochs", "3"]) == 2, text[:80]
        err = capsys.readouterr().err
        assert err.startswith("error: the saved state of the training cannot be used: ")
        assert err.count("\n") == 1
    (config,) = (path for path in store.rglob("config.json") if path.parent == state.parent)
    config.write_text("{")
    assert main(["--continue", run_id, "--epochs", "3"]) == 2
    assert capsys.readouterr().err.startswith(f"error: the record of {run_id} (abc rnn16 e2 s42) is damaged: ")
