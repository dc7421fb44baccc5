"""Records what a sweep has come to: now and then while it is at work, and when it has ended; and prints that."""

import contextlib
import datetime
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from analysis.figures import Picture
from analysis.runs.address import store_name
from analysis.runs.csv_files import read_curves
from analysis.runs.schema import CURVES_FILE, RESULTS_FILE, SWEEP_PAGE_FILE, End
from experiments.descriptions import AT_WORK, MAX_REASON, escaped, first_line, fitting
from experiments.errors import TrackingError
from experiments.flags import complain
from experiments.grid import Grid
from experiments.links import how_to_compare, how_to_look, picture_links, runs_link, sweep_page_link
from experiments.progress import waiting
from experiments.shards import Outcome
from experiments.signals import Interrupted, Stop
from experiments.summary import Summary, SweptRun
from experiments.sweep_page.page import sweep_page
from experiments.sweep_page.told import SweepState
from experiments.tracking import PATIENCE_SECONDS, TrackedSweep, is_away, persist_aloud
from experiments.tracking.away import impatient

MAX_DESCRIPTION = 8000
"""The longest description, in characters, that MLflow keeps whole."""

LEAST_SECONDS = 10.0
"""The least time before the record of a sweep at work is written first, and between two times."""

SHARE = 0.02
"""The part of a sweep's time that may go to such renewals; what the last one took is taken for the next."""

SECONDS_A_RUN = 0.0015
"""What the first renewal is taken to need for each run that has ended; it was measured with 2,000 runs."""


@dataclass(frozen=True)
class Contents:
    """What is recorded of a sweep.

    Attributes:
        lines: its results in sentences.
        table: its results as a Markdown table.
        files: texts, by file name.
        metrics: metrics of the sweep, by name.
    """

    lines: Sequence[str] = ("no run was recorded",)
    table: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


