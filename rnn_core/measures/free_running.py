"""How long a net goes on by itself without an error, each character that it writes read in turn."""

from itertools import islice

import numpy as np
import torch
from torch import Tensor

from rnn_core.data import Prepared
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import generate, measuring, read
from rnn_core.patterns.shared.oracle import Oracle

FREE_LENGTH = 1000
"""Characters that a net writes by itself where many are right."""


def count_right(likeliest: np.ndarray, following: np.ndarray, begin: int) -> int:
    """Return how many of the characters from place `begin` on a net predicts before its first error there.

    As long as it is right, what it would write is what it reads: so far the net runs free.

    Arguments:
        likeliest: the index that the net holds likeliest at each place, (S,).
        following: the index that is right there, (S,).
        begin: the first place that counts, 0 to S - 1.
    """
    wrong = np.flatnonzero(likeliest[begin:] != following[begin:])
    return int(wrong[0]) if len(wrong) else len(following) - begin


def free_run_correct(net: CharRNN, prime: Tensor, truth: Tensor) -> int:
    """Return how many characters a free-running net gets right before its first error, 0 to len(truth).

    One pass finds it, which ends with the chunk of the error; see `count_right`.

    Arguments:
        net: the net, on any device.
        prime: indices of the characters it goes on from, int64, (n,), n at least 1.
        truth: indices of those it should write, int64, (m,), m at least 1.
    """
    following = torch.cat([prime, truth])
    begin, place = len(prime) - 1, 0
    with measuring(net):
        for logits_tw, _ in read(net, following[:-1], net.init_hidden(1)):
            end = place + len(logits_tw)
            first = max(place, begin)
            if first < end:
                likeliest, right = logits_tw.argmax(-1).cpu().numpy(), following[place + 1 : end + 1].numpy()
                count = count_right(likeliest, right, first - place)
                if first + count < end:
                    return first + count - begin
            place = end
    return len(truth)


def free_run_legal(oracle: Oracle, prime: str, written: str) -> int:
    """Return how many characters that a net wrote after a prime are possible, before the first that is not."""
    log_probs = oracle.log_probs(prime + written)[len(prime) :]
    impossible = np.flatnonzero(~np.isfinite(log_probs))
    return int(impossible[0]) if len(impossible) else len(written)


def write(net: CharRNN, prepared: Prepared, count: int) -> str:
    """Return `count` characters that a net writes after the test's prime.

    Where one thing is right it takes the likeliest characters; where many are, it draws from its own distribution, from
    a fixed seed: the likeliest character again and again would show only one of them.
    """
    evaluation, vocabulary = prepared.evaluation, prepared.vocabulary
    temperature = 0.0 if evaluation.truth else 1.0
    draws = torch.Generator().manual_seed(0)
    running = generate(net, vocabulary.encode(evaluation.prime), temperature, draws, prepared.record.mark_index)
    with measuring(net):
        return vocabulary.decode(list(islice(running, count)))
