"""A training that was cut off and goes on from its saved state gives the same bits as one that never stopped."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rnn_core.checkpoint import CheckpointError
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.patterns import Pattern
from rnn_core.training import TrainingState, train
from rnn_core.training.stack import train_stack
from rnn_core.training.stack_state import StackState
from rnn_core.training.state_file import read_about, read_state, write_state
from tests.rnn_core.bare import with_cells

MANY_WINDOWS = TrainConfig(pattern="reber", length=60, hidden_size=4, batch_size=2, window=5, epochs=3)

CONFIGS = {
    "plain": MANY_WINDOWS,
    "layers": dataclasses.replace(MANY_WINDOWS, layers=2, encoding="embedding"),
    "best": dataclasses.replace(MANY_WINDOWS, keep="best", length=200, learning_rate=0.3),
    "cosine": dataclasses.replace(MANY_WINDOWS, schedule="cosine", weight_decay=0.1),
    "clip": dataclasses.replace(MANY_WINDOWS, clip=0.1, encoding="onehot"),
    "drawn afresh": dataclasses.replace(MANY_WINDOWS, draws="every-epoch"),
    "stream drawn afresh": dataclasses.replace(MANY_WINDOWS, pattern="elman", draws="every-epoch"),
    "curriculum": dataclasses.replace(
        MANY_WINDOWS, pattern="parity", batches="one-length", draws="every-epoch", curriculum=3.0, epochs=6
    ),
    "motif": TrainConfig(pattern="abcb", length=61, batch_size=3, window=7, epochs=3, hidden_size=4),
}


@pytest.fixture
def every_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings yield between all windows."""
    monkeypatch.setattr("rnn_core.training.loop.PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr("rnn_core.training.compiled_stack.SLICE_SECONDS", 0.0)


def file_at_each_yield(prepared: Prepared, state: TrainingState, folder: Path) -> Iterator[Path]:
    """Train, and yield a file with the state at each yield of the training."""
    for number, _ in enumerate(train(prepared, state, progress=True)):
        path = folder / f"{number}.safetensors"
        write_state(path, state, {"number": number})
        torch.rand(2)  # what the caller draws in between does not matter
        yield path


def same(first: TrainingState, second: TrainingState) -> bool:
    """Return whether two states are the same, bit for bit."""
    tensors, others = first.tensors(), second.tensors()
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("random")}
    others = {name: tensor for name, tensor in others.items() if not name.startswith("random")}
    if tensors.keys() != others.keys() or first.values() != second.values() or first.history != second.history:
        return False
    return all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def check_every_cut(config: TrainConfig, folder: Path, step: int = 1) -> None:
    """Cut a training at its yields (with `step` 3 at each third), go on from each, and compare the ends."""
    prepared = prepare(config)
    whole = TrainingState(prepared)
    files = list(file_at_each_yield(prepared, whole, folder))
    plain = TrainingState(prepared)
    list(train(prepared, plain))
    assert same(whole, plain), "yielding and saving change nothing"
    for path in files[::step]:
        resumed = TrainingState(prepared)
        resumed.load(*read_state(path))
        list(train(prepared, resumed, progress=True))
        assert same(whole, resumed), path.name
        assert list(resumed.history[0]) == list(whole.history[0])
    if config.curriculum:
        assert len({metrics["longest_drawn"] for metrics in whole.history}) > 1, "it was raised"


@pytest.mark.usefixtures("every_window")
@pytest.mark.parametrize(("cell", "name"), with_cells(CONFIGS))
def test_a_training_goes_on_from_every_window(name: str, cell: str, tmp_path: Path) -> None:
    check_every_cut(dataclasses.replace(CONFIGS[name], cell=cell), tmp_path)


@pytest.mark.usefixtures("every_window")
def test_a_state_that_is_no_vector_is_saved_and_loaded(outer_cell: str, tmp_path: Path) -> None:
    check_every_cut(dataclasses.replace(MANY_WINDOWS, cell=outer_cell), tmp_path)


@pytest.mark.usefixtures("every_window", "few_cases")
@pytest.mark.parametrize("family", sorted(Pattern.families))
def test_every_family_goes_on(family: str, tmp_path: Path) -> None:
    text = tmp_path / "tale.txt"
    text.write_text("".join(f"to be or not to be, that is the question {number}.\n" for number in range(20)))
    spec = Pattern.families[family].example.replace("PATH", str(text))
    config = TrainConfig(pattern=spec, length=400, hidden_size=3, batch_size=2, window=16, epochs=2)
    check_every_cut(config, tmp_path, step=7)


