"""The recurrent cells: one file a cell, found by being in this folder and named like it."""

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only lists the cells does without torch
    from rnn_core.nets.cell import Cell

CELLS = tuple(module.name for module in pkgutil.iter_modules(__path__))
"""The names of all cells."""


@cache
def load_cell(name: str) -> "Cell":
    """Return the cell of a name, one of CELLS: what its file calls `CELL`."""
    cell: Cell = importlib.import_module(f"{__name__}.{name}").CELL
    return cell
