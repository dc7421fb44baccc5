"""The cell that CONTRIBUTING shows, dropped into a copy of the project: the tests that are there hold for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.test_docs import CELL


@pytest.mark.slow
def test_the_cell_of_contributing_passes_the_tests_of_every_cell(tmp_path: Path) -> None:
    for room in ("rnn_core", "analysis", "experiments", "tests"):
        shutil.copytree(PROJECT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    (tmp_path / "rnn_core" / "nets" / "cells" / "leaky.py").write_text(CELL)
    files = ["test_cells.py", "test_limits.py", "test_charrnn.py", "test_checkpoint.py", "test_stack.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "not long", "-k", "leaky"]
    command += [f"tests/rnn_core/{name}" for name in files]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(done.stdout.rsplit(" passed", 1)[0].split()[-1]) > 30
