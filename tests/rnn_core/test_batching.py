from itertools import pairwise
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_core.batching import Steps, Window, cut_into_windows, step_indices


def stream(values: torch.Tensor | list[int], counted: list[bool] | None = None) -> Steps:
    """Return the steps of one sequence, each number read and the next one said."""
    values = torch.as_tensor(values)
    counts = torch.ones(len(values) - 1, dtype=torch.bool) if counted is None else torch.tensor(counted)
    return Steps(values[:-1], values[1:], counts)


def joined(strings: list[torch.Tensor], counted: list[torch.Tensor] | None = None) -> Steps:
    """Return the steps of strings, one behind the other."""
    parts = [stream(string) for string in strings]
    counts = torch.cat([part.counted for part in parts] if counted is None else counted)
    starts = torch.tensor([0, *(len(part) for part in parts)]).cumsum(0)[:-1]
    return Steps(torch.cat([part.read for part in parts]), torch.cat([part.target for part in parts]), counts, starts)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw a number of predictions, of streams, and of steps in a window."""
    predictions = draw(st.integers(1, 60))
    return predictions, draw(st.integers(1, predictions)), draw(st.integers(1, 70))


def counted(window: Window) -> torch.Tensor:
    return torch.ones_like(window.input_bt, dtype=torch.bool) if window.mask_bt is None else window.mask_bt


def streams(windows: list[Window], batch_size: int) -> list[list[tuple[int, int]]]:
    """Return each stream's unmasked pairs of input and target, from the first window to the last."""
    pairs: list[list[tuple[int, int]]] = [[] for _ in range(batch_size)]
    for window in windows:
        for row in range(batch_size):
            mask = counted(window)[row]
            read, follows = window.input_bt[row][mask].tolist(), window.target_bt[row][mask].tolist()
            pairs[row] += list(zip(read, follows, strict=True))
    return pairs


@given(cuts(), st.randoms(use_true_random=False))
def test_every_prediction_occurs_once_in_order(drawn: tuple[int, int, int], random: Random) -> None:
    predictions, batch_size, window = drawn
    values = random.sample(range(1000), predictions + 1)
    rows = streams(cut_into_windows(stream(values), batch_size, window), batch_size)
    assert [pair for row in rows for pair in row] == list(pairwise(values))


@given(cuts())
def test_streams_differ_by_at_most_one_step_and_the_longer_come_first(drawn: tuple[int, int, int]) -> None:
    predictions, batch_size, window = drawn
    lengths = [
        len(row)
        for row in streams(cut_into_windows(stream(torch.arange(predictions + 1)), batch_size, window), batch_size)
    ]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)


@given(cuts())
def test_only_the_last_window_is_masked_or_shorter(drawn: tuple[int, int, int]) -> None:
    predictions, batch_size, window = drawn
    windows = cut_into_windows(stream(torch.arange(predictions + 1)), batch_size, window)
    for part in windows:
        assert part.input_bt.shape == part.target_bt.shape == counted(part).shape
        assert part.input_bt.dtype == part.target_bt.dtype == torch.int64
        assert part.input_bt.shape[0] == batch_size
    for part in windows[:-1]:
        assert part.input_bt.shape[1] == window
        assert part.mask_bt is None
    last = windows[-1]
    assert 1 <= last.input_bt.shape[1] <= window
    if last.mask_bt is None:
        assert predictions % batch_size == 0
    else:
        assert predictions % batch_size != 0
        assert last.mask_bt.dtype == torch.bool
        assert (~last.mask_bt).sum(1).max() == 1, "a stream is at most one step short"
        assert last.mask_bt[:, :-1].all(), "and only its last step is masked"


def test_a_masked_step_reads_a_character_of_the_sequence() -> None:
    indices = torch.tensor([5, 7, 9, 11])
    (window,) = cut_into_windows(stream(indices), batch_size=2, window=2)
    assert window.input_bt.tolist()[0] == [5, 7]
    assert window.mask_bt is not None
    assert window.mask_bt.tolist() == [[True, True], [True, False]]
    assert set(window.input_bt.flatten().tolist()) <= set(indices.tolist())
    assert set(window.target_bt.flatten().tolist()) <= set(indices.tolist())


def test_one_stream_and_a_window_as_long_as_the_sequence_is_the_sequence() -> None:
    (window,) = cut_into_windows(stream(torch.arange(15)), batch_size=1, window=14)
    assert window.input_bt.tolist() == [list(range(14))]
    assert window.target_bt.tolist() == [list(range(1, 15))]
    assert window.mask_bt is None


