"""What holds for every family: a new file in rnn_core/patterns/ is tested here without any change."""

import dataclasses
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.patterns import Pattern, parse
from rnn_core.patterns.counting import Counting
from rnn_core.patterns.motif import Motif
from rnn_core.patterns.shared.strings import Strings, split_strings
from rnn_core.patterns.tomita import LANGUAGES

LENGTH = 3000
"""Characters to train on, enough for every kind of case."""

MAX_CASES = 40
"""Cases of a family that are read by its oracle; some families have a thousand."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "tale.txt"
    path.write_text("".join(Random(1).choices("to be or not\n", k=30_000)))
    return path


@pytest.fixture(scope="module", params=sorted(Pattern.families))
def pattern(request: pytest.FixtureRequest, file: Path) -> Pattern:
    """The example of each family; a PATH in it is that of a file."""
    return parse(Pattern.families[request.param].example.replace("PATH", str(file)))


@pytest.fixture(
    scope="module", params=sorted(name for name, family in Pattern.families.items() if issubclass(family, Strings))
)
def strings(request: pytest.FixtureRequest) -> Strings:
    """The example of each family whose strings end."""
    pattern = parse(Pattern.families[request.param].example)
    assert isinstance(pattern, Strings)
    return pattern


@pytest.fixture(scope="module")
def large(pattern: Pattern) -> str:
    return pattern.sample(20_000, Random("large"))


def refusal(spec: str) -> str:
    """Return what is allowed instead of a spec, from the one-line message with which it is refused."""
    with pytest.raises(ConfigError) as caught:
        parse(spec)
    message = str(caught.value)
    assert caught.value.field == "pattern"
    assert message.startswith("pattern is ")
    assert "\n" not in message
    return message.partition("; allowed: ")[2]


def spread(items: list, most: int) -> list:
    """Return at most about `most` of a list, evenly spread, the last among them."""
    return items[:: -max(1, len(items) // most)]


def test_every_family_is_the_one_its_example_names(pattern: Pattern) -> None:
    assert type(pattern) is Pattern.families[pattern.family]


def test_a_spec_names_the_same_pattern_again(pattern: Pattern) -> None:
    again = parse(pattern.spec)
    assert type(again) is type(pattern)
    assert again.spec == pattern.spec
    assert again.alphabet == pattern.alphabet
    assert again.training_text(500, data_seed=3) == pattern.training_text(500, data_seed=3)


def test_a_family_that_needs_a_file_has_no_example_by_itself(pattern: Pattern, file: Path) -> None:
    assert pattern.needs_file == ("PATH" in pattern.example) == (str(file) in pattern.spec)


def test_a_short_name_is_the_spec_with_no_more_of_a_path_than_the_last_folder(pattern: Pattern, file: Path) -> None:
    assert pattern.short_name == pattern.spec.replace(str(file), f"{file.parent.name}/{file.name}")


def test_texts_of_one_name_differ_by_their_folders_in_their_short_names(tmp_path: Path) -> None:
    names = []
    for folder in ("plays", "tales"):
        path = tmp_path / folder / "input.txt"
        path.parent.mkdir()
        path.write_text("to be or not to be")
        names.append(parse(f"text:{path}").short_name)
    assert names == ["text:plays/input.txt", "text:tales/input.txt"]


def test_a_period_is_the_least_after_which_a_stream_repeats_itself(pattern: Pattern, large: str) -> None:
    repeating = [lag for lag in range(1, 100) if large[lag:] == large[:-lag]]
    assert pattern.period == min(repeating, default=None)
    assert pattern.motif == (large[: repeating[0]] if repeating else None)


def test_the_start_of_a_test_ends_with_it_unless_the_stream_repeats_for_ever(pattern: Pattern) -> None:
    evaluation = pattern.evaluation(500, data_seed=0)
    whole = len(evaluation.text)
    for length in (1, 7, whole - 1, whole):
        assert pattern.start_of_test(evaluation, length) == evaluation.text[:length]
    longer = pattern.start_of_test(evaluation, whole + 50)
    assert longer[:whole] == evaluation.text
    assert longer == (pattern.sample(whole + 50, Random(0)) if pattern.period else evaluation.text)


@pytest.mark.parametrize(("unit", "motif"), [("abab", "ab"), ("abaaba", "aba"), ("aab", "aab"), ("abcabd", "abcabd")])
def test_a_motif_is_the_shortest_string_that_is_repeated(unit: str, motif: str) -> None:
    pattern = parse(unit)
    assert (pattern.motif, pattern.period) == (motif, len(motif))


def test_a_description_is_one_sentence(pattern: Pattern) -> None:
    assert re.fullmatch(r"[^\n]{20,}\.", pattern.description)
    assert not re.search(r"[.!?] +[A-Z]", pattern.description), "one sentence, not two"
    assert "  " not in pattern.description


def test_a_family_shows_a_worked_example(pattern: Pattern) -> None:
    assert re.search(r"\n +>>> .+\n +[^> ]", type(pattern).__doc__ or "")


def test_a_recipe_is_settings_to_train_with(pattern: Pattern) -> None:
    assert set(pattern.recipe) <= {field.name for field in dataclasses.fields(TrainConfig)} - {"pattern"}
    config = TrainConfig(pattern=pattern.spec, **pattern.recipe)
    assert {name: getattr(config, name) for name in pattern.recipe} == dict(pattern.recipe)


def test_a_spec_may_have_a_recipe_of_its_own() -> None:
    usual = parse("anbn").recipe
    assert parse("anbn:uniform=099").recipe == parse("anbn:uniform=99").recipe != usual
    assert parse("anbn:uniform=98").recipe == parse("anbncn:uniform=99").recipe == usual


def test_defaults_can_be_had(pattern: Pattern) -> None:
    pattern.check_length(pattern.default_length)
    assert pattern.default_window >= 0


@pytest.mark.parametrize("length", [0, 1])
def test_less_than_two_characters_are_refused(pattern: Pattern, length: int) -> None:
    with pytest.raises(ConfigError, match=rf"^length is {length}; allowed: "):
        pattern.check_length(length)


def test_the_alphabet_is_what_can_come(pattern: Pattern, large: str) -> None:
    assert pattern.alphabet == "".join(sorted(set(pattern.alphabet)))
    assert set(large) == set(pattern.alphabet)
    if pattern.oracle is not None:
        assert pattern.oracle.vocabulary.characters == pattern.alphabet


@given(length=st.integers(10, 300), data_seed=st.integers(0, 5))
def test_a_sample_has_the_length_asked_for(pattern: Pattern, length: int, data_seed: int) -> None:
    text = pattern.training_text(length, data_seed)
    assert set(text) <= set(pattern.alphabet)
    if not pattern.mark:
        assert len(text) == length
        return
    end = pattern.mark if pattern.predicts_next else ""
    strings = text.removeprefix(pattern.mark).removesuffix(end).split(pattern.mark)
    assert text == "".join(pattern.mark + string for string in strings) + end
    if isinstance(pattern, Strings):
        assert (pattern.strings_of(text), pattern.text_of(strings)) == (strings, text)
    steps = [len(string) + 1 for string in strings]
    assert sum(steps) >= length > sum(steps[:-1]), "whole strings, and no more of them than needed"


def test_samples_depend_on_the_seed_alone(pattern: Pattern) -> None:
    texts = [pattern.training_text(500, data_seed) for data_seed in range(5)]
    Random(0).random()
    assert texts == [pattern.training_text(500, data_seed) for data_seed in range(5)]
    assert len(set(texts)) == (5 if pattern.random else 1)


def test_the_test_is_a_draw_of_its_own(pattern: Pattern) -> None:
    first, again, other = (pattern.evaluation(500, data_seed) for data_seed in (0, 0, 1))
    assert first == again
    assert set(first.text + first.prime + first.truth) <= set(pattern.alphabet)
    if pattern.predicts_next:
        assert first.prime
        assert 1 <= first.start < len(first.text)
    else:
        assert (first.start, first.prime, first.truth) == (0, "", "")
    if pattern.random:
        assert first.text != other.text
        length = len(first.text) - 1
        assert first.text[:400] != pattern.training_text(length, data_seed=0)[:400]
        assert length >= 19_999, "enough to measure on"


def test_what_is_scored_is_one_bool_a_character(pattern: Pattern, large: str) -> None:
    scored = pattern.scored(large)
    if scored is not None:
        assert scored.dtype == bool
        assert scored.shape == (len(large),)
        assert 0 < scored.sum() < len(large)
        assert pattern.scored("").shape == (0,)


def test_cases_lie_within_their_text_and_can_be_read(pattern: Pattern) -> None:
    training = pattern.training_text(LENGTH, data_seed=0)
    evaluation = pattern.evaluation(LENGTH, data_seed=0)
    cases = pattern.cases(evaluation, training, data_seed=0)
    assert cases == pattern.cases(evaluation, training, data_seed=0)
    ranges = pattern.ranges(training)
    assert {case.measure for case in cases} <= set(ranges)
    assert all(least <= most for least, most in ranges.values())
    for case in spread(cases, MAX_CASES):
        assert set(case.text) <= set(pattern.alphabet)
        assert len(case.text) > 1
        if case.judged is not None:
            assert case.judged, "something is judged"
            assert set(case.judged) <= set(range(int(pattern.predicts_next), len(case.text)))
            assert list(case.judged) == sorted(set(case.judged))
        assert pattern.wide_oracle is not None
        assert np.isfinite(pattern.wide_oracle.log_probs(case.text)).all(), "the language holds what is judged possible"


def test_cases_of_strings_are_new_and_of_the_size_they_say(strings: Strings) -> None:
    training = strings.training_text(LENGTH, data_seed=0)
    cases = strings.cases(strings.evaluation(LENGTH, data_seed=0), training, data_seed=0)
    trained = {strings.text_of([string]) for string in strings.strings_of(training)}
    sizes = [strings.sizes(string) for string in strings.strings_of(training)]
    ranges = strings.ranges(training)
    for measure in sizes[0]:
        assert ranges[measure] == (min(size[measure] for size in sizes), max(size[measure] for size in sizes))
    assert cases
    for case in cases:
        (string,) = strings.strings_of(case.text)
        assert strings.sizes(string).get(case.measure, case.size) == case.size
        # One n is one string of a counting language: there is nothing new within what was trained on.
        assert case.text not in trained or isinstance(strings, Counting)


@pytest.mark.parametrize(
    ("length", "seeds"),
    [(2, 2), (5, 2), (20, 2), (LENGTH, 1), *(pytest.param(n, 10, marks=pytest.mark.long) for n in (2, 5, 20, 200))],
)
def test_cases_beyond_are_larger_than_what_was_trained_on(strings: Strings, length: int, seeds: int) -> None:
    for data_seed in range(seeds):
        training = strings.training_text(length, data_seed)
        most = {measure: most for measure, (_, most) in strings.ranges(training).items()}
        too_small = [
            case
            for case in strings.larger_cases(strings.strings_of(training), Random(1))
            if case.size <= most[case.measure]
        ]
        assert not too_small, training


def test_the_language_is_known_where_the_oracle_is(pattern: Pattern) -> None:
    assert (pattern.wide_oracle is None) == (pattern.oracle is None)
    if pattern.wide_oracle is not None and pattern.oracle is not None:
        assert pattern.wide_oracle.vocabulary.characters == pattern.oracle.vocabulary.characters


def accepted(spec: str) -> Pattern | None:
    """Return the pattern that a spec names, None where it is refused."""
    try:
        return parse(spec)
    except ConfigError:
        return None


@pytest.mark.parametrize("spec", ["dyck:1:depth={}", "parity:longest={}", "reverse:longest={}", "anbn:uniform={}"])
def test_the_largest_limits_that_are_accepted_have_a_language(spec: str) -> None:
    # The greatest limit is in the message that refuses one far beyond.
    (most,) = re.findall(r"from \d+ to (\d+)", refusal(spec.format(10**9)))
    largest = parse(spec.format(most))
    assert largest.wide_oracle is not None


def test_the_deepest_brackets_that_are_accepted_have_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.patterns.dyck.CASES_PER_SIZE", 1)  # one string of each depth will do
    (most,) = re.findall(r"from \d+ to (\d+)", refusal("dyck:1:depth=1000000"))
    deepest = parse(f"dyck:1:depth={most}")
    training = split_strings(deepest.training_text(100, data_seed=0))
    cases = [case for case in deepest.larger_cases(training, Random(1)) if case.measure == "depth"]
    assert max(case.size for case in cases) == 3 * int(most)
    assert np.isfinite(deepest.wide_oracle.log_probs(cases[-1].text)).all()


def test_references_are_losses_by_name(pattern: Pattern) -> None:
    training = pattern.training_text(LENGTH, data_seed=0)
    references = pattern.references(pattern.evaluation(LENGTH, data_seed=0), training)
    assert all(np.isfinite(loss) and loss >= 0 for loss in references.values())


# Specs.


generated = st.sampled_from(["", ":generators"])

whole_specs = st.one_of(
    st.builds("{}:uniform={}".format, st.sampled_from(["anbn", "anbncn", "anb2n", "ambncmn"]), st.integers(1, 200)),
    st.builds(
        "markov:order={}:alphabet={}:seed={}".format, st.integers(0, 3), st.integers(2, 6), st.integers(0, 10**18 - 1)
    ),
    st.builds("dyck:{}:depth={}".format, st.integers(1, 30), st.integers(1, 50)),
    st.builds("dyck:2:depth={}:weights=hewitt:longest={}".format, st.integers(1, 40), st.integers(81, 300)),
    st.builds("shuffle:{}".format, st.integers(1, 30)),
    st.builds("tomita:{}".format, st.sampled_from(sorted(LANGUAGES))),
    st.builds("flipflop:{}:silence=mixed".format, st.integers(1, 8)),
    st.builds("flipflop:{}:golub".format, st.integers(1, 3)),
    st.builds(
        "group:{}{}:length={}".format, st.sampled_from(["S3", "Z7", "A4xZ5", "A5"]), generated, st.integers(11, 19)
    ),
    st.builds("group:Z3xS3:length={}-{}".format, st.integers(1, 10), st.integers(11, 30)),
    st.builds("copy:{}:delay={}".format, st.integers(1, 100), st.integers(1, 10_000)),
    st.builds("dyck:{}:depth={}:say=depth".format, st.integers(1, 30), st.integers(5, 50)),
    st.builds(
        "{}:longest={}".format,
        st.sampled_from(["parity", "even_pairs", "cycle_navigation", "modular_arithmetic", "reverse"]),
        st.integers(2, 300),
    ),
)
rates = st.floats(0.01, 1 - 1e-9)
rate_specs = st.one_of(
    st.builds("noisy:{}:{}".format, st.sampled_from(["ab", "a:b"]), rates),
    st.builds("{}:geometric={}".format, st.sampled_from(["anbn", "anbncn", "anb2n", "ambncmn"]), rates),
)


def check_spec(spec: str) -> None:
    """Check that a pattern's own spec makes a pattern that is the same in all that it does."""
    first = parse(spec)
    again = parse(first.spec)
    assert again.spec == first.spec
    text = first.training_text(60, data_seed=1)
    assert again.training_text(60, data_seed=1) == text
    assert np.array_equal(again.oracle.distributions(text), first.oracle.distributions(text))


