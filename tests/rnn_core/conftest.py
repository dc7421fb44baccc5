"""Short tests and tables, for what measures nets of every family."""

from pathlib import Path

import pytest

from rnn_core.nets import cells
from tests import streams

# A cell whose state is no vector, and whose output is no part of it: tests may load it by its name, `outer`.
cells.__path__.append(str(Path(__file__).with_name("odd_cells")))


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests and tables be short."""
    for name, value in {
        "shared.base.TEST_LENGTH": 300,
        "counting.MAX_TEST_COUNT": 30,
        "dyck.CASES_PER_SIZE": 1,
        "shuffle.CASES_PER_SIZE": 1,
        "shared.answers.CASES_PER_LENGTH": 3,
        "shared.answers.TEST_LENGTHS": 5,
        "flipflop.TEST_GAPS": (60,),
        "group.CASES_PER_LENGTH": 2,
        "copy.CASES_PER_DELAY": 1,
        "reber.LONGER_CASES": 15,
        "tomita.Tomita.max_classified_length": 6,
        "tomita.LONGER_CASES": 10,
    }.items():
        monkeypatch.setattr(f"rnn_core.patterns.{name}", value)
    monkeypatch.setattr(streams, "TEST_GAPS", (40,))


@pytest.fixture
def pulses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the family `pulses`: a stream of which only some characters are scored."""
    streams.offer(monkeypatch)


@pytest.fixture
def outer_cell(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a TrainConfig name the cell for tests, and return its name."""
    monkeypatch.setattr("rnn_core.config.CELLS", (*cells.CELLS, "outer"))
    return "outer"
