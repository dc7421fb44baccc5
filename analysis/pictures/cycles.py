"""Pictures of the cycles that nets settle in over motifs: their periods, how they differ between runs, how they grow.

Trajectories are those of the top layer, in units of h. Runs that diverged have no net, and are left out with a warning;
where all have, there is a RunError.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import SEEDS, check_columns, check_one_setting, field_names
from analysis.dynamics.cycles import TOLERANCE, period
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import procrustes_distances
from analysis.dynamics.states import States
from analysis.dynamics.tables import STEPS
from analysis.figures import Picture
from analysis.pictures.paths import on_motifs

LAGS = 12
"""The longest period that is drawn, or twice that of the pattern, as far as STEPS characters can show it."""


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
    shown, units_n = on_motifs(runs)
    panels = []
    written = trajectories(shown, STEPS, free=True)  # first, since not every net can
    both: tuple[tuple[str, list[States]], ...] = (
        ("reading", trajectories(shown, STEPS)),
        ("running free", written),
    )
    for number, (run, unit) in enumerate(zip(shown.to_dict("records"), units_n, strict=True)):
        for how, states in both:
            found = period(states[number].top_th, min(max(LAGS, 2 * len(unit)), STEPS // 4))
            said = [compare.setting_label({name: run[name] for name in field_names(by)}), how]
            label = ", ".join(filter(None, said))
            panels.append(figures.Mismatch(label, found.mismatch_p, found.lag, len(unit), TOLERANCE))
    return figures.mismatch(title, panels)


def shape_distances(title: str, runs: pd.DataFrame, group: str, trained: bool = True) -> tuple[Picture, pd.DataFrame]:
    """Draw how far the trajectories of runs over the same number of characters are from being one shape.

    Arguments:
        title: of the picture.
        runs: a table from `find_runs`, on units, two or more; their sizes may differ.
        group: the field whose values stand beside each other.
        trained: compare the trained nets; or else those that their seeds begin with.

    Returns:
        The picture, and a table with a row for each pair of runs, N (N - 1) / 2 of them: distance, 0 to 1
        (`dynamics.procrustes_distance`), first and second (the values of `group`, as text), and same: whether
        these are.

    Raises:
        RunError: all runs diverged, or another one recorded no net.
        ValueError: fewer than two runs, an unknown field, a pattern repeats no unit, or a net stands still.
    """
    check_columns(runs, [group])
    shown, _ = on_motifs(runs)
    if len(shown) < 2:
        raise ValueError(f"{len(shown)} run with a net; allowed: 2 or more, to be compared with one another")
    distance_nn = procrustes_distances([states.top_th for states in trajectories(shown, STEPS, trained=trained)])
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
        table: runs with their measures, from `dynamics.cycle_table`; untrained nets have 0 epochs. NaN leaves a gap in
            a line, and does not count in the median.
        measures: by column, what the panel is called, with the unit; one or more.

    Raises:
        MixedError: the runs differ in more than their epochs and seeds, or one would count twice.
        ValueError: an unknown column, no measure, or no row.
    """
    check_columns(table, list(measures))
    check_one_setting(table, ["epochs"], "growth is drawn of one setting: ")
    panels, seeds = [], []
    for name, label in measures.items():
        value_se = table.pivot(index=SEEDS, columns="epochs", values=name).astype(float)
        found = [compare.estimate(value_se[epochs]) for epochs in value_se]
        seeds += [one.n for one in found]
        edges: list[Any] = [np.array([getattr(one, side) for one in found]) for side in ("value", "low", "high")]
        panels.append(figures.Growth(label, value_se.columns.to_numpy(), value_se.to_numpy(), *edges))
    return figures.growth(title, panels, compare.interval_label("median", seeds))
