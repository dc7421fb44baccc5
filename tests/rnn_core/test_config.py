import dataclasses
import math
from typing import Any

import pytest

from rnn_core.config import ConfigError, TrainConfig, config_from_dict
from rnn_core.nets.cells import CELLS

WHOLE = [
    ("length", 0, 2**40),
    ("hidden_size", 1, 2**40),
    ("layers", 1, 1000),
    ("epochs", 1, 2**40),
    ("batch_size", 1, 2**40),
    ("window", 0, 2**40),
    ("seed", 0, 2**63 - 1),
    ("data_seed", 0, 2**63 - 1),
    ("threads", 1, 1024),
]
NUMBERS = [
    ("learning_rate", "above 0"),
    *((name, "0 or above") for name in ("weight_decay", "clip", "curriculum")),
]
CHOICES = {
    "cell": CELLS,
    "encoding": ("index", "onehot", "embedding"),
    "schedule": ("constant", "cosine"),
    "keep": ("last", "best"),
    "draws": ("once", "every-epoch"),
    "batches": ("drawn", "one-length"),
}
WRITTEN = ("pattern", "device")


def refusal(**fields: Any) -> str:
    """Return the message with which these fields are refused, and check that it has the form all refusals have."""
    (field, value), *_ = fields.items()
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**fields)
    message = str(caught.value)
    assert caught.value.field == field
    assert caught.value.came == value or value != value
    assert message.endswith(f"; allowed: {caught.value.allowed}")
    assert message.startswith(f"{field} is ")
    assert "\n" not in message
    if len(repr(value)) <= 80:
        assert message.startswith(f"{field} is {value!r}; ")
    return message


def test_every_field_stands_in_a_table_of_this_file() -> None:
    tested = [*(row[0] for row in WHOLE), *(row[0] for row in NUMBERS), *CHOICES, *WRITTEN]
    assert sorted(tested) == sorted(field.name for field in dataclasses.fields(TrainConfig))


@pytest.mark.parametrize(("field", "least", "most"), WHOLE)
def test_whole_numbers_reach_both_bounds(field: str, least: int, most: int) -> None:
    assert getattr(TrainConfig(**{field: least}), field) == least
    assert getattr(TrainConfig(**{field: most}), field) == most


@pytest.mark.parametrize("beyond", ["below", "above", "far below", "far above"])
@pytest.mark.parametrize(("field", "least", "most"), WHOLE)
def test_whole_numbers_beyond_a_bound_are_refused_with_what_is_allowed(
    field: str, least: int, most: int, beyond: str
) -> None:
    value = {"below": least - 1, "above": most + 1, "far below": -(10**30), "far above": 10**30}[beyond]
    allowed = f"{least} or more" if value < least else f"from {least} to {most}"
    assert f"whole numbers {allowed}" in refusal(**{field: value})


@pytest.mark.parametrize("value", [True, False, 5.0, 5.5, "5", None, [5], math.nan])
@pytest.mark.parametrize("field", [row[0] for row in WHOLE])
def test_whole_numbers_of_another_type_are_refused(field: str, value: object) -> None:
    assert "whole numbers" in refusal(**{field: value})


@pytest.mark.parametrize(("field", "least"), NUMBERS)
@pytest.mark.parametrize(
    "value", [-1, -1e-300, math.nan, math.inf, -math.inf, 1e38, 10**400, True, False, "0.1", None, [0.1], 1j]
)
def test_numbers_out_of_range_or_of_another_type_are_refused(field: str, least: str, value: object) -> None:
    assert f"numbers {least}" in refusal(**{field: value})


def test_a_learning_rate_of_zero_is_refused_and_a_clip_or_a_weight_decay_of_zero_is_not() -> None:
    assert "above 0" in refusal(learning_rate=0.0)
    assert "above 0" in refusal(learning_rate=0)
    assert TrainConfig(clip=0).clip == 0.0
    assert TrainConfig(weight_decay=0).weight_decay == 0.0


