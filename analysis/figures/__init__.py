"""Arrays in, matplotlib Figure out: never loads, never shows, and needs no screen. All can be had from here."""

from analysis.figures.comparison import Band, CurvePanel, HeatMap, curve_bands, heat_map
from analysis.figures.cycles import Growth, Mismatch, distance_matrix, growth, mismatch
from analysis.figures.many_runs import ReachBand, ReachPanel, Strip, reach_curves, strips
from analysis.figures.multiples import PANELS_A_ROW
from analysis.figures.one_run import (
    MAX_STEPS,
    Reach,
    generalization,
    hidden_dimensions,
    loss_curve,
    predictions,
    trajectory,
)
from analysis.figures.outcomes import Interval, SolveTimes, epochs_to_solve, intervals
from analysis.figures.paths import TrajectoryPanel, trajectories, trajectory_3d
from analysis.figures.states import Raster, raster
from analysis.figures.style import Picture

__all__ = [
    "MAX_STEPS",
    "PANELS_A_ROW",
    "Band",
    "CurvePanel",
    "Growth",
    "HeatMap",
    "Interval",
    "Mismatch",
    "Picture",
    "Raster",
    "Reach",
    "ReachBand",
    "ReachPanel",
    "SolveTimes",
    "Strip",
    "TrajectoryPanel",
    "curve_bands",
    "distance_matrix",
    "epochs_to_solve",
    "generalization",
    "growth",
    "heat_map",
    "hidden_dimensions",
    "intervals",
    "loss_curve",
    "mismatch",
    "predictions",
    "raster",
    "reach_curves",
    "strips",
    "trajectories",
    "trajectory",
    "trajectory_3d",
]
