"""Limit points of a word: where the states that a net was in come to rest while the word is repeated."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics.least_speed import check_word, least_speed, speed
from analysis.dynamics.net_map import NetMap
from analysis.dynamics.points import FIXED, RADIUS, FixedPoint, describe, merge, point_table

# The end of an array's name gives its axes: N states, K numbers of a flat state, P points, R words read in a row.

MAX_WORDS = 3000
"""How often the word is repeated at most."""

MAX_PERIOD = 64
"""The longest period, in words, that is looked for."""

REST = 1e-10
"""The move by one word, as a share of 1 + |h|, at which a state has come to rest; Newton then makes the point exact."""

RETURN = 1e-6
"""The distance, as a share of 1 + |h|, within which a state has returned."""

GONE = 1e9
"""The norm above which a state counts as growing without bounds; so does one whose norm is not a number."""


@dataclass(frozen=True, eq=False)
class LimitPoints:
    """Where states lead while a word is repeated.

    Attributes:
        word: the word.
        points: the P points of rest, those that most states lead to first.
        count_p: how many states lead to each, (P,).
        point_n: the point that each of the N states leads to, (N,); -1 where it does not come to rest.
        period_n: the period in words of what each state leads to, (N,): 1 for a point of rest, 2 or more for a cycle;
            0 where the state neither came to rest nor returned; -1 where its norm grew above `GONE` or is not a number.
        speed_n: the speed q = |F(h) - h|^2 / 2 of each state after the words that were read, (N,).
        ends_nk: the flat state then, (N, K).
    """

    word: str
    points: tuple[FixedPoint, ...]
    count_p: np.ndarray
    point_n: np.ndarray
    period_n: np.ndarray
    speed_n: np.ndarray
    ends_nk: np.ndarray

    @property
    def on_cycles(self) -> dict[int, int]:
        """How many states lead to a cycle, by its period in words, 2 or more."""
        periods, counts = np.unique(self.period_n[self.period_n > 1], return_counts=True)
        return dict(zip(periods.tolist(), counts.tolist(), strict=True))

    @property
    def still_moving(self) -> int:
        """How many states neither came to rest nor returned, and did not grow without bounds."""
        return int((self.period_n == 0).sum())

    @property
    def growing(self) -> int:
        """How many states grew without bounds."""
        return int((self.period_n < 0).sum())

    def table(self) -> pd.DataFrame:
        """Return one row a point of rest; see `point_table`. `states` is the number of states that lead to it."""
        table = point_table(self.points)
        table.insert(1, "states", self.count_p)
        return table


def limit_points(
    net_map: NetMap,
    states_nk: np.ndarray,
    word: str,
    radius: float = RADIUS,
    max_words: int = MAX_WORDS,
    max_period: int = MAX_PERIOD,
) -> LimitPoints:
    """Repeat a word from every state until it comes to rest, and return the points of rest.

    A state has come to rest where one word moves it by no more than `REST`; the point is then made exact by Newton
    steps. A state that still moves after the last word counts as at rest, too, if Newton steps lead from it to a stable
    point within the radius. Of the others it is asked whether they return after some words.

    Where fixed points form a continuum (`FixedPoint.staying` above 0), as in a net that can hold any state, the number
    of points means little: it says how many of the ends of these states are farther apart than the radius.

    Arguments:
        net_map: the net.
        states_nk: N flat states that the net was in, (N, K).
        word: one character or more.
        radius: the distance within which two points are one, 0 or above.
        max_words: how often the word is repeated at most, 1 or more.
        max_period: the longest period that is looked for, in words, 2 or more.

    Raises:
        ValueError: the states have another shape or hold NaN, a number is out of its range, or the word is empty or
            holds the mark or a character outside the alphabet (UnknownCharacterError).
    """
    if radius < 0 or max_words < 1 or max_period < 2:
        raise ValueError(
            f"radius {radius}, max_words {max_words}, max_period {max_period}; "
            "allowed: 0 or above, 1 or more, 2 or more"
        )
    states_nk = check_word(net_map, states_nk, word)
    ends_nk, period_n = _repeat(net_map, states_nk, word, max_words)
    moving = np.flatnonzero(period_n == 0)
    if len(moving):
        period_n[moving] = _periods(net_map, ends_nk[moving], word, max_period)
    points, point_n = _points(net_map, states_nk, ends_nk, period_n, word, radius)
    period_n[point_n >= 0] = 1
    count_p = np.bincount(point_n[point_n >= 0], minlength=len(points))
    order_p = np.argsort(-count_p, kind="stable")
    rank_p = np.argsort(order_p)
    return LimitPoints(
        word=word,
        points=tuple(points[place] for place in order_p),
        count_p=count_p[order_p],
        point_n=np.array([rank_p[place] if place >= 0 else -1 for place in point_n], dtype=np.int64),
        period_n=period_n,
        speed_n=speed(net_map, ends_nk, word),
        ends_nk=ends_nk,
    )


def _repeat(net_map: NetMap, states_nk: np.ndarray, word: str, max_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the states at the end, (N, K), and for each 1 if it rests, -1 if it is gone, 0 otherwise, (N,)."""
    ends_nk, period_n = states_nk.copy(), np.zeros(len(states_nk), dtype=np.int64)
    active = np.arange(len(states_nk))
    for _ in range(max_words):
        after_nk = net_map.advance(ends_nk[active], word)
        moved_n, norm_n = np.linalg.norm(after_nk - ends_nk[active], axis=1), np.linalg.norm(after_nk, axis=1)
        ends_nk[active] = after_nk
        period_n[active] = np.where(~(norm_n <= GONE), -1, moved_n <= REST * (1 + norm_n))
        active = active[period_n[active] == 0]
        if not len(active):
            break
    return ends_nk, period_n


