import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.patterns import Evaluation, Pattern, parse
from rnn_core.patterns.motif import Motif
from rnn_core.patterns.text import Text

units = st.text("abc", min_size=2, max_size=8).filter(lambda unit: len(set(unit)) > 1)


def refusal(spec: str) -> str:
    """Return the one-line message with which a spec is refused."""
    with pytest.raises(ConfigError) as caught:
        parse(spec)
    message = str(caught.value)
    assert caught.value.field == "pattern"
    assert "; allowed: " in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("spec", "length", "text"),
    [
        ("abc", 15, "abcabcabcabcabc"),
        ("abc", 7, "abcabca"),
        ("aab", 8, "aabaabaa"),
        ("unit:a:b", 7, "a:ba:ba"),
        ("unit::a", 4, ":a:a"),
        ("αβγ\n", 5, "αβγ\nα"),
        ("ab", 2, "ab"),
    ],
)
def test_a_unit_is_read_from_its_beginning(spec: str, length: int, text: str) -> None:
    assert parse(spec).training_text(length, data_seed=0) == text
    assert parse(spec).training_text(length, data_seed=1) == text


@given(units, st.integers(8, 40))
def test_a_unit_is_tested_on_what_lies_beyond_ten_times_as_far(unit: str, length: int) -> None:
    test = Motif(unit).evaluation(length, data_seed=0)
    assert len(test.text) == 11 * length
    assert all(character == unit[position % len(unit)] for position, character in enumerate(test.text))
    assert test.start == length
    assert test.prime == Motif(unit).training_text(length, data_seed=0)
    assert test.prime + test.truth == test.text


@pytest.mark.parametrize(("unit", "length"), [("ab", 15), ("abcdefg", 15), ("abcdefgh", 16), ("ab" * 8, 32)])
def test_a_long_unit_is_read_twice_by_default(unit: str, length: int) -> None:
    assert Motif(unit).default_length == length


def test_a_unit_is_read_whole_at_least_once() -> None:
    unit = Motif("abcde")
    unit.check_length(5)
    with pytest.raises(ConfigError, match=r"^length is 4; allowed: 5 or more"):
        unit.check_length(4)


def test_the_alphabet_of_a_unit_is_sorted_without_repeats() -> None:
    assert Motif("cabbage").alphabet == "abceg"


@pytest.mark.parametrize("unit", ["", "a", "aaaa", "\n"])
def test_a_unit_of_one_character_is_refused(unit: str) -> None:
    assert "two or more distinct characters" in refusal(f"unit:{unit}")


@given(
    st.text(st.sampled_from(":ab\n") | st.characters(codec="utf-8"), min_size=2, max_size=8).filter(
        lambda unit: len(set(unit)) > 1
    )
)
@example(":a")
@example("text:a")
@example("unit:a")
@example("dyck")
@example("reebr")
def test_the_spec_of_a_unit_names_the_same_unit_again(unit: str) -> None:
    first = parse(f"unit:{unit}")
    again = parse(first.spec)
    assert isinstance(again, Motif)
    assert again.repeated == unit
    assert again.spec == first.spec
    assert first.spec in (unit, f"unit:{unit}")
    if ":" not in unit and len(unit) < 4:
        assert first.spec == unit


def test_right_characters_have_probability_one_and_wrong_ones_zero() -> None:
    oracle = Motif("abc").oracle
    assert oracle is not None
    assert oracle.log_probs(Motif("abc").evaluation(4, data_seed=0).text).tolist() == [0.0] * 44
    spoilt = oracle.log_probs("abcabbab")
    assert spoilt[:6].tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, -math.inf]
    assert spoilt[6:].tolist() == [-math.inf, -math.inf], "after what is impossible nothing is possible"


@given(units, st.integers(8, 20))
def test_phases_are_the_unit_read_from_each_of_its_characters(unit: str, length: int) -> None:
    phases = Motif(unit).phases(length)
    assert phases == ["".join(unit[(phase + step) % len(unit)] for step in range(length)) for phase in range(len(unit))]


