"""Pictures of tables of runs: settings side by side, each with the spread of its seeds.

Where fields are asked for, one name will do, or several. What a table lacks, a ValueError says.
"""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import each_setting, names_of, need
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
    if "epochs" in names:
        return runs
    most = runs.groupby(names, sort=False)["epochs"].transform("max") if names else runs["epochs"].max()
    shown = runs[runs["epochs"] == most]
    seeds = [some.groupby(names)["seed"].nunique() if names else some["seed"].nunique() for some in (runs, shown)]
    if np.any(seeds[1] < seeds[0]):
        warnings.warn("some seeds have not been trained for the most epochs, and are left out", stacklevel=3)
    return shown


def learning(
    runs: pd.DataFrame, curves: pd.DataFrame, panels: str | Sequence[str], lines: str, metric: str = "train_loss"
) -> Picture:
    """Draw training curves with their spread over seeds, and the floor of each panel.

    A run that diverged counts as far as its curve goes.

    Arguments:
        runs: a table from `find_runs`; of each setting the runs with most epochs count.
        curves: theirs, from `runs.curves`.
        panels: the fields that the panels differ in; none for a single panel. With two, each value of the first has a
            row, in which those of the second stand side by side: a combination without runs has an empty panel.
        lines: the field that the lines of a panel differ in, at most 7 values.
        metric: of the curves. A panel on one pattern has its floor in `train_loss`.

    Raises:
        MixedError: runs of one line differ in more than their seeds.
        ValueError: an unknown column or metric, no run has such a curve, or more than 7 lines in a panel.
    """
    names = names_of(panels)
    shown = longest(runs, [*names, lines])
    table = compare.bands(shown, curves, [*names, lines], metric)
    if table.empty:
        raise ValueError(f"none of {len(runs)} runs has a finite {metric}; allowed: one or more")
    check_lines(table, names, lines)
    if len(names) == 2:
        sides = [_values(shown, name) for name in names]
        keys: list[dict[Hashable, Any]] = [dict(zip(names, key, strict=True)) for key in product(*sides)]
        columns = len(sides[1])
    else:
        keys, columns = [key for key, _ in _settings(shown, names)], 3
    drawn = []
    for key in keys:
        own, some = _of(shown, key), _of(table, key)
        bands = [figures.Band(compare.words(line), *_edges(part)) for line, part in _settings(some, [lines])]
        title = compare.words(key) + ("" if bands else ": no curve" if len(own) else ": no runs")
        drawn.append(figures.Panel(title, bands, _floor(own) if metric == "train_loss" else None))
    limits = (0.0, 1.0) if metric == "train_accuracy" else None
    name = METRICS.get(metric, metric.replace("_", " "))
    return figures.bands(_plain(name), drawn, compare.spread("median", table["n"]), columns, name, limits)


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
    seeds = {tuple(key.values()): some[right].dropna().astype(float) for key, some in each_setting(runs, by)}
    sides = [_values(runs, name) for name in (rows, columns)]
    maps = []
    for value in _values(runs, panels) if panels else [None]:
        share_rc = np.full((len(sides[0]), len(sides[1])), np.nan)
        note_rc = np.full(share_rc.shape, "", dtype=object)
        for place in np.ndindex(share_rc.shape):
            key = (sides[0][place[0]], sides[1][place[1]])
            hits = seeds.get((value, *key) if panels else key, known[:0])
            if len(hits):
                share_rc[place] = hits.mean()
                note_rc[place] = f"{hits.sum():.0f}/{len(hits)}"
        maps.append(figures.HeatMap(compare.words({panels: value}) if panels else "", share_rc, note_rc))
    labels = [(name.replace("_", " "), list(map(str, side))) for name, side in zip((rows, columns), sides, strict=True)]
    return figures.heat_map(title, maps, labels[0], labels[1], "share of the seeds", False, (0.0, 1.0))


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
    for (key, some), median in zip(_settings(table, by), medians.to_dict("records"), strict=True):
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


def _settings(table: pd.DataFrame, by: str | Sequence[str]) -> list[tuple[dict[Hashable, Any], pd.DataFrame]]:
    """Return each setting of a table, in order of appearance, with its rows."""
    names = names_of(by)
    if not names:
        return [({}, table)]
    groups = table.groupby(names, sort=False, observed=True)
    return [(dict(zip(names, key, strict=True)), some) for key, some in groups]


def _of(table: pd.DataFrame, setting: Mapping[Hashable, object]) -> pd.DataFrame:
    """Return the rows of one setting."""
    for name, value in setting.items():
        table = table[table[name] == value]
    return table


def _values(runs: pd.DataFrame, field: str) -> list[Any]:
    """Return the values of a field as they stand along a side: in a partial grid, numbers may appear in any order."""
    values: list[Any] = runs[field].drop_duplicates().tolist()
    return sorted(values) if pd.api.types.is_numeric_dtype(runs[field]) else values


def check_lines(table: pd.DataFrame, panels: Sequence[str], lines: str) -> None:
    """Raise ValueError if a panel would have more lines than there are colours."""
    for key, some in _settings(table, panels):
        if (count := some[lines].nunique()) > len(COLOURS):
            where = f" in {compare.words(key)}" if key else ""
            advice = f"leave some out with find_runs({lines}=...)"
            raise ValueError(f"{lines} has {count} values{where}; allowed: {len(COLOURS)} lines in a panel; {advice}")


def _edges(part: pd.DataFrame) -> list[np.ndarray]:
    """Return the middle, the lower and the upper edge of a band at every epoch from 0."""
    every = part.set_index("epoch").reindex(range(int(part["epoch"].max()) + 1))
    return [every[name].to_numpy() for name in EDGES]


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
