"""What a sweep came to: its tables, its pictures, and the description of its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.figures import Band, HeatMap, Panel, Picture, bands, heat_map
from experiments.grid import Asked, Grid
from experiments.shards import Outcome

COLUMNS_FIRST = ("epochs", "learning_rate", "length")
"""Fields that a heat map has along its columns, if they are swept; the first of them that is."""

ROWS_FIRST = ("hidden_size", "cell", "layers", "encoding")
"""The same of its rows, and of the lines of a panel of curves."""

NOT_COMPARED = ("train_loss", "train_accuracy", "valid_loss", "training_characters", "parameters")
"""Metrics of a run that are no result of its training."""

MOST_PANELS = 12
MOST_LINES = 7


@dataclass(frozen=True)
class Row:
    """One run of a sweep.

    Attributes:
        asked: the run.
        outcome: what it came to.
        reused: it was recorded before this sweep.
    """

    asked: Asked
    outcome: Outcome
    reused: bool


class Summary:
    """The runs of a sweep side by side.

    Arguments:
        grid: what was asked for.
        rows: what there is of it, in the grid's order.

    Attributes:
        runs: a table with a row for each run: run_id, whether it was reused, how it ended, its setting, its numbers.
        results: a table with a row for each setting (cell of the grid): how many of its seeds finished, diverged or
            failed, and of each number the mean over those that finished and their standard deviation.
        measure: the number by which settings are compared: excess_loss if all runs have it, otherwise eval_loss.
    """

    def __init__(self, grid: Grid, rows: Sequence[Row]) -> None:
        self.grid = grid
        self.setting = list(grid.swept) or ["pattern"]
        self._rows = rows
        self.runs = pd.DataFrame(
            [
                {
                    "run_id": row.outcome.run_id,
                    "reused": row.reused,
                    "end": row.outcome.end,
                    **{name: getattr(row.asked.config, name) for name in [*self.setting, "seed"]},
                    **{name: value for name, value in row.outcome.metrics.items() if name not in NOT_COMPARED},
                }
                for row in rows
            ]
        )
        ends = self.runs["end"]
        self.measure = "excess_loss"
        if "excess_loss" not in self.runs or self.runs.loc[ends == "finished", "excess_loss"].isna().any():
            self.measure = "eval_loss"
        self.results = self._results()

    def count(self, end: str) -> int:
        """Return how many runs ended so."""
        return int((self.runs["end"] == end).sum())

    def files(self) -> dict[str, str]:
        """Return the tables as CSV, by file name."""
        return {"runs.csv": self.runs.to_csv(index=False), "results.csv": self.results.to_csv(index=False)}

    def lines(self) -> list[str]:
        """Return in a few lines how many runs there are and, for each pattern, which setting is best."""
        each = {row.outcome.digest: row.reused for row in self._rows}  # settings may come to the same run
        reused = sum(each.values())
        ends = {end: self.count(end) for end in ("diverged", "failed")}
        said = [f"{len(each) - reused} new", f"{reused} reused", *(f"{n} {end}" for end, n in ends.items() if n)]
        lines = [f"{self.grid.words()}: {len(each)} runs, {', '.join(said)}"]
        mean, spread = f"{self.measure}_mean", f"{self.measure}_std"
        if mean not in self.results:
            return lines
        for pattern in self.grid.values.get("pattern", ("",)) if "pattern" in self.setting else ("",):
            settings = self.results[self.results["pattern"] == pattern] if pattern else self.results
            if settings[mean].isna().all():
                continue
            best = settings.nsmallest(1, mean).to_dict("records")[0]
            what = ", ".join(f"{_words(name)} {best[name]}" for name in self.setting if name != "pattern")
            of = f"{pattern}: " if pattern else ""
            seeds = f"over {best['finished']} seeds" if best["finished"] > 1 else "one seed"
            over = f"standard deviation {best[spread]:.2g} {seeds}" if best["finished"] > 1 else seeds
            over += "".join(f", {best[end]} {end}" for end in ("diverged", "failed") if best[end])
            lines.append(
                f"{of}lowest mean {_words(self.measure)} {best[mean]:.4g} ({over}){f' at {what}' if what else ''}"
            )
        return lines

    def pictures(self) -> dict[str, Picture]:
        """Return the comparison pictures, by name."""
        if not self.count("finished"):
            return {}
        pictures = {"heat_map": self._heat_map()}
        if panels := self._curves():
            pictures["curves"] = bands("Training loss", panels, f"median, and all of {len(self.grid.seeds)} seeds")
        return pictures

    def _results(self) -> pd.DataFrame:
        ends = pd.get_dummies(self.runs["end"]).reindex(columns=["finished", "diverged", "failed"], fill_value=0)
        counts = ends.astype(int).groupby([self.runs[name] for name in self.setting], sort=False).sum().reset_index()
        done = self.runs[self.runs["end"] == "finished"]
        columns = list(self.runs.columns)
        measured = columns[columns.index("seed") + 1 :]
        if not measured:
            return counts
        numbers = done.groupby(self.setting, sort=False)[measured].agg(["mean", "std"])
        numbers.columns = ["_".join(column) for column in numbers.columns]
        return counts.merge(numbers.reset_index(), on=self.setting, how="left")

    def _heat_map(self) -> Picture:
        rows_by, columns_by = self._axes()
        rows, columns = self._values(rows_by), self._values(columns_by)
        maps = []
        for title, settings in self._panels(self.results, (rows_by, columns_by)):
            value_rc = np.full((len(rows), len(columns)), np.nan)
            for setting in settings.to_dict("records"):
                place = rows.index(setting.get(rows_by, "")), columns.index(setting.get(columns_by, ""))
                value_rc[place] = setting[f"{self.measure}_mean"]
            maps.append(HeatMap(title, value_rc))
        sides = [(_words(name), [str(v) for v in values]) for name, values in ((rows_by, rows), (columns_by, columns))]
        measure = f"{_words(self.measure)} (nats per character)"
        return heat_map(f"Mean {measure.split(' (')[0]} over the seeds", maps, sides[0], sides[1], measure, log=True)

    def _curves(self) -> list[Panel]:
        """Return the curves of the runs with most epochs: what shorter ones came to, lies on them."""
        lines_by, _ = self._axes(but="epochs")
        lines = self._values(lines_by)
        lines = [lines[at] for at in np.unique(np.linspace(0, len(lines) - 1, MOST_LINES).astype(int))]
        longest = self.runs[self.runs["epochs"] == self.runs["epochs"].max()] if "epochs" in self.runs else self.runs
        panels = []
        for title, runs in self._panels(longest, (lines_by, "epochs")):
            drawn = []
            for value in lines:
                some = runs[runs[lines_by] == value] if lines_by else runs
                those = [self._rows[number] for number in some.index]
                curves = pd.DataFrame([_each_epoch(row) for row in those if len(row.outcome.curve_e)])
                if len(curves):
                    # Of a net that diverged, as far as it came.
                    parts = (curves.median(), curves.min(), curves.max())
                    drawn.append(Band(f"{_words(lines_by)} {value}", *(part.to_numpy() for part in parts)))
            floors = runs["floor_loss"].dropna() if "floor_loss" in runs else pd.Series(dtype=float)
            panels.append(Panel(title, drawn, float(floors.mean()) if len(floors) else None))
        return [panel for panel in panels if panel.bands]

    def _axes(self, but: str = "") -> tuple[str, str]:
        """Return the swept fields to stand along the rows and the columns of a picture; "" for none."""
        left = [name for name in self.grid.swept if name != but]
        columns = [name for name in COLUMNS_FIRST if name in left] or [""]
        left = [name for name in left if name != columns[0] or but]
        rows = [name for name in ROWS_FIRST if name in left] or [name for name in left if name != "pattern"] or left
        return (rows or [""])[0], columns[0]

    def _values(self, name: str) -> list[Any]:
        return list(self.grid.values[name]) if name else [""]

    def _panels(self, table: pd.DataFrame, but: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
        """Return the parts of a table that are alike in all swept fields but those, with what they are alike in."""
        others = [name for name in self.setting if name not in but]
        if not others:
            return [("", table)]
        panels = []
        for values, part in table.groupby(others, sort=False):
            named = zip(others, tuple(values), strict=True)
            panels.append((", ".join(str(v) if n == "pattern" else f"{_words(n)} {v}" for n, v in named), part))
        if len(panels) > MOST_PANELS:  # said where there is room: in the last one
            title, part = panels[MOST_PANELS - 1]
            panels[MOST_PANELS - 1] = (f"{title} ({MOST_PANELS} of {len(panels)} shown)", part)
        return panels[:MOST_PANELS]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _each_epoch(row: Row) -> np.ndarray:
    """Return a run's thinned curve at each of its epochs, NaN after the last that there was."""
    every = np.arange(row.asked.config.epochs)
    loss_e: np.ndarray = np.interp(every, row.outcome.epoch_e, row.outcome.curve_e, right=np.nan)
    return loss_e
