"""One run through the real entry point: what it prints, what it records, what it refuses."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import re
import signal
from pathlib import Path

import pytest
import torch
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import load_run
from experiments.train import main
from rnn_core.checkpoint import save_record
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.patterns import Pattern
from rnn_core.training import train
from tests.conftest import PROJECT

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def short_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is drawn to test a net on be short."""
    monkeypatch.setattr("rnn_core.patterns.shared.base.TEST_LENGTH", 300)


def only_run() -> Run:
    (run,) = MlflowClient().search_runs(["0"])
    return run


def artifact(run: Run, path: str) -> Path:
    return Path(MlflowClient().download_artifacts(run.info.run_id, path))


def test_a_run_prints_what_the_lab_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--epochs", "30"]) == 0
    out = capsys.readouterr().out
    for line in (
        "pattern          abc, 15 characters: abcabcabcabcabc",
        "to index         {'a': 0, 'b': 1, 'c': 2}",
        "to character     {0: 'a', 1: 'b', 2: 'c'}",
        "input            [1, 14, 1]",
        "target           [1, 14]",
        "(recurrent): RNN(1, 16, batch_first=True)",
        "355 parameters",
        f"target           {('bca' * 20)}",
        f"predicted        {('bca' * 20)}",
        f"goes on          {('abc' * 20)}",
        "eval accuracy    100.0%",
        "free running     150 of 150 characters before the first error",
    ):
        assert line in out
    run = only_run()
    assert f"run              {run.info.run_id} (abc rnn16 e30 s42)" in out
    assert f"#/experiments/0/runs/{run.info.run_id}" in out


def test_a_run_records_everything(store: Path) -> None:
    assert main(["--pattern", "aab", "--hidden-size", "8", "--epochs", "40"]) == 0
    run, client = only_run(), MlflowClient()
    asked = TrainConfig(pattern="aab", hidden_size=8, epochs=40)
    assert run.data.params == {name: str(value) for name, value in dataclasses.asdict(asked).items()}
    assert run.info.run_name == "aab rnn8 e40 s42"
    assert run.info.status == "FINISHED"

    tags = run.data.tags
    assert tags["end_reason"] == "finished"
    assert tags["torch_version"] == torch.__version__
    assert (tags["threads"], tags["device"]) == ("1", "cpu")
    assert tags["git_dirty"] in ("true", "false", "unknown")
    assert len(tags["git_commit"]) == 40 or tags["git_commit"] == "unknown"
    links, _, numbers, *_ = tags["mlflow.note.content"].splitlines()
    folder = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/"
    assert links.startswith(f"[**Play with the net**]({folder}net.html?workflowType=machine_learning), ")
    addresses = re.findall(r"\[[a-z ]+\]\(([^)]*)\)", links)
    assert addresses[0] == f"{folder}plots/loss.png?workflowType=machine_learning"
    pictures = [address.removeprefix(folder).partition("?")[0] for address in addresses]
    assert sorted(pictures) == sorted(file.path for file in MlflowClient().list_artifacts(run.info.run_id, "plots"))
    assert "free running **150 of 150 characters" in numbers
    assert f"    target     {'aba' * 20}" in tags["mlflow.note.content"]

    metrics = run.data.metrics
    assert metrics["training_characters"] == 15
    assert metrics["parameters"] == 8 * (1 + 8 + 2) + 2 * 9
    assert metrics["floor_loss"] == metrics["oracle_loss"] == 0
    assert metrics["excess_loss"] == metrics["eval_loss"]
    assert metrics["free_run_length"] == 150
    assert metrics["unknown_phase_floor"] == pytest.approx(0.033007, abs=1e-6)
    assert {"final_train_loss", "eval_accuracy", "free_run_correct", "unknown_phase_loss"} <= metrics.keys()

    history = client.get_metric_history(run.info.run_id, "train_loss")
    assert [metric.step for metric in history] == list(range(40))
    with artifact(run, "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train_loss"]) for row in rows] == [metric.value for metric in history]
    accuracies = client.get_metric_history(run.info.run_id, "train_accuracy")
    assert [float(row["train_accuracy"]) for row in rows] == [metric.value for metric in accuracies]

    record = json.loads(artifact(run, "config.json").read_text())
    assert record["config"] == dataclasses.asdict(asked) | {"length": 15, "window": 14}
    assert record["alphabet"] == "ab"
    data = ("aab" * 5) + ("aab" * 55)
    assert record["data_sha256"] == hashlib.sha256(data.encode()).hexdigest()

    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == "aab"
    assert dataset.dataset.digest == record["data_sha256"][:36]
    for name in ("loss", "predictions", "hidden_states", "trajectory"):
        assert artifact(run, f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
    (model,) = run.outputs.model_outputs
    assert client.get_logged_model(model.model_id).name == "model"
    assert not [path for path in store.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin")]


def test_the_same_config_again_gives_the_same_identity_and_weights() -> None:
    for arguments in (["--epochs", "5"], ["--epochs", "5", "--length", "15", "--window", "14"], ["--epochs", "6"]):
        assert main(arguments) == 0
    third, second, first = MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])
    assert first.data.tags["config_digest"] == second.data.tags["config_digest"]
    assert first.data.tags["config_digest"] != third.data.tags["config_digest"]
    nets = [load_run(run.info.run_id).net for run in (first, second)]
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)


