"""train_stack(members): the loop for N nets of the same shape, which are trained together as one stack."""

from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window
from rnn_core.blocks import by_length, into_blocks, read_in_blocks, row_lengths
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared
from rnn_core.limits import bytes_per_stacked_net
from rnn_core.nets.cell import detach
from rnn_core.training.compiled_stack import can_compile, train_slices
from rnn_core.training.loop import Clock, Progress, rate_factor
from rnn_core.training.stack_state import StackState
from rnn_core.training.stacked_nets import Stack

# The end of a tensor's name gives its axes: T steps, N nets, B sequences, H hidden units, I inputs, W outputs, K
# parameters of one net, and S = T * B, all steps of all sequences in one axis. B or S is the last axis, so that weights
# multiply from the left.


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


def why_not_stacked(config: TrainConfig) -> str:
    """Return the setting, such as `keep=best`, for which a config cannot be trained in a stack; empty if it can."""
    if config.keep != "last":
        return f"keep={config.keep}"
    # With a curriculum, what a net reads depends on its own losses.
    return "" if config.draws == "once" else f"draws={config.draws}"


def stack_key(prepared: Prepared) -> Hashable | None:
    """Return a key that is equal for configs that can be trained in one stack; None for one that cannot be stacked."""
    config = prepared.config
    if why_not_stacked(config):
        return None
    net = (config.cell, config.hidden_size, config.layers, config.encoding, *prepared.record.alphabet_sizes)
    if can_compile(config):  # then each net is trained by itself
        return *net, config.epochs, config.device, config.threads
    windows = tuple((window.input_bt.shape, window.fresh) for window in prepared.windows)
    return *net, config.epochs, config.device, config.threads, windows


def road(config: TrainConfig) -> str:
    """Return by what a stack of nets of a config is trained, `compiled` or `torch stack`; last bits depend on it."""
    return "compiled" if can_compile(config) else "torch stack"


def bytes_a_net(prepared: Prepared) -> int:
    """Return an estimate of the memory that one net of a stack needs for its training, in bytes."""
    if not can_compile(prepared.config):
        return bytes_per_stacked_net(prepared.record, prepared.windows)
    # Per parameter the weight, Adam's two moments, and the copy that is kept; of each step input, target and mask, as
    # windows and packed; two results an epoch; and the state. Only the few nets that are at work read a window.
    data = sum(window.input_bt.numel() for window in prepared.windows) * (17 + 9)
    config = prepared.config
    state = 8 * config.layers * max(len(window.input_bt) for window in prepared.windows) * config.hidden_size
    return 16 * prepared.record.parameter_count + data + 16 * config.epochs + state


