"""Numbers of a state that count: their slope against a count, in each phase of a text, and where counting breaks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

# The end of an array's name gives its axes: T positions, N positions of a phase, K numbers of a flat state, C
# counts from 0.

MIN_COUNTS = 3
"""The fewest different counts to which a line is fitted."""


@dataclass(frozen=True, eq=False)
class CountingPhase:
    """How the K numbers of a state follow a count in one phase of a text.

    Attributes:
        phase: the phase, such as the character read.
        slope_k: by how much each number changes with a count of one more, in units of the state, (K,).
        intercept_k: the value at count 0 of the line fitted to each number, in units of the state, (K,).
        r2_k: the share of each number's variance over the fitted positions that the line explains, 0 to 1; NaN for one
            that does not change, (K,).
        reach_k: the largest count up to which the number counts: all its values in this phase, while the count has not
            been above this one in the same stretch, are nearer to the line than the line's step from one count to the
            next. NaN where there is no such count, (K,).
        first: the smallest count in this phase.
        last: the largest count in this phase; where it is the reach of a number, this one counts as far as the text
            goes.
        fitted: the number of positions to which the lines are fitted.
    """

    phase: str
    slope_k: np.ndarray
    intercept_k: np.ndarray
    r2_k: np.ndarray
    reach_k: np.ndarray
    first: int
    last: int
    fitted: int


def counting_phases(
    states_tk: np.ndarray, count_t: np.ndarray, phase_t: Sequence[str] | np.ndarray, fit_to: int | None = None
) -> list[CountingPhase]:
    """Return in which phases which numbers of a state count, and how far.

    In each phase a line is fitted to each number against the count, by least squares. A stretch is a part of the text
    without a position of another phase, such as the b of one string. A number that has lost count in a stretch is no
    longer right at the small counts at its end, so each position is judged by the largest count so far in its stretch.

    Arguments:
        states_tk: the flat states after each of T characters, (T, K), from `NetMap.path`.
        count_t: the count after each character, whole numbers; negative or NaN where there is none, (T,). It is a label
            of a pattern, such as the number of a so far, or the number of b still to come.
        phase_t: the phase of each position: strings, such as the text itself (then a phase is the character read), or
            the values of a label. (T,).
        fit_to: lines are fitted at positions up to which the count has not been above this in the same stretch, such as
            the largest count in training; None for all positions. The reach is looked for at all of them.

    Returns:
        The phases in their order of appearance, but for those with fewer than MIN_COUNTS different counts up to
        `fit_to`.

    Raises:
        ValueError: the numbers of states, counts and phases differ, a count is not whole, or there is no such phase.
    """
    phase_t = np.array(list(phase_t))
    count_t = np.asarray(count_t, dtype=np.float64)
    if not len(states_tk) == len(count_t) == len(phase_t):
        raise ValueError(
            f"{len(states_tk)} states, {len(count_t)} counts and {len(phase_t)} phases; allowed: as many of each"
        )
    counted_t = count_t >= 0
    if (count_t[counted_t] % 1).any():
        broken = count_t[counted_t & (count_t % 1 > 0)][0]
        raise ValueError(f"a count is {broken:g}; allowed: whole numbers, negative or NaN where there is none")
    found = []
    for phase in dict.fromkeys(phase_t[counted_t].tolist()):
        of_phase_t = counted_t & (phase_t == phase)
        count_n = count_t[of_phase_t].astype(np.int64)
        size = int(count_n.max()) + 1
        stretch_n = np.cumsum(np.diff(np.flatnonzero(of_phase_t), prepend=0) > 1)
        so_far_n = (
            np.maximum.accumulate(count_n + stretch_n * size) - stretch_n * size
        )  # each stretch is above the one before
        fitted_n = so_far_n <= (size if fit_to is None else fit_to)
        if len(np.unique(count_n[fitted_n])) >= MIN_COUNTS:
            found.append(_fit(str(phase), states_tk[of_phase_t], count_n, so_far_n, fitted_n))
    if not found:
        raise ValueError(
            f"no phase has {MIN_COUNTS} different counts{'' if fit_to is None else f' up to {fit_to}'}; allowed: one "
            "or more that have"
        )
    return found


def counting_table(phases: Sequence[CountingPhase], names: Sequence[str]) -> pd.DataFrame:
    """Return phases as a table of one row for each phase and number of the state, those that the line explains best
    first.

    Arguments:
        phases: from `counting_phases`.
        names: the names of the K numbers of the state (`NetMap.number_names`).

    Returns:
        The columns phase, number, slope, intercept, r2, reach and last, which mean what those of CountingPhase do.
    """
    tables = [
        pd.DataFrame(
            {
                "phase": phase.phase,
                "number": list(names),
                "slope": phase.slope_k,
                "intercept": phase.intercept_k,
                "r2": phase.r2_k,
                "reach": phase.reach_k,
                "last": phase.last,
            }
        ).sort_values("r2", ascending=False, kind="stable")
        for phase in phases
    ]
    return pd.concat(tables, ignore_index=True)


def _fit(
    phase: str, states_nk: np.ndarray, count_n: np.ndarray, so_far_n: np.ndarray, fitted_n: np.ndarray
) -> CountingPhase:
    """Return how the numbers of a state follow the count at the N positions of a phase.

    Arguments:
        phase: the phase.
        states_nk: the states, (N, K).
        count_n: the counts, 0 or more, (N,).
        so_far_n: the largest count so far in the stretch of each position, (N,).
        fitted_n: the positions to which the lines are fitted, with two or more different counts, bool, (N,).
    """
    of_fit_k, x_n = states_nk[fitted_n], count_n[fitted_n].astype(np.float64)
    mean_k, mean_x = of_fit_k.mean(0), x_n.mean()
    slope_k = (x_n - mean_x) @ (of_fit_k - mean_k) / ((x_n - mean_x) ** 2).sum()
    intercept_k = mean_k - slope_k * mean_x
    variance_k = of_fit_k.var(0)
    off_k = ((of_fit_k - intercept_k - slope_k * x_n[:, None]) ** 2).mean(0)
    changes_k = variance_k > 1e-24 * (1 + mean_k**2)  # what is left of a constant is rounding
    r2_k = np.where(changes_k, 1 - off_k / np.where(changes_k, variance_k, 1), np.nan)

    far_nk = np.abs(states_nk - intercept_k - slope_k * count_n[:, None]) >= np.abs(slope_k)
    counts, row_n = np.unique(so_far_n, return_inverse=True)
    far_ck = np.zeros((len(counts), states_nk.shape[1]))
    np.maximum.at(far_ck, row_n, far_nk)
    broken_k = np.where(far_ck.any(0), far_ck.argmax(0), len(counts))  # the row of the first count that is far
    reach_k = np.where(broken_k > 0, counts[np.maximum(broken_k - 1, 0)], np.nan)
    reach_k = np.where(changes_k, reach_k, np.nan)
    ends = int(count_n.min()), int(count_n.max())
    return CountingPhase(phase, slope_k, intercept_k, r2_k, reach_k, *ends, int(fitted_n.sum()))
