"""Which numbers of a net's state count, in which phase, and how far."""

import numpy as np
import pandas as pd

from analysis.dynamics.counting import CountingPhase, counting_phases, counting_table
from analysis.figures.counting import CountPanel, number_against_count
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject
from rnn_core.vocabulary import visible


def counting(subject: Subject) -> Finding:
    """Fit each number of the trained net's state against each count that the pattern knows, after each character.

    A count that has too few different values in every phase costs a line.

    Raises:
        DoesNotApplyError: the pattern counts nothing.
    """
    counts = [name for name in subject.pattern.number_labels if name in subject.asked_text.labels]
    if not counts:
        raise DoesNotApplyError(
            f"{subject.pattern.spec} counts nothing; allowed: patterns with counts among their labels"
        )
    names, lines, refused, tables, pictures = subject.trained.number_names, [], [], [], {}
    for count in counts:
        count_t = subject.asked_text.labels[count]
        try:
            phases = counting_phases(subject.states["trained"], count_t, list(subject.asked_text.text))
        except ValueError as error:  # too few different counts in every phase
            refused.append(f"{count}: not asked: {error}")
            continue
        table = counting_table(phases, names).assign(count=count)
        tables.append(table)
        best = table.iloc[table["r2"].fillna(-np.inf).argmax()]
        lines.append(f"{count}: {_line(best)}")
        number = names.index(best["number"])
        states_t = subject.states["trained"][:, number]
        panels = [count_panel(phase, number, states_t, count, count_t, subject.asked_text.text) for phase in phases]
        pictures[f"counting_{count}"] = number_against_count(f"{best['number']} and {count}", panels, best["number"])
    if not tables:
        raise DoesNotApplyError("every phase has too few different counts; allowed: a text with larger ones")
    return Finding(lines + refused, {"counting": pd.concat(tables, ignore_index=True)}, pictures)


def _line(best: pd.Series) -> str:
    """Return in words how the number of the state that follows a count best does so."""
    after = f"after {visible(best['phase'])!r}"
    if np.isnan(best["r2"]):
        return f"no number of the state changes {after}"
    reach = "does not keep count" if np.isnan(best["reach"]) else f"keeps count up to {best['reach']:.0f}"
    return (
        f"{best['number']} follows it best: it changes by {best['slope']:.3g} a count {after} (R² {best['r2']:.3f}), "
        f"and {reach}, where the text goes to {best['last']}"
    )


def count_panel(
    phase: CountingPhase, number: int, value_t: np.ndarray, count: str, count_t: np.ndarray, text: str
) -> CountPanel:
    """Return what is drawn of a number of the state in one phase.

    Arguments:
        phase: the phase, a character that is read.
        number: which of the K numbers of the state it is, 0 to K - 1.
        value_t: its values after each of T characters, in units of the state, (T,).
        count: the name of the count.
        count_t: the count after each character; negative or NaN where there is none, (T,).
        text: the T characters.
    """
    of_phase_t = (count_t >= 0) & (np.array(list(text)) == phase.phase)
    return CountPanel(
        f"after {visible(phase.phase)!r}: slope {phase.slope_k[number]:.3g}",
        count,
        count_t[of_phase_t],
        value_t[of_phase_t],
        float(phase.slope_k[number]),
        float(phase.intercept_k[number]),
        float(phase.reach_k[number]),
    )
