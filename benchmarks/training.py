"""What training many nets costs, beside what a user would do instead.

    python -m benchmarks.training
    python -m benchmarks.training --recipes dyck:2 anbn --repeats 3

Two cores: stacks use two threads, nets alone one; JAX takes what it finds, where it is installed (pip install -e
".[peers]"). Times belong to one machine; ratios carry over. It takes about eight minutes.
"""

import importlib.util
import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.pool import Pool
from unittest.mock import patch

import torch
import tyro

from benchmarks.one_run import lab_loop
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.patterns import parse
from rnn_core.training import train
from rnn_core.training.stack import train_stack
from rnn_core.training.stack_state import StackState

THREADS = 2
LAB_EPOCHS = 300
NETS = 8
"""The nets of a recipe that are trained together."""


@dataclass(frozen=True)
class Flags:
    """Measure how fast many nets are trained."""

    nets: tuple[int, ...] = (64, 256, 1024)
    """Numbers of the lab's nets that are trained together."""
    recipes: tuple[str, ...] = ("parity", "dyck:2", "tomita:3", "flipflop:3", "reber", "anbn")
    """Patterns whose recipes are timed."""
    cells: tuple[str, ...] = ("relu", "slstm", "stack", "mingru", "deltanet")
    """Cells without compiled loops, whose stacks are timed with padding and without most of it."""
    repeats: int = 3
    """Counted measurements of each time; the median is shown."""


@contextmanager
def only_torch() -> Iterator[None]:
    """Train by PyTorch what would be trained by compiled loops."""
    where = ("rnn_core.training.stack.can_compile", "rnn_core.training.compiled_net.can_compile")
    with patch(where[0], return_value=False), patch(where[1], return_value=False):
        yield


