"""What holds for stacks that compiled loops train: numbers depend on no padding, no neighbours and no slices."""

import dataclasses
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rnn_core.compiled.cell import SHAPES
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.nets.cells import CELLS
from rnn_core.patterns import parse
from rnn_core.training import compiled_stack
from rnn_core.training.compiled_stack import can_compile, estimated_seconds, pack
from rnn_core.training.loop import rate_factor, train
from rnn_core.training.stack import train_stack
from rnn_core.training.stack_state import StackState

PROJECT = Path(__file__).parents[2]

STRINGS = TrainConfig(pattern="dyck:2", length=600, cell="lstm", hidden_size=5, batch_size=8, window=11, epochs=3)


def trained(members: list[Prepared]) -> tuple[torch.Tensor, np.ndarray]:
    """Return the weights and the losses of a stack that has been trained to its end."""
    state = StackState(members)
    for _ in train_stack(members, state):
        pass
    return state.stack.flat_nk, np.array(state.losses_en)


def test_the_steps_are_those_that_exist_each_once_and_in_the_order_of_their_rows() -> None:
    member = prepare(STRINGS)
    data = pack([member.windows])
    training = member.data.training
    assert len(data.read_s) == len(training) < sum(window.input_bt.numel() for window in member.windows)
    assert data.sizes_t.sum() == len(training)
    assert data.counted_s.sum() == training.counted.sum()
    # Each row, put together again from its steps, is a training string, and all are there.
    rows: list[list[int]] = []
    strings: list[tuple[int, ...]] = []
    for number, fresh in enumerate(data.fresh):
        sizes = data.sizes_t[data.size_starts[number] : data.size_starts[number + 1]]
        assert (np.diff(sizes) <= 0).all()
        if fresh:
            strings += map(tuple, rows)
            rows = [[] for _ in range(sizes[0])]
        begin = data.step_starts[number]
        for size in sizes:
            for row in range(size):
                rows[row].append(int(data.read_s[begin + row]))
            begin += size
    strings += map(tuple, rows)
    cuts = [*training.starts.tolist(), len(training)]  # type: ignore[union-attr]
    texts = [tuple(training.read[begin:end].tolist()) for begin, end in itertools.pairwise(cuts)]
    assert sorted(strings) == sorted(texts)


def test_no_bit_depends_on_the_neighbours_the_threads_or_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [dataclasses.replace(STRINGS, seed=seed, data_seed=seed, batch_size=3 + seed) for seed in (1, 2, 3)]
    alone, losses = trained([prepare(STRINGS)])
    together, all_losses = trained(prepare_all([*others, STRINGS]))
    assert torch.equal(alone[0], together[3])
    assert np.array_equal(losses[:, 0], all_losses[:, 3])
    monkeypatch.setattr(compiled_stack, "SLICE_SECONDS", 0.0)  # a window a slice
    by_two = [dataclasses.replace(config, threads=2) for config in (*others, STRINGS)]
    in_windows, losses_in_windows = trained(prepare_all(by_two))
    assert torch.equal(together, in_windows)
    assert np.array_equal(all_losses, losses_in_windows)


def test_members_may_have_data_of_any_length() -> None:
    configs = [dataclasses.replace(STRINGS, length=length, data_seed=length) for length in (150, 400, 1000)]
    members = prepare_all(configs)
    assert len({len(member.windows) for member in members}) == 3
    _, losses = trained(members)
    for number, member in enumerate(members):
        assert losses[:, number] == pytest.approx([record.loss for record in train(member)], rel=1e-4)


def test_weights_are_kept_after_the_epochs_that_runs_need() -> None:
    member = prepare(dataclasses.replace(STRINGS, epochs=7))
    state = StackState([member], keep_after={2, 5, 7})
    for _ in train_stack([member], state):
        pass
    assert set(state.weights_after) == {2, 5, 7}
    for epochs, weights in state.weights_after.items():
        after, _ = trained([prepare(dataclasses.replace(STRINGS, epochs=epochs))])
        flat = torch.cat([weight[0].flatten() for weight in weights.values()])
        assert torch.equal(flat, after[0])


