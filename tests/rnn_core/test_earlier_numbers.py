"""What an earlier commit computed for runs of every family and cell comes out again.

`earlier_numbers.json` was written by commit 68c59a1; the last three, of families that came later, by the commit that
added them. `python -m benchmarks.same_numbers 68c59a1` compares weights bit
for bit, and what is recorded; here digests are held exactly, and losses to 1e-6, since processors round differently.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.training import train

EARLIER: list[dict[str, Any]] = json.loads(Path(__file__).with_name("earlier_numbers.json").read_text())


every_run = pytest.mark.parametrize("earlier", EARLIER, ids=lambda earlier: str(earlier["config"]["pattern"]))


@every_run
def test_a_run_is_what_it_was_and_is_trained_as_it_was(earlier: dict[str, Any]) -> None:
    prepared = prepare(TrainConfig(**earlier["config"]))
    # Versions 2 and 3 of strings changed last bits, and nothing else.
    assert prepared.record.training_version == (3 if prepared.pattern.mark else 1)
    assert dataclasses.replace(prepared.record, training_version=1).digest == earlier["digest"]
    assert prepared.record.data_sha256 == earlier["data_sha256"]
    assert prepared.record.parameter_count == earlier["parameters"]
    records = list(train(prepared))
    assert [record.loss for record in records] == pytest.approx(earlier["losses"], abs=1e-6)
    valid = [record.valid_loss for record in records if record.valid_loss is not None]
    assert valid == pytest.approx(earlier["valid_losses"] or [], abs=1e-6)


SAMPLE = (
    "abc",
    "copy:10:delay=100",
    "dyck:2",
    "elman",
    "flipflop:3:silence=mixed",
    "noisy:abc:0.1",
    "reber",
    "tomita:2",
)
"""Motifs, streams, strings, answers and what a net says at each step, each measured in less than a second."""


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(
            earlier,
            id=str(earlier["config"]["pattern"]),
            marks=pytest.mark.slow if earlier["config"]["pattern"] in SAMPLE else pytest.mark.long,
        )
        for earlier in EARLIER
    ],
)
def test_a_net_is_measured_as_it_was(earlier: dict[str, Any]) -> None:
    prepared = prepare(TrainConfig(**earlier["config"]))
    *_, last = train(prepared)
    metrics = dict(measure(last.net, prepared).metrics)
    assert metrics.keys() == earlier["metrics"].keys()
    for name, value in earlier["metrics"].items():
        counted = name.endswith(("_correct", "_length", "longest_right", "_accepts", "_rejects"))
        assert metrics[name] == (value if counted else pytest.approx(value, abs=1e-6)), name
