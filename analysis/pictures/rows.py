"""Pictures with a row for each setting or comparison: a number with its interval, or when its seeds solved it."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import each_setting, field_names
from analysis.figures import Picture
from analysis.pictures.labels import EDGES, METRICS, plain_name
from analysis.pictures.learning import trained_longest


def epochs_to_solve(
    runs: pd.DataFrame, curves: pd.DataFrame, by: str | Sequence[str], threshold: float = 1.0
) -> Picture:
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
    shown = trained_longest(runs, by)
    table = compare.epochs_to_solve(shown, curves, threshold)
    medians = compare.median_epochs_to_solve(table, by)
    drawn = []
    for (key, some), median in zip(each_setting(table, by), medians.to_dict("records"), strict=True):
        solved_n, epochs_n = some["solved"].to_numpy(bool), some["epochs_to_solve"].to_numpy(float)
        drawn.append(
            figures.SolveTimes(compare.setting_label(key), epochs_n, solved_n, *(median[name] for name in EDGES))
        )
    title = f"Epochs until training accuracy stays at {100 * threshold:g}%, 95 % interval of the median"
    return figures.epochs_to_solve(title, drawn, int(shown["epochs"].max()))


def intervals(runs: pd.DataFrame, metric: str, by: str | Sequence[str], group: str, log: bool = False) -> Picture:
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
    names = field_names(by)
    if group not in names:
        raise ValueError(f"group is {group!r}; allowed: one of by={names}")
    table = compare.over_seeds(runs, metric, names)
    rows = []
    for setting in table.to_dict("records"):
        label = compare.setting_label(
            {name: setting[name] for name in names if name != group} or {group: setting[group]}
        )
        note = f"{setting['n']} seed{'s' * (setting['n'] != 1)}"
        note += f", {setting['missing']} without" if setting["missing"] else ""
        middle, low, high = (float(setting[name]) for name in EDGES)
        rows.append(figures.Interval(label, middle, low, high, note, compare.setting_label({group: setting[group]})))
    name = METRICS.get(metric, metric.replace("_", " "))
    return figures.intervals(f"{plain_name(name)}: median, 95 % interval", rows, name, None, log)


def differences(title: str, pairs: Mapping[str, compare.Paired], x_label: str) -> Picture:
    """Draw paired comparisons: each difference or ratio with its interval, and what follows from it.

    What is undecided by its verdict looks so, wherever its interval lies.

    Arguments:
        title: of the picture.
        pairs: by label, all of them differences or all of them ratios; one or more, such as those of
            `compare.paired_steps`.
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
