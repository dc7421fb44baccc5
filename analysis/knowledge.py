"""Pictures of what the nets of runs know: what they predict, and how far beyond their training it reaches.

Where fields are asked for, one name will do, or several. What a table lacks, a ValueError says.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import each_setting, names_of, need
from analysis.figures import Picture
from analysis.runs import load_run, reaches, without_diverged
from analysis.views import EDGES, check_lines
from rnn_core.data import prepare
from rnn_core.nets.reading import predict

MOST_POINTS = 8
"""Points of a curve over the sizes trained on, and as many beyond."""


def predicted(runs: pd.DataFrame, by: str | Sequence[str], begin: int | None = None, count: int = 32) -> Picture:
    """Draw a stretch of the test of runs on one pattern, and what each run predicts there, a row each.

    Of a transducer, it is what is to be said after each of these characters, and what each run says there.

    Runs that diverged have no net, and are left out with a warning.

    Arguments:
        runs: a table from `find_runs`; all must have the same pattern, length and data_seed.
        by: the fields that label the rows.
        begin: which character is the first to draw; that of the test is 0, and has no prediction. It is moved to 1, or
            to where `count` are left, where the test has none. None: so that training ends in the middle. After the
            first character a transducer says something: 0 stays 0 there.
        count: characters to draw, 1 to 40.

    Raises:
        RunError: all runs diverged.
        ValueError: the runs are tested on different texts, or the count is out of range.
    """
    shown = without_diverged(runs)
    if len(shown[["pattern", "length", "data_seed"]].drop_duplicates()) != 1:
        raise ValueError("these runs are tested on different texts; allowed: one pattern, length and data_seed")
    if count < 1:
        raise ValueError(f"{count} characters; allowed: 1 or more")
    prepared = prepare(load_run(shown["run_id"].iloc[0]).config)
    test = prepared.evaluation
    first = len(test.text) - len(prepared.data.test)  # the character of the test that is said first
    begin = test.start - count // 2 if begin is None else begin
    begin = max(first, min(begin, len(test.text) - count))
    read, said = prepared.pattern.exchange(test.text[: begin + count])
    rows = []
    for run in shown.to_dict("records"):
        loaded = load_run(run["run_id"])
        likeliest = predict(loaded.net, loaded.vocabulary.encode(read), loaded.record.mark_index)
        label = compare.words({name: run[name] for name in names_of(by)})
        rows.append(figures.Strip(label, loaded.outputs.decode(likeliest)[begin - first :]))
    pattern, where = shown["pattern"].iloc[0], f"characters {begin} to {first + len(said) - 1} of the test"
    title = f"{pattern}: {where}, and what each run predicts"
    if not prepared.pattern.predicts_next:
        title = f"{pattern}: what is to be said after {where}, and what each run says"
    return figures.strips(title, said[begin - first :], rows, test.start - begin, begin)


def reach(runs: pd.DataFrame, lines: str, measure: str = "") -> Picture:
    """Draw the share of cases that is right at each size, with its spread over seeds: a panel for each pattern.

    Neighbouring sizes share a point where there are many; none has sizes from both sides of the edge of training.
    Shaded are the sizes that all runs of a panel were trained on. Runs that diverged have no cases, and are left out
    with a warning.

    Arguments:
        runs: a table from `find_runs`, of patterns that have such cases; those of others are left out.
        lines: the field that the lines of a panel differ in, at most 7 values.
        measure: what the size counts, such as `length` (characters) or `depth`; empty for each pattern's main one.

    Raises:
        MixedError: runs of one line differ in more than their seeds.
        RunError: all runs diverged.
        ValueError: an unknown field, more than 7 lines in a panel, or no run has such cases.
    """
    by = list(dict.fromkeys(["pattern", lines]))
    need(runs, by)
    counted = without_diverged(runs)
    every = reaches(counted).merge(counted[["run_id", *by]], on="run_id")
    main = every.groupby("pattern", sort=False)["measure"].first()
    table = every[every["measure"] == (measure or every["pattern"].map(main))]
    if table.empty:
        there = ", ".join(every["measure"].unique()) or "none at all: take strings, such as reber or anbn"
        raise ValueError(f"none of these runs has cases{f' by {measure}' * bool(measure)}; they have {there}")
    shown = counted[counted["run_id"].isin(table["run_id"])]
    check_lines(shown, ["pattern"], lines)
    points = pd.concat([_points(some) for _, some in table.groupby("pattern", sort=False)])
    found: dict[Any, list[figures.ReachBand]] = {}
    seeds = []
    for key, some in each_setting(shown, by):
        own = points[points["run_id"].isin(some["run_id"])]
        share_ns = own.pivot(index="run_id", columns="size", values="share")
        estimates_s = [compare.estimate(share_ns[size]) for size in share_ns]
        edges = [np.array([getattr(one, name) for one in estimates_s]) for name in EDGES]
        band = figures.ReachBand(compare.words({lines: key[lines]}), share_ns.columns.to_numpy(), *edges)
        found.setdefault(key["pattern"], []).append(band)
        seeds.append(len(some))
    panels = []
    for pattern, bands in found.items():
        sizes = table[(table["pattern"] == pattern) & table["trained"].astype(bool)].groupby("run_id")["size"]
        least, most = sizes.min().max(), sizes.max().min()
        panels.append(
            figures.ReachPanel(
                str(pattern), measure or main[pattern], (int(least), int(most)) if least <= most else None, bands
            )
        )
    return figures.reaches(f"Whole cases right at each {measure or 'size'}", panels, compare.spread("median", seeds))


def _points(cases: pd.DataFrame) -> pd.DataFrame:
    """Return each run's share of cases right at the points of a curve, which a few neighbouring sizes share."""
    trained = cases.groupby("size")["trained"].all()
    point_of: dict[int, float] = {}
    for side in (trained.index[trained].to_numpy(), trained.index[~trained].to_numpy()):
        for part in np.array_split(side, min(MOST_POINTS, len(side)) or 1):
            point_of |= {int(size): float(part.mean()) for size in part}
    sums = cases.assign(size=cases["size"].map(point_of)).groupby(["run_id", "size"])[["cases", "cases_right"]].sum()
    return (sums["cases_right"] / sums["cases"]).rename("share").reset_index()
