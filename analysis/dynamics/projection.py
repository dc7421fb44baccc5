"""The directions along which trajectories of hidden states vary most, and their coordinates there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
            net (at any epoch), or brought together by `dynamics.aligned`.
        count: how many directions; those beyond min(all T, H) are zero.

    Returns:
        The projection; each direction's sign is fixed so that the largest of the coordinates along it is positive.

    Raises:
        ValueError: the trajectories differ in width, or there is none.
    """
    widths = sorted({hidden_th.shape[1] for hidden_th in trajectories})
    if len(widths) != 1:
        raise ValueError(f"trajectories of {widths} units; one width is needed (dynamics.aligned brings nets to one)")
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
