"""How good a trained net is: losses and accuracies as sums with counts, free running, distance to the oracle."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rnn_core.batching import Window, cut
from rnn_core.model import CharRNN, Hidden
from rnn_core.patterns.unit import Unit
from rnn_core.prepare import Prepared

CHUNK = 4096
"""Steps of one sequence read at a time, so that memory does not grow with its length."""

MOST_NUMBERS = 2**24
"""Logits or states of many sequences held at a time, for the same reason."""

MOST_PHASE_NUMBERS = 2**28
"""Logits or states that the loss from an unknown phase may take, some seconds' worth; longer units go without."""


@dataclass(frozen=True)
class Score:
    """A loss and an accuracy as sums with their count: scores add up, and are divided once at the end.

    Attributes:
        loss_sum: cross-entropy, nats.
        correct: predictions whose likeliest character was right.
        count: predictions.
    """

    loss_sum: float = 0.0
    correct: int = 0
    count: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.loss_sum + other.loss_sum, self.correct + other.correct, self.count + other.count)

    @property
    def loss(self) -> float:
        """Mean cross-entropy, nats per character."""
        return self.loss_sum / self.count

    @property
    def accuracy(self) -> float:
        """Share of predictions that were right, 0 to 1."""
        return self.correct / self.count


@contextmanager
def measuring(net: CharRNN) -> Iterator[None]:
    """Put the net into eval mode without gradients, and back into the mode it was in."""
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        net.train(was_training)


def score_windows(net: CharRNN, windows: list[Window]) -> Score:
    """Score a net on consecutive windows, read from a zero state."""
    score = Score()
    with measuring(net):
        hidden = net.init_hidden(windows[0].input_bt.shape[0])
        for window in windows:
            logits_btv, hidden = net(net.encode(window.input_bt), hidden)
            counted = torch.ones_like(window.target_bt, dtype=torch.bool) if window.mask_bt is None else window.mask_bt
            logits, target = logits_btv[counted], window.target_bt[counted]
            # Summed in double: a text has a million terms.
            loss_sum = functional.cross_entropy(logits, target, reduction="none").cpu().double().sum().item()
            score += Score(loss_sum, int((logits.argmax(-1) == target).sum()), len(target))
    return score


def score_text(net: CharRNN, indices: Tensor, start: int) -> Score:
    """Score a net on one sequence, read from a zero state.

    Arguments:
        net: the net, on any device.
        indices: the sequence, int64, (n,).
        start: the first position scored, 1 to n - 1; what comes before is only read.
    """
    windows = []
    for number, window in enumerate(cut(indices, 1, CHUNK)):
        position_bt = number * CHUNK + 1 + torch.arange(window.target_bt.shape[1])[None]
        windows.append(Window(window.input_bt, window.target_bt, position_bt >= start).to(net.readout.weight.device))
    return score_windows(net, windows)


def width(net: CharRNN) -> int:
    """Return the most numbers that one step of one sequence takes in any one tensor."""
    return max(net.vocabulary_size, net.recurrent.hidden_size)


