"""The contracts that hold across the house: one source of truth for parameters and packages, and one-way imports."""

import ast
import dataclasses
import os
import re
import tomllib
from pathlib import Path

import mlflow
import mlflow.pyfunc
import pytest
import tyro
import yaml
from mlflow import MlflowClient

from analysis.commands import PLURALS
from analysis.runs import schema
from analysis.runs.schema import End
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
        # A family asks no net but through what it is handed, a net knows no family, and what is recorded is plain.
        ("rnn_core/patterns", {"torch", "rnn_core.nets", "rnn_core.data", "rnn_core.training", "rnn_core.measures"}),
        ("rnn_core/nets", {"rnn_core.patterns", "rnn_core.data", "rnn_core.training", "rnn_core.measures"}),
        ("experiments/tracking", {"torch.nn", "rnn_core.nets", "rnn_core.data", "rnn_core.training"}),
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


READING = ("get_", "search_", "list_", "load_", "download_", "parse_")
"""How the methods of MLflow's client begin that change nothing in a store."""

WRITING = (
    *("log_", "set_", "delete_", "create_", "update_", "restore_", "rename_", "register_", "transition_", "link_"),
    *(
        "unlink_",
        "start_",
        "end_",
        "finalize_",
        "initialize_",
        "add_",
        "remove_",
        "save_",
        "import_",
        "override_",
        "autolog",
    ),
)
"""How the functions of MLflow's modules begin that change a store."""

HARMLESS = {"set_tracking_uri"}
"""Which store is meant stands in no store."""


def mlflow_writers() -> set[str]:
    """Return the names of everything public in MLflow that changes a store, of whichever version is installed."""
    client = {name for name in dir(MlflowClient) if not name.startswith(("_", *READING)) and name != "tracking_uri"}
    modules = {name for module in (mlflow, mlflow.pyfunc) for name in dir(module) if name.startswith(WRITING)}
    return (client | modules) - HARMLESS


def mlflow_readers() -> set[str]:
    """Return the names of everything public in MLflow that asks a store, or which store is meant."""
    readers = {name for module in (MlflowClient, mlflow) for name in dir(module) if name.startswith(READING)}
    return readers | {"download_artifacts"}


def names_used(tree: ast.Module) -> set[str]:
    """Return what a file takes out of others: attributes, names that it imports, and those that `getattr` is told."""
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    told = [word for call in calls if call.func.id == "getattr" for word in call.args]  # type: ignore[attr-defined]
    return used | {str(word.value) for word in told if isinstance(word, ast.Constant)}


def takes_from_mlflow(tree: ast.Module) -> set[str]:
    """Return the names that a file imports from MLflow by `from`."""
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in froms if is_mlflow(node.module or "") for alias in node.names}


def test_every_call_that_writes_to_mlflow_is_known() -> None:
    by_hand = {"log_batch", "log_metric", "log_params", "log_artifacts", "log_text", "log_inputs", "log_outputs"}
    by_hand |= {"set_tag", "set_tags", "set_terminated", "start_run", "end_run", "create_run", "delete_run"}
    by_hand |= {"create_logged_model", "finalize_logged_model", "delete_logged_model", "log_model", "save_model"}
    by_hand |= {"update_run", "restore_run", "rename_experiment", "register_model", "log_model_artifacts", "log_figure"}
    assert by_hand <= mlflow_writers()
    assert not {"get_run", "search_runs", "search_logged_models", "download_artifacts"} & mlflow_writers()
    assert {"get_run", "search_runs", "search_logged_models", "get_tracking_uri"} <= mlflow_readers()
    assert not mlflow_writers() & mlflow_readers()


def writes(code: str) -> set[str]:
    """Return the calls by which a file's code writes to MLflow."""
    return names_used(ast.parse(code)) & mlflow_writers()


def reads(code: str) -> set[str]:
    """Return the calls by which a file's code asks MLflow; a function of ours may have the same name."""
    tree = ast.parse(code)
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return (attributes | takes_from_mlflow(tree)) & mlflow_readers()


@pytest.mark.parametrize(
    "code",
    [
        "client.log_text(run_id, 'x', 'y')",
        "self._client.set_terminated(run_id)",
        "from mlflow import log_metric",
        "import mlflow as m\nm.start_run()",
        "send = client.delete_run\nsend(run_id)",
        "getattr(client, 'create_logged_model')('0')",
    ],
)
def test_a_writer_of_mlflow_is_seen(code: str) -> None:
    assert writes(code)
    assert not reads(code)


