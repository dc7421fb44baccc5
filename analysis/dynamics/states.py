"""The states of a net's layers over a text that it reads, or that it writes by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from rnn_core.nets.cell import join
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating, generate
from rnn_core.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class States:
    """The states of all layers of a net after each character of a text.

    Attributes:
        text: the T characters.
        output_lth: the output of each layer, (L, T, H), float32, after each character; the layer above, or the readout,
            receives it. For rnn, gru and lstm it is the hidden state h.
        state: each part of the recurrent state by name, such as h and, for an LSTM, c, (L, T, *shape), float32.
    """

    text: str
    output_lth: np.ndarray
    state: Mapping[str, np.ndarray]

    @property
    def top_th(self) -> np.ndarray:
        """The output of the top layer, (T, H), which the readout receives."""
        top_th: np.ndarray = self.output_lth[-1]
        return top_th

    def after(self, count: int, text: str) -> "States":
        """Return the states without the first `count`; `text` is the text of the remaining ones."""
        return States(text, self.output_lth[:, count:], {name: part[:, count:] for name, part in self.state.items()})


def collect(net: CharRNN, vocabulary: Vocabulary, text: str, mark: str = "") -> States:
    """Return the states of all layers over a text, read from a zero state.

    Arguments:
        net: the net, on any device.
        vocabulary: the vocabulary of the net.
        text: the text.
        mark: the character before which the state is set to zero; empty for none.

    Raises:
        ValueError: the text is empty, or holds a character outside the alphabet (UnknownCharacterError).
    """
    with evaluating(net):
        parts_by_string = []
        for indices in _encode_strings(vocabulary, text, mark):
            x = net.encode(indices[None].to(net.readout.weight.device))
            output_lbth, state = net.trace(x, net.init_state(1))
            parts_by_string.append([part[:, 0].cpu() for part in (output_lbth, *state)])
    output_lth, *state_parts = (join(part, 1).numpy() for part in zip(*parts_by_string, strict=True))
    return States(text, output_lth, dict(zip(net.state_names, state_parts, strict=True)))


def free_running(net: CharRNN, vocabulary: Vocabulary, prime: str, count: int, mark: str = "") -> States:
    """Let a net read a text and then write, and return the states after the written characters.

    The net writes the likeliest character each time, and reads it. It must predict the next character; the output of a
    net on a transducer cannot be read, so `trajectories` refuses such a net.

    Arguments:
        net: the net, on any device.
        vocabulary: the vocabulary of the net.
        prime: the text to read first.
        count: the number of characters to write, 1 or more.
        mark: the character before which the state is set to zero; empty for none.

    Returns:
        The states of the written part only: `text` holds the written characters, and state t is that after character t
        was read.

    Raises:
        ValueError: the prime is empty, or count is below 1.
    """
    if not prime or count < 1:
        raise ValueError(f"a prime of {len(prime)} characters and a count of {count}; allowed: 1 or more of both")
    running = generate(net, vocabulary.encode(prime), mark=vocabulary.to_index.get(mark))
    written = vocabulary.decode(list(islice(running, count)))
    # A net that runs free has the same states as a net that reads the written text.
    return collect(net, vocabulary, prime + written, mark).after(len(prime), written)


def _encode_strings(vocabulary: Vocabulary, text: str, mark: str) -> list[Tensor]:
    """Return the character indices of a text, split before each mark: int64, (n,) each."""
    if not text:
        raise ValueError("the text is empty; allowed: one character or more")
    ends = [*(index for index, character in enumerate(text) if character == mark and index > 0), len(text)]
    return list(torch.split(vocabulary.encode(text), np.diff([0, *ends]).tolist()))