def test_config_reruns_a_record_exactly(tmp_path: Path) -> None:
    assert main(["--pattern", "hello ", "--cell", "gru", "--clip", "1", "--epochs", "7", "--seed", "0"]) == 0
    first = only_run()
    record = artifact(first, "config.json")
    assert main(["--config", str(record)]) == 0
    second, _ = MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])
    assert second.info.run_id != first.info.run_id
    assert first.info.run_name == second.info.run_name == "hello  gru16 e7 clip=1.0 s0"
    assert second.data.tags["config_digest"] == first.data.tags["config_digest"]
    assert artifact(second, "curves.csv").read_bytes() == artifact(first, "curves.csv").read_bytes()
    ends = [run.data.metrics for run in (first, second)]
    assert ends[0] == ends[1]


def test_flags_beside_config_change_single_fields() -> None:
    assert main(["--cell", "lstm", "--epochs", "3"]) == 0
    record = artifact(only_run(), "config.json")
    assert main(["--config", str(record), "--epochs", "4"]) == 0
    newest, _ = MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])
    assert (newest.data.params["cell"], newest.data.params["epochs"]) == ("lstm", "4")


def test_a_text_is_held_out_and_recorded_with_its_absolute_path(store: Path) -> None:
    text = "the cat sat on the mat.\n" * 20
    (store / "tale.txt").write_text(text)
    small = ["--cell", "rnn", "--hidden-size", "16", "--encoding", "onehot", "--batch-size", "4", "--threads", "1"]
    assert main(["--pattern", "text:tale.txt", "--epochs", "2", *small]) == 0
    run = only_run()
    assert run.info.run_name == f"text:{store.name}/tale.txt rnn16 e2 encoding=onehot batch_size=4 s42"
    assert run.data.params["pattern"] == f"text:{store / 'tale.txt'}"
    assert run.data.metrics["training_characters"] == 432
    assert "floor_loss" not in run.data.metrics
    assert run.data.metrics["free_run_length"] == 48
    record = json.loads(artifact(run, "config.json").read_text())
    assert record["config"]["window"] == 64
    assert record["data_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert "↵" in run.data.tags["mlflow.note.content"]
    assert "free running" not in run.data.tags["mlflow.note.content"], "a net need not write the text of the test"


def test_a_rerun_refuses_a_text_that_has_changed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "tale.txt").write_text("the cat sat on the mat. " * 20)
    assert main(["--pattern", "text:tale.txt", "--epochs", "1", "--hidden-size", "8", "--threads", "1"]) == 0
    record = artifact(only_run(), "config.json")
    (store / "tale.txt").write_text("the dog sat on the mat. " * 20)
    assert main(["--config", str(record)]) == 2
    assert "have changed" in capsys.readouterr().err
    assert len(MlflowClient().search_runs(["0"])) == 1


