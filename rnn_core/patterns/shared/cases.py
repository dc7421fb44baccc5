"""What came of a net's cases, size by size: the rows of the table of generalization."""

from dataclasses import dataclass


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
