"""A sweep's runs cut into shards, each a stack of nets that is trained and then recorded as a whole."""

import dataclasses
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from mlflow.entities import Run

from analysis.runs import recorded_runs
from analysis.runs.schema import END_REASON_TAG, End, format_end_reason, read_end
from analysis.runs.suggestions import PLURALS
from experiments.descriptions import first_line, run_name
from experiments.flags import with_flags
from experiments.grid import RunRequest
from experiments.recording import measure_and_record
from experiments.tracking import Membership, TrackedRun, TrackingError, delete_half_made, goes_on
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare_all
from rnn_core.limits import bytes_in_a_stack
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import DivergedError, EpochRecord, Progress, train
from rnn_core.training.loop import PROGRESS_SECONDS
from rnn_core.training.stack import stack_key, train_stack

MAX_RUNS = 100
"""Runs of a shard: a killed one costs no more than these."""

SHARDS_A_WORKER = 4
"""Shards for each of several workers, as long as they have MIN_RUNS."""

MIN_RUNS = 10
"""Runs of a shard that are worth a stack."""

MAX_BYTES = 2**29
"""Memory of a shard's nets, so that the peak does not grow with the number of runs. One net may take more."""

RUNS_A_COLLECTION = 10
"""How many runs leave their garbage, figures for the most part, until it is collected."""

MAX_POINTS = 200
"""Points of a curve that are kept for the pictures of the sweep."""


@dataclass(frozen=True)
class Shard:
    """Runs that are trained and recorded together.

    Attributes:
        asked: the runs.
        digests: their identities.
        membership: how they belong to the sweep.
    """

    asked: tuple[RunRequest, ...]
    digests: tuple[str, ...]
    membership: Membership

    def only(self, digests: Collection[str]) -> "Shard":
        """Return the shard with no other runs than those."""
        kept = [(asked, digest) for asked, digest in zip(self.asked, self.digests, strict=True) if digest in digests]
        return Shard(tuple(asked for asked, _ in kept), tuple(digest for _, digest in kept), self.membership)

    def failed(self, error: Exception, but: Collection[str]) -> "list[Outcome]":
        """Return the outcomes of the runs but those, of which nothing came back."""
        end_reason = format_end_reason(End.FAILED, first_line(error))
        return [Outcome(digest, "", End.FAILED, end_reason, {}) for digest in self.digests if digest not in but]


@dataclass(frozen=True)
class Outcome:
    """What one run of a sweep came to.

    Attributes:
        digest: the run's identity.
        run_id: MLflow's id; empty where nothing was recorded.
        end: how it ended: FINISHED, DIVERGED, or FAILED, which may go well another time.
        end_reason: the text of the run's tag of that name, or what failed.
        metrics: its numbers at the end.
        epoch_e: the epochs of its curve that are kept, at most MAX_POINTS, from 0.
        curve_e: the training loss in those, nats per character.
    """

    digest: str
    run_id: str
    end: End
    end_reason: str
    metrics: dict[str, float]
    epoch_e: np.ndarray = field(default_factory=lambda: np.empty(0))
    curve_e: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, digest: str, run: Run) -> "Outcome":
        """Return the outcome of a run that was recorded earlier; its curve is left to be fetched."""
        tags = run.data.tags
        return cls(digest, run.info.run_id, read_end(run.info.status, tags), tags[END_REASON_TAG], run.data.metrics)

    def with_curve(self, losses_e: np.ndarray) -> "Outcome":
        """Return the outcome with a curve, of which at most MAX_POINTS are kept, the first and the last among them."""
        epoch_e = thinned(len(losses_e))
        return dataclasses.replace(self, epoch_e=epoch_e, curve_e=losses_e[epoch_e].astype(np.float32))


@dataclass(frozen=True)
class ShardProgress:
    """How far the training of some of a shard's runs is, which are trained as one.

    Attributes:
        runs: how many runs.
        done: the epochs that are done, and the share of the one that is under way.
        epochs: of how many.
    """

    runs: int
    done: float
    epochs: int

    def __str__(self) -> str:
        """Say it in words, such as "training 30 runs: epoch 12/500"."""
        runs = f"{self.runs} run{'' if self.runs == 1 else 's'}"
        within = "" if self.done == int(self.done) else f" ({self.done % 1:.0%} of it)"
        return f"training {runs}: epoch {min(int(self.done) + 1, self.epochs)}/{self.epochs}{within}"


def thinned(epochs: int) -> np.ndarray:
    """Return which of so many epochs, from 0, are kept of a curve: at most MAX_POINTS, the first and the last too."""
    return np.unique(np.linspace(0, max(epochs - 1, 0), min(epochs, MAX_POINTS)).astype(int))


