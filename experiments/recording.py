"""The end of a training: the net is measured, then recorded."""

import math
from collections.abc import Mapping

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
    status: str = "FINISHED",
    end_reason: str = "finished",
    flags: Mapping[str, str] | None = None,
) -> Report | None:
    """Measure a trained net and end its run with what it came to.

    A net whose losses are not finite is not recorded: the run then ends as diverged, whatever was asked.

    Arguments:
        run: the net's, which has every epoch.
        net: the net as it is now.
        prepared: what it was trained on.
        status: MLflow's FINISHED or KILLED.
        end_reason: how the training ended, in words.
        flags: by field what its flag is called, where that is not the field's own name.

    Returns:
        What the net came to; None where it diverged.

    Raises:
        TrackingError: the net could not be measured, or the store refused something; the message says where the run's
            files are kept.
    """
    weights = named_weights(net)
    try:
        report = measure(net, prepared)
    except Exception as error:
        raise run.abandon(error, weights) from error
    if not report.finite:
        run.finish("FAILED", f"diverged: {with_flags(DivergedError(None, math.nan), flags)}")
        return None
    run.finish(status, end_reason, report, weights)
    return report
