"""Reading and writing with a net: predictions along a text, and characters that a net writes by itself."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, pairwise

import torch
from torch import Tensor

from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary

CHUNK = 4096
"""Steps of one sequence read at a time, so that memory does not grow with its length."""

MAX_NUMBERS = 2**24
"""Logits or states of many sequences held at a time, for the same reason."""


@contextmanager
def measuring(net: CharRNN) -> Iterator[None]:
    """Put the net into eval mode without gradients, and back into the mode it was in."""
    was_training = net.training
    if was_training:  # going through all of a net's modules takes as long as a step of a small net
        net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if was_training:
            net.train()


def read(net: CharRNN, indices: Tensor, state: State, mark: int | None = None) -> Iterator[tuple[Tensor, State]]:
    """Read one sequence from a state, at most CHUNK steps at a time.

    Arguments:
        net: the net, on any device.
        indices: the sequence, int64, (n,), n at least 1.
        state: the state before it, for one sequence.
        mark: the index before which the state is put back to zero, that of the mark between strings; None for never.

    Yields:
        For each chunk of T steps the logits of what is said after each, (T, W), and the state after it.
    """
    starts = [] if mark is None else (indices == mark).nonzero().flatten().tolist()
    for begin, end in pairwise([*sorted({0, *starts}), len(indices)]):
        if begin in starts:
            state = net.init_hidden(1)
        for chunk in torch.split(indices[begin:end].to(net.readout.weight.device), CHUNK):
            logits_btw, state = net(net.encode(chunk[None]), state)
            yield logits_btw[0], state


def predict(net: CharRNN, indices: Tensor, mark: int | None = None) -> Tensor:
    """Return what a net most likely says after each of `indices`, (n,), read from a zero state: int64, (n,)."""
    with measuring(net):
        chunks = read(net, indices, net.init_hidden(1), mark)
        return torch.cat([logits_tw.argmax(-1).cpu() for logits_tw, _ in chunks])


def generate(
    net: CharRNN,
    prime: Tensor,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    mark: int | None = None,
) -> Iterator[int]:
    """Let a net run free: read `prime` from a zero state, then yield characters for ever, each read in turn.

    Arguments:
        net: the net, on any device.
        prime: indices of the characters to go on from, int64, (n,), n at least 1.
        temperature: 0 takes the likeliest character; above 0, characters are drawn from softmax(logits / temperature).
        generator: the source of the draws, on the CPU.
        mark: the index before which the state is put back to zero; None for never.

    Yields:
        Character indices.
    """
    with measuring(net):
        logits_tv, state = deque(read(net, prime, net.init_hidden(1), mark), maxlen=1).pop()  # the last, no other kept
    while True:
        index = _draw(logits_tv[-1], temperature, generator)
        yield index
        with measuring(net):  # entered anew for each character: the caller may train between two of them
            if index == mark:
                state = net.init_hidden(1)
            index_bt = torch.tensor([[index]], device=logits_tv.device)
            (logits_tv,), state = net(net.encode(index_bt), state)


def respond(
    net: CharRNN,
    indices: Tensor,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    mark: int | None = None,
) -> Iterator[int]:
    """Yield what a net says after each of `indices`, (n,), read from a zero state; the arguments are `generate`'s."""
    with measuring(net):
        for logits_tw, _ in read(net, indices, net.init_hidden(1), mark):
            yield from [_draw(logits_w, temperature, generator) for logits_w in logits_tw]


def _draw(logits_w: Tensor, temperature: float, generator: torch.Generator | None) -> int:
    """Return the likeliest index or, with a temperature above 0, one drawn from softmax(logits / temperature)."""
    logits = logits_w.cpu().double()
    if temperature == 0:
        return int(logits.argmax())
    # The largest logit becomes 0, so that no temperature makes it overflow.
    weights = ((logits - logits.max()) / temperature).softmax(-1)
    return int(torch.multinomial(weights, 1, generator=generator))


def answer(
    net: CharRNN, record: Record, prompt: str, length: int, temperature: float = 0.0, seed: int = 0
) -> Iterator[str]:
    """Yield what a net writes after a prompt or, where it says something else than the next character, what it says.

    Arguments:
        net: the net, on any device.
        record: what it was trained on.
        prompt: characters of the alphabet, one or more; for a net that was trained on strings, none will do.
        length: how many characters it writes; it says one after each character of the prompt, whatever that is.
        temperature: 0 takes the likeliest character, above 0 draws.
        seed: of the draws, 0 to 2**63 - 1.

    Yields:
        Characters.

    Raises:
        UnknownCharacterError: a character of the prompt is not in the alphabet.
        ValueError: the prompt is empty, and there is no mark to begin with.
    """
    read, mark = begun(prompt, record.mark), record.mark_index
    if not read:
        raise ValueError(f"the prompt is empty; allowed: one or more characters of {record.alphabet!r}")
    indices, draws = Vocabulary(record.alphabet).encode(read), torch.Generator().manual_seed(seed)
    if record.predicts_next:
        said = islice(generate(net, indices, temperature, draws, mark), length)
    else:  # what it says after the mark before the prompt is no answer to it
        said = islice(respond(net, indices, temperature, draws, mark), len(read) - len(prompt), None)
    return (record.outputs[index] for index in said)


def begun(prompt: str, mark: str) -> str:
    """Return what a net reads for a prompt: strings are read from their mark on."""
    return prompt if prompt.startswith(mark) else mark + prompt
