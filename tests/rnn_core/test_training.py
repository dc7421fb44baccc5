import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import GeneratorType

import pytest
import torch
from torch import nn
from torch.nn import functional

from analysis.dynamics import collect
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.measures.report import measure
from rnn_core.nets.cells import CELLS
from rnn_core.training import DivergedError, EpochRecord, Progress, TrainingState, train
from rnn_core.training.loop import rate_factor
from rnn_core.training.state import Best
from tests.rnn_core.bare import SMOOTH, TORCHS, bare_layers, with_cells

pytestmark = pytest.mark.usefixtures("pulses")

LAB = json.loads((Path(__file__).parent / "lab_reference.json").read_text())


def last_weights(config: TrainConfig) -> list[torch.Tensor]:
    *_, record = train(config)
    return [weight.detach().clone() for weight in record.net.parameters()]


def all_equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_the_labs_curve_comes_out_for_500_epochs() -> None:
    assert (LAB["seed"], len(LAB["losses"])) == (TrainConfig().seed, 500)
    losses = [record.loss for record in train(TrainConfig(epochs=500))]
    assert losses == pytest.approx(LAB["losses"], abs=1e-5, rel=0)


def bare_streams(text: str, count: int) -> list[str]:
    """Cut a text into consecutive streams that share the character where they meet."""
    streams, begin = [], 0
    for number in range(count):
        steps = (len(text) - 1) // count + (number < (len(text) - 1) % count)
        streams.append(text[begin : begin + steps + 1])
        begin += steps
    assert begin == len(text) - 1
    return streams


