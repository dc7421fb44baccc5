"""Tables and pictures of what is inside recorded nets, against the nets asked one by one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import compare, inside, pictures
from analysis.dynamics import Limits, compare_with_pattern, interchange, limit_points, map_of_net
from analysis.meanings import meanings
from analysis.runs import find_runs, load_run
from analysis.runs.schema import End
from experiments.sweep import main as sweep
from experiments.train import main as train
from rnn_core.config import TrainConfig
from rnn_core.patterns import parse
from tests.analysis.figures.looking import draw, titles
from tests.conftest import recording_in

SWEEP = (
    "--patterns reber,flipflop:2,hmm:mess3,anbn --cells rnn --hidden-sizes 6 --lengths 2000 --epochs 40 --seeds 2 "
    "--encodings onehot --batch-sizes 8 --windows 50 --learning-rates 0.02"
)

DIVERGES = "--pattern reber --hidden-size 6 --learning-rate 1e37 --batch-size 4 --length 2000 --seed 7"


@pytest.fixture(scope="module")
def runs(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pd.DataFrame]:
    """Two seeds each of four patterns, and one run that diverged."""
    with recording_in(migrated_store, tmp_path_factory.mktemp("inside")):
        assert sweep(SWEEP.split()) == 0
        assert train(DIVERGES.split()) == 1
        yield find_runs()


def of(runs: pd.DataFrame, pattern: str) -> pd.DataFrame:
    return runs[(runs["pattern"] == parse(pattern).spec) & (runs["end"] == End.FINISHED)]


def test_each_net_is_compared_with_its_pattern(runs: pd.DataFrame) -> None:
    asked = runs[runs["pattern"] == "reber"]
    assert len(asked) == 3
    table = inside.automaton_table(asked, limits=Limits(states=20))
    untrained = inside.automaton_table(asked, trained=False, limits=Limits(states=20))
    assert table["run_id"].tolist() == asked["run_id"].tolist()
    assert untrained["epochs"].tolist() == [0, 0, 0]
    assert table.columns.is_unique
    for row, before in zip(table.itertuples(), untrained.itertuples(), strict=True):
        if row.end == End.DIVERGED:
            assert np.isnan([row.machine_states, before.machine_states]).all()
            assert not row.is_machine
            continue
        run = load_run(row.run_id)
        for net, asked_row in ((run.net, row), (run.untrained_net(), before)):
            net_map = map_of_net(net, run.record.alphabet, run.record.outputs, run.record.mark)
            found = compare_with_pattern(net_map, parse("reber"), limits=Limits(states=20))
            assert asked_row.verdict == found.verdict
            assert (None if pd.isna(asked_row.difference) else asked_row.difference) == found.difference
            assert asked_row.machine_states == found.learnt.machine.size
    assert compare.share(table["is_machine"]).n == 3
    figure = pictures.learnt_machines("machines", table, by=["seed"])
    draw(figure)
    assert [title.split(":")[0] for title in titles(figure)] == ["seed 0", "seed 1", "the pattern, 9 states"]
    with pytest.raises(ValueError, match="0 rows of 1 have something to draw"):
        pictures.learnt_machines("machines", table[table["end"] == End.DIVERGED], by=["seed"])
    with pytest.raises(ValueError, match=r"the nets learnt .*tomita:3.*; allowed: one pattern"):
        pictures.learnt_machines("machines", table.assign(pattern=["reber", "tomita:3", "reber"]), by=["seed"])


def test_rest_under_a_character_is_that_of_each_net(runs: pd.DataFrame) -> None:
    memories = of(runs, "flipflop:2")
    for trained in (True, False):
        table = inside.limit_point_table(memories, ".", trained, labels=["bit_A", "bit_B"])
        for row in table.itertuples():
            run = load_run(row.run_id)
            net = map_of_net(run.net if trained else run.untrained_net(), run.record.alphabet, run.record.outputs)
            subject = inside.subject_of_run(run)
            visited_nk = net.path(subject.asked_text.text)[0][:: -(-len(subject.asked_text.text) // 128)]
            rest = limit_points(net, visited_nk, ".")
            assert row.points_of_rest == len(rest.points)
            assert row.at_rest == (rest.point_n >= 0).mean()
            said = parse("flipflop:2").inputs_and_targets(subject.asked_text.text)[1]
            held = [format(int(symbol), "02b") for symbol in said[:: -(-len(said) // 128)]]
            assert list(row.portrait.labels) == held
            assert len(row.portrait.kinds) >= row.stable + row.saddle + row.slow
    figure = pictures.memories("memories", table, by=["seed"])
    draw(figure)
    assert titles(figure) == ["seed 0", "seed 1"]
    with pytest.raises(ValueError, match="has no label 'bit_C'; allowed: bit_A, bit_B"):
        inside.limit_point_table(memories, ".", labels=["bit_C"])


def test_slow_points_are_drawn_on_demand(runs: pd.DataFrame) -> None:
    table = inside.limit_point_table(of(runs, "flipflop:2")[:1], ".")
    portrait = table["portrait"][0]
    kinds = ["slow", *portrait.kinds]
    points_pk = np.vstack([portrait.visited_nk[:1], portrait.points_pk])
    directions = [np.zeros((0, portrait.visited_nk.shape[1])), *portrait.directions]
    table["portrait"] = [type(portrait)("", portrait.visited_nk, points_pk, kinds, directions)]
    for slow in (False, True):
        axes = pictures.memories("memories", table, by=["seed"], slow=slow).axes[0]
        assert any(line.get_label() == "slow" for line in axes.get_lines()) == slow


def test_of_runs_that_all_diverged_every_table_has_its_columns_and_a_row(runs: pd.DataFrame) -> None:
    diverged = runs[runs["end"] == End.DIVERGED]
    tables = [
        inside.automaton_table(diverged),
        inside.limit_point_table(diverged, "B"),
        inside.readout_table(diverged),
        inside.interchange_table(diverged, {"reber": "node"}),
        inside.count_table(diverged, trained=False),
    ]
    added = [[name for name in table.columns if name not in runs.columns] for table in tables]
    assert added[0] == ["machine_states", "is_machine", "difference", "verdict", "limit", "comparison"]
    assert added[1] == ["points_of_rest", "at_rest", "stable", "saddle", "unstable", "neutral", "slow", "portrait"]
    assert added[2] == ["label", "predictor", "measure", "score", "fitted", "scored"]
    assert added[3] == ["exchanged", "label", "accuracy", "pairs", "dimension", "size", "share"]
    counted = ["phase", "number", "slope", "intercept", "r2", "reach", "last", "trained_to", "panel"]
    assert added[4] == ["count", *counted]
    for table, names in zip(tables, added, strict=True):
        assert table["run_id"].tolist() == diverged["run_id"].tolist()
        assert not set(names) & {*meanings(), *TrainConfig.__dataclass_fields__}, "a column of a run"
        assert table.columns.is_unique
        assert table[names].drop(columns=["is_machine", "verdict"], errors="ignore").isna().all(axis=None)


def test_readouts_of_both_nets_are_in_one_table(runs: pd.DataFrame) -> None:
    table = inside.readout_table(of(runs, "hmm:mess3"))
    assert len(table) == 2 * 7
    tables_alone = table[table["predictor"] == "last 4 characters"]["score"]
    assert tables_alone.nunique() == 1, "a table of characters does not depend on the net"
    for row in table[table["predictor"].isin(["trained", "untrained"])].itertuples():
        run = load_run(row.run_id)
        net = map_of_net(run.net if row.predictor == "trained" else run.untrained_net(), "012", "012")
        subject = inside.subject_of_run(run)
        with_one_nf = [
            np.column_stack([net.path(text.text)[0], np.ones(len(text.text))])
            for text in (subject.fitted_text, subject.asked_text)
        ]
        weights_fd = np.linalg.pinv(with_one_nf[0]) @ subject.fitted_text.labels["belief"]
        belief_nd = subject.asked_text.labels["belief"]
        off = ((with_one_nf[1] @ weights_fd - belief_nd) ** 2).sum() / ((belief_nd - belief_nd.mean(0)) ** 2).sum()
        assert row.score == pytest.approx(1 - off, abs=1e-6)
    assert compare.paired(table, "score", "predictor", "untrained", "trained").n == 2


def test_interchange_is_beside_what_it_is_compared_with(runs: pd.DataFrame) -> None:
    asked = of(runs, "flipflop:2")[:1]
    table = inside.interchange_table(asked, {"flipflop:2": "bit_A"}, pairs=60)
    assert table["exchanged"].tolist() == ["the label", "random subspace", "shuffled labels", "untrained"]
    subject = inside.subject_of_run(load_run(asked["run_id"].iloc[0]))
    rows = {
        (row.net, row.exchanged): row.accuracy
        for row in interchange(
            subject.nets, subject.pattern, subject.fitted_text, subject.asked_text, "bit_A", pairs=60
        )
    }
    expected = [rows["trained", way] for way in ("subspace", "random", "shuffled")] + [rows["untrained", "subspace"]]
    assert table["accuracy"].tolist() == expected
    assert rows["trained", "subspace"] != rows["trained", "nothing"], "the two cannot be told apart"
    assert len(set(expected)) > 1
    with pytest.raises(ValueError, match="no label for the pattern flipflop:2:silence=mixed; allowed"):
        inside.interchange_table(asked, {"anbn": "left_b"})


def test_the_number_that_counts_furthest_is_found_by_brute_force(runs: pd.DataFrame) -> None:
    counting = of(runs, "anbn")
    for trained in (True, False):
        table = inside.count_table(counting, trained, length=1500)
        assert table[["count", "phase"]].drop_duplicates().to_numpy().tolist() == [["count_a", "a"], ["left_b", "b"]]
        for run_id, of_run in table.groupby("run_id"):
            run = load_run(run_id)
            net = map_of_net(run.net if trained else run.untrained_net(), run.record.alphabet, run.record.outputs, "#")
            longest = max(map(len, run.prepare().text.strip("#").replace("b", "").split("#")))
            for row in of_run.itertuples():
                assert row.trained_to == longest - (row.phase == "b"), "the first b leaves one b less than there are a"
                states_nck = [net.path("#" + "a" * n + "b" * n)[0] for n in range(1, row.last + 1 + (row.phase == "b"))]
                numbers = range(1, len(states_nck) + 1)
                if row.phase == "a":
                    of_phase = [s_ck[1 : n + 1] for n, s_ck in zip(numbers, states_nck, strict=True)]
                    counts = [np.arange(1, n + 1) for n in numbers]
                else:
                    of_phase = [s_ck[n + 1 :] for n, s_ck in zip(numbers, states_nck, strict=True)]
                    counts = [np.arange(n)[::-1] for n in numbers]
                assert row.reach == max(reach(of_phase, counts, unit, row.trained_to) for unit in range(net.size))
    draw(pictures.counts("counts", table, by=["seed"]))
    with pytest.raises(ValueError, match="reber counts nothing; allowed: strings with counts"):
        inside.count_table(of(runs, "reber"))
    with pytest.raises(ValueError, match="length is 0; allowed: 1 or more"):
        inside.count_table(counting, length=0)


def reach(states: list[np.ndarray], counts: list[np.ndarray], unit: int, trained_to: int) -> float:
    """Return up to which count a unit stays nearer to its line than the line's step, string by string."""
    value_n, count_n = np.concatenate([s_ck[:, unit] for s_ck in states]), np.concatenate(counts)
    so_far_n = np.concatenate([np.maximum.accumulate(count) for count in counts])
    slope, intercept = np.polyfit(count_n[so_far_n <= trained_to], value_n[so_far_n <= trained_to], 1)
    far_n = np.abs(value_n - intercept - slope * count_n) >= abs(slope)
    good = [count for count in np.unique(so_far_n) if not far_n[so_far_n <= count].any()]
    return float(max(good, default=0))
