"""Where a sweep's shards are worked on: in this process, in others on this machine, or on a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from analysis.runs.store import use_store
from experiments.errors import UsageError
from experiments.shard_training import record_shard
from experiments.shards import Outcome, Shard, ShardProgress

_ONE_AT_A_TIME = threading.Lock()
"""Seeds, threads and MLflow's active run belong to a process: a cluster's worker may have many threads."""


MAX_WORDS = 2
"""Of so many workers a sweep's bar says what they do."""


class WorkerDiedError(Exception):
    """A process ended before its shard was done."""


def run_shard(shard: Shard, store: str) -> list[Outcome]:
    """Train and record a shard in this process, in a store named by its tracking URI."""
    return [came for came in work_on(shard, store) if isinstance(came, Outcome)]


def work_on(shard: Shard, store: str) -> Iterator[Outcome | ShardProgress]:
    """Do what `run_shard` does, and yield what `record_shard` yields as it comes."""
    with _ONE_AT_A_TIME:
        use_store(store)
        yield from record_shard(shard)


@dataclass(frozen=True)
class AtWork:
    """What workers do now.

    Attributes:
        words: the same in words; empty where nobody knows.
        recorded: how many runs they have recorded of shards that are not done yet.
    """

    words: str = ""
    recorded: int = 0


class Workers(Protocol):
    """What works on shards in the background.

    Attributes:
        count: how many shards are worked on at a time.
        here: they are processes of this machine, which have ended when `stop` returns; others end by themselves, before
            their next run, once they find that the sweep is over.
    """

    count: int
    here: bool

    def submit(self, shard: Shard, store: str) -> "Future[list[Outcome]]":
        """Have a shard worked on, some time."""

    def at_work(self) -> AtWork:
        """Say what is being done now."""

    def stop(self) -> None:
        """End what is at work."""


class LocalWorkers:
    """Processes on this machine: one that is killed takes its own shard down and no other, and is replaced.

    Arguments:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self.count, self.here = count, True
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(count)
        self._mine = threading.local()
        self._processes: list[tuple[BaseProcess, Connection]] = []
        self._at_work: dict[Connection, AtWork] = {}
        """What those processes do that are at work."""
        self._stopped = False

    def submit(self, shard: Shard, store: str) -> "Future[list[Outcome]]":
        """Have a shard worked on by the next process that is free."""
        return self._threads.submit(self._work, shard, store)

    def at_work(self) -> AtWork:
        """Say what the processes do that are at work; of many, the first MAX_WORDS in words."""
        every = list(self._at_work.copy().values())
        words = "; ".join(each.words for each in every[:MAX_WORDS])
        more = f"; {len(every) - MAX_WORDS} more" if len(every) > MAX_WORDS else ""
        return AtWork(words + more, sum(each.recorded for each in every))

    def stop(self) -> None:
        """Let the processes end that are idle, and kill those that are at work."""
        with self._lock:
            self._stopped = True
        for process, connection in self._processes:
            if connection not in self._at_work:
                with contextlib.suppress(OSError):
                    connection.send(None)
                process.join(10)
            process.kill()
            process.join()
        self._threads.shutdown(cancel_futures=True)

    def _work(self, shard: Shard, store: str) -> list[Outcome]:
        """Send a shard to this thread's own process and wait for what comes back."""
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self._start()
            self._at_work[connection] = AtWork("starting a worker")
        else:
            self._at_work[connection] = AtWork("preparing the data")
        outcomes: list[Outcome] = []
        try:
            connection.send((shard, store))
            while (came := connection.recv()) is not None:
                if isinstance(came, BaseException):
                    raise came
                if isinstance(came, Outcome):
                    outcomes.append(came)
                    came = f"recording {len(shard.requests)} runs"
                self._at_work[connection] = AtWork(str(came), len(outcomes))
        except (EOFError, OSError):
            self._mine.connection = None
            raise WorkerDiedError("a worker process was killed") from None
        finally:
            self._at_work.pop(connection)
        return outcomes

    def _start(self) -> Connection:
        spawn = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half-way
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
        with self._lock:
            if self._stopped:
                raise WorkerDiedError("the sweep has been stopped")
            process.start()
            self._processes.append((process, ours))
        theirs.close()  # so that ours ends when the process does
        return ours


def _serve(connection: Connection) -> None:
    """Work on shards as they come, until the process that sends them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the sweep itself ends its workers
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    while (task := connection.recv()) is not None:
        shard, store = task
        try:
            for came in work_on(shard, store):
                connection.send(came)
            connection.send(None)
        except Exception as error:
            connection.send(RuntimeError(f"{type(error).__name__}: {error}"))  # the error itself may not pickle


def _end_with_the_sweep() -> None:
    """End this process when the one that started it ends: another start may already make the same runs."""
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
        """Have a shard worked on by some worker of the cluster, and by another if that one is killed."""
        return self._executor.submit(run_shard, shard, store)

    def at_work(self) -> AtWork:
        """Say nothing: what a cluster's workers do stands in its dashboard."""
        return AtWork()

    def stop(self) -> None:
        """Cancel what waits."""
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
