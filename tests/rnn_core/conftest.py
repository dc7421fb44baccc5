"""Short tests and tables, for what measures nets of every family."""

import pytest


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests and tables be short."""
    for name, value in {
        "shared.base.TEST_LENGTH": 300,
        "counting.FURTHEST": 30,
        "dyck.EACH": 1,
        "shared.answers.EACH": 3,
        "shared.answers.LENGTHS": 5,
        "flipflop.GAPS": (40,),
        "reber.MOST_LONGER": 15,
        "tomita.Tomita.classified": 6,
        "tomita.MOST_LONGER": 10,
    }.items():
        monkeypatch.setattr(f"rnn_core.patterns.{name}", value)
