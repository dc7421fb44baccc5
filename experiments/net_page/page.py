"""Puts together the page of a net, or of several nets of one pattern: one file that needs nothing else."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.net_page.pattern_table import pattern_table
from experiments.net_page.told import PageNet, told_of_net
from experiments.page_parts.filling import filled_page
from rnn_core.patterns import Pattern
from rnn_core.record import Record

FIRST_CHARACTERS = 60
"""The most characters of the text that the net reads when the page is opened."""

SCRIPTS = ("graph.js", "reading.js", "path.js", "tape.js", "nets.js", "panels.js", "page.js")
"""The files of JavaScript, in the order in which a browser runs them."""


def net_page(nets: Sequence[PageNet], pattern: Pattern | None, text: str) -> str:
    """Return a page, in HTML, in which nets can be played with.

    Arguments:
        nets: one or more nets with the same alphabets; of several the page has a slider, in their order.
        pattern: their pattern; None if it cannot be made again here.
        text: a text of the pattern from its beginning on. A page begins with some of it; along all of it, it finds
            the directions in which the states vary most.
    """
    record = nets[0].record
    told: dict[str, Any] = {
        "pattern": _told_of_pattern(record, pattern),
        "text": _first_characters(text, record),
        "longer": text,
        "shared": len({dataclasses.replace(net.record.config, epochs=1) for net in nets}) == 1,
        "nets": [told_of_net(net, text) for net in nets],
    }
    title = nets[0].name if len(nets) == 1 else f"{len(nets)} nets, from {nets[0].name} to {nets[-1].name}"
    return filled_page(Path(__file__).parent, SCRIPTS, title, told)


def _told_of_pattern(record: Record, pattern: Pattern | None) -> dict[str, Any]:
    """Return what the page is told of a pattern, as JSON has it."""
    return {
        "name": pattern.short_name if pattern else record.config.pattern,
        "sentence": pattern.description if pattern else "",
        "known": pattern is not None,
        "alphabet": record.alphabet,
        "outputs": record.outputs,
        "mark": record.mark,
        "next": record.predicts_next,
        "table": pattern_table(pattern) if pattern else None,
    }


def _first_characters(text: str, record: Record) -> str:
    """Return the beginning of a text, up to the end of a string where it has marks and one ends early enough."""
    first = text[:FIRST_CHARACTERS]
    end = first.rfind(record.mark) if record.mark else 0
    return first[: end + (1 if record.predicts_next else 0)] if end > FIRST_CHARACTERS // 3 else first
