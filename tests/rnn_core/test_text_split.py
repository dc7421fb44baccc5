"""Where the test of a text lies: at its end, or in blocks; and whether its end is unlike the rest."""

import math
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_core.config import ConfigError
from rnn_core.patterns import parse
from rnn_core.patterns.text import held_out_blocks, unlike_the_rest, without_blocks
from tests.rnn_core.test_ngrams import witten_bell


def words(count: int, seed: int) -> list[str]:
    """Return words of two kinds, in turn: those of the first half of the alphabet, and those of the second."""
    random = Random(seed)
    kinds = ("abcdefghijkl", "mnopqrstuvwx")
    return ["".join(random.choices(kinds[number % 2], k=random.randint(2, 7))) for number in range(count)]


def text_of(tmp_path: Path, content: str, name: str = "own.txt") -> Path:
    path = tmp_path / name
    path.write_text(content)
    return path


@given(st.integers(11, 5000), st.sampled_from(["ab", "ab\n", "\n", "a" * 50 + "\n", "a" * 300 + "\n"]))
def test_blocks_lie_apart_and_leave_the_rest(length: int, repeated: str) -> None:
    text = (repeated * length)[:length]
    blocks = held_out_blocks(text)
    assert len(blocks) == max(1, length // 2000)
    position = 0
    for start, stop in blocks:
        assert position < start < stop <= length
        position = stop
    assert len(without_blocks(text, blocks)) == length - sum(stop - start for start, stop in blocks)


def test_every_character_is_trained_on_or_tested_and_blocks_are_whole_lines(tmp_path: Path) -> None:
    lines = [f"{number:05}" for number in range(9000)]
    path = text_of(tmp_path, "\n".join(lines) + "\n")
    pattern = parse(f"text:{path}:split=blocks")
    training = pattern.training_text(pattern.default_length, 0)
    evaluation = pattern.evaluation(pattern.default_length, 0)
    trained, tested = training.splitlines(), evaluation.text.splitlines()
    assert sorted(trained + tested) == lines
    assert trained == sorted(trained)
    assert len(tested) == pytest.approx(900, abs=30)
    numbers = [int(line) for line in tested]
    begins = [line for before, line in zip([-2, *numbers], numbers, strict=False) if line != before + 1]
    assert len(begins) == 54000 // 2000
    first = begins[0] * 6
    assert evaluation.prime == path.read_text()[first - 1000 : first]
    assert evaluation.truth == path.read_text()[first : first + len(evaluation.truth)]
    assert evaluation.truth.splitlines() == [line for line in tested if int(line) < begins[1]]
    assert parse(pattern.spec).training_text(100, 0) == training[:100]
    assert pattern.short_name == f"text:{tmp_path.name}/own.txt:split=blocks"
    with pytest.raises(ConfigError, match="what is not held out of"):
        pattern.check_length(pattern.default_length + 1)


def test_a_last_tenth_that_is_unlike_the_rest_is_said(tmp_path: Path) -> None:
    mixed = words(6000, seed=1)
    shuffled = text_of(tmp_path, "\n".join(mixed), "shuffled.txt")
    ordered = text_of(tmp_path, "\n".join(sorted(mixed)), "sorted.txt")
    assert parse(f"text:{shuffled}").note == ""
    note = parse(f"text:{ordered}").note
    assert note.startswith("the last tenth of sorted.txt, which is the test, is unlike the rest: 3-grams come to ")
    assert "\n" not in note
    assert parse(f"text:{ordered}:split=blocks").note == "", "its test is like the rest"
    both = unlike_the_rest(ordered.read_text(), len(ordered.read_text()) * 9 // 10)
    assert both is not None
    for loss in both:
        assert f"{loss:.3g} nats" in note or f"{loss:.3g} on blocks" in note


def test_chance_makes_no_last_tenth_unlike_the_rest() -> None:
    for seed in range(40):
        text = "\n".join(words(Random(seed).choice([20, 200, 1000]), seed))
        assert unlike_the_rest(text, len(text) * 9 // 10) is None


def test_the_losses_that_are_compared_are_those_of_the_definition() -> None:
    text = "".join(Random(2).choices("aab", k=270)) + "".join(Random(2).choices("abb", k=30)).replace("b", "c")
    both = unlike_the_rest(text, 270)
    assert both is not None
    rest = text[:270]
    ((start, stop),) = held_out_blocks(rest)
    for loss, tested in zip(both, (rest[start:stop], text[270:]), strict=True):
        logs = [
            math.log(witten_bell("abc", rest[:start], tested[max(0, at - 2) : at], tested[at]))
            for at in range(1, len(tested))
        ]
        assert loss == pytest.approx(-sum(logs) / len(logs), abs=1e-12)


def test_a_long_text_is_compared_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_core.patterns.text.COMPARED_LENGTH", 20_000)
    ordered = "\n".join(sorted(words(20_000, seed=3)))
    assert unlike_the_rest(ordered, len(ordered) * 9 // 10) is not None
    shuffled = "\n".join(words(20_000, seed=3))
    assert unlike_the_rest(shuffled, len(shuffled) * 9 // 10) is None


def test_a_file_of_the_very_name_wins_over_the_option(tmp_path: Path) -> None:
    path = text_of(tmp_path, "ab" * 20)
    assert parse(f"text:{path}:split=blocks").spec == f"text:{path}:split=blocks"
    assert parse(f"text:{path}:split=blocks").path == path
    for bad in ("", "end", "block"):
        with pytest.raises(ConfigError, match="text:PATH:split=blocks"):
            parse(f"text:{path}:split={bad}")
    named = text_of(tmp_path, "cd" * 20, "own.txt:split=blocks")
    assert parse(f"text:{path}:split=blocks").path == named
    assert parse(f"text:{path}:split=blocks").alphabet == "cd"