def score_side_by_side(net: CharRNN, sequences: list[Tensor]) -> Score:
    """Score a net on sequences of one length, each read from a zero state, int64, (n,) each."""
    rows = max(1, MOST_NUMBERS // (len(sequences[0]) * width(net)))
    score = Score()
    for begin in range(0, len(sequences), rows):
        indices_bt = torch.stack(sequences[begin : begin + rows]).to(net.readout.weight.device)
        score += score_windows(net, [Window(indices_bt[:, :-1], indices_bt[:, 1:], None)])
    return score


def read(net: CharRNN, indices: Tensor, hidden: Hidden) -> Iterator[tuple[Tensor, Hidden]]:
    """Read one sequence from a state, CHUNK steps at a time.

    Arguments:
        net: the net, on any device.
        indices: the sequence, int64, (n,), n at least 1.
        hidden: the state before it, for one sequence.

    Yields:
        For each chunk of T steps the logits of what comes next, (T, V), and the state after it.
    """
    for chunk in torch.split(indices.to(net.readout.weight.device), CHUNK):
        logits_btv, hidden = net(net.encode(chunk[None]), hidden)
        yield logits_btv[0], hidden


def predict(net: CharRNN, indices: Tensor) -> Tensor:
    """Return the likeliest next character after each of `indices`, read from a zero state: int64, (n,), (n,)."""
    with measuring(net):
        return torch.cat([logits_tv.argmax(-1).cpu() for logits_tv, _ in read(net, indices, net.init_hidden(1))])


def generate(
    net: CharRNN, prime: Tensor, temperature: float = 0.0, generator: torch.Generator | None = None
) -> Iterator[int]:
    """Let a net run free: read `prime` from a zero state, then yield characters for ever, each read in turn.

    Arguments:
        net: the net, on any device.
        prime: indices of the characters to go on from, int64, (n,), n at least 1.
        temperature: 0 takes the likeliest character; above 0, characters are drawn from softmax(logits / temperature).
        generator: the source of the draws, on the CPU.

    Yields:
        Character indices.
    """
    unread, hidden = prime, net.init_hidden(1)
    while True:
        with measuring(net):  # entered anew for each character: the caller may train between two of them
            logits_tv, hidden = deque(read(net, unread, hidden), maxlen=1).pop()  # the last, and no other kept
            logits = logits_tv[-1].cpu().double()
            if temperature == 0:
                index = int(logits.argmax())
            else:
                # The largest logit becomes 0, so that no temperature makes it overflow.
                weights = ((logits - logits.max()) / temperature).softmax(-1)
                index = int(torch.multinomial(weights, 1, generator=generator))
        yield index
        unread = torch.tensor([index])


def free_run_correct(net: CharRNN, prime: Tensor, truth: Tensor) -> int:
    """Return how many characters a free-running net gets right before its first error, 0 to len(truth).

    As long as it is right, what it writes is the truth, and the net reads what teacher forcing would give it. So its
    first error is teacher forcing's first error past the prime, which one pass finds.

    Arguments:
        net: the net, on any device.
        prime: indices of the characters it goes on from, int64, (n,), n at least 1.
        truth: indices of those it should write, int64, (m,), m at least 1.
    """
    begin, position = len(prime) - 1, 0
    following = torch.cat([prime, truth])
    with measuring(net):
        for logits_tv, _ in read(net, following[:-1], net.init_hidden(1)):
            likeliest_t = logits_tv.argmax(-1).cpu()
            wrong_t = likeliest_t != following[position + 1 : position + 1 + len(likeliest_t)]
            wrong_t[: max(0, begin - position)] = False  # within the prime
            if wrong_t.any():
                return position + int(wrong_t.int().argmax()) - begin
            position += len(likeliest_t)
    return len(truth)


@dataclass(frozen=True)
class Sample:
    """What a net makes of the beginning of its test, to be looked at side by side.

    Attributes:
        target: the test's first characters but one, at most `most`.
        predicted: the likeliest character at each of their positions.
        continuation: what the net writes by itself after the prime, `most` characters.
    """

    target: str
    predicted: str
    continuation: str


def sample(net: CharRNN, prepared: Prepared, most: int = 60) -> Sample:
    """Let a net predict and write a little."""
    vocabulary, evaluation = prepared.vocabulary, prepared.evaluation
    read = evaluation.text[: most + 1]
    running = generate(net, vocabulary.encode(evaluation.prime))
    return Sample(
        target=read[1:],
        predicted=vocabulary.decode(predict(net, vocabulary.encode(read[:-1]))),
        continuation=vocabulary.decode([next(running) for _ in range(most)]),
    )


def evaluate(net: CharRNN, prepared: Prepared) -> dict[str, float]:
    """Measure a trained net; nothing about it changes.

    Returns:
        final_train_loss: of the training predictions with the weights as they are now.
        eval_loss, eval_accuracy: of the pattern's test (see its family), teacher forced.
        oracle_loss, floor_loss, excess_loss: the oracle's loss on the same characters, the least that can be
            expected there, and how far eval_loss lies above it; where the pattern has an oracle.
        free_run_correct, free_run_length: characters right before the first error, out of how many.
        unknown_phase_loss, unknown_phase_floor: for a unit, the mean loss over `length` characters read from every
            phase, and the least that can be expected there; not for units so long that it would take minutes.
        Losses in nats per character.
    """
    device = net.readout.weight.device
    encode = prepared.vocabulary.encode
    evaluation = prepared.evaluation
    trained = score_windows(net, [window.to(device) for window in prepared.windows])
    tested = score_text(net, encode(evaluation.text), evaluation.start)
    metrics = {
        "final_train_loss": trained.loss,
        "eval_loss": tested.loss,
        "eval_accuracy": tested.accuracy,
        "free_run_correct": free_run_correct(net, encode(evaluation.prime), encode(evaluation.truth)),
        "free_run_length": len(evaluation.truth),
    }
    log_probs = prepared.pattern.oracle_log_probs(evaluation)
    if log_probs is not None:
        oracle_loss = float(-log_probs.mean()) + 0.0  # + 0.0: not "-0.0"
        metrics |= {"oracle_loss": oracle_loss, "floor_loss": oracle_loss, "excess_loss": tested.loss - oracle_loss}
    if isinstance(prepared.pattern, Unit):
        length = prepared.config.length
        if len(prepared.pattern.unit) * length * width(net) <= MOST_PHASE_NUMBERS:
            phases = [encode(phase) for phase in prepared.pattern.phases(length)]
            metrics["unknown_phase_loss"] = score_side_by_side(net, phases).loss
            metrics["unknown_phase_floor"] = prepared.pattern.unknown_phase_floor(length)
    return metrics
