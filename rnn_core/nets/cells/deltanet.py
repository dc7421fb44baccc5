"""deltanet: a matrix of associations, corrected by the delta rule (Schlag et al. 2021, Yang et al. 2024), one head.

    q = silu(W_q x_t) / |silu(W_q x_t)|,  k likewise with W_k,  v = silu(W_v x_t),  beta = 2 sigmoid(w_b x_t)
    S_t = S_(t-1) - beta (S_(t-1) k - v) k^T
    y_t = W_o rmsnorm(S_t q / sqrt(H)),  rmsnorm(u) = u / sqrt(mean(u^2) + 1e-5)

A norm is the root of the sum of squares and 1e-6, so that a key of 0 stays 0. Along k the state is multiplied by
1 - beta, in (-1, 1), as Grazzi et al. 2025 allow it: one reflection a step. Keys, queries and values have H numbers.
There is no short convolution before them, and no gain in the norm, which W_o could take in.

State: S, (H, H), one row for each number of v. Weights: weight_q, weight_k and weight_v (H, I), weight_b w_b (1, I),
weight_o W_o (H, H).
"""

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.nets.cell import Weights
from rnn_core.nets.linear_cell import Coefficients, LinearCell

NORM_EPSILON, RMS_EPSILON = 1e-6, 1e-5


class Deltanet(LinearCell):
    """S_t = S_(t-1) (1 - beta k k^T) + beta v k^T, read by a query."""

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        shapes = {f"weight_{name}": (hidden_size, input_size) for name in ("q", "k", "v")}
        return {**shapes, "weight_b": (1, input_size), "weight_o": (hidden_size, hidden_size)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"S": (hidden_size, hidden_size)}

    def numbers_per_step(self, hidden_size: int) -> int:
        """Return the numbers that a step saves, and 6 copies of S: those of all steps are held, with gradients."""
        return super().numbers_per_step(hidden_size) + 6 * hidden_size**2

    def coefficients(self, weights: Weights, x: Tensor) -> Coefficients:
        """Return k and beta (v - S k) without its part of the state: k, beta k and beta v."""
        k, v = _unit(x @ weights["weight_k"].mT), functional.silu(x @ weights["weight_v"].mT)
        beta = 2 * torch.sigmoid(x @ weights["weight_b"].mT)
        return k, beta * k, beta * v

    def next_state(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return S after one step."""
        k, beta_k, beta_v = coefficients
        correction = beta_v.unsqueeze(-1) - h @ beta_k.unsqueeze(-1)
        return h + correction * k.unsqueeze(-2)

    def output_of(self, weights: Weights, x: Tensor, h: Tensor) -> Tensor:
        q = _unit(x @ weights["weight_q"].mT)
        found = (h @ q.unsqueeze(-1)).squeeze(-1) * h.shape[-1] ** -0.5
        scale = torch.rsqrt(found.square().mean(-1, keepdim=True) + RMS_EPSILON)
        output: Tensor = (found * scale) @ weights["weight_o"].mT
        return output


def _unit(sums: Tensor) -> Tensor:
    """Return silu(sums), scaled to a norm of 1."""
    values = functional.silu(sums)
    return values * torch.rsqrt(values.square().sum(-1, keepdim=True) + NORM_EPSILON)


CELL = Deltanet()
