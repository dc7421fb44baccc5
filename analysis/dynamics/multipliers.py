"""The cycle of states of a net that reads a repeated word, or runs free: its multipliers, and what it withstands.

A small disturbance of a state of the cycle is multiplied, in one round, by the product of the Jacobians along it. The
eigenvalues of the product are the multipliers of the cycle (Floquet 1883). They do not depend on where the cycle is
cut. They are the same for reading and for running free, since a disturbance that is small enough changes no character.
"""

import math
from dataclasses import dataclass

import numpy as np

from analysis.dynamics.least_speed import check_word, least_speed, speed
from analysis.dynamics.net_map import NetMap
from analysis.dynamics.points import time_constant

# The end of an array's name gives its axes: P places of a cycle, K numbers of a flat state, D directions, R radii.

MAX_CHARACTERS = 4000
"""How many characters are read, or written, until the net must have settled."""

CLOSED = 1e-6
"""The distance, as a share of 1 + |h|, within which a state has returned after a round."""

EXACT = 1e-20
"""The speed q of a round up to which a cycle counts as closed: its end is within 1.4e-10 of its start."""


@dataclass(frozen=True, eq=False)
class StateCycle:
    """A closed cycle of states.

    Attributes:
        text: the P characters of a round. It can be the word several times, where the state returns only then.
        states_pk: the flat state before each of them, (P, K).
        multipliers_k: the eigenvalues of the product of the P Jacobians, complex, (K,), the largest modulus first.
        gap: the distance between the state after a round and that before it, 0 or above; the rounding that is left.
    """

    text: str
    states_pk: np.ndarray
    multipliers_k: np.ndarray
    gap: float

    @property
    def time_constant(self) -> float:
        """In how many characters a small disturbance falls to 1/e: -P / ln max |multiplier|; see `time_constant`."""
        return time_constant(self.multipliers_k, len(self.text))

    @property
    def exponents_k(self) -> np.ndarray:
        """The cycle's Lyapunov exponents, ln |multiplier| / P, (K,), nats a character; -inf for a multiplier of 0."""
        with np.errstate(divide="ignore"):
            exponents_k: np.ndarray = np.log(np.abs(self.multipliers_k)) / len(self.text)
        return exponents_k


