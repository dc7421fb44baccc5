"""rotation: a linear recurrence of pairs of numbers, turned by an angle and scaled by a radius that the input gives.

    r_t = sigmoid(10 (W_r x_t + c_r)),  angle_t = pi (W_p x_t + c_p)
    h_t = r_t * R(angle_t) h_(t-1) + B x_t + c_b,  where R(p) = [[cos p, -sin p], [sin p, cos p]]
    y_t = W_2 silu(W_1 [h_t; x_t] + c_1) + c_2

It is `diagonal` with complex decays, as in linear recurrent units (Orvieto et al. 2023), but given by the input. A pair
that is turned by a third of a circle counts modulo 3, which no recurrence with real decays can. The angles' biases
start uniform in +-1, so that all angles are there.

State: h, (H, 2): H pairs. Weights: weight_r W_r and weight_p W_p (H, I), bias_r c_r and bias_p c_p (H,), weight_b B
(2 H, I) and bias_b c_b (2 H,), whose rows are the pairs one after the other, weight_1 W_1 (H, 2 H + I), weight_2 W_2
(H, H), bias_1 c_1 and bias_2 c_2 (H,).
"""

import math

import torch
from torch import Tensor, nn

from rnn_core.nets.cell import Weights, linear
from rnn_core.nets.linear_cell import Coefficients, ElementwiseCell, two_layers, two_layers_weights

SHARPNESS = 10
"""The factor within the radius's sigmoid, so that it can come close to 0 and 1."""


class Rotation(ElementwiseCell):
    """h_t = r_t * R(angle_t) h_(t-1) + B x_t + c_b, for pairs h, with a radius and an angle that the input gives."""

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, rows in (("r", hidden_size), ("p", hidden_size), ("b", 2 * hidden_size)):
            shapes |= {f"weight_{name}": (rows, input_size), f"bias_{name}": (rows,)}
        return shapes | two_layers_weights(2 * hidden_size + input_size, hidden_size)

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size, 2)}

    def initialise(self, weights: Weights, hidden_size: int) -> None:
        """Set the weights as those of other cells, but the angles' biases uniform in +-1."""
        super().initialise(weights, hidden_size)
        nn.init.uniform_(weights["bias_p"], -1, 1)

    def coefficients(self, weights: Weights, x: Tensor) -> Coefficients:
        radius = torch.sigmoid(SHARPNESS * linear(x, weights["weight_r"], weights["bias_r"]))
        angle = math.pi * linear(x, weights["weight_p"], weights["bias_p"])
        turn = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], -1)
        return turn, linear(x, weights["weight_b"], weights["bias_b"]).unflatten(-1, (-1, 2))

    def next_state(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return h after one step, without complex numbers."""
        turn, b = coefficients
        (real, imaginary), (first, second) = turn.unbind(-1), h.unbind(-1)
        return torch.stack([real * first - imaginary * second, imaginary * first + real * second], -1) + b

    def recur(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return h after every step; each pair is one complex number."""
        turn_t, b_t, h = (torch.view_as_complex(part.contiguous()) for part in (*coefficients, h))
        return torch.view_as_real(super().recur((turn_t, b_t), h))

    def output_of(self, weights: Weights, x: Tensor, h: Tensor) -> Tensor:
        return two_layers(weights, h.flatten(-2), x)


CELL = Rotation()
