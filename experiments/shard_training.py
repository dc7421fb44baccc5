"""Trains the nets of a shard, as stacks where it can, and records each run."""

import functools
import gc
import itertools
import time
from collections.abc import Iterator

import numpy as np

from analysis.commands import PLURALS
from analysis.runs import RunError, recorded_runs
from analysis.runs.schema import ROAD_TAG, End, members_condition
from experiments.checkpoint_files import checkpoint_path, delete_checkpoint
from experiments.descriptions import run_name
from experiments.errors import TrackingError
from experiments.flags import with_flags
from experiments.recording import measure_and_record
from experiments.shards import Awaited, Outcome, Shard, StackProgress, stacks
from experiments.shared_training import TrainingResult, train_shared
from experiments.signals import Stop
from experiments.tracking import (
    Away,
    GaveWayError,
    TrackedRun,
    delete_half_made,
    find_others,
    goes_on,
    is_away,
    is_complete,
    persist,
)
from rnn_core.data import Prepared, prepare_all

LOOK_AGAIN_SECONDS = 0.5
"""How long a shard that has nothing else to do waits before it looks again for the runs that others are recording."""

LOOK_AT_SWEEP_SECONDS = 1.0
"""How often, at most, a shard looks whether its sweep has been ended by another start."""

RUNS_A_COLLECTION = 10
"""Garbage, most of it figures, is collected after so many runs."""


def record_shard(shard: Shard, stop: Stop) -> Iterator[Outcome | StackProgress | Awaited | Away]:
    """Train the nets of a shard, then record the runs one after the other.

    Runs that an earlier try at the shard has recorded are not made again; those that it left half-made, or that failed,
    are deleted. If another sweep has recorded a run meanwhile, that record is used; one that another sweep is recording
    is waited for.

    Arguments:
        shard: the runs.
        stop: the signals that end the work between two windows of the training, or between two runs.

    Yields:
        An Outcome for each run that has been recorded, here or by others; they end early if another start has ended the
        sweep. Where a training begins, and about once a second while it lasts, a StackProgress. While runs of others
        are waited for, an Awaited, and while the store is away, an Away.

    Raises:
        StoreAwayError: the store has been away for long; the trained nets are kept.
        ValueError: the data behind a pattern are not the same in this process as where the sweep was started.
        Interrupted: a signal has come; the training is saved.
    """
    membership = shard.membership
    kept = f"the nets are kept in {checkpoint_path(shard.checkpoint_name)}; the same sweep records them later"

    def clear_and_look(_: bool) -> dict[str, Outcome]:
        """Delete what an earlier try at the shard left half-made, and return the outcomes of the runs it recorded."""
        delete_half_made(membership.experiment_id, membership.condition, failed_too=True)
        # Not all of the sweep's: that would take the longer, the more runs it has.
        condition = f"{membership.condition} AND {members_condition(membership.sweep_id)}"
        runs = recorded_runs(membership.experiment_id, shard.digests, condition)
        return {digest: Outcome.of(digest, run, membership.sweep_id) for digest, run in runs.items()}

    recorded = yield from persist(clear_and_look, stop, "nothing was trained")
    yield from recorded.values()
    shard = shard.only(set(shard.digests) - recorded.keys())
    prepared = _prepare(shard)
    if not gc.get_freeze_count():  # the objects that imports made stay to the end and need not be looked through again
        with stop.held():
            gc.collect()
            gc.freeze()
    results = (result for each in stacks(prepared) for result in train_shared(each, shard, prepared, stop))
    handled, failed, looked = 0, False, 0.0
    to_wait_for: list[TrainingResult] = []
    """The results of runs that others are recording; they are recorded here if the others fail."""
    waited: set[int] = set()
    """The numbers of all runs that have been waited for."""
    for result in itertools.chain(results, _wait_for_others(to_wait_for)):
        if not isinstance(result, TrainingResult):
            yield result
            continue
        number = result.run_number
        record = functools.partial(_use_or_record, result, prepared[number], shard, number in waited)
        with stop.held():
            # By the wall clock, because another start may end the sweep while this machine sleeps.
            if not 0 <= time.time() - looked < LOOK_AT_SWEEP_SECONDS:
                if not (yield from persist(lambda _: goes_on(membership.sweep_id), stop, kept)):
                    return  # another start has taken this sweep for dead
                looked = time.time()
            outcome = yield from persist(record, stop, kept)
        if outcome is None:
            waited.add(number)
            to_wait_for.append(result)
            continue
        yield outcome
        failed = failed or outcome.end == End.FAILED
        if handled % RUNS_A_COLLECTION == 0:
            with stop.held():  # what a signal raises while garbage is collected would be lost in a callback
                gc.collect()
        handled += 1
    if not failed:  # what failed is tried once more
        delete_checkpoint(checkpoint_path(shard.checkpoint_name))


