"""The states of the nets of recorded runs."""

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from analysis.dynamics.states import States, collect, free_running
from analysis.runs.loading import LoadedRun, load_run
from analysis.runs.store import RunError


def trajectories(runs: pd.DataFrame, text: str | int, free: bool = False, trained: bool = True) -> list[States]:
    """Return the states of each run's net over a text.

    Arguments:
        runs: a table from `find_runs`.
        text: the text to read from a zero state; or a number, 1 or more, for that many characters from the beginning of
            the run's own test. The test of a motif is continued as far as needed; another test may be shorter.
        free: whether the net writes by itself instead, the likeliest character each time, after it has read the prime
            of its test. Then `text` is the number of characters to write.
        trained: whether to use the trained nets; otherwise those before training, drawn from the runs' seeds, which
            exist for runs that diverged, too.

    Returns:
        The states for each row of the table, in its order.

    Raises:
        RunError: a run recorded no net, and `trained` is true; or a net cannot run free, and `free` is true; or `text`
            is a number, and the pattern of a run draws another test today.
        UnknownCharacterError: the text has a character that is not in a net's alphabet.
        ValueError: `free` is true and `text` is not a number, or the number is below 1.
    """
    if free and isinstance(text, str):
        raise ValueError(f"text is {text!r} with free=True; allowed: the number of characters to write")
    if not isinstance(text, str) and text < 1:
        raise ValueError(f"the number of characters is {text}; allowed: 1 or more")
    loaded_runs = [_load_run_with_net(run_id) if trained else load_run(run_id) for run_id in runs["run_id"]]
    if free:
        _check_can_run_free(loaded_runs)
    states = []
    for run in loaded_runs:
        net, mark = run.net if trained else run.untrained_net(), run.record.mark
        if isinstance(text, str):
            states.append(collect(net, run.vocabulary, text, mark))
            continue
        prepared = run.prepare()
        if free:
            states.append(free_running(net, run.vocabulary, prepared.evaluation.prime, text, mark))
        else:
            start_of_test = prepared.pattern.start_of_test(prepared.evaluation, text)
            states.append(collect(net, run.vocabulary, start_of_test, mark))
    return states


def _check_can_run_free(runs: Sequence[LoadedRun]) -> None:
    """Raise RunError if a net does not predict the next character."""
    for run in runs:
        if not run.record.predicts_next:
            raise RunError(
                f"run {run.run_id} ({run.name}) cannot run free, because its net does not predict the next character; "
                "allowed: runs with predicts_next, or free=False"
            )


@lru_cache(maxsize=512)  # notebooks use the same nets again and again, and a recorded net does not change
def _load_run_with_net(run_id: str) -> LoadedRun:
    """Return a run that recorded a net; raise RunError, whose call is not cached, if it did not."""
    run = load_run(run_id)
    run.net  # noqa: B018
    return run
