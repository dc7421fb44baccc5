"""Pictures of one run."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures import MAX_STEPS, Reach, first_hidden_units, generalization, loss_curve, predictions, trajectory
from analysis.figures.glyphs import glyph
from analysis.figures.one_run import MAX_SIZES
from analysis.figures.style import GREY, WRONG, TextCollection, character_colours
from tests.analysis.figures.looking import BLACK, ODD_TEXTS, axis_labels, draw, draw_path, lines, pixels, texts, written


def test_every_figure_is_800_pixels_wide() -> None:
    assert draw(loss_curve([1.0, 0.5, 0.2], 0.0, 0.3)) == (800, 360)
    assert draw(predictions("bcabc", "bcaba", 2)) == (800, 260)
    assert draw(first_hidden_units(draw_path(5), "abcab")) == (800, 360)
    assert draw(trajectory(draw_path(5), np.array([0.7, 0.2]), "abcab")) == (800, 500)
    assert draw(generalization([reach_of([1, 2], (1, 1))] * 2)) == (800, 680)


def test_axes_say_what_they_show_and_in_which_unit() -> None:
    assert axis_labels(loss_curve([1.0], None)) == ("epoch", "loss (nats per character)")
    assert axis_labels(predictions("ab", "ab", 1)) == ("position in the sequence (characters, the first is 0)", "")
    assert axis_labels(first_hidden_units(draw_path(2), "ab")) == ("character read", "hidden state h (no unit)")
    path = trajectory(draw_path(2), np.array([0.75, 0.125]), "ab")
    assert axis_labels(path) == (
        "principal component 1 (75% of the variance)",
        "principal component 2 (12% of the variance)",
    )
    assert all(figure.axes[0].get_title(loc="left") for figure in (path, loss_curve([1.0], None)))


@pytest.mark.parametrize("floor", [0.0, 0.033, 2.0])
def test_a_known_floor_is_drawn_and_named(floor: float) -> None:
    figure = loss_curve([1.0, 0.5], floor)
    assert lines(figure)[f"floor: {floor:.4g}"] == [floor, floor]
    assert figure.axes[0].get_ylim()[0] <= floor
    assert f"floor: {floor:.4g}" in texts(figure)


def test_an_unknown_floor_is_not_drawn() -> None:
    assert list(lines(loss_curve([1.0, 0.5], None))) == ["training"]


def test_the_eval_loss_is_drawn_after_the_last_epoch() -> None:
    figure = loss_curve([1.0, 0.5, 0.25], None, eval_loss=0.75)
    assert lines(figure)["eval, after training: 0.75"] == [0.75]
    (point,) = [line for line in figure.axes[0].get_lines() if "eval" in str(line.get_label())]
    assert list(point.get_xdata()) == [2]


def test_the_validation_loss_of_each_epoch_is_drawn_where_there_is_one() -> None:
    figure = loss_curve([1.0, 0.5, 0.25], None, valid_losses=[1.5, 0.75, 0.875])
    assert lines(figure) == {"training": [1.0, 0.5, 0.25], "validation": [1.5, 0.75, 0.875]}
    assert "validation" not in lines(loss_curve([1.0], None))
    draw(figure)


def test_the_rungs_that_a_curve_passes_and_the_next_above_are_drawn_with_name_and_number() -> None:
    ladder = {"uniform": 4.0, "unigram": 1.3863, "bigram": 0.75, "3gram": 0.25}
    figure = loss_curve([1.0, 0.5], None, references=ladder)
    levels = [line.get_ydata()[0] for line in figure.axes[0].get_lines() if line.get_linestyle() == ":"]
    assert levels == [0.25, 0.75, 1.3863]
    rungs = {text: y for text, _, y, _ in written(figure, figure.axes[0].get_yaxis_transform()) if "gram" in text}
    assert rungs == {"3gram 0.250": 0.25, "bigram 0.750": 0.75, "unigram 1.386": 1.3863}
    draw(figure)


def test_labels_of_rungs_close_together_do_not_cover_each_other() -> None:
    figure = loss_curve([1.0, 0.5], None, references={"4gram": 0.7, "5gram": 0.701, "6gram": 0.702})
    transform = figure.axes[0].get_yaxis_transform()
    heights = sorted(transform.transform((x, y))[1] for text, x, y, _ in written(figure, transform) if "gram" in text)
    tall = 8 / 72 * 100  # pixels
    assert len(heights) == 3
    assert all(higher - lower >= 0.8 * tall for lower, higher in pairwise(heights))


@pytest.mark.parametrize("losses", [[], [0.7], [0.0], [0.7, 0.0], [1e-9, 1e-12], [1e30, 1e36], [2.0] * 1000])
def test_any_number_of_losses_can_be_drawn(losses: list[float]) -> None:
    draw(loss_curve(losses, None))
    for floor, eval_loss in ((None, None), (0.0, 0.25), (0.5, None)):
        assert lines(loss_curve(losses, floor, eval_loss))["training"] == losses


@pytest.mark.parametrize(
    ("losses", "floor", "eval_loss"), [([], 0.033, 1.1), ([], 0.0, None), ([0.0], 0.0, 0.0), ([1.0], 2.0, 3.0)]
)
def test_a_curve_may_have_hardly_any_height(losses: list[float], floor: float, eval_loss: float | None) -> None:
    figure = loss_curve(losses, floor, eval_loss)
    draw(figure)
    low, high = figure.axes[0].get_ylim()
    assert low < min([floor, *losses]) <= max([floor, *losses, eval_loss or 0.0]) < high


def test_a_single_epoch_is_seen_as_a_dot() -> None:
    (line,) = loss_curve([0.7], None).axes[0].get_lines()
    assert line.get_marker() == "."


@pytest.mark.parametrize(
    ("target", "predicted", "start"),
    [
        ("bcabc", "bcabc", 2),
        ("bcabc", "ccabb", 2),
        ("bcabc", "aaaaa"[::-1], 1),
        ("b", "b", 1),
        ("b", "a", 1),
        ("abc" * 100, "abd" * 100, 15),
        ("abc" * 100, "abd" * 100, 150),
        ("abc" * 100, "abd" * 100, 300),
        ("abc" * 15, "abd" * 15, 44),
        ("abc" * 16, "abd" * 16, 47),
    ],
)
def test_every_wrong_character_shown_is_marked_once(target: str, predicted: str, start: int) -> None:
    figure = predictions(target, predicted, start)
    axes = figure.axes[0]
    below, above = ([letter for letter in written(figure, axes.transData) if letter.y == y] for y in (0, 1))
    shown = [round(letter.x) - 1 for letter in above]
    assert shown == [round(letter.x) - 1 for letter in below]
    assert shown == list(range(shown[0], shown[0] + min(len(target), MAX_STEPS)))
    assert [letter.text for letter in above] == [target[t] for t in shown]
    assert [letter.text for letter in below] == [predicted[t] for t in shown]
    wrong = [t for t in shown if target[t] != predicted[t]]
    (marks,) = [line for line in axes.get_lines() if line.get_marker() == "x"]
    assert list(marks.get_xdata()) == [t + 1 for t in wrong]
    assert [t for t, letter in zip(shown, below, strict=True) if letter.colour == WRONG] == wrong
    assert not [letter for letter in above if letter.colour == WRONG]
    assert f"{len(shown) - len(wrong)} of the {len(shown)} shown are right" in axes.get_title(loc="left")


def test_of_characters_that_do_not_count_none_is_wrong() -> None:
    target, predicted = "1=01#0=", "0=10#1a"
    scored = [False, False, True, True, True, False, False]
    figure = predictions(target, predicted, 0, scored)
    axes = figure.axes[0]
    (marks,) = [line for line in axes.get_lines() if line.get_marker() == "x"]
    assert list(marks.get_xdata()) == [3, 4]
    letters = written(figure, axes.transData)
    below = {round(letter.x) - 1: letter.colour for letter in letters if letter.y == 0}
    assert below == {0: GREY, 1: GREY, 2: WRONG, 3: WRONG, 4: BLACK, 5: GREY, 6: GREY}
    above = [letter.colour for letter in letters if letter.y == 1]
    assert above == [BLACK if counts else GREY for counts in scored]
    assert "1 of the 3 shown that count are right" in axes.get_title(loc="left")
    draw(figure)


@pytest.mark.parametrize(("start", "drawn"), [(0, False), (15, True), (100, True), (300, False)])
def test_the_line_between_read_and_scored_is_drawn_where_it_lies(start: int, drawn: bool) -> None:
    figure = predictions("abc" * 100, "abd" * 100, start)
    axes = figure.axes[0]
    assert texts(figure).count("scored from here") == drawn
    assert [start + 0.5] * 2 in [list(line.get_xdata()) for line in axes.get_lines()] or not drawn
    left, right = axes.get_xlim()
    assert left < start + 0.5 < right or not drawn


@pytest.mark.parametrize(("units", "shown"), [(1, 1), (3, 3), (16, 4)])
@pytest.mark.parametrize("steps", [1, 7, MAX_STEPS, 200])
def test_hidden_units_are_drawn_one_line_each(units: int, shown: int, steps: int) -> None:
    states = np.random.default_rng(0).uniform(-1, 1, (steps, units)).astype(np.float32)
    text = ("abc" * 100)[:steps]
    figure = first_hidden_units(states, text)
    assert lines(figure) == {f"unit {unit}": states[:MAX_STEPS, unit].tolist() for unit in range(shown)}
    letters = [(letter.text, letter.x) for letter in written(figure, figure.axes[0].get_xaxis_transform())]
    assert letters == list(zip(text, range(min(steps, MAX_STEPS)), strict=False))
    assert {f"unit {unit}" for unit in range(shown)} <= set(texts(figure))


def test_more_units_can_be_asked_for() -> None:
    assert len(lines(first_hidden_units(np.zeros((3, 16)), "abc", max_units=9))) == 9


@pytest.mark.parametrize("text", ["a", "aaa", "ab", "abcabcabca", "gfedcba" * 2])
def test_a_trajectory_has_a_point_for_each_character_read(text: str) -> None:
    path = draw_path(len(text))
    figure = trajectory(path, np.array([0.6, 0.3]), text)
    axes = figure.axes[0]
    colours = character_colours(text)
    for points, (character, colour) in zip(axes.get_lines()[2:], colours.items(), strict=True):
        at = [t for t, read in enumerate(text) if read == character]
        np.testing.assert_allclose(points.get_xydata(), path[at])
        assert to_hex(points.get_color()) == colour.lower()
    named = [name for name in texts(figure) if name.startswith("after")]
    assert named == [f"after {character}" for character in colours]


@pytest.mark.parametrize("count", [8, 16, 100])
def test_many_characters_stand_in_their_trajectory_themselves(count: int) -> None:
    text = "".join(chr(0x391 + n) for n in range(count)) * 2
    path = draw_path(len(text))
    figure = trajectory(path, np.array([0.6, 0.3]), text)
    shown = [letter for letter in written(figure, figure.axes[0].transData) if letter.text != "start"]
    assert [letter.text for letter in shown] == [glyph(character) for character in text]
    np.testing.assert_allclose([(letter.x, letter.y) for letter in shown], path)
    colours = character_colours(text)
    assert [letter.colour for letter in shown] == [colours[character].upper() for character in text]


def test_a_trajectory_is_one_path_with_a_ring_around_its_start() -> None:
    path = draw_path(30)
    line, ring, *_ = trajectory(path, np.array([0.6, 0.3]), "abc" * 10).axes[0].get_lines()
    assert np.array_equal(np.column_stack(line.get_data()), path)
    assert ring.get_xydata().tolist() == [path[0].tolist()]


@pytest.mark.parametrize("rounds", [1, 2, 40])
def test_each_step_of_a_cycle_is_drawn_once(rounds: int) -> None:
    tail, cycle = draw_path(9)[:4], draw_path(9)[4:]
    noise = 1e-6 * np.random.default_rng(1).normal(size=(5 * rounds, 2))
    path = np.concatenate([tail, np.tile(cycle, (rounds, 1)) + noise])
    line, *_ = trajectory(path, np.array([0.6, 0.3]), "a" * len(path)).axes[0].get_lines()
    steps = [step for step in pairwise(np.column_stack(line.get_data())) if np.isfinite(step).all()]
    taken = [*pairwise([*tail, *cycle]), *([(cycle[-1], cycle[0])] if rounds > 1 else [])]
    np.testing.assert_allclose(steps, taken, atol=1e-4)


def test_a_state_that_never_moves_can_be_drawn() -> None:
    for steps in (1, 6):
        draw(trajectory(np.zeros((steps, 2)), np.zeros(2), "aabaab"[:steps]))
        draw(first_hidden_units(np.zeros((steps, 2)), "aabaab"[:steps]))


def test_a_hundred_characters_can_be_drawn() -> None:
    text = "".join(chr(0x21 + n) for n in range(100) if chr(0x21 + n) != "$") + "αβγδεζη"
    assert len(set(text)) >= 100
    draw(predictions(text, text[1:] + "!", 50))
    draw(trajectory(draw_path(len(text)), np.array([0.6, 0.3]), text))


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_character_can_be_drawn(text: str) -> None:
    text = "a" + text
    draw(predictions(text, text[::-1], 1))
    draw(first_hidden_units(draw_path(len(text)), text))
    draw(trajectory(draw_path(len(text)), np.array([0.6, 0.3]), text))


def test_a_wrong_character_that_the_bold_font_lacks_can_be_drawn() -> None:
    draw(predictions("a", "\U0001d5a0", 1))


@pytest.mark.parametrize(
    ("character", "sign"),
    [
        ("a", "a"),
        ("_", "_"),
        ("\\", "\\"),
        ("α", "α"),
        (" ", "\u2423"),
        ("$", "$"),
        ("\n", "\u21b5"),
        ("\t", "\u21e5"),
        ("\0", "\u25a1"),
    ],
)
def test_a_character_that_cannot_be_drawn_has_a_sign(character: str, sign: str) -> None:
    assert glyph(character) == sign


@pytest.mark.parametrize("count", [1, 2, 7, 8, 26, 100])
def test_every_character_has_a_colour_of_its_own(count: int) -> None:
    text = "".join(chr(0x61 + n) for n in range(count))
    colours = character_colours(text[::-1] * 2)
    assert list(colours) == list(text), "in code-point order"
    assert len({to_hex(colour) for colour in colours.values()}) == count


def reach_of(sizes: list[int], trained: tuple[int, int] | None, steps: int = 4, measure: str = "length") -> Reach:
    """Return a reach of two cases a size, of which one is right where the size is even."""
    return Reach(
        measure,
        sizes,
        trained,
        [2] * len(sizes),
        [2 - size % 2 for size in sizes],
        [steps] * len(sizes),
        [steps // 2] * len(sizes),
        [0.5 * steps * size for size in sizes],
    )


def panels(figure: Figure) -> list[tuple[Axes, Axes | None]]:
    """Return each panel's axes for the shares, and those for the loss that lie over them, if any."""
    shares = [axes for axes in figure.axes if axes.get_ylabel() == "share that is right"]
    losses = {axes.get_position().y0: axes for axes in figure.axes if axes not in shares}
    assert len(shares) + len(losses) == len(figure.axes)
    return [(axes, losses.get(axes.get_position().y0)) for axes in shares]


