"""What a training starts from: a new net, the state in which a run was cut off, or the last state of a finished run."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.runs import schema
from analysis.runs.store import read_files
from experiments.checkpoint_files import lock_path
from experiments.descriptions import changed_fields, run_name
from experiments.earlier_runs import (
    check_continuable,
    check_resumable,
    check_same_circumstances,
    check_state_not_elsewhere,
    find_single_run,
    read_record,
    saved_state,
)
from experiments.errors import UsageError
from experiments.progress import waiting
from experiments.tracking import ResumedRun, TrackedRun, check_params
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.patterns import Pattern
from rnn_core.record import Record
from rnn_core.recorded_data import ChangedDataError, prepare_again
from rnn_core.training import TrainingState
from rnn_core.training.compiled_net import road_alone
from rnn_core.training.state_file import read_about, read_state


@dataclass(frozen=True)
class Start:
    """What a training starts from.

    Attributes:
        prepared: what is trained.
        state: the state from which the training goes on.
        open_run: opens the run in MLflow.
        recipe: the fields of the config that the pattern's recipe gave.
        origin: where the state comes from, in words; empty for a new net.
    """

    prepared: Prepared
    state: TrainingState
    open_run: Callable[[], TrackedRun]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""


def new_training(
    config: TrainConfig, pattern: Pattern, recipe: Mapping[str, Any], earlier: Record | None = None
) -> Start:
    """Return the start of a new training.

    Arguments:
        config: the config as it was asked for, before its zeros are resolved.
        pattern: the config's pattern.
        recipe: the fields of the config that the pattern's recipe gave.
        earlier: the record of the run that is trained again; None for any other.

    Raises:
        ConfigError, UsageError: the config or the data cannot be used.
    """
    if earlier is None:
        with waiting("preparing the data"):
            prepared = prepare(config, pattern)
    else:
        prepared = _prepare_again(earlier, config, "--config", pattern)
    check_params(prepared.config)
    also_named = changed_fields(config, pattern, earlier.config if earlier else None)
    name = run_name(prepared.config, pattern.short_name, also_named)
    road = {schema.ROAD_TAG: road_alone(prepared.record)}
    return Start(
        prepared,
        TrainingState(prepared),
        lambda: TrackedRun(name, prepared.record, config, prepared.size_metrics, recipe, other_tags=road),
        recipe,
    )


def resumed_training(name: str) -> Start:
    """Return the start of a training that was cut off: its last saved state or, if it was never saved, a new net.

    Arguments:
        name: the id or the name of the run, or `latest`.

    Raises:
        UsageError: the run cannot be resumed here.
        ConfigError: its data cannot be made again, or this machine lacks the device.
        RunError: the store cannot be read.
    """
    with waiting("looking for the run"):
        run = find_single_run(name, "--resume")
        check_resumable(run)
        record = read_record(run)
        check_state_not_elsewhere(run)
    prepared = _prepare_again(record, record.config, "--resume")
    check_same_circumstances(run, prepared, record, "--resume")
    state, path = TrainingState(prepared), saved_state(run)
    if path is not None:
        _load(state, path, record)
    run_id: str = run.info.run_id
    origin = f"{run_id} ({run.info.run_name}), which was cut off, in epoch {state.epoch}"
    return Start(
        prepared,
        state,
        lambda: ResumedRun(run_id, prepared.record, prepared.size_metrics, state.history, lock_path()),
        origin=origin,
    )


def longer_training(name: str, epochs: int) -> Start:
    """Return the start of a training that goes on from the last state of a finished run, as a run of its own.

    Arguments:
        name: the id or the name of the finished run, or `latest`.
        epochs: the number of all epochs, those of the finished run included.

    Raises:
        UsageError: the run cannot be continued here.
        ConfigError: its data cannot be made again, or this machine lacks the device.
        RunError: the store cannot be read.
    """
    with waiting("looking for the run"):
        run = find_single_run(name, "--continue")
        record = read_record(run)
        check_continuable(run, record, epochs)
    prepared = _prepare_again(record, dataclasses.replace(record.config, epochs=epochs), "--continue")
    check_same_circumstances(run, prepared, record, "--continue")
    state = TrainingState(prepared)
    address = f"{run.info.artifact_uri}/{schema.TRAINING_STATE_FILE}"
    (loaded,) = read_files([address], lambda path: _load(state, path, record), missing_ok=True)
    if loaded is None:
        raise UsageError(
            f"{run.info.run_id} ({run.info.run_name}) has no {schema.TRAINING_STATE_FILE}: it is older, or its net is "
            f"too large; train {epochs} epochs from the start (--continue)"
        )
    params, config = run.data.params, prepared.config
    given = dataclasses.replace(  # as the finished run was asked for
        config,
        length=0 if params.get("length") == "0" else config.length,
        window=0 if params.get("window") == "0" else config.window,
    )
    tags = {schema.CONTINUED_TAG: run.info.run_id, schema.ROAD_TAG: road_alone(prepared.record)}
    tags |= {name: run.data.tags[name] for name in (schema.RECIPE_TAG,) if name in run.data.tags}
    also_named = changed_fields(given, prepared.pattern)
    new_name = run_name(config, prepared.pattern.short_name, also_named)

    def open_run() -> TrackedRun:
        opened = TrackedRun(new_name, prepared.record, given, prepared.size_metrics, other_tags=tags)
        for metrics in state.history:
            opened.log(metrics)
        return opened

    origin = f"{run.info.run_id} ({run.info.run_name}), which finished after {state.epoch} epochs"
    return Start(prepared, state, open_run, origin=origin)


def _prepare_again(record: Record, config: TrainConfig, flag: str, pattern: Pattern | None = None) -> Prepared:
    """Return the data of an earlier run, or of a config made from its.

    Arguments:
        record: the earlier run's record.
        config: its config, perhaps with other values in some fields.
        flag: the flag that names the run, for errors.
        pattern: the config's pattern, if it is parsed already.

    Raises:
        UsageError: the pattern of the record draws other data today.
        ConfigError: the data cannot be made again, or this machine lacks the device.
    """
    with waiting("preparing the data"):
        try:
            return prepare_again(record, config, pattern)
        except ChangedDataError as error:
            raise UsageError(f"{error} ({flag})") from None


def _load(state: TrainingState, path: Path, record: Record) -> bool:
    """Load a saved state, and return True; raise UsageError if it is damaged, or is not that of the record's run."""
    try:
        if (came := read_about(path)["digest"]) != record.digest:
            raise UsageError(f"{path} is of the run with digest {came}; allowed: that of digest {record.digest}")
        state.load(*read_state(path))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # CheckpointError is a ValueError
        raise UsageError(f"the saved state of the training cannot be used: {error}; train the run anew") from None
    return True