@given(whole_specs)
def test_whole_numbers_in_a_spec_are_kept(spec: str) -> None:
    check_spec(spec)


@given(rate_specs)
def test_rates_in_a_spec_are_kept_to_the_last_digit(spec: str) -> None:
    check_spec(spec)


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("anbn:", "anbn"),
        ("anbn:geometric=0.3", "anbn"),
        ("anbn:geometric=0.30", "anbn"),
        ("anbncn:geometric=0.25", "anbncn:geometric=0.25"),
        ("anb2n:uniform=050", "anb2n:uniform=50"),
        ("markov", "markov:order=2:alphabet=4:seed=0"),
        ("markov:seed=3", "markov:order=2:alphabet=4:seed=3"),
        ("markov:alphabet=3:order=1", "markov:order=1:alphabet=3:seed=0"),
        ("dyck:2:depth=4", "dyck:2"),
        ("dyck:3:depth=5", "dyck:3:depth=5"),
        ("dyck:3:longest=0:weights=coins", "dyck:3"),
        ("dyck:2:longest=84:weights=hewitt:depth=3", "dyck:2:depth=3:weights=hewitt:longest=84"),
        ("parity:longest=40", "parity"),
        ("reverse:longest=7", "reverse:longest=7"),
        ("dyck:2:say=depth:depth=4", "dyck:2:say=depth"),
        ("flipflop:3", "flipflop:3:silence=mixed"),
        ("group:S3:length=2-20", "group:S3"),
        ("group:A5:length=2-20", "group:A5:length=2-20"),
        ("group:A5:length=10-10", "group:A5"),
        ("group:A5:generators:length=2-20", "group:A5:generators"),
        ("group:Z03xZ2:length=05", "group:Z3xZ2:length=5"),
        ("copy:10", "copy:10:delay=100"),
        ("noisy:abc:0.10", "noisy:abc:0.1"),
        ("noisy:a:b:0.5", "noisy:a:b:0.5"),
        ("noisy:ab:1e-3", "noisy:ab:0.001"),
    ],
)
def test_a_spec_is_shown_as_short_as_it_can_be(spec: str, shown: str) -> None:
    assert parse(spec).spec == shown