def _periods(net_map: NetMap, states_nk: np.ndarray, word: str, max_period: int) -> np.ndarray:
    """Return after how many words each state returns, 2 or more, (N,); 0 where it does not."""
    state_nk, distances = states_nk, []
    for _ in range(max_period):
        state_nk = net_map.advance(state_nk, word)
        distances.append(np.linalg.norm(state_nk - states_nk, axis=1))
    distance_rn = np.array(distances)
    # A state that creeps is near itself after every word, but has not been anywhere else between.
    near_n = np.minimum(RETURN * (1 + np.linalg.norm(states_nk, axis=1)), 1e-3 * distance_rn.max(axis=0))
    returns_rn = distance_rn <= near_n
    return np.where(returns_rn.any(axis=0), returns_rn.argmax(axis=0) + 1, 0)


def _points(
    net_map: NetMap, visited_nk: np.ndarray, ends_nk: np.ndarray, period_n: np.ndarray, word: str, radius: float
) -> tuple[list[FixedPoint], np.ndarray]:
    """Return the points of rest, made exact, and which of them each state leads to, (N,), -1 for none."""
    candidates = np.flatnonzero((period_n == 0) | (period_n == 1))
    point_n = np.full(len(ends_nk), -1)
    if not len(candidates):
        return [], point_n
    near_nk = ends_nk[candidates]
    group_n, first_p = merge(near_nk, speed(net_map, near_nk, word), np.inf, radius)
    exact_pk, exact_speed_p = least_speed(net_map, near_nk[first_p], word)
    # Newton may lead away from a point of rest whose Jacobian is singular; then it stays as it is.
    led_away_p = (np.linalg.norm(exact_pk - near_nk[first_p], axis=1) > radius) | (exact_speed_p > FIXED)
    exact_pk[led_away_p] = near_nk[first_p][led_away_p]
    found = describe(net_map, exact_pk, speed(net_map, exact_pk, word), word, visited_nk, FIXED)
    rested_p = period_n[candidates[first_p]] == 1
    kept = [place for place, point in enumerate(found) if rested_p[place] or point.kind == "stable"]
    if not kept:
        return [], point_n
    # What was apart on the way may be one point now.
    merged_k, first_m = merge(exact_pk[kept], np.array([found[place].speed for place in kept]), np.inf, radius)
    target_p = np.full(len(found), -1)
    target_p[kept] = merged_k
    # A state whose speed is not a number is in no group.
    point_n[candidates] = np.where(group_n >= 0, target_p[group_n], -1)
    return [found[kept[place]] for place in first_m], point_n
