"""Fixed points of a word: the states that it leads back to themselves, and the slow points that it hardly moves.

A fixed point of a held character is that of a word of one character. Where a part of the state grows with the text, the
map keeps a number of rows of it, and the points are those of the map (see `map_of_net`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics.least_speed import ITERATIONS, check_word, least_speed
from analysis.dynamics.net_map import NetMap
from analysis.dynamics.points import FIXED, KINDS, RADIUS, FixedPoint, describe, merge, point_table

# The end of an array's name gives its axes: N states, K numbers of a flat state, P points.

SLOW = 1e-5
"""The speed q up to which a state counts as a slow point: it moves by 4.5e-3 at most."""


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
