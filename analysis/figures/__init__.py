"""From arrays to a matplotlib Figure. Nothing here loads or shows anything; no screen is needed."""

from analysis.figures.counting import CountPanel, number_against_count
from analysis.figures.curves import Band, CurvePanel, ReachPanel, curve_bands, reach_curves
from analysis.figures.cycles import Growth, Mismatch, distance_matrix, growth, mismatch
from analysis.figures.heat_maps import HeatMap, heat_map
from analysis.figures.known import Known
from analysis.figures.machines import MachinePanel, machines
from analysis.figures.multiples import PANELS_PER_ROW
from analysis.figures.one_run import (
    MAX_STEPS,
    Reach,
    first_hidden_units,
    generalization,
    loss_curve,
    predictions,
    trajectory,
)
from analysis.figures.outcomes import Interval, SolveTimes, epochs_to_solve, intervals
from analysis.figures.paths import TrajectoryPanel, trajectories
from analysis.figures.paths_3d import trajectory_3d
from analysis.figures.portrait import Portrait, portraits
from analysis.figures.predicting import PredictionRow, prediction_rows
from analysis.figures.scores import ScoreRow, score_rows
from analysis.figures.states import Raster, raster
from analysis.figures.style import Picture

__all__ = [
    "MAX_STEPS",
    "PANELS_PER_ROW",
    "Band",
    "CountPanel",
    "CurvePanel",
    "Growth",
    "HeatMap",
    "Interval",
    "Known",
    "MachinePanel",
    "Mismatch",
    "Picture",
    "Portrait",
    "PredictionRow",
    "Raster",
    "Reach",
    "ReachPanel",
    "ScoreRow",
    "SolveTimes",
    "TrajectoryPanel",
    "curve_bands",
    "distance_matrix",
    "epochs_to_solve",
    "first_hidden_units",
    "generalization",
    "growth",
    "heat_map",
    "intervals",
    "loss_curve",
    "machines",
    "mismatch",
    "number_against_count",
    "portraits",
    "prediction_rows",
    "predictions",
    "raster",
    "reach_curves",
    "score_rows",
    "trajectories",
    "trajectory",
    "trajectory_3d",
]
