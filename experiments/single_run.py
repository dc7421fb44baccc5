"""Trains one net, records it however the training ends, and prints what came of it."""

import contextlib
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

from analysis.runs.address import store_name
from analysis.runs.schema import COMPLETE, TRAINING_STATE_FILE, End
from experiments.bars import show_epochs
from experiments.checkpoint_files import Checkpoint
from experiments.descriptions import fields_in_words, first_line, key_numbers, side_by_side
from experiments.errors import TrackingError
from experiments.flags import complain, with_flags
from experiments.links import how_to_look
from experiments.progress import COMPILING, waiting
from experiments.recording import measure_and_record
from experiments.signals import Interrupted, Stop
from experiments.starts import Start
from experiments.tracking import PATIENCE_SECONDS, StoreAwayError, TrackedRun, clear_up, persist_aloud
from rnn_core.measures.report import Report
from rnn_core.training import DivergedError, EpochRecord, Progress, TrainingState, train
from rnn_core.training.compiled_net import reads_compiled
from rnn_core.training.loading import load_loops
from rnn_core.training.state_file import write_state
from rnn_core.vocabulary import visible

MAX_STATE_BYTES = 4_000_000
"""The largest last state of a training, in bytes, that its run keeps so that a longer training can go on from it."""


def train_and_record(start: Start, stop: Stop) -> int:
    """Train and record a run, print its results, and return the exit status: 0, 1 for a failure, or a signal's.

    Arguments:
        start: what the training starts from.
        stop: the signals that end the training early.

    Raises:
        UsageError, TrackingError: nothing was trained: the store cannot be used, or another program is at the run.
        Interrupted: a signal came before the run was opened.
    """
    prepared, state = start.prepared, start.state
    _print_start(start)
    run = checkpoint = None
    end, reason, exit_status = End.FINISHED, "", 0
    try:
        if reads_compiled(prepared.record):
            cell = prepared.config.cell
            with stop.held(), waiting(COMPILING.format(cell=cell)):
                load_loops(cell, alone=True)
        with stop.held(), waiting(f"opening a run in {store_name()}"):
            run = start.open_run()
            about = {"name": run.name, "digest": prepared.record.digest}
            checkpoint = Checkpoint(run.run_id, about, run.tell_checkpoint)
            if start.origin:
                checkpoint.write(state)
            _end_dead_runs(run)
        # Held, so that a signal stops the training between two windows, where its state can be saved. Closed before the
        # net is measured: keep=best then puts the best weights back, however the training ended.
        with stop.held(), contextlib.closing(train(prepared, state, progress=True)) as records:
            kept = _log_and_save(records, state, run, checkpoint, stop)
            for _ in show_epochs(kept, prepared.config.epochs):
                pass
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
        if run is not None and checkpoint is not None:
            _finish(run, start, checkpoint, stop, End.FAILED, first_line(error), 1)
        raise
    assert run is not None
    assert checkpoint is not None
    exit_status = _finish(run, start, checkpoint, stop, end, reason, exit_status)
    if run.end in COMPLETE:
        checkpoint.delete()
    if run.end not in COMPLETE and checkpoint.path.exists():
        print(f"{'go on with it':<16} python -m experiments.train --resume {run.run_id}", flush=True)
    return exit_status


def _end_dead_runs(run: TrackedRun) -> None:
    """End the runs whose process is gone, in the experiment of a run, and say how many."""
    with contextlib.suppress(Exception):  # it is for the other runs, and no reason to end this one
        if done := str(clear_up(run.experiment_id, but=run.run_id)):
            print(done)


def _log_and_save(
    records: Generator[EpochRecord | Progress, None, None],
    state: TrainingState,
    run: TrackedRun,
    checkpoint: Checkpoint,
    stop: Stop,
) -> Iterator[EpochRecord | Progress]:
    """Log each epoch, save the state of the training when that is due, and stop if a signal has come.

    Arguments:
        records: what `train` yields.
        state: the state that it trains.
        run: the run.
        checkpoint: where the state is saved.
        stop: the signals; they are held.

    Yields:
        The records.

    Raises:
        Interrupted: a signal has come; the state is saved.
    """
    for record in records:
        if isinstance(record, EpochRecord):
            run.log(record.metrics)
        if checkpoint.due and not stop.pending:
            checkpoint.write(state)
        yield record
        if stop.pending:
            checkpoint.write(state)
        stop.check()


