import io
import struct
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Transform

from analysis.comparison_figures import Band, HeatMap, Panel, bands, heat_map
from analysis.figures import (
    MOST_SIZES,
    MOST_STEPS,
    Reach,
    generalization,
    hidden_dimensions,
    loss_curve,
    predictions,
    trajectory,
)
from analysis.style import COLOURS, GREY, WRONG, Writing, character_colours, glyph, shorten, text_width

ODD = {
    "signs": "$\\_^{}%#&~<>'\" \xa0",
    "two dollars": "$$x$",
    "controls": "\n\r\t\0\x1b\x7f\x85",
    "invisible": "\xad\u200b\u200d\u2028\u2029\ufe0f\ufeff",
    "combining": "\u0301\u0308\u0335",
    "scripts": "αβγ\u05d0\u202e\u0639\u0e01\u0e33\u0915\u0940",
    "no glyph": "漢字\U0001f9ea\U0001f1e9\ue000\U0010fffd\U0010ffff",
}


LONG = "markov:order=2:alphabet=4:seed=0"


def draw(figure: Figure) -> tuple[int, int]:
    """Draw a figure to a PNG in memory; return its width and height in pixels. A warning is an error here."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    content = file.getvalue()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (800, round(100 * figure.get_figheight()))
    return width, height


def draw_path(steps: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(steps, 2))


def lines(figure: Figure) -> dict[str, list[float]]:
    """Return each labelled line's heights by label."""
    return {str(line.get_label()): list(map(float, line.get_ydata())) for line in figure.axes[0].get_lines()}


def axis_labels(figure: Figure) -> tuple[str, str]:
    return figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()


class Written(NamedTuple):
    """A text of a figure, where it stands in the coordinates of what it was written on, and its colour."""

    text: str
    x: float
    y: float
    colour: str


def written(figure: Figure, transform: Transform | None = None) -> list[Written]:
    """Return the texts of a figure; with a transform, those whose places are in its coordinates."""
    found = []
    for group in figure.artists:
        if isinstance(group, Writing) and (transform is None or group.get_offset_transform() == transform):
            colours = np.resize(group.get_facecolor(), (len(group.texts), 4))
            for text, (x, y), colour in zip(group.texts, group.get_offsets(), colours, strict=True):
                found.append(Written(text, float(x), float(y), to_hex(colour).upper()))
    return found


def texts(figure: Figure) -> list[str]:
    return [text for text, *_ in written(figure)]


BLACK = "#000000"


def test_every_figure_is_800_pixels_wide() -> None:
    assert draw(loss_curve([1.0, 0.5, 0.2], 0.0, 0.3)) == (800, 360)
    assert draw(predictions("bcabc", "bcaba", 2)) == (800, 260)
    assert draw(hidden_dimensions(draw_path(5), "abcab")) == (800, 360)
    assert draw(trajectory(draw_path(5), np.array([0.7, 0.2]), "abcab")) == (800, 500)
    assert draw(generalization([reach_of([1, 2], (1, 1))] * 2)) == (800, 680)


def test_axes_say_what_they_show_and_in_which_unit() -> None:
    assert axis_labels(loss_curve([1.0], None)) == ("epoch", "loss (nats per character)")
    assert "(characters" in axis_labels(predictions("ab", "ab", 1))[0]
    assert axis_labels(hidden_dimensions(draw_path(2), "ab")) == ("character read", "hidden state h (no unit)")
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
    assert shown == list(range(shown[0], shown[0] + min(len(target), MOST_STEPS)))
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
@pytest.mark.parametrize("steps", [1, 7, MOST_STEPS, 200])
def test_hidden_units_are_drawn_one_line_each(units: int, shown: int, steps: int) -> None:
    states = np.random.default_rng(0).uniform(-1, 1, (steps, units)).astype(np.float32)
    text = ("abc" * 100)[:steps]
    figure = hidden_dimensions(states, text)
    assert lines(figure) == {f"unit {unit}": states[:MOST_STEPS, unit].tolist() for unit in range(shown)}
    letters = [(letter.text, letter.x) for letter in written(figure, figure.axes[0].get_xaxis_transform())]
    assert letters == list(zip(text, range(min(steps, MOST_STEPS)), strict=False))
    assert {f"unit {unit}" for unit in range(shown)} <= set(texts(figure))


