"""Interchange: one variable of a state is replaced by that of another state, and the net must go on accordingly.

The variable is a label, and its place in the state a linear subspace. A whole state that takes the place of another one
gives the other's future in every net, which proves nothing; a subspace need not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.dynamics.answers import Answers, answers_over, follow
from analysis.dynamics.exchange_pairs import Pairs, draw_pairs
from analysis.dynamics.labelled import LabelledText, applies
from analysis.dynamics.net_map import NetMap
from rnn_core.patterns import Pattern

# The end of an array's name gives its axes: T positions of a text, N positions or pairs, K numbers of a flat state,
# D directions, C values of a label, L characters of a word, W characters that are answered.

NUMBER_SHARE = 0.99
"""Of the means of a number, such as a count, those directions are taken that hold this share of their variance."""


DRAWS = 10
"""How often a random subspace and shuffled labels are drawn."""


@dataclass(frozen=True)
class Interchange:
    """How often a net goes on as the pattern does with one variable replaced.

    Attributes:
        net: the name of the net.
        label: the variable.
        exchanged: what took the place of the base's: `subspace`; a `random` subspace; that of `shuffled` labels;
            `nothing`; or `target`, the whole state at the position in the text that says what is right, which shows
            what the net itself reaches.
        accuracy: the share of pairs after which every answer to up to LENGTH characters is the pattern's, 0 to 1; for
            `random` and `shuffled` the mean of DRAWS draws.
        pairs: the number of pairs.
        missing: the pairs that were skipped because the text has no position with the replaced labels, from which
            something is asked.
        left_open: the pairs that were skipped because the labels leave open what is right.
        dimension: D, the dimension of the subspace.
        size: K, the dimension of the whole state.
        share: the part of the squared distance from base to source, in the mean, that lies in the subspace, 0 to 1. At
            1 whole states are exchanged, and shuffled labels do as well.
    """

    net: str
    label: str
    exchanged: str
    accuracy: float
    pairs: int
    missing: int
    left_open: int
    dimension: int
    size: int
    share: float


def interchange(
    nets: Mapping[str, NetMap],
    pattern: Pattern,
    fit: LabelledText,
    test: LabelledText,
    label: str,
    kept: Collection[str] | None = None,
    pairs: int = 200,
    dimension: int | None = None,
    seed: int = 0,
    states: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> list[Interchange]:
    """Return how often nets go on rightly after one variable was taken from another state.

    A base and a source are two positions of a text at which the variable differs. The net goes on from
    h_base + P (h_source - h_base), where P projects on the subspace, over up to LENGTH characters. What is right is
    what the pattern answers with this variable replaced and the others kept: its answers after a position, the target,
    that has the base's labels but for the variable, along the characters that follow there. The subspace is that of the
    means of the states of each value of the variable, fitted on another text. Beside it the same pairs are tried with
    changes of the same length in a random subspace and in that of shuffled labels, both of the same dimension; pass an
    untrained net as well.

    Arguments:
        nets: nets by name, such as trained and untrained.
        pattern: the pattern.
        fit: a text on which subspaces are fitted.
        test: another text, from which the pairs are drawn; of a pattern that is not random it can only be the same one.
        label: the variable: a label of both texts that is no vector.
        kept: the labels that stay as in the base; None for all that neither determine the variable nor are determined
            by it.
        pairs: the number of pairs to draw, 1 or more, some of which may have to be skipped.
        dimension: D, 1 to K - 1; None as in `subspace`.
        seed: the seed of the draws.
        states: for each net its states over the two texts, (T, K) each, from `NetMap.path`, where they are at hand;
            None to let the nets read both texts.

    Returns:
        Five rows for each net, for what was exchanged; `pd.DataFrame` makes a table of them.

    Raises:
        ValueError: a label is not there or a vector, it has a single value, its values have the same mean state, no
            pair is left, the subspace is the whole state, a number is out of its range, every character is always
            possible in the pattern, or its oracle has no states.
    """
    allowed = [name for name, value_t in test.labels.items() if value_t.ndim == 1 and name in fit.labels]
    for name in [label, *(kept or ())]:
        if name not in allowed:
            raise ValueError(f"the label is {name!r}; allowed: {', '.join(allowed) or 'none of this pattern'}")
    answers = answers_over(pattern, test.text)
    drawn = draw_pairs(pattern, answers, test, label, kept, pairs, np.random.default_rng(seed))
    position_n = np.flatnonzero(applies(fit.labels[label]))
    found = []
    for name, net in nets.items():
        fit_tk, states_tk = states[name] if states else (net.path(fit.text)[0], net.path(test.text)[0])
        if not (np.isfinite(fit_tk).all() and np.isfinite(states_tk).all()):
            raise ValueError(f"states of the net {name} are not finite; allowed: a net whose states are finite numbers")
        starts, shared = _starts(states_tk, fit_tk[position_n], fit.labels[label][position_n], drawn, dimension, seed)
        for exchanged, drawn_starts in starts.items():
            accuracy = float(np.mean([_right(net, answers, start_nk, drawn) for start_nk in drawn_starts]))
            counts = len(drawn.words), drawn.missing, drawn.left_open
            found.append(Interchange(name, label, exchanged, accuracy, *counts, *shared))
    return found


def _starts(
    states_tk: np.ndarray, fit_nk: np.ndarray, value_n: np.ndarray, drawn: Pairs, dimension: int | None, seed: int
) -> tuple[dict[str, list[np.ndarray]], tuple[int, int, float]]:
    """Return the states from which a net goes on, (N, K) for each draw, by what was exchanged; D, K and the share.

    Arguments:
        states_tk: the states over the text of the pairs, (T, K).
        fit_nk: the states to which the subspaces are fitted, (N, K).
        value_n: the value of the variable at each of these, (N,).
        drawn: the pairs.
        dimension: D; None as in `subspace`.
        seed: the seed of the random subspace and of the shuffled labels.
    """
    rng, size = np.random.default_rng(seed), states_tk.shape[1]
    direction_dk = subspace(fit_nk, value_n, dimension)
    dimension = len(direction_dk)
    if dimension == size:
        raise ValueError(
            f"the means of {len(np.unique(value_n))} values span all {size} numbers of the state, so that whole states "
            f"would be exchanged; allowed: a dimension of 1 to {size - 1}"
        )
    base_nk, difference_nk = states_tk[drawn.base_n], states_tk[drawn.source_n] - states_tk[drawn.base_n]
    change_nk = difference_nk @ direction_dk.T @ direction_dk
    length_n = np.linalg.norm(change_nk, axis=1)
    random = [np.linalg.qr(rng.normal(size=(size, dimension)))[0].T for _ in range(DRAWS)]
    shuffled = [subspace(fit_nk, rng.permutation(value_n), dimension) for _ in range(DRAWS)]
    starts = {
        "subspace": [base_nk + change_nk],
        "random": [base_nk + _of_length(difference_nk @ other_dk.T @ other_dk, length_n) for other_dk in random],
        "shuffled": [base_nk + _of_length(difference_nk @ other_dk.T @ other_dk, length_n) for other_dk in shuffled],
        "nothing": [base_nk],
        "target": [states_tk[drawn.target_n]],
    }
    squared_n = np.maximum((difference_nk**2).sum(1), np.finfo(float).tiny)
    return starts, (dimension, size, float((length_n**2 / squared_n).mean()))


def subspace(states_nk: np.ndarray, value_n: np.ndarray, dimension: int | None = None) -> np.ndarray:
    """Return orthonormal directions in which the means of states with different values of a label lie: (D, K).

    They are the principal directions of these means, each of which weighs as many states as it is of.

    Arguments:
        states_nk: the states, (N, K).
        value_n: the value of the label at each, floats for numbers, anything else for classes, (N,).
        dimension: D, 1 to the smaller of C - 1 and K. None: all directions for classes; for numbers, as many as hold
            NUMBER_SHARE of the variance of the means.

    Raises:
        ValueError: all means are the same, `dimension` is below 1, or the means differ in fewer directions.
    """
    values, class_n, count_c = np.unique(value_n, return_inverse=True, return_counts=True)
    sums_ck = np.zeros((len(values), states_nk.shape[1]))
    np.add.at(sums_ck, class_n, states_nk - states_nk.mean(0))
    _, size_d, direction_dk = np.linalg.svd(sums_ck / np.sqrt(count_c)[:, None], full_matrices=False)
    rounding = 1e-12 * np.abs(states_nk).max() * np.sqrt(len(states_nk))
    there = min(int((size_d > rounding).sum()), len(values) - 1)
    if there < 1:
        raise ValueError("the means of all values are the same; allowed: values whose means differ")
    if dimension is not None and not 1 <= dimension <= there:
        raise ValueError(f"the dimension is {dimension}; allowed: 1 to {there}, in which the means differ")
    if dimension is None and value_n.dtype.kind == "f":
        held_d = np.cumsum(size_d**2) / (size_d**2).sum()
        dimension = int(np.searchsorted(held_d, NUMBER_SHARE)) + 1
    result: np.ndarray = direction_dk[: there if dimension is None else dimension]
    return result


def _of_length(change_nk: np.ndarray, length_n: np.ndarray) -> np.ndarray:
    """Return changes of the given lengths, (N, K); a change of 0 stays."""
    now_n = np.linalg.norm(change_nk, axis=1)
    scaled: np.ndarray = change_nk * (length_n / np.where(now_n > 0, now_n, 1))[:, None]
    return scaled


def _right(net: NetMap, answers: Answers, start_nk: np.ndarray, drawn: Pairs) -> np.ndarray:
    """Return after which pairs every answer that is asked is right, bool, (N,).

    Arguments:
        net: the net.
        answers: what the pattern answers.
        start_nk: the states from which the net goes on, (N, K).
        drawn: the pairs.
    """
    came = [answers.of_net(net, logits_nw) for _, logits_nw in follow(net, start_nk, drawn.words)]
    same_nl = (np.stack(came, 1) == drawn.answer_nlw).all(2)
    right_n: np.ndarray = (same_nl | ~drawn.asked_nl).all(1)
    return right_n
