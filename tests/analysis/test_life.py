"""Whether a run is at work: told by its process where that can be seen, elsewhere by its heartbeat."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from mlflow.entities import Run, RunData, RunInfo, RunTag

from analysis.runs import life
from analysis.runs.life import GONE, STALE_SECONDS, end_of, heartbeat_tag, is_alive, process_tags, reason_of
from analysis.runs.schema import End
from tests.life_signs import tags_of

OLD = {"heartbeat": f"{time.time() - STALE_SECONDS - 60:.0f}"}
OURS = {"recorded_by": "rnn-patterns"}


def record(tags: Mapping[str, str], status: str = "RUNNING") -> Run:
    """Return a run's record with some tags and a status."""
    info = RunInfo("0" * 32, "0", "me", status, 0, None, "active")
    return Run(info, RunData(tags=[RunTag(name, value) for name, value in tags.items()]))


def elsewhere(tags: Mapping[str, str], boot: str = "", namespace: str = "") -> dict[str, str]:
    """Return the tags of a process as if it had another start of the machine, or another namespace of ids."""
    boot_here, namespace_here, start = tags["process"].split()
    return {**tags, "process": f"{boot or boot_here} {namespace or namespace_here} {start}"}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_what_has_ended_is_not_alive(status: str) -> None:
    assert not is_alive(record(process_tags(), status))


def test_a_process_that_is_there_is_alive_however_old_its_heartbeat(child: subprocess.Popen[bytes]) -> None:
    assert is_alive(record(process_tags() | OLD))
    assert is_alive(record(tags_of(child) | OLD))


def test_a_process_that_was_killed_is_dead_at_once(child: subprocess.Popen[bytes]) -> None:
    run = record(tags_of(child))
    assert is_alive(run)
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # nobody has taken its end, so the id is still there
    assert Path(f"/proc/{child.pid}").exists()
    assert not is_alive(run)
    child.wait()
    assert not Path(f"/proc/{child.pid}").exists()
    assert not is_alive(run)


def test_another_process_with_the_same_id_is_another_one(child: subprocess.Popen[bytes]) -> None:
    tags = tags_of(child)
    where, _, start = tags["process"].rpartition(" ")
    assert not is_alive(record(tags | {"process": f"{where} {int(start) - 1}"}))


@pytest.mark.parametrize(
    "where", [{"boot": "11111111-2222-3333-4444-555555555555"}, {"namespace": "pid:[1]"}, {"host": "elsewhere"}]
)
def test_a_process_that_cannot_be_seen_lives_as_long_as_its_heartbeat_is_fresh(where: dict[str, str]) -> None:
    """Its id means nothing here; the id is that of no process, and then that of this one."""
    for pid in ("4194305", str(os.getpid())):
        tags = process_tags() | {"pid": pid}
        tags = tags | where if "host" in where else elsewhere(tags, **where)
        assert is_alive(record(tags))
        assert not is_alive(record(tags | OLD))


@pytest.mark.parametrize("links", [{}, {"self": "1"}])
def test_without_a_proc_that_is_ours_the_heartbeat_decides(
    links: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS; or where /proc is that of another namespace of ids, in which this process has another id."""
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
        (tmp_path / target / "ns").mkdir(parents=True)
        (tmp_path / target / "ns" / "pid").symlink_to("pid:[1]")
        (tmp_path / "sys" / "kernel" / "random").mkdir(parents=True)
        (tmp_path / "sys" / "kernel" / "random" / "boot_id").write_text("11111111\n")
    monkeypatch.setattr(life, "PROC", tmp_path)
    tags = process_tags()
    assert is_alive(record(tags))
    assert not is_alive(record(tags | OLD))


def test_a_process_that_proc_hides_is_told_by_its_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]
) -> None:
    """As the processes of other users are, where the machine is set up so."""
    for name in ("self", "sys"):
        (tmp_path / name).symlink_to(f"/proc/{name}" if name == "sys" else str(os.getpid()))
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    tags = tags_of(child)
    monkeypatch.setattr(life, "PROC", tmp_path)
    assert is_alive(record(tags))
    assert not is_alive(record(tags | OLD))
    child.kill()
    child.wait()
    assert not is_alive(record(tags)), "an id that nobody has cannot be hidden"


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"heartbeat": "yesterday"},
        {"heartbeat": ""},
        {"heartbeat": "nan"},
        {"heartbeat": "inf", "host": "elsewhere", "pid": "1"},
        {"process": "x", "pid": "y"},
    ],
)
def test_a_run_without_signs_of_life_that_can_be_read_counts_as_alive(tags: dict[str, str]) -> None:
    assert is_alive(record(tags))


@pytest.mark.parametrize("pid", ["", "x", "-1", "0", "nan", "99999999999999999999", "1.5e400"])
def test_an_id_that_is_none_is_no_trouble(pid: str) -> None:
    is_alive(record(process_tags() | {"pid": pid}))
    is_alive(record(process_tags() | OLD | {"pid": pid}))


def test_readers_are_told_that_a_run_was_killed_and_why(child: subprocess.Popen[bytes]) -> None:
    alive, dead = record(OURS | process_tags()), record(OURS | tags_of(child))
    child.kill()
    child.wait()
    assert (end_of(alive), reason_of(alive)) == (End.RUNNING, "")
    assert (end_of(dead), reason_of(dead)) == (End.KILLED, GONE)
    ended = record(OURS | tags_of(child) | {"end_reason": "finished"}, "FINISHED")
    assert (end_of(ended), reason_of(ended)) == (End.FINISHED, "finished")
    older = record(OLD | {"host": "elsewhere", "pid": "1"})
    assert (end_of(older), reason_of(older)) == (End.RUNNING, ""), "no mark: shown as it is"


def test_a_heartbeat_is_the_time_now() -> None:
    assert abs(float(heartbeat_tag()["heartbeat"]) - time.time()) < 2
