"""signed: the cell diagonal with decays in [-1, 1], so that a unit can change its sign.

    a_t = tanh(10 (W_a x_t + c_a))
    h_t = a_t * h_(t-1) + W_b x_t + c_b
    y_t = W_2 silu(W_1 [h_t; x_t] + c_1) + c_2

After Grazzi et al. 2025: with decays of one sign alone no such net holds a parity, with both signs one layer does.
State and weights are those of diagonal.
"""

import torch
from torch import Tensor

from rnn_core.nets.cells.diagonal import Diagonal


class Signed(Diagonal):
    """h_t = a_t * h_(t-1) + W_b x_t + c_b, with a decay a_t in [-1, 1] that the input gives."""

    @staticmethod
    def decay(u: Tensor) -> Tensor:
        """Return the decay for a sum over the input."""
        return torch.tanh(u)


CELL = Signed()
