"""How a run is told: its name, its key numbers, its texts side by side, and the description of its page."""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from analysis.runs.schema import members_condition
from rnn_core.config import TrainConfig
from rnn_core.measures.report import Sample
from rnn_core.patterns.shared.ngrams import NAMES
from rnn_core.vocabulary import visible

MODEL_TRAINING = "workflowType=machine_learning"
"""What opens a page of MLflow in the view for training; without it, a new store opens in the one for GenAI."""


def run_name(config: TrainConfig, pattern: str, also: Sequence[str] = ()) -> str:
    """Return what a run is called: pattern, cell with its hidden size (and layers), epochs, `also` fields, seed.

    Arguments:
        config: the run's, resolved.
        pattern: the short name of the config's pattern; its first 60 characters are shown.
        also: further fields of the config that the name gives.
    """
    layers = f"x{config.layers}" if config.layers > 1 else ""
    further = "".join(f" {name}={getattr(config, name)}" for name in also)
    return f"{visible(pattern)[:60]} {config.cell}{config.hidden_size}{layers} e{config.epochs}{further} s{config.seed}"


def fields_in_words(fields: Mapping[str, Any]) -> str:
    """Return fields of a config with their values, such as "cell=gru epochs=20"."""
    return " ".join(f"{name}={value}" for name, value in fields.items())


def key_numbers(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the numbers that tell a run's result, as name and words."""
    loss = f"{metrics['eval_loss']:.4g} nats per character"
    if "floor_loss" in metrics:
        loss += f" (floor {metrics['floor_loss']:.4g})"
    numbers = [
        ("train loss", f"{metrics['final_train_loss']:.4g} nats per character"),
        ("eval loss", loss),
        ("eval accuracy", f"{metrics['eval_accuracy']:.1%}"),
    ]
    # Without an oracle only the text of the test counts as right, which a net that writes freely need not write.
    if "free_run_correct" in metrics and "floor_loss" in metrics:
        free = (
            f"{metrics['free_run_correct']:.0f} of {metrics['free_run_length']:.0f} characters before the first error"
        )
        numbers.append(("free running", free))
    if "whole_strings" in metrics:
        numbers.append(("whole strings", f"{metrics['whole_strings']:.1%} right within the trained range"))
    if "beyond_strings" in metrics:
        steps = f", {metrics['beyond_accuracy']:.1%} of their decidable steps" if "beyond_accuracy" in metrics else ""
        numbers.append(("beyond it", f"{metrics['beyond_strings']:.1%} of the strings right{steps}"))
    shares = [name for name in metrics if name.endswith(("_right", "_beyond")) and name != "longest_right"]
    numbers += [(name.replace("_", " "), f"{metrics[name]:.1%}") for name in shares]
    if "longest_right" in metrics:
        numbers.append(("all right", f"up to {metrics['longest_right']:.0f}"))
    if "false_accepts" in metrics:
        wrong = f"{metrics['false_accepts']:.0f} wrongly accepted, {metrics['false_rejects']:.0f} wrongly rejected"
        numbers.append(("all strings", wrong))
    if known := [name for name in NAMES if f"{name}_loss" in metrics]:
        numbers.append(("n-grams", ", ".join(f"{name} {metrics[f'{name}_loss']:.4g}" for name in known)))
    return numbers


def side_by_side(shown: Sample) -> list[tuple[str, str]]:
    """Return target, predicted and free-running text, one visible character each."""
    texts = [("target", shown.target), ("predicted", shown.predicted), ("goes on", shown.continuation)]
    return [(name, visible(text)) for name, text in texts if text]


def first_line(error: BaseException) -> str:
    """Return an error's type and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def how_to_look(store: str, experiment_id: str, run_id: str) -> str:
    """Return where a person sees a run of the store with that tracking URI: an address, or what serves it first."""
    return _page(store, f"#/experiments/{experiment_id}/runs/{run_id}?{MODEL_TRAINING}")


def how_to_compare(store: str, experiment_id: str, sweep_id: str) -> str:
    """Return where a person sees the runs of a sweep in one list, without the sweep itself.

    MLflow lists a sweep above its runs only in the order of their start. So this list is in the order of eval_loss.
    """
    query = {"searchFilter": members_condition(sweep_id), "orderByKey": "metrics.`eval_loss`", "orderByAsc": "true"}
    return _page(store, f"#/experiments/{experiment_id}/runs?{MODEL_TRAINING}&{urlencode(query, quote_via=quote)}")


def _page(store: str, page: str) -> str:
    """Return the address of a page of MLflow, after the command that serves the store if no server does."""
    if store.startswith("http"):
        return f"{store.rstrip('/')}/{page}"
    # The store of a folder is what `mlflow ui` shows by itself in that folder.
    serve = (
        "mlflow ui" if store == f"sqlite:///{Path.cwd() / 'mlflow.db'}" else f"mlflow ui --backend-store-uri {store}"
    )
    return f"{serve}   then http://127.0.0.1:5000/{page}"


def description(finished: bool, end_reason: str, metrics: Mapping[str, float], shown: Sample | None) -> str:
    """Return the Markdown of a run's page: how it ended if not well, the key numbers, and the predicted text.

    MLflow folds a description after a few lines, so these few say it all.
    """
    lines = [] if finished else [f"**{end_reason}**", ""]
    if metrics:
        lines += [", ".join(f"{name} **{value}**" for name, value in key_numbers(metrics)), ""]
    if shown:
        # Indented, so that no character of the text can end the block.
        lines += [f"    {name:<10} {text}" for name, text in side_by_side(shown)]
    return "\n".join(lines)


def model_description(name: str, run_id: str, example: str) -> str:
    """Return the Markdown that describes the logged model of a run: which run it is of, and an example call."""
    call = f"mlflow.pyfunc.load_model('runs:/{run_id}/model').predict([{example!r}], params={{'length': 30}})"
    return f"The net of run {visible(name)} ({run_id}).\n\n    {call}"


def fitting(lines: Sequence[str], room: int, rest: str) -> list[str]:
    """Return the lines that fit into so many characters, line ends included; if some do not, `rest` says how many.

    Arguments:
        lines: the lines.
        room: characters, at least as many as `rest` has.
        rest: the last line where some are left out, with {} for their number.
    """
    ends = list(accumulate(len(line) + 1 for line in lines))
    if not ends or ends[-1] <= room:
        return list(lines)
    kept = sum(end <= room - len(rest) - 10 for end in ends)  # the number has less than ten digits
    return [*lines[:kept], rest.format(len(lines) - kept)]


def escaped(text: str) -> str:
    """Return Markdown that shows a text as it is, in one line: a pattern may hold any character."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", visible(text))
