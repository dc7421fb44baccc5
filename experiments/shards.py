"""Divides the runs of a sweep into shards, each made by one process; and says how a run of a shard ended."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from mlflow.entities import Run

from analysis.runs.schema import END_REASON_TAG, PARENT_TAG, End, format_end_reason, read_end
from experiments.descriptions import first_line
from experiments.grid import RunRequest
from experiments.tracking import Membership
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared
from rnn_core.training.compiled_stack import can_compile, estimated_seconds
from rnn_core.training.stack import bytes_a_net, stack_key, why_not_stacked

MAX_RUNS = 100
"""The most runs of a shard: no more are lost when its process is killed. Runs that share one training stay together."""

SHARDS_A_WORKER = 4
"""Shards for each worker, if there are several; fewer if a shard could then hold less than MIN_RUNS."""

MIN_RUNS = 10
"""A shard may hold so many runs, however many workers there are: a smaller one is not worth its cost."""

LONG_TRAINING = 1.0
"""Seconds. Where compiled loops need longer for a net, a shard may hold a single run."""

MAX_BYTES = 2**29
"""The most memory of a shard's nets, so that the peak does not grow with the number of runs. One net may need more."""

MAX_POINTS = 200
"""The most points of a curve that are kept for the sweep's pictures and page, but for the last of a run that ends
early."""


@dataclass(frozen=True)
class Shard:
    """Runs that one process trains and records.

    Attributes:
        requests: the runs.
        digests: their digests, in the same order.
        membership: how they belong to the sweep.
        again: whether runs are made even if others have recorded the same.
    """

    requests: tuple[RunRequest, ...]
    digests: tuple[str, ...]
    membership: Membership
    again: bool = False

    @property
    def checkpoint_name(self) -> str:
        """The name of the file in which the training of these runs is saved."""
        return f"{self.membership.sweep_id}-{self.membership.shard}"

    def only(self, digests: Collection[str]) -> "Shard":
        """Return the shard with only the runs that have these digests."""
        kept = [place for place, digest in enumerate(self.digests) if digest in digests]
        requests = tuple(self.requests[place] for place in kept)
        return dataclasses.replace(self, requests=requests, digests=tuple(self.digests[place] for place in kept))

    def failed(self, error: Exception, but: Collection[str]) -> "list[Outcome]":
        """Return for every run, except those with the digests `but`, the outcome that it failed with an error."""
        end_reason = format_end_reason(End.FAILED, first_line(error))
        return [Outcome(digest, "", End.FAILED, end_reason, {}) for digest in self.digests if digest not in but]


@dataclass(frozen=True)
class Outcome:
    """How one run of a sweep ended.

    Attributes:
        digest: identifies the run.
        run_id: MLflow's id; empty if nothing was recorded.
        end: FINISHED, DIVERGED, or FAILED, which may succeed another time.
        end_reason: the text of the run's tag of that name, or the error.
        metrics: the metrics at the end, by name.
        reused: whether others recorded it, and the sweep uses it.
        name: the name of the run; empty if nothing was recorded.
        epoch_e: the epochs of the curves, from 0, at most MAX_POINTS + 1; empty if the curves were not read.
        curves: by metric, such as train_loss in nats per character, its value in each of them.
        files: the URI of the folder of its files, for a run whose curves were not read.
    """

    digest: str
    run_id: str
    end: End
    end_reason: str
    metrics: dict[str, float]
    reused: bool = False
    name: str = ""
    epoch_e: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)
    files: str = ""

    @classmethod
    def of(cls, digest: str, run: Run, sweep_id: str) -> "Outcome":
        """Return the outcome, without its curves, of a complete run that the sweep with an id has made or reuses."""
        info, tags, metrics = run.info, run.data.tags, run.data.metrics
        reused = tags.get(PARENT_TAG) != sweep_id
        end, end_reason = read_end(info.status, tags), tags[END_REASON_TAG]
        return cls(digest, info.run_id, end, end_reason, metrics, reused, info.run_name, files=info.artifact_uri)

    def with_curves(self, curves: Mapping[str, np.ndarray], epochs: int) -> "Outcome":
        """Return the outcome with its curves, thinned to `epochs_to_draw` and the last epoch.

        Runs of as many epochs are thinned to the same ones, also those that end early.

        Arguments:
            curves: by metric its value after each epoch.
            epochs: for how many epochs the run was to be trained.
        """
        length = len(next(iter(curves.values()), ()))
        epoch_e = epochs_to_draw(epochs)
        epoch_e = np.unique([*epoch_e[epoch_e < length], length - 1]) if length else epoch_e[:0]
        thinned = {name: np.asarray(values_e)[epoch_e].astype(np.float32) for name, values_e in curves.items()}
        return dataclasses.replace(self, epoch_e=epoch_e, curves=thinned)


