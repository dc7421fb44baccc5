"""What can be read out of states linearly, beside what the last characters tell.

A label is read out by a map that is fitted on one text and scored on another one. scikit-learn is imported only where
it is used, because its import takes a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.dynamics.labelled import LabelledText, applies
from analysis.dynamics.net_map import NetMap

# The end of an array's name gives its axes: N positions, F features, D numbers of a label, T positions of both texts.

LONGEST = 5
"""The most characters that a table looks at."""

SMALLEST = 1e-6
"""Least squares leave out directions in which features vary less than this times the most."""


@dataclass(frozen=True)
class Readout:
    """How well a label is predicted on another text than that on which the prediction was fitted.

    Of a pattern that is not random (`Pattern.random`) both are the same text.

    Attributes:
        label: the name of the label.
        predictor: what predicts it: the name of a net, whose states are read out linearly; or `last k characters`, a
            table of what came after the last k characters in the other text.
        measure: `accuracy` for classes, `R2` for numbers.
        score: the accuracy, 0 to 1; or R2, at most 1, for a vector over all of its numbers together. NaN if the label
            has a single value in one of the texts, so that there is nothing to predict.
        fitted: the number of positions that the prediction was fitted on.
        scored: the number of positions that it was scored on.
    """

    label: str
    predictor: str
    measure: str
    score: float
    fitted: int
    scored: int


def readouts(nets: Mapping[str, NetMap], fit: LabelledText, test: LabelledText) -> list[Readout]:
    """Return how well each label of a text is predicted from the states of nets, and by tables of the last characters.

    Classes are read out by logistic regression (features of variance 1, penalty C = 1), numbers by least squares with a
    constant. What a readout finds in an untrained net, or a table finds in the last characters, need not have been
    learnt, so pass an untrained net of the same kind, too.

    A table holds for each string of k characters the most frequent class, or the mean, of the positions at the end of
    that string in the text `fit`. A string that is not there is looked up without its first character. No string goes
    back beyond a mark. The table of the last character is the best that can be read out linearly of that character
    alone, one-hot.

    Arguments:
        nets: nets by name, such as trained and untrained; each reads both texts from its start.
        fit: the text that readouts and tables are fitted on.
        test: the text on which they are scored, with the same labels; it should be another draw of the same pattern.

    Returns:
        For each label each net in its order, then the tables of the last 1 to LONGEST characters. `pd.DataFrame` makes
        a table of them.

    Raises:
        ValueError: the labels of the texts differ, a label has another number of values than its text has characters,
            a label applies nowhere in a text, or a net has states that are not finite.
    """
    if fit.labels.keys() != test.labels.keys() or not fit.labels:
        names = " and ".join(", ".join(text.labels) or "none" for text in (fit, test))
        raise ValueError(f"the labels of the two texts are {names}; allowed: one or more, the same ones")
    states = {name: (_states(name, net, fit.text), _states(name, net, test.text)) for name, net in nets.items()}
    contexts = _contexts(fit, test)
    found = []
    for label in fit.labels:
        rows, values = zip(*(_applying(label, text) for text in (fit, test)), strict=True)
        numbers = values[0].dtype.kind == "f"
        measure = "R2" if numbers else "accuracy"
        scores = dict.fromkeys([*states, *map(table_name, range(1, LONGEST + 1))], np.nan)
        if all((value_n != value_n[0]).any() for value_n in values):
            for name, (fit_tf, test_tf) in states.items():
                scores[name] = score_readout(fit_tf[rows[0]], values[0], test_tf[rows[1]], values[1])
            keys = [(fit_t[rows[0]], test_t[rows[1]]) for fit_t, test_t in contexts]
            for k, predicted in enumerate(_looked_up(keys, values[0]), start=1):
                scores[table_name(k)] = _score(predicted, values[1])
        counts = len(values[0]), len(values[1])
        found += [Readout(label, name, measure, score, *counts) for name, score in scores.items()]
    return found


def table_name(k: int) -> str:
    """Return the name of the table of the last k characters, as in `Readout.predictor`."""
    return "last character" if k == 1 else f"last {k} characters"


def score_readout(fit_nf: np.ndarray, fit_n: np.ndarray, test_nf: np.ndarray, test_n: np.ndarray) -> float:
    """Return how well a label is read out of features linearly, fitted on some positions and scored on others.

    Arguments:
        fit_nf: the features at the N positions to fit on, (N, F).
        fit_n: the label there: floats, (N,) or (N, D), for numbers; anything else, (N,), for two or more classes.
        test_nf: the features at the positions to score, (M, F).
        test_n: the label there, (M,) or (M, D).

    Returns:
        For classes the accuracy, 0 to 1; for numbers R2, at most 1, over all D together.
    """
    if fit_n.dtype.kind != "f":
        predicted_n = classifier().fit(fit_nf, fit_n).predict(test_nf)
        return _score(predicted_n, test_n)
    mean_f, scale_f = fit_nf.mean(0), fit_nf.std(0)
    scale_f = np.where(scale_f > 0, scale_f, 1.0)
    weight_fd = np.linalg.lstsq((fit_nf - mean_f) / scale_f, fit_n, rcond=SMALLEST)[0]
    return _score((test_nf - mean_f) / scale_f @ weight_fd + fit_n.mean(0), test_n)


def classifier() -> Any:
    """Return the logistic regression that reads classes out of states, on features of variance 1, of scikit-learn."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000))


