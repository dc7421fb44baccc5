"""Tables with a row for each setting: estimates of metrics over its seeds."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from analysis.compare.estimates import estimate
from analysis.compare.settings import check_columns, column_list, each_setting
from analysis.runs.schema import End

ESTIMATE_COLUMNS = ["value", "low", "high", "n", "missing"]
"""The attributes of an `Estimate` that are columns of a table."""


def over_seeds(runs: pd.DataFrame, metric: str, by: str | Sequence[str], statistic: str = "median") -> pd.DataFrame:
    """Return the estimate of a metric for each setting.

    Arguments:
        runs: one row per run.
        metric: a numeric column of `runs`.
        by: the columns that distinguish the settings; none for a single setting.
        statistic: `median` or `mean`.

    Returns:
        One row per setting, in order of appearance: the `by` columns, and value, low, high, n and missing of the
        `Estimate`.

    Raises:
        MixedError: runs of one setting differ in more than their seeds, or have the same seeds.
        ValueError: an unknown column or statistic.
    """
    check_columns(runs, [metric])
    return row_per_setting(
        runs, by, ESTIMATE_COLUMNS, lambda runs_of_setting: vars(estimate(runs_of_setting[metric], statistic))
    )


def results(
    runs: pd.DataFrame, metrics: Sequence[str], by: str | Sequence[str], statistic: str = "median"
) -> pd.DataFrame:
    """Return for each setting how its runs ended, and the estimates of several metrics.

    Arguments:
        runs: one row per run.
        metrics: numeric columns of `runs`.
        by: the columns that distinguish the settings; none for a single setting.
        statistic: `median` or `mean`.

    Returns:
        One row per setting, in order of appearance: the `by` columns; finished, diverged and failed, the numbers of
        runs that ended in these ways; and for each metric of its `Estimate` METRIC_median (or METRIC_mean), METRIC_low,
        METRIC_high and METRIC_n.

    Raises:
        MixedError: runs of one setting differ in more than their seeds, or have the same seeds.
        ValueError: an unknown column or statistic.
    """
    check_columns(runs, ["end", *metrics])
    ends = [end.value for end in (End.FINISHED, End.DIVERGED, End.FAILED)]
    suffixes = {"value": statistic, "low": "low", "high": "high", "n": "n"}

    def row_of(runs_of_setting: pd.DataFrame) -> dict[str, Any]:
        row: dict[str, Any] = {end: int((runs_of_setting["end"] == end).sum()) for end in ends}
        for metric in metrics:
            metric_estimate = estimate(runs_of_setting[metric], statistic)
            row |= {f"{metric}_{suffix}": getattr(metric_estimate, name) for name, suffix in suffixes.items()}
        return row

    columns = [*ends, *(f"{metric}_{suffix}" for metric in metrics for suffix in suffixes.values())]
    return row_per_setting(runs, by, columns, row_of)


def row_per_setting(
    runs: pd.DataFrame,
    by: str | Sequence[str],
    columns: list[str],
    row_of: Callable[[pd.DataFrame], dict[str, Any]],
) -> pd.DataFrame:
    """Return a table with a row for each setting.

    Arguments:
        runs: one row per run.
        by: the columns that distinguish the settings; they are the first columns of the table.
        columns: the further columns of the table.
        row_of: a function from the runs of a setting to its values of these columns, and perhaps of others.
    """
    rows = [setting | row_of(runs_of_setting) for setting, runs_of_setting in each_setting(runs, by)]
    return pd.DataFrame(rows, columns=[*column_list(by), *columns])
