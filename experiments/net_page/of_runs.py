"""The page of recorded runs, with what was found inside them."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from analysis.dynamics.net_map import NetMap, map_of_net
from analysis.inside import QUESTIONS
from analysis.runs import RunError
from analysis.runs.loading import LoadedRun
from experiments.errors import UsageError
from experiments.net_page.of_training import first_text, main_numbers
from experiments.net_page.page import net_page
from experiments.net_page.told import Found, PageNet
from rnn_core.config import ConfigError
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.step_graph import flat_state, graph_of_net
from rnn_core.nets.tracing import UnknownOperationError


def page_of_runs(runs: Sequence[LoadedRun]) -> str:
    """Return the page of recorded runs of one pattern, in HTML; of several, the page has a slider.

    Their order is that of the fields in which they differ, the seed last.

    Raises:
        UsageError: a run recorded no net, or the runs have different patterns.
        RunError: what was found inside a run cannot be read.
    """
    spec = runs[0].config.pattern
    for run in runs:
        if run.config.pattern != spec or run.record.alphabet != runs[0].record.alphabet:
            raise UsageError(
                f"run {run.run_id} ({run.name}) has the pattern {run.config.pattern}, and {runs[0].run_id} has {spec}; "
                "allowed: runs of one pattern"
            )
    values = [{name: vars(run.config)[name] for name in _differing(runs)} for run in runs]
    order = sorted(range(len(runs)), key=lambda number: tuple(values[number].values()))
    shown = []
    for run, differing in ((runs[number], values[number]) for number in order):
        label = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in differing.items())
        try:
            shown.append(PageNet(run.name, label, run.record, run.net, main_numbers(run.metrics), _found(run)))
        except RunError as error:
            raise UsageError(str(error)) from None
    try:
        prepared = runs[0].prepare()
    except (ConfigError, RunError):  # such as a text that is gone; the net itself needs none
        return net_page(shown, None, runs[0].record.mark or runs[0].record.alphabet[0])
    return net_page(shown, prepared.pattern, first_text(prepared))


def _differing(runs: Sequence[LoadedRun]) -> list[str]:
    """Return the fields in which the configs of runs differ, the seed last."""
    names = [name for name in vars(runs[0].config) if len({vars(run.config)[name] for run in runs}) > 1]
    return sorted(names, key=lambda name: name == "seed")


def _found(run: LoadedRun) -> Found:
    """Return what `python -m experiments.inspect` has recorded in a run, as far as a page shows it."""
    files = run.inside()
    lines = {name: files[f"{name}.txt"].splitlines() for name in QUESTIONS if f"{name}.txt" in files}
    found: dict[str, Any] = {}
    if "automaton.csv" in files:
        table = _table(files["automaton.csv"])
        moves = [name for name in table.columns if name.startswith("after ")]
        found["automaton"] = [
            (said, [int(next_state) for next_state in row])
            for said, row in zip(table["output"], table[moves].to_numpy(), strict=True)
        ]
        found["inputs"] = "".join(name.removeprefix("after ") for name in moves)
    if {"cycle.csv", "rest_points.csv"} & files.keys():
        record = run.record
        net_map = map_of_net(run.net, record.alphabet, record.outputs, record.mark)
        if "cycle.csv" in files:
            table = _table(files["cycle.csv"])
            found["cycle"] = "".join(table["character"]), _flat_states(run.net, net_map, table)
        if "rest_points.csv" in files:
            table = _table(files["rest_points.csv"])
            table = table[table["net"] == "trained"]
            found["rests"] = {
                held: _flat_states(run.net, net_map, table[table["character"] == held])
                for held in table["character"].unique()
            }
    return Found(lines, **found)


def _table(text: str) -> pd.DataFrame:
    """Return a recorded table, all of whose values are texts."""
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def _flat_states(net: CharRNN, net_map: NetMap, table: pd.DataFrame) -> np.ndarray:
    """Return the states of a table's rows as the graph of the net holds them, (P, K); none if it cannot have a graph.

    Arguments:
        net: the net.
        net_map: the same net as a map, whose numbers the table has.
        table: a row for each state, with the columns `net_map.number_names`.
    """
    try:
        graph = graph_of_net(net)
    except UnknownOperationError:
        return np.zeros((0, 0))
    numbers_pk = table[net_map.number_names].to_numpy(dtype=np.float64)
    parts = [torch.from_numpy(net_map.part(numbers_pk, name)) for name in net_map.names]
    count = len(parts) // net.layers
    expanded = [part for layer in range(net.layers) for part in net.cell.expand(tuple(parts[layer * count :][:count]))]
    return np.array([flat_state(graph, tuple(part[row] for part in expanded)).numpy() for row in range(len(table))])