class SweepReport:
    """The record of one execution of a sweep.

    Arguments:
        grid: what was asked for.
        tracked: its record in MLflow, which is open.
        total: how many runs it has in all.
        begin: when it began, by `time.monotonic`.
    """

    def __init__(self, grid: Grid, tracked: TrackedSweep, total: int, begin: float) -> None:
        self.grid, self.tracked, self.total, self.begin = grid, tracked, total, begin
        self._due = begin + LEAST_SECONDS

    def due(self, ended: int) -> bool:
        """Return whether it is time to renew the record of a sweep at work, of whose runs so many have ended."""
        return time.monotonic() >= max(self._due, self.begin + ended * SECONDS_A_RUN / SHARE)

    def renew(self, rows: Sequence[SweptRun]) -> None:
        """Record tables, page and description of a sweep at work; a store that cannot be written disturbs nothing.

        Arguments:
            rows: the runs that have ended so far: one or more.
        """
        begin = time.monotonic()
        with contextlib.suppress(Exception), impatient():  # what is wrong is said at the end
            summary = Summary(self.grid, rows)
            contents = self._contents(summary)
            page = self._page(summary, contents.lines, rows, "")
            description = self._description(contents, {}, bool(page), self._at_work(rows))
            self.tracked.renew(description, {**contents.files, **page})
        end = time.monotonic()
        self._due = end + max(LEAST_SECONDS, (end - begin) / SHARE)

    def finish(self, rows: Sequence[SweptRun], end: End, end_reason: str, exit_status: int, stop: Stop) -> int:
        """Sum up the runs, record and print the results, end the record, and return the exit status.

        Arguments:
            rows: the runs that have ended.
            end: how the sweep ended: FINISHED, FAILED or KILLED.
            end_reason: the reason, in words.
            exit_status: the exit status of the program, unless the results cannot be recorded.
            stop: the signals that end the waiting for a store that is away.
        """
        seconds = time.monotonic() - self.begin
        contents, figures, page = Contents(), {}, {}
        outcomes = _outcomes(rows)
        new = sum(not outcome.reused for outcome in outcomes)
        metrics = {"runs": float(len(outcomes)), "runs_new": float(new), "seconds": seconds}
        try:
            if rows:
                with waiting("reading the curves"):
                    rows = _with_curves(rows)
                with waiting("summing up"):
                    summary = Summary(self.grid, rows)
                    contents, figures = self._contents(summary), summary.pictures()
                    page = self._page(summary, contents.lines, rows, end_reason)
        except Exception as error:
            self.tracked.finish(End.FAILED, f"summing up failed: {first_line(error)}", "", metrics, {}, {})
            raise
        description = self._description(contents, figures, bool(page), end_reason if end != End.FINISHED else "")
        files = {**contents.files, **page}
        problems = [end_reason] if exit_status else []

        def finish(_: bool) -> None:
            self.tracked.finish(end, end_reason, description, {**metrics, **contents.metrics}, files, figures)

        try:
            # A store that is away is waited for only if the sweep finished.
            patience = PATIENCE_SECONDS if end == End.FINISHED else 0.0
            with waiting("recording the sweep"):
                persist_aloud(finish, stop, "its runs are recorded; the same sweep sums them up later", patience)
        except Interrupted as signal:
            exit_status, problems = exit_status or signal.exit_status, [*problems, str(signal)]
        except TrackingError as error:
            exit_status, problems = exit_status or 1, [*problems, str(error)]
        self._print(contents.lines, outcomes, seconds)
        return complain("; ".join(problems), exit_status) if problems else 0

    def _contents(self, summary: Summary) -> Contents:
        """Return what is recorded of runs that have ended, but for the page, given their results."""
        return Contents(
            summary.lines(),
            summary.table(MAX_DESCRIPTION // 2),
            summary.files(),
            {f"runs_{each}": summary.count(each) for each in (End.FINISHED, End.DIVERGED, End.FAILED)},
        )

    def _page(
        self, summary: Summary, lines: Sequence[str], rows: Sequence[SweptRun], end_reason: str
    ) -> dict[str, str]:
        """Return the page of the sweep by the name of its file; none if it cannot be made, which is said.

        Tables and pictures are recorded all the same, which may be of hours of training.

        Arguments:
            summary: the results of the runs that have ended.
            lines: these results in sentences.
            rows: the runs.
            end_reason: why the sweep has ended, in words; empty for one that is at work.
        """
        ids = self.tracked.experiment_id, self.tracked.run_id
        state = SweepState(self.tracked.name, *ids, store_name(), self.total, end_reason, _now())
        try:
            return {SWEEP_PAGE_FILE: sweep_page(summary, lines, rows, state)}
        except Exception as error:
            if end_reason:
                complain(f"the sweep has no page: {first_line(error)}", 0)
            return {}

    def _at_work(self, rows: Sequence[SweptRun]) -> str:
        """Return the sentence that says that a sweep is at work."""
        return f"{AT_WORK} {_now()}: {len(_outcomes(rows))} of {self.total} runs have ended"

    def _description(self, contents: Contents, figures: Mapping[str, Picture], has_page: bool, first: str) -> str:
        """Return the Markdown of the sweep's page: how to open its own page, links, lines of results, and their table.

        Lines that MLflow would cut off are left out, and their number is given.

        Arguments:
            contents: what is recorded.
            figures: the pictures that are recorded, by name.
            has_page: whether its own page is recorded.
            first: what is said before all else: why it did not finish, or that it is at work; empty for neither.
        """
        ids = self.tracked.experiment_id, self.tracked.run_id
        head = [f"**{escaped(first[:MAX_REASON])}**", ""] if first else []
        page = [sweep_page_link(*ids)] if has_page else []
        head += ["; ".join([*page, ", ".join(filter(None, [runs_link(*ids), picture_links(*ids, figures)]))]), ""]
        room = MAX_DESCRIPTION // 2 - len("\n".join(head)) - 2
        listed = [f"- {line}" for line in map(escaped, contents.lines)]
        listed = fitting(listed, room, f"- and {{}} more; {RESULTS_FILE} has all numbers")
        return "\n".join([*head, *listed, "", contents.table])

    def _print(self, lines: Sequence[str], outcomes: Sequence[Outcome], seconds: float) -> None:
        """Print lines of results, the runs that did not finish, and how to look at the sweep."""
        ids = self.tracked.experiment_id, self.tracked.run_id
        print("", *lines, sep="\n")
        for outcome in (outcome for outcome in outcomes if outcome.end != End.FINISHED):
            print(f"{outcome.run_id or 'not recorded'}: {outcome.end_reason}"[:200])
        new = sum(not outcome.reused for outcome in outcomes)
        pace = f", {new / seconds:.1f} runs a second" if new else ""
        print(f"{'sweep':<16} {self.tracked.run_id} ({self.tracked.name}), {seconds:.0f} s{pace}")
        print(f"{'look at it':<16} {how_to_look(store_name(), *ids)}")
        print(f"{'its runs':<16} {how_to_compare(store_name(), *ids)}", flush=True)


def _outcomes(rows: Sequence[SweptRun]) -> list[Outcome]:
    """Return the outcome of each run, once even where several settings come to the same run."""
    return list({row.outcome.digest: row.outcome for row in rows}.values())


def _with_curves(rows: Sequence[SweptRun]) -> list[SweptRun]:
    """Return runs with the curves that are missing, those of runs that were recorded before, read from the store."""
    missing = {row.outcome.digest: row for row in rows if row.outcome.files and not row.outcome.curves}
    read: dict[str, Outcome] = {}
    left = deque(missing.values())
    while left:
        addresses = [f"{row.outcome.files}/{CURVES_FILE}" for row in left]
        epochs = [row.request.config.epochs for row in left]
        tables = read_curves(addresses, epochs, [row.outcome.end == End.FINISHED for row in left])
        try:
            with impatient():
                while left:
                    table = next(tables)
                    row = left.popleft()
                    curves = {name: table[name].to_numpy() for name in table.columns.drop("epoch")}
                    read[row.outcome.digest] = row.outcome.with_curves(curves, row.request.config.epochs)
        except Exception as error:  # a curve less is no reason to fail
            left = deque() if is_away(error) else deque(islice(left, 1, None))
    return [replace(row, outcome=read.get(row.outcome.digest, row.outcome)) for row in rows]


def _now() -> str:
    """Return the present time, such as "2026-01-31 12:30 UTC"."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
