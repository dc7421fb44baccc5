"""Lyapunov exponents: how fast small disturbances of a net's state grow or fall while it reads a text."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics.net_map import NetMap

# The end of an array's name gives its axes: T characters, K numbers of a flat state, E exponents, B blocks.

BURN_IN = 200
"""The characters that are read before the exponents are measured, if a caller does not say otherwise."""


@dataclass(frozen=True, eq=False)
class Exponents:
    """Lyapunov exponents under the distribution of the text that was read.

    Attributes:
        exponent_e: nats a character, (E,), the largest first; -inf where disturbances in a direction are gone after
            finitely many characters, such as where a rectifier is off.
        block_be: the same over each of B blocks of the text alone, (B, E), in the same order.
        characters: how many characters they are the mean of.
        inputs: the name of the distribution that the text was drawn from; exponents are those under this input.
    """

    exponent_e: np.ndarray
    block_be: np.ndarray
    characters: int
    inputs: str

    @property
    def spread_e(self) -> np.ndarray:
        """The standard deviation of each exponent over the blocks, (E,), nats a character; NaN where one is -inf."""
        block_be = np.where(np.isfinite(self.block_be), self.block_be, np.nan)
        spread_e: np.ndarray = block_be.std(axis=0, ddof=1)
        return spread_e

    def table(self) -> pd.DataFrame:
        """Return one row an exponent, with the columns `exponent`, `spread`, `characters` and `inputs`."""
        columns = {"exponent": self.exponent_e, "spread": self.spread_e}
        return pd.DataFrame({**columns, "characters": self.characters, "inputs": self.inputs})


def lyapunov_exponents(
    net_map: NetMap,
    text: str,
    inputs: str,
    burn_in: int = BURN_IN,
    blocks: int = 10,
    count: int | None = None,
    start_k: np.ndarray | None = None,
) -> Exponents:
    """Return the Lyapunov exponents of a net along a text (Benettin et al. 1980).

    With J_t the Jacobian of the step that reads character t, Q_t R_t = J_t Q_(t-1) is a QR decomposition, and exponent
    i is the mean of ln |R_t[i, i]| over the characters after the burn-in. Of the text that a net writes greedily they
    are those of its cycle, ln |multiplier| / period.

    Arguments:
        net_map: the net.
        text: the text to read. The mark may only be its first character, since the state is set anew at it.
        inputs: the name of the distribution that the text was drawn from, for the result.
        burn_in: the characters at the beginning that are read, but do not count; 0 or more.
        blocks: B, the number of blocks of equal length, 2 or more; up to B - 1 characters at the end do not count.
        count: E, how many of the largest exponents are measured, 1 to K; None for all K.
        start_k: the flat state before the text, (K,); None for that before the first character.

    Raises:
        ValueError: the text is shorter than the burn-in and one character a block, holds the mark after its beginning
            or a character outside the alphabet (UnknownCharacterError); a number is out of its range; or the states
            over the text, or the Jacobians there, are not finite.
    """
    count = net_map.size if count is None else count
    if burn_in < 0 or blocks < 2 or not 1 <= count <= net_map.size:
        raise ValueError(
            f"burn_in {burn_in}, blocks {blocks}, count {count}; allowed: 0 or more, 2 or more, 1 to {net_map.size}"
        )
    if len(text) < burn_in + blocks:
        raise ValueError(f"a text of {len(text)} characters; allowed: {burn_in + blocks} or more")
    if net_map.mark and net_map.mark in text[1:]:
        raise ValueError(
            f"the text holds the mark {net_map.mark!r} after its beginning, at which the state is set anew and every "
            "disturbance is gone; allowed: the mark as the first character only"
        )
    block_length = (len(text) - burn_in) // blocks
    text = text[: burn_in + blocks * block_length]
    growth_te = _growth(net_map, text, count, start_k)[burn_in:]
    block_be = growth_te.reshape(blocks, block_length, count).mean(axis=1)
    exponent_e = block_be.mean(axis=0)
    order_e = np.argsort(-exponent_e, kind="stable")
    return Exponents(exponent_e[order_e], block_be[:, order_e], len(growth_te), inputs)


def _growth(net_map: NetMap, text: str, count: int, start_k: np.ndarray | None) -> np.ndarray:
    """Return ln |R_t[i, i]| of each character, (T, E); -inf for 0."""
    states_tk, _ = net_map.path(text, start_k)
    _check_finite("states", states_tk)
    first_k = net_map.start_k if start_k is None or text[0] == net_map.mark else start_k
    before_tk = np.concatenate([first_k[None], states_tk[:-1]])
    basis_ke = np.eye(net_map.size, count)
    growth_te = np.empty((len(text), count))
    piece = net_map.jacobians_at_a_time
    for at in range(0, len(text), piece):
        for t, jacobian_kk in enumerate(_jacobians(net_map, before_tk[at : at + piece], text[at : at + piece]), at):
            moved_ke = jacobian_kk @ basis_ke
            basis_ke, right_ee = np.linalg.qr(moved_ke)
            diagonal_e = np.abs(np.diagonal(right_ee))
            # What is left of a column that depends on those before it is rounding.
            rounding_e = net_map.size * np.finfo(float).eps * np.linalg.norm(moved_ke, axis=0)
            with np.errstate(divide="ignore"):
                growth_te[t] = np.log(np.where(diagonal_e > rounding_e, diagonal_e, 0.0))
    return growth_te


def _jacobians(net_map: NetMap, before_tk: np.ndarray, text: str) -> np.ndarray:
    """Return the Jacobian of each character of a text at the state before it, (T, K, K)."""
    jacobian_tkk = np.empty((len(text), net_map.size, net_map.size))
    read_t = np.array(list(text))
    for character in sorted(set(text)):  # one call for all places of a character
        jacobian_tkk[read_t == character] = net_map.jacobian(before_tk[read_t == character], character)
    _check_finite("Jacobians", jacobian_tkk)
    return jacobian_tkk


def _check_finite(what: str, numbers: np.ndarray) -> None:
    if not np.isfinite(numbers).all():
        raise ValueError(f"the {what} over the text are not finite; allowed: a net whose {what} are finite numbers")
