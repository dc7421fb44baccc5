"""Where a person sees a run or the runs of a sweep in MLflow: addresses, and the command that serves them."""

from pathlib import Path
from urllib.parse import quote, urlencode

from analysis.runs.schema import find_members

MODEL_TRAINING = "workflowType=machine_learning"
"""What opens a page of MLflow in the view for training; without it, a new store opens in the one for GenAI."""


def how_to_look(store: str, experiment_id: str, run_id: str) -> str:
    """Return where a person sees a run of the store with that tracking URI: an address, or what serves it first."""
    return _page(store, f"#/experiments/{experiment_id}/runs/{run_id}?{MODEL_TRAINING}")


def how_to_compare(store: str, experiment_id: str, sweep_id: str) -> str:
    """Return where a person sees the runs of a sweep in one list, without the sweep itself.

    MLflow lists a sweep above its runs only in the order of their start. So this list is in the order of eval_loss.
    """
    query = {"searchFilter": find_members(sweep_id), "orderByKey": "metrics.`eval_loss`", "orderByAsc": "true"}
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
