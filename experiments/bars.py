"""Shows how far a training or a sweep is: by a bar if a person watches, otherwise by a line now and then."""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tqdm import tqdm

from experiments.progress import LOG_SECONDS, LogLines, watched
from rnn_core.training import EpochRecord, Progress

if TYPE_CHECKING:  # a single run needs no workers
    from experiments.shards import Outcome
    from experiments.workers import AtWork


def show_epochs(records: Iterator[EpochRecord | Progress], epochs: int) -> Iterator[EpochRecord]:
    """Show how far a training is, and yield the records of its epochs.

    If a person watches, a bar also moves within a long epoch. If not, about ten lines are printed in all, and within a
    long epoch stderr has a line now and then.

    Arguments:
        records: what `rnn_core.training.train` yields with `progress=True`.
        epochs: the number of all epochs.
    """
    if watched():
        with tqdm(total=epochs, unit="epoch") as bar:
            for record in records:
                if isinstance(record, Progress):
                    bar.set_postfix(loss=f"{record.loss:.4g}", refresh=False)
                    bar.update(round(record.epoch + record.share, 2) - bar.n)
                    bar.refresh()
                    continue
                bar.set_postfix(loss=f"{record.loss:.4g}", accuracy=f"{record.accuracy:.1%}", refresh=False)
                bar.update(record.epoch + 1 - bar.n)
                bar.n = record.epoch + 1  # a whole number again
                yield record
        return
    start = last = time.monotonic()
    lines = LogLines()
    for record in records:
        now = time.monotonic()
        if isinstance(record, Progress):
            done = record.epoch + record.share
            seconds_left = f"{(now - start) / done * (epochs - done):.0f} s left" if done else "begun"
            within = f"epoch {record.epoch + 1}/{epochs}, {record.share:.0%} of it, {seconds_left}"
            lines.say(f"{within:<24} loss {record.loss:.4g}")
            continue
        done = record.epoch + 1
        if done == 1 or done == epochs or done % max(1, epochs // 10) == 0 or now - last > 30:
            left = (now - start) / done * (epochs - done)
            last = now
            progress = f"epoch {done}/{epochs}, {left:.0f} s left"
            print(f"{progress:<24} loss {record.loss:.4g}, accuracy {record.accuracy:.1%}", flush=True)
        yield record


def show_runs(work: "Iterator[tuple[list[Outcome], AtWork]]", total: int) -> "Iterator[list[Outcome]]":
    """Show how far a sweep is and what it does, and yield the outcomes.

    Arguments:
        work: yields the outcomes of the runs that have ended since the last time, and what is being done now.
        total: the number of all runs.
    """
    start = last = time.monotonic()
    done, lines = 0, LogLines()
    bar = tqdm(total=total, unit="run", smoothing=0.05) if total and watched() else None
    with contextlib.nullcontext() if bar is None else bar:
        for outcomes, at_work in work:
            yield outcomes
            done += len(outcomes)
            now = time.monotonic()
            if bar is not None:
                bar.update(done + at_work.recorded - bar.n)
                bar.set_postfix_str(at_work.words, refresh=not outcomes)  # drawn with the new count
            elif outcomes and (done == total or now - last > LOG_SECONDS):
                last, recorded = now, done + at_work.recorded
                pace = recorded / (now - start)
                seconds_left = (total - recorded) / pace
                print(f"run {recorded}/{total}, {pace:.1f} runs a second, {seconds_left:.0f} s left", flush=True)
            elif at_work.words and now - last > LOG_SECONDS:
                lines.say(f"run {done + at_work.recorded}/{total}, {at_work.words}")
