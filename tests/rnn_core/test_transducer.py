"""Inputs and outputs apart: a small transducer is trained, stacked, measured, saved and asked like any pattern."""

import contextlib
import hashlib
import io
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import mlflow.pyfunc
import pytest
import torch
from mlflow import MlflowClient

from analysis.dynamics import trajectories
from analysis.runs import find_run_id, find_runs, load_run
from experiments import generate, sweep
from experiments.train import main
from rnn_core.checkpoint import load_record, load_weights, named_weights, save_record, save_weights
from rnn_core.config import TrainConfig
from rnn_core.data import prepare, prepare_all
from rnn_core.measures.reach import reach
from rnn_core.measures.report import measure
from rnn_core.nets.cells import CELLS
from rnn_core.nets.reading import predict
from rnn_core.patterns.shared.cases import Case
from rnn_core.patterns.shared.strings import MARK, split_strings
from rnn_core.training import train
from rnn_core.training.stack import stack_key, train_stack
from tests.conftest import recording_in
from tests.transducers import LEARNT, SAID, Delay, Parities, delayed, offer, running_parity


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)


@dataclass(frozen=True)
class Recorded:
    """Runs that have learnt delay and parities, in a store that no test writes to.

    Attributes:
        folder: the store's.
        run_ids: the run of each spec.
        told: what each run printed.
    """

    folder: Path
    run_ids: dict[str, str]
    told: dict[str, str]


@pytest.fixture(scope="module")
def recorded_once(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in LEARNT.items()]
    told, run_ids = {}, {}
    with (
        recording_in(migrated_store, tmp_path_factory.mktemp("transducers")) as folder,
        pytest.MonkeyPatch.context() as p,
    ):
        offer(p)
        for spec, window in {"delay": ["--window", "16"], "parities": []}.items():
            with contextlib.redirect_stdout(io.StringIO()) as out:
                assert main(["--pattern", spec, "--length", "2000", *window, *flags]) == 0
            told[spec], run_ids[spec] = out.getvalue(), find_run_id("latest")
    return Recorded(folder, run_ids, told)


