"""Trains the nets of a stack by the compiled loops of `rnn_core.compiled`, a slice of the windows at a time."""

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from rnn_core.batching import Window
from rnn_core.blocks import by_length, row_lengths
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared
from rnn_core.training.adam import BETA1, BETA2, EPSILON
from rnn_core.training.stack_state import StackState

# numba is imported where it is needed: a net that is trained alone on a stream does without.

SLICE_SECONDS = 0.25
"""About how long a slice takes, in seconds, once it is known how long the windows take."""

MAX_GROWTH = 8
"""A slice has at most so many times the windows of the one before it."""

SHARES_A_THREAD = 4
"""The nets are divided among the threads in so many shares for each, so that they end at about the same time."""

OPERATIONS_A_SECOND = 2e10
"""About how many additions and multiplications a core does in a second; small nets reach less, large ones more."""

WINDOW_SECONDS = 5e-6
"""About how many seconds a window takes beside its additions and multiplications."""

CELLS = ("gru", "lstm", "rnn")
"""The cells that have a compiled form."""


@cache
def _has_numba() -> bool:
    return all(importlib.util.find_spec(name) for name in ("numba", "scipy", "threadpoolctl"))


def can_compile(config: TrainConfig) -> bool:
    """Return whether there are compiled loops for a config: its cell has them, it is for the CPU, and numba is here."""
    return config.cell in CELLS and config.device == "cpu" and _has_numba()


def estimated_seconds(prepared: Prepared) -> float:
    """Return about how many seconds one core needs to train a net by compiled loops; within a factor of ten."""
    record, training = prepared.record, prepared.data.training_and_validation(prepared.config.keep)[0]
    # Forward 2 operations for each weight and step, backward 4.
    operations = 6 * record.parameter_count * len(training)
    return prepared.config.epochs * (operations / OPERATIONS_A_SECOND + len(prepared.windows) * WINDOW_SECONDS)


def pack(sets: Sequence[Sequence[Window]]) -> Any:
    """Return the windows of several sets of data as a `compiled.training.Data`."""
    from rnn_core.compiled.training import Data

    read, target, counted, sizes = [], [], [], []
    for windows in sets:
        for window in by_length(windows):
            exists_tb = torch.arange(window.input_bt.shape[1])[:, None] < row_lengths(window)
            mask_bt = torch.ones_like(exists_tb.T) if window.mask_bt is None else window.mask_bt
            read.append(window.input_bt.T[exists_tb])
            target.append(window.target_bt.T[exists_tb])
            counted.append(mask_bt.T[exists_tb])
            sizes.append(exists_tb.sum(1))
            sizes[-1] = sizes[-1][sizes[-1] > 0]
    return Data(
        torch.cat(read).to(torch.int32).numpy(),
        torch.cat(target).to(torch.int32).numpy(),
        torch.cat(counted).numpy(),
        torch.cat(sizes).to(torch.int32).numpy(),
        np.cumsum([0, *map(len, read)]),
        np.cumsum([0, *map(len, sizes)]),
        np.array([window.fresh for windows in sets for window in windows]),
        np.cumsum([0, *map(len, sets)]),
    )


def net_shape(prepared: Prepared) -> Any:
    """Return the sizes of a config's net, as a `compiled.cell.Shape`."""
    from rnn_core.compiled.cell import SHAPES
    from rnn_core.compiled.reading import ENCODINGS

    config, (inputs, outputs) = prepared.config, prepared.record.alphabet_sizes
    shape, gates, separate = SHAPES[config.cell]
    return shape(config.layers, config.hidden_size, gates, inputs, outputs, ENCODINGS[config.encoding], separate)


def thread_limit() -> Callable[[], AbstractContextManager[Any]]:
    """Return a function to be called in a `with`; within, each product of the compiled loops uses one thread."""
    # The library that these products call. It is loaded now, or the limit on its threads would not reach it.
    import scipy.linalg.cython_blas  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return partial(ThreadpoolController().limit, limits=1, user_api="blas")