def shaded(axes: Axes) -> list[tuple[float, float]]:
    """Return from where to where the sizes trained on are shaded."""
    patches = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_label() != "_nolegend_"]
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in patches]


def test_the_share_that_is_right_is_drawn_at_each_size() -> None:
    sizes = [2, 3, 4, 8, 9]
    figure = generalization([reach_of(sizes, trained=(1, 6))])
    ((axes, losses),) = panels(figure)
    curves = {str(line.get_label()): line for line in axes.get_lines() if len(line.get_xdata())}
    assert {name: list(curve.get_ydata()) for name, curve in curves.items()} == {
        "whole cases": [1.0, 0.5, 1.0, 1.0, 0.5],
        "single steps": [0.5] * 5,
    }
    assert all(list(curve.get_xdata()) == sizes for curve in curves.values())
    assert losses is not None
    (loss,) = losses.get_lines()
    assert loss.get_xydata().tolist() == [[size, 0.5 * size] for size in sizes]
    assert losses.get_ylabel() == "loss (nats per step)"
    assert shaded(axes) == [(0.5, 6.5)], "also where there are no cases"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("length", "share that is right")
    assert axes.get_xscale() == "linear"
    low, high = axes.get_ylim()
    assert low < 0 < 1 < high
    draw(figure)