def test_more_units_can_be_asked_for() -> None:
    assert len(lines(hidden_dimensions(np.zeros((3, 16)), "abc", most=9))) == 9


@pytest.mark.parametrize("text", ["a", "aaa", "ab", "abcabcabca", "gfedcba" * 2])
def test_a_trajectory_has_a_point_for_each_character_read(text: str) -> None:
    path = draw_path(len(text))
    figure = trajectory(path, np.array([0.6, 0.3]), text)
    axes = figure.axes[0]
    colours = character_colours(text)
    assert len(axes.collections) == len(colours)
    for points, (character, colour) in zip(axes.collections, colours.items(), strict=True):
        at = [t for t, read in enumerate(text) if read == character]
        np.testing.assert_allclose(points.get_offsets(), path[at])
        assert to_hex(points.get_facecolor()[0]) == colour.lower()
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
    line, ring = trajectory(path, np.array([0.6, 0.3]), "abc" * 10).axes[0].get_lines()
    assert np.array_equal(np.column_stack(line.get_data()), path)
    assert ring.get_xydata().tolist() == [path[0].tolist()]


def test_a_state_that_never_moves_can_be_drawn() -> None:
    for steps in (1, 6):
        draw(trajectory(np.zeros((steps, 2)), np.zeros(2), "aabaab"[:steps]))
        draw(hidden_dimensions(np.zeros((steps, 2)), "aabaab"[:steps]))


def test_a_hundred_characters_can_be_drawn() -> None:
    text = "".join(chr(0x21 + n) for n in range(100) if chr(0x21 + n) != "$") + "αβγδεζη"
    assert len(set(text)) >= 100
    draw(predictions(text, text[1:] + "!", 50))
    draw(trajectory(draw_path(len(text)), np.array([0.6, 0.3]), text))


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_any_character_can_be_drawn(text: str) -> None:
    text = "a" + text
    draw(predictions(text, text[::-1], 1))
    draw(hidden_dimensions(draw_path(len(text)), text))
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
        ("漢", "6f22"),
        ("\U0001f9ea", "1f9ea"),
    ],
)
def test_a_character_that_cannot_be_drawn_has_a_sign_or_its_code(character: str, sign: str) -> None:
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
    assert len(x) <= MOST_SIZES
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


def pixels(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="raw")
    return file.getvalue()


def test_a_figure_stays_as_it_is_when_others_are_drawn() -> None:
    first, second = (hidden_dimensions(draw_path(5), "abcab") for _ in range(2))
    before = pixels(first)
    draw(hidden_dimensions(draw_path(9), "babababab"))
    draw(loss_curve([1.0, 0.5], 0.25))
    assert pixels(first) == before
    assert pixels(second) == before
    with pytest.raises(AttributeError, match="readonly"):  # figures share the outlines of what is written on them
        next(group for group in first.artists if isinstance(group, Writing)).get_paths()[0].vertices = draw_path(1)


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


def test_a_text_is_written_as_it_is() -> None:
    """Two dollars in a text are no formula: its width is that of its letters."""
    assert text_width("$x$", 10) > text_width("$$", 10) > text_width("$", 10) > 0


def test_a_character_that_the_font_lacks_is_written_as_its_code() -> None:
    assert text_width("a 漢", 10) == text_width("a 6f22", 10)


@pytest.mark.parametrize("text", [*ODD.values(), LONG * 3], ids=[*ODD, "long"])
def test_titles_and_labels_may_hold_any_text(text: str) -> None:
    draw(heat_map(text, [HeatMap(text, np.ones((1, 2)))], (text, [text]), (text, [text, text]), text, False))
    draw(bands(text, [Panel(text, [band_of(text)], 0.5)] * 4, text))


@pytest.mark.parametrize("width", [0.3, 1.0, 1.9])
def test_a_text_too_wide_keeps_both_ends(width: float) -> None:
    short = shorten(LONG, 9, width)
    assert text_width(short, 9) <= width < text_width(LONG, 9)
    head, tail = short.split("…")
    assert LONG.startswith(head)
    assert LONG.endswith(tail)
    assert shorten(LONG, 9, 9.0) == LONG


