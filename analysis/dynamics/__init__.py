"""Hidden states: collected over a text, projected, compared, read by linear probes, and the cycles that they form.

A *trajectory* is the sequence of states of one layer over a text, (T, H).
"""

from analysis.dynamics.automata import LearntMachine, MachineComparison, compare_with_pattern, learn_machine
from analysis.dynamics.cycles import CycleMeasures, Period, cycle, measure_cycle, period
from analysis.dynamics.kearns_vazirani import Limits
from analysis.dynamics.machines import Machine, shortest_difference
from analysis.dynamics.pattern_machines import PatternMachine, machine_of_pattern
from analysis.dynamics.probes import Probe, probe
from analysis.dynamics.projection import Projection, fit_projection, principal_components
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import aligned, procrustes_distance, procrustes_distances
from analysis.dynamics.states import States, collect, free_running
from analysis.dynamics.tables import cycle_table, motif_of, probe_table

__all__ = [
    "CycleMeasures",
    "LearntMachine",
    "Limits",
    "Machine",
    "MachineComparison",
    "PatternMachine",
    "Period",
    "Probe",
    "Projection",
    "States",
    "aligned",
    "collect",
    "compare_with_pattern",
    "cycle",
    "cycle_table",
    "fit_projection",
    "free_running",
    "learn_machine",
    "machine_of_pattern",
    "measure_cycle",
    "motif_of",
    "period",
    "principal_components",
    "probe",
    "probe_table",
    "procrustes_distance",
    "procrustes_distances",
    "shortest_difference",
    "trajectories",
]
