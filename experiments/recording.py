"""The end of a training: the net is measured, then recorded."""

from experiments.tracking import TrackedRun
from rnn_core.checkpoint import named_weights
from rnn_core.data import Prepared
from rnn_core.measures.report import Report, measure
from rnn_core.nets.charrnn import CharRNN

NOT_FINITE = "the trained net's losses are not finite; give a lower learning_rate"


def measure_and_record(
    run: TrackedRun, net: CharRNN, prepared: Prepared, status: str = "FINISHED", end_reason: str = "finished"
) -> Report | None:
    """Measure a trained net and end its run with what it came to.

    A net whose losses are not finite is not recorded: the run then ends as diverged, whatever was asked.

    Arguments:
        run: the net's, which has every epoch.
        net: the net as it is now.
        prepared: what it was trained on.
        status: MLflow's FINISHED or KILLED.
        end_reason: how the training ended, in words.

    Returns:
        What the net came to; None where it diverged.

    Raises:
        TrackingError: the net could not be measured, or the store refused something; the message says where the run's
            files are kept.
    """
    try:
        report = measure(net, prepared)
    except Exception as error:
        raise run.abandon(error, named_weights(net)) from error
    if not report.finite:
        run.finish("FAILED", f"diverged: {NOT_FINITE}")
        return None
    run.finish(status, end_reason, report, named_weights(net))
    return report
