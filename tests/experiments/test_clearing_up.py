"""What a sweep ends and deletes when it clears up: only what is this project's own, and whose process is gone."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from analysis.runs import find_runs
from analysis.runs.life import GONE, process_tags
from experiments.descriptions import AT_WORK
from experiments.sweep import main
from experiments.tracking import TrackedRun, clear_up
from experiments.train import main as train

pytestmark = pytest.mark.usefixtures("store")

ONE = ["--epochs", "2", "--hidden-sizes", "2", "--seeds", "1"]
"""One run."""

MARK = {"recorded_by": "rnn-patterns"}
SWEEP = MARK | {"kind": "sweep"}
DEAD = {"heartbeat": "1000", "host": "elsewhere", "pid": "1", "process": "x pid:[1] 1"}


def records() -> dict[str, Run]:
    """Return all records, also the deleted ones, by id, the newest first."""
    found = MlflowClient().search_runs(["0"], run_view_type=ViewType.ALL, order_by=["attributes.start_time DESC"])
    return {run.info.run_id: run for run in found}


def active() -> dict[str, Run]:
    return {run_id: run for run_id, run in records().items() if run.info.lifecycle_stage == "active"}


def create(tags: Mapping[str, str]) -> str:
    run_id: str = MlflowClient().create_run("0", tags=dict(tags)).info.run_id
    return run_id


def fresh() -> dict[str, str]:
    """Return the signs of life of a process that cannot be seen from here."""
    return process_tags() | {"host": "elsewhere"}


@pytest.fixture
def dead() -> Iterator[dict[str, str]]:
    """The signs of life of a process of this machine that has ended a moment ago."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        yield process_tags() | {"pid": str(process.pid)}


FOREIGN = [
    {},
    {"shard": "0"},
    {"heartbeat": "1000"},
    {"heartbeat": "yesterday", "host": "", "pid": "x", "process": "y"},
    {"shard": "0", "heartbeat": "1000", "config_digest": "0" * 64},
    {"kind": "sweep"},
    {"kind": "sweep"} | DEAD,
    {"recorded_by": "another program", "kind": "sweep"} | DEAD,
    {"recorded_by": "another program", "config_digest": "0" * 64} | DEAD,
    DEAD,  # also a sweep of an older version
    {"config_digest": "0" * 64} | DEAD,
    {"shard": "0", "mlflow.parentRunId": "no id"},
    {"shard": "0", "mlflow.parentRunId": "0" * 32, "config_digest": "0" * 64},
]
"""The tags of records that are not ours, or older than our mark: none may be touched."""


def create_foreign(parent: str = "") -> dict[str, str]:
    """Create the records of other programs; return by id what must not change.

    Arguments:
        parent: the id of a sweep that they name as their parent; empty for none.
    """
    above = {"mlflow.parentRunId": parent, "shard": "0"} if parent else {}
    for tags in FOREIGN:
        create(tags | above)
        failed = create(tags | above)
        MlflowClient().set_terminated(failed, "FAILED")
    return looks(active().keys())


def looks(ids: object) -> dict[str, str]:
    """Return all that can be seen of records, by id."""
    return {run_id: str(run.to_dictionary()) for run_id, run in records().items() if run_id in ids}  # type: ignore[operator]


def test_what_is_not_ours_is_not_touched_by_clearing_up() -> None:
    before = create_foreign()
    assert clear_up("0") == (0, 0)
    assert looks(before) == before


