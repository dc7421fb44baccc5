"""Runs a command that trains, and turns what ends it early into one line, an exit status and a recorded reason."""

from collections.abc import Callable, Mapping

from analysis.credentials import redact_error
from experiments.descriptions import first_line
from experiments.errors import TrackingError, UsageError
from experiments.flags import complain, with_flags
from experiments.opened_run import opened_run_id
from experiments.signals import Interrupted, Stop
from rnn_core.config import ConfigError


def run_command(work: Callable[[Stop, set[str]], int], flag_names: Mapping[str, str] | None = None) -> int:
    """Do the work of a command, and return the exit status.

    Where `mlflow run` has opened a run that the work did not take over, an early end ends that run with the reason.

    Arguments:
        work: a function that does the work and returns its exit status. It takes the signals that stop it, and an empty
            set, to which it adds the fields of TrainConfig that a recipe gave.
        flag_names: by field, the flag of each field whose flag has another name.

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
            message = with_flags(error, flag_names, from_recipes) if isinstance(error, ConfigError) else str(error)
            _end_opened_run(error, message)
            return complain(message, 2)
        except Interrupted as signal:  # before there was anything to keep
            _end_opened_run(signal, str(signal))
            return complain(str(signal), signal.exit_status)
        except Exception as error:
            stop.ignore()
            _end_opened_run(error, first_line(error))
            redact_error(error)
            raise


def _end_opened_run(error: BaseException, message: str) -> None:
    """End the run that `mlflow run` has opened for this process, if there is one, as ended by an error."""
    if opened_run_id():
        from experiments.tracking import end_run_from_environment  # takes seconds, which a wrong flag need not wait

        end_run_from_environment(error, message)
