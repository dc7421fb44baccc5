import dataclasses
import hashlib
import itertools
import json
import os
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rnn_core.batching import Window
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import MAX_CACHED_CUTS, Data, Prepared, prepare, prepare_all
from rnn_core.patterns import Pattern
from rnn_core.patterns.motif import Motif
from rnn_core.record import Record

pytestmark = pytest.mark.usefixtures("pulses")

OTHER = {
    "pattern": "abd",
    "length": 16,
    "encoding": "onehot",
    "cell": "gru",
    "hidden_size": 17,
    "layers": 2,
    "epochs": 21,
    "learning_rate": 0.02,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "batch_size": 2,
    "window": 3,
    "clip": 1.0,
    "keep": "best",
    "draws": "every-epoch",
    "batches": "one-length",
    "curriculum": 0.1,
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
    assert message.startswith(f"{caught.value.field} is ")
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


@pytest.mark.parametrize(
    "pattern",
    ["abc", "unit:a:b", "unit:abc", "text:tale.txt", "anbn:geometric=0.3", "dyck:2", "flipflop:3", "noisy:ab:0.5"],
)
@pytest.mark.parametrize("asked", [{}, {"length": 60, "window": 7, "batch_size": 3, "clip": 1, "keep": "best"}])
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
    assert (net.inputs, net.outputs, net.hidden_size, net.layers, net.encoding) == (5, 5, 7, 2, "embedding")


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


def test_the_first_recorded_runs_keep_their_digests() -> None:
    assert prepare(TrainConfig()).record.digest.startswith("0bf0fe16"), "as in commit f9ae76e, the first"


def test_an_added_field_at_its_default_is_no_part_of_the_digest_and_any_other_is() -> None:
    record = prepare(TrainConfig(cell="gru", schedule="cosine")).record
    fields = dataclasses.asdict(record.config)
    added = {"weight_decay": 0.0, "keep": "last", "draws": "once", "batches": "drawn", "curriculum": 0.0}
    assert {name: fields.pop(name) for name in added} == added
    identity = {"config": fields, "data_sha256": record.data_sha256, "training_version": record.training_version}
    assert record.digest == hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def predictions(windows: list[Window]) -> list[tuple[int, int]]:
    """Return the pairs of read and predicted index that count, sequence by sequence."""
    pairs: list[tuple[int, int]] = []
    for number, window in enumerate(windows):
        if not window.fresh:
            continue
        parts = [window, *itertools.takewhile(lambda part: not part.fresh, windows[number + 1 :])]
        inputs, targets = (torch.cat([getattr(part, name) for part in parts], 1) for name in ("input_bt", "target_bt"))
        masks = [torch.ones_like(part.input_bt).bool() if part.mask_bt is None else part.mask_bt for part in parts]
        for row, mask in enumerate(torch.cat(masks, 1)):
            pairs += zip(inputs[row][mask].tolist(), targets[row][mask].tolist(), strict=True)
    return pairs


def expected(prepared: Prepared, text: str) -> list[tuple[int, int]]:
    """Return the pairs that a text of the prepared pattern should give, from its characters one by one."""
    alphabet, scored = sorted(prepared.pattern.alphabet), prepared.pattern.scored(text)
    return [
        (alphabet.index(text[position - 1]), alphabet.index(text[position]))
        for position in range(1, len(text))
        if scored is None or scored[position]
    ]


def test_strings_are_read_one_by_one_as_long_as_the_longest_needs() -> None:
    prepared = prepare(TrainConfig(pattern="reber", length=100, batch_size=3))
    strings = prepared.text[1:-1].split("#")
    assert prepared.text == "#" + "".join(f"{string}#" for string in strings)
    assert 100 < len(prepared.text) < 100 + 1 + max(map(len, strings)) + 1
    assert len(prepared.text) - len(strings[-1]) - 1 <= 100, "no string more than needed"
    assert prepared.config.length == 100
    assert prepared.config.window == max(map(len, strings)) + 1
    assert [len(window.input_bt) for window in prepared.windows][:-1] == [3] * (len(strings) // 3)
    assert all(window.fresh for window in prepared.windows)
    assert predictions(prepared.windows) == expected(prepared, prepared.text)
    assert prepared.record.mark_index == prepared.vocabulary.to_index["#"]
    assert prepared.record.mark == "#"
    assert all((window.input_bt[:, 0] == prepared.record.mark_index).all() for window in prepared.windows)


def test_a_stream_has_no_mark() -> None:
    prepared = prepare(TrainConfig(pattern="elman", length=50))
    assert prepared.record.mark_index is None
    assert prepared.record.mark == ""


@pytest.mark.parametrize(("window", "batch_size"), [(0, 1), (3, 1), (4, 5)])
@pytest.mark.parametrize("pattern", ["parity:longest=6", "pulses:2", "anbn", "elman"])
def test_only_what_a_pattern_scores_counts(pattern: str, window: int, batch_size: int) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, length=80, window=window, batch_size=batch_size))
    assert predictions(prepared.windows) == expected(prepared, prepared.text)
    assert 0 < len(predictions(prepared.windows)) <= len(prepared.text) - 1
    if pattern[0] in "pf":
        targets = prepared.vocabulary.decode(torch.tensor([target for _, target in predictions(prepared.windows)]))
        assert set(targets) == set("01#" if pattern.startswith("parity") else "01")


