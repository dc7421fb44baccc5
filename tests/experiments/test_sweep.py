"""A sweep through its real entry point: its runs, its tables, what it reuses, what it refuses."""

import contextlib
import dataclasses
import io
import os
import re
import signal
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.validation import MAX_TAG_VAL_LENGTH

from analysis.compare.estimates import three_digits
from analysis.figures import Picture
from analysis.runs import load_run
from experiments import shard_training, shards, sweep_report
from experiments.cost import _finish_time, in_words
from experiments.sweep import main
from experiments.tracking import TrackedRun
from experiments.tracking.sending import MetricSender
from experiments.train import main as train_main
from rnn_core.config import TrainConfig
from rnn_core.data import prepare, prepare_all
from rnn_core.training import train
from tests.conftest import copy_store

pytestmark = pytest.mark.usefixtures("store")

SMALL = ["--epochs", "2,5", "--hidden-sizes", "2,3", "--seeds", "2"]
"""Eight runs."""

FEW = ["--epochs", "1,2", "--hidden-sizes", "2", "--seeds", "1"]
"""Two runs."""


def runs() -> list[Run]:
    """Return every run, the newest first."""
    return list(MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"]))


def children() -> list[Run]:
    return [run for run in runs() if "config_digest" in run.data.tags]


def parents() -> list[Run]:
    return [run for run in runs() if "kind" in run.data.tags]


def artifact(run: Run, path: str) -> Path:
    return Path(MlflowClient().download_artifacts(run.info.run_id, path))


def table(parent: Run, name: str) -> pd.DataFrame:
    return pd.read_csv(artifact(parent, f"{name}.csv"))


def members(parent: Run) -> set[str]:
    found = MlflowClient().search_runs(["0"], f"tags.`sweep.{parent.info.run_id}` = 'member'")
    return {run.info.run_id for run in found}


@dataclass(frozen=True)
class Swept:
    """A sweep of sixteen runs that several tests look at, and one of its runs made as a single run.

    Attributes:
        planned: what its dry run printed.
        runs_of_plan: how many runs there were after the dry run.
        said: what the sweep printed.
        room: the bytes that it took on the disk.
        single: the single run's ID.
    """

    planned: str
    runs_of_plan: int
    said: str
    room: int
    single: str


@pytest.fixture(scope="module")
def swept_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("swept")


@pytest.fixture(scope="module")
def swept_once(migrated_store: Path, swept_folder: Path) -> Swept:
    def printed(arguments: list[str]) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main(arguments) == 0
        return out.getvalue()

    copy_store(migrated_store, swept_folder)
    asked = ["--patterns", "abc,aab", *SMALL]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(swept_folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{swept_folder / 'mlflow.db'}")
        mlflow.set_tracking_uri(None)
        planned = printed([*asked, "--dry-run"])
        runs_of_plan, before = len(runs()), room(swept_folder)
        said = printed(asked)
        took = room(swept_folder) - before
        assert train_main(["--pattern", "aab", "--hidden-size", "3", "--epochs", "5", "--seed", "1"]) == 0
        return Swept(planned, runs_of_plan, said, took, runs()[0].info.run_id)


@pytest.fixture
def swept(store: Path, swept_once: Swept, swept_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Swept:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{swept_folder / 'mlflow.db'}")
    return swept_once


def test_a_sweep_records_every_run_as_a_single_run_is_recorded(swept: Swept) -> None:
    (parent,) = parents()
    made = [run for run in children() if run.info.run_id != swept.single]
    assert len(made) == 16
    names = {f"{p} rnn{h} e{e} s{s}" for p in ("abc", "aab") for h in (2, 3) for e in (2, 5) for s in (0, 1)}
    assert {run.info.run_name for run in made} == names
    assert {run.data.tags["mlflow.parentRunId"] for run in made} == {parent.info.run_id}
    assert {run.info.status for run in made} == {"FINISHED"}
    assert members(parent) == {run.info.run_id for run in made}

    (child,) = [run for run in made if run.info.run_name == "aab rnn3 e5 s1"]
    single = MlflowClient().get_run(swept.single)
    assert child.data.params == single.data.params
    assert child.data.metrics.keys() == single.data.metrics.keys()
    assert child.data.metrics == pytest.approx(single.data.metrics, rel=1e-4)
    ours = {"mlflow.parentRunId", "shard", f"sweep.{parent.info.run_id}"}
    assert child.data.tags.keys() - ours == single.data.tags.keys()
    assert child.data.tags["config_digest"] == single.data.tags["config_digest"]
    assert child.inputs.dataset_inputs[0].dataset == single.inputs.dataset_inputs[0].dataset
    nets = [load_run(run.info.run_id) for run in (child, single)]
    assert nets[0].config == nets[1].config
    assert np.allclose(nets[0].curves, nets[1].curves, rtol=1e-4)
    for one, other in zip(*(loaded.net.parameters() for loaded in nets), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    folders = [artifact(run, "") for run in (child, single)]
    files = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in folders]
    assert [*files[0], "training_state.safetensors"] == files[1], "only a single run keeps the end of its training"
    history = MlflowClient().get_metric_history(child.info.run_id, "train_loss")
    assert [metric.value for metric in history] == nets[0].curves["train_loss"].tolist()
    assert "16/16" in swept.said


def test_the_parent_holds_grid_tables_pictures_and_key_numbers(swept: Swept) -> None:
    (parent,) = parents()
    made = [run for run in children() if run.info.run_id != swept.single]
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "pattern abc, aab x hidden 2, 3 x epochs 2, 5 x 2 seeds"
    said = {"patterns": "abc,aab", "hidden_sizes": "2,3", "epochs": "2,5", "seeds": "2"}
    assert parent.data.params == said
    grid = artifact(parent, "grid.toml").read_text()
    assert grid == 'patterns = ["abc", "aab"]\nhidden_sizes = [2, 3]\nepochs = [2, 5]\nseeds = [0, 1]\n'

    results, every = table(parent, "results"), table(parent, "runs")
    assert len(every) == 16
    assert set(every["run_id"]) == {run.info.run_id for run in made}
    assert not every["reused"].any()
    assert len(results) == 8
    assert (results["finished"] == 2).all()
    losses = {run.info.run_name: run.data.metrics["eval_loss"] for run in made}
    for row in results.to_dict("records"):
        of_row = [losses[f"{row['pattern']} rnn{row['hidden_size']} e{row['epochs']} s{seed}"] for seed in (0, 1)]
        assert row["eval_loss_median"] == pytest.approx(np.median(of_row), rel=1e-5)
        # All resamples of two seeds: the lower one twice, both, the higher one twice.
        assert (row["eval_loss_low"], row["eval_loss_high"]) == pytest.approx((min(of_row), max(of_row)), rel=1e-5)
        assert row["eval_loss_n"] == 2

    for name in ("heat_map", "curves"):
        assert artifact(parent, f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
    note = parent.data.tags["mlflow.note.content"]
    links, _, first, *_ = note.splitlines()
    assert re.findall(r"\[([a-z ]+)\]\(#/experiments/", links) == ["its runs", "heat map", "curves"]
    assert first == "- pattern abc, aab x hidden 2, 3 x epochs 2, 5 x 2 seeds: 16 runs, 16 new, 0 reused"
    for pattern in ("abc", "aab"):
        best = results[results["pattern"] == pattern].sort_values("excess_loss_median").iloc[0]
        where = f"at hidden size {best['hidden_size']}, epochs {best['epochs']}"
        value, low, high = (three_digits(best[f"excess_loss_{part}"]) for part in ("median", "low", "high"))
        expected = f"{pattern}: lowest median excess loss, with its 95 % interval: {value} [{low}, {high}] "
        expected += "(median of 2 seeds; few seeds) "
        shown = note.replace("\\", "")  # Markdown's escapes
        assert any(line.startswith(f"- {expected}") and line.endswith(where) for line in shown.splitlines())
        assert expected in swept.said
    assert parent.data.metrics["runs"] == parent.data.metrics["runs_new"] == 16


def test_the_same_sweep_again_makes_nothing_and_a_wider_one_what_is_new() -> None:
    assert main(FEW) == 0
    first = children()
    assert main(FEW) == 0
    again, before = parents()
    assert {run.info.run_id for run in children()} == {run.info.run_id for run in first}
    assert table(again, "runs")["reused"].all()
    assert members(again) == members(before) == {run.info.run_id for run in first}
    assert {run.data.tags["mlflow.parentRunId"] for run in children()} == {before.info.run_id}
    pd.testing.assert_frame_equal(table(again, "results"), table(before, "results"))
    assert artifact(again, "plots/curves.png").read_bytes() == artifact(before, "plots/curves.png").read_bytes()

    assert main([*FEW[:-1], "2"]) == 0
    wider = parents()[0]
    assert len(children()) == 4
    every = table(wider, "runs")
    assert every["reused"].tolist() == [True, False] * 2
    new = {run.info.run_id for run in children()} - {run.info.run_id for run in first}
    assert set(every.loc[~every["reused"], "run_id"]) == new
    assert members(wider) == {run.info.run_id for run in children()}


def test_again_makes_everything_anew() -> None:
    arguments = ["--epochs", "2", "--hidden-sizes", "2", "--seeds", "1"]
    assert main(arguments) == 0
    assert main([*arguments, "--again"]) == 0
    assert len(children()) == 2
    assert not table(parents()[0], "runs")["reused"].any()
    assert len(members(parents()[0])) == 1


def test_a_single_run_is_a_sweeps_run_too() -> None:
    assert train_main(["--epochs", "2", "--seed", "1"]) == 0
    (single,) = children()
    assert main(["--epochs", "2", "--seeds", "2"]) == 0
    assert table(parents()[0], "runs")["reused"].tolist() == [False, True]
    assert single.info.run_id in members(parents()[0])


def test_what_cannot_be_stacked_is_trained_alone_and_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--patterns", "aab", "--keeps", "last,best", "--lengths", "30", "--epochs", "3", "--seeds", "2"]
    assert main([*arguments, "--hidden-sizes", "2"]) == 0
    assert "2 nets are trained alone: not to be stacked (keep=best)" in capsys.readouterr().out
    assert {run.info.run_name for run in children()} == {
        f"aab rnn2 e3 keep={k} s{s}" for k in ("last", "best") for s in (0, 1)
    }
    for run in children():
        loaded = load_run(run.info.run_id)
        alone = list(train(loaded.config))
        assert loaded.curves["train_loss"].tolist() == pytest.approx([record.loss for record in alone], rel=1e-4)
        if loaded.config.keep == "best":
            assert loaded.curves["valid_loss"].tolist() == [record.valid_loss for record in alone]
            assert all(map(torch.equal, loaded.net.parameters(), alone[-1].net.parameters()))
    unlike = ["--epochs", "3", "--hidden-sizes", "2,3", "--seeds", "1"]
    assert main(unlike) == 0
    assert "trained alone" not in capsys.readouterr().out, "compiled loops train each net by itself in any case"
    for module in ("experiments.shards", "experiments.shared_training", "rnn_core.training.stack"):
        monkeypatch.setattr(f"{module}.can_compile", lambda config: False)
    assert main([*unlike, "--again"]) == 0
    assert "2 nets are trained alone: no other of their shape" in capsys.readouterr().out


def test_nets_that_draw_afresh_are_trained_side_by_side_and_it_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_core.patterns.shared.answers.CASES_PER_LENGTH", 2)
    monkeypatch.setattr("rnn_core.patterns.shared.base.TEST_LENGTH", 300)
    plain = ["--patterns", "parity", "--lengths", "300", "--epochs", "4", "--hidden-sizes", "4", "--seeds", "2"]
    asked = ["--draws", "once,every-epoch", "--batches", "one-length", "--batch-sizes", "4"]
    assert main([*plain, *asked]) == 0
    assert "2 nets are trained alone: not to be stacked (draws=every-epoch)" in capsys.readouterr().out
    assert main([*plain, "--draws", "every-epoch", "--curriculums", "0.6", "--batch-sizes", "4"]) == 0
    assert "2 nets are trained alone: not to be stacked (draws=every-epoch)" in capsys.readouterr().out
    assert len(children()) == 6
    for run in children():
        loaded = load_run(run.info.run_id)
        alone = list(train(loaded.config))
        assert loaded.curves["train_loss"].tolist() == pytest.approx([record.loss for record in alone], rel=1e-4)
        if loaded.config.draws == "every-epoch":
            assert all(map(torch.equal, loaded.net.parameters(), alone[-1].net.parameters()))
        if loaded.config.curriculum:
            assert loaded.curves["longest_drawn"].tolist() == [record.longest for record in alone]
    fresh = [load_run(run.info.run_id).config for run in children() if run.data.params["draws"] == "every-epoch"]
    prepared = prepare_all(fresh)
    assert sorted(shards.plan(prepared, workers=2)[0]) == [[number] for number in range(len(fresh))]


@pytest.mark.slow
def test_values_that_come_to_the_same_are_one_run() -> None:
    assert main(["--lengths", "0,15", "--epochs", "2", "--hidden-sizes", "2", "--seeds", "1"]) == 0
    assert len(children()) == 1
    assert [parents()[0].data.metrics[name] for name in ("runs", "runs_new")] == [1, 1]
    every = table(parents()[0], "runs")
    assert every["run_id"].tolist() == [children()[0].info.run_id] * 2
    assert table(parents()[0], "results")["finished"].tolist() == [1, 1]


def test_runs_that_differ_only_in_epochs_share_one_training() -> None:
    base = TrainConfig(hidden_size=2)
    configs = [dataclasses.replace(base, epochs=epochs, seed=seed) for epochs in (2, 5, 9) for seed in (0, 1)]
    (stack,) = shards.stacks(prepare_all(configs))
    assert [training.runs for training in stack] == [(0, 2, 4), (1, 3, 5)]
    cosine = prepare_all(dataclasses.replace(config, schedule="cosine") for config in configs)
    assert [len(stack) for stack in shards.stacks(cosine)] == [2, 2, 2]
    best = prepare_all(dataclasses.replace(config, keep="best") for config in configs)
    assert [len(stack) for stack in shards.stacks(best)] == [1] * 6


def test_shards_are_bounded_by_runs_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare_all(TrainConfig(seed=seed, epochs=epochs) for seed in range(230) for epochs in (1, 2))
    cut, alone = shards.plan(prepared)
    assert sorted(number for shard in cut for number in shard) == list(range(460))
    assert not alone
    assert max(map(len, cut)) <= shards.MAX_RUNS
    monkeypatch.setattr(shards, "MAX_BYTES", 1)
    assert [len(shard) for shard in shards.plan(prepared)[0]] == [2] * 230


@pytest.mark.slow
def test_recipes_apply_and_a_list_goes_before_them() -> None:
    assert (
        main(["--patterns", "reber", "--epochs", "1", "--lengths", "300", "--hidden-sizes", "4", "--seeds", "1"]) == 0
    )
    (run,) = children()
    record = load_run(run.info.run_id).config
    assert (record.epochs, record.length, record.hidden_size) == (1, 300, 4)
    recipe = type(prepare(record).pattern).recipe
    assert {name: getattr(record, name) for name in recipe.keys() - {"epochs", "length", "hidden_size"}} == {
        name: value for name, value in recipe.items() if name not in ("epochs", "length", "hidden_size")
    }
    assert run.data.tags["recipe"]


def test_nets_that_diverge_are_said_and_not_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--learning-rates", "0.01,1e37", "--epochs", "20", "--hidden-sizes", "64", "--seeds", "1"]
    assert main(arguments) == 0
    ends = {run.info.run_name: (run.info.status, run.data.tags["end_reason"][:8]) for run in children()}
    assert ends == {
        "abc rnn64 e20 learning_rate=0.01 s0": ("FINISHED", "finished"),
        "abc rnn64 e20 learning_rate=1e+37 s0": ("FAILED", "diverged"),
    }
    results = table(parents()[0], "results")
    assert results[["finished", "diverged", "failed"]].to_numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert "2 runs, 2 new, 0 reused, 1 diverged" in parents()[0].data.tags["mlflow.note.content"]
    assert capsys.readouterr().out.count("diverged: the loss became") == 1
    assert main(arguments) == 0
    assert len(children()) == 2


def broken_recording(monkeypatch: pytest.MonkeyPatch, seed: int, times: int) -> list[int]:
    """Let the recording of a seed's runs fail a number of times; return the list of failures so far."""
    failures: list[int] = []
    log_model = TrackedRun._log_model

    def sometimes(self: TrackedRun, *rest: object) -> str:
        if self.record.config.seed == seed and len(failures) < times:
            failures.append(seed)
            raise OSError("the disk is full")
        return log_model(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackedRun, "_log_model", sometimes)
    return failures


def test_a_run_that_fails_once_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failures = broken_recording(monkeypatch, seed=1, times=1)
    assert main(["--epochs", "2", "--hidden-sizes", "2", "--seeds", "2"]) == 0
    assert failures == [1]
    assert "1 runs failed and are tried once more" in capsys.readouterr().out
    assert len(members(parents()[0])) == len(children()) == 2
    assert (table(parents()[0], "runs")["end"] == "finished").all()


def test_a_run_that_fails_twice_is_reported_and_the_others_finish(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failures = broken_recording(monkeypatch, seed=1, times=100)
    assert main(["--epochs", "2", "--seeds", "3"]) == 1
    assert failures == [1, 1]
    said = capsys.readouterr()
    assert "the disk is full" in said.out
    assert said.err == "error: 1 of 3 runs failed\n"
    (parent,) = parents()
    assert parent.info.status == "FAILED"
    assert parent.data.tags["end_reason"] == "1 of 3 runs failed"
    assert table(parent, "runs")["end"].tolist() == ["finished", "failed", "finished"]
    assert len(members(parent)) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hidden-sizes", "4,x"], "--hidden-sizes"),
        (
            ["--batch-sizes", "1,99"],
            "1 to 14, the predictions in 15 characters (--batch-sizes)",
        ),
        (["--patterns", "reber", "--lengths", "60"], "(--batch-sizes); the value may be a recipe's, which this flag"),
        (["--workers", "0"], "workers is 0; allowed: 1 to "),
        (["--workers", "9" * 30], "processes, which fit into this machine's memory (--workers)"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "--workers"),
        (["--grid", "nowhere.toml"], "No such file"),
        (["--hidden-size", "4"], "--hidden-size"),
    ],
)
def test_bad_input_is_refused_before_anything_is_recorded(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error
    assert not runs()


def test_a_grids_file_is_kept_word_for_word(tmp_path: Path) -> None:
    text = '# why: commas\npatterns = ["a,b"]\nseeds = 1\nepochs = 9\n'
    (tmp_path / "my_grid.toml").write_text(text)
    assert main(["--grid", str(tmp_path / "my_grid.toml"), "--epochs", "2"]) == 0
    (parent,) = parents()
    assert artifact(parent, "grid_given.toml").read_text() == text
    assert artifact(parent, "grid.toml").read_text() == 'patterns = ["a,b"]\nepochs = [2]\nseeds = [0]\n'
    assert main(["--grid", str(artifact(parent, "grid.toml"))]) == 0
    assert len(children()) == 1


def test_a_dry_run_says_what_it_would_be_and_makes_nothing(swept: Swept) -> None:
    assert swept.planned.startswith(
        "pattern abc, aab x hidden 2, 3 x epochs 2, 5 x 2 seeds: 16 runs, 0 of them recorded before; about "
    )
    assert swept.runs_of_plan == 0
    megabytes = float(swept.planned.split(", and ")[1].split(" MB")[0])
    assert 0.5 < megabytes * 1e6 / swept.room < 2


def test_a_dry_run_counts_on_its_workers(capsys: pytest.CaptureFixture[str]) -> None:
    for workers in ("1", "4"):
        assert main(["--hidden-sizes", "2", "--epochs", "1", "--seeds", "40", "--workers", workers, "--dry-run"]) == 0
        said = capsys.readouterr().out
        assert re.search(rf"about \S+ (seconds|minutes) with {workers} worker{'s' * (workers > '1')}, and", said)
    assert _finish_time([0.0], [3.0, 1.0, 1.0, 1.0]) == 6.0
    assert _finish_time([0.0, 0.0], [3.0, 1.0, 1.0, 1.0]) == 3.0, "one takes the long shard, the other the short ones"
    assert _finish_time([0.5, 0.5], [3.0, 1.0, 1.0, 2.0]) == 4.5


def test_a_dry_run_counts_only_what_is_not_recorded(
    swept: Swept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--patterns", "abc,aab", *SMALL[:-1], "3", "--dry-run"]  # a seed more
    megabytes = []
    for arguments, recorded in ((more, 16), ([*more, "--again"], 0)):
        assert main(arguments) == 0
        said = capsys.readouterr().out
        assert f": 24 runs, {recorded} of them recorded before; about " in said
        megabytes.append(float(said.split(", and ")[1].split(" MB")[0]))
    assert megabytes[0] == pytest.approx(megabytes[1] / 3, abs=1)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    assert main(more) == 0
    assert "24 runs, 0 of them recorded before" in capsys.readouterr().out
    assert MlflowClient().get_experiment_by_name("another") is None, "a dry run has made an experiment"


def test_a_dry_run_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    mlflow.set_tracking_uri(None)
    assert main(["--epochs", "1", "--hidden-sizes", "2", "--seeds", "1", "--dry-run"]) == 0
    assert not list((tmp_path / "empty").iterdir())


def test_a_dry_run_of_a_store_that_cannot_be_read_is_refused(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    mlflow.set_tracking_uri(None)
    assert main(["--epochs", "1", "--dry-run"]) == 2
    assert "error: the store http://127.0.0.1:1 cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 seconds"),
        (1.2, "1 second"),
        (119.4, "119 seconds"),
        (119.6, "2 minutes"),
        (100 * 60, "100 minutes"),
        (2 * 3600, "2.0 hours"),
        (123.4 * 3600, "123 hours"),
    ],
)
def test_a_time_is_said_in_seconds_minutes_or_hours(seconds: float, said: str) -> None:
    assert in_words(seconds) == said


def room(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*"))


@pytest.mark.slow
def test_a_sweep_without_a_floor_compares_by_the_loss(tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text("the cat sat on the mat. " * 20)
    small = ["--epochs", "1", "--hidden-sizes", "2,3", "--encodings", "onehot", "--cells", "rnn", "--seeds", "1"]
    assert main(["--patterns", f"text:{tmp_path / 'tale.txt'}", "--threads", "1", *small]) == 0
    assert "lowest median eval loss" in parents()[0].data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_pictures_of_earlier_runs_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[weakref.ref[Picture]] = []
    alive: list[int] = []
    png = Picture.png

    def counted(self: Picture, fast: bool = False) -> bytes:
        if fast:  # a run's, not the sweep's own
            drawn.append(weakref.ref(self))
        alive.append(len({id(picture) for one in drawn if (picture := one()) is not None}))  # one may be drawn in again
        return png(self, fast)

    monkeypatch.setattr(Picture, "png", counted)
    monkeypatch.setattr(shard_training, "RUNS_A_COLLECTION", 2)
    for epochs, seeds in (("1,2", "3"), ("1", "20-20")):  # the second finds what the first has left
        assert main(["--epochs", epochs, "--hidden-sizes", "2", "--seeds", seeds]) == 0
    plots = [file for run in children() for file in MlflowClient().list_artifacts(run.info.run_id, "plots")]
    assert len(plots) == len(children()) * 4 > len(drawn), "equal pictures are drawn once"
    assert max(alive) <= 4 * (shard_training.RUNS_A_COLLECTION + 1)


def seed_of(run_id: str) -> str:
    seed: str = MlflowClient().get_run(run_id).data.params["seed"]
    return seed


@pytest.mark.slow
def test_a_last_write_that_fails_once_ends_that_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[str] = []
    flush = MetricSender.flush

    def sometimes(self: MetricSender, tags: dict[str, str] | None = None) -> None:
        if tags and seed_of(self._run_id) == "1" and not failures:
            failures.append(self._run_id)
            raise OSError("the cable is out")
        flush(self, tags)

    monkeypatch.setattr(MetricSender, "flush", sometimes)
    assert main(["--epochs", "2", "--hidden-sizes", "2", "--seeds", "2"]) == 0
    assert failures
    assert [run.info.status for run in parents()] == ["FINISHED"]
    assert {run.info.run_name for run in children()} == {f"abc rnn2 e2 s{seed}" for seed in range(2)}
    assert len(members(parents()[0])) == len(children()) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("owner", "step", "times"), [(TrackedRun, "_describe_start", 1), (MetricSender, "flush", 2)], ids=str
)
def test_a_run_that_fails_at_another_step_leaves_no_second_of_its_kind(
    owner: type, step: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is opened; or at its last write and at the one that would say so."""
    failures: list[str] = []
    whole = getattr(owner, step)

    def sometimes(self: Any, *rest: object) -> None:
        if owner is MetricSender:
            seed, run_id = seed_of(self._run_id), self._run_id
        else:
            seed, run_id = str(self.record.config.seed), self.run_id
        if seed == "0" and rest and len(failures) < times:
            failures.append(run_id)
            raise OSError("the database is locked")
        whole(self, *rest)

    monkeypatch.setattr(owner, step, sometimes)
    assert main(["--epochs", "2", "--hidden-sizes", "2", "--seeds", "2"]) == 0
    assert len(failures) == times
    assert [run.info.status for run in children()] == ["FINISHED"] * 2
    assert {run.info.run_name for run in children()} == {f"abc rnn2 e2 s{seed}" for seed in range(2)}


@pytest.mark.slow
def test_a_sweep_of_which_nothing_finished_has_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--learning-rates", "1e37", "--epochs", "20", "--hidden-sizes", "64", "--seeds", "2"]
    assert main(arguments) == 0
    assert table(parents()[0], "results")["diverged"].tolist() == [2]
    assert "2 runs, 2 new, 0 reused, 2 diverged" in capsys.readouterr().out


def test_the_printed_list_finds_the_runs_of_the_sweep_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_main(["--epochs", "1", "--hidden-size", "2"]) == 0
    assert main(["--epochs", "1", "--hidden-sizes", "3", "--seeds", "2"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("its runs")]
    page = urlsplit(line.split("then ")[1]).fragment
    assert page.startswith("/experiments/0/runs?")
    query = parse_qs(page.split("?")[1])
    assert query["workflowType"] == ["machine_learning"]
    found = MlflowClient().search_runs(["0"], query["searchFilter"][0], order_by=query["orderByKey"])
    assert sorted(run.info.run_name for run in found) == ["abc rnn3 e1 s0", "abc rnn3 e1 s1"]


def test_what_failed_in_a_sweep_that_is_interrupted_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    log_model = TrackedRun._log_model

    def troubled(self: TrackedRun, *rest: object) -> str:
        if self.record.config.seed == 0:
            raise OSError("the disk is full")
        if self.record.config.seed == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return log_model(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackedRun, "_log_model", troubled)
    assert main(["--epochs", "1", "--hidden-sizes", "2", "--seeds", "5"]) == 130
    assert sorted(run.info.run_name for run in children()) == ["abc rnn2 e1 s1", "abc rnn2 e1 s2"]
    assert {run.info.status for run in children()} == {"FINISHED"}


def test_a_description_keeps_whole_lines_and_rows_within_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sweep_report.MAX_DESCRIPTION == MAX_TAG_VAL_LENGTH, "MLflow keeps no more"
    monkeypatch.setattr(sweep_report, "MAX_DESCRIPTION", 1600)
    assert main(["--patterns", "ab,abc,abcd,abcde", "--epochs", "1", "--hidden-sizes", "2", "--seeds", "1"]) == 0
    note = parents()[0].data.tags["mlflow.note.content"]
    assert 800 < len(note) <= 1600
    assert re.search(r"\n- and \d+ more; results.csv has all numbers\n\n\| pattern \|", note)
    assert note.splitlines()[-1].endswith(("|", "more settings are in results.csv."))
