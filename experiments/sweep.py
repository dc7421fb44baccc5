"""A grid of runs x seeds: trained in stacks, recorded one by one, resumed where it was broken off."""

import contextlib
import dataclasses
import functools
import logging
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from analysis.runs import curves_of, recorded_runs
from analysis.runs.schema import GRID_FILE, GRID_GIVEN_FILE, RESULTS_FILE, End, format_end_reason
from analysis.runs.store import absolute_store_address, store_address
from analysis.runs.suggestions import PLURALS
from experiments.bars import show_runs
from experiments.command import run_command
from experiments.cost import sweep_cost
from experiments.descriptions import escaped, first_line, fitting, how_to_compare, how_to_look
from experiments.flags import complain, read_flags, sentences
from experiments.grid import DEFAULT_SEEDS, FIELDS, Grid, RunRequest, read_grid
from experiments.progress import waiting
from experiments.shards import Outcome, Shard, ShardProgress, plan, record_shard
from experiments.signals import Interrupted, Stop
from experiments.summary import Summary, SweptRun
from experiments.tracking import Membership, TrackedSweep, TrackingError, check_params
from experiments.workers import AtWork, ClusterWorkers, LocalWorkers, Workers
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import Prepared, prepare_all

MAX_NOTE = 8000
"""The longest description, in characters, that MLflow keeps whole."""

ALREADY_NAMED = ("pattern", "cell", "hidden_size", "layers", "epochs")
"""Fields that are in every run's name."""


@dataclass(frozen=True)
class SweepFlags:
    """Train a net for each combination of values and each seed, and record every run in MLflow under one parent.

    A LIST has its values separated by commas. The recipe of a family of patterns replaces the defaults below. A list
    that is given always counts.
    """

    grid: str = ""
    """The path of a TOML file of the same lists, for what commas cannot say; a flag goes before it."""
    workers: int = 1
    """Processes on this machine that work side by side; 1 is this process alone."""
    scheduler: str = ""
    """The address of a running Dask scheduler, such as tcp://host:8786, whose workers do the work."""
    again: bool = False
    """Train even what has been recorded before."""
    dry_run: bool = False
    """Only say how many runs it would be, how many of them are recorded already, and how long and how much room the
    others would take."""


def _lists() -> Iterator[tuple[str, str, object]]:
    """Yield for each field of TrainConfig the name of its list, the sentence of its flag, and its default."""
    texts = sentences(TrainConfig) | {
        "seed": "How many seeds, such as 10 for the seeds 0 to 9, or a range such as 40-49."
    }
    defaults = FIELDS | {"seed": DEFAULT_SEEDS}
    for name, plural in PLURALS.items():
        yield plural, texts[name], defaults[name]


# One flag for each field of TrainConfig, so that every field can be swept.
Flags = dataclasses.make_dataclass(
    "Flags",
    [
        (
            plural,
            Annotated[str, tyro.conf.arg(help=text, metavar="LIST", help_behavior_hint=f"(default: {default})")],
            "",
        )
        for plural, text, default in _lists()
    ],
    bases=(SweepFlags,),
    frozen=True,
)
Flags.__doc__ = SweepFlags.__doc__


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and record a sweep.

    Arguments:
        arguments: the command line, by default the program's own.

    Returns:
        The exit status: 0, 1 if a run failed, 2 for bad input, 130 or 143 for a signal.
    """
    return run_command(functools.partial(_run, arguments), PLURALS)


def _run(arguments: Sequence[str] | None, stop: Stop, from_recipes: set[str]) -> int:
    """Read the flags, do what they ask, and return the exit status; `from_recipes` receives the recipes' fields."""
    begin = time.monotonic()
    flags: Any = read_flags(Flags, "python -m experiments.sweep", arguments)
    said = {plural: getattr(flags, plural) for plural in PLURALS.values()}
    with waiting("reading the patterns"):
        grid = read_grid(said, Path(flags.grid) if flags.grid else None)
    _check(flags)
    asked = grid.runs()
    from_recipes.update(name for run in asked for name in run.recipe)
    with waiting(f"preparing {len(asked)} runs"):
        prepared = prepare_all((run.config for run in asked), grid.patterns)
        for one in prepared:
            check_params(one.config)
    if flags.dry_run:
        with waiting("trying the training"):
            cost = sweep_cost(grid.title(), prepared, flags.workers, flags.again, begin)
        print(cost)
        return 0
    with contextlib.ExitStack() as resources:
        workers: Workers | None = None
        if flags.scheduler or flags.workers > 1:
            workers = ClusterWorkers(flags.scheduler) if flags.scheduler else LocalWorkers(flags.workers)
            resources.callback(workers.stop)
        return _Sweep(grid, asked, prepared, flags).run(workers, stop)


def _check(flags: Any) -> None:
    if flags.workers < 1:
        raise ConfigError("workers", flags.workers, "1 or more processes")
    if flags.scheduler and flags.workers > 1:
        raise ConfigError("workers", flags.workers, "1 beside --scheduler, whose cluster has workers of its own")


