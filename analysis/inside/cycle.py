"""The cycle in which a net settles that writes by itself, and what it withstands."""

import numpy as np
import pandas as pd

from analysis.dynamics.multipliers import Withstood, free_cycle, withstood
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject
from analysis.words import counted

PRIME = 100
"""The characters of the asked text that are read before the net writes."""

MAX_ROUNDS, MAX_COMPARED = 20, 400
"""The most rounds of the cycle, and characters, that are compared after a disturbance; one round at least."""

MIN_DIRECTIONS, MAX_DIRECTIONS, MAX_DISTURBED = 4, 64, 200
"""The fewest and most directions of disturbance at each place, and the most of all places, but for the fewest."""

SHOWN = 60
"""The most characters of the cycle's text that are shown."""


def cycle(subject: Subject) -> Finding:
    """Let the net write by itself, and measure the stability of the cycle in which it settles.

    Raises:
        DoesNotApplyError: the pattern is no endless stream that the net could continue, or it settles in no cycle.
    """
    if not subject.pattern.predicts_next or subject.pattern.mark:
        raise DoesNotApplyError("the net does not write an endless stream; allowed: patterns of one stream")
    try:
        found = free_cycle(subject.trained, subject.asked_text.text[:PRIME])
        period = len(found.text)
        directions = max(MIN_DIRECTIONS, min(MAX_DIRECTIONS, MAX_DISTURBED // period))
        rounds = max(1, min(MAX_ROUNDS, MAX_COMPARED // period))
        disturbed = withstood(subject.trained, found, directions, rounds=rounds)
    except ValueError as error:
        raise DoesNotApplyError(str(error)) from None
    multipliers = pd.DataFrame({"real": found.multipliers_k.real, "imaginary": found.multipliers_k.imag})
    multipliers.insert(0, "modulus", np.abs(found.multipliers_k))
    radius = np.linalg.norm(found.states_pk - found.states_pk.mean(axis=0), axis=1).mean()
    text = repr(found.text) if len(found.text) <= SHOWN else f"{found.text[:SHOWN]!r} ..."
    lines = [
        f"running free, the trained net settles in a cycle of {counted(period, 'character')}, {text}, whose "
        f"greatest multiplier has the modulus {np.abs(found.multipliers_k).max():.3g}",
        _lasting(found.time_constant),
        f"the same text goes on for {counted(disturbed.characters, 'character')} after {_length(disturbed)} in "
        f"{disturbed.directions} random directions at each place"
        + (f"; the states of the cycle lie {radius:.3g} from their mean, on average" if period > 1 else ""),
    ]
    states = pd.DataFrame(found.states_pk, columns=subject.trained.number_names)
    states.insert(0, "character", list(found.text))
    return Finding(lines, {"multipliers": multipliers, "cycle": states})


def _lasting(characters: float) -> str:
    """Return how long a small disturbance lasts, in words."""
    if np.isinf(characters):
        return "a small disturbance lasts or grows"
    if characters == 0:
        return "a small disturbance is gone after finitely many characters"
    return f"a small disturbance falls to 1/e within {characters:.3g} characters"


def _length(disturbed: Withstood) -> str:
    """Return the length of the disturbances that the cycle withstands, in words."""
    if np.isinf(disturbed.radius):
        return f"every disturbance of the state that was tried, up to the length {disturbed.greatest_tried:.3g},"
    return f"disturbances of the state up to the length {disturbed.radius:.3g}"
