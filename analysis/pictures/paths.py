"""Pictures of the hidden states of nets while they read a repeated motif: top layer, in units of h.

Runs that diverged have no net; they are left out with a warning. If all runs diverged, a RunError is raised.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import figures
from analysis.dynamics.cycles import cycle
from analysis.dynamics.projection import fit_projection
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import aligned
from analysis.dynamics.tables import STEPS, motif_of
from analysis.figures import Picture
from analysis.figures.paths import MAX_TRAJECTORIES
from analysis.pictures.labels import run_label
from analysis.runs import drop_diverged

SHOWN_STEPS = 48
"""The number of steps whose states are drawn, from the beginning."""


def trajectory_panels(title: str, runs: pd.DataFrame, by: str | Sequence[str], together: bool = False) -> Picture:
    """Draw the trajectory of each run, and the cycle in which it settles, in two principal components.

    Arguments:
        title: the title of the picture.
        runs: a table from `find_runs`, on motifs, 1 to 12 runs.
        by: the fields that label the panels.
        together: draw all trajectories in the same components with the same limits, so that they can be compared. Each
            is first aligned with that of the last run by the best rotation or reflection, step by step; its size is
            kept. The runs must have the same pattern; their numbers of hidden units can differ. Otherwise each
            trajectory is drawn in its own components.

    Raises:
        RunError: all runs diverged, or another run recorded no net.
        ValueError: there are more than 12 runs, a pattern is not a repeated motif or its motif is too long, or, with
            `together`, the states of a net do not change.
    """
    shown, motifs = runs_with_motifs(runs)
    if len(shown) > MAX_TRAJECTORIES:
        raise ValueError(f"{len(shown)} runs; allowed: 1 to {MAX_TRAJECTORIES} trajectories side by side")
    states = trajectories(shown, STEPS)
    labels = [run_label(run, by) for run in shown.to_dict("records")]
    hidden = [of_run.top_th for of_run in states]
    if together:
        widest = max(hidden_th.shape[1] for hidden_th in hidden)
        reference_th = np.pad(hidden[-1], ((0, 0), (0, widest - hidden[-1].shape[1])))
        hidden = [_rotated(hidden_th, reference_th, label) for hidden_th, label in zip(hidden, labels, strict=True)]
        shared_projection = fit_projection(hidden)
    panels = []
    for label, motif, of_run, hidden_th in zip(labels, motifs, states, hidden, strict=True):
        projection = shared_projection if together else fit_projection([hidden_th])
        panels.append(
            figures.TrajectoryPanel(
                label,
                projection(hidden_th[:SHOWN_STEPS]),
                of_run.text[:SHOWN_STEPS],
                projection(cycle(hidden_th, len(motif))),
                motif,
                None if together else projection.share_k,
            )
        )
    return figures.trajectories(title, panels, shared=together)


def trajectory_3d(title: str, run: pd.Series) -> Picture:
    """Draw the trajectory of one run, and the cycle in which it settles, in three principal components.

    Arguments:
        title: the title of the picture.
        run: a row of a table from `find_runs`, on a motif.

    Raises:
        RunError: the run recorded no net.
        ValueError: the pattern is not a repeated motif, or its motif is too long.
    """
    shown, (motif,) = runs_with_motifs(run.to_frame().T)
    (states,) = trajectories(shown, STEPS)
    projection = fit_projection([states.top_th], 3)
    cycle_pk = projection(cycle(states.top_th, len(motif)))
    path_tk = projection(states.top_th[:SHOWN_STEPS])
    return figures.trajectory_3d(title, path_tk, projection.share_k, states.text[:SHOWN_STEPS], cycle_pk, motif)


def hidden_units(title: str, runs: pd.DataFrame, by: str | Sequence[str]) -> Picture:
    """Draw the state of every hidden unit over time, with the units sorted by the time at which they are high.

    Arguments:
        title: the title of the picture.
        runs: a table from `find_runs`, on motifs; each run has a panel.
        by: the fields that label the panels.

    Raises:
        RunError: all runs diverged, or another run recorded no net.
        ValueError: a pattern is not a repeated motif.
    """
    shown, motifs = runs_with_motifs(runs)
    rasters = [
        figures.Raster(run_label(run, by), states.top_th, states.text, len(motif))
        for run, motif, states in zip(shown.to_dict("records"), motifs, trajectories(shown, SHOWN_STEPS), strict=True)
    ]
    return figures.raster(title, rasters)


def runs_with_motifs(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the runs that did not diverge, and the motif of each; check the patterns before any net is read."""
    motifs = {pattern: motif_of(pattern) for pattern in runs["pattern"].unique()}
    shown = drop_diverged(runs, stacklevel=4)
    return shown, [motifs[pattern] for pattern in shown["pattern"]]


def _rotated(hidden_th: np.ndarray, reference_th: np.ndarray, label: str) -> np.ndarray:
    """Return a trajectory aligned with another one, (T, H) both, as by `dynamics.aligned`, but in its own size.

    The size is kept because it is part of the comparison.
    """
    try:
        aligned_th = aligned(hidden_th, reference_th)
    except ValueError as error:
        raise ValueError(
            f"{label} cannot be aligned with the last run ({error}); leave it out, or together=False"
        ) from None
    middle_h = aligned_th.mean(axis=0)
    size = np.linalg.norm(hidden_th - hidden_th.mean(axis=0))
    rotated_th: np.ndarray = middle_h + (aligned_th - middle_h) * size / np.linalg.norm(aligned_th - middle_h)
    return rotated_th
