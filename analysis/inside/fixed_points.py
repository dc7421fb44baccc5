"""Where the states of a net come to rest while it reads one character again and again, and what else is fixed there."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.dynamics.fixed_points import FixedPoints, counts_over, find_fixed_points, noisy_starts
from analysis.dynamics.limit_points import LimitPoints, limit_points
from analysis.dynamics.projection import fit_projection
from analysis.figures.portrait import Portrait, portraits
from analysis.inside.finding import Finding
from analysis.inside.subject import Subject
from rnn_core.vocabulary import visible

MAX_CHARACTERS = 12
"""The most characters of an alphabet that are held, those that come most often in the test."""

NOISY_STARTS = 256
"""The states around visited ones from which fixed points are searched, beside these."""

TOLERANCES, RADII = (1e-20, 1e-16, 1e-12, 1e-8), (1e-4, 1e-3, 1e-2, 1e-1)
"""The speeds and the radii over which fixed points are counted again."""


def fixed_points(subject: Subject) -> Finding:
    """Hold each character until visited states rest, and search for fixed points of that with most points of rest."""
    text = subject.test.text
    often = sorted(set(text) - {subject.pattern.mark}, key=lambda character: (-text.count(character), character))
    rests = {
        (name, character): limit_points(net_map, subject.visited(name), character)
        for name, net_map in subject.nets.items()
        for character in often[:MAX_CHARACTERS]
    }
    of_trained = {character: rest for (name, character), rest in rests.items() if name == "trained"}
    held = max(of_trained, key=lambda character: len(of_trained[character].points))
    found = {name: search(subject, name, held) for name in subject.nets}
    counts = counts_over(subject.trained, found["trained"], TOLERANCES, RADII)
    rows = [{"net": name, "character": character, **_row(rest)} for (name, character), rest in rests.items()]
    points = pd.concat([points.table().assign(net=name, character=held) for name, points in found.items()])
    lines = [f"{name} net: {_line(held, rests[name, held], points)}" for name, points in found.items()]
    tables = {"limit_points": pd.DataFrame(rows), "fixed_points": points, "fixed_points_counted": counts}
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
    """
    visited_nk = subject.visited(name)
    return find_fixed_points(subject.nets[name], noisy_starts(visited_nk, NOISY_STARTS), character, visited_nk)


def _row(rest: LimitPoints) -> dict[str, int]:
    """Return how many points of rest there are, and how many states rest, cycle, still move, or grow."""
    return {
        "limit_points": len(rest.points),
        "states_at_rest": int(rest.count_p.sum()),
        "states_on_cycles": sum(rest.on_cycles.values()),
        "states_still_moving": rest.still_moving,
        "states_growing": rest.growing,
    }


def _line(character: str, rest: LimitPoints, found: FixedPoints) -> str:
    """Return what was found of one net, in words."""
    kinds = pd.Series([point.kind for point in found.points if not point.outlier], dtype=object).value_counts()
    others = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
    moving = len(rest.point_n) - int(rest.count_p.sum())
    return (
        f"while {character!r} is read again and again, {len(rest.point_n)} visited states come to rest at "
        f"{len(rest.points)} points"
        + (f", and {moving} do not come to rest" if moving else "")
        + f"; a search finds fixed points near them: {others}"
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
