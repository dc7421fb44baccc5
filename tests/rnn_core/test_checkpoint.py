import dataclasses
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rnn_core.checkpoint import CheckpointError, load_record, load_weights, named_weights, save_record, save_weights
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.nets.cells import CELLS
from rnn_core.record import Record
from rnn_core.training import TrainingState, train

RECORD = Record(TrainConfig(length=15, window=14), "abc", "0" * 64)


def fields(**changes: object) -> dict[str, object]:
    """Return the JSON fields of RECORD with these changed; a change to None leaves the field out."""
    changed = dataclasses.asdict(RECORD) | changes
    return {name: value for name, value in changed.items() if value is not None}


def config_fields(**changes: object) -> dict[str, object]:
    return fields(config=dataclasses.asdict(RECORD.config) | changes)


def written(folder: Path, record: Record = RECORD) -> Path:
    """Write weights that belong to a record, and return where."""
    torch.manual_seed(1)
    save_weights(named_weights(record.build_net()), folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.mark.parametrize("encoding", ["index", "onehot", "embedding"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_trained_net_comes_back_exactly(cell: str, layers: int, encoding: str, tmp_path: Path) -> None:
    prepared = prepare(TrainConfig(pattern="αβ\n☃\U0001f600", cell=cell, layers=layers, encoding=encoding, epochs=2))
    *_, last = train(prepared)
    save_record(prepared.record, tmp_path / "config.json")
    save_weights(named_weights(last.net), tmp_path / "model.safetensors")
    record = load_record(tmp_path / "config.json")
    assert record == prepared.record
    assert record.digest == prepared.record.digest
    net = load_weights(record, tmp_path / "model.safetensors")
    assert not net.training
    assert list(net.state_dict()) == list(last.net.state_dict())
    for name, weight in last.net.state_dict().items():
        assert torch.equal(net.state_dict()[name], weight), name


def test_the_mark_of_a_strings_pattern_comes_back(tmp_path: Path) -> None:
    prepared = prepare(TrainConfig(pattern="anbn", length=50))
    save_record(prepared.record, tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_text())["mark"] == "#"
    assert load_record(tmp_path / "config.json") == prepared.record


def test_a_loaded_net_computes_exactly_what_the_trained_one_does(tmp_path: Path) -> None:
    prepared = prepare(TrainConfig(epochs=2))
    *_, last = train(prepared)
    save_weights(named_weights(last.net), tmp_path / "model.safetensors")
    net = load_weights(prepared.record, tmp_path / "model.safetensors")
    assert measure(net, prepared).metrics == measure(last.net, prepared).metrics
    x = net.encode(prepared.vocabulary.encode(prepared.text)[None])
    assert torch.equal(net(x, net.init_state(1))[0], last.net.eval()(x, last.net.init_state(1))[0])


def test_a_loaded_net_does_not_change_with_its_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    net = load_weights(RECORD, path)
    before = net.readout.bias.detach().clone()
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert torch.equal(net.readout.bias, before)


def test_loaded_weights_can_be_trained_on(tmp_path: Path) -> None:
    net = load_weights(RECORD, written(tmp_path))
    assert all(weight.requires_grad and weight.device.type == "cpu" for weight in net.parameters())
    before = net.readout.bias.detach().clone()
    prepared = prepare(RECORD.config)
    next(train(prepared, TrainingState(prepared, net)))
    assert not torch.equal(net.readout.bias, before)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(pattern="unit:a:b\n\"'\\", learning_rate=1e-37, clip=0.1 + 0.2, seed=2**63 - 1, device="cuda:3"),
        TrainConfig(pattern="anbn", schedule="cosine", weight_decay=1e-3, keep="best"),
    ],
)
@pytest.mark.parametrize("alphabet", ["ab", "\0\n\ré\u2028漢\U0001f600\U0010ffff"])
def test_a_record_comes_back_exactly(config: TrainConfig, alphabet: str, tmp_path: Path) -> None:
    for mark in ("", alphabet[0], alphabet[-1]):
        record = Record(config, alphabet, "f" * 64, training_version=7, mark=mark)
        save_record(record, tmp_path / "config.json")
        assert load_record(tmp_path / "config.json") == record


def test_a_record_from_before_there_were_marks_and_schedules_still_loads(tmp_path: Path) -> None:
    new = ("schedule", "weight_decay", "keep")
    config = {name: value for name, value in dataclasses.asdict(RECORD.config).items() if name not in new}
    (tmp_path / "config.json").write_text(json.dumps(fields(config=config, mark=None)))
    assert load_record(tmp_path / "config.json") == RECORD
    assert RECORD.mark == ""
    assert (RECORD.config.schedule, RECORD.config.weight_decay, RECORD.config.keep) == ("constant", 0.0, "last")


def test_the_record_on_disk_is_json_with_the_configs_names(tmp_path: Path) -> None:
    save_record(RECORD, tmp_path / "config.json")
    content = json.loads((tmp_path / "config.json").read_bytes().decode("utf-8"))
    assert content == fields()
    assert list(content["config"]) == [field.name for field in dataclasses.fields(TrainConfig)]


def test_an_edited_record_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(fields()), encoding="utf-8-sig")
    assert load_record(tmp_path / "config.json") == RECORD


