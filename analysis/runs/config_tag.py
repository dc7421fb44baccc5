"""The tag that holds a run's resolved config, and the search for runs by its fields.

MLflow's search knows AND but no OR, and joins a table for each condition. So one tag holds all fields, and one
condition asks for a value of several fields at once. A run that is older than the tag, or whose config is too long for
one, lacks it; such runs are searched for apart, and whoever asks compares the configs themselves.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Run

from analysis.runs.schema import CONFIG_TAG, DIGEST_TAG, like_condition, no_tag_condition, tag_condition
from analysis.runs.store import search_runs
from rnn_core.config import ADDED, TrainConfig

MAX_LENGTH = 5000
"""The longest config, as text, that is recorded as a tag; some servers refuse a longer tag or cut it off."""

MAX_SEARCHES = 32
"""The most searches for one question. A search takes as long as the reading of about five runs."""

_OTHER_CHARACTERS = re.compile("[^A-Za-z0-9 .:;=+-]")
"""What a condition replaces by `_`, which stands for any one character: databases read some of them differently."""


def config_tag(config: TrainConfig) -> dict[str, str]:
    """Return, as name and value, the tag of a run with a resolved config; nothing if it would be too long.

    A field that was added to TrainConfig later is left out where it has the value that applied before it was added. So
    runs with that value are alike, whether they were recorded before or after.

    Example, where "..." stands for the other fields:
        {"resolved_config": '{ batch_size=1; cell="rnn"; ... pattern="abc"; seed=42; threads=1; window=14; }'}
    """
    fields = {name: value for name, value in vars(config).items() if name not in ADDED or value != ADDED[name]}
    text = f"{{ {' '.join(_items(fields))} }}"
    return {CONFIG_TAG: text} if len(text) <= MAX_LENGTH else {}


def search_by_config(
    query: Mapping[str, Sequence[Any]], condition: str = "", experiments: list[str] | None = None
) -> list[Run]:
    """Return the runs whose config may match a query, the newest first: all that match, and some that do not.

    Only if no field of the query can be searched for, or if all have many values, every run is returned.

    Arguments:
        query: the values asked for, by field, as a resolved config has them.
        condition: a further condition of MLflow's search; empty for none.
        experiments: the ids of the experiments to search; None for all that are not deleted.

    Raises:
        RunError: there is no store, or it cannot be read.
    """
    conditions = _conditions(query)
    if conditions is None:
        conditions = [tag_condition(DIGEST_TAG)]
    else:
        conditions.append(f"{no_tag_condition(CONFIG_TAG)} AND {tag_condition(DIGEST_TAG)}")
    return search_any(conditions, condition, experiments)


def search_any(conditions: Sequence[str], condition: str, experiments: list[str] | None = None) -> list[Run]:
    """Return the runs with a config digest that meet one of several conditions, each run once, the newest first.

    Arguments:
        conditions: conditions of MLflow's search, each of which is a search of its own.
        condition: what all runs must meet as well; empty for nothing.
        experiments: the ids of the experiments to search; None for all that are not deleted.
    """
    found: dict[str, Run] = {}
    for each in conditions:
        found |= {
            run.info.run_id: run for run in search_runs(f"{each} AND {condition}".removesuffix(" AND "), experiments)
        }
    ours = [
        run for run in found.values() if DIGEST_TAG in run.data.tags
    ]  # a tag of the same name may be somebody else's
    return sorted(ours, key=lambda run: -run.info.start_time)


def _items(fields: Mapping[str, Any]) -> list[str]:
    """Return the text of each field, in the order of their names, so that fields added later change no order."""
    return [f"{name}={json.dumps(fields[name])};" for name in sorted(fields)]


def _conditions(query: Mapping[str, Sequence[Any]]) -> list[str] | None:
    """Return conditions, at most MAX_SEARCHES, of which each tagged run that matches a query meets one.

    Fields are left out if one of their values is not in the tag, or if their values would need too many searches.

    Returns:
        The conditions; None if no field is left.
    """
    combinations: list[dict[str, str]] = [{}]
    for field, values in sorted(query.items(), key=lambda item: len(item[1])):
        if field in ADDED and ADDED[field] in values:
            continue
        exact = list(
            dict.fromkeys(_OTHER_CHARACTERS.sub("_", item) for value in values for item in _items({field: value}))
        )
        for texts in (exact, _shapes(exact)):
            if len(combinations) * len(texts) <= MAX_SEARCHES:
                combinations = [{**others, field: text} for others in combinations for text in texts]
                break
    if combinations == [{}]:
        return None
    wanted = [[texts[field] for field in sorted(texts)] for texts in combinations]
    # No tag is so long; and SQLite refuses to look for what is much longer.
    wanted = [texts for texts in wanted if len("".join(texts)) <= MAX_LENGTH]
    return [like_condition(CONFIG_TAG, "".join(f"% {text}" for text in texts) + "%") for texts in wanted]


def _shapes(texts: Sequence[str]) -> list[str]:
    """Return patterns for LIKE of which each text matches one: for each length, what its texts have in common.

    Example:
        >>> _shapes(["seed=98;", "seed=99;", "seed=100;", "seed=101;"])
        ['seed=9_;', 'seed=10_;']
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for text in texts:
        by_length[len(text)].append(text)
    return ["".join(map(_shared_character, zip(*alike, strict=True))) for alike in by_length.values()]


def _shared_character(characters: tuple[str, ...]) -> str:
    """Return the character that all of these are; `_`, which stands for any in LIKE, if they differ."""
    return characters[0] if len(set(characters)) == 1 else "_"