def test_what_is_not_ours_is_not_even_found(dead: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The search asks for the mark, too: what it finds is all that is looked at again."""
    killed = create(SWEEP | dead)
    foreign = create_foreign(killed)
    del foreign[killed]
    monkeypatch.setattr("analysis.runs.schema.has_mark", lambda _: True)
    assert clear_up("0") == (1, 0)
    assert looks(foreign) == foreign


def test_what_is_not_ours_is_not_touched_by_a_sweep(dead: dict[str, str]) -> None:
    """Neither at its start, when it clears up after a sweep that was killed, nor at its end."""
    killed = create(SWEEP | dead)
    foreign = create_foreign(killed)
    del foreign[killed]
    assert main(ONE) == 0
    assert records()[killed].info.status == "KILLED"
    assert looks(foreign) == foreign


@pytest.mark.parametrize("interrupted", [False, True])
def test_what_others_record_below_a_sweep_is_not_touched_at_its_end(
    interrupted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign: dict[str, str] = {}
    log_model = TrackedRun._log_model

    def beside_others(self: TrackedRun, *rest: object) -> str:
        if self.record.config.seed == 0:
            (sweep,) = [run_id for run_id, run in active().items() if "kind" in run.data.tags]
            ours = active().keys()
            foreign.update({run_id: look for run_id, look in create_foreign(sweep).items() if run_id not in ours})
        elif interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        return log_model(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackedRun, "_log_model", beside_others)
    assert main([*ONE[:-1], "3"]) == (130 if interrupted else 0)
    assert len(foreign) == 2 * len(FOREIGN)
    assert looks(foreign) == foreign


def test_a_run_is_looked_at_again_just_before_it_is_deleted(
    dead: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a search says may be old: the run may have been finished, or lost its mark."""
    sweep = create(SWEEP | dead)
    child = MARK | dead | {"mlflow.parentRunId": sweep, "shard": "0", "config_digest": "0" * 64}
    finished, unmarked, half_made = (create(child) for _ in range(3))
    found = list(MlflowClient().search_runs(["0"]))
    MlflowClient().set_tag(finished, "end_reason", "finished")
    MlflowClient().set_terminated(finished)
    MlflowClient().set_tag(unmarked, "recorded_by", "another program")
    monkeypatch.setattr("experiments.tracking.life.search_runs", lambda *_: iter(found))
    clear_up("0")
    there = active()
    assert there[finished].info.status == "FINISHED"
    assert there[unmarked].info.status == "RUNNING"
    assert half_made not in there


def test_what_killed_and_ended_sweeps_left_half_made_is_deleted(dead: dict[str, str]) -> None:
    assert main(ONE) == 0
    (ended,) = [run_id for run_id, run in active().items() if "kind" in run.data.tags]
    alive, silent, killed = (create(SWEEP | tags) for tags in (fresh(), DEAD, dead))
    child = MARK | {"shard": "0", "config_digest": "0" * 64}
    gone = [create(child | dead | {"mlflow.parentRunId": sweep}) for sweep in (ended, silent, killed, "0" * 32)]
    failed, diverged = (
        create(child | dead | {"mlflow.parentRunId": killed, "end_reason": reason})
        for reason in ("the run could not be opened: the database is locked", "diverged: in epoch 1")
    )
    for run_id in (failed, diverged):
        MlflowClient().set_terminated(run_id, "FAILED")
    at_work = [
        create(child | dead | {"mlflow.parentRunId": alive}),  # its sweep tries it again
        create(child | fresh() | {"mlflow.parentRunId": ended}),  # by a worker of a cluster, which then stops
    ]
    before = looks([alive, *at_work])
    assert main(ONE) == 0
    there = active()
    assert not there.keys() & {*gone, failed}
    assert diverged in there
    assert looks(before) == before
    for run_id in (silent, killed):
        assert there[run_id].info.status == "KILLED"
        assert there[run_id].data.tags["end_reason"] == GONE


def test_a_sweep_that_was_killed_is_no_longer_said_to_be_at_work(dead: dict[str, str]) -> None:
    state = f"{AT_WORK} 2026-01-31 12:30 UTC: 1 of 2 runs have ended"
    sweep, other = (
        create(MARK | dead | {"kind": "sweep", "mlflow.note.content": note})
        for note in (f"**{state}**\n\nmore", "more")
    )
    clear_up("0")
    notes = [active()[run_id].data.tags["mlflow.note.content"] for run_id in (sweep, other)]
    assert notes == [f"**{GONE}; it was {state}**\n\nmore", "more"]


def test_a_single_run_whose_process_is_gone_is_ended_and_kept(dead: dict[str, str]) -> None:
    run_id = create(MARK | dead | {"config_digest": "0" * 64})
    at_work = create(MARK | process_tags() | {"config_digest": "0" * 64})
    left_alone = create(MARK | dead | {"config_digest": "0" * 64})
    assert clear_up("0", but=left_alone) == (1, 0)
    assert active()[run_id].info.status == "KILLED"
    assert active()[run_id].data.tags["end_reason"] == GONE
    assert active()[at_work].info.status == active()[left_alone].info.status == "RUNNING"


def test_runs_with_a_heartbeat_are_not_taken_for_sweeps() -> None:
    """Beside a sweep that is older than its mark: the newest sweep is that one, and it stays as it is."""
    client = MlflowClient()
    older = create(DEAD)
    assert train(["--epochs", "2", "--hidden-size", "2"]) == 0
    member = next(iter(active()))
    client.set_tag(member, f"sweep.{older}", "member")
    time.sleep(0.01)
    create({"kind": "sweep"})  # somebody else's
    single = create({"config_digest": "0" * 64} | DEAD)
    assert next(iter(records())) == single
    assert find_runs(sweep="latest")["run_id"].tolist() == [member]
    before = looks([older, single])
    assert main(ONE) == 0
    assert looks(before) == before
    newest = next(run_id for run_id, run in active().items() if run.data.tags.get("kind") == "sweep")
    (new_member,) = client.search_runs(["0"], f"tags.`sweep.{newest}` = 'member'")
    assert find_runs(sweep="latest")["run_id"].tolist() == [new_member.info.run_id]
