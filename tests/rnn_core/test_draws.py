"""Training texts that are drawn afresh in each epoch, batches of one length, and the curriculum on length."""

import dataclasses
import hashlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from rnn_core.checkpoint import CheckpointError
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.draws import first_longest, next_longest
from rnn_core.measures.reach import reach
from rnn_core.measures.report import measure
from rnn_core.measures.scores import score_windows
from rnn_core.patterns import Pattern, parse
from rnn_core.patterns.shared.strings import Strings, split_strings
from rnn_core.training import TrainingState, train
from rnn_core.training.compiled_net import reads_compiled
from rnn_core.training.stack import stack_key, train_stack, why_not_stacked
from rnn_core.training.state_file import read_state, write_state

EXAMPLES = [family.example for family in Pattern.families.values() if not family.needs_file]
RANDOM = sorted(spec for spec in EXAMPLES if parse(spec).random)
WITH_LENGTHS = sorted([*(spec for spec in EXAMPLES if parse(spec).lengths), "anbn:uniform=50", "anbncn:uniform=7"])
WITHOUT_LENGTHS = sorted({*EXAMPLES, "ambncmn:uniform=50"} - set(WITH_LENGTHS))

SMALL: dict[str, Any] = {"length": 400, "hidden_size": 3, "batch_size": 4, "window": 16, "epochs": 3}
FRESH: dict[str, Any] = {**SMALL, "draws": "every-epoch"}


def strings_of(spec: str) -> Strings:
    pattern = parse(spec)
    assert isinstance(pattern, Strings)
    return pattern


def main_size(pattern: Strings, string: str) -> int:
    return next(iter(pattern.sizes(string).values()))


def text_of(prepared: Prepared, epoch: int, longest: int | None = None) -> str:
    """Return the text that an epoch reads, put together from its windows."""
    data, text = prepared.data, ""
    for window in prepared.windows_of(epoch, longest):
        mask = torch.arange(window.input_bt.shape[1]) < (
            torch.full((len(window.input_bt),), window.input_bt.shape[1])
            if window.lengths_b is None
            else window.lengths_b
        ).unsqueeze(1)
        text += data.vocabulary.decode(window.input_bt[mask])
    return text


@pytest.mark.parametrize("spec", WITH_LENGTHS)
def test_a_string_has_the_length_that_was_asked_for_and_drawn_ones_have_all_equally_often(spec: str) -> None:
    pattern, rng = strings_of(spec), Random(3)
    for length in pattern.lengths:
        assert main_size(pattern, pattern.draw_of_length(rng, length)) == length
    drawn = Counter(main_size(pattern, pattern.draw(rng)) for _ in range(200 * len(pattern.lengths)))
    assert sorted(drawn) == list(pattern.lengths)
    assert chisquare(list(drawn.values())).pvalue > 1e-6
    assert pattern.sample(3000, Random(5)) == pattern.sample_of_lengths(3000, Random(5), pattern.lengths)


@pytest.mark.parametrize("spec", WITHOUT_LENGTHS)
def test_no_length_can_be_asked_of_the_others(spec: str) -> None:
    pattern = parse(spec)
    assert not pattern.lengths
    with pytest.raises(ValueError, match="allowed: patterns with lengths"):
        pattern.sample_of_lengths(10, Random(0), [])


@pytest.mark.parametrize("spec", RANDOM)
def test_the_first_epoch_reads_what_is_drawn_once_and_each_other_epoch_reads_its_own(spec: str) -> None:
    once = prepare(TrainConfig(pattern=spec, **SMALL))
    fresh = prepare(TrainConfig(pattern=spec, **FRESH))
    assert fresh.text == once.text
    assert fresh.record.data_sha256 == once.record.data_sha256
    assert fresh.record.digest != once.record.digest
    texts = [text_of(fresh, epoch) for epoch in range(4)]
    assert texts == [text_of(fresh, epoch) for epoch in range(4)], "it depends on the epoch alone"
    assert len(set(texts)) == 4
    assert texts[0] == text_of(once, 0) == text_of(once, 3)
    other = prepare(TrainConfig(pattern=spec, data_seed=1, **FRESH))
    assert text_of(other, 1) not in texts


