"""The page of a net in a real Chromium: what it computes, and what a person does with it."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from experiments.net_page.in_notebook import Frame
from experiments.net_page.of_training import first_text
from experiments.net_page.page import net_page
from experiments.net_page.told import Found, PageNet
from experiments.sweep import main as sweep
from experiments.train import main as train
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import generate, read
from rnn_core.training import TrainingState
from rnn_core.training import train as epochs_of
from rnn_core.vocabulary import Vocabulary
from tests.browsers import browsing, needs_chromium
from tests.conftest import tracked_at, tracking

pytestmark = [pytest.mark.slow, needs_chromium]

SAMPLE = ("gru", "deltanet", "stack")
"""The kinds of cells that CI tries: gates, a matrix, and a state that grows."""

READ = """text => {
    const reading = new Reading(new Net(told.nets[0]), patternOracle);
    reading.read(Array.from(text));
    return reading.moments.map(moment => Array.from(moment.probabilities));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as chromium:
        yield chromium


def trained(epochs: int = 0, **fields: object) -> tuple[Prepared, CharRNN]:
    """Return the data of a config and a net of it, trained for some epochs."""
    prepared = prepare(TrainConfig(**{"epochs": max(1, epochs), **fields}))  # type: ignore[arg-type]
    torch.manual_seed(prepared.config.seed)
    state = TrainingState(prepared)
    if epochs:
        for _ in epochs_of(prepared, state):
            pass
    return prepared, state.net.eval()


def opened(browser: Any, folder: Path, nets: list[PageNet], prepared: Prepared, **look: object) -> Any:
    """Open the page of some nets as a file; `closed` fails for anything that it complained of."""
    path = folder / "net.html"
    path.write_text(net_page(nets, prepared.pattern, first_text(prepared)), encoding="utf-8")
    page = browser.new_page(**look)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.goto(path.as_uri())
    return page


def closed(page: Any) -> None:
    assert page.complaints == []
    page.close()


def of_one(prepared: Prepared, net: CharRNN, found: Found | None = None, name: str = "a net") -> list[PageNet]:
    return [PageNet(name, "", prepared.record, net, [("eval loss", "1")], found or Found())]


def probabilities(net: CharRNN, prepared: Prepared, text: str) -> np.ndarray:
    """Return what torch says in double precision."""
    indices = Vocabulary(prepared.record.alphabet).encode(text)
    with torch.no_grad():
        logits = [
            each for each, _ in read(net.double(), indices, net.double().init_state(1), prepared.record.mark_index)
        ]
    net.float()
    return torch.cat(logits).softmax(-1).numpy()


def tape(page: Any) -> str:
    """Return the characters on the tape."""
    return page.evaluate("now.characters.join('')")


@pytest.mark.parametrize(
    "cell", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.long) for name in CELLS]
)
def test_the_page_says_what_torch_says(cell: str, browser: Any, tmp_path: Path) -> None:
    text = "".join(np.random.default_rng(0).choice(list("abc"), 1000))
    for layers, encoding in ((1, "index"), (2, "onehot"), (2, "embedding")):
        prepared, net = trained(30, cell=cell, hidden_size=6, layers=layers, encoding=encoding)
        page = opened(browser, tmp_path, of_one(prepared, net), prepared)
        expected = probabilities(net, prepared, text)
        np.testing.assert_allclose(np.array(page.evaluate(READ, text)), expected, atol=1e-5)
        closed(page)


def test_strings_begin_anew_at_a_mark(browser: Any, tmp_path: Path) -> None:
    prepared, net = trained(2, pattern="tomita:3", length=1000, cell="slstm", hidden_size=5)
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    text = prepared.evaluation.text[:500]
    np.testing.assert_allclose(np.array(page.evaluate(READ, text)), probabilities(net, prepared, text), atol=1e-5)
    page.fill("#text", "01")
    assert tape(page) == "#01", "the mark is read first"
    closed(page)


