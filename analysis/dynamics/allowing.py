"""What a net allows: the characters to which it gives more than a least probability."""

import numpy as np

from rnn_core.measures.reach import ALLOWING_PROBABILITY


def threshold(least_probability: float) -> float:
    """Return the probability above which a net allows a character: ALLOWING_PROBABILITY, or half the least probability
    of its pattern, if that is lower.

    Arguments:
        least_probability: the least probability above 0 that the pattern gives to a character.
    """
    return min(ALLOWING_PROBABILITY, least_probability / 2)


def allowed(logits_nw: np.ndarray, probability: float) -> np.ndarray:
    """Return which of W characters a net allows after each of N words, bool, (N, W).

    Arguments:
        logits_nw: the logits of the next character, (N, W).
        probability: a character is allowed if its probability is above this one, 0 or more and below 1.
    """
    weight_nw = np.exp(logits_nw - logits_nw.max(-1, keepdims=True))
    allowed_nw: np.ndarray = weight_nw > probability * weight_nw.sum(-1, keepdims=True)
    return allowed_nw
