"""The states of the nets of recorded runs over a text."""

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from analysis.dynamics.states import States, collect, free_running
from analysis.runs.loading import LoadedRun, load_run
from analysis.runs.store import RunError
from rnn_core.data import prepare


def trajectories(runs: pd.DataFrame, text: str | int, free: bool = False, trained: bool = True) -> list[States]:
    """Return what the states of each run's net do over a text: every layer's output, and all parts of its state.

    Arguments:
        runs: a table from `find_runs`.
        text: the characters to read from a zero state, or how many, 1 or more, of the beginning of each run's own
            test: all of it where it has no more; a unit goes on for ever.
        free: instead, let the net read its test's prime, and follow its states over as many characters as it then
            writes by itself, the likeliest one each time. That of a transducer writes nothing that it could read.
        trained: follow the trained nets; or else, to compare with, the untrained ones that their seeds begin with,
            which runs have that diverged, too.

    Returns:
        One for each row, in the table's order.

    Raises:
        RunError: a run recorded no net, and `trained` asks for it; or one whose net cannot run free was to.
        UnknownCharacterError: the text has a character that is not in a net's alphabet.
        ValueError: a net that runs free was given a text instead of a number, or a number is below 1.
    """
    if free and isinstance(text, str):
        raise ValueError(f"free running writes a number of characters, not {text!r}")
    if not isinstance(text, str) and text < 1:
        raise ValueError(f"trajectories over {text} characters; allowed: 1 or more")
    loaded = [_with_net(run_id) if trained else load_run(run_id) for run_id in runs["run_id"]]
    if free:
        _check_free(loaded)
    found = []
    for run in loaded:
        net = run.net if trained else run.untrained_net()
        if isinstance(text, str):
            found.append(collect(net, run.vocabulary, text, run.record.mark))
            continue
        prepared = prepare(run.config)
        if free:
            found.append(free_running(net, run.vocabulary, prepared.evaluation.prime, text, run.record.mark))
        else:
            read = prepared.pattern.start_of_test(prepared.evaluation, text)
            found.append(collect(net, run.vocabulary, read, run.record.mark))
    return found


def _check_free(runs: Sequence[LoadedRun]) -> None:
    """Raise RunError if a net says something else than what it could read next."""
    for run in runs:
        if not run.record.predicts_next:
            raise RunError(
                f"run {run.run_id} ({run.name}) cannot run free: what its net says after a character is not the next "
                "one; allowed: runs with predicts_next, or free=False"
            )


@lru_cache(maxsize=512)  # a notebook follows the same nets again and again, and a recorded net does not change
def _with_net(run_id: str) -> LoadedRun:
    run = load_run(run_id)
    run.net  # noqa: B018  (raises where there is none yet, and what raises is not kept)
    return run
