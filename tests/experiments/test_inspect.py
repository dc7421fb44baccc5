"""Recorded nets asked about their inside, through the real entry points: what is printed and what lands in the runs."""

import math
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.dynamics import compare_with_pattern, limit_points, map_of_net
from analysis.inside import QUESTIONS, Finding, subject_of_run
from analysis.runs import RunError, find_runs, inside_table, load_run
from analysis.runs.schema import INSIDE_FOLDER, INSPECTED_TAG
from experiments.inspect import main
from experiments.inspection import inspect_runs
from experiments.sweep import main as sweep
from experiments.tracking.inside_files import record_finding
from experiments.train import main as train
from tests.conftest import PROJECT

SMALL = "--pattern tomita:3 --length 300 --hidden-size 4 --epochs 1"


@pytest.fixture(autouse=True)
def short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.inside.subject.CHARACTERS", 300)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)


def newest() -> Run:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0]


def inside(run: Run) -> dict[str, Path]:
    """Return the files of a run's folder `inside/`, by name."""
    folder = Path(run.info.artifact_uri.removeprefix("file://")) / INSIDE_FOLDER
    return {path.name: path for path in folder.glob("*")}


def asked(run_id: str) -> list[str]:
    return list(filter(None, MlflowClient().get_run(run_id).data.tags.get(INSPECTED_TAG, "").split(",")))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the line with which the command refuses its arguments."""
    capsys.readouterr()
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out.count("\n") <= 1, "at most the name of a run"
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_what_is_found_is_printed_and_recorded(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(SMALL.split()) == 0
    run = newest()
    capsys.readouterr()
    assert main([run.info.run_name]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"{run.info.run_id} ({run.info.run_name})"
    assert {line.strip().split(":")[0] for line in lines} == QUESTIONS.keys()
    refusing = {line.strip().split(":")[0] for line in lines if ": does not apply: " in line}
    assert refusing == {"cycle", "exponents", "counting"}
    assert asked(run.info.run_id) == sorted(QUESTIONS)
    files = inside(run)
    assert {f"{name}.txt" for name in QUESTIONS} <= files.keys()
    assert files["cycle.txt"].read_text().startswith("does not apply: the net does not write an endless stream")
    assert {"limit_points.csv", "automaton.csv", "readouts.csv", "interchange.csv", "ablation.csv"} <= files.keys()
    assert {"fixed_points.png", "automaton.png", "readouts.png", "interchange.png"} <= files.keys()
    assert files["automaton.txt"].read_text().splitlines() == [
        line.strip().removeprefix("automaton: ") for line in lines if line.startswith("  automaton: ")
    ]

    page = (PROJECT / "docs" / "inside.md").read_text()
    columns = {column for path in files.values() if path.suffix == ".csv" for column in pd.read_csv(path).columns}
    unnamed = {column for column in columns if f"`{column}`" not in page} - {"after 0", "after 1"}
    assert all(re.fullmatch(r"[hc] \d+", column) for column in unnamed)  # the numbers of the state
    assert all(f"`{name}`" in page for name in files if name.endswith(".csv"))
    loaded = load_run(run.info.run_id)
    subject = subject_of_run(loaded)
    net_map = map_of_net(loaded.net, "#01", "#01", "#")
    comparison = compare_with_pattern(net_map, subject.pattern)
    states_tk, _ = net_map.path(subject.asked_text.text)
    visited_nk = states_tk[:: -(-len(states_tk) // 128)]
    points = max(len(limit_points(net_map, visited_nk, character).points) for character in "01")
    exchanged = pd.read_csv(files["interchange.csv"])
    of_subspace = exchanged[(exchanged["net"] == "trained") & (exchanged["exchanged"] == "subspace")]
    row = find_runs(pattern="tomita:3").iloc[0]
    assert row["automaton_states"] == comparison.learnt.machine.size
    assert row["automaton_equal"] == comparison.equal
    assert row["limit_points"] == points
    assert row["interchange_accuracy"] == pytest.approx(of_subspace["accuracy"].mean())


def test_asking_again_replaces_the_answer_and_keeps_the_others(store: Path) -> None:
    assert train(["--hidden-size", "3", "--epochs", "1"]) == 0
    run = newest()
    assert main(["latest", "--what", "exponents"]) == 0
    before = {name: path.read_bytes() for name, path in inside(run).items()}
    assert before.keys() == {"exponents.txt", "exponents.csv"}
    inside(run)["exponents.csv"].write_text("something else\n")
    assert main(["latest", "latest", "--what", "exponents,automaton, exponents"]) == 0
    assert {name: inside(run)[name].read_bytes() for name in before} == before
    assert asked(run.info.run_id) == ["automaton", "exponents"]
    data = MlflowClient().get_run(run.info.run_id).data
    assert {"automaton_states", "automaton_equal"} <= data.metrics.keys()
    assert "limit_points" not in data.metrics
    assert find_runs()["automaton_equal"].item() in (0, 1)
    record_finding(run.info.run_id, "automaton", Finding(["unknown"], metrics={"automaton_equal": math.nan}))
    assert find_runs()["automaton_equal"].isna().item(), "what is unknown now is not what it was"


def test_texts_in_tables_stay_texts(store: Path) -> None:
    assert train(["--hidden-size", "3", "--epochs", "1"]) == 0
    digits, others = ["0", "01", "1", "1", "1"], ["nan", "\r", "\n", '"', "é"]
    values = [0.5, -math.inf, math.nan, 1.0, 2.0]
    texts = {**dict.fromkeys(("character", "phase", "output", "inputs"), digits), "label": others}
    table = pd.DataFrame({**texts, "x": values, "state": range(5)})
    record_finding(newest().info.run_id, "readouts", Finding(["found"], {"mixed": table}))
    read = inside_table(find_runs(), "mixed").drop(columns="run_id")
    assert {name: read[name].tolist() for name in texts} == texts
    assert read["x"].to_numpy() == pytest.approx(values, nan_ok=True)
    assert read["state"].tolist() == list(range(5))


def test_what_cannot_be_asked_is_refused_in_one_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run is named" in refused(capsys)
    assert "holds no trained net; train one first" in refused(capsys, "latest")
    (store / "tale.txt").write_text("to be or not to be\n" * 40)
    assert train(["--pattern", "text:tale.txt", "--cell", "rnn", "--hidden-size", "3", "--epochs", "1"]) == 0
    name = newest().info.run_name
    error = refused(capsys, "latest", "--what", "fixed")
    assert "what is 'fixed'; allowed: one or more of fixed_points, cycle, " in error
    assert "(--what)" in error
    assert "no run 'nobody'" in refused(capsys, "latest", "nobody")
    (store / "tale.txt").unlink()
    error = refused(capsys, "latest")
    assert name in error
    assert "tale.txt" in error
    assert "--pattern" not in error, "there is no such flag"
    assert train(["--hidden-size", "64", "--epochs", "50", "--learning-rate", "1e37"]) == 1
    assert "recorded no net; its tag end_reason says why" in refused(capsys, newest().info.run_id)


def test_without_aalpy_the_rest_is_asked(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(["--hidden-size", "3", "--epochs", "1"]) == 0
    for name in ["aalpy", *(name for name in sys.modules if name.startswith("aalpy."))]:
        monkeypatch.setitem(sys.modules, name, None)
    install = 'installed by pip install -e ".[inside]"'
    assert f"automaton needs aalpy; allowed: aalpy, {install}" in refused(capsys, "latest", "--what", "cycle,automaton")
    assert sweep(["--epochs", "1", "--seeds", "1", "--inspect", "automaton"]) == 2
    assert install in capsys.readouterr().err
    assert len(find_runs()) == 1, "a sweep was trained that cannot be inspected"
    assert main(["latest"]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"^  automaton: not asked: .*{re.escape(install)}$", out, flags=re.MULTILINE)
    assert "automaton" not in asked(newest().info.run_id)
    monkeypatch.delitem(sys.modules, "aalpy")
    monkeypatch.setitem(sys.modules, "networkx", None)
    assert f"automaton needs networkx; allowed: networkx, {install}" in refused(capsys, "latest", "--what", "automaton")


def test_a_store_that_does_not_take_the_answer_is_told_and_nothing_counts_as_asked(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(["--hidden-size", "3", "--epochs", "1"]) == 0
    run = newest()
    folder = Path(run.info.artifact_uri.removeprefix("file://")) / INSIDE_FOLDER
    folder.write_text("in the way\n")
    assert "cannot be used" in refused(capsys, "latest", "--what", "exponents")
    assert asked(run.info.run_id) == []
    for address in ("http://127.0.0.1:1", f"sqlite:///{store}/absent.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        mlflow.set_tracking_uri(None)
        refused(capsys, run.info.run_id)


def test_states_that_grow_without_bounds_cost_a_line(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analysis.inside.subject.CHARACTERS", 9000)
    flags = "--cell irnn --hidden-size 16 --epochs 1 --learning-rate 0.05 --seed 0"
    assert train(flags.split()) == 0
    capsys.readouterr()
    assert main(["latest", "--what", "readouts,counting"]) == 0
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert first.startswith("  readouts: no answer: states of the net trained are not finite")
    assert second.startswith("  counting: does not apply: ")
    assert asked(newest().info.run_id) == ["counting", "readouts"]
    assert inside(newest())["readouts.txt"].read_text() == first.removeprefix("  readouts: ") + "\n"


def test_a_sweep_asks_what_is_missing_and_only_that(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--patterns", "abc", "--hidden-sizes", "3", "--epochs", "1", "--seeds", "2"]
    assert sweep([*flags, "--inspect", "exponent"]) == 2
    assert "inspect is 'exponent'; allowed: one or more of " in capsys.readouterr().err
    assert sweep([*flags, "--inspect", "exponents"]) == 0
    runs = find_runs(sweep="latest")
    names = runs["name"].tolist()
    out = capsys.readouterr().out
    assert all(f"\n{name}: exponents: trained net reading abc: " in out for name in names)
    assert sweep([*flags, "--inspect", "exponents,automaton"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(tuple(names))]
    assert {line.split(": ")[1] for line in lines if ": " in line} == {"automaton"}
    assert all(asked(run_id) == ["automaton", "exponents"] for run_id in runs["run_id"])
    assert find_runs(sweep="latest")["automaton_states"].notna().all()
    table = inside_table(runs, "exponents")
    assert table.columns[0] == "run_id"
    assert table.groupby(["run_id", "net"]).size().tolist() == [3] * 4
    for run_id, rows in table.groupby("run_id"):
        recorded = pd.read_csv(inside(MlflowClient().get_run(run_id))["exponents.csv"])
        assert rows.drop(columns="run_id").reset_index(drop=True).equals(recorded)
    with pytest.raises(RunError, match=r"none of 2 runs has inside/readouts\.csv"):
        inside_table(runs, "readouts")
    capsys.readouterr()
    inspect_runs(["0" * 32, *runs["run_id"]], ["automaton"])
    assert capsys.readouterr().out.splitlines()[0].startswith(f"{'0' * 32}: not inspected: ")


def test_mlproject_passes_the_questions_on(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]["sweep"]
    values = {name: parameter["default"] for name, parameter in entry["parameters"].items()}
    values |= {"hidden_sizes": "2", "epochs": "1", "seeds": "1", "inspect": "exponents"}
    _, _, program, *flags = shlex.split(entry["command"].format(**values))
    assert program == "experiments.sweep"
    assert sweep(flags) == 0
    assert asked(find_runs()["run_id"].item()) == ["exponents"]


@pytest.mark.slow
def test_ctrl_c_ends_it_with_what_was_answered(store: Path) -> None:
    assert train(SMALL.split()) == 0
    command = [sys.executable, "-m", "experiments.inspect", "latest"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=store, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.readline()  # the first answer
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert "Traceback" not in process.stderr.read().decode()
    assert "fixed_points" in asked(newest().info.run_id)


def test_help_says_each_question(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    assert all(f"{name}: " in out for name in QUESTIONS), textwrap.shorten(out, 500)