@pytest.mark.parametrize("pattern", ["αβγ日本é😀", "unit:a:b", "-a'b", 'a"$ b\tx{y}z\n'])
def test_any_characters_make_a_pattern(pattern: str) -> None:
    assert main([f"--pattern={pattern}", "--epochs", "2"]) == 0
    run = only_run()
    assert run.data.params["pattern"] == pattern
    assert load_run(run.info.run_id).config.pattern == pattern


def test_a_text_beyond_one_window_and_every_cell_and_encoding_train(store: Path) -> None:
    (store / "tale.txt").write_text("abracadabra " * 40)
    for cell, encoding in (("rnn", "embedding"), ("gru", "index"), ("lstm", "onehot")):
        arguments = ["--pattern", "text:tale.txt", "--cell", cell, "--encoding", encoding, "--layers", "2"]
        arguments += ["--hidden-size", "16", "--threads", "1"]
        assert main([*arguments, "--epochs", "1", "--batch-size", "3", "--window", "10"]) == 0
    assert {run.info.run_name for run in MlflowClient().search_runs(["0"])} == {
        f"text:{store.name}/tale.txt {cell}16x2 e1{encoding} batch_size=3 window=10 s42"
        for cell, encoding in (("rnn", ""), ("gru", " encoding=index"), ("lstm", " encoding=onehot"))
    }


def test_training_that_diverges_ends_failed_and_keeps_its_curve(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--learning-rate", "1e37", "--epochs", "50", "--hidden-size", "64"]) == 1
    run = only_run()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the loss became" in error
    assert "--learning-rate" in error
    assert run.info.status == "FAILED"
    assert run.data.tags["end_reason"].startswith("diverged: ")
    rows = artifact(run, "curves.csv").read_text().splitlines()
    history = MlflowClient().get_metric_history(run.info.run_id, "train_loss")
    assert len(rows) - 1 == len(history) >= 1
    assert all(metric.value < float("inf") for metric in history)
    assert artifact(run, "plots/loss.png").exists()


def test_weights_that_the_last_step_ruined_are_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--learning-rate", "1e37", "--epochs", "1", "--hidden-size", "512"]) == 1
    run = only_run()
    assert run.info.status == "FAILED"
    assert run.data.tags["end_reason"].startswith("diverged: ")
    assert "--learning-rate" in capsys.readouterr().err
    assert not run.outputs.model_outputs
    assert "eval_loss" not in run.data.metrics


def test_help_tells_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(f"--{field.name.replace('_', '-')} " in out for field in dataclasses.fields(TrainConfig))
    assert "--config" in out


ELMAN = ["--pattern", "elman", "--length", "300"]
RECIPE = Pattern.families["elman"].recipe
PLAIN = {name: getattr(TrainConfig(), name) for name in RECIPE}


def params(**changes: object) -> dict[str, str]:
    """Return the params of an elman run: plain defaults, with these changes."""
    asked = dataclasses.replace(TrainConfig(pattern="elman", length=300), **changes)  # type: ignore[arg-type]
    return {name: str(value) for name, value in dataclasses.asdict(asked).items()}


def given(without: set[str]) -> str:
    """Return what a run says of its recipe, of which some fields were replaced."""
    return " ".join(f"{name}={value}" for name, value in RECIPE.items() if name not in without)


def test_a_recipe_holds_where_no_flag_says_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"encoding", "batch_size", "window", "schedule"} <= {name for name in RECIPE if RECIPE[name] != PLAIN[name]}
    assert main([*ELMAN, "--epochs", "2"]) == 0
    run = only_run()
    asked = dict(RECIPE) | {"epochs": 2}
    assert run.data.params == params(**asked)
    assert load_run(run.info.run_id).config == prepare(TrainConfig(pattern="elman", length=300, **asked)).config
    words = given(without={"epochs"})
    assert f"\nrecipe           {words}\n" in capsys.readouterr().out
    assert run.data.tags["recipe"] == words
    usual = f"elman {run.data.params['cell']}{run.data.params['hidden_size']} e2"
    assert run.info.run_name == f"{usual} length=300 s42", "the recipe's own values are in no name"
    assert main(["--config", str(artifact(run, "config.json"))]) == 0
    again, _ = MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])
    assert again.info.run_name == run.info.run_name


