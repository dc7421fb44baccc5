"""Linear probes: labels predicted from hidden states by logistic regression, in cross-validation over one text.

Where a second text can be drawn, `readouts` fits on the one and scores on the other.

scikit-learn is imported only where it is used, because its import takes a second.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np

from analysis.dynamics.readouts import classifier

FOLDS = 5
"""The number of sections into which the states are cut for cross-validation."""


@dataclass(frozen=True, eq=False)
class Probe:
    """How well labels can be predicted from states by a linear map, in cross-validation.

    Attributes:
        accuracy: the share of all states whose label is predicted correctly, 0 to 1.
        accuracy_k: the same for each fold, (FOLDS,).
        chance: the share of the most frequent label, which is the accuracy of always predicting that label.
        baseline: the accuracy of the same probe on the last character alone, one-hot; None without a text. If
            `accuracy` is higher, the states hold information about earlier characters.
    """

    accuracy: float
    accuracy_k: np.ndarray
    chance: float
    baseline: float | None


def probe(
    states: np.ndarray | Sequence[np.ndarray],
    labels: Sequence[Hashable] | Sequence[Sequence[Hashable]],
    text: str | Sequence[str] | None = None,
) -> Probe:
    """Return how well labels can be predicted from states by logistic regression.

    This is a diagnostic classifier (Hupkes et al. 2018). All states, in order, are cut into FOLDS sections of equal
    length, and the labels of each section are predicted by a regression that is fitted to the other sections. The
    states are not shuffled, because neighbouring states are nearly the same.

    Over a repeated motif, the repetitions are nearly the same, too, once the net has settled. There, the accuracy only
    shows whether the states of different places are far enough apart for the regression's penalty (C = 1, features of
    variance 1). This is possible in an untrained net as well, so compare with one.

    Arguments:
        states: a trajectory, (T, H), or several with the same H.
        labels: a label for each state, such as a list or a string of T labels; for several trajectories, a sequence of
            those.
        text: the characters after which the states were taken, in the same form; needed for the baseline.

    Raises:
        ValueError: the number of labels or characters is not that of the states; there are fewer states than FOLDS;
            all labels are the same; or a label occurs in one fold only, so that it cannot be learnt from the others.

    Example:
        >>> places = [t % 3 for t in range(30)]
        >>> result = probe(np.eye(3)[places], places, "aab" * 10)
        >>> result.accuracy, round(result.chance, 2), round(result.baseline, 2)
        (1.0, 0.33, 0.67)
    """
    if isinstance(states, np.ndarray):
        hidden_th, all_labels, characters = states, list(labels), text
    else:
        hidden_th = np.concatenate(states)
        all_labels = list(chain.from_iterable(cast(Sequence[Sequence[Hashable]], labels)))
        characters = None if text is None else "".join(text)
    steps = len(hidden_th)
    for noun, values in (("labels", all_labels), ("characters", characters)):
        if values is not None and len(values) != steps:
            raise ValueError(f"{len(values)} {noun} for {steps} states; allowed: one for each state")
    fold_t = np.arange(steps) * FOLDS // steps
    label_t = _to_numbers(all_labels)
    _check_labels(all_labels, label_t, fold_t)
    right_t = _cross_validate(hidden_th, label_t, fold_t)
    baseline = None
    if characters is not None:
        character_t = _to_numbers(characters)
        one_hot_tv = np.eye(character_t.max() + 1)[character_t]
        baseline = float(_cross_validate(one_hot_tv, label_t, fold_t).mean())
    return Probe(
        accuracy=float(right_t.mean()),
        accuracy_k=np.bincount(fold_t, right_t) / np.bincount(fold_t),
        chance=float(np.bincount(label_t).max() / steps),
        baseline=baseline,
    )


def _check_labels(labels: Sequence[Hashable], label_t: np.ndarray, fold_t: np.ndarray) -> None:
    """Raise ValueError if there are too few states or labels for a probe, or a label occurs in one fold only.

    Arguments:
        labels: the labels.
        label_t: the number of each label, from `_to_numbers`.
        fold_t: the fold of each state.
    """
    steps = len(labels)
    if steps < FOLDS:
        raise ValueError(f"{steps} states; allowed: {FOLDS} or more, one for each fold")
    if not label_t.any():
        raise ValueError(f"every state has the label {labels[0]!r}; allowed: two or more different labels")
    for number in range(label_t.max() + 1):
        if len(set(fold_t[label_t == number])) < 2:
            label = labels[int((label_t == number).argmax())]
            raise ValueError(
                f"the label {label!r} occurs in only one of the {FOLDS} folds of {steps} states; "
                "allowed: labels that occur in two or more (take a longer text)"
            )


def _to_numbers(values: Sequence[Hashable]) -> np.ndarray:
    """Return values as numbers from 0, in the order of their first occurrence: int64, (len(values),)."""
    number_of = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([number_of[value] for value in values])


def _cross_validate(feature_tf: np.ndarray, label_t: np.ndarray, fold_t: np.ndarray) -> np.ndarray:
    """Return whether each label is predicted correctly by a regression fitted to the other folds, bool, (T,)."""
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    predicted_t = cross_val_predict(classifier(), feature_tf, label_t, groups=fold_t, cv=LeaveOneGroupOut())
    right_t: np.ndarray = predicted_t == label_t
    return right_t
