"""deltanet: a matrix of associations, corrected by the delta rule (Schlag et al. 2021, Yang et al. 2024), one head.

    q = silu(W_q x_t) / |silu(W_q x_t)|,  k likewise with W_k,  v = silu(W_v x_t),  beta = 2 sigmoid(w_b x_t)
    S_t = S_(t-1) - beta (S_(t-1) k - v) k^T
    y_t = W_o rmsnorm(S_t q / sqrt(H)),  rmsnorm(u) = u / sqrt(mean(u^2) + 1e-5)

A norm is the root of the sum of squares and 1e-6, so that a key of 0 stays 0. Along k the state is multiplied by
1 - beta, in (-1, 1), as Grazzi et al. 2025 allow it: one reflection a step. Keys, queries and values have H numbers.
There is no short convolution before them, and no gain in the norm, which W_o could take in.

Several steps are taken at once without the states between them (Yang et al. 2024). With u_t = beta (v - S_(t-1) k) of
step t, S_t is S_0 + sum of u_i k_i^T over i <= t, so that the u solve a triangular system:

    u_t + sum of (k_i . beta k_t) u_i over i < t  =  beta v_t - S_0 beta k_t
    S_t q_t = S_0 q_t + sum of (k_i . q_t) u_i over i <= t

State: S, (H, H), one row for each number of v. Weights: weight_q, weight_k and weight_v (H, I), weight_b w_b (1, I),
weight_o W_o (H, H).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.nets.cell import State, Weights, layer_weights
from rnn_core.nets.linear_cell import Coefficients, LinearCell

NORM_EPSILON, RMS_EPSILON = 1e-6, 1e-5

STEPS_AT_ONCE = 32
"""The most steps that are taken at once."""


class Deltanet(LinearCell):
    """S_t = S_(t-1) (1 - beta k k^T) + beta v k^T, read by a query."""

    version = 1  # several steps are taken at once

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        shapes = {f"weight_{name}": (hidden_size, input_size) for name in ("q", "k", "v")}
        return {**shapes, "weight_b": (1, input_size), "weight_o": (hidden_size, hidden_size)}

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"S": (hidden_size, hidden_size)}

    def numbers_per_step(self, hidden_size: int) -> int:
        """Return the numbers as measured: those of the steps, of each pair of steps at once, and of S between them."""
        return 36 * hidden_size + 6 * STEPS_AT_ONCE + 6 * hidden_size**2 // STEPS_AT_ONCE

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
        return self._output(weights, (h @ self._query(weights, x).unsqueeze(-1)).squeeze(-1))

    def read(self, layers: Any, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences, several steps at once."""
        steps, output_sh, last_states = x_bti.shape[1], x_bti.transpose(0, 1).flatten(0, 1), []
        for layer, h_b in enumerate(state[0]):
            of_one_net = {name: weight[None] for name, weight in layer_weights(self, layers, layer).items()}
            output_nsh, last_nb = self.read_window(of_one_net, output_sh[None], h_b[None], steps)
            output_sh = output_nsh[0]
            last_states.append(last_nb[0])
        return output_sh.unflatten(0, (steps, -1)).transpose(0, 1), (torch.stack(last_states),)

    def read_window(self, weights: Weights, x_nsi: Tensor, h_nb: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Read a window with one layer of N nets, STEPS_AT_ONCE steps at a time."""

        def by_sequence(part_nsk: Tensor) -> Tensor:
            part_nbtk: Tensor = part_nsk.unflatten(1, (steps, -1)).transpose(1, 2)
            return part_nbtk

        parts = (*self.coefficients(weights, x_nsi), self._query(weights, x_nsi))
        found = []
        for k, beta_k, beta_v, q in zip(*(by_sequence(part).split(STEPS_AT_ONCE, 2) for part in parts), strict=True):
            overlaps = (beta_k @ k.mT).tril(-1)
            u = torch.linalg.solve_triangular(overlaps, beta_v - beta_k @ h_nb.mT, upper=False, unitriangular=True)
            found.append(q @ h_nb.mT + (q @ k.mT).tril() @ u)
            h_nb = h_nb + u.mT @ k
        found_nsh = torch.cat(found, 2).transpose(1, 2).flatten(1, 2)
        return self._output(weights, found_nsh), h_nb

    def _query(self, weights: Weights, x: Tensor) -> Tensor:
        """Return q, (..., B, H)."""
        return _unit(x @ weights["weight_q"].mT)

    def _output(self, weights: Weights, found: Tensor) -> Tensor:
        """Return the output for what the query finds, S q, (..., B, H)."""
        found = found * found.shape[-1] ** -0.5
        scale = torch.rsqrt(found.square().mean(-1, keepdim=True) + RMS_EPSILON)
        output: Tensor = (found * scale) @ weights["weight_o"].mT
        return output


def _unit(sums: Tensor) -> Tensor:
    """Return silu(sums), scaled to a norm of 1."""
    values = functional.silu(sums)
    return values * torch.rsqrt(values.square().sum(-1, keepdim=True) + NORM_EPSILON)


CELL = Deltanet()
