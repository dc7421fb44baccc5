"""Runs commands of the project in real processes, forked from one that has imported their libraries: seconds faster."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from experiments.signals import IGNORABLE

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["experiments.single_run", "experiments.starts", "experiments.swept_runs"])


class Command:
    """A command that has been started in a process group of its own.

    Arguments:
        module: its module, such as experiments.train.
        arguments: those of the command line.
        said: the file for what it prints.
        environment: variables that differ from those of this process.
        changed: values to set before it starts, by their dotted names.

    Attributes:
        pid: the id of its process.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        said: Path,
        environment: Mapping[str, str] | None = None,
        changed: Mapping[str, Any] | None = None,
    ) -> None:
        variables = os.environ | dict(environment or {})
        self._said = said
        self._process = _FORKS.Process(
            target=_run,
            args=(module, list(arguments), said, str(Path.cwd()), variables, dict(changed or {})),
            daemon=False,
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._said.read_text() if self._said.exists() else ""

    def poll(self) -> int | None:
        """Return the exit status; None if it is at work. That of a process that a signal killed is negative."""
        return self._process.exitcode

    def wait(self, seconds: float = 300.0) -> int:
        """Wait for its end, and return the exit status."""
        self._process.join(seconds)
        status = self._process.exitcode
        if status is None:
            self._fail()
        return status

    def wait_for(self, text: str, seconds: float = 90.0) -> None:
        """Wait until it has printed a text."""
        end = time.monotonic() + seconds
        while text not in self.said:
            if self.poll() is not None or time.monotonic() > end:
                self._fail()
            time.sleep(0.02)

    def _fail(self) -> NoReturn:
        """End it with all that it has started, and fail the test with what it has printed."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        pytest.fail(self.said)

    def send_signal(self, number: int) -> None:
        """Send a signal to it, and to no process that it has started."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self.send_signal(signal.SIGKILL)
        self.wait()


def _run(
    module: str, arguments: list[str], said: Path, folder: str, environment: dict[str, str], changed: dict[str, Any]
) -> None:
    """Be the command: run its main function, and end with its exit status."""
    os.setsid()
    for number in IGNORABLE:  # as in a terminal, also where the tests were started by nohup
        signal.signal(number, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(output, number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    for name, value in changed.items():
        owner, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(owner), attribute, value)
    print("begun", flush=True)
    sys.exit(importlib.import_module(module).main(arguments))
