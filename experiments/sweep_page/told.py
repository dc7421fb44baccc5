"""What the page of a sweep is told: its runs with settings, ends, numbers and curves, and how intervals are made."""

import base64
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import compare
from analysis.compare import FREE_FIELDS
from analysis.pictures.labels import metric_label
from experiments.grid import Grid
from experiments.links import how_to_serve, run_address
from experiments.shards import MAX_POINTS, epochs_to_draw
from experiments.summary import DIGITS, Summary, SweptRun
from rnn_core.vocabulary import visible

MAX_RUNS = 10_000
"""The most runs of a page; of a larger sweep, it has the first settings."""

MAX_NUMBERS = 300_000
"""The most numbers of all curves of a page, 1.6 MB; if there are more, each curve has fewer points."""

MIN_POINTS = 20
"""The least points of a curve, however many runs there are."""

MAX_SEEDS = 100
"""The most runs that have an interval, but for all runs of the largest setting; intervals of more take memory."""

SOLVED = "solved"
"""The number that is 1 for a run that solves its pattern, and 0 for one that does not."""


@dataclass(frozen=True)
class SweepState:
    """Which sweep a page is of, and how far it is.

    Attributes:
        name: its name.
        experiment_id, run_id: MLflow's ids.
        store: the tracking URI of the store, without its password and tokens.
        total: how many runs it has in all.
        end_reason: how it ended, in words; empty for a sweep that is at work.
        as_of: when the page was written, such as "2026-01-31 12:30 UTC".
    """

    name: str
    experiment_id: str
    run_id: str
    store: str
    total: int
    end_reason: str
    as_of: str


def told_of_sweep(
    summary: Summary, lines: Sequence[str], rows: Sequence[SweptRun], state: SweepState
) -> dict[str, Any]:
    """Return what a page is told of a sweep, as JSON has it.

    Arguments:
        summary: its results.
        lines: these in sentences.
        rows: the runs that have ended, those of `summary`.
        state: which sweep it is, and how far.
    """
    grid, kept = summary.grid, _first_settings(rows)
    ends = {row.outcome.digest: str(row.outcome.end) for row in rows}
    before, after = run_address(state.store, state.experiment_id)
    return {
        "name": state.name,
        "id": state.run_id,
        "total": state.total,
        "end": state.end_reason,
        "as_of": state.as_of,
        "ended": len(ends),
        "ends": list(Counter(ends.values()).items()),
        "left_out": len(rows) - len(kept),
        "lines": lines,
        "free": [name.replace("_", " ") for name in FREE_FIELDS],
        "address": [before, after],
        "serve": how_to_serve(state.store),
        "measure": summary.measure,
        "axes": [name.replace("_", " ") for name in summary.axes()],
        "fields": _fields(grid, kept),
        "runs": _runs(kept),
        "numbers": _numbers(summary, len(kept)),
        "curves": _curves(kept),
        "intervals": _intervals(kept),
    }


def _first_settings(rows: Sequence[SweptRun]) -> Sequence[SweptRun]:
    """Return the runs of a page: all, or the whole settings among the first MAX_RUNS."""
    if len(rows) <= MAX_RUNS:
        return rows
    settings = [_setting(row) for row in rows[: MAX_RUNS + 1]]
    end = settings.index(settings[-1])  # the runs of a setting stand one after the other
    return rows[: end or MAX_RUNS]


def _setting(row: SweptRun) -> tuple[Any, ...]:
    """Return the values that all runs of a setting share."""
    return tuple(value for name, value in vars(row.request.config).items() if name not in FREE_FIELDS)


def _fields(grid: Grid, rows: Sequence[SweptRun]) -> list[dict[str, Any]]:
    """Return the fields in which runs differ: those that are swept, others, such as those of recipes, and the seed.

    Returns:
        For each its name, whether it is swept, its values as texts, numbers in ascending order, and for each run the
        place of its value.
    """
    configs = [vars(row.request.config) for row in rows]
    names = [*grid.swept, *(name for name in configs[0] if name not in (*grid.swept, "seed")), "seed"]
    fields = []
    for name in names:
        of_runs = [config[name] for config in configs]
        values = list(dict.fromkeys(of_runs))
        if len(values) == 1:
            continue
        if not isinstance(values[0], str):
            values.sort()
        places = {value: place for place, value in enumerate(values)}
        texts = _short_patterns(grid, values) if name == "pattern" else [visible(str(value)) for value in values]
        of_field = {"name": name.replace("_", " "), "swept": name in grid.swept, "values": texts}
        fields.append(of_field | {"of_runs": [places[value] for value in of_runs]})
    return fields


def _short_patterns(grid: Grid, specs: Sequence[str]) -> list[str]:
    """Return the short names of patterns; the spec of one whose short name is another's, too."""
    names = [grid.patterns[spec].short_name if spec in grid.patterns else spec for spec in specs]
    count = Counter(names)
    return [visible(name if count[name] == 1 else spec) for name, spec in zip(names, specs, strict=True)]


