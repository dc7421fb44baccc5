"""Pictures of what the nets of runs do inside: their trajectories, their cycles, how these differ and grow.

Trajectories are those of the top layer, in units of h. Runs that diverged have no net, and are left out with a warning;
where all have, there is a RunError.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import SEEDS, check_one_setting, names_of, need
from analysis.figures import Picture
from analysis.figures.paths import MOST_PATHS
from analysis.geometry import TOLERANCE, aligned, cycle, distances, period
from analysis.hidden_states import States, fit_projection
from analysis.inside import STEPS, unit_of
from analysis.runs import trajectories, without_diverged

SHOWN = 48
"""Characters whose states are drawn."""

LAGS = 12
"""The longest period that is drawn, or twice that of the pattern, as far as STEPS characters can show it."""


def paths(title: str, runs: pd.DataFrame, by: str | Sequence[str], together: bool = False) -> Picture:
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
    shown, units_n = _on_units(runs)
    if len(shown) > MOST_PATHS:
        raise ValueError(f"{len(shown)} runs; allowed: 1 to {MOST_PATHS} trajectories side by side")
    states = trajectories(shown, STEPS)
    labels = [compare.words({name: run[name] for name in names_of(by)}) for run in shown.to_dict("records")]
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


def path_3d(title: str, run: pd.Series) -> Picture:
    """Draw the trajectory of one run over its unit, and the cycle in which it settles, in three components.

    Arguments:
        title: of the picture.
        run: a row of a table from `find_runs`, on a unit.

    Raises:
        RunError: it recorded no net.
        ValueError: its pattern repeats no unit, or too long a one.
    """
    shown, (unit,) = _on_units(run.to_frame().T)
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
    shown, units_n = _on_units(runs)
    panels = []
    for run, unit, states in zip(shown.to_dict("records"), units_n, trajectories(shown, SHOWN), strict=True):
        label = compare.words({name: run[name] for name in names_of(by)})
        panels.append(figures.Raster(label, states.top_th, states.text, len(unit)))
    return figures.raster(title, panels)


def periods(title: str, runs: pd.DataFrame, by: str | Sequence[str]) -> Picture:
    """Draw how far each run's states are from themselves some characters later: reading, and running free.

    Arguments:
        title: of the picture.
        runs: a table from `find_runs`, on units; two panels each.
        by: the fields that label the panels; one name will do.

    Raises:
        RunError: all runs diverged, another one recorded no net, or a net cannot run free.
        ValueError: a pattern repeats no unit.
    """
    shown, units_n = _on_units(runs)
    panels = []
    written = trajectories(shown, STEPS, free=True)  # first, since not every net can
    both: tuple[tuple[str, list[States]], ...] = (
        ("reading", trajectories(shown, STEPS)),
        ("running free", written),
    )
    for number, (run, unit) in enumerate(zip(shown.to_dict("records"), units_n, strict=True)):
        for how, states in both:
            found = period(states[number].top_th, min(max(LAGS, 2 * len(unit)), STEPS // 4))
            said = [compare.words({name: run[name] for name in names_of(by)}), how]
            label = ", ".join(filter(None, said))
            panels.append(figures.Mismatch(label, found.mismatch_p, found.lag, len(unit), TOLERANCE))
    return figures.mismatch(title, panels)


def apart(title: str, runs: pd.DataFrame, group: str, trained: bool = True) -> tuple[Picture, pd.DataFrame]:
    """Draw how far the trajectories of runs over the same number of characters are from being one shape.

    Arguments:
        title: of the picture.
        runs: a table from `find_runs`, on units, two or more; their sizes may differ.
        group: the field whose values stand beside each other.
        trained: compare the trained nets; or else those that their seeds begin with.

    Returns:
        The picture, and a table with a row for each pair of runs, N (N - 1) / 2 of them: distance, 0 to 1
        (`geometry.procrustes_distance`), first and second (the values of `group`, as text), and same: whether
        these are.

    Raises:
        RunError: all runs diverged, or another one recorded no net.
        ValueError: fewer than two runs, an unknown field, a pattern repeats no unit, or a net stands still.
    """
    need(runs, [group])
    shown, _ = _on_units(runs)
    if len(shown) < 2:
        raise ValueError(f"{len(shown)} run with a net; allowed: 2 or more, to be compared with one another")
    distance_nn = distances([states.top_th for states in trajectories(shown, STEPS, trained=trained)])
    groups = shown[group].astype(str).tolist()
    labels = [f"seed {seed}" for seed in shown["seed"]]
    rows = [
        (distance_nn[n, m], groups[n], groups[m], groups[n] == groups[m]) for n in range(len(shown)) for m in range(n)
    ]
    table = pd.DataFrame(rows, columns=["distance", "first", "second", "same"])
    return figures.distance_matrix(title, distance_nn, labels, groups), table


def growth(title: str, table: pd.DataFrame, measures: Mapping[str, str]) -> Picture:
    """Draw measures of runs of one setting but for their epochs against these, a line a seed, and their median.

    Arguments:
        title: of the picture.
        table: runs with their measures, from `inside`; untrained nets have 0 epochs. NaN leaves a gap in a line, and
            does not count in the median.
        measures: by column, what the panel is called, with the unit; one or more.

    Raises:
        MixedError: the runs differ in more than their epochs and seeds, or one would count twice.
        ValueError: an unknown column, no measure, or no row.
    """
    need(table, list(measures))
    check_one_setting(table, ["epochs"], "growth is drawn of one setting: ")
    panels, seeds = [], []
    for name, label in measures.items():
        value_se = table.pivot(index=SEEDS, columns="epochs", values=name).astype(float)
        found = [compare.estimate(value_se[epochs]) for epochs in value_se]
        seeds += [one.n for one in found]
        edges: list[Any] = [np.array([getattr(one, side) for one in found]) for side in ("value", "low", "high")]
        panels.append(figures.Growth(label, value_se.columns.to_numpy(), value_se.to_numpy(), *edges))
    return figures.growth(title, panels, compare.spread("median", seeds))


def _on_units(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the runs that have a net, and the unit of each; what has none is refused before anything is read."""
    units_n = {pattern: unit_of(pattern) for pattern in runs["pattern"].unique()}
    shown = without_diverged(runs, stacklevel=4)
    return shown, [units_n[pattern] for pattern in shown["pattern"]]


def _turned(hidden_th: np.ndarray, reference_th: np.ndarray, label: str) -> np.ndarray:
    """Return a trajectory turned onto another, (T, H) both, as `geometry.aligned` does, but as large as it was.

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
