"""States that a word changes least: a search that descends in their speed, and ends at fixed points and slow points."""

import numpy as np
import torch
from torch import Tensor

from analysis.dynamics.net_map import NetMap

# The end of an array's name gives its axes: N states, K numbers of a flat state.

ITERATIONS = 60
"""The most steps of each of the two searches; most end within 30."""

EXACT = 1e-20
"""The speed q = |F(h) - h|^2 / 2 up to which a search has ended at a fixed point."""

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-18, 1e8
"""The damping at first, and between what it stays."""

SHARES = 2.0 ** -np.arange(10)
"""The shares of a Newton step that are tried."""


def check_word(net_map: NetMap, states_nk: np.ndarray, word: str) -> np.ndarray:
    """Return states to repeat a word from, (N, K), float64.

    A state with infinite numbers, as some cells have before the first character, is replaced by that after the word.

    Arguments:
        net_map: the net.
        states_nk: N flat states, (N, K), N at least 1.
        word: one character or more.

    Raises:
        ValueError: the shape is another one, a number is NaN, the word is empty or holds the mark or a character
            outside the alphabet (UnknownCharacterError).
    """
    states_nk = np.asarray(states_nk, dtype=np.float64)
    if states_nk.ndim != 2 or states_nk.shape[1] != net_map.size or not len(states_nk):
        raise ValueError(f"states of shape {states_nk.shape}; allowed: (N, {net_map.size}), N 1 or more")
    if np.isnan(states_nk).any():
        raise ValueError("a state holds NaN; allowed: numbers")
    if net_map.mark and net_map.mark in word:
        raise ValueError(f"the word {word!r} holds the mark, at which the state is set anew; allowed: words without it")
    after_nk = net_map.advance(states_nk, word)
    return np.where(np.isfinite(states_nk).all(axis=1, keepdims=True), states_nk, after_nk)


def speed(net_map: NetMap, states_nk: np.ndarray, word: str) -> np.ndarray:
    """Return q = |F(h) - h|^2 / 2 of each state h, (N,), where F is the map under the word (Sussillo & Barak 2013).

    Arguments:
        net_map: the net.
        states_nk: N flat states, (N, K).
        word: one character or more.
    """
    speed_n: np.ndarray = ((net_map.advance(states_nk, word) - states_nk) ** 2).sum(axis=1) / 2
    return speed_n


def least_speed(
    net_map: NetMap, starts_nk: np.ndarray, word: str, iterations: int = ITERATIONS
) -> tuple[np.ndarray, np.ndarray]:
    """Descend from each start to a state at which the speed q is least nearby; return the states, (N, K), and q, (N,).

    With r = F(h) - h and A its Jacobian at h, a first search takes the steps d that minimise |A d + r|^2 + m |d|^2
    (Levenberg 1944, Marquardt 1963). The damping m falls by 10 after a step that lowers q; otherwise the step is not
    taken and m rises by 10. Near a fixed point the steps become Newton's; on a line of fixed points they are the
    shortest ones; and where there is no fixed point they lead to a slow point. Where memory is slow, q falls along
    narrow valleys in which such steps are tiny. So a second search, from the starts that have not led to a fixed point,
    takes shares of Newton's steps that shorten the next one (Deuflhard 1974); it counts where it reaches a fixed point.

    Arguments:
        net_map: the net.
        starts_nk: N flat states, (N, K), all numbers finite.
        word: one character or more.
        iterations: the most steps of each of the two searches.
    """
    ends_nk = starts_nk.copy()
    piece = net_map.jacobians_at_a_time
    for at in range(0, len(ends_nk), piece):
        part_nk = torch.from_numpy(ends_nk[at : at + piece])  # shares its memory: the ends are changed in place
        _descend(net_map, part_nk, word, iterations)
        left = np.flatnonzero(speed(net_map, part_nk.numpy(), word) > EXACT)
        if len(left):
            newton_nk = torch.from_numpy(starts_nk[at : at + piece][left])
            _newton(net_map, newton_nk, word, iterations)
            found = speed(net_map, newton_nk.numpy(), word) <= EXACT
            part_nk[left[found]] = newton_nk[found]
    return ends_nk, speed(net_map, ends_nk, word)


