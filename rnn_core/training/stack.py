"""A stack: N nets of the same shape, trained together with one more axis on every tensor."""

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
from rnn_core.training.loop import Clock, Progress, rate_factor

# The end of a tensor's name gives its axes: T steps, N nets, B sequences, H hidden units, I inputs, W outputs, K
# parameters of one net, and S = T * B, all steps of all sequences in one axis. B or S is the last axis, so that weights
# multiply from the left.


class Stack:
    """The weights of N CharRNNs of the same shape.

    Arguments:
        nets: one or more nets with the same cell, hidden size, layers, encoding, inputs and outputs; they are copied.

    Attributes:
        flat_nk: all weights, (N, K).
        weights: views of `flat_nk` by the names of CharRNN's state_dict, each (N, *shape), with gradients.
    """

    def __init__(self, nets: Sequence[CharRNN]) -> None:
        first = nets[0]
        self._cell, self._layers, self._hidden_size = first.cell, first.layers, first.hidden_size
        self._encoding, self._inputs = first.encoding, first.inputs
        with torch.no_grad():
            self.flat_nk = torch.stack([torch.cat([weight.flatten() for weight in net.parameters()]) for net in nets])
        shapes = {name: weight.shape for name, weight in first.named_parameters()}
        parts_nk = self.flat_nk.split([shape.numel() for shape in shapes.values()], 1)
        self.weights = {
            name: part_nk.unflatten(1, shape).requires_grad_()
            for (name, shape), part_nk in zip(shapes.items(), parts_nk, strict=True)
        }
        self._layer_weights = [
            {name: self.weights[f"recurrent.{name}_l{layer}"] for name in self._cell.weight_names}
            for layer in range(self._layers)
        ]

    def __len__(self) -> int:
        return len(self.flat_nk)

    def load_into(self, net: CharRNN, number: int) -> CharRNN:
        """Copy the weights of one net of the stack into `net`, and return `net`.

        Arguments:
            net: a net of the same shape.
            number: which net of the stack, 0 to N - 1.
        """
        net.load_state_dict({name: weight[number].detach() for name, weight in self.weights.items()})
        return net

    def init_state(self, batch_size: int) -> list[State]:
        """Return the zero state of each layer for `batch_size` sequences of each net: each part (N, B, *shape)."""
        shapes = self._cell.state_shapes(self._hidden_size).values()
        zeros = tuple(self.flat_nk.new_zeros(len(self), batch_size, *shape) for shape in shapes)
        return [zeros] * self._layers

    def forward(self, input_nbt: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        """Do what `CharRNN.encode` and `CharRNN.forward` do, for B sequences of each net.

        Arguments:
            input_nbt: the character indices, int64, (N, B, T).
            states: the state of each layer before the first step; it gets no gradient.

        Returns:
            The logits after each step, (N, W, S), and the state of each layer after the last step, without gradient.
        """
        steps = input_nbt.shape[2]
        x_nis = self._encode(input_nbt.transpose(1, 2).flatten(1))
        last_states = []
        for weights, layer_state in zip(self._layer_weights, states, strict=True):
            x_nis, last_state = self._cell.read_layer_of_stack(weights, x_nis, layer_state, steps)
            last_states.append(last_state)
        bias_nw, weight_nwh = self.weights["readout.bias"], self.weights["readout.weight"]
        return torch.baddbmm(bias_nw[:, :, None], weight_nwh, x_nis), last_states

    def _encode(self, indices_ns: Tensor) -> Tensor:
        """Return the input of the lowest layer, (N, I, S), for character indices, (N, S)."""
        if self._encoding == "index":
            return indices_ns[:, None].to(self.flat_nk.dtype)
        if self._encoding == "onehot":
            return functional.one_hot(indices_ns, self._inputs).transpose(1, 2).to(self.flat_nk.dtype)
        # The embeddings of all nets as one table, in which the rows of net n begin at n * V.
        starts_n1 = torch.arange(len(self), device=indices_ns.device)[:, None] * self._inputs
        table_ni = self.weights["embedding.weight"].flatten(0, 1)
        return functional.embedding(indices_ns + starts_n1, table_ni).transpose(1, 2)


@dataclass(frozen=True)
class StackRecord:
    """The results of one epoch of all nets; see EpochRecord.

    Attributes:
        epoch: the number of the epoch, from 0.
        loss_n: each net's mean cross-entropy over its training predictions, nats per character, float64, (N,). A net
            has diverged in the first epoch in which its loss is not finite; it is trained no further, and its later
            losses are not finite either.
        accuracy_n: each net's share of predictions whose likeliest character is right, 0 to 1, (N,).
        stack: the nets, which the next epoch trains further.
    """

    epoch: int
    loss_n: np.ndarray
    accuracy_n: np.ndarray
    stack: Stack


def stack_key(prepared: Prepared) -> Hashable | None:
    """Return a key that is equal for configs that can be trained in one stack; None for one that cannot be stacked."""
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
    """Train one net for each member, all together, as `training.train` does it for one.

    Seed, data, learning rate, schedule, weight decay and clipping are each member's own. A net whose loss is not finite
    is trained no further; the other nets are not affected.

    Arguments:
        members: what to train, N of the same `stack_key`.
        progress: whether to yield Progress records, too. They do not change the training.

    Yields:
        A StackRecord after each epoch; with `progress`, within an epoch of more than a second, a Progress between two
        windows, at most one a second.

    Raises:
        ValueError: the members differ in their `stack_key`, or it is None.
    """
    keys = {stack_key(member) for member in members}
    if len(keys) != 1 or None in keys:
        raise ValueError(f"these configs have the stack keys {keys}; allowed: one key for all, not None")
    first = members[0].config
    torch.set_num_threads(first.threads)
    stack = Stack([member.build_net() for member in members])
    windows = [_join(of_members).to(first.device) for of_members in zip(*(m.windows for m in members), strict=True)]
    clip_n1, rate_n1, decay_n1 = (
        stack.flat_nk.new_tensor([[getattr(member.config, name)] for member in members])
        for name in ("clip", "learning_rate", "weight_decay")
    )
    clips = bool(clip_n1.any())
    clip_n1[clip_n1 == 0] = torch.inf
    adam, clock = _Adam(stack.flat_nk), Clock(progress)
    windows_read, all_windows = 0, first.epochs * len(windows)
    alive_n = torch.ones(len(members), dtype=torch.bool, device=first.device)
    loss_sum_n = torch.zeros(len(members), dtype=torch.float64, device=first.device)
    for epoch in range(first.epochs):
        loss_sum_n[alive_n] = 0  # the sum of a net that has diverged stays as it is
        correct_n, count_n = torch.zeros_like(loss_sum_n), torch.zeros_like(loss_sum_n)
        for number, window in enumerate(windows):
            if clock.due:
                loss_so_far_n = (loss_sum_n / count_n)[alive_n]
                yield Progress(epoch, number / len(windows), float(loss_so_far_n.mean()))
                clock.start()
            if window.fresh:
                states = stack.init_state(window.input_bt.shape[1])
            logits_nws, states = stack.forward(window.input_bt, states)
            loss_n, window_correct_n, predictions_n = _score(logits_nws, window)
            loss_sum_n += torch.where(alive_n, loss_n.detach() * predictions_n, 0)
            correct_n += window_correct_n
            count_n += predictions_n
            alive_n &= loss_n.detach().isfinite()
            factors = [rate_factor(member.config.schedule, windows_read / all_windows) for member in members]
            windows_read += 1
            gradient_nk = _gradient(loss_n, stack)
            if clips:  # as torch's clip_grad_norm_ does
                gradient_nk *= (clip_n1 / (gradient_nk.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1)
            # No step for nets that have diverged, or of whose window nothing counts.
            trained_n1 = (alive_n & (predictions_n > 0))[:, None].to(stack.flat_nk.dtype)
            adam.step(gradient_nk, trained_n1, rate_n1 * rate_n1.new_tensor(factors)[:, None], decay_n1)
        yield StackRecord(epoch, (loss_sum_n / count_n).cpu().numpy(), (correct_n / count_n).cpu().numpy(), stack)
        clock.start()


def _score(logits_nws: Tensor, window: Window) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each net its mean loss over the counted steps, with gradient; the number of those predicted right; and
    their number: each (N,).

    Arguments:
        logits_nws: the logits after each step.
        window: the window, as `_join` returns it.
    """
    target_ns = window.target_bt.transpose(1, 2).flatten(1)
    cross_entropy_ns = functional.cross_entropy(logits_nws, target_ns, reduction="none")
    right_ns = logits_nws.detach().max(1).indices == target_ns  # along an inner axis, max is faster than argmax
    if window.mask_bt is None:
        nets, steps = target_ns.shape
        predictions_n = torch.full((nets,), steps, dtype=torch.float64, device=target_ns.device)
    else:
        counted_ns = window.mask_bt.transpose(1, 2).flatten(1)
        cross_entropy_ns, right_ns = cross_entropy_ns * counted_ns, right_ns & counted_ns
        predictions_n = counted_ns.sum(1).double()
    return cross_entropy_ns.sum(1) / predictions_n.clamp(min=1).float(), right_ns.sum(1), predictions_n


def _gradient(loss_n: Tensor, stack: Stack) -> Tensor:
    """Return the gradient of each net's loss by its own weights, (N, K).

    The gradient of the sum is enough, because no net's loss depends on another net's weights.
    """
    gradients = torch.autograd.grad(loss_n.sum(), list(stack.weights.values()))
    return torch.cat([gradient.flatten(1) for gradient in gradients], 1)


def _join(windows: Sequence[Window]) -> Window:
    """Return the windows of N nets as one Window whose tensors have an axis more, in front: (N, B, T)."""
    masks = [window.mask_bt for window in windows]
    all_true = torch.ones(windows[0].input_bt.shape, dtype=torch.bool)
    return Window(
        torch.stack([window.input_bt for window in windows]),
        torch.stack([window.target_bt for window in windows]),
        None
        if all(mask is None for mask in masks)
        else torch.stack([all_true if mask is None else mask for mask in masks]),
        windows[0].fresh,
    )


class _Adam:
    """`rnn_core.training.adam.Adam` for N nets, each with its own learning rate, weight decay and count of steps.

    Arguments:
        weights_nk: the weights to train in place, (N, K).
    """

    def __init__(self, weights_nk: Tensor) -> None:
        self._weights_nk = weights_nk
        self._means_nk, self._squares_nk = torch.zeros_like(weights_nk), torch.zeros_like(weights_nk)
        self._steps_n1 = weights_nk.new_zeros(len(weights_nk), 1)

    @torch.no_grad()
    def step(self, gradient_nk: Tensor, trained_n1: Tensor, rate_n1: Tensor, decay_n1: Tensor) -> None:
        """Take one step.

        Arguments:
            gradient_nk: the gradients, (N, K).
            trained_n1: 1 for the nets that take the step, 0 for those that stay as they are, (N, 1).
            rate_n1: the learning rates, (N, 1).
            decay_n1: the weight decays, (N, 1).
        """
        self._steps_n1 += trained_n1
        steps_n1 = self._steps_n1.clamp(min=1)
        rate_n1 = rate_n1 * trained_n1
        self._means_nk.lerp_(gradient_nk, trained_n1 * (1 - BETA1))
        self._squares_nk.lerp_(gradient_nk.square(), trained_n1 * (1 - BETA2))
        correction1_n1, correction2_n1 = 1 - BETA1**steps_n1, 1 - BETA2**steps_n1
        denominator_nk = (self._squares_nk / correction2_n1).sqrt_().add_(EPSILON)
        if decay_n1.any():
            self._weights_nk *= 1 - rate_n1 * decay_n1
        self._weights_nk.addcdiv_(self._means_nk * (-rate_n1 / correction1_n1), denominator_nk)
