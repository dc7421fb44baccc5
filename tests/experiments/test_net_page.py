"""The page of a net without a browser: what is written into it, what it costs, and the command that prints it."""

import base64
import dataclasses
import html
import json
import re
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.dynamics import map_of_net
from analysis.runs import find_runs, load_run
from analysis.runs.schema import PAGE_FILE
from experiments.inspect import main as inspect
from experiments.net_page import page as sources
from experiments.net_page.of_runs import page_of_runs
from experiments.net_page.of_training import first_text
from experiments.net_page.page import net_page
from experiments.net_page.pattern_table import NOWHERE, OUTSIDE, pattern_table
from experiments.net_page.told import PageNet
from experiments.page import main
from experiments.page_parts import filling
from experiments.sweep import main as sweep
from experiments.sweep_page import page as sweep_sources
from experiments.train import main as train
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern, parse
from tests.conftest import PROJECT

MAX_BYTES = 60_000
"""The most bytes of a page beside its weights."""

SPECS = [family.example for family in Pattern.families.values() if not family.needs_file]
SPECS += ["flipflop:2", "dyck:2:say=depth", "anbn:uniform=99", "dyck:2:depth=3:weights=hewitt:longest=84"]

SHORT = ["--hidden-size", "3", "--epochs", "1"]


def prepared_net(**fields: object) -> tuple[Prepared, CharRNN]:
    """Return the data of a config and a net with other weights than zero, which nobody has trained."""
    prepared = prepare(TrainConfig(**fields))  # type: ignore[arg-type]
    torch.manual_seed(5)
    return prepared, prepared.record.build_net().eval()


def page_of(prepared: Prepared, net: CharRNN, name: str = "a net") -> str:
    return net_page([PageNet(name, "", prepared.record, net, [])], prepared.pattern, first_text(prepared))


def told_in(page: str) -> Any:
    """Return what a page is told, as a browser would read it."""
    (data,) = re.findall(r'<script type="application/json" id="told">(.*?)</script>', page, re.DOTALL)
    return json.loads(data)


def newest() -> Run:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"])[0]


def recorded_page(run_id: str) -> str | None:
    path = Path(MlflowClient().get_run(run_id).info.artifact_uri.removeprefix("file://")) / PAGE_FILE
    return path.read_text() if path.exists() else None


def printed(capsys: pytest.CaptureFixture[str], *runs: str) -> str:
    capsys.readouterr()
    assert main(runs) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *runs: str) -> str:
    """Return the line with which the command refuses its arguments."""
    capsys.readouterr()
    assert main(runs) == 2
    out, error = capsys.readouterr()
    assert not out
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def bytes_of(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).astype(np.int64)


@pytest.mark.parametrize("spec", SPECS)
def test_a_table_follows_the_pattern_along_its_texts(spec: str) -> None:
    """Beside the exact distributions of the targets, and the labels, of a text."""
    pattern = parse(spec)
    table = pattern_table(pattern)
    if table is None:
        assert pattern.automaton is None
        return
    text = pattern.sample(3000, Random(0))[:3000]
    expected_sw, labels, scored = pattern.target_distributions(text), pattern.labels(text), pattern.scored(text)
    shape = table["states"], len(pattern.alphabet)
    next_sv, likely_sv = bytes_of(table["next"]).reshape(shape), bytes_of(table["likely"]).reshape(shape)
    read, _ = pattern.inputs_and_targets(text)
    state, followed = 0, 0
    for place, character in enumerate(read):
        after = int(next_sv[state, pattern.alphabet.index(character)])
        assert after != NOWHERE, "what the pattern wrote is possible"
        if after == OUTSIDE:  # a page goes on at the next mark
            break
        state, followed = after, followed + 1
        assert {name: values[bytes_of(places)[state]] for name, (values, places) in table["labels"].items()} == {
            name: pytest.approx(labels[name][place].item(), abs=1e-4)
            if labels[name].dtype.kind == "f"
            else labels[name][place]
            for name in table["labels"]
        }
        target_place = place + (1 if pattern.predicts_next else 0)
        assert table["scored"] is None or bool(table["scored"][state]) == bool(scored[target_place])  # type: ignore[index]
        if table["scored"] is not None and not table["scored"][state]:
            continue
        if table["said"] is not None:
            assert expected_sw[place, bytes_of(table["said"])[state]] == 1
        else:
            told = np.array(table["probabilities"])[likely_sv[state]]
            np.testing.assert_allclose(told, expected_sw[place], atol=1e-6)
    assert followed > 2


