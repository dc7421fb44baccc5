"""Arrays in, matplotlib Figure out: never loads, never shows, and needs no screen. All can be had from here."""

from analysis.figures.comparison import Band, HeatMap, Panel, bands, heat_map
from analysis.figures.one_run import (
    MOST_STEPS,
    Reach,
    generalization,
    hidden_dimensions,
    loss_curve,
    predictions,
    trajectory,
)
from analysis.figures.style import Picture

__all__ = [
    "MOST_STEPS",
    "Band",
    "HeatMap",
    "Panel",
    "Picture",
    "Reach",
    "bands",
    "generalization",
    "heat_map",
    "hidden_dimensions",
    "loss_curve",
    "predictions",
    "trajectory",
]