def reading_cycle(
    net_map: NetMap,
    word: str,
    start_k: np.ndarray | None = None,
    max_rounds: int = 16,
    max_characters: int = MAX_CHARACTERS,
) -> StateCycle:
    """Return the cycle in which a net settles while it reads a word again and again.

    Arguments:
        net_map: the net.
        word: one character or more.
        start_k: the flat state before the first word, (K,); None for that before the first character of a text.
        max_rounds: the most words after which the state may return; 1 or more.
        max_characters: how many characters are read until the net must have settled, 1 or more.

    Raises:
        ValueError: the state has not settled into a cycle, a number is out of its range, or the word is empty or holds
            the mark or a character outside the alphabet (UnknownCharacterError).
    """
    if max_rounds < 1 or max_characters < 1:
        raise ValueError(f"max_rounds {max_rounds}, max_characters {max_characters}; allowed: 1 or more of both")
    state_nk = check_word(net_map, (net_map.start_k if start_k is None else start_k)[None], word)
    for _ in range(max_characters // len(word)):
        state_nk = net_map.advance(state_nk, word)
    after_k = state_nk[0]
    if not np.isfinite(after_k).all():
        raise ValueError(f"after {max_characters} characters the state is not finite; allowed: finite states")
    for rounds in range(1, max_rounds + 1):
        state_nk = net_map.advance(state_nk, word)
        if np.linalg.norm(state_nk[0] - after_k) <= CLOSED * (1 + np.linalg.norm(after_k)):
            return cycle_through(net_map, state_nk[0], word * rounds)
    raise ValueError(
        f"after {max_characters} characters the state does not return within {max_rounds} times {word!r}; allowed: "
        "nets that settle into a cycle"
    )


def free_cycle(net_map: NetMap, prime: str, max_period: int = 200, max_characters: int = MAX_CHARACTERS) -> StateCycle:
    """Return the cycle in which a net settles that runs free: it writes the likeliest character and reads it.

    Arguments:
        net_map: the net; it must predict the next character. One that predicts anything else is refused only if the
            characters of its targets are not all ones that it reads.
        prime: the text that it reads first, one character or more.
        max_period: the most characters after which the state may return; 1 or more.
        max_characters: how many characters are written until the net must have settled, 1 or more.

    Raises:
        ValueError: the net predicts a character that it cannot read, writes the mark, has not settled into a cycle, a
            number is out of its range, or the prime is empty or holds a character outside the alphabet
            (UnknownCharacterError).
    """
    if max_period < 1 or max_characters < 1:
        raise ValueError(f"max_period {max_period}, max_characters {max_characters}; allowed: 1 or more of both")
    _check_predicts_next(net_map)
    states_tk, logits_tw = net_map.path(prime)
    state_nk, logits_nw = states_tk[-1:], logits_tw[-1:]
    text, states = "", []
    for _ in range(max_characters + max_period):
        states.append(state_nk[0])
        text += net_map.outputs[logits_nw[0].argmax()]
        if text[-1] == net_map.mark:
            raise ValueError(
                f"after {len(text) - 1} characters the net writes the mark {net_map.mark!r}, at which the state is set "
                "anew; allowed: nets that go on"
            )
        state_nk, logits_nw = net_map.predict(state_nk, text[-1])
    state_k = state_nk[0]
    if not np.isfinite(state_k).all():
        raise ValueError(f"after {len(text)} characters the state is not finite; allowed: finite states")
    bound = CLOSED * (1 + np.linalg.norm(state_k))
    for period in range(1, max_period + 1):
        # states[-p] is the state before the last p characters, and the state now is the one after them.
        if np.linalg.norm(states[-period] - state_k) <= bound and _repeats(text[-max_period:], period):
            return cycle_through(net_map, state_k, text[-period:])
    raise ValueError(
        f"after {max_characters} characters the state does not return within {max_period} more characters; allowed: "
        "nets that settle into a cycle"
    )


def cycle_through(net_map: NetMap, state_k: np.ndarray, text: str) -> StateCycle:
    """Return the closed cycle of a text near a state.

    Arguments:
        net_map: the net.
        state_k: a flat state near that before the first character, (K,).
        text: the characters of one round.

    Raises:
        ValueError: no closed cycle is near, or the text is empty or holds the mark or a character outside the alphabet
            (UnknownCharacterError).
    """
    state_nk = check_word(net_map, state_k[None], text)
    exact_nk, speed_n = least_speed(net_map, state_nk, text)
    scale = 1 + float(np.linalg.norm(state_nk))
    # A singular Jacobian can lead Newton away from a cycle that is closed already.
    if speed_n[0] > EXACT * scale**2 or np.linalg.norm(exact_nk - state_nk) > 0.1 * scale:
        exact_nk, speed_n = state_nk, speed(net_map, state_nk, text)
    if speed_n[0] > EXACT * scale**2:
        raise ValueError(
            f"after {text!r} the state is {math.sqrt(2 * speed_n[0]):.1e} from where it was; allowed: closed cycles"
        )
    states, product_kk = [exact_nk[0]], np.eye(net_map.size)
    for character in text:
        product_kk = net_map.jacobian(states[-1][None], character)[0] @ product_kk
        states.append(net_map.advance(states[-1][None], character)[0])
    multipliers_k = np.linalg.eigvals(product_kk).astype(complex)
    multipliers_k = multipliers_k[np.argsort(-np.abs(multipliers_k), kind="stable")]
    return StateCycle(text, np.array(states[:-1]), multipliers_k, float(np.linalg.norm(states[-1] - states[0])))


@dataclass(frozen=True, eq=False)
class Withstood:
    """The disturbances after which a net that runs free writes the same text as before.

    Attributes:
        radius_pd: for each place of the cycle and each direction, (P, D), the length of the disturbance of the flat
            state up to which the same text goes on; infinite where it does at the greatest length that was tried.
        greatest_tried: that length.
        characters: how many characters were compared after each disturbance.
        seed: the seed of the directions.
    """

    radius_pd: np.ndarray
    greatest_tried: float
    characters: int
    seed: int

    @property
    def directions(self) -> int:
        """D, the number of random directions at each place."""
        return int(self.radius_pd.shape[1])

    @property
    def radius(self) -> float:
        """The length of disturbance up to which the same text went on in every direction at every place."""
        return float(self.radius_pd.min())


def withstood(
    net_map: NetMap,
    cycle: StateCycle,
    directions: int = 64,
    seed: int = 0,
    rounds: int = 20,
    greatest: float | None = None,
    precision: float = 1e-3,
) -> Withstood:
    """Disturb the states of a cycle, let the net run free, and find how far this may go until the text changes.

    At each place of the cycle the state is moved in random directions, after the next character was chosen; the net
    reads that character, and then writes on. The text must be that of the cycle, without a shift. The radius is that of
    the first change on the way from the cycle outwards: 30 lengths are tried, each 1.37 times the one before, and then
    the interval before the first change is halved. (A change that is undone between two of them is missed.)

    Arguments:
        net_map: the net; it must predict the next character.
        cycle: a cycle of the net that runs free, see `free_cycle`.
        directions: D, the number of directions at each place, uniform on the sphere; 1 or more.
        seed: the seed of the directions.
        rounds: for how many rounds of the cycle the text is compared, 1 or more.
        greatest: the greatest length that is tried, above 0; None for 10 times the greatest norm of a state of the
            cycle, and 10 at least.
        precision: the relative precision of the radius, 0 < precision < 1.

    Raises:
        ValueError: the net predicts a character that it cannot read, the cycle is not one of the net that runs free, or
            a number is out of its range.
    """
    if directions < 1 or rounds < 1 or not 0 < precision < 1 or (greatest is not None and greatest <= 0):
        raise ValueError(
            f"directions {directions}, rounds {rounds}, precision {precision}, greatest {greatest}; "
            "allowed: 1 or more, 1 or more, between 0 and 1, above 0"
        )
    _check_predicts_next(net_map)
    if greatest is None:
        greatest = 10 * max(1.0, float(np.linalg.norm(cycle.states_pk, axis=1).max()))
    rng = np.random.default_rng(seed)
    radii = []
    for place, state_k in enumerate(cycle.states_pk):
        text = (cycle.text[place:] + cycle.text[:place]) * rounds
        if not _goes_on(net_map, state_k[None], text)[0]:
            raise ValueError(f"running free, the net does not write {text!r}; allowed: a cycle of free_cycle")
        unit_dk = rng.normal(size=(directions, net_map.size))
        unit_dk /= np.linalg.norm(unit_dk, axis=1, keepdims=True)
        radii.append(_radii(net_map, state_k, unit_dk, text, greatest, precision))
    return Withstood(np.array(radii), greatest, rounds * len(cycle.text), seed)


def _radii(
    net_map: NetMap, state_k: np.ndarray, unit_dk: np.ndarray, text: str, greatest: float, precision: float
) -> np.ndarray:
    """Return for each direction the length of the disturbance at which the text changes first, (D,)."""
    tried_r = np.concatenate([[0.0], np.geomspace(1e-4 * greatest, greatest, 30)])
    disturbed_drk = state_k + tried_r[:, None] * unit_dk[:, None]
    goes_on_dr = _goes_on(net_map, disturbed_drk.reshape(-1, net_map.size), text).reshape(len(unit_dk), -1)
    never_d = goes_on_dr.all(axis=1)
    first_d = np.where(never_d, len(tried_r) - 1, goes_on_dr.argmin(axis=1))
    low_d, high_d = tried_r[np.maximum(first_d - 1, 0)], tried_r[first_d]
    for _ in range(60):  # so many halvings leave nothing of the first interval in double precision
        if (high_d - low_d <= precision * high_d).all():
            break
        middle_d = (low_d + high_d) / 2
        goes_on_d = _goes_on(net_map, state_k + middle_d[:, None] * unit_dk, text)
        low_d, high_d = np.where(goes_on_d, middle_d, low_d), np.where(goes_on_d, high_d, middle_d)
    return np.where(never_d, np.inf, low_d)


def _goes_on(net_map: NetMap, states_nk: np.ndarray, text: str) -> np.ndarray:
    """Return whether the net, having read the first character of a text in each state, writes the rest of it, (N,)."""
    count = len(states_nk)
    going_on = np.arange(len(states_nk))
    for character, following in zip(text, text[1:] + text[0], strict=True):
        # All that are left have written the text so far, and read it; the others are out.
        states_nk, logits_nw = net_map.predict(states_nk, character)
        right_n = logits_nw.argmax(axis=1) == net_map.outputs.index(following)
        going_on, states_nk = going_on[right_n], states_nk[right_n]
    return np.isin(np.arange(count), going_on)


def _check_predicts_next(net_map: NetMap) -> None:
    """Raise ValueError if the net predicts a character that it cannot read."""
    if not set(net_map.outputs) <= set(net_map.alphabet):
        raise ValueError(
            f"the net reads {net_map.alphabet!r} and predicts {net_map.outputs!r}; allowed: nets that predict the next "
            "character"
        )


def _repeats(text: str, period: int) -> bool:
    """Return whether a text has a period."""
    return text[period:] == text[:-period]
