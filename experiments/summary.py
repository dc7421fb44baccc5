"""What a sweep came to: its tables, its pictures, and the description of its page; their numbers are analysis's."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import compare, pictures
from analysis.figures import Picture
from analysis.runs.schema import RESULTS_FILE, RUNS_FILE, End
from experiments.grid import Grid, RunRequest
from experiments.shards import Outcome, thinned

COLUMNS_FIRST = ("epochs", "learning_rate", "length")
"""Fields that a heat map has along its columns, if they are swept; the first of them that is."""

ROWS_FIRST = ("hidden_size", "cell", "layers", "encoding")
"""The same of its rows, and of the lines of a panel of curves."""

NOT_COMPARED = ("train_loss", "train_accuracy", "valid_loss", "training_characters", "parameters")
"""Metrics of a run that are no result of its training."""

MAX_PANELS = 12
"""Panels of a picture; of more, only so many are drawn, and the picture says so."""

MAX_LINES = 7
"""The same of the lines of a panel."""


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep.

    Attributes:
        asked: the run.
        outcome: what it came to.
        reused: it was recorded before this sweep.
    """

    asked: RunRequest
    outcome: Outcome
    reused: bool


class Summary:
    """The runs of a sweep side by side.

    Arguments:
        grid: what was asked for.
        rows: what there is of it, in the grid's order.

    Attributes:
        runs: a table as `analysis.runs.find_runs` returns, with a row for each run: run_id, reused (whether it was
            recorded before), end, every field of TrainConfig as it was asked for, its metrics. Settings may come to the
            same run, which then has a row in each.
        results: `analysis.compare.results` of each setting (cell of the grid).
        measure: the metric by which settings are compared: excess_loss if all runs have it, otherwise eval_loss.
    """

    def __init__(self, grid: Grid, rows: Sequence[SweptRun]) -> None:
        self.grid = grid
        self.setting = list(grid.swept) or ["pattern"]
        self._rows = rows
        self._metrics = list(
            dict.fromkeys(name for row in rows for name in row.outcome.metrics if name not in NOT_COMPARED)
        )
        self.runs = pd.DataFrame(
            [
                {
                    "run_id": row.outcome.run_id,
                    "reused": row.reused,
                    "end": row.outcome.end,
                    **vars(row.asked.config),
                    **{name: row.outcome.metrics.get(name, math.nan) for name in self._metrics},
                }
                for row in rows
            ]
        )
        finished = self.runs[self.runs["end"] == End.FINISHED]
        self.measure = "excess_loss"
        if "excess_loss" not in finished or finished["excess_loss"].isna().any():
            self.measure = "eval_loss"
        self.results = compare.results(self.runs, self._metrics, self.setting)

    def count(self, end: str) -> int:
        """Return how many runs ended so."""
        return int((self.runs["end"] == end).sum())

    def files(self) -> dict[str, str]:
        """Return the tables as CSV, by file name."""
        runs = self.runs[["run_id", "reused", "end", *self.setting, "seed", *self._metrics]]
        return {RUNS_FILE: runs.to_csv(index=False), RESULTS_FILE: self.results.to_csv(index=False)}

    def lines(self) -> list[str]:
        """Return in a few lines how many runs there are and, for each pattern, which setting is best."""
        each = {row.outcome.digest: row.reused for row in self._rows}  # settings may come to the same run
        reused = sum(each.values())
        ends = {end: self.count(end) for end in (End.DIVERGED, End.FAILED)}
        said = [f"{len(each) - reused} new", f"{reused} reused", *(f"{n} {end}" for end, n in ends.items() if n)]
        lines = [f"{self.grid.title()}: {len(each)} runs, {', '.join(said)}"]
        for pattern in self.grid.values.get("pattern", ("",)) if "pattern" in self.setting else ("",):
            settings = self.results[self.results["pattern"] == pattern] if pattern else self.results
            if self.measure in self.runs and settings[f"{self.measure}_median"].notna().any():
                lines.append((f"{pattern}: " if pattern else "") + self._best(settings))
        return lines

    def pictures(self) -> dict[str, Picture]:
        """Return the comparison pictures, by name; without those of which nothing is known."""
        if not self.count(End.FINISHED):
            return {}
        drawn = {}
        rows, columns = self._axes()
        but = [name for name in (rows, columns) if name]
        runs, panels, note = self._shown(but)
        if np.isfinite(runs[self.measure]).any():
            asked = panels, rows or None, columns or None
            drawn["heat_map"] = pictures.medians(runs, self.measure, *asked, log=True, note=note)
        lines = self._axes(but="epochs")[0] or "pattern"
        runs, panels, note = self._shown([lines, "epochs"], lines)
        with warnings.catch_warnings():  # of seeds that a sweep which was broken off has not trained: its page says so
            warnings.simplefilter("ignore")
            runs = pictures.trained_longest(runs, [*panels, lines])
        curves = self._curves(runs)
        if len(curves):
            drawn["curves"] = pictures.learning_curves(runs, curves, panels, lines, note=note)
        return drawn

    def _best(self, settings: pd.DataFrame) -> str:
        """Return in words which of some settings has the lowest median, with its interval."""
        best = settings.nsmallest(1, f"{self.measure}_median")
        found = compare.estimate(self.runs.merge(best[self.setting])[self.measure])
        (row,) = best.to_dict("records")
        ends = "".join(f", {row[end]} {end}" for end in (End.DIVERGED, End.FAILED) if row[end])
        what = ", ".join(f"{_words(name)} {row[name]}" for name in self.setting if name != "pattern")
        interval = ", with its 95 % interval" if found.n > 1 else ""
        return f"lowest median {_words(self.measure)}{interval}: {found}{ends}{f' at {what}' if what else ''}"

    def _axes(self, but: str = "") -> tuple[str, str]:
        """Return the swept fields to stand along the rows and the columns of a picture; "" for none."""
        left = [name for name in self.grid.swept if name != but]
        columns = [name for name in COLUMNS_FIRST if name in left] or [""]
        left = [name for name in left if name != columns[0] or but]
        rows = [name for name in ROWS_FIRST if name in left] or [name for name in left if name != "pattern"] or left
        return (rows or [""])[0], columns[0]

    def _shown(self, but: Sequence[str], lines: str = "") -> tuple[pd.DataFrame, list[str], str]:
        """Return the runs that a picture has room for, the fields that its panels differ in, and what it leaves out.

        Arguments:
            but: the swept fields that do not tell panels apart.
            lines: the field that the lines of a panel differ in, if there are lines.
        """
        runs, notes = self.runs, []
        panels = [name for name in self.grid.swept if name not in but]
        if lines in self.grid.swept:
            values = self.grid.values[lines]
            shown = [values[at] for at in np.unique(np.linspace(0, len(values) - 1, MAX_LINES).astype(int))]
            runs = runs[runs[lines].isin(shown)]
            notes += [f"{len(shown)} of {len(values)} lines"] * (len(shown) < len(values))
        there = runs[panels].drop_duplicates()
        if panels and len(there) > MAX_PANELS:
            notes.append(f"{MAX_PANELS} of {len(there)} panels")
            runs = runs.merge(there[:MAX_PANELS])
        return runs, panels, f"{' and '.join(notes)} shown" if notes else ""

    def _curves(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return the training losses of runs as `analysis.runs.curves` does, at no more epochs than can be told apart.

        What was kept of them is joined by straight lines, as it is drawn.
        """
        outcomes = {row.outcome.run_id: row for row in self._rows if len(row.outcome.curve_e)}
        kept = [outcomes[run_id] for run_id in runs["run_id"].unique() if run_id in outcomes]
        if not kept:
            return pd.DataFrame()
        lengths = {row.asked.config.epochs for row in kept}
        every = np.unique(np.concatenate([thinned(epochs) for epochs in lengths]))
        loss_ne = [np.interp(every, row.outcome.epoch_e, row.outcome.curve_e, right=np.nan) for row in kept]
        ids = [row.outcome.run_id for row in kept]
        table = pd.DataFrame(
            {
                "run_id": pd.Categorical.from_codes(np.repeat(np.arange(len(ids)), len(every)), pd.Index(ids)),
                "epoch": np.tile(every, len(ids)),
                "metric": pd.Categorical(["train_loss"] * len(ids) * len(every)),
                "value": np.concatenate(loss_ne),
            }
        )
        return table.dropna(ignore_index=True)


def _words(name: str) -> str:
    return name.replace("_", " ")
