"""Hidden states: collected over a text, projected, compared, read by linear probes, and the cycles that they form.

A *trajectory* is the sequence of states of one layer over a text, (T, H).
"""

from analysis.dynamics.causes import Ablation, Consistency, ablation, consistency
from analysis.dynamics.counting import CountingPhase, counting_phases, counting_table
from analysis.dynamics.cycles import CycleMeasures, Period, cycle, measure_cycle, period
from analysis.dynamics.interchange import Interchange, interchange, subspace
from analysis.dynamics.labelled import LabelledText, draw_text, label_text
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
    "Interchange",
    "LabelledText",
    "Period",
    "Probe",
    "Projection",
    "Readout",
    "States",
    "ablation",
    "aligned",
    "collect",
    "consistency",
    "counting_phases",
    "counting_table",
    "cycle",
    "cycle_table",
    "draw_text",
    "fit_projection",
    "free_running",
    "interchange",
    "label_text",
    "measure_cycle",
    "motif_of",
    "period",
    "principal_components",
    "probe",
    "probe_table",
    "procrustes_distance",
    "procrustes_distances",
    "readouts",
    "score_readout",
    "subspace",
    "trajectories",
]
