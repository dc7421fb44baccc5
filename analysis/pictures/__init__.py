"""From a table of runs to a picture, in one call.

Arguments that name fields take one name or several. If the table lacks a column, a ValueError names it.
"""

from analysis.pictures.cycles import growth, periods, shape_distances
from analysis.pictures.heat_maps import medians, shares
from analysis.pictures.inside import counts, learnt_machines, memories
from analysis.pictures.learning import learning_curves, trained_longest
from analysis.pictures.paths import hidden_units, trajectory_3d, trajectory_panels
from analysis.pictures.predicting import predictions
from analysis.pictures.reaching import reach_curves
from analysis.pictures.rows import differences, epochs_to_solve, intervals

__all__ = [
    "counts",
    "differences",
    "epochs_to_solve",
    "growth",
    "hidden_units",
    "intervals",
    "learning_curves",
    "learnt_machines",
    "medians",
    "memories",
    "periods",
    "predictions",
    "reach_curves",
    "shape_distances",
    "shares",
    "trained_longest",
    "trajectory_3d",
    "trajectory_panels",
]
