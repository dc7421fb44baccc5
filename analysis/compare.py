"""What settings come to over their seeds: intervals, epochs to solve, paired comparisons; few seeds are said so.

Tables are those of `analysis.runs`. Each run counts as one independent seed. So runs that share a seed, crossed with
several data_seeds, make intervals too narrow: vary both together. Units and texts draw nothing: vary their seed alone.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats  # type: ignore[import-untyped]

from rnn_core.config import TrainConfig

SEED_FIELDS = ("seed", "data_seed", "device", "threads")
"""Fields in which runs of one setting may differ."""

SMALL = 5
"""Fewer seeds than this decide nothing: four pairs all point the same way once in eight times by chance alone."""

STATISTICS: dict[str, Callable[..., Any]] = {"median": np.median, "mean": np.mean}

_FIELDS = tuple(field.name for field in dataclasses.fields(TrainConfig))
_SEEDS = ["seed", "data_seed"]
_RESAMPLES = 9999
_RESAMPLES_A_BAND = 999


class MixedError(ValueError):
    """Runs that are not seeds of one setting would be pooled; the message says what they differ in."""


@dataclass(frozen=True)
class Estimate:
    """One number over several seeds, with its interval.

    Attributes:
        value: the number; NaN where no seed has it.
        low: lower end of the interval, NaN where there is none: bootstrap intervals need two seeds.
        high: its upper end.
        n: seeds that have the number.
        missing: runs without it, such as those that diverged. They are left out, which flatters a setting: say so.
        statistic: what the number is, such as "median", "mean" or "share".
        level: how often such an interval should hold the truth, between 0 and 1.
    """

    value: float
    low: float
    high: float
    n: int
    missing: int
    statistic: str
    level: float

    @property
    def few(self) -> bool:
        """Whether there are too few seeds to decide anything."""
        return self.n < SMALL

    def __str__(self) -> str:
        if not self.n:
            return "none"
        alone = math.isnan(self.low)
        text = _digits(self.value) if alone else f"{_digits(self.value)} {_interval(self)}"
        notes = ["one seed: no interval" if alone else f"{self.statistic} of {_seeds(self.n)}"]
        if self.missing:
            notes.append(f"{self.missing} of {self.n + self.missing} {'has' if self.missing == 1 else 'have'} none")
        if self.few and not alone:
            notes.append("few seeds")
        return f"{text} ({'; '.join(notes)})"


def estimate(
    values: Sequence[float] | np.ndarray | pd.Series, statistic: str = "median", level: float = 0.95
) -> Estimate:
    """Return the median or the mean over seeds, with a bootstrap interval.

    The median has the percentile interval, the mean BCa (Efron & Tibshirani 1993, chapters 13 and 14), of 9,999
    resamples. The same values give the same interval, in whichever order. Over few seeds a bootstrap is too sure of
    itself: of normal values, 95 % intervals of the mean hold the truth in 83 % of cases with 5 seeds, 90 % with 10,
    92 % with 20; those of the median in about 94 %.

    Arguments:
        values: one a seed. NaN and infinite ones, of which there is no average, count as missing.
        statistic: `median` or `mean`.
        level: between 0 and 1.

    Raises:
        ValueError: an unknown statistic, or a level out of range.

    Example:
        >>> print(estimate([0.5, 0.25, 0.25, math.nan]))
        0.250 [0.250, 0.500] (median of 3 seeds; 1 of 4 has none; few seeds)
    """
    _check_known(statistic, level)
    given = np.asarray(values, dtype=np.float64)
    known = np.sort(given[np.isfinite(given)])
    n, missing = len(known), len(given) - int(np.isfinite(given).sum())
    if n < 2:
        return Estimate(float(known[0]) if n else math.nan, math.nan, math.nan, n, missing, statistic, level)
    value = low = high = float(known[0])
    if known[0] < known[-1]:
        value = float(STATISTICS[statistic](known))
        low, high = _bootstrap(known, statistic, level, "BCa" if statistic == "mean" else "percentile")
    # Of a low level and skewed values, BCa may lie on one side of the value.
    return Estimate(value, min(low, value), max(high, value), n, missing, statistic, level)


def share(right: Sequence[bool] | np.ndarray | pd.Series, level: float = 0.95) -> Estimate:
    """Return the share of seeds that got it right, 0 to 1, with the score interval (Wilson 1927).

    Arguments:
        right: one a seed; a run that diverged did not get it right.
        level: between 0 and 1.

    Raises:
        ValueError: a level out of range.

    Example:
        >>> print(share([True] * 10))
        1.00 [0.722, 1.00] (share of 10 seeds)
    """
    _check_known("median", level)
    n, hits = len(right), int(np.sum(right))
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0, 0, "share", level)
    low, high = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    return Estimate(hits / n, float(low), float(high), n, 0, "share", level)


def verdict(estimate: Estimate, null: float = 0.0) -> str:
    """Return on which side of `null` the interval lies: `lower`, `higher`; `undecided` if on both, or of few seeds."""
    if not estimate.few and estimate.high < null:
        return "lower"
    return "higher" if not estimate.few and estimate.low > null else "undecided"


def varying(runs: pd.DataFrame) -> list[str]:
    """Return the config fields, other than SEED_FIELDS, in which runs differ, in TrainConfig's order.

    A window that is the whole sequence is as long as the data; it counts only if runs on the same data differ in it.

    Raises:
        ValueError: the table lacks a field of TrainConfig.
    """
    _need(runs, _FIELDS)
    fields = [name for name in _FIELDS if name not in SEED_FIELDS and runs[name].nunique() > 1]
    same_data = runs.groupby(["pattern", "length", "batch_size", "data_seed"], observed=True)["window"]
    return [name for name in fields if name != "window" or (same_data.nunique() > 1).any()]


def over_seeds(runs: pd.DataFrame, metric: str, by: str | Sequence[str], statistic: str = "median") -> pd.DataFrame:
    """Return for each setting what a metric comes to over its seeds.

    Arguments:
        runs: one row a run.
        metric: a numeric column of it.
        by: the columns that tell the settings apart; none for a single setting.
        statistic: `median` or `mean`.

    Returns:
        One row a setting, in order of appearance: the by columns, and value, low, high, n, missing of its `Estimate`.

    Raises:
        MixedError: runs of one row differ in more than their seeds, or one run would count twice.
        ValueError: an unknown column or statistic.
    """
    _need(runs, [metric])
    return _rows(by, _ESTIMATE, [(key, vars(estimate(some[metric], statistic))) for key, some in _settings(runs, by)])


def solved(runs: pd.DataFrame, threshold: float = 1.0, metric: str = "eval_accuracy") -> pd.Series:
    """Return for each run whether its metric reaches the threshold; without the metric, it does not.

    By default every character of the test is right: of a unit, ten times as many as it was trained on, all beyond
    them. Where what comes is partly random no net can do that: take `whole_strings` there, or a lower threshold.

    Arguments:
        runs: one row a run.
        threshold: the least value that solves; for a metric whose name ends in `loss`, the greatest.
        metric: a numeric column of it.

    Raises:
        ValueError: an unknown column.
    """
    _need(runs, [metric])
    return pd.Series(_reaches(runs[metric].to_numpy(np.float64), threshold, metric), runs.index, name="solved")


def solved_share(
    runs: pd.DataFrame, by: str | Sequence[str], threshold: float = 1.0, metric: str = "eval_accuracy"
) -> pd.DataFrame:
    """Return for each setting the share of its seeds that are `solved`, as `over_seeds` does.

    A run that diverged has not solved it. One that was killed, failed or still runs tells neither: it is missing.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column.
    """
    _need(runs, ["end"])
    right, ended = solved(runs, threshold, metric), runs["end"].isin(["finished", "diverged"])
    rows = []
    for key, some in _settings(runs, by):
        known = ended[some.index]
        rows.append((key, vars(share(right[some.index][known])) | {"missing": int((~known).sum())}))
    return _rows(by, _ESTIMATE, rows)


def bands(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    by: str | Sequence[str],
    metric: str = "train_loss",
    statistic: str = "median",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return for each setting and epoch what the curves come to over seeds, with percentile bootstrap intervals.

    An interval is of its own epoch: that a whole curve stays within its band is less likely than `level`.

    Arguments:
        runs: one row a run.
        curves: one row a run, metric and epoch.
        by: the columns of `runs` that tell the settings apart; none for a single setting.
        metric: `train_loss` in nats per character, `train_accuracy` or `valid_loss`.
        statistic: `median` or `mean`.
        level: between 0 and 1.

    Returns:
        One row a setting and epoch: the by columns, epoch (from 0), value, low, high, and n, which falls where a run
        diverges. An epoch that no run reaches has no row, one that a single run reaches no interval (NaN).

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column, metric or statistic, or a level out of range.
    """
    _check_known(statistic, level)
    matrix = _matrix(runs, curves, metric)
    tables = []
    for key, some in _settings(runs, by):
        value_ne = matrix.loc[some["run_id"]].replace([np.inf, -np.inf], np.nan).dropna(axis=1, how="all")
        # Epochs that the same runs reach are worked out in one go.
        parts = [_band(some_ne.dropna(), statistic, level) for some_ne in _alike(value_ne)]
        if parts:
            tables.append(pd.concat(parts).sort_values("epoch").assign(**key))
    columns = [*_names(by), "epoch", "value", "low", "high", "n"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def epochs_to_solve(
    runs: pd.DataFrame, curves: pd.DataFrame, threshold: float = 1.0, metric: str = "train_accuracy"
) -> pd.DataFrame:
    """Return the runs with the epochs of training after which each has solved its pattern for good.

    A curve shows at epoch e what e epochs of training came to, so 0 is a net that could do it untrained.

    Arguments:
        runs: one row a run.
        curves: one row a run, metric and epoch.
        threshold: the least value that solves; for a metric whose name ends in `loss`, the greatest.
        metric: of the curves.

    Returns:
        The runs' rows and columns, with two more. epochs_to_solve is the first epoch from which the curve reaches the
        threshold to its end; where there is none, how many epochs the run was watched without success. solved says
        which of the two. A run that diverged never solves, however long it trains: it was watched for all its epochs.

    Raises:
        ValueError: an unknown column or metric, or a run that finished without a curve.
    """
    _need(runs, ["end", "epochs"])
    matrix = _matrix(runs, curves, metric)
    epoch_e, value_ne = matrix.columns.to_numpy(), matrix.to_numpy()
    trained_n = np.where(~np.isnan(value_ne), epoch_e + 1, 0).max(axis=1, initial=0)
    ends = runs["end"].to_numpy()
    if len(lacking := runs["run_id"].to_numpy()[(trained_n == 0) & (ends == "finished")]):
        raise ValueError(f"run {lacking[0]} has finished, but the curves hold no {metric} of it; read its curves too")
    after_ne = epoch_e >= trained_n[:, None]
    reached_ne = _reaches(value_ne, threshold, metric) | after_ne
    steady_ne = np.flip(np.logical_and.accumulate(np.flip(reached_ne, axis=1), axis=1), axis=1) & ~after_ne
    solved_n = steady_ne.any(axis=1) & (ends != "diverged")
    watched_n = np.where(ends == "diverged", runs["epochs"], trained_n)
    return runs.assign(
        epochs_to_solve=np.where(solved_n, epoch_e[steady_ne.argmax(axis=1)], watched_n), solved=solved_n
    )


def time_to_solve(table: pd.DataFrame, by: str | Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """Return for each setting the median epochs to solve; seeds that have not solved count as taking longer.

    The median is the first epoch by which half of the seeds have solved, by the product-limit estimate (Kaplan &
    Meier 1958), and inf where fewer do. Its interval is the percentile bootstrap's over seeds (Efron 1981). Where no
    seed solves it is [inf, inf]; `solved_share` says how sure that is.

    Arguments:
        table: from `epochs_to_solve`.
        by: the columns that tell the settings apart; none for a single setting.
        level: between 0 and 1.

    Returns:
        One row a setting, in order of appearance: the by columns; value, low and high in epochs; n; how many solved.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column, or a level out of range.
    """
    _check_known("median", level)
    _need(table, ["epochs_to_solve", "solved"])
    rows = []
    for key, some in _settings(table, by):
        ordered = some.sort_values(["epochs_to_solve", "solved"], ascending=[True, False])
        time_n, solved_n, n = ordered["epochs_to_solve"].to_numpy(), ordered["solved"].to_numpy(bool), len(some)
        (value,) = _median_time(time_n, solved_n, np.ones((1, n), dtype=np.int64))
        low, high = _edges(_median_time(time_n, solved_n, _counts(n, _RESAMPLES)), level) if n > 1 else [math.nan] * 2
        rows.append((key, {"value": value, "low": low, "high": high, "n": n, "solved": int(solved_n.sum())}))
    return _rows(by, ["value", "low", "high", "n", "solved"], rows)


def survival(table: pd.DataFrame) -> pd.DataFrame:
    """Return the share of one setting's seeds that have solved after each number of epochs.

    It is one less the product-limit estimate (Kaplan & Meier 1958), with its 95 % log-log interval (Kalbfleisch &
    Prentice 1980).

    Arguments:
        table: from `epochs_to_solve`, runs of one setting.

    Returns:
        epoch, from 0, at those epochs at which a run solves or is no longer watched; share_solved, 0 to 1, which holds
        from there to the next; low and high, NaN where the share is 0 or 1, at which that interval is not defined.

    Raises:
        MixedError: see `over_seeds`.
        ValueError: an unknown column.
    """
    _need(table, ["epochs_to_solve", "solved"])
    _check_one_setting(table)
    columns = ["epoch", "share_solved", "low", "high"]
    if table.empty:
        return pd.DataFrame(columns=columns)
    sample = stats.CensoredData.right_censored(table["epochs_to_solve"].to_numpy(), ~table["solved"].to_numpy(bool))
    unsolved = stats.ecdf(sample).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that it is not defined everywhere, as said above
        interval = unsolved.confidence_interval(0.95, method="log-log")
    ends = (1 - unsolved.probabilities, 1 - interval.high.probabilities, 1 - interval.low.probabilities)
    shares = pd.DataFrame(dict(zip(columns, (unsolved.quantiles.astype(np.int64), *ends), strict=True)))
    start = pd.DataFrame([(0, 0.0, math.nan, math.nan)], columns=columns)
    return shares if shares["epoch"][0] == 0 else pd.concat([start, shares], ignore_index=True)


@dataclass(frozen=True)
class Paired:
    """Two values of one field, compared seed by seed.

    Attributes:
        field: of TrainConfig, in which the two settings differ.
        first: its value in the one.
        second: its value in the other.
        metric: what is compared.
        difference: the second's metric less the first's, over pairs; or, for a ratio, divided by it.
        effect: Cohen's d_z (1988), the mean difference (of logarithms for a ratio) over its standard deviation, with a
            percentile bootstrap interval. Infinite if all pairs differ by the same, 0 if they do not differ.
        lower: pairs of which the second's metric is lower.
        higher: pairs of which it is higher.
        equal: pairs of which it is the same.
        unpaired: seeds that only one of the two has.
        ratio: whether the metrics are divided.
    """

    field: str
    first: object
    second: object
    metric: str
    difference: Estimate
    effect: Estimate
    lower: int
    higher: int
    equal: int
    unpaired: int
    ratio: bool

    @property
    def n(self) -> int:
        """Pairs of which both have the metric."""
        return self.difference.n

    @property
    def verdict(self) -> str:
        """Whether the second is `lower` or `higher`; `undecided` if the interval holds no difference, or few pairs."""
        return verdict(self.difference, 1.0 if self.ratio else 0.0)

    def __str__(self) -> str:
        value, missing = _digits(self.difference.value), self.difference.missing
        if self.ratio:
            text = f"{self.metric} at {self.field} {self.second} is {value} times that at {self.first}"
        else:
            text = f"{self.metric} at {self.field} {self.second} minus that at {self.first} is {value}"
        left_out = [f"{missing} without a number"] if missing else []
        left_out += [f"{self.unpaired} with only one of the two"] if self.unpaired else []
        but = f" (left out: {', '.join(left_out)})" if left_out else ""
        few = " (few seeds)" if self.difference.few else ""
        return f"{text} {_interval(self.difference)} over {self.n} common seeds{but}: {self.verdict}{few}"


def paired(
    runs: pd.DataFrame,
    metric: str,
    field: str,
    first: object,
    second: object,
    statistic: str = "mean",
    ratio: bool = False,
) -> Paired:
    """Compare two values of one field over the seeds that both have.

    Arguments:
        runs: one row a run; those with other values of the field are left aside.
        metric: a numeric column of it.
        field: a config field; but for it and their seeds, the runs must be alike.
        first: the value to compare with.
        second: the value that is compared.
        statistic: `mean` or `median` of the differences.
        ratio: compare by the ratio second / first, with the geometric mean: for losses over decades. The logarithms
            are averaged, so metrics must be above 0.

    Raises:
        MixedError: the runs differ in more than the field and their seeds, or one would count twice.
        ValueError: an unknown column, value or statistic; a ratio of numbers that are not above 0; fewer than two
            pairs.
    """
    _need(runs, [metric, field])
    if first == second or not {first, second} <= set(runs[field]):
        allowed = f"two different ones of {_some(runs[field])}"
        raise ValueError(f"{field} is to be {first!r} and {second!r}; allowed: {allowed}")
    both = runs[runs[field].isin([first, second])]
    _check_one_setting(both, [field])
    one, other = (both[both[field] == value].set_index(_SEEDS)[metric].astype(float) for value in (first, second))
    pairs_n2 = pd.concat([one, other], axis=1, join="inner").to_numpy()
    unpaired = len(both) - 2 * len(pairs_n2)
    known_n2 = pairs_n2[np.isfinite(pairs_n2).all(axis=1)]
    n = len(known_n2)
    if n < 2:
        raise ValueError(
            f"{field} {first!r} and {second!r} have {_seeds(n)} with {metric} in common: a difference of "
            f"single runs is an anecdote; train both with at least {SMALL} seeds, the same ones"
        )
    if ratio and (known_n2 <= 0).any():
        raise ValueError(f"{metric} is {known_n2.min():g} in a run; allowed with ratio=True: above 0 (or ratio=False)")
    scaled_n2 = np.log(known_n2) if ratio else known_n2
    apart_n = np.sort(scaled_n2[:, 1] - scaled_n2[:, 0])
    difference = replace(estimate(apart_n, statistic), missing=len(pairs_n2) - n)
    if ratio:
        value, low, high = (math.exp(log) for log in (difference.value, difference.low, difference.high))
        name = "geometric mean" if statistic == "mean" else statistic
        difference = replace(difference, value=value, low=low, high=high, statistic=name)
    draws = np.random.default_rng(0).integers(n, size=(_RESAMPLES, n))
    low, high = _edges(_effects(apart_n[draws]), difference.level)
    (size,) = _effects(apart_n[None])
    effect = replace(difference, value=float(size), low=low, high=high, statistic="d_z")
    step_n = np.sign(known_n2[:, 1] - known_n2[:, 0])
    lower, higher, equal = (int((step_n == sign).sum()) for sign in (-1, 1, 0))
    return Paired(field, first, second, metric, difference, effect, lower, higher, equal, unpaired, ratio)


_ESTIMATE = ["value", "low", "high", "n", "missing"]


def _settings(runs: pd.DataFrame, by: str | Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each setting's by columns and its runs, in order of appearance, checked that they differ in no more."""
    names = _names(by)
    _need(runs, names)
    if runs.empty:
        return
    groups = runs.groupby(names, sort=False, dropna=False, observed=True) if names else [((), runs)]
    for key, some in groups:
        _check_one_setting(some, names, f"name it in by={names}, or ")
        yield dict(zip(names, key, strict=True)), some


def _check_one_setting(runs: pd.DataFrame, apart: Sequence[str] = (), advice: str = "") -> None:
    """Raise MixedError if runs differ in more than some fields and their seeds, or if one would count twice."""
    fields = [name for name in varying(runs) if name not in apart]
    if fields:
        which = ", ".join(f"{name} ({_some(runs[name])})" for name in fields)
        raise MixedError(
            f"runs of one setting differ in {which}; {advice}leave runs out with find_runs({fields[0]}=...)"
        )
    columns = list(dict.fromkeys([*apart, *_SEEDS]))
    twice = runs[runs.duplicated(columns, keep=False)]
    if len(twice):
        seeds = " and ".join(f"{name} {twice[name].iloc[0]}" for name in _SEEDS)
        raise MixedError(f"{seeds} would count double: several runs of one setting have them; keep one with each seed")


def _names(by: str | Sequence[str]) -> list[str]:
    return [by] if isinstance(by, str) else list(by)


def _need(table: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in table:
            raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, table))}")


def _check_known(statistic: str, level: float) -> None:
    if statistic not in STATISTICS:
        raise ValueError(f"statistic is {statistic!r}; allowed: {', '.join(STATISTICS)}")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; allowed: numbers between 0 and 1, such as 0.95")


def _rows(
    by: str | Sequence[str], columns: list[str], rows: list[tuple[dict[str, Any], dict[str, Any]]]
) -> pd.DataFrame:
    return pd.DataFrame([key | numbers for key, numbers in rows], columns=[*_names(by), *columns])


def _some(values: pd.Series) -> str:
    """Return a few of the distinct values, in order of appearance."""
    distinct = [str(value) for value in values.unique()]
    return ", ".join(distinct[:6] + ["..."] * (len(distinct) > 6))


def _reaches(values: np.ndarray, threshold: float, metric: str) -> np.ndarray:
    reached: np.ndarray = values <= threshold if metric.endswith("loss") else values >= threshold
    return reached


def _matrix(runs: pd.DataFrame, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a metric of each run (rows, as in `runs`) at each epoch (columns, ascending), NaN where there is none."""
    _need(runs, ["run_id"])
    some = curves[curves["metric"] == metric]
    if some.empty:
        raise ValueError(f"the curves hold no {metric!r}; they hold {_some(curves['metric'])}")
    return some.astype({"run_id": str}).pivot(index="run_id", columns="epoch", values="value").reindex(runs["run_id"])


def _alike(value_ne: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the epochs (columns) at which the same runs have a value."""
    there_ne = value_ne.notna().to_numpy()
    for there_n in np.unique(there_ne, axis=1).T if there_ne.size else []:
        yield value_ne.loc[:, (there_ne == there_n[:, None]).all(axis=0)]


def _band(value_ne: pd.DataFrame, statistic: str, level: float) -> pd.DataFrame:
    """Return value, low, high and n at each epoch, all of which all runs reach."""
    n, sorted_ne = len(value_ne), np.sort(value_ne, axis=0)
    low_e = high_e = np.full(sorted_ne.shape[1], np.nan)
    if n > 1:
        counts_bn = _counts(n, _RESAMPLES_A_BAND)
        if statistic == "mean":
            resampled_be = counts_bn @ value_ne.to_numpy() / n
        else:
            # Seeds are drawn by their ranks at each epoch, by which the middle of any resample is known at once.
            up_to_bn = counts_bn.cumsum(axis=1)
            below_b, above_b = ((up_to_bn > middle).argmax(axis=1) for middle in ((n - 1) // 2, n // 2))
            resampled_be = (sorted_ne[below_b] + sorted_ne[above_b]) / 2
        low_e, high_e = _edges(resampled_be, level)
    middle_e = STATISTICS[statistic](sorted_ne, axis=0)
    ends = {"low": np.minimum(low_e, middle_e), "high": np.maximum(high_e, middle_e)}  # against rounding
    return pd.DataFrame({"epoch": value_ne.columns, "value": middle_e} | ends | {"n": n})


def _counts(n: int, times: int) -> np.ndarray:
    """Return how often each of n seeds is drawn in each resample of n, always the same draws: (times, n)."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=times)


def _edges(resampled: np.ndarray, level: float) -> tuple[Any, Any]:
    """Return the percentile interval along the first axis. Its ends are resamples: between infinite ones lies none."""
    ordered = np.sort(resampled, axis=0)
    last = len(ordered) - 1
    return ordered[math.floor((1 - level) / 2 * last)], ordered[math.ceil((1 + level) / 2 * last)]


def _bootstrap(values: np.ndarray, statistic: str, level: float, method: str) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = stats.bootstrap(
            (values,),
            STATISTICS[statistic],
            n_resamples=_RESAMPLES,
            vectorized=True,
            confidence_level=level,
            method=method,
            random_state=np.random.default_rng(0),
        ).confidence_interval
    if method == "BCa" and not np.isfinite(interval).all():  # values that differ by rounding alone
        return _bootstrap(values, statistic, level, "percentile")
    return float(interval.low), float(interval.high)


def _median_time(time_n: np.ndarray, solved_n: np.ndarray, counts_bn: np.ndarray) -> np.ndarray:
    """Return the first times by which half have solved, inf where fewer do, each seed counted so often: (B,).

    Times ascend; of equal ones those that solved come first, since they were watched until then.
    """
    at_risk_bn = np.flip(np.flip(counts_bn, axis=1).cumsum(axis=1), axis=1)
    left_bn = np.cumprod(1 - solved_n * counts_bn / np.maximum(at_risk_bn, 1), axis=1)
    half_bn = left_bn < 0.5 + 1e-9  # products of fractions miss a half by rounding
    return np.where(half_bn.any(axis=1), time_n[half_bn.argmax(axis=1)], np.inf)


def _effects(apart_bn: np.ndarray) -> np.ndarray:
    """Return the mean of each row over its standard deviation: (B,)."""
    mean_b, deviation_b = apart_bn.mean(axis=1), apart_bn.std(axis=1, ddof=1)
    # By rounding, the deviation of equal differences is not always 0.
    apart_b = (np.ptp(apart_bn, axis=1) > 0) & (deviation_b > 0)
    effect_b = np.where(mean_b == 0, 0, np.copysign(np.inf, mean_b))
    np.divide(mean_b, deviation_b, out=effect_b, where=apart_b)
    return effect_b


def _digits(value: float) -> str:
    """Return three digits, the zeros at their end included."""
    return f"{value:#.3g}".rstrip(".")


def _interval(estimate: Estimate) -> str:
    return f"[{_digits(estimate.low)}, {_digits(estimate.high)}]"


def _seeds(n: int) -> str:
    return f"{n} seed{'s' * (n != 1)}"
