"""What the nets of runs do inside, as a table: the size of their cycle, its period, what can be read out of it.

A run that diverged has no net to measure, but counts: it keeps its row, with NaN for what cannot be known.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from analysis.dynamics.cycles import measure_cycle, period
from analysis.dynamics.probes import probe
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.states import States
from analysis.runs.schema import End
from analysis.runs.table import FIELDS
from rnn_core.patterns import Pattern, parse

STEPS = 240
"""Characters that are read, and written: nearly every net has settled halfway."""


def motif_of(pattern: str) -> str:
    """Return the shortest unit that the pattern of a spec repeats: its length is the pattern's period.

    Raises:
        ValueError: it repeats none.

    Example:
        >>> motif_of("aab"), motif_of("abab")
        ('aab', 'ab')
    """
    motif = parse(pattern).motif
    if motif is None:
        raise ValueError(f"{pattern} is no unit that is repeated, so it has no places; allowed: patterns such as abc")
    return motif


def cycle_table(runs: pd.DataFrame, trained: bool = True) -> pd.DataFrame:
    """Return runs on units with the measures of the cycle that each net settles in, top layer.

    Arguments:
        runs: a table from `find_runs`.
        trained: measure the trained nets; or else those that their seeds begin with, which runs have that diverged,
            too. These do not depend on the epochs: take runs of one number of them, or each net has several rows.

    Returns:
        The rows and columns of `runs`, untrained nets without what training came to and with 0 in `epochs`, and:
        radius (units of h), separation (0 to 1), nearest (radii): `dynamics.measure_cycle` over STEPS characters of the
        pattern; forced_period, the period there, and free_period, that of STEPS characters which the net writes by
        itself, whatever these are (`dynamics.period`, characters), NaN where there is none up to a quarter of STEPS;
        own_period, that of the pattern; keeps_time, whether free_period is own_period. A net that diverged does not,
        and its measures are NaN.

    Raises:
        ValueError: a pattern repeats no unit, or one too long for STEPS characters to hold it four times.
        RunError: a run that did not diverge recorded no net, or its net cannot run free.
    """

    def measures(pattern: Pattern, written: States, read: States) -> dict[str, Any]:
        length = pattern.period
        assert length is not None, "what repeats nothing is refused before"
        lags = [period(states.top_th, STEPS // 4).lag for states in (read, written)]
        row = vars(measure_cycle(read.top_th, length)) | {
            "forced_period": lags[0] or np.nan,
            "free_period": lags[1] or np.nan,
        }
        return row | {"own_period": length, "keeps_time": lags[1] == length}

    def without(pattern: Pattern) -> dict[str, Any]:
        nothing = dict.fromkeys(("radius", "separation", "nearest", "forced_period", "free_period"), np.nan)
        return nothing | {"own_period": pattern.period, "keeps_time": False}

    return _measured(runs, trained, (True, False), measures, without)  # free first, since not every net can


def probe_table(runs: pd.DataFrame, trained: bool = True) -> pd.DataFrame:
    """Return runs on units with how well a linear probe reads the place in the unit, and the character, from states.

    The place is the label of that name which the pattern gives each character (`Pattern.labels`).

    Arguments:
        runs: a table from `find_runs`.
        trained: probe the trained nets; or else those that their seeds begin with, as in `cycle_table`.

    Returns:
        The rows and columns of `runs`, untrained nets without what training came to and with 0 in `epochs`, and:
        place_accuracy, place_baseline (from the character read alone) and character_accuracy, shares from 0 to 1 of
        `dynamics.probe` over STEPS characters, top layer; NaN for a net that diverged.

    Raises:
        ValueError: a pattern repeats no unit, or one so long that a place occurs in a single stretch of the probe, or
            its labels name no place.
        RunError: a run that did not diverge recorded no net.
    """

    def measures(pattern: Pattern, read: States) -> dict[str, Any]:
        labels = pattern.labels(read.text)
        if "place" not in labels:
            names = ", ".join(labels) or "none"
            raise ValueError(f"{pattern.spec} has the labels: {names}; allowed: patterns whose labels have a place")
        places = labels["place"].tolist()
        place, character = probe(read.top_th, places, read.text), probe(read.top_th, read.text)
        return named(place.accuracy, place.baseline, character.accuracy)

    def named(*numbers: float | None) -> dict[str, Any]:
        return dict(zip(("place_accuracy", "place_baseline", "character_accuracy"), numbers, strict=True))

    return _measured(runs, trained, (False,), measures, lambda _: named(np.nan, np.nan, np.nan))


def _measured(
    runs: pd.DataFrame,
    trained: bool,
    ways: tuple[bool, ...],
    measures: Callable[..., dict[str, Any]],
    without: Callable[[Pattern], dict[str, Any]],
) -> pd.DataFrame:
    """Return runs with more columns: what `measures` says of a pattern and its states, or `without` of the pattern.

    Arguments:
        runs: a table from `find_runs`.
        trained: whether the nets are trained.
        ways: for each States that `measures` takes, whether the net runs free.
        measures: of a pattern and those.
        without: of a pattern whose net diverged.
    """
    patterns = {}
    for spec in runs["pattern"].unique():
        motif_of(spec)  # raises, before anything is read
        patterns[spec] = parse(spec)
    there = (runs["end"] != End.DIVERGED) | (not trained)
    states = zip(*(trajectories(runs[there], STEPS, free=free, trained=trained) for free in ways), strict=True)
    rows = [
        measures(patterns[spec], *next(states)) if known else without(patterns[spec])
        for spec, known in zip(runs["pattern"], there, strict=True)
    ]
    left = runs.reset_index(drop=True)
    if not trained:
        left = left[["run_id", "name", *FIELDS]].assign(epochs=0)
    return pd.concat([left, pd.DataFrame(rows)], axis=1)
