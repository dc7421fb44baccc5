"""Pictures with a row for each setting or comparison: an interval, or when its seeds solved the pattern."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import column_list, each_setting
from analysis.figures import Picture
from analysis.pictures.labels import EDGES, metric_label, metric_title
from analysis.pictures.learning import trained_longest


def epochs_to_solve(
    runs: pd.DataFrame, curves: pd.DataFrame, by: str | Sequence[str], threshold: float = 1.0
) -> Picture:
    """Draw for each seed of each setting the number of epochs after which its training accuracy stays at a threshold.

    A run that diverged counts as a seed whose accuracy does not stay there.

    Arguments:
        runs: a table from `find_runs`; only the runs with the most epochs of each setting are drawn.
        curves: the curves of these runs, from `runs.curves`.
        by: the fields in which the settings differ.
        threshold: the least training accuracy, 0 to 1.

    Raises:
        MixedError: runs of one setting differ in more than their seeds.
        ValueError: an unknown column, no run, or a run that finished without a curve.
    """
    shown = trained_longest(runs, by)
    table = compare.epochs_to_solve(shown, curves, threshold)
    medians = compare.median_epochs_to_solve(table, by)
    times = []
    for (key, setting), median in zip(each_setting(table, by), medians.to_dict("records"), strict=True):
        epochs_n, solved_n = setting["epochs_to_solve"].to_numpy(float), setting["solved"].to_numpy(bool)
        label = compare.setting_label(key)
        times.append(figures.SolveTimes(label, epochs_n, solved_n, *(median[name] for name in EDGES)))
    title = f"Epochs until training accuracy stays at {100 * threshold:g}%, 95 % interval of the median"
    return figures.epochs_to_solve(title, times, int(shown["epochs"].max()))


def intervals(runs: pd.DataFrame, metric: str, by: str | Sequence[str], group: str, log: bool = False) -> Picture:
    """Draw the median of a metric over the seeds of each setting with its interval; a single seed has no interval.

    The text beside a row says how many seeds have the metric, and how many lack it, such as those that diverged.

    Arguments:
        runs: a table of runs.
        metric: a numeric column of the table.
        by: the fields in which the settings differ.
        group: the field of `by` that determines the colours, at most 7 values.
        log: whether the axis is logarithmic; the medians must then be above 0.

    Raises:
        MixedError: runs of one setting differ in more than their seeds.
        ValueError: an unknown column, a `group` that is not in `by` or has too many values, no run, or a median that is
            not above 0 on a logarithmic axis.
    """
    names = column_list(by)
    if group not in names:
        raise ValueError(f"group is {group!r}; allowed: one of by={names}")
    table = compare.over_seeds(runs, metric, names)
    rows = []
    for setting in table.to_dict("records"):
        group_label = compare.setting_label({group: setting[group]})
        label = compare.setting_label({name: setting[name] for name in names if name != group}) or group_label
        note = f"{setting['n']} seed{'s' * (setting['n'] != 1)}"
        note += f", {setting['missing']} without" if setting["missing"] else ""
        value, low, high = (float(setting[name]) for name in EDGES)
        rows.append(figures.Interval(label, value, low, high, note, group_label))
    title = f"{metric_title(metric)}: median, 95 % interval"
    return figures.intervals(title, rows, metric_label(metric), None, log)


def differences(title: str, pairs: Mapping[str, compare.Paired], x_label: str) -> Picture:
    """Draw paired comparisons: each difference or ratio with its interval, its verdict and its number of seeds.

    A comparison whose verdict is `undecided` is drawn in grey, wherever its interval is.

    Arguments:
        title: the title of the picture.
        pairs: one or more comparisons by their labels, such as those of `compare.paired_steps`; either all differences
            or all ratios.
        x_label: what is compared, with the unit.

    Raises:
        ValueError: there is no comparison, or some are ratios and others are differences.
    """
    if not pairs:
        raise ValueError("0 comparisons; allowed: 1 or more, of two settings that have 2 or more seeds in common")
    if len({pair.ratio for pair in pairs.values()}) > 1:
        raise ValueError("some comparisons are ratios and others are differences; allowed: all of one kind")
    rows = []
    for label, pair in pairs.items():
        value, low, high = (float(getattr(pair.difference, name)) for name in EDGES)
        note = f"{pair.verdict}, n={pair.n}"
        note += f", {pair.difference.missing} without" if pair.difference.missing else ""
        rows.append(figures.Interval(label, value, low, high, note, undecided=pair.verdict == "undecided"))
    ratio = next(iter(pairs.values())).ratio
    return figures.intervals(title, rows, x_label, 1.0 if ratio else 0.0, ratio)
