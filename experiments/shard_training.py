"""Trains the nets of a shard, as stacks where it can, and records each run."""

import dataclasses
import gc
import itertools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from analysis.commands import PLURALS
from analysis.runs import RunError, recorded_runs
from analysis.runs.schema import End, members_condition
from experiments.descriptions import run_name
from experiments.errors import TrackingError
from experiments.flags import with_flags
from experiments.recording import measure_and_record
from experiments.shards import Awaited, Outcome, Shard, SharedTraining, StackProgress, stacks
from experiments.tracking import GaveWayError, TrackedRun, delete_half_made, find_others, goes_on, is_complete
from rnn_core.data import Prepared, prepare_all
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import DivergedError, EpochRecord, Progress, TrainingState, train
from rnn_core.training.loop import PROGRESS_SECONDS
from rnn_core.training.stack import train_stack

LOOK_AGAIN_SECONDS = 0.5
"""How long a shard that has nothing else to do waits before it looks again for the runs that others are recording."""

RUNS_A_COLLECTION = 10
"""Garbage, most of it figures, is collected after so many runs."""


def record_shard(
    shard: Shard, hold_signals: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Iterator[Outcome | StackProgress | Awaited]:
    """Train the nets of a shard, then record the runs one after the other.

    Runs that an earlier try at the shard has recorded are not made again; those that it left half-made, or that failed,
    are deleted. A run that others have recorded meanwhile is used instead of its own, and one that others are recording
    is waited for.

    Arguments:
        shard: the runs.
        hold_signals: returns a context manager, in which a run is recorded and which holds back signals.

    Yields:
        An Outcome for each run that has been recorded, here or by others; they end early if another start has ended the
        sweep. Where a training begins, and about once a second while it lasts, a StackProgress. While runs of others
        are waited for, an Awaited.

    Raises:
        ValueError: the data behind a pattern are not the same in this process as where the sweep was started.
    """
    membership = shard.membership
    delete_half_made(membership.experiment_id, membership.condition, failed_too=True)
    condition = members_condition(membership.sweep_id)  # made here, or by others
    recorded = recorded_runs(membership.experiment_id, shard.digests, condition)
    for digest, run in recorded.items():
        yield Outcome.of(digest, run, membership.sweep_id)
    shard = shard.only(set(shard.digests) - recorded.keys())
    prepared = prepare_all(request.config for request in shard.requests)
    for each, digest in zip(prepared, shard.digests, strict=True):
        if each.record.digest != digest:
            raise ValueError(f"the data of {each.config.pattern} are not the same here as where the sweep was started")
    if not gc.get_freeze_count():  # the objects that imports made stay to the end and need not be looked through again
        gc.collect()
        gc.freeze()
    results = (result for trainings in stacks(prepared) for result in _train(trainings, prepared))
    recorded_here = 0
    given_up: list[TrainingResult] = []
    """The results of runs that others are recording; they are recorded here if the others fail."""
    waited: set[int] = set()
    """The numbers of all runs that have been waited for."""
    for result in itertools.chain(results, _wait_for_others(given_up)):
        if not isinstance(result, TrainingResult):
            yield result
            continue
        with hold_signals():
            if not goes_on(membership.sweep_id):  # another start has taken this sweep for dead
                return
            number = result.run_number
            outcome = _use_or_record(result, prepared[number], shard, waited=number in waited)
        if outcome is None:
            waited.add(number)
            given_up.append(result)
            continue
        yield outcome
        if recorded_here % RUNS_A_COLLECTION == 0:
            gc.collect()
        recorded_here += 1


def _wait_for_others(given_up: "list[TrainingResult]") -> "Iterator[TrainingResult | Awaited]":
    """Yield, until the list is empty, the results in it again and again, with a pause after each round."""
    while given_up:
        yield Awaited(len(given_up))
        time.sleep(LOOK_AGAIN_SECONDS)
        results = given_up.copy()
        given_up.clear()
        yield from results


@dataclass(frozen=True)
class TrainingResult:
    """The result of training one run.

    Attributes:
        run_number: the number of the run in its shard.
        history: the record of each epoch.
        net: the trained net; not to be used if it diverged.
        divergence: the error that names the epoch in which the loss was not finite; None if there is none.
    """

    run_number: int
    history: list[EpochRecord]
    net: CharRNN
    divergence: DivergedError | None


def _train(
    trainings: Sequence[SharedTraining], prepared: Sequence[Prepared]
) -> Iterator[TrainingResult | StackProgress]:
    """Train nets, as a stack if there are several; yield the progress, and at the end a result for each run.

    Arguments:
        trainings: one or more; several can be stacked.
        prepared: the data of every run of the shard.
    """
    losses_en: list[Sequence[float] | np.ndarray] = []
    accuracies_en: list[Sequence[float] | np.ndarray] = []
    valid_e: list[float | None] = []
    nets: dict[int, CharRNN] = {}
    runs = sum(len(training.runs) for training in trainings)
    progress = StackProgress(runs, 0, max(training.prepared.config.epochs for training in trainings))
    yield progress
    last_yield = time.monotonic()
    for step in train_epochs(trainings):
        epoch = len(losses_en)
        if isinstance(step, Progress):
            yield dataclasses.replace(progress, done=epoch + step.share)
            last_yield = time.monotonic()
            continue
        losses_en.append(step.loss_n)
        accuracies_en.append(step.accuracy_n)
        valid_e.append(step.valid_loss)
        for place, training in enumerate(trainings):
            for run_number in training.runs:
                if prepared[run_number].config.epochs == epoch + 1:
                    nets[run_number] = step.load_into(prepared[run_number].build_net(), place)
        if time.monotonic() - last_yield >= PROGRESS_SECONDS:
            yield dataclasses.replace(progress, done=epoch + 1)
            last_yield = time.monotonic()
    for place, training in enumerate(trainings):
        for run_number in training.runs:
            net = nets.pop(run_number, None) or prepared[run_number].build_net()
            history, divergence = [], None
            for epoch in range(min(prepared[run_number].config.epochs, len(losses_en))):
                loss = float(losses_en[epoch][place])
                if not np.isfinite(loss):
                    divergence = DivergedError(epoch, loss)
                    break
                history.append(EpochRecord(epoch, loss, float(accuracies_en[epoch][place]), valid_e[epoch], net))
            yield TrainingResult(run_number, history, net, divergence)


@dataclass(frozen=True)
class StackEpoch:
    """One epoch of N nets that are trained together.

    Attributes:
        loss_n: the training loss of each, in nats per character.
        accuracy_n: the training accuracy of each, 0 to 1.
        valid_loss: the validation loss, in nats per character, of a net that is trained alone; None in a stack.
        load_into: a function that copies the weights after this epoch into a net: `load_into(net, n)` takes those of
            the net with number n, and returns `net`.
    """

    loss_n: Sequence[float] | np.ndarray
    accuracy_n: Sequence[float] | np.ndarray
    valid_loss: float | None
    load_into: Callable[[CharRNN, int], CharRNN]


def train_epochs(trainings: Sequence[SharedTraining]) -> Generator[StackEpoch | Progress, None, None]:
    """Train nets, as a stack if there are several; yield each epoch, and the progress within a long one.

    If the loss of a net that is trained alone is not finite, its epoch has that loss and is the last one.
    """
    if len(trainings) > 1:
        for stacked in train_stack([training.prepared for training in trainings], progress=True):
            if isinstance(stacked, Progress):
                yield stacked
                continue
            yield StackEpoch(stacked.loss_n, stacked.accuracy_n, None, stacked.stack.load_into)
        return
    net = trainings[0].prepared.build_net()

    def load_into(other: CharRNN, _: int) -> CharRNN:
        other.load_state_dict(net.state_dict())
        return other

    try:
        for record in train(trainings[0].prepared, TrainingState(trainings[0].prepared, net), progress=True):
            if isinstance(record, Progress):
                yield record
                continue
            yield StackEpoch([record.loss], [record.accuracy], record.valid_loss, load_into)
    except DivergedError as error:
        yield StackEpoch([error.loss], [np.nan], None, load_into)


def _use_or_record(result: TrainingResult, prepared: Prepared, shard: Shard, waited: bool) -> Outcome | None:
    """Record a run, unless others have recorded it, and return its outcome; None if others are recording it.

    Arguments:
        result: its trained net.
        prepared: the data that it was trained on.
        shard: the shard that it belongs to.
        waited: whether others were recording it when it was tried last. Then they are looked for before a run is
            opened, so that no run is opened in vain again and again.
    """
    membership, digest = shard.membership, prepared.record.digest
    try:
        others = find_others(membership.experiment_id, digest) if waited else []
        if not others:
            try:
                return _record(result, prepared, shard)
            except GaveWayError as error:
                others = [error.other]
        if not is_complete(others[0]):
            return None
        membership.adopt(others[0].info.run_id)
        return Outcome.of(digest, others[0], membership.sweep_id)
    except (RunError, TrackingError) as error:
        return Outcome(digest, "", End.FAILED, str(error), {})


def _record(result: TrainingResult, prepared: Prepared, shard: Shard) -> Outcome:
    """Measure and record a run, and return its outcome; one that could not be recorded has failed.

    Raises:
        GaveWayError: others have recorded the run, or are recording it.
    """
    record, run_id = prepared.record, ""
    request, membership = shard.requests[result.run_number], shard.membership
    try:
        name = run_name(prepared.config, prepared.pattern.short_name, membership.also_named)
        sizes = prepared.size_metrics
        run = TrackedRun(name, record, request.config, sizes, request.recipe, membership, give_way=not shard.again)
        run_id = run.run_id
        for epoch in result.history:
            run.log(epoch.metrics)
        report = None
        if result.divergence:
            run.finish(End.DIVERGED, with_flags(result.divergence, PLURALS))
        else:
            report = measure_and_record(run, result.net, prepared, flags=PLURALS)
        outcome = Outcome(record.digest, run_id, run.end, run.end_reason, dict(report.metrics) if report else {})
        return outcome.with_curve(np.array([epoch.loss for epoch in result.history]))
    except TrackingError as error:
        return Outcome(record.digest, run_id, End.FAILED, str(error), {})
