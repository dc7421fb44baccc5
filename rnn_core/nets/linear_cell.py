"""The base class of cells whose state is a linear function of the state before, which depends on the input alone.

So all that depends on the input is computed for all steps at once, and only the recurrence goes from step to step.
"""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from rnn_core.nets.cell import Cell, State, Weights, layer_weights, linear

# The end of a tensor's name gives its axes: L layers, B sequences, T steps, I inputs, H hidden units, N nets in a
# stack, and S = T * B, all steps of all sequences in one axis.

Coefficients = tuple[Tensor, ...]
"""What the recurrence of a linear cell takes of each step: tensors, each (..., B, *shape)."""

DOUBLING_NUMBERS = 128
"""A recurrence whose steps have at most so many numbers is computed by doubling, which then is faster."""


MAX_STATE_NUMBERS = 2**24
"""The most numbers of the states that are held at a time while sequences are read."""


class LinearCell(Cell):
    """A cell whose state has one part, h, of which each is a linear function of the one before.

    A subclass defines `weight_shapes`, `state_shapes` and three parts of a step. It may override `recur` with something
    faster.
    """

    @abstractmethod
    def coefficients(self, weights: Weights, x: Tensor) -> Coefficients:
        """Return what the recurrence takes of the steps whose inputs are x.

        Arguments:
            weights: the weights of the layer, each (..., *shape).
            x: the inputs, (..., B, I).
        """

    @abstractmethod
    def next_state(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return h after one step.

        Arguments:
            coefficients: those of the step, each (..., B, *shape).
            h: the state before it, (..., B, *shape).
        """

    @abstractmethod
    def output_of(self, weights: Weights, x: Tensor, h: Tensor) -> Tensor:
        """Return the output of steps, (..., B, H).

        Arguments:
            weights: the weights of the layer, each (..., *shape).
            x: the inputs of the steps, (..., B, I).
            h: the state after each of the steps, (..., B, *shape).
        """

    def recur(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return h after every step, (T, ..., B, *shape).

        Arguments:
            coefficients: those of all steps, each (T, ..., B, *shape).
            h: the state before the first step, (..., B, *shape).
        """
        states = []
        for of_step in zip(*coefficients, strict=True):
            h = self.next_state(of_step, h)
            states.append(h)
        return torch.stack(states)

    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take one step, in its three parts."""
        coefficients = self.coefficients(weights, x)
        h = self.next_state(coefficients, state[0])
        return self.output_of(weights, x, h), (h,)

    def read(self, layers: Any, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences; each part of a step is taken for many steps at once, as memory allows."""
        steps = max(1, MAX_STATE_NUMBERS // state[0].numel())
        outputs = []
        for piece_bti in x_bti.split(steps, 1):
            outputs_lbth, (h_lbt,) = self.trace(layers, piece_bti, state)
            outputs.append(outputs_lbth[-1])
            state = (h_lbt[:, :, -1],)
        return torch.cat(outputs, 1), state

    def trace(self, layers: Any, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences as `read` does, and return every layer's output and state after every step."""
        input_tbi, outputs, states = x_bti.transpose(0, 1), [], []
        for layer, h_b in enumerate(state[0]):
            weights = layer_weights(self, layers, layer)
            coefficients = self.coefficients(weights, input_tbi)
            h_tb = self.recur(coefficients, h_b)
            input_tbi = self.output_of(weights, input_tbi, h_tb)
            outputs.append(input_tbi.transpose(0, 1))
            states.append(h_tb.transpose(0, 1))
        return torch.stack(outputs), (torch.stack(states),)

    def read_layer_of_stack(self, weights: Weights, x_nis: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
        """Read a window with one layer of N nets, as `read_window` does."""
        output_nsh, last_nb = self.read_window(weights, x_nis.transpose(1, 2), state[0], steps)
        return output_nsh.transpose(1, 2), (last_nb,)

    def read_window(self, weights: Weights, x_nsi: Tensor, h_nb: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Read a window with one layer of N nets; each part of a step is taken for all steps at once.

        Arguments:
            weights: the weights of the layer, each (N, *shape).
            x_nsi: the input, (N, S, I): all B sequences at the first step, then all at the second, and so on.
            h_nb: the state before the window, (N, B, *shape).
            steps: T.

        Returns:
            The outputs, (N, S, H), and the state after the window, (N, B, *shape).
        """
        coefficients = self.coefficients(weights, x_nsi)
        of_steps = tuple(part.unflatten(1, (steps, -1)).transpose(0, 1) for part in coefficients)  # each (T, N, B, ...)
        h_tnb = self.recur(of_steps, h_nb)
        return self.output_of(weights, x_nsi, h_tnb.transpose(0, 1).flatten(1, 2)), h_tnb[-1]


class ElementwiseCell(LinearCell):
    """A linear cell of which each number of the state depends on this number alone: h_t = a_t * h_(t-1) + b_t.

    The coefficients are a and b, real or complex, each (..., B, *shape).
    """

    def next_state(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return a * h + b."""
        a, b = coefficients
        return a * h + b

    def recur(self, coefficients: Coefficients, h: Tensor) -> Tensor:
        """Return h after every step, by doubling or step by step, whichever is faster."""
        a_t, b_t = coefficients
        h_t: Tensor = _Recurrence.apply(a_t, b_t, h)  # type: ignore[no-untyped-call]
        return h_t


class _Recurrence(Function):
    """h after every step, where h_t = a_t * h_(t-1) + b_t; the first axis is that of the steps."""

    @staticmethod
    def forward(ctx: Any, a_t: Tensor, b_t: Tensor, h: Tensor) -> Tensor:
        h_t = b_t.clone(memory_format=torch.contiguous_format)
        h_t[0].addcmul_(a_t[0], h)
        _add_earlier(a_t, h_t)
        ctx.save_for_backward(a_t, h, h_t)
        return h_t

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        a_t, h, h_t = ctx.saved_tensors
        db_t = gradients[0].clone(memory_format=torch.contiguous_format)
        _add_later(a_t.conj(), db_t)
        da_t = torch.empty_like(db_t)
        torch.mul(db_t[1:], h_t[:-1].conj(), out=da_t[1:])
        torch.mul(db_t[0], h.conj(), out=da_t[0])
        return da_t, db_t, a_t[0].conj() * db_t[0]


def _add_earlier(a_t: Tensor, h_t: Tensor) -> None:
    """Add to each h_t, in place, a_t times the h of the step before."""
    if h_t[0].numel() > DOUBLING_NUMBERS:
        for a, before, h in zip(a_t[1:], h_t[:-1], h_t[1:], strict=True):
            h.addcmul_(a, before)
        return
    # (a, h) after (a', h') is (a a', a h' + h): in each pass every step takes in the `reach` steps before its own.
    reach = 1
    while reach < len(h_t):
        h_t[reach:] += a_t[reach:] * h_t[:-reach]
        a_t = torch.cat([a_t[:reach], a_t[reach:] * a_t[:-reach]])
        reach *= 2


def _add_later(a_t: Tensor, d_t: Tensor) -> None:
    """Add to each d_t, in place, a_(t+1) times the d of the step after."""
    if d_t[0].numel() > DOUBLING_NUMBERS:
        for t in reversed(range(len(d_t) - 1)):
            d_t[t].addcmul_(a_t[t + 1], d_t[t + 1])
        return
    flipped_t = d_t.flip(0)
    _add_earlier(torch.cat([a_t[:1], a_t[1:].flip(0)]), flipped_t)  # the first a has no use in it
    d_t.copy_(flipped_t.flip(0))


def two_layers_weights(inputs: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that `two_layers` takes, for `inputs` numbers in all, by name."""
    return {
        "weight_1": (hidden_size, inputs),
        "bias_1": (hidden_size,),
        "weight_2": (hidden_size, hidden_size),
        "bias_2": (hidden_size,),
    }


def two_layers(weights: Weights, h: Tensor, x: Tensor) -> Tensor:
    """Return W2 silu(W1 [h; x] + c1) + c2, (..., B, H).

    Arguments:
        weights: those of `two_layers_weights`.
        h: numbers of the state, (..., B, K).
        x: the input, (..., B, I).
    """
    hidden = functional.silu(linear(torch.cat([h, x], -1), weights["weight_1"], weights["bias_1"]))
    return linear(hidden, weights["weight_2"], weights["bias_2"])
