"""Nets without anything of ours where torch has the cell, for bare loops to train."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pytest
from torch import nn

from rnn_core.nets.cells import CELLS, load_cell

TORCHS = {"rnn": nn.RNN, "relu": partial(nn.RNN, nonlinearity="relu"), "gru": nn.GRU, "lstm": nn.LSTM}
"""The cells that torch has, too."""

SMOOTH = tuple(cell for cell in CELLS if cell != "irnn")
"""The cells whose training a bare loop repeats. Units of irnn come to lie exactly where the rectifier's gradient jumps,
since all its biases start at 0 and Adam's first steps have one length: there the last bit decides."""


def with_cells(cases: Iterable[Any], cells: Sequence[str] = CELLS) -> list[Any]:
    """Return parameters of a test: each cell with each case.

    With cells that torch lacks, all cases but the first are left to the long tests.
    """
    return [
        pytest.param(cell, case, marks=[pytest.mark.long] if number and cell not in TORCHS else [])
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
