"""What nets do inside, against geometry and probes called by hand on states that are stepped through by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from analysis import compare, dynamics
from analysis.dynamics import measure_cycle, period
from analysis.runs import load_net
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.charrnn import CharRNN

STEPS = 240


def read(net: CharRNN, indices: list[int]) -> np.ndarray:
    """The states of a net of one layer after each character."""
    with torch.no_grad():
        output_lbth, _ = net.trace(net.encode(torch.tensor([indices])), net.init_state(1))
    return output_lbth[0, 0].numpy()


def write(net: CharRNN, indices: list[int]) -> np.ndarray:
    """The states after each of the characters that a net writes by itself, having read some."""
    hidden, states = net.init_state(1), []
    with torch.no_grad():
        for index in indices:
            logits_btv, hidden = net(net.encode(torch.tensor([[index]])), hidden)
        for _ in range(STEPS):
            logits_btv, hidden = net(net.encode(logits_btv.argmax(-1)), hidden)
            states.append(hidden[0][0, 0].numpy())
    return np.array(states)


UNITS = {"abc": [0, 1, 2], "aab": [0, 0, 1]}


def net_of(run: object, trained: bool) -> CharRNN:
    config = TrainConfig(run.pattern, hidden_size=run.hidden_size, seed=run.seed)
    return load_net(run) if trained else prepare(config).build_net()


@pytest.mark.parametrize("trained", [True, False])
def test_cycles_are_measured_as_by_hand(units: pd.DataFrame, trained: bool) -> None:
    runs = units[units["hidden_size"] == 6]  # their index does not begin at 0
    table = dynamics.cycle_table(runs, trained)
    assert table["run_id"].tolist() == runs["run_id"].tolist()
    assert table["epochs"].tolist() == [60 if trained else 0] * 4
    assert ("eval_loss" in table) == trained, "an untrained net has none of what training came to"
    for row, run in zip(table.itertuples(), runs.itertuples(), strict=True):
        net, unit = net_of(run, trained), UNITS[run.pattern]
        forced, free = read(net, unit * 80), write(net, unit * 5)
        found = measure_cycle(forced, 3)
        assert (row.radius, row.separation, row.nearest) == pytest.approx(
            (found.radius, found.separation, found.nearest), abs=1e-5
        )
        lags = [period(states, 60).lag or np.nan for states in (forced, free)]
        np.testing.assert_array_equal([row.forced_period, row.free_period], lags)
        assert (row.own_period, row.keeps_time) == (3, lags[1] == 3)
    if trained:
        assert table["keeps_time"].any()


def read_out(features: np.ndarray, labels: list[object]) -> float:
    """The accuracy of logistic regression on the text that it was fitted on: a motif has no other."""
    scaled = StandardScaler().fit_transform(features)
    return float(LogisticRegression(max_iter=10_000).fit(scaled, labels).score(scaled, labels))


@pytest.mark.parametrize("trained", [True, False])
def test_readouts_are_those_of_place_and_character(units: pd.DataFrame, trained: bool) -> None:
    runs = units[units["hidden_size"] == 6][1 if trained else 2 : 3]  # one of abc, one of aab
    table = dynamics.probe_table(runs, trained)
    for row, run in zip(table.itertuples(), runs.itertuples(), strict=True):
        indices, places = (UNITS[run.pattern] * 667)[:2000], ([0, 1, 2] * 667)[:2000]
        states, one_hot = read(net_of(run, trained), indices), np.eye(3)[indices]
        assert (row.label, row.measure) == ("place", "accuracy")
        assert (row.score, row.baseline) == pytest.approx(
            (read_out(states, places), read_out(one_hot, places)), abs=1e-3
        )
        assert row.character_accuracy == pytest.approx(read_out(states, indices), abs=1e-3)
    baselines = dict(zip(table["pattern"], table["baseline"], strict=True))
    assert baselines["aab"] == pytest.approx(1333 / 2000), "a character alone tells one a not from the other"
    assert baselines.get("abc", 1) == 1


def test_a_run_that_diverged_counts_but_has_no_measures(units: pd.DataFrame, diverged: pd.DataFrame) -> None:
    runs = pd.concat([units[:1], diverged, units[-1:]])
    table = dynamics.cycle_table(runs)
    assert table["run_id"].tolist() == runs["run_id"].tolist()
    assert table["radius"].isna().tolist() == table["nearest"].isna().tolist() == [False, True, False]
    assert not table["keeps_time"][1]
    assert table["own_period"].tolist() == [3, 3, 3]
    assert compare.share(table["keeps_time"]).n == 3
    probed = dynamics.probe_table(runs[:2])
    assert probed["score"].isna().tolist() == [False, True]
    assert np.isfinite(dynamics.cycle_table(diverged, trained=False)["radius"]).all(), "its seed began with a net"
    assert dynamics.cycle_table(diverged)["keeps_time"].tolist() == [False]


def test_trained_and_untrained_nets_stand_in_one_table(units: pd.DataFrame) -> None:
    runs = units[units["hidden_size"] == 6]
    both = pd.concat([dynamics.cycle_table(runs, trained=False), dynamics.cycle_table(runs)], ignore_index=True)
    found = compare.paired(both[both["pattern"] == "abc"], "radius", "epochs", 0, 60)
    radius = both[both["pattern"] == "abc"].set_index(["seed", "epochs"])["radius"]
    assert found.difference.value == pytest.approx(np.mean([radius[seed, 60] - radius[seed, 0] for seed in (0, 1)]))


def test_places_are_those_of_the_shortest_unit() -> None:
    assert [dynamics.motif_of(pattern) for pattern in ("abab", "abaaba", "aab", "abcabd")] == [
        "ab",
        "aba",
        "aab",
        "abcabd",
    ]
    with pytest.raises(ValueError, match="the pattern reber does not repeat a motif; allowed: patterns"):
        dynamics.motif_of("reber")


def test_a_cycle_of_what_repeats_no_unit_is_refused(strings: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"reber does not repeat a motif; .*probe_table measures .* free_cycle finds"):
        dynamics.cycle_table(strings)
