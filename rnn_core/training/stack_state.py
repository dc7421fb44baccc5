"""The state of the training of a stack: all that the rest of the training depends on."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_core.data import Prepared
from rnn_core.nets.cell import State
from rnn_core.training.adam import BETA1, BETA2, EPSILON
from rnn_core.training.stacked_nets import Stack
from rnn_core.training.state import kept_tensors, read_kept_tensors
from rnn_core.training.state_file import random_states, restore_random_states

# The end of a tensor's name gives its axes: N nets, K parameters of one net, E epochs.


class StackState:
    """The state of the training of N nets, which `train_stack` changes in place. At each of its yields it can be saved.

    Arguments:
        members: what is trained, N of the same `stack_key`.
        keep_after: numbers of epochs after which a copy of the weights is kept; an attribute, too.

    Attributes:
        stack: the nets.
        adam: the optimiser with its running means.
        epoch: the number of epochs that are done.
        windows_read: the number of windows that have been read in the present epoch.
        hidden: the state of each layer after the last window; empty before the first window. Where the nets are trained
            by compiled loops, one tensor for all layers, (N, L, 2, B, H).
        alive_n: which nets have not diverged, bool, (N,).
        loss_sum_n: the sum of the losses of the present epoch's predictions, in nats, float64, (N,); of a net that has
            diverged, a number that is not finite.
        correct_n: the number of predictions in the present epoch whose likeliest character is right, float64, (N,).
        count_n: the number of predictions in the present epoch, float64, (N,).
        losses_en: for each epoch that is done, each net's mean loss, in nats per character.
        accuracies_en: for each epoch that is done, each net's accuracy, 0 to 1.
        weights_after: the weights after so many epochs, by name, each (N, *shape), for each of `keep_after` that is
            done.
    """

    def __init__(self, members: Sequence[Prepared], keep_after: Collection[int] = ()) -> None:
        self.stack = Stack([member.build_net() for member in members])
        self.adam = StackAdam(self.stack.flat_nk)
        self.epoch = 0
        self.windows_read = 0
        self.hidden: list[State] = []
        self.alive_n = self.stack.flat_nk.new_ones(len(members), dtype=torch.bool)
        self.loss_sum_n = self.stack.flat_nk.new_zeros(len(members), dtype=torch.float64)
        self.correct_n, self.count_n = torch.zeros_like(self.loss_sum_n), torch.zeros_like(self.loss_sum_n)
        self.losses_en: list[np.ndarray] = []
        self.accuracies_en: list[np.ndarray] = []
        self.keep_after = keep_after
        self.weights_after: dict[int, dict[str, Tensor]] = {}

    def finish_epoch(self) -> None:
        """Add the losses and accuracies of the present epoch to those that are done, and go on to the next epoch."""
        losses_en = (self.loss_sum_n / self.count_n).cpu().numpy()[None]
        accuracies_en = (self.correct_n / self.count_n).cpu().numpy()[None]
        self.loss_sum_n[self.alive_n] = 0  # the sum of a net that has diverged stays as it is
        self.correct_n, self.count_n = torch.zeros_like(self.loss_sum_n), torch.zeros_like(self.loss_sum_n)
        self.add_epochs(losses_en, accuracies_en)

    def add_epochs(self, losses_en: np.ndarray, accuracies_en: np.ndarray, windows_read: int = 0) -> None:
        """Add the results of epochs that are done, none of `keep_after` before the last of them.

        Arguments:
            losses_en: the mean losses of each epoch, in nats per character, (E, N).
            accuracies_en: the accuracies, 0 to 1, (E, N).
            windows_read: the number of windows of the next epoch that have been read.
        """
        self.losses_en += list(losses_en)
        self.accuracies_en += list(accuracies_en)
        self.epoch += len(losses_en)
        self.windows_read = windows_read
        if not len(losses_en):
            return
        if self.epoch in self.keep_after:
            weights = self.stack.weights
            self.weights_after[self.epoch] = {name: weight.detach().clone() for name, weight in weights.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors of the state, the axis of the nets first, and torch's random states."""
        curves = {"losses": self.losses_en, "accuracies": self.accuracies_en}
        return {
            **self._fixed_tensors(),
            **{
                f"hidden.{layer}.{number}": part
                for layer, parts in enumerate(self.hidden)
                for number, part in enumerate(parts)
            },
            **{f"history.{name}": torch.from_numpy(np.stack(rows, 1)) for name, rows in curves.items() if rows},
            **kept_tensors(self.weights_after),
            **random_states(self.stack.flat_nk.device),
        }

    def values(self) -> dict[str, Any]:
        """Return all else, in a form that JSON can hold."""
        return {
            "epoch": self.epoch,
            "windows_read": self.windows_read,
            "layers": len(self.hidden),
            "parts": len(self.hidden[0]) if self.hidden else 0,
        }

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any], nets: Sequence[int]) -> None:
        """Take over a saved state of the same nets or of more nets, and torch's random states.

        Arguments:
            tensors: the tensors that `state_file.read_state` returned.
            values: the other values that it returned.
            nets: the number in the saved state of each net of this one.
        """
        index_n = torch.tensor(nets)
        for name, tensor in self._fixed_tensors().items():
            tensor.copy_(tensors[name][index_n])
        device = self.stack.flat_nk.device
        self.hidden = [
            tuple(tensors[f"hidden.{layer}.{number}"][index_n].to(device) for number in range(values["parts"]))
            for layer in range(values["layers"])
        ]
        self.epoch, self.windows_read = values["epoch"], values["windows_read"]
        if self.epoch:
            self.losses_en = list(tensors["history.losses"][index_n].T.numpy())
            self.accuracies_en = list(tensors["history.accuracies"][index_n].T.numpy())
        self.weights_after = {
            epochs: {name: weight[index_n] for name, weight in weights.items()}
            for epochs, weights in read_kept_tensors(tensors).items()
        }
        restore_random_states(tensors, device)

    def _fixed_tensors(self) -> dict[str, Tensor]:
        """Return the tensors whose shapes do not change during the training, the axis of the nets first."""
        return {
            "weights": self.stack.flat_nk,
            "adam.means": self.adam.means_nk,
            "adam.squares": self.adam.squares_nk,
            "adam.steps": self.adam.steps_n1,
            "alive": self.alive_n,
            "loss_sum": self.loss_sum_n,
            "correct": self.correct_n,
            "count": self.count_n,
        }


