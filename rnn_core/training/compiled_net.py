"""Reads the strings of one net's training windows by the compiled loops of `rnn_core.compiled`, for `training.loop`.

Only the steps that exist are read. For torch, a window is one operation with a gradient.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnn_core.batching import Window
from rnn_core.data import Prepared
from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record
from rnn_core.training.compiled_stack import can_compile, net_shape, pack, thread_limit


def reads_compiled(record: Record) -> bool:
    """Return whether a net that is trained alone is read by compiled loops: it reads strings, and `can_compile`."""
    return bool(record.mark) and can_compile(record.config)


def road_alone(record: Record) -> str:
    """Return the value of the tag `training_road` for a net that is trained alone; last bits depend on it."""
    return "torch, compiled reading" if reads_compiled(record) else "torch"


class CompiledNet:
    """A net and the training windows of an epoch, as the compiled loops take them.

    Arguments:
        prepared: what is trained; `reads_compiled` of its record.
        net: the net that it is trained in.
        windows: the windows of an epoch.
    """

    def __init__(self, prepared: Prepared, net: CharRNN, windows: Sequence[Window]) -> None:
        from rnn_core.compiled.entries import entries_of

        self._net, self._entries, self._limit = net, entries_of(prepared.config.cell), thread_limit()
        self._shape = net_shape(prepared)
        self.take(windows)

    def take(self, windows: Sequence[Window]) -> None:
        """Take the windows of an epoch in place of those before."""
        self._data = pack([windows])
        net = self._net
        steps, rows = int(np.diff(self._data.step_starts).max()), int(self._data.sizes_t.max())
        self._state_shape = (net.layers, 2, rows, net.hidden_size)
        self._buffers = self._entries.make_buffers(self._shape, steps, rows, net.readout.weight.detach().numpy())

    def read(self, number: int, hidden: State) -> tuple[Tensor, Tensor, State]:
        """Read a window.

        Arguments:
            number: the number of the window in its epoch.
            hidden: the state after the window before it; of no meaning for a window that is read from a zero state.

        Returns:
            The logits after the steps that count, (S, W); the targets of these steps, (S,); and the state after the
            window, one tensor, (L, 2, B, H).
        """
        data = self._data
        steps = slice(data.step_starts[number], data.step_starts[number + 1])
        sizes_t = data.sizes_t[data.size_starts[number] : data.size_starts[number + 1]]
        weight = self._net.readout.weight
        state_lpbh = weight.new_zeros(self._state_shape) if data.fresh[number] else hidden[0].clone()
        flat_k = torch.cat([parameter.flatten() for parameter in self._net.parameters()])
        logits_sw: Tensor = _Reading.apply(flat_k, self, data.read_s[steps], sizes_t, state_lpbh)  # type: ignore[no-untyped-call]
        target_s, counted_s = torch.from_numpy(data.target_s[steps]), torch.from_numpy(data.counted_s[steps])
        if not counted_s.all():
            logits_sw, target_s = logits_sw[counted_s], target_s[counted_s]
        return logits_sw, target_s.long(), (state_lpbh,)

    def forward(self, flat_k: Tensor, *window: Any) -> Tensor:
        """Return the logits after all steps of a window, (S, W).

        Arguments:
            flat_k: the weights.
            *window: the characters, the sizes and the state, as `compiled.reading.forward` takes them.
        """
        with self._limit():
            self._entries.read(flat_k.numpy(), self._shape, *window, self._buffers)
        return torch.from_numpy(self._buffers.logits_sw[: len(window[0])]).clone()

    def backward(self, flat_k: Tensor, dlogits_sw: Tensor, *window: Any) -> Tensor:
        """Return the gradient by the weights, (K,). The last window that `forward` has read must be this one.

        Arguments:
            flat_k: the weights.
            dlogits_sw: the gradient by the logits.
            *window: the characters and the sizes, as `compiled.reading.backward` takes them.
        """
        gradient_k = torch.empty_like(flat_k)
        self._buffers.logits_sw[: len(dlogits_sw)] = dlogits_sw.numpy()
        with self._limit():
            self._entries.read_back(flat_k.numpy(), self._shape, *window, gradient_k.numpy(), self._buffers)
        return gradient_k


class _Reading(torch.autograd.Function):
    """The logits after all steps of a window, with their gradient by the weights."""

    @staticmethod
    def forward(ctx: Any, flat_k: Tensor, net: CompiledNet, read_s: Any, sizes_t: Any, state_lpbh: Tensor) -> Tensor:
        ctx.save_for_backward(flat_k)
        ctx.net, ctx.window = net, (read_s, sizes_t)
        return net.forward(flat_k, read_s, sizes_t, state_lpbh.numpy())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dlogits_sw: Tensor) -> tuple[Tensor | None, ...]:
        (flat_k,) = ctx.saved_tensors
        return ctx.net.backward(flat_k, dlogits_sw, *ctx.window), None, None, None, None