def test_a_family_refuses_what_makes_no_sense(pattern: Pattern) -> None:
    assert refusal(f"{pattern.family}:\n")
    assert refusal(f"{pattern.family}:" + "\0" * 3000), "and shows only its beginning"


REFUSED = {
    "unit:aa": "two or more distinct characters",
    "noisy:": "noisy:MOTIF:RATE",
    "noisy:abc": "noisy:MOTIF:RATE",
    "noisy:aaa:0.1": "two or more distinct characters",
    "noisy::0.1": "two or more distinct characters",
    "noisy:abc:": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:0": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:1": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:-0.1": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:9.9e-10": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:0.9999999995": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:nan": "a rate from 1e-09 to 1 - 1e-09 ",
    "noisy:abc:x": "a rate from 1e-09 to 1 - 1e-09 ",
    "markov:order=17": "order from 0 to 16",
    "markov:order=-1": "order from 0 to 16",
    "markov:order=²": "order from 0 to 16",
    "markov:alphabet=1": "alphabet from 2 to 26",
    "markov:alphabet=27": "alphabet from 2 to 26",
    "markov:seed=x": "seed from 0",
    "markov:seed=1000000000000000000": "seed from 0 to 999999999999999999",
    "markov:order=4:alphabet=16": "at most 1000000, not 1048576",
    "markov:size=3": "options as in markov:order=2:alphabet=4:seed=0",
    "markov:order=1:order=2": "options as in markov:order=2:alphabet=4:seed=0",
    "markov:order": "options as in markov:order=2:alphabet=4:seed=0",
    "markov:order=2:": "options as in markov:order=2:alphabet=4:seed=0",
    "anbn:uniform=0": "uniform from 1 to 1000000",
    "anbn:uniform=1000001": "uniform from 1 to 1000000",
    "anbn:uniform": "uniform from 1 to 1000000",
    "anbncn:geometric=0": "geometric from 0.0001 to below 1",
    "anbncn:geometric=0.00009": "geometric from 0.0001 to below 1",
    "anb2n:geometric=1": "geometric from 0.0001 to below 1",
    "anb2n:geometric=nan": "geometric from 0.0001 to below 1",
    "ambncmn:geometric=": "geometric from 0.0001 to below 1",
    "ambncmn:poisson=3": "ambncmn, ambncmn:geometric=0.3 or ambncmn:uniform=50",
    "dyck": "from 1 to 30",
    "dyck:0": "from 1 to 30",
    "dyck:31": "from 1 to 30",
    "dyck:2:depth=0": "depth from 1",
    "dyck:2:depth=1001": "depth from 1",
    "dyck:2:kinds=3": "depth=4",
    "dyck:2:weights=even": "weights coins or hewitt",
    "dyck:2:longest=8": "longest 0, or from 9 to 10000",
    "dyck:2:depth=3:longest=6": "longest 0, or from 7 to 10000",
    "dyck:2:longest=10001": "longest 0, or from 9 to 10000",
    "shuffle": "from 1 to 30",
    "shuffle:0": "from 1 to 30",
    "shuffle:31": "from 1 to 30",
    "shuffle:2:depth=3": "from 1 to 30",
    "reber:1": "reber alone",
    "ereber:x": "ereber alone",
    "tomita": "tomita:1 to tomita:7",
    "tomita:0": "tomita:1 to tomita:7",
    "tomita:8": "tomita:1 to tomita:7",
    "tomita:01": "tomita:1 to tomita:7",
    "tomita:3:reading=mod5": "tomita:3:reading=later, tomita:3:reading=next, tomita:6:reading=mod3",
    "tomita:4:reading=next": "tomita:1 to tomita:7",
    "parity:longest=1": "longest from 2",
    "parity:longest=1000001": "longest from 2",
    "parity:7": "options as in parity:longest=40",
    "even_pairs:longest=1": "longest from 2",
    "cycle_navigation:long=3": "options as in cycle_navigation:longest=40",
    "modular_arithmetic:longest=4.5": "longest from 2",
    "reverse:longest=4:longest=5": "options as in reverse:longest=40",
    "elman:ba": "elman alone",
    "flipflop": "from 1 to 8",
    "flipflop:0": "from 1 to 8",
    "flipflop:9": "from 1 to 8",
    "flipflop:x": "from 1 to 8",
    "flipflop:3:silence=even": "flipflop:3, flipflop:3:silence=mixed or flipflop:3:golub",
    "flipflop:3:mixed": "flipflop:3, flipflop:3:silence=mixed or flipflop:3:golub",
    "flipflop:golub": "from 1 to 8",
    "flipflop:4:golub": "from 1 to 3",
    "dyck:2:say=top": "say=depth",
    "dyck:2:say=depth:deep=3": "options as in dyck:2:depth=4:say=depth",
    "dyck:0:say=depth": "from 1 to 30",
    "group": "groups Zn, Sn and An, or a product of them",
    "group:D4": "groups Zn, Sn and An, or a product of them",
    "group:S3x": "groups Zn, Sn and An, or a product of them",
    "group:z2": "groups Zn, Sn and An, or a product of them",
    "group:Z1": "two or more elements in each factor and at most 120 in all, not 1 in one factor",
    "group:Z2xA2": "two or more elements in each factor and at most 120 in all, not 1 in one factor",
    "group:S6": "two or more elements in each factor and at most 120 in all, not 720 in all",
    "group:S999": "two or more elements in each factor and at most 120 in all",
    "group:A5xZ3": "at most 120 in all, not 180 in all",
    "group:Z2:generators": "all elements of a group that one element generates, such as group:Z2",
    "group:S3:generator": "first generators or swaps, then length, such as",
    "group:S2:swaps": "all elements of a group that one element generates, such as group:S2",
    "group:A4:swaps": "swaps of Sn alone, such as group:S3:swaps",
    "group:S3xZ2:swaps": "swaps of Sn alone, such as group:S3:swaps",
    "group:A5:length=0": "length from 1 to 1000",
    "group:A5:length=3-": "length from 1 to 1000",
    "group:A5:length=9-3": "the smaller length first",
    "group:A5:length=9:generators": "options as in group:A5:length=10",
    "copy:": "from 1 to 100",
    "copy:0:delay=5": "from 1 to 100",
    "copy:101": "from 1 to 100",
    "copy:10:delay=0": "delay from 1 to 10000",
    "copy:10:delay=10001": "delay from 1 to 10000",
    "copy:10:100": "options as in copy:10:delay=100",
}


