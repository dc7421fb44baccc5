"""The page of a sweep without a browser: what is written into it, what it costs, and when it is renewed."""

import base64
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import RunError
from analysis.runs.schema import RUNS_FILE, SWEEP_PAGE_FILE
from experiments import sweep_report
from experiments.descriptions import AT_WORK
from experiments.page_parts import filling
from experiments.sweep import main
from experiments.sweep_page import page as sources
from experiments.sweep_page.page import sweep_page
from experiments.sweep_page.told import told_of_sweep
from experiments.tracking import TrackedSweep, tracked_sweep
from tests.swept import made_up, state_of

EIGHT = ["--epochs", "2,5", "--hidden-sizes", "2,3", "--seeds", "2"]
"""Eight runs."""


def told_in(page: str) -> Any:
    """Return what a page is told, as a browser would read it."""
    (data,) = re.findall(r'<script type="application/json" id="told">(.*?)</script>', page, re.DOTALL)
    return json.loads(data)


def curve(told: Any, run: int, metric: int = 0) -> np.ndarray:
    """Return the values of a run's curve that a page holds."""
    values = np.frombuffer(base64.b64decode(told["curves"]["metrics"][metric]["values"]), "<f4")
    begin = sum(told["curves"]["points"][:run])
    return values[begin : begin + told["curves"]["points"][run]]


def test_a_page_needs_nothing_else() -> None:
    summary, rows = made_up(hidden_sizes="4,8", seeds="7")
    page = sweep_page(summary, summary.lines(), rows, state_of(summary))
    library = sources._bokeh()
    assert page.count(library) == 1
    assert len(library) < 2_000_000
    assert not re.search(r"</script|<!--|sourceMappingURL", library)
    own = page.replace(library, "").replace(json.dumps(told_in(page)["address"])[1:-1], "")
    own = own.replace(json.dumps(told_in(page), separators=(",", ":"), ensure_ascii=False), "")
    assert not re.findall(r"https?://|\bsrc=|<link|@import|url\(|localStorage|fetch\(|XMLHttp", own)
    assert "default-src 'none'" in own
    folder = Path(sources.__file__).parent
    there = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css", ".html")}
    assert there == {*sources.SCRIPTS, filling.STYLE, filling.SKELETON}
    for path in folder.parent.rglob("*.py"):
        assert not re.search(r"^\s*(import|from) bokeh", path.read_text(), re.MULTILINE), "importing it takes a second"


def test_a_page_knows_every_run_and_thins_long_curves_of_many_alike() -> None:
    summary, rows = made_up(epochs="600", hidden_sizes=",".join(map(str, range(1, 251))), seeds="6", cells="rnn,gru")
    told = told_of_sweep(summary, summary.lines(), rows, state_of(summary))
    assert len(told["runs"]["ids"]) == told["ended"] == 3000
    page = json.dumps(told, separators=(",", ":"))
    assert len(page) < 4_000_000
    epochs = told["curves"]["epochs"][600]
    assert (epochs[0], epochs[-1], len(epochs)) == (0, 599, 50)
    run = rows[0].outcome
    places = np.searchsorted(run.epoch_e, epochs)
    np.testing.assert_array_equal(curve(told, 0), run.curves["train_loss"][places])
    np.testing.assert_array_equal(curve(told, 0, 1), run.curves["train_accuracy"][places])
    assert told["runs"]["ends"][5] == "diverged"
    assert told["runs"]["reasons"][5] == "diverged: a reason for abc"
    assert len(curve(told, 5)) == sum(epoch < 400 for epoch in epochs), "as far as it came, at the same epochs"


def test_of_more_runs_than_a_page_holds_it_has_whole_settings_and_says_how_many_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("experiments.sweep_page.told.MAX_RUNS", 5)
    summary, rows = made_up(epochs="1", cells="rnn,gru,lstm", seeds="2")
    told = told_of_sweep(summary, summary.lines(), rows, state_of(summary))
    assert (len(told["runs"]["ids"]), told["left_out"], told["ended"]) == (4, 2, 6)


def test_fields_of_recipes_are_fields_too_and_numbers_ascend() -> None:
    summary, rows = made_up(patterns="reber,abc", learning_rates="0.1,0.01", epochs="2", seeds="1")
    fields = {
        field["name"]: field for field in told_of_sweep(summary, summary.lines(), rows, state_of(summary))["fields"]
    }
    assert fields["pattern"]["values"] == ["reber", "abc"]
    assert fields["learning rate"]["values"] == ["0.01", "0.1"]
    assert fields["learning rate"]["of_runs"] == [1, 0, 1, 0]
    assert {name for name, field in fields.items() if field["swept"]} == {"pattern", "learning rate"}
    assert fields["schedule"]["values"] == ["cosine", "constant"], "the recipe of reber gives another"
    assert "seed" not in fields, "there is one"


def parents() -> list[Run]:
    return [run for run in MlflowClient().search_runs(["0"]) if "kind" in run.data.tags]


