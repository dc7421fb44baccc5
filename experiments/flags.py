"""Command lines: read by tyro, and refused in one line."""

import contextlib
import io
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import tyro

from experiments.progress import end_starting
from rnn_core.config import ConfigError
from rnn_core.training import DivergedError
from rnn_core.vocabulary import visible

T = TypeVar("T")


class UsageError(Exception):
    """The command line cannot be used; the message is one line."""


def read_flags(flags: type[T], program: str, arguments: Sequence[str] | None, default: T | None = None) -> T:
    """Let tyro read the flags of a dataclass; what it complains of in a box of several lines becomes one.

    Arguments:
        flags: a dataclass whose fields are the flags, each with a sentence.
        program: what the help calls the program.
        arguments: the command line; None for the program's own.
        default: the values of flags that are not given; by default the class's own.

    Raises:
        ConfigError, UsageError: the command line makes no sense.
        SystemExit: help was asked for, and given.
    """
    end_starting()
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            if default is None:
                return tyro.cli(flags, prog=program, args=arguments)
            return tyro.cli(flags, prog=program, args=arguments, default=default)
    except SystemExit as end:
        if not end.code:  # --help
            raise
        # The frame is drawn in Unicode or, where the terminal has none, in ASCII.
        lines = (line.strip("\u2502| ") for line in box.getvalue().splitlines())
        said = " ".join(line for line in lines if line and not re.search("[-\u2500]{3}.?$", line))
        said = re.sub(r" For full helptext,.*| \((default: .*|required\))", "", said)
        if number := re.search(r"Error parsing --(\S+): .*: '(.*)' Argument helptext: \S+ (INT|FLOAT) ", said):
            name, came, kind = number.groups()
            allowed = "whole numbers" if kind == "INT" else "numbers"
            raise ConfigError(name.replace("-", "_"), came, allowed) from None
        raise UsageError(said) from None


def with_flags(
    error: ConfigError | DivergedError,
    names: Mapping[str, str] | None = None,
    from_recipes: Collection[str] = (),
) -> str:
    """Return what an error of the core says, and the flags of a command that change it.

    Arguments:
        error: it names fields.
        names: by field what its flag is called, such as a sweep's plurals; a field that is not there is its own flag.
        from_recipes: the fields that a pattern's recipe gave, and nobody typed.
    """
    fields = error.fields if isinstance(error, DivergedError) else (error.field,)
    flags = ", ".join(f"--{(names or {}).get(name, name).replace('_', '-')}" for name in fields)
    recipe = "; the value may be a recipe's, which this flag changes" if set(fields) & set(from_recipes) else ""
    return f"{error} ({flags}){recipe}"


def complain(message: str, exit_status: int) -> int:
    """Say in one line why the program ends, and return its exit status."""
    print(f"error: {visible(message)}", file=sys.stderr, flush=True)
    return exit_status
