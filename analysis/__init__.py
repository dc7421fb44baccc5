"""Reads runs, compares and draws. Never trains, never writes to a run."""

import warnings

with warnings.catch_warnings():
    # In a notebook, torch and MLflow import progress bars that warn if ipywidgets is not installed. None is shown here.
    warnings.filterwarnings("ignore", "IProgress not found")
    import tqdm.auto  # noqa: F401