@pytest.mark.parametrize(("spec", "allowed"), REFUSED.items())
def test_a_refusal_says_what_is_allowed(spec: str, allowed: str) -> None:
    assert allowed in refusal(spec)


@pytest.mark.parametrize("spec", REFUSED)
def test_the_example_in_a_refusal_is_accepted(spec: str) -> None:
    for shown in re.findall(r"(?:such as|as in) (.+?)(?:, not|, the motif|$)", refusal(spec)):
        family, before = spec.partition(":")[0], spec.rpartition(":")[0]
        wholes = [
            whole for whole in (shown, f"{family}:{shown}", f"{before}:{shown}") if whole.startswith(family + ":")
        ]
        assert any(isinstance(accepted(whole), Pattern.families[family]) for whole in wholes), shown


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ("rebber:", "reber"),
        ("rebber", "reber"),
        ("embedded_reber:", "ereber"),
        ("anbm", "anbn"),
        ("anbm:uniform=3", "anbn"),
        ("anbncm", "anbncn"),
        ("tomitas:3", "tomita"),
        ("Tomita:3", "tomita"),
        ("tomita3", "tomita"),
        ("dick:2", "dyck"),
        ("shufle:2", "shuffle"),
        ("markow", "markov"),
        ("noisey:abc:0.1", "noisy"),
        ("flip-flop:3", "flipflop"),
        ("cycle-navigation", "cycle_navigation"),
        ("modular_arithmetics", "modular_arithmetic"),
        ("elmann", "elman"),
        ("Parity", "parity"),
        ("even-pairs", "even_pairs"),
        ("revers", "reverse"),
        ("txt:file", "text"),
        ("untis:abc", "unit"),
    ],
)
def test_a_mistyped_family_names_the_nearest(spec: str, near: str) -> None:
    message = refusal(spec)
    assert f"; did you mean {near}?" in message
    assert ", ".join(sorted(Pattern.families)) in message
    assert ("unit:..." if ":" in spec else f"unit:{spec}") in message


