"""The command that prints what every metric of a run means, as a Markdown table."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.meanings import meanings
from experiments.errors import UsageError
from experiments.flags import complain, read_flags
from experiments.output import run_program


@dataclass(frozen=True)
class Flags:
    """Print what every metric of a run means: its name, unit and range, as a Markdown table."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the exit status: 0, or 2 for bad input."""
    try:
        read_flags(Flags, "python -m experiments.metrics", arguments)
    except UsageError as error:
        return complain(str(error), 2)
    print("| metric | what it is | unit | range |\n|---|---|---|---|")
    for name, meaning in meanings().items():
        print(f"| `{name}` | {meaning.sentence} | {meaning.unit} | {meaning.range} |")
    return 0


if __name__ == "__main__":
    run_program(main, only_prints=True)
