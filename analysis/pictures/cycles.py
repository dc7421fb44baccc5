"""Pictures of what is measured of trajectories: periods over repeated motifs, distances between runs, and growth.

Trajectories are those of the top layer, in units of h. Runs that diverged have no net; they are left out with a
warning. If all runs diverged, a RunError is raised.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import SEEDS, check_columns, check_one_setting
from analysis.dynamics.cycles import TOLERANCE, period
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import procrustes_distances
from analysis.dynamics.tables import STEPS, motif_of
from analysis.figures import Picture
from analysis.pictures.labels import EDGES, run_label
from analysis.pictures.paths import READ_STEPS, check_same_text
from analysis.runs import drop_diverged
from rnn_core.patterns import parse

MAX_LAG = 12
"""The longest lag that is drawn; twice the length of the motif if that is more; at most a quarter of STEPS."""


def periods(title: str, runs: pd.DataFrame, by: str | Sequence[str]) -> Picture:
    """Draw for each run the distance of its states to themselves at each lag, while it reads and while it runs free.

    A period belongs to a motif. Another text has none while it is read, and a net that writes strings by itself writes
    the likeliest one again and again. The cycle of a net that writes an endless stream is found by
    `dynamics.free_cycle`, and by the question `cycle` of `analysis.inside`.

    Arguments:
        title: the title of the picture.
        runs: a table from `find_runs`, on motifs; each run has two panels.
        by: the fields that label the panels.

    Raises:
        RunError: all runs diverged, another run recorded no net, or a net cannot run free.
        ValueError: a pattern is not a repeated motif.
    """
    motif_of_pattern = {pattern: motif_of(pattern) for pattern in runs["pattern"].unique()}  # before any net is read
    shown = drop_diverged(runs)
    motifs = [motif_of_pattern[pattern] for pattern in shown["pattern"]]
    running_free = trajectories(shown, STEPS, free=True)  # before the others, because it can be refused
    reading = trajectories(shown, STEPS)
    panels = []
    for number, (run, motif) in enumerate(zip(shown.to_dict("records"), motifs, strict=True)):
        for mode, states in (("reading", reading), ("running free", running_free)):
            found = period(states[number].top_th, min(max(MAX_LAG, 2 * len(motif)), STEPS // 4))
            label = ", ".join(filter(None, [run_label(run, by), mode]))
            panels.append(figures.Mismatch(label, found.mismatch_p, found.lag, len(motif), TOLERANCE))
    return figures.mismatch(title, panels)


def shape_distances(title: str, runs: pd.DataFrame, group: str, trained: bool = True) -> tuple[Picture, pd.DataFrame]:
    """Draw the Procrustes distance between the trajectories of every two runs over the same text.

    Motifs are compared with one another as well, step by step, which says how far apart unrelated cycles are.

    Arguments:
        title: the title of the picture.
        runs: a table from `find_runs`, two or more runs, all on motifs or all with the same test; their numbers of
            hidden units can differ. Over motifs STEPS characters are read, over other tests READ_STEPS.
        group: the field by whose values the runs are grouped.
        trained: whether to compare the trained nets or the nets before training.

    Returns:
        The picture, and a table with a row for each of the N (N - 1) / 2 pairs of runs: distance, 0 to 1
        (`dynamics.procrustes_distance`); first and second, the values of `group`, as text; same, whether these are
        equal.

    Raises:
        RunError: all runs diverged, or another run recorded no net.
        ValueError: there are fewer than two runs, the field is unknown, the nets read different texts that are not
            all motifs, or the states of a net do not change.
    """
    check_columns(runs, [group])
    shown = drop_diverged(runs)
    if len(shown) < 2:
        raise ValueError(f"{len(shown)} run with a net; allowed: 2 or more, to be compared with one another")
    motifs = all(parse(pattern).motif for pattern in shown["pattern"].unique())
    states = trajectories(shown, STEPS if motifs else READ_STEPS, trained=trained)
    if not motifs:
        check_same_text([of_run.text for of_run in states])
    distance_nn = procrustes_distances([of_run.top_th for of_run in states])
    groups = shown[group].astype(str).tolist()
    labels = [f"seed {seed}" for seed in shown["seed"]]
    rows = [
        (distance_nn[n, m], groups[n], groups[m], groups[n] == groups[m]) for n in range(len(shown)) for m in range(n)
    ]
    table = pd.DataFrame(rows, columns=["distance", "first", "second", "same"])
    return figures.distance_matrix(title, distance_nn, labels, groups), table


def growth(title: str, table: pd.DataFrame, measures: Mapping[str, str]) -> Picture:
    """Draw measures of the runs of one setting against their epochs: a line for each seed, and the median.

    Arguments:
        title: the title of the picture.
        table: the runs with their measures, from `dynamics.cycle_table` or `dynamics.probe_table`; untrained nets have
            0 epochs. NaN leaves a gap in a line and does not count in the median.
        measures: the label of each panel, with the unit, by the name of its column; one or more.

    Raises:
        MixedError: the runs differ in more than their epochs and seeds, or a run would count twice.
        ValueError: an unknown column, no measure, or no row.
    """
    check_columns(table, list(measures))
    check_one_setting(table, ["epochs"], "growth is drawn of one setting: ")
    panels, seed_counts = [], []
    for name, label in measures.items():
        value_se = table.pivot(index=SEEDS, columns="epochs", values=name).astype(float)
        estimates = [compare.estimate(value_se[epochs], "median") for epochs in value_se]
        seed_counts += [estimate.n for estimate in estimates]
        edges: list[Any] = [np.array([getattr(estimate, edge) for estimate in estimates]) for edge in EDGES]
        panels.append(figures.Growth(label, value_se.columns.to_numpy(), value_se.to_numpy(), *edges))
    return figures.growth(title, panels, compare.interval_label("median", seed_counts))
