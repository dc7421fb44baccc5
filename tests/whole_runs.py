"""Compares a run that was cut off and went on with one that never stopped."""

from collections import Counter

import torch
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.runs import load_run


def history(run: Run) -> dict[tuple[str, int], float]:
    """Return every value that a run has recorded; each step of each metric must be there once."""
    client = MlflowClient()
    values = [metric for name in run.data.metrics for metric in client.get_metric_history(run.info.run_id, name)]
    counts = Counter((metric.key, metric.step) for metric in values)
    assert set(counts.values()) == {1}
    return {(metric.key, metric.step): metric.value for metric in values}


def check_equal(run_id: str, whole_id: str, cut_at: int | None = None) -> None:
    """Check that a run is the same as another, which never stopped; and what it measured when it was cut off.

    Arguments:
        run_id: the run that was cut off.
        whole_id: the other run.
        cut_at: the epoch at whose beginning it was measured; None if it was not.
    """
    client = MlflowClient()
    run, whole = client.get_run(run_id), client.get_run(whole_id)
    mine, theirs = load_run(run_id), load_run(whole_id)
    for name, weight in theirs.net.state_dict().items():
        assert torch.equal(mine.net.state_dict()[name], weight), name
    assert mine.curves.equals(theirs.curves)
    assert list(mine.curves) == list(theirs.curves)
    assert run.data.metrics == whole.data.metrics
    assert (run.info.status, run.data.tags["end_reason"]) == ("FINISHED", "finished")
    values, expected = history(run), history(whole)
    early = {key: value for key, value in values.items() if key not in expected}
    assert {step for _, step in early} == ({cut_at} if cut_at is not None else set())
    assert {key: value for key, value in values.items() if key in expected} == expected
    (model,) = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")
    assert model.status == "READY"
    assert sorted(files(run)) == sorted(files(whole))
    assert "interrupted" not in run.data.tags["mlflow.note.content"]


def files(run: Run) -> list[str]:
    client = MlflowClient()
    top = [entry.path for entry in client.list_artifacts(run.info.run_id) if not entry.path.startswith("git_resumed")]
    return top + [entry.path for entry in client.list_artifacts(run.info.run_id, "plots")]
