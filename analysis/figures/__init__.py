"""Arrays in, matplotlib Figure out: never loads, never shows, and needs no screen. All can be had from here."""

from analysis.figures.comparison import Band, HeatMap, Panel, bands, heat_map
from analysis.figures.geometry import Growth, Mismatch, distance_matrix, growth, mismatch
from analysis.figures.many_runs import ReachBand, ReachPanel, Strip, reaches, strips
from analysis.figures.multiples import PANELS_A_ROW
from analysis.figures.one_run import (
    MOST_STEPS,
    Reach,
    generalization,
    hidden_dimensions,
    loss_curve,
    predictions,
    trajectory,
)
from analysis.figures.outcomes import Interval, Times, epochs_to_solve, intervals
from analysis.figures.paths import TrajectoryPanel, trajectories, trajectory_3d
from analysis.figures.states import Raster, raster
from analysis.figures.style import Picture

__all__ = [
    "MOST_STEPS",
    "PANELS_A_ROW",
    "Band",
    "Growth",
    "HeatMap",
    "Interval",
    "Mismatch",
    "Panel",
    "Picture",
    "Raster",
    "Reach",
    "ReachBand",
    "ReachPanel",
    "Strip",
    "Times",
    "TrajectoryPanel",
    "bands",
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
    "reaches",
    "strips",
    "trajectories",
    "trajectory",
    "trajectory_3d",
]
