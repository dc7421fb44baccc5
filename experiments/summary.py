"""Sums up the runs of a sweep in tables, sentences and pictures; `analysis.compare` computes the statistics."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis import compare, pictures
from analysis.figures import Picture
from analysis.runs.schema import COMPLETE, RESULTS_FILE, RUNS_FILE, End
from experiments.descriptions import escaped, fitting
from experiments.grid import Grid, RunRequest
from experiments.shards import Outcome, epochs_to_draw
from rnn_core.vocabulary import visible

COLUMNS_FIRST = ("epochs", "learning_rate", "length")
"""The columns of a heat map are the first of these fields that is swept."""

ROWS_FIRST = ("hidden_size", "cell", "layers", "encoding")
"""The rows of a heat map, and the lines in a panel of curves, are the first of these fields that is swept."""

NOT_COMPARED = (
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "training_characters",
    "parameters",
    "state_size",
    "longest_drawn",
)
"""Metrics that do not say how well a trained net does."""

MAX_PANELS = 12
"""The most panels that are drawn in a picture; if there are more, the picture says so."""

MAX_LINES = 7
"""The most lines that are drawn in a panel; if there are more, the picture says so."""

MAX_CELL = 60
"""The most characters of a value in the table of the description."""

MAX_LISTED = 8
"""The most settings that a sentence lists."""

DIGITS = 6
"""Significant digits of a number in results.csv."""


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep.

    Attributes:
        request: the run as it was asked for.
        outcome: how it ended.
    """

    request: RunRequest
    outcome: Outcome