class StackAdam:
    """`rnn_core.training.adam.Adam` for N nets, each with its own learning rate, weight decay and count of steps.

    Arguments:
        weights_nk: the weights to train in place, (N, K).

    Attributes:
        means_nk: the running means of the gradients, (N, K).
        squares_nk: the running means of their squares, (N, K).
        steps_n1: the number of steps that each net has taken, (N, 1).
    """

    def __init__(self, weights_nk: Tensor) -> None:
        self._weights_nk = weights_nk
        self.means_nk, self.squares_nk = torch.zeros_like(weights_nk), torch.zeros_like(weights_nk)
        self.steps_n1 = weights_nk.new_zeros(len(weights_nk), 1)

    @torch.no_grad()
    def step(self, gradient_nk: Tensor, trained_n1: Tensor, rate_n1: Tensor, decay_n1: Tensor) -> None:
        """Take one step.

        Arguments:
            gradient_nk: the gradients, (N, K).
            trained_n1: 1 for the nets that take the step, 0 for those that stay as they are, (N, 1).
            rate_n1: the learning rates, (N, 1).
            decay_n1: the weight decays, (N, 1).
        """
        self.steps_n1 += trained_n1
        steps_n1 = self.steps_n1.clamp(min=1)
        rate_n1 = rate_n1 * trained_n1
        self.means_nk.lerp_(gradient_nk, trained_n1 * (1 - BETA1))
        self.squares_nk.lerp_(gradient_nk.square(), trained_n1 * (1 - BETA2))
        correction1_n1, correction2_n1 = 1 - BETA1**steps_n1, 1 - BETA2**steps_n1
        denominator_nk = (self.squares_nk / correction2_n1).sqrt_().add_(EPSILON)
        if decay_n1.any():
            self._weights_nk *= 1 - rate_n1 * decay_n1
        self._weights_nk.addcdiv_(self.means_nk * (-rate_n1 / correction1_n1), denominator_nk)
