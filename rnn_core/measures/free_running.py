"""Free running: a net generates characters, reads each that it generated, and is compared with what is right."""

from itertools import islice

import numpy as np
import torch
from torch import Tensor

from rnn_core.data import Prepared
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating, generate, read
from rnn_core.patterns.shared.oracle import Oracle

FREE_LENGTH = 1000
"""Characters that are generated where more than one continuation is right."""


def count_right(likeliest: np.ndarray, following: np.ndarray, begin: int) -> int:
    """Return how many predictions from position `begin` on are right before the first wrong one.

    The predictions may come from reading the true text, because up to its first error a free-running net reads the
    same characters.

    Arguments:
        likeliest: the index of the likeliest character after each step, (S,).
        following: the index of the true character after each step, (S,).
        begin: the first position that counts, 0 to S - 1.
    """
    wrong = np.flatnonzero(likeliest[begin:] != following[begin:])
    return int(wrong[0]) if len(wrong) else len(following) - begin


def free_run_correct(net: CharRNN, prime: Tensor, truth: Tensor) -> int:
    """Return how many characters a free-running net gets right before its first error, 0 to len(truth).

    The true text is read in chunks, up to the chunk of the error; see `count_right`.

    Arguments:
        net: the net, on any device.
        prime: the indices of the characters that are read first, int64, (n,), n at least 1.
        truth: the indices of the characters that should follow, int64, (m,), m at least 1.
    """
    text = torch.cat([prime, truth])
    begin, chunk_begin = len(prime) - 1, 0  # numbers of steps; step i predicts character i + 1
    with evaluating(net):
        for logits_tw, _ in read(net, text[:-1], net.init_state(1)):
            chunk_end = chunk_begin + len(logits_tw)
            first = max(chunk_begin, begin)
            if first < chunk_end:
                likeliest = logits_tw.argmax(-1).cpu().numpy()
                following = text[chunk_begin + 1 : chunk_end + 1].numpy()
                count = count_right(likeliest, following, first - chunk_begin)
                if first + count < chunk_end:
                    return first + count - begin
            chunk_begin = chunk_end
    return len(truth)


def free_run_legal(oracle: Oracle, prime: str, written: str) -> int:
    """Return how many generated characters precede the first impossible one, 0 to len(written).

    Arguments:
        oracle: the oracle of the pattern.
        prime: the characters before those generated.
        written: the generated characters.
    """
    log_probs = oracle.log_probs(prime + written)[len(prime) :]
    impossible = np.flatnonzero(~np.isfinite(log_probs))
    return int(impossible[0]) if len(impossible) else len(written)


def write(net: CharRNN, prepared: Prepared, count: int) -> str:
    """Return `count` characters that a net generates after the test's prime.

    Where the pattern has one right continuation, the net takes the likeliest characters. Otherwise it draws from its
    distribution with a fixed seed, since the likeliest characters would show only one of many continuations.
    """
    evaluation, vocabulary = prepared.evaluation, prepared.vocabulary
    temperature = 0.0 if evaluation.truth else 1.0
    generator = torch.Generator().manual_seed(0)
    indices = generate(net, vocabulary.encode(evaluation.prime), temperature, generator, prepared.record.mark_index)
    with evaluating(net):
        return vocabulary.decode(list(islice(indices, count)))
