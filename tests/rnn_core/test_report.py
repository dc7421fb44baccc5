import math
import re
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest
import torch
from torch.nn import functional

import rnn_core.measures.report
import rnn_core.nets.reading
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.measures.free_running import free_run_correct, free_run_legal, write
from rnn_core.measures.report import Sample, measure
from rnn_core.measures.scores import Score, read_test, score_side_by_side, score_windows
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import OutputError, evaluating, generate, predict, read, with_opening_mark
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.training import train

pytestmark = pytest.mark.usefixtures("pulses")

TEXT = "it was the best of times, it was the worst of times. "


def build(cell: str = "gru", vocabulary_size: int = 4, encoding: str = "onehot") -> CharRNN:
    torch.manual_seed(5)
    return CharRNN(vocabulary_size, 6, cell, 2, encoding)


def draw_indices(count: int, vocabulary_size: int = 4) -> torch.Tensor:
    return torch.randint(vocabulary_size, (count,), generator=torch.Generator().manual_seed(3))


def costs(net: CharRNN, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each prediction in one sequence, and whether it was right, from one full forward."""
    with torch.no_grad():
        logits = net(net.encode(indices[None, :-1]), net.init_state(1))[0][0]
    return functional.cross_entropy(logits, indices[1:], reduction="none"), logits.argmax(1) == indices[1:]


def same(score: Score, losses: torch.Tensor, right: torch.Tensor) -> bool:
    return (score.correct, score.count, score.loss_sum) == (
        *(int(right.sum()), len(losses)),
        pytest.approx(losses.double().sum().item(), rel=1e-5),
    )


def evaluate(net: CharRNN, prepared: Prepared) -> dict[str, float]:
    return dict(measure(net, prepared).metrics)


def sample(net: CharRNN, prepared: Prepared) -> Sample:
    return measure(net, prepared).sample


def after(config: TrainConfig) -> tuple[CharRNN, Prepared]:
    prepared = prepare(config)
    *_, last = train(prepared)
    return last.net, prepared


def test_scores_add_up_and_are_divided_once() -> None:
    total = Score(1.0, 1, 1) + Score(2.0, 3, 5) + Score()
    assert total == Score(3.0, 4, 6)
    assert (total.loss, total.accuracy) == (0.5, 4 / 6)


@pytest.mark.parametrize("chunk", [1, 3, 43, 44, 4096])
@pytest.mark.parametrize("start", [4, 11])
def test_a_test_scores_the_same_in_chunks_as_whole(chunk: int, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn_core.nets.reading, "CHUNK", chunk)
    net, prepared = build("lstm"), prepare(TrainConfig(pattern="abcd", length=start))
    losses, right = costs(net, torch.tensor([0, 1, 2, 3] * 31)[: 11 * start])
    assert same(read_test(net, prepared).score, losses[start - 1 :], right[start - 1 :])


def bare_costs(net: CharRNN, prepared: Prepared, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return loss and rightness of each scored prediction in a text, each of its strings read alone from zero."""
    counts = {
        "anbn": lambda s, at: True,
        "parity": lambda s, at: at > s.index("="),
        "pulses": lambda s, at: s[at] in "01",
    }
    scored = counts[prepared.config.pattern.split(":")[0]]
    strings = [f"#{string}#" for string in text[1:-1].split("#")] if prepared.pattern.mark else [text]
    parts = []
    for string in strings:
        losses, right = costs(net, prepared.vocabulary.encode(string))
        at = torch.tensor([scored(string, position) for position in range(1, len(string))])
        parts.append((losses[at], right[at]))
    losses, right = (torch.cat(part) for part in zip(*parts, strict=True))
    return losses, right


SHORT_TEST = 600


@pytest.fixture
def short_test(few_cases: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fresh draw for the test, and all cases, be short."""
    monkeypatch.setattr("rnn_core.patterns.shared.base.TEST_LENGTH", SHORT_TEST)


@pytest.mark.usefixtures("short_test")
@pytest.mark.parametrize(
    ("pattern", "chunk", "most"),
    [
        ("anbn", 4096, 2**24),
        ("anbn", 1, 1),
        ("parity:longest=6", 3, 3 * 16 * 4),
        ("pulses:2", 3, 3 * 16 * 4),
    ],
)
def test_losses_are_those_of_a_bare_forward_of_each_string_alone(
    pattern: str, chunk: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, prepared = after(TrainConfig(pattern=pattern, length=300, batch_size=4, window=5, epochs=1))
    monkeypatch.setattr(rnn_core.nets.reading, "CHUNK", chunk)
    monkeypatch.setattr(rnn_core.nets.reading, "MAX_TENSOR_NUMBERS", most)
    assert len(prepared.evaluation.text) >= SHORT_TEST
    losses, right = bare_costs(net, prepared, prepared.evaluation.text)
    assert same(read_test(net, prepared).score, losses, right)
    metrics = evaluate(net, prepared)
    assert metrics["eval_loss"] == pytest.approx(losses.double().mean().item(), rel=1e-5)
    assert metrics["eval_accuracy"] == pytest.approx(right.double().mean().item())
    assert metrics["excess_loss"] == metrics["eval_loss"] - metrics["oracle_loss"]
    if prepared.pattern.mark:  # a stream is cut into four for training
        losses, _ = bare_costs(net, prepared, prepared.text)
        assert metrics["final_train_loss"] == pytest.approx(losses.double().mean().item(), rel=1e-5)


@pytest.mark.usefixtures("short_test")
def test_the_oracles_loss_is_that_of_the_scored_characters() -> None:
    def oracle_loss(pattern: str) -> tuple[float, str]:
        prepared = prepare(TrainConfig(pattern=pattern, length=100))
        metrics = evaluate(prepared.build_net(), prepared)
        assert metrics["floor_loss"] == metrics["oracle_loss"]
        return metrics["oracle_loss"], prepared.evaluation.text

    for pattern in ("parity:longest=6", "pulses:2"):
        loss, _ = oracle_loss(pattern)
        assert loss == 0, "what is scored can be known"
        assert math.copysign(1, loss) == 1
    loss, text = oracle_loss("anbn")
    counts = [len(string) // 2 for string in text[1:-1].split("#")]
    paid = [-math.log(0.3) - (count - 1) * math.log(0.7) for count in counts]
    assert loss == pytest.approx(sum(paid) / (len(text) - 1), rel=1e-9)
    loss, text = oracle_loss("elman")
    assert loss == pytest.approx(sum(letter in "bdg" for letter in text[1:]) * math.log(3) / (len(text) - 1), rel=1e-9)


def legal_anbn(text: str) -> bool:
    """Say whether a text is the beginning of `#` and strings a^n b^n, n at least 1, each with a mark behind it."""
    *whole, begun = text.removeprefix("#").split("#")
    ended = all(re.fullmatch("a+b+", string) and string.count("a") == string.count("b") for string in whole)
    return ended and bool(re.fullmatch("a*b*", begun)) and (begun.count("b") <= begun.count("a"))


def oracle_of(prepared: Prepared) -> Oracle:
    assert prepared.pattern.oracle is not None
    return prepared.pattern.oracle


def test_characters_written_before_the_first_that_cannot_come() -> None:
    config = TrainConfig(pattern="anbn", length=400, encoding="onehot", cell="gru", learning_rate=0.03, epochs=8)
    prepared = prepare(config)
    counts = set()
    for record in train(prepared):
        draws = torch.Generator().manual_seed(0)
        running = generate(record.net, prepared.vocabulary.encode("#"), 1.0, draws, prepared.record.mark_index)
        written, legal = "#", 0
        for index in islice(running, 300):
            written += prepared.vocabulary.decode([index])
            if not legal_anbn(written):
                break
            legal += 1
        assert free_run_legal(oracle_of(prepared), "#", write(record.net, prepared, 300)) == legal
        counts.add(legal)
    assert len(counts) > 3, "nets of several kinds"
    assert max(counts) > 3


@pytest.mark.usefixtures("short_test")
@pytest.mark.parametrize(("always", "legal"), [("a", 1000), ("b", 0), ("#", 0)])
def test_a_net_that_always_writes_the_same_is_judged_by_what_that_is(always: str, legal: int) -> None:
    prepared = prepare(TrainConfig(pattern="anbn", length=100))
    net = prepared.build_net()
    with torch.no_grad():
        net.readout.weight.zero_()
        net.readout.bias.copy_(torch.tensor([100.0 * (character == always) for character in "#ab"]))
    assert free_run_legal(oracle_of(prepared), "#", write(net, prepared, 1000)) == legal
    report = measure(net, prepared)
    metrics, shown = report.metrics, report.sample
    assert (metrics["free_run_correct"], metrics["free_run_length"]) == (legal, 1000)
    assert shown.target == prepared.evaluation.text[1:61]
    assert (shown.predicted, shown.continuation) == (always * 60, always * 60)


@pytest.mark.usefixtures("short_test")
@pytest.mark.parametrize("pattern", ["parity", "pulses:1", "reverse"])
def test_a_net_that_was_taught_only_some_characters_does_not_run_free(pattern: str) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, length=200))
    net = prepared.build_net()
    assert not [name for name in evaluate(net, prepared) if name.startswith("free_run")]
    assert sample(net, prepared).continuation == ""
    assert len(sample(net, prepared).predicted) == 60


@pytest.mark.usefixtures("short_test")
def test_without_an_oracle_nobody_can_say_what_is_possible() -> None:
    class Coin(Pattern):
        family = "coin"

        def __init__(self, argument: str) -> None:
            self.alphabet, self.default_length = "ht", 100

        @property
        def spec(self) -> str:
            return "coin"

        def sample(self, length: int, rng: Random) -> str:
            return "".join(rng.choice("ht") for _ in range(length))

    try:
        prepared = prepare(TrainConfig(pattern="coin"))
        metrics = evaluate(prepared.build_net(), prepared)
        assert set(metrics) == {"final_train_loss", "eval_loss", "eval_accuracy"}
    finally:
        del Pattern.families["coin"]


def cut_at(indices: torch.Tensor, mark: int) -> list[torch.Tensor]:
    """Cut a sequence before each mark."""
    cuts = [0, *(at for at, index in enumerate(indices.tolist()) if index == mark and at > 0), len(indices)]
    return [indices[begin:end] for begin, end in pairwise(cuts)]


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("first", [0, 1])
def test_with_a_mark_each_string_is_read_as_if_it_were_alone(
    cell: str, first: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rnn_core.nets.reading, "CHUNK", chunk)
    net = build(cell)
    indices = torch.cat([torch.tensor([first]), draw_indices(30), torch.tensor([0, 0, 1, 0])])
    alone = torch.cat([predict(net, part) for part in cut_at(indices, 0)])
    assert torch.equal(predict(net, indices, 0), alone)
    with torch.no_grad():
        came = torch.cat([logits_tv for logits_tv, _ in read(net, indices, net.init_state(1), 0)])
        parts = [net(net.encode(part[None]), net.init_state(1))[0][0] for part in cut_at(indices, 0)]
        unmarked = torch.cat([logits_tv for logits_tv, _ in read(net, indices, net.init_state(1))])
    torch.testing.assert_close(came, torch.cat(parts), atol=1e-6, rtol=0)
    # An untrained irnn hardly answers to what it reads.
    assert not torch.allclose(came, unmarked, atol=1e-5 if cell == "irnn" else 1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_goes_on_until_the_first_mark(cell: str) -> None:
    net, before, indices = build(cell), draw_indices(9), torch.tensor([2, 1, 0, 3])
    with torch.no_grad():
        _, hidden = net(net.encode(before[None]), net.init_state(1))
        first, second = (logits_tv for logits_tv, _ in read(net, indices, hidden, 0))
        torch.testing.assert_close(first, net(net.encode(indices[None, :2]), hidden)[0][0], atol=1e-6, rtol=0)
        fresh = net(net.encode(indices[None, 2:]), net.init_state(1))[0][0]
        torch.testing.assert_close(second, fresh, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_running_free_starts_anew_at_each_mark_that_the_net_writes(cell: str) -> None:
    net, prime = build(cell), torch.tensor([3, 0, 2])
    running = generate(net, prime, 1.0, torch.Generator().manual_seed(6), mark=0)
    draws = torch.Generator().manual_seed(6)
    written = prime.tolist()
    for came in islice(running, 40):
        since = len(written) - 1 - written[::-1].index(0)
        with torch.no_grad():
            logits = net(net.encode(torch.tensor([written[since:]])), net.init_state(1))[0][0, -1]
        assert came == int(torch.multinomial(logits.double().softmax(-1), 1, generator=draws))
        written.append(came)
    assert written[3:].count(0) > 3


@pytest.mark.parametrize(
    ("prompt", "mark", "begins"),
    [("ab", "#", "#ab"), ("", "#", "#"), ("#ab", "#", "#ab"), ("ab#", "#", "#ab#"), ("ab", "", "ab"), ("#a", "", "#a")],
)
def test_a_string_is_begun_with_its_mark(prompt: str, mark: str, begins: str) -> None:
    assert with_opening_mark(prompt, mark) == begins


@pytest.mark.parametrize("most", [1, 9 * 4, 18 * 6, 27 * 6, 2**24])
def test_sequences_side_by_side_score_like_each_alone(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn_core.nets.reading, "MAX_TENSOR_NUMBERS", most)
    net = build()
    sequences = list(draw_indices(45).reshape(5, 9))
    alone = [costs(net, indices) for indices in sequences]
    losses, right = (torch.cat(part) for part in zip(*alone, strict=True))
    assert same(score_side_by_side(net, torch.stack(sequences)), losses, right)


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
        with evaluating(net):
            assert not net.training
            assert not net(net.encode(draw_indices(3)[None]), net.init_state(1))[0].requires_grad
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


@pytest.mark.parametrize("cell", CELLS)
def test_predict_gives_the_likeliest_after_each_character(cell: str) -> None:
    net, indices = build(cell), draw_indices(12)
    for position, predicted in enumerate(predict(net, indices).tolist()):
        with torch.no_grad():
            logits = net(net.encode(indices[None, : position + 1]), net.init_state(1))[0]
        assert predicted == int(logits[0, -1].argmax())


@pytest.mark.parametrize("encoding", ["index", "onehot", "embedding"])
@pytest.mark.parametrize("cell", CELLS)
def test_running_free_without_temperature_takes_the_likeliest_each_time(cell: str, encoding: str) -> None:
    net, prime = build(cell, encoding=encoding), draw_indices(3)
    read = prime.tolist()
    for came in islice(generate(net, prime), 25):
        with torch.no_grad():  # everything read so far, from the beginning
            logits = net(net.encode(torch.tensor([read])), net.init_state(1))[0]
        assert came == int(logits[0, -1].argmax())
        read.append(came)


def test_the_same_seed_draws_the_same_characters() -> None:
    net, prime = build(vocabulary_size=9), draw_indices(3, 9)

    def draws(seed: int) -> list[int]:
        return list(islice(generate(net, prime, 1.0, torch.Generator().manual_seed(seed)), 40))

    assert draws(0) == draws(0)
    assert draws(0) != draws(1)


@pytest.mark.parametrize("temperature", [2.0, pytest.param(0.5, marks=pytest.mark.slow)])
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
    references = {"uniform_loss", "unigram_loss", "bigram_loss", "3gram_loss", "4gram_loss", "5gram_loss", "6gram_loss"}
    measured = {"final_train_loss", "eval_loss", "eval_accuracy", "free_run_correct", "free_run_length"}
    assert set(metrics) == measured | references
    size = len(set(TEXT))
    assert metrics["uniform_loss"] == pytest.approx(math.log(size))
    read, test = (TEXT * 10)[:-53], (TEXT * 10)[-52:]  # by Witten and Bell, all characters having been read
    unigram = [-math.log((read.count(character) + 1) / (len(read) + size)) for character in test]
    assert metrics["unigram_loss"] == pytest.approx(sum(unigram) / len(unigram))
    indices = prepared.vocabulary.encode(TEXT * 10)
    losses, right = costs(net, indices[-53:])
    assert metrics["eval_loss"] == pytest.approx(losses.mean().item(), rel=1e-5)
    assert metrics["eval_accuracy"] == pytest.approx(right.float().mean().item())
    assert metrics["final_train_loss"] == pytest.approx(costs(net, indices[:-53])[0].mean().item(), rel=1e-5)
    assert metrics["free_run_length"] == 53


@pytest.mark.usefixtures("short_test")
@pytest.mark.parametrize("family", sorted(Pattern.families))
def test_nets_measured_on_shared_data_come_to_what_they_come_to_alone(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rnn_core.measures.report, "FREE_LENGTH", 50)
    (tmp_path / "tale.txt").write_text("".join(f"{TEXT}{number}\n" for number in range(10)))
    spec = Pattern.families[family].example.replace("PATH", str(tmp_path / "tale.txt"))
    some = TrainConfig(pattern=spec, length=470, encoding="onehot")
    configs = [
        some,
        TrainConfig(
            **{**vars(some), "seed": 1, "cell": "gru", "hidden_size": 70, "batch_size": 3, "window": 7, "keep": "best"}
        ),
    ]

    def measured(prepared: Prepared) -> tuple[dict[str, float], Sample]:
        report = measure(prepared.build_net(), prepared)
        return dict(report.metrics), report.sample

    alone = [measured(prepare(config)) for config in configs]
    members = prepare_all(configs)
    assert [measured(member) for member in members] == alone
    assert measured(members[0]) == alone[0], "what they share is there before the first of them, too"
    assert len({metrics["eval_loss"] for metrics, _ in alone}) == 2, "they are different nets"


def test_what_depends_on_the_data_alone_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tale.txt").write_text(TEXT * 10)
    for spec, names in {
        f"text:{tmp_path / 'tale.txt'}": ["references"],
        "abc": ["unknown_phase_floor", "oracle_loss"],
    }.items():
        one, other = prepare_all([TrainConfig(pattern=spec), TrainConfig(pattern=spec, hidden_size=4)])
        before = evaluate(one.build_net(), one)
        for name in names:
            monkeypatch.setattr(one.pattern, name, None)  # nobody can call it any more
        assert evaluate(one.build_net(), one) == before
        assert evaluate(other.build_net(), other).keys() == before.keys()


def test_a_sample_shows_target_predictions_and_what_the_net_writes() -> None:
    net, prepared = after(TrainConfig(pattern="abcd", encoding="onehot", epochs=60))
    shown = sample(net, prepared)
    assert shown.target == "bcda" * 15
    assert shown.predicted == "bcda" * 15
    assert shown.continuation == "dabc" * 15, "it goes on after the fifteen characters of the prime"


@pytest.mark.parametrize(("pattern", "more"), [("noisy:ab:0.2", 1000), ("abcd", 60), ("anbn", 1000)])
def test_the_test_is_read_once(pattern: str, more: int, few_cases: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the training steps, the cases, the phases of a unit and what the net writes by itself."""
    prepared = prepare(TrainConfig(pattern=pattern, length=100, window=50))
    net = prepared.build_net()
    read: list[int] = []
    net.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0].shape[0] * arguments[0].shape[1]))
    traced = type(net).trace

    def trace(self, x, state):
        read.append(x.shape[0] * x.shape[1])
        return traced(self, x, state)

    monkeypatch.setattr(type(net), "trace", trace)
    monkeypatch.setattr("rnn_core.measures.report.reach", lambda *_: ([], {}))
    monkeypatch.setattr(type(prepared.pattern), "examine", lambda *_: ({}, []))
    measure(net, prepared)
    training = sum(window.input_bt.numel() for window in prepared.windows)
    rows = 2**24 // (4096 * net.largest_numbers_per_step) if prepared.pattern.mark else 1
    test = sum(window.input_bt.numel() for window in prepared.data.windows(prepared.data.test, rows, 4096))
    prime = len(prepared.evaluation.prime)
    assert sum(read) == training + test + prime + more - 1, "the last character that it writes it does not read"