@overload
def train_stack(
    members: Sequence[Prepared], state: StackState | None = None, *, progress: Literal[False] = False
) -> Generator[StackRecord, None, None]: ...
@overload
def train_stack(
    members: Sequence[Prepared], state: StackState | None = None, *, progress: Literal[True]
) -> Generator[StackRecord | Progress, None, None]: ...
def train_stack(
    members: Sequence[Prepared], state: StackState | None = None, *, progress: bool = False
) -> Generator[StackRecord | Progress, None, None]:
    """Train one net for each member, all together, as `training.train` does it for one.

    Seed, data, learning rate, schedule, weight decay and clipping are each member's own. A net whose loss is not finite
    is trained no further; the other nets are not affected. There are two roads, see `road`: by compiled loops, each net
    is trained by itself, and no number of it depends on the others; by torch, each operation takes all nets.

    Arguments:
        members: what to train, N of the same `stack_key`.
        state: the state from which the training goes on, changed in place; by default that of a new training. It can be
            saved at each yield. By compiled loops, it may be some epochs ahead of the records.
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
    state = StackState(members) if state is None else state
    if can_compile(first):
        yield from _train_compiled(members, state, Clock(progress))
        return
    by_member = [by_length(member.windows) for member in members]
    windows = [into_blocks(_join(of_members).to(first.device)) for of_members in zip(*by_member, strict=True)]
    clip_n1, rate_n1, decay_n1 = (
        state.stack.flat_nk.new_tensor([[getattr(member.config, name)] for member in members])
        for name in ("clip", "learning_rate", "weight_decay")
    )
    clips = bool(clip_n1.any())
    clip_n1[clip_n1 == 0] = torch.inf
    clock = Clock(progress)
    while state.epoch < first.epochs:
        for blocks in windows[state.windows_read :]:
            if clock.due:
                loss_so_far_n = (state.loss_sum_n / state.count_n)[state.alive_n]
                yield Progress(state.epoch, state.windows_read / len(windows), float(loss_so_far_n.mean()))
                clock.start()
            done = (state.epoch * len(windows) + state.windows_read) / (first.epochs * len(windows))
            gradient_nk, counted_n = _read(blocks, state)
            if clips:  # as torch's clip_grad_norm_ does
                gradient_nk *= (clip_n1 / (gradient_nk.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1)
            # No step for nets that have diverged, or of whose window nothing counts.
            trained_n1 = (state.alive_n & counted_n)[:, None].to(gradient_nk.dtype)
            factors = [rate_factor(member.config.schedule, done) for member in members]
            state.adam.step(gradient_nk, trained_n1, rate_n1 * rate_n1.new_tensor(factors)[:, None], decay_n1)
            state.windows_read += 1
        state.finish_epoch()
        yield StackRecord(state.epoch - 1, state.losses_en[-1], state.accuracies_en[-1], state.stack)
        clock.start()


def _train_compiled(
    members: Sequence[Prepared], state: StackState, clock: Clock
) -> Generator[StackRecord | Progress, None, None]:
    """Do what `train_stack` does, by compiled loops."""
    recorded = state.epoch
    for share in train_slices(members, state):
        for epoch in range(recorded, state.epoch):
            yield StackRecord(epoch, state.losses_en[epoch], state.accuracies_en[epoch], state.stack)
            clock.start()
        recorded = state.epoch
        if clock.due:
            loss_so_far_n = (state.loss_sum_n / state.count_n)[state.alive_n]
            yield Progress(state.epoch, share, float(loss_so_far_n.mean()))
            clock.start()


def _read(blocks: Sequence[Window], state: StackState) -> tuple[Tensor, Tensor]:
    """Read a window, and add its losses to the sums of the epoch.

    Arguments:
        blocks: the window, as `_join` returns it, cut by `into_blocks`.
        state: the state of the training; sums, hidden states and `alive_n` are brought up to date.

    Returns:
        The gradient of each net's mean loss by its own weights, (N, K), and whether a step of its window counts, (N,).
    """
    stack = state.stack
    hidden = stack.init_state(blocks[0].input_bt.shape[1]) if blocks[0].fresh else state.hidden
    logits, hidden = read_in_blocks(stack.forward, blocks, hidden)
    state.hidden = [detach(of_layer) for of_layer in hidden]
    loss_n, correct_n, predictions_n = _score(torch.cat(logits, 2), blocks)
    state.loss_sum_n += torch.where(state.alive_n, loss_n.detach() * predictions_n, 0)
    state.correct_n += correct_n
    state.count_n += predictions_n
    state.alive_n &= loss_n.detach().isfinite()
    return _gradient(loss_n, stack), predictions_n > 0


def _score(logits_nws: Tensor, blocks: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each net its mean loss over the counted steps, with gradient; the number of those predicted right; and
    their number: each (N,).

    Arguments:
        logits_nws: the logits after each step.
        blocks: the blocks of the window.
    """
    target_ns = torch.cat([block.target_bt.transpose(1, 2).flatten(1) for block in blocks], 1)
    cross_entropy_ns = functional.cross_entropy(logits_nws, target_ns, reduction="none")
    right_ns = logits_nws.detach().max(1).indices == target_ns  # along an inner axis, max is faster than argmax
    masks = [block.mask_bt.transpose(1, 2).flatten(1) for block in blocks if block.mask_bt is not None]
    if not masks:
        nets, steps = target_ns.shape
        predictions_n = torch.full((nets,), steps, dtype=torch.float64, device=target_ns.device)
    else:
        counted_ns = torch.cat(masks, 1)
        cross_entropy_ns, right_ns = cross_entropy_ns * counted_ns, right_ns & counted_ns
        predictions_n = counted_ns.sum(1).double()
    return cross_entropy_ns.sum(1) / predictions_n.clamp(min=1).float(), right_ns.sum(1), predictions_n


def _gradient(loss_n: Tensor, stack: Stack) -> Tensor:
    """Return the gradient of each net's loss by its own weights, (N, K).

    The gradient of the sum is enough, because no net's loss depends on another net's weights.
    """
    # Of a window of one step, the loss may not depend on weights that only change the state after it.
    gradients = torch.autograd.grad(
        loss_n.sum(), list(stack.weights.values()), allow_unused=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten(1) for gradient in gradients], 1)


def _join(windows: Sequence[Window]) -> Window:
    """Return the windows of N nets as one Window whose tensors have an axis more, in front: (N, B, T).

    Its lengths are for each row the largest over all nets.
    """
    masks = [window.mask_bt for window in windows]
    all_true = torch.ones(windows[0].input_bt.shape, dtype=torch.bool)
    return Window(
        torch.stack([window.input_bt for window in windows]),
        torch.stack([window.target_bt for window in windows]),
        None
        if all(mask is None for mask in masks)
        else torch.stack([all_true if mask is None else mask for mask in masks]),
        windows[0].fresh,
        None
        if any(window.lengths_b is None for window in windows)
        else torch.stack([row_lengths(window) for window in windows]).amax(0),
    )
