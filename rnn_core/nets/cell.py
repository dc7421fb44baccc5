"""The base class of recurrent cells: weights, state and one step; whole sequences are read by repeating the step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

# The end of a tensor's name gives its axes: L layers, B sequences, T steps, I inputs, H hidden units, N nets in a
# stack, and S = T * B, all steps of all sequences in one axis.

Weights = Mapping[str, Tensor]
"""The weights of one layer by name."""

State = tuple[Tensor, ...]
"""The parts of a recurrent state, in the order of `Cell.state_shapes`."""


_SMALL_SIZE = 4
"""The numbers of a step are counted in nets of this size, of twice and of three times this size."""


class Cell(ABC):
    """A recurrent cell: the weights and the state of one layer, and one step.

    A cell is one file in `rnn_core/nets/cells/`, named like the cell, in which `CELL` is an instance of a subclass.
    A subclass must define the three abstract methods. It may override the others with faster code that gives the same
    results; tests compare these with `step`.

    Attributes:
        output: the name of the part of the state that is also the output of a step; None if the output is none of them.
        growing: the names of the parts of the state that may be longer along their first axis after a step than before.
            Their `state_shapes` are those of the zero state; zeros at their end change nothing.
        version: how many times a change of the cell has changed the weights, if only their last bits, that the same
            training gives.
    """

    output: ClassVar[str | None] = None
    growing: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 0

    @abstractmethod
    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of a layer with I = `input_size` and H = `hidden_size`, by name."""

    @property
    def weight_names(self) -> tuple[str, ...]:
        """The names of the weights of a layer, in their order."""
        return tuple(self.weight_shapes(1, 1))  # the names do not depend on the sizes

    @abstractmethod
    def state_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each part of the state of one sequence in one layer, by name."""

    @abstractmethod
    def step(self, weights: Weights, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take one step. The function is pure: it changes none of its arguments.

        All tensors may have more leading axes, the same ones for all (a stack of nets has N). The step must work under
        `torch.func.vmap` and `torch.func.jacrev`; use `linear` below for products with weights.

        Arguments:
            weights: the weights of the layer, each (..., *shape).
            x: the input, (..., B, I).
            state: the state before the step, each part (..., B, *shape).

        Returns:
            The output, (..., B, H), which the layer above or the readout reads; and the state after the step.
        """

    def reduced_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parts that `reduce` returns, by name."""
        return self.state_shapes(hidden_size)

    def reduce(self, state: State) -> State:
        """Return a state in other numbers, which are the same for any two states with which the net goes on alike.

        By default they are the numbers of the state. A cell in which different numbers stand for the same state
        overrides this, `reduced_shapes` and `expand`.

        Arguments:
            state: each part (..., *shape).
        """
        return state

    def expand(self, reduced: State) -> State:
        """Return a state of which `reduce` returns the numbers `reduced`, each part (..., *shape)."""
        return reduced

    def initialise(self, weights: Weights, hidden_size: int) -> None:
        """Set a layer's weights, in place, to draws from torch's global random state, uniform in +-1 / sqrt(H)."""
        bound = hidden_size**-0.5
        for weight in weights.values():
            nn.init.uniform_(weight, -bound, bound)

    def numbers_per_step(self, hidden_size: int) -> int:
        """Return an estimate of how many numbers training holds in memory for each step of each sequence in one layer.

        By default they are the numbers that autograd saves for the backward pass of a step, and 6 for each hidden unit
        (outputs and gradients). They are counted in nets of three small sizes, and continued as a polynomial of H of
        the second degree: a state may be a matrix. (On torch's meta device a step of any size could be run, but its
        first product imports torch's compiler, which takes as long as a short run.)
        """
        small, middle, large = (
            # The difference between two sequences and one leaves out the weights, which autograd saves once for all.
            self._saved_numbers(size, 2) - self._saved_numbers(size, 1)
            for size in (_SMALL_SIZE, 2 * _SMALL_SIZE, 3 * _SMALL_SIZE)
        )
        first, second = middle - small, large - 2 * middle + small
        more, square = hidden_size - _SMALL_SIZE, 2 * _SMALL_SIZE**2
        rise = 2 * _SMALL_SIZE * first * more + second * more * (more - _SMALL_SIZE)
        return small + rise // square + 6 * hidden_size

    def _saved_numbers(self, hidden_size: int, batch_size: int) -> int:
        """Return how many numbers, weights included, autograd saves for one step of one net."""
        saved = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal saved
            saved += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            shapes = self.weight_shapes(hidden_size, hidden_size)
            weights = {name: torch.zeros(1, *shape, requires_grad=True) for name, shape in shapes.items()}
            state = tuple(
                torch.zeros(1, batch_size, *shape, requires_grad=True)
                for shape in self.state_shapes(hidden_size).values()
            )
            self.step(weights, torch.zeros(1, batch_size, hidden_size, requires_grad=True), state)
        return saved

    def build_layers(self, input_size: int, hidden_size: int, count: int) -> nn.Module:
        """Return a module of `count` stacked layers with new weights, named `{name}_l{layer}`, layers from 0."""
        return Layers(self, input_size, hidden_size, count)

    def read(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences with all layers.

        Arguments:
            layers: the module from `build_layers`.
            x_bti: the input of the lowest layer, (B, T, I).
            state: the state before the first step, each part (L, B, *shape).

        Returns:
            The top layer's output after each step, (B, T, H), and the state after the last step.
        """
        output_bth, last_states = x_bti, []
        for layer in range(len(state[0])):
            weights = layer_weights(self, layers, layer)
            layer_state = tuple(part[layer] for part in state)
            outputs = []
            for x_bi in output_bth.unbind(1):
                output_bh, layer_state = self.step(weights, x_bi, layer_state)
                outputs.append(output_bh)
            output_bth = torch.stack(outputs, 1)
            last_states.append(layer_state)
        return output_bth, tuple(torch.stack(parts) for parts in zip(*last_states, strict=True))

    def trace(self, layers: nn.Module, x_bti: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences as `read` does, and return every layer's output and state after every step.

        Arguments:
            layers: the module from `build_layers`.
            x_bti: the input of the lowest layer, (B, T, I).
            state: the state before the first step, each part (L, B, *shape).

        Returns:
            The outputs, (L, B, T, H), and the states, each part (L, B, T, *shape).
        """
        input_bti, outputs, states = x_bti, [], []
        for layer in range(len(state[0])):
            weights = layer_weights(self, layers, layer)
            layer_state = tuple(part[layer] for part in state)
            steps: list[tuple[Tensor, ...]] = []
            for x_bi in input_bti.unbind(1):
                output_bh, layer_state = self.step(weights, x_bi, layer_state)
                steps.append((output_bh, *layer_state))
            input_bti, *parts = (join([value[:, None] for value in values], 1) for values in zip(*steps, strict=True))
            outputs.append(input_bti)
            states.append(parts)
        return torch.stack(outputs), tuple(torch.stack(parts) for parts in zip(*states, strict=True))

    def read_layer_of_stack(self, weights: Weights, x_nis: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
        """Read a window with one layer of N nets; each net has its own weights and its own B sequences.

        Arguments:
            weights: the weights of the layer, each (N, *shape).
            x_nis: the input, (N, I, S): all B sequences at the first step, then all at the second, and so on.
            state: the state before the window, each part (N, B, *shape).
            steps: T.

        Returns:
            The outputs, (N, H, S), and the state after the window.
        """
        x_tnbi = x_nis.unflatten(2, (steps, -1)).permute(2, 0, 3, 1)
        outputs = []
        for x_nbi in x_tnbi:
            output_nbh, state = self.step(weights, x_nbi, state)
            outputs.append(output_nbh)
        return torch.stack(outputs).permute(1, 3, 0, 2).flatten(2), state


class Layers(nn.Module):
    """The weights of L layers, each of which reads the outputs of the one below.

    Arguments:
        cell: the cell of every layer.
        input_size: I of the lowest layer.
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
        """Return the cell's class name, I, H and L, for the module's repr."""
        return ", ".join([type(self._cell).__name__, *map(str, self._sizes)])


def layer_weights(cell: Cell, layers: nn.Module, layer: int) -> dict[str, Tensor]:
    """Return the weights of one layer by name.

    Arguments:
        cell: the cell of the layers.
        layers: the module from `Cell.build_layers`.
        layer: the number of the layer, from 0.
    """
    return {name: getattr(layers, f"{name}_l{layer}") for name in cell.weight_names}


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `x W^T + b` for x (..., B, I), W (..., O, I) and b (..., O): (..., B, O)."""
    return x @ weight.mT + bias.unsqueeze(-2)


def join(parts: Sequence[Tensor], axis: int) -> Tensor:
    """Return tensors joined along an axis; along the others, zeros at the end make them as long as the longest.

    Arguments:
        parts: tensors with the same number of axes, such as the values of one part of the state; see `Cell.growing`.
        axis: the axis along which they are joined.
    """
    longest = [max(sizes) for sizes in zip(*(part.shape for part in parts), strict=True)]
    padded = []
    for part in parts:
        missing = [0 if number == axis else longest[number] - size for number, size in enumerate(part.shape)]
        padding = [count for size in reversed(missing) for count in (0, size)]
        padded.append(functional.pad(part, padding) if any(missing) else part)
    return torch.cat(padded, axis)


def detach(state: State) -> State:
    """Return the same state detached from the graph, so that no gradient flows to earlier steps."""
    return tuple(part.detach() for part in state)
