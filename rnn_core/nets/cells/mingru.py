"""mingru: the minimal gated recurrent unit, whose gate depends on the input alone (Feng et al. 2024).

    z = sigmoid(W_z x_t + b_z)
    v = g(W_v x_t + b_v),  g(u) = u + 1/2 for u >= 0, sigmoid(u) below
    h_t = (1 - z) * h_(t-1) + z * v

It is the form in which the paper trains in log space, so h is never negative; the paper's other form has v = W_v x_t.

State: h, (H,). Weights: weight_z W_z and weight_v W_v (H, I), bias_z b_z and bias_v b_v (H,).
"""

import torch
from torch import Tensor

from rnn_core.nets.cell import Weights, linear
from rnn_core.nets.linear_cell import Coefficients, ElementwiseCell


class Mingru(ElementwiseCell):
    """h_t = (1 - z) * h_(t-1) + z * v, where z and v depend on the input alone."""

    output = "h"

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name in ("z", "v"):
            shapes |= {f"weight_{name}": (hidden_size, input_size), f"bias_{name}": (hidden_size,)}
        return shapes

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size,)}

    def coefficients(self, weights: Weights, x: Tensor) -> Coefficients:
        gate_sum = linear(x, weights["weight_z"], weights["bias_z"])
        new_sum = linear(x, weights["weight_v"], weights["bias_v"])
        new = torch.where(new_sum >= 0, new_sum + 0.5, torch.sigmoid(new_sum))
        return torch.sigmoid(-gate_sum), torch.sigmoid(gate_sum) * new

    def output_of(self, weights: Weights, x: Tensor, h: Tensor) -> Tensor:  # noqa: ARG002  # the state is the output
        return h


CELL = Mingru()
