"""Fixed points and slow points, each with what is to be known of it: its kind, its eigenvalues, its directions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics.net_map import NetMap

# The end of an array's name gives its axes: N states, K numbers of a flat state, P points, U unstable directions.

FIXED = 1e-20
"""The speed q = |F(h) - h|^2 / 2 up to which a state counts as a fixed point: it moves by 1.4e-10 at most."""

RADIUS = 0.01
"""The distance within which two points count as one."""

NEUTRAL = 1e-8
"""How far from 1 an eigenvalue may be and count as 1. Rounding moves those of 1 by up to about so much."""

OUTLIER = 2.0
"""How far from every visited state an outlier is, in root-mean-square distances of the visited states from their
mean."""

KINDS = ("stable", "saddle", "unstable", "neutral", "slow")
"""The kinds of points; see `FixedPoint.kind`."""


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A fixed point or a slow point of the map under a word.

    Attributes:
        state_k: the flat state h, (K,).
        speed: q = |F(h) - h|^2 / 2, 0 or above.
        kind: "stable": every eigenvalue has a modulus below 1. "saddle": some are above 1, others are not. "unstable":
            all are above 1. "neutral": none is above 1, but some are 1 (within `NEUTRAL`), as on a line of fixed points
            or where the state turns without end. "slow": not a fixed point, since its speed is above the tolerance.
        eigenvalues_k: those of the Jacobian of the word there, complex, (K,), the largest modulus first.
        staying: the number of independent directions in which a small move stays, 0 to K: the dimension of the
            eigenspace of 1, counted as the singular values of J - I up to `NEUTRAL`. An eigenvalue of modulus 1 that is
            not 1 itself, such as -1, makes a point neutral, but adds no such direction.
        directions_uk: the directions in which a small move grows, (U, K): the eigenvector, of length 1, of each real
            eigenvalue with a modulus above 1; of a complex pair the real and the imaginary part, each of length 1.
        time_constant: the number of characters in which the move that lasts longest falls to 1/e; infinite where it
            lasts or grows, 0 where every move is gone after finitely many words.
        nearest: the distance to the nearest visited state, 0 or above.
        outlier: whether it lies far from all visited states, so that it may say nothing of what the net does; see
            `OUTLIER`.
    """

    state_k: np.ndarray
    speed: float
    kind: str
    eigenvalues_k: np.ndarray
    staying: int
    directions_uk: np.ndarray
    time_constant: float
    nearest: float
    outlier: bool

    @property
    def unstable(self) -> int:
        """The number of unstable directions, 0 to K."""
        return len(self.directions_uk)


def point_table(points: Sequence[FixedPoint]) -> pd.DataFrame:
    """Return one row a point, with the columns `kind`, `speed`, `unstable` (the number of unstable directions),
    `staying`, `largest` (the largest modulus of an eigenvalue), `time_constant` (characters), `nearest` and `outlier`.
    """
    columns = ["kind", "speed", "unstable", "staying", "largest", "time_constant", "nearest", "outlier"]
    rows = [
        (p.kind, p.speed, p.unstable, p.staying, abs(p.eigenvalues_k[0]), p.time_constant, p.nearest, p.outlier)
        for p in points
    ]
    return pd.DataFrame(rows, columns=columns)


