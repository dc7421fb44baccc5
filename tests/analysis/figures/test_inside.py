"""Pictures of scores beside their comparisons, and of units against counts."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from analysis.figures.counting import CountPanel, number_against_count
from analysis.figures.scores import ScoreRow, score_rows
from analysis.figures.style import COLOURS, GREY, WRONG
from tests.analysis.figures.looking import ODD_TEXTS, draw, texts, titles, written


def marks(axes: Axes) -> dict[str, list[tuple[float, float, str, str, str]]]:
    """Return where the marks of each way stand, how they look, and how they are filled, by the row."""
    found: dict[str, list[tuple[float, float, str, str, str]]] = {}
    for line in axes.get_lines():
        if str(line.get_label())[1:] and line.get_marker() not in ("None", ""):
            (x,), (y,) = line.get_data()
            look = str(line.get_marker()), str(line.get_color()), str(line.get_markerfacecolor())
            found.setdefault(str(line.get_label())[1:], []).append((float(x), float(y), *look))
    return found


ROWS = [
    ScoreRow("depth", {"trained": 0.9, "untrained": 0.5, "table": 0.5}, "R²"),
    ScoreRow("state", {"trained": 1.0, "untrained": -3.0, "table": np.nan}, "accuracy"),
]


def test_each_way_has_a_mark_in_each_row() -> None:
    figure = score_rows("Read out", ROWS, "score", compared=["table"])
    (axes,) = figure.axes
    found = marks(axes)
    assert [mark[0] for mark in found["trained"]] == [0.9, 1.0]
    assert [round(mark[1]) for mark in found["trained"]] == [0, 1]
    assert {mark[3] for mark in found["trained"]} == {COLOURS[0]}
    assert {mark[3:] for mark in found["table"]} == {(GREY, "white")}
    heights = [found[name][0][1] for name in ("trained", "untrained", "table")]
    assert len(set(heights)) == 3, "equal scores are seen one by one"
    far = found["untrained"][1]
    assert far[0] == axes.get_xlim()[0]
    assert far[2] == "<"
    assert np.isnan(found["table"][1][0])
    notes = {letter.text for letter in written(figure, axes.get_yaxis_transform())}
    assert notes == {"depth", "state", "R²", "accuracy"}
    assert {"Read out", "score", "trained", "untrained", "table"} <= set(texts(figure))
    draw(figure)


def test_the_axis_begins_where_it_is_told() -> None:
    (axes,) = score_rows("Read out", ROWS[:1], "score", low=0.8).figure.axes
    assert axes.get_xlim() == pytest.approx((0.792, 1.008))
    assert marks(axes)["untrained"][0][2] == "<"
    assert marks(axes)["trained"][0][2] == "o"


def test_scores_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ValueError, match="0 rows of 0 ways; allowed: 1 or more of 1 to 7"):
        score_rows("", [], "")
    with pytest.raises(ValueError, match="1 rows of 8 ways"):
        score_rows("", [ScoreRow("a", dict.fromkeys("abcdefgh", 0.5))], "")
    with pytest.raises(ValueError, match=r"a: a score of 1.5; allowed: at most 1"):
        score_rows("", [ScoreRow("a", {"b": 1.5})], "")
    with pytest.raises(ValueError, match="limits"):
        score_rows("", ROWS, "", low=1)


def panel(reach: float = 4, title: str = "reading a") -> CountPanel:
    count_n = np.repeat(np.arange(1, 8), 2)
    return CountPanel(title, "count", count_n, np.minimum(count_n, 4) * 2.0 + 1, 2.0, 1.0, reach)


def test_what_counts_and_what_does_not_stand_apart() -> None:
    figure = number_against_count("anbn", [panel(), panel(np.nan, "reading b")], "c 4")
    first, second = figure.axes
    shown = {str(line.get_label()): line for line in first.get_lines()}
    assert list(shown["counts"].get_xdata()) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert set(shown["reach"].get_xdata()) == {4}
    assert list(shown["off by one count or more"].get_xdata()) == [5, 5, 6, 6, 7, 7]
    assert shown["off by one count or more"].get_color() == WRONG
    assert list(zip(*shown["line"].get_data(), strict=True)) == [(0, 1), (7, 15)]
    assert "reach" not in {str(line.get_label()) for line in second.get_lines()}
    assert first.get_ylim() == second.get_ylim()
    assert titles(figure) == ["reading a", "reading b"]
    assert {"anbn", "counts", "off by one count or more", "line", "c 4"} <= set(texts(figure))
    assert texts(figure).count("count") == 2
    draw(figure)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_any_number_of_panels_is_drawn(count: int) -> None:
    figure = number_against_count("anbn", [panel()] * count, "c 4")
    assert len(figure.axes) == count
    draw(figure)


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_any_text_is_drawn(odd: str) -> None:
    draw(score_rows(odd, [ScoreRow(odd, {odd: 0.5}, odd)], odd))
    draw(number_against_count(odd, [panel(title=odd)], odd))


def test_panels_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ValueError, match="0 panels; allowed: 1 or more"):
        number_against_count("", [], "")
    with pytest.raises(ValueError, match="a: 0 counts and 2 values; allowed: 1 or more, as many of both"):
        number_against_count("", [CountPanel("a", "", np.zeros(0), np.zeros(2), 1, 0, 1)], "")
