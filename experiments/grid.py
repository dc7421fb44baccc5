"""The grid of a sweep: lists of values for the fields of TrainConfig, and the configs that they make."""

import dataclasses
import itertools
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.commands import PLURALS
from experiments.errors import UsageError
from rnn_core.config import ConfigError, TrainConfig
from rnn_core.patterns import Pattern, parse
from rnn_core.vocabulary import visible

FIELDS: dict[str, Any] = dataclasses.asdict(TrainConfig())

DEFAULT_SEEDS = "10"
MAX_SEEDS = 1_000_000

MAX_LISTED = 6
"""Values of a field that the name of a sweep lists."""

MAX_TEXT = 60
"""Characters of a value that the name of a sweep shows."""


@dataclass(frozen=True)
class RunRequest:
    """One run that a sweep asks for.

    Attributes:
        config: the TrainConfig before its zeros are resolved.
        recipe: the fields of it that nobody said and the pattern's recipe gave, with their values.
    """

    config: TrainConfig
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """What a sweep asks for.

    Attributes:
        values: for each field that was said, but for the seed, its values; the others keep the default of a single run,
            or what the pattern's recipe says.
        seeds: every setting is trained once with each.
        patterns: the patterns among `values` that have been parsed, by spec.
    """

    values: Mapping[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    patterns: Mapping[str, Pattern] = field(default_factory=dict, compare=False)

    @property
    def swept(self) -> tuple[str, ...]:
        """The fields that have more than one value, but for the seed."""
        return tuple(name for name, values in self.values.items() if len(values) > 1)

    def runs(self) -> list[RunRequest]:
        """Return every run, the seeds of a setting one after the other.

        Raises:
            ConfigError: some combination of values is not allowed; it names the field, not the sweep's list of it.
        """
        others = {name: values for name, values in self.values.items() if name != "pattern"}
        runs = []
        for pattern in self.values.get("pattern", (FIELDS["pattern"],)):
            given = (self.patterns.get(pattern) or parse(pattern)).recipe
            recipe = {name: value for name, value in given.items() if name not in others}
            for combination in itertools.product(*others.values()):
                fields = recipe | dict(zip(others, combination, strict=True))
                runs += [RunRequest(TrainConfig(pattern=pattern, seed=seed, **fields), recipe) for seed in self.seeds]
        return runs

    def text(self) -> str:
        """Return the grid as the TOML of a grid's file."""
        lists = {PLURALS[name]: list(values) for name, values in self.values.items()} | {"seeds": list(self.seeds)}
        # A JSON list of strings and numbers is a TOML list, but that TOML wants DEL escaped.
        rows = (f"{name} = {json.dumps(values, ensure_ascii=False)}\n" for name, values in lists.items())
        return "".join(rows).replace("\x7f", "\\u007f")

    def params(self) -> dict[str, str]:
        """Return the lists as a person would type them, by their names."""
        said = {PLURALS[name]: ",".join(map(str, values)) for name, values in self.values.items()}
        return said | {"seeds": _seeds_text(self.seeds)}

    def title(self) -> str:
        """Return the name of the sweep: what all runs share, then the values that are swept.

        Example:
            >>> read_grid({"patterns": "abcabd", "cells": "gru", "hidden_sizes": "2,4,8", "seeds": "10"}, None).title()
            'abcabd gru: hidden 2, 4, 8 x 10 seeds'
        """
        values: dict[str, tuple[Any, ...]] = {"pattern": (FIELDS["pattern"],), **self.values}
        held = []
        for name, (value, *others) in values.items():
            if not others:
                text = self._text(name, value)
                held.append(text if name in ("pattern", "cell") else f"{_short(name)} {text}")
        swept = [f"{_short(name)} {self._list(name)}" for name in self.swept]
        swept.append(f"{len(self.seeds)} seed{'s' * (len(self.seeds) != 1)}")
        return ": ".join(filter(None, (" ".join(held), " x ".join(swept))))

    def _text(self, name: str, value: Any) -> str:
        text = self.patterns[value].short_name if name == "pattern" and value in self.patterns else str(value)
        return visible(text)[:MAX_TEXT]

    def _list(self, name: str) -> str:
        """Return the values of a swept field; of more than MAX_LISTED the first ones, the last one and how many."""
        texts = [self._text(name, value) for value in self.values[name]]
        if len(texts) <= MAX_LISTED:
            return ", ".join(texts)
        return f"{', '.join(texts[: MAX_LISTED - 2])} ... {texts[-1]} ({len(texts)})"


def _short(name: str) -> str:
    """Return what the name of a sweep calls a field."""
    return name.removesuffix("_size").replace("_", " ")


def read_grid(said: Mapping[str, str], file: Path | None) -> Grid:
    """Read a grid from flags and a TOML file; a flag goes before the file.

    Arguments:
        said: by plural what a flag says, values separated by commas; empty where it says nothing.
        file: a TOML file with the same names, whose values are lists, single values, or text as flags have it.

    Raises:
        ConfigError, UsageError: a name is unknown, or a value not one of its field's.
    """
    given: dict[str, Any] = {} if file is None else _read_file(file)
    given |= {plural: text for plural, text in said.items() if text}
    values = {
        name: _values(name, given[plural]) for name, plural in PLURALS.items() if plural in given and name != "seed"
    }
    patterns = {pattern.spec: pattern for pattern in map(parse, values.get("pattern", ()))}
    if patterns:  # as the runs name them: from any folder
        values["pattern"] = tuple(patterns)
    return Grid(values, _seeds(given.get("seeds", DEFAULT_SEEDS)), patterns)


def _read_file(file: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"grid {file}: {error.strerror or error} (--grid)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"grid {file} is not TOML: {error} (--grid)") from None
    for name in given:
        if name not in PLURALS.values():
            raise UsageError(f"grid {file} holds {name!r}; allowed: {', '.join(PLURALS.values())} (--grid)")
    return given


def _values(name: str, given: Any) -> tuple[Any, ...]:
    """Return the values of a field, as the field's type, each once and in the order given."""
    parts: Sequence[Any] = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
    kind = type(FIELDS[name])
    what = {int: "whole numbers", float: "numbers", str: "values"}[kind]
    try:
        if not parts or any(part == "" or isinstance(part, (bool, dict, list)) for part in parts):
            raise ValueError
        # Of a file's 1.5 no whole number is made, of its 16 no text.
        if any(not isinstance(part, str | kind) and not (kind is float and isinstance(part, int)) for part in parts):
            raise ValueError
        return tuple(dict.fromkeys(kind(part) for part in parts))
    except ValueError:
        raise ConfigError(PLURALS[name], given, f"one or more {what}, separated by commas") from None


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds that a count such as 10, a range such as 40-49, or in a file a list stands for."""
    seeds: Sequence[int] = ()
    if isinstance(given, list):
        seeds = given if all(type(seed) is int and 0 <= seed < 2**63 for seed in given) else ()
    elif whole := re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", str(given)):
        first, last = (0, int(whole[1]) - 1) if whole[2] is None else (int(whole[1]), int(whole[2]))
        seeds = range(first, last + 1)
    if not 0 < len(seeds) <= MAX_SEEDS:
        allowed = f"a count such as 10 (the seeds 0 to 9), or a range such as 40-49; 1 to {MAX_SEEDS} seeds"
        raise ConfigError("seeds", given, allowed)
    return tuple(dict.fromkeys(seeds))


def _seeds_text(seeds: Sequence[int]) -> str:
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return str(len(seeds)) if seeds[0] == 0 else f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))
