"""Runs asked for by their fields: what the tag holds, which searches are made, and runs that are older than the tag."""

import contextlib
import re
import sqlite3
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient

from analysis.runs import command_for_missing, config_tag, find_runs, loading, recorded_runs, store
from analysis.runs.config_tag import MAX_LENGTH, MAX_SEARCHES, search_by_config
from analysis.runs.table import FIELDS, _select
from experiments.sweep import main as sweep
from experiments.train import main as train
from rnn_core.config import TrainConfig
from rnn_core.data import prepare_all
from rnn_core.patterns import parse
from tests.conftest import recording_in, tracked_at, tracking

TAG = '{{ batch_size=1; cell="rnn"; clip=0.0; data_seed=0; device="cpu"; encoding="index"; epochs=2; hidden_size={}; '
TAG += 'layers=1; learning_rate=0.01; length=15; pattern="abc"; seed={}; threads=1; window=14; }}'


@pytest.fixture(scope="module")
def mixed(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with runs of two hidden sizes, seeds 0 to 3, and others; half of them older than the tag."""
    with recording_in(migrated_store, tmp_path_factory.mktemp("mixed")) as folder:
        assert sweep(["--patterns", "abc", "--hidden-sizes", "2,3", "--epochs", "2", "--seeds", "4"]) == 0
        for flags in ("--pattern unit:abc --learning-rate 1e-2 --seed 7", "--pattern ab --clip 1 --keep best"):
            assert train([*flags.split(), "--hidden-size", "2", "--epochs", "2", "--length", "40"]) == 0
        assert train(["--pattern", "aéb", "--hidden-size", "2", "--epochs", "2"]) == 0
        assert train(["--learning-rate", "1e37", "--hidden-size", "64", "--epochs", "9"]) == 1
        client = MlflowClient()
        for run in client.search_runs(["0"], "tags.resolved_config LIKE '%'"):
            if run.data.params["seed"] in ("1", "3", "42"):
                client.delete_tag(run.info.run_id, "resolved_config")
        client.create_run("0", tags={"resolved_config": TAG.format(2, 0)})  # somebody else's
    return folder


@pytest.fixture
def there(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{mixed / 'mlflow.db'}")
    return mixed


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The conditions that the store is asked with from now on."""
    conditions: list[str] = []

    def search_runs(condition: str = "", experiments: list[str] | None = None) -> Any:
        conditions.append(condition)
        return store.search_runs(condition, experiments)

    monkeypatch.setattr(config_tag, "search_runs", search_runs)
    return conditions


def test_the_tag_holds_what_was_used_and_not_what_was_typed(there: Path) -> None:
    runs = find_runs(hidden_size=[2, 3], seed=[0, 2], learning_rate=1e-2).to_dict("records")
    assert [run["tags"]["resolved_config"] for run in runs] == [
        TAG.format(size, seed) for size in (2, 3) for seed in (0, 2)
    ]
    given = MlflowClient().get_run(runs[0]["run_id"]).data.params
    assert (given["length"], given["window"]) == ("0", "0")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"pattern": "abc"},
        {"pattern": ["aéb", "ab"]},
        {"pattern": "unit:abc", "learning_rate": 0.01, "seed": 7},
        {"hidden_size": 2, "seed": [0, 1]},
        {"hidden_size": [2, 3], "seed": range(4), "epochs": 2, "window": 14},
        {"seed": range(MAX_SEARCHES + 10)},
        {"keep": "best"},
        {"keep": ["best", "last"], "hidden_size": 2},
        {"schedule": "constant", "seed": [2, 3]},
        {"clip": 1, "length": 40},
        {"hidden_size": 64},
        {"pattern": ["abc", "a" * 60_000 + "b"]},
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_asking_the_store_finds_what_reading_all_runs_finds(
    there: Path, query: Mapping[str, Any], finished: bool
) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of the")
        found, everything = find_runs(finished=finished, **query), find_runs(finished=finished)
    listed = {name: [value] if isinstance(value, (str, int, float)) else list(value) for name, value in query.items()}
    if "pattern" in query:
        listed["pattern"] = [parse(spec).spec for spec in listed["pattern"]]
    expected = _select(everything, listed)
    assert list(found["run_id"]) == list(expected["run_id"])
    pd.testing.assert_frame_equal(found, expected[list(found)])
    assert len(found)


def test_only_the_runs_that_were_asked_for_are_read(there: Path, searched: list[str]) -> None:
    assert len(search_by_config({"hidden_size": [3], "seed": [0, 2]})) == 2 + 7, "those with the tag, and the old ones"
    assert len(searched) == 3
    assert len(search_by_config({"pattern": ["abc"], "seed": list(range(1000))})) == 5 + 7
    assert len(searched) == 3 + 4, "one for the numbers of each length"
    assert len(search_by_config({"seed": list(range(2, 4 + 2 * MAX_SEARCHES, 2))})) == 5 + 7
    assert len(search_by_config({"seed": list(range(70, 70 + 2 * MAX_SEARCHES))})) == 0 + 7


