"""slstm: the LSTM with exponential input gates and a normaliser, of the xLSTM (Beck et al. 2024), with one head.

    i~ = W_i x_t + R_i h_(t-1) + b_i, and likewise f~, z~, o~
    m_t = max(log sigmoid(f~) + m_(t-1), i~)
    i = exp(i~ - m_t),  f = exp(log sigmoid(f~) + m_(t-1) - m_t)
    c_t = f * c_(t-1) + i * tanh(z~)
    n_t = f * n_(t-1) + i
    h_t = sigmoid(o~) * c_t / n_t

m only keeps the exponentials within range: for any number s of each unit, (h, c e^s, n e^s, m - s) is the same state.
Where n is 0, at the start, m_(t-1) counts as minus infinity, so that i is 1. The forget gate is the sigmoid, as in the
authors' code; the paper allows the exponential, too. R is full, and all weights start as those of torch's LSTM do; the
authors' R is block-diagonal and starts at zero.

State: h, c, n and m, (H,) each; h is the output. Weights: weight_ih W (4 H, I), weight_hh R (4 H, H), bias b (4 H,);
their rows are those of i, then f, then z, then o.
"""

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.nets.cell import Cell, State, Weights, linear


class Slstm(Cell):
    """c_t = f * c_(t-1) + i * tanh(z~), n_t = f * n_(t-1) + i, and h_t = sigmoid(o~) * c_t / n_t."""

    output = "h"

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        rows = 4 * hidden_size
        return {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "bias": (rows,)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("h", "c", "n", "m"), (hidden_size,))

    def reduced_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("h", "mean", "log_n"), (hidden_size,))

    def reduce(self, state: State) -> State:
        """Return h, c / n and ln n + m, which no common factor of c and n changes; where n is 0, 0 and -inf."""
        h, c, n, m = state
        empty = n == 0
        mean = torch.where(empty, 0.0, c / torch.where(empty, 1.0, n))
        return h, mean, torch.where(empty, -torch.inf, torch.log(torch.where(empty, 1.0, n)) + m)

    def expand(self, reduced: State) -> State:
        """Return the state with n = 1."""
        h, mean, log_n = reduced
        return h, mean, torch.ones_like(mean), log_n

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, c, n, m = state
        sums = linear(x, weights["weight_ih"], weights["bias"]) + h @ weights["weight_hh"].mT
        input_sum, forget_sum, new_sum, output_sum = sums.chunk(4, -1)
        # At the start n is 0 and nothing is to be kept: with m = -inf, i is 1, and no tiny i can make c / n undefined.
        log_forget = functional.logsigmoid(forget_sum) + torch.where(n == 0, -torch.inf, m)
        m = torch.maximum(log_forget, input_sum)
        i, f = torch.exp(input_sum - m), torch.exp(log_forget - m)
        c = f * c + i * torch.tanh(new_sum)
        n = f * n + i
        h = torch.sigmoid(output_sum) * c / n
        return h, (h, c, n, m)


CELL = Slstm()
