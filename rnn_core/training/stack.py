"""Many nets of one shape trained as one: CharRNN and its training with one more axis, N nets."""

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window
from rnn_core.data import Prepared
from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training.adam import BETA1, BETA2, EPSILON
from rnn_core.training.loop import Clock, Progress, step_size

# The names of tensors say their axes: T steps, N nets, B sequences, H hidden units, I inputs, W characters that may be
# said, P parameters of one net, and S = T * B, all steps of all sequences of a net in one row. Sequences stand in
# columns, so that a net's weights multiply from the left; T stands first where one step is taken after the other.


class Stack:
    """N CharRNNs of one shape, as one.

    Arguments:
        nets: the nets, all of one cell, hidden size, number of layers, encoding, inputs and outputs. They are copied.

    Attributes:
        flat_np: all weights, (N, P).
        weights: the same memory under the names of CharRNN's state_dict, each (N, ...), for autograd.
    """

    def __init__(self, nets: Sequence[CharRNN]) -> None:
        first = nets[0]
        self._cell, self._layers, self._hidden_size = first.cell, first.layers, first.hidden_size
        self._encoding, self._inputs = first.encoding, first.inputs
        with torch.no_grad():
            self.flat_np = torch.stack([torch.cat([weight.flatten() for weight in net.parameters()]) for net in nets])
        shapes = {name: weight.shape for name, weight in first.named_parameters()}
        parts_np = self.flat_np.split([shape.numel() for shape in shapes.values()], 1)
        self.weights = {
            name: part_np.unflatten(1, shape).requires_grad_()
            for (name, shape), part_np in zip(shapes.items(), parts_np, strict=True)
        }
        names = self._cell.weight_shapes(1, 1)
        self._layer_weights = [
            {name: self.weights[f"recurrent.{name}_l{layer}"] for name in names} for layer in range(self._layers)
        ]

    def __len__(self) -> int:
        return len(self.flat_np)

    def load_into(self, net: CharRNN, number: int) -> CharRNN:
        """Give a net of this shape the weights of the stack's net of that number, and return it."""
        net.load_state_dict({name: weight[number].detach() for name, weight in self.weights.items()})
        return net

    def init_hidden(self, batch_size: int) -> list[State]:
        """Return each layer's zero state for `batch_size` sequences of each net, each part (N, B, *shape)."""
        shapes = self._cell.state_shapes(self._hidden_size).values()
        zeros = tuple(self.flat_np.new_zeros(len(self), batch_size, *shape) for shape in shapes)
        return [zeros] * self._layers

    def forward(self, input_nbt: Tensor, hidden: list[State]) -> tuple[Tensor, list[State]]:
        """Read from a state: `CharRNN.encode` and `CharRNN.forward`, for every net its own sequences.

        Arguments:
            input_nbt: character indices, int64, (N, B, T).
            hidden: each layer's state before the first step, of which no gradient is taken.

        Returns:
            The logits after each step, (N, W, S), and each layer's state after the last step.
        """
        steps = input_nbt.shape[2]
        x_nis = self._encode(input_nbt.transpose(1, 2).flatten(1))
        after = []
        for weights, before in zip(self._layer_weights, hidden, strict=True):
            x_nis, state = self._cell.read_stacked(weights, x_nis, before, steps)
            after.append(state)
        bias_nw, weight_nwh = self.weights["readout.bias"], self.weights["readout.weight"]
        return torch.baddbmm(bias_nw[:, :, None], weight_nwh, x_nis), after

    def _encode(self, indices_ns: Tensor) -> Tensor:
        """Turn character indices (N, S) into the cell's input (N, I, S)."""
        if self._encoding == "index":
            return indices_ns[:, None].to(self.flat_np.dtype)
        if self._encoding == "onehot":
            return functional.one_hot(indices_ns, self._inputs).transpose(1, 2).to(self.flat_np.dtype)
        # All nets' tables as one: net n's rows begin at n V.
        starts_n1 = torch.arange(len(self), device=indices_ns.device)[:, None] * self._inputs
        table_ni = self.weights["embedding.weight"].flatten(0, 1)
        return functional.embedding(indices_ns + starts_n1, table_ni).transpose(1, 2)


