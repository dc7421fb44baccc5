"""Many runs read back as tables: from a store and over a server, old ones, damaged ones, and none at all."""

import contextlib
import dataclasses
import itertools
import json
import re
import shlex
import sqlite3
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from analysis.dynamics import collect, trajectories
from analysis.runs import (
    RunError,
    curves,
    drop_diverged,
    find_runs,
    load_net,
    load_run,
    reach_table,
)
from analysis.runs.config_tag import search_by_config
from analysis.runs.life import process_tags
from analysis.runs.table import FIELDS
from experiments.sweep import main as sweep
from experiments.train import main as train
from rnn_core.config import ADDED, ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.cells import CELLS
from tests.conftest import recording_in

SWEEP = ["--patterns", "abc,aab", "--hidden-sizes", "2,3", "--epochs", "3", "--seeds", "2"]
SMALL = ["--hidden-size", "2", "--epochs", "3"]


@pytest.fixture(scope="module")
def recorded(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a sweep of eight runs, a GRU trained alone, and a net that diverged; nothing here writes to it."""
    with recording_in(migrated_store, tmp_path_factory.mktemp("recorded")) as folder:
        assert sweep(SWEEP) == 0
        assert train(["--pattern", "reber", "--cell", "gru", "--length", "300", "--learning-rate", "0.1", *SMALL]) == 0
        assert train(["--learning-rate", "1e37", "--hidden-size", "64", "--epochs", "9"]) == 1
    return folder


@pytest.fixture
def there(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    return recorded


def config_file(run: pd.Series) -> Path:
    return Path(run["artifact_uri"]) / "config.json"


def test_every_run_is_a_row_with_the_types_of_its_config(there: Path) -> None:
    runs = find_runs()
    assert len(runs) == 10
    for run in runs.to_dict("records"):
        config = TrainConfig(**{name: run[name] for name in FIELDS})
        for name in FIELDS:
            assert type(run[name]) is type(getattr(config, name)), name
        assert config == load_run(run["run_id"]).config
        recorded = MlflowClient().get_run(run["run_id"]).data
        for name, value in recorded.metrics.items():
            assert run[name] == value
        assert run["tags"]["config_digest"] == run["digest"] == recorded.tags["config_digest"]
        assert not any(name.startswith("mlflow.") for name in run["tags"])


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"pattern": "abc"}, 5),
        ({"pattern": "unit:abc"}, 5),
        ({"pattern": ["abc", "aab"], "hidden_size": 3}, 4),
        ({"hidden_size": (2, 3), "seed": range(2)}, 8),
        ({"hidden_size": np.int64(2), "epochs": 3, "cell": "rnn"}, 4),
        ({"learning_rate": 0.1}, 1),
        ({"cell": {"gru"}, "window": prepare(TrainConfig("reber", length=300)).config.window}, 1),
    ],
)
def test_runs_are_found_by_the_values_of_their_config(there: Path, fields: dict[str, object], count: int) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the")
        assert len(find_runs(**fields)) == count


def test_runs_come_in_the_order_that_was_asked_for(there: Path) -> None:
    runs = find_runs(hidden_size=[3, 2], pattern=["abc", "aab"])
    came = list(zip(runs["hidden_size"], runs["pattern"], runs["seed"], strict=True))
    assert came == [(size, pattern, seed) for size in (3, 2) for pattern in ("abc", "aab") for seed in (0, 1)]


def test_a_diverged_run_has_come_to_its_end_but_has_no_numbers(there: Path) -> None:
    (run,) = find_runs(hidden_size=64).to_dict("records")
    assert run["end"] == "diverged"
    assert run["end_reason"].startswith("diverged: ")
    assert np.isnan(run["eval_loss"])
    assert len(curves(find_runs(hidden_size=64))) >= 1
    with pytest.raises(RunError, match="recorded no net"):
        load_net(run["run_id"])


@pytest.mark.parametrize("which", ["latest", "id"])
def test_the_runs_of_a_sweep_are_found(there: Path, which: str) -> None:
    (parent,) = MlflowClient().search_runs(["0"], "tags.kind = 'sweep'")
    runs = find_runs(sweep=parent.info.run_id if which == "id" else which)
    assert len(runs) == 8
    assert set(runs["pattern"]) == {"abc", "aab"}
    with pytest.raises(RunError, match=r"(?s)sweep .* has hidden_size 64\n.* 4 on a.*hidden_size 2, 3") as no:
        find_runs(sweep=which if which == "latest" else parent.info.run_id, hidden_size=64)
    assert "to make" not in str(no.value)


def test_of_runs_alike_the_newest_counts_and_unfinished_ones_only_when_asked_for(store: Path) -> None:
    assert train(SMALL) == train(SMALL) == train([*SMALL, "--seed", "1"]) == 0
    client = MlflowClient()
    first, second, third = (run.info.run_id for run in reversed(client.search_runs(["0"])))
    client.set_tag(third, "end_reason", "interrupted")
    client.set_terminated(third, "KILLED")
    with at_work() as running:
        client.log_text(running, config_file(find_runs().iloc[0]).read_text(), "config.json")
        assert list(find_runs()["run_id"]) == [second]
        runs = find_runs(finished=False)
    ends = dict(zip(runs["run_id"], runs["end"], strict=True))
    assert ends == {first: "finished", second: "finished", third: "killed", running: "running"}


def test_a_run_whose_process_is_gone_is_shown_as_killed_and_stays_as_it_is(store: Path) -> None:
    assert train(SMALL) == 0
    config, client = config_file(find_runs().iloc[0]).read_text(), MlflowClient()
    ours = {"recorded_by": "rnn-patterns", "config_digest": "0" * 64} | process_tags()
    with subprocess.Popen(["true"]) as process:
        process.wait()
    dead, alive, older = (
        client.create_run("0", tags=tags).info.run_id
        for tags in (ours | {"pid": str(process.pid)}, ours, {"config_digest": "0" * 64})
    )
    for run_id in (dead, alive, older):
        client.log_text(run_id, config, "config.json")
    runs = find_runs(finished=False).set_index("run_id")
    assert runs.loc[[dead, alive, older], "end"].tolist() == ["killed", "running", "running"]
    reasons = ["killed: its process is gone", "", ""]
    assert runs.loc[[dead, alive, older], "end_reason"].tolist() == reasons
    assert len(find_runs()) == 1
    for run_id, words in ((dead, r"no curves \(killed: its process is gone\)"), (alive, "is still at work")):
        with pytest.raises(RunError, match=words):
            load_run(run_id)
    assert client.get_run(dead).info.status == "RUNNING"
    assert "end_reason" not in client.get_run(dead).data.tags


@contextlib.contextmanager
def at_work() -> Iterator[str]:
    """A run that is still at work and says what it is."""
    with mlflow.start_run(tags={"config_digest": "0" * 64}) as run:
        yield run.info.run_id


def test_curves_are_one_tidy_table_of_what_mlflow_recorded(there: Path) -> None:
    runs = find_runs()
    table = curves(runs)
    assert list(table.columns) == ["run_id", "epoch", "metric", "value"]
    for run_id in runs["run_id"]:
        for name in ("train_loss", "train_accuracy"):
            history = MlflowClient().get_metric_history(run_id, name)
            some = table[(table["run_id"] == run_id) & (table["metric"] == name)]
            assert some["epoch"].tolist() == [point.step for point in history]
            assert some["value"].tolist() == [point.value for point in history]
    assert list(table["run_id"].cat.categories) == list(runs["run_id"])
    assert table.memory_usage(index=False)["epoch":].sum() <= 16 * len(table)


def test_nets_and_trajectories_are_those_of_the_runs(there: Path) -> None:
    runs = find_runs(pattern=["aab", "reber"])
    for run, states in zip(runs.itertuples(), trajectories(runs, 40), strict=True):
        net, loaded = load_net(run), load_run(run.run_id)
        for name, weight in net.state_dict().items():
            assert torch.equal(weight, loaded.net.state_dict()[name])
        text = prepare(loaded.config).evaluation.text[:40]
        assert states.text == text
        np.testing.assert_array_equal(
            states.output_lth, collect(net, loaded.vocabulary, text, loaded.record.mark).output_lth
        )
    (states,) = trajectories(runs[:1], "bab")
    assert states.output_lth.shape == (1, 3, 2)
    (free,) = trajectories(runs[:1], 12, free=True)
    assert len(free.text) == 12
    with pytest.raises(ValueError, match="text is 'ab' with free=True; allowed: the number of characters"):
        trajectories(runs, "ab", free=True)


def older(run: pd.Series, *names: str) -> None:
    """Take fields out of a run's record, as if it had been made before there were any."""
    record = json.loads(config_file(run).read_text())
    for name in names:
        del record["config"][name]
    config_file(run).write_text(json.dumps(record))


def test_runs_older_than_a_field_have_what_held_then_and_say_so(store: Path) -> None:
    assert train(SMALL) == train([*SMALL, "--seed", "1"]) == 0
    one, two = (run for _, run in find_runs().iterrows())
    older(one, "keep", "schedule")
    older(two, *ADDED)
    with pytest.warns(UserWarning, match="2 runs are older than .*: schedule=constant, keep=last, weight_decay=0"):
        runs = find_runs(keep="last")
    assert list(runs["assumed"]) == ["schedule, keep", ", ".join(ADDED)]
    assert list(runs["digest"]) == [one["digest"], two["digest"]], "a run stays the same run"
    assert (runs["weight_decay"] == 0).all()


def test_what_held_before_a_field_stays_when_its_default_changes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train(SMALL) == 0
    older(find_runs().iloc[0], "keep")
    changed = dataclasses.replace(TrainConfig(), keep="best")
    monkeypatch.setattr(TrainConfig.__init__, "__defaults__", dataclasses.astuple(changed))
    assert TrainConfig().keep == "best"
    with pytest.warns(UserWarning, match="keep=last"):
        assert find_runs().iloc[0]["keep"] == "last"


def test_a_damaged_run_does_not_hide_the_others(store: Path) -> None:
    assert train(SMALL) == train([*SMALL, "--seed", "1"]) == train([*SMALL, "--seed", "2"]) == 0
    one, two, _ = (run for _, run in find_runs().iterrows())
    config_file(one).write_text("{")
    config_file(two).unlink()
    with pytest.warns(UserWarning, match="2 runs are left out"):
        assert list(find_runs()["seed"]) == [42]


def test_no_match_says_what_there_is_and_what_makes_it(there: Path) -> None:
    with pytest.raises(RunError) as no:
        find_runs(pattern=["abc", "hello "], hidden_size=[5, 6, 7], learning_rate=0.5, seed=range(3))
    first, *others, last = str(no.value).splitlines()
    assert first.endswith("has pattern abc or hello , hidden_size 5-7, learning_rate 0.5, seed 0-2")
    assert "    1 on reber (cell gru, hidden_size 2, layers 1, epochs 3, seed 42)" in others
    words = shlex.split(last.removeprefix("  to make them: "))
    expected = ["--patterns", "abc,hello ", "--hidden-sizes", "5,6,7", "--learning-rates", "0.5", "--seeds", "0-2"]
    assert words[:3] == ["python", "-m", "experiments.sweep"]
    assert words[3 : 3 + len(expected)] == expected


@pytest.mark.long
def test_the_command_makes_what_was_asked_for(store: Path) -> None:
    asked = {"pattern": ["ab", "abc"], "hidden_size": [2], "epochs": [1, 2], "seed": range(4, 5)}
    with pytest.raises(RunError, match="there is no finished run") as no:
        find_runs(**asked)
    assert sweep(shlex.split(str(no.value).split("experiments.sweep ")[1].replace("--workers 2", ""))) == 0
    assert len(find_runs(**asked)) == 4


def test_a_single_run_is_made_by_the_entry_point_for_one(store: Path) -> None:
    with pytest.raises(RunError, match="to make them: ") as no:
        find_runs(pattern="ab", epochs=1, hidden_size=2, seed=3)
    words = shlex.split(re.findall("to make them: (.*)", str(no.value))[0])
    assert words[:3] == ["python", "-m", "experiments.train"]
    assert train(words[3:]) == 0
    assert len(find_runs(pattern="ab", epochs=1, hidden_size=2, seed=3)) == 1


def test_runs_that_are_partly_there_are_given_and_the_rest_is_said(there: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"4 of the 12 combinations .* are recorded; to make the others: .* --seeds 0-5"
    ):
        assert len(find_runs(pattern="abc", hidden_size=[2, 3], seed=range(6))) == 4


def test_a_combination_that_is_missing_is_said_however_many_runs_there_are(store: Path) -> None:
    assert sweep(["--patterns", "ab", "--hidden-sizes", "2", "--epochs", "1,2", "--seeds", "1"]) == 0
    with pytest.warns(UserWarning, match="1 of the 4 combinations of hidden_size, seed are recorded"):
        assert len(find_runs(hidden_size=[2, 3], seed=range(2))) == 2


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"patern": "abc"}, RunError, "no field 'patern'; allowed: sweep, finished, parameters, pattern,"),
        ({"hidden_size": "8"}, ConfigError, "hidden_size is '8'; allowed: whole numbers"),
        ({"hidden_size": [8, 0]}, ConfigError, "hidden_size is 0; allowed"),
        ({"cell": "elman"}, ConfigError, f"cell is 'elman'; allowed: {', '.join(CELLS)}"),
        ({"pattern": "rebber"}, ConfigError, "did you mean reber"),
        ({"seed": []}, RunError, "seed was asked for with no value; allowed: one or more"),
        (
            {"seed": range(10**6)},
            RunError,
            "seed was asked for with more than 100000 values; allowed: one or more",
        ),
        ({"seed": itertools.count()}, RunError, "more than 100000 values"),
        ({"hidden_size": None}, ConfigError, "hidden_size is None; allowed: whole numbers"),
        ({"hidden_size": np.array([[8]])}, ConfigError, r"hidden_size is array\(\[8\]\); allowed: whole numbers"),
        ({"hidden_size": 10**5000}, ConfigError, "hidden_size is a value too long to be shown; allowed: whole numbers"),
        ({"learning_rate": b"0.1"}, ConfigError, "learning_rate is b'0.1'; allowed: numbers"),
        ({"pattern": object()}, ConfigError, "pattern is <object"),
        ({"sweep": None}, RunError, "sweep is None; allowed: the run id of a sweep"),
        ({"sweep": ["latest"]}, RunError, "sweep is .'latest'.; allowed"),
        ({"finished": None}, RunError, "finished is None; allowed: True or False"),
        ({"parameters": -1}, RunError, "parameters is -1; allowed: whole numbers from 0 on; 0 for any hidden_size"),
        ({"parameters": "9"}, RunError, "parameters is '9'; allowed: whole numbers"),
        ({"parameters": 9, "hidden_size": 2}, RunError, "parameters was given beside hidden_size; allowed: one"),
        ({"parameters": 10**6}, RunError, "no run .*has parameters 1000000\n.*recorded runs:\n"),
        ({"length": 0}, RunError, "length is 0, which stands for the pattern's default; leave length out"),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    there: Path, fields: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find_runs(**fields)


