"""What a net's hidden states do over a text: collected, projected, and what can be read out of them.

scikit-learn is imported where it is used: recording a run needs this module, and would wait a second for it.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import cast

import numpy as np
import torch
from torch import Tensor

from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import generate, measuring
from rnn_core.vocabulary import Vocabulary

FOLDS = 5
"""Stretches of states that a probe is tested on, each in turn held out."""


@dataclass(frozen=True, eq=False)
class States:
    """What every layer of a net holds after each character that it reads.

    Attributes:
        text: the characters read, T of them.
        output_lth: what each layer hands to the one above or to the readout, (L, T, H), float32; step t is that after
            character t. For rnn, gru and lstm it is the hidden state h.
        state: each part of the recurrent state by its name, such as h and, for an LSTM, c, (L, T, *shape), float32.
    """

    text: str
    output_lth: np.ndarray
    state: Mapping[str, np.ndarray]

    @property
    def top_th(self) -> np.ndarray:
        """The last layer's output, (T, H): what the readout sees."""
        top_th: np.ndarray = self.output_lth[-1]
        return top_th

    def after(self, count: int, text: str) -> "States":
        """Return the states after the first `count`, which are those over `text`."""
        return States(text, self.output_lth[:, count:], {name: part[:, count:] for name, part in self.state.items()})


def collect(net: CharRNN, vocabulary: Vocabulary, text: str, mark: str = "") -> States:
    """Return the states of every layer over a text, read from a zero state; with a mark, before each mark too.

    Raises:
        ValueError: the text is empty, or holds a character outside the alphabet (UnknownCharacterError).
    """
    with measuring(net):
        parts = []
        for indices in _strings(vocabulary, text, mark):
            x = net.encode(indices[None].to(net.readout.weight.device))
            output_lbth, state = net.trace(x, net.init_hidden(1))
            parts.append([part[:, 0].cpu().numpy() for part in (output_lbth, *state)])
    output_lth, *state_parts = (np.concatenate(of_strings, axis=1) for of_strings in zip(*parts, strict=True))
    return States(text, output_lth, dict(zip(net.state_names, state_parts, strict=True)))


def free_running(net: CharRNN, vocabulary: Vocabulary, prime: str, count: int, mark: str = "") -> States:
    """Let a net read `prime` and then write, reading each character that it wrote (the likeliest).

    The net must predict the next character: what that of a transducer says cannot be read, and `trajectories` refuses.

    Returns:
        The states of the written part alone: `text` is the `count` characters written, and state t is that after
        character t of them was read.

    Raises:
        ValueError: the prime is empty, or count is below 1.
    """
    if not prime or count < 1:
        raise ValueError(f"a prime of {len(prime)} and a count of {count} characters; both must be 1 or more")
    running = generate(net, vocabulary.encode(prime), mark=vocabulary.to_index.get(mark))
    written = vocabulary.decode(list(islice(running, count)))
    # Running free is being taught by what one wrote.
    return collect(net, vocabulary, prime + written, mark).after(len(prime), written)


def _strings(vocabulary: Vocabulary, text: str, mark: str) -> list[Tensor]:
    """Return the indices of a text's characters, cut before each mark: int64, (n,) each."""
    if not text:
        raise ValueError("the text is empty: a net has states after one character or more")
    cuts = [0, *(at for at, character in enumerate(text) if character == mark and at > 0), len(text)]
    return list(torch.split(vocabulary.encode(text), np.diff(cuts).tolist()))


@dataclass(frozen=True, eq=False)
class Projection:
    """The directions along which trajectories vary most; called with states (T, H), it gives coordinates (T, k).

    Attributes:
        mean_h: the state at the origin, (H,).
        direction_kh: unit vectors at right angles to one another, (k, H); those beyond what there is are zero.
        share_k: each direction's share of the variance, (k,), 0 to 1.
    """

    mean_h: np.ndarray
    direction_kh: np.ndarray
    share_k: np.ndarray

    def __call__(self, hidden_th: np.ndarray) -> np.ndarray:
        """Return the coordinates of states (T, H): (T, k)."""
        coordinates_tk: np.ndarray = (hidden_th - self.mean_h) @ self.direction_kh.T
        return coordinates_tk


def fit_projection(trajectories: Sequence[np.ndarray], count: int = 2) -> Projection:
    """Find the principal components (Pearson 1901) of one trajectory, or those that several have in common.

    Each trajectory weighs alike, however long: the origin is the mean of their means, and the variance is the mean over
    trajectories of each one's mean squared distance from there.

    Arguments:
        trajectories: states, (T, H) each; T at least 1 and free to differ, H the same, and meaning the same: of one
            net (at any epoch), or brought together by `geometry.aligned`.
        count: how many directions; those beyond min(all T, H) are zero.

    Returns:
        The projection; each direction's sign is fixed so that the largest of the coordinates along it is positive.

    Raises:
        ValueError: the trajectories differ in width, or there is none.
    """
    widths = sorted({hidden_th.shape[1] for hidden_th in trajectories})
    if len(widths) != 1:
        raise ValueError(f"trajectories of {widths} units; one width is needed (geometry.aligned brings nets to one)")
    mean_h = np.mean([hidden_th.mean(axis=0, dtype=np.float64) for hidden_th in trajectories], axis=0)
    hidden_th = np.concatenate(trajectories)
    steps_n = np.array([len(hidden_th) for hidden_th in trajectories])
    weight_t = np.repeat(np.sqrt(steps_n.mean() / steps_n), steps_n)[:, None]  # 1 for a trajectory alone
    left, singular, right = np.linalg.svd(weight_t * (hidden_th - mean_h), full_matrices=False)
    kept = min(count, len(singular))
    coordinates_tk = left[:, :kept] * singular[:kept] / weight_t
    furthest_k = coordinates_tk[np.abs(coordinates_tk).argmax(axis=0), np.arange(kept)]
    direction_kh = np.zeros((count, hidden_th.shape[1]))
    direction_kh[:kept] = right[:kept] * np.where(furthest_k < 0, -1, 1)[:, None]
    share_k = np.zeros(count)
    # States are single precision: what varies less than their last digit does not vary.
    if singular[0] > np.finfo(np.float32).eps * np.abs(hidden_th).max():
        share_k[:kept] = singular[:kept] ** 2 / (singular**2).sum()
    return Projection(mean_h, direction_kh, share_k)


def principal_components(hidden_th: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Project a trajectory, (T, H), onto its own principal components: `fit_projection` of it alone, applied to it.

    Returns:
        The coordinates, (T, count), and each direction's share of the variance, (count,), 0 to 1.
    """
    projection = fit_projection([hidden_th], count)
    return projection(hidden_th), projection.share_k


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
