"""A stack against the same nets trained alone: the fast road equals the plain one."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from rnn_core.config import ENCODINGS, TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import DivergedError, Progress, stack, train
from rnn_core.training.compiled_stack import CELLS as COMPILED
from rnn_core.training.stack import StackRecord, stack_key, train_stack
from rnn_core.training.stacked_nets import Stack


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Train the stacks by either road; cells that the compiled loops lack have one."""
    name: str = request.param
    if name == "compiled" and request.node.callspec.params.get("cell", "rnn") not in COMPILED:
        pytest.skip("no compiled loops")
    if name == "torch":
        monkeypatch.setattr(stack, "can_compile", lambda config: False)
    return name


@pytest.fixture
def double() -> Iterator[None]:
    """Double precision: rounding is then far below whatever a wrong formula makes."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def tolerance(cell: str) -> Iterator[float]:
    """The relative difference between two roads: in single precision, or in double for cells where rounding grows fast.

    A rectifier's gradient jumps, decays of a tenfold sum are sharp, and so are exponential gates.
    """
    single = cell in COMPILED
    torch.set_default_dtype(torch.float32 if single else torch.float64)
    yield 1e-4 if single else 1e-9
    torch.set_default_dtype(torch.float32)


def flat(net: CharRNN) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in net.parameters()])


def check_equal(configs: list[TrainConfig], loss_tolerance: float, weight_tolerance: float) -> None:
    """Train configs in a stack and each alone, and compare every epoch's losses and accuracies and the last weights."""
    check_members(prepare_all(configs), loss_tolerance, weight_tolerance)


def check_members(members: list[Prepared], loss_tolerance: float, weight_tolerance: float) -> None:
    assert len({stack_key(member) for member in members}) == 1
    records = list(train_stack(members))
    for number, member in enumerate(members):
        alone = list(train(member))
        assert [record.epoch for record in records] == [record.epoch for record in alone]
        losses = [record.loss_n[number] for record in records]
        assert losses == pytest.approx([record.loss for record in alone], rel=loss_tolerance, abs=1e-12)
        accuracies = [record.accuracy_n[number] for record in records]
        assert accuracies == pytest.approx([record.accuracy for record in alone], abs=1e-12)
        ours, theirs = flat(records[-1].stack.load_into(member.build_net(), number)), flat(alone[-1].net)
        assert (ours - theirs).norm() <= weight_tolerance * theirs.norm()


@pytest.mark.parametrize(
    ("cell", "encoding"),
    [
        *((cell, "index") for cell in CELLS),
        *(("rnn", encoding) for encoding in ENCODINGS[1:]),  # a cell gets what is encoded, however it was
        *(pytest.param(*both, marks=pytest.mark.long) for both in itertools.product(CELLS, ENCODINGS)),
    ],
)
def test_a_hundred_epochs_in_a_stack_are_those_of_nets_alone(cell: str, encoding: str, tolerance: float) -> None:
    base = TrainConfig(cell=cell, encoding=encoding, epochs=100)
    configs = [dataclasses.replace(base, seed=seed) for seed in (0, 42)]
    configs.append(dataclasses.replace(base, pattern="cab", learning_rate=0.003, seed=7))
    check_equal(configs, tolerance, tolerance)