def map_of(values: list[list[float]] | np.ndarray, log: bool = True, count: int = 1) -> Figure:
    value_rc = np.array(values, dtype=float)
    rows, columns = ([f"{name}{n}" for n in range(size)] for name, size in zip("rc", value_rc.shape, strict=True))
    maps = [HeatMap(f"map {n}", value_rc) for n in range(count)]
    return heat_map("Everything", maps, ("hidden units", rows), ("rate", columns), "loss (nats)", log)


def cell_colours(axes: Axes) -> list[list[str]]:
    (image,) = axes.images
    return [[to_hex(colour) for colour in row] for row in np.asarray(image.get_array())]


def test_each_cell_of_a_heat_map_has_its_number_and_a_missing_one_is_hatched() -> None:
    figure = map_of([[0.5, np.nan, 0.000123456], [12345.0, 1.0, 0.0]])
    axes, bar = figure.axes
    numbers = {(letter.x, letter.y): letter.text for letter in written(figure, axes.transData)}
    assert numbers == {(0, 0): "0.5", (2, 0): "1.23e-4", (0, 1): "1.23e4", (1, 1): "1", (2, 1): "0"}
    (hatched,) = axes.patches
    assert hatched.get_hatch()
    assert (hatched.get_xy(), hatched.get_width(), hatched.get_height()) == ((0.5, -0.5), 1, 1)
    assert {letter.text: letter.y for letter in written(figure, axes.get_yaxis_transform())} == {"r0": 0, "r1": 1}
    columns = {letter.text: letter.x for letter in written(figure, axes.get_xaxis_transform())}
    assert columns == {"c0": 0, "c1": 1, "c2": 2}
    assert axes.get_ylim() == (1.5, -0.5), "the first row is above"
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("rate", "hidden units", "loss (nats)")
    assert {"rate", "hidden units", "loss (nats)", "Everything", "map 0"} <= set(texts(figure))
    draw(figure)


def test_a_number_is_black_on_a_light_cell_and_white_on_a_dark_one() -> None:
    figure = map_of([[0.0, 1.0]], log=False)
    assert [letter.colour for letter in written(figure, figure.axes[0].transData)] == ["#FFFFFF", BLACK]


@pytest.mark.parametrize(("log", "middle"), [(True, 0.1), (False, 0.505)])
def test_a_scale_of_colours_is_even_in_the_values_or_in_their_logarithms(log: bool, middle: float) -> None:
    figure = map_of([[0.01, middle, 1.0]], log)
    ((low, between, high),) = cell_colours(figure.axes[0])
    assert (low, high) == ("#440154", "#fde725"), "the ends of viridis"
    assert between in ("#21918c", "#21908d"), "its middle"
    assert figure.axes[-1].get_ylim() == pytest.approx((0.01, 1.0))


def test_a_logarithmic_scale_shows_what_is_not_above_zero_as_its_least() -> None:
    figure = map_of([[0.0, -2.0, 0.01], [1.0, np.inf, 0.1]])
    (zero, negative, least), (most, infinite, between) = cell_colours(figure.axes[0])
    assert zero == negative == least != between != most == infinite
    assert [letter.text for letter in written(figure, figure.axes[0].transData)][:2] == ["0", "-2"]
    draw(figure)


@pytest.mark.parametrize("values", [[[0.5]], [[np.nan]], [[0.0, 0.0]], [[-1.0], [-2.0]], [[np.inf, np.nan]]])
@pytest.mark.parametrize("log", [True, False])
def test_a_heat_map_may_have_hardly_any_values(values: list[list[float]], log: bool) -> None:
    draw(map_of(values, log))