def test_a_loss_is_drawn_while_it_is_finite() -> None:
    reach = dataclasses.replace(reach_of([1, 2, 3, 4], (1, 2)), loss_sum=[2.0, 4.0, np.inf, np.nan])
    ((_, losses),) = panels(generalization([reach]))
    assert losses is not None
    (loss,) = losses.get_lines()
    np.testing.assert_array_equal(loss.get_ydata(), [0.5, 1.0, np.nan, np.nan])
    assert loss.get_label() == "loss, while finite"
    assert losses.get_ylim() == pytest.approx((-0.05, 1.05))
    draw(generalization([dataclasses.replace(reach, loss_sum=[np.nan] * 4)]))


def test_each_measure_has_a_panel_and_steps_only_where_they_were_judged() -> None:
    reaches = [
        reach_of([1, 2, 3], (1, 2), measure="gap_size"),
        reach_of([0, 1], (0, 5), steps=0),
        reach_of([7], None),
    ]
    figure = generalization(reaches)
    shares = [axes for axes, _ in panels(figure)]
    assert [axes.get_xlabel() for axes in shares] == ["gap size", "length", "length"]
    assert shares[0].get_title(loc="left") == "Right at each gap size"
    drawn = [[line.get_label() for line in axes.get_lines() if len(line.get_xdata())] for axes in shares]
    assert drawn == [["whole cases", "single steps"], ["whole cases"], ["whole cases", "single steps"]]
    assert [losses is not None for _, losses in panels(figure)] == [True, False, True]
    assert [len(shaded(axes)) for axes in shares] == [1, 1, 0]
    boxes = [axes.get_position() for axes in shares]
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1 > boxes[2].y0 > 0
    draw(figure)


