"""Puts together a page: one file that needs nothing else, with its style, its script and what it is told."""

import html
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SKELETON, STYLE = "skeleton.html", "style.css"
SHARED_STYLE, SHARED_SCRIPT = "shared.css", "shared.js"


def filled_page(folder: Path, scripts: tuple[str, ...], title: str, told: Mapping[str, Any], library: str = "") -> str:
    """Return a page, in HTML.

    Arguments:
        folder: the folder of the page's own SKELETON, STYLE and scripts.
        scripts: the files of JavaScript, in the order in which a browser runs them, after SHARED_SCRIPT.
        title: its title.
        told: what it is told, as JSON has it.
        library: JavaScript that runs before its own, which holds neither `</script` nor `<!--`.
    """
    before, middle, after, end = _source(folder, scripts)
    # In a script, only `<` could end the data or begin a comment; within JSON it stands in strings alone.
    data = json.dumps(told, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return "".join([before, html.escape(title), middle, data, after, library, end])


@cache
def _source(folder: Path, scripts: tuple[str, ...]) -> tuple[str, str, str, str]:
    """Return the parts of a page around its title, its data and its library."""
    here = Path(__file__).parent
    script = "".join(_short_script(file) for file in (here / SHARED_SCRIPT, *(folder / name for name in scripts)))
    style = _short((here / SHARED_STYLE).read_text(encoding="utf-8") + (folder / STYLE).read_text(encoding="utf-8"))
    style = re.sub(r"(?<=[:,]) | (?={)|\n|;\s*(?=})", "", style)
    page = _short((folder / SKELETON).read_text(encoding="utf-8"))
    page = page.replace("/* style */", style).replace("/* scripts */", script)
    before, rest = page.split("</title>", 1)
    middle, rest = rest.split("{}", 1)
    after, library, end = rest.partition("/* library */")
    return before, f"</title>{middle}", after if library else "", end if library else after


def _short_script(file: Path) -> str:
    """Return a script without what is a third of its source: comments, the spaces before lines, and those at signs.

    Its lines must be formatted as usual, with a semicolon after each statement, and its strings hold no such spaces.
    """
    text = file.read_text(encoding="utf-8")
    text = _short(re.sub(r"^\s*(//[^\n]*|/\*\*.*?\*/)\n", "", text, flags=re.MULTILINE | re.DOTALL))
    text = re.sub(r"([;{}(,\[])( //[^\n]*)?\n", r"\1", text)
    return re.sub(r" ([=+*/?:<>&|!-]+) | (?=[{}])|(?<={) |(?<=\bif) (?=\()|(?<=\bfor) (?=\()", r"\1", text)


def _short(text: str) -> str:
    """Return a text without the spaces before its lines, and without empty lines."""
    return re.sub(r"^[ \n]+", "", text, flags=re.MULTILINE)