def test_heat_maps_share_one_scale_and_stand_three_in_a_row() -> None:
    low, high = np.full((2, 2), 0.1), np.full((2, 2), 10.0)
    maps = [HeatMap("low", low), *[HeatMap(LONG, high)] * 4]
    figure = heat_map("Two", maps, ("pattern", [LONG, "abc"]), ("train", [LONG, "$x$"]), "loss (nats)", True)
    *panels_shown, bar = figure.axes
    assert bar.get_ylim() == pytest.approx((0.1, 10.0))
    assert {colour for row in cell_colours(panels_shown[0]) for colour in row} == {"#440154"}
    assert {colour for row in cell_colours(panels_shown[1]) for colour in row} == {"#fde725"}
    places = [axes.get_position() for axes in panels_shown]
    assert places[0].y0 == places[1].y0 == places[2].y0 > places[3].y1
    assert places[0].x1 < places[1].x0 < places[1].x1 < places[2].x0
    assert places[3].x0 == places[0].x0
    named = [bool(written(figure, axes.get_yaxis_transform())) for axes in panels_shown]
    assert named == [True, False, False, True, False], "rows are named on the left"
    named = [bool(written(figure, axes.get_xaxis_transform())) for axes in panels_shown]
    assert named == [False, False, True, True, True], "columns are named where no map is below"
    draw(figure)


@pytest.mark.parametrize(("size", "count", "shown"), [(12, 1, True), (12, 12, False), (4, 9, True), (1, 12, True)])
def test_numbers_are_left_out_where_there_is_no_room(size: int, count: int, shown: bool) -> None:
    figure = map_of(np.geomspace(1.23e-4, 1.23, size * size).reshape(size, size), count=count)
    letters = [written(figure, axes.transData) for axes in figure.axes[:-1]]
    assert [len(some) for some in letters] == [size * size * shown] * count
    draw(figure)


@pytest.mark.parametrize("maps", [[], [HeatMap("m", np.zeros((2, 1)))]])
def test_a_heat_map_of_another_shape_is_refused(maps: list[HeatMap]) -> None:
    with pytest.raises(ValueError, match=r"shapes .* allowed: one or more of"):
        heat_map("None", maps, ("hidden units", ["4"]), ("rate", ["0.1", "1"]), "loss", False)


def band_of(label: str = "rnn", least: float = 1.0, most: float = 2.0, epochs: int = 5, spread: float = 0.5) -> Band:
    middle_e = np.linspace(most, least, epochs)
    return Band(label, middle_e, middle_e - spread, middle_e + spread)


def curves(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}


def test_a_band_is_a_line_with_what_lies_around_it() -> None:
    figure = bands("Training", [Panel("abc", [band_of("rnn"), band_of("gru", epochs=3)], None)], "median, and all")
    (axes,) = figure.axes
    for n, (label, epochs) in enumerate((("rnn", 5), ("gru", 3))):
        line, area = curves(axes)[label], axes.collections[n]
        middle_e = np.linspace(2, 1, epochs)
        np.testing.assert_array_equal(line.get_data(), (np.arange(epochs), middle_e))
        corners = {(float(x), float(y)) for x, y in area.get_paths()[0].vertices}
        assert corners == {(e, float(edge)) for e, y in enumerate(middle_e) for edge in (y - 0.5, y + 0.5)}
        assert line.get_color() == COLOURS[n]
        assert to_hex(area.get_facecolor()[0]).upper() == COLOURS[n]
        assert 0 < area.get_facecolor()[0][3] < 0.5
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "training loss (nats per character)")
    shown = texts(figure)
    assert {"Training", "abc", "line and band: median, and all", "epoch", axes.get_ylabel()} <= set(shown)
    assert (shown.count("rnn"), shown.count("gru")) == (1, 1)
    draw(figure)


def test_a_label_looks_alike_in_all_panels_and_unlike_the_others() -> None:
    names = [LONG + name for name in "abcdefg"]
    panels_given = [Panel("all", [band_of(name) for name in names], 0.5), Panel("last", [band_of(names[-1])], None)]
    figure = bands("Training", panels_given, "one seed")
    first, second = (curves(axes) for axes in figure.axes)
    looks = [(first[name].get_color(), first[name].get_linestyle()) for name in names]
    assert [colour for colour, _ in looks] == list(COLOURS)
    assert [style for _, style in looks[:4]] == ["-", "--", "-.", ":"]
    assert (second[names[-1]].get_color(), second[names[-1]].get_linestyle()) == looks[-1]
    assert [texts(figure).count(name) for name in names] == [1] * 7, "one key for all"
    assert texts(figure).count("floor") == 1
    draw(figure)


