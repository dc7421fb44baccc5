"""The period of a trajectory, and the cycle in which it settles."""

import math
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-3
"""The mismatch up to which two states count as the same.

It was chosen from nets on abc, aab and abcabd (8 and 16 hidden units, each cell, 2 or 3 seeds, epochs 0 to 500). Nets
that have settled return to the same state within 1.5e-7, which is single precision. The trained net that settles most
slowly (aab, rnn, 16 units) does so within 2e-6 over 200 characters, and within 1e-4 over 100. Of the states that do not
return, the nearest pair had a mismatch of 0.026, in nets on abcabd that have only begun to distinguish c from d. So the
tolerance differs from both by a factor of ten or more.
"""


@dataclass(frozen=True, eq=False)
class Period:
    """The number of characters after which a trajectory returns to the same state.

    Attributes:
        lag: the period in characters; 1 for a state that does not change, None if no lag up to `max_lag` is a period.
        mismatch_p: for each lag p = 1, 2, ..., the mismatch of states that are p characters apart, (max_lag,): 0 if
            they are the same, 1 if they differ as much as two random states of the trajectory, and at most sqrt(2).
    """

    lag: int | None
    mismatch_p: np.ndarray


def period(hidden_th: np.ndarray, max_lag: int, tolerance: float = TOLERANCE) -> Period:
    """Return the period of the second half of a trajectory. In the first half, the net settles.

    The mismatch at lag p is the root-mean-square of |h[t+p] - h[t]|, divided by that of two states drawn at random from
    the second half, which is sqrt(2) times its standard deviation. The period is the smallest lag such that the
    mismatch is within the tolerance at the lag and at all its multiples. A state that drifts slowly is near itself a
    little later, but not at all multiples.

    This is the period of the state, which can be longer than that of the text: a net can write abcabc... and return to
    the same state only after every second abc. A net that reads a repeated motif usually takes on the motif's period,
    even if it is untrained. A net that runs free shows its own period.

    Arguments:
        hidden_th: the trajectory, (T, H), T at least 4 * max_lag. Nearly every net settles within 100 characters; if no
            period is found, use a longer trajectory.
        max_lag: the longest lag to test, at least 1.
        tolerance: the mismatch up to which states count as the same.

    Raises:
        ValueError: max_lag is below 1, or more than half the number of states in the second half.
    """
    settled_th = _second_half(hidden_th)
    if not 1 <= max_lag <= len(settled_th) // 2:
        raise ValueError(f"max_lag is {max_lag} for {len(hidden_th)} states; allowed: 1 to {len(settled_th) // 2}")
    lags = range(1, max_lag + 1)
    mismatch_p = np.zeros(max_lag)
    if not is_constant(settled_th):
        random_distance = math.sqrt(2) * _root_mean_square(settled_th - settled_th.mean(axis=0))
        mismatch_p = np.array([_root_mean_square(settled_th[p:] - settled_th[:-p]) for p in lags]) / random_distance
    returns_p = mismatch_p <= tolerance
    return Period(next((p for p in lags if returns_p[p - 1 :: p].all()), None), mismatch_p)


def cycle(hidden_th: np.ndarray, motif_length: int) -> np.ndarray:
    """Return the mean state at each place of a motif: the closed cycle in which a trajectory settles.

    The means are over all whole repetitions of the motif that end the second half of the trajectory.

    Arguments:
        hidden_th: the trajectory, (T, H).
        motif_length: the length of the motif in characters, at least 1.

    Returns:
        The mean states, (motif_length, H). The state of place k is the mean over all t with t mod motif_length = k.

    Raises:
        ValueError: motif_length is below 1, or the second half does not hold two repetitions.
    """
    cycle_kh: np.ndarray = _repetitions(hidden_th, motif_length).mean(axis=0)
    return cycle_kh


