"""Reads command lines with tyro, and refuses a wrong one in one line."""

import ast
import contextlib
import dataclasses
import difflib
import inspect
import io
import itertools
import re
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin

import tyro

from experiments.errors import UsageError
from experiments.opened_run import opened_run_id
from rnn_core.config import ConfigError, choices
from rnn_core.vocabulary import visible

if TYPE_CHECKING:
    from rnn_core.training import DivergedError

T = TypeVar("T")

MAX_MESSAGE = 1200
"""The most characters of a message that are printed."""

LISTED = "the flags that --help lists"


def sentences(flags: type) -> dict[str, str]:
    """Return the docstring below each field of a dataclass, its base classes' fields included, as one line each."""
    sentence_of: dict[str, str] = {}
    for base in reversed(inspect.getmro(flags)[:-1]):
        try:
            source = inspect.getsource(base)
        except OSError:  # a class that was made without source code has none
            continue
        (definition,) = ast.parse(textwrap.dedent(source)).body
        body = definition.body if isinstance(definition, ast.ClassDef) else []
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                sentence_of[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return sentence_of


def read_flags(flags: type[T], program: str, arguments: Sequence[str] | None, default: T | None = None) -> T:
    """Read a command line into a dataclass.

    Arguments:
        flags: a dataclass. Each field is a flag, and the docstring below it is the help of the flag.
        program: the name of the program in the help text.
        arguments: the words of the command line; None takes those of this process.
        default: the values of flags that are not given; None takes the defaults of the class.

    Raises:
        ConfigError: a value is not a number where a number is needed.
        UsageError: the command line is wrong in another way.
        SystemExit: the command line asks for help, which has been printed.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _check_words(flags, words)
    _check_numbers(flags, words)
    described = _with_help(flags)
    values = {} if default is None else {"default": described(**vars(default))}
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return flags(**vars(tyro.cli(described, prog=program, args=words, **values)))
    except SystemExit as end:
        if not end.code:  # --help
            raise
        # tyro frames its message in Unicode or, for a terminal without it, in ASCII.
        lines = (line.strip("\u2502| ") for line in errors.getvalue().splitlines())
        message = " ".join(line for line in lines if line and not re.search("[-\u2500]{3}.?$", line))
        message = re.sub(r" For full helptext,.*| \((default: .*|required\))", "", message)
        if missing := re.search(r"Missing from .*?: ([A-Z]+) (.*)", message):
            raise UsageError(f"{missing[1]} is missing; allowed: {missing[2]}") from None
        if stray := re.search(r"Unrecognized options: (\S+)", message):
            raise UsageError(f"{stray.group(1)!r} is not a flag and not the value of one; allowed: {LISTED}") from None
        raise UsageError(message) from None


def _with_help(flags: type) -> Any:
    """Return a dataclass with the same fields, and with each one's sentence and choices for tyro to show.

    tyro would read the sentences by itself, but it keeps the line breaks of the source.
    """
    texts, fields = sentences(flags), []
    for field in dataclasses.fields(flags):
        kind: Any = field.type
        if field.name in texts:
            metavar = "PATH" if field.default is None else None
            if get_origin(kind) is Annotated:  # without a flag, known by its place
                metavar = field.name.upper()
            if field.name in choices():
                metavar = "|".join(choices()[field.name])
            hint = "" if field.default in (None, "", ()) or field.default is False else None
            name = _flag_name(field.name) if field.name.endswith("_") else None
            kind = Annotated[
                kind, tyro.conf.arg(name=name, help=texts[field.name], metavar=metavar, help_behavior_hint=hint)
            ]
        fields.append((field.name, kind, dataclasses.field(default=field.default)))
    described = dataclasses.make_dataclass(flags.__name__, fields, frozen=True)
    paragraphs = inspect.cleandoc(flags.__doc__ or "").split("\n\n")
    described.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return described


def _flag_name(field: str) -> str:
    """Return the name of a field's flag; a field whose name is a word of Python ends with an underscore."""
    return field.rstrip("_").replace("_", "-")


def _check_numbers(flags: type, words: Sequence[str]) -> None:
    """Raise ConfigError for a value that is not a number where a number is needed."""
    kinds: dict[str, Any] = {f"--{_flag_name(field.name)}": field.type for field in dataclasses.fields(flags)}
    for word, next_word in itertools.zip_longest(words, words[1:]):
        name, equals, value = word.partition("=")
        name, value = name.replace("_", "-"), value if equals else next_word
        if kinds.get(name) in (int, float):
            try:
                kinds[name](value)
            except ValueError:
                allowed = "whole numbers" if kinds[name] is int else "numbers"
                raise ConfigError(name[2:].replace("-", "_"), value, allowed) from None


def _check_words(flags: type, words: Sequence[str]) -> None:
    """Raise UsageError for a flag that does not exist, has no value, or is given twice."""
    fields = {f"--{_flag_name(field.name)}": field for field in dataclasses.fields(flags)}
    names = {*fields, "--help", "-h"} | {f"--no-{name[2:]}" for name, field in fields.items() if field.type is bool}
    given: set[str] = set()
    for number, word in enumerate(words):
        if not re.match(r"--?[a-zA-Z]", word):
            continue
        name, equals, _ = word.replace("_", "-").partition("=")
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"there is no flag {word.partition('=')[0]}; allowed: {LISTED}{hint}")
        if name in given:
            hint = ""
            if opened_run_id():  # `mlflow run` passes its own parameters, and adds those it does not know
                hint = f"; under `mlflow run` its name is {name[2:].replace('-', '_')}"
            raise UsageError(f"{name} is given twice; allowed: once{hint}")
        given.add(name)
        takes_value = name in fields and fields[name].type is not bool
        if takes_value and not equals and (number + 1 == len(words) or re.match(r"--([a-z]|$)", words[number + 1])):
            raise UsageError(f"{name} has no value; allowed: {name} VALUE, as --help says")


def with_flags(
    error: "ConfigError | DivergedError",
    names: Mapping[str, str] | None = None,
    from_recipes: Collection[str] = (),
) -> str:
    """Return the message of an error, followed by the flags that change the fields at fault.

    Arguments:
        error: an error that names fields of TrainConfig.
        names: the name of the flag of each field that is not called like its flag, such as a sweep's lists.
        from_recipes: the fields whose values come from a pattern's recipe.
    """
    fields = (error.field,) if isinstance(error, ConfigError) else error.fields
    flags = ", ".join(f"--{(names or {}).get(name, name).replace('_', '-')}" for name in fields)
    recipe = "; the value may be a recipe's, which this flag changes" if set(fields) & set(from_recipes) else ""
    return f"{error} ({flags}){recipe}"


def complain(message: str, exit_status: int) -> int:
    """Print in one line why the program ends, and return its exit status.

    Of a message that quotes something very long, the middle is left out: it begins with what came, and ends with what
    is allowed.
    """
    if len(message) > MAX_MESSAGE:
        message = f"{message[: MAX_MESSAGE // 2]} ... {message[-MAX_MESSAGE // 2 :]}"
    print(f"error: {visible(message)}", file=sys.stderr, flush=True)
    return exit_status
