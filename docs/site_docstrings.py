"""Let mkdocstrings show the examples of docstrings as code."""

import re
from textwrap import dedent
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example(.*):\n((?:[ ]+.*\n?|\n)+)", re.MULTILINE)
"""The heading of an example, and the indented lines below it."""


class Examples(griffe.Extension):
    """Turns the section `Example:`, which the parser does not know as one of code, into a block of code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(_as_code, obj.docstring.value)


def _as_code(match: re.Match[str]) -> str:
    code = dedent(match[2]).strip()
    language = "pycon" if code.startswith(">>>") else "python"
    return f"**Example{match[1]}:**\n\n```{language}\n{code}\n```\n"
