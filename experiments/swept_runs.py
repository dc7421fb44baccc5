"""Carries out a sweep: finds the runs that are recorded already, has the missing ones made, and sums all up."""

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

from analysis.runs import recorded_runs
from analysis.runs.csv_files import read_curves
from analysis.runs.schema import CURVES_FILE, GRID_FILE, GRID_GIVEN_FILE, RESULTS_FILE, End, format_end_reason
from analysis.runs.store import absolute_store_address, store_address
from experiments.bars import show_runs
from experiments.descriptions import ALWAYS_NAMED, MAX_REASON, escaped, first_line, fitting
from experiments.errors import TrackingError
from experiments.flags import complain
from experiments.grid import Grid, RunRequest
from experiments.links import how_to_compare, how_to_look, picture_links, runs_link
from experiments.progress import waiting
from experiments.shard_training import record_shard
from experiments.shards import Outcome, Shard, plan
from experiments.signals import Interrupted, Stop
from experiments.summary import Summary, SweptRun
from experiments.tracking import Membership, TrackedSweep, check_params, clear_up
from experiments.workers import AtWork, Workers
from rnn_core.data import Prepared, prepare_all
from rnn_core.patterns import Pattern

MAX_DESCRIPTION = 8000
"""The longest description, in characters, that MLflow keeps whole."""


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
        self.begin = time.monotonic()
        self.tracked: TrackedSweep

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
            with stop.held(), waiting(f"opening a sweep in {store_address()}"):
                self.tracked = TrackedSweep(self.grid.title(), self.grid.params(), self.files)
            self._clear_and_reuse()
            shards = self._missing_shards(workers.count if workers else 1)
            outcomes = self._try_twice(shards, workers, stop)
            for ended in show_runs(outcomes, sum(len(shard.requests) for shard in shards)):
                self.outcomes |= {outcome.digest: outcome for outcome in ended}
            stop.ignore()
        except Interrupted as signal:
            if not hasattr(self, "tracked"):
                raise
            self._clear_up(workers, failed_too=True)
            # Workers may have recorded runs of shards that they did not finish.
            self.outcomes = self._recorded(self.digests, self.tracked.members_condition) | self.outcomes
            return self._finish(End.KILLED, str(signal), signal.exit_status)
        except Exception as error:
            stop.ignore()
            if hasattr(self, "tracked"):
                self._clear_up(workers, failed_too=True)
                self._finish(End.FAILED, format_end_reason(End.FAILED, first_line(error)), 1)
            raise
        self._clear_up(workers)
        failed = sum(outcome.end == End.FAILED for outcome in self.outcomes.values())
        if failed:
            return self._finish(End.FAILED, f"{failed} of {len(self.outcomes)} runs failed", 1)
        return self._finish(End.FINISHED, format_end_reason(End.FINISHED), 0)

    def _clear_up(self, workers: Workers | None, failed_too: bool = False) -> None:
        """Stop the workers, and delete the runs that they have not finished; a cluster's workers delete their own.

        Arguments:
            workers: the workers; None if this process made the runs.
            failed_too: also delete the runs that failed: the sweep ends before it could try them once more.
        """
        if workers:
            workers.stop()
        if workers is None or workers.here:
            self.tracked.delete_half_made(failed_too)

    def _recorded(self, digests: Collection[str], condition: str) -> dict[str, Outcome]:
        """Return by digest the outcomes of recorded runs that meet a condition of MLflow's search; empty for none."""
        runs = recorded_runs(self.tracked.experiment_id, set(digests), condition)
        return {digest: Outcome.of(digest, run, self.tracked.run_id) for digest, run in runs.items()}

    def _clear_and_reuse(self) -> None:
        """Delete what killed sweeps have left, and, unless all runs are made again, make the recorded ones members."""
        with waiting("looking for what killed sweeps have left"):
            ended, half_made = clear_up(self.tracked.experiment_id, but=self.tracked.run_id)
        if ended or half_made:
            print(f"ended {ended} runs and sweeps that had been killed, and deleted {half_made} half-made runs")
        if not self.again:
            with waiting("looking for runs that were recorded before"):
                self.outcomes = self._recorded(self.digests, "")
                self.tracked.adopt(outcome.run_id for outcome in self.outcomes.values())
        print(
            f"{self.grid.title()}: {len(self.digests)} runs, {len(self.outcomes)} of them recorded before", flush=True
        )

    def _missing_shards(self, worker_count: int) -> list[Shard]:
        """Return the missing runs, divided into shards for a number of workers."""
        number_by_digest = {digest: number for number, digest in enumerate(self.digests) if digest not in self.outcomes}
        numbers = list(number_by_digest.values())
        with waiting("cutting the data into windows"):
            shards, alone_by_reason = plan([self.prepared[number] for number in numbers], worker_count)
        for reason, count in alone_by_reason.items():
            print(f"{count} nets are trained alone: {reason}", flush=True)
        also_named = tuple(name for name in self.grid.swept if name not in ALWAYS_NAMED)
        return [
            Shard(
                tuple(self.requests[numbers[place]] for place in places),
                tuple(self.digests[numbers[place]] for place in places),
                Membership(self.tracked.run_id, self.tracked.experiment_id, shard_number, also_named),
                self.again,
            )
            for shard_number, places in enumerate(shards)
        ]

    def _try_twice(
        self, shards: Sequence[Shard], workers: Workers | None, stop: Stop
    ) -> Iterator[tuple[list[Outcome], AtWork]]:
        """Have the runs of shards made, and then once more those that failed.

        Yields:
            The new outcomes, except those of runs that are to be tried again; and what is being done now.
        """
        failed_shards: list[Shard] = []
        for shard, outcomes, at_work in self._try(shards, workers, stop):
            yield [outcome for outcome in outcomes if outcome.end != End.FAILED], at_work
            failed = {outcome.digest for outcome in outcomes if outcome.end == End.FAILED}
            if failed:
                failed_shards.append(shard.only(failed))
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
                except Exception as problem:
                    # A worker that died may have recorded some of them.
                    recorded = self._recorded(shard.digests, self.tracked.members_condition)
                    outcomes, error = list(recorded.values()), problem
                outcomes = [*outcomes, *shard.failed(error, but={outcome.digest for outcome in outcomes})]
                yield shard, outcomes, workers.at_work()

    def _finish(self, end: End, end_reason: str, exit_status: int) -> int:
        """Sum up the runs that have ended, record and print the results, and return the exit status."""
        seconds = time.monotonic() - self.begin
        with waiting("reading the curves"):
            self._read_curves()
        new = sum(not outcome.reused for outcome in self.outcomes.values())
        metrics: dict[str, float] = {"runs": len(self.outcomes), "runs_new": new, "seconds": seconds}
        lines, files, figures, table = ["no run was recorded"], {}, {}, ""
        rows = [
            SweptRun(request, self.outcomes[digest])
            for request, digest in zip(self.requests, self.digests, strict=True)
            if digest in self.outcomes
        ]
        try:
            if rows:
                with waiting("summing up"):
                    summary = Summary(self.grid, rows)
                    metrics |= {
                        f"runs_{each}": summary.count(each) for each in (End.FINISHED, End.DIVERGED, End.FAILED)
                    }
                    lines, files, figures = summary.lines(), summary.files(), summary.pictures()
                    table = summary.table(MAX_DESCRIPTION // 2)
        except Exception as error:
            self.tracked.finish(End.FAILED, f"summing up failed: {first_line(error)}", "", metrics, {}, {})
            raise
        ids = self.tracked.experiment_id, self.tracked.run_id
        links = ", ".join(filter(None, [runs_link(*ids), picture_links(*ids, figures)]))
        description = _description(links, lines, table, "" if end == End.FINISHED else end_reason)
        try:
            with waiting("recording the sweep"):
                self.tracked.finish(end, end_reason, description, metrics, files, figures)
        except TrackingError as error:
            return complain(str(error), exit_status or 1)
        print("", *lines, sep="\n")
        for outcome in (outcome for outcome in self.outcomes.values() if outcome.end != End.FINISHED):
            print(f"{outcome.run_id or 'not recorded'}: {outcome.end_reason}"[:200])
        pace = f", {new / seconds:.1f} runs a second" if new else ""
        print(f"{'sweep':<16} {self.tracked.run_id} ({self.tracked.name}), {seconds:.0f} s{pace}")
        print(f"{'look at it':<16} {how_to_look(store_address(), *ids)}")
        print(f"{'its runs':<16} {how_to_compare(store_address(), *ids)}", flush=True)
        return exit_status if exit_status == 0 else complain(end_reason, exit_status)

    def _read_curves(self) -> None:
        """Read from the store the curves that the picture of curves needs and that did not come with the runs.

        Where epochs are swept, the picture shows only the runs with the most.
        """
        epochs = {digest: each.config.epochs for digest, each in zip(self.digests, self.prepared, strict=True)}
        longest = max((epochs[digest] for digest in self.outcomes), default=0)
        for digest, outcome in self.outcomes.items():
            needed = epochs[digest] == longest or "epochs" not in self.grid.swept
            if needed and outcome.run_id and not len(outcome.loss_e):
                with contextlib.suppress(Exception):  # a picture less is no reason to fail
                    address, whole = f"runs:/{outcome.run_id}/{CURVES_FILE}", outcome.end == End.FINISHED
                    (curves,) = read_curves([address], [epochs[digest]], [whole])
                    self.outcomes[digest] = outcome.with_curve(curves["train_loss"].to_numpy())


def _try_here(shard: Shard, stop: Stop) -> Iterator[tuple[Shard, list[Outcome], AtWork]]:
    """Make the runs of a shard in this process, and yield what `Sweep._try` yields."""
    ended: set[str] = set()
    try:
        for outcome in record_shard(shard, stop.held):
            if not isinstance(outcome, Outcome):
                yield shard, [], AtWork(str(outcome))
                continue
            ended.add(outcome.digest)
            yield shard, [outcome], AtWork(f"recording {len(shard.requests)} runs")
        error: Exception = _error_of_unmade_runs()
    except Exception as problem:
        error = problem
    yield shard, shard.failed(error, but=ended), AtWork()


def _error_of_unmade_runs() -> Exception:
    """Return the error of runs that were not made because another start of the program has ended this sweep."""
    return RuntimeError("another start ended this sweep")


def _description(links: str, lines: Sequence[str], table: str, end_reason: str) -> str:
    """Return the Markdown of a sweep's page: the reason if it did not finish, links, lines of results, and their table.

    Lines that MLflow would cut off are left out, and their number is given.
    """
    head = [f"**{escaped(end_reason[:MAX_REASON])}**", ""] if end_reason else []
    head += [links, ""]
    room = MAX_DESCRIPTION // 2 - len("\n".join(head)) - 2
    listed = [f"- {line}" for line in map(escaped, lines)]
    listed = fitting(listed, room, f"- and {{}} more; {RESULTS_FILE} has all numbers")
    return "\n".join([*head, *listed, "", table])