def merge(states_nk: np.ndarray, speed_n: np.ndarray, slow: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return to which point each state belongs, (N,), -1 for none, and which state stands for each point, (P,).

    The slowest state is the first point and takes all states within the radius; the slowest of the others is the next.
    States whose speed is above `slow`, or not a number, belong to none.

    Arguments:
        states_nk: N flat states, (N, K).
        speed_n: the speed q of each, (N,).
        slow: the largest speed of a point.
        radius: the distance within which a state belongs to a point.
    """
    point_n = np.full(len(states_nk), -1)
    left = np.argsort(speed_n, kind="stable")
    left = left[speed_n[left] <= slow]
    firsts: list[int] = []
    while len(left):
        near = np.linalg.norm(states_nk[left] - states_nk[left[0]], axis=1) <= radius
        point_n[left[near]] = len(firsts)
        firsts.append(left[0])
        left = left[~near]
    return point_n, np.array(firsts, dtype=np.int64)


def describe(
    net_map: NetMap, states_pk: np.ndarray, speed_p: np.ndarray, word: str, visited_nk: np.ndarray, tolerance: float
) -> tuple[FixedPoint, ...]:
    """Return what is to be known of each point.

    Arguments:
        net_map: the net.
        states_pk: the P points, (P, K).
        speed_p: the speed q of each, (P,).
        word: the word.
        visited_nk: the flat states that the net was in, (N, K).
        tolerance: the speed up to which a point is fixed.
    """
    spread = math.sqrt(((visited_nk - visited_nk.mean(axis=0)) ** 2).sum(axis=1).mean())
    points = []
    piece = net_map.jacobians_at_a_time
    for at in range(0, len(states_pk), piece):
        jacobian_pkk = net_map.jacobian(states_pk[at : at + piece], word)
        stays_pk = np.linalg.svd(jacobian_pkk - np.eye(net_map.size), compute_uv=False) <= NEUTRAL
        parts = states_pk[at : at + piece], speed_p[at : at + piece].tolist(), *np.linalg.eig(jacobian_pkk), stays_pk
        for state_k, q, eigenvalues_k, vectors_kk, stays_k in zip(*parts, strict=True):
            order_k = np.argsort(-np.abs(eigenvalues_k), kind="stable")
            eigenvalues_k, vectors_kk = eigenvalues_k[order_k].astype(complex), vectors_kk[:, order_k]
            nearest = float(np.linalg.norm(visited_nk - state_k, axis=1).min())
            points.append(
                FixedPoint(
                    state_k=state_k,
                    speed=q,
                    kind=_kind(np.abs(eigenvalues_k)) if q <= tolerance else "slow",
                    eigenvalues_k=eigenvalues_k,
                    staying=int(stays_k.sum()),
                    directions_uk=_unstable_directions(eigenvalues_k, vectors_kk),
                    time_constant=time_constant(eigenvalues_k, len(word)),
                    nearest=nearest,
                    outlier=nearest > OUTLIER * spread,
                )
            )
    return tuple(points)


def time_constant(eigenvalues_k: np.ndarray, characters: int) -> float:
    """Return in how many characters a disturbance falls to 1/e: -characters / ln max |eigenvalue|.

    Arguments:
        eigenvalues_k: the eigenvalues of the Jacobian of a word, (K,).
        characters: the length of the word.

    Returns:
        0 or above; infinite where the largest modulus is 1 (within `NEUTRAL`) or more.
    """
    largest = float(np.abs(eigenvalues_k).max())
    if largest >= 1 - NEUTRAL:
        return math.inf
    return -characters / math.log(largest) if largest > 0 else 0.0


def _kind(modulus_k: np.ndarray) -> str:
    """Return the kind of a fixed point by the moduli of its eigenvalues, (K,)."""
    grows_k = modulus_k > 1 + NEUTRAL
    if grows_k.all():
        return "unstable"
    if grows_k.any():
        return "saddle"
    return "stable" if (modulus_k < 1 - NEUTRAL).all() else "neutral"


def _unstable_directions(eigenvalues_k: np.ndarray, vectors_kk: np.ndarray) -> np.ndarray:
    """Return the unstable directions, (U, K); see `FixedPoint.directions_uk`."""
    directions = []
    for value, vector_k in zip(eigenvalues_k, vectors_kk.T, strict=True):
        if abs(value) > 1 + NEUTRAL and value.imag >= 0:
            parts = [vector_k.real, vector_k.imag] if value.imag > 0 else [vector_k.real]
            directions += [part_k / np.linalg.norm(part_k) for part_k in parts]
    return np.array(directions).reshape(len(directions), len(vectors_kk))
