"""Character indices to the windows that training reads: input, target and mask tensors."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """A stretch of B streams read side by side, whose state goes on from the window before.

    Attributes:
        input_bt: indices of the characters read, int64, (B, T).
        target_bt: indices of the characters that follow them, int64, (B, T).
        mask_bt: True where a prediction counts, (B, T); None where all do.
    """

    input_bt: Tensor
    target_bt: Tensor
    mask_bt: Tensor | None

    def to(self, device: torch.device | str) -> "Window":
        """Return the same window on `device`."""
        mask_bt = None if self.mask_bt is None else self.mask_bt.to(device)
        return Window(self.input_bt.to(device), self.target_bt.to(device), mask_bt)


def cut(indices: Tensor, batch_size: int, window: int) -> list[Window]:
    """Cut one sequence into `batch_size` streams, and those into windows of `window` steps.

    The streams are consecutive stretches of nearly equal length: the longer ones come first and differ from the
    others by one step, which is masked. No prediction is lost and none is counted twice.

    Arguments:
        indices: the sequence, int64, (n,), n at least 2; it has n - 1 predictions.
        batch_size: B, 1 to n - 1.
        window: T, at least 1; the last window is as much shorter as the streams are.

    Example:
        >>> [(w.input_bt.tolist(), w.target_bt.tolist()) for w in cut(torch.arange(5), batch_size=2, window=1)]
        [([[0], [2]], [[1], [3]]), ([[1], [3]], [[2], [4]])]
    """
    predictions = len(indices) - 1
    lengths = torch.full((batch_size,), predictions // batch_size)
    lengths[: predictions % batch_size] += 1
    steps = int(lengths[0])
    starts = lengths.cumsum(0) - lengths
    position_bt = starts[:, None] + torch.arange(steps)
    mask_bt = torch.arange(steps) < lengths[:, None]
    position_bt = position_bt.clamp(max=predictions - 1)  # a masked step reads something, and counts for nothing
    windows = []
    for begin in range(0, steps, window):
        part = slice(begin, min(begin + window, steps))
        mask = mask_bt[:, part]
        at_bt = position_bt[:, part]
        windows.append(Window(indices[at_bt], indices[at_bt + 1], None if bool(mask.all()) else mask))
    return windows
