"""Where the states of a net come to rest while it reads one character again and again, and what else is fixed there."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.dynamics.fixed_points import FixedPoints, counts_over, find_fixed_points, noisy_starts
from analysis.dynamics.limit_points import LimitPoints, limit_points
from analysis.dynamics.projection import fit_projection
from analysis.figures.portrait import Portrait, portraits
from analysis.inside.finding import Finding
from analysis.inside.subject import Subject
from analysis.words import counted
from rnn_core.vocabulary import visible

MAX_CHARACTERS = 12
"""The most characters of an alphabet that are held, those that come most often in the asked text."""

MAX_HELD_NUMBERS = 1024
"""The most numbers of states, for all held characters together; of nets with large states fewer are held, but one."""

MAX_JACOBIAN_NUMBERS = 2**21
"""The most numbers in the Jacobians at the starts of a search; nets with large states have fewer starts."""

NOISY_STARTS = 256
"""The states around visited ones from which fixed points are searched, beside these."""

TOLERANCES, RADII = (1e-20, 1e-16, 1e-12, 1e-8), (1e-4, 1e-3, 1e-2, 1e-1)
"""The speeds and the radii over which fixed points are counted again."""


def fixed_points(subject: Subject) -> Finding:
    """Hold each character until visited states rest, and search for fixed points of that with most points of rest.

    Raises:
        ValueError: a visited state of a net is not a number.
    """
    text = subject.asked_text.text
    often = sorted(set(text) - {subject.pattern.mark}, key=lambda character: (-text.count(character), character))
    most = max(1, min(MAX_CHARACTERS, MAX_HELD_NUMBERS // subject.trained.size))
    rests = {
        (name, character): limit_points(net_map, subject.visited(name), character)
        for name, net_map in subject.nets.items()
        for character in often[:most]
    }
    of_trained = {character: rest for (name, character), rest in rests.items() if name == "trained"}
    held = max(of_trained, key=lambda character: len(of_trained[character].points))
    found = {name: search(subject, name, held) for name in subject.nets}
    counts = counts_over(subject.trained, found["trained"], TOLERANCES, RADII)
    rows = [{"net": name, "character": character, **_row(rest)} for (name, character), rest in rests.items()]
    points = pd.concat([each.table().assign(net=name, character=held) for name, each in found.items()])
    which = f", of {len(of_trained)} characters the first with the most points of rest" if len(of_trained) > 1 else ""
    lines = [f"{visible(held)!r} is read again and again{which}"]
    lines += [f"{name} net: {_line(rests[name, held], points)}" for name, points in found.items()]
    tables = {"limit_points": pd.DataFrame(rows), "fixed_points": points, "fixed_points_counted": counts}
    if any(len(rest.points) for rest in rests.values()):
        tables["rest_points"] = pd.concat([_points(subject, *key, rest) for key, rest in rests.items()])
    picture = portraits(
        f"States and fixed points while {visible(held)!r} is read again and again",
        [portrait(name, subject.visited(name), points) for name, points in found.items()],
        columns=2,
    )
    metrics = {"limit_points": float(len(of_trained[held].points))}
    return Finding(lines, tables, {"fixed_points": picture}, metrics)


def search(subject: Subject, name: str, character: str) -> FixedPoints:
    """Search for fixed points of a held character from the visited states of a net and around them.

    Arguments:
        subject: the net, trained and untrained.
        name: which of the two: trained or untrained.
        character: the character.

    Raises:
        ValueError: a visited state is not a number, none is finite, or the net cannot read the character.
    """
    visited_nk = subject.visited(name)
    starts_nk = noisy_starts(visited_nk, NOISY_STARTS)
    most = max(2, MAX_JACOBIAN_NUMBERS // subject.nets[name].size ** 2)
    return find_fixed_points(subject.nets[name], starts_nk[:: -(-len(starts_nk) // most)], character, visited_nk)


def _row(rest: LimitPoints) -> dict[str, int]:
    """Return how many points of rest there are, and how many states rest, cycle, still move, or grow."""
    return {
        "limit_points": len(rest.points),
        "states_at_rest": int(rest.count_p.sum()),
        "states_on_cycles": sum(rest.on_cycles.values()),
        "states_still_moving": rest.still_moving,
        "states_growing": rest.growing,
    }


def _points(subject: Subject, name: str, character: str, rest: LimitPoints) -> pd.DataFrame:
    """Return a row for each point of rest of a net: how many states lead there, and the numbers of its state."""
    states_pk = np.array([point.state_k for point in rest.points]).reshape(-1, subject.nets[name].size)
    table = pd.DataFrame(states_pk, columns=subject.nets[name].number_names)
    table.insert(0, "states", rest.count_p)
    table.insert(0, "character", character)
    table.insert(0, "net", name)
    return table


def _line(rest: LimitPoints, found: FixedPoints) -> str:
    """Return what was found of one net, in words."""
    row = _row(rest)
    staying = max((point.staying for point in rest.points), default=0)
    others = {"settle in a cycle": "states_on_cycles", "still move": "states_still_moving", "grow": "states_growing"}
    return (
        f"{row['states_at_rest']} of {counted(len(rest.point_n), 'visited state')} come to rest, at "
        + counted(len(rest.points), "point")
        + (
            f" (in a continuum of up to {counted(staying, 'dimension')}: their number depends on the states visited)"
            if staying
            else ""
        )
        + "".join(f"; {row[column]} {what}" for what, column in others.items() if row[column])
        + f"; fixed and slow points found near visited states: {_kinds(found)}"
    )


def _kinds(found: FixedPoints) -> str:
    """Return how many points of each kind a search found near visited states, and how many far from them, in words."""
    near = [point for point in found.points if not point.outlier]
    far = len(found.points) - len(near)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(point.kind for point in near).most_common())
    staying = max((point.staying for point in near if point.kind == "neutral"), default=0)
    return (
        (kinds or "none")
        + (f" (in a continuum of up to {counted(staying, 'dimension')})" if staying else "")
        + (f"; far from them: {far}" if far else "")
    )


def portrait(title: str, visited_nk: np.ndarray, found: FixedPoints, labels: Sequence[str] = ()) -> Portrait:
    """Return a portrait of a net in the principal components of its visited states.

    Arguments:
        title: the title of the panel.
        visited_nk: N states that the net was in, (N, K); those with infinite numbers are left out.
        found: the fixed points.
        labels: what each visited state holds, N texts; empty for none.
    """
    finite_n = np.isfinite(visited_nk).all(axis=1)
    finite_nk = visited_nk[finite_n]
    projection = fit_projection([finite_nk])
    points_pk = np.array([point.state_k for point in found.points]).reshape(-1, visited_nk.shape[1])
    return Portrait(
        title,
        projection(finite_nk),
        projection(points_pk),
        [point.kind for point in found.points],
        [point.directions_uk @ projection.direction_kh.T for point in found.points],
        [label for label, finite in zip(labels, finite_n, strict=True) if finite] if labels else (),
        projection.share_k,
    )