def test_a_report_keeps_output_and_state_of_a_cell_whose_state_is_a_matrix(outer_cell: str, few_cases: None) -> None:
    net, prepared = after(TrainConfig(pattern="reber", length=100, cell=outer_cell, hidden_size=3, layers=2, epochs=1))
    report = measure(net, prepared)
    assert report.output_th.shape == (300, 3)
    assert {name: part.shape for name, part in report.state.items()} == {"matrix": (300, 3, 3), "count": (300,)}
    # The count of steps starts anew at each mark.
    since, counts = 0, []
    for character in report.text[:300]:
        since = 1 if character == "#" else since + 1
        counts.append(since)
    assert report.state["count"].tolist() == counts
    text = report.text[report.text.rindex("#", 0, 300) : 300]
    with torch.no_grad():
        outputs_lbth, _ = net.trace(net.encode(prepared.vocabulary.encode(text)[None]), net.init_state(1))
    assert torch.allclose(torch.from_numpy(report.output_th[-len(text) :]), outputs_lbth[-1, 0], atol=1e-6)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_net_whose_outputs_are_not_finite_writes_nothing(temperature: float) -> None:
    net = build("gru")
    with torch.no_grad():
        net.readout.bias[0] = math.nan
    with pytest.raises(OutputError, match="the net's outputs are not finite numbers"):
        next(generate(net, torch.tensor([0]), temperature, torch.Generator()))
