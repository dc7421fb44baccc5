"""Whether small disturbances of a net's state grow or die out while it reads: Lyapunov exponents."""

import numpy as np
import pandas as pd

from analysis.dynamics.exponents import BURN_IN, Exponents, lyapunov_exponents
from analysis.dynamics.net_map import NetMap
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject

BLOCKS = 10
"""The parts of the text over which the spread of the exponents is shown."""

MAX_JACOBIAN_NUMBERS = 2**25
"""The most numbers in the Jacobians along the text after the burn-in. Of nets with large states fewer characters are
read, but at least 10 in each part."""

ROUNDING = 1e-8
"""An exponent up to which, above or below 0, counts as 0: what is more may be the rounding of an eigenvalue of 1."""

LARGEST = 5
"""How many exponents are measured, the largest ones."""


def exponents(subject: Subject) -> Finding:
    """Measure the largest exponents of both nets along the asked text or, where it has marks, its longest string.

    Raises:
        DoesNotApplyError: every string of the text is too short.
        ValueError: the states of a net are not finite.
    """
    mark, text = subject.pattern.mark, subject.asked_text.text
    if mark:
        text = mark + max(text.split(mark), key=len)
    if len(text) < BURN_IN + BLOCKS:
        what = f"the longest string has {len(text) - 1} characters, after which the state is set anew"
        raise DoesNotApplyError(
            f"{what if mark else f'the text has {len(text)} characters'}; allowed: {BURN_IN + BLOCKS} or more"
        )
    found = {name: _measure(net_map, text, subject.pattern.spec) for name, net_map in subject.nets.items()}
    lines = [f"{name} net reading {measured.inputs}: {_line(measured)}" for name, measured in found.items()]
    table = pd.concat([measured.table().assign(net=name) for name, measured in found.items()], ignore_index=True)
    return Finding(lines, {"exponents": table})


def _measure(net_map: NetMap, text: str, inputs: str) -> Exponents:
    """Measure the largest exponents along the beginning of a text."""
    text = text[: BURN_IN + max(10 * BLOCKS, MAX_JACOBIAN_NUMBERS // net_map.size**2)]
    return lyapunov_exponents(net_map, text, inputs, blocks=BLOCKS, count=min(LARGEST, net_map.size))


def _line(measured: Exponents) -> str:
    """Return the largest exponent, and what it means, in words."""
    largest, spread = float(measured.exponent_e[0]), float(measured.spread_e[0])
    if largest == -np.inf:
        return "every small disturbance is gone after finitely many characters: the largest Lyapunov exponent is -inf"
    meaning = "last" if abs(largest) <= max(spread, ROUNDING) else "grow" if largest > 0 else "die out"
    return (
        f"the largest Lyapunov exponent is {largest:.3g} nats a character (standard deviation over {BLOCKS} parts of "
        f"the text {spread:.2g}), so small disturbances {meaning}"
    )