def _score(predicted_n: np.ndarray, true_n: np.ndarray) -> float:
    """Return the accuracy of classes, (N,), or R2 of numbers, (N,) or (N, D)."""
    if true_n.dtype.kind != "f":
        return float((predicted_n == true_n).mean())
    return float(1 - ((true_n - predicted_n) ** 2).sum() / ((true_n - true_n.mean(0)) ** 2).sum())


def _states(name: str, net: NetMap, text: str) -> np.ndarray:
    """Return the states of a net over a text, (T, K); raise ValueError if they are not finite."""
    states_tk, _ = net.path(text)
    if not np.isfinite(states_tk).all():
        raise ValueError(f"states of the net {name} are not finite; allowed: a net whose states are finite numbers")
    return states_tk


def _applying(label: str, text: LabelledText) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions at which a label applies, (N,), and its values there; raise ValueError for none."""
    value_t = text.labels[label]
    if len(value_t) != len(text.text):
        raise ValueError(f"{label} has {len(value_t)} values for {len(text.text)} characters; allowed: one for each")
    position_n = np.flatnonzero(applies(value_t))
    if not len(position_n):
        raise ValueError(f"{label} applies at none of {len(value_t)} positions; allowed: at one or more of each text")
    return position_n, value_t[position_n]


def _contexts(fit: LabelledText, test: LabelledText) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a number for the last 1, 2 ... LONGEST characters at each position of both texts: int64, (T,) each.

    Equal numbers are equal strings. Where fewer characters are there, the string is shorter.
    """
    both = fit.text + test.text
    characters, character_t = np.unique(np.array(list(both)), return_inverse=True)
    position_t = np.arange(len(both))
    begins_t = np.isin(position_t, [0, len(fit.text)])
    if fit.mark:
        begins_t |= characters[character_t] == fit.mark
    available_t = position_t - np.maximum.accumulate(np.where(begins_t, position_t, 0)) + 1
    context_t = character_t
    contexts = [context_t]
    for k in range(2, LONGEST + 1):
        longer_t = np.roll(context_t, 1) * len(characters) + character_t
        _, context_t = np.unique(np.where(available_t >= k, longer_t, -1 - context_t), return_inverse=True)
        contexts.append(context_t)
    return [(context_t[: len(fit.text)], context_t[len(fit.text) :]) for context_t in contexts]


def _looked_up(keys: list[tuple[np.ndarray, np.ndarray]], fit_n: np.ndarray) -> list[np.ndarray]:
    """Return what each table predicts at M positions, each (M,) or (M, D).

    Arguments:
        keys: for each table the numbers of the strings at the N positions to fit on, (N,), and at the M positions to
            predict, (M,); that of the shortest strings first.
        fit_n: the label at the positions to fit on.
    """
    numbers = fit_n.dtype.kind == "f"
    values, class_n = (fit_n, fit_n) if numbers else np.unique(fit_n, return_inverse=True)
    target_n = fit_n.reshape(len(fit_n), -1) if numbers else class_n
    size = max(int(max(fit_key_n.max(), test_key_n.max())) for fit_key_n, test_key_n in keys) + 1
    everywhere = np.zeros(len(keys[0][1]), dtype=np.int64)
    predicted = _table(np.zeros(len(fit_n), dtype=np.int64), target_n, 1)[everywhere]
    found = []
    for fit_key_n, test_key_n in keys:
        seen = np.isin(test_key_n, fit_key_n)
        predicted = predicted.copy()
        predicted[seen] = _table(fit_key_n, target_n, size)[test_key_n[seen]]
        found.append(predicted.reshape(len(predicted), *fit_n.shape[1:]) if numbers else values[predicted])
    return found


def _table(key_n: np.ndarray, target_n: np.ndarray, size: int) -> np.ndarray:
    """Return the mean, (size, D), of the rows of each key, or their most frequent class, (size,), of two the smaller.

    Arguments:
        key_n: the key of each row, 0 to size - 1, (N,).
        target_n: numbers, float, (N, D), or classes, whole numbers from 0, (N,).
        size: the number of keys; the values of keys without rows mean nothing.
    """
    if target_n.dtype.kind == "f":
        sums = np.stack([np.bincount(key_n, column_n, size) for column_n in target_n.T], -1)
        mean: np.ndarray = sums / np.maximum(np.bincount(key_n, minlength=size), 1)[:, None]
        return mean
    classes = int(target_n.max()) + 1
    pair, count = np.unique(key_n * classes + target_n, return_counts=True)
    best = np.zeros(size, dtype=np.int64)
    order = np.lexsort((-pair, count))  # of each key, the pair that comes last stays
    best[pair[order] // classes] = pair[order] % classes
    return best
