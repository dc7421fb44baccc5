"""What a net's hidden states do over a text: collected, and projected onto their principal components."""

from itertools import pairwise

import numpy as np

from rnn_core.evaluation import measuring
from rnn_core.model import CharRNN
from rnn_core.vocabulary import Vocabulary


def trajectory(net: CharRNN, vocabulary: Vocabulary, text: str, mark: str = "") -> np.ndarray:
    """Return every layer's hidden state h after each character of `text`, read from a zero state: (L, T, H).

    With a mark, the state is zero before each mark too, as it is where the text's strings are read one by one.
    """
    cuts = [0, *(at for at, character in enumerate(text) if character == mark and at > 0), len(text)]
    with measuring(net):
        states = []
        for begin, end in pairwise(cuts):
            indices_bt = vocabulary.encode(text[begin:end])[None].to(net.readout.weight.device)
            hidden_lbth = net.states(net.encode(indices_bt), net.init_hidden(1))[0]
            states.append(hidden_lbth[:, 0].cpu().numpy())
        return np.concatenate(states, axis=1)


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
