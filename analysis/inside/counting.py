"""Which numbers of a net's state count, in which phase, and how far."""

import numpy as np
import pandas as pd

from analysis.dynamics.counting import CountingPhase, counting_phases, counting_table
from analysis.figures.counting import CountPanel, unit_against_count
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject
from rnn_core.vocabulary import visible


def counting(subject: Subject) -> Finding:
    """Fit each number of the trained net's state against each count that the pattern knows, after each character.

    Raises:
        DoesNotApplyError: the pattern counts nothing.
    """
    counts = [name for name in subject.pattern.number_labels if name in subject.test.labels]
    if not counts:
        raise DoesNotApplyError(
            f"{subject.pattern.spec} counts nothing; allowed: patterns with counts among their labels"
        )
    names, lines, tables, pictures = subject.trained.number_names, [], [], {}
    for count in counts:
        count_t = subject.test.labels[count]
        try:
            phases = counting_phases(subject.states["trained"], count_t, list(subject.test.text))
        except ValueError:  # too few different counts in every phase
            continue
        table = counting_table(phases, names).assign(count=count)
        tables.append(table)
        best = table.iloc[table["r2"].fillna(-np.inf).argmax()]
        lines.append(f"{count}: {_line(best)}")
        unit = names.index(best["unit"])
        states_t = subject.states["trained"][:, unit]
        panels = [count_panel(phase, unit, states_t, count, count_t, subject.test.text) for phase in phases]
        pictures[f"counting_{count}"] = unit_against_count(f"{best['unit']} and {count}", panels, best["unit"])
    if not tables:
        raise DoesNotApplyError("every phase has too few different counts; allowed: a text with larger ones")
    return Finding(lines, {"counting": pd.concat(tables, ignore_index=True)}, pictures)


def _line(best: pd.Series) -> str:
    """Return in words how the number of the state that follows a count best does so."""
    after = f"after {visible(best['phase'])!r}"
    if np.isnan(best["r2"]):
        return f"no number of the state changes {after}"
    reach = "does not keep count" if np.isnan(best["reach"]) else f"keeps count up to {best['reach']:.0f}"
    return (
        f"{best['unit']} follows it best: it changes by {best['slope']:.3g} a count {after} (R² {best['r2']:.3f}), and "
        f"{reach}, where the text goes to {best['last']}"
    )


def count_panel(
    phase: CountingPhase, unit: int, value_t: np.ndarray, count: str, count_t: np.ndarray, text: str
) -> CountPanel:
    """Return what is drawn of a unit in one phase.

    Arguments:
        phase: the phase, a character that is read.
        unit: the number of the unit, 0 to K - 1.
        value_t: the values of the unit after each of T characters, in units of the state, (T,).
        count: the name of the count.
        count_t: the count after each character; negative or NaN where there is none, (T,).
        text: the T characters.
    """
    of_phase_t = (count_t >= 0) & (np.array(list(text)) == phase.phase)
    return CountPanel(
        f"after {visible(phase.phase)!r}: slope {phase.slope_k[unit]:.3g}",
        count,
        count_t[of_phase_t],
        value_t[of_phase_t],
        float(phase.slope_k[unit]),
        float(phase.intercept_k[unit]),
        float(phase.reach_k[unit]),
    )
