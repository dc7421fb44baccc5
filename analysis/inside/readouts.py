"""What of the pattern's own knowledge can be read linearly out of a net's states."""

import dataclasses

import pandas as pd

from analysis.dynamics.readouts import readouts as read_out
from analysis.dynamics.readouts import table_name
from analysis.figures.scores import ScoreRow, score_rows
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject

COMPARED = ("untrained", table_name(1), table_name(4))
"""What is drawn beside the trained net."""


def readouts(subject: Subject) -> Finding:
    """Read each label of the pattern out of both nets' states, beside tables of the last characters.

    A label that cannot be read out, since it does not vary, costs a line.

    Raises:
        DoesNotApplyError: the pattern has no labels that vary.
    """
    if not subject.asked_text.labels:
        raise DoesNotApplyError(
            f"nothing is known of the positions of {subject.pattern.spec}; allowed: patterns with labels"
        )
    table = pd.DataFrame(
        [dataclasses.asdict(row) for row in read_out(subject.nets, subject.fitted_text, subject.asked_text)]
    )
    table["question"] = table["label"] + " (" + table["measure"] + ")"
    scores = table.pivot(index="question", columns="predictor", values="score").dropna()
    if scores.empty:
        raise DoesNotApplyError("every label has one value alone in a text; allowed: labels that vary")
    rows = [ScoreRow(str(question), dict(score[["trained", *COMPARED]])) for question, score in scores.iterrows()]
    lines = [
        f"{str(question).replace('R2', 'R²')}: {score['trained']:.3f} from the states of the trained net, "
        f"{score['untrained']:.3f} from those of the untrained net, {score[table_name(4)]:.3f} from the last 4 "
        "characters"
        for question, score in scores.iterrows()
    ]
    lines += [
        f"{question}: not asked: it has one value alone in a text; allowed: labels that vary"
        for question in table["question"].drop_duplicates()
        if question not in scores.index
    ]
    lines += subject.remarks
    picture = score_rows("What can be read out of the states", rows, "accuracy (share) or R²", COMPARED)
    return Finding(lines, {"readouts": table.drop(columns="question")}, {"readouts": picture})
