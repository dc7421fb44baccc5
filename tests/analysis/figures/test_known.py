"""What is known of states, as colours and markers: of paths in two and three dimensions, and above rasters."""

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from analysis.figures import Known, Picture, Raster, TrajectoryPanel, raster, trajectories, trajectory_3d
from analysis.figures.known import NONE, OTHER
from analysis.figures.paths import MAX_LETTERS, MAX_POINTS
from analysis.figures.style import COLOURS, TextCollection
from tests.analysis.figures.looking import draw, draw_path, texts, written

WORDS = Known("node", np.array(["2", "10", "", "2", "10", "2"]))
DEPTHS = Known("depth", np.array([0.0, 1.0, 2.0, np.nan, 1.0, 4.0]))
BELIEFS = Known("belief", np.array([[1, 0, 0], [0.5, 0.25, 0.25], [0, 0, 1], [0.2, 0.2, 0.6], [np.nan] * 3, [1, 0, 0]]))


def panel_of(known: Known | None, text: str = "aabaab", **more: Any) -> TrajectoryPanel:
    return TrajectoryPanel("net", draw_path(len(text)), text, known=known, **more)


def drawn_points(figure: Figure, number: int = 0) -> list[tuple[float, float, str, bytes]]:
    """Each point of a panel: where it is, its colour, and the shape of its marker."""
    return [
        (float(x), float(y), to_hex(colour), group.get_paths()[0].vertices.tobytes())
        for group in figure.axes[number].collections
        for (x, y), colour in zip(
            group.get_offsets(), np.resize(group.get_facecolor(), (len(group.get_offsets()), 4)), strict=True
        )
    ]


def colours_at(figure: Figure, coordinates_t2: np.ndarray, number: int = 0) -> list[str]:
    by_place = {(x, y): colour for x, y, colour, _ in drawn_points(figure, number)}
    return [by_place[float(x), float(y)] for x, y in coordinates_t2]


def boxes(figure: Figure) -> list[tuple[str, Any]]:
    """The texts of a figure with the boxes of pixels that they fill."""
    found = []
    for group in figure.artists:
        if isinstance(group, TextCollection):
            places = group.get_offset_transform().transform(group.get_offsets())
            for text, place, outline in zip(group.texts, places, group.get_paths(), strict=True):
                box = outline.transformed(group.get_transform()).get_extents()
                found.append((text, box.translated(*place)))
    return found


def assert_nothing_overlaps(figure: Figure) -> None:
    """No text covers another one, none leaves the figure, and none lies on a scale of colours."""
    draw(figure)
    width, height = 100 * figure.get_size_inches()
    placed = [(text, box) for text, box in boxes(figure) if text.strip()]
    for number, (text, box) in enumerate(placed):
        assert -1 < box.x0 < box.x1 < width + 1, text
        assert -1 < box.y0 < box.y1 < height + 1, text
        for other, other_box in placed[:number]:
            apart = box.x1 <= other_box.x0 + 1 or other_box.x1 <= box.x0 + 1
            assert apart or box.y1 <= other_box.y0 + 1 or other_box.y1 <= box.y0 + 1, (text, other)


def test_each_class_has_one_colour_and_marker_in_all_panels() -> None:
    panels = [panel_of(WORDS), panel_of(Known("node", np.array(["10"] * 6)))]
    figure = trajectories("nets", panels)
    first, second, none = (to_hex(COLOURS[0]), to_hex(COLOURS[1]), NONE["color"])
    assert colours_at(figure, panels[0].coordinates_tk) == [first, second, none, first, second, first]
    assert colours_at(figure, panels[1].coordinates_tk, 1) == [second] * 6
    shapes = {(colour, shape) for number in (0, 1) for _, _, colour, shape in drawn_points(figure, number)}
    assert len(shapes) == len({shape for _, shape in shapes}) == 3, "a marker each, for who sees no colours"
    named = [name for name in texts(figure) if "node" in name]
    assert named == ["node: 2", "node: 10", "no node"], "2 comes before 10"
    assert not [name for name in texts(figure) if name.startswith("after")]
    assert_nothing_overlaps(figure)


