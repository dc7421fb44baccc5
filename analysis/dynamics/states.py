"""The states of a net over a text: what every layer holds after each character, read or written by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating, generate
from rnn_core.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class States:
    """What every layer of a net holds after each character that it reads.

    Attributes:
        text: the characters read, T of them.
        output_lth: what each layer hands to the one above or to the readout, (L, T, H), float32; step t is that after
            character t. For rnn, gru and lstm it is the hidden state h.
        state: each part of the recurrent state by its name, such as h and, for an LSTM, c, (L, T, *shape), float32.
    """

    text: str
    output_lth: np.ndarray
    state: Mapping[str, np.ndarray]

    @property
    def top_th(self) -> np.ndarray:
        """The last layer's output, (T, H): what the readout sees."""
        top_th: np.ndarray = self.output_lth[-1]
        return top_th

    def after(self, count: int, text: str) -> "States":
        """Return the states after the first `count`, which are those over `text`."""
        return States(text, self.output_lth[:, count:], {name: part[:, count:] for name, part in self.state.items()})


def collect(net: CharRNN, vocabulary: Vocabulary, text: str, mark: str = "") -> States:
    """Return the states of every layer over a text, read from a zero state; with a mark, before each mark too.

    Raises:
        ValueError: the text is empty, or holds a character outside the alphabet (UnknownCharacterError).
    """
    with evaluating(net):
        parts = []
        for indices in _strings(vocabulary, text, mark):
            x = net.encode(indices[None].to(net.readout.weight.device))
            output_lbth, state = net.trace(x, net.init_state(1))
            parts.append([part[:, 0].cpu().numpy() for part in (output_lbth, *state)])
    output_lth, *state_parts = (np.concatenate(of_strings, axis=1) for of_strings in zip(*parts, strict=True))
    return States(text, output_lth, dict(zip(net.state_names, state_parts, strict=True)))


def free_running(net: CharRNN, vocabulary: Vocabulary, prime: str, count: int, mark: str = "") -> States:
    """Let a net read `prime` and then write, reading each character that it wrote (the likeliest).

    The net must predict the next character: what that of a transducer says cannot be read, and `trajectories` refuses.

    Returns:
        The states of the written part alone: `text` is the `count` characters written, and state t is that after
        character t of them was read.

    Raises:
        ValueError: the prime is empty, or count is below 1.
    """
    if not prime or count < 1:
        raise ValueError(f"a prime of {len(prime)} and a count of {count} characters; both must be 1 or more")
    running = generate(net, vocabulary.encode(prime), mark=vocabulary.to_index.get(mark))
    written = vocabulary.decode(list(islice(running, count)))
    # Running free is being taught by what one wrote.
    return collect(net, vocabulary, prime + written, mark).after(len(prime), written)


def _strings(vocabulary: Vocabulary, text: str, mark: str) -> list[Tensor]:
    """Return the indices of a text's characters, cut before each mark: int64, (n,) each."""
    if not text:
        raise ValueError("the text is empty: a net has states after one character or more")
    cuts = [0, *(at for at, character in enumerate(text) if character == mark and at > 0), len(text)]
    return list(torch.split(vocabulary.encode(text), np.diff(cuts).tolist()))
