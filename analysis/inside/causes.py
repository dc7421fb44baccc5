"""Whether what is read out of the states is what the net uses: labels exchanged, numbers of the state taken out."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.dynamics.ablation import ablation
from analysis.dynamics.consistency import consistency
from analysis.dynamics.interchange import interchange
from analysis.dynamics.labelled import LabelledText, applies
from analysis.figures import Picture
from analysis.figures.scores import ScoreRow, score_rows
from analysis.inside.finding import DoesNotApplyError, Finding
from analysis.inside.subject import Subject
from analysis.words import counted

CONTROLS = {
    "random subspace": ("trained", "random"),
    "shuffled labels": ("trained", "shuffled"),
    "untrained": ("untrained", "subspace"),
}
"""What is drawn beside the exchange in the trained net: by name, which net and what was exchanged."""

ABLATED = 1000
"""The characters over which numbers of the state are taken out, or a few more, up to the end of a string."""


def causes(subject: Subject) -> Finding:
    """Exchange each label between states of both nets, ask how alike they go on, and take numbers out of the state.

    A label that cannot be exchanged costs a line, and so does a pattern without finitely many states.

    Raises:
        DoesNotApplyError: no label can be exchanged, and the pattern has no states from which a net could go on alike.
    """
    exchanged, refused = _exchanged(subject)
    alike = pd.DataFrame()
    try:
        alike = _alike(subject)
    except ValueError as error:
        refused["consistency"] = str(error)
    if exchanged.empty and alike.empty:
        raise DoesNotApplyError("; ".join(f"{what}: {why}" for what, why in refused.items()))
    tables, pictures, metrics, lines = {"ablation": _taken_out(subject)}, {}, {}, []
    if not exchanged.empty:
        shares = exchanged.pivot(index="label", columns=["net", "exchanged"], values="accuracy")
        lines += _exchange_lines(shares, dict(zip(exchanged["label"], exchanged["pairs"], strict=True)))
        tables["interchange"] = exchanged
        pictures["interchange"] = _picture(shares)
        metrics["interchange_accuracy"] = float(shares["trained", "subspace"].mean())
    if not alike.empty:
        tables["consistency"] = alike
        lines.append(_alike_line(alike.set_index("net")))
    lines.append(_ablation_line(tables["ablation"]))
    lines += [f"{what}: not asked: {why}" for what, why in refused.items()]
    return Finding(lines + subject.remarks, tables, pictures, metrics)


def _exchanged(subject: Subject) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the rows of `interchange` of each label, and by label why one was not exchanged.

    Of labels that tell the same only the first is exchanged, so that a mean over labels counts it once.
    """
    rows, refused = [], {}
    fitted, asked = subject.fitted_text, subject.asked_text
    labels = [label for label, value_t in asked.labels.items() if value_t.ndim == 1]
    states = {name: (subject.fitted_states[name], subject.states[name]) for name in subject.nets} if labels else {}
    for place, label in enumerate(labels):
        twins = [earlier for earlier in labels[:place] if _tell_the_same(asked, earlier, label)]
        if twins:
            refused[label] = f"{twins[0]} tells the same by other names of its values"
            continue
        try:
            rows += interchange(subject.nets, subject.pattern, fitted, asked, label, states=states)
        except ValueError as error:  # a label with one value, or one that leaves open what is right
            refused[label] = str(error)
    if not labels:
        refused["interchange"] = f"{subject.pattern.spec} has no labels that could be exchanged"
    return pd.DataFrame([dataclasses.asdict(row) for row in rows]), refused


def _tell_the_same(text: LabelledText, one: str, other: str) -> bool:
    """Return whether two labels of a text apply at the same positions, where each determines the other."""
    applying_t, other_t = (applies(text.labels[label]) for label in (one, other))
    if (applying_t != other_t).any():
        return False
    values = [text.labels[label][applying_t] for label in (one, other)]
    pairs = set(zip(*(value_n.tolist() for value_n in values), strict=True))
    return 1 < len(pairs) == len(np.unique(values[0])) == len(np.unique(values[1]))


def _exchange_lines(shares: pd.DataFrame, pairs: Mapping[str, int]) -> list[str]:
    """Return what the exchange of each label did, in words.

    Arguments:
        shares: the share of right pairs, a row a label, a column for each net and what was exchanged.
        pairs: the number of pairs by label.
    """
    return [
        f"{label} exchanged: the trained net goes on rightly in {row['trained', 'subspace']:.1%} of "
        f"{counted(pairs[str(label)], 'pair')}; "
        f"{row['trained', 'random']:.1%} in a random subspace, {row['trained', 'shuffled']:.1%} with shuffled labels, "
        f"{row['untrained', 'subspace']:.1%} in the untrained net; {row['trained', 'target']:.1%} of the continuations "
        "are right where the trained net itself has read such a text"
        for label, row in shares.iterrows()
    ]


def _picture(shares: pd.DataFrame) -> Picture:
    """Draw the shares of `_exchange_lines`."""
    rows = [
        ScoreRow(
            str(label), {"trained": row["trained", "subspace"], **{way: row[key] for way, key in CONTROLS.items()}}
        )
        for label, row in shares.iterrows()
    ]
    return score_rows("Labels exchanged between states", rows, "right continuations (share)", tuple(CONTROLS))


def _alike(subject: Subject) -> pd.DataFrame:
    """Return the consistency of both nets, a row each."""
    text = subject.asked_text.text
    return pd.DataFrame(
        [
            {"net": name, **dataclasses.asdict(consistency(net_map, subject.pattern, text))}
            for name, net_map in subject.nets.items()
        ]
    )


def _alike_line(alike: pd.DataFrame) -> str:
    """Return how alike both nets go on, in words, from a table with a row for each net."""
    trained, untrained = (alike.loc[name].to_dict() for name in ("trained", "untrained"))
    return (
        f"after texts that lead the pattern to one state: the trained net answers alike after {trained['agree']:.1%} "
        f"of {counted(trained['pairs'], 'pair')} of them, and rightly after {trained['right']:.1%} of "
        f"{counted(trained['prefixes'], 'text')}; the untrained net {untrained['agree']:.1%} and "
        f"{untrained['right']:.1%}"
    )


def _taken_out(subject: Subject) -> pd.DataFrame:
    """Return what the trained net loses without each number of its state, the one that it needs most first."""
    text, mark = subject.asked_text.text, subject.pattern.mark
    if not mark:
        text = text[:ABLATED]
    elif (end := text.find(mark, ABLATED)) >= 0:
        text = text[: end + 1]
    return ablation(subject.trained, subject.pattern, text).table(subject.trained.number_names)


def _ablation_line(taken_out: pd.DataFrame) -> str:
    """Return in words which number of the state the trained net needs most."""
    worst = taken_out.iloc[0]
    if worst["loss_added"] <= 0:
        return "the trained net needs no single number of its state: without any one of them the loss does not grow"
    return (
        f"of all numbers of the state the trained net needs {worst['name']} most: without it the loss grows by "
        f"{worst['loss_added']:.3g} nats per scored character"
    )
