"""The cycle in which a net settles that writes by itself, and what it withstands."""

import numpy as np
import pandas as pd

from analysis.dynamics.multipliers import free_cycle, withstood
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject

PRIME = 100
"""The characters of the test that are read before the net writes."""


def cycle(subject: Subject) -> Finding:
    """Let the net write by itself, and measure the stability of the cycle in which it settles.

    Raises:
        DoesNotApplyError: the pattern is no endless stream that the net could continue, or it settles in no cycle.
    """
    if not subject.pattern.predicts_next or subject.pattern.mark:
        raise DoesNotApplyError("the net does not write an endless stream; allowed: patterns of one stream")
    try:
        found = free_cycle(subject.trained, subject.test.text[:PRIME])
    except ValueError as error:
        raise DoesNotApplyError(str(error)) from None
    disturbed = withstood(subject.trained, found)
    multipliers = pd.DataFrame({"real": found.multipliers_k.real, "imaginary": found.multipliers_k.imag})
    multipliers.insert(0, "modulus", np.abs(found.multipliers_k))
    radius = np.linalg.norm(found.states_pk - found.states_pk.mean(axis=0), axis=1).mean()
    directions = disturbed.radius_pd.shape[1]
    lines = [
        f"running free it settles in a cycle of {len(found.text)} characters, {found.text[:60]!r}, whose greatest "
        f"multiplier has the modulus {np.abs(found.multipliers_k).max():.3g}",
        f"a small disturbance falls to 1/e within {found.time_constant:.3g} characters",
        f"the same text goes on after every disturbance of up to {disturbed.radius_pd.min():.3g} in {directions} "
        f"random directions at each place; the states of the cycle lie {radius:.3g} from their mean",
    ]
    return Finding(lines, {"multipliers": multipliers})
