"""Pictures of what the nets of several runs predict."""

from collections.abc import Sequence

import pandas as pd

from analysis import compare, figures
from analysis.compare.settings import field_names
from analysis.figures import Picture
from analysis.runs import drop_diverged, load_run
from rnn_core.data import prepare
from rnn_core.nets.reading import predict


def predictions(runs: pd.DataFrame, by: str | Sequence[str], begin: int | None = None, count: int = 32) -> Picture:
    """Draw a stretch of the test of runs on one pattern, and what each run predicts there, a row each.

    Of a transducer, it is what is to be said after each of these characters, and what each run says there.

    Runs that diverged have no net, and are left out with a warning.

    Arguments:
        runs: a table from `find_runs`; all must have the same pattern, length and data_seed.
        by: the fields that label the rows.
        begin: which character is the first to draw; that of the test is 0, and has no prediction. It is moved to 1, or
            to where `count` are left, where the test has none. None: so that training ends in the middle. After the
            first character a transducer says something: 0 stays 0 there.
        count: characters to draw, 1 to 40.

    Raises:
        RunError: all runs diverged.
        ValueError: the runs are tested on different texts, or the count is out of range.
    """
    shown = drop_diverged(runs)
    if len(shown[["pattern", "length", "data_seed"]].drop_duplicates()) != 1:
        raise ValueError("these runs are tested on different texts; allowed: one pattern, length and data_seed")
    if count < 1:
        raise ValueError(f"{count} characters; allowed: 1 or more")
    prepared = prepare(load_run(shown["run_id"].iloc[0]).config)
    test = prepared.evaluation
    first = len(test.text) - len(prepared.data.test)  # the character of the test that is said first
    begin = test.start - count // 2 if begin is None else begin
    begin = max(first, min(begin, len(test.text) - count))
    read, said = prepared.pattern.inputs_and_targets(test.text[: begin + count])
    rows = []
    for run in shown.to_dict("records"):
        loaded = load_run(run["run_id"])
        likeliest = predict(loaded.net, loaded.vocabulary.encode(read), loaded.record.mark_index)
        label = compare.setting_label({name: run[name] for name in field_names(by)})
        rows.append(figures.Strip(label, loaded.outputs.decode(likeliest)[begin - first :]))
    pattern, where = shown["pattern"].iloc[0], f"characters {begin} to {first + len(said) - 1} of the test"
    title = f"{pattern}: {where}, and what each run predicts"
    if not prepared.pattern.predicts_next:
        title = f"{pattern}: what is to be said after {where}, and what each run says"
    return figures.strips(title, said[begin - first :], rows, test.start - begin, begin)
