"""The grid of a sweep: a list of values for fields of TrainConfig, and the runs of all their combinations."""

import dataclasses
import itertools
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.commands import PLURALS
from experiments.errors import UsageError
from rnn_core.config import ConfigError, TrainConfig, shown
from rnn_core.files import read_whole_file, why_not_read
from rnn_core.patterns import Pattern, parse
from rnn_core.vocabulary import visible

FIELDS: dict[str, Any] = dataclasses.asdict(TrainConfig())
"""The default of each field of TrainConfig."""

DEFAULT_SEEDS = "10"
"""The seeds of a sweep for which none are given: 0 to 9."""

MAX_RUNS = 100_000
"""The most runs of a sweep, and the most of its seeds; preparing so many takes a quarter of a minute."""

MAX_PARAMETERS = 10**9
"""The most parameters to which the hidden size is fitted."""

MAX_FILE_BYTES = 10**7
"""The largest TOML file, in bytes."""

MAX_LISTED = 6
"""The most values of a field that the name of a sweep lists in full."""

MAX_TEXT = 60
"""The most characters of a value that the name of a sweep shows."""


@dataclass(frozen=True)
class RunRequest:
    """One run that a sweep asks for.

    Attributes:
        config: the config before its zeros are resolved.
        recipe: those of its fields that were not given and come from the pattern's recipe, with their values.
    """

    config: TrainConfig
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """The runs of a sweep: every combination of values, with every seed.

    Attributes:
        values: the values of each field that was given, except the seed. All other fields have the value of the
            pattern's recipe or, if it has none, the default.
        seeds: the seeds.
        parameters: the number of parameters to which the hidden size of each net is fitted; 0 for no such fit.
        patterns: the patterns that have been parsed, by spec.
    """

    values: Mapping[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    parameters: int = 0
    patterns: Mapping[str, Pattern] = field(default_factory=dict, compare=False)

    @property
    def swept(self) -> tuple[str, ...]:
        """The fields with more than one value, except the seed."""
        return tuple(name for name, values in self.values.items() if len(values) > 1)

    def runs(self) -> list[RunRequest]:
        """Return every run; those that differ only in the seed stand one after the other.

        Raises:
            ConfigError: a combination of values is not allowed. The error names the field, not the list of its values.
            UsageError: there are more than MAX_RUNS.
        """
        other_values = {name: values for name, values in self.values.items() if name != "pattern"}
        lists = [(PLURALS[name], len(values)) for name, values in self.values.items()] + [("seeds", len(self.seeds))]
        count = math.prod(length for _, length in lists)
        if count > MAX_RUNS:
            product = " x ".join(f"{length} {name}" for name, length in lists if length > 1)
            raise UsageError(f"the grid has {count} runs ({product}); allowed: at most {MAX_RUNS} in one sweep")
        runs = []
        for pattern in self.values.get("pattern", (FIELDS["pattern"],)):
            source = self.patterns.get(pattern) or parse(pattern)
            recipe = {name: value for name, value in source.recipe.items() if name not in other_values}
            if self.parameters:
                recipe.pop("hidden_size", None)
            for combination in itertools.product(*other_values.values()):
                fields = recipe | dict(zip(other_values, combination, strict=True))
                if self.parameters:
                    fields["hidden_size"] = self._hidden_size(source, TrainConfig(pattern=pattern, **fields))
                runs += [RunRequest(TrainConfig(pattern=pattern, seed=seed, **fields), recipe) for seed in self.seeds]
        return runs

    def _hidden_size(self, pattern: Pattern, config: TrainConfig) -> int:
        """Return the hidden size with which a net has about `parameters` parameters.

        Raises:
            UsageError: even the nearest size is off by more than half.
        """
        from rnn_core.nets.charrnn import nearest_hidden_size, parameter_count

        inputs, outputs = len(pattern.alphabet), len(pattern.outputs)
        shape = config.cell, config.layers, config.encoding, outputs
        size = nearest_hidden_size(self.parameters, inputs, *shape)
        if abs((count := parameter_count(inputs, size, *shape)) - self.parameters) > self.parameters / 2:
            raise UsageError(
                f"parameters is {self.parameters}, but the nearest net of {config.cell} for {pattern.spec} has "
                f"{count} (hidden_size {size}); allowed: numbers from {-(-2 * count // 3)} on (--parameters)"
            )
        return size

    def fitted(self) -> list[str]:
        """Return a line for each shape of net whose hidden size was fitted: the size, and the parameters."""
        from rnn_core.nets.charrnn import parameter_count

        lines = []
        for request in self.runs() if self.parameters else []:
            config, pattern = request.config, self.patterns.get(request.config.pattern) or parse(request.config.pattern)
            shape = config.hidden_size, config.cell, config.layers, config.encoding
            count = parameter_count(len(pattern.alphabet), *shape, len(pattern.outputs))
            layers = f" of {config.layers} layers" if config.layers > 1 else ""
            where = f"{visible(pattern.short_name)}, {config.encoding}, {config.cell}{layers}"
            lines.append(f"{where}: hidden_size {config.hidden_size}, {count} parameters")
        return list(dict.fromkeys(lines))

    def text(self) -> str:
        """Return the grid as the text of a TOML file that `read_grid` reads."""
        lists: dict[str, Any] = {PLURALS[name]: list(values) for name, values in self.values.items()}
        lists["seeds"] = list(self.seeds)
        # A JSON list of strings and numbers is also a TOML list, except that TOML wants DEL escaped.
        lists |= {"parameters": self.parameters} if self.parameters else {}
        rows = (f"{name} = {json.dumps(values, ensure_ascii=False)}\n" for name, values in lists.items())
        return "".join(rows).replace("\x7f", "\\u007f")

    def params(self) -> dict[str, str]:
        """Return each list by its name, as a person would type it."""
        lists = {PLURALS[name]: ",".join(map(str, values)) for name, values in self.values.items()}
        lists |= {"parameters": str(self.parameters)} if self.parameters else {}
        return lists | {"seeds": _seeds_text(self.seeds)}

    def title(self) -> str:
        """Return the name of the sweep: the values that all runs share, then those that differ.

        Example:
            >>> read_grid({"patterns": "abcabd", "cells": "gru", "hidden_sizes": "2,4,8", "seeds": "10"}, None).title()
            'abcabd gru: hidden 2, 4, 8 x 10 seeds'
        """
        values: dict[str, tuple[Any, ...]] = {"pattern": (FIELDS["pattern"],), **self.values}
        shared = []
        for name, (value, *more_values) in values.items():
            if not more_values:
                text = self._text(name, value)
                shared.append(text if name in ("pattern", "cell") else f"{_short(name)} {text}")
        if self.parameters:
            shared.append(f"about {self.parameters} parameters")
        swept = [f"{_short(name)} {self._list(name)}" for name in self.swept]
        swept.append(f"{len(self.seeds)} seed{'s' * (len(self.seeds) != 1)}")
        return ": ".join(filter(None, (" ".join(shared), " x ".join(swept))))

    def _text(self, name: str, value: Any) -> str:
        text = self.patterns[value].short_name if name == "pattern" and value in self.patterns else str(value)
        return visible(text)[:MAX_TEXT]

    def _list(self, name: str) -> str:
        """Return the values of a field; if there are more than MAX_LISTED, the first, the last and their number."""
        texts = [self._text(name, value) for value in self.values[name]]
        if len(texts) <= MAX_LISTED:
            return ", ".join(texts)
        return f"{', '.join(texts[: MAX_LISTED - 2])} ... {texts[-1]} ({len(texts)})"


def _short(name: str) -> str:
    """Return the short form of a field's name, such as "hidden"."""
    return name.removesuffix("_size").replace("_", " ")


def read_grid(flags: Mapping[str, str], file: Path | None, parameters: int = 0) -> Grid:
    """Read a grid from flags and a TOML file; a list that both give is the flag's.

    Arguments:
        flags: by the name of a list its values, separated by commas; empty for a flag that was not given.
        file: a TOML file with the same names. A value is a list, a single value, or a text as for a flag.
        parameters: see Grid; 0 takes the number `parameters` of the file.

    Raises:
        ConfigError: a value is not allowed for its field.
        UsageError: the file cannot be read, or holds an unknown name.
    """
    given: dict[str, Any] = {} if file is None else _read_file(file)
    parameters = _parameters(parameters or given.pop("parameters", 0))
    given |= {plural: text for plural, text in flags.items() if text}
    values = {
        name: _values(name, given[plural]) for name, plural in PLURALS.items() if plural in given and name != "seed"
    }
    try:
        patterns = {pattern.spec: pattern for pattern in map(parse, values.get("pattern", ()))}
    except ConfigError as error:
        # A part so short is probably one of a pattern that a comma has cut in two.
        if not isinstance(given["patterns"], str) or "," not in given["patterns"] or len(str(error.came)) > 1:
            raise
        hint = f"{error.allowed}; a comma separates patterns: one that holds a comma goes into a file for --grid"
        raise ConfigError("pattern", error.came, hint) from None
    if patterns:  # a spec names a file by its whole path, so that it means the same from any folder
        values["pattern"] = tuple(patterns)
    if parameters and "hidden_size" in values:
        raise ConfigError("hidden_sizes", given["hidden_sizes"], "nothing beside --parameters, which fits the size")
    return Grid(values, _seeds(given.get("seeds", DEFAULT_SEEDS)), parameters, patterns)


def _read_file(file: Path) -> dict[str, Any]:
    """Return what a TOML file gives, by the name of a list; raise UsageError if it is none, or has other names."""
    try:
        # Some editors write a byte order mark.
        given = tomllib.loads(read_whole_file(file, MAX_FILE_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"grid {file}: {error.strerror or error} (--grid)") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, too many digits, or nested too deep
        raise UsageError(f"grid {file} is not TOML: {why_not_read(error)} (--grid)") from None
    allowed = (*PLURALS.values(), "parameters")
    for name in given:
        if name not in allowed:
            raise UsageError(f"grid {file} holds {name!r}; allowed: {', '.join(allowed)} (--grid)")
    return given


def _values(name: str, given: Any) -> tuple[Any, ...]:
    """Return the values of a field in the field's type, without repetitions, in the order given."""
    parts: Sequence[Any] = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
    field_type = type(FIELDS[name])
    allowed = {int: "whole numbers", float: "numbers", str: "values"}[field_type]
    try:
        if not parts or any(part == "" or isinstance(part, (bool, dict, list)) for part in parts):
            raise ValueError
        # A file's 1.5 is not made a whole number, and its 16 is not made a text; a whole number is a number.
        types = (str, int, float) if field_type is float else (str, field_type)
        if not all(isinstance(part, types) for part in parts):
            raise ValueError
        return tuple(dict.fromkeys(field_type(part) for part in parts))
    except (ValueError, OverflowError):  # OverflowError: a whole number that no float can hold
        raise ConfigError(PLURALS[name], given, f"one or more {allowed}, separated by commas") from None


def _parameters(given: Any) -> int:
    """Return a number of parameters, 0 for none; raise ConfigError if it is none."""
    if type(given) is not int or not 0 <= given <= MAX_PARAMETERS:
        raise ConfigError("parameters", given, f"whole numbers from 0 to {MAX_PARAMETERS}; 0 fits no hidden size")
    return given


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds of a count such as 10, of a range such as 40-49, or of a list in a file."""
    seeds: Sequence[int] = ()
    if isinstance(given, list):
        seeds = given if all(type(seed) is int and 0 <= seed < 2**63 for seed in given) else ()
    elif numbers := re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", given if isinstance(given, str) else shown(given)):
        first, last = (0, int(numbers[1]) - 1) if numbers[2] is None else (int(numbers[1]), int(numbers[2]))
        seeds = range(first, last + 1)
    if not 0 < len(seeds) <= MAX_RUNS:
        allowed = f"a count such as 10 (the seeds 0 to 9), or a range such as 40-49; 1 to {MAX_RUNS} seeds"
        raise ConfigError("seeds", given, allowed)
    return tuple(dict.fromkeys(seeds))


def _seeds_text(seeds: Sequence[int]) -> str:
    """Return seeds as a person would type them: a count, a range, or a list."""
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return str(len(seeds)) if seeds[0] == 0 else f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))