def test_the_floor_of_aab_is_two_thirds_of_ln_2_over_14_predictions() -> None:
    floor = Motif("aab").unknown_phase_floor(15)
    assert floor == pytest.approx(2 / 3 * math.log(2) / 14, abs=1e-12)
    assert floor == pytest.approx(0.033007, abs=1e-6)


@given(units, st.integers(8, 20))
def test_the_floor_is_what_a_reader_who_weighs_all_phases_pays(unit: str, length: int) -> None:
    paid = 0.0
    for true_phase in range(len(unit)):
        belief = {phase: Fraction(1, len(unit)) for phase in range(len(unit))}
        for step in range(length):
            came = unit[(true_phase + step) % len(unit)]
            agreeing = {phase: share for phase, share in belief.items() if unit[(phase + step) % len(unit)] == came}
            probability = sum(agreeing.values())
            if step > 0:  # the first character is given
                paid -= math.log(probability)
            belief = {phase: share / probability for phase, share in agreeing.items()}
    assert Motif(unit).unknown_phase_floor(length) == pytest.approx(paid / len(unit) / (length - 1), abs=1e-12)


def write(folder: Path, content: str | bytes, name: str = "tale.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("size", [11, 12, 19, 20, 21, 99, 100, 101])
def test_the_last_tenth_of_a_text_is_held_out(size: int, tmp_path: Path) -> None:
    content = "".join(chr(0x3B1 + n) for n in range(size))
    text = Text(str(write(tmp_path, content)))
    held_out = math.ceil(size / 10)
    assert text.default_length == size - held_out
    test = text.evaluation(text.default_length, data_seed=0)
    assert text.training_text(text.default_length, data_seed=0) == content[:-held_out]
    assert (test.text, test.start) == (content[-held_out:], 1)
    assert test.prime == content[:-held_out]
    assert test.truth == test.text


def test_a_shorter_length_reads_less_and_is_tested_on_the_same(tmp_path: Path) -> None:
    content = "".join(chr(0x4E00 + n) for n in range(3000))
    text = Text(str(write(tmp_path, content)))
    assert text.training_text(7, data_seed=3) == content[:7]
    test = text.evaluation(7, data_seed=0)
    assert test.text == text.evaluation(2700, data_seed=1).text == content[2700:]
    assert test.prime == content[1700:2700], "the thousand characters before the held-out part"
    assert test.truth == content[2700:2770]
    assert text.oracle is None


@pytest.mark.parametrize(("length", "fits"), [(1, False), (2, True), (90, True), (91, False)])
def test_a_text_cannot_be_longer_than_its_first_nine_tenths(length: int, fits: bool, tmp_path: Path) -> None:
    text = Text(str(write(tmp_path, "ab" * 50)))
    if fits:
        text.check_length(length)
        return
    with pytest.raises(ConfigError, match=rf"^length is {length}; allowed: 2 to 90"):
        text.check_length(length)


def test_line_ends_and_other_characters_are_read_as_they_stand(tmp_path: Path) -> None:
    content = "one\r\ntwo\rthree\n" * 3 + "é\U0001f600\x00"
    text = Text(str(write(tmp_path, content)))
    assert text.text == content
    assert text.alphabet == "".join(sorted(set(content))), "that of the held-out part too"


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "ab" * 20)
    monkeypatch.chdir(tmp_path)
    spec = parse("text:tale.txt").spec
    assert spec == f"text:{tmp_path / 'tale.txt'}"
    monkeypatch.chdir("/")
    assert parse(spec).training_text(3, data_seed=0) == "aba"
    assert parse(spec).spec == spec


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "ab" * 20)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse("text:~/tale.txt").spec == f"text:{tmp_path / 'tale.txt'}"


