"""Measures a trained net and records the result in its MLflow run."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np

from analysis.runs.schema import End
from experiments.flags import with_flags
from experiments.net_page.of_training import page_of_training
from experiments.tracking import TrackedRun
from rnn_core.checkpoint import named_weights
from rnn_core.data import Prepared
from rnn_core.measures.report import Report, measure
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import DivergedError


def measure_and_record(
    run: TrackedRun,
    net: CharRNN,
    prepared: Prepared,
    end: End = End.FINISHED,
    why: str = "",
    flags: Mapping[str, str] | None = None,
    waiting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    training_state: Path | None = None,
) -> Report | None:
    """Measure a trained net, record the report and the weights, and end the run.

    If a loss or a weight of the net is not finite, the run ends as DIVERGED, whatever `end` is, and the net is not
    recorded.

    Arguments:
        run: the open run of the net; all its epochs are logged.
        net: the trained net.
        prepared: the data that it was trained on.
        end: how the training ended: FINISHED or KILLED.
        why: the reason, if it was KILLED; otherwise empty.
        flags: for error messages, the flag of each field of TrainConfig that is not called like its flag.
        waiting: a context manager that shows what is being done; it is given a few words.
        training_state: a file with the last state of the training that the run keeps; None for none.

    Returns:
        The report of the net; None if the run diverged.

    Raises:
        TrackingError: the net could not be measured, or the store could not be written. The message says in which
            folder the files of the run are kept.
    """
    weights = named_weights(net)
    try:
        with waiting("measuring the net on its test"):
            report = measure(net, prepared)
    except Exception as error:
        raise run.abandon(error, weights) from error
    if not report.finite or not all(np.isfinite(weight).all() for weight in weights.values()):
        run.finish(End.DIVERGED, with_flags(DivergedError(None, math.nan), flags))
        return None
    with waiting("recording the run"):
        page = page_of_training(run.name, net, prepared, report)
        run.finish(end, why, report, weights, training_state, page)
    return report
