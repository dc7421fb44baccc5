"""rnn: the simple recurrent net with tanh (Elman 1990), as torch's nn.RNN has it.

    h_t = tanh(W x_t + b + U h_(t-1) + b')

State: h, H numbers. Weights: weight_ih W (H, I), weight_hh U (H, H), bias_ih b and bias_hh b' (H).
"""

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnn_core.nets.cell import Cell, State, Weights, linear
from rnn_core.nets.recurrences import Context, Gradients, copied, gate_shapes, read_gates, weight_gradient


class Rnn(Cell):
    """h_t = tanh(W x_t + b + U h_(t-1) + b')."""

    output = "h"

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return gate_shapes(1, input_size, hidden_size)

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size,)}

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        from_input = linear(x, weights["weight_ih"], weights["bias_ih"])
        h = torch.tanh(from_input + linear(h, weights["weight_hh"], weights["bias_hh"]))
        return h, (h,)

    def numbers_a_step(self, hidden_size: int) -> int:
        return 10 * hidden_size

    def layers(self, input_size: int, hidden_size: int, count: int) -> nn.Module:
        return nn.RNN(input_size, hidden_size, count, batch_first=True)

    def read(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        output_bth, h_lbh = layers(x_bti, *state)
        return output_bth, (h_lbh,)

    def read_stacked(self, weights: Weights, x_nis: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
        return read_gates(Recurrence, weights, x_nis, state, steps)


class Recurrence(Function):
    """The steps of all nets of a stack, with their gradient."""

    @staticmethod
    def forward(ctx: Context, x_tnhb: Tensor, weight_nhh: Tensor, bias_nh: Tensor, h_nhb: Tensor) -> Tensor:
        h_tnhb = x_tnhb + bias_nh[:, :, None]
        before = h_nhb
        for h in h_tnhb:
            before = h.baddbmm_(weight_nhh, before).tanh_()
        ctx.save_for_backward(weight_nhh, h_nhb, h_tnhb)
        return h_tnhb

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> Gradients:
        dh_tnhb = copied(gradients[0])
        weight_nhh, h_nhb, h_tnhb = ctx.saved_tensors
        back_nhh = copied(weight_nhh.transpose(1, 2))
        dx_tnhb = 1 - h_tnhb.square()
        for t in reversed(range(len(dx_tnhb))):
            dx_tnhb[t].mul_(dh_tnhb[t])
            if t:
                dh_tnhb[t - 1].baddbmm_(back_nhh, dx_tnhb[t])
        return dx_tnhb, weight_gradient(dx_tnhb, h_nhb, h_tnhb), dx_tnhb.sum((0, 3)), None


CELL = Rnn()
