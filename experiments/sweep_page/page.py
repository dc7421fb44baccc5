"""Puts together the page of a sweep, with the JavaScript of Bokeh, which a Python package ships."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from experiments.page_parts.filling import filled_page
from experiments.summary import Summary, SweptRun
from experiments.sweep_page.told import SweepState, told_of_sweep

SCRIPTS = ("runs.js", "statistics.js", "plots.js", "table.js", "page.js")
"""The files of JavaScript, in the order in which a browser runs them."""

BUNDLE = "server/static/js/bokeh.min.js"
"""The file of the package bokeh that draws; its widgets and tables, which would be as much again, are not needed."""


def sweep_page(summary: Summary, lines: Sequence[str], rows: Sequence[SweptRun], state: SweepState) -> str:
    """Return the page of a sweep, in HTML.

    Arguments:
        summary: its results.
        lines: these in sentences.
        rows: the runs that have ended, those of `summary`.
        state: which sweep it is, and how far.
    """
    return filled_page(Path(__file__).parent, SCRIPTS, state.name, told_of_sweep(summary, lines, rows, state), _bokeh())


@cache
def _bokeh() -> str:
    """Return the JavaScript of Bokeh, as it was packed; the package itself, which takes a second, is not imported."""
    spec = find_spec("bokeh")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the package bokeh is missing, which the page of a sweep draws with; pip install -e ."
        )
    text = (Path(spec.origin).parent / BUNDLE).read_text(encoding="utf-8")
    # The address of a file that is not there.
    return re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE)