@dataclass(frozen=True)
class StackRecord:
    """What one epoch of all nets came to, as an EpochRecord says it of one.

    Attributes:
        epoch: from 0.
        loss_n: mean cross-entropy over each net's training predictions, nats per character, float64, (N,). Where it is
            not finite the net has diverged, in the first such epoch, and is trained no further.
        accuracy_n: share of predictions whose likeliest character is right, 0 to 1, (N,).
        stack: the nets, which the next epoch goes on to train.
    """

    epoch: int
    loss_n: np.ndarray
    accuracy_n: np.ndarray
    stack: Stack


def stack_key(prepared: Prepared) -> Hashable | None:
    """Return what nets must have in common to be trained in one stack; None for one that is to be trained alone."""
    config = prepared.config
    if config.keep != "last":
        return None
    windows = tuple((window.input_bt.shape, window.fresh) for window in prepared.windows)
    net = (config.cell, config.hidden_size, config.layers, config.encoding, *prepared.record.alphabet_sizes)
    return *net, config.epochs, config.device, config.threads, windows


@overload
def train_stack(
    members: Sequence[Prepared], *, progress: Literal[False] = False
) -> Generator[StackRecord, None, None]: ...
@overload
def train_stack(
    members: Sequence[Prepared], *, progress: Literal[True]
) -> Generator[StackRecord | Progress, None, None]: ...
def train_stack(
    members: Sequence[Prepared], *, progress: bool = False
) -> Generator[StackRecord | Progress, None, None]:
    """Train a net for each member, all as one: what `training.train` does, with a seed, data, and numbers for each.

    Every net starts from the weights that its seed gives it alone. Clipping, the step size and the count of steps are
    each net's own; a net whose loss is not finite falls out, and the others are not touched by it.

    Arguments:
        members: what to train, all of one `stack_key`.
        progress: whether to yield Progress records, too. They change nothing about the training.

    Yields:
        A StackRecord after each epoch; with `progress`, within an epoch of more than a second, a Progress between two
        windows, at most one a second.

    Raises:
        ValueError: the members are not of one shape, or of one that cannot be stacked.
    """
    shapes = {stack_key(member) for member in members}
    if len(shapes) != 1 or None in shapes:
        raise ValueError(f"the members of a stack have one shape that can be stacked; these have {shapes}")
    first = members[0].config
    torch.set_num_threads(first.threads)
    stack = Stack([member.build_net() for member in members])
    windows = [_side_by_side(parts).to(first.device) for parts in zip(*(m.windows for m in members), strict=True)]
    clip_n1, rate_n1, decay_n1 = (
        stack.flat_np.new_tensor([[getattr(member.config, name)] for member in members])
        for name in ("clip", "learning_rate", "weight_decay")
    )
    clips = bool(clip_n1.any())
    clip_n1[clip_n1 == 0] = torch.inf
    adam, clock = _Adam(stack.flat_np), Clock(progress)
    step, steps = 0, first.epochs * len(windows)
    alive_n = torch.ones(len(members), dtype=torch.bool, device=first.device)
    loss_sum_n = torch.zeros(len(members), dtype=torch.float64, device=first.device)
    for epoch in range(first.epochs):
        loss_sum_n[alive_n] = 0  # a sum that is not finite stays
        correct_n, count_n = torch.zeros_like(loss_sum_n), torch.zeros_like(loss_sum_n)
        for number, window in enumerate(windows):
            if clock.due:
                so_far_n = (loss_sum_n / count_n)[alive_n]
                yield Progress(epoch, number / len(windows), float(so_far_n.mean()))
                clock.start()
            if window.fresh:
                hidden = stack.init_hidden(window.input_bt.shape[1])
            logits_nws, hidden = stack.forward(window.input_bt, hidden)
            target_ns = window.target_bt.transpose(1, 2).flatten(1)
            cross_entropy_ns = functional.cross_entropy(logits_nws, target_ns, reduction="none")
            right_ns = logits_nws.detach().max(1).indices == target_ns  # argmax is slow along an inner axis
            if window.mask_bt is None:
                predictions_n = torch.full_like(loss_sum_n, target_ns.shape[1])
            else:
                counted_ns = window.mask_bt.transpose(1, 2).flatten(1)
                cross_entropy_ns, right_ns = cross_entropy_ns * counted_ns, right_ns & counted_ns
                predictions_n = counted_ns.sum(1).double()
            loss_n = cross_entropy_ns.sum(1) / predictions_n.clamp(min=1).float()
            loss_sum_n += torch.where(alive_n, loss_n.detach() * predictions_n, 0)
            correct_n += right_ns.sum(1)
            count_n += predictions_n
            alive_n &= loss_n.detach().isfinite()
            shares = [step_size(member.config.schedule, step / steps) for member in members]
            step += 1
            gradient_np = _gradient(loss_n, stack)
            if clips:  # as torch's clip_grad_norm_ does
                gradient_np *= (clip_n1 / (gradient_np.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1)
            # Nothing to learn from, no step.
            takes_n1 = (alive_n & (predictions_n > 0))[:, None].to(stack.flat_np.dtype)
            adam.step(gradient_np, takes_n1, rate_n1 * rate_n1.new_tensor(shares)[:, None], decay_n1)
        yield StackRecord(epoch, (loss_sum_n / count_n).cpu().numpy(), (correct_n / count_n).cpu().numpy(), stack)
        clock.start()


def _gradient(loss_n: Tensor, stack: Stack) -> Tensor:
    """Return the gradient of each net's own loss, (N, P)."""
    parts = torch.autograd.grad(loss_n.sum(), list(stack.weights.values()))
    return torch.cat([part.flatten(1) for part in parts], 1)


def _side_by_side(windows: Sequence[Window]) -> Window:
    """Put the windows of N nets into one, its tensors (N, B, T)."""
    masks = [window.mask_bt for window in windows]
    everything = torch.ones(windows[0].input_bt.shape, dtype=torch.bool)
    return Window(
        torch.stack([window.input_bt for window in windows]),
        torch.stack([window.target_bt for window in windows]),
        None
        if all(mask is None for mask in masks)
        else torch.stack([everything if mask is None else mask for mask in masks]),
        windows[0].fresh,
    )


class _Adam:
    """`rnn_core.training.adam.Adam` for weights (N, P) whose rows take, or do not take, their own steps."""

    def __init__(self, weights_np: Tensor) -> None:
        self._weights_np = weights_np
        self._means_np, self._squares_np = torch.zeros_like(weights_np), torch.zeros_like(weights_np)
        self._steps_n1 = weights_np.new_zeros(len(weights_np), 1)

    @torch.no_grad()
    def step(self, gradient_np: Tensor, takes_n1: Tensor, rate_n1: Tensor, decay_n1: Tensor) -> None:
        """Take one step along the gradients in the rows where `takes_n1` is 1, none where it is 0."""
        self._steps_n1 += takes_n1
        steps_n1 = self._steps_n1.clamp(min=1)
        rate_n1 = rate_n1 * takes_n1
        self._means_np.lerp_(gradient_np, takes_n1 * (1 - BETA1))
        self._squares_np.lerp_(gradient_np.square(), takes_n1 * (1 - BETA2))
        bias1_n1, bias2_n1 = 1 - BETA1**steps_n1, 1 - BETA2**steps_n1
        spread_np = (self._squares_np / bias2_n1).sqrt_().add_(EPSILON)
        if decay_n1.any():
            self._weights_np *= 1 - rate_n1 * decay_n1
        self._weights_np.addcdiv_(self._means_np * (-rate_n1 / bias1_n1), spread_np)