@pytest.mark.parametrize("field", [row[0] for row in NUMBERS])
def test_whole_values_of_numbers_become_floats(field: str) -> None:
    value = getattr(TrainConfig(**{field: 1}), field)
    assert type(value) is float
    assert TrainConfig(**{field: 1}) == TrainConfig(**{field: 1.0})


@pytest.mark.parametrize("value", [1e-300, 1e-9, 3, 1e37])
@pytest.mark.parametrize("field", [row[0] for row in NUMBERS])
def test_numbers_in_range_are_kept_as_they_are(field: str, value: float) -> None:
    assert getattr(TrainConfig(**{field: value}), field) == value


@pytest.mark.parametrize("value", ["", "RNN", " gru", "transformer", 1, None, ["rnn"], {"a": 1}, True])
@pytest.mark.parametrize("field", CHOICES)
def test_unknown_choices_are_refused_with_all_choices(field: str, value: object) -> None:
    assert refusal(**{field: value}).endswith("allowed: " + ", ".join(CHOICES[field]))


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in CHOICES for value in CHOICES[field]])
def test_every_choice_is_accepted(field: str, value: str) -> None:
    assert getattr(TrainConfig(**{field: value}), field) == value


@pytest.mark.parametrize("value", ["", None, 3, ["abc"], b"abc", True])
def test_a_pattern_that_is_no_string_or_empty_is_refused(value: object) -> None:
    assert "text:PATH" in refusal(pattern=value)


@pytest.mark.parametrize("pattern", ["a\ud800", "\udfff", "text:\udcff.txt"])
def test_a_spec_with_a_lone_surrogate_is_refused(pattern: str) -> None:
    assert "UTF-8" in refusal(pattern=pattern)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:3", "mps"])
def test_a_device_is_checked_for_its_name_only(device: str) -> None:
    assert TrainConfig(device=device).device == device


@pytest.mark.parametrize(
    "device", ["", "gpu", "CPU", " cpu", "cuda:", "cuda:-1", "cuda:x", "meta", "xpu", "\ud800", "cpu\0", 0, None, True]
)
def test_unknown_devices_are_refused(device: object) -> None:
    assert "cpu, cuda, cuda:N, mps" in refusal(device=device)


def test_a_long_value_is_cut_in_the_message() -> None:
    message = refusal(cell="x" * 10_000)
    assert "x" * 20 in message
    assert "10000 characters" in message
    assert len(message) < 200


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().epochs = 3  # type: ignore[misc]


def test_missing_fields_take_their_defaults() -> None:
    assert config_from_dict({}) == TrainConfig()
    assert config_from_dict({"cell": "gru", "seed": 0}) == TrainConfig(cell="gru", seed=0)


def test_a_config_comes_back_from_its_fields() -> None:
    config = TrainConfig(pattern="unit:a:b", cell="lstm", clip=0.5, learning_rate=0.1, device="cuda:1", seed=2**63 - 1)
    assert config_from_dict(dataclasses.asdict(config)) == config


@pytest.mark.parametrize("name", ["hidden", "Cell", "", "learning-rate", "self"])
def test_an_unknown_field_is_refused_with_all_fields(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_dict({"cell": "gru", name: 1})
    assert repr(name) in str(caught.value)
    for field in dataclasses.fields(TrainConfig):
        assert field.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_field_of_a_record_is_checked_like_any_other() -> None:
    with pytest.raises(ConfigError, match=r"^layers is 0; allowed: whole numbers 1 or more"):
        config_from_dict({"layers": 0})


def test_minus_zero_is_zero_so_that_both_are_one_config() -> None:
    assert repr(TrainConfig(clip=-0.0)) == repr(TrainConfig(clip=0.0))


def test_a_value_that_python_cannot_write_is_refused_all_the_same() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (10**5000, deep):
        with pytest.raises(ConfigError, match="a value too long to be shown; allowed: "):
            TrainConfig(hidden_size=value)
