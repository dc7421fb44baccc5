"""Hidden states: collected over a text, projected, compared, read by linear probes, and the cycles that they form; and
nets as maps, with their fixed points, limit points, multipliers of cycles and Lyapunov exponents.

A *trajectory* is the sequence of states of one layer over a text, (T, H).
"""

from analysis.dynamics.ablation import Ablation, ablation
from analysis.dynamics.automata import LearntMachine, MachineComparison, compare_with_pattern, learn_machine
from analysis.dynamics.consistency import Consistency, consistency
from analysis.dynamics.counting import CountingPhase, counting_phases, counting_table
from analysis.dynamics.cycles import CycleMeasures, Period, cycle, measure_classes, measure_cycle, period
from analysis.dynamics.exponents import Exponents, lyapunov_exponents
from analysis.dynamics.fixed_points import FixedPoints, counts_over, find_fixed_points, noisy_starts
from analysis.dynamics.interchange import Interchange, interchange, subspace
from analysis.dynamics.kearns_vazirani import Limits
from analysis.dynamics.labelled import LabelledText, chosen_label, class_names, draw_text, label_text
from analysis.dynamics.limit_points import LimitPoints, limit_points
from analysis.dynamics.machines import Machine, shortest_difference
from analysis.dynamics.multipliers import StateCycle, Withstood, free_cycle, reading_cycle, withstood
from analysis.dynamics.net_map import NetMap, map_of_module, map_of_net
from analysis.dynamics.pattern_machines import PatternMachine, machine_of_pattern
from analysis.dynamics.points import FixedPoint
from analysis.dynamics.probes import Probe, probe
from analysis.dynamics.projection import Projection, fit_projection, principal_components
from analysis.dynamics.readouts import Readout, readouts, score_readout
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import aligned, procrustes_distance, procrustes_distances
from analysis.dynamics.states import States, collect, free_running
from analysis.dynamics.tables import cycle_table, motif_of, probe_table

__all__ = [
    "Ablation",
    "Consistency",
    "CountingPhase",
    "CycleMeasures",
    "Exponents",
    "FixedPoint",
    "FixedPoints",
    "Interchange",
    "LabelledText",
    "LearntMachine",
    "LimitPoints",
    "Limits",
    "Machine",
    "MachineComparison",
    "NetMap",
    "PatternMachine",
    "Period",
    "Probe",
    "Projection",
    "Readout",
    "StateCycle",
    "States",
    "Withstood",
    "ablation",
    "aligned",
    "chosen_label",
    "class_names",
    "collect",
    "compare_with_pattern",
    "consistency",
    "counting_phases",
    "counting_table",
    "counts_over",
    "cycle",
    "cycle_table",
    "draw_text",
    "find_fixed_points",
    "fit_projection",
    "free_cycle",
    "free_running",
    "interchange",
    "label_text",
    "learn_machine",
    "limit_points",
    "lyapunov_exponents",
    "machine_of_pattern",
    "map_of_module",
    "map_of_net",
    "measure_classes",
    "measure_cycle",
    "motif_of",
    "noisy_starts",
    "period",
    "principal_components",
    "probe",
    "probe_table",
    "procrustes_distance",
    "procrustes_distances",
    "reading_cycle",
    "readouts",
    "score_readout",
    "shortest_difference",
    "subspace",
    "trajectories",
    "withstood",
]
