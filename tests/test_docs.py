"""What the documents show works as it stands there."""

import dataclasses
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.cli
import pytest
import torch

from analysis.dynamics import trajectories
from analysis.inside import QUESTIONS
from analysis.runs import find_runs, load_net, load_run
from analysis.runs.schema import INSIDE_FOLDER, INSPECTED_TAG
from experiments import delete, generate, inspect, notebooks, page, patterns, sweep
from experiments import train as train_command
from experiments.flags import read_flags
from experiments.grid import read_grid
from experiments.sweep import main
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.nets import cells
from rnn_core.patterns import parse
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.specs import family_of
from rnn_core.patterns.shared.transducer import Transducer
from rnn_core.training import train
from tests.conftest import PROJECT

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("**/*.md"))]

COMMANDS = {
    "train": train_command.Flags,
    "sweep": sweep.Flags,
    "delete": delete.Flags,
    "generate": generate.Flags,
    "inspect": inspect.Flags,
    "patterns": patterns.Flags,
    "notebooks": notebooks.Flags,
    "page": page.Flags,
}
"""The commands of this project, and their flags."""

NOT_OURS = (
    "pytest",
    "ruff",
    "mypy",
    "bash",
    "pre-commit",
    "mkdocs",
    "jupyter",
    "dask",
    "curl",
    "python3",
    "cat",
    "oxlint",
    ".",
)
"""What else the documents tell a person to run. Their arguments are not looked at."""

ROOMS = ("rnn_core", "analysis", "experiments")

NOT_OUR_MESSAGES = ("Tracking URL is not set", "Address already in use", "kill -9")


def text_of(name: str) -> str:
    return (PROJECT / name).read_text()


def blocks(text: str, language: str = "") -> list[str]:
    """Return the fenced blocks of a document in one language; by default those without, which hold commands."""
    found = re.findall(r"^```(.*)\n((?:.*\n)*?)```$", text, flags=re.MULTILINE)
    return [code for named, code in found if named == language]


PATTERN, TRANSDUCER, CELL = blocks(text_of("CONTRIBUTING.md"), "python")
"""The files that CONTRIBUTING shows."""


def test_the_pattern_of_contributing_trains() -> None:
    code = PATTERN
    try:
        exec(compile(code, "count.py", "exec"), {"__name__": "count"})
        pattern = Pattern.families["count"]("abc")
        assert pattern.training_text(length=12, data_seed=0) == "abcaabbccaaa"
        assert pattern.automaton is None
        labels = {name: values.tolist() for name, values in pattern.labels("abcaabbc").items()}
        assert labels == {"turn": [1, 1, 2, 2, 2, 2, 2, 2], "left": [1, 1, 2, 1, 2, 1, 2, 1]}
        losses = [record.loss for record in train(TrainConfig(pattern="count:abc", epochs=3))]
        assert losses == sorted(losses, reverse=True)
    finally:
        Pattern.families.pop("count", None)


def test_the_transducer_of_contributing_says_what_it_is_to_and_trains() -> None:
    try:
        exec(compile(TRANSDUCER, "tally.py", "exec"), {"__name__": "tally"})
        pattern = parse("tally:3")
        assert isinstance(pattern, Transducer)
        assert pattern.transduce("0110111") == "0122012"
        prepared = prepare(TrainConfig(pattern="tally:3", encoding="onehot", epochs=3, batch_size=20, window=20))
        records = list(train(prepared))
        assert records[-1].loss < records[0].loss
        assert measure(records[-1].net, prepared).metrics["floor_loss"] == 0
    finally:
        Pattern.families.pop("tally", None)


@pytest.mark.slow
def test_the_cell_of_contributing_is_found_trained_and_recorded(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "cells").mkdir()
    (store / "cells" / "leaky.py").write_text(CELL)
    monkeypatch.setattr(cells, "__path__", [*cells.__path__, str(store / "cells")])
    monkeypatch.setattr("rnn_core.config.CELLS", (*cells.CELLS, "leaky"))
    assert main(["--cells", "leaky", "--layers", "2", "--epochs", "30", "--encodings", "onehot", "--seeds", "2"]) == 0
    runs = find_runs(cell="leaky", layers=2)
    assert len(runs) == 2
    for run in runs.to_dict("records"):
        net = load_net(run["run_id"])
        assert run["parameters"] == sum(weight.numel() for weight in net.parameters())
        losses = [record.loss for record in train(load_run(run["run_id"]).config)]
        assert run["train_loss"] == pytest.approx(losses[-1], rel=1e-4)
        assert losses[-1] < losses[0] / 2
    (states, *_) = trajectories(runs, 9)
    assert states.state.keys() == {"h"}


