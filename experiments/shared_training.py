"""Trains the nets of a shard that share one training, saves it now and then, and goes on from what was saved."""

import contextlib
import dataclasses
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.runs import schema
from experiments.checkpoint_files import Checkpoint, circumstances
from experiments.shards import Shard, SharedTraining, StackProgress
from experiments.signals import Stop
from rnn_core.checkpoint import CheckpointError
from rnn_core.data import Prepared
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import DivergedError, EpochRecord, Progress, TrainingState, train
from rnn_core.training.compiled_net import road_alone
from rnn_core.training.compiled_stack import can_compile
from rnn_core.training.loop import PROGRESS_SECONDS
from rnn_core.training.stack import StackRecord, road, stack_key, train_stack
from rnn_core.training.stack_state import StackState
from rnn_core.training.state_file import read_about, read_state


@dataclass(frozen=True)
class TrainingResult:
    """The result of training one run.

    Attributes:
        run_number: the number of the run in its shard.
        history: the metrics of each epoch, by name.
        net: the trained net; not to be used if it diverged.
        divergence: the error that names the epoch in which the loss was not finite; None if there is none.
        road: by what it was trained; the value of the tag `schema.ROAD_TAG`.
    """

    run_number: int
    history: list[dict[str, float]]
    net: CharRNN
    divergence: DivergedError | None
    road: str


def train_shared(
    trainings: Sequence[SharedTraining], shard: Shard, prepared: Sequence[Prepared], stop: Stop
) -> Iterator[TrainingResult | StackProgress]:
    """Train nets, as a stack if there are several, from their saved state if there is one.

    Arguments:
        trainings: one training, or several of the same shape, which are trained together.
        shard: the shard that they belong to.
        prepared: the data of every run of the shard.
        stop: the signals that end the training between two windows, after it has been saved.

    Yields:
        Where the training begins, and about once a second while it lasts, a StackProgress; then a result for each run.

    Raises:
        Interrupted: a signal has come.
    """
    first = trainings[0].prepared
    alone = stack_key(first) is None
    about = {
        "name": f"{sum(len(each.runs) for each in trainings)} runs of a sweep",
        "stacked": False,
        "digests": [[shard.digests[run] for run in each.runs] for each in trainings],
        "circumstances": circumstances(first) | ({} if alone else {schema.ROAD_TAG: road(first.config)}),
    }
    checkpoint = Checkpoint(shard.checkpoint_name, about)
    keep_after = {prepared[run].config.epochs for each in trainings for run in each.runs}
    try:
        state = _saved_state(trainings, keep_after, checkpoint)
    except (CheckpointError, KeyError, RuntimeError):  # there is none, or it cannot be used
        state = new_state(trainings, keep_after)
    about["stacked"] = isinstance(state, StackState)
    began_at = state.epoch, state.windows_read
    progress = StackProgress(
        sum(len(each.runs) for each in trainings), 0, max(each.prepared.config.epochs for each in trainings)
    )
    divergence = None
    with stop.held(), contextlib.closing(train_epochs(trainings, state)) as records:
        yield dataclasses.replace(progress, done=state.epoch)
        last_yield = time.monotonic()
        try:
            for record in records:
                if stop.pending or checkpoint.due:
                    checkpoint.write(state)
                stop.check()
                if time.monotonic() - last_yield >= PROGRESS_SECONDS:
                    share = record.share if isinstance(record, Progress) else 0
                    yield dataclasses.replace(progress, done=state.epoch + share)
                    last_yield = time.monotonic()
        except DivergedError as error:  # of a net that is trained alone
            divergence = error
        # So that the training is not repeated if a run cannot be recorded. What was loaded and not trained further may
        # be needed by others.
        if divergence is None and (state.epoch, state.windows_read) != began_at:
            checkpoint.write(state)
    for place, training in enumerate(trainings):
        for run in training.runs:
            yield _result(run, place, state, prepared[run], divergence)


