"""CharRNN: an encoding of characters, recurrent layers and a linear readout."""

import math
from functools import lru_cache

from torch import Tensor, nn
from torch.nn import functional

from rnn_core.nets.cell import State
from rnn_core.nets.cells import load_cell
from rnn_core.nets.weightless import without_numbers


class CharRNN(nn.Module):
    """A recurrent net that reads characters and gives logits of the target after each.

    It reads B sequences of T steps at a time, with L layers of H hidden units.

    Arguments:
        inputs: V, the number of distinct characters that are read.
        hidden_size: H, the number of hidden units in each layer.
        cell: the name of the cell, one of `rnn_core.nets.cells.CELLS`.
        layers: L, the number of layers.
        encoding: `index`, `onehot` or `embedding`; the input width I is 1, V or H.
        outputs: W, the number of distinct characters that can be targets; None for V.

    Attributes:
        cell: the cell.
        recurrent: the layers, whose weights are named `{name}_l{layer}`.
        readout: the linear layer from the top layer's output to the W logits.

    Example:
        >>> import torch
        >>> net = CharRNN(inputs=3)
        >>> input_bti = net.encode(torch.tensor([[0, 1, 2, 0, 1]]))
        >>> logits_btw, state = net(input_bti, net.init_state(batch_size=1))
        >>> tuple(input_bti.shape), tuple(logits_btw.shape), [tuple(part.shape) for part in state]
        ((1, 5, 1), (1, 5, 3), [(1, 1, 16)])
    """

    def __init__(
        self,
        inputs: int,
        hidden_size: int = 16,
        cell: str = "rnn",
        layers: int = 1,
        encoding: str = "index",
        outputs: int | None = None,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs or inputs
        self.hidden_size, self.layers, self.encoding = hidden_size, layers, encoding
        self.cell = load_cell(cell)
        # The weights are drawn from torch's random state in this order; another order would change every run.
        if encoding == "embedding":
            self.embedding = nn.Embedding(inputs, hidden_size)
        self.recurrent = self.cell.build_layers(input_width(inputs, hidden_size, encoding), hidden_size, layers)
        self.readout = nn.Linear(hidden_size, self.outputs)

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the parts of the state, in their order."""
        return tuple(self.cell.state_shapes(self.hidden_size))

    @property
    def largest_numbers_per_step(self) -> int:
        """An upper bound on the elements that any tensor has for one step of one sequence in one layer."""
        state = (math.prod(shape) for shape in self.cell.state_shapes(self.hidden_size).values())
        return max(self.inputs, self.outputs, self.hidden_size, *state)

    def encode(self, indices_bt: Tensor) -> Tensor:
        """Return the input of the lowest layer, float, (B, T, I), for character indices, int64, (B, T)."""
        if self.encoding == "embedding":
            embedded: Tensor = self.embedding(indices_bt)
            return embedded
        dtype = self.readout.weight.dtype
        if self.encoding == "onehot":
            return functional.one_hot(indices_bt, self.inputs).to(dtype)
        return indices_bt.unsqueeze(-1).to(dtype)

    def init_state(self, batch_size: int) -> State:
        """Return the zero state of `batch_size` sequences: each part (L, B, *shape), in the order of `state_names`."""
        return tuple(
            self.readout.weight.new_zeros(self.layers, batch_size, *shape)
            for shape in self.cell.state_shapes(self.hidden_size).values()
        )

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read B sequences from a state.

        Arguments:
            x: the encoded input, (B, T, I), from `encode`.
            state: the state before the first step, from `init_state` or an earlier call.

        Returns:
            The logits of the target after each step, (B, T, W), and the state after the last step.
        """
        output_bth, state = self.cell.read(self.recurrent, x, state)
        return self.readout(output_bth), state

    def trace(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Return every layer's output and state after every step.

        Arguments:
            x: the encoded input, (B, T, I).
            state: the state before the first step.

        Returns:
            The outputs, (L, B, T, H), and the states, each part (L, B, T, *shape).
        """
        if self.layers == 1 and self.state_names == (self.cell.output,):  # the outputs are the states: `read` is faster
            output_bth, _ = self.cell.read(self.recurrent, x, state)
            return output_bth[None], (output_bth[None],)
        return self.cell.trace(self.recurrent, x, state)


def input_width(inputs: int, hidden_size: int, encoding: str) -> int:
    """Return I, the width of the lowest layer's input."""
    return {"index": 1, "onehot": inputs, "embedding": hidden_size}[encoding]


@lru_cache
def parameter_count(
    inputs: int, hidden_size: int, cell: str, layers: int, encoding: str, outputs: int | None = None
) -> int:
    """Return the number of trainable parameters of a CharRNN; the arguments are those of CharRNN.

    They are counted in a net without numbers, which takes no memory.

    Raises:
        RuntimeError: a weight has more numbers than torch can count.
    """
    with without_numbers():
        net = CharRNN(inputs, hidden_size, cell, layers, encoding, outputs)
    return sum(weight.numel() for weight in net.parameters())


@lru_cache
def nearest_hidden_size(
    parameters: int, inputs: int, cell: str, layers: int, encoding: str, outputs: int | None = None
) -> int:
    """Return the hidden size with which a CharRNN comes closest to a number of parameters; of two, the smaller.

    Arguments:
        parameters: the number of parameters, 1 or more.
        inputs: V.
        cell: the name of the cell.
        layers: L.
        encoding: `index`, `onehot` or `embedding`.
        outputs: W; None for V.
    """

    def count(hidden_size: int) -> int:
        return parameter_count(inputs, hidden_size, cell, layers, encoding, outputs)

    above = 1
    while count(above) < parameters:
        above *= 2
    below = above // 2
    while above - below > 1:  # the number of parameters grows with the hidden size
        middle = (below + above) // 2
        below, above = (middle, above) if count(middle) < parameters else (below, middle)
    return below if below and parameters - count(below) <= count(above) - parameters else above
