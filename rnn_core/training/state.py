"""The state of the training of one net: all that the rest of the training depends on."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from rnn_core.config import shown
from rnn_core.data import Prepared
from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training.adam import Adam
from rnn_core.training.curriculum import Curriculum
from rnn_core.training.state_file import random_states, restore_random_states

CURRICULUM_VALUES = ("longest", "running_loss")
"""The attributes of a Curriculum that the rest of a training depends on."""


class TrainingState:
    """The state of a training, which `train` changes in place. At each of its yields the state can be saved.

    Arguments:
        prepared: what is trained.
        net: the net to train in place; None for the one that `config.seed` builds.
        keep_after: numbers of epochs after which a copy of the weights is kept.

    Attributes:
        net: the net.
        optimizer: the optimiser with its running means.
        best: the weights with the lowest validation loss so far.
        epoch: the number of epochs that are done.
        windows_read: the number of windows that have been read in the present epoch.
        hidden: the net's state after the last window, without gradient; empty before the first window.
        loss_sum: the sum of the losses of the present epoch's predictions, in nats.
        correct: the number of predictions in the present epoch whose likeliest character is right.
        count: the number of predictions in the present epoch.
        history: the metrics of each epoch that is done, by name.
        weights_after: the weights after so many epochs, by name, for each of `keep_after` that is done.
        curriculum: the curriculum on length; None without one.
    """

    def __init__(self, prepared: Prepared, net: CharRNN | None = None, keep_after: Collection[int] = ()) -> None:
        config = prepared.config
        self._prepared = prepared
        self.net = prepared.build_net() if net is None else net
        self.optimizer = Adam(self.net.parameters(), config.learning_rate, config.weight_decay)
        self.best = Best(self.net)
        self.epoch = 0
        self.windows_read = 0
        self.hidden: State = ()
        self.loss_sum, self.correct, self.count = 0.0, 0, 0
        self.history: list[dict[str, float]] = []
        self._keep_after = keep_after
        self.weights_after: dict[int, dict[str, Tensor]] = {}
        self.curriculum = Curriculum(config.curriculum, prepared.pattern.lengths) if config.curriculum else None

    @property
    def longest(self) -> int | None:
        """The longest length that the present epoch draws; None without a curriculum."""
        return self.curriculum.longest if self.curriculum else None

    def finish_epoch(self, metrics: dict[str, float]) -> None:
        """Go on to the next epoch; `metrics` are those of the present one."""
        self.history.append(metrics)
        self.epoch += 1
        self.windows_read = 0
        self.loss_sum, self.correct, self.count = 0.0, 0, 0
        if self.curriculum:
            self.curriculum.finish_epoch()
        if self.epoch in self._keep_after:
            self.weights_after[self.epoch] = {name: weight.clone() for name, weight in self.net.state_dict().items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors of the state, and torch's random states."""
        return {
            **{f"net.{name}": weight for name, weight in self.net.state_dict().items()},
            **self._optimizer_tensors(),
            **{f"best.{name}": weight for name, weight in (self.best.weights or {}).items()},
            **{f"hidden.{number}": part for number, part in enumerate(self.hidden)},
            **{f"history.{name}": _column(self.history, name) for name in self.values()["metrics"]},
            **kept_tensors(self.weights_after),
            **random_states(self.net.readout.weight.device),
        }

    def values(self) -> dict[str, Any]:
        """Return all else, in a form that JSON can hold."""
        return {
            "epoch": self.epoch,
            "windows_read": self.windows_read,
            "loss_sum": self.loss_sum,
            "correct": self.correct,
            "count": self.count,
            "best_loss": self.best.loss,
            "metrics": list(self.history[0]) if self.history else [],
            **({k: getattr(self.curriculum, k) for k in CURRICULUM_VALUES} if self.curriculum else {}),
        }

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Take over a saved state of the same training, and torch's random states.

        Arguments:
            tensors: the tensors that `state_file.read_state` returned.
            values: the other values that it returned.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: they are no state of this training. Nothing can go on from
                what has been taken over.
        """
        self._check(tensors, values)
        device = self.net.readout.weight.device

        def group(prefix: str) -> dict[str, Tensor]:
            # Copied to memory of torch's own, whose alignment decides how sums round.
            return {
                name.removeprefix(prefix): tensor.to(device, copy=True)
                for name, tensor in tensors.items()
                if name.startswith(prefix)
            }

        self.net.load_state_dict(group("net."))
        for name, tensor in self._optimizer_tensors().items():
            tensor.copy_(tensors[name])
        self.best.weights, self.best.loss = group("best.") or None, values["best_loss"]
        parts = group("hidden.")
        self.hidden = tuple(parts[str(number)] for number in range(len(parts)))
        self.weights_after = read_kept_tensors(tensors)
        names = values["metrics"]
        columns = [tensors[f"history.{name}"].tolist() for name in names]
        self.history = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        self.epoch, self.windows_read = values["epoch"], values["windows_read"]
        self.loss_sum, self.correct, self.count = values["loss_sum"], values["correct"], values["count"]
        if self.curriculum:
            self.curriculum.longest, self.curriculum.running_loss = (values[name] for name in CURRICULUM_VALUES)
        restore_random_states(tensors, device)

    def _check(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Raise ValueError or KeyError unless the values and the tensors of a saved state can be those of this one."""
        for name, value in self.values().items():
            came = values[name]
            if type(came) is not type(value) or (name != "metrics" and not 0 <= came <= math.inf):
                raise ValueError(f"{name} is {shown(came)}")
        if self.curriculum and values["longest"] not in self.curriculum.lengths:
            raise ValueError(f"longest is {shown(values['longest'])}")
        unread, all_read = not values["windows_read"], False
        if not unread:
            windows = len(self._prepared.windows_of(values["epoch"], values.get("longest")))
            if values["windows_read"] > windows:
                raise ValueError(f"windows_read is {shown(values['windows_read'])}")
            all_read = values["windows_read"] == windows
        if (unread and values["count"]) or (all_read and not values["count"]) or not math.isfinite(values["loss_sum"]):
            raise ValueError("its sums are not those of the windows read")
        lengths = {len(tensors[f"history.{name}"]) for name in values["metrics"]}
        if lengths != ({values["epoch"]} if values["epoch"] else set()):
            raise ValueError(f"its history has not the {shown(values['epoch'])} epochs that are done")
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not tensor.isfinite().all() and not name.startswith("history.valid"):
                raise ValueError(f"{name} holds nan or inf")

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the optimiser, by names that begin with "adam."."""
        names = [name for name, _ in self.net.named_parameters()]
        kinds = {"means": self.optimizer.means, "squares": self.optimizer.squares, "steps": self.optimizer.steps}
        return {
            f"adam.{kind}.{name}": tensor
            for kind, tensors in kinds.items()
            for name, tensor in zip(names, tensors, strict=True)
        }


def kept_tensors(weights_after: Mapping[int, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the weights that are kept after some epochs, by names such as "after.50.readout.bias"."""
    return {
        f"after.{epochs}.{name}": weight
        for epochs, weights in weights_after.items()
        for name, weight in weights.items()
    }