@pytest.mark.usefixtures("every_window")
def test_weights_that_were_kept_before_the_cut_are_kept(tmp_path: Path) -> None:
    """With a learning rate that ruins nets, the best epoch of most is an early one; the cut comes after it."""
    for seed in range(10):
        prepared = prepare(dataclasses.replace(CONFIGS["best"], learning_rate=3.0, epochs=6, seed=seed))
        whole = TrainingState(prepared)
        *_, last = file_at_each_yield(prepared, whole, tmp_path)
        losses = [metrics["valid_loss"] for metrics in whole.history]
        if losses.index(min(losses)) < 4:
            break
    assert losses.index(min(losses)) < 4
    files = sorted(tmp_path.glob("*.safetensors"), key=lambda path: int(path.stem))
    late = files[-3]
    resumed = TrainingState(prepared)
    resumed.load(*read_state(late))
    assert len(resumed.history) == 5
    list(train(prepared, resumed))
    assert same(whole, resumed)
    finished = TrainingState(prepared)
    finished.load(*read_state(last))
    assert list(train(prepared, finished)) == []
    assert same(whole, finished)


def test_random_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    prepared = prepare(MANY_WINDOWS)
    write_state(tmp_path / "state", TrainingState(prepared), {})
    drawn = torch.rand(5)
    resumed = TrainingState(prepared)
    torch.rand(3)
    resumed.load(*read_state(tmp_path / "state"))
    assert torch.equal(drawn, torch.rand(5))


STACKS = {
    "strings": [dataclasses.replace(MANY_WINDOWS, pattern="tomita:5", length=40, seed=seed) for seed in range(3)],
    "clip": [
        dataclasses.replace(CONFIGS["motif"], clip=clip, learning_rate=rate, schedule=schedule)
        for clip, rate, schedule in ((0.0, 0.01, "constant"), (0.5, 0.1, "cosine"), (1.0, 1e37, "constant"))
    ],
}


def stack_states(members: list[Prepared], folder: Path) -> tuple[StackState, list[Path]]:
    """Train a stack; return its last state, and files with the state at each yield."""
    state, files = StackState(members), []
    for number, _ in enumerate(train_stack(members, state, progress=True)):
        files.append(folder / str(number))
        write_state(files[-1], state, {})
    return state, files


def same_stack(first: StackState, second: StackState) -> bool:
    """Return whether two states of a stack are the same, bit for bit; NaN is the same as NaN."""
    tensors, others = first.tensors(), second.tensors()

    def equal(name: str, tensor: Tensor) -> bool:
        other = others[name]
        return tensor.shape == other.shape and torch.equal(tensor.nan_to_num(7), other.nan_to_num(7))

    return tensors.keys() == others.keys() and all(
        equal(name, tensor) for name, tensor in tensors.items() if not name.startswith("random")
    )


@pytest.mark.usefixtures("every_window")
@pytest.mark.parametrize(("cell", "name"), with_cells(STACKS))
def test_a_stack_goes_on_from_every_window(name: str, cell: str, tmp_path: Path) -> None:
    members = prepare_all(dataclasses.replace(config, cell=cell, layers=2) for config in STACKS[name])
    whole, files = stack_states(members, tmp_path)
    assert len(files) > 6
    for path in files:
        resumed = StackState(members)
        resumed.load(*read_state(path), nets=range(len(members)))
        list(train_stack(members, resumed, progress=True))
        assert same_stack(whole, resumed), path.name


@pytest.mark.usefixtures("every_window")
def test_some_nets_of_a_stack_go_on_without_the_others(tmp_path: Path) -> None:
    members = prepare_all(STACKS["clip"])
    whole, files = stack_states(members, tmp_path)
    some = StackState([members[1], members[0]])
    some.load(*read_state(files[len(files) // 2]), nets=[1, 0])
    list(train_stack([members[1], members[0]], some))
    torch.testing.assert_close(some.stack.flat_nk, whole.stack.flat_nk[[1, 0]], rtol=1e-5, atol=1e-6)
    assert [len(loss_n) for loss_n in some.losses_en] == [2] * 3


def test_what_is_no_state_is_refused_with_its_path(tmp_path: Path) -> None:
    prepared = prepare(MANY_WINDOWS)
    path = tmp_path / "state"
    with pytest.raises(CheckpointError, match=str(path)):
        read_state(path)
    write_state(path, TrainingState(prepared), {"digest": "x"})
    assert read_about(path) == {"digest": "x"}
    whole = path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["state"]
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=str(path)):
        read_state(path)
    path.write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    for read in (read_state, read_about):
        with pytest.raises(CheckpointError, match="has the form 9; allowed: 1"):
            read(path)
