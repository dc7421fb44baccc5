"""relu: the simple recurrent net with a rectifier in place of tanh, as torch's nn.RNN has it (nonlinearity="relu").

    h_t = max(0, W x_t + b + U h_(t-1) + b')

State: h, (H,), none of it negative. Weights: weight_ih W (H, I), weight_hh U (H, H), bias_ih b and bias_hh b' (H,).
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnn_core.nets.cell import State, Weights, linear
from rnn_core.nets.torch_cell import Context, Gradients, TorchCell, read_one_gate, read_one_gate_back


class Recurrence(Function):
    """All steps of all nets of a stack, with the gradient; see `torch_cell` for arguments and results."""

    @staticmethod
    def forward(ctx: Context, x_tnhb: Tensor, weight_nhh: Tensor, bias_nh: Tensor, h_nhb: Tensor) -> Tensor:
        h_tnhb = read_one_gate(Tensor.relu_, x_tnhb, weight_nhh, bias_nh, h_nhb)
        ctx.save_for_backward(weight_nhh, h_nhb, h_tnhb)
        return h_tnhb

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> Gradients:
        weight_nhh, h_nhb, h_tnhb = ctx.saved_tensors
        slope_tnhb = (h_tnhb > 0).to(h_tnhb.dtype)
        return read_one_gate_back(gradients[0], slope_tnhb, weight_nhh, h_nhb, h_tnhb)


class Relu(TorchCell):
    """h_t = max(0, W x_t + b + U h_(t-1) + b')."""

    gates = 1
    numbers_per_unit = 10
    torch_layers = staticmethod(partial(nn.RNN, nonlinearity="relu"))
    recurrence = Recurrence

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        from_input = linear(x, weights["weight_ih"], weights["bias_ih"])
        h = torch.relu(from_input + linear(h, weights["weight_hh"], weights["bias_hh"]))
        return h, (h,)


CELL = Relu()