@pytest.mark.parametrize(
    "code", ["client.get_run(run_id)", "mlflow.get_tracking_uri()", "from mlflow import search_runs"]
)
def test_a_reader_of_mlflow_is_seen(code: str) -> None:
    assert reads(code)
    assert not writes(code)


def test_only_tracking_writes_to_mlflow() -> None:
    for path in files_of("rnn_core", "analysis", "experiments"):
        wrote = writes(path.read_text())
        assert path.parent == PROJECT / "experiments" / "tracking" or not wrote, f"{path} writes to MLflow: {wrote}"


def test_only_runs_asks_mlflow() -> None:
    for path in files_of("rnn_core", "analysis", "experiments"):
        read = reads(path.read_text())
        assert path.parent == PROJECT / "analysis" / "runs" or not read, f"{path} asks MLflow: {read}"


def test_no_text_holds_the_address_of_the_store_which_may_have_a_password() -> None:
    for room in ("analysis", "experiments"):
        for path in files_of(room):
            texts = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.JoinedStr)]
            used = {getattr(node, "id", "") for text in texts for node in ast.walk(text)}
            assert not used & {"store_address", "absolute_store_address", "get_tracking_uri"}, path


def test_experiments_know_mlflow_in_tracking_alone() -> None:
    users = {path for path in files_of("experiments") if any(map(is_mlflow, imported(path)))}
    tracking = {path for path in users if path.parent.name == "tracking"}
    # Served without the project; and what the reader hands out, by its type.
    assert users - tracking == {
        PROJECT / "experiments" / name for name in ("earlier_runs.py", "predictor.py", "shards.py")
    }


STARTERS = {name for name in dir(os) if name.startswith(("exec", "spawn", "posix_spawn", "popen", "system", "fork"))}
"""The functions of `os` that start a program."""


def taken_of_mlflow(tree: ast.Module) -> set[str]:
    """Return the attributes of the module MLflow that a file uses, such as `mlflow.run`, whatever its name there."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    called = {alias.asname or alias.name for node in imports for alias in node.names if alias.name == "mlflow"}
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {f"mlflow.{node.attr}" for node in attributes if getattr(node.value, "id", "") in called | {"mlflow"}}


def starts(code: str) -> set[str]:
    """Return by what a file's code could run a program, or a module that it only names."""
    tree = ast.parse(code)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    parts = {part for name in names for part in name.split(".")}
    found = parts & {"subprocess", "multiprocessing", "runpy", "pty", "asyncio", "joblib", "ProcessPoolExecutor"}
    found |= names & {"concurrent.futures.process"}
    found |= {name for name in names | taken_of_mlflow(tree) if re.match(r"mlflow\.(run|projects)\b", name)}
    found |= names_used(tree) & (STARTERS | {"Popen", "ProcessPoolExecutor"})
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if isinstance(call.func, ast.Name) and called in ("exec", "eval"):  # a net has a method `eval`
            found.add(called)
        words = [word.value for word in ast.walk(call) if isinstance(word, ast.Constant)]
        if called in ("import_module", "__import__") and any(re.match("analysis|experiments", str(w)) for w in words):
            found.add(called)
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\nsubprocess.run(['python', '-m', 'experiments.train'])",
        "from subprocess import Popen",
        "from torch import multiprocessing",
        "import runpy\nrunpy.run_module('experiments.train')",
        "import os\nos.execvp('python', words)",
        "from os import system",
        "import importlib\nimportlib.import_module('experiments.train').main()",
        "__import__('experiments.sweep')",
        "exec(code)",
        "from concurrent.futures import ProcessPoolExecutor",
        "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
        "from concurrent import futures\nfutures.ProcessPoolExecutor()",
        "from concurrent.futures.process import ProcessPoolExecutor as Pool",
        "import concurrent.futures.process",
        "import joblib",
        "from joblib import Parallel, delayed",
        "from sklearn.externals import joblib",
        "import mlflow\nmlflow.run('.')",
        "import mlflow as m\nstart = m.run",
        "import mlflow\nmlflow.projects.run('.')",
        "from mlflow import run",
        "from mlflow import projects",
        "import mlflow.projects",
        "from mlflow.projects import run",
        "from mlflow.projects.utils import get_run_env_vars",
    ],
)
def test_a_program_that_is_started_is_seen(code: str) -> None:
    assert starts(code)


