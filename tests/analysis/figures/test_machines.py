"""Pictures of machines: what stands in the states and on the arrows, and what is marked."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, Polygon, Rectangle

from analysis.figures.graph_layout import places
from analysis.figures.machines import ARROW_COLOURS, MAX_STATES, PALE, MachinePanel, machines
from analysis.figures.style import COLOURS, GREY, WRONG
from tests.analysis.figures.looking import ODD_TEXTS, draw, texts, written


def panel(**more: Any) -> MachinePanel:
    """A machine over a and b: state 0 stays by a, 1 is reached by b and leaves by both, 2 is dead."""
    parts: dict[str, Any] = {
        "title": "a machine",
        "inputs": "ab",
        "labels": ["#ab", "x", "×"],
        "next_sv": np.array([[0, 1], [0, 2], [2, 2]]),
        "dead_s": np.array([False, False, True]),
        "may_end_s": np.array([True, False, False]),
    }
    return MachinePanel(**{**parts, **more})


def chain(count: int, **more: Any) -> MachinePanel:
    """States in a row: a leads on, b to the start, c stays."""
    states = np.arange(count)
    next_sv = np.column_stack([np.minimum(states + 1, count - 1), 0 * states, states])
    return MachinePanel(f"{count} states", "abc", [str(state) for state in states], next_sv, **more)


def shapes(axes: Any, kind: type) -> list[Any]:
    return [patch for patch in axes.patches if type(patch) is kind]


def test_states_arrows_and_what_is_read() -> None:
    figure = machines("machines", [panel()])
    assert draw(figure)[0] == 800
    (axes,) = figure.axes
    inside = {one.text: (one.x, one.y) for one in written(figure, axes.transData)}
    assert set(inside) == {"#ab", "x", "a", "b"}, "a leads from 0 to 0 and from 1 to 0, b from 0 to 1"
    rings = {(circle.center, round(circle.radius, 3)) for circle in shapes(axes, Circle)}
    assert sorted(np.round(centre, 6).tolist() for centre, _ in rings) == sorted(
        np.round(inside[label], 6).tolist() for label in ("#ab", "#ab", "x")
    )
    assert len(shapes(axes, Polygon)) == 4, "a head for each arrow, and for that to the start"
    assert {"machines", "a machine", "start", "a string may end"} <= set(texts(figure))
    assert "characters without an arrow lead to a dead state, which is not drawn" in texts(figure)


def test_dead_states_are_pale_where_they_are_drawn() -> None:
    figure = machines("machines", [panel()], show_dead=True)
    draw(figure)
    (axes,) = figure.axes
    by_label = {one.text: one for one in written(figure, axes.transData)}
    assert by_label["×"].colour == GREY
    assert "a b" in by_label, "all that leads the same way has one label"
    pale = [circle for circle in shapes(axes, Circle) if to_hex(circle.get_edgecolor()).upper() == PALE]
    assert len(pale) == 1
    assert pale[0].center == pytest.approx((by_label["×"].x, by_label["×"].y))
    assert not any("not drawn" in text for text in texts(figure))


def test_what_is_wrong_has_another_shape_line_and_colour() -> None:
    wrong_sv = np.array([[False, True], [False, False], [False, False]])
    figure = machines("machines", [panel(wrong_s=np.array([False, True, False]), wrong_sv=wrong_sv), panel()])
    draw(figure)
    marked, plain = figure.axes
    coloured = [patch for patch in shapes(marked, Rectangle) if to_hex(patch.get_edgecolor()).upper() == WRONG]
    (square,) = coloured
    labels = {one.text: one for one in written(figure, marked.transData)}
    assert np.add(square.get_xy(), square.get_width() / 2) == pytest.approx((labels["x"].x, labels["x"].y))
    assert labels["b"].colour == WRONG
    dashed = [line for line in marked.get_lines() if line.get_linestyle() != "-"]
    assert [line.get_color() for line in dashed] == [WRONG]
    assert all(line.get_linestyle() == "-" for line in plain.get_lines())
    assert "state or move that differs" in texts(figure)


def test_the_same_way_back_is_one_arrow_with_two_heads() -> None:
    figure = machines("parity", [MachinePanel("", "01", ["0", "1"], np.array([[0, 1], [1, 0]]))])
    draw(figure)
    (axes,) = figure.axes
    assert sorted(one.text for one in written(figure, axes.transData)) == ["0", "0", "0", "1", "1"]
    assert len(shapes(axes, Polygon)) == 1 + 2 + 2, "the start, two loops, and two heads"


def test_many_arrows_have_the_colours_of_what_is_read() -> None:
    cyclic = np.add.outer(np.arange(5), np.arange(5)) % 5
    figure = machines("Z5", [MachinePanel("", "01234", list("ABCDE"), cyclic)])
    draw(figure)
    (axes,) = figure.axes
    read = {(one.text, one.colour) for one in written(figure, axes.transData) if one.text.isdigit()}
    assert read == {(str(number), ARROW_COLOURS[number].upper()) for number in range(5)}
    assert WRONG not in ARROW_COLOURS
    assert COLOURS[0] in ARROW_COLOURS


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20, MAX_STATES])
def test_states_do_not_cover_each_other_and_stay_inside(count: int) -> None:
    figure = machines("machines", [chain(count)])
    draw(figure)
    (axes,) = figure.axes
    circles = shapes(axes, Circle)
    centres = np.array([circle.center for circle in circles])
    assert len(circles) == count
    radius = circles[0].radius
    assert (centres >= radius).all()
    assert (centres <= np.array([axes.get_xlim()[1], axes.get_ylim()[1]]) - radius).all()
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1) + 9 * np.eye(count)
    assert apart.min() > (2 * radius if count <= 20 else radius)


def test_the_start_is_to_the_left() -> None:
    place_n2 = places([(0, 1), (1, 2), (2, 3), (3, 3)], 4, 6.0, 2.0)
    assert place_n2[:, 0].argmin() == 0
    assert place_n2.min() == pytest.approx(0)
    assert place_n2.max(axis=0) == pytest.approx([6, 2], abs=1e-6)
    alone = places([(0, 1)], 3, 6.0, 2.0)  # state 2 has no arrows
    assert np.isfinite(alone).all()


def test_large_machines_stand_below_each_other() -> None:
    small, large = machines("small", [panel(), panel()]), machines("large", [chain(9), chain(9)])
    lefts = [[round(axes.get_position().x0, 3) for axes in figure.axes] for figure in (small, large)]
    assert len(set(lefts[0])) == 2
    assert len(set(lefts[1])) == 1


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_character_can_be_drawn(text: str) -> None:
    draw(machines(text, [panel(title=text, inputs=(text + "ab")[:2], labels=[text, text[:1], ""])]))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: machines("t", []), "0 panels; allowed: 1 or more"),
        (lambda: machines("t", [chain(MAX_STATES + 1)]), f"{MAX_STATES + 1} states; allowed: 1 to {MAX_STATES}"),
        (lambda: machines("t", [panel(labels=["a"])]), r"next_sv of shape \(3, 2\) for 1 labels; allowed: \(1, 2\)"),
        (lambda: machines("t", [panel(wrong_s=np.zeros(2))]), r"wrong_s of shape \(2,\) for 3 labels; allowed: \(3,\)"),
        (lambda: machines("t", [panel(wrong_sv=np.zeros(3))]), r"wrong_sv of shape \(3,\) .*; allowed: \(3, 2\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)
