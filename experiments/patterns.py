"""Show the families of patterns: what each is, a sample, its floor, and the recipe that learns it."""

import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Annotated

import tyro

from experiments.descriptions import fields_in_words
from experiments.errors import UsageError
from experiments.flags import complain, read_flags
from rnn_core.config import ConfigError
from rnn_core.patterns import Pattern, parse
from rnn_core.vocabulary import visible

WIDTH = 60
"""Characters of a sample in the list."""

NO_RECIPE = "none: TrainConfig's defaults"


@dataclass(frozen=True)
class Flags:
    """List the families of patterns, or show one pattern in full."""

    pattern: Annotated[str, tyro.conf.Positional] = ""
    """A family such as `reber`, or a spec such as `dyck:3:depth=5`; nothing lists all families."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Show patterns; return the exit status: 0, or 2 for bad input."""
    try:
        asked = read_flags(Flags, "python -m experiments.patterns", arguments).pattern
        if asked:
            family = Pattern.families.get(asked)
            show(parse(asked if family is None or family.needs_file else family.example))
        else:
            list_families()
    except (ConfigError, UsageError) as error:
        return complain(str(error), 2)
    except BrokenPipeError:  # the reader has seen enough
        sys.stdout = None
    return 0


def list_families() -> None:
    """Print what there is."""
    for family in Pattern.families.values():
        print(family.family)
        if family.needs_file:
            rows, recipe = [("is", (inspect.getdoc(family) or "").split("\n")[0])], family.recipe
        else:
            pattern = parse(family.example)
            rows, recipe = list_rows(pattern), pattern.recipe
        _print_rows([("spec", family.example), *rows, ("recipe", fields_in_words(recipe) or NO_RECIPE)])


def list_rows(pattern: Pattern) -> list[tuple[str, str]]:
    """Return what the list says of a pattern, as name and words.

    Of a transducer also `says`, what is said after each character of the sample above it, and its outputs.
    """
    sample = pattern.sample(WIDTH, Random(0))
    rows = [("is", pattern.description), ("sample", visible(sample)[:WIDTH])]
    if not pattern.predicts_next:
        rows.append(("says", visible(pattern.inputs_and_targets(sample)[1])[:WIDTH]))
    rows.append(("alphabet", _characters(pattern.alphabet)))
    if not pattern.predicts_next:
        rows.append(("outputs", _characters(pattern.outputs)))
    return [*rows, ("floor", floor_words(pattern))]


def _characters(alphabet: str) -> str:
    return f"{visible(alphabet)[:WIDTH]} ({len(alphabet)} characters)"


def floor_words(pattern: Pattern) -> str:
    """Return the floor of a pattern's test in words."""
    loss = pattern.oracle_loss(pattern.evaluation(pattern.default_length, data_seed=0))
    return "nobody knows it" if loss is None else f"{loss:.4f} nats per character on its test (data_seed 0)"


def show(pattern: Pattern) -> None:
    """Print all there is to know of one pattern."""
    print(pattern.spec)
    print("\n".join(f"  {line}".rstrip() for line in (inspect.getdoc(pattern) or "").splitlines()))
    length = pattern.default_length
    evaluation = pattern.evaluation(length, data_seed=0)
    text = pattern.training_text(length, data_seed=0)
    rows = list_rows(pattern)[1:]
    if pattern.mark:
        predicted = "; the one after it is predicted" if pattern.predicts_next else ""
        rows.append(("mark", f"{pattern.mark} stands before and after each string{predicted}"))
    scored = pattern.scored(text)
    if scored is not None:
        rows.append(("scored", f"{scored.sum() / len(scored):.1%} of the characters: the others are only read"))
    rows.append(("training", f"{length} characters unless --length says otherwise"))
    drawn = ", drawn anew for each --data-seed" if pattern.random else ""
    answers = "predictions" if pattern.predicts_next else "characters to say something after"
    rows.append(("test", f"{len(evaluation.text) - evaluation.start} {answers}{drawn}"))
    ranges = pattern.ranges(text)
    cases = pattern.cases(evaluation, text, data_seed=0)
    for measure, of_it in groupby(sorted(cases, key=lambda case: case.measure), key=lambda case: case.measure):
        sizes = [case.size for case in of_it]
        least, most = ranges[measure]
        trained = f"trained on {least} to {most}, {len(sizes)} cases judged from {min(sizes)} to {max(sizes)}"
        rows.append((measure.replace("_", " "), trained))
    if pattern.oracle is not None:
        prefix = text[: max(1, min(8, len(text) - 1))]
        after = ", ".join(f"{visible(c)} {p:.3g}" for c, p in pattern.oracle.next_distribution(prefix).items() if p > 0)
        rows.append(("oracle", f"after {visible(prefix)} come {after[:300]}"))
    rows.append(("recipe", fields_in_words(pattern.recipe) or NO_RECIPE))
    rows.append(("train it", f"python -m experiments.train --pattern '{pattern.spec}'"))
    _print_rows(rows)


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows) + 1
    for name, words in rows:
        print(f"  {name:<{width}} {words}")
    print()


if __name__ == "__main__":
    sys.exit(main())
