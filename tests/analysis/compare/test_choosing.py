"""A value of a field is chosen on seeds that are not shown."""

import pandas as pd
import pytest

from analysis.compare import chosen
from tests.analysis.compare.seeds import NAN, numbered, runs_with

LOSSES = {  # by cell and learning rate, the losses of seeds 0 to 4; the last two choose
    ("rnn", 0.003): [1.0, 1, 1, 5, 9],
    ("rnn", 0.01): [9.0, 9, 9, 4, 6],
    ("gru", 0.003): [3.0, 3, 3, 2, NAN],
    ("gru", 0.01): [2.0, 2, 2, 7, 8],
}


def all_runs() -> pd.DataFrame:
    tables = [runs_with("train_loss", losses, cell=cell, learning_rate=rate) for (cell, rate), losses in LOSSES.items()]
    return numbered(*tables)


def test_the_lowest_median_of_the_seeds_set_aside_chooses_and_they_are_left_out() -> None:
    kept = chosen(all_runs(), "learning_rate", "cell", seeds=[3, 4])
    # rnn: 7 against 5; gru: infinite, because a run without a loss counts so, against 7.5
    assert kept.groupby("cell")["learning_rate"].unique().map(list).to_dict() == {"rnn": [0.01], "gru": [0.01]}
    assert kept["seed"].tolist() == [0, 1, 2] * 2
    assert kept["train_loss"].tolist() == [9.0] * 3 + [2.0] * 3


def test_what_is_shown_takes_no_part_in_the_choice() -> None:
    runs = all_runs()
    runs.loc[runs["seed"] < 3, "train_loss"] = 0.0
    first, second = (chosen(table, "learning_rate", "cell", [3, 4]) for table in (runs, all_runs()))
    assert first["learning_rate"].tolist() == second["learning_rate"].tolist()


@pytest.mark.parametrize("seeds", [[7], range(5)])
def test_a_choice_needs_seeds_to_choose_on_and_seeds_to_show(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match=r"rnn has (0|10) of its 10 runs with the seeds .*; allowed: some with these"):
        chosen(all_runs(), "learning_rate", ["cell"], seeds)
    with pytest.raises(ValueError, match="no column 'rate'"):
        chosen(all_runs(), "rate", "cell", [3])
