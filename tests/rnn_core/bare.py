"""Nets without anything of ours where torch has the cell, for bare loops to train."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pytest
from torch import nn

from rnn_core.nets.cell import Cell
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.nets.linear_cell import ElementwiseCell, LinearCell
from rnn_core.nets.torch_cell import TorchCell

TORCHS = {"rnn": nn.RNN, "relu": partial(nn.RNN, nonlinearity="relu"), "gru": nn.GRU, "lstm": nn.LSTM}
"""The cells that torch has, too."""

SMOOTH = tuple(cell for cell in CELLS if cell != "irnn")
"""The cells whose training a bare loop repeats. Units of irnn come to lie exactly where the rectifier's gradient jumps,
since all its biases start at 0 and Adam's first steps have one length: there the last bit decides."""


def kind_of(cell: str) -> tuple[type[Cell], bool]:
    """Return the base class that does the work of a cell, and whether its state grows."""
    found = load_cell(cell)
    base = next(base for base in (TorchCell, ElementwiseCell, LinearCell, Cell) if isinstance(found, base))
    return base, bool(found.growing)


ONE_OF_EACH_KIND = tuple({kind_of(cell): cell for cell in reversed(CELLS)}.values())
"""For each kind of cell the first one."""


def with_cells(cases: Iterable[Any], cells: Sequence[str] = CELLS) -> list[Any]:
    """Return parameters of a test: each cell with each case.

    The first case is for torch's cells, and for one cell of each kind that torch lacks; at the other cases torch's
    cells take turns. All else is left to the long tests.
    """
    turns = [cell for cell in cells if cell in TORCHS]

    def is_quick(cell: str, number: int) -> bool:
        if number == 0:
            return cell in TORCHS or cell in ONE_OF_EACH_KIND
        return cell == turns[number % len(turns)]

    return [
        pytest.param(cell, case, marks=[] if is_quick(cell, number) else [pytest.mark.long])
        for number, case in enumerate(cases)
        for cell in cells
    ]


class ByStep(nn.Module):
    """The layers of a cell that torch lacks, with the interface of torch's."""

    def __init__(self, cell: str, width: int, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.cell, self.size, self.count = load_cell(cell), hidden_size, layers
        self.layers = self.cell.build_layers(width, hidden_size, layers)

    def forward(self, x_bti, state=None):
        if state is None:
            shapes = self.cell.state_shapes(self.size).values()
            state = tuple(x_bti.new_zeros(self.count, len(x_bti), *shape) for shape in shapes)
        outputs_lbth, states = self.cell.trace(self.layers, x_bti, state)
        return outputs_lbth[-1], tuple(part[:, :, -1] for part in states)


def bare_layers(cell: str, width: int, hidden_size: int, layers: int) -> nn.Module:
    """Return torch's own layers of a cell or, where torch has none, layers that go step by step."""
    if cell in TORCHS:
        return TORCHS[cell](width, hidden_size, layers, batch_first=True)
    return ByStep(cell, width, hidden_size, layers)