@pytest.mark.parametrize(
    "code",
    [
        "raise RunError('to make them: python -m experiments.sweep --seeds 2')",
        "words = ['python', '-m', 'experiments.train']",
        "import importlib\nimportlib.import_module(f'{__name__}.{module.name}')",
        "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor()",
        "import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor()",
        "import mlflow\nrun = client.get_run(run_id)\nrun.info.run_id",
        "def train(run: LoadedRun) -> None:\n    run.record.run()",
    ],
)
def test_a_program_that_is_only_named_is_allowed(code: str) -> None:
    assert not starts(code)


def test_nothing_below_experiments_starts_a_program() -> None:
    for path in files_of("rnn_core", "analysis"):
        assert not starts(path.read_text()), f"{path} starts a program: {starts(path.read_text())}"


SCHEMA = PROJECT / "analysis" / "runs" / "schema.py"

NAMES = {
    value
    for name, value in vars(schema).items()
    if name.endswith(("_FILE", "_FOLDER", "_TAG")) or name in ("MODEL_NAME", "_MEMBER", "RECORDING_FAILED")
}
"""The names of a record's files and tags."""

OTHER_MEANING = {
    ("analysis/compare/settings.py", "device"),  # fields of TrainConfig
    ("analysis/compare/settings.py", "threads"),
    ("analysis/dynamics/points.py", "kind"),  # of a fixed point, a column
    ("analysis/runs/table.py", "finished"),  # an argument of find_runs
    ("experiments/descriptions.py", "device"),
    ("experiments/descriptions.py", "threads"),
    ("experiments/patterns.py", "recipe"),  # what a printed line begins with
    ("experiments/single_run.py", "recipe"),
}
"""Files in which such a word means something else."""


def words_of_a_record(code: str) -> set[str]:
    """Return which names of files, tags and ends a file's code spells by itself, docstrings aside."""
    tree = ast.parse(code)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    said = {id(node.value) for node in statements}  # docstrings, of attributes, too
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]
    ends = {*End, *(end.status for end in End)}
    found = {text for text in texts if text in NAMES | ends}
    # What cannot be an English word is looked for inside of texts, too: in errors, in conditions of a search.
    odd = [name for name in NAMES if re.search(r"[_.]", name)]
    found |= {name for name in odd for text in texts if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text)}
    conditions = r"\btags\.|\battributes\.status|\bstatus !?= '|^sweep\.|^(diverged|failed|recording failed)(:|%)"
    return found | {text for text in texts if re.search(conditions, text)}


@pytest.mark.parametrize(
    "code",
    [
        "tags['config_digest']",
        "f'{home}/curves.csv'",
        "search(f\"tags.heartbeat LIKE '%'\")",
        "f'sweep.{sweep_id}'",
        "{'host': node}",
        "run.finish(None, 'FAILED', why)",
        "f'diverged: {error}'",
        "runs[runs['end'] == 'finished']",
        "raise RunError('its tag end_reason says why')",
        "client.create_logged_model('0', name='model')",
    ],
)
def test_a_word_of_the_record_is_seen(code: str) -> None:
    assert words_of_a_record(code)


def test_words_of_the_record_are_spelt_in_the_schema_alone() -> None:
    """Each exception is still one: a word that is gone from a file is struck from the list, too."""
    found = {
        (str(path.relative_to(PROJECT)), word)
        for path in files_of("analysis", "experiments")
        if path != SCHEMA
        for word in words_of_a_record(path.read_text())
    }
    assert found == OTHER_MEANING


def files_of(*rooms: str) -> list[Path]:
    """Return the Python files of some rooms."""
    files = [path for room in rooms for path in sorted((PROJECT / room).rglob("*.py"))]
    assert len(files) > 10
    return files


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
        "from rnn_core.patterns.motif import Motif",
        "from rnn_core.patterns import motif",
        "import rnn_core.patterns.tomita",
        "isinstance(pattern, Strings)",
        "isinstance(pattern, (int, patterns.motif.Motif))",
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
        "importlib.import_module('rnn_core.patterns.motif')",
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
        "error('a motif such as abc, or a family such as reber or text:PATH')",
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