@pytest.mark.slow
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("cell", COMPILED)  # the others are compared in double precision above
def test_in_double_precision_a_hundred_epochs_agree_to_the_ninth_digit(cell: str) -> None:
    check_equal([TrainConfig(cell=cell, epochs=100, seed=seed) for seed in (0, 42)], 1e-9, 1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_two_layers_are_those_of_nets_alone(cell: str, tolerance: float) -> None:
    configs = [TrainConfig(cell=cell, layers=2, hidden_size=8, epochs=30, seed=seed) for seed in range(2)]
    check_equal(configs, tolerance, tolerance)


MASKED: dict[str, object] = {"pattern": "abcabd", "length": 41, "window": 3, "batch_size": 3, "clip": 0.1}
"""Five windows whose state is carried on, streams of unequal length, which are masked at their end; and clipping."""

MORE_FIELDS: list[dict[str, object]] = [
    {"pattern": "abcabd", "length": 41, "window": 3, "batch_size": 3},
    {"pattern": "abcabd", "length": 41, "weight_decay": 0.1, "schedule": "cosine", "layers": 2},
    # Fewer epochs: each layer of deltanet, whose output is normed, may make a rounding a few hundred times as large.
    {"pattern": "reber", "length": 200, "batch_size": 4, "encoding": "embedding", "layers": 3, "epochs": 3},
    {"pattern": "parity", "length": 120, "batch_size": 2, "window": 5, "encoding": "onehot"},  # only answers count
    {"pattern": "text:TALE", "batch_size": 2, "window": 7, "hidden_size": 5},
]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("cell", "fields"),
    [
        *((cell, MASKED) for cell in CELLS),
        *zip(itertools.cycle(CELLS), MORE_FIELDS, strict=False),
        *(pytest.param(*both, marks=pytest.mark.slow) for both in itertools.product(COMPILED, MORE_FIELDS)),
        *(pytest.param(*both, marks=pytest.mark.long) for both in itertools.product(CELLS, MORE_FIELDS)),
    ],
)
def test_windows_masks_and_settings_are_those_of_nets_alone(
    cell: str, fields: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tale = tmp_path_factory.mktemp("texts") / "tale.txt"
    tale.write_text("the cat sat on the mat. " * 5)
    fields = fields | {"pattern": str(fields["pattern"]).replace("TALE", str(tale))}
    # Without a window of its own a text has 64 steps.
    base = TrainConfig(**{"cell": cell, "epochs": 8, **fields})  # type: ignore[arg-type]
    check_equal([dataclasses.replace(base, seed=seed) for seed in range(2)], 1e-9, 1e-9)


@pytest.mark.usefixtures("double")
def test_every_net_has_its_own_numbers_data_and_steps() -> None:
    base = TrainConfig(pattern="noisy:abc:0.3", length=40, window=3, batch_size=2, cell="gru", epochs=20)
    configs = [
        base,
        dataclasses.replace(base, seed=1, data_seed=1, learning_rate=0.1, clip=0.01),
        dataclasses.replace(base, seed=2, data_seed=2, weight_decay=0.3, schedule="cosine"),
    ]
    check_equal(configs, 1e-9, 1e-9)


@pytest.mark.usefixtures("double")
def test_a_net_with_nothing_to_learn_in_a_window_takes_no_step_there(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [prepare(TrainConfig(window=5, epochs=20, seed=seed)) for seed in range(2)]
    first, second, third = members[1].windows
    nothing = dataclasses.replace(second, mask_bt=torch.zeros_like(second.input_bt, dtype=torch.bool))
    windows = {0: [first, second, third], 1: [first, nothing, third]}
    monkeypatch.setattr(Prepared, "windows", property(lambda prepared: windows[prepared.config.seed]))
    check_members(members, 1e-9, 1e-9)


def test_a_net_that_diverges_falls_out_and_leaves_the_others_alone(road: str) -> None:
    base = TrainConfig(hidden_size=64, epochs=60)
    wild = dataclasses.replace(base, learning_rate=1e37, seed=1)
    members = prepare_all([base, wild, dataclasses.replace(base, seed=2)])
    records = list(train_stack(members))
    losses = np.array([record.loss_n for record in records])
    with pytest.raises(DivergedError) as diverged:
        list(train(wild))
    finite = np.isfinite(losses[:, 1])
    last = int(np.flatnonzero(finite)[-1])
    assert finite[: last + 1].all()
    # Whether a sum near the largest number overflows depends on its order.
    assert last + 1 - diverged.value.epoch in ((0, 1) if road == "compiled" else (0,))
    if road == "torch":
        assert str(losses[diverged.value.epoch, 1]) == str(diverged.value.loss)
    tame = list(train_stack([members[0], prepare(dataclasses.replace(wild, learning_rate=0.01)), members[2]]))
    assert np.array_equal(losses[:, [0, 2]], [record.loss_n[[0, 2]] for record in tame])
    for number in (0, 2):
        nets = [last.stack.load_into(members[number].build_net(), number) for last in (records[-1], tame[-1])]
        assert torch.equal(*map(flat, nets))


@pytest.mark.parametrize("cell", CELLS)
def test_a_stack_reads_as_its_nets_do(cell: str) -> None:
    torch.manual_seed(0)
    nets = [CharRNN(5, 7, cell, layers=2, encoding="embedding") for _ in range(3)]
    stack = Stack(nets)
    indices_nbt = torch.randint(5, (3, 2, 9))
    hidden = stack.init_state(2)
    for part_nbt in indices_nbt.split(4, dim=2):  # the state goes on
        logits_nvs, hidden = stack.forward(part_nbt, hidden)
    for number, net in enumerate(nets):
        logits_btv, _ = net(net.encode(indices_nbt[number]), net.init_state(2))
        last_vb = logits_nvs[number].unflatten(1, (1, 2))[:, -1]
        assert torch.allclose(last_vb, logits_btv[:, -1].T, atol=1e-5)


def test_only_nets_of_one_shape_make_a_stack(road: str) -> None:
    base = TrainConfig()
    same: list[dict[str, Any]] = [{"seed": 1}, {"learning_rate": 0.1}, {"pattern": "bac"}, {"clip": 1.0}]
    same.append({"data_seed": 3})
    other: list[dict[str, Any]] = [{"hidden_size": 8}, {"pattern": "ab"}, {"cell": "gru"}, {"encoding": "onehot"}]
    other += [{"epochs": 21}, {"layers": 2}, {"threads": 2}]
    other_windows: list[dict[str, Any]] = [{"length": 16}, {"window": 3}, {"batch_size": 2}]
    (same if road == "compiled" else other).extend(other_windows)
    shape = stack_key(prepare(base))
    assert shape is not None
    assert all(stack_key(prepare(dataclasses.replace(base, **fields))) == shape for fields in same)
    assert all(stack_key(prepare(dataclasses.replace(base, **fields))) != shape for fields in other)
    assert stack_key(prepare(dataclasses.replace(base, keep="best"))) is None
    with pytest.raises(ValueError, match="allowed: one key for all"):
        next(train_stack(prepare_all([base, dataclasses.replace(base, hidden_size=8)])))


@pytest.mark.usefixtures("double")
def test_a_cell_whose_state_is_a_matrix_is_stacked_by_its_step_alone(outer_cell: str) -> None:
    base = TrainConfig(pattern="reber", length=120, cell=outer_cell, hidden_size=3, encoding="onehot", epochs=4)
    configs = [dataclasses.replace(base, seed=seed, layers=2, batch_size=3, window=5) for seed in range(2)]
    check_equal(configs, 1e-9, 1e-9)


def test_progress_of_a_stack_changes_no_bit_of_it(monkeypatch: pytest.MonkeyPatch, road: str) -> None:
    base = TrainConfig(pattern="abcabd", length=61, batch_size=2, window=5, epochs=3, hidden_size=3)
    members = prepare_all(dataclasses.replace(base, seed=seed) for seed in range(3))
    plain = list(train_stack(members))
    monkeypatch.setattr("rnn_core.training.loop.PROGRESS_SECONDS", 0.0)
    both = list(train_stack(members, progress=True))
    epochs = [record for record in both if isinstance(record, StackRecord)]
    within = [record for record in both if isinstance(record, Progress)]
    assert len(plain) == len(epochs) == 3
    windows = len(members[0].windows)
    places = [(record.epoch, record.share) for record in within]
    if road == "compiled":  # slices may grow
        assert places == sorted(set(places))
        assert len(places) > 1
    else:
        assert places == [(epoch, number / windows) for epoch in range(3) for number in range(windows)]
        assert math.isnan(within[0].loss), "nothing has been predicted"
    assert torch.equal(plain[-1].stack.flat_nk, epochs[-1].stack.flat_nk)
    for one, other in zip(plain, epochs, strict=True):
        assert one.loss_n.tolist() == other.loss_n.tolist()
