"""Tables of what is measured of the hidden states of recorded runs: cycles and periods, and what is known of places.

A run that diverged has no trained net. It keeps its row, with NaN for the measures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.dynamics.cycles import measure_classes, measure_cycle, period
from analysis.dynamics.labelled import LabelledText, applies, chosen_label, class_names, draw_text
from analysis.dynamics.readouts import score_readout
from analysis.dynamics.recorded import trajectories
from analysis.runs.schema import End
from analysis.runs.table import FIELDS
from rnn_core.patterns import parse

STEPS = 240
"""The number of characters that a net reads, and writes; nearly every net settles within half of them."""

PROBED = 2000
"""The least number of characters of each of the two texts from which labels are read out."""


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
        raise ValueError(
            f"the pattern {pattern} does not repeat a motif; allowed: patterns such as abc (for any other, probe_table "
            "measures the states, and free_cycle finds the cycle of a net that writes by itself)"
        )
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
    own_periods = {spec: len(motif_of(spec)) for spec in runs["pattern"].unique()}  # raises before any net is read
    with_net = _with_net(runs, trained)
    # Free running comes first, so that a net that cannot run free is refused before anything is computed.
    free, forced = (iter(trajectories(runs[with_net], STEPS, mode, trained)) for mode in (True, False))
    rows = []
    for spec, has_net in zip(runs["pattern"], with_net, strict=True):
        row = dict.fromkeys(("radius", "separation", "nearest", "forced_period", "free_period"), np.nan)
        free_lag = None
        if has_net:
            forced_th = next(forced).top_th
            forced_lag, free_lag = (period(hidden_th, STEPS // 4).lag for hidden_th in (forced_th, next(free).top_th))
            row |= vars(measure_cycle(forced_th, own_periods[spec]))
            row |= {"forced_period": forced_lag or np.nan, "free_period": free_lag or np.nan}
        rows.append({**row, "own_period": own_periods[spec], "keeps_time": free_lag == own_periods[spec]})
    return _beside(runs, trained, rows)


def probe_table(runs: pd.DataFrame, trained: bool = True, label: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return runs with what the states of the top layer tell of a label of their pattern.

    Each net reads two texts of the pattern, of PROBED characters or a little more. Readouts are fitted on the one and
    scored on the other one (`dynamics.score_readout`: logistic regression for classes, least squares for numbers). A
    motif has one text alone, so there the score only says whether the states of different classes are far enough
    apart. That is possible in an untrained net as well, and in the states of any net there is something of the last
    characters, so compare with both.

    Arguments:
        runs: a table from `find_runs`, of patterns of any kind.
        trained: whether to measure the trained nets; otherwise those before training, as in `cycle_table`.
        label: the name of a label of all patterns, or several for the classes that they form together; None for the
            one that `dynamics.chosen_label` chooses for each pattern.

    Returns:
        The rows and columns of `runs` (for untrained nets only run_id, name and the config, with 0 epochs), and:
        label, its name; measure, `accuracy` for classes, `R2` for numbers; score, how well it is read out of the
        states, and baseline, out of the last character alone, at most 1, NaN where it has a single value in a text;
        character_accuracy, how well the character just read is read out of the states, 0 to 1; and of the states of
        the second text where the label applies radius (units of h), separation (0 to 1) and nearest (radii), from
        `dynamics.measure_classes` for the classes of `dynamics.class_names`, such as the values of a count. A net that
        diverged has NaN for them.

    Raises:
        ValueError: a pattern has no such label.
        RunError: a run that did not diverge recorded no net.
    """
    texts = {spec: _labelled(spec, label) for spec in runs["pattern"].unique()}  # raises before any net is read
    with_net = _with_net(runs, trained)
    rows = []
    for place, (spec, has_net) in enumerate(zip(runs["pattern"], with_net, strict=True)):
        name, fit, test = texts[spec]
        numbers = fit.labels[name].dtype.kind == "f"
        row: dict[str, Any] = {"label": name, "measure": "R2" if numbers else "accuracy"}
        row |= dict.fromkeys(("score", "baseline", "character_accuracy", "radius", "separation", "nearest"), np.nan)
        if has_net:
            tops = [trajectories(runs.iloc[[place]], text.text, trained=trained)[0].top_th for text in (fit, test)]
            row |= _read_out(name, tops, (fit, test))
        rows.append(row)
    return _beside(runs, trained, rows)


def _labelled(spec: str, label: str | Sequence[str] | None) -> tuple[str, LabelledText, LabelledText]:
    """Return the name of a label of a pattern, and two texts with this label alone.

    Raises:
        ValueError: the pattern has no such label.
    """
    pattern = parse(spec)
    fit, test = (draw_text(pattern, PROBED, seed) for seed in (0, 1))
    try:
        name, fit_t = chosen_label(fit, label)
        _, test_t = chosen_label(test, name if label is None else label)
    except ValueError as error:
        raise ValueError(f"{spec}: {error}") from None
    return name, LabelledText(fit.text, {name: fit_t}), LabelledText(test.text, {name: test_t})


def _read_out(label: str, tops: Sequence[np.ndarray], texts: Sequence[LabelledText]) -> dict[str, float]:
    """Return columns of `probe_table`.

    Arguments:
        label: the name of the label.
        tops: the states over the text to fit on and the text to score on, (T, H) each.
        texts: both texts.
    """
    alphabet = sorted(set(texts[0].text + texts[1].text))
    characters = [np.array(list(text.text)) for text in texts]
    found = {"character_accuracy": _score(tops, characters)}
    rows = [applies(text.labels[label]) for text in texts]
    if all(row_t.any() for row_t in rows):
        values = [text.labels[label][row_t] for text, row_t in zip(texts, rows, strict=True)]
        states = [hidden_th[row_t] for hidden_th, row_t in zip(tops, rows, strict=True)]
        one_hot = [(read_t[:, None] == alphabet)[row_t] for read_t, row_t in zip(characters, rows, strict=True)]
        found |= {"score": _score(states, values), "baseline": _score(one_hot, values)}
        found |= vars(measure_classes(states[1], class_names(values[1])))
    return found


def _score(features: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> float:
    """Return how well values are read out of features, fitted on the first of both and scored on the second.

    NaN if a text has a single value.
    """
    if not all((value_n != value_n[0]).any() for value_n in values):
        return np.nan
    return score_readout(features[0].astype(np.float64), values[0], features[1].astype(np.float64), values[1])


def _with_net(runs: pd.DataFrame, trained: bool) -> pd.Series:
    """Return which runs have a net: those that did not diverge, and before training all."""
    return (runs["end"] != End.DIVERGED) | (not trained)


def _beside(runs: pd.DataFrame, trained: bool, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return runs with further columns; of untrained nets only the run and its config, with 0 epochs."""
    columns_before = runs.reset_index(drop=True)
    if not trained:
        columns_before = columns_before[["run_id", "name", *FIELDS]].assign(epochs=0)
    return pd.concat([columns_before, pd.DataFrame(rows)], axis=1)
