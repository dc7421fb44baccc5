"""The steps of a text, and the windows into which they are cut: tensors of inputs, targets and masks."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Steps:
    """The inputs and targets of a text: S steps, one character each.

    Attributes:
        read: the index of the character that is read at each step, int64, (S,).
        target: the index of the target after it, int64, (S,).
        counted: whether the step counts in losses and accuracies, bool, (S,).
        starts: the first step of each of n strings, int64, (n,), ascending, the first one 0; the state is zero before
            each. None if the text is one stream.
    """

    read: Tensor
    target: Tensor
    counted: Tensor
    starts: Tensor | None = None

    def __len__(self) -> int:
        return len(self.read)

    def section(self, begin: int, end: int) -> "Steps":
        """Return the steps from `begin` up to but without `end`, both 0 to S; a string must not be divided."""
        starts = self.starts
        if starts is not None:
            starts = starts[(starts >= begin) & (starts < end)] - begin
        return Steps(self.read[begin:end], self.target[begin:end], self.counted[begin:end], starts)


@dataclass(frozen=True)
class Window:
    """T steps of B sequences that are read in parallel.

    Attributes:
        input_bt: the indices of the characters read, int64, (B, T).
        target_bt: the indices of the targets, int64, (B, T).
        mask_bt: whether a step counts, bool, (B, T); None where all do. For a stack, all three tensors have an axis
            of nets in front: (N, B, T).
        fresh: whether the window is read from a zero state; otherwise from the last state of the window before it.
        lengths_b: the number of steps of each row that exist, 0 to T, int64, (B,), on the CPU; the others are padding,
            which does not count. None if all exist.
    """

    input_bt: Tensor
    target_bt: Tensor
    mask_bt: Tensor | None
    fresh: bool
    lengths_b: Tensor | None = None

    def to(self, device: torch.device | str) -> "Window":
        """Return the same window on `device`."""
        mask_bt = None if self.mask_bt is None else self.mask_bt.to(device)
        return Window(self.input_bt.to(device), self.target_bt.to(device), mask_bt, self.fresh, self.lengths_b)

    def split(self, steps: int) -> list["Window"]:
        """Return the first `steps` steps, 1 or more, and the rest as two windows; only one if there is no rest."""
        if steps >= self.input_bt.shape[1]:
            return [self]
        first, rest = (slice(None), slice(steps)), (slice(None), slice(steps, None))
        mask_bt, lengths_b = self.mask_bt, self.lengths_b
        both_lengths = (None, None) if lengths_b is None else (lengths_b.clamp(max=steps), (lengths_b - steps).clamp(0))
        return [
            Window(
                self.input_bt[index],
                self.target_bt[index],
                None if mask_bt is None else mask_bt[index],
                self.fresh and index is first,
                lengths,
            )
            for index, lengths in zip((first, rest), both_lengths, strict=True)
        ]


def cut_into_windows(steps: Steps, batch_size: int, window: int) -> list[Window]:
    """Cut steps into rows that are read in parallel, and the rows into windows.

    A stream is cut into `batch_size` consecutive rows of nearly equal length. The longer rows come first and have one
    step more; the others are padded there, and the padding is masked. Of strings, each is a row, and each batch is the
    next `batch_size` strings in their order; the last batch may be smaller. Strings are not sorted by length, since an
    optimiser step on strings of one length would pull the net towards that length. Each step occurs exactly once,
    padding aside.

    Arguments:
        steps: S steps, S at least 1.
        batch_size: B; for a stream 1 to S, for strings at least 1.
        window: T, the number of steps of a window, at least 1. The last window of a batch may be shorter.

    Returns:
        The windows in the order in which they are read.

    Example:
        >>> steps = Steps(torch.arange(4), torch.arange(1, 5), torch.ones(4, dtype=torch.bool))
        >>> [(w.input_bt.tolist(), w.target_bt.tolist()) for w in cut_into_windows(steps, batch_size=2, window=1)]
        [([[0], [2]], [[1], [3]]), ([[1], [3]], [[2], [4]])]
    """
    return [
        cut_window
        for starts_b, lengths_b in _rows(steps, batch_size)
        for cut_window in _windows(steps, starts_b, lengths_b, window)
    ]


def step_indices(steps: Steps, batch_size: int, window: int) -> list[Tensor]:
    """Return which steps the windows of `cut_into_windows` hold, for the same arguments.

    Returns:
        For each window the index of the step at each position, 0 to S - 1, or -1 for padding: int64, (B, T).
    """
    indices = []
    for starts_b, lengths_b in _rows(steps, batch_size):
        step_t = torch.arange(int(lengths_b.max()))
        index_bt = torch.where(step_t < lengths_b[:, None], starts_b[:, None] + step_t, -1)
        indices += index_bt.split(window, dim=1)
    return indices


def _rows(steps: Steps, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each batch the first step of each row, (B,), and the number of its steps, (B,)."""
    if steps.starts is None:
        lengths = torch.full((batch_size,), len(steps) // batch_size)
        lengths[: len(steps) % batch_size] += 1
        yield lengths.cumsum(0) - lengths, lengths
        return
    lengths = torch.diff(steps.starts, append=torch.tensor([len(steps)]))
    yield from zip(steps.starts.split(batch_size), lengths.split(batch_size), strict=True)


def _windows(steps: Steps, starts_b: Tensor, lengths_b: Tensor, window: int) -> list[Window]:
    """Cut the rows of a batch into windows of `window` steps.

    Arguments:
        steps: the steps of the text.
        starts_b: the first step of each row, (B,).
        lengths_b: the number of steps of each row, (B,).
        window: the number of steps of a window.
    """
    step_t = torch.arange(int(lengths_b.max()))
    # Padding repeats the last step of a row, which is a valid index; the mask excludes it.
    index_bt = starts_b[:, None] + torch.minimum(step_t, lengths_b[:, None] - 1)
    mask_bt = (step_t < lengths_b[:, None]) & steps.counted[index_bt]
    read_bt, target_bt = steps.read[index_bt], steps.target[index_bt]  # the windows are views of these
    windows = []
    for begin in range(0, len(step_t), window):
        columns = (slice(None), slice(begin, begin + window))
        mask = mask_bt[columns]
        lengths = (lengths_b - begin).clamp(0, mask.shape[1])
        windows.append(
            Window(
                read_bt[columns],
                target_bt[columns],
                None if bool(mask.all()) else mask,
                begin == 0,
                None if bool((lengths == mask.shape[1]).all()) else lengths,
            )
        )
    return windows
