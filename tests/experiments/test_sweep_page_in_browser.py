"""The page of a sweep in a real Chromium: its numbers beside those of `analysis.compare`, and what a person does."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import compare
from experiments.summary import Summary, SweptRun
from experiments.sweep_page.page import sweep_page
from tests.browsers import browsing, needs_chromium
from tests.swept import made_up, state_of

pytestmark = [pytest.mark.slow, needs_chromium]

HTML = "<img src=x onerror=hit()>"
"""A pattern that a page must show and not read."""

GRID = {"patterns": f"abc,{HTML}", "cells": "rnn,gru", "epochs": "40", "seeds": "9"}


class Shown:
    """A page that is open, and what it shows."""

    def __init__(self, browser: Any, folder: Path, summary: Summary, rows: list[SweptRun], **look: Any) -> None:
        path = folder / "sweep.html"
        path.write_text(
            sweep_page(summary, summary.lines(), rows, state_of(summary, look.pop("end", "finished"))), encoding="utf-8"
        )
        self.page = browser.new_page(**look)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.path = path

    def check(self, box: str, group: str = "") -> None:
        """Press the space bar on a checkbox with a label."""
        where = self.page.locator(group or "body").get_by_label(box, exact=True)
        where.focus()
        self.page.keyboard.press("Space")

    def curves(self) -> list[dict[str, Any]]:
        return self.page.evaluate("now.curves")

    def map(self) -> list[list[str]]:
        return self.page.evaluate(
            "[...document.querySelectorAll('#map-table tr')].map(row => [...row.cells].map(cell => cell.textContent))"
        )

    def close(self) -> None:
        assert self.complaints == []
        assert self.asked == [self.path.as_uri()], "it asks for nothing else"
        self.page.close()


def check_curves(shown: Shown, table: pd.DataFrame, rows: list[SweptRun], by: list[str]) -> None:
    """Compare the curves of a page, by group and epoch, with those that `analysis.compare` makes of some runs."""
    parts = [
        pd.DataFrame(
            {"run_id": row.outcome.run_id, "metric": "train_loss", "epoch": row.outcome.epoch_e}
            | {"value": row.outcome.curves["train_loss"].astype(float)}
        )
        for row in rows
        if row.outcome.curves
    ]
    table = table[table["run_id"] != ""]
    expected = compare.curves_over_seeds(table, pd.concat(parts, ignore_index=True), by)
    groups = list(expected.groupby(by, sort=False))
    assert len(groups) == len(shown.curves()) > 0
    for curve, (_, group) in zip(shown.curves(), groups, strict=True):
        points = curve["points"]
        assert [point["epoch"] for point in points] == group["epoch"].tolist()
        assert [point["n"] for point in points] == group["n"].tolist()
        ends = [point["interval"] or [math.nan, math.nan] for point in points]
        found = np.column_stack([[point["median"] for point in points], np.array(ends)])
        np.testing.assert_allclose(found, group[["value", "low", "high"]].to_numpy(), rtol=1e-6)


def test_a_person_groups_filters_reads_and_copies(tmp_path: Path) -> None:
    summary, rows = made_up(**GRID)
    table = summary.runs
    with browsing() as browser:
        shown = Shown(browser, tmp_path, summary, rows, viewport={"width": 1000, "height": 900})
        page = shown.page
        assert page.title() == page.inner_text("#title") == summary.grid.title()
        assert page.inner_text("#lead") == "36 runs: 28 finished, 4 diverged, 4 failed"
        assert not page.locator("#state").is_visible()
        check_curves(shown, table, rows, ["pattern", "cell"])
        assert {point["n"] for point in shown.curves()[0]["points"]} == {7, 8}, "one of the runs diverges on its way"

        page.wait_for_selector("#curves-plot .bk-Plot")  # the values under the pointer
        page.evaluate("element('curves-plot').scrollIntoView()")
        box = page.locator("#curves-plot").bounding_box()
        tooltip = page.locator(".bk-tooltip-row-value")
        for y in range(10, 360, 8):
            page.mouse.move(box["x"] + 300, box["y"] + y)
            page.wait_for_timeout(20)
            if tooltip.count():
                break
        setting, epoch, median, interval, count = tooltip.all_inner_texts()[
            :5
        ]  # of the first of the lines that are near
        (curve,) = (each for each in shown.curves() if each["name"] == setting)
        (point,) = (each for each in curve["points"] if str(each["epoch"]) == epoch)
        assert median == page.evaluate("short", point["median"])
        assert interval == " to ".join(page.evaluate("ends => ends.map(short)", point["interval"]))
        assert count == str(point["n"])

        page.focus("#epoch")  # the same by keyboard
        page.keyboard.press("Home")
        first = page.locator("#legend tr").nth(1).locator("td").all_inner_texts()
        assert first[0] == "abc, rnn"
        assert first[1] == page.evaluate("short", shown.curves()[0]["points"][0]["median"])
        assert first[3:] == ["8", "0"]

        for seed in ("1", "4", "8"):
            shown.check(seed, "fieldset:has(legend:text('seed'))")
        assert page.inner_text("#count") == "24 of 36 runs shown, of 4 settings"
        kept = table[~table["seed"].isin([1, 4, 8])]
        check_curves(shown, kept, rows, ["pattern", "cell"])
        shown.check("seed", "#by")
        check_curves(shown, kept, rows, ["pattern", "cell", "seed"])
        assert "Single seeds have no band." in page.inner_text("#curves-note")
        shown.check("seed", "#by")
        shown.check("cell", "#by")
        with pytest.raises(compare.MixedError):
            check_curves(shown, kept, rows, ["pattern"])
        assert all(point["interval"] is None for curve in shown.curves() for point in curve["points"])
        assert "no band where its runs differ in cell" in page.inner_text("#curves-note")
        assert "none: its runs differ in cell" in page.inner_text("#legend")
        shown.check("gru", "#filters")  # and one cell alone is one setting again
        check_curves(shown, kept[kept["cell"] == "rnn"], rows, ["pattern"])
        page.click("#everything")
        assert page.inner_text("#count") == "36 of 36 runs shown, of 4 settings"

        page.select_option("#rows", label="pattern")  # the heat map
        page.select_option("#columns", label="cell")
        medians = compare.over_seeds(table, "excess_loss", ["pattern", "cell"])
        texts = [f"{page.evaluate('short', value)} (n=7)" for value in medians["value"]]
        assert shown.map() == [["pattern \\ cell", "rnn", "gru"], ["abc", *texts[:2]], [cut(HTML), *texts[2:]]]
        page.select_option("#number", label="solved (share of runs)")
        shares = compare.solved_share(table, ["pattern", "cell"])
        texts = [
            f"{page.evaluate('short', value)} (n={n})" for value, n in zip(shares["value"], shares["n"], strict=True)
        ]
        assert [row[1:] for row in shown.map()[1:]] == [texts[:2], texts[2:]]
        page.select_option("#columns", label="none")
        assert "Some cells are of several kinds of runs: its runs differ in cell" in page.inner_text("#map-note")

        page.click("#runs th button:text-is('excess loss')")  # the table
        losses = [row[-3] for row in rows_of(page)]
        best = table.nsmallest(5, "excess_loss")
        assert losses[:5] == [page.evaluate("short", value) for value in best["excess_loss"]]
        page.keyboard.press("Enter")
        worst = table["excess_loss"].max()
        assert rows_of(page)[0][-3] == page.evaluate("short", worst), "the other way round"
        assert page.get_attribute("#runs th:has(button:text('excess loss'))", "aria-sort") == "descending"
        assert sorted(row[3] for row in rows_of(page) if row[3]) == sorted(
            f"{end}: a reason for {pattern}"
            for end in ("diverged", "failed")
            for pattern in ("abc", HTML)
            for _ in "ab"
        )
        link = page.get_attribute("#runs tr:nth-child(2) a, #runs tr:nth-child(3) a", "href")
        assert link.startswith("http://127.0.0.1:5000/#/experiments/0/runs/0000")
        page.locator("#runs button:text('copy')").nth(1).click()
        page.wait_for_selector("#copied:has-text('opied the id of')")
        assert page.locator("img").count() == 0, "a pattern is text in every place"
        assert HTML in page.inner_text("#runs")
        shown.close()

        # The frame of MLflow's page: no address of its own, no clipboard, no way out.
        outside = browser.new_page()
        outside.set_content("<iframe sandbox='allow-scripts' width=602 height=900></iframe>")
        outside.evaluate("html => document.querySelector('iframe').srcdoc = html", shown.path.read_text())
        frame = outside.frame_locator("iframe")
        frame.locator("#copy-ids").click()
        copied = frame.locator("#copied textarea")
        ids = [run_id for run_id in table["run_id"] if run_id]
        assert copied.input_value().split("\n") == ids
        assert (
            copied.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)").split("\n") == ids
        )
        assert frame.locator("#runs a").count() == 0
        outside.close()


def cut(text: str) -> str:
    """Return a text as a side of the heat map has room for it."""
    return text if len(text) <= 24 else f"{text[:23]}…"


def rows_of(page: Any) -> list[list[str]]:
    """Return the texts in the table of runs."""
    return page.evaluate(
        "[...document.querySelectorAll('#runs tr')].slice(1).map(row => [...row.cells].map(cell => cell.textContent))"
    )


@pytest.mark.parametrize("said", [{"seeds": "1"}, {"seeds": "3"}, {**GRID, "seeds": "2"}], ids=["one", "seeds", "grid"])
def test_it_fits_and_can_be_told_without_looking(said: dict[str, str], tmp_path: Path) -> None:
    summary, rows = made_up(**{"epochs": "5", **said})
    with browsing() as browser:
        for width, scheme in ((1440, "light"), (800, "dark"), (602, "light")):
            look = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
            shown = Shown(browser, tmp_path, summary, rows, end="", **look)
            page = shown.page
            page.wait_for_selector("#map-plot .bk-Plot")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
            unnamed = page.evaluate(
                """Array.from(document.querySelectorAll('button, input, select, .plot'))
                .filter(each => !(each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim()))
                .map(each => each.outerHTML)"""
            )
            assert unnamed == []
            assert page.inner_text("#state").startswith("Still at work as of 2026-01-31 12:30 UTC: ")
            shown.close()
