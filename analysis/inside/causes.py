"""Whether what is read out of the states is what the net uses: variables exchanged, and units taken out."""

import dataclasses

import pandas as pd

from analysis.dynamics.causes import ablation
from analysis.dynamics.interchange import interchange
from analysis.figures.scores import ScoreRow, score_rows
from analysis.inside.finding import DoesNotApplyError, Finding, counted
from analysis.inside.subject import Subject

CONTROLS = {
    "random subspace": ("trained", "random"),
    "shuffled labels": ("trained", "shuffled"),
    "untrained": ("untrained", "subspace"),
}
"""What is drawn beside the exchange in the trained net: by name, which net and what was exchanged."""

ABLATED = 1000
"""The characters over which units are taken out, or a few more, up to the end of a string."""


def causes(subject: Subject) -> Finding:
    """Exchange each label between states of both nets, and take every number out of the trained net's state.

    Raises:
        DoesNotApplyError: the pattern has no label that can be exchanged, or nothing can be told from what it answers.
    """
    rows, refused = [], []
    for label, value_t in subject.test.labels.items():
        if value_t.ndim == 1:
            try:
                rows += interchange(subject.nets, subject.pattern, subject.fit, subject.test, label)
            except ValueError as error:  # a label with one value, or one that leaves open what is right
                refused.append(f"{label}: {error}")
    if not rows:
        raise DoesNotApplyError("; ".join(refused) or f"{subject.pattern.spec} has no labels that could be exchanged")
    table = pd.DataFrame([dataclasses.asdict(row) for row in rows])
    shares = table.pivot(index="label", columns=["net", "exchanged"], values="accuracy")
    pairs = table.groupby("label")["pairs"].first().to_dict()
    scores = [
        ScoreRow(
            str(label), {"trained": row["trained", "subspace"], **{way: row[key] for way, key in CONTROLS.items()}}
        )
        for label, row in shares.iterrows()
    ]
    lines = [
        f"{label} exchanged: the trained net goes on rightly in {row['trained', 'subspace']:.1%} of "
        f"{counted(pairs[label], 'pair')}; "
        f"{row['trained', 'random']:.1%} in a random subspace, {row['trained', 'shuffled']:.1%} with shuffled labels, "
        f"{row['untrained', 'subspace']:.1%} in the untrained net; {row['trained', 'target']:.1%} of the continuations "
        "are right where the trained net itself has read such a text"
        for label, row in shares.iterrows()
    ]
    taken_out = ablation(subject.trained, subject.pattern, _beginning(subject)).table(subject.trained.number_names)
    worst = taken_out.iloc[0]
    lines.append(
        f"of all numbers of the state the trained net needs {worst['name']} most: without it the loss grows by "
        f"{worst['loss_added']:.3g} nats per scored character"
        if worst["loss_added"] > 0
        else "the trained net loses nothing without any one number of its state"
    )
    picture = score_rows("Labels exchanged between states", scores, "right continuations (share)", tuple(CONTROLS))
    metrics = {"interchange_accuracy": float(shares["trained", "subspace"].mean())}
    return Finding(lines, {"interchange": table, "ablation": taken_out}, {"interchange": picture}, metrics)


def _beginning(subject: Subject) -> str:
    """Return the beginning of the test, up to the end of a string."""
    text, mark = subject.test.text, subject.pattern.mark
    end = text.find(mark, ABLATED) if mark else -1
    return text[: end + 1] if end >= 0 else text if mark else text[:ABLATED]
