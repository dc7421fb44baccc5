"""What a metric means: a sentence, its unit and its range."""

from typing import NamedTuple

LOSS = "nats per character"
SHARE = "share"


class Meaning(NamedTuple):
    """What a metric means.

    Attributes:
        sentence: what the number is.
        unit: what it is counted or measured in.
        range: the values that it can have.
    """

    sentence: str
    unit: str
    range: str
