"""The picture of what the nets of several runs predict."""

from collections.abc import Sequence

import pandas as pd

from analysis import figures
from analysis.figures import Picture
from analysis.pictures.labels import run_label
from analysis.runs import drop_diverged, load_run
from rnn_core.nets.reading import predict


def predictions(runs: pd.DataFrame, by: str | Sequence[str], begin: int | None = None, count: int = 32) -> Picture:
    """Draw a section of the test of runs on one pattern, and below it the predictions of each run.

    For a transducer, the section consists of the outputs that are right after each character that is read. Runs that
    diverged have no net; they are left out with a warning.

    Arguments:
        runs: a table from `find_runs`; all runs must have the same pattern, length and data_seed.
        by: the fields that label the rows.
        begin: the position of the first character to draw, from 0. It is moved into the range in which the test has
            predictions for `count` characters; the first character of a test has a prediction only for a transducer.
            None means that the training range ends in the middle.
        count: the number of characters to draw, 1 to 40.

    Raises:
        RunError: all runs diverged, or their pattern draws another test today.
        ValueError: the runs are tested on different texts, or the count is out of range.
    """
    shown = drop_diverged(runs)
    if len(shown[["pattern", "length", "data_seed"]].drop_duplicates()) != 1:
        raise ValueError("these runs are tested on different texts; allowed: one pattern, length and data_seed")
    if count < 1:
        raise ValueError(f"{count} characters; allowed: 1 or more")
    prepared = load_run(shown["run_id"].iloc[0]).prepare()
    test = prepared.evaluation
    first_target = len(test.text) - len(prepared.data.test)  # its position in the test
    begin = test.start - count // 2 if begin is None else begin
    begin = max(first_target, min(begin, len(test.text) - count))
    inputs, targets = prepared.pattern.inputs_and_targets(test.text[: begin + count])
    rows = []
    for run in shown.to_dict("records"):
        loaded = load_run(run["run_id"])
        likeliest = predict(loaded.net, loaded.vocabulary.encode(inputs), loaded.record.mark_index)
        predicted = loaded.outputs.decode(likeliest)[begin - first_target :]
        rows.append(figures.PredictionRow(run_label(run, by), predicted))
    pattern, section = shown["pattern"].iloc[0], f"characters {begin} to {first_target + len(targets) - 1} of the test"
    title = f"{pattern}: {section}, and what each run predicts"
    if not prepared.pattern.predicts_next:
        title = f"{pattern}: what is to be said after {section}, and what each run says"
    return figures.prediction_rows(title, targets[begin - first_target :], rows, test.start - begin, begin)
