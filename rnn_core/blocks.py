"""Windows of strings read without most of their padding: rows that have ended are left out as the steps go on."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rnn_core.batching import Window
from rnn_core.nets.cell import State, join

MIN_SAVED = 8000
"""A window is cut only where that saves at least so many steps of padding, of all rows and nets, since a block costs
about as much as these steps of a small net."""


def by_length(windows: Sequence[Window]) -> list[Window]:
    """Return windows with the rows of each batch sorted by the number of their steps, those with most steps first.

    Arguments:
        windows: the windows of one epoch or a test, in their order. A batch is a fresh window with those that follow it
            until the next fresh one.
    """
    lengths = [row_lengths(window) for window in windows]
    sorted_windows, order_b = [], torch.arange(0)
    for number, window in enumerate(windows):
        if window.fresh:
            following = range(number + 1, len(windows))
            end = next((later for later in following if windows[later].fresh), len(windows))
            order_b = torch.argsort(torch.stack(lengths[number:end]).sum(0), descending=True, stable=True)
        sorted_windows.append(
            Window(
                window.input_bt[order_b],
                window.target_bt[order_b],
                None if window.mask_bt is None else window.mask_bt[order_b],
                window.fresh,
                None if window.lengths_b is None else window.lengths_b[order_b],
            )
        )
    return sorted_windows


def into_blocks(window: Window) -> list[Window]:
    """Cut a window into blocks of steps: each has the first rows of the one before it, without rows that have ended.

    All steps that exist are in a block. Some of the padding is, too: a block has as many rows as go on at its first
    step, and a new one begins only where that saves MIN_SAVED steps.

    Arguments:
        window: a window from `by_length`; or those of N nets, with tensors (N, B, T) and the largest length of each
            row over all nets.

    Returns:
        One or more windows. The first has all rows, unless many have no step; the others are not fresh.
    """
    *nets, rows, steps = window.input_bt.shape
    if window.lengths_b is None:
        return [window]
    lengths = window.lengths_b.tolist()
    blocks, begin = [], 0
    for end in sorted({0, *lengths}):
        # The rows that go on are the first ones; where rows of one net end before those of another, there may be gaps.
        going_on = max((row + 1 for row, length in enumerate(lengths) if length > end), default=0)
        # The rows of a stream differ by a step at most. They are never cut.
        if steps - end > 1 and (rows - going_on) * (steps - end) * math.prod(nets) >= MIN_SAVED:
            if end:
                blocks.append(_section(window, rows, begin, end))
            rows, begin = going_on, end
    return [*blocks, _section(window, rows, begin, steps)]


def read_in_blocks(
    read: Callable[[Tensor, list[State]], tuple[Tensor, list[State]]], blocks: Sequence[Window], states: list[State]
) -> tuple[list[Tensor], list[State]]:
    """Read the blocks of a window, each from the state after the one before it.

    Arguments:
        read: reads the character indices of a block from states, and returns what is wanted of it, such as logits, and
            the states after it.
        blocks: the blocks, from `into_blocks`.
        states: states before the window, of whose parts the second axis is that of the B rows.

    Returns:
        What `read` returned for each block; and the states after the window, B rows. Those of rows that have ended have
        no meaning, and no gradient.
    """
    results, ended = [], []
    for block in blocks:
        rows = block.input_bt.shape[-2]
        ended.append([tuple(part[:, rows:].detach() for part in state) for state in states])
        result, states = read(
            block.input_bt, [tuple(part[:, :rows].contiguous() for part in state) for state in states]
        )
        results.append(result)
    if len(blocks) == 1 and not ended[0][0][0].shape[1]:
        return results, states
    all_rows = [states, *ended]
    return results, [
        tuple(join(parts, 1) for parts in zip(*of_layer, strict=True)) for of_layer in zip(*all_rows, strict=True)
    ]


def _section(window: Window, rows: int, begin: int, end: int) -> Window:
    """Return the steps from `begin` up to but without `end` of the first `rows` rows of a window."""
    index = (..., slice(rows), slice(begin, end))
    mask = window.mask_bt
    return Window(
        window.input_bt[index],
        window.target_bt[index],
        None if mask is None else mask[index],
        window.fresh and begin == 0,
        None if window.lengths_b is None else (window.lengths_b[:rows] - begin).clamp(0, end - begin),
    )


def row_lengths(window: Window) -> Tensor:
    """Return the number of steps of each row of a window, (B,)."""
    if window.lengths_b is not None:
        return window.lengths_b
    return torch.full((len(window.input_bt),), window.input_bt.shape[1])
