"""Runs alike that are recorded at the same time: one stays, the others give way, and a sweep uses what others made."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from analysis.runs.life import process_tags
from experiments import shard_training
from experiments.sweep import main
from experiments.tracking import GaveWayError, TrackedRun, claims, find_others
from experiments.tracking.claims import claim
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from tests.life_signs import tags_of

pytestmark = pytest.mark.usefixtures("store")

MARK = {"recorded_by": "rnn-patterns"}
TAKEN = {"torch_version": "2"}


def create(digest: str = "d", experiment: str = "0", **tags: str) -> str:
    """Open a run as this process would; it is asking."""
    asking = MARK | process_tags() | {"config_digest": digest, "shard": "0"}
    run_id: str = MlflowClient().create_run(experiment, tags=asking | tags).info.run_id
    return run_id


def two() -> tuple[str, str]:
    """Open two runs that are asking; return their ids, the smaller one first."""
    first, second = sorted(create() for _ in range(2))
    return first, second


def end(run_id: str, status: str = "FINISHED", reason: str = "finished") -> None:
    MlflowClient().log_text(run_id, "{}", "config.json")
    MlflowClient().set_tag(run_id, "end_reason", reason)
    MlflowClient().set_terminated(run_id, status)


def take(run_id: str) -> None:
    for name, value in TAKEN.items():
        MlflowClient().set_tag(run_id, name, value)


def active() -> dict[str, Run]:
    return {run.info.run_id: run for run in MlflowClient().search_runs(["0"])}


def gives_way(run_id: str, digest: str = "d") -> str:
    """Let a run claim its place, which another one has; return the id of that one."""
    begin = time.monotonic()
    with pytest.raises(GaveWayError) as gave_way:
        claim(run_id, "0", digest)
    assert time.monotonic() - begin < 2, "it is known at once that the other one stays"
    run = MlflowClient().get_run(run_id)
    assert (run.info.lifecycle_stage, run.info.status) == ("deleted", "FAILED")
    return str(gave_way.value.other.info.run_id)


def later(action: Callable[[], object]) -> threading.Timer:
    """Do something in a fifth of a second, beside the test."""
    timer = threading.Timer(0.2, action)
    timer.start()
    return timer


@pytest.fixture
def dead() -> Iterator[dict[str, str]]:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        yield {"pid": str(process.pid)}


def test_a_run_like_no_other_stays(dead: dict[str, str]) -> None:
    other_experiment = MlflowClient().create_experiment("other")
    create("e", **TAKEN)
    create(experiment=other_experiment, **TAKEN)
    create(**TAKEN, **dead)
    create(**TAKEN, recorded_by="another program")
    MlflowClient().delete_run(create(**TAKEN))
    for status in ("FAILED", "KILLED", "FINISHED"):
        end(create(**TAKEN), status, "no end of a complete run")
    before = {run_id: str(run.to_dictionary()) for run_id, run in active().items()}
    mine = create()
    claim(mine, "0", "d")
    after = {run_id: str(run.to_dictionary()) for run_id, run in active().items()}
    assert after.keys() - before.keys() == {mine}
    assert after.items() >= before.items()


@pytest.mark.parametrize("reason", ["finished", "diverged: in epoch 1"])
@pytest.mark.parametrize("tags", [{}, {"recorded_by": "an older version"}])
def test_a_run_gives_way_to_one_that_is_complete(reason: str, tags: dict[str, str]) -> None:
    complete = create(**TAKEN | tags)
    end(complete, "FINISHED" if reason == "finished" else "FAILED", reason)
    assert gives_way(create()) == complete
    assert active().keys() == {complete}


@pytest.mark.parametrize("smaller", [True, False])
def test_a_run_gives_way_to_one_that_is_being_recorded(smaller: bool) -> None:
    mine, other = two() if smaller else two()[::-1]
    take(other)
    assert gives_way(mine) == other
    assert active()[other].info.status == "RUNNING"


def test_a_complete_run_is_preferred_to_one_that_is_being_recorded() -> None:
    complete = create(**TAKEN)
    end(complete)
    create(**TAKEN)
    assert gives_way(create()) == complete
    assert find_others("0", "d")[0].info.run_id == complete


def test_of_two_that_ask_the_one_with_the_larger_id_gives_way() -> None:
    smaller, larger = two()
    assert gives_way(larger) == smaller
    claim(smaller, "0", "d")
    assert active().keys() == {smaller}


def test_the_one_with_the_smaller_id_waits_until_the_other_has_decided() -> None:
    smaller, larger = two()
    timer = later(lambda: MlflowClient().delete_run(larger))
    begin = time.monotonic()
    claim(smaller, "0", "d")
    assert time.monotonic() - begin >= 0.2
    timer.join()
    MlflowClient().restore_run(larger)
    timer = later(lambda: take(larger))  # it had looked before the smaller one was opened
    assert gives_way(smaller) == larger
    timer.join()


def test_one_that_does_not_decide_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process may be stopped; the sweep then waits where a signal can end it."""
    monkeypatch.setattr(claims, "ASK_SECONDS", 0.1)
    smaller, larger = two()
    assert gives_way(smaller) == larger


