"""Runs and curves made up for the tests, and what all resamples of a few seeds come to."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from rnn_core.config import TrainConfig

NAN, INF = math.nan, math.inf
LOSSES = st.floats(0, 1e6) | st.sampled_from([0.0, 1.0, 0.1, 0.1 + 2**-56])


def runs_with(metric: str, values: Iterable[float], end: str = "finished", **fields: Any) -> pd.DataFrame:
    """One run a value, with seeds 0, 1, ..."""
    rows = [
        {"end": end, **dataclasses.asdict(TrainConfig()), "seed": seed, **fields, metric: value}
        for seed, value in enumerate(values)
    ]
    return numbered(pd.DataFrame(rows))


def numbered(*tables: pd.DataFrame) -> pd.DataFrame:
    runs = pd.concat(tables, ignore_index=True)
    runs["run_id"] = [f"run{number}" for number in range(len(runs))]
    return runs


def curves_with(*curves: Sequence[float], metric: str = "train_accuracy") -> pd.DataFrame:
    """The curves of run0, run1, ..."""
    rows = [(f"run{n}", epoch, metric, value) for n, curve in enumerate(curves) for epoch, value in enumerate(curve)]
    table = pd.DataFrame(rows, columns=["run_id", "epoch", "metric", "value"])
    return table.astype({"run_id": "category", "metric": "category"})


def all_resamples(values: Sequence[float]) -> np.ndarray:
    return np.array(list(itertools.product(values, repeat=len(values))))


def assert_interval(found: Any, resampled: np.ndarray, level: float = 0.95) -> None:
    """Check that an interval cuts off the tails of all resamples, but for the chance of drawing some of them."""
    for end, tail in ((found.low, (1 - level) / 2), (found.high, (1 + level) / 2)):
        rounding = 1e-9 * abs(end)
        assert np.mean(resampled < end - rounding) - 0.03 < tail < np.mean(resampled <= end + rounding) + 0.03
