"""What a net's hidden states do over a text: collected, and projected onto their principal components."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rnn_core.evaluation import measuring
from rnn_core.model import CharRNN
from rnn_core.vocabulary import Vocabulary


def trajectory(net: CharRNN, vocabulary: Vocabulary, text: str, mark: str = "") -> np.ndarray:
    """Return every layer's hidden state h after each character of `text`, read from a zero state: (L, T, H).

    With a mark, the state is zero before each mark too, as it is where the text's strings are read one by one.
    """
    with measuring(net):
        states = []
        for indices in _strings(vocabulary, text, mark):
            x = net.encode(indices[None].to(net.readout.weight.device))
            states.append(net.states(x, net.init_hidden(1))[0][:, 0].cpu().numpy())
        return np.concatenate(states, axis=1)


def top_layer(net: CharRNN, vocabulary: Vocabulary, text: str, mark: str = "") -> np.ndarray:
    """Return the last layer of `trajectory`, (T, H), at a fraction of the cost: torch gives its states in one pass."""
    strings = _strings(vocabulary, text, mark)
    indices_bt = pad_sequence(strings, batch_first=True).to(net.readout.weight.device)
    with measuring(net):
        hidden_bth, _ = net.recurrent(net.encode(indices_bt), net.init_hidden(len(strings)))
        return np.concatenate(
            [hidden_th[: len(string)] for hidden_th, string in zip(hidden_bth.cpu().numpy(), strings, strict=True)]
        )


def _strings(vocabulary: Vocabulary, text: str, mark: str) -> list[Tensor]:
    """Return the indices of a text's characters, cut before each mark: int64, (n,) each."""
    cuts = [0, *(at for at, character in enumerate(text) if character == mark and at > 0), len(text)]
    return list(torch.split(vocabulary.encode(text), np.diff(cuts).tolist()))


def principal_components(hidden_th: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Project a trajectory onto the directions along which it varies most.

    Arguments:
        hidden_th: states, (T, H), T at least 1.
        count: how many directions; those beyond min(T, H) are zero.

    Returns:
        The coordinates, (T, count), and each direction's share of the variance, (count,), 0 to 1. Each direction's
        sign is fixed so that its largest coordinate is positive.
    """
    centred_th = hidden_th - hidden_th.mean(axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred_th, full_matrices=False)
    coordinates = np.zeros((len(hidden_th), count))
    share = np.zeros(count)
    kept = min(count, len(singular))
    coordinates[:, :kept] = left[:, :kept] * singular[:kept]
    furthest = coordinates[np.abs(coordinates).argmax(axis=0), np.arange(count)]
    coordinates *= np.where(furthest < 0, -1, 1)
    # States are single precision: what varies less than their last digit does not vary.
    if singular[0] > np.finfo(np.float32).eps * np.abs(hidden_th).max():
        share[:kept] = singular[:kept] ** 2 / (singular**2).sum()
    return coordinates, share
