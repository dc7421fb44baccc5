"""Where a person sees a run, or the runs of a sweep, in MLflow: addresses, and links for descriptions."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, urlencode

from analysis.runs.address import DEFAULT_STORE, database_path
from analysis.runs.schema import PAGE_FILE, PLOTS_FOLDER, SWEEP_PAGE_FILE, members_condition

MODEL_TRAINING = "workflowType=machine_learning"
"""The part of an address that opens MLflow's view for training; without it, a new store opens the one for GenAI."""


def how_to_look(store: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, after the command that serves it if no server does.

    Arguments:
        store: the tracking URI of the run's store, without its password and tokens.
        experiment_id: MLflow's id of the experiment.
        run_id: MLflow's id of the run.
    """
    return _page(store, f"#/experiments/{experiment_id}/runs/{run_id}?{MODEL_TRAINING}")


def how_to_compare(store: str, experiment_id: str, sweep_id: str) -> str:
    """Return the address of the list of a sweep's runs, as `how_to_look` returns that of a page."""
    return _page(store, _runs_of(experiment_id, sweep_id))


def runs_link(experiment_id: str, sweep_id: str) -> str:
    """Return a Markdown link to the list of a sweep's runs, for a description in the same store."""
    return f"[its runs]({_runs_of(experiment_id, sweep_id)})"


def sweep_page_link(experiment_id: str, sweep_id: str) -> str:
    """Return, in Markdown, how to open the page of a sweep, for its description."""
    page = f"#/experiments/{experiment_id}/runs/{sweep_id}/artifacts/{SWEEP_PAGE_FILE}?{MODEL_TRAINING}"
    return f"[**Look at the sweep**]({page}): curves, heat map and runs ({SWEEP_PAGE_FILE} among the artifacts)"


def run_address(store: str, experiment_id: str) -> tuple[str, str]:
    """Return what comes before and after a run's id in the address of its page; see `how_to_look`.

    Where no server serves the store, it is the address at which `mlflow ui` does.
    """
    before, after = _address(store, f"#/experiments/{experiment_id}/runs/RUN_ID?{MODEL_TRAINING}").split("RUN_ID")
    return before, after


def page_link(experiment_id: str, run_id: str) -> str:
    """Return, in Markdown, how to open the page of a run's net, for its description.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        run_id: MLflow's id of the run.
    """
    page = f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/{PAGE_FILE}?{MODEL_TRAINING}"
    return f"[**Play with the net**]({page}), which reads along as you type ({PAGE_FILE} among the artifacts)"


def picture_links(experiment_id: str, run_id: str, names: Iterable[str]) -> str:
    """Return Markdown links to pictures of a run, for its description.

    Arguments:
        experiment_id: MLflow's id of the experiment.
        run_id: MLflow's id of the run.
        names: the names of the pictures' files, without .png.
    """
    folder = f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/{PLOTS_FOLDER}"
    return ", ".join(f"[{name.replace('_', ' ')}]({folder}/{name}.png?{MODEL_TRAINING})" for name in names)


def _runs_of(experiment_id: str, sweep_id: str) -> str:
    """Return the part of the address after the server's, for the list of a sweep's runs without the sweep itself.

    MLflow lists a sweep above its runs only in the order of their start. So this list is in the order of eval_loss.
    """
    query = {"searchFilter": members_condition(sweep_id), "orderByKey": "metrics.`eval_loss`", "orderByAsc": "true"}
    return f"#/experiments/{experiment_id}/runs?{MODEL_TRAINING}&{urlencode(query, quote_via=quote)}"


def _page(store: str, page: str) -> str:
    """Return the address of a page of MLflow, after the command that serves the store if no server does."""
    command = how_to_serve(store)
    return f"{command}   then {_address(store, page)}" if command else _address(store, page)


def how_to_serve(store: str) -> str:
    """Return the command that serves a store, such as "mlflow ui"; empty if a server does."""
    if store.startswith("http"):
        return ""
    # The store of a folder is what `mlflow ui` shows by itself in that folder.
    here = database_path() == Path.cwd() / DEFAULT_STORE
    return "mlflow ui" if here else f"mlflow ui --backend-store-uri {shlex.quote(store)}"


def _address(store: str, page: str) -> str:
    """Return the address of a page of MLflow, at the server of a store or at that of `mlflow ui`."""
    return f"{store.rstrip('/') if store.startswith('http') else 'http://127.0.0.1:5000'}/{page}"
