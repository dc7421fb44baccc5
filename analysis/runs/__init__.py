"""Recorded runs, read from MLflow as tables, configs, curves and nets. Only this package reads from MLflow."""

from analysis.runs.inside_tables import inside_table
from analysis.runs.loading import LoadedRun, find_run_id, load_net, load_run, recorded_runs, search_sweeps
from analysis.runs.store import RunError, search_runs
from analysis.runs.table import command_for_missing, curves, drop_diverged, find_runs, reach_table

__all__ = [
    "LoadedRun",
    "RunError",
    "command_for_missing",
    "curves",
    "drop_diverged",
    "find_run_id",
    "find_runs",
    "inside_table",
    "load_net",
    "load_run",
    "reach_table",
    "recorded_runs",
    "search_runs",
    "search_sweeps",
]
