"""The pictures of a run: what its Report holds, brought into the arrays that figures draw."""

from collections.abc import Mapping, Sequence

from analysis import figures
from analysis.dynamics.projection import principal_components
from analysis.figures import Picture
from rnn_core.measures.report import Report
from rnn_core.patterns.shared.ngrams import NAMES

DRAWN = ("size", "cases", "cases_right", "steps", "steps_right", "loss_sum")
"""The columns of the table of generalization that its picture shows."""


def draw_losses(history: Sequence[Mapping[str, float]], metrics: Mapping[str, float]) -> Picture:
    """Draw the losses of each epoch, beside what there is to compare them with at the end."""
    return figures.loss_curve(
        [values["train_loss"] for values in history],
        metrics.get("floor_loss"),
        metrics.get("eval_loss"),
        [values["valid_loss"] for values in history if "valid_loss" in values],
        {name: metrics[f"{name}_loss"] for name in NAMES if f"{name}_loss" in metrics},
    )


def draw_report(report: Report) -> dict[str, Picture]:
    """Draw what a trained net predicts, what its top layer does there, and how far its knowledge reaches."""
    shown = slice(0, report.start + figures.MAX_STEPS)
    scored = None if report.scored is None else report.scored[shown].tolist()
    walked = report.text[: len(report.output_th)]
    drawn = {
        "predictions": figures.predictions(report.target[shown], report.predicted[shown], report.start, scored),
        "hidden_states": figures.first_hidden_units(report.output_th, walked),
        "trajectory": figures.trajectory(*principal_components(report.output_th), walked),
    }
    return drawn | ({"generalization": _draw_reach(report)} if report.rows else {})


def _draw_reach(report: Report) -> Picture:
    """Draw the table of generalization, a panel for each measure, with the sizes of each that were trained on."""
    reaches = []
    for measure in dict.fromkeys(row.measure for row in report.rows):
        rows = [row for row in report.rows if row.measure == measure]
        sizes, *counts = ([getattr(row, name) for row in rows] for name in DRAWN)
        reaches.append(figures.Reach(measure, sizes, report.ranges.get(measure), *counts))
    return figures.generalization(reaches)
