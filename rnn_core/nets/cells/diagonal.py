"""diagonal: a linear recurrence whose units each decay by a factor in [0, 1] that the input gives.

    a_t = sigmoid(10 (W_a x_t + c_a))
    h_t = a_t * h_(t-1) + W_b x_t + c_b
    y_t = W_2 silu(W_1 [h_t; x_t] + c_1) + c_2

After the diagonal layer of Grazzi et al. 2025 ("Unlocking state-tracking in linear RNNs through negative eigenvalues"),
whose factor 10 it has; theirs adds W_b x_t * x_t, and has a layer norm before and after.

State: h, (H,); the output is y. Weights: weight_a W_a and weight_b W_b (H, I), bias_a c_a and bias_b c_b (H,), weight_1
W_1 (H, H + I), weight_2 W_2 (H, H), bias_1 c_1 and bias_2 c_2 (H,).
"""

import torch
from torch import Tensor

from rnn_core.nets.cell import Weights, linear
from rnn_core.nets.linear_cell import Coefficients, ElementwiseCell, two_layers, two_layers_weights

SHARPNESS = 10
"""The factor within the decay's sigmoid, so that it can come close to 0 and 1."""


class Diagonal(ElementwiseCell):
    """h_t = a_t * h_(t-1) + W_b x_t + c_b, with a decay a_t in [0, 1] that the input gives."""

    @staticmethod
    def decay(u: Tensor) -> Tensor:
        """Return the decay for a sum over the input."""
        return torch.sigmoid(u)

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        linear_shapes: dict[str, tuple[int, ...]] = {}
        for name in ("a", "b"):
            linear_shapes |= {f"weight_{name}": (hidden_size, input_size), f"bias_{name}": (hidden_size,)}
        return linear_shapes | two_layers_weights(hidden_size + input_size, hidden_size)

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size,)}

    def coefficients(self, weights: Weights, x: Tensor) -> Coefficients:
        a = self.decay(SHARPNESS * linear(x, weights["weight_a"], weights["bias_a"]))
        return a, linear(x, weights["weight_b"], weights["bias_b"])

    def output_of(self, weights: Weights, x: Tensor, h: Tensor) -> Tensor:
        return two_layers(weights, h, x)


CELL = Diagonal()
