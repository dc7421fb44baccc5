"""The recurrences of all nets of a stack, step by step, with their gradients: one class for each cell."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

# The names of tensors say their axes: T steps, N nets, B sequences, H hidden units, G gates times H, and S = T * B, all
# steps of all sequences of a net in one row. Sequences stand in columns, so that a net's weights multiply from the
# left; T stands first, so that one step lies side by side.


class _Rnn(Function):
    """h_t = tanh(x_t + W h_(t-1))."""

    @staticmethod
    def forward(ctx: Any, x_tnhb: Tensor, weight_nhh: Tensor, bias_nh: Tensor, h_nhb: Tensor) -> Tensor:
        h_tnhb = x_tnhb + bias_nh[:, :, None]
        before = h_nhb
        for h in h_tnhb:
            before = h.baddbmm_(weight_nhh, before).tanh_()
        ctx.save_for_backward(weight_nhh, h_nhb, h_tnhb)
        return h_tnhb

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        dh_tnhb = _own(gradients[0])
        weight_nhh, h_nhb, h_tnhb = ctx.saved_tensors
        back_nhh = _own(weight_nhh.transpose(1, 2))
        dx_tnhb = 1 - h_tnhb.square()
        for t in reversed(range(len(dx_tnhb))):
            dx_tnhb[t].mul_(dh_tnhb[t])
            if t:
                dh_tnhb[t - 1].baddbmm_(back_nhh, dx_tnhb[t])
        return dx_tnhb, _outer(dx_tnhb, h_nhb, h_tnhb), dx_tnhb.sum((0, 3)), None


class _Gru(Function):
    """The gates r, z, n in torch's order: n = tanh(x_n + r (W_n h + b_n)), h_t = n + z (h_(t-1) - n)."""

    @staticmethod
    def forward(ctx: Any, x_tngb: Tensor, weight_ngh: Tensor, bias_ng: Tensor, h_nhb: Tensor) -> Tensor:
        size = h_nhb.shape[1]
        gates_tngb, inner_tnhb = torch.empty_like(x_tngb), x_tngb.new_empty(len(x_tngb), *h_nhb.shape)
        h_tnhb = torch.empty_like(inner_tnhb)
        before = h_nhb
        bias_ngb = bias_ng[:, :, None].expand(*x_tngb.shape[1:])
        for x, gates, inner, h in zip(x_tngb, gates_tngb, inner_tnhb, h_tnhb, strict=True):
            own = torch.baddbmm(bias_ngb, weight_ngh, before)
            r, z, n = gates.split(size, 1)
            inner.copy_(own[:, 2 * size :])
            torch.add(x[:, : 2 * size], own[:, : 2 * size], out=gates[:, : 2 * size]).sigmoid_()
            torch.addcmul(x[:, 2 * size :], r, inner, out=n).tanh_()
            before = torch.sub(before, n, out=h).mul_(z).add_(n)
        ctx.save_for_backward(weight_ngh, h_nhb, h_tnhb, gates_tngb, inner_tnhb)
        return h_tnhb

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        dh_tnhb = _own(gradients[0])
        weight_ngh, h_nhb, h_tnhb, gates_tngb, inner_tnhb = ctx.saved_tensors
        size = h_nhb.shape[1]
        back_nhg = _own(weight_ngh.transpose(1, 2))
        r, z, n = gates_tngb.split(size, 2)
        before_tnhb = _before(h_nhb, h_tnhb)
        # What dh is multiplied with to reach each gate's sum: from the input, and from the state, which differ in n.
        to_n = (1 - z) * (1 - n.square())
        dx_tngb = torch.cat([to_n * inner_tnhb * r * (1 - r), (before_tnhb - n) * z * (1 - z), to_n], 2)
        down_tngb = torch.cat([dx_tngb[:, :, : 2 * size], to_n * r], 2)
        for t in reversed(range(len(dx_tngb))):
            down_tngb[t].unflatten(1, (3, size)).mul_(dh_tnhb[t, :, None])
            if t:
                dh_tnhb[t - 1].addcmul_(dh_tnhb[t], z[t]).baddbmm_(back_nhg, down_tngb[t])
        dx_tngb.unflatten(2, (3, size)).mul_(dh_tnhb[:, :, None])
        return dx_tngb, _outer(down_tngb, h_nhb, h_tnhb), down_tngb.sum((0, 3)), None


