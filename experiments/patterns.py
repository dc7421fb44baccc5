"""The command that lists the families of patterns, or shows one pattern: a sample, its floor, what learns it."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Annotated

import tyro

from experiments.descriptions import fields_in_words
from experiments.errors import UsageError
from experiments.flags import complain, read_flags
from experiments.output import run_program
from rnn_core.config import ConfigError
from rnn_core.patterns import Pattern, parse
from rnn_core.vocabulary import visible

WIDTH = 60
"""The most characters of a sample that are shown."""

NO_RECIPE = "none: TrainConfig's defaults"


@dataclass(frozen=True)
class Flags:
    """List the families of patterns, or show one pattern in full."""

    pattern: Annotated[str, tyro.conf.Positional] = ""
    """A family such as `reber`, or a spec such as `dyck:3:depth=5`. Without it, each family has one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the list or one pattern; return the exit status: 0, or 2 for bad input."""
    try:
        spec = read_flags(Flags, "python -m experiments.patterns", arguments).pattern
        if spec:
            family = Pattern.families.get(spec)
            show(parse(spec if family is None or family.needs_file else family.example))
        else:
            list_families()
    except (ConfigError, UsageError) as error:
        return complain(str(error), 2)
    return 0


def list_families() -> None:
    """Print one line for each family, its example and what that is, and how to see more of one."""
    width = max(len(family.example) for family in Pattern.families.values())
    for family in Pattern.families.values():
        what = inspect.getdoc(family) if family.needs_file else parse(family.example).description
        print(f"{family.example:<{width}}  {(what or '').splitlines()[0]}")
    print("\nOne in full, with a sample, its floor and its recipe: python -m experiments.patterns PATTERN")


def first_rows(pattern: Pattern) -> list[tuple[str, str]]:
    """Return the first lines that show a pattern, each as its name and its text.

    A transducer also has `says`, the symbol that follows each character of the sample, and `outputs`.
    """
    sample = pattern.sample(WIDTH, Random(0))
    rows = [("sample", visible(sample)[:WIDTH])]
    if not pattern.predicts_next:
        rows.append(("says", visible(pattern.inputs_and_targets(sample)[1])[:WIDTH]))
    rows.append(("alphabet", _characters(pattern.alphabet)))
    if not pattern.predicts_next:
        rows.append(("outputs", _characters(pattern.outputs)))
    return [*rows, ("floor", floor_text(pattern))]


def _characters(alphabet: str) -> str:
    """Return an alphabet, cut to WIDTH characters, with its size."""
    return f"{visible(alphabet)[:WIDTH]} ({len(alphabet)} characters)"


def floor_text(pattern: Pattern) -> str:
    """Return the floor of a pattern's test as text."""
    loss = pattern.oracle_loss(pattern.evaluation(pattern.default_length, data_seed=0))
    return "not known" if loss is None else f"{loss:.4f} nats per character on its test (data_seed 0)"


def show(pattern: Pattern) -> None:
    """Print everything about one pattern."""
    print(pattern.spec)
    print("\n".join(f"  {line}".rstrip() for line in (inspect.getdoc(pattern) or "").splitlines()))
    length = pattern.default_length
    evaluation = pattern.evaluation(length, data_seed=0)
    text = pattern.training_text(length, data_seed=0)
    rows = first_rows(pattern)
    if pattern.note:
        rows.append(("note", visible(pattern.note)))
    if pattern.mark:
        after = " and after each string; the one after it is predicted" if pattern.predicts_next else " each string"
        rows.append(("mark", f"{visible(pattern.mark)} stands before{after}"))
    scored = pattern.scored(text)
    if scored is not None:
        rows.append(("scored", f"{scored.sum() / len(scored):.1%} of the characters: the others are only read"))
    rows.append(("training", f"{length} characters unless --length says otherwise"))
    drawn = ", drawn anew for each --data-seed" if pattern.random else ""
    what = "predictions" if pattern.predicts_next else "characters to say something after"
    rows.append(("test", f"{len(evaluation.text) - evaluation.start} {what}{drawn}"))
    ranges = pattern.ranges(text)
    cases = pattern.cases(evaluation, text, data_seed=0)
    for measure, its_cases in groupby(sorted(cases, key=lambda case: case.measure), key=lambda case: case.measure):
        sizes = [case.size for case in its_cases]
        smallest, largest = ranges[measure]
        trained = f"trained on {smallest} to {largest}, {len(sizes)} cases judged from {min(sizes)} to {max(sizes)}"
        rows.append((measure.replace("_", " "), trained))
    if pattern.oracle is not None:
        prefix = text[: max(1, min(8, len(text) - 1))]
        possible = ", ".join(
            f"{visible(c)} {p:.3g}" for c, p in pattern.oracle.next_distribution(prefix).items() if p > 0
        )
        rows.append(("oracle", f"after {visible(prefix)} come {possible[:300]}"))
    rows.append(("recipe", fields_in_words(pattern.recipe) or NO_RECIPE))
    rows.append(("train it", f"python -m experiments.train --pattern '{pattern.spec}'"))
    _print_rows(rows)


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print a line for each name and its text, and an empty line."""
    width = max(len(name) for name, _ in rows) + 1
    for name, text in rows:
        print(f"  {name:<{width}} {text}")
    print()


if __name__ == "__main__":
    run_program(main, only_prints=True)
