"""What the cells share that torch has, too: torch's own layers for one net, a recurrence for the nets of a stack.

Such a cell has gates that read x and h through two matrices: weight_ih and weight_hh, bias_ih and bias_hh have G rows
each, the gates one below the other. A recurrence is a `torch.autograd.Function` over all nets of a stack. It takes what
the gates read from the input at every step, x_tngb, then weight_ngh and bias_ng, by which they read h, and the state
before the first step; it returns the states h_tnhb after every step, and the other parts of the state after the last.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnn_core.nets.cell import Cell, State, Weights

# The names of tensors say their axes: T steps, N nets, B sequences, H hidden units, G gates times H, and S = T * B, all
# steps of all sequences of a net in one row. Sequences stand in columns, so that a net's weights multiply from the
# left; T stands first, so that one step lies side by side.

Gradients = tuple[Tensor | None, ...]
"""What a recurrence's backward returns: a gradient for each argument of its forward, None where none is needed."""

Context = Any
"""What torch hands to forward and backward to keep tensors in."""


class TorchCell(Cell):
    """A cell that torch has.

    Attributes:
        gates: how many gates it has.
        numbers_a_unit: about how many numbers each hidden unit takes for each step while a stack is trained.
        torch_layers: torch's own layers.
        recurrence: what reads windows of stacks.
    """

    output = "h"
    gates: ClassVar[int]
    numbers_a_unit: ClassVar[int]
    torch_layers: ClassVar[Callable[..., nn.RNNBase]]
    recurrence: ClassVar[type[Function]]

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a layer's weights, in the order in which torch makes them."""
        rows = self.gates * hidden_size
        matrices = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        return {**matrices, "bias_ih": (rows,), "bias_hh": (rows,)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of h."""
        return {"h": (hidden_size,)}

    def numbers_a_step(self, hidden_size: int) -> int:
        """Return what was measured."""
        return self.numbers_a_unit * hidden_size

    def build_layers(self, input_size: int, hidden_size: int, count: int) -> nn.Module:
        """Return torch's own layers."""
        return self.torch_layers(input_size, hidden_size, count, batch_first=True)

    def read(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a sequence in one call; torch wants a state of one part by itself."""
        output_bth, after = layers(x_bti, state if len(state) > 1 else state[0])
        return output_bth, after if isinstance(after, tuple) else (after,)

    def read_stacked(self, weights: Weights, x_nis: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
        """Read a window: all inputs at once, then the recurrence step by step."""
        batch = state[0].shape[1]
        x_ngs = torch.baddbmm(weights["bias_ih"][:, :, None], weights["weight_ih"], x_nis)
        x_tngb = x_ngs.unflatten(2, (steps, batch)).permute(2, 0, 1, 3).contiguous()
        before = (part_nbh.transpose(1, 2).contiguous() for part_nbh in state)
        states = self.recurrence.apply(x_tngb, weights["weight_hh"], weights["bias_hh"], *before)
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
