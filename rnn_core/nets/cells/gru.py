"""gru: the gated recurrent unit (Cho et al. 2014), as torch's nn.GRU has it.

    r = sigmoid(W_r x_t + b_r + U_r h_(t-1) + b'_r), z likewise
    n = tanh(W_n x_t + b_n + r * (U_n h_(t-1) + b'_n))
    h_t = (1 - z) * n + z * h_(t-1)

State: h, (H,). Weights: weight_ih (3 H, I) and bias_ih (3 H,) for x, weight_hh (3 H, H) and bias_hh (3 H,) for h; their
rows are those of r, then z, then n.
"""

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnn_core.nets.cell import State, Weights, linear
from rnn_core.nets.torch_cell import Context, Gradients, TorchCell, contiguous_copy, states_before, weight_gradient


class Recurrence(Function):
    """All steps of all nets of a stack, with the gradient; see `torch_cell` for arguments and results."""

    @staticmethod
    def forward(ctx: Context, x_tngb: Tensor, weight_ngh: Tensor, bias_ng: Tensor, h_nhb: Tensor) -> Tensor:
        size = h_nhb.shape[1]
        gates_tngb, inner_tnhb = torch.empty_like(x_tngb), x_tngb.new_empty(len(x_tngb), *h_nhb.shape)
        h_tnhb = torch.empty_like(inner_tnhb)
        previous_h = h_nhb
        bias_ngb = bias_ng[:, :, None].expand(*x_tngb.shape[1:])
        for x, gates, inner, h in zip(x_tngb, gates_tngb, inner_tnhb, h_tnhb, strict=True):
            from_state = torch.baddbmm(bias_ngb, weight_ngh, previous_h)
            r, z, n = gates.split(size, 1)
            inner.copy_(from_state[:, 2 * size :])
            torch.add(x[:, : 2 * size], from_state[:, : 2 * size], out=gates[:, : 2 * size]).sigmoid_()
            torch.addcmul(x[:, 2 * size :], r, inner, out=n).tanh_()
            previous_h = torch.sub(previous_h, n, out=h).mul_(z).add_(n)
        ctx.save_for_backward(weight_ngh, h_nhb, h_tnhb, gates_tngb, inner_tnhb)
        return h_tnhb

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> Gradients:
        dh_tnhb = contiguous_copy(gradients[0])
        weight_ngh, h_nhb, h_tnhb, gates_tngb, inner_tnhb = ctx.saved_tensors
        size = h_nhb.shape[1]
        transposed_nhg = contiguous_copy(weight_ngh.transpose(1, 2))
        r, z, n = gates_tngb.split(size, 2)
        before_tnhb = states_before(h_nhb, h_tnhb)
        # The derivative of h by each gate's sum over the input. By the sums over the state it is the same, except in n.
        to_n = (1 - z) * (1 - n.square())
        dx_tngb = torch.cat([to_n * inner_tnhb * r * (1 - r), (before_tnhb - n) * z * (1 - z), to_n], 2)
        dstate_tngb = torch.cat([dx_tngb[:, :, : 2 * size], to_n * r], 2)
        for t in reversed(range(len(dx_tngb))):
            dstate_tngb[t].unflatten(1, (3, size)).mul_(dh_tnhb[t, :, None])
            if t:
                dh_tnhb[t - 1].addcmul_(dh_tnhb[t], z[t]).baddbmm_(transposed_nhg, dstate_tngb[t])
        dx_tngb.unflatten(2, (3, size)).mul_(dh_tnhb[:, :, None])
        dfirst_nhb = (dh_tnhb[0] * z[0]).baddbmm_(transposed_nhg, dstate_tngb[0])
        return dx_tngb, weight_gradient(dstate_tngb, h_nhb, h_tnhb), dstate_tngb.sum((0, 3)), dfirst_nhb


class Gru(TorchCell):
    """h_t = (1 - z) * n + z * h_(t-1), with a reset gate r within n."""

    gates = 3
    numbers_per_unit = 28
    torch_layers = nn.GRU
    recurrence = Recurrence

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        input_r, input_z, input_n = linear(x, weights["weight_ih"], weights["bias_ih"]).chunk(3, -1)
        state_r, state_z, state_n = linear(h, weights["weight_hh"], weights["bias_hh"]).chunk(3, -1)
        r, z = torch.sigmoid(input_r + state_r), torch.sigmoid(input_z + state_z)
        n = torch.tanh(input_n + r * state_n)
        h = n + z * (h - n)
        return h, (h,)


CELL = Gru()