def test_of_many_classes_the_most_frequent_have_colours_and_the_others_are_counted() -> None:
    values = np.array([str(number) for number in range(9) for _ in range(number + 1)])
    figure = trajectories("nets", [panel_of(Known("state", values), "a" * len(values))])
    grey = values[np.array(colours_at(figure, draw_path(len(values)))) == OTHER["color"]]
    assert sorted(set(grey.tolist())) == ["0", "1", "2"], "nine classes, six with a colour"
    assert [name for name in texts(figure) if "state" in name] == [
        *(f"state: {number}" for number in range(3, 9)),
        "state: 3 others",
    ]


def test_numbers_lie_on_one_scale_of_colours_from_dark_to_light() -> None:
    figure = trajectories("nets", [panel_of(DEPTHS), panel_of(Known("depth", np.full(6, 8.0)))])
    bar = figure.axes[-1]
    assert (bar.get_xlabel(), bar.get_xlim()) == ("depth (number)", (0, 8))
    found = colours_at(figure, draw_path(6))
    assert found[3] == NONE["color"]
    light = [sum(to_rgb(found[t])) for t in (0, 1, 2, 5)] + [sum(to_rgb(colours_at(figure, draw_path(6), 1)[0]))]
    assert light == sorted(light)
    assert len(set(light)) == 5
    assert found[1] == found[4]
    assert {"depth (number)", "no depth"} <= set(texts(figure))
    assert_nothing_overlaps(figure)


def test_shares_of_three_mix_their_colours() -> None:
    figure = trajectories("nets", [panel_of(BELIEFS)])
    pure = np.array([to_rgb(colour) for colour in COLOURS[:3]])
    mixed = [to_hex(shares @ pure) for shares in np.nan_to_num(BELIEFS.value_t)]
    mixed[4] = NONE["color"]
    assert colours_at(figure, draw_path(6)) == mixed
    named = [name for name in texts(figure) if "belief" in name]
    assert named == ["belief: mostly 0", "belief: mostly 1", "belief: mostly 2", "no belief"]
    two = trajectories("nets", [panel_of(Known("belief", np.array([[0.1, 0.2, 0.3, 0.4]] * 6)))])
    assert set(colours_at(two, draw_path(6))) == {to_hex(COLOURS[3])}, "four colours do not mix to one that can be read"


def test_a_path_is_broken_where_it_begins_anew() -> None:
    one = panel_of(None, begins=[2, 5])
    line, ring = trajectories("nets", [one]).axes[0].get_lines()
    path = np.asarray(line.get_xydata())
    assert np.flatnonzero(np.isnan(path[:, 0])).tolist() == [2, 6]
    np.testing.assert_array_equal(path[~np.isnan(path[:, 0])], one.coordinates_tk)
    np.testing.assert_array_equal(ring.get_xydata(), one.coordinates_tk[:1])
    solid: Any = trajectory_3d("net", np.ones((6, 3)), np.ones(3), "aabaab", begins=[3]).axes[0]
    assert np.flatnonzero(np.isnan(np.asarray(solid.get_lines()[0].get_data_3d()[0]))).tolist() == [3]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_of_a_long_path_some_states_are_points_and_the_picture_says_how_many(dimensions: int) -> None:
    text = "ab" * 500
    path = np.random.default_rng(0).normal(size=(1000, 3))
    known = Known("place", np.array(["0", "1"] * 500))
    if dimensions == 2:
        figure = trajectories("net", [TrajectoryPanel("net", path, text, known=known)])
        points = np.concatenate([np.asarray(group.get_offsets()) for group in figure.axes[0].collections])
    else:
        figure = trajectory_3d("net", path, np.ones(3), text, known=known)
        groups: Any = figure.axes[0].collections
        points = np.concatenate([np.column_stack(group._offsets3d) for group in groups])
    assert len(points) == MAX_POINTS == 240
    assert {tuple(point) for point in points} < {tuple(state) for state in path[:, :dimensions]}
    assert "points: 240 of 1,000 states, chosen at random; path: all states" in texts(figure)
    line = figure.axes[0].get_lines()[0]
    assert len(np.ravel(line.get_data()[0])) == 1000
    assert line.get_linewidth() < 0.9
    assert not [text for text in texts(trajectories("net", [panel_of(None)])) if text.startswith("points")]
    assert_nothing_overlaps(figure)


