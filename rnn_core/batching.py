"""The steps of a text, and the windows that training reads of them: input, target and mask tensors."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Steps:
    """What a net reads of a text, one character a step, and what it is to say after each: S steps.

    Attributes:
        read: indices of the characters read, int64, (S,).
        target: indices of what is to be said after each, int64, (S,).
        counted: whether the target counts, bool, (S,).
        starts: the first step of each of n strings, int64, (n,), ascending, the first one 0; before it the state is set
            back to zero. None if the text is one stream.
    """

    read: Tensor
    target: Tensor
    counted: Tensor
    starts: Tensor | None = None

    def __len__(self) -> int:
        return len(self.read)

    def part(self, begin: int, end: int) -> "Steps":
        """Return the steps from `begin` to before `end`, 0 to S; of strings, both must be ends of strings."""
        starts = self.starts
        if starts is not None:
            starts = starts[(starts >= begin) & (starts < end)] - begin
        return Steps(self.read[begin:end], self.target[begin:end], self.counted[begin:end], starts)


@dataclass(frozen=True)
class Window:
    """A stretch of B sequences read side by side.

    Attributes:
        input_bt: indices of the characters read, int64, (B, T).
        target_bt: indices of what is to be said after each, int64, (B, T).
        mask_bt: True where a prediction counts, (B, T); None where all do.
        fresh: read from a zero state; otherwise the state goes on from the window before.
    """

    input_bt: Tensor
    target_bt: Tensor
    mask_bt: Tensor | None
    fresh: bool

    def to(self, device: torch.device | str) -> "Window":
        """Return the same window on `device`."""
        mask_bt = None if self.mask_bt is None else self.mask_bt.to(device)
        return Window(self.input_bt.to(device), self.target_bt.to(device), mask_bt, self.fresh)

    def split(self, steps: int) -> list["Window"]:
        """Return the first `steps` steps, 1 or more, and the rest, if there is any, as windows of their own."""
        if steps >= self.input_bt.shape[1]:
            return [self]
        first, rest = (slice(None), slice(steps)), (slice(None), slice(steps, None))
        mask_bt = self.mask_bt
        return [
            Window(
                self.input_bt[part],
                self.target_bt[part],
                None if mask_bt is None else mask_bt[part],
                self.fresh and part is first,
            )
            for part in (first, rest)
        ]


def cut_into_windows(steps: Steps, batch_size: int, window: int) -> list[Window]:
    """Cut steps into rows that are read side by side, and those into windows.

    One stream is cut into `batch_size` rows, consecutive stretches of nearly equal length: the longer ones come first
    and differ from the others by one step, which is masked. Strings are rows by themselves, each read from a zero
    state, `batch_size` side by side, in their order; the last batch may be smaller. They are not sorted by length: an
    optimiser step on strings of one length only would pull the net towards it. No step is lost, none counts twice.

    Arguments:
        steps: S steps, S at least 1.
        batch_size: B; of a stream 1 to S, of strings at least 1.
        window: T, steps of a window, at least 1. Longer rows take several windows; the last holds what remains.

    Example:
        >>> steps = Steps(torch.arange(4), torch.arange(1, 5), torch.ones(4, dtype=torch.bool))
        >>> [(w.input_bt.tolist(), w.target_bt.tolist()) for w in cut_into_windows(steps, batch_size=2, window=1)]
        [([[0], [2]], [[1], [3]]), ([[1], [3]], [[2], [4]])]
    """
    return [
        part
        for starts_b, lengths_b in _rows(steps, batch_size)
        for part in _windows(steps, starts_b, lengths_b, window)
    ]


def step_indices(steps: Steps, batch_size: int, window: int) -> list[Tensor]:
    """Return the index of the step at each place of each window that `cut_into_windows` makes of the same arguments.

    Returns:
        int64, (B, T) for each window; -1 for padding.
    """
    numbers = []
    for starts_b, lengths_b in _rows(steps, batch_size):
        step_t = torch.arange(int(lengths_b.max()))
        place_bt = torch.where(step_t < lengths_b[:, None], starts_b[:, None] + step_t, -1)
        numbers += place_bt.split(window, dim=1)
    return numbers


def _rows(steps: Steps, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield where the rows of each batch begin, and how many steps each of them has: (B,) and (B,)."""
    if steps.starts is None:
        lengths = torch.full((batch_size,), len(steps) // batch_size)
        lengths[: len(steps) % batch_size] += 1
        yield lengths.cumsum(0) - lengths, lengths
        return
    lengths = torch.diff(steps.starts, append=torch.tensor([len(steps)]))
    yield from zip(steps.starts.split(batch_size), lengths.split(batch_size), strict=True)


def _windows(steps: Steps, starts_b: Tensor, lengths_b: Tensor, window: int) -> list[Window]:
    """Cut rows of `lengths_b` steps, which start at `starts_b`, into windows of `window` steps."""
    step_t = torch.arange(int(lengths_b.max()))
    # Padding repeats a row's last step, so that each index is one; the mask leaves it out.
    place_bt = starts_b[:, None] + torch.minimum(step_t, lengths_b[:, None] - 1)
    mask_bt = (step_t < lengths_b[:, None]) & steps.counted[place_bt]
    read_bt, target_bt = steps.read[place_bt], steps.target[place_bt]  # held once: the windows are views of them
    windows = []
    for begin in range(0, len(step_t), window):
        part = (slice(None), slice(begin, begin + window))
        mask = mask_bt[part]
        windows.append(Window(read_bt[part], target_bt[part], None if bool(mask.all()) else mask, begin == 0))
    return windows
