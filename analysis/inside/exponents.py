"""Whether small disturbances of a net's state grow or die out while it reads: Lyapunov exponents."""

from analysis.dynamics.exponents import BURN_IN, Exponents, lyapunov_exponents
from analysis.dynamics.net_map import NetMap
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject

BLOCKS = 10

LARGEST = 5
"""How many exponents are measured, the largest ones."""


def exponents(subject: Subject) -> Finding:
    """Measure the largest exponents of both nets along the test or, where it has marks, along its longest string.

    Raises:
        DoesNotApplyError: every string of the test is too short.
    """
    mark, text = subject.pattern.mark, subject.test.text
    if mark:
        text = mark + max(text.split(mark), key=len)
    if len(text) < BURN_IN + BLOCKS:
        raise DoesNotApplyError(
            f"the longest string has {len(text) - 1} characters, after which the state is set anew; allowed: a stream, "
            f"or strings of {BURN_IN + BLOCKS} characters or more"
        )
    found = {name: _measure(net_map, text, subject.pattern.short_name) for name, net_map in subject.nets.items()}
    lines = [
        f"largest Lyapunov exponent of the {name} net along {measured.inputs}: {measured.exponent_e[0]:.3g} nats a "
        f"character (spread over blocks {measured.spread_e[0]:.2g})"
        for name, measured in found.items()
    ]
    return Finding(lines, {f"exponents_{name}": measured.table() for name, measured in found.items()})


def _measure(net_map: NetMap, text: str, inputs: str) -> Exponents:
    return lyapunov_exponents(net_map, text, inputs, blocks=BLOCKS, count=min(LARGEST, net_map.size))
