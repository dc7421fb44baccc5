"""What a record's status and tags say: how its run ended, by reading and by searching, and what a sweep is."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient

from analysis.runs import recorded_runs, search_runs
from analysis.runs.schema import (
    COMPLETE,
    FAILED_OR_DIVERGED_CONDITION,
    RUNNING_CONDITION,
    End,
    format_end_reason,
    is_sweep,
    member_tag,
    members_condition,
    no_tag_condition,
    project_tags,
    read_end,
    tag_condition,
)

# Written as they stand in stores, so that a change of the schema that forgets old records fails here.
RECORDED = [
    ("FINISHED", "finished", "finished"),
    ("FAILED", "diverged: the loss became nan in epoch 3; give a lower --learning-rate", "diverged"),
    ("FAILED", "diverged: the trained net's losses are not finite; give a lower --learning-rate", "diverged"),
    ("FAILED", "failed: BrokenError: the cable", "failed"),
    ("FAILED", "refused: hidden_size is 0; allowed: 1 or more (--hidden-size)", "failed"),
    ("FAILED", "recording failed: OSError: the disk is full; what there is of the run's files is kept in /x", "failed"),
    ("FAILED", "the run could not be opened: OSError: the disk is full", "failed"),
    ("FAILED", "summing up failed: KeyError: 'x'", "failed"),
    ("FAILED", "1 of 3 runs failed", "failed"),
    ("KILLED", "interrupted by SIGTERM in epoch 3", "killed"),
    ("KILLED", "SIGTERM in epoch 3", "killed"),
    ("KILLED", "interrupted by SIGINT", "killed"),
    ("KILLED", "killed: its process is gone", "killed"),
    ("KILLED", None, "killed"),
    ("FINISHED", None, "failed"),  # ended by MLflow when its program exited
    ("FAILED", None, "failed"),
    ("FAILED", "finished", "failed"),  # its last write went wrong
    ("RUNNING", None, "running"),
    ("RUNNING", "finished", "running"),  # between its last tag and its end
    ("RUNNING", "diverged: the loss became nan in epoch 3", "running"),
]


def tags_of(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"end_reason": reason}


@pytest.mark.parametrize(("status", "reason", "end"), RECORDED)
def test_how_a_recorded_run_ended_stays_readable(status: str, reason: str | None, end: str) -> None:
    assert read_end(status, tags_of(reason)) == end


@pytest.mark.parametrize("end", [end for end in End if end != End.RUNNING])
def test_what_is_written_is_read_as_the_same_end(end: End) -> None:
    assert read_end(end.status, tags_of(format_end_reason(end, "why"))) == end


def test_the_texts_are_those_of_old_records() -> None:
    said = {end: format_end_reason(end, "why") for end in End if end != End.RUNNING}
    assert said == {"finished": "finished", "diverged": "diverged: why", "failed": "failed: why", "killed": "why"}
    assert {end: end.status for end in End} == {
        "finished": "FINISHED",
        "diverged": "FAILED",
        "killed": "KILLED",
        "failed": "FAILED",
        "running": "RUNNING",
    }


def test_searching_finds_the_runs_that_reading_says_ended_so(store: Path) -> None:
    client = MlflowClient()
    reasons = dict.fromkeys(reason for _, reason, _ in RECORDED)
    for status, reason in itertools.product(("RUNNING", "FINISHED", "FAILED", "KILLED"), reasons):
        run_id = client.create_run("0", tags=tags_of(reason)).info.run_id
        if status != "RUNNING":
            client.set_terminated(run_id, status)
    everything = list(search_runs())
    assert len(everything) == 4 * len(reasons)
    running = {run.info.run_id for run in search_runs(RUNNING_CONDITION)}
    assert running == {run.info.run_id for run in everything if read_end(run.info.status, run.data.tags) == End.RUNNING}
    assert running
    failed = [read_end(run.info.status, run.data.tags) for run in search_runs(FAILED_OR_DIVERGED_CONDITION)]
    everywhere = [read_end(run.info.status, run.data.tags) for run in everything if run.info.status == "FAILED"]
    assert sorted(failed) == sorted(everywhere)
    assert set(failed) == {End.FAILED, End.DIVERGED}


def test_a_run_between_its_last_tag_and_its_end_is_not_taken_for_recorded(store: Path) -> None:
    client = MlflowClient()
    for number, (status, reason, _) in enumerate(RECORDED):
        tags = tags_of(reason) | {"config_digest": str(number)}
        run_id = client.create_run("0", tags=tags).info.run_id
        client.log_text(run_id, "{}", "config.json")
        if status != "RUNNING":
            client.set_terminated(run_id, status)
    digests = {str(number) for number in range(len(RECORDED))}
    expected = {str(number) for number, (*_, end) in enumerate(RECORDED) if end in COMPLETE}
    assert recorded_runs("0", digests).keys() == expected
    assert len(expected) == 3


@pytest.mark.parametrize(
    ("tags", "sweep"),
    [
        ({"kind": "sweep", "host": "a", "heartbeat": "1", "pid": "1"}, True),
        ({"kind": "sweep"}, False),  # somebody else's
        ({"host": "a", "heartbeat": "1", "pid": "1"}, True),  # older than its mark
        ({"host": "a", "heartbeat": "1", "pid": "1", "config_digest": "0"}, False),
        ({"kind": "run", "host": "a", "heartbeat": "1", "pid": "1"}, False),
        ({"host": "a"}, False),
        ({"heartbeat": "1"}, False),
        ({}, False),
    ],
)
def test_a_sweep_is_known_by_its_mark_and_an_older_one_by_what_it_lacks(tags: Mapping[str, str], sweep: bool) -> None:
    assert is_sweep(tags) == sweep


def test_tags_are_found_by_name_and_by_value(store: Path) -> None:
    client = MlflowClient()
    first, second, _ = (
        client.create_run("0", tags=tags).info.run_id
        for tags in (member_tag("abc") | {"shard": "1"}, {"shard": "2"}, {"mlflow.parentRunId": "abc"})
    )
    assert member_tag("abc") == {"sweep.abc": "member"}

    def found(condition: str) -> set[str]:
        return {run.info.run_id for run in search_runs(condition)}

    assert found(members_condition("abc")) == {first}
    assert found(tag_condition("shard")) == {first, second}
    assert found(tag_condition("shard", "2")) == {second}
    assert found(no_tag_condition("mlflow.parentRunId")) == {first, second}
    assert len(found(tag_condition("mlflow.parentRunId", "abc"))) == 1


def test_tags_of_mlflow_are_left_out() -> None:
    assert project_tags({"mlflow.user": "me", "device": "cpu", "sweep.1": "member"}) == {
        "device": "cpu",
        "sweep.1": "member",
    }
