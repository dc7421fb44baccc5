"""The end of a training: the net is measured, then recorded."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from analysis.runs.schema import End
from experiments.flags import with_flags
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
) -> Report | None:
    """Measure a trained net and end its run with what it came to.

    A net whose losses are not finite is not recorded: the run then ends as diverged, whatever was asked.

    Arguments:
        run: the net's open run, in which every epoch has been logged.
        net: the net as it is now.
        prepared: what it was trained on.
        end: how the training ended, FINISHED or KILLED.
        why: what happened, in words; a run that finished needs none.
        flags: for fields of TrainConfig the names of their flags, where these differ.
        waiting: what is entered, with a few words that say what is done, while something is done that may take long.

    Returns:
        What the net came to; None where it diverged.

    Raises:
        TrackingError: the net could not be measured, or the store refused something; the message says where the run's
            files are kept.
    """
    weights = named_weights(net)
    try:
        with waiting("measuring the net on its test"):
            report = measure(net, prepared)
    except Exception as error:
        raise run.abandon(error, weights) from error
    if not report.finite:
        run.finish(End.DIVERGED, with_flags(DivergedError(None, math.nan), flags))
        return None
    with waiting("recording the run"):
        run.finish(end, why, report, weights)
    return report