def _runs(rows: Sequence[SweptRun]) -> dict[str, Any]:
    """Return the names, ids, ends and settings of runs.

    Returns:
        names, ids, ends: texts; reasons: by the place of a run that did not finish, why. setting: the number of each
        run's setting. draw: the number of its seeds, so that two runs of one setting with the same seeds, which would
        count twice, are seen.
    """
    outcomes = [row.outcome for row in rows]
    reasons = {place: each.end_reason for place, each in enumerate(outcomes) if each.end_reason != each.end}
    return {
        "names": [visible(outcome.name) for outcome in outcomes],
        "ids": [outcome.run_id for outcome in outcomes],
        "ends": [str(outcome.end) for outcome in outcomes],
        "reasons": {place: visible(reason)[:300] for place, reason in reasons.items()},
        "setting": _numbered(map(_setting, rows)),
        "draw": _numbered((row.request.config.seed, row.request.config.data_seed) for row in rows),
    }


def _numbered(values: Iterable[Any]) -> list[int]:
    """Return for each value its number among the different ones."""
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


def _numbers(summary: Summary, count: int) -> list[dict[str, Any]]:
    """Return the numbers of the first runs: `solved`, and the metrics, the measure first.

    Returns:
        For each its name, its label with the unit, and its value in each run, None where there is none.
    """
    names = sorted(summary.metrics, key=lambda name: name != summary.measure)
    columns: dict[str, Sequence[float]] = {name: summary.runs[name].to_list() for name in names}
    solved = summary.solved().to_list()
    labels = {name: metric_label(name) for name in names}
    if not all(map(math.isnan, solved)):
        columns, labels = {SOLVED: solved, **columns}, {SOLVED: "solved (share of runs)", **labels}
    return [
        {"name": name, "label": labels[name], "of_runs": [_short(value) for value in column[:count]]}
        for name, column in columns.items()
    ]


def _short(value: float) -> float | None:
    """Return a number with DIGITS digits; None for one that is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _curves(rows: Sequence[SweptRun]) -> dict[str, Any]:
    """Return the curves of runs, thinned to the same epochs for all runs of as many.

    Returns:
        epochs: for each number of epochs that runs were to be trained, the epochs that are kept, from 0.
        of_runs: the number of epochs of each run. points: how many of its kept epochs it came to.
        metrics: of each its name, its label, and all values, one run after the other: float32 in base64.
    """
    outcomes = [row.outcome for row in rows]
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.curves))
    points = max(MIN_POINTS, min(MAX_POINTS, MAX_NUMBERS // max(1, len(rows) * len(names))))
    planned = [row.request.config.epochs for row in rows]
    kept = {epochs: _thinned(epochs, points) for epochs in set(planned)}
    places = [np.flatnonzero(np.isin(each.epoch_e, kept[n])) for each, n in zip(outcomes, planned, strict=True)]
    return {
        "epochs": {epochs: kept_e.tolist() for epochs, kept_e in kept.items()},
        "of_runs": planned,
        "points": [len(place) for place in places],
        "metrics": [
            {"name": name, "label": metric_label(name), "values": _packed(name, outcomes, places)} for name in names
        ],
    }


def _thinned(epochs: int, points: int) -> np.ndarray:
    """Return at most so many of the epochs that runs keep, from 0, evenly spaced, with the first and the last."""
    epoch_e = epochs_to_draw(epochs)
    kept: np.ndarray = epoch_e[np.unique(np.linspace(0, len(epoch_e) - 1, min(points, len(epoch_e))).astype(int))]
    return kept


def _packed(name: str, outcomes: Sequence[Any], places: Sequence[np.ndarray]) -> str:
    """Return a metric of runs at places of their curves, NaN where a run lacks it, as float32 in base64."""
    parts = [
        outcome.curves[name][place] if name in outcome.curves else np.full(len(place), np.nan)
        for outcome, place in zip(outcomes, places, strict=True)
    ]
    return base64.b64encode(np.concatenate([*parts, []]).astype("<f4").tobytes()).decode()


def _intervals(rows: Sequence[SweptRun]) -> Mapping[int, Any]:
    """Return how the interval of a median over n runs is made, for each n that a group of one setting can come to."""
    by_setting: dict[Any, list[int]] = {}
    for row in rows:
        by_setting.setdefault(_setting(row), []).append(len(row.outcome.epoch_e))
    counts = {sum(length >= least for length in lengths) for lengths in by_setting.values() for least in {*lengths, 1}}
    most = max(map(len, by_setting.values()))
    counts = {n for n in counts if n <= MAX_SEEDS or n == most} | {*range(2, min(most, MAX_SEEDS) + 1)}
    return {
        n: [each.low, each.high, each.pairs] for n in sorted(counts) if n > 1 for each in [compare.median_interval(n)]
    }
