"""Where the states and the arrows of a graph are drawn: places, curves past other states, and room for labels."""

from collections.abc import Sequence

import numpy as np

# The end of an array's name gives its axes: N states, P points of a curve, 2 coordinates (in inches).

BENDS = (0.0, 0.16, -0.16, 0.32, -0.32, 0.5, -0.5, 0.75, -0.75)
"""How far the middle of an arrow may be from the straight line, in lengths of this line, the first choice first."""

BOTH_WAYS = (0.1, 0.16, 0.24, 0.34, 0.5)
"""The same where there is an arrow back. Both bend to their left, and so apart."""

CURVE_POINTS = 41
"""The points of a loop, and a quarter of those of another arrow."""

COARSE = 10
"""Of so many points of an arrow one is used to see whether arrows meet."""


def places(edges: Sequence[tuple[int, int]], count: int, width: float, height: float) -> np.ndarray:
    """Return places for the states of a graph that fill a rectangle, the start to the left, (N, 2).

    States that few arrows part are near each other (Kamada & Kawai 1989).

    Arguments:
        edges: the arrows, from one state to another.
        count: N, the number of states, 1 or more. State 0 is the start.
        width: the width of the rectangle.
        height: its height.

    Raises:
        ModuleNotFoundError: networkx is not installed.
    """
    try:
        import networkx as nx
    except ModuleNotFoundError as error:
        allowed = 'networkx, installed by pip install -e ".[inside]"'
        raise ModuleNotFoundError(f"{error}; allowed: {allowed}") from error
    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((one, other) for one, other in edges if one != other)
    steps = nx.single_source_shortest_path_length(graph, 0)
    last = max(steps.values())
    for state in graph:
        steps.setdefault(state, last + 1)
    rows = [sum(steps[other] == steps[state] for other in range(state)) for state in range(count)]
    first = {state: (float(steps[state]), rows[state] + 0.1 * (state % 3)) for state in graph}
    if count == 2:
        first = {0: (0.0, 0.0), 1: (1.0, 0.0)}
    found = nx.kamada_kawai_layout(graph, pos=first) if count > 2 else first
    place_n2 = np.array([found[state] for state in range(count)])
    place_n2 = _turned(place_n2 - place_n2.mean(axis=0))
    low, span = place_n2.min(axis=0), np.ptp(place_n2, axis=0)
    filled = np.where(span > 1e-6, (place_n2 - low) / np.where(span > 1e-6, span, 1), 0.5)
    return np.asarray(filled * (width, height))


def _turned(place_n2: np.ndarray) -> np.ndarray:
    """Return places, turned about their mean so that the start is to the left and they are wider than high."""
    best, least = place_n2, np.inf
    for angle in np.linspace(0, 2 * np.pi, 72, endpoint=False):
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = place_n2 @ np.array([[cosine, -sine], [sine, cosine]])
        width, height = np.ptp(turned, axis=0)
        # The start should be the leftmost, in the middle of the height; and the whole rather wide than high.
        cost = (turned[0, 0] - turned[:, 0].min()) + 0.5 * abs(turned[0, 1]) + 0.5 * (height - width)
        if cost < least - 1e-9:
            best, least = turned, cost
    return best


def curve(start_2: np.ndarray, end_2: np.ndarray, bend: float, radius: float) -> np.ndarray:
    """Return an arrow's curve from the edge of one circle to that of another, (P, 2).

    Arguments:
        start_2: the centre of the first circle.
        end_2: the centre of the second.
        bend: how far the middle is from the straight line, to the left, in lengths of this line.
        radius: the radius of both circles.
    """
    along = end_2 - start_2
    middle = (start_2 + end_2) / 2 + 2 * bend * np.array([-along[1], along[0]])
    t = np.linspace(0, 1, 4 * CURVE_POINTS)[:, None]
    points = (1 - t) ** 2 * start_2 + 2 * t * (1 - t) * middle + t**2 * end_2
    outside = np.minimum(np.linalg.norm(points - start_2, axis=1), np.linalg.norm(points - end_2, axis=1)) >= radius
    return np.asarray(points[outside] if outside.sum() > 1 else points)


def loop(place_2: np.ndarray, angle: float, radius: float) -> np.ndarray:
    """Return the curve of an arrow from a circle to itself, in a direction (radians), (P, 2)."""
    size = 0.62 * radius
    out = np.array([np.cos(angle), np.sin(angle)])
    centre = place_2 + out * (radius + 0.75 * size)
    turns = np.linspace(angle + np.pi, angle + 3 * np.pi, CURVE_POINTS)
    points = centre + size * np.column_stack([np.cos(turns), np.sin(turns)])
    return np.asarray(points[np.linalg.norm(points - place_2, axis=1) >= radius])


