"""What a sweep came to: its numbers against the runs' own, its pictures as they were drawn."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.compare import MixedError
from analysis.runs.schema import End
from experiments.grid import read_grid
from experiments.shards import MAX_POINTS, Outcome, epochs_to_draw
from experiments.summary import MAX_LINES, MAX_PANELS, Summary, SweptRun
from rnn_core.config import TrainConfig
from tests.analysis.figures.looking import draw, heights, texts, titles, written

Ends = Callable[[int, TrainConfig], str]


def summary_of(ends: Ends = lambda number, config: "finished", parameters: int = 0, **said: str) -> Summary:
    """A sweep whose n-th run has an eval loss of n and a straight curve, to n + 1, if it finished."""
    grid = read_grid(said, None, parameters)
    rows = []
    for number, asked in enumerate(grid.runs()):
        end = ends(number, asked.config)
        metrics = {"eval_loss": float(number), "floor_loss": 0.5, "parameters": 9.0} if end == "finished" else {}
        curve_e = np.linspace(2.0, number + 1.0, asked.config.epochs)
        reason = end if end == "finished" else f"{end}: why"
        outcome = Outcome(f"digest{number}", "" if end == "failed" else f"run{number}", End(end), reason, metrics)
        if end == "diverged":
            curve_e = curve_e[: asked.config.epochs // 2]
        rows.append(
            SweptRun(
                asked, outcome if end == "failed" else outcome.with_curves({"train_loss": curve_e}, asked.config.epochs)
            )
        )
    return Summary(grid, rows)


def test_settings_are_medians_with_intervals_and_say_how_their_runs_ended() -> None:
    def ends(number: int, config: TrainConfig) -> str:
        return {2: "diverged", 3: "failed"}.get(config.seed, "finished") if config.hidden_size == 8 else "finished"

    summary = summary_of(ends, hidden_sizes="4,8", seeds="7")
    four, eight = summary.results.to_dict("records")
    assert (four["finished"], four["diverged"], four["failed"]) == (7, 0, 0)
    assert (eight["finished"], eight["diverged"], eight["failed"]) == (5, 1, 1)
    assert (four["eval_loss_median"], eight["eval_loss_median"]) == (3, np.median([7, 8, 11, 12, 13]))
    assert (four["eval_loss_n"], eight["eval_loss_n"]) == (7, 5)
    # The median of a resample of seven is at most the k-th of them if four or more of its draws are.
    first, second = stats.binom.sf(3, 7, [1 / 7, 2 / 7])
    assert first < 0.025 < second, "so the second of them is the lower end, and from above it is the same"
    assert (four["eval_loss_low"], four["eval_loss_high"]) == (1, 5)
    assert "parameters_median" not in summary.results
    line = "lowest median eval loss, with its 95 % interval: 3.00 [1.00, 5.00] (median of 7 seeds) at hidden size 4"
    first = "abc: hidden 4, 8 x 7 seeds: 14 runs, 14 new, 0 reused, 1 diverged, 1 failed"
    assert summary.lines() == [first, line]
    runs = pd.read_csv(io.StringIO(summary.files()["runs.csv"]))
    assert list(runs) == ["run_id", "reused", "end", "hidden_size", "seed", "eval_loss", "floor_loss"]
    assert runs["end"].value_counts().to_dict() == {"finished": 12, "diverged": 1, "failed": 1}


def test_the_tables_name_the_hidden_size_that_was_fitted() -> None:
    summary = summary_of(cells="rnn,lstm", seeds="2", parameters=500)
    for name, rows in (("runs.csv", 4), ("results.csv", 2)):
        table = pd.read_csv(io.StringIO(summary.files()[name]))
        assert len(table) == rows
        # 19 * 19 + 6 * 19 + 3, and 4 * (9 * 9 + 3 * 9) + 3 * 9 + 3, each the nearest to 500
        assert dict(zip(table["cell"], table["hidden_size"], strict=True)) == {"rnn": 19, "lstm": 9}
    assert summary.lines()[1].endswith("at cell rnn")


def test_a_setting_of_few_seeds_or_of_one_says_so() -> None:
    assert summary_of(seeds="1").lines()[1] == "lowest median eval loss: 0.00 (one seed: no interval)"
    best = summary_of(lambda number, _: "failed" if number == 1 else "finished", seeds="3").lines()[1]
    assert best.endswith("1.00 [0.00, 2.00] (median of 2 seeds; 1 of 3 has none; few seeds), 1 failed")


def test_each_pattern_has_a_best_setting_of_its_own() -> None:
    lines = summary_of(patterns="abc,aab", hidden_sizes="4,8", seeds="1").lines()[1:]
    assert [line.split(":")[0] for line in lines] == ["abc", "aab"]
    assert all(line.endswith(" at hidden size 4") for line in lines)
    none = summary_of(lambda _, config: "failed" if config.pattern == "aab" else "finished", patterns="abc,aab")
    assert [line.split(":")[0] for line in none.lines()[1:]] == ["abc"]


def test_the_heat_map_has_the_median_of_each_setting_and_how_many_seeds_it_rests_on() -> None:
    summary = summary_of(
        lambda number, _: "diverged" if number in (0, *range(9, 12)) else "finished",
        hidden_sizes="4,8", epochs="5,20", seeds="3",
    )  # fmt: skip
    figure = summary.pictures()["heat_map"]
    cells = {(one.x, one.y, one.text) for one in written(figure, figure.axes[0].transData)}
    numbers = {(0, 0, "1.5"), (1, 0, "4"), (0, 1, "7")}
    assert cells == numbers | {(0, 0, "n=2"), (1, 0, "n=3"), (0, 1, "n=3")}
    assert len(figure.axes[0].patches) == 1, "of one setting no run has finished"
    assert {"Eval loss: median of 2 to 3 seeds, few seeds", "eval loss (nats per character)"} <= set(texts(figure))
    draw(figure)


def test_the_curves_are_medians_of_the_longest_runs_and_of_a_net_that_diverged_as_far_as_it_came() -> None:
    summary = summary_of(
        lambda number, config: "diverged" if config.seed == 2 else "finished", epochs="10,1000", seeds="3"
    )
    figure = summary.pictures()["curves"]
    (line,) = heights(figure.axes[0]).values()
    at_e = next(one for one in figure.axes[0].get_lines() if len(one.get_xdata()) > 2).get_xdata()
    assert len(at_e) <= 3 * MAX_POINTS
    whole = {number: np.interp(at_e, [0, 999], [2, number + 1]) for number in (3, 4)}
    broken = np.linspace(2, 6, 1000)[:500]
    first = np.median([*whole.values(), np.interp(at_e, range(500), broken)], axis=0)
    expected = np.where(at_e < 500, first, np.mean(list(whole.values()), axis=0))
    np.testing.assert_allclose(line, expected, rtol=1e-5)
    assert "line and band: median of 2 to 3 seeds, 95 % interval" in texts(figure)
    draw(figure)


def test_a_curve_is_thinned_to_its_first_and_last_epoch_and_no_more_than_can_be_seen_between() -> None:
    losses = np.linspace(2, 1, 1000)
    outcome = Outcome("", "", End.DIVERGED, "diverged: ", {}).with_curves({"train_loss": losses[:450]}, 450)
    assert outcome.epoch_e[[0, -1]].tolist() == [0, 449]
    assert len(outcome.curves["train_loss"]) == len(outcome.epoch_e) == MAX_POINTS
    assert np.allclose(outcome.curves["train_loss"], losses[outcome.epoch_e])
    assert [epochs_to_draw(epochs).tolist() for epochs in (1, 2, MAX_POINTS)] == [[0], [0, 1], list(range(MAX_POINTS))]


def test_of_many_panels_and_lines_some_are_drawn_and_the_picture_says_how_many() -> None:
    many = {"patterns": ",".join("ab" + "a" * n for n in range(14)), "hidden_sizes": "1,2,3,4,5,6,7,8"}
    pictures = summary_of(epochs="2", seeds="2", cells="rnn,gru", **many).pictures()
    assert len(titles(pictures["curves"])) == MAX_PANELS
    assert titles(pictures["curves"])[:3] == ["ab, rnn", "ab, gru", "aba, rnn"]
    assert all(len(heights(axes)) == MAX_LINES for axes in pictures["curves"].axes)
    assert "Training loss (7 of 8 lines and 12 of 28 panels shown)" in texts(pictures["curves"])
    assert len(titles(pictures["heat_map"])) == MAX_PANELS + 1  # and the scale of colours
    assert "Eval loss: median of 2 seeds, few seeds, 12 of 28 panels shown" in texts(pictures["heat_map"])
    for figure in pictures.values():
        draw(figure)


@pytest.mark.parametrize("end", ["failed", "diverged"])
def test_a_sweep_of_which_nothing_finished_has_tables_and_no_pictures(end: str) -> None:
    summary = summary_of(lambda *_: end, hidden_sizes="2,3", seeds="2")
    assert summary.results[end].tolist() == [2, 2]
    assert summary.lines() == [f"abc: hidden 2, 3 x 2 seeds: 4 runs, 4 new, 0 reused, 4 {end}"]
    assert not summary.pictures()
    assert set(summary.files()) == {"runs.csv", "results.csv"}


def test_settings_that_come_to_the_same_run_count_it_once_each() -> None:
    summary = summary_of(lengths="0,15", hidden_sizes="2", epochs="3", seeds="2")
    for number, row in enumerate(summary._rows[2:]):
        object.__setattr__(row, "outcome", summary._rows[number].outcome)
    same = Summary(summary.grid, summary._rows)
    assert same.results["eval_loss_median"].tolist() == [0.5, 0.5]
    assert same.lines()[0] == "abc hidden 2 epochs 3: length 0, 15 x 2 seeds: 2 runs, 2 new, 0 reused"
    both = heights(same.pictures()["curves"].axes[0])
    assert list(both) == ["length 0", "length 15"]
    np.testing.assert_allclose(both["length 0"], both["length 15"])
    np.testing.assert_allclose(both["length 0"], np.linspace(2, 1.5, 3))


def test_runs_of_one_setting_that_differ_in_more_than_their_seeds_are_never_pooled() -> None:
    rows = summary_of(hidden_sizes="2,3", seeds="2")._rows
    with pytest.raises(MixedError, match="differ in hidden_size"):
        Summary(read_grid({"seeds": "4"}, None), rows)


def test_the_answer_says_which_settings_solve_the_pattern_in_how_many_seeds() -> None:
    grid = read_grid({"patterns": "abc,a|b_", "hidden_sizes": "2,3,4", "seeds": "3"}, None)
    rows = []
    for run in grid.runs():
        config = run.config
        right = config.hidden_size == 4 or (config.hidden_size == 3 and config.seed == 0)
        metrics = {"eval_accuracy": 1.0 if right else 0.5, "floor_loss": 0.0, "eval_loss": 1.0 / config.hidden_size}
        metrics["eval_accuracy"] *= config.pattern == "abc"
        rows.append(SweptRun(run, Outcome(str(len(rows)), str(len(rows)), End.FINISHED, "finished", metrics)))
    summary = Summary(grid, rows)
    lines = summary.lines()
    assert lines[1] == (
        "abc: solved by every seed with hidden size 4 (3 of 3), by some seeds with hidden size 3 (1 of 3), "
        "by no seed in 1 other setting"
    )
    assert lines[3] == "a|b_: no setting solves it, in any of 9 runs"
    table = summary.table(8000).splitlines()
    assert table[0] == "| pattern | hidden size | solved | eval loss | 95 % interval | seeds |"
    assert len(table) == 2 + 6
    assert table[3] == "| abc | 3 | 1 of 3 | 0.333 | 0.333 to 0.333 | 3 |"
    assert table[7] == "| a\\|b\\_ | 4 | 0 of 3 | 0.25 | 0.25 to 0.25 | 3 |"
    unknown = Outcome("0", "0", End.FINISHED, "", {"eval_loss": 1.0})
    assert not any("solve" in line for line in Summary(grid, [SweptRun(rows[0].request, unknown)]).lines())


def test_a_table_keeps_whole_rows_within_its_room_and_counts_the_others() -> None:
    summary = summary_of(hidden_sizes="4,8,16,32", seeds="2")
    whole = summary.table(8000)
    assert len(whole.splitlines()) == 2 + 4
    assert summary.table(len(whole) + 1) == whole
    short = summary.table(len(whole) - 1)
    assert len(short) < len(whole)
    *rows, empty, last = short.splitlines()
    assert rows == whole.splitlines()[: len(rows)]
    assert (empty, last) == ("", f"{2 + 4 - len(rows)} more settings are in results.csv.")