def test_the_learning_rate_falls_as_rate_factor_says() -> None:
    member = prepare(dataclasses.replace(STRINGS, schedule="cosine", learning_rate=0.01))
    _, losses = trained([member])
    _, constant = trained([prepare(dataclasses.replace(STRINGS, learning_rate=0.01))])
    assert rate_factor("cosine", 0.5) == pytest.approx(0.5)
    assert losses[:, 0] == pytest.approx([record.loss for record in train(member)], rel=1e-4)
    assert losses[-1, 0] != pytest.approx(constant[-1, 0], rel=1e-3)


def test_compiled_loops_are_for_cells_that_have_them_on_the_cpu_where_numba_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tuple(sorted(SHAPES)) == compiled_stack.CELLS
    for cell in CELLS:
        assert can_compile(TrainConfig(cell=cell)) == (cell in SHAPES)
    assert not can_compile(TrainConfig(device="cuda"))
    monkeypatch.setattr(compiled_stack, "_has_numba", lambda: False)
    assert not can_compile(TrainConfig())


PRINTS_A_DIGEST = """
import hashlib
from tests.rnn_core.test_compiled_stack import STRINGS, trained
from rnn_core.data import prepare
from rnn_core.training import train
weights_nk, _ = trained([prepare(STRINGS)])
*_, last = train(STRINGS)
for weights in (weights_nk, *last.net.parameters()):
    print(hashlib.sha256(weights.detach().numpy().tobytes()).hexdigest())
"""


@pytest.mark.long
def test_code_from_the_cache_gives_the_same_bits_as_code_that_was_just_compiled(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINTS_A_DIGEST]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    digests = [subprocess.check_output(command, env=environment, cwd=PROJECT, text=True) for _ in range(2)]
    assert digests[0] == digests[1]


SEES_ITS_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from threadpoolctl import threadpool_info
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.training import compiled_stack
from rnn_core.training.stack import train_stack

seen = []

class Watched(ThreadPoolExecutor):
    def __enter__(self):
        seen.append({pool["filepath"]: pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return super().__enter__()

compiled_stack.ThreadPoolExecutor = Watched
list(train_stack([prepare(TrainConfig(hidden_size=64, batch_size=7, epochs=2))]))
assert any("/scipy" in path for path in seen[0]), seen[0]  # the folder: numpy has a file of a like name
assert all(set(threads.values()) == {1} for threads in seen), seen
"""


@pytest.mark.slow
def test_products_use_one_thread_from_the_first_slice_of_a_process_on() -> None:
    done = subprocess.run([sys.executable, "-c", SEES_ITS_THREADS], cwd=PROJECT, capture_output=True, text=True)
    assert not done.returncode, done.stderr


@pytest.mark.slow
def test_a_single_training_imports_no_numba() -> None:
    code = "import sys, experiments.single_run; from rnn_core.training import train; from rnn_core.config import *; "
    code += "list(train(TrainConfig(epochs=1))); sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["abc", "reber", "tomita:3", "flipflop:3"])
def test_the_estimate_of_a_training_is_right_within_a_factor_of_ten(spec: str) -> None:
    """In the processor's time, whoever else is at work. The plan only asks which take longer than about a second."""
    config = TrainConfig(pattern=spec, **{**parse(spec).recipe, "epochs": 20_000 if spec == "abc" else 2})
    member = prepare(config)
    trained([prepare(dataclasses.replace(config, epochs=1))])  # compiled, or read from the disk

    def seconds() -> float:
        begin = time.process_time()
        trained([member])
        return time.process_time() - begin

    assert estimated_seconds(member) / 10 < min(seconds() for _ in range(3)) < 10 * estimated_seconds(member)