def test_a_pattern_that_is_called_like_html_stays_text() -> None:
    """Nothing of a name can end the data or begin an element."""
    bad = "</script><!--<script>"
    prepared, net = prepared_net(pattern="<img src=x onerror=hit()>", hidden_size=3)
    page = page_of(prepared, net, f"{bad}<b>&")
    assert told_in(page)["nets"][0]["name"] == f"{bad}<b>&"
    assert told_in(page)["pattern"]["alphabet"] == prepared.record.alphabet
    plain = page_of(prepared, net, "plain")
    for text in ("<img", "<b>", bad):
        assert text not in page
    for text in ("<script", "</script", "<!--"):
        assert page.count(text) == plain.count(text)
    assert "<title>&lt;/script&gt;" in page


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = page_of(*prepared_net(hidden_size=3))
    assert not re.findall(r"https?://|\bsrc=|<link|@import|url\(|localStorage|fetch\(|XMLHttp", page)
    assert "default-src 'none'" in page
    folder = Path(sources.__file__).parent
    there = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css", ".html")}
    assert there == {*sources.SCRIPTS, filling.STYLE, filling.SKELETON}
    assert not re.search(r"^\s*(//|/\*\*|\* )", page, re.MULTILINE), "comments are left out"


@pytest.mark.parametrize("module", [sources, sweep_sources])
def test_a_script_that_is_shortened_keeps_its_words(module: ModuleType) -> None:
    folder = Path(module.__file__ or "").parent
    for file in (Path(filling.__file__).parent / filling.SHARED_SCRIPT, *(folder / name for name in module.SCRIPTS)):
        lines = [line for line in file.read_text().splitlines() if not re.match(r"\s*(//|/\*\*|\* )", line)]
        short = filling._short_script(file)
        assert not re.search(r"[+-] [+-]\w", "\n".join(lines)), "these would become one sign"
        for words in re.findall(r'"[^"]*"|[`}][^`{}"]*(?:`|\$\{)', "\n".join(lines)):
            if "\n" not in words:
                assert words in short
        assert not re.search(r"^\s|\s$|; //|\n\n", short.strip())


@pytest.mark.parametrize("spec", SPECS)
def test_a_page_of_every_family_is_small(spec: str) -> None:
    prepared, net = prepared_net(pattern=spec, cell="slstm", encoding="onehot", hidden_size=4, length=200)
    page = page_of(prepared, net)
    assert len(page.encode()) - len(told_in(page)["nets"][0]["weights"]) < MAX_BYTES


@pytest.mark.parametrize("cell", CELLS)
def test_a_page_of_every_cell_is_small_and_holds_its_weights(cell: str) -> None:
    prepared, net = prepared_net(cell=cell, layers=2, hidden_size=5, encoding="embedding")
    page = page_of(prepared, net)
    (told,) = told_in(page)["nets"]
    assert len(page.encode()) - len(told["weights"]) < MAX_BYTES
    weights = np.frombuffer(base64.b64decode(told["weights"]), "<f4")
    expected = [weight.detach().numpy().ravel() for name, weight in net.named_parameters() if "embedding" not in name]
    assert sorted(weights.tolist()) == sorted(np.concatenate(expected).tolist())
    inputs = np.frombuffer(base64.b64decode(told["inputs"]), "<f4").reshape(3, 5)
    np.testing.assert_array_equal(inputs, net.embedding.weight.detach().numpy())