def _prepare(shard: Shard) -> list[Prepared]:
    """Return the data of each run of a shard; raise ValueError if they are not those of the sweep's process."""
    prepared = prepare_all(request.config for request in shard.requests)
    for each, digest in zip(prepared, shard.digests, strict=True):
        if each.record.digest != digest:
            raise ValueError(f"the data of {each.config.pattern} are not the same here as where the sweep was started")
    return prepared


def _wait_for_others(to_wait_for: list[TrainingResult]) -> Iterator[TrainingResult | Awaited]:
    """Yield the results in a list in rounds, after a pause each; end when the list stays empty.

    Each round empties the list. Whoever takes the results puts those back that must wait on.
    """
    while to_wait_for:
        yield Awaited(len(to_wait_for))
        time.sleep(LOOK_AGAIN_SECONDS)
        results = to_wait_for.copy()
        to_wait_for.clear()
        yield from results


def _use_or_record(
    result: TrainingResult, prepared: Prepared, shard: Shard, waited: bool, is_retry: bool
) -> Outcome | None:
    """Record a run, unless others have recorded it, and return its outcome; None if others are recording it.

    Arguments:
        result: its trained net.
        prepared: the data that it was trained on.
        shard: the shard that it belongs to.
        waited: whether others were recording it when it was tried last. Then they are looked for before a run is
            opened, so that no run is opened in vain again and again.
        is_retry: whether an earlier try met a store that was away, and may have left the run half-made.
    """
    membership, digest = shard.membership, prepared.record.digest
    if is_retry:
        delete_half_made(membership.experiment_id, membership.condition, failed_too=True)
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
        if is_away(error):
            raise
        return Outcome(digest, "", End.FAILED, str(error), {})


def _record(result: TrainingResult, prepared: Prepared, shard: Shard) -> Outcome:
    """Measure and record a run, and return its outcome; one that could not be recorded has failed.

    Raises:
        GaveWayError: others have recorded the run, or are recording it.
    """
    record, run = prepared.record, None
    request, membership = shard.requests[result.run_number], shard.membership
    try:
        name = run_name(prepared.config, prepared.pattern.short_name, membership.also_named)
        sizes = prepared.size_metrics
        tags = {ROAD_TAG: result.road}
        run = TrackedRun(name, record, request.config, sizes, request.recipe, membership, tags, not shard.again)
        for metrics in result.history:
            run.log(metrics)
        report = None
        if result.divergence:
            run.finish(End.DIVERGED, with_flags(result.divergence, PLURALS))
        else:
            report = measure_and_record(run, result.net, prepared, flags=PLURALS)
        metrics = dict(report.metrics) if report else {}
        outcome = Outcome(record.digest, run.run_id, run.end, run.end_reason, metrics, name=run.name)
        curves = {key: np.array([values[key] for values in result.history]) for key in next(iter(result.history), {})}
        return outcome.with_curves(curves, prepared.config.epochs)
    except Exception as error:
        if is_away(error):
            if run is not None:
                run.give_up("the store was away")
            raise
        if not isinstance(error, TrackingError):
            raise
        return Outcome(record.digest, run.run_id if run else "", End.FAILED, str(error), {})
