"""Pictures of training curves, with their intervals over seeds."""

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import check_columns, column_list, grouped_settings
from analysis.figures import Picture
from analysis.figures.style import COLOURS
from analysis.pictures.heat_maps import values_of
from analysis.pictures.labels import EDGES, few_seeds_notes, metric_label, metric_title

MAX_COLUMNS = 4
"""The most values of a second field whose panels are placed side by side."""


def trained_longest(runs: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Return the runs with the most epochs of each setting; all runs if the settings differ in their epochs.

    A shorter run adds nothing to a picture, because its curve is the beginning of the curve of a longer run, unless the
    schedule depends on the number of epochs. A warning says that seeds are left out if some have only shorter runs.

    Arguments:
        runs: a table from `find_runs`.
        by: the fields in which the settings differ; none for a single setting.

    Raises:
        MixedError: runs of one setting differ in more than their epochs and seeds.
        ValueError: an unknown field.
    """
    names = column_list(by)
    check_columns(runs, [*names, "epochs"])
    if "epochs" in names or runs.empty:
        return runs
    kept: list[int] = []
    seeds_left_out = False
    for _, by_epochs in grouped_settings(runs.reset_index(drop=True), names, "epochs"):
        longest = by_epochs[max(by_epochs)]
        kept += longest.index.tolist()
        all_seeds = set().union(*(same_epochs["seed"] for same_epochs in by_epochs.values()))
        seeds_left_out |= longest["seed"].nunique() < len(all_seeds)
    if seeds_left_out:
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
    """Draw the median training curve of each setting with its interval over seeds, and the floor of each panel.

    The curve of a run that diverged counts up to its end. The legend says how many seeds a line has if these are few.

    Arguments:
        runs: a table from `find_runs`; only the runs with the most epochs of each setting are drawn.
        curves: the curves of these runs, from `runs.curves`.
        panels: the fields in which the panels differ; none for a single panel. With two fields, each value of the first
            has a row, with the values of the second side by side if they are at most 4; a combination without runs has
            an empty panel.
        lines: the field in which the lines of a panel differ, at most 7 values.
        metric: the metric of the curves. With `train_loss`, a panel of a single pattern and length has its floor.
        note: text that is added to the title, such as how many settings are left out.

    Raises:
        MixedError: runs of one line differ in more than their seeds.
        ValueError: an unknown column or metric, no run has such a curve, or a panel has more than 7 lines.
    """
    names = column_list(panels)
    shown = trained_longest(runs, [*names, lines])
    table = compare.curves_over_seeds(shown, curves, [*names, lines], metric)
    if table.empty:
        raise ValueError(f"none of {len(runs)} runs has a finite {metric}; allowed: one or more")
    check_lines(shown, names, lines)
    settings_of = {tuple(key.values()): settings for key, settings in grouped_settings(shown, names, lines)}
    keys, columns = list(settings_of), figures.PANELS_PER_ROW
    if len(names) == 2 and len(column_values := values_of(shown, names[1])) <= MAX_COLUMNS:
        keys, columns = list(product(values_of(shown, names[0]), column_values)), len(column_values)
    band_of = _bands(table, np.unique(curves["epoch"][curves["metric"] == metric]), names, lines)
    curve_panels = []
    for key in keys:
        settings = settings_of.get(key, {})
        bands = [band_of[(*key, value)] for value in settings if (*key, value) in band_of]
        title = compare.setting_label(dict(zip(names, key, strict=True)))
        title += "" if bands else ": no curve" if settings else ": no runs"
        floor = _floor(pd.concat(list(settings.values()))) if settings and metric == "train_loss" else None
        curve_panels.append(figures.CurvePanel(title, bands, floor))
    limits = (0.0, 1.0) if metric == "train_accuracy" else None
    title = metric_title(metric) + (f" ({note})" if note else "")
    spread = compare.interval_label("median", table["n"])
    return figures.curve_bands(title, curve_panels, spread, columns, metric_label(metric), limits)


def check_lines(runs: pd.DataFrame, panels: Sequence[str], lines: str) -> None:
    """Raise ValueError if a panel would have more lines than there are colours."""
    for key, settings in grouped_settings(runs, panels, lines):
        if (count := len(settings)) > len(COLOURS):
            where = f" in {compare.setting_label(key)}" if key else ""
            advice = f"leave some out with find_runs({lines}=...)"
            raise ValueError(f"{lines} has {count} values{where}; allowed: {len(COLOURS)} lines in a panel; {advice}")


def _bands(
    table: pd.DataFrame, epoch_e: np.ndarray, panels: Sequence[str], lines: str
) -> dict[tuple[Any, ...], figures.Band]:
    """Return the band of each setting, by its values of the fields `panels` and `lines`.

    Arguments:
        table: the table of `compare.curves_over_seeds`.
        epoch_e: all epochs of the curves, (E,). A band ends at its last epoch; an earlier epoch without a value is NaN.
        panels: the fields in which the panels differ.
        lines: the field in which the lines of a panel differ.
    """
    groups = dict(iter(table.groupby([*panels, lines], sort=False)))
    labels = {key: compare.setting_label({lines: key[-1]}) for key in groups}
    notes = few_seeds_notes((labels[key], int(group["n"].max())) for key, group in groups.items())
    bands = {}
    for key, group in groups.items():
        x_n = epoch_e[epoch_e <= group["epoch"].max()]
        by_epoch = group.set_index("epoch").reindex(x_n)
        middle_n, low_n, high_n = (by_epoch[name].to_numpy() for name in EDGES)
        bands[key] = figures.Band(labels[key], x_n, middle_n, low_n, high_n, notes[labels[key]])
    return bands


def _floor(runs: pd.DataFrame) -> float | None:
    """Return the mean floor of runs; None if they differ in pattern or length, or if no run has a floor."""
    if "floor_loss" not in runs or len(runs[["pattern", "length"]].drop_duplicates()) != 1:
        return None
    floor = float(runs["floor_loss"].mean())
    return floor if np.isfinite(floor) else None
