"""Values of a field that are chosen on some seeds, for a comparison on the others."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from analysis.compare.settings import check_columns, column_list


def chosen(
    runs: pd.DataFrame, field: str, by: str | Sequence[str], seeds: Collection[int], metric: str = "train_loss"
) -> pd.DataFrame:
    """Return the runs of each setting that have its best value of a field, without the seeds on which it was chosen.

    So no number that is shown afterwards has taken part in the choice.

    Arguments:
        runs: one row per run, with all seeds.
        field: the field whose value is chosen, such as `learning_rate`.
        by: the columns that distinguish the settings in each of which a value is chosen.
        seeds: the seeds on which it is chosen: one or more.
        metric: a numeric column of which the lowest median over these seeds is best; a run without it counts as
            infinite. Of equal values, the first in the table is chosen.

    Raises:
        ValueError: an unknown column, or a setting without runs of these seeds, or with no others.
    """
    names = column_list(by)
    check_columns(runs, [field, metric, "seed", *names])
    kept = []
    for key, runs_of_setting in runs.groupby(names, sort=False, observed=True):
        sets_value = runs_of_setting["seed"].isin(seeds)
        if sets_value.all() or not sets_value.any():
            raise ValueError(
                f"{', '.join(map(str, key))} has {sets_value.sum()} of its {len(sets_value)} runs with the seeds "
                f"{', '.join(map(str, seeds))}; allowed: some with these seeds, and some with others"
            )
        values = runs_of_setting[sets_value]
        medians = values[metric].fillna(np.inf).groupby(values[field], sort=False).median()
        kept.append(runs_of_setting[~sets_value & (runs_of_setting[field] == medians.idxmin())])
    return pd.concat(kept, ignore_index=True)
