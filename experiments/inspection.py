"""Asks questions about the inside of recorded nets, and records the answers in their runs."""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from analysis.inside import NEEDED_PACKAGES, QUESTIONS, DoesNotApplyError, Finding, subject_of_run
from analysis.runs import RunError, load_run
from analysis.runs.loading import LoadedRun
from experiments.errors import UsageError
from experiments.net_page.of_runs import page_of_runs
from experiments.progress import waiting
from experiments.tracking.inside_files import inspected, record_finding, record_page
from rnn_core.checkpoint import CheckpointError
from rnn_core.config import ConfigError
from rnn_core.vocabulary import visible


def parse_questions(text: str, flag: str) -> list[str]:
    """Return the questions that a flag names, separated by commas; all of them for an empty text.

    Raises:
        ConfigError: there is no such question; the error names the flag.
    """
    names = [name.strip() for name in text.split(",")] if text else list(QUESTIONS)
    for name in names:
        if name not in QUESTIONS:
            raise ConfigError(flag, text, f"one or more of {', '.join(QUESTIONS)}, separated by commas")
    return list(dict.fromkeys(names))


def check_packages(questions: Sequence[str]) -> None:
    """Raise UsageError if a question needs a package that is not installed, before anything else is done."""
    for question in questions:
        for package in NEEDED_PACKAGES.get(question, ()):
            if importlib.util.find_spec(package) is None:
                install = f'{package}, installed by pip install -e ".[inside]"'
                raise UsageError(f"{question} needs {package}; allowed: {install}")


def inspect_run(run: LoadedRun, questions: Sequence[str], asked_for: bool) -> Iterator[str]:
    """Ask questions about the net of a run, record each answer at once, and yield what was found, line by line.

    Why a question has no answer is recorded as its answer, so that it counts as asked. At the end the page of the net
    is recorded anew, with what was found.

    Arguments:
        run: the run.
        questions: names of QUESTIONS.
        asked_for: whether a person named these questions; otherwise one that needs a missing package is left out.

    Raises:
        UsageError: the run recorded no net, its pattern cannot be made again here or draws other data today; or a
            question that was asked for needs a package that is missing.
        TrackingError: the answers cannot be recorded.
    """
    try:
        with waiting("drawing texts"):
            subject = subject_of_run(run)
    except RunError as error:
        raise UsageError(str(error)) from None
    except ConfigError as error:
        raise UsageError(f"run {run.run_id} ({run.name}): {error}") from None
    answered = False
    for name in questions:
        try:
            with waiting(f"asking for {name.replace('_', ' ')}"), _computing():
                finding = QUESTIONS[name](subject)
        except DoesNotApplyError as error:
            finding = Finding([f"does not apply: {error}"])
        except ValueError as error:  # such as states that are not finite
            finding = Finding([f"no answer: {error}"])
        except ModuleNotFoundError as error:
            if asked_for:
                raise UsageError(str(error)) from None
            yield f"{name}: not asked: {error}"
            continue
        record_finding(run.run_id, name, finding)
        answered = True
        yield from (visible(f"{name}: {line}") for line in finding.lines)
    if answered:
        record_page(run.run_id, page_of_runs([run]))


def inspect_runs(run_ids: Iterable[str], questions: Sequence[str]) -> None:
    """Ask each net of a sweep the questions that it was not asked before, and print what was found.

    Of a run that cannot be asked, the reason is printed, and the others are asked.

    Raises:
        TrackingError: the answers cannot be recorded.
    """
    for run_id in run_ids:
        try:
            done = inspected(run_id)
            missing = [name for name in questions if name not in done]
            if not missing:
                continue
            run = load_run(run_id)
            for line in inspect_run(run, missing, asked_for=True):
                print(f"{visible(run.name)}: {line}", flush=True)
        except (RunError, CheckpointError, UsageError) as error:
            print(f"{run_id}: not inspected: {error}", flush=True)


@contextmanager
def _computing() -> Iterator[None]:
    """Let torch compute with one thread in the block, as more make small products slower, and let NumPy not warn.

    States can grow beyond all numbers; the answers say so.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    finally:
        torch.set_num_threads(threads)
