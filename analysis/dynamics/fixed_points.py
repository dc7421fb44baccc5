"""Fixed points of a word: the states that it leads back to themselves, and the slow points that it hardly moves.

A fixed point of a held character is that of a word of one character. Where a part of the state grows with the text, the
map keeps a number of rows of it, and the points are those of the map (see `map_of_net`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics import net_map as net_maps
from analysis.dynamics.least_speed import ITERATIONS, check_word, least_speed
from analysis.dynamics.net_map import NetMap

# The end of an array's name gives its axes: N states, K numbers of a flat state, P points, U unstable directions.

FIXED = 1e-20
"""The speed q = |F(h) - h|^2 / 2 up to which a state counts as a fixed point: it moves by 1.4e-10 at most."""

SLOW = 1e-5
"""The speed q up to which a state counts as a slow point: it moves by 4.5e-3 at most."""

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
            all are above 1. "neutral": none is above 1, but some are equal to 1 within `NEUTRAL`, as on a line of fixed
            points. "slow": not a fixed point, since its speed is above the tolerance.
        eigenvalues_k: those of the Jacobian of the word there, complex, (K,), the largest modulus first.
        neutral: the dimension of the eigenspace of 1: the number of independent directions in which a small move stays.
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
    neutral: int
    directions_uk: np.ndarray
    time_constant: float
    nearest: float
    outlier: bool

    @property
    def unstable(self) -> int:
        """The number of unstable directions, 0 to K."""
        return len(self.directions_uk)


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """What a search for fixed points found.

    Attributes:
        word: the word.
        points: the P points, the slowest first.
        point_n: for each of the N starts the number of the point where its search ended; -1 where the speed there was
            above that of a slow point, so that nothing was found.
        ends_nk: the flat state where the search from each start ended, (N, K).
        speed_n: the speed q there, (N,).
        slow: the speed up to which a state counted as a slow point.
    """

    word: str
    points: tuple[FixedPoint, ...]
    point_n: np.ndarray
    ends_nk: np.ndarray
    speed_n: np.ndarray
    slow: float

    @property
    def nothing_found(self) -> int:
        """The number of starts from which nothing was found."""
        return int((self.point_n < 0).sum())

    def table(self) -> pd.DataFrame:
        """Return one row a point; see `point_table`. `starts` is the number of starts whose search ended there."""
        table = point_table(self.points)
        starts = np.bincount(self.point_n[self.point_n >= 0], minlength=len(self.points))
        table.insert(1, "starts", starts)
        return table


def noisy_starts(visited_nk: np.ndarray, count: int, scale: float = 0.5, seed: int = 0) -> np.ndarray:
    """Return the visited states, and states around them, to search from: (N + count, K).

    States with infinite numbers are left out.

    Arguments:
        visited_nk: N flat states that the net was in, (N, K).
        count: how many states are added, each a visited one, drawn at random, with Gaussian noise; 0 or more.
        scale: the standard deviation of the noise in each number, in standard deviations of this number over the
            visited states; 0 or above.
        seed: the seed of the draws.

    Raises:
        ValueError: count or scale is below 0, or no visited state has finite numbers.
    """
    visited_nk = visited_nk[np.isfinite(visited_nk).all(axis=1)]
    if not len(visited_nk) or count < 0 or scale < 0:
        raise ValueError(
            f"{len(visited_nk)} finite states, count {count}, scale {scale}; allowed: 1 or more, 0 or more, 0 or above"
        )
    rng = np.random.default_rng(seed)
    drawn_nk = visited_nk[rng.integers(len(visited_nk), size=count)]
    noise_nk = rng.normal(size=drawn_nk.shape) * scale * visited_nk.std(axis=0)
    return np.concatenate([visited_nk, drawn_nk + noise_nk])


def find_fixed_points(
    net_map: NetMap,
    starts_nk: np.ndarray,
    word: str,
    visited_nk: np.ndarray | None = None,
    tolerance: float = FIXED,
    slow: float = SLOW,
    radius: float = RADIUS,
    iterations: int = ITERATIONS,
) -> FixedPoints:
    """Search for fixed and slow points of a word from given starts.

    From each start the search descends in the speed q = |F(h) - h|^2 / 2 (Sussillo & Barak 2013), by damped Newton
    steps; see `least_speed`. So it finds saddles and unstable points, too. It is no proof that there are no others:
    compare several seeds of `noisy_starts`, and see `counts_over`.

    Arguments:
        net_map: the net.
        starts_nk: N flat states to start from, (N, K), such as those of `noisy_starts`.
        word: one character or more.
        visited_nk: the flat states that the net was in, (M, K), to tell how near a point is; None for the starts.
        tolerance: the speed up to which a point is fixed, above 0.
        slow: the speed up to which it is a slow point, at least the tolerance.
        radius: the distance within which two points are one, 0 or above; the slowest of them is kept.
        iterations: the most steps of each search.

    Raises:
        ValueError: the states have another shape or hold NaN, a number is out of its range, or the word is empty or
            holds the mark or a character outside the alphabet (UnknownCharacterError).
    """
    if not (0 < tolerance <= slow and radius >= 0 and iterations >= 1):
        raise ValueError(
            f"tolerance {tolerance}, slow {slow}, radius {radius}, iterations {iterations}; allowed: "
            "above 0, the tolerance or above, 0 or above, 1 or more"
        )
    visited_nk = starts_nk if visited_nk is None else visited_nk
    starts_nk, visited_nk = check_word(net_map, starts_nk, word), check_word(net_map, visited_nk, word)
    ends_nk, speed_n = least_speed(net_map, starts_nk, word, iterations)
    point_n, first_p = merge(ends_nk, speed_n, slow, radius)
    points = describe(net_map, ends_nk[first_p], speed_n[first_p], word, visited_nk, tolerance)
    return FixedPoints(word, points, point_n, ends_nk, speed_n, slow)


def counts_over(
    net_map: NetMap, found: FixedPoints, tolerances: Sequence[float], radii: Sequence[float]
) -> pd.DataFrame:
    """Return how many points of each kind there are, over tolerances and radii. A count to believe does not change.

    Arguments:
        net_map: the net that was searched.
        found: what was found.
        tolerances: the speeds q up to which a point is fixed, above 0 and up to `found.slow`. A point above the
            tolerance is slow.
        radii: the distances within which two points are one, 0 or above.

    Returns:
        One row for each tolerance and radius, with the columns `tolerance`, `radius`, and one for each of `KINDS`.

    Raises:
        ValueError: a tolerance or a radius is out of its range.
    """
    if not all(0 < each <= found.slow for each in tolerances) or not all(radius >= 0 for radius in radii):
        raise ValueError(
            f"tolerances {list(tolerances)}, radii {list(radii)}; allowed: above 0 to {found.slow}, 0 or above"
        )
    firsts = {radius: merge(found.ends_nk, found.speed_n, found.slow, radius)[1] for radius in radii}
    # Each point is looked at once, whatever the number of radii at which it stands for others.
    places = np.unique(np.concatenate([*firsts.values(), np.zeros(0, dtype=np.int64)]))
    points = describe(net_map, found.ends_nk[places], found.speed_n[places], found.word, found.ends_nk, math.inf)
    kinds = {place: point.kind for place, point in zip(places.tolist(), points, strict=True)}
    rows = []
    for tolerance in tolerances:
        for radius, first_p in firsts.items():
            here = [kinds[place] if found.speed_n[place] <= tolerance else "slow" for place in first_p.tolist()]
            rows.append({"tolerance": tolerance, "radius": radius, **{kind: here.count(kind) for kind in KINDS}})
    return pd.DataFrame(rows, columns=["tolerance", "radius", *KINDS])


def point_table(points: Sequence[FixedPoint]) -> pd.DataFrame:
    """Return one row a point, with the columns `kind`, `speed`, `unstable` (the number of unstable directions),
    `neutral`, `largest` (the largest modulus of an eigenvalue), `time_constant` (characters), `nearest` and `outlier`.
    """
    columns = ["kind", "speed", "unstable", "neutral", "largest", "time_constant", "nearest", "outlier"]
    rows = [
        (p.kind, p.speed, p.unstable, p.neutral, abs(p.eigenvalues_k[0]), p.time_constant, p.nearest, p.outlier)
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
    piece = max(1, net_maps.MAX_JACOBIAN_NUMBERS // net_map.size**2)
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
                    neutral=int(stays_k.sum()),
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