class _Lstm(Function):
    """The gates i, f, g, o in torch's order: c_t = f c_(t-1) + i g, h_t = o tanh(c_t)."""

    @staticmethod
    def forward(
        ctx: Any, x_tngb: Tensor, weight_ngh: Tensor, bias_ng: Tensor, h_nhb: Tensor, c_nhb: Tensor
    ) -> tuple[Tensor, Tensor]:
        size = h_nhb.shape[1]
        gates_tngb = x_tngb + bias_ng[:, :, None]
        h_tnhb = x_tngb.new_empty(len(x_tngb), *h_nhb.shape)
        c_tnhb = torch.empty_like(h_tnhb)
        before, cell = h_nhb, c_nhb
        for gates, h, c in zip(gates_tngb, h_tnhb, c_tnhb, strict=True):
            gates.baddbmm_(weight_ngh, before)
            gates[:, : 2 * size].sigmoid_()
            i, f, g, o = gates.split(size, 1)
            g.tanh_()
            o.sigmoid_()
            cell = torch.mul(f, cell, out=c).addcmul_(i, g)
            before = torch.tanh(cell, out=h).mul_(o)
        ctx.save_for_backward(weight_ngh, h_nhb, h_tnhb, c_nhb, c_tnhb, gates_tngb)
        last = c_tnhb[-1].clone()
        ctx.mark_non_differentiable(last)
        return h_tnhb, last

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        dh_tnhb = _own(gradients[0])
        weight_ngh, h_nhb, h_tnhb, c_nhb, c_tnhb, gates_tngb = ctx.saved_tensors
        size = h_nhb.shape[1]
        back_nhg = _own(weight_ngh.transpose(1, 2))
        i, f, g, o = gates_tngb.split(size, 2)
        tanh_tnhb = c_tnhb.tanh()
        to_c = o * (1 - tanh_tnhb.square())
        # What dc (for o: dh) is multiplied with to reach each gate's sum.
        dx_tngb = torch.cat(
            [g * i * (1 - i), _before(c_nhb, c_tnhb) * f * (1 - f), i * (1 - g.square()), tanh_tnhb * o * (1 - o)], 2
        )
        dc = torch.zeros_like(c_nhb)
        for t in reversed(range(len(dx_tngb))):
            dc.addcmul_(dh_tnhb[t], to_c[t])
            dx_tngb[t, :, : 3 * size].unflatten(1, (3, size)).mul_(dc[:, None])
            dx_tngb[t, :, 3 * size :].mul_(dh_tnhb[t])
            if t:
                dh_tnhb[t - 1].baddbmm_(back_nhg, dx_tngb[t])
                dc.mul_(f[t])
        return dx_tngb, _outer(dx_tngb, h_nhb, h_tnhb), dx_tngb.sum((0, 3)), None, None


def _outer(d_tngb: Tensor, h_nhb: Tensor, h_tnhb: Tensor) -> Tensor:
    """Return the gradient of recurrent weights: d_t h_(t-1)^T summed over steps and sequences, (N, G, H)."""
    return row(d_tngb) @ row(_before(h_nhb, h_tnhb)).transpose(1, 2)


def _before(first_nhb: Tensor, h_tnhb: Tensor) -> Tensor:
    """Return the state before each step."""
    return torch.cat([first_nhb[None], h_tnhb[:-1]])


def _own(x: Tensor) -> Tensor:
    """Return a copy whose memory is in the order of its axes: what is worked on step by step lies side by side."""
    return x.clone(memory_format=torch.contiguous_format)


def row(x_tngb: Tensor) -> Tensor:
    """Put the steps of all sequences of a net into one row: (T, N, G, B) to (N, G, S)."""
    return x_tngb.permute(1, 2, 0, 3).flatten(2)


RECURRENCES: dict[str, type[Function]] = {"rnn": _Rnn, "gru": _Gru, "lstm": _Lstm}
"""The cells that can be stacked; nets of any other cell are trained alone."""
