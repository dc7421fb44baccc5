"""Pictures of the paths of hidden states."""

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from analysis.figures import TrajectoryPanel, trajectories, trajectory_3d
from analysis.figures.glyphs import glyph
from analysis.figures.paths import MAX_TRAJECTORIES
from analysis.figures.style import character_colours
from tests.analysis.figures.looking import ODD_TEXTS, draw, pixels, texts, written

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]])


def path_of(
    text: str = "aabbaabb", scale: float = 1.0, components: int = 2, title: str = "net", **more: Any
) -> TrajectoryPanel:
    coordinates = scale * np.random.default_rng(len(text)).normal(size=(len(text), components))
    return TrajectoryPanel(title, coordinates, text, **more)


def arrows(figure: Figure, number: int = 0) -> PathCollection:
    (found,) = [group for group in figure.axes[number].collections if group.get_label() == "direction"]
    assert isinstance(found, PathCollection)
    return found


def polygon(figure: Figure, number: int = 0) -> np.ndarray:
    """Return the points of the line that is drawn darkest: the cycle."""
    (line,) = [line for line in figure.axes[number].get_lines() if to_hex(line.get_color()) == "#333333"]
    return np.column_stack(line.get_data_3d()) if hasattr(line, "get_data_3d") else np.column_stack(line.get_data())


@pytest.mark.parametrize("text", ["a", "aaa", "aab", "abcabcabca", "gfedcba" * 2])
def test_states_stand_where_they_are_in_the_colour_of_their_character(text: str) -> None:
    panels = [path_of(text), path_of("ba" + text)]
    figure = trajectories("nets", panels)
    colours = character_colours("ba" + text)
    for one, axes in zip(panels, figure.axes, strict=True):
        line, ring = axes.get_lines()
        np.testing.assert_array_equal(line.get_xydata(), one.coordinates_tk)
        np.testing.assert_array_equal(ring.get_xydata(), one.coordinates_tk[:1])
        assert ring.get_markerfacecolor() == "none"
        shapes = set()
        for points, character in zip(axes.collections, sorted(set(one.text)), strict=True):
            at = [t for t, read in enumerate(one.text) if read == character]
            np.testing.assert_allclose(points.get_offsets(), one.coordinates_tk[at])
            assert to_hex(points.get_facecolor()[0]) == colours[character].lower()
            shapes.add(points.get_paths()[0].vertices.tobytes())
        assert len(shapes) == len(axes.collections), "a marker each, for who sees no colours"
    named = [name for name in texts(figure) if name.startswith("after")]
    assert named == [f"after {character}" for character in colours], "one key for all panels"