def medians(works: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """Do each work once, and then all in turn so many times; return the median of what each returned."""
    for work in works:
        work()
    return [
        statistics.median(times) for times in zip(*([work() for work in works] for _ in range(repeats)), strict=True)
    ]


def stack_seconds(members: Sequence[Prepared]) -> float:
    """Train a stack, and return the seconds that a net and epoch take.

    What comes before the first record is not counted: building the nets and, of compiled loops, a first slice.
    """
    state = StackState(members)
    running = train_stack(members, state)
    next(running)
    begin, done = time.perf_counter(), state.epoch + state.windows_read / len(members[0].windows)
    for _ in running:
        pass
    return (time.perf_counter() - begin) / (members[0].config.epochs - done) / len(members)


def torch_stack_seconds(members: Sequence[Prepared]) -> float:
    """Do what `stack_seconds` does, by PyTorch."""
    with only_torch():
        return stack_seconds(members)


def lab_seconds() -> float:
    """Train the lab's net alone in a bare loop of PyTorch, and return the seconds of an epoch."""
    torch.set_num_threads(1)  # the fastest for one small net
    begin = time.perf_counter()
    lab_loop(LAB_EPOCHS)
    return (time.perf_counter() - begin) / LAB_EPOCHS


def lab_row(nets: int, repeats: int) -> str:
    """Return the line of the table for so many of the lab's nets."""
    # So many that the compiled loops, whose slices grow up to a quarter of a second, are timed over some of them.
    epochs = max(LAB_EPOCHS, 400_000 // nets)
    members, fewer = (
        prepare_all(TrainConfig(seed=seed, epochs=count, threads=THREADS) for seed in range(nets))
        for count in (epochs, LAB_EPOCHS)
    )
    works = [lambda: stack_seconds(members), lambda: torch_stack_seconds(fewer), lab_seconds]
    if has_jax := importlib.util.find_spec("jax") is not None:
        from benchmarks.peer_jax import seconds_a_net_and_epoch

        works.append(lambda: seconds_a_net_and_epoch(nets, epochs))
    ours, *others = (1e6 * seconds for seconds in medians(works, repeats))
    cells = [f"{other:.1f} ({other / ours:.1f})" for other in others] + ["not installed"] * (not has_jax)
    return f"| {nets} | {ours:.1f} | {' | '.join(cells)} |"


def alone_seconds(prepared: Prepared) -> float:
    """Train a net alone, and return the mean seconds of an epoch, the first one left out."""
    running = train(prepared)
    next(running)
    begin = time.perf_counter()
    for _ in running:
        pass
    return (time.perf_counter() - begin) / (prepared.config.epochs - 1)


def _recipe(spec: str, threads: int, epochs: int, seed: int = 0) -> TrainConfig:
    """Return the config of a recipe with other threads, epochs and seed."""
    return replace(TrainConfig(pattern=spec, **parse(spec).recipe), threads=threads, epochs=epochs, seed=seed)


def _alone_in_a_worker(spec: str, epochs: int) -> float:
    return alone_seconds(prepare(_recipe(spec, 1, epochs)))


def gigaflops() -> float:
    """Return how many billion additions and multiplications a second the cores do in a product of large matrices."""
    torch.set_num_threads(THREADS)
    size, times = 2048, []
    a = torch.randn(size, size)
    for _ in range(7):
        begin = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - begin)
    return 2e-9 * size**3 / statistics.median(times)


def recipe_row(spec: str, repeats: int, peak: float, pool: Pool) -> str:
    """Return the line of the table for a recipe.

    Arguments:
        spec: the pattern.
        repeats: the number of counted measurements.
        peak: the result of `gigaflops`.
        pool: two processes.
    """
    one = prepare(_recipe(spec, 1, 2))
    exist = len(one.data.training)
    computed = sum(window.input_bt.numel() for window in one.windows)
    # So many that the compiled loops, whose slices grow up to a quarter of a second, are timed over some of them.
    members, few = (
        prepare_all(_recipe(spec, THREADS, epochs, seed) for seed in range(NETS))
        for epochs in (max(3, 12_000_000 // (exist * NETS)), 2)
    )
    alone = prepare(_recipe(spec, 1, 3))

    def torch_alone() -> float:
        with only_torch():
            return alone_seconds(alone)

    def workers() -> float:
        return statistics.mean(pool.starmap(_alone_in_a_worker, [(spec, 3)] * THREADS, chunksize=1)) / THREADS

    works = (
        torch_alone,
        lambda: torch_stack_seconds(few),
        lambda: alone_seconds(alone),
        workers,
        lambda: stack_seconds(members),
    )
    torch_one, torch_stack, one_thread, two_workers, stack = medians(works, repeats)
    # Forward two operations for each weight and step, backward four.
    rate = 6e-9 * one.record.parameter_count * exist / stack
    cells = [f"{seconds:.3g}" for seconds in (torch_one, torch_stack, one_thread, two_workers, stack)]
    shares = f"{min(two_workers, torch_one / THREADS) / stack:.1f}", f"{torch_stack / stack:.1f}"
    return f"| `{spec}` | {computed / exist:.2f} | {' | '.join((*cells, *shares))} | {rate:.0f}, {rate / peak:.0%} |"


def padding_row(cell: str, spec: str, repeats: int) -> str:
    """Return the line of the table for stacks of a cell on a pattern: with all padding, and as they are trained.

    Arguments:
        cell: the cell.
        spec: the pattern.
        repeats: the number of counted measurements.
    """
    config = TrainConfig(pattern=spec, length=10_000, cell=cell, hidden_size=32, batch_size=32, encoding="onehot")
    members = prepare_all(replace(config, epochs=2, threads=THREADS, seed=seed) for seed in range(NETS))

    def with_padding() -> float:
        with patch("rnn_core.blocks.MIN_SAVED", math.inf):
            return stack_seconds(members)

    padded, cut = medians((with_padding, lambda: stack_seconds(members)), repeats)
    return f"| `{cell}` | `{spec}` | {padded:.3g} | {cut:.3g} | {padded / cut:.1f} |"


def main() -> None:
    flags = tyro.cli(Flags)
    print("| nets | compiled loops, us | stack by PyTorch | bare loop of PyTorch | JAX |\n|---|---|---|---|---|")
    for nets in flags.nets:
        print(lab_row(nets, flags.repeats), flush=True)
    peak = gigaflops()
    print(f"\nA product of large matrices: {peak:.0f} GFLOP/s.\n")
    print(
        "| recipe | steps with padding, those that exist | alone by PyTorch | stack by PyTorch | alone, 1 thread "
        f"| two alone at a time | {NETS} in a sweep | sweep, times as fast as alone | as the stack by PyTorch "
        "| GFLOP/s, of the product |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    with multiprocessing.get_context("spawn").Pool(THREADS) as pool:
        for spec in flags.recipes:
            print(recipe_row(spec, flags.repeats, peak, pool), flush=True)
    print("\n| cell | pattern | with padding | as trained | times as fast |\n|---|---|---|---|---|")
    for cell in flags.cells:
        for spec in ("dyck:2", "anbn"):
            print(padding_row(cell, spec, flags.repeats), flush=True)


if __name__ == "__main__":
    main()