def refusal_of_record(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_record(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"config": {}}}', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"null", "NoneType"),
        (b"[]", "list"),
        (b"3", "int"),
        (b"{}", "config.json holds config, alphabet, data_sha256, training_version, mark"),
    ],
)
def test_a_broken_record_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    assert reason in refusal_of_record(tmp_path / "config.json")


def test_a_record_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 200_000)
    refusal_of_record(tmp_path / "config.json")


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal_of_record(tmp_path / "config.json")
    assert "Is a directory" in refusal_of_record(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (fields(config=None), "config.json holds config, alphabet, data_sha256, training_version"),
        (fields(alphabet=None), "config.json holds config, alphabet, data_sha256, training_version"),
        (fields(training_version=None), "config.json holds config, alphabet, data_sha256, training_version"),
        (fields(more=1), "more"),
        (fields(mark="ab"), "mark is 'ab'"),
        (fields(mark="#"), "mark is '#'"),
        (fields(mark=["a"]), "mark is ['a']"),
        (fields(mark=0), "mark is 0"),
        (fields(config=[1]), "config is [1]"),
        (fields(alphabet="ba"), "alphabet is 'ba'"),
        (fields(alphabet="aab"), "alphabet is 'aab'"),
        (fields(alphabet="a"), "alphabet is 'a'"),
        (fields(alphabet=""), "alphabet is ''"),
        (fields(alphabet=["a", "b"]), "alphabet is ['a', 'b']"),
        (fields(data_sha256=3), "data_sha256"),
        (fields(training_version="1"), "training_version"),
        (fields(training_version=True), "training_version"),
        (fields(training_version=1.5), "training_version"),
        (config_fields(hidden=3), "config is 'hidden'"),
        (config_fields(layers=0), "layers is 0; allowed: whole numbers 1 or more"),
        (config_fields(epochs=2.0), "epochs is 2.0"),
        (config_fields(cell="transformer"), "cell is 'transformer'"),
        (config_fields(learning_rate=float("nan")), "learning_rate is nan"),
        (config_fields(learning_rate=10**400), "learning_rate is "),
        (config_fields(pattern="a\ud800"), "pattern is 'a\\ud800'"),
    ],
)
def test_a_record_of_other_content_is_refused(content: dict, reason: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert reason in refusal_of_record(tmp_path / "config.json")


def test_an_alphabet_of_lone_surrogates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(fields(alphabet="\ud800\ud801")))
    refusal_of_record(tmp_path / "config.json")


def refusal_of_weights(record: Record, path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_weights(record, path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("cut_off", [1, 5, 500, 1500])
def test_truncated_weights_are_refused(cut_off: int, tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut_off])
    assert "not a whole safetensors file" in refusal_of_weights(RECORD, path)


@pytest.mark.parametrize("appended", [b"\0", b"x" * 1000])
def test_weights_with_something_appended_are_refused(appended: bytes, tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes() + appended)
    assert "not a whole safetensors file" in refusal_of_weights(RECORD, path)


@pytest.mark.parametrize("content", [b"", b"{}", b"weights, as text\n" * 50, b"\xff" * 64])
def test_garbage_for_weights_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert "not a whole safetensors file" in refusal_of_weights(RECORD, path)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal_of_weights(RECORD, tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"hidden_size": 8}, "(3, 8)"),
        ({"cell": "gru"}, "(48,)"),
        ({"cell": "lstm"}, "(64,)"),
        ({"layers": 2}, "recurrent.bias_hh_l1"),
        ({"encoding": "embedding"}, "embedding.weight"),
        ({"encoding": "onehot"}, "recurrent.weight_ih_l0"),
    ],
)
def test_weights_of_another_net_are_refused(other: dict, named: str, tmp_path: Path) -> None:
    another = dataclasses.replace(RECORD, config=dataclasses.replace(RECORD.config, **other))
    message = refusal_of_weights(RECORD, written(tmp_path, another))
    assert "does not belong to this config" in message
    assert named in message
    assert "does not belong to this config" in refusal_of_weights(another, written(tmp_path, RECORD))


def test_weights_for_another_alphabet_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, dataclasses.replace(RECORD, alphabet="abcd", outputs=""))
    assert "readout.bias is ((4,), 'F32'), the config's net has ((3,), 'F32')" in refusal_of_weights(RECORD, path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int32])
def test_weights_of_another_precision_are_refused(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({name: weight.to(dtype) for name, weight in RECORD.build_net().state_dict().items()}, path)
    assert "does not belong to this config" in refusal_of_weights(RECORD, path)


def test_weights_for_a_record_of_impossible_size_are_refused(tmp_path: Path) -> None:
    huge = dataclasses.replace(RECORD, config=dataclasses.replace(RECORD.config, hidden_size=2**40))
    refusal_of_weights(huge, written(tmp_path))


def test_a_pickle_in_place_of_the_weights_does_not_run(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "touched"),)

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Touch()))
    refusal_of_weights(RECORD, path)
    torch.save({"weights": Touch()}, path)
    refusal_of_weights(RECORD, path)
    assert not (tmp_path / "touched").exists()
    pickle.loads(pickle.dumps(Touch()))  # it would have run
    assert (tmp_path / "touched").exists()
