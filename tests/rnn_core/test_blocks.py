"""Windows cut into blocks: nothing is lost, and a net reads and learns as from each string by itself."""

from random import Random

import pytest
import torch
from torch.nn import functional

from rnn_core import blocks
from rnn_core.batching import Steps, Window, cut_into_windows
from rnn_core.blocks import by_length, into_blocks, read_in_blocks, row_lengths
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import read_window
from rnn_core.training.stacked_nets import Stack
from tests.rnn_core.bare import ONE_OF_EACH_KIND

LENGTHS = (3, 40, 1, 12, 40, 7, 25)
SYMBOLS = 3
CASES = [pytest.param(cell, marks=[] if cell in ONE_OF_EACH_KIND else [pytest.mark.long]) for cell in CELLS]


@pytest.fixture(autouse=True)
def cut_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that save a step are worth their cost, so that small windows are cut, too."""
    monkeypatch.setattr(blocks, "MIN_SAVED", 1)


def draw(lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> Steps:
    """Return strings of these lengths; a quarter of their steps do not count."""
    count, rng = sum(lengths), Random(seed)
    read, target = (torch.tensor([rng.randrange(SYMBOLS) for _ in range(count)]) for _ in range(2))
    counted = torch.tensor([rng.random() < 0.75 for _ in range(count)])
    starts = torch.tensor([sum(lengths[:number]) for number in range(len(lengths))])
    return Steps(read, target, counted, starts)


@pytest.mark.parametrize("window", [100, 11])
def test_every_step_that_counts_is_in_one_block_and_little_padding_is(window: int) -> None:
    steps = draw()
    windows = cut_into_windows(steps, len(LENGTHS), window)
    cut = [block for whole in by_length(windows) for block in into_blocks(whole)]
    counted = sorted(
        (int(read), int(target))
        for block in cut
        for read, target in zip(block.input_bt[block.mask_bt], block.target_bt[block.mask_bt], strict=True)
    )
    assert counted == sorted(zip(steps.read[steps.counted].tolist(), steps.target[steps.counted].tolist(), strict=True))
    # Two rows of 40: a block begins where a row ends, so that all steps of the blocks exist, but for a single last one.
    assert sum(block.input_bt.numel() for block in cut) <= sum(LENGTHS) + len(windows)
    assert sum(whole.input_bt.numel() for whole in windows) > 2 * sum(LENGTHS)
    assert sum(block.fresh for block in cut) == 1


def test_rows_of_a_stream_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Steps(torch.arange(50) % SYMBOLS, torch.arange(50) % SYMBOLS, torch.ones(50, dtype=torch.bool))
    windows = cut_into_windows(stream, batch_size=7, window=3)
    assert any(window.lengths_b is not None for window in windows)
    for window, of_length in zip(windows, by_length(windows), strict=True):
        (block,) = into_blocks(of_length)
        assert torch.equal(block.input_bt, window.input_bt)


def test_a_window_is_cut_only_where_that_saves_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    (window,) = by_length(cut_into_windows(draw(), len(LENGTHS), 100))
    assert len(into_blocks(window)) == 6  # one for each length but 40, and the longest
    monkeypatch.setattr(blocks, "MIN_SAVED", 100)
    begins = torch.tensor([0, *(block.input_bt.shape[1] for block in into_blocks(window))]).cumsum(0).tolist()
    for begin, block in zip(begins, into_blocks(window), strict=False):
        ended = sum(length <= begin for length in LENGTHS)
        assert len(block.input_bt) == len(LENGTHS) - ended
    assert 1 < len(into_blocks(window)) < 6
    monkeypatch.setattr(blocks, "MIN_SAVED", 1000)
    assert len(into_blocks(window)) == 1


@pytest.mark.parametrize("window", [100, 11])
@pytest.mark.parametrize("cell", CASES)
def test_a_net_reads_blocks_as_it_reads_each_string_by_itself(cell: str, window: int) -> None:
    """Loss and gradient; with windows of 11 steps the state goes on without a gradient."""
    torch.manual_seed(0)
    net, steps = CharRNN(SYMBOLS, 4, cell, layers=2, encoding="onehot").double(), draw()
    came = torch.zeros((), dtype=torch.float64)
    state = ()
    for whole in by_length(cut_into_windows(steps, len(LENGTHS), window)):
        cut = into_blocks(whole)
        logits, state = read_window(net, cut, state)
        state = tuple(part.detach() for part in state)
        for logits_btw, block in zip(logits, cut, strict=True):
            came = came + functional.cross_entropy(
                logits_btw[block.mask_bt], block.target_bt[block.mask_bt], reduction="sum"
            )
    right = torch.zeros((), dtype=torch.float64)
    for begin, length in zip(steps.starts.tolist(), LENGTHS, strict=True):
        state = net.init_state(1)
        for part in torch.arange(begin, begin + length).split(window):
            logits_btw, state = net(net.encode(steps.read[None, part]), tuple(value.detach() for value in state))
            counted = steps.counted[part]
            right = right + functional.cross_entropy(
                logits_btw[0, counted], steps.target[part][counted], reduction="sum"
            )
    gradients = [torch.autograd.grad(loss, list(net.parameters())) for loss in (came, right)]
    torch.testing.assert_close(came, right, rtol=1e-10, atol=0)
    for of_blocks, of_strings in zip(*gradients, strict=True):
        torch.testing.assert_close(of_blocks, of_strings, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("cell", CASES)
def test_nets_of_a_stack_read_blocks_as_each_does_its_own_strings(cell: str) -> None:
    """Two nets with strings of other lengths: a row is read as long as one of the nets has a step of it."""
    torch.manual_seed(0)
    nets = [CharRNN(SYMBOLS, 4, cell, encoding="onehot").double() for _ in range(2)]
    of_nets = [by_length(cut_into_windows(draw(lengths), 4, 30)) for lengths in ((5, 30, 2, 9), (1, 1, 28, 30))]
    (pair,) = zip(*of_nets, strict=True)
    joined = Window(
        *(torch.stack([getattr(window, name) for window in pair]) for name in ("input_bt", "target_bt", "mask_bt")),
        fresh=True,
        lengths_b=torch.stack([row_lengths(window) for window in pair]).amax(0),
    )
    stack = Stack(nets)
    cut = into_blocks(joined)
    assert [tuple(block.input_bt.shape[1:]) for block in cut] == [(4, 2), (3, 3), (2, 23), (1, 2)]
    logits, last = read_in_blocks(stack.forward, cut, stack.init_state(4))
    for number, (net, window) in enumerate(zip(nets, pair, strict=True)):
        whole_btw, state = net(net.encode(window.input_bt), net.init_state(4))
        begin = 0
        for logits_nws, block in zip(logits, cut, strict=True):
            rows, length = block.input_bt.shape[1:]
            logits_btw = logits_nws[number].unflatten(1, (length, rows)).permute(2, 1, 0)
            torch.testing.assert_close(logits_btw, whole_btw[:rows, begin : begin + length], rtol=1e-9, atol=1e-10)
            begin += length
        for part, right in zip(last[0], state, strict=True):  # of the row that goes on to the end
            torch.testing.assert_close(part[number, 0], right[0, 0], rtol=1e-9, atol=1e-10)
