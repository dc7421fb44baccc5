"""Every metric that a run records is explained, and no other."""

import contextlib
import json
import re
from functools import cache
from pathlib import Path

import pytest

from analysis.dynamics.labelled import draw_text
from analysis.dynamics.net_map import map_of_net
from analysis.inside import QUESTIONS, DoesNotApplyError, Subject
from analysis.meanings import meaning_of, meanings
from experiments.metrics import main
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.patterns import Pattern, parse
from rnn_core.training import train
from tests.conftest import PROJECT


@cache
def of_families() -> dict[str, set[str]]:
    """Return by family the names of the metrics that its nets come to.

    They are those that the test of earlier numbers holds. Of a family that is younger, a small net is measured here,
    on some of its cases.
    """
    found: dict[str, set[str]] = {}
    for run in json.loads((PROJECT / "tests" / "rnn_core" / "earlier_numbers.json").read_text()):
        found.setdefault(parse(run["config"]["pattern"]).family, set()).update(run["metrics"])
    for name, family in Pattern.families.items():
        if name not in found and not family.needs_file:
            pattern = parse(family.example)
            every_case = pattern.cases
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pattern, "cases", lambda *asked, every_case=every_case: every_case(*asked)[::25])
                prepared = prepare(TrainConfig(pattern=family.example, length=400, epochs=1), pattern)
                *_, last = train(prepared)
                found[name] = {*measure(last.net, prepared).metrics, *last.metrics, *prepared.size_metrics}
    return found


def metrics_of_questions() -> set[str]:
    """Return the metrics that the questions about the inside of a net record."""
    prepared = prepare(TrainConfig(hidden_size=3))
    net_map = map_of_net(prepared.build_net(), prepared.record.alphabet)
    text = draw_text(prepared.pattern, 60, 0)
    subject = Subject(prepared.pattern, net_map, net_map, text, text)
    names: set[str] = set()
    for question in QUESTIONS.values():
        with contextlib.suppress(DoesNotApplyError):
            names |= question(subject).metrics.keys()
    return names


def test_every_metric_of_every_family_is_explained_and_nothing_else_is(tmp_path: Path) -> None:
    recorded = dict(of_families())
    text = tmp_path / "tale.txt"
    text.write_text("".join(f"to be or not to be {number}\n" for number in range(20)))
    for name, family in Pattern.families.items():
        if family.needs_file:
            spec = family.example.replace("PATH", str(text))
            prepared = prepare(TrainConfig(pattern=spec, epochs=1, keep="best"))
            *_, last = train(prepared)
            recorded[name] = {*measure(last.net, prepared).metrics, *last.metrics, *prepared.size_metrics}
    asked = {"length": 30, "draws": "every-epoch", "curriculum": 0.1, "epochs": 1}
    recorded["parity"] |= next(iter(train(TrainConfig(pattern="parity", **asked)))).metrics.keys()  # type: ignore[arg-type]
    assert recorded.keys() == Pattern.families.keys()
    recorded["inspect"] = dict.fromkeys(metrics_of_questions(), 0.0)
    names = {name for metrics in recorded.values() for name in metrics}
    assert [name for name in sorted(names) if meaning_of(name) is None] == []
    unused = [
        name
        for name in meanings()
        if not any(re.fullmatch(name.replace("MEASURE", "(?!longest)[a-z_]+"), each) for each in names)
    ]
    assert unused == []


def test_what_only_one_family_measures_only_that_family_explains() -> None:
    for family, metrics in of_families().items():
        assert Pattern.families[family].meanings.keys() <= metrics


@pytest.mark.parametrize("name", ["train_los", "whole", "eval_loss_median"])
def test_what_no_run_records_is_not_explained(name: str) -> None:
    assert meaning_of(name) is None


def test_the_command_prints_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(meanings())
    assert all(row.count(" | ") == 3 for row in rows)
    assert "\n".join(rows) in (PROJECT / "docs" / "runs.md").read_text()
    assert main(["--all"]) == 2