def bare_loop(
    config: TrainConfig,
    batches: Sequence[Sequence[str]],
    counts: Callable[[str, int], bool] = lambda sequence, position: True,
) -> tuple[list[float], list[float], list[torch.Tensor]]:
    """Train torch's own modules, each sequence read by itself from a zero state; return losses, accuracies and weights.

    Of a sequence, only the positions that `counts` holds true are learnt.
    """
    alphabet = sorted({character for batch in batches for sequence in batch for character in sequence})
    size = len(alphabet)
    torch.manual_seed(config.seed)
    width = 1 if config.encoding == "index" else size
    cell = bare_layers(config.cell, width, config.hidden_size, config.layers)
    readout = nn.Linear(config.hidden_size, size)
    weights = [*cell.parameters(), *readout.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
    longest = [max(map(len, batch)) for batch in batches]
    windows = sum(-(-(length - 1) // config.window) for length in longest)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.epochs * windows)
    losses, accuracies = [], []
    for _ in range(config.epochs):
        epoch_loss, right, counted = 0.0, 0, 0
        for batch, length in zip(batches, longest, strict=True):
            states: list = [None] * len(batch)
            for begin in range(1, length, config.window):
                logits, targets = [], []
                for number, sequence in enumerate(batch):
                    positions = range(begin, min(begin + config.window, len(sequence)))
                    if not positions:
                        continue
                    read = torch.tensor([alphabet.index(sequence[position - 1]) for position in positions])
                    target = torch.tensor([alphabet.index(sequence[position]) for position in positions])
                    learnt = torch.tensor([counts(sequence, position) for position in positions])
                    x = read[:, None].to(readout.weight.dtype) if config.encoding == "index" else torch.eye(size)[read]
                    output, state = cell(x[None], states[number])
                    states[number] = (
                        tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
                    )
                    logits.append(readout(output[0])[learnt])
                    targets.append(target[learnt])
                logits_nv, target_n = torch.cat(logits), torch.cat(targets)
                if not len(target_n):
                    continue
                summed = functional.cross_entropy(logits_nv, target_n, reduction="sum")
                optimizer.zero_grad()
                (summed / len(target_n)).backward()
                for weight in weights:  # a window of one step does not depend on all weights of all cells
                    weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
                if config.clip > 0:
                    torch.nn.utils.clip_grad_norm_(weights, config.clip)
                optimizer.step()
                if config.schedule == "cosine":
                    scheduler.step()
                epoch_loss += summed.item()
                right += int((logits_nv.argmax(1) == target_n).sum())
                counted += len(target_n)
        losses.append(epoch_loss / counted)
        accuracies.append(right / counted)
    return losses, accuracies, weights


def check_same(
    config: TrainConfig,
    batches: Sequence[Sequence[str]],
    counts: Callable[[str, int], bool] = lambda sequence, position: True,
) -> None:
    """Train with a config, and compare with the bare loop: in single precision, or in double for cells torch lacks.

    Some of these are so sharp that in single precision rounding is seen.
    """
    prepared = prepare(config)
    torch.set_default_dtype(torch.float32 if config.cell in TORCHS else torch.float64)
    try:
        losses, accuracies, weights = bare_loop(prepared.config, batches, counts)
        records = list(train(prepared))
    finally:
        torch.set_default_dtype(torch.float32)
    assert [record.loss for record in records] == pytest.approx(losses, abs=1e-5, rel=0)
    assert [record.accuracy for record in records] == pytest.approx(accuracies, abs=1e-9)
    for came, right in zip(records[-1].net.parameters(), weights, strict=True):
        torch.testing.assert_close(came, right, atol=1e-4, rtol=0)


CUTS = [(33, 4, 3), (30, 1, 29), (30, 1, 7), (33, 4, 8), (35, 5, 1), (30, 29, 1)]


@pytest.mark.parametrize(("cell", "cut"), with_cells(CUTS))
def test_training_equals_a_bare_loop(cell: str, cut: tuple[int, int, int]) -> None:
    length, batch_size, window = cut
    config = TrainConfig(
        pattern="aabcb", length=length, cell=cell, batch_size=batch_size, window=window, epochs=5, learning_rate=0.02
    )
    check_same(config, [bare_streams(("aabcb" * 7)[:length], batch_size)])


def bare_strings(text: str, count: int) -> list[list[str]]:
    """Take the strings of a text, each between its marks, `count` at a time."""
    strings = [f"#{string}#" for string in text[1:-1].split("#")]
    return [strings[begin : begin + count] for begin in range(0, len(strings), count)]


READINGS = [(3, 3, 0.05), (4, 0, 0.0), (1, 2, 0.0), (5, 1, 0.05)]


@pytest.mark.parametrize(("cell", "reading"), with_cells(READINGS, SMOOTH))
def test_training_on_strings_equals_a_bare_loop_that_reads_each_alone(
    cell: str, reading: tuple[int, int, float]
) -> None:
    batch_size, window, clip = reading
    config = TrainConfig(
        pattern="anbn",
        length=60,
        cell=cell,
        batch_size=batch_size,
        window=window,
        epochs=2,
        encoding="onehot",
        clip=clip,
    )
    batches = bare_strings(prepare(config).text, batch_size)
    assert len(batches) > 1
    check_same(config, batches)


@pytest.mark.parametrize(("batch_size", "window"), [(1, 0), (4, 0), (1, 1), (2, 3)])
def test_of_strings_only_the_answer_is_learnt_and_a_window_without_any_takes_no_step(
    batch_size: int, window: int
) -> None:
    config = TrainConfig(
        pattern="parity:longest=5", length=60, batch_size=batch_size, window=window, epochs=3, encoding="onehot"
    )
    # With decay, a step without a gradient would show.
    config = dataclasses.replace(config, cell="gru", weight_decay=0.3)
    check_same(config, bare_strings(prepare(config).text, batch_size), lambda string, at: at > string.index("="))


@pytest.mark.parametrize(("batch_size", "window"), [(1, 1), (3, 4)])
def test_of_a_stream_only_what_is_scored_is_learnt(batch_size: int, window: int) -> None:
    config = TrainConfig(
        pattern="pulses:1", length=61, batch_size=batch_size, window=window, epochs=3, encoding="onehot"
    )
    config = dataclasses.replace(config, weight_decay=0.3)
    streams = bare_streams(prepare(config).text, batch_size)
    check_same(config, [streams], lambda stream, at: stream[at] in "01")


@pytest.mark.parametrize("pattern", ["aabcb", "anbn"])
@pytest.mark.parametrize(("schedule", "weight_decay"), [("cosine", 0.0), ("constant", 0.2), ("cosine", 0.2)])
def test_schedule_and_decay_are_torchs(pattern: str, schedule: str, weight_decay: float) -> None:
    config = TrainConfig(
        pattern=pattern, length=40, batch_size=2, window=4, epochs=6, learning_rate=0.05, encoding="onehot"
    )
    config = dataclasses.replace(config, schedule=schedule, weight_decay=weight_decay)
    text = prepare(config).text
    check_same(config, bare_strings(text, 2) if pattern == "anbn" else [bare_streams(text, 2)])


@pytest.mark.parametrize(("done", "share"), [(0.0, 1.0), (1 / 3, 0.75), (0.5, 0.5), (2 / 3, 0.25), (1.0, 0.0)])
def test_a_cosine_falls_from_one_to_zero_and_a_constant_stays(done: float, share: float) -> None:
    assert rate_factor("cosine", done) == pytest.approx(share, abs=1e-15)
    assert rate_factor("constant", done) == 1.0


@pytest.mark.parametrize("clip", [0.0, 0.05, 0.3])
def test_clipping_is_torchs_and_zero_does_not_clip(clip: float) -> None:
    config = TrainConfig(
        pattern="aabcb", length=33, layers=2, encoding="onehot", batch_size=4, window=3, epochs=8, clip=clip
    )
    check_same(config, [bare_streams(("aabcb" * 7)[:33], 4)])


def test_clipping_changes_training_only_where_gradients_are_longer() -> None:
    never, far, near = (last_weights(TrainConfig(clip=clip)) for clip in (0.0, 1e9, 0.05))
    assert all_equal(never, far)
    assert not all_equal(never, near)


@pytest.mark.parametrize("encoding", ["index", "embedding"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_same_config_gives_the_same_weights_bit_for_bit(cell: str, encoding: str) -> None:
    config = TrainConfig(
        cell=cell, encoding=encoding, layers=2, length=40, window=9, batch_size=2, seed=0, clip=1, epochs=6
    )
    first = last_weights(config)
    torch.rand(3)  # what was drawn in between must not matter
    assert all_equal(first, last_weights(config))
    assert not all_equal(first, last_weights(dataclasses.replace(config, seed=1)))


@pytest.mark.parametrize("cell", CELLS)
def test_measuring_each_epoch_changes_nothing(cell: str) -> None:
    config = TrainConfig(cell=cell, layers=2, encoding="embedding", length=30, window=8, batch_size=2, epochs=4)
    prepared = prepare(config)
    for record in train(prepared):
        measure(record.net, prepared)
        collect(record.net, prepared.vocabulary, prepared.text)
        measured = record.net
    assert all_equal(last_weights(config), [weight.detach() for weight in measured.parameters()])


def test_epochs_are_counted_from_zero_and_share_one_net() -> None:
    records = list(train(TrainConfig(epochs=4)))
    assert [record.epoch for record in records] == [0, 1, 2, 3]
    assert len({id(record.net) for record in records}) == 1
    assert all(0 <= record.accuracy <= 1 and math.isfinite(record.loss) for record in records)


def test_the_first_loss_is_that_of_the_untrained_net() -> None:
    prepared = prepare(TrainConfig(pattern="abcd"))
    untrained = measure(prepared.build_net(), prepared).metrics["final_train_loss"]
    assert next(train(prepared)).loss == pytest.approx(untrained, abs=1e-6)


def test_training_waits_for_the_caller() -> None:
    prepared = prepare(TrainConfig(epochs=2**40))
    net = prepared.build_net()
    before = [weight.detach().clone() for weight in net.parameters()]
    records = train(prepared, TrainingState(prepared, net))
    assert isinstance(records, GeneratorType)
    assert all_equal(before, list(net.parameters()))
    first = next(records)
    assert first.net is net
    after = [weight.detach().clone() for weight in net.parameters()]
    assert not all_equal(before, after)
    assert all_equal(after, list(net.parameters()))
    assert next(records).epoch == 1
    assert not all_equal(after, list(net.parameters()))


def test_a_config_that_cannot_be_trained_fails_before_the_first_epoch() -> None:
    records = train(TrainConfig(batch_size=15))
    with pytest.raises(ConfigError, match=r"^batch_size is 15; "):
        next(records)


def test_a_given_net_goes_on_from_its_weights() -> None:
    prepared = prepare(TrainConfig(epochs=3))
    *_, first = train(prepared)
    loss = measure(first.net, prepared).metrics["final_train_loss"]
    assert next(train(prepared, TrainingState(prepared, first.net))).loss == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_divergence_names_its_epoch_and_takes_no_further_step(cell: str) -> None:
    prepared = prepare(TrainConfig(cell=cell, learning_rate=1e37, epochs=50))
    net = prepared.build_net()
    losses: list[float] = []

    def train_on() -> None:
        for record in train(prepared, TrainingState(prepared, net)):
            losses.append(record.loss)  # noqa: PERF401 (what came before the error is kept)

    with pytest.raises(DivergedError) as caught:
        train_on()
    assert caught.value.epoch == len(losses) > 0
    assert all(math.isfinite(loss) for loss in losses)
    assert not any(weight.isnan().any() for weight in net.parameters())
    message = str(caught.value)
    assert f"in epoch {caught.value.epoch};" in message
    assert message.endswith("give a lower learning_rate, or clip gradients with clip=1")
    assert "\n" not in message


def test_an_untrained_net_learns_abc_in_twenty_epochs() -> None:
    *_, last = train(TrainConfig(encoding="onehot"))
    assert last.accuracy == 1.0
    assert last.loss < 0.2


def test_the_thread_count_is_the_configs() -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 1):
            next(train(TrainConfig(threads=threads)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


RESTLESS = TrainConfig(
    pattern="markov:order=1:alphabet=3:seed=1", length=120, window=20, learning_rate=0.3, epochs=8, keep="best"
)
"""A training whose best epoch is neither its first nor its last."""


def copied(net: nn.Module) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


@pytest.mark.parametrize("cell", CELLS)
def test_with_keep_best_the_net_ends_with_the_weights_of_the_best_epoch(cell: str) -> None:
    config = dataclasses.replace(RESTLESS, cell=cell)
    valid_losses, copies = [], []
    for record in train(config):
        assert record.valid_loss is not None
        valid_losses.append(record.valid_loss)
        copies.append(copied(record.net))
    best = valid_losses.index(min(valid_losses))
    assert 0 < best < config.epochs - 1, "or this test would show nothing"
    assert all_equal(copied(record.net), copies[best])
    assert all_equal(copies[-1], copies[best]), "at the last epoch already"
    assert not all_equal(copies[best - 1], copies[best])


@pytest.mark.parametrize(("losses", "kept"), [([2.0, 1.0, 1.0, 3.0], 1), ([1.0, 1.0], 0), ([2.0, 3.0, 2.0], 0)])
def test_of_equal_validation_losses_the_first_one_is_kept(losses: list[float], kept: int) -> None:
    net = nn.Linear(1, 1, bias=False)
    best = Best(net)  # type: ignore[arg-type]  # any module will do
    for epoch, loss in enumerate(losses):
        with torch.no_grad():
            net.weight.fill_(float(epoch))
        best.see(loss)
    best.restore()
    assert net.weight.item() == kept


@pytest.mark.parametrize("seen", [1, 4, 7])
def test_with_keep_best_a_training_that_is_cut_short_leaves_the_best_so_far(seen: int) -> None:
    records = train(RESTLESS)
    valid_losses, copies = [], []
    for record in itertools.islice(records, seen):
        valid_losses.append(record.valid_loss or math.nan)
        copies.append(copied(record.net))
    records.close()
    assert all_equal(copied(record.net), copies[valid_losses.index(min(valid_losses))])


def test_with_keep_best_a_training_that_fails_leaves_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(RESTLESS)
    records, copies = train(prepared), []
    for record in itertools.islice(records, 5):
        copies.append((record.valid_loss or math.nan, copied(record.net)))
    monkeypatch.setattr("torch.nn.functional.cross_entropy", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(records)
    assert all_equal(copied(record.net), min(copies, key=lambda copy: copy[0])[1])


@pytest.mark.parametrize("pattern", ["reber", "parity:longest=6", "pulses:2", "elman"])
def test_the_validation_loss_is_that_of_the_last_tenth(pattern: str) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, length=300, batch_size=3, window=8, epochs=3, keep="best"))
    text, vocabulary = prepared.text, prepared.vocabulary
    tenth = (len(text) - 1) // 10
    streams: list[str] = []
    first = 1
    if prepared.pattern.mark:
        strings = [f"#{string}#" for string in text[1:-1].split("#")]
        while sum(len(string) - 1 for string in streams) < tenth:
            streams.append(strings.pop())
    else:
        streams, first = [text], len(text) - tenth  # what was trained on is read, and does not count
    for record in itertools.islice(train(prepared), 2):  # at the third the net has been put back
        losses = []
        for stream in streams:
            with torch.no_grad():
                x = record.net.encode(vocabulary.encode(stream[:-1])[None])
                logits_tv = record.net(x, record.net.init_state(1))[0][0]
            costs = functional.cross_entropy(logits_tv, vocabulary.encode(stream[1:]), reduction="none").tolist()
            for position, cost in list(enumerate(costs, start=1))[first - 1 :]:
                answers = pattern.startswith("parity") and position > stream.index("=")
                if answers or pattern in ("reber", "elman") or (pattern == "pulses:2" and stream[position] in "01"):
                    losses.append(cost)
        assert record.valid_loss == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_with_keep_best_the_last_tenth_is_not_trained_on() -> None:
    whole = train(TrainConfig(pattern="abcb", length=40, epochs=5, keep="best", learning_rate=1e-3))
    shorter = train(TrainConfig(pattern="abcb", length=37, epochs=5, learning_rate=1e-3))
    for one, other in zip(whole, shorter, strict=True):
        assert one.loss == other.loss
        assert all_equal(copied(one.net), copied(other.net)), "each epoch is the best so far"
        assert one.valid_loss is not None
        assert other.valid_loss is None


def test_the_test_does_not_choose_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "tale.txt"
    config = TrainConfig(
        pattern=f"text:{path}", epochs=6, batch_size=2, window=10, learning_rate=0.2, keep="best", encoding="onehot"
    )
    ends = []
    for held_out in ("eabcd" * 8, "ddddd" * 8):
        path.write_text("abcdeabdce" * 36 + held_out)
        prepared = prepare(config)
        assert prepared.evaluation.text == held_out
        records = list(train(prepared))
        ends.append(([record.valid_loss for record in records], copied(records[-1].net)))
    assert ends[0][0] == ends[1][0]
    assert all_equal(ends[0][1], ends[1][1])


def test_with_keep_last_nothing_is_validated_and_the_last_weights_stay() -> None:
    config = dataclasses.replace(RESTLESS, keep="last")
    records = train(config)
    copies = []
    for record in records:
        assert record.valid_loss is None
        copies.append(copied(record.net))
    assert all_equal(copied(record.net), copies[-1])
    assert not any(all_equal(copies[-1], copy) for copy in copies[:-1])


SLOW_EPOCH = TrainConfig(pattern="reber", length=4000, epochs=2, hidden_size=4, batch_size=1, window=4, keep="best")
"""Many windows, so that there is something between them."""


def test_progress_comes_between_windows_and_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(SLOW_EPOCH)
    plain = list(train(prepared))
    assert all(type(record) is EpochRecord for record in plain)
    monkeypatch.setattr("rnn_core.training.loop.PROGRESS_SECONDS", 0.0)
    both = list(train(prepared, progress=True))
    epochs = [record for record in both if isinstance(record, EpochRecord)]
    windows = len(prepared.windows) + len(prepared.validation_windows)
    assert len(both) == 2 * (windows + 1), "one before each window that is trained on, one after each that validates"
    assert [record.metrics for record in epochs] == [record.metrics for record in plain]
    for first, second in zip(plain[-1].net.parameters(), epochs[-1].net.parameters(), strict=True):
        assert torch.equal(first, second)
    for epoch in (0, 1):
        within = [record for record in both if isinstance(record, Progress) and record.epoch == epoch]
        shares = [record.share for record in within]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 1)
        assert math.isnan(within[0].loss)
        assert within[-1].loss == plain[epoch].loss, "the loss so far ends at the epoch's"


def test_progress_is_said_at_most_once_a_second_and_only_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def tick() -> float:
        """Let every look at the clock take 0.3 s."""
        now[0] += 0.3
        return now[0]

    monkeypatch.setattr("rnn_core.training.loop.time.monotonic", tick)
    prepared = prepare(SLOW_EPOCH)
    assert len(list(train(prepared))) == 2
    times = [(now[0], isinstance(record, Progress)) for record in train(prepared, progress=True)]
    waits = [later - earlier for (earlier, _), (later, is_progress) in itertools.pairwise(times) if is_progress]
    assert len(waits) > 50
    assert 1.0 <= min(waits) <= max(waits) < 2.0
