"""The contracts that hold across the house: one source of truth for parameters and packages, and one-way imports."""

import ast
import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
import tyro
import yaml

from analysis.runs.offer import PLURALS
from experiments.sweep import Flags as ListFlags
from experiments.sweep import SweepFlags
from experiments.train import Flags
from rnn_core.config import TrainConfig
from rnn_core.patterns import Pattern

PROJECT = Path(__file__).resolve().parent.parent
FIELDS = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
MLPROJECT = yaml.safe_load((PROJECT / "MLproject").read_text())
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())


def test_mlproject_declares_every_field_with_its_default() -> None:
    declared = MLPROJECT["entry_points"]["main"]["parameters"]
    assert {name: parameter["default"] for name, parameter in declared.items()} == FIELDS
    for name, default in FIELDS.items():
        assert declared[name]["type"] == ("str" if isinstance(default, str) else "float")


def test_mlproject_command_passes_every_parameter_on() -> None:
    command = MLPROJECT["entry_points"]["main"]["command"]
    assert command.startswith("python -m experiments.train ")
    passed = re.findall(r"--([a-z-]+)=\{([a-z_]+)\}", command)
    assert [name for _, name in passed] == list(FIELDS)
    assert [flag.replace("-", "_") for flag, _ in passed] == list(FIELDS)


def test_mlproject_has_a_list_for_every_field_and_passes_it_on() -> None:
    sweep = MLPROJECT["entry_points"]["sweep"]
    flags = {field.name: field.default for field in dataclasses.fields(SweepFlags)}
    unsaid = dict.fromkeys(PLURALS.values(), "")
    declared = {name: parameter["default"] for name, parameter in sweep["parameters"].items()}
    here_alone = {"again", "dry_run"}  # switches, which `mlflow run` cannot pass on
    assert declared == unsaid | {name: default for name, default in flags.items() if name not in here_alone}
    assert sweep["command"].startswith("python -m experiments.sweep ")
    passed = re.findall(r"--([a-z-]+)=\{([a-z_]+)\}", sweep["command"])
    assert [name for _, name in passed] == list(declared)
    assert [flag.replace("-", "_") for flag, _ in passed] == list(declared)


@pytest.mark.parametrize("name", PLURALS)
def test_every_field_can_be_swept(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert PLURALS.keys() == FIELDS.keys()
    with pytest.raises(SystemExit):
        tyro.cli(ListFlags, args=["--help"])
    help_text = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    assert re.search(rf"--{PLURALS[name].replace('_', '-')} LIST \S.{{20,}}", help_text)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_a_flag_with_a_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(Flags, args=["--help"])
    help_text = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    flag = f"--{name.replace('_', '-')}"
    described = re.search(rf"{flag} [A-Z]+ (\S.*?) \(default: {re.escape(str(FIELDS[name]))}\)", help_text)
    assert described
    assert len(described.group(1)) > 10


def test_conda_yaml_and_pyproject_name_the_same_packages() -> None:
    conda = yaml.safe_load((PROJECT / "conda.yaml").read_text())
    python, pip, listed = conda["dependencies"]
    assert listed["pip"] == PYPROJECT["project"]["dependencies"]
    assert "torch==2.13.0" in listed["pip"]
    assert pip == "pip"
    assert MLPROJECT["conda_env"] == "conda.yaml"
    least = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    version = python.removeprefix("python=").split(".")
    assert [int(part) for part in version[:2]] >= [int(part) for part in least.split(".")]
    assert len(version) == 3, "--env-manager virtualenv needs an exact Python version"


def test_pyproject_installs_every_package_there_is() -> None:
    found = {
        path.parent for room in ("rnn_core", "analysis", "experiments") for path in Path(PROJECT, room).rglob("*.py")
    }
    packages = {".".join(path.relative_to(PROJECT).parts) for path in found}
    assert packages == set(PYPROJECT["tool"]["setuptools"]["packages"])


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("rnn_core", {"analysis", "experiments", "mlflow", "matplotlib", "tyro", "argparse", "tqdm", "pandas"}),
        ("analysis", {"experiments", "tyro", "argparse", "rnn_core.training"}),
    ],
)
def test_imports_run_one_way(room: str, forbidden: set[str]) -> None:
    files = list((PROJECT / room).rglob("*.py"))
    assert files
    for path in files:
        for name in imported(path):
            parts = name.split(".")
            prefixes = {".".join(parts[: length + 1]) for length in range(len(parts))}
            assert not prefixes & forbidden, f"{path} imports {name}"


def test_only_runs_reads_mlflow_in_analysis() -> None:
    readers = {path.parent for path in (PROJECT / "analysis").rglob("*.py") if any(map(is_mlflow, imported(path)))}
    assert readers == {PROJECT / "analysis" / "runs"}


def test_the_core_names_no_flag_and_no_command() -> None:
    for path in (PROJECT / "rnn_core").rglob("*.py"):
        tree = ast.parse(path.read_text())
        prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
                found = re.search(r"--[a-z]|python -m experiments", node.value, re.IGNORECASE)
                assert not found, f"{path}:{node.lineno} says {node.value!r}"


