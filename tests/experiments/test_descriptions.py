"""Printed texts, one below the other, in characters of any width."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from experiments.descriptions import aligned, columns, side_by_side
from rnn_core.measures.report import Sample
from rnn_core.vocabulary import visible


def test_marks_take_no_column_and_wide_characters_two() -> None:
    assert [columns(character) for character in "aé\u0301\u20dd\u093e\u0947\u0e31天한あ😀↵\ufe0f"] == [
        *(1, 1, 0, 0, 1, 0, 0, 2, 2, 2, 2, 1, 0)
    ]


def test_predicted_characters_stand_below_their_targets() -> None:
    assert aligned("abc", "abd") == ["abc", "abd"]
    assert aligned("a天b", "abc") == ["a天b", "ab c"]
    assert aligned("e\u0301ab", "天bcd") == ["e\u0301  ab", "天bcd"]
    assert aligned("abc", "") == ["abc", ""]


@given(*[st.text(st.sampled_from("ab天😀\u0301\u0947\u093e"), max_size=12)] * 2)
def test_characters_at_the_same_place_begin_in_the_same_column(first: str, second: str) -> None:
    lines = aligned(first, second)
    begins = []
    for text, line in zip((first, second), lines, strict=True):
        assert line.replace(" ", "") == text
        column, begins_here = 0, []
        for character in line:
            if columns(character) and character != " ":
                begins_here.append(column)
            column += columns(character)
        places = [place for place, character in enumerate(text) if columns(character)]
        begins.append(dict(zip(places, begins_here, strict=True)))
        marks = [line[place - 1] for place in range(1, len(line)) if not columns(line[place])]
        assert " " not in marks, "a mark follows its character"
    assert all(begins[0][place] == begins[1][place] for place in begins[0].keys() & begins[1].keys())


def test_ordinary_samples_are_printed_as_they_are() -> None:
    text = "".join(chr(code) for code in range(0x500) if not unicodedata.category(chr(code)).startswith("M"))
    sample = Sample(text, text[::-1], "")
    assert side_by_side(sample) == [("target", visible(text)), ("predicted", visible(text[::-1]))]