@pytest.mark.parametrize("spec", ["abn", "ab", "abc", "anb", "reb", "aabbcc", "hello", "aab", "banana", "0110", "#a#b"])
def test_a_plain_word_is_a_unit(spec: str) -> None:
    unit = parse(spec)
    assert isinstance(unit, Motif)
    assert unit.repeated == unit.spec == spec


def test_the_name_of_a_family_is_a_unit_only_behind_unit(pattern: Pattern) -> None:
    unit = parse(f"unit:{pattern.family}")
    assert isinstance(unit, Motif)
    assert unit.repeated == pattern.family
    assert unit.spec == Motif(pattern.family).spec == f"unit:{pattern.family}"


def test_anbn_behind_unit_is_four_letters_repeated() -> None:
    assert Motif("anbn").spec == "unit:anbn"
    assert parse("unit:anbn").training_text(10, data_seed=0) == "anbnanbnan"
    assert parse("anbn").training_text(10, data_seed=0).startswith("#a")


def test_a_markov_source_says_which_length_was_too_short() -> None:
    with pytest.raises(ConfigError, match=r"^length is 3; allowed: "):
        parse("markov:order=2").check_length(3)
    parse("markov:order=2").check_length(4)


# The cases of each family.


def cases_of(spec: str, length: int = LENGTH) -> list:
    pattern = parse(spec)
    return pattern.cases(pattern.evaluation(length, 0), pattern.training_text(length, 0), data_seed=0)


