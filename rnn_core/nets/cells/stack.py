"""stack: a tanh net with a stack that it pushes to and pops from by shares (Joulin & Mikolov 2015).

    h_t = tanh(W x_t + U h_(t-1) + P s_(t-1)[0] + b)
    a = softmax(A h_t + b_a), the shares of push, pop and leave;  u = sigmoid(D h_t + b_d)
    s_t[0] = a_push u + a_pop s_(t-1)[1] + a_leave s_(t-1)[0]
    s_t[i] = a_push s_(t-1)[i-1] + a_pop s_(t-1)[i+1] + a_leave s_(t-1)[i] for i > 0;  s is 0 below its bottom

Only the top row is read, where the paper reads the top k. With every step the stack gets one row more, so that nothing
is lost, up to 512 rows; what is pushed below them is lost. Rows of zeros at the bottom change nothing.

State: h, (H,), and s, (rows, 8), the top row first; h is the output. Weights: weight_x W (H, I), weight_h U (H, H),
weight_s P (H, 8), bias b (H,), weight_a A (3, H), bias_a b_a (3,), weight_d D (8, H), bias_d b_d (8,).
"""

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.nets.cell import Cell, State, Weights, linear

WIDTH = 8
"""The numbers in a row of the stack."""

MAX_ROWS = 512
"""The most rows of the stack."""

NUMBERS_OF_ROWS = 8 * 200 * WIDTH
"""The numbers that training holds of the rows at each step, as measured for windows of 300 steps: 8 copies of 200 rows,
since memory does not fit again what grows with each step. Shorter windows need less."""


class StackCell(Cell):
    """h_t = tanh(W x_t + U h_(t-1) + P s_(t-1)[0] + b), with a stack s."""

    output = "h"
    growing = ("s",)

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        into_h = {"x": input_size, "h": hidden_size, "s": WIDTH}
        return {
            **{f"weight_{name}": (hidden_size, size) for name, size in into_h.items()},
            "bias": (hidden_size,),
            "weight_a": (3, hidden_size),
            "bias_a": (3,),
            "weight_d": (WIDTH, hidden_size),
            "bias_d": (WIDTH,),
        }

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size,), "s": (1, WIDTH)}

    def numbers_per_step(self, hidden_size: int) -> int:
        """Return the numbers of a step with one row, and those of many rows."""
        return super().numbers_per_step(hidden_size) + NUMBERS_OF_ROWS

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, s = state
        from_stack = s[..., 0, :] @ weights["weight_s"].mT
        h = torch.tanh(linear(x, weights["weight_x"], weights["bias"]) + h @ weights["weight_h"].mT + from_stack)
        shares = torch.softmax(linear(h, weights["weight_a"], weights["bias_a"]), -1)
        push, pop, leave = shares[..., None, None].unbind(-3)
        pushed = torch.sigmoid(linear(h, weights["weight_d"], weights["bias_d"])).unsqueeze(-2)
        moved_down, moved_up = torch.cat([pushed, s], -2), functional.pad(s[..., 1:, :], (0, 0, 0, 2))
        s = push * moved_down + pop * moved_up + leave * functional.pad(s, (0, 0, 0, 1))
        return h, (h, s[..., :MAX_ROWS, :])


CELL = StackCell()