def test_the_page_says_where_it_follows_the_pattern_no_further(browser: Any, tmp_path: Path) -> None:
    prepared, net = trained(1, pattern="anbn", length=1000, cell="gru", hidden_size=5)
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    far, none = "The page follows the pattern no further", "the text so far is none of the pattern’s"
    page.fill("#text", "a" * 200 + "b" * 200)  # of the pattern, and longer than the table of the page
    assert far in page.inner_text("#status")
    assert far in page.inner_text("#bars-legend")
    page.fill("#text", "a" * 200 + "b" * 200 + "#a")
    assert far not in page.inner_text("#bars-legend"), "a new string is followed again"
    page.fill("#text", "abba")
    assert none in page.inner_text("#bars-legend")
    assert far not in page.inner_text("#status")
    closed(page)


@pytest.fixture(scope="module")
def abc() -> tuple[Prepared, CharRNN]:
    return trained(150, hidden_size=8)


def test_a_person_plays_with_a_net(abc: tuple[Prepared, CharRNN], browser: Any, tmp_path: Path) -> None:
    prepared, net = abc
    page = opened(browser, tmp_path, of_one(prepared, net, name="abc rnn8"), prepared)
    assert page.inner_text("#title") == "abc rnn8"
    first = tape(page)
    assert first
    assert prepared.evaluation.text.startswith(first)
    assert "60 of 60 moments right" in page.inner_text("#score")

    page.fill("#text", "abca")  # typing
    assert page.inner_text("#status").startswith("Moment 4: it has read “a”. It expects “b” (")
    assert "right" in page.inner_text("#status")
    shown = page.locator("#bars li").all()
    expected = probabilities(net, prepared, "abca")[-1]
    for row, probability in zip(shown, expected, strict=True):
        width = float(row.locator(".bar").get_attribute("style").removeprefix("width:").strip(" ;%"))
        assert width == pytest.approx(100 * probability, abs=0.01)
    assert page.locator("#bars .exact").count() == 1, "the pattern allows one character"
    page.click("#keys button:has-text('b')")
    assert (tape(page), page.input_value("#text")) == ("abcab", "abcab")

    page.fill("#text", "abxca")  # an odd character
    page.focus("#tape")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "“x” is no character of its alphabet (abc), so the net does not read it" in page.inner_text("#status")
    page.keyboard.press("End")
    assert page.evaluate(READ, "abca")[-1] == page.evaluate("Array.from(open(0).reading.moments.at(-1).probabilities)")

    page.keyboard.press("Home")  # going back, and on from there
    page.keyboard.press("ArrowRight")
    page.keyboard.type("ba")
    assert tape(page) == "abba"
    page.keyboard.press("ArrowLeft")
    assert "The pattern never has that here" in page.inner_text("#status")
    assert page.locator("#bars .exact").count() == 1, "after b, whatever came before it, c must come"

    page.fill("#text", "ab")  # running free
    for _ in range(100):
        page.click("#step")
    with torch.no_grad():
        indices = Vocabulary("abc").encode("ab")
        written = "".join("abc"[index] for index in islice(generate(net, indices), 100))
    assert tape(page) == "ab" + written
    page.click("#play")
    end = time.monotonic() + 30
    while len(tape(page)) < 105 and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert len(tape(page)) >= 105, "it does not write"
    page.click("#play")
    length = len(tape(page))
    page.wait_for_timeout(400)
    assert len(tape(page)) == length, "it goes on after a pause"
    page.locator("#temperature").fill("2")
    page.fill("#text", "a")
    for _ in range(60):
        page.click("#step")
    assert tape(page) != ("abc" * 21)[: len(tape(page))], "a hot net makes errors"
    closed(page)


