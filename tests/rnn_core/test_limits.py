"""What memory is said to be needed, against what is taken."""

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.limits import bytes_per_stacked_net
from rnn_core.nets.cell import Cell
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.training.compiled_stack import CELLS as CELLS_OF_LOOPS
from rnn_core.training.stack import bytes_a_net

NETS = 8

FIELDS: dict[str, Any] = {
    "pattern": "abcdefgh",
    "length": 12_000,
    "encoding": "onehot",
    "hidden_size": 64,
    "batch_size": 20,
    "window": 300,
    "epochs": 1,
}

TAKEN = """
import json, sys
from pathlib import Path
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare_all
from rnn_core.training import stack

fields, by_torch, before, after = json.loads(sys.argv[1])
if by_torch:
    stack.can_compile = lambda config: False

def peak(nets, **changes):
    for _ in stack.train_stack(prepare_all(TrainConfig(**fields | changes, seed=seed) for seed in range(nets))):
        pass
    # Not getrusage: its peak begins with that of the process that started this one.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])

before = peak(before, **fields | ({"hidden_size": 2} if by_torch else {}))  # what the first training loads is loaded
print(peak(after) - before)
"""


def taken(fields: dict[str, Any], by_torch: bool, before: int, after: int) -> int:
    """Return how much more memory the training of `after` nets takes than one of `before` nets, or of tiny ones."""
    command = [sys.executable, "-c", TAKEN, json.dumps([fields, by_torch, before, after])]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, marks=pytest.mark.slow if cell == "rnn" else pytest.mark.long) for cell in CELLS],
)
def test_a_stack_takes_about_the_memory_that_it_is_said_to(cell: str) -> None:
    fields = {**FIELDS, "cell": cell}
    prepared = prepare(TrainConfig(**fields))
    said = NETS * bytes_per_stacked_net(prepared.record, prepared.windows)
    assert said / 2 < taken(fields, by_torch=True, before=2, after=NETS) < 2 * said


@pytest.mark.slow
def test_the_nets_of_compiled_loops_take_about_the_memory_that_they_are_said_to() -> None:
    fields = {**FIELDS, "cell": CELLS_OF_LOOPS[0], "hidden_size": 300, "length": 500, "batch_size": 1, "window": 50}
    said = 16 * bytes_a_net(prepare(TrainConfig(**fields)))
    assert said / 2 < taken(fields, by_torch=False, before=2, after=18) < 2 * said


def test_a_larger_net_takes_more_memory() -> None:
    def of(**fields: object) -> int:
        prepared = prepare(TrainConfig(**fields))  # type: ignore[arg-type]
        return bytes_per_stacked_net(prepared.record, prepared.windows)

    assert 4 * 4 * prepare(TrainConfig()).record.parameter_count < of() < of(hidden_size=32)
    assert of(hidden_size=32) < of(hidden_size=32, cell="lstm")
    assert of() < of(length=1000)


def test_a_net_that_torch_cannot_count_is_refused_in_one_line(outer_cell: str) -> None:
    with pytest.raises(ConfigError, match=r"hidden_size is 1099511627776; allowed: what fits into memory"):
        prepare(TrainConfig(cell=outer_cell, hidden_size=2**40, layers=2))


@pytest.mark.parametrize("cell", [*CELLS, "outer"])
def test_the_numbers_of_a_step_of_any_size_are_those_that_autograd_saves(cell: str) -> None:
    found, size, counts = load_cell(cell), 37, []
    for rows in (3, 4):
        weights = {
            name: torch.rand(1, *shape, requires_grad=True) for name, shape in found.weight_shapes(size, size).items()
        }
        state = tuple(torch.rand(1, rows, *shape, requires_grad=True) for shape in found.state_shapes(size).values())
        saved: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, saved=saved: saved.append(x.numel()), lambda x: x):
            found.step(weights, torch.rand(1, rows, size, requires_grad=True), state)
        counts.append(sum(saved))
    assert Cell.numbers_per_step(found, size) == counts[1] - counts[0] + 6 * size