def commands_of(path: Path) -> list[str]:
    """Return the commands that a document shows, each alone: those that `&&` joins are parted."""
    lines = [line for code in blocks(path.read_text()) for line in code.splitlines()]
    parted = [" ".join(shlex.quote(word) for word in shlex.split(line, comments=True)) for line in lines]
    return [command for line in parted for command in line.split(" '&&' ") if command]


ALL_COMMANDS = sorted({command for path in DOCUMENTS for command in commands_of(path)})


def test_the_documents_show_commands_of_every_kind() -> None:
    shown = {words[2] for words in map(shlex.split, ALL_COMMANDS) if words[:2] == ["python", "-m"]}
    assert {f"experiments.{name}" for name in COMMANDS} <= shown
    benchmarks = [
        "one_run",
        "training",
        "sweep_speed",
        "reading",
        "growth",
        "writers",
        "text",
        "patterns",
        "recipes",
        "inside",
    ]
    assert {f"benchmarks.{name}" for name in benchmarks} <= shown


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_a_command_that_is_shown_is_one(command: str) -> None:
    check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "python -m experiments.train --hidden-sise 4",
        "python -m experiments.train --cell gpu",
        "python -m experiments.sweep --hidden-size 4",
        "python -m experiments.sweep --seeds many",
        "python -m experiments.remove latest",
        "python -m benchmarks.speed",
        "mlflow run . -P hidden_sizes=4",
        "mlflow run . -e sweep -P hidden_size=4",
        "mlflow gc --trackin-uri sqlite:///mlflow.db",
        "mlflow show",
        "pip install -e .[cuda]",
        "rnn-patterns train",
    ],
)
def test_a_command_that_is_none_is_found(command: str) -> None:
    with pytest.raises((Exception, SystemExit)):
        check_command(command)


def check_command(command: str) -> None:
    """Raise an error unless a command and its flags are there; nothing is run."""
    program, *arguments = [word for word in shlex.split(command) if not re.match("[A-Z_]+=", word)]
    if program == "mlflow":
        check_mlflow(arguments)
    elif program == "pip":
        assert arguments[:2] == ["install", "-e"]
        extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
        assert re.fullmatch(rf"\.(\[({'|'.join(extras)})\])?", arguments[2])
    elif program == "python" and arguments[0] == "-c":
        compile(arguments[1], command, "exec")
    elif program == "python" and arguments[1].startswith("experiments."):
        check_flags(arguments[1].removeprefix("experiments."), arguments[2:])
    elif program == "python" and arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]) is not None
    else:
        assert program in NOT_OURS


def check_flags(name: str, arguments: Sequence[str]) -> None:
    try:
        flags: Any = read_flags(COMMANDS[name], name, arguments)
    except SystemExit:
        assert list(arguments) == ["--help"]
        return
    if name == "sweep":
        read_grid({plural: getattr(flags, plural) for plural in sweep.PLURALS.values()}, None).runs()
    elif (
        getattr(flags, "pattern", "")
        and not family_of(flags.pattern)[0].needs_file
        and not flags.pattern.startswith("hmm:/")
    ):
        parse(flags.pattern)


def check_mlflow(arguments: Sequence[str]) -> None:
    """Let MLflow read the arguments, and look for the parameters of `mlflow run` in MLproject."""
    from mlflow.projects.utils import load_project

    command: Any = mlflow.cli.cli
    words = list(arguments)
    while hasattr(command, "commands"):
        command = command.get_command(command.make_context("mlflow", [], resilient_parsing=True), words.pop(0))
    context = command.make_context("mlflow", words)
    if arguments[0] == "run":
        entry = load_project(str(PROJECT)).get_entry_point(context.params["entry_point"])
        assert {given.split("=")[0] for given in context.params["param_list"]} <= entry.parameters.keys()


