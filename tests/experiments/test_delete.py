"""Deleting a sweep or a run by its command: what goes, what stays, what is refused."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from analysis.runs.life import process_tags
from analysis.runs.store import on_disk
from experiments.delete import main
from experiments.sweep import main as sweep
from experiments.train import main as train
from tests.servers import free_port

SMALL = ["--hidden-sizes", "2", "--epochs", "1"]


def experiments() -> list[str]:
    return [experiment.experiment_id for experiment in MlflowClient().search_experiments()]


def records() -> dict[str, Run]:
    """Return what is not deleted, by id."""
    return {run.info.run_id: run for run in MlflowClient().search_runs(experiments())}


def parents() -> list[Run]:
    """Return the sweeps that are not deleted, the oldest first."""
    return [run for run in reversed(list(records().values())) if run.data.tags.get("kind") == "sweep"]


def models() -> set[str]:
    return {model.model_id for model in MlflowClient().search_logged_models(experiments())}


def bytes_in(folder: Path) -> int:
    return sum(on_disk(path.stat().st_size) for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_sweep_goes_with_its_runs_and_models_and_then_from_the_disk(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(["--epochs", "1"]) == 0
    single, its_model, before = set(records()), models(), bytes_in(store / "mlruns")
    assert sweep([*SMALL, "--seeds", "3"]) == 0
    (parent,) = parents()
    megabytes = (bytes_in(store / "mlruns") - before) / 1e6
    capsys.readouterr()
    assert main(["latest", "--yes"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    what = f"sweep {parent.info.run_id} ({parent.info.run_name}): 3 runs with their models, about "
    assert first.startswith(what)
    assert abs(float(first.split("about ")[1].removesuffix(" MB")) - megabytes) < 0.1
    assert set(records()) == single
    assert models() == its_model
    # As it is printed, without the variable that names the store.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING")}
    command = [sys.executable, "-m", *shlex.split(last)]
    subprocess.run(command, check=True, cwd="/", env=environment, capture_output=True)
    assert abs(bytes_in(store / "mlruns") - before) < 1000
    assert len(MlflowClient().search_runs(["0"], run_view_type=ViewType.ALL)) == 1


def test_runs_that_a_later_sweep_uses_stay_and_become_its_own(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep([*SMALL, "--seeds", "3"]) == 0
    assert sweep([*SMALL, "--seeds", "2"]) == 0
    first, second = parents()
    name = first.info.run_name
    assert main([name, "--yes"]) == 0
    assert f"kept: 2 of its runs, which other sweeps use: {second.info.run_id}" in capsys.readouterr().out
    assert first.info.run_id not in records()
    kept = [run for run in records().values() if "config_digest" in run.data.tags]
    assert {run.data.params["seed"] for run in kept} == {"0", "1"}
    assert {run.data.tags["mlflow.parentRunId"] for run in kept} == {second.info.run_id}
    assert len(models()) == 2
    # So that they go with the sweep that is the last to use them.
    assert main([second.info.run_id, "--yes"]) == 0
    assert not records()
    assert not models()


def test_a_sweep_says_how_many_runs_it_uses_and_did_not_make(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert sweep([*SMALL, "--seeds", "2"]) == 0
    _, second = parents()
    capsys.readouterr()
    assert main(["latest", "--yes"]) == 0
    first_line, second_line, *_ = capsys.readouterr().out.splitlines()
    assert first_line.startswith(f"sweep {second.info.run_id} ")
    assert second_line == "kept: 2 of the runs that it uses, which it did not make"
    assert len([run for run in records().values() if "config_digest" in run.data.tags]) == 2


def test_runs_that_other_sweeps_use_go_when_that_is_asked_for(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep([*SMALL, "--seeds", "2"]) == 0
    assert sweep([*SMALL, "--seeds", "1"]) == 0
    first, second = parents()
    assert main([first.info.run_id, "--yes", "--shared"]) == 0
    assert f"other sweeps lose runs by it: {second.info.run_id}" in capsys.readouterr().out
    assert set(records()) == {second.info.run_id}


def test_a_single_run_goes_unless_a_sweep_uses_it(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["--epochs", "1"]) == 0
    assert sweep([*SMALL, "--seeds", "1"]) == 0
    (parent,) = parents()
    (child,) = [run for run in records().values() if "mlflow.parentRunId" in run.data.tags]
    assert main([child.info.run_id, "--yes"]) == 2
    assert f"is used by {parent.info.run_id}" in capsys.readouterr().err
    assert main(["abc rnn16 e1 s42", "--yes"]) == 0
    assert "with its model, about " in capsys.readouterr().out
    assert set(records()) == {parent.info.run_id, child.info.run_id}
    assert len(models()) == 1


@pytest.mark.parametrize("answer", ["", "n\n", "no\n", "y\n", "yes\n"])
def test_it_asks_before_it_deletes(
    store: Path, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = MlflowClient().create_run("0", tags={"config_digest": "x"}, run_name="a run")
    MlflowClient().set_terminated(run.info.run_id)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    deleted = answer.startswith("y")
    assert main(["a run"]) == (0 if deleted else 1)
    assert (run.info.run_id not in records()) == deleted
    printed = capsys.readouterr()
    assert ("nothing was deleted" in printed.out) != deleted
    assert printed.err == ""


def test_a_sweep_that_is_alive_is_refused_and_one_that_was_killed_is_not(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tags = {"kind": "sweep", **process_tags()}
    alive = MlflowClient().create_run("0", tags=tags, run_name="alive")
    assert main(["alive", "--yes"]) == 2
    assert "is still at work" in capsys.readouterr().err
    assert alive.info.run_id in records()
    ended = subprocess.Popen(["true"])
    ended.wait()
    MlflowClient().set_tag(alive.info.run_id, "pid", str(ended.pid))
    assert main(["alive", "--yes"]) == 0
    assert not records()


@pytest.mark.parametrize("older", [{}, {"mlflow.parentRunId": "0" * 32, "shard": "0"}])
def test_of_an_older_run_that_has_not_ended_the_person_decides(store: Path, older: dict[str, str]) -> None:
    """Nobody can know whether it is at work: it has no heartbeat."""
    MlflowClient().create_run("0", tags={"config_digest": "x"} | older, run_name="older")
    assert main(["older", "--yes"]) == 0
    assert not records()


@pytest.mark.parametrize("mark", [{}, {"recorded_by": "rnn-patterns"}])
def test_a_run_that_is_at_work_is_refused(
    store: Path, mark: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tags = {"config_digest": "x"} | process_tags() | mark
    MlflowClient().create_run("0", tags=tags, run_name="at work")
    assert main(["at work", "--yes"]) == 2
    assert "is still at work" in capsys.readouterr().err
    assert len(records()) == 1


def test_runs_of_other_programs_stay_though_they_are_below_a_sweep(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep([*SMALL, "--seeds", "1"]) == 0
    (parent,) = parents()
    foreign = MlflowClient().create_run("0", tags={"mlflow.parentRunId": parent.info.run_id, "shard": "0"})
    others = MlflowClient().create_run("0", tags={"kind": "sweep"}, run_name="of others")
    assert main(["of others", "--yes"]) == 2
    assert main(["latest", "--yes"]) == 0
    assert "kept: 1 of the runs below it, which this project did not record" in capsys.readouterr().out
    assert set(records()) == {foreign.info.run_id, others.info.run_id}


def test_what_is_not_there_or_not_ours_is_refused_in_one_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = MlflowClient().create_run("0", run_name="foreign").info.run_id
    MlflowClient().set_terminated(foreign)
    for name, words in (
        ("latest", "no sweep and no run 'latest'"),
        ("foreign", "no sweep and no run 'foreign'"),
        (foreign, "neither a sweep nor a run of this project"),
        ("0" * 32, "no run 0000"),
    ):
        assert main([name, "--yes"]) == 2
        said = capsys.readouterr()
        assert words in said.err
        assert said.err.count("\n") == 1
    assert set(records()) == {foreign}


def test_a_server_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    mlflow.set_tracking_uri(f"http://127.0.0.1:{free_port()}")
    assert main(["latest", "--yes"]) == 2
    mlflow.set_tracking_uri(None)


@pytest.mark.slow
def test_over_a_server(
    tracking_server: str, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    MlflowClient().create_experiment("served")  # whose files the server keeps
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "served")
    assert sweep([*SMALL, "--seeds", "2"]) == 0
    megabytes = bytes_in(store / "served") / 1e6
    capsys.readouterr()
    assert main(["latest", "--yes"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert megabytes > 0.3
    assert abs(float(first.split("about ")[1].removesuffix(" MB")) - megabytes) < 0.1
    assert last.endswith(f"--tracking-uri {tracking_server}")
    assert not records()
    assert not models()
