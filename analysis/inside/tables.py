"""Tables of what is inside the nets of recorded runs: one call measures every run.

A run that diverged keeps one row, with NaN for the measures, also for those of its untrained net, so that tables of
trained and of untrained nets have the same seeds. A column that holds what `analysis.pictures` draws is the last one.
No column has the name of a metric of a run: what `experiments.inspect` recorded stays beside what is measured here.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from analysis.dynamics.automata import compare_with_pattern
from analysis.dynamics.counting import counting_phases, counting_table
from analysis.dynamics.interchange import interchange
from analysis.dynamics.kearns_vazirani import Limits
from analysis.dynamics.labelled import label_text
from analysis.dynamics.limit_points import limit_points
from analysis.dynamics.points import KINDS
from analysis.dynamics.readouts import Readout, readouts
from analysis.inside.causes import CONTROLS
from analysis.inside.counting import count_panel
from analysis.inside.fixed_points import portrait, search
from analysis.inside.subject import Subject, subject_of_run
from analysis.runs.loading import LoadedRun, load_run
from analysis.runs.schema import End
from analysis.runs.table import FIELDS
from rnn_core.data import Prepared
from rnn_core.patterns import parse

CASES_LENGTH = 10_000
"""The most characters of test cases over which counting is looked at, the smallest cases first."""


def automaton_table(runs: pd.DataFrame, trained: bool = True, limits: Limits | None = None) -> pd.DataFrame:
    """Return runs with the machine of each net, compared with that of its pattern.

    Arguments:
        runs: a table from `find_runs`, of patterns that have a machine.
        trained: whether to ask the trained nets; otherwise those before training, as in `dynamics.cycle_table`.
        limits: how much each net is asked; None for the defaults.

    Returns:
        The rows and columns of `runs` (for untrained nets only run_id, name and the config, with 0 epochs), and:
        machine_states, the number of states of the net's machine (of the last guess, where a limit ended the learning);
        is_machine, whether the net was found to be the pattern's machine: False also where a limit ended the learning
        before the two differed, and for a net that diverged; difference, the shortest string on which the net was seen
        to differ, missing if it never did; verdict, what was found, in words; limit, which limit ended the learning, if
        any; comparison, what `pictures.learnt_machines` draws.

    Raises:
        ValueError: a pattern has no machine.
        RunError: a run that did not diverge recorded no net.
        ModuleNotFoundError: AALpy is not installed.
    """

    def measure(run_id: str) -> list[dict[str, Any]]:
        subject = _subject(run_id)
        found = compare_with_pattern(subject.nets[_name(trained)], subject.pattern, limits=limits)
        return [
            {
                "machine_states": float(found.learnt.machine.size),
                "is_machine": found.equal is True,
                "difference": found.difference,
                "verdict": found.verdict,
                "limit": found.learnt.limit,
                "comparison": found,
            }
        ]

    columns = ("machine_states", "is_machine", "difference", "verdict", "limit", "comparison")
    without = {"machine_states": np.nan, "is_machine": False, "verdict": End.DIVERGED.value}
    return _measured(runs, trained, measure, columns, without)


def limit_point_table(
    runs: pd.DataFrame, character: str, trained: bool = True, labels: Sequence[str] = ()
) -> pd.DataFrame:
    """Return runs with the points at which visited states rest while one character is read again and again.

    Arguments:
        runs: a table from `find_runs`.
        character: the character.
        trained: whether to ask the trained nets; otherwise those before training, as in `dynamics.cycle_table`.
        labels: the labels of the pattern by whose values together `pictures.memories` colours the visited states, such
            as bit_A and bit_B; empty for one colour.

    Returns:
        The rows and columns of `runs` (for untrained nets only run_id, name and the config, with 0 epochs), and:
        points_of_rest, their number; at_rest, the share of visited states that come to rest, 0 to 1; one
        column for each of `dynamics.points.KINDS`, the number of such points that a search from visited states
        and noise around them finds near these; portrait, what `pictures.memories` draws.

    Raises:
        ValueError: a net cannot read the character, or a pattern has no such label.
        RunError: a run that did not diverge recorded no net.
    """

    def measure(run_id: str) -> list[dict[str, Any]]:
        subject, name = _subject(run_id), _name(trained)
        visited_nk = subject.visited(name)
        held = _held_values(subject, labels)
        rest, found = limit_points(subject.nets[name], visited_nk, character), search(subject, name, character)
        kinds = [point.kind for point in found.points if not point.outlier]
        return [
            {
                "points_of_rest": float(len(rest.points)),
                "at_rest": float((rest.point_n >= 0).mean()),
                **{kind: float(kinds.count(kind)) for kind in KINDS},
                "portrait": portrait(name, visited_nk, found, held),
            }
        ]

    return _measured(runs, trained, measure, ("points_of_rest", "at_rest", *KINDS, "portrait"))


def readout_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return how well each label is read out of the nets' states, on another text than that of the fit (see `Readout`).

    Arguments:
        runs: a table from `find_runs`, of patterns with labels.

    Returns:
        For each run, label and predictor a row: the columns of `runs`, and those of `dynamics.Readout`. The predictors
        are `trained`, `untrained`, and the tables of the last 1 to 5 characters. A run that diverged has one row
        without these.

    Raises:
        ValueError: a pattern has no labels.
        RunError: a run that did not diverge recorded no net.
    """

    def measure(run_id: str) -> list[dict[str, Any]]:
        subject = _subject(run_id)
        return [dataclasses.asdict(row) for row in readouts(subject.nets, subject.fitted_text, subject.asked_text)]

    return _measured(runs, True, measure, [field.name for field in dataclasses.fields(Readout)])