@pytest.mark.parametrize(
    ("most", "trained", "scale", "shade"),
    [
        (1000, (2, 15), "log", (2, 15.5)),
        (1000, (0, 15), "linear", (-0.5, 15.5)),
        (1000, None, "linear", None),
        (100, (1, 50), "linear", (0.5, 50.5)),
        (41, (1, 41), "linear", (0.5, 41.5)),
    ],
)
def test_many_sizes_share_points_and_no_case_is_lost(
    most: int, trained: tuple[int, int] | None, scale: str, shade: tuple[float, float] | None
) -> None:
    reach = reach_of(list(range(1, most + 1)), trained)
    ((axes, losses),) = panels(generalization([reach]))
    (curve,) = [line for line in axes.get_lines() if line.get_label() == "whole cases"]
    x, share = np.array(curve.get_xdata()), np.array(curve.get_ydata())
    assert len(x) <= MAX_SIZES
    assert (np.diff(x) > 0).all()
    assert axes.get_xscale() == scale
    assert shaded(axes) == ([shade] if shade else [])
    # The middles of neighbouring sizes tell where one point's sizes end: the shares can be counted again from there.
    ends, begin = [], 1
    for middle in x:
        ends.append(round(2 * middle - begin))
        begin = ends[-1] + 1
    assert ends[-1] == most
    for first, last, came in zip([1, *(end + 1 for end in ends[:-1])], ends, share, strict=True):
        right = sum(reach.cases_right[first - 1 : last])
        assert came == pytest.approx(right / (2 * (last - first + 1)))
    assert losses is not None
    np.testing.assert_allclose(losses.get_lines()[0].get_ydata(), x / 2, err_msg="a size of n costs n / 2 a step")
    draw(generalization([reach]))


