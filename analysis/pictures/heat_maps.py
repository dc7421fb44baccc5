"""Pictures of a number for each setting, as heat maps over two fields."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import check_columns, each_setting, field_names
from analysis.figures import Picture
from analysis.pictures.labels import METRICS, plain_name


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
    check_columns(runs, [right, *by])
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
    names = field_names(panels)
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
    said = [f"{plain_name(name)}: {compare.statistic_label('median', known)}"]
    said += (["few seeds"] if 1 < known.max() < compare.FEW_SEEDS else []) + ([note] if note else [])
    return figures.heat_map(", ".join(said), maps, down, across, name, log)


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
    down, across = (values_of(runs, name) if name else [None] for name in (rows, columns))
    there = {key[: len(panels)] for key in cells}
    noted = any(note for _, note in cells.values())
    maps = []
    for panel in (key for key in product(*(values_of(runs, name) for name in panels)) if key in there):
        value_rc = np.full((len(down), len(across)), np.nan)
        note_rc = np.full(value_rc.shape, "", dtype=object)
        for place in np.ndindex(value_rc.shape):
            key = (*panel, *([down[place[0]]] if rows else []), *([across[place[1]]] if columns else []))
            value_rc[place], note_rc[place] = cells.get(key, (np.nan, ""))
        label = compare.setting_label(dict(zip(panels, panel, strict=True)))
        maps.append(figures.HeatMap(label, value_rc, note_rc if noted else None))
    sides = [
        ((name or "").replace("_", " "), ["" if value is None else str(value) for value in side])
        for name, side in ((rows, down), (columns, across))
    ]
    return maps, sides[0], sides[1]


def values_of(runs: pd.DataFrame, field: str) -> list[Any]:
    """Return the values of a field as they stand along a side: in a partial grid, numbers may appear in any order."""
    values: list[Any] = runs[field].drop_duplicates().tolist()
    return sorted(values) if pd.api.types.is_numeric_dtype(runs[field]) else values
