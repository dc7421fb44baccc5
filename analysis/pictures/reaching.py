"""Pictures of how far beyond their training the knowledge of nets reaches."""

from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import check_columns, each_setting
from analysis.figures import Picture
from analysis.pictures.labels import EDGES
from analysis.pictures.learning import check_lines
from analysis.runs import drop_diverged, reach_table

MAX_POINTS = 8
"""Points of a curve over the sizes trained on, and as many beyond."""


def reach_curves(runs: pd.DataFrame, lines: str, measure: str = "") -> Picture:
    """Draw the share of cases that is right at each size, with its spread over seeds: a panel for each pattern.

    Neighbouring sizes share a point where there are many; none has sizes from both sides of the edge of training.
    Shaded are the sizes that all runs of a panel were trained on. Runs that diverged have no cases, and are left out
    with a warning.

    Arguments:
        runs: a table from `find_runs`, of patterns that have such cases; those of others are left out.
        lines: the field that the lines of a panel differ in, at most 7 values.
        measure: what the size counts, such as `length` (characters) or `depth`; empty for each pattern's main one.

    Raises:
        MixedError: runs of one line differ in more than their seeds.
        RunError: all runs diverged.
        ValueError: an unknown field, more than 7 lines in a panel, or no run has such cases.
    """
    by = list(dict.fromkeys(["pattern", lines]))
    check_columns(runs, by)
    counted = drop_diverged(runs)
    every = reach_table(counted).merge(counted[["run_id", *by]], on="run_id")
    main = every.groupby("pattern", sort=False)["measure"].first()
    table = every[every["measure"] == (measure or every["pattern"].map(main))]
    if table.empty:
        there = ", ".join(every["measure"].unique()) or "none at all: take strings, such as reber or anbn"
        raise ValueError(f"none of these runs has cases{f' by {measure}' * bool(measure)}; they have {there}")
    shown = counted[counted["run_id"].isin(table["run_id"])]
    check_lines(shown, ["pattern"], lines)
    points = pd.concat([_points(some) for _, some in table.groupby("pattern", sort=False)])
    found: dict[Any, list[figures.ReachBand]] = {}
    seeds = []
    for key, some in each_setting(shown, by):
        own = points[points["run_id"].isin(some["run_id"])]
        share_ns = own.pivot(index="run_id", columns="size", values="share")
        estimates_s = [compare.estimate(share_ns[size]) for size in share_ns]
        edges = [np.array([getattr(one, name) for one in estimates_s]) for name in EDGES]
        band = figures.ReachBand(compare.setting_label({lines: key[lines]}), share_ns.columns.to_numpy(), *edges)
        found.setdefault(key["pattern"], []).append(band)
        seeds.append(len(some))
    panels = []
    for pattern, bands in found.items():
        sizes = table[(table["pattern"] == pattern) & table["trained"].astype(bool)].groupby("run_id")["size"]
        least, most = sizes.min().max(), sizes.max().min()
        panels.append(
            figures.ReachPanel(
                str(pattern), measure or main[pattern], (int(least), int(most)) if least <= most else None, bands
            )
        )
    return figures.reach_curves(
        f"Whole cases right at each {measure or 'size'}", panels, compare.interval_label("median", seeds)
    )


def _points(cases: pd.DataFrame) -> pd.DataFrame:
    """Return each run's share of cases right at the points of a curve, which a few neighbouring sizes share."""
    trained = cases.groupby("size")["trained"].all()
    point_of: dict[int, float] = {}
    for side in (trained.index[trained].to_numpy(), trained.index[~trained].to_numpy()):
        for part in np.array_split(side, min(MAX_POINTS, len(side)) or 1):
            point_of |= {int(size): float(part.mean()) for size in part}
    sums = cases.assign(size=cases["size"].map(point_of)).groupby(["run_id", "size"])[["cases", "cases_right"]].sum()
    return (sums["cases_right"] / sums["cases"]).rename("share").reset_index()