@pytest.mark.parametrize(
    ("spec", "form"),
    [("anbn", r"(a+)(b+)"), ("anbncn", r"(a+)(b+)(c+)"), ("anb2n", r"(a+)(b+)"), ("anbn:uniform=5", "(a+)(b+)")],
)
def test_counting_languages_are_tested_on_every_n_up_to_a_thousand(spec: str, form: str) -> None:
    cases = cases_of(spec)
    assert [case.size for case in cases] == list(range(1, 1001))
    for case in cases:
        match = re.fullmatch(f"#{form}#", case.text)
        assert match
        first, *others = (len(block) for block in match.groups())
        assert first == case.size
        assert set(others) == {2 * first if spec == "anb2n" else first}


def test_sums_are_tested_on_every_larger_count_up_to_a_thousand() -> None:
    cases = cases_of("ambncmn")
    assert [case.size for case in cases] == list(range(1, 1001))
    assert {case.measure for case in cases} == {"larger_of_m_and_n"}
    counts = []
    for case in cases:
        match = re.fullmatch("#(a+)(b+)(c+)#", case.text)
        assert match
        m, n, both = (len(block) for block in match.groups())
        assert m + n == both
        assert max(m, n) == case.size
        counts.append((m, n))
    assert 400 < sum(m < n for m, n in counts) < 600, "the larger is either of them"
    assert len({min(pair) / max(pair) for pair in counts}) > 500, "the smaller of the two is any"


