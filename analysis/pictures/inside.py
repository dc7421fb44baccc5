"""Pictures of what is inside nets, from the tables of `analysis.inside`.

A run that diverged has nothing to draw, and is left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from analysis import figures
from analysis.compare.settings import check_columns
from analysis.figures import Picture
from analysis.pictures.labels import run_label
from analysis.pictures.machines import compared_machines
from rnn_core.patterns import parse
from rnn_core.vocabulary import visible


def learnt_machines(title: str, table: pd.DataFrame, by: str | Sequence[str], show_dead: bool = False) -> Picture:
    """Draw the machine of each net, with what differs from its pattern's machine marked, and that one at the end.

    Arguments:
        title: the title of the picture.
        table: one row or more of `inside.automaton_table`, of one pattern.
        by: the fields that label the nets.
        show_dead: whether dead states are drawn.

    Raises:
        ValueError: a column is missing, there is nothing to draw, or there are several patterns.
        ModuleNotFoundError: networkx is not installed.
    """
    shown = _drawable(table, "comparison")
    patterns = shown["pattern"].unique()
    if len(patterns) > 1:
        raise ValueError(f"the nets learnt {', '.join(patterns)}; allowed: one pattern")
    labels = [run_label(run, by) for run in shown.to_dict("records")]
    return compared_machines(title, list(shown["comparison"]), labels, parse(patterns[0]).mark, show_dead)


def memories(title: str, table: pd.DataFrame, by: str | Sequence[str], columns: int = 3, slow: bool = False) -> Picture:
    """Draw for each net the states that it was in, and its fixed points while one character is read again and again.

    Arguments:
        title: the title of the picture.
        table: 1 to 12 rows of `inside.limit_point_table`.
        by: the fields that label the panels.
        columns: the number of panels in a row, 1 or more.
        slow: whether slow points, of which there can be very many, are drawn, too.

    Raises:
        ValueError: a column is missing, or there is nothing or too much to draw.
    """
    shown = _drawable(table, "portrait")
    panels = [replace(run["portrait"], title=run_label(run, by)) for run in shown.to_dict("records")]
    if not slow:
        panels = [_without_slow(panel) for panel in panels]
    return figures.portraits(title, panels, columns)


def _without_slow(panel: figures.Portrait) -> figures.Portrait:
    """Return a portrait without its slow points."""
    kept = [place for place, kind in enumerate(panel.kinds) if kind != "slow"]
    return replace(
        panel,
        points_pk=panel.points_pk[kept],
        kinds=[panel.kinds[place] for place in kept],
        directions=[panel.directions[place] for place in kept],
    )


def counts(title: str, table: pd.DataFrame, by: str | Sequence[str]) -> Picture:
    """Draw the number of each net's state that counts best against the count, a panel for each net and phase.

    Arguments:
        title: the title of the picture.
        table: one row or more of `inside.count_table`.
        by: the fields that label the nets.

    Raises:
        ValueError: a column is missing, or there is nothing to draw.
    """
    shown = _drawable(table, "panel")
    panels = [
        replace(row["panel"], title=f"{run_label(row, by)}: {row['number']} after {visible(row['phase'])}")
        for row in shown.to_dict("records")
    ]
    return figures.number_against_count(title, panels, "value in the state (no unit)")


def _drawable(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows of a table that have something to draw in a column; raise ValueError if none has."""
    check_columns(table, [column])
    shown = table[table[column].notna()]
    if shown.empty:
        raise ValueError(f"0 rows of {len(table)} have something to draw; allowed: 1 or more")
    return shown
