"""What faster equals of a cell's step share, for cells of torch's kind: gates that read x and h through two matrices.

Such a cell has the weights weight_ih, weight_hh, bias_ih and bias_hh, G rows each: its gates, one below the other. A
recurrence is a `torch.autograd.Function` over all nets of a stack. It takes what the gates read from the input at every
step, x_tngb, then weight_ngh and bias_ng, by which they read h, and the state before the first step; it returns the
states h_tnhb after every step, and the other parts of the state after the last.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnn_core.nets.cell import State, Weights

# The names of tensors say their axes: T steps, N nets, B sequences, H hidden units, G gates times H, and S = T * B, all
# steps of all sequences of a net in one row. Sequences stand in columns, so that a net's weights multiply from the
# left; T stands first, so that one step lies side by side.


def gate_shapes(gates: int, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a layer's weights, in the order in which torch makes them."""
    rows = gates * hidden_size
    matrices = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
    return {**matrices, "bias_ih": (rows,), "bias_hh": (rows,)}


def read_gates(
    recurrence: type[Function], weights: Weights, x_nis: Tensor, state: State, steps: int
) -> tuple[Tensor, State]:
    """Do what `Cell.read_stacked` does through a recurrence."""
    batch = state[0].shape[1]
    x_ngs = torch.baddbmm(weights["bias_ih"][:, :, None], weights["weight_ih"], x_nis)
    x_tngb = x_ngs.unflatten(2, (steps, batch)).permute(2, 0, 1, 3).contiguous()
    before = (part_nbh.transpose(1, 2).contiguous() for part_nbh in state)
    states = recurrence.apply(x_tngb, weights["weight_hh"], weights["bias_hh"], *before)
    h_tnhb, *others_nhb = states if isinstance(states, tuple) else (states,)
    after = tuple(part_nhb.transpose(1, 2) for part_nhb in (h_tnhb[-1].detach(), *others_nhb))
    return in_rows(h_tnhb), after


def weight_gradient(d_tngb: Tensor, h_nhb: Tensor, h_tnhb: Tensor) -> Tensor:
    """Return the gradient of weight_ngh: d_t h_(t-1)^T summed over steps and sequences, (N, G, H)."""
    gradient_ngh: Tensor = in_rows(d_tngb) @ in_rows(states_before(h_nhb, h_tnhb)).transpose(1, 2)
    return gradient_ngh


def states_before(first_nhb: Tensor, h_tnhb: Tensor) -> Tensor:
    """Return the state before each step, (T, N, H, B), from the first one and those after each step."""
    return torch.cat([first_nhb[None], h_tnhb[:-1]])


def copied(x: Tensor) -> Tensor:
    """Return a copy whose memory is in the order of its axes: what is worked on step by step lies side by side."""
    return x.clone(memory_format=torch.contiguous_format)


def in_rows(x_tngb: Tensor) -> Tensor:
    """Put the steps of all sequences of a net into one row: (T, N, G, B) to (N, G, S)."""
    return x_tngb.permute(1, 2, 0, 3).flatten(2)


Gradients = tuple[Tensor | None, ...]
"""What a recurrence's backward returns: a gradient for each argument of its forward, None where none is needed."""

Context = Any
"""What torch hands to forward and backward to keep tensors in."""
