"""The grid of a sweep: what flags and files say, what runs it makes, what it refuses."""

import dataclasses
import os
from pathlib import Path

import pytest

from analysis.commands import PLURALS
from experiments.errors import UsageError
from experiments.flags import with_flags
from experiments.grid import FIELDS, Grid, read_grid
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.cells import CELLS


def shown(error: BaseException) -> str:
    """Return what the user of a sweep sees of a refusal."""
    return with_flags(error, PLURALS) if isinstance(error, ConfigError) else str(error)


def of(**said: str) -> Grid:
    return read_grid(said, None)


def test_names_of_lists_are_plurals() -> None:
    assert PLURALS.keys() == FIELDS.keys()
    same = {name for name, plural in PLURALS.items() if name == plural}
    assert same == {"epochs", "layers", "threads", "draws", "batches"}
    assert (PLURALS["hidden_size"], PLURALS["pattern"], PLURALS["seed"]) == ("hidden_sizes", "patterns", "seeds")


def test_every_combination_is_a_run_with_each_seed() -> None:
    grid = of(patterns="abc,aab", hidden_sizes="4,8", learning_rates="1e-2,0.003", seeds="3")
    configs = [asked.config for asked in grid.runs()]
    assert len(set(configs)) == 2 * 2 * 2 * 3
    assert configs[:4] == [TrainConfig("abc", hidden_size=4, seed=seed) for seed in range(3)] + [
        TrainConfig("abc", hidden_size=4, learning_rate=0.003, seed=0)
    ]
    assert grid.swept == ("pattern", "hidden_size", "learning_rate")
    assert grid.title() == "pattern abc, aab x hidden 4, 8 x learning rate 0.01, 0.003 x 3 seeds"
    assert grid.params()["learning_rates"] == "0.01,0.003"


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("length", "20,30", (20, 30)),
        ("encoding", "index,onehot", ("index", "onehot")),
        ("layers", "1,2", (1, 2)),
        ("schedule", "constant,cosine", ("constant", "cosine")),
        ("weight_decay", "0,0.1", (0.0, 0.1)),
        ("batch_size", "1,2", (1, 2)),
        ("window", "0,5", (0, 5)),
        ("clip", "0,1", (0.0, 1.0)),
        ("keep", "last,best", ("last", "best")),
        ("draws", "once,every-epoch", ("once", "every-epoch")),
        ("batches", "drawn,one-length", ("drawn", "one-length")),
        ("curriculum", "0,0.1", (0.0, 0.1)),
        ("data_seed", "0,1", (0, 1)),
        ("device", "cpu", ("cpu",)),
        ("threads", "1,2", (1, 2)),
    ],
)
def test_every_field_can_be_swept(field: str, text: str, values: tuple[object, ...]) -> None:
    configs = [asked.config for asked in of(**{PLURALS[field]: text, "seeds": "1"}).runs()]
    assert [getattr(config, field) for config in configs] == list(values)


@pytest.mark.parametrize(
    ("text", "seeds", "shown"),
    [("3", (0, 1, 2), "3"), ("40-42", (40, 41, 42), "40-42"), ("7-7", (7,), "7-7"), ("1", (0,), "1")],
)
def test_seeds_are_a_count_or_a_range(text: str, seeds: tuple[int, ...], shown: str) -> None:
    grid = of(seeds=text)
    assert grid.seeds == seeds
    assert grid.params() == {"seeds": shown}


def test_nothing_said_is_the_default_run_with_ten_seeds() -> None:
    assert [asked.config for asked in of().runs()] == [TrainConfig(seed=seed) for seed in range(10)]


def test_recipes_hold_where_nothing_is_said() -> None:
    abc, reber = (asked for asked in of(patterns="abc,reber", epochs="7", seeds="1").runs())
    assert abc.config == TrainConfig(epochs=7, seed=0)
    assert abc.recipe == {}
    assert reber.config == TrainConfig("reber", epochs=7, seed=0, **reber.recipe)
    assert reber.recipe
    assert "epochs" not in reber.recipe


def test_a_value_given_twice_is_one() -> None:
    assert of(hidden_sizes="4,04,4").values["hidden_size"] == (4,)


