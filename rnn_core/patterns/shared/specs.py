"""Parsing specs: the text that names a pattern, `family:argument`."""

import difflib
from collections.abc import Mapping

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.base import Pattern


def spec_error(spec: str, allowed: str) -> ConfigError:
    """Return the error for a spec that is not allowed; `allowed` is the end of its message."""
    return ConfigError("pattern", spec, allowed)


def parse_whole_number(spec: str, name: str, text: str, minimum: int, maximum: int, example: str) -> int:
    """Return the whole number that `text` holds.

    Arguments:
        spec: the spec, for the error.
        name: what the number is, for the error.
        text: the part of the spec that should be the number.
        minimum: the smallest number allowed.
        maximum: the largest number allowed.
        example: a valid spec, for the error.

    Raises:
        ConfigError: the text is not a whole number from `minimum` to `maximum`.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not minimum <= int(text) <= maximum:
        raise spec_error(spec, f"{name} from {minimum} to {maximum}, such as {example}, not {text!r}")
    return int(text)


def parse_options(spec: str, argument: str, defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the options `name=value:name=value` at the end of a spec, with `defaults` for those not given.

    Arguments:
        spec: the spec, for the error.
        argument: the options; empty for none.
        defaults: every option that is allowed, with its default.

    Raises:
        ConfigError: an option is not in `defaults`, is given twice, or is not of the form `name=value`.
    """
    given: dict[str, str] = {}
    for option in argument.split(":") if argument else []:
        name, equals, value = option.partition("=")
        if not equals or name not in defaults or name in given:
            shown = ":".join(f"{name}={value}" for name, value in defaults.items())
            raise spec_error(spec, f"options as in {spec.removesuffix(argument)}{shown}, not {option!r}")
        given[name] = value
    return {**defaults, **given}


def family_of(spec: str) -> tuple[type[Pattern], str]:
    """Return the family and the argument of a spec.

    A spec without a colon is a family if one has that name. Otherwise it is an argument of the family that takes bare
    words.

    Raises:
        ConfigError: there is no such family, or the spec looks like a mistyped one.
    """
    name, colon, argument = spec.partition(":")
    (bare,) = (family for family in Pattern.families.values() if family.takes_bare_words)
    if name in Pattern.families and (colon or name != bare.family):
        return Pattern.families[name], argument
    known = sorted(Pattern.families)
    # With a colon, a mistyped family still has its first letter: `count:` is as near to `unit:` as `untis:` is.
    alike = [family for family in known if not colon or family[0] == name[:1].lower()]
    similar = difflib.get_close_matches(name.lower(), alike, n=1, cutoff=0.6 if colon else 0.75)
    if not colon and (not similar or len(spec) < 4):
        return bare, spec
    hint = f"; did you mean {similar[0]}?" if similar else ""
    escape = f"{bare.family}:... for a motif with a colon" if colon else f"{bare.family}:{spec} for the motif {spec}"
    raise ConfigError("pattern", spec, f"the families {', '.join(known)}; {escape}{hint}")


def parse(spec: str) -> Pattern:
    """Return the pattern that `spec` names.

    Example:
        >>> parse("abc").training_text(length=7, data_seed=0)
        'abcabca'

    Raises:
        ConfigError: there is no such family, or the family does not allow the argument.
    """
    family, argument = family_of(spec)
    return family.from_argument(argument)


def is_former_spec(spec: str) -> bool:
    """Return whether a recorded spec drew other data when it was recorded; see `Pattern.former_arguments`.

    Arguments:
        spec: the canonical spec of a recorded run. No file that it names is read.
    """
    family, _, argument = spec.partition(":")
    return family in Pattern.families and argument in Pattern.families[family].former_arguments
