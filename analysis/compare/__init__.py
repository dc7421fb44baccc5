"""What settings come to over their seeds: intervals, epochs to solve, paired comparisons; few seeds are said so.

All can be had from here. Tables are those of `analysis.runs`. Each run counts as one independent seed. So runs that
share a seed, crossed with several data_seeds, make intervals too narrow: vary both together. Units and texts draw
nothing: vary their seed alone.
"""

from analysis.compare.estimates import SMALL, STATISTICS, Estimate, estimate, share, verdict
from analysis.compare.pairs import Paired, paired, steps
from analysis.compare.settings import (
    SEED_FIELDS,
    MixedError,
    bands,
    middle,
    over_seeds,
    results,
    spread,
    varying,
    words,
)
from analysis.compare.solving import epochs_to_solve, solved, solved_share, time_to_solve

__all__ = [
    "SEED_FIELDS",
    "SMALL",
    "STATISTICS",
    "Estimate",
    "MixedError",
    "Paired",
    "bands",
    "epochs_to_solve",
    "estimate",
    "middle",
    "over_seeds",
    "paired",
    "results",
    "share",
    "solved",
    "solved_share",
    "spread",
    "steps",
    "time_to_solve",
    "varying",
    "verdict",
    "words",
]
