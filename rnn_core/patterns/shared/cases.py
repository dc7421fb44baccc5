"""What a net is tested on, and what comes of it: the test, cases judged one by one, and the rows of their table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A stretch of text that is right or wrong as a whole; cases of one size make one row of the table.

    Attributes:
        measure: what `size` counts, such as "length" or "depth".
        size: how large the case is.
        text: read from a zero state, each character predicted from those before it.
        judged: the positions in `text` whose predictions count, from 1; None for all that the pattern scores. For a
            transducer: the positions in `text` after which what is said counts, from 0.
    """

    measure: str
    size: int
    text: str
    judged: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Evaluation:
    """What a trained net is tested on.

    Attributes:
        text: read from a zero state (each string by itself), each character predicted from those before it.
        start: predictions of `text[start:]` are scored, those before only read; at least 1, for a transducer 0.
        prime: read from a zero state before the net is let go.
        truth: what the net should then write by itself; empty where many things are right, or nothing runs free.
    """

    text: str
    start: int
    prime: str
    truth: str


@dataclass(frozen=True)
class ReachRow:
    """The cases of one size.

    Attributes:
        measure, size: what was counted, and how many of it, such as length 41.
        trained: the size lies within what was trained on.
        cases: how many there are.
        cases_right: those of which every judged step is right.
        steps, steps_right: judged predictions, and those of them that are right.
        decidable, decidable_right: judged predictions with only one possible character, and those that are right.
        loss_sum: cross-entropy of the judged predictions, nats.

    A step is right if the likeliest character is the only possible one or, where several are possible, if the net
    allows (gives more than `measures.reach.ALLOWED`) the one that came and none that is impossible.
    """

    measure: str
    size: int
    trained: bool
    cases: int = 0
    cases_right: int = 0
    steps: int = 0
    steps_right: int = 0
    decidable: int = 0
    decidable_right: int = 0
    loss_sum: float = 0.0
