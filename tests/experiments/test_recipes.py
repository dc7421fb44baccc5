"""Specs in single runs and in sweeps: recipes that depend on the argument, and files that are read once."""

import builtins
import io
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments import sweep, train
from rnn_core.config import ConfigError
from rnn_core.patterns import Pattern

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def turns() -> Iterator[type[Pattern]]:
    """A family whose recipe has as many hidden units as its argument says."""

    class Turns(Pattern):
        family = "turns"
        example = "turns:4"
        alphabet = "ab"
        default_length = 12

        def __init__(self, argument: str) -> None:
            if not argument.isdigit():
                raise ConfigError("pattern", f"turns:{argument}", "turns:4")
            self.count = int(argument)
            self.recipe = {"epochs": 2, "hidden_size": self.count}

        @property
        def spec(self) -> str:
            return f"turns:{self.count}"

        def sample(self, length: int, rng: Random) -> str:
            return "".join("ab"[place // self.count % 2] for place in range(length))

    yield Turns
    del Pattern.families["turns"]


def recorded() -> dict[str, Run]:
    """Return the runs of nets by pattern."""
    runs = MlflowClient().search_runs(["0"], filter_string="tags.config_digest LIKE '%'")
    return {run.data.params["pattern"]: run for run in runs}


def test_a_run_gets_the_recipe_of_its_argument() -> None:
    assert train.main(["--pattern", "turns:3"]) == 0
    run = recorded()["turns:3"]
    assert (run.data.params["hidden_size"], run.data.params["epochs"]) == ("3", "2")
    assert run.data.tags["recipe"] == "epochs=2 hidden_size=3"


def test_under_mlflow_run_the_recipe_of_the_argument_fills_what_nobody_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", MlflowClient().create_run("0").info.run_id)
    assert train.main(["--pattern", "turns:3", "--hidden-size", "16", "--epochs", "1"]) == 0
    run = recorded()["turns:3"]
    assert (run.data.params["hidden_size"], run.data.params["epochs"]) == ("3", "1")


def test_each_run_of_a_sweep_gets_the_recipe_of_its_argument() -> None:
    assert sweep.main(["--patterns", "turns:3,turns:5,turns:05", "--epochs", "1", "--seeds", "1"]) == 0
    runs = recorded()
    assert {spec: run.data.params["hidden_size"] for spec, run in runs.items()} == {"turns:3": "3", "turns:5": "5"}
    assert {run.data.tags["recipe"] for run in runs.values()} == {"hidden_size=3", "hidden_size=5"}


@pytest.mark.parametrize(
    ("main", "flag"), [(train.main, "pattern"), (sweep.main, "patterns")], ids=["a run", "a sweep"]
)
def test_an_argument_that_makes_no_sense_is_refused_in_one_line(
    main: object, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--{flag}", "turns:few"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "turns:few'; allowed: turns:4 " in err
    assert f"(--{flag})" in err


@pytest.fixture
def opened(store: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was given to open the file tale.txt, each time that it is opened."""
    tale = store / "tale.txt"
    tale.write_text("the cat sat on the mat. " * 20)
    found: list[object] = []
    originals = {(io, "open"): io.open, (builtins, "open"): io.open, (os, "open"): os.open}
    for (module, name), original in originals.items():

        def counting(file: Any, *arguments: Any, original: Any = original, **named: Any) -> Any:
            if isinstance(file, str | Path) and Path(file).absolute() == tale:
                found.append(file)
            return original(file, *arguments, **named)

        monkeypatch.setattr(module, name, counting)
    return found


SMALL = ["--epochs", "1", "--hidden-size", "8", "--threads", "1"]


def test_a_texts_file_is_opened_once_in_a_run(opened: list[object]) -> None:
    assert train.main(["--pattern", "text:tale.txt", *SMALL]) == 0
    assert len(opened) == 1
    (run,) = recorded().values()
    record = MlflowClient().download_artifacts(run.info.run_id, "config.json")
    assert train.main(["--config", record, "--epochs", "2"]) == 0
    assert len(opened) == 2, "a rerun reads it once, too"


def test_a_texts_file_is_opened_once_to_plan_a_sweep(opened: list[object]) -> None:
    lists = ["--epochs", "1,2", "--hidden-sizes", "4,8", "--seeds", "3"]
    assert sweep.main(["--dry-run", "--patterns", "text:tale.txt,abc", *lists]) == 0
    assert len(opened) == 1