def test_a_window_longer_than_the_sequence_changes_nothing() -> None:
    (exact,) = cut_into_windows(stream(torch.arange(15)), batch_size=1, window=14)
    (longer,) = cut_into_windows(stream(torch.arange(15)), batch_size=1, window=2**40)
    assert torch.equal(exact.input_bt, longer.input_bt)
    assert torch.equal(exact.target_bt, longer.target_bt)


@pytest.mark.parametrize("window", [1, 5, 100])
def test_as_many_streams_as_predictions_are_one_step_each(window: int) -> None:
    (only,) = cut_into_windows(stream(torch.arange(6)), batch_size=5, window=window)
    assert only.input_bt.tolist() == [[0], [1], [2], [3], [4]]
    assert only.target_bt.tolist() == [[1], [2], [3], [4], [5]]
    assert only.mask_bt is None


def test_windows_of_one_step_follow_each_other() -> None:
    windows = cut_into_windows(stream(torch.arange(4)), batch_size=1, window=1)
    assert [window.input_bt.tolist() for window in windows] == [[[0]], [[1]], [[2]]]


def test_the_shortest_sequence_is_one_prediction() -> None:
    (window,) = cut_into_windows(stream([3, 8]), batch_size=1, window=1)
    assert (window.input_bt.tolist(), window.target_bt.tolist()) == ([[3]], [[8]])


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_window_moves_to_another_device_whole(batch_size: int) -> None:
    (window,) = cut_into_windows(stream(torch.arange(4)), batch_size, window=3)
    moved = window.to("meta")
    assert moved.fresh
    assert not Window(window.input_bt, window.target_bt, window.mask_bt, fresh=False).to("meta").fresh
    assert (window.mask_bt is None) == (moved.mask_bt is None) == (batch_size == 1)
    for tensor in (moved.input_bt, moved.target_bt, moved.mask_bt):
        assert tensor is None or tensor.device.type == "meta"


def draw_strings(count: int, longest: int, random: Random) -> list[torch.Tensor]:
    """Draw strings of 1 to `longest` predictions, in which no number comes twice."""
    numbers = iter(random.sample(range(10_000), count * (longest + 1)))
    return [
        torch.tensor([next(numbers) for _ in range(random.randint(2, longest + 1))], dtype=torch.int64)
        for _ in range(count)
    ]


def batches(windows: list[Window]) -> list[list[Window]]:
    """Return the windows of each batch: a fresh one begins the next."""
    parts: list[list[Window]] = []
    for window in windows:
        if window.fresh:
            parts.append([])
        parts[-1].append(window)
    return parts


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 13), st.integers(1, 10), st.randoms(use_true_random=False))
def test_every_prediction_of_every_string_occurs_once_in_order(
    count: int, longest: int, batch_size: int, window: int, random: Random
) -> None:
    strings = draw_strings(count, longest, random)
    came = []
    for batch in batches(cut_into_windows(joined(strings), batch_size, window)):
        rows = len(batch[0].input_bt)
        assert rows == min(batch_size, count - len(came))
        # A string's state goes on only if it stays in its row.
        came += streams(batch, rows)
    assert came == [list(pairwise(string.tolist())) for string in strings]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 13), st.integers(1, 10), st.randoms(use_true_random=False))
def test_windows_of_strings_are_as_long_as_the_longest_string_needs(
    count: int, longest: int, batch_size: int, window: int, random: Random
) -> None:
    strings = draw_strings(count, longest, random)
    for number, batch in enumerate(batches(cut_into_windows(joined(strings), batch_size, window))):
        steps = max(len(string) - 1 for string in strings[number * batch_size : (number + 1) * batch_size])
        assert [part.fresh for part in batch] == [True] + [False] * (len(batch) - 1)
        assert [part.input_bt.shape[1] for part in batch[:-1]] == [window] * (len(batch) - 1)
        assert sum(part.input_bt.shape[1] for part in batch) == steps
        for part in batch:
            assert part.input_bt.shape == part.target_bt.shape == counted(part).shape
            assert part.input_bt.dtype == part.target_bt.dtype == torch.int64
            assert part.mask_bt is None or not part.mask_bt.all(), "a mask that masks nothing is none"


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 9), st.integers(1, 10), st.randoms(use_true_random=False))
def test_of_strings_only_what_is_scored_counts(
    count: int, longest: int, batch_size: int, window: int, random: Random
) -> None:
    strings = draw_strings(count, longest, random)
    scored = [torch.tensor([random.random() < 0.5 for _ in string[1:]], dtype=torch.bool) for string in strings]
    came = []
    for batch in batches(cut_into_windows(joined(strings, scored), batch_size, window)):
        came += streams(batch, len(batch[0].input_bt))
    for string, counts, row in zip(strings, scored, came, strict=True):
        pairs = list(pairwise(string.tolist()))
        assert row == [pair for pair, count in zip(pairs, counts.tolist(), strict=True) if count]