def test_a_unit_is_switched_off_and_on(abc: tuple[Prepared, CharRNN], browser: Any, tmp_path: Path) -> None:
    prepared, net = abc
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    before = page.evaluate("open(0).reading.moments.map(m => Array.from(m.probabilities))")
    for unit in range(8):
        page.fill("#unit", str(unit))
        page.click("#toggle")
    assert page.inner_text("#toggle") == "Switch on"
    assert page.inner_text("#changes").startswith("8 units off: ")
    off = np.array(page.evaluate("open(0).reading.moments.map(m => Array.from(m.probabilities))"))
    with torch.no_grad():  # nothing but the bias is left
        np.testing.assert_allclose(off, np.broadcast_to(net.readout.bias.softmax(-1).numpy(), off.shape), atol=1e-6)
    assert "(60 with all units)" in page.inner_text("#changes")
    page.click("#all")
    assert page.evaluate("open(0).reading.moments.map(m => Array.from(m.probabilities))") == before
    third = {"x": 50, "y": 2 * 26 + 8 + 2.5 * 15}  # the name of the third unit, number 2 as in plots and tables
    page.click("#tape", position=third)
    assert page.input_value("#unit") == "2"
    assert page.inner_text("#toggle") == "Switch off"
    page.wait_for_timeout(600)  # so that the next click is no second one
    page.dblclick("#tape", position=third)
    assert page.inner_text("#changes").startswith("1 unit off: ")
    assert page.evaluate("[...now.off]") == [2]
    written = tape(page)
    page.focus("#tape")
    page.keyboard.press("Backspace")
    assert tape(page) == page.input_value("#text") == written[:-1]
    closed(page)


@pytest.mark.parametrize(
    "cell", [name if name in (*SAMPLE, "lstm") else pytest.param(name, marks=pytest.mark.long) for name in CELLS]
)
def test_what_a_cell_holds_besides_its_outputs_is_drawn(cell: str, browser: Any, tmp_path: Path) -> None:
    """Beside the states that torch has in double precision."""
    prepared, net = trained(5, cell=cell, hidden_size=12, layers=2)
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    names = [name for name in net.state_names if name != net.cell.output]
    options = page.locator("#part option")
    assert options.evaluate_all("all => all.map(each => each.value)") == ["", *names]
    assert page.locator("#part").is_disabled() == (not names)
    text = tape(page)
    with torch.no_grad():
        double = net.double()
        inputs_bti = double.encode(Vocabulary("abc").encode(text)[None])
        outputs_lbth, parts = double.trace(inputs_bti, double.init_state(1))
    expected = dict(zip(net.state_names, parts, strict=True))
    pictures = {page.evaluate("element('tape').toDataURL()")}
    for layer in (0, 1):
        page.select_option("#layer", label=str(layer))
        assert page.inner_text("#changes").endswith("for the layer above.") == (layer == 0)
        for name in ("", *names):
            if names:
                page.select_option("#part", name)
            pictures.add(page.evaluate("element('tape').toDataURL()"))
            part_tk = (expected[name] if name else outputs_lbth)[layer, 0].flatten(1).numpy()
            shape = expected[name].shape[3:] if name else (12,)
            count = page.evaluate("tape.shown.count")
            drawn = np.array(page.evaluate("open(0).reading.moments.map((_, t) => Array.from(tape.shown.rowAt(t)))"))
            np.testing.assert_allclose(drawn[:, :count], part_tk[:, :count], atol=1e-5)
            used = 1 + np.flatnonzero(part_tk.any(0))[-1]
            assert count == min(used, 128) or (count == part_tk.shape[1] < 128 and name not in net.cell.growing)
            cut = f"the first 128 of {used} numbers" if used > 128 else ""
            assert page.inner_text("#cut") == cut
            last = np.unravel_index(count - 1, shape)
            assert page.evaluate(f"tape.shown.name({count - 1})") == " ".join([name or "unit", *map(str, last)])
            points = page.evaluate("open(0).reading.moments.map(m => m.point)")
            widths = [np.linalg.norm(np.diff(rows, axis=0), axis=1) for rows in (np.array(points), part_tk)]
            assert (widths[0] <= widths[1] + 1e-5).all(), "the path is that of the rows"
            if name:
                page.dblclick("#tape", position={"x": 50, "y": 2 * 26 + 12})
                assert page.evaluate("now.off.size") == 0, "only outputs are switched off"
    assert len(pictures) == 2 + 2 * len(names)
    closed(page)


