"""One run: flags to config, training, and everything recorded in MLflow."""

import contextlib
import dataclasses
import functools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.runs.schema import COMMIT_TAG, CONFIG_FILE, End
from analysis.runs.store import store_address
from experiments.bars import show_epochs
from experiments.command import run_command
from experiments.descriptions import fields_in_words, first_line, how_to_look, key_numbers, run_name, side_by_side
from experiments.flags import UsageError, complain, read_flags, with_flags
from experiments.progress import waiting
from experiments.recording import measure_and_record
from experiments.signals import Interrupted, Stop
from experiments.tracking import TrackedRun, TrackingError, check_params
from rnn_core.checkpoint import CheckpointError, load_record
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.measures.report import Report
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern, parse
from rnn_core.record import TRAINING_VERSION, Record
from rnn_core.training import DivergedError, train
from rnn_core.vocabulary import visible


@dataclass(frozen=True)
class Flags(TrainConfig):
    """Train one recurrent net on one pattern, and record the run in MLflow.

    `python -m experiments.patterns` lists the families of patterns. The recipe of a family replaces the defaults below;
    `python -m experiments.patterns FAMILY` shows it. A flag that is given always counts.
    """

    config: Path | None = None
    """A run's config.json: train exactly that again. Flags beside it change single fields."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and record one run.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, 1 for a training that failed, 2 for bad input, 130 or 143 for a signal.
    """
    return run_command(functools.partial(_run, arguments))


def _run(arguments: Sequence[str] | None, stop: Stop, from_recipes: set[str]) -> int:
    """Read the flags, train and record, and return the exit status; `from_recipes` receives the recipe's fields."""
    asked, pattern, recipe, record = _parse(sys.argv[1:] if arguments is None else arguments)
    from_recipes.update(recipe)  # in place: the caller reads it
    with waiting("preparing the data"):
        prepared = prepare(asked, pattern)
    check_params(prepared.config)
    _check_same_data(prepared, record)
    net = prepared.build_net()
    _introduce(prepared, net, recipe)
    return _train_and_record(prepared, asked, recipe, net, stop)


def _train_and_record(
    prepared: Prepared, asked: TrainConfig, recipe: Mapping[str, Any], net: CharRNN, stop: Stop
) -> int:
    """Train the net in place, record what came of it however it ended, and return the exit status."""
    run = None
    try:
        with stop.held(), waiting(f"opening a run in {store_address()}"):
            name = run_name(prepared.config, prepared.pattern.short_name)
            run = TrackedRun(name, prepared.record, asked, prepared.sizes, recipe)
        # Closed before the net is measured: keep=best then puts the best weights back, however the training ended.
        with contextlib.closing(train(prepared, net, progress=True)) as records:
            for record in show_epochs(records, prepared.config.epochs):
                with stop.held():
                    run.log(record.metrics)
        stop.ignore()
    except Interrupted as signal:
        if run is None:
            raise
        why = f"{signal} in epoch {len(run.history)}"
        return _end(run, lambda: _measure_and_record(run, net, prepared, End.KILLED, why), signal.exit_status)
    except DivergedError as error:
        stop.ignore()
        assert run is not None
        why = with_flags(error)
        return _end(run, lambda: _finish(run, End.DIVERGED, why), 1)
    except Exception as error:
        stop.ignore()
        if run is not None:
            why = first_line(error)
            _end(run, lambda: _finish(run, End.FAILED, why), 1)
        raise
    return _end(run, lambda: _measure_and_record(run, net, prepared), 0)


def _finish(run: TrackedRun, end: End, why: str) -> None:
    with waiting("recording the run"):
        run.finish(end, why)


_measure_and_record = functools.partial(measure_and_record, waiting=waiting)


def _end(run: TrackedRun, record: Callable[[], Report | None], exit_status: int) -> int:
    """Record the end of a run by calling `record`, say what came of it, and return the exit status."""
    try:
        report = record()
    except TrackingError as error:
        return complain(str(error), 1)
    if report:
        rows = [*side_by_side(report.sample), *key_numbers(report.metrics)]
        print("", *(f"{name:<14} {value}" for name, value in rows), sep="\n")
    print(f"{'run':<14} {run.run_id} ({run.name})")
    print(f"{'look at it':<14} {how_to_look(store_address(), run.experiment_id, run.run_id)}", flush=True)
    if run.end == End.FINISHED:
        return exit_status
    return complain(run.end_reason, exit_status or 1)