def recorded(run_id: str, name: str) -> str:
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=name)).read_text()


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, str, str]]:
    """Let a sweep be renewed after each run; return what the store holds each time: page, runs, description."""
    seen = []
    renew = TrackedSweep.renew

    def renewed(self: TrackedSweep, *rest: Any) -> None:
        renew(self, *rest)
        page, runs = (recorded(self.run_id, name) for name in (SWEEP_PAGE_FILE, RUNS_FILE))
        seen.append((told_in(page), runs, MlflowClient().get_run(self.run_id).data.tags["mlflow.note.content"]))

    monkeypatch.setattr(TrackedSweep, "renew", renewed)
    monkeypatch.setattr(sweep_report, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(sweep_report, "SHARE", 1e9)
    return seen


def test_a_sweep_at_work_is_renewed_and_one_that_has_ended_is_not(
    store: Path, renewals: list[tuple[Any, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(EIGHT) == 0
    assert [told["ended"] for told, _, _ in renewals] == list(range(1, 9))
    for number, (told, runs, note) in enumerate(renewals, 1):
        assert told["end"] == "", "it is at work"
        assert (told["total"], len(told["runs"]["ids"]), len(runs.splitlines())) == (8, number, number + 1)
        assert all(told["curves"]["points"])
        assert note.startswith(f"**{AT_WORK} "), "by which a killed sweep is known"
        assert f"{number} of 8 runs have ended" in note.splitlines()[0]
        assert "[**Look at the sweep**](#/experiments/0/runs/" in note
        assert "| solved |" in note
    (parent,) = parents()
    told = told_in(recorded(parent.info.run_id, SWEEP_PAGE_FILE))
    assert (told["end"], told["ended"], told["id"]) == ("finished", 8, parent.info.run_id)
    assert parent.data.tags["mlflow.note.content"].startswith("[**Look at the sweep**](#/experiments/0/runs/")
    assert "at work" not in parent.data.tags["mlflow.note.content"]
    names = {run.info.run_id: run.info.run_name for run in MlflowClient().search_runs(["0"])}
    assert dict(zip(told["runs"]["ids"], told["runs"]["names"], strict=True)).items() <= names.items()

    renewals.clear()  # the same again reuses all runs, and the page has their curves
    assert main([*EIGHT[:-1], "3"]) == 0
    again = told_in(recorded(parents()[0].info.run_id, SWEEP_PAGE_FILE))
    assert renewals[-1][0]["ended"] == again["ended"] == 12
    for number, run_id in enumerate(again["runs"]["ids"]):
        if run_id in told["runs"]["ids"]:
            was = told["runs"]["ids"].index(run_id)
            np.testing.assert_allclose(curve(again, number), curve(told, was), rtol=1e-6)


def test_runs_that_diverged_at_once_are_summed_up_again(store: Path) -> None:
    lists = ["--epochs", "3", "--hidden-sizes", "64", "--learning-rates", "0.1,1e37", "--windows", "3", "--seeds", "1"]
    for _ in range(2):
        assert main(lists) == 0
        told = told_in(recorded(parents()[0].info.run_id, SWEEP_PAGE_FILE))
        assert sorted(told["ends"]) == [["diverged", 1], ["finished", 1]]


def test_a_page_that_cannot_be_made_costs_nothing_else(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> str:
        raise ModuleNotFoundError("the package bokeh is missing")

    monkeypatch.setattr(sweep_report, "sweep_page", broken)
    assert main(["--epochs", "2", "--seeds", "1"]) == 0
    assert "the sweep has no page: ModuleNotFoundError: the package bokeh is missing" in capsys.readouterr().err
    (parent,) = parents()
    assert len(recorded(parent.info.run_id, RUNS_FILE).splitlines()) == 2
    assert parent.info.status == "FINISHED"
    assert SWEEP_PAGE_FILE not in parent.data.tags["mlflow.note.content"]


def test_a_sweep_that_is_stopped_says_so_and_is_not_renewed_any_more(
    store: Path, renewals: list[tuple[Any, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    renew = TrackedSweep.renew

    def stopped(self: TrackedSweep, *rest: Any) -> None:
        renew(self, *rest)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrackedSweep, "renew", stopped)
    assert main(EIGHT) == 143
    assert len(renewals) == 1
    (parent,) = parents()
    told = told_in(recorded(parent.info.run_id, SWEEP_PAGE_FILE))
    assert told["end"].startswith("interrupted by SIGTERM")
    assert told["ended"] == len(told["runs"]["ids"]) < 8
    assert all(told["curves"]["points"])
    assert "at work" not in parent.data.tags["mlflow.note.content"]


def test_a_store_that_is_away_disturbs_no_sweep(
    store: Path, renewals: list[tuple[Any, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(run_id: str) -> bool:
        raise RunError("the store is away")

    monkeypatch.setattr(tracked_sweep, "goes_on", away)
    assert main(EIGHT) == 0
    assert renewals == []


def test_a_sweep_that_another_start_has_ended_is_not_renewed(store: Path) -> None:
    sweep = TrackedSweep("a sweep", {}, {})
    sweep.renew("note", {RUNS_FILE: "first"})
    MlflowClient().set_terminated(sweep.run_id, "KILLED")
    sweep.renew("another", {RUNS_FILE: "second"})
    mlflow.end_run()
    assert recorded(sweep.run_id, RUNS_FILE) == "first"
    assert MlflowClient().get_run(sweep.run_id).data.tags["mlflow.note.content"] == "note"