@dataclass(frozen=True, eq=False)
class CycleMeasures:
    """The size of a cycle, or of any set of states, and how well its places, or any classes, are separated.

    Attributes:
        radius: the root-mean-square distance of the states from their mean, in units of h, 0 or above.
        separation: the share of the variance of the states that lies between the classes (eta squared, Fisher 1925), 0
            to 1. It is 1 for a closed cycle, with the same states in each repetition, and 0 for a state that does not
            change. For N states that do not depend on the K classes, it is about (K - 1) / (N - 1).
        nearest: the smallest distance between the mean states of two classes, divided by the radius. It is 0 if two
            classes have the same state, and NaN for a single class.
    """

    radius: float
    separation: float
    nearest: float


def measure_cycle(hidden_th: np.ndarray, motif_length: int) -> CycleMeasures:
    """Return the measures of the cycle in which a trajectory settles, from the same states as `cycle`.

    Arguments:
        hidden_th: the trajectory, (T, H).
        motif_length: the length of the motif in characters, at least 2.

    Raises:
        ValueError: motif_length is below 2, or the second half does not hold two repetitions.
    """
    if motif_length < 2:
        raise ValueError(f"motif_length is {motif_length}; allowed: 2 or more")
    state_rkh = _repetitions(hidden_th, motif_length)
    repetitions, places, units = state_rkh.shape
    return measure_classes(state_rkh.reshape(-1, units), np.tile(np.arange(places), repetitions))


def measure_classes(hidden_nh: np.ndarray, class_n: np.ndarray) -> CycleMeasures:
    """Return the size of a set of states, and how well classes are separated in it.

    Arguments:
        hidden_nh: the states, (N, H), N at least 1.
        class_n: the class of each, (N,), of any kind that can be sorted.
    """
    from scipy.spatial.distance import pdist

    hidden_nh = hidden_nh.astype(np.float64)
    classes, number_n = np.unique(class_n, return_inverse=True)
    mean_kh = np.stack([hidden_nh[number_n == number].mean(axis=0) for number in range(len(classes))])
    radius = _root_mean_square(hidden_nh - hidden_nh.mean(axis=0))
    alone = len(classes) < 2
    if is_constant(hidden_nh):
        return CycleMeasures(radius, 0.0, np.nan if alone else 0.0)
    within = _root_mean_square(hidden_nh - mean_kh[number_n])
    nearest = np.nan if alone else float(pdist(mean_kh).min() / radius)
    return CycleMeasures(radius, max(0.0, 1 - (within / radius) ** 2), nearest)


def is_constant(hidden_th: np.ndarray) -> bool:
    """Return whether the states of a trajectory, (T, H), differ only by the rounding of single precision."""
    deviation_th = hidden_th - hidden_th.mean(axis=0, dtype=np.float64)
    return bool(np.linalg.norm(deviation_th) <= 8 * np.finfo(np.float32).eps * np.linalg.norm(hidden_th))


def _second_half(hidden_th: np.ndarray) -> np.ndarray:
    """Return the second half of a trajectory, in double precision."""
    settled_th: np.ndarray = hidden_th[len(hidden_th) // 2 :].astype(np.float64)
    return settled_th


def _repetitions(hidden_th: np.ndarray, motif_length: int) -> np.ndarray:
    """Return the states of the last whole repetitions in the second half, by place, (repetitions, motif_length, H)."""
    settled_th = _second_half(hidden_th)
    if motif_length < 1 or len(settled_th) < 2 * motif_length:
        raise ValueError(
            f"motif_length is {motif_length} for {len(hidden_th)} states; "
            f"allowed: 1 to {len(settled_th) // 2}, so that the second half holds the motif twice"
        )
    last_th = settled_th[len(settled_th) % motif_length :]
    # The states can begin in the middle of the motif, so each repetition is rolled to begin with place 0.
    first_place = (len(hidden_th) - len(last_th)) % motif_length
    return np.roll(last_th.reshape(-1, motif_length, last_th.shape[1]), first_place, axis=1)


def _root_mean_square(vector_th: np.ndarray) -> float:
    """Return the root of the mean squared length of T vectors."""
    return math.sqrt((vector_th**2).sum(axis=1).mean())