@dataclass(frozen=True)
class SharedTraining:
    """Runs that share one training: they are alike but for the epochs, which do not enter it.

    Attributes:
        runs: by number among those that were given.
        prepared: what is trained, for as long as the longest of them.
    """

    runs: tuple[int, ...]
    prepared: Prepared


def plan(prepared: Sequence[Prepared], workers: int = 1) -> tuple[list[list[int]], dict[str, int]]:
    """Cut runs into shards; where there are several workers, into some for each, so that all are busy to the end.

    Arguments:
        prepared: the runs.
        workers: how many shards are worked on at a time, 1 or more.

    Returns:
        For each shard the numbers of its runs among those given; and for each reason why nets are trained alone, how
        many it holds for.
    """
    share = -(-len(prepared) // (SHARDS_A_WORKER * workers))
    most = MAX_RUNS if workers == 1 else min(MAX_RUNS, max(MIN_RUNS, share))
    shards, alone = [], {"no other of their shape": 0, "not to be stacked (keep=best)": 0}
    for key, trainings in _stacks(prepared).items():
        if key is None:
            alone["not to be stacked (keep=best)"] += len(trainings)
        elif len(trainings) == 1:
            alone["no other of their shape"] += 1
        shard: list[int] = []
        size = 0
        for training in trainings:
            runs = len(training.runs)
            # A net of its own is kept for each run until it is recorded.
            record = training.prepared.record
            needs = bytes_in_a_stack(record, training.prepared.windows) + 8 * record.parameters * runs
            if shard and (len(shard) + runs > most or size + needs > MAX_BYTES or key is None):
                shards.append(shard)
                shard, size = [], 0
            shard += training.runs
            size += needs
        shards.append(shard)
    return shards, {why: count for why, count in alone.items() if count}


def _stacks(prepared: Sequence[Prepared]) -> dict[Hashable | None, list[SharedTraining]]:
    """Return the trainings by what those in one stack have in common; under None those to be trained alone."""
    alike: dict[TrainConfig, list[int]] = defaultdict(list)
    for number, one in enumerate(prepared):
        config = one.config
        shared = config.schedule == "constant" and config.keep == "last"
        alike[dataclasses.replace(config, epochs=1) if shared else config].append(number)
    stacks: dict[Hashable | None, list[SharedTraining]] = defaultdict(list)
    for numbers in alike.values():
        longest = max(numbers, key=lambda number: prepared[number].config.epochs)
        training = SharedTraining(tuple(numbers), prepared[longest])
        stacks[stack_key(training.prepared)].append(training)
    return stacks


def record_shard(
    shard: Shard, recording: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Iterator[Outcome | ShardProgress]:
    """Train a shard's nets, then record them one after the other.

    What an earlier try at the same shard has recorded whole is not made again; what it left half-made is deleted.

    Arguments:
        shard: the runs.
        recording: what is entered while one run is recorded, so that it is not cut in two.

    Yields:
        An Outcome for each run as it has been recorded; and where a training starts and about once a second while it
        lasts, a ShardProgress.
    """
    membership = shard.membership
    delete_half_made(membership.experiment_id, membership.condition, failed_too=True)
    there = recorded_runs(membership.experiment_id, set(shard.digests), membership.condition)
    for digest, run in there.items():
        yield Outcome.of(digest, run)
    shard = shard.only(set(shard.digests) - there.keys())
    prepared = prepare_all(asked.config for asked in shard.asked)
    for one, digest in zip(prepared, shard.digests, strict=True):
        if one.record.digest != digest:
            raise ValueError(f"the data of {one.config.pattern} are not here what they are where the sweep was started")
    if not gc.get_freeze_count():  # what a process starts with stays: looking for garbage among the rest is quick
        gc.collect()
        gc.freeze()
    every = (trained for part in trained_together(prepared) for trained in _train(part, prepared))
    count = 0
    for trained in every:
        if isinstance(trained, ShardProgress):
            yield trained
            continue
        with recording():
            if not goes_on(membership.sweep_id):  # another start has taken this sweep for dead
                return
            outcome = _record(trained, prepared[trained.number], shard.asked[trained.number], membership)
        yield outcome
        if count % RUNS_A_COLLECTION == 0:
            gc.collect()
        count += 1


def trained_together(prepared: Sequence[Prepared]) -> Iterator[list[SharedTraining]]:
    """Yield the trainings that make a stack, and those that are to be trained alone by themselves."""
    for key, trainings in _stacks(prepared).items():
        yield from [trainings] if key else ([training] for training in trainings)


@dataclass(frozen=True)
class TrainingResult:
    """What the training of one run came to.

    Attributes:
        number: the run, by number among those that were given.
        history: what each epoch came to.
        net: the trained net; one that diverged is not to be used.
        diverged: when and how it diverged; None if it did not.
    """

    number: int
    history: list[EpochRecord]
    net: CharRNN
    diverged: DivergedError | None


def _train(
    trainings: Sequence[SharedTraining], prepared: Sequence[Prepared]
) -> Iterator[TrainingResult | ShardProgress]:
    """Train nets, as a stack where there are several: yield how far that is, and then every run they stand for."""
    losses_en: list[Sequence[float] | np.ndarray] = []
    accuracies_en: list[Sequence[float] | np.ndarray] = []
    valid_e: list[float | None] = []
    nets: dict[int, CharRNN] = {}
    so_far = ShardProgress(
        sum(len(training.runs) for training in trainings), 0, max(each.prepared.config.epochs for each in trainings)
    )
    yield so_far
    said = time.monotonic()
    for came in epochs(trainings):
        epoch = len(losses_en)
        if isinstance(came, Progress):
            yield dataclasses.replace(so_far, done=epoch + came.share)
            said = time.monotonic()
            continue
        loss_n, accuracy_n, valid_loss, load_into = came
        losses_en.append(loss_n)
        accuracies_en.append(accuracy_n)
        valid_e.append(valid_loss)
        for place, training in enumerate(trainings):
            for number in training.runs:
                if prepared[number].config.epochs == epoch + 1:
                    nets[number] = load_into(prepared[number].build_net(), place)
        if time.monotonic() - said >= PROGRESS_SECONDS:
            yield dataclasses.replace(so_far, done=epoch + 1)
            said = time.monotonic()
    for place, training in enumerate(trainings):
        for number in training.runs:
            net = nets.pop(number, None) or prepared[number].build_net()
            history, diverged = [], None
            for epoch in range(min(prepared[number].config.epochs, len(losses_en))):
                loss = float(losses_en[epoch][place])
                if not np.isfinite(loss):
                    diverged = DivergedError(epoch, loss)
                    break
                history.append(EpochRecord(epoch, loss, float(accuracies_en[epoch][place]), valid_e[epoch], net))
            yield TrainingResult(number, history, net, diverged)


Epoch = tuple[
    Sequence[float] | np.ndarray, Sequence[float] | np.ndarray, float | None, Callable[[CharRNN, int], CharRNN]
]
"""The losses and accuracies of N nets, a validation loss of one, and what gives a net the weights of the n-th."""


def epochs(trainings: Sequence[SharedTraining]) -> Generator[Epoch | Progress, None, None]:
    """Train nets, as a stack where there are several; yield what each epoch came to, and how far a long one is."""
    if len(trainings) > 1:
        for stacked in train_stack([training.prepared for training in trainings], progress=True):
            if isinstance(stacked, Progress):
                yield stacked
                continue
            yield stacked.loss_n, stacked.accuracy_n, None, stacked.stack.load_into
        return
    net = trainings[0].prepared.build_net()

    def load_into(other: CharRNN, _: int) -> CharRNN:
        other.load_state_dict(net.state_dict())
        return other

    try:
        for record in train(trainings[0].prepared, net, progress=True):
            if isinstance(record, Progress):
                yield record
                continue
            yield [record.loss], [record.accuracy], record.valid_loss, load_into
    except DivergedError as error:
        yield [error.loss], [np.nan], None, load_into


def _record(trained: TrainingResult, prepared: Prepared, asked: RunRequest, membership: Membership) -> Outcome:
    record, run_id = prepared.record, ""
    digest = record.digest
    try:
        name = run_name(prepared.config, prepared.pattern.short_name, membership.also_named)
        run = TrackedRun(name, record, asked.config, prepared.sizes, asked.recipe, membership)
        run_id = run.run_id
        for epoch in trained.history:
            run.log(epoch.metrics)
        report = None
        if trained.diverged:
            run.finish(End.DIVERGED, with_flags(trained.diverged, PLURALS))
        else:
            report = measure_and_record(run, trained.net, prepared, flags=PLURALS)
        outcome = Outcome(digest, run_id, run.end, run.end_reason, dict(report.metrics) if report else {})
        return outcome.with_curve(np.array([record.loss for record in trained.history]))
    except TrackingError as error:
        return Outcome(digest, run_id, End.FAILED, str(error), {})