def test_a_cycle_is_closed_and_has_an_arrow_along_each_edge_and_a_letter_at_each_corner() -> None:
    one = path_of(cycle_pk=SQUARE, cycle_text="aabb")
    figure = trajectories("nets", [one])
    np.testing.assert_array_equal(polygon(figure), [*SQUARE, SQUARE[0]])
    heads = arrows(figure)
    np.testing.assert_allclose(heads.get_offsets(), [[1, 0], [2, 0.5], [1, 1], [0, 0.5]])
    tips = [head.vertices[0] / np.hypot(*head.vertices[0]) for head in heads.get_paths()]
    np.testing.assert_allclose(tips, [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-9)
    letters = written(figure, figure.axes[0].transData)
    assert [(letter.text, letter.x, letter.y) for letter in letters] == [
        (letter, *corner) for letter, corner in zip("aabb", SQUARE.tolist(), strict=True)
    ]
    assert "cycle of mean states" in texts(figure)
    assert "cycle of mean states" not in texts(trajectories("nets", [path_of()]))


def test_letters_stand_outside_the_corners() -> None:
    figure = trajectories("nets", [path_of(cycle_pk=SQUARE, cycle_text="aabb")])
    groups = [a for a in figure.artists if getattr(a, "texts", None) in (("a",), ("b",))]
    outlines = [group.get_paths()[0].vertices.mean(axis=0) for group in groups]
    away = SQUARE - SQUARE.mean(axis=0)
    assert len(outlines) == 4
    assert (np.sign(outlines) == np.sign(away)).all()
    assert (np.hypot(*np.transpose(outlines)) > 8).all(), "points: clear of the markers"


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3, 7, MAX_TRAJECTORIES])
def test_a_unit_is_as_long_across_as_upwards_and_every_state_is_inside(count: int, shared: bool) -> None:
    panels = [path_of("ab" * (3 + n), scale=1.5**n, cycle_pk=9 * SQUARE, cycle_text="abab") for n in range(count)]
    figure = trajectories("nets", panels, columns=4, shared=shared)
    draw(figure)
    assert len(figure.axes) == count
    limits = [(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes]
    assert (len(set(limits)) == 1) == (shared or count == 1)
    for axes, one in zip(figure.axes, panels, strict=True):
        wide, tall = axes.get_position().size * figure.get_size_inches()
        assert np.ptp(axes.get_xlim()) / wide == pytest.approx(np.ptp(axes.get_ylim()) / tall)
        inside = axes.transAxes.inverted().transform(axes.transData.transform([*one.coordinates_tk, *one.cycle_pk]))
        assert (inside > 0).all()
        assert (inside < 1).all()


def test_components_are_named_once_with_shares_in_each_panel() -> None:
    panels = [path_of(share_k=np.array([0.625, 0.25, 0.1])), path_of(share_k=np.array([0.5, 0.375]))]
    figure = trajectories("nets", panels)
    for k in (1, 2):
        assert texts(figure).count(f"principal component {k} (no unit)") == 1
    assert figure.axes[0].get_xlabel() == "principal component 1 (no unit)"
    notes = [written(figure, axes.transAxes)[0].text for axes in figure.axes]
    assert notes == ["62% + 25% of the variance", "50% + 38% of the variance"]
    narrow = trajectories("nets", panels * 2, columns=4)
    assert written(narrow, narrow.axes[0].transAxes)[0].text == "62% + 25%"


@pytest.mark.parametrize("shared", [True, False])
def test_tick_numbers_are_shared_where_limits_are(shared: bool) -> None:
    figure = trajectories("nets", [path_of()] * 5, shared=shared)

    def numbered(number: int) -> tuple[bool, bool]:
        axes = figure.axes[number]
        transforms = axes.get_xaxis_transform(), axes.get_yaxis_transform()
        across, upwards = (any(one.text for one in written(figure, transform)) for transform in transforms)
        return across, upwards

    wanted = {0: (False, True), 1: (False, False), 2: (True, False), 3: (True, True), 4: (True, False)}
    assert {number: numbered(number) for number in range(5)} == (
        wanted if shared else dict.fromkeys(range(5), (True, True))
    )


@pytest.mark.parametrize("count", [8, 40])
def test_many_characters_stand_in_their_path_themselves(count: int) -> None:
    text = "".join(chr(0x391 + n) for n in range(count)).replace("\u03a2", "z")
    one = path_of(text, components=3, cycle_pk=np.zeros((count, 3)), cycle_text=text)
    figure = trajectories("nets", [one])
    letters = written(figure, figure.axes[0].transData)
    assert [letter.text for letter in letters] == [glyph(character) for character in text]
    np.testing.assert_allclose([(letter.x, letter.y) for letter in letters], one.coordinates_tk[:, :2])
    assert [letter.colour for letter in letters] == [character_colours(text)[c].upper() for c in text]
    assert not [name for name in texts(figure) if name.startswith("after")]
    solid = trajectory_3d("net", one.coordinates_tk, np.zeros(3), text, one.cycle_pk, text)
    assert [letter.get_text() for letter in solid.axes[0].texts] == [glyph(character) for character in text]
    draw(figure)
    draw(solid)


def test_three_components_are_drawn_with_the_cycle_closed() -> None:
    text, corners = "aabaab", np.array([[0.0, 0, 0], [3, 0, 1], [0, 2, 0]])
    one = path_of(text, components=4)
    figure = trajectory_3d("net", one.coordinates_tk, np.array([0.5, 0.25, 0.004, 0]), text, corners, "aab")
    draw(figure)
    axes: Any = figure.axes[0]
    np.testing.assert_array_equal(polygon(figure), [*corners, corners[0]])
    path, ring, shadow, _ = axes.get_lines()
    np.testing.assert_array_equal(np.column_stack(path.get_data_3d()), one.coordinates_tk[:, :3])
    np.testing.assert_array_equal(np.ravel(ring.get_data_3d()), one.coordinates_tk[0, :3])
    x, y, z = shadow.get_data_3d()
    np.testing.assert_array_equal(np.column_stack([x, y]), [*corners[:, :2], corners[0, :2]])
    assert (z == axes.get_zlim()[0]).all()
    assert [letter.get_text() for letter in axes.texts] == list("aab")
    labels = [axes.get_xlabel(), axes.get_ylabel(), axes.get_zlabel()]
    shares = ["50.0%", "25.0%", "0.4%"]
    assert labels == [f"principal component {k + 1}\n({share} of the variance)" for k, share in enumerate(shares)]
    assert {"net", "after a", "after b", "start", "path", "cycle of mean states"} <= set(texts(figure))
    for character, points in zip("ab", axes.collections, strict=True):
        at = [t for t, read in enumerate(text) if read == character]
        np.testing.assert_allclose(np.column_stack(points._offsets3d), one.coordinates_tk[at, :3])
        assert to_hex(points.get_facecolor()[0]) == character_colours(text)[character].lower()


def test_in_three_dimensions_a_unit_has_one_length_and_everything_is_inside() -> None:
    for scale in ((1, 1, 1), (5, 1, 0.01), (1, 1e-9, 1e-9)):
        one = path_of("aab" * 9, components=3)
        path = one.coordinates_tk * scale
        axes: Any = trajectory_3d("net", path, np.ones(3), one.text).axes[0]
        limits = np.array([axes.get_xlim(), axes.get_ylim(), axes.get_zlim()])
        sides = np.ptp(limits, axis=1)
        np.testing.assert_allclose(sides / sides.max(), axes._box_aspect / axes._box_aspect.max())
        assert ((limits[:, 0] < path) & (path < limits[:, 1])).all()


def test_a_figure_in_three_dimensions_stays_as_it_is_when_others_are_drawn() -> None:
    figure = trajectory_3d("net", path_of("aab", components=3).coordinates_tk, np.ones(3), "aab")
    before = pixels(figure)
    draw(trajectories("nets", [path_of()]))
    assert pixels(figure) == before


def test_every_figure_is_as_high_as_its_panels_need() -> None:
    assert draw(trajectories("nets", [path_of()])) == (800, 605)
    assert draw(trajectories("nets", [path_of()] * MAX_TRAJECTORIES, shared=True)) == (800, 1134)
    assert draw(trajectory_3d("net", path_of("ab", components=3).coordinates_tk, np.ones(3), "ab")) == (800, 595)


@pytest.mark.parametrize("steps", [1, 6])
def test_states_that_never_move_can_be_drawn(steps: int) -> None:
    text, still = "aabaab"[:steps], np.full((steps, 3), 0.5)
    one = TrajectoryPanel("still", still, text, np.full((1, 3), 0.5), "a", np.zeros(3))
    for shared in (False, True):
        figure = trajectories("nets", [one, TrajectoryPanel("still", still, text, still, text)], shared=shared)
        draw(figure)
        assert len(arrows(figure).get_paths()) == 1
        assert len(arrows(figure, 1).get_paths()) == steps
    draw(trajectory_3d("net", still, np.zeros(3), text, still, text))


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_character_can_be_drawn(text: str) -> None:
    text = "a" + text
    one = path_of(text, components=3, title=text)
    corners = np.random.default_rng(0).normal(size=(len(text), 3))
    for read in (text, text[:3]):  # more and fewer characters than colours
        drawn = TrajectoryPanel(text, one.coordinates_tk[: len(read)], read, corners[: len(read)], read)
        draw(trajectories(text, [drawn]))
        draw(trajectory_3d(text, drawn.coordinates_tk, np.ones(3), read, drawn.cycle_pk, read))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: trajectories("t", []), "0 panels in 3 columns; allowed: 1 to 12 in 1 or more"),
        (lambda: trajectories("t", [path_of()] * 13), "13 panels in 3 columns"),
        (lambda: trajectories("t", [path_of()], columns=0), "1 panels in 0 columns"),
        (
            lambda: trajectories("t", [TrajectoryPanel("", np.zeros((3, 2)), "ab")]),
            r"a path of shape \(3, 2\) for 2 characters",
        ),
        (
            lambda: trajectories("t", [TrajectoryPanel("", np.zeros((0, 2)), "")]),
            r"a path of shape \(0, 2\) for 0 characters",
        ),
        (lambda: trajectories("t", [path_of(components=1)]), "a path of 1 components; allowed: 2 or more"),
        (lambda: trajectories("t", [path_of(cycle_pk=SQUARE)]), r"a cycle of shape \(4, 2\) for 0 characters"),
        (lambda: trajectory_3d("t", np.zeros((2, 2)), np.ones(3), "ab"), "a path of 2 components; allowed: 3 or more"),
        (lambda: trajectory_3d("t", np.zeros((2, 3)), np.ones(2), "ab"), "2 shares; allowed: 3 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)