def test_of_many_that_are_opened_at_once_exactly_one_stays() -> None:
    def record(digest: str) -> bool:
        time.sleep(random.random() / 50)
        mine = create(digest)
        try:
            claim(mine, "0", digest)
        except GaveWayError:
            return False
        take(mine)
        return True

    with ThreadPoolExecutor(3) as pool:
        for number in range(15):
            assert sum(pool.map(record, [str(number)] * 3)) == 1
    assert sorted(run.data.tags["config_digest"] for run in active().values()) == sorted(map(str, range(15)))


SWEEP = ["--epochs", "2", "--hidden-sizes", "2", "--seeds", "2"]


def digest_of(seed: int) -> str:
    return prepare(TrainConfig(epochs=2, hidden_size=2, seed=seed)).record.digest


def before_recording(monkeypatch: pytest.MonkeyPatch, seed: int, action: Callable[[], object]) -> None:
    """Do something once, after the nets of a sweep were trained and while the run of a seed is recorded."""
    log_model = TrackedRun._log_model
    pending = [action]

    def interfered(self: TrackedRun, *rest: object) -> str:
        if self.record.config.seed == seed and pending:
            pending.pop()()
        return log_model(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TrackedRun, "_log_model", interfered)
    monkeypatch.setattr(shard_training, "LOOK_AGAIN_SECONDS", 0.05)


def check_that_seed_1_is_from(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The sweep uses a run that it has not made, counts it as such, and has left nothing of its own try."""
    (parent,) = [run for run in active().values() if "kind" in run.data.tags]
    assert [key for key, run in active().items() if run.data.tags.get("config_digest") == digest_of(1)] == [run_id]
    assert active()[run_id].data.tags[f"sweep.{parent.info.run_id}"] == "member"
    assert "mlflow.parentRunId" not in active()[run_id].data.tags
    assert (parent.data.metrics["runs"], parent.data.metrics["runs_new"]) == (2, 1)
    table = pd.read_csv(MlflowClient().download_artifacts(parent.info.run_id, "runs.csv"))
    assert dict(zip(table["seed"], table["reused"], strict=True)) == {0: False, 1: True}
    assert table["run_id"].tolist()[1] == run_id
    said = capsys.readouterr().out
    assert "2 runs, 0 of them recorded before" in said
    assert "2 runs, 1 new, 1 reused" in said


def test_a_sweep_uses_what_others_have_recorded_while_it_trained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def record() -> None:
        made.append(create(digest_of(1), **TAKEN))
        end(made[0])

    before_recording(monkeypatch, 0, record)
    assert main(SWEEP) == 0
    check_that_seed_1_is_from(made[0], capsys)


def test_a_sweep_waits_for_what_others_are_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def record() -> None:
        made.append(create(digest_of(1), **TAKEN))
        threading.Timer(1.0, lambda: end(made[0])).start()

    before_recording(monkeypatch, 0, record)
    assert main(SWEEP) == 0
    check_that_seed_1_is_from(made[0], capsys)
    all_runs = MlflowClient().search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)
    assert len(all_runs) == 1, "it opened a run once, and then only looked"


@pytest.mark.parametrize("how", ["failed", "deleted", "killed"])
def test_a_sweep_records_what_others_did_not_finish(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:

        def stop() -> None:
            if how == "failed":
                end(made[0], "FAILED", "failed: the disk is full")
            elif how == "deleted":
                MlflowClient().delete_run(made[0])
            else:
                process.kill()
                process.wait()

        def record() -> None:
            made.append(create(digest_of(1), **(TAKEN | tags_of(process))))
            threading.Timer(0.5, stop).start()

        made: list[str] = []
        before_recording(monkeypatch, 0, record)
        assert main(SWEEP) == 0
        process.kill()
    assert "2 runs, 2 new, 0 reused" in capsys.readouterr().out
    finished = [run for run in active().values() if run.info.status == "FINISHED" and "kind" not in run.data.tags]
    assert sorted(run.data.params["seed"] for run in finished) == ["0", "1"]


def test_a_sweep_that_makes_all_runs_again_looks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before_recording(monkeypatch, 0, lambda: create(digest_of(1), **TAKEN))
    assert main([*SWEEP, "--again"]) == 0
    same = [run for run in active().values() if run.data.tags.get("config_digest") == digest_of(1)]
    assert sorted(run.info.status for run in same) == ["FINISHED", "RUNNING"]


def test_a_sweep_that_waits_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def record() -> None:
        create(digest_of(1), **TAKEN)
        threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    before_recording(monkeypatch, 0, record)
    assert main(SWEEP) == 130
    assert sorted(run.info.status for run in active().values()) == ["FINISHED", "KILLED", "RUNNING"]


def test_a_sweep_that_waits_stops_if_another_start_has_ended_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end_sweep() -> None:
        (sweep,) = [run_id for run_id, run in active().items() if "kind" in run.data.tags]
        end(sweep, "KILLED", "killed: its process is gone")

    def record() -> None:
        create(digest_of(1), **TAKEN)
        threading.Timer(0.5, end_sweep).start()

    before_recording(monkeypatch, 0, record)
    assert main(SWEEP) == 1
    assert "another start ended this sweep" in capsys.readouterr().out
    assert mlflow.active_run() is None
