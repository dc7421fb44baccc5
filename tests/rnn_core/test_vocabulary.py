import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_core.vocabulary import UnknownCharacterError, Vocabulary, visible

characters = st.characters(codec="utf-8")
alphabets = st.text(characters, min_size=1, max_size=40)


@st.composite
def alphabets_and_texts(draw: st.DrawFn) -> tuple[str, str]:
    alphabet = draw(alphabets)
    return alphabet, draw(st.text(st.sampled_from(alphabet), max_size=60))


@given(alphabets_and_texts())
def test_any_text_over_the_alphabet_comes_back(drawn: tuple[str, str]) -> None:
    alphabet, text = drawn
    vocabulary = Vocabulary(alphabet)
    indices = vocabulary.encode(text)
    assert indices.dtype == torch.int64
    assert tuple(indices.shape) == (len(text),)
    assert vocabulary.decode(indices) == text
    assert vocabulary.decode(indices.tolist()) == text


@given(alphabets)
def test_an_index_counts_the_characters_with_lower_code_points(alphabet: str) -> None:
    vocabulary = Vocabulary(alphabet)
    assert len(vocabulary) == len(set(alphabet))
    for character in set(alphabet):
        index = len({other for other in alphabet if ord(other) < ord(character)})
        assert vocabulary.encode(character).tolist() == [index]
        assert vocabulary.to_index[character] == index
        assert vocabulary.to_character[index] == character
        assert vocabulary.characters[index] == character


def test_the_order_of_the_alphabet_and_its_repeats_do_not_matter() -> None:
    assert Vocabulary("cabbac").characters == Vocabulary("abc").characters == "abc"


def test_an_empty_text_has_no_indices() -> None:
    vocabulary = Vocabulary("ab")
    assert tuple(vocabulary.encode("").shape) == (0,)
    assert vocabulary.decode(vocabulary.encode("")) == ""


@given(alphabets, st.text(characters, max_size=20))
def test_the_first_unknown_character_is_named(alphabet: str, text: str) -> None:
    unknown = [character for character in text if character not in alphabet]
    vocabulary = Vocabulary(alphabet)
    if not unknown:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        return
    with pytest.raises(UnknownCharacterError) as caught:
        vocabulary.encode(text)
    assert caught.value.character == unknown[0]
    assert repr(unknown[0]) in str(caught.value)


@pytest.mark.parametrize("text", ["abd", "d", "Ab", "ab\n", "ab\U0001f600", "\0"])
def test_the_message_names_character_and_alphabet(text: str) -> None:
    with pytest.raises(UnknownCharacterError) as caught:
        Vocabulary("abc").encode(text)
    unknown = next(character for character in text if character not in "abc")
    assert str(caught.value) == f"the character {unknown!r} is not in the alphabet 'abc' (3 characters)"


def test_the_message_cuts_a_long_alphabet() -> None:
    with pytest.raises(UnknownCharacterError) as caught:
        Vocabulary("".join(chr(0x4E00 + n) for n in range(5000))).encode("a")
    assert "(5000 characters)" in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_visible_keeps_the_length_and_leaves_no_control_character(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    for before, after in zip(text, shown, strict=True):
        assert not unicodedata.category(after).startswith(("C", "Zl", "Zp"))
        if unicodedata.category(before)[0] in "LNPSM":
            assert after == before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\u21b5b"),
        ("a\r\nb", "a\u240d\u21b5b"),
        ("\t", "\u21e5"),
        ("\0\x1b\x7f", "\u25a1" * 3),
        ("a b", "a b"),
        ("", ""),
    ],
)
def test_visible_gives_each_control_character_a_sign(text: str, shown: str) -> None:
    assert visible(text) == shown
