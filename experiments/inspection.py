"""Asks questions about the inside of recorded nets, and records the answers in their runs."""

from collections.abc import Iterable, Iterator, Sequence

import torch

from analysis.inside import QUESTIONS, DoesNotApplyError, subject_of_run
from analysis.runs import RunError, load_run
from analysis.runs.loading import LoadedRun
from experiments.errors import UsageError
from experiments.progress import waiting
from experiments.tracking.inside_files import inspected, record_finding
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


def inspect_run(run: LoadedRun, questions: Sequence[str], asked_for: bool) -> Iterator[str]:
    """Ask questions about the net of a run, record each answer at once, and yield what was found, line by line.

    Arguments:
        run: the run.
        questions: names of QUESTIONS.
        asked_for: whether a person named these questions; otherwise one that needs a missing package is left out.

    Raises:
        RunError: the run recorded no net, or its pattern draws other data today.
        ConfigError: its pattern cannot be made again here.
        UsageError: a question that was asked for needs a package that is missing.
        TrackingError: the answers cannot be recorded.
    """
    torch.set_num_threads(1)  # more make small products slower
    subject = subject_of_run(run)
    for name in questions:
        try:
            with waiting(f"asking for {name.replace('_', ' ')}"):
                finding = QUESTIONS[name](subject)
        except DoesNotApplyError as error:
            yield visible(f"{name}: does not apply: {error}")
            continue
        except ModuleNotFoundError as error:
            if asked_for:
                raise UsageError(f"{error} (--what {name})") from None
            yield f"{name}: not asked: {error}"
            continue
        record_finding(run.run_id, name, finding)
        yield from (visible(f"{name}: {line}") for line in finding.lines)


def inspect_runs(run_ids: Iterable[str], questions: Sequence[str]) -> None:
    """Ask questions about the nets of a sweep that has ended, but none twice, and print what was found.

    Raises:
        UsageError, TrackingError: see `inspect_run`.
    """
    for run_id in run_ids:
        missing = [name for name in questions if name not in inspected(run_id)]
        try:
            run = load_run(run_id)
            for line in inspect_run(run, missing, asked_for=True):
                print(f"{visible(run.name)}: {line}", flush=True)
        except (RunError, ConfigError) as error:
            print(f"{run_id}: not inspected: {error}", flush=True)