def test_a_file_says_what_commas_cannot(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text('patterns = ["a,b", "abc"]\nlearning_rates = [1, 0.5]\ncells = "rnn,gru"\nseeds = [5, 9]\n')
    grid = read_grid({"cells": "lstm", "epochs": ""}, file)
    values = {"pattern": ("a,b", "abc"), "learning_rate": (1.0, 0.5), "cell": ("lstm",)}
    assert grid == Grid(values, (5, 9))
    assert grid.params()["seeds"] == "5,9"
    assert len(grid.runs()) == 2 * 2 * 2


def test_a_grid_reads_back_from_its_own_text(tmp_path: Path) -> None:
    grid = of(patterns='αβγ,a"b,x\\y,😀z,\t\x7f\n', learning_rates="1e-5,1e20", epochs="3", seeds="40-41")
    (tmp_path / "grid.toml").write_text(grid.text(), encoding="utf-8")
    assert read_grid({}, tmp_path / "grid.toml") == grid


def test_the_path_of_a_text_holds_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tale.txt").write_text("the cat sat on the mat. " * 20)
    monkeypatch.chdir(tmp_path)
    assert of(patterns="text:tale.txt").values["pattern"] == (f"text:{tmp_path / 'tale.txt'}",)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"hidden_sizes": "4,x"}, "hidden_sizes is '4,x'; allowed: one or more whole numbers, separated by commas"),
        ({"hidden_sizes": "4,,8"}, "(--hidden-sizes)"),
        ({"hidden_sizes": "4.5"}, "whole numbers"),
        ({"hidden_sizes": "4,0"}, "hidden_size is 0; allowed: whole numbers 1 or more (--hidden-sizes)"),
        ({"learning_rates": "nan"}, "(--learning-rates)"),
        ({"cells": "rnn,foo"}, f"cell is 'foo'; allowed: {', '.join(CELLS)} (--cells)"),
        ({"patterns": "abc,rebber"}, "did you mean reber? (--patterns)"),
        ({"patterns": "a"}, "two or more distinct characters"),
        ({"patterns": "a,b"}, "a comma separates patterns: one that holds a comma goes into a file for --grid"),
        ({"seeds": "0"}, "seeds is '0'; allowed: a count such as 10 (the seeds 0 to 9), or a range such as 40-49"),
        ({"seeds": "9-3"}, "(--seeds)"),
        ({"seeds": "1,2"}, "(--seeds)"),
        ({"learning_rates": "1e400"}, "learning_rate is inf"),
        ({"hidden_sizes": "9" * 5000}, "(5000 characters); allowed: one or more whole numbers"),
        (
            {"seeds": "100000", "hidden_sizes": "1,2"},
            "has 200000 runs (2 hidden_sizes x 100000 seeds); allowed",
        ),
        ({"seeds": "99999999"}, "1 to 100000 seeds"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(said: dict[str, str], words: str) -> None:
    with pytest.raises((ConfigError, UsageError)) as refused:
        read_grid(said, None).runs()
    assert words in shown(refused.value)
    assert "\n" not in shown(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hidden_size = [4]", "holds 'hidden_size'; allowed: patterns, lengths, "),
        ("hidden_sizes = [4.5]", "hidden_sizes is [4.5]; allowed: one or more whole numbers"),
        ("hidden_sizes = [true]", "hidden_sizes is [True]"),
        ("hidden_sizes = [[4]]", "hidden_sizes is [[4]]"),
        ("hidden_sizes = []", "hidden_sizes is []"),
        ("patterns = [16]", "patterns is [16]"),
        ("seeds = [1, -1]", "seeds is [1, -1]"),
        ("seeds = ", "is not TOML"),
        (f"hidden_sizes = [{'9' * 5000}]", "is not TOML: Exceeds the limit (4300 digits)"),
        (f"learning_rates = [{'9' * 400}]", "allowed: one or more numbers"),
        (f"seeds = 0x{'f' * 5000}", "seeds is a value too long to be shown"),
        (f"seeds = {'[' * 900}{']' * 900}", "is not TOML: it is nested too deep"),
        (f"seeds = {'{a = ' * 900}1{'}' * 900}", "is not TOML: it is nested too deep"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(text)
    with pytest.raises((ConfigError, UsageError)) as refused:
        read_grid({}, tmp_path / "grid.toml")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_grid({}, tmp_path / "grid.toml")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text('patterns = ["abc"]', encoding="utf-8-sig")
    assert read_grid({}, tmp_path / "grid.toml").values["pattern"] == ("abc",)


def test_a_whole_number_of_thousands_of_digits_is_refused_by_its_field(tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(f"hidden_sizes = [0x{'f' * 5000}]")
    with pytest.raises(ConfigError, match="hidden_size is a value too long to be shown; allowed: whole numbers from 1"):
        read_grid({}, tmp_path / "grid.toml").runs()


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "folder"])
def test_what_is_no_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"not a file, but a device, a pipe or a socket|Is a directory"):
        read_grid({}, tmp_path / name)


def test_nets_of_all_cells_are_fitted_to_a_number_of_parameters(tmp_path: Path) -> None:
    grid = read_grid({"patterns": "abc,reber", "cells": ",".join(CELLS), "seeds": "2"}, None, parameters=2000)
    configs = [request.config for request in grid.runs()]
    assert len(configs) == 2 * len(CELLS) * 2
    for config in configs:
        counts = [
            prepare(dataclasses.replace(config, hidden_size=size)).record.parameter_count
            for size in (config.hidden_size - 1, config.hidden_size, config.hidden_size + 1)
        ]
        assert min(counts, key=lambda count: abs(count - 2000)) == counts[1]
    lines = grid.fitted()
    assert len(lines) == 2 * len(CELLS)
    assert "abc, index, rnn: hidden_size 42, 2019 parameters" in lines  # 42 + 42 * 42 + 2 * 42, and 3 * 42 + 3
    assert "hidden_size" not in next(request for request in grid.runs() if request.config.pattern == "reber").recipe
    file = tmp_path / "grid.toml"
    file.write_text(grid.text())
    assert read_grid({}, file) == grid
    assert grid.params()["parameters"] == "2000"
    assert "about 2000 parameters" in grid.title()


@pytest.mark.parametrize(
    ("flags", "parameters", "message"),
    [
        ({"hidden_sizes": "4"}, 100, r"hidden_sizes is '4'; allowed: nothing beside --parameters"),
        ({"cells": "grru"}, 100, r"cell is 'grru'; allowed"),
        ({"layers": "0"}, 100, r"layers is 0; allowed"),
        ({}, -1, r"parameters is -1; allowed: whole numbers from 0"),
        ({"patterns": "reber"}, 4, r"parameters is 4, but the nearest net of rnn for reber has \d+ \(hidden_size 1\)"),
    ],
)
def test_a_number_of_parameters_that_cannot_be_had_is_refused(
    flags: dict[str, str], parameters: int, message: str
) -> None:
    with pytest.raises((ConfigError, UsageError), match=message):
        read_grid(flags, None, parameters).runs()