def test_the_digest_of_the_data_covers_the_first_draw_and_the_test() -> None:
    for more in ({}, {"batches": "one-length"}, {"batches": "one-length", "curriculum": 0.1}):
        prepared = prepare(TrainConfig(pattern="parity", **{**FRESH, **more, "window": 0}))
        texts = prepared.text + prepared.evaluation.text
        assert prepared.record.data_sha256 == hashlib.sha256(texts.encode()).hexdigest()
        first = text_of(prepared, 0, 3 if "curriculum" in more else None)
        assert first + "#" == prepared.text


@pytest.mark.parametrize("draws", ["once", "every-epoch"])
@pytest.mark.parametrize("spec", WITH_LENGTHS)
def test_the_strings_of_a_batch_have_one_length_and_the_lengths_are_uniform(spec: str, draws: str) -> None:
    asked = {**SMALL, "length": 20_000, "batch_size": 7, "window": 0}
    prepared = prepare(TrainConfig(pattern=spec, draws=draws, batches="one-length", **asked))
    pattern = strings_of(spec)
    windows = prepared.windows
    assert all(window.fresh and window.lengths_b is None and len(window.input_bt) == 7 for window in windows)
    strings = pattern.strings_of(prepared.text)
    lengths = [main_size(pattern, string) for string in strings]
    assert len(strings) == 7 * len(windows)
    assert all(len(set(lengths[begin : begin + 7])) == 1 for begin in range(0, len(lengths), 7))
    many = prepare(TrainConfig(pattern=spec, batches="one-length", **{**asked, "length": 300_000, "batch_size": 2}))
    sizes = Counter(main_size(pattern, string) for string in pattern.strings_of(many.text)[::2])
    assert chisquare([sizes[length] for length in pattern.lengths]).pvalue > 1e-6


def test_what_makes_no_sense_is_refused_in_one_line(tmp_path: Path) -> None:
    tale = tmp_path / "tale.txt"
    tale.write_text("to be or not to be, that is the question. " * 20)
    refused: list[tuple[str, dict[str, Any]]] = [
        ("draws", {"pattern": "abc", "draws": "every-epoch"}),
        ("draws", {"pattern": f"text:{tale}", "draws": "every-epoch"}),
        ("keep", {"pattern": "parity", "draws": "every-epoch", "keep": "best"}),
        ("curriculum", {"pattern": "parity", "curriculum": 0.1}),
        ("batch_size", {"pattern": "parity", "batches": "one-length", "batch_size": 2**40}),
        *(("batches", {"pattern": spec, "batches": "one-length"}) for spec in WITHOUT_LENGTHS),
        *(
            ("curriculum", {"pattern": spec, "draws": "every-epoch", "curriculum": 0.1})
            for spec in WITHOUT_LENGTHS
            if parse(spec).random
        ),
    ]
    for field, asked in refused:
        with pytest.raises(ConfigError) as caught:
            prepare(TrainConfig(**asked))
        assert caught.value.field == field
        assert caught.value.came == asked[field]
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"{field} is ")


def test_a_curriculum_begins_at_three_and_is_raised_to_the_end() -> None:
    lengths, reached = range(1, 41), [first_longest(range(1, 41))]
    while reached[-1] < 40:
        reached.append(next_longest(reached[-1], lengths))
    assert reached == [3, 4, 5, 6, 7, 8, 10, 13, 16, 20, 26, 33, 40]
    assert next_longest(40, lengths) == 40
    odd = range(1, 40, 2)
    assert (first_longest(odd), next_longest(3, odd), next_longest(33, odd)) == (3, 5, 39)
    assert first_longest(range(1, 3)) == 2