def test_a_store_is_found_from_the_folders_below_it(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = there / "analysis" / "notebooks"
    below.mkdir(parents=True, exist_ok=True)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(below)
    try:
        assert len(find_runs(pattern="abc")) == 5
        assert not (below / "mlflow.db").exists()
    finally:
        mlflow.set_tracking_uri(None)


def test_where_there_is_no_store_the_command_is_said_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"there is no store sqlite.*\n  to make a store .*sweep --patterns ab"):
        find_runs(pattern="ab", seed=range(2))
    with pytest.raises(RunError, match="there is no store"):
        find_runs(sweep="latest")
    assert not list(tmp_path.iterdir())


def test_a_sweep_that_is_not_there_is_said(store: Path) -> None:
    with pytest.raises(RunError, match="holds no sweep"):
        find_runs(sweep="latest")


@pytest.mark.slow
def test_runs_are_read_over_a_server(tracking_server: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server hands out is what its own store holds, and everything can be read from it."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "served")  # a new one, whose files the server keeps
    assert sweep(SWEEP) == 0
    over = find_runs()
    assert all(uri.startswith("mlflow-artifacts:") for uri in over["artifact_uri"])
    assert len(over) == 8
    table = curves(over)
    with sqlite3.connect(store / "mlflow.db") as database:
        (count,) = database.execute(
            "SELECT COUNT(*) FROM metrics WHERE key IN ('train_loss', 'train_accuracy')"
        ).fetchone()
    assert len(table) == count == 8 * 3 * 2
    assert len(find_runs(sweep="latest", pattern="aab")) == 4
    asked = search_by_config({"pattern": ["aab"], "hidden_size": [3], "seed": [1]})
    assert [run.info.run_id for run in asked] == over.query("pattern == 'aab' & hidden_size == 3 & seed == 1")[
        "run_id"
    ].tolist(), "the server answers to a condition, and to no run more"
    assert {states.output_lth.shape for states in trajectories(over, 5)} == {(1, 5, 2), (1, 5, 3)}
    assert reach_table(over).empty, "a file that is not there is no trouble of the server"
    with pytest.raises(RunError, match="to make them"):
        find_runs(pattern="reber")


def test_how_far_runs_reach_is_what_their_files_hold(there: Path) -> None:
    runs = find_runs()
    table = reach_table(runs)
    (run,) = find_runs(pattern="reber").to_dict("records")
    expected = pd.read_csv(Path(run["artifact_uri"]) / "generalization.csv")
    assert set(table["run_id"]) == {run["run_id"]}
    pd.testing.assert_frame_equal(table.drop(columns="run_id"), expected)
    within = table[table["trained"] & (table["measure"] == "length")]
    assert within["cases_right"].sum() / within["cases"].sum() == pytest.approx(run["whole_strings"])
    nothing = reach_table(find_runs(pattern="aab"))
    assert list(nothing) == list(table)
    assert nothing.empty


def test_untrained_trajectories_are_those_of_the_nets_that_the_seeds_begin_with(there: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "4 of the 6 combinations")
        runs = find_runs(hidden_size=[64, 3, 2], pattern=["abc", "reber"])  # the first of them diverged
    before = torch.get_rng_state()
    found = trajectories(runs, 20, trained=False)
    assert torch.equal(torch.get_rng_state(), before), "looking draws nothing"
    for run, states in zip(runs.itertuples(), found, strict=True):
        prepared = prepare(load_run(run.run_id).config)
        expected = collect(prepared.build_net(), prepared.vocabulary, states.text, prepared.pattern.mark)
        np.testing.assert_array_equal(states.output_lth, expected.output_lth)
        assert len(states.text) == 20
    with pytest.raises(RunError, match="recorded no net"):
        trajectories(runs, 20)


def test_a_unit_goes_on_beyond_its_test_and_less_than_a_character_is_refused(there: Path) -> None:
    runs = find_runs(pattern="aab", hidden_size=2, seed=0)
    (states,) = trajectories(runs, 400)
    assert states.text == ("aab" * 134)[:400]
    for count in (0, -3):
        with pytest.raises(ValueError, match=f"the number of characters is {count}; allowed: 1 or more"):
            trajectories(runs, count)


def test_runs_that_diverged_are_left_out_and_named(there: Path) -> None:
    runs = find_runs(hidden_size=[2, 64], cell="rnn")
    message = r"1 of 5 runs diverged and are left out: abc rnn64 e9 learning_rate=1e\+37 s42"
    with pytest.warns(UserWarning, match=message) as warned:
        assert list(drop_diverged(runs)["hidden_size"]) == [2] * 4
    assert len(warned) == 1
    assert drop_diverged(runs[:4]).equals(runs[:4])
    with pytest.raises(RunError, match="all of 1 runs diverged and recorded no net; allowed: one or more"):
        drop_diverged(runs[4:])


def test_a_sweep_that_is_not_there_is_named(store: Path) -> None:
    assert train(["--epochs", "1", "--hidden-size", "2"]) == 0
    for fields in ({}, {"hidden_size": 4}):
        with pytest.raises(RunError, match="holds no finished run of a sweep 'nope'; allowed: the run id of a sweep"):
            find_runs(sweep="nope", **fields)
