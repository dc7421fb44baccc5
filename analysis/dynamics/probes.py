"""What can be read out of hidden states by a linear map.

scikit-learn is imported where it is used: it takes a second.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np

FOLDS = 5
"""Stretches of states that a probe is tested on, each in turn held out."""


@dataclass(frozen=True, eq=False)
class Probe:
    """How well labels can be read out of states by a linear map, each tested on states that it was not fitted to.

    Attributes:
        accuracy: share of all states whose label was right, 0 to 1.
        accuracy_k: the same for each stretch held out, (FOLDS,).
        chance: share of the most frequent label: what naming it always would reach.
        baseline: the accuracy of the same probe on the character just read alone, one-hot; None without a text. What
            lies above it, the net remembers.
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
    """Read labels out of states by logistic regression (a diagnostic classifier, Hupkes et al. 2018).

    All states, laid end to end, are cut into FOLDS stretches of equal length; each is predicted from the others. They
    are never shuffled, since neighbouring states are near copies. Over a repeated unit so are its repetitions, once the
    net has settled: what a probe of a settled cycle says is that its places lie apart, by more than the regression's
    penalty hides (C = 1 on units of variance 1). Places can lie apart in a net that learnt nothing: probe an
    untrained one beside it.

    Arguments:
        states: a trajectory, (T, H), or several of one width.
        labels: a label for each state (a string is one a character): T of them; for several trajectories, a sequence
            of such.
        text: the characters read, likewise, for the baseline.

    Raises:
        ValueError: labels or text do not match the states in number, there are fewer states than FOLDS, there is only
            one label, or one occurs in a single stretch, and could not be learnt when that is held out.

    Example:
        >>> places = [t % 3 for t in range(30)]
        >>> found = probe(np.eye(3)[places], places, "aab" * 10)
        >>> found.accuracy, round(found.chance, 2), round(found.baseline, 2)
        (1.0, 0.33, 0.67)
    """
    if isinstance(states, np.ndarray):
        hidden_th, label_of, read = states, list(labels), text
    else:
        hidden_th, label_of = (
            np.concatenate(states),
            list(chain.from_iterable(cast(Sequence[Sequence[Hashable]], labels))),
        )
        read = None if text is None else "".join(text)
    steps = len(hidden_th)
    for count, what in [(len(label_of), "labels")] + ([] if read is None else [(len(read), "characters")]):
        if count != steps:
            raise ValueError(f"{count} {what} for {steps} states; there must be one for each state")
    if steps < FOLDS:
        raise ValueError(f"{steps} states; a probe needs {FOLDS} or more, one for each stretch")
    label_t = _numbered(label_of)
    if not label_t.any():
        raise ValueError(f"every state has the label {label_of[0]!r}; a probe needs two labels or more")
    stretch_t = np.arange(steps) * FOLDS // steps
    for label in range(label_t.max() + 1):
        if len(set(stretch_t[label_t == label])) < 2:
            raise ValueError(
                f"the label {label_of[int((label_t == label).argmax())]!r} occurs in only one of the {FOLDS} stretches "
                f"of {steps} states; each label must occur in two or more (take a longer text)"
            )
    right_t = _read_out(hidden_th, label_t, stretch_t)
    baseline = None
    if read is not None:
        index_t = _numbered(read)
        baseline = float(_read_out(np.eye(index_t.max() + 1)[index_t], label_t, stretch_t).mean())
    return Probe(
        accuracy=float(right_t.mean()),
        accuracy_k=np.bincount(stretch_t, right_t) / np.bincount(stretch_t),
        chance=float(np.bincount(label_t).max() / steps),
        baseline=baseline,
    )


def _numbered(things: Sequence[Hashable]) -> np.ndarray:
    """Return each thing's number in the order in which they first occur, from 0: int64, (len(things),)."""
    number_of = {thing: number for number, thing in enumerate(dict.fromkeys(things))}
    return np.array([number_of[thing] for thing in things])


def _read_out(feature_tf: np.ndarray, label_t: np.ndarray, stretch_t: np.ndarray) -> np.ndarray:
    """Return whether each state's label is right, bool, (T,), when predicted from the other stretches."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000))
    predicted_t = cross_val_predict(reader, feature_tf, label_t, groups=stretch_t, cv=LeaveOneGroupOut())
    right_t: np.ndarray = predicted_t == label_t
    return right_t
