"""How long it takes to look inside a net, beside what we allow ourselves; and Jacobians beside a loop over states.

    python -m benchmarks.inside

Each net is trained first, for some seconds, with its pattern's recipe on fewer characters or epochs. Every number is a
median.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor

from analysis.dynamics import (
    NetMap,
    compare_with_pattern,
    draw_text,
    find_fixed_points,
    limit_points,
    lyapunov_exponents,
    map_of_net,
    noisy_starts,
)
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.patterns import Pattern, parse
from rnn_core.training import train

STARTS = 512

LEAST = 50
"""How many times as fast as a loop over states Jacobians are to be."""


def trained(spec: str, **changes: object) -> tuple[Pattern, NetMap]:
    """Return a pattern and, as a map, a net that was trained on it with its recipe, some of it changed."""
    pattern = parse(spec)
    prepared = prepare(TrainConfig(**{**pattern.recipe, "pattern": spec, **changes}))
    *_, last = train(prepared)
    record = prepared.record
    return pattern, map_of_net(last.net, record.alphabet, record.outputs, record.mark)


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time that some work takes, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def jacobians_one_by_one(net_map: NetMap, states_nk: np.ndarray, character: str) -> np.ndarray:
    """Return the Jacobian of a character at each state as a user would get it, (N, K, K)."""
    (input_i,) = net_map.inputs_vi[[net_map.alphabet.index(character)]]

    def after(state_k: Tensor) -> Tensor:
        parts = state_k[None].split([part.numel() for part in net_map.start], -1)
        state = tuple(part.unflatten(-1, first.shape) for part, first in zip(parts, net_map.start, strict=True))
        return torch.cat([part.flatten(1) for part in net_map.step(input_i[None], state)[1]], -1)[0]

    jacobian: Any = torch.autograd.functional.jacobian
    return torch.stack([jacobian(after, state_k) for state_k in torch.as_tensor(states_nk)]).numpy()


def points(repeats: int) -> None:
    """Print how long limit and fixed points and the exponents of a GRU of 32 units take, and the Jacobians' ratio."""
    pattern, net_map = trained("flipflop:3", cell="gru", hidden_size=32, epochs=3)
    text = draw_text(pattern, 4000, 0).text
    visited_nk = net_map.path(text)[0]
    starts_nk = noisy_starts(visited_nk[: STARTS // 2], STARTS - STARTS // 2)

    def search() -> None:
        limit_points(net_map, starts_nk, ".")
        find_fixed_points(net_map, starts_nk, ".", visited_nk[:STARTS])

    print(f"| limit and fixed points, GRU of 32 units, {STARTS} starts | {seconds(search, repeats):.2f} s | 5 s |")
    exponents = seconds(lambda: lyapunov_exponents(net_map, text, pattern.spec), repeats)
    print(f"| all exponents of this net over {len(text):,} characters | {exponents:.2f} s | 2 s |", flush=True)
    assert np.allclose(net_map.jacobian(starts_nk, "."), jacobians_one_by_one(net_map, starts_nk, "."), atol=1e-12)
    batched = seconds(lambda: net_map.jacobian(starts_nk, "."), repeats)
    one_by_one = seconds(lambda: jacobians_one_by_one(net_map, starts_nk, "."), repeats)
    ratio = f"{1000 * batched:.1f} ms, {one_by_one / batched:.0f} times as fast"
    print(f"| Jacobians at {STARTS} states; by a loop {one_by_one:.2f} s | {ratio} | {LEAST} times |", flush=True)


def machines(repeats: int) -> None:
    """Print how long the automata of nets of the seven Tomita languages take."""
    for number in range(1, 8):
        pattern, net_map = trained(f"tomita:{number}", length=20_000, epochs=15)
        found = compare_with_pattern(net_map, pattern)
        taken = seconds(partial(compare_with_pattern, net_map, pattern), repeats)
        said = {True: "equal", False: "not equal", None: "unknown"}[found.equal]
        size = found.learnt.machine.size
        print(f"| automaton of a net of tomita:{number}: {said}, {size} states | {taken:.2f} s | 10 s |", flush=True)


@dataclass(frozen=True)
class Flags:
    """Measure how long it takes to look inside a net."""

    repeats: int = 5
    """How often each is measured; the median counts."""
    threads: int = 1
    """Threads of torch."""


def main() -> None:
    """Print the table."""
    flags = tyro.cli(Flags)
    torch.set_num_threads(flags.threads)
    print("| what, median | takes | at most, Jacobians at least |")
    print("|---|---|---|")
    points(flags.repeats)
    machines(flags.repeats)


if __name__ == "__main__":
    main()