def _parse(arguments: Sequence[str]) -> tuple[TrainConfig, Pattern, Mapping[str, Any], Record | None]:
    """Return the config that is asked for, its pattern, what of it the recipe gave, and the record it starts from."""
    flags = _flags(arguments, Flags())
    if flags.config is None:
        with waiting("reading the pattern"):
            pattern = parse(flags.pattern)
        if "MLFLOW_RUN_ID" in os.environ:
            # `mlflow run` passes every parameter: those at their default, nobody asked for.
            unsaid = {
                name: value for name, value in pattern.recipe.items() if getattr(flags, name) == getattr(Flags(), name)
            }
            flags = dataclasses.replace(flags, **unsaid)
        else:
            flags = _flags(arguments, Flags(**pattern.recipe))
        recipe = {name: value for name, value in pattern.recipe.items() if getattr(flags, name) == value}
        return _without_path(flags), pattern, recipe, None
    if "MLFLOW_RUN_ID" in os.environ:
        # `mlflow run` passes every parameter, so that none of the record's own would be left.
        raise UsageError(
            f"config is not a parameter of `mlflow run`; use: python -m experiments.train --config {CONFIG_FILE}"
        )
    try:
        record = load_record(flags.config)
    except CheckpointError as error:
        raise UsageError(f"{error} (--config)") from None
    if record.training_version != TRAINING_VERSION:
        raise UsageError(
            f"{flags.config} was trained by version {record.training_version} of the training, this is version "
            f"{TRAINING_VERSION}; check out the run's {COMMIT_TAG} to get the same weights (--config)"
        )
    asked = _without_path(_flags(arguments, Flags(**dataclasses.asdict(record.config))))
    return asked, parse(asked.pattern), {}, record


def _flags(arguments: Sequence[str], default: Flags) -> Flags:
    return read_flags(Flags, "python -m experiments.train", arguments, default)


def _without_path(flags: Flags) -> TrainConfig:
    return TrainConfig(**{field.name: getattr(flags, field.name) for field in dataclasses.fields(TrainConfig)})


def _check_same_data(prepared: Prepared, record: Record | None) -> None:
    """Refuse to call it a rerun when the data behind the same spec have changed."""
    if record is None or record.data_sha256 == prepared.record.data_sha256:
        return
    if all(
        getattr(record.config, name) == getattr(prepared.config, name) for name in ("pattern", "length", "data_seed")
    ):
        raise UsageError(
            f"the data of {prepared.config.pattern} have changed: their sha256 is {prepared.record.data_sha256}, the "
            f"record's is {record.data_sha256}; bring back the old data, or leave --config out"
        )


def _introduce(prepared: Prepared, net: CharRNN, recipe: Mapping[str, Any]) -> None:
    """Print what goes in, as the lab does: the characters, their indices, the shapes, the net."""
    config, vocabulary = prepared.config, prepared.vocabulary
    with waiting("cutting the data into windows"):
        windows = prepared.windows
    print(f"{'pattern':<14} {visible(config.pattern)}, {config.length} characters: {visible(prepared.text[:60])}")
    if recipe:
        print(f"{'recipe':<14} {fields_in_words(recipe)}")
    if len(vocabulary) <= 12:
        print(f"{'to index':<14} {vocabulary.to_index}")
        print(f"{'to character':<14} {vocabulary.to_character}")
    else:
        print(f"{'alphabet':<14} {len(vocabulary)} characters: {visible(vocabulary.characters)[:60]}")
    if (outputs := prepared.data.outputs.characters) != vocabulary.characters:
        print(f"{'outputs':<14} {len(outputs)} characters: {visible(outputs)[:60]}")
    first, count = windows[0], len(windows)
    of_each = "" if count == 1 else f", the first of {count} windows"
    print(f"{'input':<14} {list(net.encode(first.input_bt.to(config.device)).shape)}{of_each}")
    print(f"{'target':<14} {list(first.target_bt.shape)}{of_each}")
    print(f"{net}, {prepared.sizes['parameters']} parameters", flush=True)


if __name__ == "__main__":
    logging.captureWarnings(True)  # libraries' warnings are for their developers, not between the lines of a run
    sys.exit(main())