def test_no_more_than_a_few_searches_are_made(there: Path, searched: list[str]) -> None:
    assert len(search_by_config({"seed": range(MAX_SEARCHES), "epochs": [2]})) == 5 + 7
    assert len(searched) == MAX_SEARCHES + 1
    searched.clear()
    assert len(search_by_config({"pattern": ["a" * n + "b" for n in range(1, MAX_SEARCHES + 2)]})) == 5 + 7
    assert searched == ["tags.`config_digest` LIKE '%'"]


@pytest.mark.long  # the slow test of `find_runs` over a server asks it, too
def test_a_server_is_asked_in_the_same_way(mixed: Path) -> None:
    with tracking(mixed) as address, tracked_at(address):
        query = {"pattern": ["abc", "aéb"], "hidden_size": [3], "seed": [2]}
        tags = [run.data.tags.get("resolved_config") for run in search_by_config(query)]
        assert [tag for tag in tags if tag] == [TAG.format(3, 2)]
        assert len(tags) == 1 + 7


ODD_SPECS = [
    "it's",
    'say "x"',
    'it\'s "x"',
    "100%",
    "a_b",
    "back\\slash",
    "a; seed=1; b",
    "`tick`",
    "--x",
    "a\nb",
    "é𝄞",
]


def test_no_character_of_a_pattern_hides_a_run(store: Path) -> None:
    client, configs = MlflowClient(), [TrainConfig(pattern=spec, length=9, window=8) for spec in ODD_SPECS]
    for config in configs:
        client.create_run("0", tags={"config_digest": "0" * 64, **config_tag.config_tag(config)})
    for config in configs:
        found = search_by_config({name: [value] for name, value in vars(config).items()})
        assert config_tag.config_tag(config)["resolved_config"] in [
            run.data.tags["resolved_config"] for run in found
        ], config.pattern
    assert len(search_by_config({"pattern": ODD_SPECS, "seed": [42]})) == len(ODD_SPECS)


def test_a_config_too_long_for_a_tag_is_found_as_an_old_one(store: Path) -> None:
    config = TrainConfig(pattern="a" * (MAX_LENGTH - 300) + "b" * 300, length=9, window=8)
    assert config_tag.config_tag(config) == {}
    run = MlflowClient().create_run("0", tags={"config_digest": "0" * 64})
    (found,) = search_by_config({"pattern": [config.pattern]})
    assert found.info.run_id == run.info.run_id


@given(
    fields=st.sets(st.sampled_from(FIELDS)),
    seed=st.integers(0, 2**63 - 1),
    rate=st.floats(1e-12, 1e12),
    spec=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    keep=st.sampled_from(["last", "best"]),
    others=st.sets(st.integers(0, 2000), max_size=60),
)
def test_a_condition_holds_for_every_config_with_its_values(
    fields: set[str], seed: int, rate: float, spec: str, keep: str, others: set[int]
) -> None:
    config = TrainConfig(pattern=spec, seed=seed, learning_rate=rate, keep=keep)
    query = {name: [getattr(config, name)] for name in fields} | {"seed": [seed, *others]}
    text = config_tag.config_tag(config)["resolved_config"]
    conditions = config_tag._conditions(query)
    assert conditions is None or 0 < len(conditions) <= MAX_SEARCHES
    patterns = [
        re.fullmatch("tags.`resolved_config` LIKE '([^'\"\\\\`]*)'", each).group(1) for each in conditions or ()
    ]
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA case_sensitive_like = true")
        met = [database.execute("SELECT ? LIKE ?", (text, pattern)).fetchone() == (1,) for pattern in patterns]
    assert any(met) or conditions is None


@pytest.mark.parametrize("most", [2, MAX_SEARCHES])
def test_a_sweep_that_looks_for_its_runs_finds_old_and_new(
    there: Path, searched: list[str], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(loading, "MAX_SEARCHES", most)
    monkeypatch.setattr(config_tag, "MAX_SEARCHES", most)
    prepared = prepare_all(TrainConfig(hidden_size=2, epochs=2, seed=seed) for seed in range(6))
    digests, configs = [each.record.digest for each in prepared], [each.config for each in prepared]
    found = recorded_runs("0", digests, configs=configs)
    assert "tags.`config_digest` LIKE '%'" not in searched
    everything = recorded_runs("0", digests)
    assert {digest: run.info.run_id for digest, run in found.items()} == {
        digest: run.info.run_id for digest, run in everything.items()
    }
    assert found.keys() == set(digests[:4])


def test_the_command_for_missing_runs_counts_the_old_ones(there: Path) -> None:
    assert command_for_missing(pattern="abc", hidden_size=[2, 3], epochs=2, seed=range(4)) == []
    assert "--seeds" in command_for_missing(pattern="abc", hidden_size=[2, 3], epochs=2, seed=range(5))