def test_a_flag_goes_before_the_recipe_even_if_it_says_the_plain_default() -> None:
    assert main([*ELMAN, *(f"--{name.replace('_', '-')}={value}" for name, value in PLAIN.items())]) == 0
    assert only_run().data.params == params()
    assert only_run().data.tags.get("recipe", "") == given(
        without={name for name in RECIPE if RECIPE[name] != PLAIN[name]}
    )


def test_under_mlflow_run_a_parameter_at_its_default_was_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    run = MlflowClient().create_run("0")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    # `mlflow run` logs every parameter, its default where nobody said another value, and passes it on.
    parameters = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]["main"]["parameters"]
    passed = {name: str(parameter["default"]) for name, parameter in parameters.items()}
    passed |= {"pattern": "elman", "length": "300", "epochs": "2", "batch_size": "8"}
    for name, value in passed.items():
        MlflowClient().log_param(run.info.run_id, name, value)
    assert main([f"--{name.replace('_', '-')}={value}" for name, value in passed.items()]) == 0
    done = MlflowClient().get_run(run.info.run_id)
    assert done.data.params == passed, "which MLflow never changes"
    trained = dict(RECIPE) | {"epochs": 2, "batch_size": 8}
    resolved = prepare(TrainConfig(pattern="elman", length=300, **trained)).config
    assert json.loads(artifact(done, "config.json").read_text())["config"] == dataclasses.asdict(resolved)
    assert done.data.tags["recipe"] == given(without={"epochs", "batch_size"})


