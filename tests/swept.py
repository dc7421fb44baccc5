"""Sweeps that nobody has trained: runs with made-up ends, numbers and curves, as a page or a summary is given them."""

import numpy as np

from analysis.runs.schema import End
from experiments.grid import read_grid
from experiments.shards import Outcome
from experiments.summary import Summary, SweptRun
from experiments.sweep_page.told import SweepState

ENDS = {5: "diverged", 6: "failed"}
"""How runs of some seeds end, if asked."""


def made_up(troubled: bool = True, **said: str) -> tuple[Summary, list[SweptRun]]:
    """Return a sweep whose losses fall along random curves.

    Arguments:
        troubled: whether runs of the seeds in ENDS do not finish.
        said: the lists of the grid, by name.
    """
    grid, random = read_grid(said, None), np.random.default_rng(0)
    rows = []
    for number, asked in enumerate(grid.runs()):
        end = End(ENDS.get(asked.config.seed, "finished") if troubled else "finished")
        length = {End.FINISHED: asked.config.epochs, End.DIVERGED: 2 * asked.config.epochs // 3}.get(end, 0)
        loss_e = np.exp(random.normal(0, 0.1, length).cumsum() - np.linspace(0, 3, length))
        metrics = {"excess_loss": random.random(), "eval_accuracy": float(number % 3 == 0), "floor_loss": 0.0}
        metrics = metrics if end == End.FINISHED else {}
        name = f"{asked.config.pattern} {asked.config.cell} s{asked.config.seed}"
        why = "finished" if end == End.FINISHED else f"{end}: a reason for {asked.config.pattern}"
        run_id = "" if end == End.FAILED else f"{number:032x}"
        outcome = Outcome(f"digest{number}", run_id, end, why, metrics, name=name if run_id else "")
        curves = {"train_loss": loss_e, "train_accuracy": np.exp(-loss_e)}
        rows.append(SweptRun(asked, outcome.with_curves(curves, asked.config.epochs) if length else outcome))
    return Summary(grid, rows), rows


def state_of(summary: Summary, end_reason: str = "finished") -> SweepState:
    """Return which sweep it is, and how far."""
    title, total = summary.grid.title(), len(summary.runs)
    return SweepState(title, "0", "s" * 32, "sqlite:///mlflow.db", total, end_reason, "2026-01-31 12:30 UTC")
