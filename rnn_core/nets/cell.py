"""What a recurrent cell is: its weights, its state, and one step; and what follows from the step for every cell."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

# The names of tensors say their axes: L layers, B sequences, T steps, I inputs, H hidden units, N nets in a stack, and
# S = T * B, all steps of all sequences of a net in one row.

Weights = Mapping[str, Tensor]
"""One layer's weights by name."""

State = tuple[Tensor, ...]
"""The parts of a recurrent state, in the order in which `Cell.state_shapes` names them."""


class Cell(ABC):
    """A recurrent cell: the weights and the state of one layer, and one step.

    A cell is one file in `rnn_core/nets/cells/`, called like the cell, in which `CELL` is an instance of a subclass.
    A cell needs only the three abstract methods. It may override the others with faster code that gives the same
    results; tests compare that with `step`.

    Attributes:
        output: the part of the state that is also the output of a step; None where the output is something else.
    """

    output: ClassVar[str | None] = None

    @abstractmethod
    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of a layer that reads `input_size` numbers, by name."""

    @abstractmethod
    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each part of one sequence's state in one layer, by name."""

    @abstractmethod
    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one input: a pure function, which changes none of its arguments.

        All tensors may have further leading axes, the same for all of them (N for the nets of a stack), and the step
        must run under `torch.func.vmap` and `torch.func.jacrev`; with `linear` below it does.

        Arguments:
            weights: those of one layer, each (..., *shape).
            x: the input, (..., B, I).
            state: each part (..., B, *shape).

        Returns:
            The output, (..., B, H), which the layer above or the readout takes; and the state after the step.
        """

    def initialise(self, weights: Weights, hidden_size: int) -> None:
        """Draw a new layer's weights in place from torch's random state: uniform in +-1 / sqrt(H), as torch's cells."""
        bound = hidden_size**-0.5
        for weight in weights.values():
            nn.init.uniform_(weight, -bound, bound)

    def numbers_a_step(self, hidden_size: int) -> int:
        """Return about how many numbers a layer takes for each step of a sequence while a stack is trained.

        By default those that the backward pass keeps, counted in a step on torch's meta device, which allocates
        nothing; and 6 for each hidden unit, for outputs and gradients.
        """
        # Two sequences less one: weights are kept, too, and do not grow with the batch.
        kept = [self._kept(hidden_size, batch_size) for batch_size in (1, 2)]
        return kept[1] - kept[0] + 6 * hidden_size

    def _kept(self, hidden_size: int, batch_size: int) -> int:
        """Return how many numbers autograd keeps of one step of one net, weights among them."""
        kept = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal kept
            kept += tensor.numel()
            return tensor

        with torch.device("meta"), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            shapes = self.weight_shapes(hidden_size, hidden_size)
            weights = {name: torch.empty(1, *shape, requires_grad=True) for name, shape in shapes.items()}
            state = tuple(
                torch.empty(1, batch_size, *shape, requires_grad=True)
                for shape in self.state_shapes(hidden_size).values()
            )
            self.step(weights, torch.empty(1, batch_size, hidden_size, requires_grad=True), state)
        return kept

    def build_layers(self, input_size: int, hidden_size: int, count: int) -> nn.Module:
        """Return `count` layers, one above the other, with new weights called `{name}_l{layer}`, layers from 0."""
        return Layers(self, input_size, hidden_size, count)

    def read(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a sequence.

        Arguments:
            layers: what `build_layers` returned.
            x_bti: the input, (B, T, I).
            state: the state before it, each part (L, B, *shape).

        Returns:
            The top layer's output after each step, (B, T, H), and the state after the last.
        """
        output_bth, after = x_bti, []
        for layer in range(len(state[0])):
            weights = layer_weights(self, layers, layer)
            now = tuple(part[layer] for part in state)
            outputs = []
            for x_bi in output_bth.unbind(1):
                output_bh, now = self.step(weights, x_bi, now)
                outputs.append(output_bh)
            output_bth = torch.stack(outputs, 1)
            after.append(now)
        return output_bth, tuple(torch.stack(parts) for parts in zip(*after, strict=True))

    def trace(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a sequence as `read` does, and return what every layer does on the way.

        Returns:
            The outputs of every layer after every step, (L, B, T, H), and each part of the state, (L, B, T, *shape).
        """
        below_bti, outputs, states = x_bti, [], []
        for layer in range(len(state[0])):
            weights = layer_weights(self, layers, layer)
            now = tuple(part[layer] for part in state)
            steps: list[tuple[Tensor, ...]] = []
            for x_bi in below_bti.unbind(1):
                output_bh, now = self.step(weights, x_bi, now)
                steps.append((output_bh, *now))
            below_bti, *parts = (torch.stack(values, 1) for values in zip(*steps, strict=True))
            outputs.append(below_bti)
            states.append(parts)
        return torch.stack(outputs), tuple(torch.stack(parts) for parts in zip(*states, strict=True))

    def read_stacked(self, weights: Weights, x_nis: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
        """Read a window with one layer of N nets, each with weights and sequences of its own.

        Arguments:
            weights: each (N, *shape).
            x_nis: the input, (N, I, S): of all B sequences at the first step, then at the second, and so on.
            state: the state before the window, each part (N, B, *shape).
            steps: T.

        Returns:
            The outputs, (N, H, S), and the state after the window, cut off from its history.
        """
        x_tnbi = x_nis.unflatten(2, (steps, -1)).permute(2, 0, 3, 1)
        outputs = []
        for x_nbi in x_tnbi:
            output_nbh, state = self.step(weights, x_nbi, state)
            outputs.append(output_nbh)
        output_nhs = torch.stack(outputs).permute(1, 3, 0, 2).flatten(2)
        return output_nhs, detach(state)


class Layers(nn.Module):
    """The layers of a cell that is read by its step.

    Arguments:
        cell: the cell.
        input_size: I of the lowest layer; the others read the outputs of the one below.
        hidden_size: H.
        count: L.
    """

    def __init__(self, cell: Cell, input_size: int, hidden_size: int, count: int) -> None:
        super().__init__()
        self._cell, self._sizes = cell, (input_size, hidden_size, count)
        for layer in range(count):
            for name, shape in cell.weight_shapes(hidden_size if layer else input_size, hidden_size).items():
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(shape)))
            with torch.no_grad():
                cell.initialise(layer_weights(cell, self, layer), hidden_size)

    def extra_repr(self) -> str:
        """Say which cell it is, and I, H and L, as torch's own layers do."""
        return ", ".join([type(self._cell).__name__, *map(str, self._sizes)])


def layer_weights(cell: Cell, layers: nn.Module, layer: int) -> dict[str, Tensor]:
    """Return the weights of one of a net's layers by name; `layer` counts from 0."""
    return {name: getattr(layers, f"{name}_l{layer}") for name in cell.weight_shapes(1, 1)}


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `x W^T + b` for x (..., B, I), W (..., O, I) and b (..., O): (..., B, O)."""
    return x @ weight.mT + bias.unsqueeze(-2)


def detach(state: State) -> State:
    """Return the same state cut off from its history, so that no gradient flows past it."""
    return tuple(part.detach() for part in state)