def test_statistics_live_in_compare_alone() -> None:
    for path in (PROJECT / "experiments").rglob("*.py"):
        tree = ast.parse(path.read_text())
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not used & {"groupby", "mean", "nanmean", "average", "median", "nanmedian", "std", "nanstd", "var"}, path
        assert not used & {"quantile", "percentile", "agg", "describe"}, path
        assert "statistics" not in {name.split(".")[0] for name in imported(path)}, path


def is_mlflow(name: str) -> bool:
    return name.split(".")[0] == "mlflow"


def test_only_tracking_writes_to_mlflow() -> None:
    writers = {"log_batch", "log_metric", "log_metrics", "log_param", "log_params", "log_artifact", "log_artifacts"}
    writers |= {"log_model", "log_figure", "log_inputs", "set_tag", "set_tags", "start_run", "end_run", "create_run"}
    for path in [*(PROJECT / "experiments").rglob("*.py"), *(PROJECT / "analysis").rglob("*.py")]:
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert path.parent.name == "tracking" or not calls & writers, f"{path} writes to MLflow"


OUTSIDE_PATTERNS = [
    path
    for room in ("rnn_core", "analysis", "experiments")
    for path in sorted((PROJECT / room).rglob("*.py"))
    if PROJECT / "rnn_core" / "patterns" not in path.parents
]


def test_a_family_is_one_file() -> None:
    assert len(OUTSIDE_PATTERNS) > 50
    found = [
        f"{path.relative_to(PROJECT)}:{line} {what}"
        for path in OUTSIDE_PATTERNS
        for line, what in families_in(path.read_text())
    ]
    assert not found, "what one family has beside the rest is a method or a property of Pattern"


@pytest.mark.parametrize(
    "line",
    [
        "from rnn_core.patterns.unit import Unit",
        "from rnn_core.patterns import unit",
        "import rnn_core.patterns.tomita",
        "isinstance(pattern, Strings)",
        "isinstance(pattern, (int, patterns.unit.Unit))",
        "issubclass(kind, Text | Dyck)",
        "spec.startswith('text:')",
        "name = f'text:{path.name}'",
        "asked != 'text'",
        "pattern.family in ('reber', 'ereber')",
        "Pattern.families['unit']",
        "Pattern.families.get('unit')",
        "parse('reber')",
        "TrainConfig(pattern='reber')",
        "default = 'dyck:2'",
        "importlib.import_module('rnn_core.patterns.unit')",
    ],
)
def test_a_file_that_knows_a_family_is_found(line: str) -> None:
    assert families_in(f"x = 1\n{line}")[0][0] == 2


@pytest.mark.parametrize(
    "line",
    [
        "from rnn_core.patterns import Pattern, parse",
        "from rnn_core.patterns.shared.ngrams import NAMES",
        "pattern: str = 'abc'\n'text: reads a file, and dyck:2 others'",
        "def unit(text: str) -> bool:\n    'reber'\n    return isinstance(text, str)",
        "error('a unit such as abc, or a family such as reber or text:PATH')",
        "kinds = {'hidden_size': 'unit'}",
    ],
)
def test_a_file_that_knows_no_family_is_not_found(line: str) -> None:
    assert families_in(line) == []


def families_in(source: str) -> list[tuple[int, str]]:
    """Return the lines of a source that name a family or ask for its type, and what they do.

    A string counts that begins with a family's name and a colon; the name alone, which may be a word like any other,
    where something is compared with it, or a pattern is made or looked up by it. Docstrings do not count, and neither
    do sentences that name families as examples.
    """
    classes, left = set(), [Pattern]
    while left:
        below = left.pop().__subclasses__()
        classes |= {one.__name__ for one in below}
        left += below
    modules = {one.__module__ for one in Pattern.families.values()}
    spec = re.compile(rf"({'|'.join(Pattern.families)}):")
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    asks = {id(each) for node in ast.walk(tree) if asks_for_a_pattern(node) for each in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            known = {".".join(name.split(".")[:3]) for name in imports(node)} & modules
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass"):
            asked = [each for argument in node.args[1:] for each in ast.walk(argument)]
            known = {getattr(each, "id", getattr(each, "attr", "")) for each in asked} & classes
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            is_one = node.value in Pattern.families and id(node) in asks
            known = {node.value} if is_one or spec.match(node.value) or node.value in modules else set()
        else:
            continue
        found += [(node.lineno, f"knows {name}") for name in sorted(known)]
    return found


def asks_for_a_pattern(node: ast.AST) -> bool:
    """Say whether a node compares something, or makes or looks up a pattern."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        return name in ("parse", "TrainConfig", "startswith") or "families" in ast.dump(node.func)
    looks_up = isinstance(node, ast.Subscript) and "families" in ast.dump(node.value)
    return looks_up or isinstance(node, (ast.Compare, ast.MatchValue))


def imports(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the full names that a statement imports."""
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return {f"{module}{alias.name}" for alias in node.names}


def imported(path: Path) -> set[str]:
    """Return the full names that a file imports, with what it takes from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert getattr(node, "level", 0) == 0, f"{path}: imports are written in full"
            names |= imports(node)
    return names
