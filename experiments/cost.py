"""What a sweep would cost, before it is started: runs, time and room on the disk."""

import time
from collections.abc import Sequence
from pathlib import Path

import rnn_core
from experiments.code_state import code_state
from experiments.grid import Grid
from experiments.shards import SharedTraining, epochs, plan, trained_together
from rnn_core.data import Prepared
from rnn_core.training.stack import stack_key

SECONDS_A_RUN = 0.25
"""About how long it takes to measure, draw and record a run; `python -m benchmarks.sweep_speed` measures it."""

SECONDS_TO_TRY = 0.5
"""How long the training of a shard is tried, an epoch and one to warm up at the least."""

BYTES_A_RUN = 200_000
"""The pictures, tables and rows of a run, whatever it trained; most of it pictures."""

BLOCK = 4096
"""What a file takes a multiple of on most disks."""

BYTES_AN_EPOCH = 500
"""What an epoch takes in the store and in curves.csv."""


def sweep_cost(grid: Grid, prepared: Sequence[Prepared], workers: int) -> str:
    """Return in words what a sweep costs if nothing of it was recorded before.

    Training is tried: some epochs of each kind of shard.
    """
    seconds, tried = SECONDS_A_RUN * len(prepared), {}
    for numbers in plan(prepared, workers)[0]:
        for part in trained_together([prepared[number] for number in numbers]):
            kind = (stack_key(part[0].prepared), len(part))
            if kind not in tried:
                tried[kind] = _seconds_an_epoch(part)
            seconds += tried[kind] * part[0].prepared.config.epochs
    sizes = [path.stat().st_size for path in Path(rnn_core.__file__).parent.rglob("*.py")]
    code = sum(-(-size // BLOCK) * BLOCK for size in [*sizes, len(code_state().diff)])  # both travel with every run
    room = sum(BYTES_A_RUN + code + 4 * one.record.parameters + BYTES_AN_EPOCH * one.config.epochs for one in prepared)
    minutes = seconds / workers / 60
    return (
        f"{grid.title()}: {len(prepared)} runs, about {minutes:.1f} minutes with {workers} "
        f"worker{'s' if workers > 1 else ''} if none was recorded before, and {room / 1e6:.0f} MB"
    )


def _seconds_an_epoch(part: Sequence[SharedTraining]) -> float:
    running, begin, count = epochs(part), time.perf_counter(), 0
    next(running)
    if part[0].prepared.config.epochs == 1:
        return time.perf_counter() - begin
    begin = time.perf_counter()
    while time.perf_counter() - begin < SECONDS_TO_TRY and next(running, None) is not None:
        count += 1
    return (time.perf_counter() - begin) / max(count, 1)
