"""Which automaton is the net, and is it that of the pattern?"""

import numpy as np
import pandas as pd

from analysis.dynamics.automata import compare_with_pattern
from analysis.dynamics.machines import Machine, written
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject
from analysis.pictures.machines import compared_machines
from analysis.words import counted


def automaton(subject: Subject) -> Finding:
    """Learn the automata of the trained and of the untrained net, and compare them with the pattern's.

    Raises:
        DoesNotApplyError: the pattern has no automaton to compare with.
        ModuleNotFoundError: AALpy or networkx is not installed.
    """
    try:
        trained = compare_with_pattern(subject.trained, subject.pattern)
    except ValueError as error:
        raise DoesNotApplyError(str(error)) from None
    untrained = compare_with_pattern(subject.untrained, subject.pattern)
    metrics = {
        "automaton_states": float(trained.learnt.machine.size),
        # NaN, so that an earlier answer does not stay where it is unknown now.
        "automaton_equal": np.nan if trained.equal is None else float(trained.equal),
    }
    # Of an untrained net no more is worth saying: nearly everything is possible in it.
    lines = [
        f"trained net beside the pattern: {trained.verdict} ({counted(trained.learnt.steps, 'step')} of the net)",
        f"untrained net beside the pattern: {untrained.in_short}",
    ]
    title = f"What the net holds possible on {subject.pattern.short_name}"
    picture = compared_machines(title, [trained], ["the net"], subject.pattern.mark)
    return Finding(lines, {"automaton": _table(trained.learnt.machine)}, {"automaton": picture}, metrics)


def _table(machine: Machine) -> pd.DataFrame:
    """Return a row for each state: its output, and the number of the next state for each character."""
    outputs = [written(output) for output in machine.outputs]
    moves = {f"after {character}": machine.next_sv[:, place] for place, character in enumerate(machine.inputs)}
    return pd.DataFrame({"state": range(machine.size), "output": outputs, **moves})
