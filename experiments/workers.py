"""Makes the runs of shards in other processes: on this machine, or on a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from analysis.credentials import redact_error
from analysis.runs.address import use_store
from experiments.errors import UsageError
from experiments.output import protect_output
from experiments.shard_training import record_shard
from experiments.shards import Awaited, Outcome, Shard, StackProgress
from experiments.signals import STOPPING, Interrupted, Stop
from experiments.tracking import Away, StoreAwayError

_ONE_AT_A_TIME = threading.Lock()
"""Seeds, torch's threads and MLflow's active run belong to a whole process, and a cluster's worker may have several
threads."""

SECONDS_TO_STOP = 10.0
"""How long workers that are at work may take to save their training, or to record a run, before they are killed."""

MAX_DESCRIBED = 2
"""The most workers whose work the bar of a sweep describes."""


class WorkerDiedError(Exception):
    """A worker process ended before it had finished its shard."""


def run_shard(shard: Shard, store: str) -> list[Outcome]:
    """Train and record the runs of a shard in this process, in the store with that tracking URI."""
    try:
        return [outcome for outcome in work_on(shard, store, Stop()) if isinstance(outcome, Outcome)]
    except Exception as error:  # the worker of a cluster prints it
        redact_error(error)
        raise


def work_on(shard: Shard, store: str, stop: Stop) -> Iterator[Outcome | StackProgress | Awaited | Away]:
    """Train and record the runs of a shard in this process, and yield what `record_shard` yields."""
    with _ONE_AT_A_TIME:
        use_store(store)
        yield from record_shard(shard, stop)


@dataclass(frozen=True)
class AtWork:
    """What workers are doing now.

    Attributes:
        words: a description; empty if it is not known.
        recorded: the number of runs that they have recorded in shards that are not finished.
    """

    words: str = ""
    recorded: int = 0


class Workers(Protocol):
    """Processes that make the runs of shards.

    Attributes:
        count: the number of shards that are worked on at the same time.
        here: whether they are processes of this machine, which have ended when `stop` returns. The workers of a cluster
            notice before their next run that the sweep is over.
    """

    count: int
    here: bool

    def submit(self, shard: Shard, store: str) -> "Future[list[Outcome]]":
        """Put a shard into the queue of work; the future has its outcomes."""

    def at_work(self) -> AtWork:
        """Return what the workers are doing now."""

    def stop(self) -> None:
        """Stop the workers, whether they are at work or not."""


class LocalWorkers:
    """Processes on this machine. One that is killed fails its own shard alone, and another one takes its place.

    Arguments:
        count: the number of processes, 2 or more.
    """

    def __init__(self, count: int) -> None:
        self.count, self.here = count, True
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(count)
        self._of_thread = threading.local()  # each thread talks to one process
        self._processes: list[tuple[BaseProcess, Connection]] = []
        self._at_work: dict[Connection, AtWork] = {}
        """What each process is doing, without those that are idle."""
        self._stopped = False

    def submit(self, shard: Shard, store: str) -> "Future[list[Outcome]]":
        """Put a shard into the queue; the next process that is free takes it."""
        return self._threads.submit(self._work, shard, store)

    def at_work(self) -> AtWork:
        """Return what the processes are doing; only MAX_DESCRIBED of them are described."""
        workers = list(self._at_work.copy().values())
        words = "; ".join(worker.words for worker in workers[:MAX_DESCRIBED])
        more = f"; {len(workers) - MAX_DESCRIBED} more" if len(workers) > MAX_DESCRIBED else ""
        return AtWork(words + more, sum(worker.recorded for worker in workers))

    def stop(self) -> None:
        """End the processes; those that are at work save their training first."""
        with self._lock:
            self._stopped = True
        for process, connection in self._processes:
            if connection in self._at_work:
                process.terminate()
            else:
                with contextlib.suppress(OSError):
                    connection.send(None)
        deadline = time.monotonic() + SECONDS_TO_STOP
        for process, _ in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()
        self._threads.shutdown(cancel_futures=True)

    def _work(self, shard: Shard, store: str) -> list[Outcome]:
        """Send a shard to the process of this thread, and return the outcomes that it sends back."""
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = self._start()
            self._at_work[connection] = AtWork("starting a worker")
        else:
            self._at_work[connection] = AtWork("preparing the data")
        outcomes: list[Outcome] = []
        try:
            connection.send((shard, store))
            while (message := connection.recv()) is not None:
                if isinstance(message, BaseException):
                    raise message
                if isinstance(message, Outcome):
                    outcomes.append(message)
                    message = f"recording {len(shard.requests)} runs"
                self._at_work[connection] = AtWork(str(message), len(outcomes))
        except (EOFError, OSError):
            self._of_thread.connection = None
            raise WorkerDiedError("a worker process was killed") from None
        finally:
            self._at_work.pop(connection)
        return outcomes

    def _start(self) -> Connection:
        """Start a process, and return the connection to it."""
        spawn = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half-way
        our_end, its_end = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(its_end,), daemon=True)
        with self._lock:
            if self._stopped:
                raise WorkerDiedError("the sweep has been stopped")
            process.start()
            self._processes.append((process, our_end))
        its_end.close()  # so that reading from our end fails once the process is gone
        return our_end


def _serve(connection: Connection) -> None:
    """Make the runs of each shard that arrives, until None or SIGTERM arrives, or the process that sends them ends."""
    protect_output()
    for number in STOPPING:  # Ctrl-C reaches every process; the sweep ends its workers itself
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    with contextlib.suppress(Interrupted), Stop().listening([signal.SIGTERM]) as stop:
        while (task := connection.recv()) is not None:
            shard, store = task
            try:
                for message in work_on(shard, store, stop):
                    connection.send(message)
                connection.send(None)
            except StoreAwayError as error:
                connection.send(error)
            except Exception as error:
                connection.send(RuntimeError(f"{type(error).__name__}: {error}"))  # the error itself may not pickle


def _end_with_the_sweep() -> None:
    """End this process when the one that started it ends, since another sweep may then make the same runs."""
    sweep = multiprocessing.parent_process()
    assert sweep is not None
    sweep.join()
    os._exit(1)


class ClusterWorkers:
    """The workers of a running Dask cluster.

    Arguments:
        address: the scheduler's, such as tcp://host:8786.

    Raises:
        UsageError: Dask is not installed, or nobody answers there.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError('scheduler needs Dask, which is not installed; use: pip install -e ".[cluster]"') from None
        try:
            self._client = Client(address, timeout=10)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"scheduler is {address!r}, where nobody answers ({type(error).__name__}); allowed: the address of a "
                "running Dask scheduler, such as tcp://host:8786 (--scheduler)"
            ) from None
        self.here = False
        self.count = max(1, len(self._client.nthreads()))
        self._executor: Executor = self._client.get_executor(pure=False)

    def submit(self, shard: Shard, store: str) -> "Future[list[Outcome]]":
        """Send a shard to a worker of the cluster; if that one is killed, another one gets it."""
        return self._executor.submit(run_shard, shard, store)

    def at_work(self) -> AtWork:
        """Return an empty description: the cluster's own dashboard shows what its workers do."""
        return AtWork()

    def stop(self) -> None:
        """Cancel the shards that have not begun."""
        self._executor.shutdown(wait=False)
        self._client.close()


def start_workers(count: int, scheduler: str) -> Workers | None:
    """Return the workers that a sweep asks for; None if its own process is to do the work.

    Arguments:
        count: processes on this machine, 1 or more; 1 is the sweep's own.
        scheduler: the address of a Dask scheduler; empty for none.

    Raises:
        UsageError: Dask is not installed, or nobody answers at the address.
    """
    if scheduler:
        return ClusterWorkers(scheduler)
    return LocalWorkers(count) if count > 1 else None
