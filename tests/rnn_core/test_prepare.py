import dataclasses
import hashlib
import os
from pathlib import Path

import pytest
import torch

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.prepare import Record, prepare

OTHER = {
    "pattern": "abd",
    "length": 16,
    "encoding": "onehot",
    "cell": "gru",
    "hidden_size": 17,
    "layers": 2,
    "epochs": 21,
    "learning_rate": 0.02,
    "batch_size": 2,
    "window": 3,
    "clip": 1.0,
    "seed": 43,
    "data_seed": 1,
    "device": "cuda",
    "threads": 2,
}
"""For each field a value that is not its resolved default."""


def refusal(config: TrainConfig) -> str:
    with pytest.raises(ConfigError) as caught:
        prepare(config)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(f" (--{caught.value.field.replace('_', '-')})")
    return message


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_bytes("Es war einmal ein König,\r\nder hatte drei Töchter. ".encode() * 20)
    return path


@pytest.mark.parametrize(
    ("asked", "length", "window"),
    [
        ({}, 15, 14),
        ({"length": 40}, 40, 39),
        ({"length": 40, "window": 10}, 40, 10),
        ({"length": 40, "window": 39}, 40, 39),
        ({"length": 40, "window": 1000}, 40, 39),
        ({"length": 41, "batch_size": 4}, 41, 10),
        ({"length": 42, "batch_size": 4}, 42, 11),
        ({"length": 42, "batch_size": 4, "window": 12}, 42, 11),
        ({"pattern": "abcdefghij"}, 20, 19),
    ],
)
def test_zeros_of_a_unit_become_lengths(asked: dict, length: int, window: int) -> None:
    config = prepare(TrainConfig(**asked)).config
    assert (config.length, config.window) == (length, window)
    changed = {"length": length, "window": window}
    assert dataclasses.asdict(config) == dataclasses.asdict(TrainConfig(**asked)) | changed


