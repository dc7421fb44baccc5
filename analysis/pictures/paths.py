"""Pictures of the trajectories of nets over motifs, top layer, in units of h.

Runs that diverged have no net, and are left out with a warning; where all have, there is a RunError.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import field_names
from analysis.dynamics.cycles import cycle
from analysis.dynamics.projection import fit_projection
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import aligned
from analysis.dynamics.tables import STEPS, motif_of
from analysis.figures import Picture
from analysis.figures.paths import MAX_PATHS
from analysis.runs import drop_diverged

SHOWN = 48
"""Characters whose states are drawn."""


def trajectory_panels(title: str, runs: pd.DataFrame, by: str | Sequence[str], together: bool = False) -> Picture:
    """Draw the trajectory of each run over its pattern, and the cycle in which it settles, in two components.

    Arguments:
        title: of the picture.
        runs: a table from `find_runs`, on units, 1 to 12.
        by: the fields that label the panels; one name will do.
        together: bring all onto the last run by the best rotation or reflection, character by character, and project
            all onto the same components with the same limits, so that they can be compared: runs on one pattern, of any
            size. Or else each is seen in its own components.

    Raises:
        RunError: all runs diverged, or another one recorded no net.
        ValueError: more than 12 runs, a pattern repeats no unit or too long a one, or a net stands still, which cannot
            be turned onto another.
    """
    shown, units_n = on_motifs(runs)
    if len(shown) > MAX_PATHS:
        raise ValueError(f"{len(shown)} runs; allowed: 1 to {MAX_PATHS} trajectories side by side")
    states = trajectories(shown, STEPS)
    labels = [compare.setting_label({name: run[name] for name in field_names(by)}) for run in shown.to_dict("records")]
    tops = [one.top_th for one in states]
    if together:
        widest = max(hidden_th.shape[1] for hidden_th in tops)
        reference_th = np.pad(tops[-1], ((0, 0), (0, widest - tops[-1].shape[1])))
        tops = [_turned(hidden_th, reference_th, label) for hidden_th, label in zip(tops, labels, strict=True)]
        shared = fit_projection(tops)
    panels = []
    for label, unit, one, hidden_th in zip(labels, units_n, states, tops, strict=True):
        projection = shared if together else fit_projection([hidden_th])
        panels.append(
            figures.TrajectoryPanel(
                label,
                projection(hidden_th[:SHOWN]),
                one.text[:SHOWN],
                projection(cycle(hidden_th, len(unit))),
                unit,
                None if together else projection.share_k,
            )
        )
    return figures.trajectories(title, panels, shared=together)


def trajectory_3d(title: str, run: pd.Series) -> Picture:
    """Draw the trajectory of one run over its unit, and the cycle in which it settles, in three components.

    Arguments:
        title: of the picture.
        run: a row of a table from `find_runs`, on a unit.

    Raises:
        RunError: it recorded no net.
        ValueError: its pattern repeats no unit, or too long a one.
    """
    shown, (unit,) = on_motifs(run.to_frame().T)
    (states,) = trajectories(shown, STEPS)
    projection = fit_projection([states.top_th], 3)
    around = projection(cycle(states.top_th, len(unit)))
    path_tk = projection(states.top_th[:SHOWN])
    return figures.trajectory_3d(title, path_tk, projection.share_k, states.text[:SHOWN], around, unit)


def hidden_units(title: str, runs: pd.DataFrame, by: str | Sequence[str]) -> Picture:
    """Draw the states of every hidden unit over time, the hidden units in the order in which they are high.

    Arguments:
        title: of the picture.
        runs: a table from `find_runs`, on units that are repeated; a panel each.
        by: the fields that label the panels; one name will do.

    Raises:
        RunError: all runs diverged, or another one recorded no net.
        ValueError: a pattern repeats no unit.
    """
    shown, units_n = on_motifs(runs)
    panels = []
    for run, unit, states in zip(shown.to_dict("records"), units_n, trajectories(shown, SHOWN), strict=True):
        label = compare.setting_label({name: run[name] for name in field_names(by)})
        panels.append(figures.Raster(label, states.top_th, states.text, len(unit)))
    return figures.raster(title, panels)


def on_motifs(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the runs that have a net, and the unit of each; what has none is refused before anything is read."""
    units_n = {pattern: motif_of(pattern) for pattern in runs["pattern"].unique()}
    shown = drop_diverged(runs, stacklevel=4)
    return shown, [units_n[pattern] for pattern in shown["pattern"]]


def _turned(hidden_th: np.ndarray, reference_th: np.ndarray, label: str) -> np.ndarray:
    """Return a trajectory turned onto another, (T, H) both, as `dynamics.aligned` does, but as large as it was.

    How large a cycle is, is part of what is compared.
    """
    try:
        placed_th = aligned(hidden_th, reference_th)
    except ValueError as error:
        raise ValueError(
            f"{label} cannot be turned onto the last run ({error}); leave it out, or together=False"
        ) from None
    middle_h = placed_th.mean(axis=0)
    size = np.linalg.norm(hidden_th - hidden_th.mean(axis=0))
    turned_th: np.ndarray = middle_h + (placed_th - middle_h) * size / np.linalg.norm(placed_th - middle_h)
    return turned_th
