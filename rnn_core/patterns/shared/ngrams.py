"""The ladder of n-gram models beside which a net's loss on a text is read."""

import math

import numpy as np

from rnn_core.vocabulary import Vocabulary

ORDERS = 6
NAMES = ("uniform", "unigram", "bigram", *(f"{order}gram" for order in range(3, ORDERS + 1)))


def ladder(vocabulary: Vocabulary, training_text: str, test: str) -> dict[str, float]:
    """Return the mean loss of ever longer n-gram models on the predictions of `test[1:]`, in nats per character.

    The models are counted in the training text and smoothed as Witten & Bell 1991, method C: with N(c) characters seen
    after a context c, T(c) of them distinct, the shorter context speaks with weight T(c) / (N(c) + T(c)). The shortest
    backs off to all characters being alike. The test's first characters have what context there is.

    Arguments:
        vocabulary: V characters, those of both texts.
        training_text: one or more characters.
        test: two or more characters.
    """
    size = len(vocabulary)
    came, seen = vocabulary.indices(test), vocabulary.indices(training_text)
    joined = np.concatenate([seen, came])
    place = np.arange(len(joined))
    trained, tested = place < len(seen), place > len(seen)  # the test's first character is given
    # What stands before the text's or the test's beginning is no context to count in.
    depth = np.where(trained, place, place - len(seen))
    probability = np.full(len(joined), 1 / size)
    context = np.zeros(len(joined), dtype=np.int64)  # the same number for the same last characters
    losses = {NAMES[0]: math.log(size)}
    for order in range(1, ORDERS + 1):
        _, pair = np.unique(context * size + joined, return_inverse=True)
        counted = trained & (depth >= order - 1)
        pairs = np.bincount(pair[counted], minlength=pair.max() + 1)
        contexts = np.bincount(context[counted], minlength=context.max() + 1)
        first = np.zeros(len(pairs), dtype=np.int64)
        first[pair] = context
        distinct = np.bincount(first[pairs > 0], minlength=len(contexts))
        known = contexts[context] + distinct[context]
        better = (pairs[pair] + distinct[context] * probability) / np.maximum(known, 1)
        probability = np.where((known > 0) & (depth >= order - 1), better, probability)
        losses[NAMES[order]] = float(-np.log(probability[tested]).mean())
        # The next context is this pair one character later: the last `order` characters.
        context = np.concatenate([[0], pair[:-1] + 1])
        _, context = np.unique(context, return_inverse=True)
    return losses
