"""Character indices to the windows that training reads: input, target and mask tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Window:
    """A stretch of B sequences read side by side.

    Attributes:
        input_bt: indices of the characters read, int64, (B, T).
        target_bt: indices of the characters that follow them, int64, (B, T).
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


def cut(indices: Tensor, batch_size: int, window: int, scored: Tensor | None = None) -> list[Window]:
    """Cut one sequence into `batch_size` streams, and those into windows of `window` steps.

    The streams are consecutive stretches of nearly equal length: the longer ones come first and differ from the
    others by one step, which is masked. No prediction is lost and none is counted twice.

    Arguments:
        indices: the sequence, int64, (n,), n at least 2; it has n - 1 predictions.
        batch_size: B, 1 to n - 1.
        window: T, at least 1; the last window is as much shorter as the streams are.
        scored: True where a prediction counts, (n - 1,); None where all do.

    Example:
        >>> [(w.input_bt.tolist(), w.target_bt.tolist()) for w in cut(torch.arange(5), batch_size=2, window=1)]
        [([[0], [2]], [[1], [3]]), ([[1], [3]], [[2], [4]])]
    """
    predictions = len(indices) - 1
    lengths = torch.full((batch_size,), predictions // batch_size)
    lengths[: predictions % batch_size] += 1
    return _windows(indices, lengths.cumsum(0) - lengths, lengths, window, scored)


def pad(
    strings: Sequence[Tensor], batch_size: int, window: int, scored: Sequence[Tensor] | None = None
) -> list[Window]:
    """Put whole strings side by side, in their order, each read from a zero state.

    Strings of like length are not brought together: a step that sees one length alone pulls the net towards it.

    Arguments:
        strings: indices, int64, (n,) each, n at least 2: n - 1 predictions.
        batch_size: B, at least 1; the last batch may be smaller.
        window: T, at least 1: strings that are longer take several windows.
        scored: for each string True where a prediction counts, (n - 1,); None where all do.

    Example:
        >>> strings = [torch.tensor(string) for string in ([0, 1, 0], [0, 0], [0, 1, 1, 0])]
        >>> [(w.input_bt.tolist(), w.mask_bt) for w in pad(strings, batch_size=1, window=9)]
        [([[0, 1]], None), ([[0]], None), ([[0, 1, 1]], None)]
        >>> [w.mask_bt.tolist() for w in pad(strings[:2], batch_size=2, window=9)]
        [[[True, True], [True, False]]]
    """
    windows = []
    for begin in range(0, len(strings), batch_size):
        batch = range(begin, min(begin + batch_size, len(strings)))
        joined = torch.cat([strings[number] for number in batch])
        sizes = torch.tensor([len(strings[number]) for number in batch])
        # A string's last character predicts nothing.
        counts = None if scored is None else torch.cat([functional.pad(scored[number], (0, 1)) for number in batch])
        windows += _windows(joined, sizes.cumsum(0) - sizes, sizes - 1, window, counts)
    return windows


def _windows(indices: Tensor, starts_b: Tensor, lengths_b: Tensor, window: int, scored: Tensor | None) -> list[Window]:
    """Cut sequences of `lengths_b` predictions, which start at `starts_b`, into windows of `window` steps."""
    steps = torch.arange(int(lengths_b.max()) + 1)
    # A masked step reads something, and counts for nothing.
    position_bt = starts_b[:, None] + torch.minimum(steps, lengths_b[:, None])
    mask_bt = steps[:-1] < lengths_b[:, None]
    if scored is not None:
        mask_bt &= scored[position_bt[:, :-1].clamp(max=len(scored) - 1)]
    rows_bt = indices[position_bt]  # held once: the windows are views of it
    windows = []
    for begin in range(0, len(steps) - 1, window):
        end = min(begin + window, len(steps) - 1)
        mask = mask_bt[:, begin:end]
        whole = bool(mask.all())
        windows.append(
            Window(rows_bt[:, begin:end], rows_bt[:, begin + 1 : end + 1], None if whole else mask, begin == 0)
        )
    return windows