@pytest.mark.parametrize("pattern", ["abc", "anbn", "dyck:2:say=depth"])
def test_a_large_net_is_told_by_what_it_did(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.net_page.told.MAX_PARAMETERS", 50)
    prepared, net = prepared_net(pattern=pattern, cell="gru", hidden_size=6, length=200)
    (told,) = told_in(page_of(prepared, net))["nets"]
    assert told["why"] == "large"
    assert "weights" not in told
    recorded, record = told["recorded"], prepared.record
    text = first_text(prepared)[:120]
    assert recorded["text"] == text
    path_tk, logits_tw = map_of_net(net, record.alphabet, record.outputs, record.mark).path(text)
    assert recorded["guesses"] == "".join(record.outputs[index] for index in logits_tw.argmax(1))
    units_th = (bytes_of(recorded["units"]).reshape(len(text), 6) - 128) / 127 * np.abs(path_tk).max()
    np.testing.assert_allclose(units_th, path_tk, atol=0.01)
    points_tk = np.frombuffer(base64.b64decode(recorded["path"]), "<f4").reshape(-1, 3)
    distances = [np.linalg.norm(rows[:, None] - rows[None], axis=-1) for rows in (points_tk, path_tk)]
    assert (distances[0] <= distances[1] + 1e-5).all(), "a projection lengthens nothing"


def test_a_run_records_its_page_and_the_command_prints_the_same(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(["--pattern", "tomita:3", "--length", "300", "--cell", "gru", *SHORT]) == 0
    run = newest()
    page = recorded_page(run.info.run_id)
    assert page is not None
    assert printed(capsys, run.info.run_name) == f"{page}\n"
    told = told_in(page)
    assert told["nets"][0]["name"] == run.info.run_name
    assert dict(told["nets"][0]["numbers"]).keys() >= {"eval loss", "eval accuracy"}
    assert told["text"].startswith("#")
    assert len(told["text"]) <= 60
    first = run.data.tags["mlflow.note.content"].splitlines()[0]
    address = f"#/experiments/0/runs/{run.info.run_id}/artifacts/{PAGE_FILE}?workflowType=machine_learning"
    assert first.startswith(f"[**Play with the net**]({address})")


def test_a_net_that_diverged_has_no_page(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["--hidden-size", "64", "--epochs", "50", "--learning-rate", "1e37"]) == 1
    run = newest()
    assert recorded_page(run.info.run_id) is None
    assert "Play with" not in run.data.tags["mlflow.note.content"]
    assert "recorded no net; its tag end_reason says why" in refused(capsys, run.info.run_id)


def test_several_runs_share_a_page_in_the_order_of_their_fields(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(["--patterns", "abc", "--hidden-sizes", "3", "--epochs", "10,9", "--seeds", "0-1"]) == 0
    runs = find_runs()
    assert all(recorded_page(run_id) for run_id in runs["run_id"])
    page = told_in(printed(capsys, *runs["run_id"], *runs["name"]))
    assert [net["label"] for net in page["nets"]] == [
        f"epochs {epochs}, seed {seed}" for epochs in (9, 10) for seed in (0, 1)
    ]
    assert page["shared"] is False
    of_one_seed = runs[runs["seed"] == 0]
    page = told_in(printed(capsys, *of_one_seed["run_id"]))
    assert [net["label"] for net in page["nets"]] == ["epochs 9", "epochs 10"]
    assert page["shared"] is True, "states of one training have one picture"
    assert len({net["weights"] for net in page["nets"]}) == 2
    assert sweep(["--patterns", "abd", "--hidden-sizes", "3", "--epochs", "1", "--seeds", "1"]) == 0
    other = find_runs(pattern="abd")["run_id"].item()
    error = refused(capsys, other, *of_one_seed["run_id"])
    assert "has the pattern abc, and" in error
    assert "has abd; allowed: runs of one pattern" in error


def test_what_cannot_be_shown_is_refused_in_one_line(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no run is named; allowed: one or more ids or names, or latest" in refused(capsys)
    assert "holds no trained net; train one first" in refused(capsys, "latest")
    assert train(SHORT) == 0
    assert "no run 'nobody'" in refused(capsys, "latest", "nobody")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "a page would fill the terminal; allowed: into a file, by > FILE.html" in refused(capsys, "latest")


def test_a_net_whose_text_is_gone_is_shown_without_its_pattern(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "tale.txt").write_text("to be or not to be\n" * 40)
    assert train(["--pattern", "text:tale.txt", "--cell", "rnn", *SHORT]) == 0
    page = recorded_page(newest().info.run_id)
    assert page is not None
    (store / "tale.txt").unlink()
    here, gone = told_in(page), told_in(printed(capsys, "latest"))
    assert (here["pattern"]["known"], gone["pattern"]["known"]) == (True, False)
    assert gone["nets"][0]["weights"] == here["nets"][0]["weights"]
    assert set(gone["text"]) <= set(gone["pattern"]["alphabet"])


def test_what_inspect_finds_is_in_the_page(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.inside.subject.CHARACTERS", 300)
    assert train(["--pattern", "abc", "--cell", "slstm", "--hidden-size", "4", "--epochs", "60"]) == 0
    run_id = newest().info.run_id
    before = recorded_page(run_id)
    assert inspect([run_id, "--what", "fixed_points,cycle,automaton"]) == 0
    page = recorded_page(run_id)
    assert page is not None
    assert page != before
    (told,) = told_in(page)["nets"]
    run = load_run(run_id)
    files = run.inside()
    assert {f"{name}.txt" for name in told["lines"]} <= files.keys()
    assert told["lines"]["automaton"] == files["automaton.txt"].splitlines()
    found = told["found"]
    machine = pd.read_csv(Path(run._run.info.artifact_uri) / "inside" / "automaton.csv", keep_default_na=False)
    assert found["inputs"] == "abc"
    assert [row[0] for row in found["automaton"]] == machine["output"].tolist()
    assert [row[1:] for row in found["automaton"]] == machine[["after a", "after b", "after c"]].to_numpy().tolist()
    # The page's numbers are those of the cell's own state, from which the net goes on: the cycle closes.
    if found["cycle"]:
        rows = np.frombuffer(base64.b64decode(found["cycle"]["states"]), "<f4").reshape(len(found["cycle"]["text"]), -1)
        state = tuple(torch.from_numpy(part.copy())[None, None] for part in rows[0].reshape(4, 4))
        for character, after in zip(found["cycle"]["text"], [*rows[1:], rows[0]], strict=True):
            index_bt = torch.tensor([[run.record.alphabet.index(character)]])
            with torch.no_grad():
                _, state = run.net(run.net.encode(index_bt), state)
            expected = tuple(torch.from_numpy(part.copy()) for part in after.reshape(4, 4))
            for one, two in zip(run.net.cell.reduce(state), run.net.cell.reduce(expected), strict=True):
                torch.testing.assert_close(one.flatten(), two, atol=1e-3, rtol=1e-3)
    assert "fixed_points.txt" in files
    assert all(rests for rests in found["rests"].values())
    assert found["rests"] or found["cycle"], "something is drawn"
    assert page_of_runs([run]) == page


def test_the_pages_that_are_committed_have_the_present_source() -> None:
    notebook = json.loads((PROJECT / "analysis" / "notebooks" / "01_first_look.ipynb").read_text())
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    shown = "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    (frame,) = re.findall(r'srcdoc="([^"]*)"', shown)
    style, script = (filling._source(Path(sources.__file__).parent, sources.SCRIPTS)[part] for part in (1, 3))
    for page, pattern, renew in (
        ((PROJECT / "docs" / "living_net.html").read_text(), "abc", "experiments.page latest > docs/living_net.html"),
        (html.unescape(frame), "aab", "experiments.notebooks 01 --make"),
    ):
        assert len(style) > 2_000
        assert style in page, f"make it anew by python -m {renew}"
        assert len(script) > 20_000
        assert page.rstrip("\n").endswith(script.rstrip("\n")), f"make it anew by python -m {renew}"
        assert told_in(page)["pattern"]["name"] == pattern


def test_the_pages_of_a_shape_share_their_graph_and_not_their_weights() -> None:
    prepared, net = prepared_net(hidden_size=3)
    other = dataclasses.replace(prepared.record.config, seed=9)
    torch.manual_seed(6)
    pages = [told_in(page_of(prepared, each))["nets"][0] for each in (net, prepare(other).record.build_net().eval())]
    assert pages[0]["graph"] == pages[1]["graph"]
    assert pages[0]["weights"] != pages[1]["weights"]
