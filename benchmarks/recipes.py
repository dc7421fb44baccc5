"""What each recipe learns: every family trained with its recipe over several seeds, as a table.

    python -m benchmarks.recipes
    python -m benchmarks.recipes --patterns dyck:2 tomita:5 --text tinyshakespeare.txt

A seed sets the net's initial weights, the training sample and the test alike.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.patterns import Pattern, parse
from rnn_core.training import train

OTHERS = (
    *(f"tomita:{number}" for number in range(1, 8)),
    "tomita:3:reading=later",
    "tomita:6:reading=mod5",
    "anbn:uniform=99",
    "dyck:2:say=depth",
    "dyck:2:depth=3:weights=hewitt:longest=84",
)
"""Further specs of which a result is published, or that have a recipe of their own."""

INSIDE = {"symbol_distance_right": "long-range symbol", "place_in_word_right": "places", "gap_right": "gaps"}
BEYOND = {
    "beyond_strings": "strings",
    "beyond_accuracy": "decidable steps",
    "depth_beyond": "deeper strings",
    "symbol_distance_beyond": "long-range symbol",
    "gap_beyond": "longer gaps",
}
"""The shares that the table shows, and what it calls them."""


@dataclass(frozen=True)
class Flags:
    """Train every family with its recipe, and print what came of it."""

    patterns: tuple[str, ...] = ()
    """Specs to train on; by default each family's example and OTHERS."""
    text: Path | None = None
    """A text file to train on too, with all threads its recipe asks for."""
    seeds: int = 3
    """Seeds, from 0."""
    workers: int = 2
    """Runs at a time, one thread each."""


def run(job: tuple[str, int, int | None]) -> dict[str, float]:
    """Train and measure one run: a spec, a seed, and threads other than the recipe's."""
    spec, seed, threads = job
    pattern = parse(spec)
    chosen = dict(pattern.recipe) | ({} if threads is None else {"threads": threads})
    prepared = prepare(TrainConfig(pattern=spec, seed=seed, data_seed=seed, **chosen), pattern)
    begin = time.perf_counter()
    *_, last = train(prepared)
    seconds = time.perf_counter() - begin
    return {**measure(last.net, prepared).metrics, "seconds": seconds}


def spread(values: Sequence[float], words: Callable[[float], str]) -> str:
    """Return the median with the least and the greatest, or one value where all read the same."""
    least, middle, most = (words(value) for value in (min(values), statistics.median(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


def percent(share: float) -> str:
    """Return a share as a percentage that says 100 only if all of it is there."""
    shown = f"{100 * share:.1f}".removesuffix(".0")
    return ("99.9+" if shown == "100" and share < 1 else shown) + " %"


def row(spec: str, runs: Sequence[dict[str, float]]) -> str:
    """Return one line of the table."""

    def over(name: str, words: Callable[[float], str]) -> str:
        values = [run[name] for run in runs if name in run]
        few = "" if len(values) == len(runs) else f" ({len(values)} of {len(runs)} seeds)"
        return f"{spread(values, words)}{few}" if values else ""

    excess = (
        over("excess_loss", lambda loss: f"{loss:.4f}".replace("-0.0000", "0.0000"))
        or f"none known; loss {over('eval_loss', '{:.4f}'.format)}"
    )
    inside = [over("whole_strings", percent)]
    for name, what in INSIDE.items():
        if share := over(name, percent):
            inside.append(f"{what} {share}")
    beyond = []
    for name, what in BEYOND.items():
        if share := over(name, percent):
            beyond.append(f"{what} {share}")
    if "longest_right" in runs[0]:
        beyond.append(f"all right up to {over('longest_right', '{:.0f}'.format)}")
    if "false_accepts" in runs[0]:
        wrong = f"{over('false_accepts', '{:.0f}'.format)} + {over('false_rejects', '{:.0f}'.format)}"
        beyond.append(f"false accepts + rejects {wrong}")
    if "unknown_phase_loss" in runs[0]:
        right = over("free_run_correct", "{:.0f}".format)
        beyond.append(f"{right} of {runs[0]['free_run_length']:.0f} characters let go")
        lost = [run["unknown_phase_loss"] - run["unknown_phase_floor"] for run in runs]
        beyond.append(f"from any phase {spread(lost, '{:.4f}'.format)} above the floor")
    seconds = over("seconds", "{:.0f}".format)
    recipe = " ".join(f"{name}={value}" for name, value in parse(spec).recipe.items()) or "the defaults"
    cells = (f"`{spec.split('/')[-1]}`", recipe, excess, ", ".join(filter(None, inside)), ", ".join(beyond), seconds)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    flags = tyro.cli(Flags)
    examples = [family.example for family in Pattern.families.values() if not family.needs_file]
    specs = flags.patterns or sorted({*examples, *OTHERS})
    jobs = [(spec, seed, 1) for spec in specs for seed in range(flags.seeds)]
    print(
        "| pattern | recipe | excess loss (nats per character) | whole strings right | beyond the training range "
        "| seconds to train |\n|---|---|---|---|---|---|",
        flush=True,
    )
    with multiprocessing.get_context("spawn").Pool(flags.workers) as pool:
        results = pool.imap(run, jobs)
        for spec in specs:
            print(row(spec, [next(results) for _ in range(flags.seeds)]), flush=True)
    if flags.text:
        spec = f"text:{flags.text}"
        print(row(spec, [run((spec, seed, None)) for seed in range(flags.seeds)]), flush=True)


if __name__ == "__main__":
    main()
