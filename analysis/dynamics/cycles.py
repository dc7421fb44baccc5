"""The period of a trajectory, and the cycle it settles in."""

import math
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-3
"""The mismatch up to which a trajectory has returned to itself.

Seen on nets for abc, aab and abcabd (8 and 16 units, every cell, 2-3 seeds, epochs 0 to 500): settled ones return to
within 1.5e-7, which is single precision; over 200 characters the slowest trained net (aab, rnn, 16 units) returns to
within 2e-6, over 100 to within 1e-4. The nearest that a state came to itself without being back was 0.026, in nets for
abcabd that have only begun to keep c from d. So 1e-3 is an order of magnitude and more from both.
"""


@dataclass(frozen=True, eq=False)
class Period:
    """After how many characters a trajectory is where it was.

    Attributes:
        lag: the period in characters; 1 for a state that stands still, None where no lag looked at is one.
        mismatch_p: how far states `p` apart are from one another, for p = 1, 2, ... in turn, (longest,): 0 where they
            are the same, 1 as far as two unrelated moments, up to sqrt(2) for opposite ones.
    """

    lag: int | None
    mismatch_p: np.ndarray


def period(hidden_th: np.ndarray, longest: int, tolerance: float = TOLERANCE) -> Period:
    """Find the period of a trajectory's second half; the first is there to settle in.

    The mismatch at lag p is the root-mean-square of |h[t+p] - h[t]|, relative to that of two states drawn from the
    second half at random, sqrt(2) times its standard deviation. The period is the smallest lag at which the mismatch is
    within the tolerance, as it is at all that lag's multiples: what only drifts is near itself a little later, but not
    after that.

    The period is the state's, not the text's: a net can write abcabc... and be in the same state only every second
    time. Reading a repeated unit drives a net round with it, as a rule even an untrained one; running free, it shows
    the period that is its own.

    Arguments:
        hidden_th: states, (T, H), T at least 4 * longest. 200 or more let nearly every net settle; where none is found,
            look at more.
        longest: the longest lag to look at, at least 1.
        tolerance: the mismatch up to which states count as the same.

    Raises:
        ValueError: longest is below 1, or the second half has less than two states for each lag looked at.
    """
    settled_th = _second_half(hidden_th)
    if not 1 <= longest <= len(settled_th) // 2:
        raise ValueError(
            f"lags up to {longest} in {len(hidden_th)} states, whose second half allows 1 to {len(settled_th) // 2}"
        )
    lags = range(1, longest + 1)
    mismatch_p = np.zeros(longest)
    if not stands_still(settled_th):
        unrelated = math.sqrt(2) * _root_mean_square(settled_th - settled_th.mean(axis=0))
        mismatch_p = np.array([_root_mean_square(settled_th[p:] - settled_th[:-p]) for p in lags]) / unrelated
    returns_p = mismatch_p <= tolerance
    return Period(next((p for p in lags if returns_p[p - 1 :: p].all()), None), mismatch_p)


def cycle(hidden_th: np.ndarray, length: int) -> np.ndarray:
    """Return the mean state at each place of a unit: the closed cycle that a trajectory (T, H) settles into.

    Taken over the last whole repetitions within the second half.

    Arguments:
        hidden_th: states, (T, H).
        length: the unit's length in characters, at least 1.

    Returns:
        The states, (length, H); that of place k is the mean over the times t with t mod length = k.

    Raises:
        ValueError: length is below 1, or the second half has less than two repetitions.
    """
    cycle_kh: np.ndarray = _repetitions(hidden_th, length).mean(axis=0)
    return cycle_kh


@dataclass(frozen=True, eq=False)
class CycleMeasures:
    """How large and how clear a cycle is.

    Attributes:
        radius: root-mean-square distance of the states from their mean, in units of h: 0 or above.
        separation: the share of the states' variance that lies between the places of the unit (eta squared, Fisher
            1925), 0 to 1. 1 is a closed cycle, the same states in each repetition; 0 a state that stands still. States
            that have nothing to do with the places are near (length - 1) / (length * repetitions - 1).
        nearest: the smallest distance between two places of the cycle, relative to the radius; 0 where a place cannot
            be told from another.
    """

    radius: float
    separation: float
    nearest: float


def measure_cycle(hidden_th: np.ndarray, length: int) -> CycleMeasures:
    """Measure the cycle that a trajectory (T, H) settles into, on the same states as `cycle`.

    Raises:
        ValueError: length is below 2, or the second half has less than two repetitions.
    """
    from scipy.spatial.distance import pdist

    if length < 2:
        raise ValueError(f"a unit of {length} characters; a shape needs 2 or more places")
    state_rkh = _repetitions(hidden_th, length)
    cycle_kh = state_rkh.mean(axis=0)
    state_th = state_rkh.reshape(-1, state_rkh.shape[-1])
    radius = _root_mean_square(state_th - state_th.mean(axis=0))
    if stands_still(state_th):
        return CycleMeasures(radius, 0.0, 0.0)
    within = _root_mean_square((state_rkh - cycle_kh).reshape(state_th.shape))
    return CycleMeasures(radius, max(0.0, 1 - (within / radius) ** 2), float(pdist(cycle_kh).min() / radius))


def stands_still(hidden_th: np.ndarray) -> bool:
    """Say whether states differ in no more than their last digits: they are single precision."""
    moved_th = hidden_th - hidden_th.mean(axis=0, dtype=np.float64)
    return bool(np.linalg.norm(moved_th) <= 8 * np.finfo(np.float32).eps * np.linalg.norm(hidden_th))


def _second_half(hidden_th: np.ndarray) -> np.ndarray:
    """Return what comes after the first half, where a net is still on its way from the zero state."""
    settled_th: np.ndarray = hidden_th[len(hidden_th) // 2 :].astype(np.float64)
    return settled_th


def _repetitions(hidden_th: np.ndarray, length: int) -> np.ndarray:
    """Return the last whole repetitions of the second half, (repetitions, length, H), each from place 0 on."""
    settled_th = _second_half(hidden_th)
    if length < 1 or len(settled_th) < 2 * length:
        raise ValueError(
            f"a unit of {length} characters in {len(hidden_th)} states; the second half must hold it twice or more"
        )
    whole_th = settled_th[len(settled_th) % length :]
    # Rolled within each repetition: it may begin in the middle of the unit.
    first_place = (len(hidden_th) - len(whole_th)) % length
    return np.roll(whole_th.reshape(-1, length, whole_th.shape[1]), first_place, axis=1)


def _root_mean_square(difference_th: np.ndarray) -> float:
    """Return the root of the mean squared length of T vectors."""
    return math.sqrt((difference_th**2).sum(axis=1).mean())
