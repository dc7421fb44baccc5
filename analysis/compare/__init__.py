"""What settings come to over their seeds: intervals, epochs to solve, paired comparisons; few seeds are said so.

All can be had from here. Tables are those of `analysis.runs`. Each run counts as one independent seed. So runs that
share a seed, crossed with several data_seeds, make intervals too narrow: vary both together. Units and texts draw
nothing: vary their seed alone.
"""

from analysis.compare.estimates import FEW_SEEDS, STATISTICS, Estimate, estimate, share, verdict
from analysis.compare.pairs import Paired, paired, paired_steps
from analysis.compare.settings import (
    SEED_FIELDS,
    MixedError,
    curves_over_seeds,
    middle_label,
    over_seeds,
    results,
    setting_label,
    spread_label,
    varying,
)
from analysis.compare.solving import epochs_to_solve, solved, solved_share, time_to_solve

__all__ = [
    "FEW_SEEDS",
    "SEED_FIELDS",
    "STATISTICS",
    "Estimate",
    "MixedError",
    "Paired",
    "curves_over_seeds",
    "epochs_to_solve",
    "estimate",
    "middle_label",
    "over_seeds",
    "paired",
    "paired_steps",
    "results",
    "setting_label",
    "share",
    "solved",
    "solved_share",
    "spread_label",
    "time_to_solve",
    "varying",
    "verdict",
]