def plain_loop(config: TrainConfig) -> tuple[list[float], list[int], dict[str, torch.Tensor]]:
    """Train a net as the definitions say, with torch's own parts: the losses, the longest lengths, and the weights."""
    prepared = prepare(config)
    pattern, net = strings_of(config.pattern), prepared.build_net()
    adam = torch.optim.Adam(net.parameters(), config.learning_rate)
    longest, running = 3, None
    losses, reached = [], []
    for epoch in range(config.epochs):
        rng = Random(f"training {config.data_seed} epoch {epoch}" if epoch else f"training {config.data_seed}")
        total, count, drawn = 0.0, 0, 0
        while drawn < config.length:
            size = rng.choice([length for length in pattern.lengths if length <= longest])
            strings = ["#" + pattern.draw_of_length(rng, size) + "#" for _ in range(config.batch_size)]
            drawn += sum(map(len, strings)) - len(strings)
            read = torch.stack([prepared.vocabulary.encode(string) for string in strings])
            logits, _ = net(net.encode(read[:, :-1]), net.init_state(len(read)))
            scored = torch.tensor([[bool(s) for s in pattern.scored(string)[1:]] for string in strings])  # type: ignore[index]
            loss = torch.nn.functional.cross_entropy(logits[scored], read[:, 1:][scored])
            adam.zero_grad()
            loss.backward()
            adam.step()
            running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
            total, count = total + loss.item() * int(scored.sum()), count + int(scored.sum())
        losses.append(total / count)
        reached.append(longest)
        if running is not None and running < config.curriculum:
            longest = min(40, longest + 1 if longest < 8 else int(longest * 1.3))
    return losses, reached, dict(net.state_dict())


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_curriculum_trains_as_a_loop_over_the_definitions_does(cell: str, batch_size: int) -> None:
    config = TrainConfig(
        **{**FRESH, "epochs": 14, "window": 0, "hidden_size": 6, "batch_size": batch_size},
        learning_rate=0.02,
        pattern="parity",
        cell=cell,
        encoding="onehot",
        batches="one-length",
        curriculum=0.56,
    )
    losses, reached, weights = plain_loop(config)
    assert 1 < len(set(reached)) < 14, "it is raised at some ends of epochs, and not at others"
    records = list(train(config))
    assert [record.longest for record in records] == reached
    assert [record.metrics["longest_drawn"] for record in records] == reached
    assert [record.loss for record in records] == pytest.approx(losses, rel=1e-4)
    for name, weight in records[-1].net.state_dict().items():
        assert torch.allclose(weight, weights[name], rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_what_is_read_compiled_is_what_torch_reads_in_every_epoch(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(pattern="tomita:5", cell=cell, **{**FRESH, "window": 5})
    prepared = prepare(config)
    assert reads_compiled(prepared.record)
    compiled = [record.loss for record in train(prepared)]
    monkeypatch.setattr("rnn_core.training.compiled_net.can_compile", lambda config: False)
    assert compiled == pytest.approx([record.loss for record in train(prepared)], rel=1e-5)
    assert len(set(compiled)) == 3


def test_window_0_is_the_whole_string_in_every_epoch() -> None:
    prepared = prepare(TrainConfig(pattern="tomita:5", **{**FRESH, "window": 0}))
    assert prepared.config.window == 0
    assert prepare(prepared.config).record == prepared.record
    longest = {max(window.input_bt.shape[1] for window in prepared.windows_of(epoch, None)) for epoch in range(20)}
    assert len(longest) > 1
    assert all(window.fresh for epoch in range(20) for window in prepared.windows_of(epoch, None))
    stream = prepare(TrainConfig(pattern="elman", **{**FRESH, "window": 0, "batch_size": 1}))
    assert stream.config.window == 399


@pytest.mark.parametrize("spec", ["tomita:5", "dyck:2", "flipflop:3"])
def test_without_lengths_the_trained_range_is_that_of_all_epochs(spec: str) -> None:
    config = TrainConfig(pattern=spec, **FRESH)
    prepared, pattern = prepare(config), parse(spec)
    rngs = [Random("training 0"), Random("training 0 epoch 1"), Random("training 0 epoch 2")]
    each = [pattern.ranges(pattern.sample(400, rng)) for rng in rngs]
    for measure_name, (least, most) in prepared.data.ranges.items():
        assert least == min(ranges[measure_name][0] for ranges in each)
        assert most == max(ranges[measure_name][1] for ranges in each)
    # Runs that differ in their epochs alone have other ranges, and share no data.
    longer = prepare_all([config, dataclasses.replace(config, epochs=30)])
    assert longer[0].data is not longer[1].data
    assert longer[0].data.ranges != longer[1].data.ranges


def test_with_lengths_the_trained_range_is_all_of_them_and_no_string_of_it_is_left_out() -> None:
    fresh = prepare(TrainConfig(pattern="cycle_navigation", curriculum=0.3, **FRESH))
    once = prepare(TrainConfig(pattern="cycle_navigation", **SMALL))
    assert fresh.data.ranges == {"length": (1, 40)}
    assert prepare(TrainConfig(pattern="cycle_navigation", **FRESH)).data.ranges == {"length": (1, 40)}
    test = set(split_strings(fresh.evaluation.text))
    rows = {row.size: row for row in reach(fresh.build_net(), fresh)[0]}
    within = [row for row in rows.values() if row.trained]
    assert sum(row.cases for row in within) == len(test)
    assert {row.size for row in rows.values() if not row.trained} == {size for size in rows if size > 40}
    known = set(split_strings(once.text))
    left_out = sum(row.cases for row in reach(once.build_net(), once)[0] if row.trained)
    assert left_out == len(test - known) < len(test), "once drawn, known strings are left out"


def test_the_final_loss_is_that_of_the_last_epochs_strings_of_all_lengths() -> None:
    prepared = prepare(TrainConfig(pattern="parity", batches="one-length", curriculum=0.01, **FRESH))
    *_, last = train(prepared)
    text = prepared.pattern.training_text(400, 0, epoch=2, batch=4)
    assert last.longest == 3
    steps = prepared.data.steps(text)
    windows = prepared.data.windows(steps, 4, 50)
    assert measure(last.net, prepared).metrics["final_train_loss"] == pytest.approx(
        score_windows(last.net, windows).loss, abs=1e-6
    )


def test_a_stack_refuses_what_each_net_draws_for_itself() -> None:
    fresh = prepare(TrainConfig(pattern="parity", **FRESH))
    assert stack_key(fresh) is None
    assert why_not_stacked(fresh.config) == "draws=every-epoch"
    with pytest.raises(ValueError, match="stack keys"):
        list(train_stack([fresh, fresh]))
    one_length = prepare(TrainConfig(pattern="parity", batches="one-length", **SMALL))
    (alone,) = [[record.loss for record in train(one_length)]]
    stacked = [float(record.loss_n[0]) for record in train_stack([one_length, one_length])]
    assert stacked == pytest.approx(alone, rel=1e-4)


def test_a_saved_state_that_no_curriculum_can_have_is_refused(tmp_path: Path) -> None:
    config = TrainConfig(pattern="modular_arithmetic", curriculum=0.5, **FRESH)
    prepared, path = prepare(config), tmp_path / "state"
    write_state(path, TrainingState(prepared), {})
    tensors, values = read_state(path)
    assert (values["longest"], values["running_loss"]) == (3, np.inf)
    for change in ({"longest": 4}, {"longest": 41}, {"longest": None}, {"running_loss": -1.0}, {"windows_read": 10**6}):
        with pytest.raises((ValueError, CheckpointError)):
            TrainingState(prepared).load(tensors, values | change)
    plain = prepare(TrainConfig(pattern="modular_arithmetic", **SMALL))
    assert "longest" not in TrainingState(plain).values(), "older files have no such value"
