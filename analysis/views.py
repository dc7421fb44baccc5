"""Pictures of tables of runs: settings side by side, each with the spread of its seeds.

Where fields are asked for, one name will do, or several. What a table lacks, a ValueError says.
"""

import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import each_setting, names_of, need, settings_within
from analysis.figures import Picture
from analysis.figures.style import COLOURS

METRICS = {
    "train_loss": "training loss (nats per character)",
    "train_accuracy": "training accuracy (share of characters)",
    "valid_loss": "validation loss (nats per character)",
    "eval_loss": "eval loss (nats per character)",
    "eval_accuracy": "eval accuracy (share of characters)",
    "excess_loss": "excess loss (nats per character)",
    "whole_strings": "whole strings right (share)",
    "beyond_strings": "strings beyond the training range right (share)",
    "beyond_accuracy": "accuracy beyond the training range (share of decidable characters)",
}
"""What an axis says of a metric; of another, its name."""

MOST_BESIDE = 4
"""Panels of a second field that stand side by side."""

EDGES = ("value", "low", "high")
"""What an estimate is drawn by."""


def longest(runs: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Return of each setting the runs with most epochs; all, where the settings differ in their epochs.

    What shorter runs came to, lies on the curves of longer ones, unless their schedule stretches with their epochs.

    Arguments:
        runs: a table from `find_runs`.
        by: the fields that the settings differ in; none for a single setting.
    """
    names = names_of(by)
    need(runs, [*names, "epochs"])
    if "epochs" in names or runs.empty:
        return runs
    kept: list[int] = []
    left_out = False
    for _, settings in settings_within(runs.reset_index(drop=True), names, "epochs"):
        most = settings[max(settings)]
        kept += most.index.tolist()
        left_out |= most["seed"].nunique() < len(set().union(*(some["seed"] for some in settings.values())))
    if left_out:
        warnings.warn("some seeds have not been trained for the most epochs, and are left out", stacklevel=3)
    return runs.iloc[sorted(kept)]


def learning(
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
    names = names_of(panels)
    shown = longest(runs, [*names, lines])
    table = compare.bands(shown, curves, [*names, lines], metric)
    if table.empty:
        raise ValueError(f"none of {len(runs)} runs has a finite {metric}; allowed: one or more")
    check_lines(shown, names, lines)
    there = {tuple(key.values()): settings for key, settings in settings_within(shown, names, lines)}
    keys, columns = list(there), figures.PANELS_A_ROW
    if len(names) == 2 and len(side := _values(shown, names[1])) <= MOST_BESIDE:
        keys, columns = list(product(_values(shown, names[0]), side)), len(side)
    band_of = _bands_of(table, curves[curves["metric"] == metric], [*names, lines])
    drawn = []
    for key in keys:
        settings = there.get(key, {})
        found = {compare.words({lines: value}): band_of.get((*key, value)) for value in settings}
        bands = [figures.Band(label, *edges) for label, edges in found.items() if edges is not None]
        title = compare.words(dict(zip(names, key, strict=True)))
        title += "" if bands else ": no curve" if settings else ": no runs"
        floor = _floor(pd.concat(list(settings.values()))) if settings and metric == "train_loss" else None
        drawn.append(figures.Panel(title, bands, floor))
    limits = (0.0, 1.0) if metric == "train_accuracy" else None
    name = METRICS.get(metric, metric.replace("_", " "))
    title = _plain(name) + (f" ({note})" if note else "")
    return figures.bands(title, drawn, compare.spread("median", table["n"]), columns, name, limits)


def shares(runs: pd.DataFrame, right: str, title: str, panels: str | None, rows: str, columns: str) -> Picture:
    """Draw which share of the seeds is right in each setting, as heat maps with the counts in the cells.

    A setting without runs is hatched. Numbers ascend along a side, names stand as in the table.

    Arguments:
        runs: a table of runs.
        right: a column of it that says of each run whether it is, such as `solved`: truths, or 1 and 0. Runs of which
            nobody knows (NaN) do not count.
        title: of the picture, which says what is right.
        panels: the field that the maps differ in; None for one map.
        rows: the field along the rows.
        columns: the field along the columns.

    Raises:
        MixedError: runs of one cell differ in more than their seeds.
        ValueError: an unknown column, no run, or one that is right by another number than 1 and 0.
    """
    by = [*([panels] if panels else []), rows, columns]
    need(runs, [right, *by])
    if runs.empty:
        raise ValueError("0 runs; allowed: 1 or more")
    known = runs[right].dropna().astype(float)
    if len(odd := known[~known.isin([0.0, 1.0])]):
        raise ValueError(f"{right} is {odd.iloc[0]:g} in a run; allowed: truths, or 1 and 0")
    cells = {}
    for key, some in each_setting(runs, by):
        hits = some[right].dropna().astype(bool)
        cells[tuple(key.values())] = compare.share(hits).value, f"{hits.sum()}/{len(hits)}"
    maps, down, across = _maps(runs, [panels] if panels else [], rows, columns, cells)
    return figures.heat_map(title, maps, down, across, "share of the seeds", False, (0.0, 1.0))


def medians(
    runs: pd.DataFrame,
    metric: str,
    panels: str | Sequence[str],
    rows: str | None,
    columns: str | None,
    log: bool = False,
    note: str = "",
) -> Picture:
    """Draw the median of a metric over the seeds of each setting, as heat maps.

    A setting without runs or without the metric is hatched. Where some runs have none, such as those that diverged,
    each cell says how many seeds it rests on. Numbers ascend along a side, names stand as in the table.

    Arguments:
        runs: a table of runs.
        metric: a numeric column of it.
        panels: the fields that the maps differ in; none for one map.
        rows: the field along the rows; None for a single row.
        columns: the field along the columns; None for a single column.
        log: whether colours follow the logarithm.
        note: what else the title says, such as how many settings are left out.

    Raises:
        MixedError: runs of one cell differ in more than their seeds.
        ValueError: an unknown column, or no run has the metric.
    """
    names = names_of(panels)
    by = [*names, *filter(None, (rows, columns))]
    table = compare.over_seeds(runs, metric, by)
    known = table["n"][table["n"] > 0]
    if known.empty:
        raise ValueError(f"none of {len(runs)} runs has a finite {metric}; allowed: one or more")
    noted = (table["missing"] > 0).any() or known.nunique() > 1
    cells = {
        tuple(row[name] for name in by): (float(row["value"]), f"n={row['n']}" if noted else "")
        for row in table.to_dict("records")
    }
    maps, down, across = _maps(runs, names, rows, columns, cells)
    name = METRICS.get(metric, metric.replace("_", " "))
    said = [f"{_plain(name)}: {compare.middle('median', known)}"]
    said += (["few seeds"] if 1 < known.max() < compare.SMALL else []) + ([note] if note else [])
    return figures.heat_map(", ".join(said), maps, down, across, name, log)


def times(runs: pd.DataFrame, curves: pd.DataFrame, by: str | Sequence[str], threshold: float = 1.0) -> Picture:
    """Draw after how many epochs each seed of each setting predicts its training characters, and never forgets it.

    A run that diverged is a seed that has not.

    Arguments:
        runs: a table from `find_runs`; of each setting the runs with most epochs count.
        curves: theirs.
        by: the fields that the settings differ in.
        threshold: the training accuracy that is meant, 0 to 1.

    Raises:
        MixedError: runs of one setting differ in more than their seeds.
        ValueError: an unknown column, no run, or one that finished without a curve.
    """
    shown = longest(runs, by)
    table = compare.epochs_to_solve(shown, curves, threshold)
    medians = compare.time_to_solve(table, by)
    drawn = []
    for (key, some), median in zip(each_setting(table, by), medians.to_dict("records"), strict=True):
        solved_n, epochs_n = some["solved"].to_numpy(bool), some["epochs_to_solve"].to_numpy(float)
        drawn.append(figures.Times(compare.words(key), epochs_n, solved_n, *(median[name] for name in EDGES)))
    title = f"Epochs until training accuracy stays at {100 * threshold:g}%, 95 % interval of the median"
    return figures.epochs_to_solve(title, drawn, int(shown["epochs"].max()))


def estimates(runs: pd.DataFrame, metric: str, by: str | Sequence[str], group: str, log: bool = False) -> Picture:
    """Draw the median of a metric over the seeds of each setting with its interval; a single seed has none.

    Runs without the metric, such as those that diverged, are counted beside it.

    Arguments:
        runs: a table of runs.
        metric: a numeric column of it.
        by: the fields that the settings differ in.
        group: one of them, of at most 7 values, which gives the colour.
        log: whether the axis is logarithmic; the medians must be above 0 then.

    Raises:
        MixedError: runs of one setting differ in more than their seeds.
        ValueError: an unknown column, a group that is none of `by` or has too many values, no run, or a median that
            is not above 0 on a logarithmic axis.
    """
    names = names_of(by)
    if group not in names:
        raise ValueError(f"group is {group!r}; allowed: one of by={names}")
    table = compare.over_seeds(runs, metric, names)
    rows = []
    for setting in table.to_dict("records"):
        label = compare.words({name: setting[name] for name in names if name != group} or {group: setting[group]})
        note = f"{setting['n']} seed{'s' * (setting['n'] != 1)}"
        note += f", {setting['missing']} without" if setting["missing"] else ""
        middle, low, high = (float(setting[name]) for name in EDGES)
        rows.append(figures.Interval(label, middle, low, high, note, compare.words({group: setting[group]})))
    name = METRICS.get(metric, metric.replace("_", " "))
    return figures.intervals(f"{_plain(name)}: median, 95 % interval", rows, name, None, log)


def differences(title: str, pairs: Mapping[str, compare.Paired], x_label: str) -> Picture:
    """Draw paired comparisons: each difference or ratio with its interval, and what follows from it.

    What is undecided by its verdict looks so, wherever its interval lies.

    Arguments:
        title: of the picture.
        pairs: by label, all of them differences or all of them ratios; one or more, such as from `compare.steps`.
        x_label: what is compared, with the unit.

    Raises:
        ValueError: there is no pair, or some are ratios and others are not.
    """
    if not pairs:
        raise ValueError("0 comparisons; allowed: 1 or more, of two settings that have 2 or more seeds in common")
    if len({pair.ratio for pair in pairs.values()}) > 1:
        raise ValueError("some comparisons are ratios and others are differences; allowed: all of one kind")
    rows = []
    for label, pair in pairs.items():
        value, low, high = (float(getattr(pair.difference, name)) for name in EDGES)
        note = f"{pair.verdict}, n={pair.n}" + (
            f", {pair.difference.missing} without" if pair.difference.missing else ""
        )
        rows.append(figures.Interval(label, value, low, high, note, undecided=pair.verdict == "undecided"))
    ratio = next(iter(pairs.values())).ratio
    return figures.intervals(title, rows, x_label, 1.0 if ratio else 0.0, ratio)


def _maps(
    runs: pd.DataFrame,
    panels: Sequence[str],
    rows: str | None,
    columns: str | None,
    cells: Mapping[tuple[Any, ...], tuple[float, str]],
) -> tuple[list[figures.HeatMap], tuple[str, list[str]], tuple[str, list[str]]]:
    """Return heat maps, one for each combination of panels that has runs, and the name and labels of both sides.

    Arguments:
        runs: a table of runs.
        panels: the fields that the maps differ in.
        rows: the field along the rows; None for a single row.
        columns: the field along the columns; None for a single column.
        cells: by the values of panels, rows and columns, the number in a cell, NaN for none, and its note.
    """
    down, across = (_values(runs, name) if name else [None] for name in (rows, columns))
    there = {key[: len(panels)] for key in cells}
    noted = any(note for _, note in cells.values())
    maps = []
    for panel in (key for key in product(*(_values(runs, name) for name in panels)) if key in there):
        value_rc = np.full((len(down), len(across)), np.nan)
        note_rc = np.full(value_rc.shape, "", dtype=object)
        for place in np.ndindex(value_rc.shape):
            key = (*panel, *([down[place[0]]] if rows else []), *([across[place[1]]] if columns else []))
            value_rc[place], note_rc[place] = cells.get(key, (np.nan, ""))
        label = compare.words(dict(zip(panels, panel, strict=True)))
        maps.append(figures.HeatMap(label, value_rc, note_rc if noted else None))
    sides = [
        ((name or "").replace("_", " "), ["" if value is None else str(value) for value in side])
        for name, side in ((rows, down), (columns, across))
    ]
    return maps, sides[0], sides[1]


def _values(runs: pd.DataFrame, field: str) -> list[Any]:
    """Return the values of a field as they stand along a side: in a partial grid, numbers may appear in any order."""
    values: list[Any] = runs[field].drop_duplicates().tolist()
    return sorted(values) if pd.api.types.is_numeric_dtype(runs[field]) else values


def check_lines(runs: pd.DataFrame, panels: Sequence[str], lines: str) -> None:
    """Raise ValueError if a panel would have more lines than there are colours."""
    for key, settings in settings_within(runs, panels, lines):
        if (count := len(settings)) > len(COLOURS):
            where = f" in {compare.words(key)}" if key else ""
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


def _plain(name: str) -> str:
    """Return what an axis says without the unit, as the beginning of a title."""
    return name.split(" (")[0].capitalize()
