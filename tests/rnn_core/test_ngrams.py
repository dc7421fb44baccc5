"""The n-gram models, against one that is counted slowly in dictionaries."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnn_core.patterns.shared.ngrams import ngram_losses
from rnn_core.vocabulary import Vocabulary

NAMES = ["uniform", "unigram", "bigram", "3gram", "4gram", "5gram", "6gram"]


def witten_bell(alphabet: str, training: str, context: str, character: str) -> Fraction:
    """Return the probability of a character after a context, by the definition, from the longest context down."""
    spans = [training[at : at + len(context) + 1] for at in range(len(training) - len(context))]
    after = Counter(span[-1] for span in spans if span[:-1] == context)
    shorter = witten_bell(alphabet, training, context[1:], character) if context else Fraction(1, len(alphabet))
    seen, distinct = sum(after.values()), len(after)
    return (after[character] + distinct * shorter) / (seen + distinct) if seen else shorter


def slow_losses(alphabet: str, training: str, test: str) -> dict[str, float]:
    losses = {"uniform": math.log(len(alphabet))}
    for reach, name in enumerate(NAMES[1:]):
        logs = [
            math.log(witten_bell(alphabet, training, test[max(0, at - reach) : at], test[at]))
            for at in range(1, len(test))
        ]
        losses[name] = -math.fsum(logs) / len(logs)
    return losses


@given(
    st.integers(2, 4).flatmap(
        lambda size: st.tuples(
            st.just("abcd"[:size]),
            st.text("abcd"[:size], min_size=1, max_size=40),
            st.text("abcd"[:size], min_size=2, max_size=20),
        )
    )
)
@example(("ab", "a", "ab"))
@example(("ab", "ab", "ba"))
@example(("ab", "aaaaaaaaaa", "bbbbbbbbbb"))
@example(("abcd", "abcdabcdabcd", "abcdabcddcba"))
def test_every_order_is_witten_and_bells_method_c(texts: tuple[str, str, str]) -> None:
    alphabet, training, test = texts
    losses = ngram_losses(Vocabulary(alphabet), training, test)
    assert list(losses) == NAMES
    assert losses == pytest.approx(slow_losses(alphabet, training, test), abs=1e-12)


def test_a_unigram_of_three_characters_can_be_worked_out_by_hand() -> None:
    # Of aab: 3 seen, 2 of them distinct; a comes 2 times, b once, c never.
    losses = ngram_losses(Vocabulary("abc"), "aab", "cabc")
    a, b, c = ((count + 2 / 3) / 5 for count in (2, 1, 0))
    assert losses["uniform"] == pytest.approx(math.log(3), abs=1e-15)
    assert losses["unigram"] == pytest.approx(-(math.log(a) + math.log(b) + math.log(c)) / 3, abs=1e-12)
    # After a: one a and one b. After b and after c nothing ever came.
    after_a = (1 + 2 * b) / 4
    assert losses["bigram"] == pytest.approx(-(math.log(a) + math.log(after_a) + math.log(c)) / 3, abs=1e-12)


@given(st.text("abc", min_size=1, max_size=30), st.text("abc", min_size=2, max_size=10), st.sampled_from("abc"))
def test_a_longer_test_costs_what_its_last_character_costs_more(training: str, test: str, last: str) -> None:
    short, long = (ngram_losses(Vocabulary("abc"), training, text) for text in (test, test + last))
    for reach, name in enumerate(NAMES[1:]):
        context = test[max(0, len(test) - reach) :]
        paid = -math.log(witten_bell("abc", training, context, last))
        assert long[name] * len(test) == pytest.approx(short[name] * (len(test) - 1) + paid, abs=1e-10)


def test_the_last_training_characters_are_no_context_of_the_test() -> None:
    # The training text ends with b, and after ba always comes b; but all that is known of the test is its a.
    losses = ngram_losses(Vocabulary("abc"), "ab" * 50, "ab")
    assert losses["bigram"] == pytest.approx(-math.log(witten_bell("abc", "ab" * 50, "a", "b")), abs=1e-12)
    assert losses["3gram"] == losses["6gram"] == losses["bigram"]
    assert ngram_losses(Vocabulary("abc"), "ab" * 50, "bab")["3gram"] < losses["3gram"], "with ba before it, b is surer"


def test_longer_contexts_know_more_of_a_text_that_needs_them() -> None:
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(["aab", "bba", "abba"], size=4000))
    losses = ngram_losses(Vocabulary("ab"), text[:9000], text[9000:])
    values = list(losses.values())
    assert values[0] == math.log(2)
    assert all(longer < shorter for shorter, longer in pairwise(values[1:6]))


def test_a_large_text_of_many_characters_is_counted_right() -> None:
    rng = np.random.default_rng(2)
    alphabet = "".join(chr(0x4E00 + n) for n in range(300))
    draws = (rng.pareto(1.0, 3000) * 3).astype(int) % 300
    text = "".join(alphabet[draw] for draw in draws)
    losses = ngram_losses(Vocabulary(alphabet), text[:2900], text[2900:])
    pairs, firsts = Counter(pairwise(text[:2900])), Counter(text[:2899])
    ones, distinct = Counter(text[:2900]), Counter(first for first, _ in pairs)
    logs = []
    for before, came in pairwise(text[2900:]):
        unigram = (ones[came] + len(ones) / 300) / (2900 + len(ones))
        known = firsts[before] + distinct[before]
        logs.append(math.log((pairs[before, came] + distinct[before] * unigram) / known if known else unigram))
    assert losses["bigram"] == pytest.approx(-math.fsum(logs) / len(logs), abs=1e-12)
