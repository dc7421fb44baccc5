"""Test data of a pattern: the test text, the cases that are scored by size, and the table row of each size."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A text that a net gets right or wrong as a whole. The cases of one size make one row of the table.

    Attributes:
        measure: what `size` counts, such as "length" or "depth".
        size: the size of the case.
        text: the text, which the net reads from a zero state; each character is predicted from those before it.
        judged: the positions in `text` whose predictions count, from 1; None for all that the pattern scores. For a
            transducer: the positions in `text` whose outputs count, from 0.
    """

    measure: str
    size: int
    text: str
    judged: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Evaluation:
    """The test of a trained net.

    Attributes:
        text: the test text. A stream is read from a zero state, and so is each string of a pattern of strings. Each
            character is predicted from those before it.
        start: the predictions of `text[start:]` are scored; the characters before are only read. At least 1; for a
            transducer 0.
        prime: the characters that the net reads, from a zero state, before it runs free.
        truth: what the net should then write; empty where more than one continuation is right, or the net does not run
            free.
    """

    text: str
    start: int
    prime: str
    truth: str


@dataclass(frozen=True)
class ReachRow:
    """The results on all cases of one size.

    A prediction is right in one of two ways. Where only one character is possible, the net must give it the highest
    probability. Where several are possible, the net must allow the one that came and no impossible one; it allows a
    character to which it gives more than a small probability (see `measures.reach.ALLOWING_PROBABILITY`).

    Attributes:
        measure: what `size` counts, such as "length".
        size: the size of the cases.
        trained: whether the size is within the range of the training data.
        cases: the number of cases.
        cases_right: the number of cases whose judged predictions are all right.
        steps: the number of judged predictions.
        steps_right: the number of judged predictions that are right.
        decidable: the number of judged predictions where only one character is possible.
        decidable_right: the number of those that are right.
        loss_sum: the sum of the cross-entropies of the judged predictions, in nats.
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
