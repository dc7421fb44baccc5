"""Inference with a net: predictions along a text, and free running."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise, takewhile

import torch
from torch import Tensor

from rnn_core.batching import Window
from rnn_core.blocks import read_in_blocks
from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary

CHUNK = 4096
"""The most steps of one sequence that are read at a time, to bound the memory."""

MAX_TENSOR_NUMBERS = 2**24
"""The most elements of one tensor when many sequences are read in parallel, to bound the memory."""


class OutputError(ArithmeticError):
    """A net's logits are not all finite numbers, so that no character is the likeliest, and none can be drawn."""

    def __init__(self) -> None:
        super().__init__("the net's outputs are not finite numbers; allowed: a net whose training did not diverge")


@contextmanager
def evaluating(net: CharRNN) -> Iterator[None]:
    """Put the net into eval mode without gradients; afterwards, restore its mode."""
    was_training = net.training
    if was_training:  # otherwise skipped: setting the mode of all modules takes as long as a step of a small net
        net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if was_training:
            net.train()


def read(net: CharRNN, indices: Tensor, state: State, mark: int | None = None) -> Iterator[tuple[Tensor, State]]:
    """Read one sequence from a state in chunks of at most CHUNK steps; a chunk ends where a string ends.

    Arguments:
        net: the net, on any device.
        indices: the sequence, int64, (n,), n at least 1.
        state: the state before it, for one sequence.
        mark: the index of the mark in the alphabet; before each mark the state is set to zero. None for a stream.

    Yields:
        For each chunk of T steps the logits of the target after each step, (T, W), and the state after the chunk.
    """
    starts = set() if mark is None else set((indices == mark).nonzero().flatten().tolist())
    for begin, end in pairwise([*sorted({0, *starts}), len(indices)]):
        if begin in starts:
            state = net.init_state(1)
        for chunk in torch.split(indices[begin:end].to(net.readout.weight.device), CHUNK):
            logits_btw, state = net(net.encode(chunk[None]), state)
            yield logits_btw[0], state


