"""Descriptions show any pattern's name and any error's text as it is, and make no Markdown or HTML of it."""

import html
import re

import pytest

from experiments.descriptions import MAX_REASON, description, escaped, model_description

NAMES = [
    "<img src=x onerror=alert(1)>",
    "</code></pre><iframe src=http://e>",
    "<!-- x -->",
    "&lt;b&gt; &amp; &#60;",
    "`code` ``x``",
    "a|b",
    "[a](http://b) ![c](d)",
    "http://a.example www.b.example c@d.example @e",
    "*b* _i_ __x__ ~~s~~ \\* \\",
    "# head",
    "- item",
    "+ item",
    "===",
    "---",
    "1. one",
    ":smile:",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    text = escaped(name)
    assert html.unescape(re.sub(r"\\([\\`*_\[\]#|~])", r"\1", text)) == name
    assert not re.search(r"(?<!\\)[`*_\[\]|~]|[<>@]|&(?!#\d+;)|^[-+=#]|^\d+[.)]|://|:\w+:|www\.", text)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b", "a\0b", "\x1b[31m"])
def test_a_text_stays_in_one_line(text: str) -> None:
    assert len(escaped(text).splitlines()) == 1


def test_reasons_and_names_are_escaped_in_descriptions() -> None:
    tag = "<img src=x>"
    assert "<" not in description(False, f"failed: {tag}", "", {}, None)
    assert "<" not in model_description(f"{tag} rnn4 e1 s0", "0" * 32, "ab")
    assert len(description(False, "<" * 10_000, "", {}, None)) < 6 * MAX_REASON