def height(string: str, opening: str) -> int:
    steps = np.cumsum([1 if character in opening else -1 for character in string])
    assert steps.min() == 0 == steps[-1]
    return int(steps.max())


def test_brackets_deeper_than_trained_are_judged_where_they_close() -> None:
    deep = [case for case in cases_of("dyck:2") if case.measure == "depth" and case.size > 4]
    assert [case.size for case in deep] == sorted(list(range(5, 13)) * 20)
    for case in deep:
        assert height(case.text[1:-1], "([") == case.size
        assert case.judged == tuple(at for at, character in enumerate(case.text) if character in ")]")


def test_bracket_strings_longer_than_trained_are_no_deeper() -> None:
    pattern = parse("dyck:2")
    strings = split_strings(pattern.training_text(LENGTH, 0))
    long = [case for case in pattern.larger_cases(strings, Random(1)) if case.measure == "length"]
    longest = max(map(len, strings))
    assert [case.size / longest for case in long[::20]] == pytest.approx([1.5, 2, 3, 4, 6, 8, 10], rel=2 / longest)
    for case in long:
        assert len(case.text) - 2 == case.size
        assert height(case.text[1:-1], "([") <= 4
        assert case.judged is None


def test_brackets_of_limited_length_are_tested_up_to_twice_that() -> None:
    pattern = parse("dyck:2:depth=3:weights=hewitt:longest=84")
    strings = split_strings(pattern.training_text(20_000, 0))
    assert "" in strings
    assert 40 < max(map(len, strings)) + 1 <= 84, "the end counted"
    long = [case for case in pattern.larger_cases(strings, Random(1)) if case.measure == "length"]
    assert [case.size for case in long[::20]] == [90, 104, 124, 146, 166]
    for case in long:
        assert case.judged is None
        assert 85 <= len(case.text) - 1 <= 168
        assert height(case.text[1:-1], "([") <= 3
    short = parse("dyck:1:depth=2:longest=5").larger_cases(["()"], Random(1))
    assert {case.size for case in short if case.measure == "length"} == {6, 8}, "none as short as in training"