@pytest.mark.parametrize(
    ("least", "most", "floor", "scale", "drawn"),
    [
        (1.0, 29.0, 0.5, "linear", True),
        (1.0, 31.0, 0.5, "log", True),
        (1.0, 31.0, 0.0, "log", False),
        (1.0, 2.0, 0.0, "linear", True),
        (0.0, 31.0, 0.0, "linear", True),
        (-1.0, 31.0, None, "linear", False),
    ],
)
def test_losses_that_span_much_stand_on_a_logarithmic_axis(
    least: float, most: float, floor: float | None, scale: str, drawn: bool
) -> None:
    figure = bands("Training", [Panel("abc", [band_of("rnn", least, most, spread=0)], floor)], "one seed")
    (axes,) = figure.axes
    assert axes.get_yscale() == scale
    floors = [line.get_ydata()[0] for line in axes.get_lines() if line.get_label() != "rnn"]
    assert floors == ([floor] if drawn else [])
    assert ("floor" in texts(figure)) == drawn
    low, high = axes.get_ylim()
    assert low < min([least, *floors]) <= most < high
    ticks = [float(text) for text, *_ in written(figure, axes.get_yaxis_transform())]
    assert len(ticks) >= 3
    assert (1 in ticks and 10 in ticks) or scale == "linear", "powers of ten among them"
    draw(figure)


@pytest.mark.parametrize("count", [1, 3, 4, 9, 12])
def test_panels_of_bands_share_their_limits_and_stand_three_in_a_row(count: int) -> None:
    given = [Panel(f"{LONG}{n}", [band_of("rnn", 1, 2 + n, epochs=5 + n, spread=0.25)], None) for n in range(count)]
    figure = bands("Training", given, "median, and all 10 seeds")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [panel.title for panel in given]
    assert len({axes.get_xlim() + axes.get_ylim() for axes in figure.axes}) == 1
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert left < 0 < 4 + count - 1 < right
    assert low < 0.75 < 1.25 + count < high
    places = [axes.get_position() for axes in figure.axes]
    assert [place.x0 == places[0].x0 for place in places] == [n % 3 == 0 for n in range(count)]
    assert all(upper.y0 > lower.y1 for upper, lower in zip(places, places[3:], strict=False))
    labelled = [any(text for text, *_ in written(figure, axes.get_yaxis_transform())) for axes in figure.axes]
    assert labelled == [n % 3 == 0 for n in range(count)]
    labelled = [any(text for text, *_ in written(figure, axes.get_xaxis_transform())) for axes in figure.axes]
    assert labelled == [n + 3 >= count for n in range(count)]
    draw(figure)


def test_what_is_not_finite_leaves_a_gap() -> None:
    broken = Band("rnn", *(np.array([2.0, np.nan, np.inf, 1.0]) + edge for edge in (0, -0.5, 0.5)))
    nothing = Band("gru", *[np.full(3, np.nan)] * 3)
    figure = bands("Training", [Panel("abc", [broken, nothing], None), Panel("empty", [], 0.0)], "median, and all")
    line = curves(figure.axes[0])["rnn"]
    np.testing.assert_array_equal(line.get_ydata(), [2.0, np.nan, np.nan, 1.0])
    assert figure.axes[0].get_ylim()[1] < 3
    draw(figure)
    draw(bands("Training", [Panel("abc", [nothing], None)], "none"))
    draw(bands("Training", [Panel("abc", [], None)], "none"))


@pytest.mark.parametrize("epochs", [0, 1, 2, 32, 33, 2000])
def test_one_seed_of_any_number_of_epochs_can_be_drawn(epochs: int) -> None:
    figure = bands("Training", [Panel("abc", [band_of(epochs=epochs, spread=0)], 0.0)], "one seed")
    assert curves(figure.axes[0])["rnn"].get_marker() == ("." if epochs <= 32 else "")
    draw(figure)


@pytest.mark.parametrize("given", [[], [Panel("abc", [band_of(f"{n}") for n in range(8)], None)]])
def test_more_bands_than_colours_are_refused(given: list[Panel]) -> None:
    with pytest.raises(ValueError, match="allowed: 1 or more of up to 7"):
        bands("Training", given, "median")
