"""Trains one net, records it however the training ends, and prints what came of it."""

import contextlib
from collections.abc import Mapping
from typing import Any

from analysis.runs.schema import End
from analysis.runs.store import store_address
from experiments.bars import show_epochs
from experiments.descriptions import (
    changed_fields,
    fields_in_words,
    first_line,
    key_numbers,
    run_name,
    side_by_side,
)
from experiments.errors import TrackingError, UsageError
from experiments.flags import complain, with_flags
from experiments.links import how_to_look
from experiments.progress import waiting
from experiments.recording import measure_and_record
from experiments.signals import Interrupted, Stop
from experiments.tracking import TrackedRun, check_params
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern
from rnn_core.record import Record
from rnn_core.training import DivergedError, train
from rnn_core.vocabulary import visible


def train_and_record(
    config: TrainConfig, pattern: Pattern, recipe: Mapping[str, Any], earlier: Record | None, stop: Stop
) -> int:
    """Train and record a run, print its results, and return the exit status: 0, 1 for a failure, or a signal's.

    Arguments:
        config: the config as it was asked for, before its zeros are resolved.
        pattern: the config's pattern.
        recipe: the fields of the config that the pattern's recipe gave.
        earlier: the record of the run that is trained again; None for a new run.
        stop: the signals that end the training early.

    Raises:
        ConfigError, UsageError, TrackingError: nothing was trained: the config, the data or the store cannot be used.
        Interrupted: a signal came before the run was opened.
    """
    with waiting("preparing the data"):
        prepared = prepare(config, pattern)
    check_params(prepared.config)
    _check_same_data(prepared, earlier)
    net = prepared.build_net()
    _print_start(prepared, net, recipe)
    run = None
    end, reason, exit_status = End.FINISHED, "", 0
    try:
        with stop.held(), waiting(f"opening a run in {store_address()}"):
            also_named = changed_fields(config, pattern, earlier.config if earlier else None)
            name = run_name(prepared.config, pattern.short_name, also_named)
            run = TrackedRun(name, prepared.record, config, prepared.size_metrics, recipe)
        # Closed before the net is measured: keep=best then puts the best weights back, however the training ended.
        with contextlib.closing(train(prepared, net, progress=True)) as records:
            for record in show_epochs(records, prepared.config.epochs):
                with stop.held():
                    run.log(record.metrics)
        stop.ignore()
    except Interrupted as signal:
        if run is None:
            raise
        end, reason, exit_status = End.KILLED, f"{signal} in epoch {len(run.history)}", signal.exit_status
    except DivergedError as error:
        stop.ignore()
        end, reason, exit_status = End.DIVERGED, with_flags(error), 1
    except Exception as error:
        stop.ignore()
        if run is not None:
            _finish(run, net, prepared, End.FAILED, first_line(error), 1)
        raise
    assert run is not None
    return _finish(run, net, prepared, end, reason, exit_status)


def _finish(run: TrackedRun, net: CharRNN, prepared: Prepared, end: End, reason: str, exit_status: int) -> int:
    """Measure the net unless its training failed or diverged, record how the run ended, and print it.

    Returns:
        The exit status: `exit_status` if it is not 0; otherwise 1 if the run could not be recorded, or if the net's
        losses are not finite.
    """
    report = None
    try:
        if end in (End.FINISHED, End.KILLED):
            report = measure_and_record(run, net, prepared, end, reason, waiting=waiting)
        else:
            with waiting("recording the run"):
                run.finish(end, reason)
    except TrackingError as error:
        return complain(str(error), exit_status or 1)
    if report:
        rows = [*side_by_side(report.sample), *key_numbers(report.metrics)]
        print("", *(f"{name:<16} {value}" for name, value in rows), sep="\n")
    print(f"{'run':<16} {run.run_id} ({run.name})")
    print(f"{'look at it':<16} {how_to_look(store_address(), run.experiment_id, run.run_id)}", flush=True)
    if run.end == End.FINISHED:
        return exit_status
    return complain(run.end_reason, exit_status or 1)


def _check_same_data(prepared: Prepared, earlier: Record | None) -> None:
    """Raise UsageError if the earlier run had the same pattern, length and data_seed, but other data."""
    if earlier is None or earlier.data_sha256 == prepared.record.data_sha256:
        return
    fields = ("pattern", "length", "data_seed")
    if all(getattr(earlier.config, name) == getattr(prepared.config, name) for name in fields):
        raise UsageError(
            f"the data of {prepared.config.pattern} have changed: their sha256 is {prepared.record.data_sha256}, the "
            f"record's is {earlier.data_sha256}; bring back the old data, or leave --config out"
        )


def _print_start(prepared: Prepared, net: CharRNN, recipe: Mapping[str, Any]) -> None:
    """Print what the net is trained on: the pattern, its characters and their indices, the shapes, and the net."""
    config, vocabulary = prepared.config, prepared.vocabulary
    with waiting("cutting the data into windows"):
        windows = prepared.windows
    print(f"{'pattern':<16} {visible(config.pattern)}, {config.length} characters: {visible(prepared.text[:60])}")
    if recipe:
        print(f"{'recipe':<16} {fields_in_words(recipe)}")
    if len(vocabulary) <= 12:
        print(f"{'to index':<16} {vocabulary.to_index}")
        print(f"{'to character':<16} {vocabulary.to_character}")
    else:
        print(f"{'alphabet':<16} {len(vocabulary)} characters: {visible(vocabulary.characters)[:60]}")
    if (outputs := prepared.data.outputs.characters) != vocabulary.characters:
        print(f"{'outputs':<16} {len(outputs)} characters: {visible(outputs)[:60]}")
    first, count = windows[0], len(windows)
    of_each = "" if count == 1 else f", the first of {count} windows"
    print(f"{'input':<16} {list(net.encode(first.input_bt.to(config.device)).shape)}{of_each}")
    print(f"{'target':<16} {list(first.target_bt.shape)}{of_each}")
    print(f"{net}, {prepared.size_metrics['parameters']} parameters", flush=True)
