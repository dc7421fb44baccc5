"""outer: a cell for tests, whose state is a matrix and a number and whose output is neither.

S_t = S_(t-1) / 2 + tanh(W x_t + b) tanh(W x_t + b)^T / H,  n_t = n_(t-1) + 1,  y_t = tanh(S_t v) + 1 / n_t
"""

import torch
from torch import Tensor

from rnn_core.nets.cell import Cell, State, Weights, linear


class Outer(Cell):
    """A matrix of what was read, and a count of steps."""

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (hidden_size, input_size), "bias": (hidden_size,), "reader": (hidden_size,)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"matrix": (hidden_size, hidden_size), "count": ()}

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        matrix, count = state
        read = torch.tanh(linear(x, weights["weight"], weights["bias"]))
        matrix = matrix / 2 + read.unsqueeze(-1) * read.unsqueeze(-2) / read.shape[-1]
        count = count + 1
        reader = weights["reader"].unsqueeze(-2).unsqueeze(-1)
        return torch.tanh((matrix @ reader).squeeze(-1)) + 1 / count.unsqueeze(-1), (matrix, count)


CELL = Outer()