class _Sweep:
    """One start of a sweep: what is there is reused, what is missing made, and the whole summed up."""

    def __init__(self, grid: Grid, asked: list[RunRequest], prepared: list[Prepared], flags: Any) -> None:
        self.grid, self.asked, self.prepared, self.again = grid, asked, prepared, flags.again
        with waiting(f"preparing {len(asked)} runs"):
            self.digests = [one.record.digest for one in prepared]
        self.files = {GRID_FILE: grid.text()}
        if flags.grid:
            self.files[GRID_GIVEN_FILE] = Path(flags.grid).read_text(encoding="utf-8")
        self.outcomes: dict[str, Outcome] = {}
        self.reused: set[str] = set()
        self.begin = time.monotonic()
        self.parent: TrackedSweep

    def run(self, workers: Workers | None, stop: Stop) -> int:
        """Do what is missing, and return the exit status."""
        try:
            with stop.held(), waiting(f"opening a sweep in {store_address()}"):
                self.parent = TrackedSweep(self.grid.title(), self.grid.params(), self.files)
            self._look_around()
            shards = self._shards(workers.count if workers else 1)
            work = self._work(shards, workers, stop)
            for outcomes in show_runs(work, sum(len(shard.asked) for shard in shards)):
                self.outcomes |= {outcome.digest: outcome for outcome in outcomes}
            stop.ignore()
        except Interrupted as signal:
            if not hasattr(self, "parent"):
                raise
            self._clear_up(workers, failed_too=True)
            # What workers had recorded of the shards that they did not end.
            self.outcomes = self._recorded(self.digests, self.parent.condition) | self.outcomes
            return self._finish(End.KILLED, str(signal), signal.exit_status)
        except Exception as error:
            stop.ignore()
            if hasattr(self, "parent"):
                self._clear_up(workers, failed_too=True)
                self._finish(End.FAILED, format_end_reason(End.FAILED, first_line(error)), 1)
            raise
        self._clear_up(workers)
        failed = [outcome for outcome in self.outcomes.values() if outcome.end == End.FAILED]
        if failed:
            return self._finish(End.FAILED, f"{len(failed)} of {len(self.outcomes)} runs failed", 1)
        return self._finish(End.FINISHED, format_end_reason(End.FINISHED), 0)

    def _clear_up(self, workers: Workers | None, failed_too: bool = False) -> None:
        """End the workers, and delete the runs that they leave half-made; those of a cluster end by themselves.

        Arguments:
            workers: the workers; None if the runs were made in this process.
            failed_too: delete runs that failed, too: the sweep ends before it could try them once more.
        """
        if workers:
            workers.stop()
        if workers is None or workers.here:
            self.parent.delete_half_made(failed_too)

    def _recorded(self, digests: Collection[str], condition: str) -> dict[str, Outcome]:
        """Return by digest what is recorded of those runs where a condition holds."""
        there = recorded_runs(self.parent.experiment_id, set(digests), condition)
        return {digest: Outcome.of(digest, run) for digest, run in there.items()}

    def _look_around(self) -> None:
        """Clear away what killed sweeps have left, and find what need not be made again."""
        with waiting("looking for what killed sweeps have left"):
            ended, half_made = self.parent.clean()
        if ended or half_made:
            print(f"ended {ended} sweeps that had been killed, and deleted {half_made} runs that were left half-made")
        if not self.again:
            with waiting("looking for runs that were recorded before"):
                self.outcomes = self._recorded(self.digests, "")
                self.reused = set(self.outcomes)
                self.parent.adopt(outcome.run_id for outcome in self.outcomes.values())
        print(f"{self.grid.title()}: {len(self.digests)} runs, {len(self.reused)} of them recorded before", flush=True)

    def _shards(self, workers: int) -> list[Shard]:
        """Cut what is missing into shards."""
        missing = {digest: number for number, digest in enumerate(self.digests) if digest not in self.outcomes}
        numbers = list(missing.values())
        with waiting("cutting the data into windows"):
            shards, alone = plan([self.prepared[number] for number in numbers], workers)
        for why, count in alone.items():
            print(f"{count} nets are trained alone: {why}", flush=True)
        also = tuple(name for name in self.grid.swept if name not in ALREADY_NAMED)
        return [
            Shard(
                tuple(self.asked[numbers[place]] for place in places),
                tuple(self.digests[numbers[place]] for place in places),
                Membership(self.parent.run_id, self.parent.experiment_id, number, also),
            )
            for number, places in enumerate(shards)
        ]

    def _work(self, shards: list[Shard], workers: Workers | None, stop: Stop) -> Iterator[tuple[list[Outcome], AtWork]]:
        """Yield what becomes of the runs, and what is being done; runs that fail are tried once more at the end."""
        failed: list[Shard] = []
        for shard, outcomes, at_work in self._attempt(shards, workers, stop):
            yield [outcome for outcome in outcomes if outcome.end != End.FAILED], at_work
            wrong = {outcome.digest for outcome in outcomes if outcome.end == End.FAILED}
            if wrong:
                failed.append(shard.only(wrong))
        if failed:
            count = sum(len(shard.asked) for shard in failed)
            print(f"{count} runs failed and are tried once more", flush=True)
        for _, outcomes, at_work in self._attempt(failed, workers, stop):
            yield outcomes, at_work

    def _attempt(
        self, shards: list[Shard], workers: Workers | None, stop: Stop
    ) -> Iterator[tuple[Shard, list[Outcome], AtWork]]:
        """Have shards worked on; yield them with outcomes as those come, each run once, and with what is done now."""
        if workers is None:
            for shard in shards:
                done: set[str] = set()
                try:
                    for came in record_shard(shard, stop.held):
                        if isinstance(came, ShardProgress):
                            yield shard, [], AtWork(str(came))
                            continue
                        done.add(came.digest)
                        yield shard, [came], AtWork(f"recording {len(shard.asked)} runs")
                    error: Exception = RuntimeError("another start ended this sweep")
                except Exception as problem:
                    error = problem
                yield shard, shard.failed(error, but=done), AtWork()
            return
        store = absolute_store_address()  # from whichever folder a worker looks
        at_work = {workers.submit(shard, store): shard for shard in shards}
        while at_work:
            ready, others = wait(at_work, timeout=1, return_when=FIRST_COMPLETED)
            if not ready:
                yield at_work[next(iter(others))], [], workers.at_work()
            for future in ready:
                shard = at_work.pop(future)
                try:
                    outcomes, error = future.result(), RuntimeError("another start ended this sweep")
                except Exception as problem:
                    # A worker that died may have recorded some of them.
                    outcomes, error = list(self._recorded(shard.digests, shard.membership.condition).values()), problem
                outcomes = [*outcomes, *shard.failed(error, but={outcome.digest for outcome in outcomes})]
                yield shard, outcomes, workers.at_work()

    def _finish(self, end: End, end_reason: str, exit_status: int) -> int:
        """Sum up what there is, record it, say it, and return the exit status."""
        seconds = time.monotonic() - self.begin
        with waiting("reading the curves"):
            self._read_curves()
        new = len(self.outcomes.keys() - self.reused)
        metrics: dict[str, float] = {"runs": len(self.outcomes), "runs_new": new, "seconds": seconds}
        lines, files, figures, table = ["no run was recorded"], {}, {}, ""
        rows = [
            SweptRun(asked, self.outcomes[digest], digest in self.reused)
            for asked, digest in zip(self.asked, self.digests, strict=True)
            if digest in self.outcomes
        ]
        try:
            if rows:
                ends = (End.FINISHED, End.DIVERGED, End.FAILED)
                with waiting("summing up"):
                    summary = Summary(self.grid, rows)
                    metrics |= {f"runs_{each}": summary.count(each) for each in ends}
                    lines, files, figures = summary.lines(), summary.files(), summary.pictures()
                    table = summary.table(MAX_NOTE // 2)
        except Exception as error:
            self.parent.finish(End.FAILED, f"summing up failed: {first_line(error)}", "", metrics, {}, {})
            raise
        reason = [] if end == End.FINISHED else [f"**{end_reason}**"]
        listed = [f"- {line}" for line in [*reason, *map(escaped, lines)]]
        listed = fitting(listed, MAX_NOTE // 2 - 2, f"- and {{}} more; {RESULTS_FILE} has all numbers")
        note = "\n".join([*listed, "", table])
        try:
            with waiting("recording the sweep"):
                self.parent.finish(end, end_reason, note, metrics, files, figures)
        except TrackingError as error:
            return complain(str(error), 1)
        print("", *lines, sep="\n")
        for outcome in (outcome for outcome in self.outcomes.values() if outcome.end != End.FINISHED):
            print(f"{outcome.run_id or 'not recorded'}: {outcome.end_reason}"[:200])
        pace = f", {new / seconds:.1f} runs a second" if new else ""
        print(f"{'sweep':<14} {self.parent.run_id} ({self.parent.name}), {seconds:.0f} s{pace}")
        ids = self.parent.experiment_id, self.parent.run_id
        print(f"{'look at it':<14} {how_to_look(store_address(), *ids)}")
        print(f"{'its runs':<14} {how_to_compare(store_address(), *ids)}", flush=True)
        return exit_status if exit_status == 0 else complain(end_reason, exit_status)

    def _read_curves(self) -> None:
        """Fetch the curves that the picture of curves shows and that did not come with the runs: of the longest."""
        epochs = {digest: one.config.epochs for digest, one in zip(self.digests, self.prepared, strict=True)}
        longest = max((epochs[digest] for digest in self.outcomes), default=0)
        for digest, outcome in self.outcomes.items():
            wanted = epochs[digest] == longest or "epochs" not in self.grid.swept
            if wanted and outcome.run_id and not len(outcome.curve_e):
                with contextlib.suppress(Exception):  # a picture less is no reason to fail
                    (curves,) = curves_of([outcome.run_id])
                    self.outcomes[digest] = outcome.with_curve(curves["train_loss"].to_numpy())


if __name__ == "__main__":
    logging.captureWarnings(True)  # libraries' warnings are for their developers, not between the lines of a sweep
    sys.exit(main())
