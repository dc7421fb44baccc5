"""Pictures drawn in axes that an earlier picture has given up, and the colours of quick PNGs."""

import io
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from analysis.figures import first_hidden_units, loss_curve, predictions, single_panel, trajectory
from analysis.figures.palette import with_palette
from analysis.figures.single_panel import SinglePanel
from analysis.figures.style import Picture
from tests.analysis.figures.looking import draw_path

SHARE = np.array([0.6, 0.3])
PICTURES: list[Callable[[], Picture]] = [
    lambda: loss_curve([1.0, 0.5, 0.2], None),
    lambda: predictions("bcabc", "ccabb", 2),
    lambda: loss_curve([900.0, 30.0] * 40, 0.0, 5.0, [1e4, 1e3] * 40),
    lambda: first_hidden_units(draw_path(5), "abcab"),
    lambda: trajectory(draw_path(5), SHARE, "abcab"),
    lambda: loss_curve([0.3, 0.4], 0.35, references={"unigram": 0.5, "bigram": 0.2}),
    lambda: predictions("ab" * 40, "ba" * 40, 30, [True, False] * 40),
    lambda: trajectory(1e3 * draw_path(30), SHARE, "abcdefghijklmno" * 2),
    lambda: loss_curve([1e-9, 2e-9], 1e-9),
    lambda: first_hidden_units(50 * draw_path(40), "ab" * 20),
    lambda: trajectory(np.zeros((3, 2)), SHARE, "aba"),
]


def last_png(draw: Callable[[], Picture]) -> tuple[bytes, Picture]:
    picture = draw()
    assert isinstance(picture, SinglePanel)
    return picture.last_png(), picture


def test_a_picture_does_not_depend_on_what_was_drawn_before_in_its_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    """All have the same layout here, so that each is drawn in axes that any other has used."""
    panel = single_panel.single_panel
    monkeypatch.setattr("analysis.figures.one_run.single_panel", lambda *_, **__: panel(5.0))
    fresh = []
    for draw in PICTURES:
        monkeypatch.setattr(single_panel, "_spare", defaultdict(list))
        fresh.append(last_png(draw)[0])
    _, first = last_png(PICTURES[0])
    for step in range(1, len(PICTURES)):
        for number in range(len(PICTURES)):  # each after each other: the steps from one to the next differ
            number = number * step % len(PICTURES)
            came, picture = last_png(PICTURES[number])
            assert picture is first
            assert came == fresh[number], number


def test_a_picture_that_is_still_used_is_not_drawn_over() -> None:
    kept = loss_curve([1.0, 0.5], None)
    assert loss_curve([2.0, 0.5], None) is not kept


def draw_colours(colours_n3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw each colour over two pixels of a white picture; return the picture and what its PNG with a palette shows."""
    picture_hwc = np.full((len(colours_n3) + 1, 5, 4), 255, np.uint8)
    picture_hwc[1:, 1:3, :3] = colours_n3[:, None]
    file = io.BytesIO()
    with_palette(picture_hwc).save(file, format="png")
    return picture_hwc[..., :3].astype(int), np.asarray(Image.open(file).convert("RGB")).astype(int)


def test_few_colours_stay_as_they_are() -> None:
    given, shown = draw_colours(np.array([[0, 0, 0], [0, 114, 178], [230, 159, 0], [254, 254, 254]]))
    assert (given == shown).all()


@pytest.mark.parametrize("count", [0, 255, 256, 4000])
def test_many_colours_become_similar_ones(count: int) -> None:
    given, shown = draw_colours(np.random.default_rng(0).integers(0, 256, (count, 3)))
    assert (shown[0] == 255).all()
    assert (shown[:, [0, 3, 4]] == 255).all(), "the background"
    assert abs(given - shown).max(initial=0) < (16 if count <= 200 else 70)
    assert abs(given - shown).mean() < 12
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 256
