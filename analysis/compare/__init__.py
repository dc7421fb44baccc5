"""Comparisons of settings over their seeds: estimates with intervals, epochs to solve, and paired differences.

A *setting* is everything in a run's config except its seeds, its device and its threads. An *estimate* is one number
over the seeds of a setting, with its interval; see `Estimate`. Tables of runs and of curves are those of
`analysis.runs`.

Each run counts as one independent seed. Runs that share a seed are not independent, so several data seeds for each seed
make intervals too narrow; vary both together instead. Motifs and texts draw no data, so vary only their seed.
"""

from analysis.compare.choosing import chosen
from analysis.compare.curves import MedianInterval, curves_over_seeds, median_interval
from analysis.compare.estimates import FEW_SEEDS, STATISTICS, Estimate, estimate, share, verdict
from analysis.compare.labels import interval_label, setting_label, statistic_label
from analysis.compare.pairs import Paired, paired, paired_steps
from analysis.compare.settings import FREE_FIELDS, MixedError, varying
from analysis.compare.solving import epochs_to_solve, median_epochs_to_solve, solved, solved_share
from analysis.compare.tables import over_seeds, results

__all__ = [
    "FEW_SEEDS",
    "FREE_FIELDS",
    "STATISTICS",
    "Estimate",
    "MedianInterval",
    "MixedError",
    "Paired",
    "chosen",
    "curves_over_seeds",
    "epochs_to_solve",
    "estimate",
    "interval_label",
    "median_epochs_to_solve",
    "median_interval",
    "over_seeds",
    "paired",
    "paired_steps",
    "results",
    "setting_label",
    "share",
    "solved",
    "solved_share",
    "statistic_label",
    "varying",
    "verdict",
]