@dataclass(frozen=True)
class StackProgress:
    """How far the training of a stack is.

    Attributes:
        runs: the number of runs in it.
        done: the epochs that are done, with the part of the present one.
        epochs: the number of all epochs.
    """

    runs: int
    done: float
    epochs: int

    def __str__(self) -> str:
        """Return the progress in words, such as "training 30 runs: epoch 12/500"."""
        runs = f"{self.runs} run{'' if self.runs == 1 else 's'}"
        within = "" if self.done == int(self.done) else f" ({self.done % 1:.0%} of it)"
        return f"training {runs}: epoch {min(int(self.done) + 1, self.epochs)}/{self.epochs}{within}"


@dataclass(frozen=True)
class Awaited:
    """Runs that a shard needs, and that others are recording.

    Attributes:
        runs: their number.
    """

    runs: int

    def __str__(self) -> str:
        """Return in words what is done, such as "waiting for 2 runs that others record"."""
        return f"waiting for {self.runs} run{'' if self.runs == 1 else 's'} that others record"


def epochs_to_draw(epochs: int) -> np.ndarray:
    """Return the epochs of a curve that are kept, from 0: evenly spaced, at most MAX_POINTS, with first and last."""
    return np.unique(np.linspace(0, max(epochs - 1, 0), min(epochs, MAX_POINTS)).astype(int))


@dataclass(frozen=True)
class SharedTraining:
    """Runs that need only one training, because they differ in the number of epochs alone.

    Attributes:
        runs: the numbers of the runs.
        prepared: the data of the run with the most epochs.
    """

    runs: tuple[int, ...]
    prepared: Prepared


def plan(prepared: Sequence[Prepared], workers: int = 1) -> tuple[list[list[int]], dict[str, int]]:
    """Divide runs into shards. The runs of a shard are of one stack, or of one training whose net is not stacked.

    With several workers there are several shards for each, so that all are busy to the end.

    Arguments:
        prepared: the data of each run.
        workers: how many shards are worked on at a time, 1 or more.

    Returns:
        For each shard the numbers of its runs, which are places in `prepared`; and the number of nets that are trained
        alone, by reason.
    """
    runs_a_shard = -(-len(prepared) // (SHARDS_A_WORKER * workers))
    shards, alone_by_reason = [], dict.fromkeys(["no other of their shape"], 0)
    for key, trainings in _by_stack(prepared).items():
        if key is None:
            for training in trainings:
                reason = f"not to be stacked ({why_not_stacked(training.prepared.config)})"
                alone_by_reason[reason] = alone_by_reason.get(reason, 0) + 1
        elif len(trainings) == 1 and not can_compile(trainings[0].prepared.config):
            alone_by_reason["no other of their shape"] += 1
        first = trainings[0].prepared
        divides = key is not None and can_compile(first.config) and estimated_seconds(first) > LONG_TRAINING
        min_runs = 1 if divides else MIN_RUNS
        max_runs = MAX_RUNS if workers == 1 else min(MAX_RUNS, max(min_runs, runs_a_shard))
        shard: list[int] = []
        shard_bytes = 0
        for training in trainings:
            runs = len(training.runs)
            # The net of each run is kept until it is recorded.
            needed = bytes_a_net(training.prepared) + 8 * training.prepared.record.parameter_count * runs
            if shard and (len(shard) + runs > max_runs or shard_bytes + needed > MAX_BYTES or key is None):
                shards.append(shard)
                shard, shard_bytes = [], 0
            shard += training.runs
            shard_bytes += needed
        shards.append(shard)
    return shards, {reason: count for reason, count in alone_by_reason.items() if count}


def _by_stack(prepared: Sequence[Prepared]) -> dict[Hashable | None, list[SharedTraining]]:
    """Return the trainings that runs need, by the key that those of one stack share; None for nets trained alone."""
    runs_by_training: dict[TrainConfig, list[int]] = defaultdict(list)
    for number, run in enumerate(prepared):
        config = run.config
        epochs_may_differ = config.schedule == "constant" and config.keep == "last"
        runs_by_training[dataclasses.replace(config, epochs=1) if epochs_may_differ else config].append(number)
    trainings: dict[Hashable | None, list[SharedTraining]] = defaultdict(list)
    for numbers in runs_by_training.values():
        longest = max(numbers, key=lambda number: prepared[number].config.epochs)
        training = SharedTraining(tuple(numbers), prepared[longest])
        trainings[stack_key(training.prepared)].append(training)
    return trainings


def stacks(prepared: Sequence[Prepared]) -> Iterator[list[SharedTraining]]:
    """Yield the trainings of each stack; a training whose net cannot be stacked is yielded in a list of its own."""
    for key, trainings in _by_stack(prepared).items():
        yield from ([training] for training in trainings) if key is None else [trainings]
