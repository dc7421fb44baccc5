"""Draws the pictures of a run from its history and its Report."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from analysis import figures
from analysis.dynamics.projection import principal_components
from analysis.figures import Picture
from analysis.figures.single_panel import SinglePanel
from rnn_core.measures.report import Report

DRAWN = ("size", "cases", "cases_right", "steps", "steps_right", "loss_sum")
"""The columns of the table of generalization that the picture of it needs."""


def draw_run(history: Sequence[Mapping[str, float]], report: Report | None) -> dict[str, bytes]:
    """Return the pictures of a run as PNGs, by name.

    Arguments:
        history: the metrics of each epoch, by name.
        report: the measures of the trained net; None draws the losses alone.
    """
    metrics, references = (report.metrics, report.references) if report else ({}, {})
    drawn = {"loss": _png(_draw_losses(history, metrics, references))}
    if report:
        drawn |= _draw_report(report)
    return drawn


def _draw_losses(
    history: Sequence[Mapping[str, float]], metrics: Mapping[str, float], references: Mapping[str, float]
) -> Picture:
    """Draw the losses of each epoch, with the losses to compare them with: floor, test, and references.

    Arguments:
        history: the metrics of each epoch, by name.
        metrics: the metrics of the trained net, by name.
        references: the losses on the test of what the net is compared with, by name.
    """
    return figures.loss_curve(
        [values["train_loss"] for values in history],
        metrics.get("floor_loss"),
        metrics.get("eval_loss"),
        [values["valid_loss"] for values in history if "valid_loss" in values],
        references,
    )


def _draw_report(report: Report) -> dict[str, bytes]:
    """Draw what a net predicts, the states of its top layer there, and, if there are cases, how many it gets right."""
    shown = slice(0, report.start + figures.MAX_STEPS)
    scored = None if report.scored is None else tuple(report.scored[shown].tolist())
    characters_read = report.text[: len(report.output_th)]
    drawn = {
        "predictions": _predictions(report.target[shown], report.predicted[shown], report.start, scored),
        "hidden_states": _png(figures.first_hidden_units(report.output_th, characters_read)),
        "trajectory": _png(figures.trajectory(*principal_components(report.output_th), characters_read)),
    }
    return drawn | ({"generalization": _png(_draw_reach(report))} if report.rows else {})


@lru_cache(maxsize=64)
def _predictions(target: str, predicted: str, start: int, scored: tuple[bool, ...] | None) -> bytes:
    """Draw the predictions; nets that say the same, as all do that have learnt a pattern, have one picture."""
    return _png(figures.predictions(target, predicted, start, scored))


def _draw_reach(report: Report) -> Picture:
    """Draw the table of generalization: a panel for each measure, with the range of sizes that were trained on."""
    reaches = []
    for measure in dict.fromkeys(row.measure for row in report.rows):
        rows = [row for row in report.rows if row.measure == measure]
        sizes, *counts = ([getattr(row, name) for row in rows] for name in DRAWN)
        reaches.append(figures.Reach(measure, sizes, report.ranges.get(measure), *counts))
    return figures.generalization(reaches)


def _png(picture: Picture) -> bytes:
    """Return a picture, which is used nowhere else, as a PNG."""
    return picture.last_png() if isinstance(picture, SinglePanel) else picture.png(fast=True)