def read_kept_tensors(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return what `kept_tensors` was given, found among all tensors of a saved state."""
    weights_after: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        kind, _, rest = full_name.partition(".")
        if kind == "after":
            epochs, _, name = rest.partition(".")
            weights_after.setdefault(int(epochs), {})[name] = tensor
    return weights_after


def _column(history: list[dict[str, float]], name: str) -> Tensor:
    """Return one metric of each epoch, float64."""
    return torch.tensor([metrics[name] for metrics in history], dtype=torch.float64)


class Best:
    """Keeps the weights with the lowest validation loss so far; of equal losses, those of the first.

    Arguments:
        net: the net that is trained.

    Attributes:
        loss: the lowest validation loss so far, in nats per character; infinite before the first.
        weights: the weights that had it, by name; None before the first.
    """

    def __init__(self, net: CharRNN) -> None:
        self._net = net
        self.loss = math.inf
        self.weights: dict[str, Tensor] | None = None

    def see(self, valid_loss: float) -> None:
        """Keep a copy of the net's weights if `valid_loss` is below all losses before."""
        if valid_loss < self.loss:
            self.loss = valid_loss
            self.weights = {name: weight.clone() for name, weight in self._net.state_dict().items()}

    def restore(self) -> None:
        """Load the kept weights into the net; if none were kept, change nothing."""
        if self.weights is not None:
            self._net.load_state_dict(self.weights)
