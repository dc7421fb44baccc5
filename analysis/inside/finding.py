"""What was found inside a net, in words, tables, pictures and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from analysis.figures import Picture


@dataclass(frozen=True, eq=False)
class Finding:
    """The answer to one question about a net.

    Attributes:
        lines: what was found, in sentences.
        tables: tables by name.
        pictures: pictures by name.
        metrics: the few numbers that are metrics of the run, by name; NaN for one that is unknown.
    """

    lines: list[str]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


class DoesNotApplyError(ValueError):
    """A question has no meaning for this net or this pattern; the message says why."""
