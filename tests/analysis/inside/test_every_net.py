"""Every question is answered, or says why not, for every family and every cell."""

from pathlib import Path

import pytest

from analysis.dynamics import map_of_net
from analysis.inside import QUESTIONS, DoesNotApplyError, make_subject
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.cells import CELLS
from rnn_core.patterns import Pattern

SAMPLE = ("hmm", "reverse")
"""The families that the quick tests ask about: one without an automaton, and questions with answers."""

CELL_SAMPLE = ("slstm",)
"""The cell whose state is infinite at the start."""


def long_but(names: object, sample: tuple[str, ...]) -> list[object]:
    return [name if name in sample else pytest.param(name, marks=pytest.mark.long) for name in list(names)]  # type: ignore[call-overload]


def check_all(characters: int = 300, **fields: object) -> None:
    """Ask all questions about a small net; another seed's stands for the untrained one."""
    prepared, other = (
        prepare(TrainConfig(epochs=1, seed=seed, **fields))  # type: ignore[arg-type]
        for seed in (0, 1)
    )
    record = prepared.record
    maps = [map_of_net(each.build_net(), record.alphabet, record.outputs, record.mark) for each in (prepared, other)]
    subject = make_subject(prepared.pattern, maps[0], maps[1], characters)
    for question in QUESTIONS.values():
        try:
            found = question(subject)
        except DoesNotApplyError:  # any other error fails
            continue
        assert found.lines
        assert not any(" 1 points" in line or "nan" in line for line in found.lines), found.lines
        assert all(len(table) for table in found.tables.values())
        assert all(picture.png().startswith(b"\x89PNG") for picture in found.pictures.values())


@pytest.mark.parametrize("name", long_but(Pattern.families, SAMPLE))
def test_every_question_of_every_family(name: str, tmp_path: Path) -> None:
    family = Pattern.families[name]
    path = tmp_path / "tale.txt"
    path.write_text("".join(f"to be or not to be {number}\n" for number in range(20)))
    length = {} if family.needs_file else {"length": 60}
    check_all(pattern=family.example.replace("PATH", str(path)), cell="gru", hidden_size=3, **length)


@pytest.mark.parametrize("extra", [pytest.param("dyck:2:say=depth", marks=pytest.mark.long), "lines:PATH"])
def test_every_question_of_what_is_said_and_of_questions_in_a_file(extra: str, tmp_path: Path) -> None:
    path = tmp_path / "signs.txt"
    path.write_text("".join(f"{sign * count}\t{sign}\n" for sign in "ab" for count in range(1, 20)))
    check_all(pattern=extra.replace("PATH", str(path)), cell="gru", hidden_size=3)


@pytest.mark.parametrize("cell", long_but(CELLS, CELL_SAMPLE))
def test_every_question_of_every_cell(cell: str) -> None:
    check_all(pattern="anbn", length=60, cell=cell, hidden_size=3)


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS)
def test_every_question_of_every_cell_of_sixteen_units_in_two_layers_on_a_stream(cell: str) -> None:
    check_all(pattern="abc", cell=cell, hidden_size=16)
    check_all(pattern="abc", cell=cell, hidden_size=3, layers=2)