class Summary:
    """The results of a sweep.

    Arguments:
        grid: what was asked for.
        rows: the runs that have ended, in the order of the grid.

    Attributes:
        runs: a table like that of `analysis.runs.find_runs`, with a row for each run: run_id, reused (whether others
            recorded it), end, every field of TrainConfig as it was asked for, and the metrics. A run that belongs to
            several settings has a row for each.
        results: `analysis.compare.results` of each setting, which is one combination of the swept values; with the
            hidden size that was fitted to each, if the grid gives a number of parameters.
        metrics: the metrics that say how well a trained net does, losses first.
        measure: the metric by which settings are compared: excess_loss if all runs have it, otherwise eval_loss.
    """

    def __init__(self, grid: Grid, rows: Sequence[SweptRun]) -> None:
        self.grid = grid
        self.setting = list(grid.swept) or ["pattern"]
        self._rows = rows
        metrics = dict.fromkeys(name for row in rows for name in row.outcome.metrics if name not in NOT_COMPARED)
        # Losses first, since results.csv has several columns for every metric.
        first = ("excess_loss", "eval_loss")
        self.metrics = sorted(metrics, key=lambda name: (name not in first, not name.endswith("_loss")))
        self.runs = pd.DataFrame(
            [
                {
                    "run_id": row.outcome.run_id,
                    "reused": row.outcome.reused,
                    "end": row.outcome.end,
                    **vars(row.request.config),
                    **{name: row.outcome.metrics.get(name, math.nan) for name in self.metrics},
                }
                for row in rows
            ]
        )
        finished = self.runs[self.runs["end"] == End.FINISHED]
        self.measure = "excess_loss"
        if "excess_loss" not in finished or finished["excess_loss"].isna().any():
            self.measure = "eval_loss"
        self._named = [*self.setting, "hidden_size"] if grid.parameters else self.setting
        self.results = compare.results(self.runs, self.metrics, self._named)

    def count(self, end: str) -> int:
        """Return how many runs have a certain end."""
        return int((self.runs["end"] == end).sum())

    def files(self) -> dict[str, str]:
        """Return the tables of runs and of results as CSV, by file name."""
        runs = self.runs[["run_id", "reused", "end", *self._named, "seed", *self.metrics]]
        ends = [str(end) for end in (End.FINISHED, End.DIVERGED, End.FAILED)]
        results = self.results[[*self.results.columns.drop(ends), *ends]]
        return {
            RUNS_FILE: runs.to_csv(index=False),
            RESULTS_FILE: results.to_csv(index=False, float_format=f"%.{DIGITS}g"),
        }

    def lines(self) -> list[str]:
        """Return lines: how many runs there are and, for each pattern, which settings solve it and which is best."""
        reused_by_digest = {row.outcome.digest: row.outcome.reused for row in self._rows}  # settings may share a run
        count, reused = len(reused_by_digest), sum(reused_by_digest.values())
        ends = {end: self.count(end) for end in (End.DIVERGED, End.FAILED)}
        counts = [f"{count - reused} new", f"{reused} reused", *(f"{n} {end}" for end, n in ends.items() if n)]
        lines = [f"{self.grid.title()}: {count} runs, {', '.join(counts)}"]
        for pattern in self.grid.values.get("pattern", ("",)) if "pattern" in self.setting else ("",):
            settings = self.results[self.results["pattern"] == pattern] if pattern else self.results
            prefix = f"{visible(pattern)}: " if pattern else ""
            if solved := self._solved(settings):
                lines.append(prefix + solved)
            if self.measure in self.runs and settings[f"{self.measure}_median"].notna().any():
                lines.append(prefix + self._best(settings))
        return lines

    def table(self, room: int) -> str:
        """Return the results as a Markdown table: the median of `measure` with its interval, and how the runs ended.

        Arguments:
            room: the most characters; the last line says how many settings do not fit.
        """
        columns = {name: _words(name) for name in self.setting} | {"solved": "solved", "measure": _words(self.measure)}
        table = self.results.merge(self._solved_counts, on=self.setting, how="left")
        head = [f"| {' | '.join(columns.values())} | 95 % interval | seeds |", "|---" * (len(columns) + 2) + "|"]
        rows = []
        for row in table.to_dict("records"):
            median, low, high = (row.get(f"{self.measure}_{name}", math.nan) for name in ("median", "low", "high"))
            cells = [escaped(str(row[name])[:MAX_CELL]) for name in self.setting]
            cells.append("" if pd.isna(row["right"]) else f"{row['right']:.0f} of {row['known']:.0f}")
            cells += ["" if math.isnan(median) else f"{median:.3g}"]
            cells += ["" if math.isnan(low) else f"{low:.3g} to {high:.3g}"]
            others = "".join(f", {row[end]} {end}" for end in (End.DIVERGED, End.FAILED) if row[end])
            rows.append(f"| {' | '.join(cells)} | {row[End.FINISHED]}{others} |")
        room -= len("\n".join([*head, ""]))
        return "\n".join([*head, *fitting(rows, room, f"\n{{}} more settings are in {RESULTS_FILE}.")])

    @cached_property
    def _solved_counts(self) -> pd.DataFrame:
        """Return for each setting how many of its runs have ended (`known`), and how many of these solve the pattern
        (`right`).

        A net solves a pattern of strings if it gets every string of the test right, and a pattern without chance (whose
        floor is 0) if it gets every character of the test right. Settings of other patterns have no row.
        """
        parts = []
        for metric, runs in self._by_metric_of_solving():
            shares = compare.solved_share(runs, self.setting, metric=metric)
            parts.append(shares[self.setting].assign(right=(shares["value"] * shares["n"]).round(), known=shares["n"]))
        columns = [*self.setting, "right", "known"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def _by_metric_of_solving(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield for each pattern that can be solved the metric that is 1 for a net that solves it, and its runs."""
        runs = self.runs
        for pattern in runs["pattern"].unique():
            of_pattern = runs[runs["pattern"] == pattern]
            finished = of_pattern[of_pattern["end"] == End.FINISHED]
            if "whole_strings" in finished and finished["whole_strings"].notna().any():
                yield "whole_strings", of_pattern
            elif "floor_loss" in finished and len(finished) and (finished["floor_loss"] == 0).all():
                yield "eval_accuracy", of_pattern

    def _solved(self, settings: pd.DataFrame) -> str:
        """Return a sentence that says which settings solve their pattern; empty if that is not defined."""
        counts = self._solved_counts.merge(settings[self.setting], on=self.setting)
        if counts.empty:
            return ""
        swept = [name for name in self.setting if name != "pattern"]

        def listed(rows: pd.DataFrame) -> str:
            texts = [
                ", ".join(f"{_words(name)} {row[name]}" for name in swept)
                + f" ({row['right']:.0f} of {row['known']:.0f})"
                for row in rows.head(MAX_LISTED).to_dict("records")
            ]
            not_listed = len(rows) - len(texts)
            return "; ".join(texts) + (f"; and {not_listed} more in {RESULTS_FILE}" if not_listed else "")

        by_all = counts[(counts["right"] == counts["known"]) & (counts["known"] > 0)]
        by_some = counts[(counts["right"] > 0) & (counts["right"] < counts["known"])].sort_values(
            "right", ascending=False
        )
        if not swept:
            return f"solved by {counts['right'].sum():.0f} of {counts['known'].sum():.0f} seeds"
        if by_all.empty and by_some.empty:
            return f"no setting solves it, in any of {int(counts['known'].sum())} runs"
        parts = (
            [f"solved by every seed with {listed(by_all)}"] if len(by_all) else ["no setting solves it with every seed"]
        )
        parts += [f"by some seeds with {listed(by_some)}"] if len(by_some) else []
        by_none = len(counts) - len(by_all) - len(by_some)
        parts += [f"by no seed in {by_none} other setting{'s' * (by_none != 1)}"] if by_none else []
        return ", ".join(parts)

    def solved(self) -> pd.Series:
        """Return for each run 1 if it solves its pattern and 0 if not; NaN if it failed, or that is not defined."""
        solved = pd.Series(math.nan, self.runs.index)
        for metric, runs in self._by_metric_of_solving():
            complete = runs[runs["end"].isin(COMPLETE)]
            solved[complete.index] = compare.solved(complete, metric=metric).astype(float)
        return solved

    def pictures(self) -> dict[str, Picture]:
        """Return the heat map and the curves, by name; one that has no data is left out."""
        if not self.count(End.FINISHED):
            return {}
        drawn = {}
        rows, columns = self.axes()
        runs, panels, note = self._shown([name for name in (rows, columns) if name])
        if np.isfinite(runs[self.measure]).any():
            axes = panels, rows or None, columns or None
            drawn["heat_map"] = pictures.medians(runs, self.measure, *axes, log=True, note=note)
        lines = self.axes(but="epochs")[0] or "pattern"
        runs, panels, note = self._shown([lines, "epochs"], lines)
        with warnings.catch_warnings():  # of missing seeds, which the page of an interrupted sweep reports itself
            warnings.simplefilter("ignore")
            runs = pictures.trained_longest(runs, [*panels, lines])
        curves = self._curves(runs)
        if len(curves):
            drawn["curves"] = pictures.learning_curves(runs, curves, panels, lines, note=note)
        return drawn

    def _best(self, settings: pd.DataFrame) -> str:
        """Return a sentence: which setting has the lowest median, and its interval."""
        best = settings.nsmallest(1, f"{self.measure}_median")
        found = compare.estimate(self.runs.merge(best[self.setting])[self.measure])
        (row,) = best.to_dict("records")
        ends = "".join(f", {row[end]} {end}" for end in (End.DIVERGED, End.FAILED) if row[end])
        what = ", ".join(f"{_words(name)} {row[name]}" for name in self.setting if name != "pattern")
        interval = ", with its 95 % interval" if found.n > 1 else ""
        return f"lowest median {_words(self.measure)}{interval}: {found}{ends}{f' at {what}' if what else ''}"

    def axes(self, but: str = "") -> tuple[str, str]:
        """Return the swept fields for the rows and the columns of a picture; "" for none.

        Arguments:
            but: a field that is neither; if it is given, the field of the columns may also be that of the rows.
        """
        fields = [name for name in self.grid.swept if name != but]
        columns = [name for name in COLUMNS_FIRST if name in fields] or [""]
        fields = [name for name in fields if name != columns[0] or but]
        rows = [name for name in ROWS_FIRST if name in fields] or [name for name in fields if name != "pattern"]
        return (rows or fields or [""])[0], columns[0]

    def _shown(self, but: Sequence[str], lines: str = "") -> tuple[pd.DataFrame, list[str], str]:
        """Return the runs that a picture has room for, the fields in which its panels differ, and what is left out.

        Arguments:
            but: the swept fields in which the panels do not differ.
            lines: the field in which the lines of a panel differ; empty if there are no lines.
        """
        runs, notes = self.runs, []
        panels = [name for name in self.grid.swept if name not in but]
        if lines in self.grid.swept:
            values = self.grid.values[lines]
            shown = [values[at] for at in np.unique(np.linspace(0, len(values) - 1, MAX_LINES).astype(int))]
            runs = runs[runs[lines].isin(shown)]
            notes += [f"{len(shown)} of {len(values)} lines"] * (len(shown) < len(values))
        panel_values = runs[panels].drop_duplicates()
        if panels and len(panel_values) > MAX_PANELS:
            notes.append(f"{MAX_PANELS} of {len(panel_values)} panels")
            runs = runs.merge(panel_values[:MAX_PANELS])
        return runs, panels, f"{' and '.join(notes)} shown" if notes else ""

    def _curves(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return the training losses of runs as a table like that of `analysis.runs.curves`, thinned to a few epochs.

        Runs of different lengths are thinned to different epochs; values between those are interpolated linearly.
        """
        rows_by_id = {row.outcome.run_id: row for row in self._rows if len(row.outcome.epoch_e)}
        rows = [rows_by_id[run_id] for run_id in runs["run_id"].unique() if run_id in rows_by_id]
        if not rows:
            return pd.DataFrame()
        lengths = {row.request.config.epochs for row in rows}
        epoch_e = np.unique(np.concatenate([epochs_to_draw(epochs) for epochs in lengths]))
        loss_ne = [
            np.interp(epoch_e, row.outcome.epoch_e, row.outcome.curves["train_loss"], right=np.nan) for row in rows
        ]
        ids = [row.outcome.run_id for row in rows]
        table = pd.DataFrame(
            {
                "run_id": pd.Categorical.from_codes(np.repeat(np.arange(len(ids)), len(epoch_e)), pd.Index(ids)),
                "epoch": np.tile(epoch_e, len(ids)),
                "metric": pd.Categorical(["train_loss"] * len(ids) * len(epoch_e)),
                "value": np.concatenate(loss_ne),
            }
        )
        return table.dropna(ignore_index=True)


def _words(name: str) -> str:
    """Return the name of a field or a metric without its underscores."""
    return name.replace("_", " ")
