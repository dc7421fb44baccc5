"""How fast an LSTM trains on a text, beside a bare loop over nn.LSTM with nothing else in it; and what memory it takes.

    python -m benchmarks.text

Both read the same characters in the same shapes on the same threads, one epoch each in turn. The text is made up here:
speed does not depend on what it says.
"""

import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional

from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.measures.report import measure
from rnn_core.patterns.text import Text
from rnn_core.training import train

LEAST = 0.95
"""The ratio of characters per second that we allow ourselves."""

SIZES = (1_000_000, 4_000_000)
"""Lengths of the files, in characters, between which the growth of memory is measured."""


class BareNet(nn.Module):
    """nn.Embedding, nn.LSTM and nn.Linear, as the recipe for texts has them."""

    def __init__(self, size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.readout = nn.Linear(hidden_size, size)

    def forward(self, indices_bt: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output_bth, state = self.lstm(self.embedding(indices_bt), state)
        return self.readout(output_bth), state


def bare_epochs(indices: Tensor, size: int, config: TrainConfig) -> Iterator[None]:
    """Train as a script without anything else would: no schedule, no records, no accuracy."""
    torch.manual_seed(config.seed)
    net = BareNet(size, config.hidden_size)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    steps = (len(indices) - 1) // config.batch_size
    x = indices[: steps * config.batch_size].view(config.batch_size, steps)
    y = indices[1 : steps * config.batch_size + 1].view(config.batch_size, steps)
    while True:
        state = None
        for begin in range(0, steps, config.window):
            logits, state = net(x[:, begin : begin + config.window], state)
            state = (state[0].detach(), state[1].detach())
            loss = functional.cross_entropy(logits.flatten(0, 1), y[:, begin : begin + config.window].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), config.clip)
            optimizer.step()
        yield


def made_up(length: int) -> str:
    """Return words of random letters, about as many different characters as English prose has."""
    draws = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxzETAOINSHRDLUCMFWYPVBGKJQXZ,.;:'!?-\n"
    words = ["".join(draws.choices(letters, k=draws.randint(1, 9))) for _ in range(2000)]
    return " ".join(draws.choices(words, k=length // 4))[:length]


def recipe(path: Path, **changes: object) -> Prepared:
    return prepare(TrainConfig(**{**Text.recipe, "pattern": f"text:{path}", "epochs": 1000, **changes}))  # type: ignore[arg-type]


def speed(folder: Path, repeats: int) -> None:
    """Print characters per second of both, epoch by epoch in turn, after one that is not counted."""
    path = folder / "text.txt"
    path.write_text(made_up(300_000))
    prepared = recipe(path)
    config = prepared.config
    ours = train(prepared)
    torch.set_num_threads(config.threads)
    bare = bare_epochs(prepared.vocabulary.encode(prepared.text), len(prepared.vocabulary), config)
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(repeats + 1):
        for name, epochs in (("ours", ours), ("bare", bare)):
            begin = time.perf_counter()
            next(epochs)
            seconds[name].append(time.perf_counter() - begin)
    rates = {name: [config.length / taken for taken in times[1:]] for name, times in seconds.items()}
    ratios = [one / other for one, other in zip(rates["ours"], rates["bare"], strict=True)]
    ours_rate, bare_rate = (statistics.median(rates[name]) for name in ("ours", "bare"))
    print("| what, median | ours | bare loop | ratio | at least |\n|---|---|---|---|---|")
    print(
        f"| characters per second, LSTM {config.hidden_size}, {config.threads} threads "
        f"| {ours_rate:,.0f} | {bare_rate:,.0f} | {statistics.median(ratios):.3f} | {LEAST} |"
    )


def memory(folder: Path) -> None:
    """Print how the peak memory of a process that trains grows with the file."""
    peaks = []
    for size in SIZES:
        path = folder / f"{size}.txt"
        path.write_text(made_up(size))
        command = [sys.executable, "-m", "benchmarks.text", "--peak-of", str(path)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    growth = (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])
    print(
        f"| peak memory at {SIZES[0]:,} and at {SIZES[1]:,} characters "
        f"| {peaks[0] / 1e6:.0f} MB, {peaks[1] / 1e6:.0f} MB | | {growth:.1f} bytes for each further character | |"
    )


def peak_of(path: Path) -> None:
    """Train a small net on a file for an epoch, evaluate it, and print the peak memory, in bytes."""
    prepared = recipe(path, hidden_size=16, window=256, batch_size=256)
    measure(next(train(prepared)).net, prepared)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


@dataclass(frozen=True)
class Flags:
    """Measure training on a text against a bare loop over nn.LSTM."""

    repeats: int = 7
    """Counted pairs of epochs."""
    peak_of: Path | None = None
    """Only train one epoch on this file, evaluate, and print the peak memory."""


def main() -> None:
    flags = tyro.cli(Flags)
    if flags.peak_of:
        return peak_of(flags.peak_of)
    with tempfile.TemporaryDirectory() as folder:
        speed(Path(folder), flags.repeats)
        memory(Path(folder))
    return None


if __name__ == "__main__":
    main()
