"""How far trajectories of different nets are from being one shape, and how one is brought onto another."""

import math
from collections.abc import Sequence

import numpy as np

from analysis.dynamics.cycles import stands_still


def aligned(hidden_th: np.ndarray, reference_th: np.ndarray) -> np.ndarray:
    """Bring a trajectory onto another by the best rotation or reflection, scaling and shift.

    Best in least squares: orthogonal Procrustes (Schönemann 1966), with scaling and shift (Schönemann & Carroll 1970).
    What is left, relative to the reference's distance from its mean, is `procrustes_distance`.

    Arguments:
        hidden_th: states, (T, H).
        reference_th: those of another net, or of the same one at another epoch, over the same text: (T, H').

    Returns:
        The trajectory among the reference's states, (T, max(H, H')): where one has fewer units, zeros stand for the
        others. To bring nets of many sizes into one space, take the widest as the reference.

    Raises:
        ValueError: the trajectories differ in length, or one of them stands still.
    """
    from scipy.linalg import orthogonal_procrustes

    width = max(hidden_th.shape[1], reference_th.shape[1])
    moved_th, target_th = (
        np.pad(shape_th, ((0, 0), (0, width - shape_th.shape[1]))) for shape_th in _shapes([hidden_th, reference_th])
    )
    rotation_hh, similarity = orthogonal_procrustes(moved_th, target_th)
    mean_h = reference_th.mean(axis=0, dtype=np.float64)
    size = np.linalg.norm(reference_th - mean_h)
    placed_th: np.ndarray = size * similarity * moved_th @ rotation_hh + np.pad(mean_h, (0, width - len(mean_h)))
    return placed_th


def procrustes_distance(first_th: np.ndarray, second_th: np.ndarray) -> float:
    """Return how far two trajectories over the same text are from being one shape: 0 to 1.

    0 where a rotation or reflection, a scaling and a shift bring one onto the other. It is sqrt(1 - s^2), s being the
    sum of the singular values of A'B, where A (T, H) and B (T, H') are the trajectories centred and of Frobenius norm 1
    (the full Procrustes distance; Dryden & Mardia 1998, chapter 4). arccos s is a metric on shapes (Williams et al.
    2021, "Generalized shape metrics on neural representations"), and so is its sine: trajectories can be clustered by
    it. Widths may differ.

    Raises:
        ValueError: the trajectories differ in length, or one of them stands still.
    """
    return float(distances([first_th, second_th])[0, 1])


def distances(trajectories: Sequence[np.ndarray]) -> np.ndarray:
    """Return `procrustes_distance` of each of N trajectories, (T, H) each, from each other: (N, N)."""
    shapes = _shapes(trajectories)
    distance_nn = np.zeros((len(shapes), len(shapes)))
    for row, first_th in enumerate(shapes):
        for column, second_th in enumerate(shapes[:row]):
            similarity = float(np.linalg.norm(first_th.T @ second_th, "nuc"))
            distance = math.sqrt(max(0.0, 1 - similarity**2))  # rounding can bring the similarity above 1
            distance_nn[row, column] = distance_nn[column, row] = distance
    return distance_nn


def _shapes(trajectories: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return trajectories over the same text centred and of Frobenius norm 1."""
    steps = sorted({len(hidden_th) for hidden_th in trajectories})
    if len(steps) > 1:
        raise ValueError(f"trajectories of {steps} states; to be compared, all must have read the same text")
    centred = [hidden_th - hidden_th.mean(axis=0, dtype=np.float64) for hidden_th in trajectories]
    for number, hidden_th in enumerate(trajectories):
        if stands_still(hidden_th):
            raise ValueError(f"trajectory {number} (from 0) stands still: a single state has no shape to compare")
    return [centred_th / np.linalg.norm(centred_th) for centred_th in centred]
