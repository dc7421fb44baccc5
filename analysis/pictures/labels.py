"""The texts with which pictures label metrics, runs and numbers of seeds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis import compare
from analysis.compare.settings import column_list

METRICS = {
    "train_loss": "training loss (nats per character)",
    "train_accuracy": "training accuracy (share of characters)",
    "valid_loss": "validation loss (nats per character)",
    "longest_drawn": "longest length drawn (size of a string)",
    "eval_loss": "eval loss (nats per character)",
    "eval_accuracy": "eval accuracy (share of characters)",
    "excess_loss": "excess loss (nats per character)",
    "whole_strings": "whole strings right (share)",
    "beyond_strings": "strings beyond the training range right (share)",
    "longest_right": "largest size with all strings right (size of a string)",
    "score": "readout on other text (accuracy, or R²)",
    "accuracy": "right continuations (share of pairs)",
    "reach": "count up to which one unit counts (count)",
    "beyond_accuracy": "accuracy beyond the training range (share of decidable characters)",
}
"""The axis labels of metrics, with their units."""

EDGES = ("value", "low", "high")
"""The attributes of an estimate that pictures show."""


def metric_label(metric: str) -> str:
    """Return the axis label of a metric, with its unit if METRICS has it."""
    return METRICS.get(metric, metric.replace("_", " "))


def metric_title(metric: str) -> str:
    """Return the name of a metric without its unit, for the beginning of a title."""
    return metric_label(metric).split(" (")[0].capitalize()


def run_label(run: Mapping[Any, Any], by: str | Sequence[str]) -> str:
    """Return the label of a run: the values of the fields `by`."""
    return compare.setting_label({name: run[name] for name in column_list(by)})


def few_seeds_notes(seeds: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Return for each label of a band how many seeds it rests on, such as "2 to 3 seeds"; "" for enough seeds.

    Arguments:
        seeds: for each band its label and its number of seeds; several bands can have the same label.
    """
    seeds_by_label: dict[str, list[int]] = {}
    for label, count in seeds:
        seeds_by_label.setdefault(label, []).append(count)
    return {label: _few_seeds_note(counts) for label, counts in seeds_by_label.items()}


def _few_seeds_note(counts: Sequence[int]) -> str:
    least, most = min(counts), max(counts)
    if least >= compare.FEW_SEEDS:
        return ""
    return f"{most if least == most else f'{least} to {most}'} seed{'s' * (most != 1)}"
