"""Which automaton is the net, and is it that of the pattern?"""

import numpy as np
import pandas as pd

from analysis.dynamics.automata import MachineComparison, compare_with_pattern
from analysis.dynamics.machines import Machine
from analysis.inside.finding import DoesNotApplyError, Finding, counted
from analysis.inside.subject import Subject
from analysis.pictures.machines import SIGNS, compared_machines


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
    lines = [
        f"trained net beside the pattern: {trained.verdict} ({counted(trained.learnt.steps, 'step')} of the net)",
        f"untrained net beside the pattern: {_in_short(untrained)}",
    ]
    title = f"What the net holds possible on {subject.pattern.short_name}"
    picture = compared_machines(title, [trained], ["the net"], subject.pattern.mark)
    return Finding(lines, {"automaton": _table(trained.learnt.machine)}, {"automaton": picture}, metrics)


def _table(machine: Machine) -> pd.DataFrame:
    """Return a row for each state: its output, and the number of the next state for each character."""
    outputs = [SIGNS[output] if output in SIGNS else "".join(sorted(output or "")) for output in machine.outputs]
    moves = {f"after {character}": machine.next_sv[:, place] for place, character in enumerate(machine.inputs)}
    return pd.DataFrame({"state": range(machine.size), "output": outputs, **moves})


def _in_short(comparison: MachineComparison) -> str:
    """Return whether a machine is the pattern's; nothing else is worth saying of an untrained net."""
    return {True: "equal", False: "not equal", None: "unknown"}[comparison.equal]
