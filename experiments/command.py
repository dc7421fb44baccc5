"""Runs a command that trains, and turns what ends it early into one line, an exit status and a recorded reason."""

from collections.abc import Callable, Mapping

from analysis.runs.schema import End, format_end_reason
from experiments.descriptions import first_line
from experiments.flags import UsageError, complain, with_flags
from experiments.signals import Interrupted, Stop
from experiments.tracking import TrackingError, end_run_from_environment
from rnn_core.config import ConfigError


def run_command(work: Callable[[Stop, set[str]], int], names: Mapping[str, str] | None = None) -> int:
    """Do the work of a command, and return the exit status.

    Where `mlflow run` has opened a run that the work did not take over, an early end ends that run with the reason.

    Arguments:
        work: a function that does the work and returns its exit status. It takes the signals that stop it, and an empty
            set, to which it adds the fields of TrainConfig that a recipe gave.
        names: the name of the flag of each field that is not called like its flag.

    Returns:
        What `work` returned, 2 for bad input, or 130 or 143 for a signal.

    Raises:
        Exception: what `work` raised, if it is neither bad input nor a signal.
    """
    stop = Stop()
    from_recipes: set[str] = set()
    with stop.listening():
        try:
            return work(stop, from_recipes)
        except (UsageError, ConfigError, TrackingError) as error:
            stop.ignore()
            why = with_flags(error, names, from_recipes) if isinstance(error, ConfigError) else str(error)
            end_run_from_environment(End.FAILED.status, f"refused: {why}")
            return complain(why, 2)
        except Interrupted as signal:  # before there was anything to keep
            end_run_from_environment(End.KILLED.status, format_end_reason(End.KILLED, str(signal)))
            return complain(str(signal), signal.exit_status)
        except Exception as error:
            stop.ignore()
            end_run_from_environment(End.FAILED.status, format_end_reason(End.FAILED, first_line(error)))
            raise
