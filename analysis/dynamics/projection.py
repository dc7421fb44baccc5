"""Principal components of trajectories of hidden states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Projection:
    """The directions along which trajectories vary most. Called with states, (T, H), it returns coordinates, (T, k).

    Attributes:
        mean_h: the state whose coordinates are 0, (H,).
        direction_kh: orthogonal unit vectors, (k, H); those in excess of min(T, H) are zero.
        share_k: the share of the variance along each direction, (k,), 0 to 1.
    """

    mean_h: np.ndarray
    direction_kh: np.ndarray
    share_k: np.ndarray

    def __call__(self, hidden_th: np.ndarray) -> np.ndarray:
        """Return the coordinates, (T, k), of states, (T, H)."""
        coordinates_tk: np.ndarray = (hidden_th - self.mean_h) @ self.direction_kh.T
        return coordinates_tk


def fit_projection(trajectories: Sequence[np.ndarray], count: int = 2) -> Projection:
    """Return the principal components (Pearson 1901) of a trajectory, or the common ones of several.

    Each trajectory has the same weight, whatever its length: the origin is the mean of the trajectories' means, and the
    variance is the mean over trajectories of the mean squared distance from the origin.

    Arguments:
        trajectories: one or more trajectories, (T, H) each. T can differ. H must be the same, and the hidden units must
            correspond: the states are of one net (at any epochs), or were brought together by `dynamics.aligned`.
        count: the number of directions; those in excess of min(total T, H) are zero.

    Returns:
        The projection. The sign of each direction is such that the coordinate of largest absolute value is positive.

    Raises:
        ValueError: the trajectories differ in H, or there is none.
    """
    widths = sorted({hidden_th.shape[1] for hidden_th in trajectories})
    if len(widths) != 1:
        raise ValueError(
            f"the trajectories have {widths} units; allowed: trajectories of one width (dynamics.aligned gives it)"
        )
    mean_h = np.mean([hidden_th.mean(axis=0, dtype=np.float64) for hidden_th in trajectories], axis=0)
    hidden_th = np.concatenate(trajectories)
    steps_n = np.array([len(hidden_th) for hidden_th in trajectories])
    weight_t1 = np.repeat(np.sqrt(steps_n.mean() / steps_n), steps_n)[:, None]  # 1 if there is one trajectory
    left_tk, singular_k, right_kh = np.linalg.svd(weight_t1 * (hidden_th - mean_h), full_matrices=False)
    kept = min(count, len(singular_k))
    coordinates_tk = left_tk[:, :kept] * singular_k[:kept] / weight_t1
    extreme_k = coordinates_tk[np.abs(coordinates_tk).argmax(axis=0), np.arange(kept)]
    direction_kh = np.zeros((count, hidden_th.shape[1]))
    direction_kh[:kept] = right_kh[:kept] * np.where(extreme_k < 0, -1, 1)[:, None]
    share_k = np.zeros(count)
    # States have single precision, so a variation below its rounding is none.
    if singular_k[0] > np.finfo(np.float32).eps * np.abs(hidden_th).max():
        share_k[:kept] = singular_k[:kept] ** 2 / (singular_k**2).sum()
    return Projection(mean_h, direction_kh, share_k)


def principal_components(hidden_th: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Project a trajectory, (T, H), onto its own principal components; see `fit_projection`.

    Returns:
        The coordinates, (T, count), and the share of the variance along each direction, (count,), 0 to 1.
    """
    projection = fit_projection([hidden_th], count)
    return projection(hidden_th), projection.share_k