@pytest.fixture
def recorded(recorded_once: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded_once.folder / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    return recorded_once


def pairs(spec: str, **fields: object) -> list[tuple[str, str]]:
    """Return what is read and what is to be said in the windows of a config, where it counts."""
    prepared = prepare(TrainConfig(pattern=spec, **fields))  # type: ignore[arg-type]
    seen = []
    rows: dict[int, list[tuple[str, str]]] = {}
    for window in prepared.windows:
        if window.fresh:
            seen += [pair for row in rows.values() for pair in row]
            rows = {}
        mask_bt = torch.ones_like(window.input_bt).bool() if window.mask_bt is None else window.mask_bt
        for row, (read, said, mask) in enumerate(zip(window.input_bt, window.target_bt, mask_bt, strict=True)):
            characters = prepared.vocabulary.decode(read[mask]), prepared.data.outputs.decode(said[mask])
            rows.setdefault(row, []).extend(zip(*characters, strict=True))
    return seen + [pair for row in rows.values() for pair in row]


@pytest.mark.parametrize(("window", "batch_size"), [(0, 1), (7, 1), (0, 3), (4, 5)])
def test_windows_hold_what_is_read_and_what_is_said_after_it(window: int, batch_size: int) -> None:
    text = prepare(TrainConfig(pattern="delay", length=41)).text
    assert pairs("delay", length=41, window=window, batch_size=batch_size) == list(
        zip(text, delayed(text), strict=True)
    )
    strings = prepare(TrainConfig(pattern="parities", length=41)).text
    said = zip(strings, running_parity(strings), strict=True)
    came = pairs("parities", length=41, window=window, batch_size=batch_size)
    assert came == [pair for pair in said if pair[0] != MARK]


def test_with_keep_best_what_is_said_at_the_end_depends_on_all_that_was_read() -> None:
    trained, held_out = pairs("delay", length=200, keep="best"), []
    prepared = prepare(TrainConfig(pattern="delay", length=200, keep="best"))
    for window in prepared.validation_windows:
        assert window.mask_bt is not None
        said = prepared.data.outputs.decode(window.target_bt[window.mask_bt])
        held_out += list(zip(prepared.vocabulary.decode(window.input_bt[window.mask_bt]), said, strict=True))
    assert trained + held_out == list(zip(prepared.text, delayed(prepared.text), strict=True))
    assert len(held_out) == 20


def test_the_digest_covers_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    record = prepare(TrainConfig(pattern="delay")).record
    test = prepare(TrainConfig(pattern="delay")).evaluation.text
    text = prepare(TrainConfig(pattern="delay")).text
    expected = text + delayed(text) + test + delayed(test)
    assert record.data_sha256 == hashlib.sha256(expected.encode()).hexdigest()
    monkeypatch.setattr(Delay, "transduce", lambda self, text: delayed(text).translate(str.maketrans("eo", "oe")))
    assert prepare(TrainConfig(pattern="delay")).record.digest != record.digest


@pytest.mark.parametrize("spec", ["delay", "parities"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_net_reads_some_characters_and_says_others(spec: str, cell: str, tmp_path: Path) -> None:
    prepared = prepare(TrainConfig(pattern=spec, cell=cell, epochs=1))
    net = prepared.build_net()
    assert (net.inputs, net.outputs) == (len(prepared.pattern.alphabet), 2)
    save_record(prepared.record, tmp_path / "config.json")
    save_weights(named_weights(net), tmp_path / "model.safetensors")
    assert json.loads((tmp_path / "config.json").read_text())["outputs"] == "eo"
    record = load_record(tmp_path / "config.json")
    assert record == prepared.record
    assert (record.outputs, record.predicts_next) == ("eo", False)
    loaded = load_weights(record, tmp_path / "model.safetensors")
    assert measure(loaded, prepared).metrics == measure(net, prepared).metrics


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["delay", "parities"])
def test_it_is_learnt_and_measured_against_what_is_certain(spec: str, recorded: Recorded) -> None:
    run = load_run(recorded.run_ids[spec])
    prepared = prepare(run.config)
    report = measure(run.net, prepared)
    # What comes first after a zero state was taught a single time in a stream.
    wrong = 0 if spec == "parities" else 1
    assert report.metrics["eval_accuracy"] >= 1 - wrong / 300
    assert report.metrics["floor_loss"] == 0
    assert report.metrics["excess_loss"] == report.metrics["eval_loss"] < 0.1
    assert not [name for name in report.metrics if name.startswith("free_run")]
    # Character by character, each string from a zero state.
    text, said = prepared.evaluation.text, SAID[spec](prepared.evaluation.text)
    assert (report.text, report.target) == (text[:300], said[:300])
    right = [p == s for p, s, c in zip(report.predicted, said, text, strict=False) if c != MARK]
    assert all(right[wrong:])
    assert (report.sample.target, report.sample.continuation) == (said[:60], "")
    strings = split_strings(f"{text}#") if spec == "parities" else [text]
    mark = MARK if spec == "parities" else ""
    for string in strings[:20]:
        likeliest = predict(run.net, prepared.vocabulary.encode(mark + string))
        assert prepared.data.outputs.decode(likeliest)[len(mark) + wrong :] == SAID[spec](string)[wrong:]
    rows = {(row.measure, row.size): row for row in report.rows}
    if spec == "delay":
        assert (rows["ones", 9].steps, rows["length", 5].steps, rows["length", 300].steps) == (2, 5, 300)
        assert rows["length", 5].decidable == 5
        assert rows["length", 5].steps_right >= 4
    else:
        assert [rows["length", n].steps for n in (1, 2, 5)] == [1, 2, 5]
        assert all(row.cases_right == row.cases for row in report.rows)


def test_a_wrong_answer_is_counted_where_it_is() -> None:
    prepared = prepare(TrainConfig(pattern="delay", length=20))
    net = prepared.build_net()
    with torch.no_grad():  # says e after everything
        net.readout.weight.zero_()
        net.readout.bias.copy_(torch.tensor([9.0, 0.0]))
    report = measure(net, prepared)
    said = delayed(prepared.evaluation.text)
    assert report.metrics["eval_accuracy"] == pytest.approx(said.count("e") / len(said))
    rows = {(row.measure, row.size): (row.steps, row.steps_right) for row in report.rows}
    assert rows == {("length", 1): (1, 1), ("length", 5): (5, 1), ("length", 300): (300, 1), ("ones", 9): (2, 2)}


@pytest.mark.parametrize("spec", ["delay", "parities"])
def test_a_stack_trains_it_like_nets_alone(spec: str) -> None:
    base = {"pattern": spec, "length": 60, "epochs": 5, "batch_size": 3, "window": 4, "encoding": "onehot"}
    members = prepare_all(TrainConfig(**base, seed=seed) for seed in range(2))  # type: ignore[arg-type]
    assert stack_key(members[0]) is not None
    records = list(train_stack(members))
    for number, member in enumerate(members):
        losses = [record.loss for record in train(member)]
        assert [record.loss_n[number] for record in records] == pytest.approx(losses, rel=1e-4)


@pytest.mark.slow
def test_it_is_recorded_read_and_asked(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    assert "free running" not in recorded.told["delay"]
    assert "goes on" not in recorded.told["delay"]
    run_id = recorded.run_ids["delay"]
    assert not [name for name in MlflowClient().get_run(run_id).data.metrics if name.startswith("free_run")]
    assert generate.main([run_id, "--prompt", "1101"]) == 0
    assert capsys.readouterr().out == "eooe\n"
    loaded = load_run(run_id)
    assert (loaded.record.alphabet, loaded.record.outputs) == ("01", "eo")
    runs = find_runs(pattern="delay")
    (states,) = trajectories(runs, "0110")
    assert states.output_lth.shape == (1, 4, 8)


def test_it_is_swept(store: Path) -> None:
    assert sweep.main(["--patterns", "parities", "--epochs", "2", "--seeds", "2", "--lengths", "60"]) == 0


@pytest.mark.slow
def test_a_served_net_answers_each_character_of_a_prompt(recorded: Recorded) -> None:
    run = MlflowClient().get_run(recorded.run_ids["parities"])
    model = mlflow.pyfunc.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")
    prompts = ["".join(bits) for bits in itertools.product("01", repeat=3)]
    assert model.predict(prompts) == [running_parity(prompt) for prompt in prompts]
    assert model.predict(["#11", ""]) == [running_parity("#11"), ""]


def test_each_string_of_a_case_is_read_from_a_zero_state(monkeypatch: pytest.MonkeyPatch) -> None:
    strings = ("1", "110", "0")
    monkeypatch.setattr(Parities, "cases", lambda *_: [Case("length", 1, "".join(MARK + string for string in strings))])
    prepared = prepare(TrainConfig(pattern="parities", cell="gru", length=60))
    net = prepared.build_net()
    ((row,), _) = reach(net, prepared)
    expected = 0.0
    for string in strings:
        indices = prepared.vocabulary.encode(MARK + string)
        with torch.no_grad():
            logits_tw = net(net.encode(indices[None]), net.init_state(1))[0][0, 1:]
        target = prepared.data.outputs.encode(running_parity(string))
        expected += torch.nn.functional.cross_entropy(logits_tw, target, reduction="sum").item()
    assert (row.steps, row.loss_sum) == (5, pytest.approx(expected, rel=1e-5))
