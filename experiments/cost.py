"""What a sweep would cost, before it is started: runs, time and room on the disk."""

import heapq
import os
import time
from collections.abc import Collection, Hashable, Sequence
from pathlib import Path

import rnn_core
from analysis.runs import RunError, recorded_runs
from analysis.runs.store import current_experiment_id, ping_store, store_address
from experiments.code_state import code_state
from experiments.flags import UsageError
from experiments.plots import draw_losses, draw_report
from experiments.progress import start_seconds
from experiments.shards import SharedTraining, epochs, plan, trained_together
from experiments.tracking.access import impatient
from rnn_core.data import Prepared
from rnn_core.measures.report import measure
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import Progress
from rnn_core.training.stack import stack_key

SECONDS_TO_TRY = 0.5
"""How long the training of a kind of shard is tried, an epoch or two windows at the least."""

SECONDS_TO_TRY_ALL = 8.0
"""About how long all kinds of shards are tried, and how long runs are measured."""

QUICK_PICTURES = 0.1
"""How long a run's pictures took on the quiet machine on which the constants below were measured, in seconds. They are
drawn here, too; where that takes longer, everything does."""

SECONDS_TO_RECORD = 0.2
"""Beside measuring a run and drawing its pictures: to write its files, and to send it to a store on the disk."""

SECONDS_OF_FIRST_RUN = 0.5
"""What the first run that a process records takes beside that."""

SECONDS_OF_STORE = 3.0
"""To make a store that is not there yet."""

SECONDS_OF_SWEEP = 0.8
"""To open a sweep, to sum it up, and to end."""

SECONDS_TO_REUSE = 0.01
"""To make a run that was recorded before a member of the sweep."""

SECONDS_TO_START = 3.5
"""What a process takes for its imports, where nobody has measured that of this one."""

REQUESTS_A_RUN = 60
"""How often a server is asked while a run is recorded; most of them are files of its model."""

READING_SHARE = 0.45
"""Of a long epoch's time, how long it takes to measure a net; shorter ones are measured."""

LONG_EPOCH = 2.0
"""In seconds, for READING_SHARE."""

BYTES_A_RUN = 200_000
"""The pictures, tables and rows of a run, whatever it trained; most of it pictures."""

BLOCK = 4096
"""What a file takes a multiple of on most disks."""

BYTES_AN_EPOCH = 500
"""What an epoch takes in the store and in curves.csv."""


