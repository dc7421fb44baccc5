"""CharRNN: encoding, recurrent cell, linear readout."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
"""The recurrent cells by name: tanh RNN (Elman 1990), GRU (Cho et al. 2014), LSTM (Hochreiter & Schmidhuber 1997)."""

ENCODINGS = ("index", "onehot", "embedding")
"""How a character index enters the net; `CharRNN.encode` gives each its meaning."""

Hidden = Tensor | tuple[Tensor, Tensor]
"""A recurrent state: h of shape (L, B, H), or (h, c) for an LSTM."""


class CharRNN(nn.Module):
    """A net that reads characters one at a time and says which comes next.

    B sequences of T steps over V characters go through L layers of H hidden units.

    Arguments:
        vocabulary_size: V, the number of distinct characters.
        hidden_size: H, the hidden units in each layer.
        cell: `rnn`, `gru` or `lstm`.
        layers: L.
        encoding: `index`, `onehot` or `embedding`; the input width I is 1, V or H.

    Example:
        >>> net = CharRNN(vocabulary_size=3)
        >>> input_bti = net.encode(torch.tensor([[0, 1, 2, 0, 1]]))
        >>> logits_btv, hidden = net(input_bti, net.init_hidden(batch_size=1))
        >>> tuple(input_bti.shape), tuple(logits_btv.shape)
        ((1, 5, 1), (1, 5, 3))
    """

    def __init__(
        self, vocabulary_size: int, hidden_size: int = 16, cell: str = "rnn", layers: int = 1, encoding: str = "index"
    ) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.encoding = encoding
        # The order of creation is the order in which a seed's random numbers are spent: changing it changes every run.
        if encoding == "embedding":
            self.embedding = nn.Embedding(vocabulary_size, hidden_size)
        self.recurrent = CELLS[cell](
            input_width(vocabulary_size, hidden_size, encoding), hidden_size, layers, batch_first=True
        )
        self.readout = nn.Linear(hidden_size, vocabulary_size)

    def encode(self, indices_bt: Tensor) -> Tensor:
        """Turn character indices (B, T), int64, into the cell's input (B, T, I), float."""
        if self.encoding == "embedding":
            embedded: Tensor = self.embedding(indices_bt)
            return embedded
        dtype = self.readout.weight.dtype
        if self.encoding == "onehot":
            return functional.one_hot(indices_bt, self.vocabulary_size).to(dtype)
        return indices_bt.unsqueeze(-1).to(dtype)

    def init_hidden(self, batch_size: int) -> Hidden:
        """Return the zero state for `batch_size` sequences: (L, B, H), twice for an LSTM."""
        zeros = self.readout.weight.new_zeros(self.recurrent.num_layers, batch_size, self.recurrent.hidden_size)
        return (zeros, zeros) if isinstance(self.recurrent, nn.LSTM) else zeros

    def forward(self, x: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Read the encoded input from a state.

        Arguments:
            x: the cell's input, (B, T, I), as `encode` gives it.
            hidden: the state before the first step, as `init_hidden` or an earlier call gives it.

        Returns:
            The logits of the character after each step, (B, T, V), and the state after the last step.
        """
        output_bth, hidden = self.recurrent(x, hidden)
        return self.readout(output_bth), hidden

    def states(self, x: Tensor, hidden: Hidden) -> tuple[Tensor, ...]:
        """Return every layer's hidden state after every step, in one pass over the sequence.

        Arguments:
            x: the cell's input, (B, T, I).
            hidden: the state before the first step.

        Returns:
            (h_lbth,), or (h_lbth, c_lbth) for an LSTM, each of shape (L, B, T, H).
        """
        if self.recurrent.num_layers == 1 and not isinstance(hidden, tuple):
            output_bth, _ = self.recurrent(x, hidden)
            return (output_bth[None],)
        # torch returns all steps for the top layer only, and c for the last step only; so: one step at a time.
        steps = []
        for t in range(x.shape[1]):
            _, hidden = self.recurrent(x[:, t : t + 1], hidden)
            steps.append(hidden if isinstance(hidden, tuple) else (hidden,))
        return tuple(torch.stack(parts, dim=2) for parts in zip(*steps, strict=True))


def detach(hidden: Hidden) -> Hidden:
    """Return the same state cut off from its history, so that no gradient flows past it."""
    return (hidden[0].detach(), hidden[1].detach()) if isinstance(hidden, tuple) else hidden.detach()


def input_width(vocabulary_size: int, hidden_size: int, encoding: str) -> int:
    """Return I, the width of the cell's input."""
    return {"index": 1, "onehot": vocabulary_size, "embedding": hidden_size}[encoding]


def parameter_count(vocabulary_size: int, hidden_size: int, cell: str, layers: int, encoding: str) -> int:
    """Return the number of trainable numbers a CharRNN has, without building it.

    Each layer has, for each of its gates, two matrices (from its input, from its own state) and two biases.
    """
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    width = input_width(vocabulary_size, hidden_size, encoding)
    embedding = vocabulary_size * hidden_size if encoding == "embedding" else 0
    first = gates * hidden_size * (width + hidden_size + 2)
    above = (layers - 1) * gates * hidden_size * (2 * hidden_size + 2)
    return embedding + first + above + vocabulary_size * (hidden_size + 1)