def test_a_figure_stays_as_it_is_when_others_are_drawn() -> None:
    first, second = (first_hidden_units(draw_path(5), "abcab") for _ in range(2))
    before = pixels(first)
    draw(first_hidden_units(draw_path(9), "babababab"))
    draw(loss_curve([1.0, 0.5], 0.25))
    assert pixels(first) == before
    assert pixels(second) == before
    with pytest.raises(AttributeError, match="readonly"):  # figures share the outlines of what is written on them
        next(group for group in first.artists if isinstance(group, TextCollection)).get_paths()[0].vertices = draw_path(
            1
        )


def test_ticks_stand_where_their_labels_say() -> None:
    figure = loss_curve([4.0, 3.0, 2.0, 1.0], 0.0)
    axes = figure.axes[0]
    below = [(float(text), x) for text, x, y, _ in written(figure, axes.get_xaxis_transform()) if y == 0]
    beside = [(float(text), y) for text, x, y, _ in written(figure, axes.get_yaxis_transform()) if x == 0]
    assert [number for number, _ in below] == [0, 1, 2, 3]
    assert [number for number, _ in beside] == [0, 1, 2, 3, 4]
    assert all(number == place for number, place in below + beside)


@pytest.mark.parametrize(("losses", "factor"), [([1e30, 1e36], "×1e36"), ([0.693145, 0.693147, 0.69315], "6.9314")])
def test_what_tick_labels_leave_out_stands_beside_the_unit(losses: list[float], factor: str) -> None:
    (label,) = [text for text in texts(loss_curve(losses, None)) if text.startswith("loss (nats")]
    assert label.startswith("loss (nats per character) ")
    assert factor in label