def read_window(net: CharRNN, blocks: Sequence[Window], state: State) -> tuple[list[Tensor], State]:
    """Read a window of B sequences; a fresh one from a zero state.

    Arguments:
        net: the net, on any device.
        blocks: the window, from `blocks.into_blocks`, on the same device.
        state: the state before a window that is not fresh.

    Returns:
        For each block the logits of the target after each step, (B, T, W); and the state after the window.
    """

    def read_block(input_bt: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
        logits_btw, state = net(net.encode(input_bt), states[0])
        return logits_btw, [state]

    if blocks[0].fresh:
        state = net.init_state(len(blocks[0].input_bt))
    logits, (state,) = read_in_blocks(read_block, blocks, [state])
    return logits, state


def predict(net: CharRNN, indices: Tensor, mark: int | None = None) -> Tensor:
    """Return the net's likeliest output after each character of a sequence that is read from a zero state.

    Arguments:
        net: the net, on any device.
        indices: the sequence, int64, (n,), n at least 1.
        mark: the index of the mark in the alphabet; before each mark the state is set to zero. None for a stream.

    Returns:
        The index of the likeliest output after each character, int64, (n,), on the CPU.
    """
    with evaluating(net):
        chunks = read(net, indices, net.init_state(1), mark)
        return torch.cat([logits_tw.argmax(-1).cpu() for logits_tw, _ in chunks])


def generate(
    net: CharRNN,
    prime: Tensor,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    mark: int | None = None,
) -> Iterator[int]:
    """Run a net free, without end: it reads `prime` from a zero state, and then each character that it generates.

    Arguments:
        net: the net, on any device.
        prime: indices of the characters that are read first, int64, (n,), n at least 1.
        temperature: 0 takes the likeliest character; above 0, characters are drawn from softmax(logits / temperature).
        generator: the source of the draws, on the CPU; None for torch's global random state.
        mark: the index of the mark in the alphabet; before each mark the state is set to zero. None for a stream.

    Yields:
        The index of each generated character.

    Raises:
        OutputError: the net's logits are not finite numbers.
    """
    with evaluating(net):
        last_chunk = deque(read(net, prime, net.init_state(1), mark), maxlen=1)  # drops the earlier chunks
        logits_tw, state = last_chunk.pop()
    while True:
        index = _draw(logits_tw[-1], temperature, generator)
        yield index
        with evaluating(net):  # for each character anew, because the caller may train the net in between
            if index == mark:
                state = net.init_state(1)
            index_bt = torch.tensor([[index]], device=logits_tw.device)
            (logits_tw,), state = net(net.encode(index_bt), state)


def respond(
    net: CharRNN,
    indices: Tensor,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    mark: int | None = None,
) -> Iterator[int]:
    """Yield the index of a net's output after each character of a sequence that is read from a zero state.

    Arguments:
        net: the net, on any device.
        indices: the sequence, int64, (n,), n at least 1.
        temperature: as for `generate`.
        generator: as for `generate`.
        mark: as for `generate`.

    Raises:
        OutputError: the net's logits are not finite numbers.
    """
    with evaluating(net):
        for logits_tw, _ in read(net, indices, net.init_state(1), mark):
            yield from [_draw(logits_w, temperature, generator) for logits_w in logits_tw]


def _draw(logits_w: Tensor, temperature: float, generator: torch.Generator | None) -> int:
    """Return the likeliest index or, with a temperature above 0, one drawn from softmax(logits / temperature).

    Raises:
        OutputError: a logit is not a finite number.
    """
    logits = logits_w.cpu().double()
    if not math.isfinite(logits.sum()):  # the sum of single-precision numbers cannot overflow in double precision
        raise OutputError
    if temperature == 0:
        return int(logits.argmax())
    # The largest logit is shifted to 0, so that a low temperature cannot overflow.
    probabilities = ((logits - logits.max()) / temperature).softmax(-1)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def answer(
    net: CharRNN, record: Record, prompt: str, length: int, temperature: float = 0.0, seed: int = 0
) -> Iterator[str]:
    """Return an iterator over the characters with which a net continues a prompt.

    For the net of a transducer, it is over the outputs after each character of the prompt. For a net that was trained
    on questions with answers, it is over the answer and ends before the mark.

    Arguments:
        net: the net, on any device.
        record: the record of its training.
        prompt: characters of the alphabet, at least one; may be empty for a net that was trained on strings. Where the
            record has a separator, a question, with or without the separator, or with the beginning of an answer.
        length: the number of characters to generate, of an answer the most; has no effect for a transducer.
        temperature: 0 takes the likeliest character; above 0, characters are drawn from softmax(logits / temperature).
        seed: the seed of the draws, 0 to 2**63 - 1.

    Raises:
        UnknownCharacterError: a character of the prompt is not in the alphabet.
        ValueError: the prompt is empty and the pattern is a stream, or of questions.
        OutputError: while the characters are drawn: the net's logits are not finite numbers.
    """
    if needs_prompt(record) and not prompt:
        raise ValueError(f"the prompt is empty; allowed: one or more characters of {record.alphabet!r}")
    text, mark = with_opening_mark(with_separator(prompt, record), record.mark), record.mark_index
    indices, generator = Vocabulary(record.alphabet).encode(text), torch.Generator().manual_seed(seed)
    if record.predicts_next:
        outputs: Iterator[int] = islice(generate(net, indices, temperature, generator, mark), length)
        if record.separator:
            outputs = takewhile(lambda index: index != mark, outputs)
    else:  # without the output after the mark that was put before the prompt
        outputs = islice(respond(net, indices, temperature, generator, mark), len(text) - len(prompt), None)
    return (record.outputs[index] for index in outputs)


def needs_prompt(record: Record) -> bool:
    """Return whether a net cannot write anything after an empty prompt: it was trained on a stream, or on questions."""
    return not record.mark or bool(record.separator)


def with_separator(prompt: str, record: Record) -> str:
    """Return the prompt with the separator after its last string, if the record has one and that string has none."""
    if not record.separator or record.separator in prompt.rpartition(record.mark)[2]:
        return prompt
    return prompt + record.separator


def with_opening_mark(prompt: str, mark: str) -> str:
    """Return the prompt with the mark before it, if it does not begin with it; an empty mark changes nothing."""
    return prompt if prompt.startswith(mark) else mark + prompt
