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
        panels = [_panel(subject, count, phase, unit) for phase in phases]
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


def _panel(subject: Subject, count: str, phase: CountingPhase, unit: int) -> CountPanel:
    """Return one unit's values against a count in one phase."""
    count_t = subject.test.labels[count]
    of_phase_t = (count_t >= 0) & (np.array(list(subject.test.text)) == phase.phase)
    return CountPanel(
        f"after {visible(phase.phase)!r}: slope {phase.slope_k[unit]:.3g}",
        count,
        count_t[of_phase_t],
        subject.states["trained"][of_phase_t, unit],
        float(phase.slope_k[unit]),
        float(phase.intercept_k[unit]),
        float(phase.reach_k[unit]),
    )
