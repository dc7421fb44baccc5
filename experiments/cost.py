"""Estimates what a sweep costs before it is started: runs, time, and room on the disk."""

import heapq
import os
import time
from collections.abc import Hashable, Sequence

from analysis.runs import RunError, recorded_runs
from analysis.runs.address import database_path, store_address
from analysis.runs.experiment import current_experiment_id
from analysis.runs.store import ping_store
from experiments.errors import UsageError
from experiments.plots import draw_run
from experiments.progress import import_seconds
from experiments.shards import SharedTraining, plan, stacks
from experiments.shared_training import new_state, train_epochs
from experiments.tracking.away import impatient
from rnn_core.data import Prepared
from rnn_core.measures.report import measure
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import DivergedError, Progress
from rnn_core.training.stack import stack_key

SECONDS_TO_TRY = 0.5
"""How long the training of each kind of stack is tried, in seconds; at least one epoch, or two windows of one."""

SECONDS_TO_TRY_ALL = 8.0
"""How long, about, the training of all kinds is tried, and for how long nets are measured, in seconds."""

QUICK_PICTURES = 0.1
"""How long the pictures of a run took on the quiet machine on which the constants below were measured, in seconds. The
same pictures are drawn here; if that takes longer by some factor, the constants are multiplied by it."""

SECONDS_TO_RECORD = 0.2
"""To write the files of a run and to send it to a store on the disk; measuring and drawing are not included."""

SECONDS_OF_FIRST_RUN = 0.5
"""The further seconds of the first run that a process records."""

SECONDS_OF_STORE = 3.0
"""To make a new store."""

SECONDS_OF_SWEEP = 0.8
"""To open a sweep, to sum it up, and to end."""

SECONDS_TO_REUSE = 0.01
"""To make an earlier run a member of the sweep."""

SECONDS_TO_START = 3.5
"""To import torch and MLflow, if that was not measured in this process."""

REQUESTS_A_RUN = 30
"""The number of requests to a server for each run; half of them send a file."""

READING_SHARE = 0.45
"""The time to measure a net, as a share of the time of an epoch, if an epoch takes longer than LONG_EPOCH."""

LONG_EPOCH = 2.0
"""In seconds a net. Nets with shorter epochs are measured to see how long it takes."""

BYTES_A_RUN = 230_000
"""The pictures, tables and database rows of a run, and the code of its model; most of it is pictures."""

BYTES_AN_EPOCH = 500
"""The bytes of an epoch in the store and in curves.csv."""


def sweep_cost(title: str, prepared: Sequence[Prepared], workers: int, again: bool, since: float) -> str:
    """Return in words what a sweep costs; runs that are recorded already cost next to nothing.

    The estimate rests on a trial: some epochs of each kind of stack are trained, and some nets are measured.

    Arguments:
        title: the name of the sweep.
        prepared: the data of each run.
        workers: the number of processes, 1 or more.
        again: whether runs that are recorded already are made again.
        since: when this program was started, by time.monotonic; the time since then is part of the cost.

    Raises:
        UsageError: the store cannot be read.
    """
    digests = [run.record.digest for run in prepared]
    recorded = set() if again else _recorded(prepared)
    missing = [run for run, digest in zip(prepared, digests, strict=True) if digest not in (recorded or ())]
    shards = [[missing[number] for number in numbers] for numbers in plan(missing, workers)[0]]
    seconds = time.monotonic() - since
    slowness, costs = _shard_costs(shards)
    seconds += slowness * (SECONDS_OF_SWEEP + (SECONDS_OF_STORE if recorded is None else 0))
    seconds += slowness * SECONDS_TO_REUSE * len(recorded or ())
    worker_start = slowness * SECONDS_OF_FIRST_RUN * bool(missing)
    if workers > 1:
        worker_start += import_seconds() or SECONDS_TO_START
    processes_a_core = max(1.0, workers / (os.cpu_count() or workers))
    seconds += processes_a_core * _finish_time([worker_start] * workers, costs)
    room = sum(BYTES_A_RUN + 4 * run.record.parameter_count + BYTES_AN_EPOCH * run.config.epochs for run in missing)
    return (
        f"{title}: {len(prepared)} runs, {len(recorded or ())} of them recorded before; "
        f"about {in_words(seconds)} with {workers} worker{'s' if workers > 1 else ''}, and {room / 1e6:.0f} MB"
    )


def in_words(seconds: float) -> str:
    """Return a time in words: in seconds below two minutes, in minutes below two hours, otherwise in hours."""
    if seconds < 119.5:
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    if seconds < 119.5 * 60:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 360_000 else f"{seconds / 3600:.0f} hours"


def _recorded(prepared: Sequence[Prepared]) -> set[str] | None:
    """Return the digests of those runs that are recorded already; None if there is no store yet."""
    path = database_path()
    if path is not None and not path.exists():
        return None
    try:
        with impatient():
            experiment_id = current_experiment_id()
            if experiment_id is None:
                return set()
            digests, configs = {run.record.digest for run in prepared}, [run.config for run in prepared]
            return set(recorded_runs(experiment_id, digests, configs=configs))
    except RunError as error:
        raise UsageError(str(error)) from None


def _finish_time(free_at: list[float], costs: Sequence[float]) -> float:
    """Return when all shards are done, in seconds. Each worker takes the next shard as soon as it is free.

    Arguments:
        free_at: when each worker is free for the first time.
        costs: how long each shard takes.
    """
    for cost in costs:
        heapq.heappush(free_at, heapq.heappop(free_at) + cost)
    return max(free_at)


