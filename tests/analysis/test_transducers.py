"""Nets that say something else than the next character: how they are read back, drawn, shown, and what is refused."""

import re
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from analysis import dynamics, pictures
from analysis.dynamics import probe, trajectories
from analysis.runs import RunError, find_runs, load_net, load_run
from experiments.patterns import main as show
from experiments.train import main as train
from rnn_core.data import prepare
from rnn_core.patterns import Pattern
from rnn_core.patterns.motif import Motif
from tests.analysis.figures.looking import texts, written
from tests.conftest import recording_in
from tests.transducers import SAID, offer

SMALL = ["--cell", "gru", "--hidden-size", "4", "--epochs", "3", "--length", "60", "--encoding", "onehot"]


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)


@pytest.fixture(scope="module")
def recorded(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run on each small transducer, and one that predicts the next character; nothing here writes to it."""
    with recording_in(migrated_store, tmp_path_factory.mktemp("transducers")) as folder:
        with pytest.MonkeyPatch.context() as patch:
            offer(patch)
            for spec in (*SAID, "abc"):
                assert train(["--pattern", spec, *SMALL]) == 0
        yield folder


@pytest.fixture
def runs(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    return find_runs(pattern=[*SAID, "abc"])


def test_the_table_says_what_a_net_may_say(runs: pd.DataFrame) -> None:
    rows = runs[["pattern", "alphabet", "mark", "outputs", "predicts_next"]].to_numpy().tolist()
    assert rows == [
        ["delay", "01", "", "eo", False],
        ["parities", "#01", "#", "eo", False],
        ["beat", "01", "", "eo", False],
        ["abc", "abc", "", "abc", True],
    ]


def said_by_hand(run: pd.Series, text: str) -> str:
    """What a net says after each character, stepped through one at a time."""
    net, said = load_net(run), ""
    state = net.init_state(1)
    with torch.no_grad():
        for character in text:
            if character == run["mark"]:
                state = net.init_state(1)
            logits_btw, state = net(net.encode(torch.tensor([[run["alphabet"].index(character)]])), state)
            said += "eo"[int(logits_btw.argmax())]
    return said


@pytest.mark.parametrize("spec", SAID)
@pytest.mark.parametrize(("begin", "first"), [(None, 0), (0, 0), (7, 7), (10_000, -32)])
def test_what_is_drawn_is_what_the_net_says(runs: pd.DataFrame, spec: str, begin: int | None, first: int) -> None:
    some = runs[runs["pattern"] == spec]
    test = prepare(load_run(some["run_id"].iloc[0]).config).evaluation.text
    first %= len(test)
    figure = pictures.predictions(some, "seed", begin)
    rows = SAID[spec](test), said_by_hand(some.iloc[0], test[: first + 32])
    expected = {(t, n): row[first + t] for n, row in enumerate(rows) for t in range(32)}
    assert {(one.x, one.y): one.text for one in written(figure, figure.axes[0].transData)} == expected
    title = f"{spec}: what is to be said after characters {first} to {first + 31} of the test, and what each run says"
    assert title in texts(figure)
    assert "end of the training range" not in texts(figure)


def test_a_net_whose_words_it_cannot_read_is_not_let_run_free(
    runs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(*arguments: object, **named: object) -> None:
        raise AssertionError("something was computed")

    others = runs[runs["pattern"] != "beat"]
    beat = runs[runs["pattern"].isin(["beat", "abc"])][::-1]
    monkeypatch.setattr("analysis.dynamics.recorded.collect", compute)
    monkeypatch.setattr("analysis.dynamics.recorded.free_running", compute)
    name = r"delay gru4 e3 length=60 encoding=onehot s42"
    why = rf"^run [0-9a-f]{{32}} \({name}\) cannot run free, .* the next character; allowed: .*free=False$"
    for trained in (True, False):
        with pytest.raises(RunError, match=why):
            trajectories(others.iloc[[2, 0, 1]], 20, free=True, trained=trained)
        with pytest.raises(RunError, match=r"beat .*cannot run free"):
            dynamics.cycle_table(beat, trained)
    with pytest.raises(RunError, match=r"beat .*cannot run free"):
        pictures.periods("", beat, "pattern")


def test_what_needs_no_running_free_is_there(runs: pd.DataFrame) -> None:
    beat = runs[runs["pattern"] == "beat"]
    (states,) = trajectories(beat, 240)
    assert states.text == "001011" * 40
    assert len(pictures.trajectory_panels("", beat, "pattern").axes) > 0
    (free,) = trajectories(runs[runs["predicts_next"]], 12, free=True)
    assert len(free.text) == 12


def test_places_are_those_that_the_pattern_names(runs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = runs[runs["pattern"] == "beat"]
    (row,) = dynamics.probe_table(beat).itertuples()
    (states,) = trajectories(beat, 2000)
    found = probe(states.top_th, [0, 1, 2] * 666 + [0, 1], states.text)
    assert row.label == "place"
    assert (row.score, row.baseline) == pytest.approx((found.accuracy, found.baseline), abs=0.01)
    sixths = probe(states.top_th, [0, 1, 2, 3, 4, 5] * 333 + [0, 1], states.text)
    assert abs(sixths.baseline - found.baseline) > 0.02, "a place is not counted in the whole that is repeated"
    monkeypatch.setattr(Motif, "labels", lambda self, text: {"phase": np.zeros(len(text))})
    with pytest.raises(ValueError, match="abc: label is 'place'; allowed: phase, character"):
        dynamics.probe_table(runs[runs["predicts_next"]], label="place")


def shown(pattern: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert show([pattern]) == 0
    return dict(re.findall(r"^  (\w[\w ]*?)  +(.*)$", capsys.readouterr().out, flags=re.MULTILINE))


@pytest.mark.parametrize("spec", SAID)
def test_a_pattern_is_shown_with_what_it_says(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(spec, capsys)
    assert len(rows["sample"]) == len(rows["says"]) == 60
    assert rows["says"] == SAID[spec](rows["sample"])
    assert list(rows).index("says") == list(rows).index("sample") + 1
    assert rows["outputs"] == "eo (2 characters)"
    assert "predict" not in " ".join(rows.values())
    assert rows.get("mark") == ("# stands before each string" if spec == "parities" else None)
    assert re.match(r"30\d characters to say something after", rows["test"])


def test_all_are_shown_with_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    with_example = [family for family in Pattern.families.values() if not family.needs_file]
    assert {family.family for family in with_example if not family.predicts_next} > set(SAID)
    for family in with_example:
        rows = shown(family.example, capsys)
        assert ("outputs" in rows) == ("says" in rows) == (not family.predicts_next)


def test_a_pattern_that_predicts_the_next_character_is_shown_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown("reber", capsys)
    assert not {"says", "outputs"} & set(rows)
    assert rows["mark"] == "# stands before and after each string; the one after it is predicted"
    assert "predictions" in rows["test"]


def test_a_training_says_what_may_be_said(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["--pattern", "delay", *SMALL]) == 0
    assert "\noutputs          2 characters: eo\n" in capsys.readouterr().out
    assert train(["--pattern", "abc", *SMALL]) == 0
    assert "\noutputs" not in capsys.readouterr().out
