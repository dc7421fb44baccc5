import math
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import rnn_core.evaluation
from rnn_core.config import TrainConfig
from rnn_core.evaluation import (
    Score,
    evaluate,
    free_run_correct,
    generate,
    measuring,
    predict,
    sample,
    score_side_by_side,
    score_text,
    score_windows,
)
from rnn_core.model import CharRNN
from rnn_core.prepare import Prepared, prepare
from rnn_core.training import train

CELL_NAMES = ("rnn", "gru", "lstm")
TEXT = "it was the best of times, it was the worst of times. "


def build(cell: str = "gru", vocabulary_size: int = 4, encoding: str = "onehot") -> CharRNN:
    torch.manual_seed(5)
    return CharRNN(vocabulary_size, 6, cell, 2, encoding)


def draw_indices(count: int, vocabulary_size: int = 4) -> torch.Tensor:
    return torch.randint(vocabulary_size, (count,), generator=torch.Generator().manual_seed(3))


def costs(net: CharRNN, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each prediction in one sequence, and whether it was right, from one full forward."""
    with torch.no_grad():
        logits = net(net.encode(indices[None, :-1]), net.init_hidden(1))[0][0]
    return functional.cross_entropy(logits, indices[1:], reduction="none"), logits.argmax(1) == indices[1:]


def same(score: Score, losses: torch.Tensor, right: torch.Tensor) -> bool:
    return (score.correct, score.count, score.loss_sum) == (
        *(int(right.sum()), len(losses)),
        pytest.approx(losses.double().sum().item(), rel=1e-5),
    )


def after(config: TrainConfig) -> tuple[CharRNN, Prepared]:
    prepared = prepare(config)
    *_, last = train(prepared)
    return last.net, prepared


def test_scores_add_up_and_are_divided_once() -> None:
    total = Score(1.0, 1, 1) + Score(2.0, 3, 5) + Score()
    assert total == Score(3.0, 4, 6)
    assert (total.loss, total.accuracy) == (0.5, 4 / 6)


@pytest.mark.parametrize("chunk", [1, 3, 10, 29, 30, 4096])
@pytest.mark.parametrize("start", [1, 2, 10, 11, 30])
def test_a_text_scores_the_same_in_chunks_as_whole(chunk: int, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn_core.evaluation, "CHUNK", chunk)
    net, indices = build("lstm"), draw_indices(31)
    losses, right = costs(net, indices)
    assert same(score_text(net, indices, start), losses[start - 1 :], right[start - 1 :])


@pytest.mark.parametrize("most", [1, 9 * 4, 18 * 6, 27 * 6, 2**24])
def test_sequences_side_by_side_score_like_each_alone(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn_core.evaluation, "MOST_NUMBERS", most)
    net = build()
    sequences = list(draw_indices(45).reshape(5, 9))
    alone = [costs(net, indices) for indices in sequences]
    losses, right = (torch.cat(part) for part in zip(*alone, strict=True))
    assert same(score_side_by_side(net, sequences), losses, right)


def test_masked_steps_do_not_count() -> None:
    prepared = prepare(TrainConfig(pattern="aabc", length=31, batch_size=4, window=3))
    assert prepared.windows[-1].mask_bt is not None
    net = prepared.build_net()
    indices = prepared.vocabulary.encode(prepared.text)
    streams = [indices[begin:end] for begin, end in ((0, 9), (8, 17), (16, 24), (23, 31))]
    alone = [costs(net, stream) for stream in streams]
    losses, right = (torch.cat(part) for part in zip(*alone, strict=True))
    assert same(score_windows(net, prepared.windows), losses, right)
    assert evaluate(net, prepared)["final_train_loss"] == pytest.approx(losses.mean().item(), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_mode_weights_and_gradients_alone(training: bool) -> None:
    net, prepared = after(TrainConfig(epochs=2))
    net.train(training)
    weights = [weight.detach().clone() for weight in net.parameters()]
    gradients = [torch.full_like(weight, 7.0) for weight in weights]
    for weight, gradient in zip(net.parameters(), gradients, strict=True):
        weight.grad = gradient.clone()
    state = torch.get_rng_state()
    evaluate(net, prepared)
    sample(net, prepared)
    predict(net, draw_indices(5, 3))
    list(islice(generate(net, draw_indices(2, 3), 1.0, torch.Generator().manual_seed(0)), 3))
    assert torch.is_grad_enabled()
    assert net.training is training
    assert all(module.training is training for module in net.modules())
    assert torch.equal(state, torch.get_rng_state())
    for weight, before, gradient in zip(net.parameters(), weights, gradients, strict=True):
        assert torch.equal(weight, before)
        assert weight.requires_grad
        assert weight.grad is not None
        assert torch.equal(weight.grad, gradient)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_off_while_measuring_and_on_again_after_an_error(training: bool) -> None:
    net = build().train(training)

    def fail() -> None:
        with measuring(net):
            assert not net.training
            assert not net(net.encode(draw_indices(3)[None]), net.init_hidden(1))[0].requires_grad
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert net.training is training
    assert torch.is_grad_enabled()


def test_the_caller_may_train_between_two_characters() -> None:
    net = build().train()
    running = generate(net, draw_indices(2))
    next(running)
    assert net.training
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_predict_gives_the_likeliest_after_each_character(cell: str) -> None:
    net, indices = build(cell), draw_indices(12)
    for position, predicted in enumerate(predict(net, indices).tolist()):
        with torch.no_grad():
            logits = net(net.encode(indices[None, : position + 1]), net.init_hidden(1))[0]
        assert predicted == int(logits[0, -1].argmax())


@pytest.mark.parametrize("encoding", ["index", "onehot", "embedding"])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_running_free_without_temperature_takes_the_likeliest_each_time(cell: str, encoding: str) -> None:
    net, prime = build(cell, encoding=encoding), draw_indices(3)
    read = prime.tolist()
    for came in islice(generate(net, prime), 25):
        with torch.no_grad():  # everything read so far, from the beginning
            logits = net(net.encode(torch.tensor([read])), net.init_hidden(1))[0]
        assert came == int(logits[0, -1].argmax())
        read.append(came)


def test_the_same_seed_draws_the_same_characters() -> None:
    net, prime = build(vocabulary_size=9), draw_indices(3, 9)

    def draws(seed: int) -> list[int]:
        return list(islice(generate(net, prime, 1.0, torch.Generator().manual_seed(seed)), 40))

    assert draws(0) == draws(0)
    assert draws(0) != draws(1)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_draws_follow_the_softmax_at_their_temperature(temperature: float) -> None:
    net = build(vocabulary_size=4)
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    with torch.no_grad():  # the same distribution after every character
        net.readout.weight.zero_()
        net.readout.bias.copy_(logits)
    count = 2000
    running = generate(net, torch.tensor([0]), temperature, torch.Generator().manual_seed(11))
    came = torch.bincount(torch.tensor(list(islice(running, count))), minlength=4)
    weights = [math.exp(logit / temperature) for logit in logits.tolist()]
    expected = torch.tensor([count * weight / sum(weights) for weight in weights])
    chi_squared = ((came - expected) ** 2 / expected).sum().item()
    assert chi_squared < 16.27, "with three degrees of freedom only one set of draws in a thousand goes beyond"


def test_a_low_temperature_takes_the_likeliest() -> None:
    net, prime = build(), draw_indices(3)
    cold = generate(net, prime, 1e-6, torch.Generator().manual_seed(0))
    assert list(islice(cold, 30)) == list(islice(generate(net, prime), 30))


def test_characters_right_before_the_first_error_are_those_of_a_real_free_run() -> None:
    prepared = prepare(TrainConfig(pattern="aabb", epochs=42))
    prime, truth = (prepared.vocabulary.encode(part) for part in (prepared.evaluation.prime, prepared.evaluation.truth))
    counts = set()
    for record in train(prepared):
        if record.epoch % 3 == 2:
            written = islice(generate(record.net, prime), len(truth))
            right = [came == true for came, true in zip(written, truth.tolist(), strict=True)]
            leading = right.index(False) if False in right else len(right)
            assert free_run_correct(record.net, prime, truth) == leading
            assert evaluate(record.net, prepared)["free_run_correct"] == leading
            counts.add(leading)
    assert any(0 < count < len(truth) for count in counts), "there was a net that errs on its way"
    assert len(truth) in counts, "and one that does not"


def test_the_test_of_a_unit_is_scored_beyond_its_training_length() -> None:
    net, prepared = after(TrainConfig(pattern="aab", epochs=5))
    metrics = evaluate(net, prepared)
    losses, right = costs(net, torch.tensor([0, 0, 1] * 55))
    assert metrics["eval_loss"] == pytest.approx(losses[14:].mean().item(), rel=1e-5)
    assert metrics["eval_accuracy"] == pytest.approx(right[14:].float().mean().item())
    assert metrics["free_run_length"] == 150
    assert metrics["oracle_loss"] == metrics["floor_loss"] == 0
    assert math.copysign(1, metrics["floor_loss"]) == 1
    assert metrics["excess_loss"] == metrics["eval_loss"] - metrics["floor_loss"]


@pytest.mark.parametrize(("unit", "length"), [("aab", 15), ("abcb", 9), ("ab", 2)])
def test_the_loss_of_an_unknown_phase_is_the_mean_over_all_phases(unit: str, length: int) -> None:
    net, prepared = after(TrainConfig(pattern=unit, length=length, epochs=5))
    total = 0.0
    for phase in range(len(unit)):
        characters = [unit[(phase + step) % len(unit)] for step in range(length)]
        losses, _ = costs(net, torch.tensor([sorted(set(unit)).index(character) for character in characters]))
        total += losses.sum().item()
    metrics = evaluate(net, prepared)
    assert metrics["unknown_phase_loss"] == pytest.approx(total / len(unit) / (length - 1), rel=1e-5)
    assert metrics["unknown_phase_loss"] >= metrics["unknown_phase_floor"]


def test_a_text_has_no_floor(tmp_path: Path) -> None:
    path = tmp_path / "tale.txt"
    path.write_text(TEXT * 10)
    net, prepared = after(TrainConfig(pattern=f"text:{path}", epochs=2))
    metrics = evaluate(net, prepared)
    assert set(metrics) == {"final_train_loss", "eval_loss", "eval_accuracy", "free_run_correct", "free_run_length"}
    indices = prepared.vocabulary.encode(TEXT * 10)
    losses, right = costs(net, indices[-53:])
    assert metrics["eval_loss"] == pytest.approx(losses.mean().item(), rel=1e-5)
    assert metrics["eval_accuracy"] == pytest.approx(right.float().mean().item())
    assert metrics["final_train_loss"] == pytest.approx(costs(net, indices[:-53])[0].mean().item(), rel=1e-5)
    assert metrics["free_run_length"] == 53


def test_a_sample_shows_target_predictions_and_what_the_net_writes() -> None:
    net, prepared = after(TrainConfig(pattern="abcd", encoding="onehot", epochs=60))
    shown = sample(net, prepared, most=20)
    assert shown.target == "bcda" * 5
    assert shown.predicted == "bcda" * 5
    assert shown.continuation == "dabc" * 5, "it goes on after the fifteen characters of the prime"
