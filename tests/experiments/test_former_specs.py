"""Runs whose spec stands for other data today are found, marked and read, and nobody draws today's data for them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import pictures
from analysis.dynamics import trajectories
from analysis.runs import RunError, command_for_missing, curves, find_runs, load_run
from experiments import generate
from experiments.train import main
from rnn_core.checkpoint import load_record, save_record
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.patterns import Pattern
from rnn_core.recorded_data import ChangedDataError, prepare_again
from tests.experiments.test_resume import interrupt, newest, refusal
from tests.streams import Pulses

SMALL = ["--cell", "gru", "--hidden-size", "4", "--length", "120", "--batch-size", "2", "--window", "8"]
SMALL += ["--encoding", "onehot", "--clip", "0"]
OLD = ["--pattern", "flipflop:2", *SMALL, "--schedule", "constant"]


class FormerFlipFlop(Pulses):
    """What flipflop:2 was: a stream of pulses, with the bits behind each."""

    @property
    def spec(self) -> str:
        return f"flipflop:{self.bits}"


Record = Callable[[], str]


@pytest.fixture(autouse=True)
def short_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.patterns.shared.base.TEST_LENGTH", 300)
    monkeypatch.setattr("rnn_core.patterns.shared.transducer.TEST_LENGTH", 300)


@pytest.fixture
def record_old(store: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """A function that records a run as the earlier version did, and returns its id."""

    def record() -> str:
        with monkeypatch.context() as patched:
            patched.setitem(Pattern.families, "flipflop", FormerFlipFlop)
            assert main([*OLD, "--epochs", "2"]) == 0
            return str(newest().info.run_id)

    return record


def test_the_spec_finds_both_kinds_of_runs_and_the_old_ones_are_marked(record_old: Record) -> None:
    old = record_old()
    assert main(["--pattern", "flipflop:2", *SMALL, "--epochs", "2", "--seed", "1"]) == 0
    new = newest().info.run_id
    both = find_runs(pattern="flipflop:2")
    assert both["run_id"].tolist() == [new, old]
    assert both["pattern"].tolist() == ["flipflop:2:silence=mixed", "flipflop:2"]
    assert both["former_spec"].tolist() == [False, True]
    assert both["predicts_next"].tolist() == [False, True]
    for pattern in ("flipflop:2:silence=mixed", ["flipflop:2:silence=mixed"]):
        assert find_runs(pattern=pattern)["run_id"].tolist() == [new]
    every = find_runs().set_index("run_id")
    assert every["former_spec"].to_dict() == {old: True, new: False}
    several = find_runs(pattern=iter(["flipflop:2"]), seed=[1, 42][:1])
    assert several["run_id"].tolist() == [new]


def test_an_old_run_does_not_count_as_a_run_that_was_asked_for(record_old: Record) -> None:
    old = record_old()
    with pytest.warns(UserWarning, match="0 of the 1 combinations of pattern are recorded; .*--pattern.*silence=mixed"):
        assert find_runs(pattern="flipflop:2")["run_id"].tolist() == [old]
    assert command_for_missing(pattern="flipflop:2", seed=42) != []
    assert main(["--pattern", "flipflop:2", *SMALL, "--epochs", "2"]) == 0
    assert command_for_missing(pattern="flipflop:2", seed=42) == []


REASON = (
    r"pattern is 'flipflop:2'; allowed: .* the data of flipflop:2 have changed: .* sha256 is [0-9a-f]{64}, the "
    r"record's is [0-9a-f]{64}; today this is a short form of flipflop:2:silence=mixed; .* train anew on flipflop:2:"
    "silence=mixed"
)


def test_an_old_run_is_read_and_its_data_are_not_drawn(record_old: Record, capsys: pytest.CaptureFixture[str]) -> None:
    old = record_old()
    run, runs = load_run(old), find_runs()
    assert len(curves(runs)) == 4
    (states,) = trajectories(runs, "A10.10")
    assert states.output_lth.shape == (1, 6, 4)
    capsys.readouterr()
    assert generate.main([old, "--prompt", "A10.", "--length", "9"]) == 0
    assert len(capsys.readouterr().out) == len("A10.") + 9 + 1
    name = re.escape(run.name)
    for draw in (run.prepare, lambda: trajectories(runs, 20), lambda: pictures.predictions(runs, "seed")):
        with pytest.raises(RunError, match=rf"^run {old} \({name}\): {REASON}$"):
            draw()


def test_an_old_record_is_not_trained_again(
    record_old: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.json"
    save_record(load_run(record_old()).record, path)
    assert json.loads(path.read_text())["config"]["pattern"] == "flipflop:2"
    for more in ([], ["--epochs", "3"], ["--length", "200"], ["--data-seed", "7"]):
        assert re.search(rf"{REASON} \(--config\)\n$", refusal(["--config", str(path), *more], capsys))
    assert main(["--config", str(path), "--pattern", "flipflop:2:silence=mixed", "--epochs", "1"]) == 0
    assert load_run("latest").config.pattern == "flipflop:2:silence=mixed"


def test_an_old_run_is_not_gone_on_with(
    record_old: Record, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = record_old()
    assert re.search(rf"{REASON} \(--continue\)\n$", refusal(["--continue", old, "--epochs", "5"], capsys))
    with monkeypatch.context() as patched:
        patched.setitem(Pattern.families, "flipflop", FormerFlipFlop)
        cut = interrupt(monkeypatch, "epoch 2/10", [*OLD, "--epochs", "10"])
    assert re.search(rf"{REASON} \(--resume\)\n$", refusal(["--resume", cut.info.run_id], capsys))


def test_the_record_of_an_earlier_commit_is_refused(tmp_path: Path) -> None:
    """Of commit 68c59a1, whose flipflop:3 was the stream."""
    fields = {"pattern": "flipflop:3", "length": 400, "window": 64, "batch_size": 4, "hidden_size": 16, "cell": "gru"}
    record = {
        "config": vars(TrainConfig(**fields)),  # type: ignore[arg-type]
        "alphabet": ".01ABCabc",
        "data_sha256": "672b16ad542e75518db9ede981e79e8df91f6d939acef70db90721dcdbe9e9d5",
        "training_version": 1,
    }
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(
        ChangedDataError, match=r"the record's is 672b16ad542e.*; today this is a short form of flipflop:3:"
    ):
        prepare_again(load_record(tmp_path / "config.json"))


def test_data_that_are_the_same_are_prepared() -> None:
    for spec in ("flipflop:2", "abc", "dyck:2:say=depth"):
        config = TrainConfig(pattern=spec, length=60)
        first = prepare(config)
        assert prepare_again(first.record).config == first.config
        longer = TrainConfig(**{**vars(first.config), "length": 80})
        assert prepare_again(first.record, longer).config.length == 80
    of_one_length = TrainConfig(pattern="parity", length=200, batch_size=4, batches="one-length", draws="every-epoch")
    record = prepare(of_one_length).record
    for changes in ({"batch_size": 2}, {"batches": "drawn"}, {"curriculum": 0.1}, {"epochs": 3}, {"draws": "once"}):
        assert prepare_again(record, TrainConfig(**{**vars(of_one_length), **changes})).config  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^batch_size is 50"):
        prepare_again(first.record, TrainConfig(**{**vars(first.config), "batch_size": 50}))
