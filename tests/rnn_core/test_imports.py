"""What is imported where little is asked for: no pattern to read or serve a net, no compiler of torch to train one."""

import subprocess
import sys


def imported_after(*parts: str) -> list[set[str]]:
    """Return the modules of this project and of torch that a program has imported after each of its parts."""
    listed = "\nimport sys; print(*(name for name in sys.modules if name.split('.')[0] in ('rnn_core', 'torch')))\n"
    code = "".join(part + listed for part in parts)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


READS_AND_SERVES = """
import rnn_core.config, rnn_core.record, rnn_core.checkpoint, rnn_core.nets.charrnn, rnn_core.nets.reading
import experiments.predictor
from rnn_core.checkpoint import parse_record, record_text
from rnn_core.config import TrainConfig
from rnn_core.record import Record
parse_record(record_text(Record(TrainConfig(pattern='dyck:2'), 'ab', '')).encode(), 'here').build_net()
"""

TRAINS = """
from rnn_core.data import prepare
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import parameter_count
from rnn_core.training import train
for cell in CELLS:
    for encoding in ('index', 'onehot', 'embedding'):
        parameter_count(2, 4, cell, 1, encoding)
    for _ in train(prepare(TrainConfig(pattern='ab', cell=cell, hidden_size=4, epochs=1))):
        pass
"""


def test_reading_and_serving_a_net_imports_no_pattern_and_training_no_compiler_of_torch() -> None:
    found, more, most = imported_after(READS_AND_SERVES, "from rnn_core.patterns import parse; parse('abc')", TRAINS)
    assert "rnn_core.nets.reading" in found
    assert not [name for name in found if name.startswith("rnn_core.patterns")]
    assert "rnn_core.patterns.dyck" in more
    assert "rnn_core.training.loop" in most
    assert "torch._dynamo" not in most
