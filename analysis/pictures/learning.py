"""Pictures of training curves, with their spread over seeds."""

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import check_columns, field_names, grouped_settings
from analysis.figures import Picture
from analysis.figures.style import COLOURS
from analysis.pictures.heat_maps import values_of
from analysis.pictures.labels import EDGES, METRICS, plain_name

MAX_BESIDE = 4
"""Panels of a second field that stand side by side."""


def trained_longest(runs: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Return of each setting the runs with most epochs; all, where the settings differ in their epochs.

    What shorter runs came to, lies on the curves of longer ones, unless their schedule stretches with their epochs.

    Arguments:
        runs: a table from `find_runs`.
        by: the fields that the settings differ in; none for a single setting.
    """
    names = field_names(by)
    check_columns(runs, [*names, "epochs"])
    if "epochs" in names or runs.empty:
        return runs
    kept: list[int] = []
    left_out = False
    for _, settings in grouped_settings(runs.reset_index(drop=True), names, "epochs"):
        most = settings[max(settings)]
        kept += most.index.tolist()
        left_out |= most["seed"].nunique() < len(set().union(*(some["seed"] for some in settings.values())))
    if left_out:
        warnings.warn("some seeds have not been trained for the most epochs, and are left out", stacklevel=3)
    return runs.iloc[sorted(kept)]


def learning_curves(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    panels: str | Sequence[str],
    lines: str,
    metric: str = "train_loss",
    note: str = "",
) -> Picture:
    """Draw training curves with their spread over seeds, and the floor of each panel.

    A run that diverged counts as far as its curve goes.

    Arguments:
        runs: a table from `find_runs`; of each setting the runs with most epochs count.
        curves: theirs, from `runs.curves`.
        panels: the fields that the panels differ in; none for a single panel. With two, each value of the first has a
            row, in which those of the second, where there are no more than 4, stand side by side: a combination
            without runs has an empty panel.
        lines: the field that the lines of a panel differ in, at most 7 values.
        metric: of the curves. A panel on one pattern has its floor in `train_loss`.
        note: what else the title says, such as how many settings are left out.

    Raises:
        MixedError: runs of one line differ in more than their seeds.
        ValueError: an unknown column or metric, no run has such a curve, or more than 7 lines in a panel.
    """
    names = field_names(panels)
    shown = trained_longest(runs, [*names, lines])
    table = compare.curves_over_seeds(shown, curves, [*names, lines], metric)
    if table.empty:
        raise ValueError(f"none of {len(runs)} runs has a finite {metric}; allowed: one or more")
    check_lines(shown, names, lines)
    there = {tuple(key.values()): settings for key, settings in grouped_settings(shown, names, lines)}
    keys, columns = list(there), figures.PANELS_A_ROW
    if len(names) == 2 and len(side := values_of(shown, names[1])) <= MAX_BESIDE:
        keys, columns = list(product(values_of(shown, names[0]), side)), len(side)
    band_of = _bands_of(table, curves[curves["metric"] == metric], [*names, lines])
    drawn = []
    for key in keys:
        settings = there.get(key, {})
        found = {compare.setting_label({lines: value}): band_of.get((*key, value)) for value in settings}
        bands = [figures.Band(label, *edges) for label, edges in found.items() if edges is not None]
        title = compare.setting_label(dict(zip(names, key, strict=True)))
        title += "" if bands else ": no curve" if settings else ": no runs"
        floor = _floor(pd.concat(list(settings.values()))) if settings and metric == "train_loss" else None
        drawn.append(figures.CurvePanel(title, bands, floor))
    limits = (0.0, 1.0) if metric == "train_accuracy" else None
    name = METRICS.get(metric, metric.replace("_", " "))
    title = plain_name(name) + (f" ({note})" if note else "")
    return figures.curve_bands(title, drawn, compare.interval_label("median", table["n"]), columns, name, limits)


def check_lines(runs: pd.DataFrame, panels: Sequence[str], lines: str) -> None:
    """Raise ValueError if a panel would have more lines than there are colours."""
    for key, settings in grouped_settings(runs, panels, lines):
        if (count := len(settings)) > len(COLOURS):
            where = f" in {compare.setting_label(key)}" if key else ""
            advice = f"leave some out with find_runs({lines}=...)"
            raise ValueError(f"{lines} has {count} values{where}; allowed: {len(COLOURS)} lines in a panel; {advice}")


def _bands_of(table: pd.DataFrame, curves: pd.DataFrame, by: Sequence[str]) -> dict[tuple[Any, ...], list[np.ndarray]]:
    """Return by the values of the by columns the middle, the lower and the upper edge of each band, and its epochs.

    The epochs are those of the curves up to the band's last one: where the band has no value, it has NaN.
    """
    every = np.unique(curves["epoch"])
    found = {}
    for key, part in table.groupby(list(by), sort=False):
        epoch_e = every[every <= part["epoch"].max()]
        known = part.set_index("epoch").reindex(epoch_e)
        found[key] = [*(known[name].to_numpy() for name in EDGES), epoch_e]
    return found


def _floor(runs: pd.DataFrame) -> float | None:
    """Return the floor that runs have in common, the mean over what was drawn; None where patterns or lengths differ.

    Diverged runs do not say it, nor do those beyond whose training range there is none.
    """
    if "floor_loss" not in runs or len(runs[["pattern", "length"]].drop_duplicates()) != 1:
        return None
    floor = float(runs["floor_loss"].mean())
    return floor if np.isfinite(floor) else None
