"""Similarity of trajectories of different nets: Procrustes distances, and alignment of one trajectory with another."""

import math
from collections.abc import Sequence

import numpy as np

from analysis.dynamics.cycles import is_constant


def aligned(hidden_th: np.ndarray, reference_th: np.ndarray) -> np.ndarray:
    """Return a trajectory after the rotation or reflection, scaling and shift that bring it nearest to another one.

    They are the best in least squares: orthogonal Procrustes (Schönemann 1966), with scaling and shift (Schönemann &
    Carroll 1970). The remaining difference, divided by the norm of the reference after its mean is subtracted, is
    `procrustes_distance`.

    Arguments:
        hidden_th: the trajectory, (T, H).
        reference_th: a trajectory over the same text, of another net or of the same net at another epoch, (T, H').

    Returns:
        The transformed trajectory, (T, max(H, H')). If the two have different numbers of units, the missing units are
        taken as zero. To align nets of several sizes, take the widest as the reference.

    Raises:
        ValueError: the trajectories differ in length, or one of them is constant.
    """
    from scipy.linalg import orthogonal_procrustes

    width = max(hidden_th.shape[1], reference_th.shape[1])
    normalised_th, target_th = (
        np.pad(trajectory_th, ((0, 0), (0, width - trajectory_th.shape[1])))
        for trajectory_th in _normalise([hidden_th, reference_th])
    )
    rotation_hh, similarity = orthogonal_procrustes(normalised_th, target_th)
    mean_h = reference_th.mean(axis=0, dtype=np.float64)
    scale = np.linalg.norm(reference_th - mean_h)
    aligned_th: np.ndarray = scale * similarity * normalised_th @ rotation_hh + np.pad(mean_h, (0, width - len(mean_h)))
    return aligned_th


def procrustes_distance(first_th: np.ndarray, second_th: np.ndarray) -> float:
    """Return how much the shapes of two trajectories over the same text differ, 0 to 1.

    It is 0 if a rotation or reflection, a scaling and a shift turn one into the other. It is sqrt(1 - s^2), where s is
    the sum of the singular values of A'B, and A (T, H) and B (T, H') are the trajectories with mean 0 and Frobenius
    norm 1: the full Procrustes distance (Dryden & Mardia 1998, chapter 4). arccos s is a metric on shapes (Williams et
    al. 2021, "Generalized shape metrics on neural representations"), and its sine, this distance, is one, too; so
    trajectories can be clustered by it. H and H' can differ.

    Raises:
        ValueError: the trajectories differ in length, or one of them is constant.
    """
    return float(procrustes_distances([first_th, second_th])[0, 1])


def procrustes_distances(trajectories: Sequence[np.ndarray]) -> np.ndarray:
    """Return the `procrustes_distance` of each pair of N trajectories, (N, N); each trajectory is (T, H)."""
    normalised = _normalise(trajectories)
    distance_nn = np.zeros((len(normalised), len(normalised)))
    for row, first_th in enumerate(normalised):
        for column, second_th in enumerate(normalised[:row]):
            similarity = float(np.linalg.norm(first_th.T @ second_th, "nuc"))
            distance = math.sqrt(max(0.0, 1 - similarity**2))  # by rounding, the similarity can exceed 1
            distance_nn[row, column] = distance_nn[column, row] = distance
    return distance_nn


def _normalise(trajectories: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return trajectories over the same text with mean 0 and Frobenius norm 1."""
    lengths = sorted({len(hidden_th) for hidden_th in trajectories})
    if len(lengths) > 1:
        raise ValueError(f"the trajectories have {lengths} states; allowed: trajectories over the same text")
    for number, hidden_th in enumerate(trajectories):
        if is_constant(hidden_th):
            raise ValueError(f"trajectory {number} (from 0) is constant; allowed: trajectories whose states differ")
    centred = [hidden_th - hidden_th.mean(axis=0, dtype=np.float64) for hidden_th in trajectories]
    return [centred_th / np.linalg.norm(centred_th) for centred_th in centred]
