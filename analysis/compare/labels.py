"""Settings, statistics and intervals in words, for the labels of pictures and tables."""

from collections.abc import Iterable, Mapping
from typing import Any

FIELDS_WITHOUT_NAME = ("pattern", "cell", "encoding", "schedule", "predictor", "exchanged")
"""Columns of which a label gives only the value."""

NOUNS = {"hidden_size": "unit", "epochs": "epoch"}
"""Fields that are counts, and what they count."""


def setting_label(setting: Mapping[Any, object]) -> str:
    """Return a setting as a label, such as "abc, 16 units".

    Arguments:
        setting: values by field of TrainConfig, or by any other column; empty for an empty label.

    Example:
        >>> setting_label({"pattern": "abc", "hidden_size": 16, "epochs": 100, "seed": 0, "clip": 1.0})
        'abc, 16 units, 100 epochs, seed 0, clip 1.0'
    """
    parts = []
    for name, value in setting.items():
        if name in FIELDS_WITHOUT_NAME:
            parts.append(str(value))
        elif name in NOUNS:
            parts.append(f"{value} {NOUNS[name]}{'' if value == 1 else 's'}")
        else:
            parts.append(f"{str(name).replace('_', ' ')} {value}")
    return ", ".join(parts)


def interval_label(statistic: str, seeds: Iterable[int]) -> str:
    """Return the label of estimates with 95 % intervals, such as "median of 8 to 10 seeds, 95 % interval".

    Arguments:
        statistic: the statistic, such as "median".
        seeds: the number of seeds of each estimate; one number or more. A single seed has no interval.
    """
    seed_counts = list(seeds)
    return f"{statistic_label(statistic, seed_counts)}, {'95 %' if max(seed_counts) > 1 else 'no'} interval"


def statistic_label(statistic: str, seeds: Iterable[int]) -> str:
    """Return the label of estimates without intervals, such as "median of 8 to 10 seeds".

    Arguments:
        statistic: the statistic, such as "median".
        seeds: the number of seeds of each estimate; one number or more.
    """
    seed_counts = list(seeds)
    least, most = min(seed_counts), max(seed_counts)
    if most <= 1:
        return "single seeds"
    return f"{statistic} of {most if least == most else f'{least} to {most}'} seeds"
