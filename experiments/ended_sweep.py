"""Records and prints the results of a sweep that has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.figures import Picture
from analysis.runs.address import store_name
from analysis.runs.csv_files import read_curves
from analysis.runs.schema import CURVES_FILE, RESULTS_FILE, End
from experiments.descriptions import MAX_REASON, escaped, first_line, fitting
from experiments.errors import TrackingError
from experiments.flags import complain
from experiments.grid import Grid
from experiments.links import how_to_compare, how_to_look, picture_links, runs_link
from experiments.progress import waiting
from experiments.shards import Outcome
from experiments.signals import Interrupted, Stop
from experiments.summary import Summary, SweptRun
from experiments.tracking import PATIENCE_SECONDS, TrackedSweep, is_away, persist_aloud
from experiments.tracking.away import impatient

MAX_DESCRIPTION = 8000
"""The longest description, in characters, that MLflow keeps whole."""


@dataclass(frozen=True)
class EndedSweep:
    """A sweep whose runs have ended.

    Attributes:
        grid: what was asked for.
        tracked: its record in MLflow, which is still open.
        rows: the runs that have ended.
        seconds: how long it took.
        end: how it ended: FINISHED, FAILED or KILLED.
        end_reason: the reason, in words.
        exit_status: the exit status of the program.
    """

    grid: Grid
    tracked: TrackedSweep
    rows: Sequence[SweptRun]
    seconds: float
    end: End
    end_reason: str
    exit_status: int

    def record_and_print(self, stop: Stop) -> int:
        """Sum up the runs, record and print the results, and return the exit status.

        Arguments:
            stop: the signals that end the waiting for a store that is away.
        """
        lines, files, figures, table = ["no run was recorded"], {}, {}, ""
        outcomes = self._outcomes
        metrics = {
            "runs": float(len(outcomes)),
            "runs_new": float(sum(not outcome.reused for outcome in outcomes)),
            "seconds": self.seconds,
        }
        try:
            if self.rows:
                with waiting("reading the curves"):
                    rows = self._with_curves()
                with waiting("summing up"):
                    summary = Summary(self.grid, rows)
                    counted = (End.FINISHED, End.DIVERGED, End.FAILED)
                    metrics |= {f"runs_{each}": summary.count(each) for each in counted}
                    lines, files, figures = summary.lines(), summary.files(), summary.pictures()
                    table = summary.table(MAX_DESCRIPTION // 2)
        except Exception as error:
            self.tracked.finish(End.FAILED, f"summing up failed: {first_line(error)}", "", metrics, {}, {})
            raise
        description = self._description(lines, table, figures)
        exit_status, problems = self.exit_status, [self.end_reason] if self.exit_status else []
        try:
            self._record(description, metrics, files, figures, stop)
        except Interrupted as signal:
            exit_status, problems = exit_status or signal.exit_status, [*problems, str(signal)]
        except TrackingError as error:
            exit_status, problems = exit_status or 1, [*problems, str(error)]
        self._print(lines)
        return complain("; ".join(problems), exit_status) if problems else 0

    @property
    def _outcomes(self) -> list[Outcome]:
        """The outcome of each run, once even where several settings come to the same run."""
        return list({row.outcome.digest: row.outcome for row in self.rows}.values())

    def _with_curves(self) -> list[SweptRun]:
        """Return the runs with the curves, read from the store, that the picture of curves needs and that are missing.

        Where epochs are swept, the picture shows only the runs with the most.
        """
        longest = max(row.request.config.epochs for row in self.rows)
        rows, away = [], False
        for row in self.rows:
            outcome = row.outcome
            needed = row.request.config.epochs == longest or "epochs" not in self.grid.swept
            if needed and outcome.files and not len(outcome.loss_e) and not away:
                try:
                    address, whole = f"{outcome.files}/{CURVES_FILE}", outcome.end == End.FINISHED
                    with impatient():
                        (curves,) = read_curves([address], [row.request.config.epochs], [whole])
                    outcome = outcome.with_curve(curves["train_loss"].to_numpy())
                except Exception as error:  # a picture less is no reason to fail
                    away = is_away(error)
            rows.append(replace(row, outcome=outcome))
        return rows

    def _record(
        self,
        description: str,
        metrics: Mapping[str, float],
        files: Mapping[str, str],
        figures: Mapping[str, Picture],
        stop: Stop,
    ) -> None:
        """Record the results, and end the record; wait for a store that is away only if the sweep finished.

        Raises:
            TrackingError: the store cannot be written, or stays away.
            Interrupted: a signal ended the waiting.
        """

        def finish(_: bool) -> None:
            self.tracked.finish(self.end, self.end_reason, description, metrics, files, figures)

        seconds = PATIENCE_SECONDS if self.end == End.FINISHED else 0.0
        with waiting("recording the sweep"):
            persist_aloud(finish, stop, "its runs are recorded; the same sweep sums them up later", seconds)

    def _description(self, lines: Sequence[str], table: str, figures: Mapping[str, Picture]) -> str:
        """Return the Markdown of the sweep's page: the reason if it did not finish, links, lines of results, and their
        table.

        Lines that MLflow would cut off are left out, and their number is given.
        """
        ids = self.tracked.experiment_id, self.tracked.run_id
        head = [f"**{escaped(self.end_reason[:MAX_REASON])}**", ""] if self.end != End.FINISHED else []
        head += [", ".join(filter(None, [runs_link(*ids), picture_links(*ids, figures)])), ""]
        room = MAX_DESCRIPTION // 2 - len("\n".join(head)) - 2
        listed = [f"- {line}" for line in map(escaped, lines)]
        listed = fitting(listed, room, f"- and {{}} more; {RESULTS_FILE} has all numbers")
        return "\n".join([*head, *listed, "", table])

    def _print(self, lines: Sequence[str]) -> None:
        """Print lines of results, the runs that did not finish, and how to look at the sweep."""
        ids = self.tracked.experiment_id, self.tracked.run_id
        outcomes = self._outcomes
        print("", *lines, sep="\n")
        for outcome in (outcome for outcome in outcomes if outcome.end != End.FINISHED):
            print(f"{outcome.run_id or 'not recorded'}: {outcome.end_reason}"[:200])
        new = sum(not outcome.reused for outcome in outcomes)
        pace = f", {new / self.seconds:.1f} runs a second" if new else ""
        print(f"{'sweep':<16} {self.tracked.run_id} ({self.tracked.name}), {self.seconds:.0f} s{pace}")
        print(f"{'look at it':<16} {how_to_look(store_name(), *ids)}")
        print(f"{'its runs':<16} {how_to_compare(store_name(), *ids)}", flush=True)