def _shard_costs(shards: Sequence[Sequence[Prepared]]) -> tuple[float, list[float]]:
    """Return how many times slower than the constants' machine this one is, and the seconds that each shard takes."""
    stacks_by_shard = [list(stacks(shard)) for shard in shards]
    kinds = {_kind(stack): stack for shard in stacks_by_shard for stack in shard}
    trial_seconds = min(SECONDS_TO_TRY, SECONDS_TO_TRY_ALL / max(len(kinds), 1))
    training = {kind: _try_training(stack, trial_seconds) for kind, stack in kinds.items()}
    drawing, measuring, shared = _try_measuring({kind: (stack, training[kind][1]) for kind, stack in kinds.items()})
    slowness = drawing / QUICK_PICTURES
    recording = drawing + slowness * SECONDS_TO_RECORD + REQUESTS_A_RUN * _latency()
    mean_measuring = sum(measuring.values()) / max(len(measuring), 1)
    costs = []
    for shard in stacks_by_shard:
        cost = 0.0
        for stack in shard:
            start, seconds_an_epoch = training[_kind(stack)]
            epochs = max(each.prepared.config.epochs for each in stack)
            runs = sum(len(each.runs) for each in stack)
            cost += start + seconds_an_epoch * epochs + runs * (recording + measuring.get(_kind(stack), mean_measuring))
        costs.append(cost)
    if costs:
        costs[0] += shared
    return slowness, costs


def _kind(stack: Sequence[SharedTraining]) -> Hashable:
    """Return a key that is the same for stacks whose epochs take equally long."""
    first = stack[0].prepared
    config = first.config
    net = (config.cell, config.hidden_size, config.layers, config.encoding)
    alone = (*net, config.batch_size, config.window, config.draws, config.batches, config.curriculum > 0)
    return config.pattern, config.length, stack_key(first) or alone, len(stack)


def _try_training(stack: Sequence[SharedTraining], seconds: float) -> tuple[float, float]:
    """Train for a number of seconds; return how many seconds the start takes, and how many an epoch takes."""
    running, begin = train_epochs(stack, new_state(stack, ())), time.perf_counter()
    done, points = 0, [(0.0, 0.0)]
    try:
        for step in running:
            if isinstance(step, Progress):
                points.append((time.perf_counter() - begin, done + step.share))
            else:
                done += 1
                points.append((time.perf_counter() - begin, float(done)))
            if len(points) > 2 and points[-1][0] - points[1][0] >= seconds:
                break
    except DivergedError:
        points.append((time.perf_counter() - begin, done + 1.0))
    running.close()
    (time_1, done_1), (time_2, done_2) = points[1], points[-1]
    seconds_an_epoch = (time_2 - time_1) / (done_2 - done_1) if done_2 > done_1 else time_1 / done_1
    return max(0.0, time_1 - seconds_an_epoch * done_1), seconds_an_epoch


def _try_measuring(
    stack_and_epoch_seconds: dict[Hashable, tuple[Sequence[SharedTraining], float]],
) -> tuple[float, dict[Hashable, float], float]:
    """Return how long it takes to measure a net of each kind, and to draw the pictures of a run.

    Untrained nets are measured until SECONDS_TO_TRY_ALL are over. For nets with long epochs the time is estimated by
    READING_SHARE. Pictures are drawn for the first net that is measured; if there is none, QUICK_PICTURES counts.

    Arguments:
        stack_and_epoch_seconds: a stack of each kind, and how many seconds its epoch takes.

    Returns:
        How many seconds it takes to draw the pictures of a run; to measure a net, for each kind that was tried; and to
        compute what all nets of the same data share, such as the n-gram models of a text.
    """
    begin, shared = time.perf_counter(), 0.0
    drawing: float | None = None
    seconds: dict[Hashable, float] = {}
    for kind, (stack, seconds_an_epoch) in stack_and_epoch_seconds.items():
        if seconds_an_epoch / len(stack) > LONG_EPOCH:
            seconds[kind] = READING_SHARE * seconds_an_epoch / len(stack)
        elif time.perf_counter() - begin < SECONDS_TO_TRY_ALL:
            prepared = stack[0].prepared
            net = prepared.build_net()
            first, second = (_seconds_to_measure(net, prepared) for _ in range(2))
            seconds[kind] = second
            shared += max(0.0, first - second)
            if drawing is None:
                drawing = min(_seconds_to_draw(net, prepared) for _ in range(3))
    return QUICK_PICTURES if drawing is None else drawing, seconds, shared


def _seconds_to_measure(net: CharRNN, prepared: Prepared) -> float:
    begin = time.perf_counter()
    measure(net, prepared)
    return time.perf_counter() - begin


def _seconds_to_draw(net: CharRNN, prepared: Prepared) -> float:
    report = measure(net, prepared)
    history = [{"train_loss": 1.0, "train_accuracy": 0.0}] * prepared.config.epochs
    begin = time.perf_counter()
    draw_run(history, report)
    return time.perf_counter() - begin


def _latency() -> float:
    """Return how many seconds a server takes to answer; 0 if the store is on the disk."""
    if not store_address().startswith("http"):
        return 0.0
    begin = time.perf_counter()
    ping_store()
    return time.perf_counter() - begin
