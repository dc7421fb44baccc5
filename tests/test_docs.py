"""What the documents show works as it stands there."""

import dataclasses
import re
from pathlib import Path

import pytest

from analysis.dynamics import trajectories
from analysis.runs import find_runs, load_net, load_run
from experiments.grid import read_grid
from experiments.sweep import main
from rnn_core.config import TrainConfig
from rnn_core.nets import cells
from rnn_core.patterns.shared.base import Pattern
from rnn_core.training import train
from tests.conftest import PROJECT

PATTERN, CELL = re.findall(r"```python\n(.*?)```", (PROJECT / "CONTRIBUTING.md").read_text(), flags=re.DOTALL)
"""The files that CONTRIBUTING shows."""


def test_the_pattern_of_contributing_trains() -> None:
    code = PATTERN
    try:
        exec(compile(code, "count.py", "exec"), {"__name__": "count"})
        pattern = Pattern.families["count"]("abc")
        assert pattern.training_text(length=12, data_seed=0) == "abcaabbccaaa"
        assert pattern.automaton is None
        labels = {name: values.tolist() for name, values in pattern.labels("abcaabbc").items()}
        assert labels == {"turn": [1, 1, 2, 2, 2, 2, 2, 2], "left": [1, 1, 2, 1, 2, 1, 2, 1]}
        losses = [record.loss for record in train(TrainConfig(pattern="count:abc", epochs=3))]
        assert losses == sorted(losses, reverse=True)
    finally:
        Pattern.families.pop("count", None)


def test_the_cell_of_contributing_is_found_trained_and_recorded(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "cells").mkdir()
    (store / "cells" / "leaky.py").write_text(CELL)
    monkeypatch.setattr(cells, "__path__", [*cells.__path__, str(store / "cells")])
    monkeypatch.setattr("rnn_core.config.CELLS", (*cells.CELLS, "leaky"))
    assert main(["--cells", "leaky", "--layers", "1,2", "--epochs", "30", "--encodings", "onehot", "--seeds", "2"]) == 0
    runs = find_runs(cell="leaky", layers=[1, 2])
    assert len(runs) == 4
    for run in runs.to_dict("records"):
        net = load_net(run["run_id"])
        assert run["parameters"] == sum(weight.numel() for weight in net.parameters())
        losses = [record.loss for record in train(load_run(run["run_id"]).config)]
        assert run["train_loss"] == pytest.approx(losses[-1], rel=1e-4)
        assert losses[-1] < losses[0] / 2
    (states, *_) = trajectories(runs, 9)
    assert states.state.keys() == {"h"}


def test_readme_shows_the_benchmarks_table() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert "`python -m benchmarks.one_run`" in readme
    table = readme.split("| what, median | ours | instead | ratio | at most |\n|---|---|---|---|---|\n")[1].split(
        "\n\n"
    )[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    assert len(rows) == 3
    for _, ours, instead, ratio, _ in rows:
        assert float(ours.removesuffix(" s")) / float(instead.removesuffix(" s")) == pytest.approx(
            float(ratio), abs=0.006
        )


def test_readme_shows_the_sweeps_table_and_it_holds() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert "`python -m benchmarks.sweep_speed`" in readme
    table = readme.split("| what, median | ours | instead | times as fast | at least |\n|---|---|---|---|---|\n")[1]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n\n")[0].splitlines()]
    assert len(rows) == 3
    for _, ours, instead, times, least in rows:
        assert float(instead.split()[0]) / float(ours.split()[0]) == pytest.approx(float(times), rel=0.01)
        assert float(times) >= float(least)


def test_readmes_numbers_of_reading_agree_and_are_what_we_ask_for() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert "`python -m benchmarks.reading`" in readme
    table = readme.split("| what | ours | instead | times as fast | at least |\n|---|---|---|---|---|\n")[1]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n\n")[0].splitlines()]
    assert len(rows) == 2
    for _, ours, instead, times, least in rows:
        assert float(instead.split()[0]) / float(ours.split()[0]) == pytest.approx(float(times), rel=0.02)
        assert float(times) >= float(least)


def test_readmes_pictures_and_notebooks_are_there() -> None:
    readme = (PROJECT / "README.md").read_text()
    linked = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", readme)
    local = [path for path in linked if not path.startswith("http")]
    assert len(local) >= 10
    for path in local:
        assert (PROJECT / path).exists(), path
    kept = {f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.png")}
    assert kept == {path for path in local if path.endswith(".png")}


def test_readmes_first_sweep_is_one() -> None:
    readme = (PROJECT / "README.md").read_text()
    (command,) = re.findall(r"mlflow run \. -e sweep --env-manager local (.*)", readme)
    said = dict(pair.split("=") for pair in command.split() if "=" in pair)
    assert len(read_grid(said, None).runs()) == 270


def test_readmes_table_of_parameters_is_complete() -> None:
    readme = (PROJECT / "README.md").read_text()
    table = readme.split("| parameter | default | |")[1].split("\n\n")[0]
    described = {}
    for row in table.strip().splitlines()[1:]:
        names, defaults, _ = (cell.strip() for cell in row.strip("|").split("|"))
        described |= dict(zip(re.findall(r"`(\w+)`", names), defaults.split(", "), strict=True))
    fields = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    assert described.keys() == fields.keys()
    for name, default in fields.items():
        assert type(default)(described[name]) == default
