"""A net as a map: a character, or a word, takes each state to the next one; with the Jacobian of this map.

A *flat state* is one row of K numbers: all parts of the recurrent state of all layers, in double precision.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from rnn_core.nets.cell import State, layer_weights
from rnn_core.nets.cells import CELLS, load_cell
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.torch_cell import TorchCell
from rnn_core.vocabulary import Vocabulary

# The end of an array's name gives its axes: N states, K numbers of a flat state, V characters that are read, W that are
# predicted, I inputs, T characters of a text.

Step = Callable[[Tensor, State], tuple[Tensor, State]]
"""One step of a net: takes the input, (N, I), and the state, each part (N, *shape); returns the logits of the target
after the step, (N, W), and the state after it. It must be pure and work under `torch.func.vmap`."""

MAX_JACOBIAN_NUMBERS = 2**23
"""The most numbers of the Jacobians that are computed at a time, to bound the memory."""

ROWS = 16
"""The rows of a part of the state that grows with the text, such as the stack of `stack`; see `map_of_net`."""


@dataclass(frozen=True, eq=False)
class NetMap:
    """A net as a map on flat states.

    Arguments:
        step: one step of the net, in double precision.
        start: the state before the first character, each part (*shape).
        inputs_vi: the input that encodes each character, float64, (V, I).
        alphabet: the V characters that the net reads.
        outputs: the W characters that it predicts.
        names: a name for each part of the state.
        mark: the character before which the state is set to `start`; empty for none.
    """

    step: Step
    start: State
    inputs_vi: Tensor
    alphabet: str
    outputs: str
    names: Sequence[str]
    mark: str = ""

    @property
    def size(self) -> int:
        """K, the number of numbers in a flat state."""
        return sum(part.numel() for part in self.start)

    @property
    def start_k(self) -> np.ndarray:
        """The flat state before the first character, (K,)."""
        return self._flat(tuple(part[None] for part in self.start))[0].numpy()

    @property
    def jacobians_at_a_time(self) -> int:
        """How many Jacobians may be computed at a time, 1 or more, so that they have MAX_JACOBIAN_NUMBERS numbers."""
        return max(1, MAX_JACOBIAN_NUMBERS // self.size**2)

    @property
    def number_names(self) -> list[str]:
        """A name for each number of a flat state: that of its part, with its indices in it, such as "h 3"."""
        return [
            " ".join([name, *map(str, index)])
            for name, part in zip(self.names, self.start, strict=True)
            for index in np.ndindex(*part.shape)
        ]

    def part(self, states_nk: np.ndarray, name: str) -> np.ndarray:
        """Return one part of N flat states by its name, (N, *shape).

        Raises:
            ValueError: no part has this name.
        """
        if name not in self.names:
            raise ValueError(f"part is {name!r}; allowed: {', '.join(self.names)}")
        parts = self._parts(torch.as_tensor(states_nk))
        return parts[list(self.names).index(name)].numpy()

    def advance(self, states_nk: np.ndarray, word: str) -> np.ndarray:
        """Return the flat states that a word of one or more characters leads to, (N, K).

        Arguments:
            states_nk: N flat states, (N, K).
            word: the characters that each of them reads.

        Raises:
            ValueError: the word is empty, or holds a character outside the alphabet (UnknownCharacterError).
        """
        return self.predict(states_nk, word)[0]

    def predict(self, states_nk: np.ndarray, word: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the flat states that a word leads to, (N, K), and the logits of the target after it, (N, W).

        The arguments and errors are those of `advance`.
        """
        with torch.no_grad():
            states, logits_nw = self._read(torch.as_tensor(states_nk, dtype=torch.float64), self._inputs(word))
        return states.numpy(), logits_nw.numpy()

    def jacobian(self, states_nk: np.ndarray, word: str) -> np.ndarray:
        """Return the Jacobian of the map under a word at each of N flat states, (N, K, K).

        Row i, column j is the derivative of number i after the word by number j before it. Where the map has a kink (a
        rectifier at 0), it is the derivative that torch takes there.

        The arguments and errors are those of `advance`.
        """
        states, inputs_ti = torch.as_tensor(states_nk, dtype=torch.float64), self._inputs(word)
        of_one = jacrev(lambda state_k: self._read(state_k[None], inputs_ti)[0][0])
        with torch.no_grad():
            jacobians = [vmap(of_one)(part_nk) for part_nk in states.split(self.jacobians_at_a_time)]
        return torch.cat(jacobians).numpy() if jacobians else np.zeros((0, self.size, self.size))

    def path(self, text: str, start_k: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the flat state after each character of a text, (T, K), and the logits of the target after it, (T, W).

        Before each mark the state is set to that before the first character.

        Arguments:
            text: one character or more.
            start_k: the flat state before the text, (K,); None for that before the first character.

        Raises:
            ValueError: the text is empty, or holds a character outside the alphabet (UnknownCharacterError).
        """
        inputs_ti, first = self._inputs(text), torch.as_tensor(self.start_k)
        states = (first if start_k is None else torch.as_tensor(start_k, dtype=torch.float64))[None]
        path, logits = [], []
        with torch.no_grad():
            for character, input_i in zip(text, inputs_ti, strict=True):
                before = first[None] if character == self.mark else states
                states, logits_nw = self._read(before, input_i[None])
                path.append(states)
                logits.append(logits_nw)
        return torch.cat(path).numpy(), torch.cat(logits).numpy()

    def _inputs(self, word: str) -> Tensor:
        """Return the input of each character of a word, (T, I)."""
        if not word:
            raise ValueError("the word is empty; allowed: one character or more")
        Vocabulary(self.alphabet).indices(word)  # raises for a character that is not in the alphabet
        return self.inputs_vi[[self.alphabet.index(character) for character in word]]

    def _read(self, states: Tensor, inputs_ti: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flat states after the inputs of a word, (N, K), and the logits of the target, (N, W)."""
        state, logits_nw = self._parts(states), states
        for input_i in inputs_ti:
            logits_nw, state = self.step(input_i.expand(len(states), -1), state)
            # What has grown is cut to the size that it had.
            state = tuple(part[:, : len(first)] for part, first in zip(state, self.start, strict=True))
        return self._flat(state), logits_nw

    def _parts(self, states: Tensor) -> State:
        """Return flat states, (N, K), as parts, each (N, *shape)."""
        parts = states.split([part.numel() for part in self.start], -1)
        return tuple(part.unflatten(-1, first.shape) for part, first in zip(parts, self.start, strict=True))

    def _flat(self, state: State) -> Tensor:
        """Return a state, each part (N, *shape), as flat states, (N, K)."""
        return torch.cat([part.flatten(1) for part in state], -1)


def map_of_net(net: CharRNN, alphabet: str, outputs: str = "", mark: str = "", rows: int = ROWS) -> NetMap:
    """Return a net as a map on flat states.

    The parts of the state have the names of the cell's, with the number of the layer if there are several, such as
    "layer 0 h".

    Arguments:
        net: the net; it is copied, in double precision, to the CPU.
        alphabet: the characters that it reads, in the order of their indices, as many as the net has inputs.
        outputs: the characters that it predicts, in the order of theirs; empty for the alphabet.
        mark: the character before which its state is set to zero; empty for none.
        rows: how many rows are kept of a part of the state that grows with the text (`Cell.growing`). A text on which
            the net uses more is not followed exactly. Has no effect for other cells.

    Raises:
        ValueError: rows is below 1, or the net has another number of inputs or outputs than there are characters.
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}; allowed: 1 or more")
    given, needed = (len(alphabet), len(outputs or alphabet)), (net.inputs, net.readout.out_features)
    if given != needed:
        raise ValueError(f"{given[0]} characters that are read, {given[1]} that are predicted; allowed: {needed}")
    net = copy.deepcopy(net).cpu().double().eval()
    cell, readout = net.cell, net.readout
    weights = [
        {name: weight.detach() for name, weight in layer_weights(cell, net.recurrent, layer).items()}
        for layer in range(net.layers)
    ]
    names = tuple(cell.reduced_shapes(net.hidden_size))
    zero = dict(zip(names, cell.reduce(tuple(part[0, 0] for part in net.init_state(1))), strict=True))
    start = [
        part.new_zeros(rows, *part.shape[1:]) if name in cell.growing else part for name, part in zero.items()
    ] * net.layers

    def step(input_ni: Tensor, state: State) -> tuple[Tensor, State]:
        output, parts = input_ni, list[Tensor]()
        for layer in range(net.layers):
            before = cell.expand(state[layer * len(names) : (layer + 1) * len(names)])
            output, after = cell.step(weights[layer], output, before)
            parts += cell.reduce(after)
        return readout(output), tuple(parts)

    with torch.no_grad():
        inputs_vi = net.encode(torch.arange(net.inputs)[None])[0].double()
    layer_names = [f"layer {layer} " for layer in range(net.layers)] if net.layers > 1 else [""]
    all_names = [f"{layer}{name}" for layer in layer_names for name in names]
    return NetMap(step, tuple(start), inputs_vi, alphabet, outputs or alphabet, all_names, mark)


def map_of_module(
    layers: nn.RNNBase,
    readout: nn.Linear,
    alphabet: str,
    outputs: str = "",
    mark: str = "",
    embedding: nn.Embedding | None = None,
) -> NetMap:
    """Return a net of torch's own layers as a map on flat states, without a recorded run.

    Arguments:
        layers: an nn.RNN, nn.GRU or nn.LSTM, in one direction and without projections.
        readout: the linear layer from the top layer's output to the logits.
        alphabet: the characters that the net reads, in the order of their indices.
        outputs: the characters that it predicts; empty for the alphabet.
        mark: the character before which its state is set to zero; empty for none.
        embedding: the layer that gives the inputs, (V, I); without it the input is one-hot, or, if it has one number,
            the index.

    Raises:
        ValueError: the layers are of another kind, or the widths do not fit together.
    """
    cells = [name for name in CELLS if isinstance(cell := load_cell(name), TorchCell) and cell.equals(layers)]
    if not cells or layers.bidirectional or layers.proj_size:
        raise ValueError(f"layers is {layers}; allowed: nn.RNN, nn.GRU or nn.LSTM in one direction, no projections")
    width, inputs, outputs = layers.input_size, len(alphabet), outputs or alphabet
    given = (width, readout.in_features, readout.out_features, *(embedding.weight.shape if embedding else ()))
    table = (inputs, width) if embedding else ()
    if given != (width if embedding or width == 1 else inputs, layers.hidden_size, len(outputs), *table):
        raise ValueError(
            f"the layers read {width} numbers, the readout takes {readout.in_features} and gives "
            f"{readout.out_features}; allowed: for the layers {inputs} (a one-hot character), 1 (its index) or the "
            f"width of an embedding of {inputs} characters; for the readout {layers.hidden_size} and {len(outputs)}"
        )
    encoding = "index" if width == 1 else "onehot"
    net = CharRNN(inputs, layers.hidden_size, cells[0], layers.num_layers, encoding, len(outputs))
    net.recurrent = net.cell.build_layers(width, layers.hidden_size, layers.num_layers)
    with torch.no_grad():
        for weight in net.recurrent.parameters():
            weight.zero_()  # layers without biases have none to copy
    net.recurrent.load_state_dict(layers.state_dict(), strict=False)
    net.readout = readout
    net_map = map_of_net(net, alphabet, outputs, mark)
    if embedding is None:
        return net_map
    return dataclasses.replace(net_map, inputs_vi=embedding.weight.detach().cpu().double())
