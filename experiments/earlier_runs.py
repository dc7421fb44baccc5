"""Finds the earlier run from which a training goes on, and refuses one that cannot be gone on with."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import Run

from analysis.commands import PLURALS
from analysis.runs import RunError, schema, search_runs, search_sweeps
from analysis.runs.address import store_name
from analysis.runs.life import end_of
from analysis.runs.schema import End
from analysis.runs.store import get_run, is_deleted, read_files
from experiments.checkpoint_files import checkpoint_path, circumstances
from experiments.errors import UsageError
from experiments.grid import DEFAULT_SEEDS
from experiments.tracking import check_not_alive
from rnn_core.checkpoint import CheckpointError, load_record
from rnn_core.data import Prepared
from rnn_core.record import Record


def find_single_run(name: str, flag: str) -> Run:
    """Return a single run.

    Arguments:
        name: its id; its name, which means the newest single run of that name; or `latest`, the newest single run.
        flag: the flag that names it, for errors.

    Raises:
        UsageError: there is no such run, or it is a sweep or a run of one.
        RunError: the store cannot be read.
    """
    if re.fullmatch("[0-9a-f]{32}", name):
        run = get_run(name)
        if is_deleted(run):
            raise UsageError(f"{name} has been deleted; allowed: a run that is there ({flag})")
        return _refuse_sweep(run, flag)
    of_sweeps = []
    for run in search_runs(schema.tag_condition(schema.DIGEST_TAG)):
        if name in ("latest", run.info.run_name):
            if schema.SHARD_TAG not in run.data.tags:
                return run
            of_sweeps.append(run)
    if name != "latest":
        of_sweeps += [sweep for sweep in search_sweeps() if sweep.info.run_name == name]
        for run in of_sweeps:
            _refuse_sweep(run, flag)
    raise UsageError(
        f"no single run {name!r} in {store_name()}; allowed: the id or the name of a run of "
        f"`python -m experiments.train`, or `latest` ({flag})"
    )


def _refuse_sweep(run: Run, flag: str) -> Run:
    """Return a single run of this project; raise UsageError for a sweep or a run of one, and for any other run."""
    tags = run.data.tags
    called = f"{run.info.run_id} ({run.info.run_name})"
    sweep = run if schema.is_sweep(tags) else None
    if schema.SHARD_TAG in tags and schema.PARENT_TAG in tags:
        sweep = get_run(tags[schema.PARENT_TAG])
    if sweep is not None:
        kind = "a sweep" if sweep is run else "a run of a sweep"
        raise UsageError(
            f"{called} is {kind}, which goes on by its own command; use: {shlex.join(sweep_command(sweep))} ({flag})"
        )
    if schema.DIGEST_TAG not in tags:
        raise UsageError(f"{called} is no run of this project; allowed: a run of experiments.train ({flag})")
    return run


def sweep_command(sweep: Run) -> list[str]:
    """Return the command that starts a sweep again and makes the runs that are missing, as a list of words."""
    names = (*PLURALS.values(), "parameters")
    lists = {name: sweep.data.params[name] for name in names if name in sweep.data.params}
    if lists.get("seeds") == DEFAULT_SEEDS:
        del lists["seeds"]
    flags = [word for name, value in lists.items() for word in (f"--{name.replace('_', '-')}", value)]
    return ["python", "-m", "experiments.sweep", *flags]


def read_record(run: Run) -> Record:
    """Return the record of a run.

    Raises:
        UsageError: it has none, or a damaged one.
    """
    try:
        (record,) = read_files([f"{run.info.artifact_uri}/{schema.CONFIG_FILE}"], load_record)
    except CheckpointError as error:
        raise UsageError(f"the record of {run.info.run_id} ({run.info.run_name}) is damaged: {error}") from None
    except RunError:
        raise UsageError(
            f"{run.info.run_id} ({run.info.run_name}) was cut off before its {schema.CONFIG_FILE} was recorded, so "
            "there is nothing to go on from; train it anew"
        ) from None
    result: Record = record
    return result


def check_resumable(run: Run) -> None:
    """Raise UsageError unless a run was killed, or failed and left its state.

    Arguments:
        run: a single run.
    """
    check_not_alive(run)
    end = end_of(run)
    if end == End.KILLED or (end == End.FAILED and saved_state(run)):
        return
    more = "; --continue trains it longer" if end == End.FINISHED else ""
    raise UsageError(
        f"{run.info.run_id} ({run.info.run_name}) is {end}; allowed: a run that was killed{more} (--resume)"
    )


def check_continuable(run: Run, record: Record, epochs: int) -> None:
    """Raise UsageError unless a run finished and a longer training can go on from its last state.

    Arguments:
        run: a single run.
        record: its record.
        epochs: the number of epochs of the longer training.
    """
    called = f"{run.info.run_id} ({run.info.run_name})"
    config, end = record.config, end_of(run)
    if end != End.FINISHED:
        more = "; --resume goes on with it" if end == End.KILLED else ""
        raise UsageError(f"{called} is {end}; allowed: a run that finished{more} (--continue)")
    reasons = {
        "schedule": ("constant", "with another one, a longer training differs from the beginning"),
        "keep": ("last", "otherwise the recorded weights are not those of the last epoch"),
    }
    for name, (allowed, why) in reasons.items():
        if (came := getattr(config, name)) != allowed:
            raise UsageError(f"{called} has {name}={came}; allowed: {name}={allowed}: {why} (--continue)")
    if epochs <= config.epochs:
        raise UsageError(
            f"epochs is {epochs}; allowed: more than the {config.epochs} that {called} was trained (--epochs)"
        )


def check_same_circumstances(run: Run, prepared: Prepared, record: Record, flag: str) -> None:
    """Raise UsageError, naming both sides, if what would be trained here might not be what the run's beginning was.

    Arguments:
        run: the earlier run.
        prepared: what would be trained here.
        record: the earlier run's record.
        flag: the flag that names the run, for errors.
    """
    here = circumstances(prepared) | {"training_version": str(prepared.record.training_version)}
    there: Mapping[str, str] = run.data.tags | {"training_version": str(record.training_version)}
    for name, value in here.items():
        if there.get(name, value) != value:
            raise UsageError(
                f"{name} of {run.info.run_id} ({run.info.run_name}) is {there[name]}, here it is {value}; allowed: the "
                f"same, so that the training goes on bit for bit ({flag})"
            )


def saved_state(run: Run) -> Path | None:
    """Return the file with the saved state of a single run's training; None if there is none on this machine."""
    recorded = run.data.tags.get(schema.CHECKPOINT_TAG)
    paths = [checkpoint_path(run.info.run_id), *([Path(recorded)] if recorded else [])]
    return next((path for path in paths if path.is_file()), None)


def check_state_not_elsewhere(run: Run) -> None:
    """Raise UsageError if the state of a run was saved, but not where this machine finds it."""
    recorded = run.data.tags.get(schema.CHECKPOINT_TAG)
    if recorded and saved_state(run) is None:
        raise UsageError(
            f"the state of {run.info.run_id} ({run.info.run_name}) was saved in {recorded} on "
            f"{run.data.tags.get(schema.HOST_TAG)}, and is not here; copy that file to "
            f"{checkpoint_path(run.info.run_id)} and start again, or train the run anew (--resume)"
        )