def test_a_path_may_hold_colons_and_blanks(tmp_path: Path) -> None:
    path = write(tmp_path, "ab" * 20, name="a: b.txt")
    assert parse(parse(f"text:{path}").spec).spec == f"text:{path}"


def test_a_byte_order_mark_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("abc\ufeff" * 5, encoding="utf-8")
    (tmp_path / "marked.txt").write_text("abc\ufeff" * 5, encoding="utf-8-sig")
    plain, marked = (parse(f"text:{tmp_path}/{name}.txt") for name in ("plain", "marked"))
    assert marked.training_text(10, 0) == plain.training_text(10, 0)
    assert marked.alphabet == plain.alphabet == "abc\ufeff", "elsewhere it is a character"
    assert marked.note == "marked.txt begins with a byte order mark (U+FEFF), which is left out"
    assert plain.note == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "two or more distinct characters"),
        (b"aaaaaaaaaaaaaaaaaaaaaaaa", "two or more distinct characters"),
        (b"abababab\xff\xfeab", "byte 8 is not UTF-8"),
        (b"ababababab", "11 or more characters"),
        (b"ab", "11 or more characters"),
    ],
)
def test_a_file_that_cannot_be_learnt_from_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    assert reason in refusal(f"text:{write(tmp_path, content)}")


@pytest.mark.parametrize(("name", "reason"), [("", "Is a directory"), ("absent.txt", "No such file"), ("a\0b", "null")])
def test_a_path_that_is_no_file_is_refused_with_the_reason(name: str, reason: str, tmp_path: Path) -> None:
    assert reason in refusal(f"text:{tmp_path / name}")


def test_the_home_folder_of_nobody_is_refused() -> None:
    assert "UTF-8 file" in refusal("text:~nobody-of-this-name/tale.txt")


@pytest.mark.parametrize("spec", ["a:\nb", "unti:\nb", "text:a\nb"])
def test_a_refusal_is_one_line_even_if_the_spec_is_not(spec: str) -> None:
    refusal(spec)


@pytest.mark.parametrize(
    ("spec", "near"), [("txt:x", "text"), ("texts:a:b", "text"), ("unti:abc", "unit"), ("Unit:ab", "unit")]
)
def test_an_unknown_family_names_the_nearest(spec: str, near: str) -> None:
    message = refusal(spec)
    assert f"did you mean {near}?" in message
    assert "unit:..." in message


def test_a_family_that_begins_otherwise_is_not_proposed() -> None:
    """By its letters alone, `count` is as near to `unit` as `untis` is."""
    assert "did you mean" not in refusal("count:abc")


def test_a_family_like_no_other_names_them_all() -> None:
    message = refusal("q:b")
    assert ", ".join(sorted(Pattern.families)) in message
    assert "did you mean" not in message


@pytest.fixture
def echo() -> Iterator[type[Pattern]]:
    class Echo(Pattern):
        family = "echo"

        def __init__(self, argument: str) -> None:
            self.argument, self.alphabet, self.default_length = argument, "".join(sorted(set(argument))), len(argument)

        @property
        def spec(self) -> str:
            return f"echo:{self.argument}"

        def check_length(self, length: int) -> None:
            assert length <= self.default_length

        def sample(self, length: int, rng: Random) -> str:
            return self.argument[:length]

        def evaluation(self, length: int, data_seed: int) -> Evaluation:
            return Evaluation(self.argument, 1, self.argument[0], self.argument[1:])

    yield Echo
    del Pattern.families["echo"]


def test_a_family_is_known_by_existing(echo: type[Pattern]) -> None:
    pattern = parse("echo:hello:you")
    assert type(pattern) is echo
    assert "echo" in refusal("other:x")
    prepared = prepare(TrainConfig(pattern="echo:hello:you"))
    assert prepared.text == "hello:you"
    assert prepared.config.pattern == "echo:hello:you"
    assert pattern.oracle is None
    assert pattern.recipe == {}