def interchange_table(runs: pd.DataFrame, labels: Mapping[str, str], pairs: int = 200) -> pd.DataFrame:
    """Return how often nets go on rightly after one variable was exchanged between two of their states.

    Arguments:
        runs: a table from `find_runs`.
        labels: the label that is exchanged, by the spec of the pattern.
        pairs: the number of pairs of states, 1 or more, some of which may have to be skipped.

    Returns:
        For each run four rows: the columns of `runs`; exchanged, one of `the label`, `random subspace`, `shuffled
        labels` and `untrained` (the label, exchanged in the net before its training); and label, accuracy, pairs,
        dimension, size and share of `dynamics.Interchange`. A run that diverged has one row without these.

    Raises:
        ValueError: a pattern has no entry in `labels` or no such label, or the label cannot be exchanged
            (`dynamics.interchange`).
        RunError: a run that did not diverge recorded no net.
    """
    label_of = {parse(spec).spec: label for spec, label in labels.items()}
    missing = sorted(set(runs["pattern"]) - set(label_of))
    if missing:
        raise ValueError(f"no label for the pattern {missing[0]}; allowed: a label for each pattern of the runs")
    ways = {("trained", "subspace"): "the label", **{key: name for name, key in CONTROLS.items()}}
    columns = ("label", "accuracy", "pairs", "dimension", "size", "share")

    def measure(run_id: str) -> list[dict[str, Any]]:
        subject = _subject(run_id)
        label = label_of[subject.pattern.spec]
        found = interchange(subject.nets, subject.pattern, subject.fitted_text, subject.asked_text, label, pairs=pairs)
        by_way = {ways[row.net, row.exchanged]: row for row in found if (row.net, row.exchanged) in ways}
        return [{"exchanged": way, **{name: getattr(by_way[way], name) for name in columns}} for way in ways.values()]

    return _measured(runs, True, measure, ("exchanged", *columns))