class CompiledStack:
    """The nets of a stack and their data, as the compiled loops take them.

    Arguments:
        members: what is trained, N configs that `can_compile`, of one `stack_key`.
        state: the state of their training, which is changed in place.

    Attributes:
        windows: the number of windows that an epoch of the member with most windows has.
    """

    def __init__(self, members: Sequence[Prepared], state: StackState) -> None:
        config = members[0].config
        self._members, self._state, self._threads = members, state, config.threads
        self._epochs = config.epochs
        self._limit, self._shape = thread_limit(), net_shape(members[0])
        sets: dict[int, int] = {}
        all_windows: list[list[Window]] = []
        data_n = []
        for member in members:
            windows = member.windows  # the same list for members that share it
            if id(windows) not in sets:
                sets[id(windows)] = len(all_windows)
                all_windows.append(windows)
            data_n.append(sets[id(windows)])
        self._data, self._data_n = pack(all_windows), np.array(data_n)
        self._windows_n = np.array([len(all_windows[number]) for number in data_n])
        self.windows = int(self._windows_n.max())
        rows = max(len(window.input_bt) for windows in all_windows for window in windows)
        if not state.hidden:
            numbers = (len(members), config.layers, 2, rows, config.hidden_size)
            state.hidden = [(state.stack.flat_nk.new_zeros(numbers),)]

    def train(self, goal: int) -> None:
        """Train every net on, until it has read a share of its windows of all epochs, and add finished epochs.

        Arguments:
            goal: the share, as the number of windows that the member with most windows has then read.
        """
        from rnn_core.compiled import training
        from rnn_core.compiled.entries import entries_of

        state, first_epoch = self._state, self._state.epoch
        done = first_epoch * self.windows + state.windows_read
        results = (len(self._members), goal // self.windows - first_epoch)
        nets = training.Nets(
            state.stack.flat_nk.detach().numpy(),
            state.adam.means_nk.numpy(),
            state.adam.squares_nk.numpy(),
            state.adam.steps_n1.numpy()[:, 0],
            done * self._windows_n // self.windows,
            state.alive_n.numpy(),
            state.loss_sum_n.numpy(),
            state.correct_n.numpy(),
            state.count_n.numpy(),
            np.empty(results),
            np.empty(results),
            state.hidden[0][0].numpy(),
        )
        goal_n = goal * self._windows_n // self.windows
        shares = np.linspace(0, len(goal_n), min(len(goal_n), SHARES_A_THREAD * self._threads) + 1).astype(int)
        arguments: Any = self._shape, self._data, nets, self._settings(), first_epoch, goal_n
        train = entries_of(self._members[0].config.cell).train
        with self._limit(), ThreadPoolExecutor(self._threads) as threads:
            for each in [threads.submit(train, *arguments, *share) for share in pairwise(shares.tolist())]:
                each.result()
        state.add_epochs(nets.loss_ne.T, nets.accuracy_ne.T, goal % self.windows)

    def _settings(self) -> Any:
        """Return what each net is trained with, as a `compiled.training.Settings`."""
        from rnn_core.compiled.training import Settings

        rate_n, decay_n, clip_n = (
            np.array([getattr(member.config, name) for member in self._members])
            for name in ("learning_rate", "weight_decay", "clip")
        )
        cosine_n = np.array([member.config.schedule == "cosine" for member in self._members])
        clip_n = np.where(clip_n == 0, np.inf, clip_n)
        return Settings(self._data_n, rate_n, decay_n, clip_n, cosine_n, self._epochs, BETA1, BETA2, EPSILON)


def train_slices(members: Sequence[Prepared], state: StackState) -> Iterator[float]:
    """Train nets by compiled loops; after each slice, `state` is that of all of them and can be saved.

    A slice ends at the latest after the epochs after which weights are to be kept. How the training is cut into slices
    changes no bit of it.

    Arguments:
        members: what is trained, N configs that `can_compile`, of one `stack_key`.
        state: the state from which the training goes on, changed in place.

    Yields:
        After each slice, the share of the present epoch's windows that have been read, 0 to 1.
    """
    stack, epochs = CompiledStack(members, state), members[0].config.epochs
    stops = sorted({*state.keep_after, epochs})
    slice_windows = 1
    while state.epoch < epochs:
        done = state.epoch * stack.windows + state.windows_read
        stop = next(stop for stop in stops if stop > state.epoch) * stack.windows
        goal = min(stop, done + slice_windows)
        begin = time.perf_counter()
        stack.train(goal)
        factor = SLICE_SECONDS / max(time.perf_counter() - begin, 1e-9)
        slice_windows = max(1, int((goal - done) * min(MAX_GROWTH, factor)))
        yield state.windows_read / stack.windows