@pytest.mark.slow
def test_readmes_own_question_is_answered_as_it_stands_there(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # a reader has not set it
    _, (ask, count, look) = (code.splitlines() for code in blocks(text_of("README.md")))
    grid = shlex.split(ask)[3:]
    smaller = {"50,200": "1,2", "10": "2", "2": "1"}  # epochs, seeds, workers
    assert main([smaller.get(word, word) for word in grid]) == 0
    assert "\nno setting solves it, in any of 12 runs\n" in capsys.readouterr().out
    exec(shlex.split(count)[2], {})
    table = capsys.readouterr().out.splitlines()
    shown = blocks(text_of("docs/first_hour.md"), "text")[1].splitlines()
    assert table[0].split() == shown[0].split()
    assert [row.split()[1:3] for row in table[1:]] == [[size, epochs] for size in "248" for epochs in "12"]
    assert [row.split()[1:3] for row in shown[1:]] == [[size, epochs] for size in "248" for epochs in ("50", "200")]
    script, *_ = blocks(text_of("docs/first_hour.md"), "python")
    exec(script.replace("== 200", "== 2"), {})
    line = r"solved at hidden_size 8 minus that at 4 is \S+ \[\S+, \S+\] over {} common seeds: {}"
    assert re.fullmatch(line.format(2, r"undecided \(few seeds\)"), capsys.readouterr().out.strip())
    assert re.fullmatch(line.format(10, "higher"), blocks(text_of("docs/first_hour.md"), "text")[2].strip())
    (answer,) = blocks(text_of("README.md"), "text")[1].splitlines()
    solved = {tuple(row.split()[1:3]): round(float(row.split()[3]) * 10) for row in shown[1:]}
    told = re.findall(r"hidden size (\d), epochs (\d+) \((\d+) of 10\)", answer)
    assert {(size, epochs): int(seeds) for size, epochs, seeds in told} == {k: n for k, n in solved.items() if n}
    assert answer.endswith(f"by no seed in {list(solved.values()).count(0)} other settings")
    assert look == "mlflow ui"


@pytest.mark.slow
def test_the_scripts_of_the_pages_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--patterns", "abc,abcabd", "--hidden-sizes", "4,8,16", "--epochs", "3", "--seeds", "2"]) == 0
    (compare,) = blocks(text_of("docs/statistics.md"), "python")
    (load,) = blocks(text_of("docs/runs.md"), "python")
    capsys.readouterr()
    exec(compare.replace("epochs=500", "epochs=3").replace("range(10)", "range(2)"), {})
    said = capsys.readouterr().out.splitlines()[-1]
    (shown,) = blocks(text_of("docs/statistics.md"), "text")
    line = r"eval_loss at hidden_size 8 is \S+ times that at 4 \[\S+, \S+\] over {} common seeds: {}"
    assert re.fullmatch(line.format(2, r"undecided \(few seeds\)"), said)
    assert re.fullmatch(line.format(10, "lower"), shown.strip())
    exec(load, {})
    assert "CharRNN(" in capsys.readouterr().out


OVER_SEEDS, OWN_NET = blocks(text_of("docs/inside.md"), "python")
"""The scripts that the page about the inside of a net shows."""


def test_a_net_of_ones_own_is_asked_as_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    exec(OWN_NET.replace("characters=1000", "characters=200"), {})
    said = capsys.readouterr().out
    assert re.search(r"^trained net: \d+ of 100 visited states come to rest, at ", said, flags=re.MULTILINE)
    assert re.search(r"^bit_A \(accuracy\): ", said, flags=re.MULTILINE)
    assert all(f" {column} " in said for column in ("states", "starts", "kind"))


@pytest.mark.slow
def test_the_tables_of_many_nets_are_joined_as_the_page_shows(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analysis.inside.subject.CHARACTERS", 300)
    flags = "--patterns tomita:3 --lengths 300 --cells rnn,gru --hidden-sizes 3 --epochs 1 --seeds 2"
    assert main([*flags.split(), "--inspect", "automaton,readouts"]) == 0
    capsys.readouterr()
    exec(OVER_SEEDS, {})
    said = capsys.readouterr().out
    assert re.search(
        r"^gru: the pattern's automaton: \S+ \[.*\] \(share of 2 seeds; few seeds\)$", said, flags=re.MULTILINE
    )
    line = r"^rnn, node: score at predictor trained minus that at untrained is \S+ \[.*\] over 2 common seeds"
    assert re.search(line, said, flags=re.MULTILINE)


def test_the_page_explains_every_question_table_and_metric() -> None:
    page = text_of("docs/inside.md")
    assert [name for name in re.findall("^## (.*)", page, flags=re.MULTILINE) if name in QUESTIONS] == list(QUESTIONS)
    assert all(f"`{name}`" in page for name in ("limit_points", "automaton_states", "automaton_equal"))
    assert all(f"`{tag}`" in text_of("docs/runs.md") for tag in (INSPECTED_TAG, f"{INSIDE_FOLDER}/"))


@pytest.mark.parametrize("page", sorted(path.stem for path in (PROJECT / "docs" / "api").glob("*.md")))
def test_the_page_of_a_package_lists_the_file_of_each_name_that_it_exports(page: str) -> None:
    if page == "rnn_core":  # exports nothing by itself
        return
    package = importlib.import_module(f"analysis.{page}")
    listed = re.findall("^::: (.+)", text_of(f"docs/api/{page}.md"), flags=re.MULTILINE)
    files = {getattr(getattr(package, name), "__module__", package.__name__) for name in package.__all__}
    of_package = {file for file in files if file.startswith(package.__name__)}
    assert listed == [package.__name__] or sorted(of_package - {*listed}) == []


def test_the_cell_that_the_first_hour_shows_is_the_notebooks() -> None:
    *_, shown, _ = blocks(text_of("docs/first_hour.md"), "python")
    notebook = text_of("analysis/notebooks/02_compare_runs.ipynb")
    for line in shown.splitlines():
        assert line.replace('"', '\\"') in notebook


def test_the_messages_that_are_explained_are_ours() -> None:
    code = "".join(path.read_text() for room in ROOMS for path in (PROJECT / room).rglob("*.py"))
    explained = re.findall(r"^\*\*`(.+)`\*\*", text_of("docs/trouble.md"), flags=re.MULTILINE)
    ours = [message for message in explained if message not in NOT_OUR_MESSAGES]
    assert len(ours) >= 12
    for message in ours:
        assert all(part.strip() in code for part in message.split("...")), message


def test_links_lead_somewhere() -> None:
    for path in DOCUMENTS:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text()):
            there = (path.parent / target) if target else path
            assert there.exists(), f"{path.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)", there.read_text(), flags=re.MULTILINE)
                assert anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def test_every_picture_is_shown_and_every_notebook_linked() -> None:
    linked = {
        (path.parent / target).resolve()
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text())
    }
    pictures = {path for path in linked if path.suffix == ".png"}
    assert pictures == set((PROJECT / "docs").glob("*.png"))
    assert {path for path in linked if path.suffix == ".ipynb"} == set(PROJECT.glob("analysis/notebooks/*.ipynb"))


