"""Stack: the weights of N nets of the same shape, with one more axis on every tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN

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
