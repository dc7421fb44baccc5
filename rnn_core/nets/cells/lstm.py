"""lstm: long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997, Gers et al. 2000), as nn.LSTM has it.

    i = sigmoid(W_i x_t + b_i + U_i h_(t-1) + b'_i), f and o likewise; g likewise with tanh
    c_t = f * c_(t-1) + i * g
    h_t = o * tanh(c_t)

State: h and c, (H,) each; h is the output. Weights: weight_ih (4 H, I) and bias_ih (4 H,) for x, weight_hh (4 H, H) and
bias_hh (4 H,) for h; their rows are those of i, then f, then g, then o.
"""

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnn_core.nets.cell import State, Weights, linear
from rnn_core.nets.torch_cell import Context, Gradients, TorchCell, contiguous_copy, states_before, weight_gradient


class Recurrence(Function):
    """All steps of all nets of a stack, with the gradient; see `torch_cell` for arguments and results."""

    @staticmethod
    def forward(
        ctx: Context, x_tngb: Tensor, weight_ngh: Tensor, bias_ng: Tensor, h_nhb: Tensor, c_nhb: Tensor
    ) -> tuple[Tensor, Tensor]:
        size = h_nhb.shape[1]
        gates_tngb = x_tngb + bias_ng[:, :, None]
        h_tnhb = x_tngb.new_empty(len(x_tngb), *h_nhb.shape)
        c_tnhb = torch.empty_like(h_tnhb)
        previous_h, previous_c = h_nhb, c_nhb
        for gates, h, c in zip(gates_tngb, h_tnhb, c_tnhb, strict=True):
            gates.baddbmm_(weight_ngh, previous_h)
            gates[:, : 2 * size].sigmoid_()
            i, f, g, o = gates.split(size, 1)
            g.tanh_()
            o.sigmoid_()
            previous_c = torch.mul(f, previous_c, out=c).addcmul_(i, g)
            previous_h = torch.tanh(previous_c, out=h).mul_(o)
        ctx.save_for_backward(weight_ngh, h_nhb, h_tnhb, c_nhb, c_tnhb, gates_tngb)
        return h_tnhb, c_tnhb[-1].clone()

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> Gradients:
        dh_tnhb = contiguous_copy(gradients[0])
        weight_ngh, h_nhb, h_tnhb, c_nhb, c_tnhb, gates_tngb = ctx.saved_tensors
        size = h_nhb.shape[1]
        transposed_nhg = contiguous_copy(weight_ngh.transpose(1, 2))
        i, f, g, o = gates_tngb.split(size, 2)
        tanh_tnhb = c_tnhb.tanh()
        to_c = o * (1 - tanh_tnhb.square())
        # The derivative by each gate's sum: of c for i, f and g, of h for o.
        dx_tngb = torch.cat(
            [
                g * i * (1 - i),
                states_before(c_nhb, c_tnhb) * f * (1 - f),
                i * (1 - g.square()),
                tanh_tnhb * o * (1 - o),
            ],
            2,
        )
        dc = contiguous_copy(gradients[1])
        for t in reversed(range(len(dx_tngb))):
            dc.addcmul_(dh_tnhb[t], to_c[t])
            dx_tngb[t, :, : 3 * size].unflatten(1, (3, size)).mul_(dc[:, None])
            dx_tngb[t, :, 3 * size :].mul_(dh_tnhb[t])
            dc.mul_(f[t])
            if t:
                dh_tnhb[t - 1].baddbmm_(transposed_nhg, dx_tngb[t])
        dfirst_nhb = transposed_nhg @ dx_tngb[0]
        return dx_tngb, weight_gradient(dx_tngb, h_nhb, h_tnhb), dx_tngb.sum((0, 3)), dfirst_nhb, dc


class Lstm(TorchCell):
    """c_t = f * c_(t-1) + i * g, and h_t = o * tanh(c_t)."""

    gates = 4
    numbers_per_unit = 32
    torch_layers = nn.LSTM
    recurrence = Recurrence

    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"h": (hidden_size,), "c": (hidden_size,)}

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, c = state
        from_input = linear(x, weights["weight_ih"], weights["bias_ih"])
        i, f, g, o = (from_input + linear(h, weights["weight_hh"], weights["bias_hh"])).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)


CELL = Lstm()