def test_a_change_is_taken_back(abc: tuple[Prepared, CharRNN], browser: Any, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, of_one(abc[0], abc[1]), abc[0])
    assert page.locator("#undo").is_disabled()
    first = tape(page)
    page.fill("#text", "ab")
    page.click("#keys button:has-text('c')")
    page.focus("#tape")
    page.keyboard.press("Backspace")
    page.click("#toggle")
    page.click("#all")
    states = []
    for _ in range(5):
        page.keyboard.press("Control+z")
        assert tape(page) == page.input_value("#text")
        states.append((tape(page), page.evaluate("[...now.off]")))
    assert states == [("ab", [0]), ("ab", []), ("abc", []), ("ab", []), (first, [])]
    assert page.locator("#undo").is_disabled()
    page.keyboard.press("Control+z")
    assert tape(page) == first

    page.fill("#text", "abca")  # what it writes in one go is one change, and what was cut off comes back
    page.focus("#tape")
    page.keyboard.press("Home")
    page.click("#play")
    end = time.monotonic() + 30
    while len(tape(page)) < 7 and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert len(tape(page)) >= 7
    page.click("#undo")
    assert tape(page) == page.input_value("#text") == "abca"
    assert page.inner_text("#play") == "Let it write"
    assert page.inner_text("#status").startswith("Moment 1: ")
    page.fill("#text", "")
    page.click("#step")
    assert tape(page) == page.input_value("#text") == "a", "it begins with a character"
    page.click("#undo")
    assert tape(page) == ""
    closed(page)


def test_the_path_is_turned_and_coloured(abc: tuple[Prepared, CharRNN], browser: Any, tmp_path: Path) -> None:
    prepared, net = abc
    page = opened(browser, tmp_path, of_one(prepared, net), prepared, viewport={"width": 1200, "height": 1400})
    pictures = [page.evaluate("element('path').toDataURL()")]
    box = page.locator("#path").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.up()
    pictures.append(page.evaluate("element('path').toDataURL()"))
    page.focus("#path")
    pictures.append(page.evaluate("element('path').toDataURL()"))
    page.keyboard.press("ArrowUp")
    pictures.append(page.evaluate("element('path').toDataURL()"))
    assert pictures[0] != pictures[1], "dragging does not turn it"
    assert pictures[2] != pictures[3], "the arrows do not turn it"
    assert page.locator("#path-legend .entry").all_inner_texts() == ["a", "b", "c"]
    page.select_option("#colour", "place")
    assert page.locator("#path-legend .entry").all_inner_texts() == ["0", "1", "2"]
    shares = page.evaluate("viewOf(0, 0).share")
    with torch.no_grad():
        text = Vocabulary("abc").encode(first_text(prepared))
        output_th = net.trace(net.encode(text[None]), net.init_state(1))[0][0, 0].double().numpy()
    variances = np.linalg.svd(output_th - output_th.mean(0), compute_uv=False) ** 2
    assert shares == pytest.approx((variances / variances.sum())[:3].tolist(), abs=1e-4)
    closed(page)


def test_a_transducer_says_its_symbols_and_does_not_run_free(browser: Any, tmp_path: Path) -> None:
    prepared, net = trained(12, pattern="flipflop:1", cell="lstm", hidden_size=8, encoding="onehot", length=3000)
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    assert not page.locator("#free").is_visible()
    page.fill("#text", "A...a..")
    with torch.no_grad():
        said = probabilities(net, prepared, "A...a..").argmax(1)
    assert page.evaluate("open(0).reading.moments.map(m => m.guess)") == said.tolist()
    right = prepared.pattern.inputs_and_targets("A...a..")[1]
    verdicts = page.evaluate("open(0).reading.moments.map((_, t) => open(0).reading.verdict(t))")
    outputs = prepared.record.outputs
    assert verdicts == [
        "right" if outputs[index] == target else "wrong" for index, target in zip(said, right, strict=True)
    ]
    closed(page)


