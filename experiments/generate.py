"""The command that continues a prompt with the net of a recorded run."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from experiments.errors import UsageError
from experiments.flags import complain, read_flags, with_flags
from experiments.output import run_program
from experiments.progress import starting, waiting
from rnn_core.config import ConfigError
from rnn_core.vocabulary import UnknownCharacterError

MAX_LENGTH = 10**12
"""The most characters that are generated: each is printed at once, and whoever reads may end it."""


@dataclass(frozen=True)
class Flags:
    """Continue a prompt with the net of a recorded run, and print each character as soon as it is generated.

    The net of a transducer, which does not predict the next character, says a symbol for each character of the prompt.
    A net that was trained on questions with answers answers the prompt, and ends where its answer ends.
    """

    run: Annotated[str, tyro.conf.Positional]
    """A run's id, its name (the newest of that name), or `latest`."""
    prompt: str = ""
    """The text to continue, or the question; it may be empty if the net was trained on strings."""
    length: int = 200
    """The number of characters to generate, of an answer the most; without effect for a transducer."""
    temperature: float = 0.0
    """0 takes the likeliest character each time; 1 draws from the net's distribution; above 1, draws are more even."""
    seed: int = 0
    """The seed of the draws."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a continuation; return the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    # Ask a server that is not there once, where MLflow would ask for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    try:
        flags = read_flags(Flags, "python -m experiments.generate", arguments)
        _check(flags)
        _write(flags)
    except ConfigError as error:
        return complain(with_flags(error), 2)
    except UsageError as error:
        return complain(str(error), 2)
    except KeyboardInterrupt:
        print()
        return 130
    return 0


def _write(flags: Flags) -> None:
    """Print the prompt and what the run's net writes after it, or, for a transducer, what the net says.

    Raises:
        UsageError: the run cannot be read, or a character of the prompt is not in its alphabet.
        ConfigError: the prompt is empty, and the net cannot begin without one.
    """
    with starting():
        from analysis.runs import RunError, load_run
        from analysis.runs.address import store_name
        from rnn_core.checkpoint import CheckpointError
        from rnn_core.nets.reading import OutputError, answer, needs_prompt, with_separator
    try:
        with waiting(f"reading the run from {store_name()}"):
            run = load_run(flags.run)
            net = run.net
    except (RunError, CheckpointError) as error:
        raise UsageError(str(error)) from None
    record = run.record
    if not flags.prompt and needs_prompt(record):
        allowed = f"one or more characters of {record.alphabet[:200]!r}, the alphabet of {run.name}"
        raise ConfigError("prompt", flags.prompt, allowed)
    try:
        characters = answer(net, record, flags.prompt, flags.length, flags.temperature, flags.seed)
    except UnknownCharacterError as error:
        raise UsageError(f"prompt: {error} of {run.name} (--prompt)") from None
    print(f"{run.run_id} ({run.name})", file=sys.stderr, flush=True)
    print(with_separator(flags.prompt, record) if record.predicts_next else "", end="", flush=True)
    try:
        for character in characters:
            print(character, end="", flush=True)
    except OutputError as error:
        print(flush=True)
        raise UsageError(f"{run.run_id} ({run.name}): {error}") from None
    print(flush=True)


def _check(flags: Flags) -> None:
    if not 0 <= flags.length <= MAX_LENGTH:
        raise ConfigError("length", flags.length, f"0 to {MAX_LENGTH}")
    if not 0 <= flags.temperature < float("inf"):
        raise ConfigError("temperature", flags.temperature, "0 or above, finite")
    if not 0 <= flags.seed < 2**63:
        raise ConfigError("seed", flags.seed, f"0 to {2**63 - 1}")


if __name__ == "__main__":
    run_program(main, only_prints=True)