def _finish(
    run: TrackedRun, start: Start, checkpoint: Checkpoint, stop: Stop, end: End, reason: str, exit_status: int
) -> int:
    """Measure the net unless its training failed or diverged, record how the run ended, and print it.

    Arguments:
        run: the run.
        start: what the training started from, with its state.
        checkpoint: where the state of a finished training is saved if the run cannot be recorded, so that --resume can
            record it later.
        stop: the signals that end the waiting for a store that is away.
        end: how the training ended.
        reason: the reason in words; empty for one that finished.
        exit_status: the exit status so far.

    Returns:
        The exit status: `exit_status` if it is not 0; otherwise 1 if the run could not be recorded, or if the net's
        losses are not finite, and that of a signal that ended the waiting for the store.
    """

    def record(_again: bool) -> Report | None:
        if end not in (End.FINISHED, End.KILLED):
            with waiting("recording the run"):
                run.finish(end, reason)
            return None
        try:
            with tempfile.TemporaryDirectory() as folder:
                last_state = _write_last_state(Path(folder), start) if end == End.FINISHED else None
                return measure_and_record(
                    run, start.state.net, start.prepared, end, reason, waiting=waiting, training_state=last_state
                )
        except Exception:
            if end == End.FINISHED:
                checkpoint.write(start.state)
            raise

    kept = "its end is not recorded"
    if end == End.FINISHED:
        kept = f"the training is kept; python -m experiments.train --resume {run.run_id} records it later"
    seconds = 0.0 if end == End.KILLED else PATIENCE_SECONDS  # somebody wants it to stop
    try:
        report = persist_aloud(record, stop, kept, seconds)
    except Interrupted as signal:
        run.give_up(f"{signal} while the store was away")
        return complain(f"{signal}; {kept}", exit_status or signal.exit_status)
    except TrackingError as error:
        if isinstance(error, StoreAwayError):
            run.give_up(str(error))
        return complain(str(error), exit_status or 1)
    if report:
        rows = [*side_by_side(report.sample), *key_numbers(report.metrics, report.references)]
        print("", *(f"{name:<16} {value}" for name, value in rows), sep="\n")
    print(f"{'run':<16} {run.run_id} ({run.name})")
    print(f"{'look at it':<16} {how_to_look(store_name(), run.experiment_id, run.run_id)}", flush=True)
    if run.end == End.FINISHED:
        return exit_status
    return complain(run.end_reason, exit_status or 1)


def _write_last_state(folder: Path, start: Start) -> Path | None:
    """Write the last state of a training to a file; None if a training with more epochs could not go on from it.

    That is so if the learning rate depends on the number of epochs, if the weights are not those of the last epoch, or
    if the state is large.
    """
    config, state = start.prepared.config, start.state
    size = sum(tensor.nbytes for tensor in state.tensors().values())
    if config.schedule != "constant" or config.keep != "last" or size > MAX_STATE_BYTES:
        return None
    write_state(folder / TRAINING_STATE_FILE, state, {"digest": start.prepared.record.digest})
    return folder / TRAINING_STATE_FILE


def _print_start(start: Start) -> None:
    """Print what the net is trained on: the pattern, its characters and their indices, the shapes, and the net."""
    prepared, net = start.prepared, start.state.net
    config, vocabulary = prepared.config, prepared.vocabulary
    with waiting("cutting the data into windows"):
        windows = prepared.windows
    print(f"{'pattern':<16} {visible(config.pattern)}, {config.length} characters: {visible(prepared.text[:60])}")
    if prepared.pattern.note:
        print(f"{'note':<16} {visible(prepared.pattern.note)}")
    if start.recipe:
        print(f"{'recipe':<16} {fields_in_words(start.recipe)}")
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
    if start.origin:
        print(f"{'goes on from':<16} {start.origin}")
    print(f"{net}, {prepared.size_metrics['parameters']} parameters", flush=True)