@pytest.mark.parametrize("pattern", ["parity:longest=6", "pulses:2", "anbn", "abcd"])
@pytest.mark.parametrize("start", [1, 7, 30])
def test_a_cut_that_starts_later_counts_what_comes_from_there(pattern: str, start: int) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, length=80))
    text = prepared.text
    whole = expected(prepared, text)
    begun = expected(prepared, text[:start])
    assert whole[: len(begun)] == begun
    windows = prepared.data.windows(prepared.data.steps(text, start), 1, 11)
    assert predictions(windows) == whole[len(begun) :]


@pytest.mark.parametrize("pattern", ["abc", "elman", "pulses:1", "anbn", "reber", "tomita:1", "parity:longest=6"])
@pytest.mark.parametrize(("length", "window"), [(40, 0), (60, 4), (301, 0), (310, 7)])
def test_the_best_weights_are_chosen_on_the_last_tenth_which_is_not_trained_on(
    pattern: str, length: int, window: int
) -> None:
    asked = TrainConfig(pattern=pattern, length=length, window=window)
    everything, best = prepare(asked), prepare(dataclasses.replace(asked, keep="best"))
    assert everything.validation_windows == []
    assert best.text == everything.text
    trained, held_out = predictions(best.windows), predictions(best.validation_windows)
    assert trained + held_out == predictions(everything.windows), "disjoint, and nothing is lost"
    assert best.validation_windows[0].fresh
    tenth = max(1, (len(best.text) - 1) // 10)
    read = sum(window.input_bt.numel() for window in best.validation_windows)
    if not best.pattern.mark:
        assert read == len(best.text) - 1, "from the beginning, so that the net knows its place"
        return
    last = best.text[1:-1].split("#")[-len([window for window in best.validation_windows if window.fresh]) :]
    assert read == sum(len(string) + 1 for string in last) >= tenth
    assert sum(len(string) + 1 for string in last[1:]) < tenth, "and no string more"


@pytest.mark.parametrize("before", [1, 7, 30, 260, 1000])
@pytest.mark.parametrize("pattern", ["abc", "elman", "pulses:1"])
def test_a_stream_is_validated_from_so_many_characters_before(
    pattern: str, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_core.data.WARM_UP_STEPS", before)
    best = prepare(TrainConfig(pattern=pattern, length=301, batch_size=4, window=11, keep="best"))
    assert [window.fresh for window in best.validation_windows] == [True] + [False] * (len(best.validation_windows) - 1)
    read = torch.cat([window.input_bt for window in best.validation_windows], 1)
    assert [best.vocabulary.decode(row) for row in read] == [best.text[max(0, 270 - before) : 300]]
    assert predictions(best.validation_windows) == expected(best, best.text)[len(expected(best, best.text[:271])) :]


@pytest.mark.parametrize(("pattern", "length"), [("ab", 2), ("anbn", 2), ("parity", 2)])
def test_too_little_to_set_a_tenth_apart_is_refused(pattern: str, length: int) -> None:
    prepare(TrainConfig(pattern=pattern, length=length))
    assert refusal(TrainConfig(pattern=pattern, length=length, keep="best")).startswith(f"length is {length}; allowed:")


@pytest.mark.parametrize("length", [9, 10, 11, 19])
def test_the_tenth_set_apart_has_something_that_is_scored_or_is_refused(length: int) -> None:
    try:
        prepared = prepare(TrainConfig(pattern="pulses:8", length=length, keep="best"))
    except ConfigError:
        return
    assert predictions(prepared.windows)
    assert predictions(prepared.validation_windows)


def test_four_characters_are_enough_to_set_one_apart() -> None:
    prepared = prepare(TrainConfig(pattern="ab", length=4, keep="best"))
    assert (predictions(prepared.windows), predictions(prepared.validation_windows)) == ([(0, 1), (1, 0)], [(0, 1)])


def test_the_tenth_set_apart_may_have_fewer_strings_or_steps_than_a_batch() -> None:
    for pattern in ("anbn", "abc"):
        prepared = prepare(TrainConfig(pattern=pattern, length=60, batch_size=8, keep="best"))
        assert 1 <= len(prepared.validation_windows[0].input_bt) < 8


def test_a_batch_cannot_have_more_strings_than_there_are() -> None:
    strings = prepare(TrainConfig(pattern="anbn", length=100)).text.count("#") - 1
    (window,) = prepare(TrainConfig(pattern="anbn", length=100, batch_size=strings)).windows
    assert len(window.input_bt) == strings
    message = refusal(TrainConfig(pattern="anbn", length=100, batch_size=strings + 1))
    assert message.startswith(f"batch_size is {strings + 1}; allowed: 1 to {strings}, the strings in 100 characters")


def test_a_data_seed_draws_the_training_and_the_test() -> None:
    first, again, other = (prepare(TrainConfig(pattern="anbn", length=200, data_seed=seed)) for seed in (0, 0, 1))
    assert (first.text, first.evaluation) == (again.text, again.evaluation)
    assert first.text != other.text
    assert first.evaluation.text != other.evaluation.text
    assert first.evaluation.text[:200] != first.text[:200]
    assert first.record.data_sha256 == hashlib.sha256((first.text + first.evaluation.text).encode()).hexdigest()


def in_full(prepared: Prepared) -> dict[str, object]:
    """Return all that a Prepared says, in what compares by value."""

    def cut_into_windows(windows: list[Window]) -> list[object]:
        return [
            [window.fresh, *(None if part is None else part.tolist() for part in parts)]
            for window in windows
            for parts in [(window.input_bt, window.target_bt, window.mask_bt)]
        ]

    names = ("config", "record", "text", "evaluation", "size_metrics")
    return {name: getattr(prepared, name) for name in names} | {
        "digest": prepared.record.digest,
        "pattern": (type(prepared.pattern), prepared.pattern.spec),
        "characters": prepared.vocabulary.characters,
        "ranges": prepared.data.ranges,
        "windows": cut_into_windows(prepared.windows),
        "validation": cut_into_windows(prepared.validation_windows),
        "weights": [weight.tolist() for weight in prepared.build_net().parameters()],
    }


BESIDE: list[dict] = [
    {},
    {"seed": 7, "epochs": 3, "learning_rate": 0.1, "threads": 2, "schedule": "cosine", "weight_decay": 0.1, "clip": 1},
    {"hidden_size": 5, "cell": "lstm", "layers": 2, "encoding": "onehot"},
    {"batch_size": 4, "window": 5},
    {"keep": "best"},
    {"keep": "best", "batch_size": 3, "window": 9, "encoding": "embedding"},
]
"""Fields in which configs may differ that are prepared from the same data."""


@pytest.mark.parametrize("family", sorted(Pattern.families))
def test_what_is_prepared_beside_others_is_what_it_is_alone(
    family: str, tale: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_core.patterns.shared.base.TEST_LENGTH", 300)
    spec = Pattern.families[family].example.replace("PATH", str(tale))
    configs = [TrainConfig(pattern=spec, length=600, **fields) for fields in BESIDE]
    together, alone = prepare_all(configs), [prepare(config) for config in configs]
    first, *others = together
    in_full(first)  # what is computed before the others are looked at
    assert [in_full(prepared) for prepared in together] == [in_full(prepared) for prepared in alone]
    assert all(prepared.data is first.data for prepared in others)
    assert all(prepared.evaluation is first.evaluation for prepared in others)
    assert others[0].windows[0] is first.windows[0]


def test_a_thousand_nets_draw_their_data_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def counted(name: str) -> Callable[..., object]:
        method = getattr(Pattern.families["anbn"], name)

        def call(*arguments: object) -> object:
            drawn.append(name)
            return method(*arguments)

        return call

    for name in ("__init__", "training_text", "evaluation", "ranges", "scored"):
        monkeypatch.setattr(Pattern.families["anbn"], name, counted(name))
    members = prepare_all(
        TrainConfig(pattern="anbn", length=300, seed=seed, hidden_size=1 + seed % 8) for seed in range(1000)
    )
    assert [member.config.seed for member in members] == list(range(1000))
    assert len({member.record.digest for member in members}) == 1000
    for member in members:
        assert member.data.ranges["n"][0] == 1
        assert member.windows
    assert sorted(drawn) == ["__init__", "evaluation", "ranges", "scored", "training_text"]


def test_data_are_shared_by_those_that_have_the_same_and_no_others() -> None:
    asked: list[tuple[str, int, int]] = [
        *(("abc", 0, 0), ("abc", 0, 1), ("abc", 16, 0), ("abd", 0, 0), ("unit:abc", 15, 0), ("anbn", 60, 0)),
        *(("anbn", 60, 1), ("anbn:geometric=0.3", 60, 1), ("anbn", 61, 1), ("abc", 0, 0)),
    ]
    configs = [TrainConfig(pattern=pattern, length=length, data_seed=seed) for pattern, length, seed in asked]
    numbers: dict[Data, int] = {}
    shared = [numbers.setdefault(prepared.data, len(numbers)) for prepared in prepare_all(configs)]
    assert shared == [0, 1, 2, 3, 0, 4, 5, 5, 6, 0]


@pytest.mark.parametrize(
    "refused",
    [
        {"hidden_size": 10**9},
        {"batch_size": 100},
        {"batch_size": 30, "pattern": "anbn"},
        {"device": "cuda:99"},
        {"length": 2},
        {"pattern": "dyck:0"},
        {"length": 2, "keep": "best", "pattern": "anbn"},
        {"window": 2**36, "length": 2**40, "hidden_size": 2000},
    ],
)
def test_a_config_among_others_is_refused_as_it_is_alone(refused: dict) -> None:
    bad = TrainConfig(**{"length": 60, **refused})
    good = dataclasses.replace(bad, hidden_size=16, batch_size=1, device="cpu", length=60, pattern="abc")
    same = dataclasses.replace(good, pattern="anbn")
    with pytest.raises(ConfigError) as caught:
        prepare_all([good, same, bad, dataclasses.replace(bad, epochs=1)])
    assert str(caught.value) == refusal(bad)


def test_only_the_latest_cuts_are_kept() -> None:
    (prepared,) = prepare_all([TrainConfig(length=60)])
    seen = weakref.ref(prepared.windows[0].input_bt)
    for window in range(1, MAX_CACHED_CUTS):
        prepared.data.windows(prepared.data.training, 1, window)
    assert seen() is prepared.windows[0].input_bt
    for window in range(1, MAX_CACHED_CUTS + 1):
        prepared.data.windows(prepared.data.training, 1, window)
    assert seen() is None


def test_what_is_made_of_data_is_made_once_for_each_data_and_each_maker() -> None:
    made: list[int] = []

    def length(data: Data) -> int:
        made.append(len(data.text))
        return made[-1]

    one, other = (Data(Motif("abc"), length, 0) for length in (5, 8))
    assert [data.cached(length) for data in (one, other, one, other)] == [5, 8, 5, 8]
    assert one.cached(lambda data: data.text) == "abcab"
    assert made == [5, 8]
