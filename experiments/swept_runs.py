"""Carries out a sweep: finds the runs that are recorded already, has the missing ones made, and sums all up."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

from analysis.runs import RunError, recorded_runs
from analysis.runs.address import absolute_store_address, store_name
from analysis.runs.schema import GRID_FILE, GRID_GIVEN_FILE, End, format_end_reason
from experiments.bars import show_runs
from experiments.descriptions import ALWAYS_NAMED, first_line
from experiments.grid import Grid, RunRequest
from experiments.left_trainings import left_trainings
from experiments.progress import COMPILING, waiting
from experiments.shard_training import record_shard
from experiments.shards import Outcome, Shard, plan
from experiments.signals import Interrupted, Stop
from experiments.summary import SweptRun
from experiments.sweep_report import SweepReport
from experiments.tracking import Membership, StoreAwayError, TrackedSweep, check_params, clear_up, persist_aloud
from experiments.tracking.away import impatient
from experiments.workers import AtWork, Workers
from rnn_core.data import Prepared, prepare_all
from rnn_core.patterns import Pattern
from rnn_core.training.compiled_net import reads_compiled
from rnn_core.training.compiled_stack import can_compile
from rnn_core.training.loading import load_loops
from rnn_core.training.stack import stack_key


def prepare_runs(requests: Sequence[RunRequest], patterns: Mapping[str, Pattern]) -> list[Prepared]:
    """Return the data of each run that is asked for.

    Arguments:
        requests: the runs.
        patterns: the patterns that have been parsed already, by spec.

    Raises:
        ConfigError: a run cannot be trained on this machine, or cannot be recorded.
    """
    with waiting(f"preparing {len(requests)} runs"):
        prepared_runs = prepare_all((request.config for request in requests), patterns)
        for prepared in prepared_runs:
            check_params(prepared.config)
    return prepared_runs


class Sweep:
    """One execution of a sweep. The same grid can be started again, and then finds the runs that are recorded.

    Arguments:
        grid: what is asked for.
        requests: its runs.
        prepared: the data of each run, in the order of `requests`.
        file: the grid's TOML file; None if the grid was given by flags alone.
        again: train even the runs that are recorded already.
    """

    def __init__(
        self, grid: Grid, requests: Sequence[RunRequest], prepared: Sequence[Prepared], file: Path | None, again: bool
    ) -> None:
        self.grid, self.requests, self.prepared, self.again = grid, requests, prepared, again
        with waiting(f"preparing {len(requests)} runs"):
            self.digests = [each.record.digest for each in prepared]
        self.files = {GRID_FILE: grid.text()}
        if file is not None:
            self.files[GRID_GIVEN_FILE] = file.read_text(encoding="utf-8")
        self.outcomes: dict[str, Outcome] = {}
        """How each run that has ended did so, by digest."""
        self.renewed_at = 0
        """How many runs had ended when the record was last renewed."""
        self.begin = time.monotonic()
        self.tracked: TrackedSweep
        self.report: SweepReport

    def run(self, workers: Workers | None, stop: Stop) -> int:
        """Make the missing runs, record and print the results, and return the exit status.

        Arguments:
            workers: what trains and records the runs; None for this process.
            stop: the signals that end the sweep early.

        Raises:
            TrackingError: the sweep's record could not be opened.
            Interrupted: a signal came before it was opened.
        """
        try:
            with stop.held(), waiting(f"opening a sweep in {store_name()}"):
                self.tracked = TrackedSweep(self.grid.title(), self.grid.params(), self.files)
                total = len(set(self.digests))
                self.report = SweepReport(self.grid, self.tracked, total, self.begin)
            persist_aloud(lambda _: self._clear_and_reuse(), stop, "nothing has been trained yet")
            shards = self._missing_shards(workers.count if workers else 1)
            if workers is None or workers.here:
                self._load_loops(stop)
            outcomes = self._try_twice(shards, workers, stop)
            for ended in show_runs(outcomes, sum(len(shard.requests) for shard in shards)):
                self.outcomes |= {outcome.digest: outcome for outcome in ended}
                self._renew(stop)
            stop.ignore()
        except Interrupted as signal:
            if not hasattr(self, "tracked"):
                raise
            self._clear_up(workers, failed_too=True)
            # Workers may have recorded runs of shards that they did not finish.
            with contextlib.suppress(RunError), impatient():
                self.outcomes = self._recorded(self.digests) | self.outcomes
            return self._finish(End.KILLED, str(signal), signal.exit_status, stop)
        except StoreAwayError as error:
            stop.ignore()
            self._clear_up(workers, failed_too=True)
            return self._finish(End.FAILED, str(error), 1, stop)
        except Exception as error:
            stop.ignore()
            if hasattr(self, "tracked"):
                self._clear_up(workers, failed_too=True)
                self._finish(End.FAILED, format_end_reason(End.FAILED, first_line(error)), 1, stop)
            raise
        self._clear_up(workers)
        failed = sum(outcome.end == End.FAILED for outcome in self.outcomes.values())
        if failed:
            return self._finish(End.FAILED, f"{failed} of {len(self.outcomes)} runs failed", 1, stop)
        return self._finish(End.FINISHED, format_end_reason(End.FINISHED), 0, stop)

    def finished_runs(self) -> list[str]:
        """Return the ids of the runs that finished, in the order of the grid; none before `run`."""
        outcomes = (self.outcomes.get(digest) for digest in dict.fromkeys(self.digests))
        return [outcome.run_id for outcome in outcomes if outcome and outcome.end == End.FINISHED]

    def _clear_up(self, workers: Workers | None, failed_too: bool = False) -> None:
        """Stop the workers, and delete the runs that they have not finished; a cluster's workers delete their own.

        Arguments:
            workers: the workers; None if this process made the runs.
            failed_too: also delete the runs that failed: the sweep ends before it could try them once more.
        """
        if workers:
            workers.stop()
        if workers is None or workers.here:
            with contextlib.suppress(Exception), impatient():  # the next start does it, if the store is away
                self.tracked.delete_half_made(failed_too)

    def _recorded(self, digests: Collection[str], of_sweep: bool = True) -> dict[str, Outcome]:
        """Return by digest the outcomes of the recorded runs of this sweep or of all."""
        condition = self.tracked.members_condition if of_sweep else ""
        configs = () if of_sweep else [each.config for each in self.prepared]
        runs = recorded_runs(self.tracked.experiment_id, set(digests), condition, configs)
        return {digest: Outcome.of(digest, run, self.tracked.run_id) for digest, run in runs.items()}

    def _clear_and_reuse(self) -> None:
        """Delete what killed sweeps have left, and, unless all runs are made again, make the recorded ones members."""
        with waiting("looking for what killed sweeps have left"):
            done = str(clear_up(self.tracked.experiment_id, but=self.tracked.run_id))
        if done:
            print(done)
        if not self.again:
            with waiting("looking for runs that were recorded before"):
                self.outcomes = self._recorded(self.digests, of_sweep=False)
                self.tracked.adopt(outcome.run_id for outcome in self.outcomes.values())
        print(
            f"{self.grid.title()}: {len(self.digests)} runs, {len(self.outcomes)} of them recorded before", flush=True
        )

    def _missing_shards(self, worker_count: int) -> list[Shard]:
        """Return the missing runs, divided into shards for a number of workers.

        Runs whose training a killed sweep left saved are a shard of their own, which goes on with that training.
        """
        number_by_digest = {digest: number for number, digest in enumerate(self.digests) if digest not in self.outcomes}
        left = [] if self.again else list(left_trainings(number_by_digest, self.outcomes))
        left_numbers = [[number_by_digest.pop(digest) for digest in each.digests] for each in left]
        numbers = list(number_by_digest.values())
        with waiting("cutting the data into windows"):
            planned, alone_by_reason = plan([self.prepared[number] for number in numbers], worker_count)
        if left:
            print(f"{sum(map(len, left_numbers))} runs go on from the training that a killed sweep saved", flush=True)
        for reason, count in alone_by_reason.items():
            print(f"{count} nets are trained alone: {reason}", flush=True)
        also_named = tuple(name for name in self.grid.swept if name not in ALWAYS_NAMED)
        shards = [
            Shard(
                tuple(self.requests[number] for number in of_shard),
                tuple(self.digests[number] for number in of_shard),
                Membership(
                    self.tracked.run_id, self.tracked.experiment_id, shard_number, also_named, self.tracked.code
                ),
                self.again,
            )
            for shard_number, of_shard in enumerate(
                [*left_numbers, *([numbers[place] for place in places] for places in planned)]
            )
        ]
        for training, shard in zip(left, shards, strict=False):
            training.take_over(shard)
        return shards

    def _load_loops(self, stop: Stop) -> None:
        """Compile the loops of the missing runs that this machine has not compiled yet, so that no worker has to."""
        needed = set()
        for digest, prepared in zip(self.digests, self.prepared, strict=True):
            alone = stack_key(prepared) is None
            compiled = reads_compiled(prepared.record) if alone else can_compile(prepared.config)
            if compiled and digest not in self.outcomes:
                needed.add((prepared.config.cell, alone))
        for cell, alone in sorted(needed):
            # An error is left to the training of a shard, which is tried twice.
            with stop.held(), waiting(COMPILING.format(cell=cell)), contextlib.suppress(Exception):
                load_loops(cell, alone)

    def _try_twice(
        self, shards: Sequence[Shard], workers: Workers | None, stop: Stop
    ) -> Iterator[tuple[list[Outcome], AtWork]]:
        """Have the runs of shards made, and then once more those that failed.

        Yields:
            The new outcomes, except those of runs that are to be tried again; and what is being done now.
        """
        shards_by_number = {shard.membership.shard: shard for shard in shards}
        failed_by_shard: dict[int, set[str]] = defaultdict(set)
        for shard, outcomes, at_work in self._try(shards, workers, stop):
            yield [outcome for outcome in outcomes if outcome.end != End.FAILED], at_work
            failed = {outcome.digest for outcome in outcomes if outcome.end == End.FAILED}
            if failed:
                failed_by_shard[shard.membership.shard] |= failed
        failed_shards = [shards_by_number[number].only(failed) for number, failed in failed_by_shard.items()]
        if failed_shards:
            count = sum(len(shard.requests) for shard in failed_shards)
            print(f"{count} runs failed and are tried once more", flush=True)
        for _, outcomes, at_work in self._try(failed_shards, workers, stop):
            yield outcomes, at_work

    def _try(
        self, shards: Sequence[Shard], workers: Workers | None, stop: Stop
    ) -> Iterator[tuple[Shard, list[Outcome], AtWork]]:
        """Have the runs of each shard made, once.

        Yields:
            A shard, its new outcomes, and what is being done now.
        """
        if workers is None:
            for shard in shards:
                yield from _try_here(shard, stop)
            return
        store = absolute_store_address()  # the same from whichever folder a worker looks
        shards_at_work = {workers.submit(shard, store): shard for shard in shards}
        while shards_at_work:
            done, not_done = wait(shards_at_work, timeout=1, return_when=FIRST_COMPLETED)
            if not done:
                yield shards_at_work[next(iter(not_done))], [], workers.at_work()
            for future in done:
                shard = shards_at_work.pop(future)
                try:
                    outcomes, error = future.result(), _error_of_unmade_runs()
                except StoreAwayError:
                    raise
                except Exception as problem:
                    # A worker that died may have recorded some of them.
                    outcomes, error = [], problem
                    with contextlib.suppress(RunError), impatient():
                        outcomes += self._recorded(shard.digests).values()
                outcomes = [*outcomes, *shard.failed(error, but={outcome.digest for outcome in outcomes})]
                yield shard, outcomes, workers.at_work()

    def _finish(self, end: End, end_reason: str, exit_status: int, stop: Stop) -> int:
        """Record and print the results of the runs that have ended, and return the exit status."""
        return self.report.finish(self._rows(), end, end_reason, exit_status, stop)

    def _renew(self, stop: Stop) -> None:
        """Record what there is so far, if that is due and a run has ended since the last time."""
        if len(self.outcomes) > self.renewed_at and self.report.due(len(self.outcomes)):
            self.renewed_at = len(self.outcomes)
            with stop.held():
                self.report.renew(self._rows())

    def _rows(self) -> list[SweptRun]:
        """Return the runs that have ended, in the order of the grid."""
        return [
            SweptRun(request, self.outcomes[digest])
            for request, digest in zip(self.requests, self.digests, strict=True)
            if digest in self.outcomes
        ]


def _try_here(shard: Shard, stop: Stop) -> Iterator[tuple[Shard, list[Outcome], AtWork]]:
    """Make the runs of a shard in this process, and yield what `Sweep._try` yields."""
    ended: set[str] = set()
    try:
        for outcome in record_shard(shard, stop):
            if not isinstance(outcome, Outcome):
                yield shard, [], AtWork(str(outcome))
                continue
            ended.add(outcome.digest)
            yield shard, [outcome], AtWork(f"recording {len(shard.requests)} runs")
        error: Exception = _error_of_unmade_runs()
    except StoreAwayError:
        raise
    except Exception as problem:
        error = problem
    yield shard, shard.failed(error, but=ended), AtWork()


def _error_of_unmade_runs() -> Exception:
    """Return the error of runs that were not made because another start of the program has ended this sweep."""
    return RuntimeError("another start ended this sweep")
