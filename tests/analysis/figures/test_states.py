"""Pictures of every unit of a hidden state."""

from typing import Any

import numpy as np
import pytest

from analysis.figures import Raster, raster
from analysis.figures.states import MAX_RASTER_STEPS
from tests.analysis.figures.looking import ODD_TEXTS, draw, texts, written


def pulses(steps: int = 12, units: int = 4) -> np.ndarray:
    """Return states of which unit n is high at every step t with t = 2 - n (mod units)."""
    peaks = (2 - np.arange(units)) % units
    return np.where(np.arange(steps)[:, None] % units == peaks, 0.9, -0.7)


def test_rows_of_a_raster_are_sorted_by_when_they_are_high() -> None:
    hidden = pulses()
    figure = raster("states", [Raster("net", hidden, "abcd" * 3, period=4)])
    axes = figure.axes[0]
    (image,) = axes.get_images()
    np.testing.assert_array_equal(image.get_array(), hidden[:, [2, 1, 0, 3]].T)
    assert image.get_array()[:, :4].argmax(axis=1).tolist() == [0, 1, 2, 3], "a diagonal"
    rows = [(row.text, row.y) for row in written(figure, axes.get_yaxis_transform())]
    assert rows == [("2", 0), ("1", 1), ("0", 2), ("3", 3)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "from above"
    assert "unit, by when it is high" in texts(figure)


def test_units_that_are_high_for_long_are_sorted_by_the_middle_of_that_time() -> None:
    # High at steps 1 to 3, 2 to 4, 0 to 2 of 6, at the very edge of tanh, where the greatest is a matter of chance.
    hidden = np.array([[-1, 1, 1, 1 - 1e-7, -1, -1], [-1, -1, 1 - 1e-7, 1, 1, -1], [1 - 1e-7, 1, 1, -1, -1, -1]]).T
    figure = raster("states", [Raster("net", np.tile(hidden, (3, 1)), "abcdef" * 3, period=6)])
    rows = [row.text for row in written(figure, figure.axes[0].get_yaxis_transform())]
    assert rows == ["2", "0", "1"]


def test_rows_of_a_raster_can_keep_their_order() -> None:
    figure = raster("states", [Raster("net", pulses(), "abcd" * 3, period=4)], sort_units=False)
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), pulses().T)
    assert {"unit", "0", "1", "2", "3", "hidden state h (no unit)"} <= set(texts(figure))


def test_without_a_period_rows_are_sorted_over_the_whole_text() -> None:
    hidden = np.eye(6)[:, [3, 0, 5, 1, 4, 2]]
    figure = raster("states", [Raster("net", hidden, "abcdef")])
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), np.eye(6))


@pytest.mark.parametrize(("most", "end"), [(0.0, 1.0), (0.5, 1.0), (-1.0, 1.0), (-3.5, 3.5), (2.25, 2.25)])
def test_one_scale_of_colours_reaches_from_minus_1_to_1_or_as_far_as_values_go(most: float, end: float) -> None:
    panels = [Raster("first", np.full((3, 2), most), "aab"), Raster("second", np.zeros((2, 2)), "ab")]
    figure = raster("states", panels, value_name="cell state c (no unit)")
    draw(figure)
    images = [axes.get_images()[0] for axes in figure.axes[:2]]
    assert [image.get_clim() for image in images] == [(-end, end)] * 2
    (bar,) = figure.axes[2:]
    assert bar.get_ylabel() == "cell state c (no unit)"
    assert bar.get_ylim() == (-end, end)
    assert "cell state c (no unit)" in texts(figure)


def test_characters_stand_below_their_time_step_and_panels_share_the_time() -> None:
    long = "abc" * 40
    panels = [Raster("long", np.zeros((120, 64)), long), Raster("short", np.zeros((5, 1)), "a\n$ b")]
    figure = raster("states", panels)
    first, second = figure.axes[:2]
    below = [(letter.text, letter.x) for letter in written(figure, first.get_xaxis_transform())]
    assert below == list(zip(long[:MAX_RASTER_STEPS], range(MAX_RASTER_STEPS), strict=True))
    assert [letter.text for letter in written(figure, second.get_xaxis_transform())] == [
        "a",
        "\u21b5",
        "$",
        "\u2423",
        "b",
    ]
    assert first.get_xlim() == second.get_xlim() == (-0.5, MAX_RASTER_STEPS - 0.5)
    assert first.get_images()[0].get_array().shape == (64, MAX_RASTER_STEPS)
    assert second.get_images()[0].get_extent()[:2] == [-0.5, 4.5]
    heights = [row.y for row in written(figure, first.get_yaxis_transform())]
    tall = 100 * first.get_position().height * figure.get_figheight()
    assert np.diff(heights).min() * tall / 64 >= 12, "pixels: numbers of rows do not cover each other"
    draw(figure)


def test_a_figure_is_as_high_as_its_panels_need() -> None:
    assert draw(raster("states", [Raster("net", np.zeros((5, 64)), "aabaa")])) == (800, 480)


@pytest.mark.parametrize("steps", [1, 6])
def test_states_that_never_move_can_be_drawn(steps: int) -> None:
    text, still = "aabaab"[:steps], np.full((steps, 3), 0.5)
    draw(raster("states", [Raster("net", still, text, period=1)]))
    draw(raster("states", [Raster("net", still[:, :1], text, period=100)]))
    draw(raster("states", [Raster("net", np.full((steps, 2), np.nan), text)]))


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_character_can_be_drawn(text: str) -> None:
    states = np.random.default_rng(0).normal(size=(len(text), 3))
    draw(raster(text, [Raster(text, states, text)], value_name=text))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: raster("t", []), "0 panels; allowed: 1 or more"),
        (lambda: raster("t", [Raster("", np.zeros((3, 2)), "ab")]), r"states of shape \(3, 2\) for 2 characters"),
        (lambda: raster("t", [Raster("", np.zeros((2, 0)), "ab")]), r"states of shape \(2, 0\) for 2 characters"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)