def test_a_record_is_trained_again_without_the_recipe(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = prepare(TrainConfig(pattern="elman", length=300, epochs=2)).record
    save_record(record, store / "config.json")
    assert main(["--config", "config.json"]) == 0
    assert only_run().data.params == params(epochs=2, window=299)
    assert only_run().data.tags["config_digest"] == record.digest
    assert "recipe" not in only_run().data.tags
    assert "\nrecipe " not in capsys.readouterr().out


def test_a_plain_unit_has_no_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--epochs", "1"]) == 0
    assert "recipe" not in capsys.readouterr().out
    assert "recipe" not in only_run().data.tags


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.patterns.counting.MAX_TEST_COUNT", 30)
    monkeypatch.setattr("rnn_core.patterns.shared.answers.CASES_PER_LENGTH", 2)
    monkeypatch.setattr("rnn_core.patterns.tomita.Tomita.max_classified_length", 6)


@pytest.mark.usefixtures("few_cases")
@pytest.mark.parametrize(
    ("pattern", "free"),
    [
        ("anbn", True),
        pytest.param("tomita:4", True, marks=pytest.mark.slow),
        pytest.param("parity:longest=12", False, marks=pytest.mark.slow),
        ("flipflop:2", False),
    ],
)
def test_a_pattern_with_cases_records_how_far_its_net_reaches(
    pattern: str, free: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--pattern", pattern, "--length", "800", "--epochs", "2", "--keep", "best"]) == 0
    run = only_run()
    assert (run.info.status, run.data.tags["end_reason"]) == ("FINISHED", "finished")
    loaded = load_run(run.info.run_id)
    report = measure(loaded.net, prepare(loaded.config))
    rows, metrics = report.rows, report.metrics
    assert rows
    with artifact(run, "generalization.csv").open() as file:
        table = list(csv.DictReader(file))
    assert table == [{name: str(value) for name, value in dataclasses.asdict(row).items()} for row in rows]
    assert metrics.items() <= run.data.metrics.items()
    assert artifact(run, "plots/generalization.png").read_bytes().startswith(b"\x89PNG")
    for name in ("loss", "predictions", "hidden_states", "trajectory"):
        assert artifact(run, f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
    # Nobody taught the net the questions, or when a pulse comes.
    told = capsys.readouterr().out + run.data.tags["mlflow.note.content"]
    assert told.count("free running") == told.count("goes on ") == (2 if free else 0)
    assert ("free_run_length" in run.data.metrics) == free
    assert told.count("gap right" if pattern.startswith("flipflop") else "whole strings") == 2


def test_a_pattern_without_cases_records_no_table(store: Path) -> None:
    assert main(["--epochs", "1"]) == 0
    assert not [path for path in store.rglob("generalization.*") if path.suffix != ".py"]


def test_with_keep_best_the_validation_losses_and_the_best_weights_are_recorded() -> None:
    assert main([*ELMAN, "--epochs", "6", "--keep", "best", "--learning-rate", "0.3"]) == 0
    run = only_run()
    records = list(train(prepare(load_run(run.info.run_id).config)))
    history = MlflowClient().get_metric_history(run.info.run_id, "valid_loss")
    assert [(metric.step, metric.value) for metric in history] == [(r.epoch, r.valid_loss) for r in records]
    with artifact(run, "curves.csv").open() as file:
        assert [float(row["valid_loss"]) for row in csv.DictReader(file)] == [metric.value for metric in history]
    for name, weight in load_run(run.info.run_id).net.state_dict().items():
        assert torch.equal(weight, records[-1].net.state_dict()[name])


def test_with_keep_last_no_validation_loss_is_recorded() -> None:
    assert main([*ELMAN, "--epochs", "2"]) == 0
    run = only_run()
    assert "valid_loss" not in run.data.metrics
    assert "valid_loss" not in artifact(run, "curves.csv").read_text()


def test_with_keep_best_a_training_that_is_interrupted_records_the_best_weights_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Impatient(io.StringIO):
        """A person who presses Ctrl-C when the seventh epoch is shown."""

        def write(self, text: str) -> int:
            if "epoch 7/10" in text:
                os.kill(os.getpid(), signal.SIGINT)
            return super().write(text)

    monkeypatch.setattr("sys.stdout", Impatient())
    restless = ["--keep", "best", "--learning-rate", "0.5", "--schedule", "constant", "--batch-size", "8"]
    assert main([*ELMAN, *restless, "--epochs", "10"]) == 130
    run = only_run()
    assert run.info.status == "KILLED"
    loaded = load_run(run.info.run_id)
    copies = []
    for record in train(prepare(loaded.config)):
        copies.append((record.valid_loss, {name: part.clone() for name, part in record.net.state_dict().items()}))
        if record.epoch == 6:
            break
    best = min(range(7), key=lambda epoch: copies[epoch][0])
    assert best < 6, "or this test would show nothing"
    for name, weight in loaded.net.state_dict().items():
        assert torch.equal(weight, copies[best][1][name])


def test_a_net_that_can_draw_nothing_has_diverged(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its losses on the test were computed; that nothing can be drawn from it only shows when it runs free."""
    ruined = ["--learning-rate", "1e37", "--hidden-size", "200", "--epochs", "1", "--batch-size", "1"]
    assert main(["--pattern", "noisy:abc:0.1", "--length", "300", "--window", "100000", *ruined]) == 1
    assert "diverged: the trained net's losses or weights are not finite" in capsys.readouterr().err
    (run,) = MlflowClient().search_runs(["0"])
    assert run.info.status == "FAILED"
    assert not run.outputs.model_outputs