def test_a_long_path_over_many_characters_has_fewer_letters() -> None:
    text = "the quick brown fox jumps " * 40
    figure = trajectories("net", [TrajectoryPanel("net", draw_path(len(text)), text)])
    assert len(written(figure, figure.axes[0].transData)) <= MAX_LETTERS
    assert f"points: {MAX_LETTERS} of 1,040 states, chosen at random; path: all states" in texts(figure)


def strip(figure: Picture, name: str) -> list[str]:
    (found,) = [one for one in figure.artists if isinstance(one, PolyCollection) and one.get_label() == name]
    assert [path.get_extents().x0 + 0.5 for path in found.get_paths()] == list(range(len(found.get_paths())))
    return [to_hex(colour) for colour in found.get_facecolor()]


def test_a_strip_above_a_raster_has_the_colours_and_the_short_values() -> None:
    states = np.zeros((6, 3))
    figure = raster("states", [Raster("first", states, "aabaab", known=WORDS), Raster("second", states, "aabaab")])
    assert strip(figure, "node") == [
        to_hex(COLOURS[number]) if number >= 0 else NONE["color"] for number in (0, 1, -1, 0, 1, 0)
    ]
    above = [(one.text, one.x) for one in written(figure, figure.axes[0].get_xaxis_transform()) if one.y > 1]
    assert above == list(zip(WORDS.classes, range(6), strict=True))
    assert [name for name in texts(figure) if "node" in name] == ["node: 2", "node: 10", "no node"]
    assert_nothing_overlaps(figure)
    (lies,) = [
        one.get_transform().transform(np.concatenate([path.vertices for path in one.get_paths()]))
        for one in figure.artists
        if isinstance(one, PolyCollection)
    ]
    (title,) = [box for text, box in boxes(figure) if text == "first"]
    states_box = figure.axes[0].get_window_extent()
    (left, bottom), (right, top) = lies.min(axis=0), lies.max(axis=0)
    assert states_box.y1 < bottom < top < title.y0, "between the states and the title"
    assert (left, right) == pytest.approx((states_box.x0, states_box.x1))
    numbers = raster("states", [Raster("net", states, "aabaab", known=DEPTHS)])
    assert len(set(strip(numbers, "depth"))) == 5
    assert "depth (number)" in [axes.get_xlabel() for axes in numbers.axes]
    assert_nothing_overlaps(numbers)
    long = raster("states", [Raster("net", np.zeros((90, 3)), "a" * 90, known=Known("word", np.array(["horse"] * 90)))])
    assert len(strip(long, "word")) == 48
    assert not [one for one in written(long, long.axes[0].get_xaxis_transform()) if one.y > 1], "no room for horses"


def test_the_rows_of_a_raster_can_be_given() -> None:
    states = np.random.default_rng(0).normal(size=(6, 3))
    figure = raster("s", [Raster("net", states, "aabaab", units=np.array([2, 0, 1]))], row_name="unit, by its slope")
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), states[:, [2, 0, 1]].T)
    rows = [row.text for row in written(figure, figure.axes[0].get_yaxis_transform())]
    assert rows == ["2", "0", "1"]
    assert "unit, by its slope" in texts(figure)


@pytest.mark.parametrize("known", [WORDS, DEPTHS, BELIEFS])
def test_what_is_known_of_other_states_is_refused(known: Known) -> None:
    said = f"6 values of {known.name} for 3 states; allowed: one for each"
    for call in (
        lambda: trajectories("t", [panel_of(known, "aab")]),
        lambda: trajectory_3d("t", np.zeros((3, 3)), np.ones(3), "aab", known=known),
        lambda: raster("t", [Raster("", np.zeros((3, 2)), "aab", known=known)]),
    ):
        with pytest.raises(ValueError, match=said):
            call()


@pytest.mark.parametrize("value", ["", "\n", "漢"])
def test_what_is_known_nowhere_or_has_odd_names_can_be_drawn(value: str) -> None:
    for known in (
        Known("odd\n", np.array([value] * 3)),
        Known("n", np.full(3, np.nan)),
        Known("v", np.full((3, 9), np.nan)),
    ):
        draw(trajectories("t", [panel_of(known, "aab")]))
        draw(raster("t", [Raster("", np.zeros((3, 2)), "aab", known=known)]))
