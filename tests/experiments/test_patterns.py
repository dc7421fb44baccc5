"""The list of families, and one shown in full."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.patterns import main
from experiments.sweep import main as sweep
from experiments.train import main as train
from rnn_core.patterns import Pattern, parse
from rnn_core.vocabulary import visible
from tests.conftest import PROJECT


def test_every_family_is_listed_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    *lines, empty, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [family.example for family in Pattern.families.values()]
    assert len({len(re.match(r"\S+ +", line).group()) for line in lines}) == 1, "what it is stands in one column"
    for line, family in zip(lines, Pattern.families.values(), strict=True):
        if not family.needs_file:
            assert line.endswith(parse(family.example).description)
        assert line.endswith(".")
    assert empty == ""
    assert last.endswith(" python -m experiments.patterns PATTERN")


@pytest.mark.parametrize("family", [family for family in Pattern.families.values() if not family.needs_file])
def test_a_family_is_shown_with_sample_alphabet_floor_and_recipe(
    family: type[Pattern], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([family.example]) == 0
    pattern = parse(family.example)
    spec, *lines = capsys.readouterr().out.splitlines()
    rows = dict(re.findall(r"^  (\w[\w ]*?) {2,}(.*)$", "\n".join(lines), flags=re.MULTILINE))
    assert spec == pattern.spec
    assert set(rows["sample"]) <= set(visible(pattern.alphabet))
    assert rows["alphabet"] == f"{visible(pattern.alphabet)} ({len(pattern.alphabet)} characters)"
    assert re.match(r"\d\.\d{4} nats", rows["floor"])
    assert all(f"{name}={value}" in rows["recipe"] for name, value in pattern.recipe.items())


def test_one_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reber"]) == 0
    out = capsys.readouterr().out
    for words in ("Reber's grammar", ">>> Reber", "#BEPSTVX (8 characters)", "trained on 5 to", "--pattern 'reber'"):
        assert words in out
    assert main(["dyck:3:depth=2"]) == 0
    assert capsys.readouterr().out.startswith("dyck:3:depth=2\n")


def test_a_family_that_needs_an_argument_is_shown_by_its_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tomita"]) == 0
    assert capsys.readouterr().out.startswith("tomita:4\n")


@pytest.mark.parametrize(("asked", "words"), [("rebber", "did you mean reber?"), ("tomita:9", "tomita:1 to tomita:7")])
def test_what_is_not_known_is_refused(asked: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([asked]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err


def test_text_says_how_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "text:PATH, the path of a UTF-8 file" in err


def test_what_is_left_out_of_a_text_is_said_in_one_line(
    store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = tmp_path / "tale.txt"
    text.write_text("to be or not to be " * 3, encoding="utf-8-sig")
    said = "tale.txt begins with a byte order mark (U+FEFF), which is left out"
    assert main([f"text:{text}"]) == 0
    assert f"  note      {said}\n" in capsys.readouterr().out
    quick = ["--epochs", "1", "--hidden-size", "2", "--batch-size", "1", "--length", "20", "--cell", "rnn"]
    assert train(["--pattern", f"text:{text}", *quick]) == 0
    assert f"note             {said}\n" in capsys.readouterr().out
    assert sweep(["--patterns", f"text:{text}", "--seeds", "1", "--dry-run"]) == 0
    assert f"note: {said}\n" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [["reber"], []])
def test_a_reader_who_has_seen_enough_ends_it_quietly(asked: list[str]) -> None:
    read = f"{shlex.join([sys.executable, '-m', 'experiments.patterns', *asked])} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", read], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.count("\n"), done.stderr, done.returncode) == (1, "", 0)
