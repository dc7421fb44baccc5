"""Judges how programs and functions end on bad input, and keeps a list of what is not as it should be."""

import contextlib
import io
import signal
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

import experiments.checkpoints
import experiments.delete
import experiments.generate
import experiments.patterns
import experiments.sweep
import experiments.train
from analysis.runs import RunError
from rnn_core.config import ConfigError

SECONDS = 20
"""What takes longer hangs."""


class HangError(BaseException):
    """A case took longer than SECONDS; no `except Exception` on its way keeps it."""


@dataclass
class Place:
    """A folder with a store that holds a run, and files that are no texts.

    Attributes:
        folder: the folder.
        run_id: MLflow's id of the run.
        files: by kind, a file of the run that cases damage, and its content.
        model: the run's model, as MLflow loads it.
        faults: what has been found.
    """

    folder: Path
    run_id: str
    files: dict[str, tuple[Path, bytes]]
    model: Any
    faults: list[str] = field(default_factory=list)

    def snapshot(self) -> tuple[set[Path], int]:
        """Return all files, except those of the database, and how many runs there are."""
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
        return {path for path in self.folder.rglob("*") if "mlflow.db" not in path.name}, count

    def at_work(self) -> int:
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            (count,) = database.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()
        return int(count)


def on_time(work: Callable[[], Any]) -> Any:
    """Return what a function returns; raise HangError if it takes too long."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        return work()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(place: Place, program: str, words: list[str], allowed: set[int]) -> None:
    """Call a program's entry point, and note as a fault what is not as it should be."""
    main = getattr(experiments, program).main
    out, err, before = io.StringIO(), io.StringIO(), place.snapshot()
    faults: list[str] = []
    status: object = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("sys.stdin", io.StringIO())
        try:
            status = on_time(lambda: main(words))
        except HangError:
            faults.append("hangs")
        except BaseException:
            faults.append(traceback.format_exc()[-800:])
    lines = [line for line in err.getvalue().split("\n") if line and " ... " not in line[:60]]
    errors = [line for line in lines if line.startswith("error: ")]
    if not faults:
        faults += [f"status {status}"] * (status not in allowed)
        faults += ["no error"] * (status == 2 and not errors) + ["an error"] * (status == 0 and bool(errors))
        faults += ["lines"] * (len(lines) > 2) + ["too long"] * any(len(line) > 1400 for line in lines)
        faults += ["no reason"] * (status == 1 and program == "train" and "diverged" not in err.getvalue())
        faults += ["a trace"] * ("Traceback" in out.getvalue() + err.getvalue())
        faults += ["something written"] * (status == 2 and place.snapshot() != before)
    faults += ["a run at work"] * (place.at_work() > 0)
    if faults:
        shown = [word if len(word) < 80 else f"{word[:40]}...{len(word)}" for word in words]
        place.faults.append(f"{program} {shown}: {faults} {err.getvalue()[-300:]!r}")


def call(place: Place, what: str, work: Callable[[], Any]) -> Any:
    """Call a function, and note as a fault another error than those that it may raise; return what it returns."""
    try:
        return on_time(work)
    except (RunError, ConfigError, MlflowException) as error:
        if "Traceback" in str(getattr(error, "json_kwargs", "")) or len(f"{error}".splitlines()) > 12:
            place.faults.append(f"{what}: {error}")
    except ValueError as error:
        if type(error).__name__ != "CheckpointError":
            place.faults.append(f"{what}: {traceback.format_exc()[-800:]}")
    except HangError:
        place.faults.append(f"{what}: hangs")
    except Exception:
        place.faults.append(f"{what}: {traceback.format_exc()[-800:]}")
    return None


@contextlib.contextmanager
def changed_file(place: Place, name: str, content: bytes) -> Iterator[None]:
    """Let a file of the run have another content for a while."""
    path, whole = place.files[name]
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)