def new_state(
    trainings: Sequence[SharedTraining], keep_after: Collection[int], stacked: bool = False
) -> TrainingState | StackState:
    """Return the state of a new training of nets.

    Arguments:
        trainings: one training, or several of the same shape, which are trained together.
        keep_after: the numbers of epochs after which weights are kept.
        stacked: whether a single net is trained as a stack of one.
    """
    members = [training.prepared for training in trainings]
    compiled = stack_key(members[0]) is not None and can_compile(members[0].config)  # then no bit depends on the others
    if len(members) > 1 or stacked or compiled:
        return StackState(members, keep_after)
    return TrainingState(members[0], keep_after=keep_after)


def train_epochs(
    trainings: Sequence[SharedTraining], state: TrainingState | StackState
) -> Generator[EpochRecord | StackRecord | Progress, None, None]:
    """Train nets on from a state, which is changed in place; yield each epoch, and the progress within a long one.

    Arguments:
        trainings: one training, or several of the same shape, which are trained together.
        state: their state.

    Raises:
        DivergedError: the loss of a net that is trained alone is not finite.
    """
    if isinstance(state, StackState):
        yield from train_stack([training.prepared for training in trainings], state, progress=True)
    else:
        yield from train(trainings[0].prepared, state, progress=True)


def _saved_state(
    trainings: Sequence[SharedTraining], keep_after: Collection[int], checkpoint: Checkpoint
) -> TrainingState | StackState:
    """Return the saved state of these nets; the file may hold more nets. The checkpoint then counts as written.

    Arguments:
        trainings: one training, or several of the same shape, which are trained together.
        keep_after: the numbers of epochs after which weights are kept.
        checkpoint: the file, which need not be there.

    Raises:
        CheckpointError, KeyError, RuntimeError: the file is missing, is damaged, was saved under other circumstances or
            is of other nets.
    """
    here, there = checkpoint.about, read_about(checkpoint.path)
    saved = [set(digests) for digests in there["digests"]]
    places = [place for digests in here["digests"] for place, of_net in enumerate(saved) if of_net >= set(digests)]
    if here["circumstances"] != there["circumstances"] or len(places) < len(trainings):
        raise CheckpointError(f"{checkpoint.path} is of another training, or of other circumstances")
    state = new_state(trainings, keep_after, stacked=there["stacked"])
    if isinstance(state, StackState):
        state.load(*read_state(checkpoint.path), nets=places)
    else:
        state.load(*read_state(checkpoint.path))
    checkpoint.written = True
    return state


def _result(
    run: int, place: int, state: TrainingState | StackState, prepared: Prepared, divergence: DivergedError | None
) -> TrainingResult:
    """Return the result of a run.

    Arguments:
        run: the number of the run in its shard.
        place: the number of its net in the stack; 0 for a net that is trained alone.
        state: the state after the training.
        prepared: the data of the run.
        divergence: the error of a net that is trained alone, if it diverged.
    """
    net, epochs = prepared.build_net(), prepared.config.epochs
    weights = state.weights_after.get(epochs)
    if isinstance(state, TrainingState):
        if weights is not None:
            net.load_state_dict(weights)
        diverged = divergence if weights is None else None
        return TrainingResult(run, state.history[:epochs], net, diverged, road_alone(prepared.record))
    if weights is not None:
        net.load_state_dict({name: weight[place] for name, weight in weights.items()})
    history: list[dict[str, float]] = []
    for loss_n, accuracy_n in zip(state.losses_en[:epochs], state.accuracies_en[:epochs], strict=True):
        loss = float(loss_n[place])
        if not np.isfinite(loss):
            return TrainingResult(run, history, net, DivergedError(len(history), loss), road(prepared.config))
        history.append(EpochRecord(len(history), loss, float(accuracy_n[place]), None, net).metrics)
    return TrainingResult(run, history, net, None, road(prepared.config))
