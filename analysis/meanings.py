"""What each metric of a run means: what training measured, and what questions about the inside of the net found."""

import re
from collections.abc import Mapping

from rnn_core.measures.meanings import SHARED
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.meaning import SHARE, Meaning

INSPECTED: Mapping[str, Meaning] = {
    "limit_points": Meaning(
        "by inspect: points at which visited states come to rest while one character is read again and again, for the "
        "character with the most",
        "points",
        "0 or more",
    ),
    "automaton_states": Meaning(
        "by inspect: states of the minimal automaton of what the net holds possible, the dead state included",
        "states",
        "1 or more",
    ),
    "automaton_equal": Meaning(
        "by inspect: 1 if this automaton is the pattern's, 0 if not; missing where a limit ended the learning",
        "1 or 0",
        "0 to 1",
    ),
    "interchange_accuracy": Meaning(
        "by inspect: share of pairs of positions after which the net goes on rightly when a label of one is replaced "
        "by that of the other, in the mean over the labels",
        SHARE,
        "0 to 1",
    ),
}
"""The metrics of `analysis.inside`, by name."""


def meanings() -> dict[str, Meaning]:
    """Return what every metric of a run means, by name, those of single families last."""
    of_families = {name: meaning for each in Pattern.families.values() for name, meaning in each.meanings.items()}
    return {**SHARED, **INSPECTED, **of_families}


def meaning_of(metric: str) -> Meaning | None:
    """Return what a metric means; None for a name that no run records."""
    known = meanings()
    return known.get(metric) or known.get(re.sub(r"^[a-z_]+_(right|beyond)$", r"MEASURE_\1", metric))
