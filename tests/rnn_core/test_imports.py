"""What is imported where little is asked for: whoever reads or serves a net needs no pattern."""

import subprocess
import sys


def imported_by(code: str) -> set[str]:
    """Return the modules of this project that a program has imported at its end."""
    code += "\nimport sys; print(*(name for name in sys.modules if name.split('.')[0] == 'rnn_core'))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


READS_AND_SERVES = """
import rnn_core.config, rnn_core.record, rnn_core.checkpoint, rnn_core.nets.charrnn, rnn_core.nets.reading
import experiments.predictor
from rnn_core.checkpoint import read_record, record_text
from rnn_core.config import TrainConfig
from rnn_core.record import Record
read_record(record_text(Record(TrainConfig(pattern='dyck:2'), 'ab', '')).encode(), 'here').build_net()
"""


def test_reading_and_serving_a_net_imports_no_pattern() -> None:
    found = imported_by(READS_AND_SERVES)
    assert "rnn_core.nets.reading" in found
    assert not [name for name in found if name.startswith("rnn_core.patterns")]


def test_a_family_is_imported_where_one_is_asked_for() -> None:
    assert "rnn_core.patterns.dyck" in imported_by("from rnn_core.patterns import parse; parse('abc')")