def free_direction(place_2: np.ndarray, ends: Sequence[np.ndarray], preferred: float) -> float:
    """Return the direction, in radians, with the most room between the arrows that touch a circle.

    Arguments:
        place_2: the centre of the circle.
        ends: a point near the circle on each of these arrows.
        preferred: the direction where there is none, or where several have as much room.
    """
    angles = [float(np.arctan2(*(end - place_2)[::-1])) for end in ends]
    tried = preferred + np.linspace(0, 2 * np.pi, 48, endpoint=False)
    room = [min((abs(_between(angle, other)) for other in angles), default=np.pi) for angle in tried]
    away = [0.15 * abs(_between(angle, preferred)) for angle in tried]
    return float(tried[int(np.argmax(np.minimum(room, 1.0) - away))])


def choose_bend(
    start: int,
    end: int,
    place_n2: np.ndarray,
    radius: float,
    both_ways: bool,
    drawn: Sequence[np.ndarray],
    size: tuple[float, float],
) -> np.ndarray:
    """Return the least bent curve from one state to another that passes the other states and crosses few arrows.

    Arguments:
        start: the state that the arrow leaves.
        end: the state that it reaches, another one.
        place_n2: the places of all states.
        radius: the radius of the circles.
        both_ways: whether there is an arrow back, from which this one must be told.
        drawn: the curves of the arrows that are there already.
        size: the width and the height of the panel, which the curve should not leave.
    """
    others = np.delete(place_n2, [start, end], axis=0)
    coarse = np.concatenate([np.zeros((0, 2)), *(points[::COARSE] for points in drawn)])
    best, least = np.zeros((0, 2)), np.inf
    for number, bend in enumerate(BOTH_WAYS if both_ways else BENDS):
        points = curve(place_n2[start], place_n2[end], bend, radius)
        cost = 0.06 * number + 0.3 * abs(bend)
        cost += 5 * float(np.maximum(0.1 - points, 0).max() + np.maximum(points - np.array(size) + 0.1, 0).max())
        if len(others):
            distance = np.linalg.norm(points[:, None] - others, axis=-1).min()
            cost += 6 * max(0.0, 1.35 - distance / radius)
        if len(coarse):
            near = np.linalg.norm(points[::COARSE, None] - coarse, axis=-1) < 0.3 * radius
            cost += 0.1 * float(near.any(axis=0).sum())
        if cost < least:
            best, least = points, cost
    return best


def place_of_label(
    points: np.ndarray,
    size: tuple[float, float],
    taken: Sequence[tuple[np.ndarray, tuple[float, float]]],
    place_n2: np.ndarray,
    radius: float,
    drawn_p2: np.ndarray,
) -> tuple[np.ndarray, bool]:
    """Return where on its curve, or beside it, a label covers least, (2,), and whether it is on the curve.

    Arguments:
        points: the curve.
        size: the width and the height of the label.
        taken: the places and sizes of the labels that are there already.
        place_n2: the places of all states.
        radius: the radius of their circles.
        drawn_p2: the points of the other curves.
    """
    half = np.array(size) / 2
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    best, least = (points[len(points) // 2], True), np.inf
    for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74):
        number = int(share * (len(points) - 1))
        along = points[min(number + 1, len(points) - 1)] - points[max(number - 1, 0)]
        across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-9)
        for side in (0, 1, -1):
            place = points[number] + side * across * (0.02 + np.abs(across) @ half)
            cost = abs(share - 0.5)
            cost += 0.4 if side else 20 * max(0.0, 0.36 + np.abs(along) @ half / np.linalg.norm(along) * 2 - length)
            gap = np.linalg.norm(np.maximum(np.abs(place_n2 - place) - half, 0), axis=1).min()
            cost += 10 * max(0.0, 1.05 - gap / radius)
            cost += sum(
                3.0 for other, its_size in taken if (np.abs(other - place) < half + np.array(its_size) / 2).all()
            )
            cost += 0.5 * bool((np.abs(drawn_p2 - place) < half).all(axis=1).any())
            if cost < least:
                best, least = (place, not side), cost
    return best


def _between(one: float, other: float) -> float:
    """Return the angle from one direction to another, in radians, above -pi and at most pi."""
    return float(np.angle(np.exp(1j * (one - other))))
