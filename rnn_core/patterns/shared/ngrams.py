"""The losses of n-gram models on a text, with which a net's loss is compared."""

import math
from collections.abc import Mapping

import numpy as np

from rnn_core.patterns.shared.meaning import LOSS, Meaning
from rnn_core.vocabulary import Vocabulary

MAX_ORDER = 6
"""The length of the longest n-grams, in characters."""

NAMES = ("uniform", "unigram", "bigram", *(f"{order}gram" for order in range(3, MAX_ORDER + 1)))

MEANINGS: Mapping[str, Meaning] = {
    f"{name}_loss": Meaning(
        "mean loss on the same test of every character being equally likely"
        if name == "uniform"
        else f"mean loss on the same test of a smoothed {name} model counted in the training text",
        LOSS,
        "0 or more",
    )
    for name in NAMES
}
"""The meanings of the losses as metrics, by the names of the metrics."""


def ngram_losses(
    vocabulary: Vocabulary,
    training_text: str,
    test: str,
    mark: str = "",
    scored: tuple[np.ndarray, np.ndarray] | None = None,
    max_order: int = MAX_ORDER,
) -> dict[str, float]:
    """Return the mean loss of each n-gram model on the characters of `test[1:]`, in nats per character.

    The models are counted in the training text and smoothed by method C of Witten & Bell 1991. Let N(c) be the number
    of characters seen after a context c, T(c) the number of distinct ones. The probability after c is the relative
    frequency with weight N(c) / (N(c) + T(c)), plus the probability after the context without its first character with
    weight T(c) / (N(c) + T(c)). The empty context backs off to the uniform distribution. At the beginning of the test,
    where too few characters come before, the longest context that there is applies.

    Of strings, each stands by itself: a context begins at the earliest with the mark before its string. That mark is
    never predicted, the one at the end of the string is.

    Arguments:
        vocabulary: V characters, those of both texts.
        training_text: one or more characters.
        test: two or more characters.
        mark: the character before and after each string of both texts; empty where each text is one stream.
        scored: which characters of the training text are counted, bool, (len(training_text),), and which of the test
            are predicted, bool, (len(test),); the others are only contexts. None where all are.
        max_order: the length of the longest n-grams, 1 to MAX_ORDER.

    Returns:
        The loss of each model by its name, one of NAMES.
    """
    size = len(vocabulary)
    training_indices, test_indices = vocabulary.indices(training_text), vocabulary.indices(test)
    joined = np.concatenate([training_indices, test_indices])
    position = np.arange(len(joined))
    # The test's first character is given.
    trained, tested = position < len(training_indices), position > len(training_indices)
    # The number of characters of the same text, or of the same string and its mark, before each character.
    available = np.where(trained, position, position - len(training_indices))
    if mark:
        # The last mark at or before each character; the context of the next one begins there.
        last_mark = np.maximum.accumulate(np.where(joined == vocabulary.to_index[mark], position, 0))
        available = position - np.concatenate([[0], last_mark[:-1]])
        trained &= position > 0
    if scored is not None:
        both_scored = np.concatenate(scored)
        trained, tested = trained & both_scored, tested & both_scored
    probability = np.full(len(joined), 1 / size)
    context = np.zeros(len(joined), dtype=np.int64)  # equal contexts have equal numbers
    losses = {NAMES[0]: math.log(size)}
    for order in range(1, max_order + 1):
        _, pair = np.unique(context * size + joined, return_inverse=True)
        counted = trained & (available >= order - 1)
        pairs = np.bincount(pair[counted], minlength=pair.max() + 1)
        contexts = np.bincount(context[counted], minlength=context.max() + 1)
        context_of = np.zeros(len(pairs), dtype=np.int64)  # the context of each pair
        context_of[pair] = context
        distinct = np.bincount(context_of[pairs > 0], minlength=len(contexts))
        total = contexts[context] + distinct[context]  # N(c) + T(c)
        smoothed = (pairs[pair] + distinct[context] * probability) / np.maximum(total, 1)
        probability = np.where((total > 0) & (available >= order - 1), smoothed, probability)
        losses[NAMES[order]] = float(-np.log(probability[tested]).mean())
        # The context of the next order is the pair one position earlier: the last `order` characters.
        context = np.concatenate([[0], pair[:-1] + 1])
        _, context = np.unique(context, return_inverse=True)
    return losses