@pytest.mark.parametrize(
    ("asked", "window"), [({}, 64), ({"window": 100}, 100), ({"batch_size": 100}, 9), ({"length": 30}, 29)]
)
def test_a_text_is_read_in_windows_of_64(asked: dict, window: int, tale: Path) -> None:
    characters = len(tale.read_bytes().decode())
    config = prepare(TrainConfig(pattern=f"text:{tale}", **asked)).config
    assert config.length == asked.get("length", characters * 9 // 10)
    assert config.window == window


@pytest.mark.parametrize("pattern", ["abc", "unit:a:b", "unit:abc", "text:tale.txt"])
@pytest.mark.parametrize("asked", [{}, {"length": 40, "window": 7, "batch_size": 3, "clip": 1}])
def test_preparing_a_prepared_config_changes_nothing(
    pattern: str, asked: dict, tale: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tale.parent)
    first = prepare(TrainConfig(pattern=pattern, **asked))
    monkeypatch.chdir("/")
    again = prepare(first.config)
    assert again.config == first.config
    assert again.record == first.record
    assert again.record.digest == first.record.digest
    assert (again.text, again.evaluation) == (first.text, first.evaluation)


def test_unit_and_its_short_spec_are_one_run() -> None:
    assert prepare(TrainConfig(pattern="unit:abc")).record.digest == prepare(TrainConfig(pattern="abc")).record.digest


def test_the_table_of_other_values_has_every_field() -> None:
    assert list(OTHER) == [field.name for field in dataclasses.fields(TrainConfig)]


@pytest.mark.parametrize("field", OTHER)
def test_every_field_is_part_of_the_digest(field: str) -> None:
    record = prepare(TrainConfig()).record
    other = dataclasses.replace(record, config=dataclasses.replace(record.config, **{field: OTHER[field]}))
    assert other.digest != record.digest
    assert len(record.digest) == 64
    assert int(record.digest, 16) > 0


def test_the_data_and_the_training_version_are_part_of_the_digest(tale: Path) -> None:
    before = prepare(TrainConfig(pattern=f"text:{tale}")).record
    tale.write_bytes(tale.read_bytes()[:-2] + b"! ")
    after = prepare(TrainConfig(pattern=f"text:{tale}")).record
    assert before.config == after.config
    assert before.data_sha256 != after.data_sha256
    assert before.digest != after.digest
    assert dataclasses.replace(after, training_version=after.training_version + 1).digest != after.digest


def test_the_data_of_a_whole_text_hash_like_the_file(tale: Path) -> None:
    record = prepare(TrainConfig(pattern=f"text:{tale}")).record
    assert record.data_sha256 == hashlib.sha256(tale.read_bytes()).hexdigest()
    assert record.alphabet == "".join(sorted(set(tale.read_bytes().decode())))


def test_the_data_of_a_unit_are_its_training_and_test_characters() -> None:
    record = prepare(TrainConfig(pattern="aab", length=6)).record
    assert record.data_sha256 == hashlib.sha256(b"aab" * 2 + b"aab" * 22).hexdigest()


def test_less_of_a_text_is_other_data(tale: Path) -> None:
    whole, part = (prepare(TrainConfig(pattern=f"text:{tale}", length=length)).record for length in (0, 100))
    assert whole.data_sha256 != part.data_sha256


def test_windows_hold_the_training_characters() -> None:
    prepared = prepare(TrainConfig(pattern="bca", length=8, window=4))
    assert [window.input_bt.tolist() for window in prepared.windows] == [[[1, 2, 0, 1]], [[2, 0, 1]]]
    assert [window.target_bt.tolist() for window in prepared.windows] == [[[2, 0, 1, 2]], [[0, 1, 2]]]


def test_a_record_builds_the_net_that_its_config_names() -> None:
    config = TrainConfig(hidden_size=7, cell="gru", layers=2, encoding="embedding")
    net = Record(config, "abcde", "").build_net()
    assert isinstance(net.recurrent, torch.nn.GRU)
    assert (net.vocabulary_size, net.recurrent.hidden_size, net.recurrent.num_layers, net.encoding) == (
        *(5, 7, 2),
        "embedding",
    )


def test_every_seed_draws_its_own_weights_zero_included() -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        torch.rand(1)  # what was drawn before must not matter
        return list(prepare(TrainConfig(seed=seed)).build_net().parameters())

    drawn = {seed: weights(seed) for seed in (0, 1, 42, 2**63 - 1)}
    for seed, first in drawn.items():
        assert all(torch.equal(one, other) for one, other in zip(first, weights(seed), strict=True))
        for another, second in drawn.items():
            assert another == seed or not torch.equal(first[0], second[0])


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_net_that_does_not_fit_is_refused_with_the_memory_it_needs(cell: str) -> None:
    message = refusal(TrainConfig(hidden_size=10**9, cell=cell))
    assert message.startswith("hidden_size is 1000000000; ")
    # A square matrix of 10**9 for each gate; weights, gradients and two moments of 4 bytes each.
    assert f"needs about {16 * (4 if cell == 'lstm' else 1)} EB" in message
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    assert f"the machine has {gigabytes:.3g} GB" in message


def test_backpropagation_through_too_much_names_what_was_asked_for() -> None:
    assert refusal(TrainConfig(length=2**40, hidden_size=2000)).startswith(f"length is {2**40}; ")
    message = refusal(TrainConfig(length=2**40, hidden_size=2000, window=2**36))
    assert message.startswith(f"window is {2**36}; ")
    assert refusal(TrainConfig(length=2**40, window=64)).startswith(f"length is {2**40}; ")


@pytest.mark.parametrize(
    ("length", "batch_size", "fits"), [(15, 14, True), (15, 15, False), (3, 2, True), (3, 2**40, False)]
)
def test_there_cannot_be_more_streams_than_predictions(length: int, batch_size: int, fits: bool) -> None:
    config = TrainConfig(length=length, batch_size=batch_size)
    if fits:
        assert prepare(config).config.window == -(-(length - 1) // batch_size)
    else:
        assert f"batch_size is {batch_size}; allowed: 1 to {length - 1}, " in refusal(config)


def test_a_length_that_the_pattern_refuses_is_refused() -> None:
    assert refusal(TrainConfig(length=2)).startswith("length is 2; ")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:99", "mps"])
def test_a_device_that_is_not_here_is_refused(device: str) -> None:
    if device in ("cuda", "cuda:0") and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is an Apple GPU here")
    message = refusal(TrainConfig(device=device))
    assert message.startswith(f"device is {device!r}; allowed: the devices of this machine: cpu")
