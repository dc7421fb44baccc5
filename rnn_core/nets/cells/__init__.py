"""The recurrent cells: one module each, named like the cell."""

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # listing the cells must not import torch
    from rnn_core.nets.cell import Cell

CELLS = tuple(module.name for module in pkgutil.iter_modules(__path__))
"""The names of all cells."""


@cache
def load_cell(name: str) -> "Cell":
    """Return `CELL` of the module `name`, one of CELLS."""
    cell: Cell = importlib.import_module(f"{__name__}.{name}").CELL
    return cell
