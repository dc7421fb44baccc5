"""Pictures of the table of reach: how far beyond the sizes of the training data the predictions of nets are right."""

from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import check_columns, each_setting
from analysis.figures import Picture
from analysis.pictures.labels import EDGES, few_seeds_notes
from analysis.pictures.learning import check_lines
from analysis.runs import drop_diverged, reach_table

MAX_POINTS = 8
"""The most points of a curve over the sizes trained on, and the most over the other sizes."""


def reach_curves(runs: pd.DataFrame, lines: str, measure: str = "") -> Picture:
    """Draw the median share of cases that are right at each size, with its interval over seeds.

    Each pattern has a panel, in which the sizes that all runs were trained on are shaded. If there are many sizes,
    neighbouring ones share a point; no point has both sizes trained on and others. Runs that diverged have no cases;
    they are left out with a warning. The legend says how many seeds a line has if these are few.

    Arguments:
        runs: a table from `find_runs`. Runs on patterns without such cases are left out.
        lines: the field in which the lines of a panel differ, at most 7 values.
        measure: what the size counts, such as `length` (characters) or `depth`; "" means each pattern's main measure.

    Raises:
        MixedError: runs of one line differ in more than their seeds.
        RunError: all runs diverged.
        ValueError: an unknown field, more than 7 lines in a panel, or no run has such cases.
    """
    fields = list(dict.fromkeys(["pattern", lines]))
    check_columns(runs, fields)
    with_net = drop_diverged(runs)
    all_cases = reach_table(with_net).merge(with_net[["run_id", *fields]], on="run_id")
    main_measures = all_cases.groupby("pattern", sort=False)["measure"].first()
    cases = all_cases[all_cases["measure"] == (measure or all_cases["pattern"].map(main_measures))]
    if cases.empty:
        measures = ", ".join(all_cases["measure"].unique()) or "none at all: take strings, such as reber or anbn"
        raise ValueError(f"none of these runs has cases{f' by {measure}' * bool(measure)}; they have {measures}")
    shown = with_net[with_net["run_id"].isin(cases["run_id"])]
    check_lines(shown, ["pattern"], lines)
    panels = [
        figures.ReachPanel(str(pattern), measure or main_measures[pattern], _trained_by_all(cases, pattern), bands)
        for pattern, bands in _bands(shown, cases, lines).items()
    ]
    seeds = [len(setting) for _, setting in each_setting(shown, fields)]
    title = f"Whole cases right at each {measure or 'size'}"
    return figures.reach_curves(title, panels, compare.interval_label("median", seeds))


def _bands(runs: pd.DataFrame, cases: pd.DataFrame, lines: str) -> dict[Any, list[figures.Band]]:
    """Return the bands of each pattern.

    Arguments:
        runs: the runs.
        cases: their rows of the table of reach, by one measure for each pattern.
        lines: the field in which the lines of a panel differ.
    """
    points = pd.concat([_points(of_pattern) for _, of_pattern in cases.groupby("pattern", sort=False)])
    settings = [
        (key["pattern"], compare.setting_label({lines: key[lines]}), setting)
        for key, setting in each_setting(runs, list(dict.fromkeys(["pattern", lines])))
    ]
    notes = few_seeds_notes((label, len(setting)) for _, label, setting in settings)
    bands: dict[Any, list[figures.Band]] = {}
    for pattern, label, setting in settings:
        of_setting = points[points["run_id"].isin(setting["run_id"])]
        share_ns = of_setting.pivot(index="run_id", columns="size", values="share")
        estimates = [compare.estimate(share_ns[size]) for size in share_ns]
        middle_n, low_n, high_n = (np.array([getattr(estimate, name) for estimate in estimates]) for name in EDGES)
        band = figures.Band(label, share_ns.columns.to_numpy(), middle_n, low_n, high_n, notes[label])
        bands.setdefault(pattern, []).append(band)
    return bands


def _trained_by_all(cases: pd.DataFrame, pattern: Any) -> tuple[int, int] | None:
    """Return the smallest and the largest size that all runs on a pattern were trained on; None if there is none."""
    trained = cases[(cases["pattern"] == pattern) & cases["trained"].astype(bool)].groupby("run_id")["size"]
    smallest, largest = trained.min().max(), trained.max().min()
    return (int(smallest), int(largest)) if smallest <= largest else None


def _points(cases: pd.DataFrame) -> pd.DataFrame:
    """Return the share of cases that each run has right at the points of a curve.

    Arguments:
        cases: the rows of the table of reach of all runs on one pattern.

    Returns:
        A row for each run and point: run_id, size (the mean of the sizes that share the point), share (0 to 1).
    """
    trained = cases.groupby("size")["trained"].all()
    point_of: dict[int, float] = {}
    for sizes in (trained.index[trained].to_numpy(), trained.index[~trained].to_numpy()):
        for neighbours in np.array_split(sizes, min(MAX_POINTS, len(sizes)) or 1):
            point_of |= {int(size): float(neighbours.mean()) for size in neighbours}
    sums = cases.assign(size=cases["size"].map(point_of)).groupby(["run_id", "size"])[["cases", "cases_right"]].sum()
    return (sums["cases_right"] / sums["cases"]).rename("share").reset_index()