def test_a_slider_goes_through_several_nets(browser: Any, tmp_path: Path) -> None:
    nets = []
    for epochs in (1, 40):
        prepared, net = trained(epochs, hidden_size=6)
        nets.append(PageNet(f"after {epochs}", f"epochs {epochs}", prepared.record, net, []))
    page = opened(browser, tmp_path, nets, prepared)
    page.fill("#text", "abcabc")
    assert page.inner_text("#net-name") == "epochs 1"
    expected = [probabilities(shown.net, prepared, "abcabc")[-1].tolist() for shown in nets]
    last = "Array.from(open(now.net).reading.moments.at(-1).probabilities)"
    assert page.evaluate(last) == pytest.approx(expected[0], abs=1e-6)
    page.focus("#net")
    page.keyboard.press("ArrowRight")
    assert (page.inner_text("#net-name"), page.inner_text("#title")) == ("epochs 40", "after 40")
    assert tape(page) == "abcabc", "the text stays"
    assert page.evaluate(last) == pytest.approx(expected[1], abs=1e-6)
    assert page.evaluate(
        "viewOf(0, 0).directions.directions[0].join() === viewOf(1, 0).directions.directions[0].join()"
    )
    closed(page)


def test_a_large_net_is_shown_by_its_states(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.net_page.told.MAX_PARAMETERS", 50)
    prepared, net = trained(40, hidden_size=9, cell="gru", layers=2)
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    with torch.no_grad():
        text = Vocabulary("abc").encode(page.evaluate("told.nets[0].recorded.text"))
        output_th = net.trace(net.encode(text[None]), net.init_state(1))[0][-1, 0].numpy()
    drawn_th = np.array(page.evaluate("open(0).reading.moments.map((_, t) => Array.from(tape.shown.rowAt(t)))"))
    np.testing.assert_allclose(drawn_th * np.abs(output_th).max(), output_th, atol=0.01)
    assert "more than a page can carry" in page.inner_text("#why")
    assert not page.locator("#text").is_visible()
    page.focus("#tape")
    page.keyboard.press("Home")
    page.keyboard.type("a")
    first = prepared.evaluation.text[0]
    assert page.inner_text("#status").startswith(f"Moment 1: it has read “{first}”. It expects “")
    assert page.locator("#bars li").count() == 0
    closed(page)

    prepared, net = trained(1, pattern="flipflop:2", length=600, hidden_size=9, cell="gru", encoding="onehot")
    page = opened(browser, tmp_path, of_one(prepared, net), prepared)
    moments = page.evaluate(
        "open(0).reading.moments.map((_, t) => [open(0).reading.verdict(t), open(0).reading.due(_)])"
    )
    wrong = next(t for t, (verdict, _) in enumerate(moments) if verdict == "wrong")
    page.focus("#tape")
    page.keyboard.press("Home")
    for _ in range(wrong):
        page.keyboard.press("ArrowRight")
    due = prepared.record.outputs[moments[wrong][1]]
    assert page.inner_text("#status").endswith(f": wrong. It should say “{due}”.")
    said = prepared.pattern.inputs_and_targets(prepared.evaluation.text)[1]
    assert due == said[wrong]
    closed(page)


def test_what_was_found_is_drawn_and_followed(abc: tuple[Prepared, CharRNN], browser: Any, tmp_path: Path) -> None:
    prepared, net = abc
    with torch.no_grad():
        indices_bt = Vocabulary("abc").encode("abc" * 60 + "a")[None]
        (states,) = net.trace(net.encode(indices_bt), net.init_state(1))[1]
    rounds = states[0, 0, -4:-1].numpy()  # before b, c and a
    found = Found({"cycle": ["it has one"]}, ("bca", rounds), {"b": rounds[:1]}, [("a", [1, 0]), ("b", [1, 1])], "ab")
    page = opened(browser, tmp_path, of_one(prepared, net, found), prepared)
    assert page.inner_text("#lines dd") == "it has one"
    points = page.evaluate("foundPoints(open(0), viewOf(0, 0)).cycle")
    page.fill("#text", "abc" * 61)
    path = page.evaluate("open(0).reading.moments.slice(-3).map(m => m.point)")  # after a, b and c
    np.testing.assert_allclose(np.roll(points, 1, 0), path, atol=1e-3)
    page.fill("#text", "ba")
    assert page.inner_text("#automaton tr.here td:first-child") == "1"
    closed(page)


def test_a_pattern_called_like_html_stays_text_in_every_place(browser: Any, tmp_path: Path) -> None:
    name = "<img src=x onerror=hit()>"
    prepared, net = trained(1, pattern=name, hidden_size=3)
    found = Found({"cycle": [name]}, automaton=[(name, [0])], inputs="<")
    page = opened(browser, tmp_path, of_one(prepared, net, found, name), prepared)
    assert page.locator("img").count() == 0
    assert page.inner_text("#title") == page.inner_text("#lines dd") == page.inner_text("#lead b") == name
    assert page.title() == name
    closed(page)
    # In the frame of a notebook, too, whose text is quoted once more.
    page = browser.new_page()
    page.set_content(Frame((name,), net_page(of_one(prepared, net, found, name), None, "<"))._repr_html_())
    frame = page.frame_locator("iframe")
    assert frame.locator("#title").inner_text() == name
    assert page.locator("iframe").get_attribute("title") == f"Play with {name}"
    frame.locator("#text").fill(name[:5])
    assert frame.locator("#status").inner_text().startswith("Moment 5: it has read “␣”")
    page.close()


@pytest.mark.parametrize("width", [1440, 800, 602])
def test_it_fits_and_can_be_told_without_looking(
    width: int, abc: tuple[Prepared, CharRNN], browser: Any, tmp_path: Path
) -> None:
    prepared, net = abc
    for scheme in ("light", "dark"):
        page = opened(
            browser,
            tmp_path,
            of_one(prepared, net),
            prepared,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        unnamed = page.evaluate(
            """Array.from(document.querySelectorAll('button, input, select, textarea, canvas[tabindex]'))
            .filter(each => !(each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim()))
            .map(each => each.outerHTML)"""
        )
        assert unnamed == []
        assert page.get_attribute("#tape", "aria-valuetext").startswith("Moment 60: it has read")
        closed(page)


def test_it_lives_in_the_run_page_of_mlflow_and_so_does_the_page_of_a_sweep(store: Path, browser: Any) -> None:
    with tracking(store) as address, tracked_at(address):
        assert train(["--pattern", "abc", "--hidden-size", "4", "--epochs", "100"]) == 0
        (run,) = MlflowClient().search_runs(["0"])
        note = run.data.tags["mlflow.note.content"]
        link = note.split("](")[1].split(")")[0]
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}/{link}")
        page.wait_for_selector("iframe", timeout=60_000)
        frame = page.frame_locator("iframe")
        frame.locator("#text").fill("abca")
        assert frame.locator("#status").inner_text().startswith("Moment 4: it has read “a”. It expects “b”")
        frame.locator("#step").click()
        assert frame.locator("#text").input_value() == "abcab"
        assert frame.locator("h1").inner_text() == run.info.run_name
        assert sweep(["--patterns", "abc", "--hidden-sizes", "4", "--epochs", "50,100", "--seeds", "1"]) == 0
        (parent,) = MlflowClient().search_runs(["0"], "tags.kind = 'sweep'")
        page.goto(f"{address}/{parent.data.tags['mlflow.note.content'].split('](')[1].split(')')[0]}")
        page.wait_for_selector("iframe[srcdoc], iframe[src*='blob']", timeout=60_000)
        frame.locator("#map-plot .bk-Plot").wait_for(timeout=60_000)
        assert frame.locator("h1").inner_text() == parent.info.run_name
        frame.locator("button[aria-label='Copy the id of the sweep']").click()
        frame.locator("#copied span").wait_for()
        assert frame.locator("#copied input").input_value() == parent.info.run_id
        assert frame.locator("#runs a").count() == 0, "a link could not lead out of the frame"
        page.close()