def test_shuffled_brackets_are_tested_where_they_are_longer_and_where_they_are_deeper() -> None:
    pattern = parse("shuffle:2")
    strings = split_strings(pattern.training_text(LENGTH, 0))
    longest, deepest = (max(pattern.sizes(string)[measure] for string in strings) for measure in ("length", "depth"))
    beyond = pattern.larger_cases(strings, Random(1))
    sizes = {measure: [case.size for case in beyond if case.measure == measure] for measure in ("length", "depth")}
    assert sizes["length"] == sorted(sorted({longest * tenths // 20 * 2 for tenths in (12, 15, 20, 30, 40)}) * 20)
    assert sizes["depth"] == sorted(sorted({deepest * tenths // 10 for tenths in (12, 15, 20, 30)}) * 20)
    for case in beyond:
        of_each_kind = [re.sub(f"[^{re.escape(kind)}]", "", case.text) for kind in ("()", "[]")]
        assert all(not string or height(string, string[0]) > 0 for string in of_each_kind), "balanced, kind by kind"
        assert case.judged is None
        deep = height(case.text[1:-1], "([")
        assert (deep, len(case.text) - 2)[case.measure == "length"] == case.size
        assert case.measure == "depth" or deep <= deepest


@pytest.mark.parametrize("number", LANGUAGES)
def test_a_hundred_strings_of_each_of_tomitas_languages_are_longer_than_trained(number: str) -> None:
    pattern = parse(f"tomita:{number}")
    for length in (2, LENGTH):
        strings = split_strings(pattern.training_text(length, 0))
        longest = max(map(len, strings))
        beyond = pattern.larger_cases(strings, Random(1))
        assert len(beyond) == 100
        assert all(longest < len(case.text) - 2 == case.size <= 3 * longest + 3 for case in beyond)
        members = {size: pattern.members(size) for size in {case.size for case in beyond} if size <= 16}
        assert all(members[case.size][int(case.text[1:-1], 2)] for case in beyond if case.size in members)


@pytest.mark.parametrize("spec", ["reber", "ereber"])
def test_longer_reber_strings_are_up_to_three_times_as_long(spec: str) -> None:
    pattern = parse(spec)
    strings = split_strings(pattern.training_text(LENGTH, 0))
    longest = max(map(len, strings))
    beyond = pattern.larger_cases(strings, Random(1))
    assert len(beyond) == 200
    assert all(longest < len(case.text) - 2 == case.size <= 3 * longest for case in beyond)
    assert max(case.size for case in beyond) > 2 * longest


def test_the_symbol_to_remember_is_judged_alone() -> None:
    cases = cases_of("ereber")
    whole = [case for case in cases if case.measure == "length"]
    symbol = [case for case in cases if case.measure != "length"]
    assert [case.text for case in whole] == [case.text for case in symbol]
    assert {case.text[2] for case in symbol} == {"T", "P"}
    for case in symbol:
        (position,) = case.judged
        assert case.text[position:] == f"{case.text[2]}E#"
        assert case.size == position - 2, "so far away is the letter that it repeats"


ANSWERS = {
    "parity": lambda question: str(sum(map(int, question)) % 2),
    "even_pairs": lambda question: str(int(question[0] != question[-1])),
    "cycle_navigation": lambda question: str(sum({"<": -1, ".": 0, ">": 1}[step] for step in question) % 5),
    "modular_arithmetic": lambda question: str(eval(question) % 5),
    "reverse": lambda question: "".join(reversed(question)),
}


@pytest.mark.parametrize("family", ANSWERS)
def test_questions_are_answered_up_to_twelve_times_as_long(family: str) -> None:
    cases = cases_of(family)
    beyond = [case for case in cases if case.size > 40]
    odd = family == "modular_arithmetic"
    lengths = sorted({case.size for case in beyond})
    assert [case.size for case in beyond] == sorted(lengths * 20)
    assert (lengths[0], lengths[-1], len(lengths)) == (41, 499 if odd else 500, 24)
    for case in cases:
        question, answer = case.text[1:-1].split("=")
        assert len(question) == case.size
        assert answer == ANSWERS[family](question)


@pytest.mark.parametrize("family", ANSWERS)
def test_only_answers_are_scored(family: str) -> None:
    pattern = parse(family)
    text = pattern.training_text(2000, data_seed=0)
    expected: list[bool] = []
    for string in split_strings(text):
        question, answer = string.split("=")
        expected += [False] * len(question + "=") + [True] * len(answer + "#")
    assert pattern.scored(text)[1:].tolist() == expected


def test_the_first_mark_is_no_answer() -> None:
    assert parse("parity").scored("#1=1#").tolist() == [False, False, False, True, True]


def test_the_places_of_elmans_words_share_out_the_test() -> None:
    cases = cases_of("elman")
    assert [(case.measure, case.size) for case in cases] == [("place_in_word", place) for place in range(4)]
    text = cases[0].text
    place_of = [place for word in re.findall("ba|dii|guuu", text + "uuu") for place in range(len(word))]
    for case in cases:
        assert case.text == text
        assert case.judged == tuple(at for at in range(1, len(text)) if place_of[at] == case.size)


def test_the_length_of_one_string_counts_its_mark() -> None:
    assert parse("anbn:uniform=1").sample(3, Random(0)) == "#ab#"
    assert parse("anbn:uniform=1").sample(4, Random(0)) == "#ab#ab#"