@given(cuts(), st.randoms(use_true_random=False))
def test_of_a_stream_only_what_is_scored_counts(drawn: tuple[int, int, int], random: Random) -> None:
    predictions, batch_size, window = drawn
    values = random.sample(range(1000), predictions + 1)
    scored = [random.random() < 0.5 for _ in range(predictions)]
    windows = cut_into_windows(stream(values, scored), batch_size, window)
    unmasked = cut_into_windows(stream(values), batch_size, window)
    rows = streams(windows, batch_size)
    assert [pair for row in rows for pair in row] == [
        pair for pair, counts in zip(pairwise(values), scored, strict=True) if counts
    ]
    for part, plain in zip(windows, unmasked, strict=True):
        assert torch.equal(part.input_bt, plain.input_bt), "what does not count is read all the same"


@given(cuts())
def test_only_the_first_window_of_a_stream_is_fresh(drawn: tuple[int, int, int]) -> None:
    predictions, batch_size, window = drawn
    first, *others = cut_into_windows(stream(torch.arange(predictions + 1)), batch_size, window)
    assert first.fresh
    assert not any(part.fresh for part in others)


def test_a_window_in_which_nothing_is_scored_is_there_with_a_mask() -> None:
    silent, spoken = cut_into_windows(stream(torch.arange(5), [False, False, True, True]), 1, 2)
    assert silent.mask_bt is not None
    assert not silent.mask_bt.any()
    assert spoken.mask_bt is None


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 13), st.integers(1, 10), st.randoms(use_true_random=False))
def test_places_say_which_step_each_place_of_a_window_holds(
    count: int, longest: int, batch_size: int, window: int, random: Random
) -> None:
    strings = joined(draw_strings(count, longest, random))
    one = Steps(strings.read, strings.target, strings.counted)
    for steps, rows in ((strings, batch_size), (one, min(batch_size, len(one)))):
        seen = []
        for part, place_bt in zip(
            cut_into_windows(steps, rows, window), step_indices(steps, rows, window), strict=True
        ):
            here = place_bt >= 0
            assert torch.equal(steps.read[place_bt[here]], part.input_bt[here])
            assert torch.equal(steps.target[place_bt[here]], part.target_bt[here])
            assert part.mask_bt is None or not part.mask_bt[~here].any()
            seen += place_bt[here].tolist()
        assert sorted(seen) == list(range(len(steps)))


@given(st.integers(1, 12), st.integers(1, 9), st.randoms(use_true_random=False))
def test_a_part_of_strings_has_whole_strings(count: int, longest: int, random: Random) -> None:
    strings = draw_strings(count, longest, random)
    steps = joined(strings)
    first = random.randrange(count)
    assert steps.starts is not None
    begin = int(steps.starts[first])
    for part, own in ((steps.section(begin, len(steps)), strings[first:]), (steps.section(0, begin), strings[:first])):
        if own:
            whole = joined(own)
            assert all(torch.equal(getattr(part, name), getattr(whole, name)) for name in ("read", "target", "starts"))


@pytest.mark.parametrize("steps", [1, 3, 4, 9])
def test_a_split_window_goes_on_where_it_was(steps: int) -> None:
    (window,) = cut_into_windows(stream(torch.arange(8), [True] * 6 + [False]), 1, 7)
    first, *rest = window.split(steps)
    assert first.fresh
    assert [part.fresh for part in rest] == [False] * (steps < 7)
    assert torch.equal(torch.cat([part.input_bt for part in (first, *rest)], 1), window.input_bt)
    assert torch.equal(torch.cat([part.target_bt for part in (first, *rest)], 1), window.target_bt)
    assert torch.equal(torch.cat([counted(part) for part in (first, *rest)], 1), counted(window))
