"""Heat maps of one number for each setting, over two fields."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import check_columns, column_list, each_setting
from analysis.figures import Picture
from analysis.pictures.labels import metric_label, metric_title


def shares(runs: pd.DataFrame, outcome: str, title: str, panels: str | None, rows: str, columns: str) -> Picture:
    """Draw the share of seeds for which an outcome is true in each setting, as heat maps with the counts in the cells.

    The cell of a setting without runs is hatched. Numbers along a side ascend; other values keep the table's order.

    Arguments:
        runs: a table of runs.
        outcome: the column with the outcome of each run, such as `solved`: True or False, 1 or 0, or NaN if it is not
            known; such runs do not count.
        title: the title of the picture, which says what the outcome is.
        panels: the field in which the maps differ; None for a single map.
        rows: the field along the rows.
        columns: the field along the columns.

    Raises:
        MixedError: runs of one cell differ in more than their seeds.
        ValueError: an unknown column, no run, or an outcome other than True, False, 1, 0 and NaN.
    """
    by = [*([panels] if panels else []), rows, columns]
    check_columns(runs, [outcome, *by])
    if runs.empty:
        raise ValueError("0 runs; allowed: 1 or more")
    known = runs[outcome].dropna().astype(float)
    if len(invalid := known[~known.isin([0.0, 1.0])]):
        raise ValueError(f"{outcome} is {invalid.iloc[0]:g} in a run; allowed: True or False, 1 or 0")
    cells = {}
    for key, setting in each_setting(runs, by):
        true = setting[outcome].dropna().astype(bool)
        cells[tuple(key.values())] = compare.share(true).value, f"{true.sum()}/{len(true)}"
    maps, row_axis, column_axis = _maps(runs, [panels] if panels else [], rows, columns, cells)
    return figures.heat_map(title, maps, row_axis, column_axis, "share of the seeds", False, (0.0, 1.0))


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

    The cell of a setting without runs or without the metric is hatched. If some runs lack the metric, such as those
    that diverged, or if settings have different numbers of seeds, each cell says how many seeds it rests on. Numbers
    along a side ascend; other values keep the table's order.

    Arguments:
        runs: a table of runs.
        metric: a numeric column of the table.
        panels: the fields in which the maps differ; none for a single map.
        rows: the field along the rows; None for a single row.
        columns: the field along the columns; None for a single column.
        log: whether the colour scale is logarithmic.
        note: text that is added to the title, such as how many settings are left out.

    Raises:
        MixedError: runs of one cell differ in more than their seeds.
        ValueError: an unknown column, or no run has the metric.
    """
    names = column_list(panels)
    by = [*names, *filter(None, (rows, columns))]
    table = compare.over_seeds(runs, metric, by)
    seeds = table["n"][table["n"] > 0]
    if seeds.empty:
        raise ValueError(f"none of {len(runs)} runs has a finite {metric}; allowed: one or more")
    has_notes = (table["missing"] > 0).any() or seeds.nunique() > 1
    cells = {
        tuple(row[name] for name in by): (float(row["value"]), f"n={row['n']}" if has_notes else "")
        for row in table.to_dict("records")
    }
    maps, row_axis, column_axis = _maps(runs, names, rows, columns, cells)
    title = [f"{metric_title(metric)}: {compare.statistic_label('median', seeds)}"]
    title += (["few seeds"] if 1 < seeds.max() < compare.FEW_SEEDS else []) + ([note] if note else [])
    return figures.heat_map(", ".join(title), maps, row_axis, column_axis, metric_label(metric), log)


def _maps(
    runs: pd.DataFrame,
    panels: Sequence[str],
    rows: str | None,
    columns: str | None,
    cells: Mapping[tuple[Any, ...], tuple[float, str]],
) -> tuple[list[figures.HeatMap], tuple[str, list[str]], tuple[str, list[str]]]:
    """Return a heat map for each combination of `panels` that has runs, and the names and labels of rows and columns.

    Arguments:
        runs: a table of runs.
        panels: the fields in which the maps differ.
        rows: the field along the rows; None for a single row.
        columns: the field along the columns; None for a single column.
        cells: the number in each cell, NaN for none, and its note, by the values of `panels`, `rows` and `columns`.
    """
    row_values, column_values = (values_of(runs, name) if name else [None] for name in (rows, columns))
    panels_with_runs = {key[: len(panels)] for key in cells}
    has_notes = any(note for _, note in cells.values())
    maps = []
    for panel in (key for key in product(*(values_of(runs, name) for name in panels)) if key in panels_with_runs):
        value_rc = np.full((len(row_values), len(column_values)), np.nan)
        note_rc = np.full(value_rc.shape, "", dtype=object)
        for row, column in np.ndindex(value_rc.shape):
            key = (*panel, *([row_values[row]] if rows else []), *([column_values[column]] if columns else []))
            value_rc[row, column], note_rc[row, column] = cells.get(key, (np.nan, ""))
        label = compare.setting_label(dict(zip(panels, panel, strict=True)))
        maps.append(figures.HeatMap(label, value_rc, note_rc if has_notes else None))
    row_axis, column_axis = (
        ((name or "").replace("_", " "), ["" if value is None else str(value) for value in values])
        for name, values in ((rows, row_values), (columns, column_values))
    )
    return maps, row_axis, column_axis


def values_of(runs: pd.DataFrame, field: str) -> list[Any]:
    """Return the distinct values of a field in the order of an axis.

    Numbers are sorted, because a grid with gaps can have them in any order; other values keep the table's order.
    """
    values: list[Any] = runs[field].drop_duplicates().tolist()
    return sorted(values) if pd.api.types.is_numeric_dtype(runs[field]) else values
