"""Pictures of the machines of nets beside those of their patterns."""

from collections.abc import Sequence

import numpy as np

from analysis.dynamics.automata import MachineComparison
from analysis.dynamics.machines import BEYOND, DEAD, Machine, written, wrong_parts
from analysis.figures.machines import MAX_STATES, MachinePanel, machines
from analysis.figures.style import Picture
from analysis.words import counted


def compared_machines(
    title: str, comparisons: Sequence[MachineComparison], names: Sequence[str], mark: str = "", show_dead: bool = False
) -> Picture:
    """Draw the machines of nets on one pattern and, at the end, that of the pattern.

    What differs from the pattern's machine is marked: states with another output, and moves to a state that stands for
    another one. A machine of more states than are drawn is cut to the first of them.

    Arguments:
        title: the title of the picture.
        comparisons: what was found of each net, one or more.
        names: a name for each net, such as its seed.
        mark: the character at the end of each string; states that allow it have two rings. Empty for none.
        show_dead: whether dead states are drawn.

    Raises:
        ValueError: there is no comparison, or not a name for each.
        ModuleNotFoundError: networkx is not installed.
    """
    if not comparisons or len(names) != len(comparisons):
        raise ValueError(f"{len(comparisons)} comparisons, {len(names)} names; allowed: one or more, a name for each")
    true = comparisons[0].pattern.machine
    panels = [
        machine_panel(f"{name}: {_found(one)}", one.learnt.machine, mark, true)
        for name, one in zip(names, comparisons, strict=True)
    ]
    depth = comparisons[0].pattern.depth
    about = f"the pattern, {counted(true.size, 'state')}" + ("" if depth is None else f" up to depth {depth}")
    return machines(title, [*panels, machine_panel(about, true, mark)], show_dead)


def machine_panel(title: str, machine: Machine, mark: str = "", true: Machine | None = None) -> MachinePanel:
    """Return what is drawn of a machine.

    Arguments:
        title: the title of the panel.
        machine: the machine; of a larger one than is drawn, the states nearest to the start.
        mark: the character at the end of each string; empty for none.
        true: the machine that it should be, whose differences are marked; None for no marks.
    """
    kept = min(machine.size, MAX_STATES - 1)
    wrong_s, wrong_sv = wrong_parts(machine, true) if true else (None, None)
    outputs, next_sv = machine.outputs[:kept], machine.next_sv[:kept]
    if kept < machine.size:  # moves to all others lead to one more state, which has no moves
        outputs = (*outputs, BEYOND)
        next_sv = np.vstack([np.minimum(next_sv, kept), np.full((1, len(machine.inputs)), kept)])
        title = f"{title}; the first {kept} are drawn"
        if wrong_s is not None and wrong_sv is not None:
            wrong_s = np.append(wrong_s[:kept], False)
            wrong_sv = np.vstack([wrong_sv[:kept], np.zeros((1, len(machine.inputs)), bool)])
    return MachinePanel(
        title,
        machine.inputs,
        [written(output) for output in outputs],
        next_sv,
        may_end_s=np.array([bool(mark) and output is not None and mark in output for output in outputs]),
        dead_s=np.array([output == DEAD for output in outputs]),
        wrong_s=wrong_s,
        wrong_sv=wrong_sv,
    )


def _found(comparison: MachineComparison) -> str:
    """Return the size of a net's machine, and whether it is the pattern's."""
    limit = f", as far as the limit of {comparison.learnt.limit}" if comparison.learnt.limit else ""
    return f"{counted(comparison.learnt.machine.size, 'state')}, {comparison.in_short}{limit}"
