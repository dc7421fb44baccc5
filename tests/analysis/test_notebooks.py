"""The notebooks: as they are committed, executed on a small store, and what becomes of one that fails."""

import ast
import base64
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.notebooks import FOLDER, MAKE_LINE, main
from experiments.sweep import main as sweep
from experiments.train import main as train
from tests.conftest import PROJECT, readers_environment

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells_of(path: Path, kind: str = "code") -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def outputs_of(path: Path) -> list[dict[str, Any]]:
    return [output for cell in cells_of(path) for output in cell["outputs"]]


def said_by(path: Path) -> str:
    return "".join("".join(output["text"]) for output in outputs_of(path) if output["output_type"] == "stream")


def forget_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    path.write_text(json.dumps(notebook))


def test_these_are_the_notebooks() -> None:
    names = ["01_first_look", "02_compare_runs", "03_hidden_states", "04_patterns", "05_cells", "06_inside"]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_prose_calls_and_pictures(path: Path) -> None:
    for cell in cells_of(path):
        for node in ast.walk(ast.parse(source_of(cell))):
            assert not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef))
    assert len(cells_of(path, "markdown")) >= 6
    assert sum("image/png" in output.get("data", {}) for output in outputs_of(path)) >= 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_it_was_executed(path: Path) -> None:
    cells = cells_of(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for output in outputs_of(path) if output["output_type"] == "error"]
    assert path.stat().st_size < 1_000_000
    # Nothing of the machine that it was executed on.
    text = json.dumps(
        [{**output, "data": {"text/plain": output.get("data", {}).get("text/plain")}} for output in outputs_of(path)]
    )
    assert not re.search(r"/home/|/root|/tmp|/Users|site-packages|stderr", text)
    metadata = json.loads(path.read_text())["metadata"]
    assert metadata["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_its_runs_and_ends_with_its_findings(path: Path) -> None:
    cells = cells_of(path)
    offers = [cell for cell in cells if MAKE_LINE in source_of(cell)]
    assert offers == cells[:1]
    assert "if make:\n    make_runs(**query)\nruns = find_runs(**query)\n" in source_of(cells[0])
    assert [output["output_type"] for output in cells[-1]["outputs"]] == ["stream"]
    assert re.search(r"\d \[-?\+?\d.*\d\]", "".join(cells[-1]["outputs"][0]["text"])), "no interval in the findings"


def test_readmes_pictures_are_the_notebooks() -> None:
    drawn = {
        output["data"]["image/png"].strip()
        for path in NOTEBOOKS
        for output in outputs_of(path)
        if "image/png" in output.get("data", {})
    }
    for name in ("loss", "accuracy", "trajectory", "automaton"):
        assert base64.b64encode((PROJECT / "docs" / f"{name}.png").read_bytes()).decode() in {
            one.replace("\n", "") for one in drawn
        }


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A project with the notebooks and without runs."""
    (tmp_path / "MLproject").touch()
    return Path(shutil.copytree(FOLDER, tmp_path / "analysis" / "notebooks"))


def installed() -> dict[str, str]:
    """Return the environment of a reader who has installed the project, and stands in no folder of it."""
    return readers_environment(PYTHONPATH=str(PROJECT))


def record_motifs() -> None:
    """Record what the first two notebooks look at, with two seeds."""
    assert train(["--pattern", "aab", "--hidden-size", "8", "--epochs", "300"]) == 0
    assert sweep(["--patterns", "abc,abcabd", "--hidden-sizes", "4,8", "--epochs", "20,100", "--seeds", "2"]) == 0


def record_others() -> None:
    """Record what the other notebooks look at, with two or three seeds."""
    assert sweep(["--patterns", "abc,aab", "--hidden-sizes", "16", "--epochs", "5,50", "--seeds", "2"]) == 0
    others = "--patterns tomita:3,anbn,dyck:2 --cells lstm --lengths 20000 --encodings onehot --hidden-sizes 16 "
    others += "--epochs 1 --learning-rates 0.01 --batch-sizes 32 --schedules constant --clips 1.0 --seeds 2"
    assert sweep(others.split()) == 0
    families = "--patterns noisy:abc:0.1,anbn --cells rnn,gru --lengths 10000 --hidden-sizes 16 --epochs 50 "
    assert sweep(f"{families} --learning-rates 0.02 --schedules cosine --seeds 2".split()) == 0
    equal = "--patterns group:Z2 --cells rnn,signed --parameters 2000 --lengths 50000 --learning-rates 0.003,0.01 "
    equal += "--encodings onehot --epochs 20 --batch-sizes 32 --schedules cosine --clips 1.0 --seeds 3"
    assert sweep(equal.split()) == 0
    inside = "--lengths 100000 --encodings onehot --hidden-sizes 16 --batch-sizes 32 --learning-rates 0.01 --clips 1"
    for pattern, names, epochs, schedule in (
        ("flipflop:2", "rnn", "30", "cosine"),
        ("reber,hmm:mess3", "gru", "30", "cosine"),
        ("anbn", "gru,lstm", "30", "cosine"),
        ("group:S3", "gru", "1", "constant"),
    ):
        lists = ["--patterns", pattern, "--cells", names, "--epochs", epochs, "--schedules", schedule, "--seeds", "2"]
        assert sweep([*lists, *inside.split()]) == 0


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["01", "02"], marks=pytest.mark.slow),
        pytest.param([path.stem[:2] for path in NOTEBOOKS], marks=pytest.mark.long),
    ],
    ids=["the first two", "all"],
)
def test_notebooks_can_be_executed_on_a_small_store(names: list[str], store: Path, copied: Path) -> None:
    """Two seeds decide nothing, and every notebook says so."""
    record_motifs()
    if len(names) > 2:
        record_others()
    paths = [path for name in names for path in copied.glob(f"{name}_*.ipynb")]
    for path in paths:  # the same nets on the same machine may give byte for byte what is committed
        forget_outputs(path)
    command = [sys.executable, "-m", "experiments.notebooks", *names, "--folder", str(copied)]
    subprocess.run(command, check=True, cwd=copied, env=installed())
    for path in paths:
        assert [cell["execution_count"] for cell in cells_of(path)] == list(range(1, len(cells_of(path)) + 1))
        assert "few seeds" in said_by(path)
        assert not [output for output in outputs_of(path) if output["output_type"] == "error"]
        committed = {cell["id"]: source_of(cell) for cell in cells_of(FOLDER / path.name)}
        assert {cell["id"]: source_of(cell) for cell in cells_of(path)} == committed
    words = said_by(copied / "02_compare_runs.ipynb")
    assert not re.search(", (higher|lower)$", words, flags=re.MULTILINE), "two seeds have decided something"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_call_of_a_notebook_fits_the_function_that_it_calls(path: Path) -> None:
    """Whether a function is there, and takes as many arguments, of these names; the long tests execute all."""
    code = ast.parse("\n".join(map(source_of, cells_of(path))))
    names: dict[str, Any] = {}
    imports: list[ast.stmt] = [node for node in ast.walk(code) if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), str(path), "exec"), names)
    checked = 0
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = names.get(node.value.id)
            assert not inspect.ismodule(found) or hasattr(found, node.attr), ast.unparse(node)
        if not isinstance(node, ast.Call):
            continue
        root = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        if not (isinstance(root, ast.Name) and root.id in names):
            continue
        function = eval(ast.unparse(node.func), names)
        if not str(getattr(function, "__module__", "")).startswith(("analysis.", "experiments.", "rnn_core.")):
            continue
        given = [argument for argument in node.args if not isinstance(argument, ast.Starred)]
        named = {keyword.arg: None for keyword in node.keywords if keyword.arg}
        partial = len(given) < len(node.args) or len(named) < len(node.keywords)
        signature = inspect.signature(function)
        (signature.bind_partial if partial else signature.bind)(*given, **named)
        checked += 1
    assert checked >= 8


@pytest.mark.long
def test_a_notebook_makes_its_runs_by_its_own_offer(copied: Path) -> None:
    path = copied / "01_first_look.ipynb"
    environment = installed()
    command = [sys.executable, "-m", "experiments.notebooks", "01", "--folder", str(copied)]
    before = path.read_bytes()
    refused = subprocess.run(command, cwd=copied, env=environment, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "python -m experiments.train --pattern aab --hidden-size 8 --epochs 300 --seed 42" in refused.stderr
    assert path.read_bytes() == before, "a notebook that failed has been saved"
    assert "--make" in refused.stderr
    assert not re.search("\x1b|WARNING", refused.stderr), "colours, or warnings of libraries"
    subprocess.run([*command, "--make"], check=True, cwd=copied, env=environment)
    assert (copied.parent.parent / "mlflow.db").exists()
    assert MAKE_LINE in source_of(cells_of(path)[0])
    assert "$ python" not in said_by(path), "what the sweep printed is no part of the notebook"
    assert "few seeds" in said_by(path)
    assert "IProgress" not in path.read_text(), "a warning of progress bars that are not shown"


def test_a_notebook_without_an_offer_makes_nothing(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / "01_first_look.ipynb"
    path.write_text(path.read_text().replace(MAKE_LINE, "make = True"))
    assert main(["01", "--make", "--folder", str(copied)]) == 1
    assert "01_first_look.ipynb: no cell has the line 'make = False'" in capsys.readouterr().err


def test_a_notebook_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["99"]) == 2
    assert "no notebook '99'; allowed: 01_first_look, 02_compare_runs" in capsys.readouterr().err
    assert main(["--folder", str(tmp_path)]) == 2
    assert "there are no notebooks in" in capsys.readouterr().err