def test_readme_is_three_screens() -> None:
    assert len(text_of("README.md").splitlines()) <= 140


def rows_below(text: str, head: str) -> list[list[str]]:
    """Return the cells of a table, row by row, given its first line."""
    _, _, *rows = text[text.index(head) :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def section(name: str) -> str:
    """Return the section of the page of costs that tells a benchmark's command."""
    (told,) = [part for part in text_of("docs/costs.md").split("\n## ") if f"python -m benchmarks.{name}\n" in part]
    return told


def test_the_costs_of_a_run_agree_and_are_what_we_ask_for() -> None:
    rows = rows_below(section("one_run"), "| what, median | ours | instead | ratio | at most |")
    assert len(rows) == 3
    for _, ours, instead, ratio, most in rows:
        assert float(ours.removesuffix(" s")) / float(instead.removesuffix(" s")) == pytest.approx(
            float(ratio), abs=0.006
        )
        assert float(ratio) <= float(most)


@pytest.mark.parametrize(
    ("benchmark", "head"),
    [
        ("sweep_speed", "| what, median | ours | instead | times as fast | goal |"),
        ("reading", "| what | ours | instead | times as fast | at least |"),
    ],
)
def test_the_costs_of_many_runs_agree_and_are_what_we_ask_for(benchmark: str, head: str) -> None:
    rows = rows_below(section(benchmark), head)
    assert len(rows) == 2
    for _, ours, instead, times, least in rows:
        assert float(instead.split()[0]) / float(ours.split()[0]) == pytest.approx(float(times), rel=0.02)
        assert float(times) >= (40 if benchmark == "sweep_speed" else float(least))  # of sweeps, goals stand there


def test_the_costs_of_training_agree_and_a_sweep_takes_the_faster_road() -> None:
    rows = rows_below(section("training"), "| nets | compiled loops, us |")
    assert [int(row[0]) for row in rows] == [64, 256, 1024]
    for nets, ours, *others in rows:
        assert float(others[1].split()[0]) / float(ours) >= 80, f"{nets} nets against a bare loop"
        for other, times in (cell.rstrip(")").split(" (") for cell in others):
            assert float(other) / float(ours) == pytest.approx(float(times), rel=0.05)
    rows = rows_below(section("training"), "| recipe | steps with padding")
    assert len(rows) == 6
    for spec, _, by_torch, stack_by_torch, _, two_alone, in_a_sweep, as_alone, as_stack, _ in rows:
        alone = min(float(two_alone), float(by_torch) / 2)
        assert alone / float(in_a_sweep) == pytest.approx(float(as_alone), abs=0.06)
        assert float(stack_by_torch) / float(in_a_sweep) == pytest.approx(float(as_stack), abs=0.06)
        assert float(as_alone) > 0.9
        assert float(as_stack) > (3 if spec.strip("`") in ("reber", "anbn", "tomita:3", "flipflop:3") else 1)


def test_the_costs_of_a_text_agree_and_are_what_we_ask_for() -> None:
    ((_, ours, instead, ratio, least), _) = rows_below(section("text"), "| what, median | ours | bare loop | ratio |")
    assert float(ours.replace(",", "")) / float(instead.replace(",", "")) == pytest.approx(float(ratio), abs=0.001)
    assert float(ratio) >= float(least)


def test_the_first_sweep_of_the_docs_is_one() -> None:
    (command,) = re.findall(r"mlflow run \. -e sweep --env-manager local (.*)", text_of("docs/sweeps.md"))
    said = dict(pair.split("=") for pair in command.split() if "=" in pair)
    assert len(read_grid(said, None).runs()) == 270


def test_the_grid_that_is_shown_is_one(tmp_path: Path) -> None:
    (grid,) = blocks(text_of("docs/sweeps.md"), "toml")
    (tmp_path / "my_grid.toml").write_text(grid)
    assert len(read_grid({}, tmp_path / "my_grid.toml").runs()) == 40


def test_the_tables_of_patterns_are_complete() -> None:
    for name in ("README.md", "docs/patterns.md"):
        specs = [
            spec
            for shown, _ in rows_below(text_of(name), "| pattern | what it is |")
            for spec in re.findall("`([^`]*)`", shown)
        ]
        assert {spec.split(":")[0] for spec in specs} >= Pattern.families.keys() - {"unit"}
        for spec in specs:
            assert "PATH" in spec or parse(spec).spec == parse(parse(spec).spec).spec


def test_the_table_of_cells_is_complete() -> None:
    section = text_of("docs/patterns.md").split("## Cells\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall("`([a-z]+)`", row)) == sorted(cells.CELLS)
    assert f"one of {'twelve' if len(cells.CELLS) == 12 else len(cells.CELLS)} [cells]" in text_of("README.md")


def test_the_table_of_parameters_is_complete() -> None:
    described: dict[str, str] = {}
    for names, defaults, _ in rows_below(text_of("docs/patterns.md"), "| parameter | default | what it is |"):
        described |= dict(zip(re.findall(r"`(\w+)`", names), defaults.split(", "), strict=True))
    fields = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    assert described.keys() == fields.keys()
    for name, default in fields.items():
        assert type(default)(described[name]) == default
