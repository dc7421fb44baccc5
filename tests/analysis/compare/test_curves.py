"""How the interval of a median follows from the values, as it is told to programs without this package."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from analysis.compare import curves_over_seeds, median_interval
from rnn_core.config import TrainConfig


@pytest.mark.parametrize("n", [2, 3, 8, 9, 40])
def test_the_interval_of_a_median_can_be_made_from_what_is_told_of_it(n: int) -> None:
    random = np.random.default_rng(n)
    runs = pd.DataFrame([{**asdict(TrainConfig()), "run_id": f"run{seed}", "seed": seed} for seed in range(n)])
    values = random.normal(size=(n, 5))
    curves = pd.DataFrame(
        {
            "run_id": np.repeat(runs["run_id"], 5),
            "epoch": np.tile(range(5), n),
            "metric": "train_loss",
            "value": values.ravel(),
        }
    )
    rule = median_interval(n)
    assert sum(count for *_, count in rule.pairs) == 999
    for epoch, row in enumerate(curves_over_seeds(runs, curves, []).itertuples()):
        ordered = sorted(values[:, epoch])
        medians = sorted((ordered[low] + ordered[high]) / 2 for low, high, count in rule.pairs for _ in range(count))
        assert (row.low, row.high) == (medians[rule.low], medians[rule.high])
    with pytest.raises(ValueError, match="2 runs or more"):
        median_interval(1)