def _descend(net_map: NetMap, states_nk: Tensor, word: str, iterations: int) -> None:
    """Take damped steps from states that are few enough to hold all their Jacobians; they are changed in place."""
    move_nk, slope_nkk = _move(net_map, states_nk, word), _slope(net_map, states_nk, word)
    damping_n = torch.full((len(states_nk),), FIRST_DAMPING, dtype=torch.float64)
    active = torch.arange(len(states_nk))[_finite(move_nk) & _finite(slope_nkk)]
    for _ in range(iterations):
        if not len(active):
            break
        before_nk = states_nk[active]
        step_nk = _damped_step(slope_nkk[active], move_nk[active], damping_n[active])
        trial_nk = before_nk + step_nk
        trial_move_nk = _move(net_map, trial_nk, word)
        after_n = trial_move_nk.square().sum(1)
        better = after_n < move_nk[active].square().sum(1)
        taken = active[better]
        states_nk[taken], move_nk[taken] = trial_nk[better], trial_move_nk[better]
        damping_n[active] = (damping_n[active] * torch.where(better, 0.1, 10.0)).clamp(min=LEAST_DAMPING)
        tiny = step_nk.norm(dim=1) <= 1e-13 * (1 + before_nk.norm(dim=1))
        going_on = ~(tiny | (damping_n[active] > MOST_DAMPING) | (after_n == 0))
        moved = active[going_on & better]
        if len(moved):
            slope_nkk[moved] = _slope(net_map, states_nk[moved], word)
        active = active[going_on & _finite(slope_nkk[active])]


def _newton(net_map: NetMap, states_nk: Tensor, word: str, iterations: int) -> None:
    """Take shares of Newton's steps, from states that are few enough to hold their Jacobians, which change in place.

    The share is the greatest of `SHARES` after which Newton's step with the same Jacobian is shorter, by a quarter of
    the share. Unlike the speed, this does not depend on the scale of any direction. Without such a share it ends.
    """
    active = torch.arange(len(states_nk))
    share_m = torch.from_numpy(SHARES)
    for _ in range(iterations):
        move_nk, slope_nkk = _move(net_map, states_nk[active], word), _slope(net_map, states_nk[active], word)
        usable = _finite(move_nk) & _finite(slope_nkk) & (move_nk != 0).any(1)
        active, move_nk, slope_nkk = active[usable], move_nk[usable], slope_nkk[usable]
        if not len(active):
            break
        factors, pivots, _ = torch.linalg.lu_factor_ex(slope_nkk)
        step_nk1 = -torch.linalg.lu_solve(factors, pivots, move_nk[..., None])
        trial_nkm = states_nk[active][..., None] + step_nk1 * share_m
        trial_rows = trial_nkm.mT.reshape(-1, net_map.size)
        trial_move_nkm = _move(net_map, trial_rows, word).reshape(len(active), -1, net_map.size).mT
        next_nkm = torch.linalg.lu_solve(factors, pivots, trial_move_nkm)
        length_n = step_nk1.squeeze(-1).norm(dim=1)
        shorter_nm = next_nkm.norm(dim=1) <= (1 - share_m / 4) * length_n[:, None]
        chosen_n = shorter_nm.int().argmax(1)
        taken = torch.arange(len(active))[shorter_nm.any(1)]
        active = active[taken]
        states_nk[active] = trial_nkm[taken, :, chosen_n[taken]]
        active = active[length_n[taken] > 1e-13 * (1 + states_nk[active].norm(dim=1))]


def _move(net_map: NetMap, states_nk: Tensor, word: str) -> Tensor:
    """Return F(h) - h, (N, K)."""
    return torch.from_numpy(net_map.advance(states_nk.numpy(), word)) - states_nk


def _slope(net_map: NetMap, states_nk: Tensor, word: str) -> Tensor:
    """Return the Jacobian of F(h) - h, (N, K, K)."""
    return torch.from_numpy(net_map.jacobian(states_nk.numpy(), word)) - torch.eye(net_map.size, dtype=torch.float64)


def _finite(numbers: Tensor) -> Tensor:
    """Return for which states all numbers are finite, (N,), of (N, ...)."""
    return numbers.flatten(1).isfinite().all(1)


def _damped_step(slope_nkk: Tensor, move_nk: Tensor, damping_n: Tensor) -> Tensor:
    """Return the steps d that minimise |A d + r|^2 + m |d|^2, (N, K)."""
    # As a least-squares problem of twice the rows, which does not square the condition of A as A^T A would.
    ridge_nkk = torch.diag_embed(damping_n.sqrt()[:, None].expand_as(move_nk))
    left_nkk = torch.cat([slope_nkk, ridge_nkk], 1)
    right_nk = torch.cat([-move_nk, torch.zeros_like(move_nk)], 1)
    step_nk1: Tensor = torch.linalg.lstsq(left_nkk, right_nk[..., None], driver="gels").solution
    return step_nk1.squeeze(-1)