def count_table(runs: pd.DataFrame, trained: bool = True, length: int = CASES_LENGTH) -> pd.DataFrame:
    """Return the number of each net's state that counts best in each phase, with its slope and its reach.

    What is read are the test cases of the pattern, the smallest first, which go beyond the sizes of training. Lines are
    fitted up to the largest count of the training text. The best number of a phase is the one of the largest reach, of
    several the one whose line explains most.

    Arguments:
        runs: a table from `find_runs`, of patterns that count.
        trained: whether to ask the trained nets; otherwise those before training, as in `dynamics.cycle_table`.
        length: the most characters of test cases that are read, 1 or more.

    Returns:
        For each run, count and phase a row: the columns of `runs` (for untrained nets only run_id, name and the config,
        with 0 epochs), count, the name of the label, and phase, number, slope, intercept, r2, reach and last of
        `dynamics.counting_table`; trained_to, the largest count of the training text; panel, what `pictures.counts`
        draws. The reach of a number that does not count at all is 0. A run that diverged has one row without these.

    Raises:
        ValueError: a pattern counts nothing, or the cases of this length have too few counts.
        RunError: a run that did not diverge recorded no net.
    """
    if length < 1:
        raise ValueError(f"length is {length}; allowed: 1 or more")

    def measure(run_id: str) -> list[dict[str, Any]]:
        subject = _subject(run_id)
        net, pattern = subject.nets[_name(trained)], subject.pattern
        text, largest = _case_text(_run(run_id).prepare(), length)
        states_tk, labels = net.path(text)[0], label_text(pattern, text).labels
        rows = []
        for count, trained_to in largest.items():
            for phase in counting_phases(states_tk, labels[count], list(text), fit_to=trained_to):
                table = counting_table([phase], net.number_names).fillna({"reach": 0.0, "r2": 0.0})
                best = table.sort_values(["reach", "r2"], ascending=False, kind="stable").iloc[0]
                number = net.number_names.index(best["number"])
                panel = count_panel(phase, number, states_tk[:, number], count, labels[count], text)
                rows.append({"count": count, **dict(best), "trained_to": trained_to, "panel": panel})
        return rows

    of_phase = ("phase", "number", "slope", "intercept", "r2", "reach", "last")
    return _measured(runs, trained, measure, ("count", *of_phase, "trained_to", "panel"))


def _case_text(prepared: Prepared, length: int) -> tuple[str, dict[str, int]]:
    """Return the smallest test cases of a run's pattern as one text, and the largest value of each count in training.

    Raises:
        ValueError: the pattern counts nothing.
    """
    pattern, mark = prepared.pattern, prepared.pattern.mark
    of_training = label_text(pattern, prepared.text).labels
    largest = {name: int(np.nanmax(of_training[name])) for name in pattern.number_labels if name in of_training}
    if not largest or not mark:
        raise ValueError(f"{pattern.spec} counts nothing; allowed: strings with counts among their labels")
    text = mark
    for case in sorted(
        pattern.cases(prepared.evaluation, prepared.text, prepared.config.data_seed), key=attrgetter("size")
    ):
        if len(text) + len(case.text) > length:
            break
        text += case.text.removeprefix(mark)
    return text, largest


def _held_values(subject: Subject, labels: Sequence[str]) -> list[str]:
    """Return the values of labels at the visited states, one after the other in a text; none for no labels."""
    unknown = sorted(set(labels) - set(subject.asked_text.labels))
    if unknown:
        names = ", ".join(subject.asked_text.labels) or "none"
        raise ValueError(f"{subject.pattern.spec} has no label {unknown[0]!r}; allowed: {names}")
    values = [subject.asked_text.labels[name][subject.visited_positions].astype(int).astype(str) for name in labels]
    return ["".join(value) for value in zip(*values, strict=True)]


def _name(trained: bool) -> str:
    return "trained" if trained else "untrained"


@lru_cache(maxsize=512)  # several tables ask the same nets, and a recorded net does not change
def _run(run_id: str) -> LoadedRun:
    return load_run(run_id)


@lru_cache(maxsize=8)  # with the states of both nets over a text, which can be hundreds of megabytes
def _subject(run_id: str) -> Subject:
    return subject_of_run(_run(run_id))


def _measured(
    runs: pd.DataFrame,
    trained: bool,
    measure: Callable[[str], list[dict[str, Any]]],
    columns: Sequence[str],
    if_diverged: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the rows of runs, each repeated for each row that is measured of it, with what is measured beside.

    Arguments:
        runs: a table from `find_runs`.
        trained: whether the trained nets are measured; otherwise those before training.
        measure: a function from the id of a run to rows.
        columns: the names of what is measured, which are there if all runs diverged, too.
        if_diverged: the values of a run that diverged; NaN for others.
    """
    before = runs.reset_index(drop=True)
    if not trained:
        before = before[["run_id", "name", *FIELDS]].assign(epochs=0)
    places, rows = [], []
    for place, (run_id, end) in enumerate(zip(runs["run_id"], runs["end"], strict=True)):
        measured = [dict(if_diverged or {})] if end == End.DIVERGED else measure(run_id)
        rows += measured
        places += [place] * len(measured)
    measures = pd.DataFrame(rows, columns=list(columns))
    return pd.concat([before.iloc[places].reset_index(drop=True), measures], axis=1)
