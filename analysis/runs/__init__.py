"""The only reader of MLflow: recorded runs back as tables, configs, curves, nets and trajectories."""

from analysis.runs.loading import LoadedRun, curves_of, find_run, load_net, load_run, recorded_runs
from analysis.runs.store import RunError, search_runs
from analysis.runs.table import command_for_missing, curves, find_runs, reach_table, without_diverged

__all__ = [
    "LoadedRun",
    "RunError",
    "command_for_missing",
    "curves",
    "curves_of",
    "find_run",
    "find_runs",
    "load_net",
    "load_run",
    "reach_table",
    "recorded_runs",
    "search_runs",
    "without_diverged",
]
