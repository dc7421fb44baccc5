"""Tables of what is measured of the hidden states of recorded runs: cycles, periods and probes.

A run that diverged has no trained net. It keeps its row, with NaN for the measures.
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
"""The number of characters that a net reads, and writes; nearly every net settles within half of them."""


def motif_of(pattern: str) -> str:
    """Return the shortest motif that a pattern repeats; its length is the period of the pattern.

    Arguments:
        pattern: the spec of the pattern.

    Raises:
        ValueError: the pattern does not repeat a motif.

    Example:
        >>> motif_of("aab"), motif_of("abab")
        ('aab', 'ab')
    """
    motif = parse(pattern).motif
    if motif is None:
        raise ValueError(f"the pattern {pattern} does not repeat a motif; allowed: patterns such as abc")
    return motif


def cycle_table(runs: pd.DataFrame, trained: bool = True) -> pd.DataFrame:
    """Return runs on motifs with measures of the cycle in which the top layer of each net settles.

    Arguments:
        runs: a table from `find_runs`.
        trained: whether to measure the trained nets; otherwise those before training, drawn from the runs' seeds, which
            exist for runs that diverged, too. They do not depend on the number of epochs, so pass runs that have all
            the same number; otherwise a net has several rows.

    Returns:
        The rows and columns of `runs` (for untrained nets only run_id, name and the config, with 0 epochs), and:
        radius (units of h), separation (0 to 1) and nearest (radii), from `dynamics.measure_cycle` over STEPS
        characters of the pattern; forced_period, the period over the same characters; free_period, the period over
        STEPS characters that the net writes by itself, whichever they are (`dynamics.period`, in characters), NaN for
        both if there is none up to STEPS / 4; own_period, the period of the pattern; keeps_time, whether free_period is
        own_period. For a net that diverged keeps_time is False.

    Raises:
        ValueError: a pattern does not repeat a motif, or STEPS characters do not hold the motif four times.
        RunError: a run that did not diverge recorded no net, or a net cannot run free.
    """

    def measure(pattern: Pattern, free_states: States, forced_states: States) -> dict[str, Any]:
        motif_length = pattern.period
        assert motif_length is not None, "patterns without a motif are refused before"
        forced_lag, free_lag = (period(states.top_th, STEPS // 4).lag for states in (forced_states, free_states))
        return {
            **vars(measure_cycle(forced_states.top_th, motif_length)),
            "forced_period": forced_lag or np.nan,
            "free_period": free_lag or np.nan,
            "own_period": motif_length,
            "keeps_time": free_lag == motif_length,
        }

    def values_if_diverged(pattern: Pattern) -> dict[str, Any]:
        measures = dict.fromkeys(("radius", "separation", "nearest", "forced_period", "free_period"), np.nan)
        return measures | {"own_period": pattern.period, "keeps_time": False}

    # Free running comes first, so that a net that cannot run free is refused before anything is computed.
    return _measure_nets(runs, trained, (True, False), measure, values_if_diverged)


def probe_table(runs: pd.DataFrame, trained: bool = True) -> pd.DataFrame:
    """Return runs on motifs with the accuracy of linear probes for the place in the motif and for the character read.

    The place is the label `place` that the pattern gives to each character (`Pattern.labels`).

    Arguments:
        runs: a table from `find_runs`.
        trained: whether to probe the trained nets; otherwise those before training, as in `cycle_table`.

    Returns:
        The rows and columns of `runs` (for untrained nets only run_id, name and the config, with 0 epochs), and:
        place_accuracy, place_baseline (from the last character alone) and character_accuracy, shares from 0 to 1, from
        `dynamics.probe` over STEPS characters, top layer; NaN for a net that diverged.

    Raises:
        ValueError: a pattern does not repeat a motif or has no label `place`, or the motif is so long that a place
            occurs in one fold of the probe only.
        RunError: a run that did not diverge recorded no net.
    """
    columns = ("place_accuracy", "place_baseline", "character_accuracy")

    def measure(pattern: Pattern, states: States) -> dict[str, Any]:
        labels = pattern.labels(states.text)
        if "place" not in labels:
            names = ", ".join(labels) or "none"
            raise ValueError(f"{pattern.spec} has the labels: {names}; allowed: patterns that have the label place")
        places = labels["place"].tolist()
        place_probe = probe(states.top_th, places, states.text)
        character_probe = probe(states.top_th, states.text)
        accuracies = place_probe.accuracy, place_probe.baseline, character_probe.accuracy
        return dict(zip(columns, accuracies, strict=True))

    def values_if_diverged(_: Pattern) -> dict[str, Any]:
        return dict.fromkeys(columns, np.nan)

    return _measure_nets(runs, trained, (False,), measure, values_if_diverged)


def _measure_nets(
    runs: pd.DataFrame,
    trained: bool,
    free_modes: tuple[bool, ...],
    measure: Callable[..., dict[str, Any]],
    values_if_diverged: Callable[[Pattern], dict[str, Any]],
) -> pd.DataFrame:
    """Return runs with further columns that are measured of their nets.

    Arguments:
        runs: a table from `find_runs`.
        trained: whether to measure the trained nets; otherwise those before training.
        free_modes: for each States that `measure` takes, whether the net runs free.
        measure: a function from a run's pattern and these States to the values of the columns.
        values_if_diverged: a function from the pattern of a run that diverged to the values of the columns.
    """
    patterns = {}
    for spec in runs["pattern"].unique():
        motif_of(spec)  # raises before any net is read
        patterns[spec] = parse(spec)
    has_net = (runs["end"] != End.DIVERGED) | (not trained)
    states = zip(*(trajectories(runs[has_net], STEPS, free, trained) for free in free_modes), strict=True)
    rows = [
        measure(patterns[spec], *next(states)) if run_has_net else values_if_diverged(patterns[spec])
        for spec, run_has_net in zip(runs["pattern"], has_net, strict=True)
    ]
    columns_before = runs.reset_index(drop=True)
    if not trained:
        columns_before = columns_before[["run_id", "name", *FIELDS]].assign(epochs=0)
    return pd.concat([columns_before, pd.DataFrame(rows)], axis=1)
