"""Output that goes nowhere, and encodings that lack characters: they cost the output, and not what a program does."""

import os
import pty
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from experiments.train import main as train
from tests.conftest import PROJECT

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

WORK = """
import sys, time, warnings
from pathlib import Path
from tqdm import tqdm
from experiments.output import run_program

def main():
    for number in tqdm(range(3), mininterval=0):
        print("\\u21b5", "x" * 100_000)
        warnings.warn("of a library")
        print("said", file=sys.stderr, flush=True)
        time.sleep(0.1)
    with Path("done").open("w") as file:
        file.write(str(file.fileno()))
    return 3

run_program(main)
"""
"""A program that prints more than a pipe holds, and whose exit status is 3."""


def bash(line: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash in a folder; it exits with the status of the first program of its last pipe."""
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env=BUFFERED | {"PYTHONPATH": str(PROJECT)} | variables,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def python(*words: str) -> str:
    return shlex.join([sys.executable, *words])


@pytest.mark.parametrize(
    ("where", "variables", "said"),
    [
        ("| head -c 10", {}, "said"),
        pytest.param("| true", {"PYTHONUNBUFFERED": "1"}, "said", marks=pytest.mark.slow),
        pytest.param("2>&1 | true", {}, "", marks=pytest.mark.slow),
        ("<&- >&- 2>&-", {}, ""),
        ("> /dev/full", {}, "what is printed cannot be written: No space left on device"),
        pytest.param(
            "1< /dev/null", {}, "what is printed cannot be written: Bad file descriptor", marks=pytest.mark.slow
        ),
        pytest.param("> /dev/full 2>&1", {}, "", marks=pytest.mark.slow),
        ("", {"PYTHONIOENCODING": "latin-1"}, "said"),
        ("", {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "said"),
    ],
)
def test_a_program_does_its_work_whatever_becomes_of_its_output(
    where: str, variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = bash(f"{python('-c', WORK)} {where}", tmp_path, **variables)
    assert done.returncode == 3
    assert int((tmp_path / "done").read_text()) > 2, "the number of a standard stream goes to no other file"
    assert said in done.stderr
    assert "rror" not in done.stderr
    assert "of a library" not in done.stderr
    if not where:
        assert done.stdout.count("\\u21b5 xxx") == 3


def test_a_program_does_its_work_when_its_terminal_is_gone(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=its, stdout=its, stderr=its, cwd=tmp_path, start_new_session=True
    ) as program:
        os.close(its)
        os.read(ours, 10)
        os.close(ours)
        assert program.wait(60) == 3
    assert (tmp_path / "done").exists()


def test_a_slow_reader_of_a_pipe_that_does_not_wait_gets_all(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen([sys.executable, "-c", WORK], stdout=writing, stderr=subprocess.DEVNULL, cwd=tmp_path):
        os.close(writing)
        with open(reading, encoding="utf-8") as file:  # noqa: PTH123
            assert file.read() == f"\u21b5 {'x' * 100_000}\n" * 3


@pytest.mark.parametrize(
    "command", [["patterns", "reber"], ["patterns", "--help"], pytest.param(["metrics"], marks=pytest.mark.slow)]
)
def test_what_only_prints_says_that_it_could_not(command: list[str], tmp_path: Path) -> None:
    printing = python("-m", f"experiments.{command[0]}", *command[1:])
    full = bash(f"{printing} > /dev/full", tmp_path)
    assert (full.returncode, full.stderr) == (1, "error: what is printed cannot be written: No space left on device\n")
    gone = bash(f"{printing} | true", tmp_path)
    assert (gone.returncode, gone.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("cp1252", marks=pytest.mark.slow)])
def test_a_character_that_the_encoding_lacks_is_printed_as_its_code(encoding: str, tmp_path: Path) -> None:
    done = bash(python("-m", "experiments.patterns", "unit:ab\n"), tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert "  sample    ab\\u21b5ab" in done.stdout


TRAIN = python("-m", "experiments.train", "--epochs", "2", "--pattern", "ab\n")
SWEEP = python("-m", "experiments.sweep", "--epochs", "2", "--patterns", "abc", "--seeds", "2", "--workers", "1")
WORKERS = SWEEP.replace("--workers 1", "--workers 2")


@pytest.mark.parametrize(
    ("command", "where", "ends"),
    [
        pytest.param(TRAIN, "2>&1 | head -1", ["FINISHED"], marks=pytest.mark.long),
        pytest.param(TRAIN, "<&- >&- 2>&-", ["FINISHED"], marks=pytest.mark.long),
        pytest.param(WORKERS, "> /dev/full 2>&1", ["FINISHED"] * 3, marks=pytest.mark.long),
        pytest.param(WORKERS, "2>&- | true", ["FINISHED"] * 3, marks=pytest.mark.long),
        pytest.param(SWEEP, "2>&- | true", ["FINISHED"] * 3, marks=pytest.mark.slow),
    ],
)
def test_runs_and_sweeps_are_recorded_whatever_becomes_of_their_output(
    command: str, where: str, ends: list[str], store: Path
) -> None:
    done = bash(f"{command} {where}", store, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr + done.stdout
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        assert [end for (end,) in database.execute("SELECT status FROM runs")] == ends


@pytest.mark.parametrize(
    "where", [pytest.param("< <(yes) | true", marks=pytest.mark.slow), pytest.param("<&-", marks=pytest.mark.long)]
)
def test_nothing_is_deleted_if_the_question_cannot_be_read_or_answered(where: str, store: Path) -> None:
    assert train(["--epochs", "2"]) == 0
    done = bash(f"{python('-m', 'experiments.delete', 'abc rnn16 e2 s42')} {where}", store)
    assert (done.returncode, done.stderr) == (1, "")
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        assert database.execute("SELECT lifecycle_stage FROM runs").fetchall() == [("active",)]
