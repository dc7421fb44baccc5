"""The base class of the cells that torch has: torch's layers for a single net, a hand-written recurrence for stacks.

The gates of such a cell are affine functions of the input and of h: weight_ih, weight_hh, bias_ih and bias_hh have G
rows each, those of the first gate first.

A recurrence is a `torch.autograd.Function` that takes all steps of all nets of a stack. Its arguments are the gates'
sums over the input at every step, x_tngb, bias_ih included; weight_hh and bias_hh as weight_ngh and bias_ng; and each
part of the state before the first step. It returns h after every step, h_tnhb, and the other parts of the state after
the last step.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnn_core.nets.cell import Cell, State, Weights

# The end of a tensor's name gives its axes: T steps, N nets, B sequences, H hidden units, G = gates * H, and S = T * B,
# all steps of all sequences in one axis. B is the last axis, so that weights multiply from the left. T is the first
# one, so that the numbers of one step are contiguous in memory.

Gradients = tuple[Tensor, ...]
"""The result of a recurrence's backward: a gradient for each argument of its forward."""

Context = Any
"""The object in which torch keeps tensors from forward to backward."""


class TorchCell(Cell):
    """A cell that torch has.

    Attributes:
        gates: the number of gates.
        numbers_per_unit: `numbers_per_step` divided by H, as measured.
        torch_layers: torch's class of layers.
        recurrence: the function that reads the windows of a stack.
    """

    output = "h"
    gates: ClassVar[int]
    numbers_per_unit: ClassVar[int]
    torch_layers: ClassVar[Callable[..., nn.RNNBase]]
    recurrence: ClassVar[type[Function]]

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a layer's weights, in torch's order."""
        rows = self.gates * hidden_size
        matrices = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        return {**matrices, "bias_ih": (rows,), "bias_hh": (rows,)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of h."""
        return {"h": (hidden_size,)}

    def numbers_per_step(self, hidden_size: int) -> int:
        """Return the measured numbers for each hidden unit, times H."""
        return self.numbers_per_unit * hidden_size

    def build_layers(self, input_size: int, hidden_size: int, count: int) -> nn.Module:
        """Return torch's layers."""
        return self.torch_layers(input_size, hidden_size, count, batch_first=True)

    def equals(self, layers: nn.RNNBase) -> bool:
        """Return whether layers of torch take this cell's step: they have its class and its nonlinearity."""
        with torch.device("meta"):  # without memory, and without drawing weights
            own = self.torch_layers(1, 1)
        return type(own) is type(layers) and getattr(own, "nonlinearity", "") == getattr(layers, "nonlinearity", "")

    def read(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences with torch's layers."""
        # Torch takes and returns a state of one part as a tensor, not as a tuple.
        output_bth, last_state = layers(x_bti, state if len(state) > 1 else state[0])
        return output_bth, last_state if isinstance(last_state, tuple) else (last_state,)

    def read_layer_of_stack(self, weights: Weights, x_nis: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
        """Read a window with one layer of N nets: one product for the inputs of all steps, then the recurrence."""
        batch = state[0].shape[1]
        x_ngs = torch.baddbmm(weights["bias_ih"][:, :, None], weights["weight_ih"], x_nis)
        x_tngb = x_ngs.unflatten(2, (steps, batch)).permute(2, 0, 1, 3).contiguous()
        first_state = (part_nbh.transpose(1, 2).contiguous() for part_nbh in state)
        states = self.recurrence.apply(x_tngb, weights["weight_hh"], weights["bias_hh"], *first_state)
        h_tnhb, *last_parts_nhb = states if isinstance(states, tuple) else (states,)
        last_state = tuple(part_nhb.transpose(1, 2) for part_nhb in (h_tnhb[-1], *last_parts_nhb))
        return join_steps(h_tnhb), last_state


def read_one_gate(
    activate_: Callable[[Tensor], Tensor], x_tnhb: Tensor, weight_nhh: Tensor, bias_nh: Tensor, h_nhb: Tensor
) -> Tensor:
    """Return h after every step, (T, N, H, B), where h_t = activate(x_t + U h_(t-1) + b').

    Arguments:
        activate_: a function that is applied to each number of a tensor in place, such as `Tensor.tanh_`.
        x_tnhb: the sums over the input at every step.
        weight_nhh: U.
        bias_nh: b'.
        h_nhb: h before the first step.
    """
    h_tnhb = x_tnhb + bias_nh[:, :, None]
    previous_h = h_nhb
    for h in h_tnhb:
        previous_h = activate_(h.baddbmm_(weight_nhh, previous_h))
    return h_tnhb


def read_one_gate_back(
    dh_tnhb: Tensor, slope_tnhb: Tensor, weight_nhh: Tensor, h_nhb: Tensor, h_tnhb: Tensor
) -> Gradients:
    """Return the gradients of a recurrence that is `read_one_gate`.

    Arguments:
        dh_tnhb: the gradient by h after each step, as it comes from the readout or the layer above.
        slope_tnhb: the derivative of the activation at each step; it is overwritten.
        weight_nhh: U.
        h_nhb: h before the first step.
        h_tnhb: h after each step.
    """
    dh_tnhb = contiguous_copy(dh_tnhb)
    transposed_nhh = contiguous_copy(weight_nhh.transpose(1, 2))
    dx_tnhb = slope_tnhb
    for t in reversed(range(len(dx_tnhb))):
        dx_tnhb[t].mul_(dh_tnhb[t])
        if t:
            dh_tnhb[t - 1].baddbmm_(transposed_nhh, dx_tnhb[t])
    dfirst_nhb = transposed_nhh @ dx_tnhb[0]
    return dx_tnhb, weight_gradient(dx_tnhb, h_nhb, h_tnhb), dx_tnhb.sum((0, 3)), dfirst_nhb


def weight_gradient(d_tngb: Tensor, h_nhb: Tensor, h_tnhb: Tensor) -> Tensor:
    """Return the gradient of weight_ngh: the sum of d_t h_(t-1)^T over steps and sequences, (N, G, H).

    Arguments:
        d_tngb: the gradient of the gates' sums at each step.
        h_nhb: h before the first step.
        h_tnhb: h after each step.
    """
    gradient_ngh: Tensor = join_steps(d_tngb) @ join_steps(states_before(h_nhb, h_tnhb)).transpose(1, 2)
    return gradient_ngh


def states_before(first_nhb: Tensor, h_tnhb: Tensor) -> Tensor:
    """Return the state before each step, (T, N, H, B).

    Arguments:
        first_nhb: the state before the first step.
        h_tnhb: the state after each step.
    """
    return torch.cat([first_nhb[None], h_tnhb[:-1]])


def contiguous_copy(x: Tensor) -> Tensor:
    """Return a copy whose memory layout follows the order of its axes, which is faster when read step by step."""
    return x.clone(memory_format=torch.contiguous_format)


def join_steps(x_tngb: Tensor) -> Tensor:
    """Join the axes of steps and sequences into one: (T, N, G, B) to (N, G, S)."""
    return x_tngb.permute(1, 2, 0, 3).flatten(2)
