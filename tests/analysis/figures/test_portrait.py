"""Portraits of memories: every state and point where it is, each kind with a shape of its own."""

import dataclasses

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from analysis.figures.portrait import STYLES, Portrait, portraits
from analysis.figures.style import COLOURS
from tests.analysis.figures.looking import ODD_TEXTS, draw, texts

VISITED = np.array([[0.0, 0.0, 5.0], [4.0, 0.0, 5.0], [4.0, 2.0, 5.0], [0.0, 2.0, 5.0]])
POINTS = np.array([[0.1, 0.1, 0.0], [2.0, 1.0, 0.0], [3.0, 1.0, 0.0], [900.0, 1.0, 0.0]])
NONE = np.zeros((0, 3))
PANEL = Portrait(
    title="net",
    visited_nk=VISITED,
    points_pk=POINTS,
    kinds=["stable", "saddle", "slow", "stable"],
    directions=[NONE, np.array([[0.6, 0.8, 0.0], [0.0, 0.5, 0.9]]), np.array([[1.0, 0.0, 0.0]]), NONE],
    labels=["low", "low", "high", "high"],
    share_k=np.array([0.7, 0.2, 0.1]),
)


def test_states_and_points_stand_where_they_are() -> None:
    figure = portraits("memories", [PANEL])
    (axes,) = figure.axes
    dots = {group.get_label(): group for group in axes.collections if isinstance(group, PathCollection)}
    assert dots["low"].get_offsets().tolist() == VISITED[:2, :2].tolist()
    assert dots["high"].get_offsets().tolist() == VISITED[2:, :2].tolist()
    assert to_hex(dots["high"].get_facecolor()[0]) == COLOURS[0].lower()
    drawn = {line.get_label(): line for line in axes.get_lines()}
    for kind, places in {"stable": [0], "saddle": [1], "slow": [2]}.items():
        assert np.column_stack(drawn[kind].get_data()).tolist() == POINTS[places, :2].tolist()
        assert drawn[kind].get_marker() == STYLES[kind]["marker"]
    assert set(drawn) == {"stable", "saddle", "slow"}
    assert "70% + 20% of the variance; 1 outside" in texts(figure)
    assert {"stable", "saddle", "slow", "unstable direction", "low", "high"} <= set(texts(figure))
    draw(figure)


def test_unstable_directions_of_saddles_go_through_them_shorter_where_they_point_out_of_the_picture() -> None:
    (axes,) = portraits("memories", [PANEL]).axes
    (lines,) = [group for group in axes.collections if isinstance(group, LineCollection)]
    segments = np.array(lines.get_segments())
    assert segments.mean(axis=1) == pytest.approx(np.array([POINTS[1, :2]] * 2))
    spans = segments[:, 1] - segments[:, 0]
    assert spans[0] / np.linalg.norm(spans[0]) == pytest.approx([0.6, 0.8])
    assert np.linalg.norm(spans[1]) == pytest.approx(0.5 * np.linalg.norm(spans[0]))


def test_the_scale_is_the_same_in_both_directions_and_the_shapes_differ() -> None:
    figure = portraits("memories", [PANEL, dataclasses.replace(PANEL, directions=(), labels=())], columns=2)
    for axes in figure.axes:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        box = axes.get_position().get_points() * figure.get_size_inches()
        width, height = box[1] - box[0]
        assert (right - left) / width == pytest.approx((top - bottom) / height)
        assert left < 0 < 4 < right
    assert len({style["marker"] for style in STYLES.values()}) == len(STYLES)
    draw(figure)


def test_without_labels_or_with_too_many_states_are_grey() -> None:
    for labels in ((), [str(number) for number in range(8)]):
        visited_nk = np.random.default_rng(0).normal(size=(8, 2))
        figure = portraits("memories", [Portrait("net", visited_nk, np.zeros((0, 2)), [], labels=labels)])
        (dots,) = [group for group in figure.axes[0].collections if isinstance(group, PathCollection)]
        assert to_hex(dots.get_facecolor()[0]) == "#b4b4b4"
        assert len(dots.get_offsets()) == 8
        assert "visited state" in texts(figure)
        draw(figure)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_labels_are_drawn(text: str) -> None:
    draw(portraits(text, [dataclasses.replace(PANEL, title=text, labels=[text, text, "a", "a"])]))


def test_one_state_alone_can_be_drawn() -> None:
    draw(portraits("one", [Portrait("net", np.zeros((1, 2)), np.zeros((1, 2)), ["neutral"])]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visited_nk": np.zeros((4, 1))}, r"visited states of shape \(4, 1\); allowed: \(N, K\), K 2 or more"),
        ({"points_pk": np.zeros(4)}, r"points of shape \(4,\); allowed"),
        (
            {"kinds": ["stable"]},
            "4 visited states and 4 points, with 4 labels, 1 kinds and 4 sets of directions",
        ),
        ({"labels": ["a"]}, "with 1 labels, 4 kinds"),
        ({"directions": [NONE]}, "4 kinds and 1 sets of directions"),
        ({"visited_nk": np.zeros((0, 2)), "labels": ()}, "0 visited states .* allowed: 1 state or more"),
        ({"kinds": ["stable", "saddle", "odd", "slow"]}, "kind 'odd'; allowed: stable, saddle"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        portraits("memories", [dataclasses.replace(PANEL, **change)])  # type: ignore[arg-type]


def test_too_few_and_too_many_panels_are_refused() -> None:
    with pytest.raises(ValueError, match="0 panels in 3 columns; allowed: 1 to 12 in 1 or more"):
        portraits("memories", [])