def sweep_cost(title: str, prepared: Sequence[Prepared], workers: int, again: bool, since: float) -> str:
    """Return in words what a sweep costs, counting only the runs that are not recorded yet.

    Training and measuring are tried: some epochs of each kind of shard, and some nets.

    Arguments:
        title: what the sweep is called.
        prepared: its runs.
        workers: how many processes work side by side, 1 or more.
        again: whether runs that were recorded before are made again.
        since: when this program began to prepare them, by time.monotonic; a sweep does the same first.

    Raises:
        UsageError: the store cannot be read.
    """
    digests = [one.record.digest for one in prepared]
    before = set() if again else _recorded(digests)
    missing = [one for one, digest in zip(prepared, digests, strict=True) if digest not in (before or ())]
    shards = [[missing[number] for number in numbers] for numbers in plan(missing, workers)[0]]
    seconds = start_seconds() + time.monotonic() - since
    slowness, costs = _costs(shards)
    seconds += slowness * (SECONDS_OF_SWEEP + (SECONDS_OF_STORE if before is None else 0))
    seconds += slowness * SECONDS_TO_REUSE * len(before or ())
    start = slowness * SECONDS_OF_FIRST_RUN * bool(missing)
    if workers > 1:
        start += start_seconds() or SECONDS_TO_START
    crowd = max(1.0, workers / (os.cpu_count() or workers))
    seconds += crowd * _longest([start] * workers, costs)
    sizes = [path.stat().st_size for path in Path(rnn_core.__file__).parent.rglob("*.py")]
    code = sum(-(-size // BLOCK) * BLOCK for size in [*sizes, len(code_state().diff)])  # both travel with every run
    room = sum(BYTES_A_RUN + code + 4 * one.record.parameters + BYTES_AN_EPOCH * one.config.epochs for one in missing)
    return (
        f"{title}: {len(prepared)} runs, {len(before or ())} of them recorded before; "
        f"about {in_words(seconds)} with {workers} worker{'s' if workers > 1 else ''}, and {room / 1e6:.0f} MB"
    )


def in_words(seconds: float) -> str:
    """Return a time in seconds below two minutes, in minutes below two hours, in hours beyond."""
    if seconds < 119.5:
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    if seconds < 119.5 * 60:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 360_000 else f"{seconds / 3600:.0f} hours"


def _recorded(digests: Collection[str]) -> set[str] | None:
    """Return which runs are recorded where the sweep would record them; None where there is no store yet."""
    path = store_address().removeprefix("sqlite:///")
    if path != store_address() and not Path(path).exists():
        return None
    try:
        with impatient():
            experiment_id = current_experiment_id()
            return set() if experiment_id is None else set(recorded_runs(experiment_id, digests))
    except RunError as error:
        raise UsageError(str(error)) from None


def _longest(busy: list[float], costs: Sequence[float]) -> float:
    """Return when the last of several workers is done, in seconds, each of which takes the next shard when it is free.

    Arguments:
        busy: for each worker when it begins.
        costs: for each shard how long it takes.
    """
    for cost in costs:
        heapq.heappush(busy, heapq.heappop(busy) + cost)
    return max(busy)


def _costs(shards: Sequence[Sequence[Prepared]]) -> tuple[float, list[float]]:
    """Return how slow this machine is now beside the one of the constants, and how many seconds each shard takes."""
    parts = [list(trained_together(shard)) for shard in shards]
    kinds = {_kind(part): part for shard in parts for part in shard}
    to_try = min(SECONDS_TO_TRY, SECONDS_TO_TRY_ALL / max(len(kinds), 1))
    tried = {kind: _try_training(part, to_try) for kind, part in kinds.items()}
    drawing, measuring, once = _try_measuring({kind: (part, tried[kind][1]) for kind, part in kinds.items()})
    slowness = drawing / QUICK_PICTURES
    a_run = drawing + slowness * SECONDS_TO_RECORD + REQUESTS_A_RUN * _latency()
    mean = sum(measuring.values()) / max(len(measuring), 1)
    costs = []
    for shard in parts:
        cost = 0.0
        for part in shard:
            first, an_epoch = tried[_kind(part)]
            longest = max(training.prepared.config.epochs for training in part)
            runs = sum(len(training.runs) for training in part)
            cost += first + an_epoch * longest + runs * (a_run + measuring.get(_kind(part), mean))
        costs.append(cost)
    if costs:
        costs[0] += once
    return slowness, costs


def _kind(part: Sequence[SharedTraining]) -> Hashable:
    """Return what trainings that take equally long have in common."""
    first = part[0].prepared
    config = first.config
    alone = (config.cell, config.hidden_size, config.layers, config.encoding, config.batch_size, config.window)
    return config.pattern, config.length, stack_key(first) or alone, len(part)


def _try_training(part: Sequence[SharedTraining], seconds: float) -> tuple[float, float]:
    """Train for some time; return how many seconds the start takes, and each epoch."""
    running, begin = epochs(part), time.perf_counter()
    done, points = 0, [(0.0, 0.0)]
    for came in running:
        if isinstance(came, Progress):
            points.append((time.perf_counter() - begin, done + came.share))
        else:
            done += 1
            points.append((time.perf_counter() - begin, float(done)))
        if len(points) > 2 and points[-1][0] - points[1][0] >= seconds:
            break
    running.close()
    (time_1, done_1), (time_2, done_2) = points[1], points[-1]
    an_epoch = (time_2 - time_1) / (done_2 - done_1) if done_2 > done_1 else time_1 / done_1
    return max(0.0, time_1 - an_epoch * done_1), an_epoch


def _try_measuring(
    kinds: dict[Hashable, tuple[Sequence[SharedTraining], float]],
) -> tuple[float, dict[Hashable, float], float]:
    """Measure an untrained net of each kind, as many kinds as there is time for, and draw the pictures of the first.

    Arguments:
        kinds: for each kind its trainings, and how long an epoch of them takes in seconds.

    Returns:
        The seconds that a run's pictures take; for each kind that was tried those of measuring a net; and those of what
        is computed once for all nets of the same data, such as a text's n-gram models.
    """
    begin, drawing, once = time.perf_counter(), QUICK_PICTURES, 0.0
    seconds: dict[Hashable, float] = {}
    for kind, (part, an_epoch) in kinds.items():
        if an_epoch / len(part) > LONG_EPOCH:
            seconds[kind] = READING_SHARE * an_epoch / len(part)
        elif time.perf_counter() - begin < SECONDS_TO_TRY_ALL:
            prepared = part[0].prepared
            net = prepared.build_net()
            first, second = (_seconds_to_measure(net, prepared) for _ in range(2))
            seconds[kind] = second
            once += max(0.0, first - second)
            if len(seconds) == 1:
                drawing = min(_seconds_to_draw(net, prepared) for _ in range(3))
    return drawing, seconds, once


def _seconds_to_measure(net: CharRNN, prepared: Prepared) -> float:
    begin = time.perf_counter()
    measure(net, prepared)
    return time.perf_counter() - begin


def _seconds_to_draw(net: CharRNN, prepared: Prepared) -> float:
    report = measure(net, prepared)
    history = [{"train_loss": 1.0, "train_accuracy": 0.0}] * prepared.config.epochs
    begin = time.perf_counter()
    for picture in (draw_losses(history, report.metrics), *draw_report(report).values()):
        picture.png(fast=True)
    return time.perf_counter() - begin


def _latency() -> float:
    """Return how many seconds a server takes to answer; 0 where the store is on the disk."""
    if not store_address().startswith("http"):
        return 0.0
    begin = time.perf_counter()
    ping_store()
    return time.perf_counter() - begin
