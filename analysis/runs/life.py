"""Whether the process that records a run is still at work, as the tags of the run and this machine tell it."""

import contextlib
import math
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import Run

from analysis.runs import schema
from analysis.runs.schema import End

STALE_SECONDS = 300.0
"""A process of another machine that has not renewed its heartbeat for so long is taken for dead."""

PROC = Path("/proc")
"""Where Linux tells about processes."""

GONE = "killed: its process is gone"
"""The reason of the end of a run whose process no longer exists, or has not been heard of."""


def process_tags() -> dict[str, str]:
    """Return the tags of a run that say which process records it: this one."""
    return {
        schema.HOST_TAG: platform.node(),
        schema.PID_TAG: str(os.getpid()),
        schema.PROCESS_TAG: f"{_where_ids_count()} {_start_of(os.getpid())}",
        **heartbeat_tag(),
    }


def heartbeat_tag() -> dict[str, str]:
    """Return the tag that says when a process was last at work: now."""
    return {schema.HEARTBEAT_TAG: f"{time.time():.0f}"}


def is_alive(run: Run) -> bool:
    """Return whether a run has not ended and may still be at work.

    If its process was started on this machine, since it last started and in the same container, the process decides.
    Otherwise a heartbeat that is at most STALE_SECONDS old counts as life. A run without signs of life that can be
    read, such as one that an older version recorded, counts as alive.
    """
    tags = run.data.tags
    if schema.read_end(run.info.status, tags) != End.RUNNING:
        return False
    where, _, start = tags.get(schema.PROCESS_TAG, "").rpartition(" ")
    if where and where == _where_ids_count() and tags.get(schema.HOST_TAG) == platform.node():
        start_now = _start_of(_number(tags, schema.PID_TAG))
        if start_now:
            return start == start_now
    heartbeat = _number(tags, schema.HEARTBEAT_TAG)
    return heartbeat is None or time.time() - heartbeat <= STALE_SECONDS


def end_of(run: Run) -> End:
    """Return how a run ended; KILLED also if it says that it is RUNNING, but its process is no longer at work.

    A run without this project's mark, which an older version recorded, ended as it says.
    """
    end = schema.read_end(run.info.status, run.data.tags)
    dead = end == End.RUNNING and schema.has_mark(run.data.tags) and not is_alive(run)
    return End.KILLED if dead else end


def reason_of(run: Run) -> str:
    """Return the reason of a run's end in words; empty for a run that is at work."""
    if schema.read_end(run.info.status, run.data.tags) == End.RUNNING:
        return GONE if end_of(run) == End.KILLED else ""
    tags: Mapping[str, str] = run.data.tags
    return tags.get(schema.END_REASON_TAG, "")


def _number(tags: Mapping[str, str], tag: str) -> float | None:
    """Return the number that a tag holds; None if there is no such tag, or it holds none."""
    with contextlib.suppress(KeyError, ValueError):
        value = float(tags[tag])
        return value if math.isfinite(value) else None
    return None


def _where_ids_count() -> str:
    """Return what names the system in which a process id stands for one process: this start of the machine, and the
    namespace of process ids, which differs between containers.

    It is empty where that cannot be known: without /proc, as on macOS, or if /proc belongs to another namespace.
    """
    try:
        if str((PROC / "self").readlink()) != str(os.getpid()):
            return ""
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: float | None) -> str:
    """Return when a process of this system started, in clock ticks since the machine's start.

    Process ids are used again, so an id and its start together name a process.

    Returns:
        The number of ticks; "gone" if the process has ended; empty if that cannot be known.
    """
    if pid is None or pid < 1:
        return ""
    try:
        text = (PROC / f"{pid:.0f}" / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if _exists(int(pid)) else "gone"
    fields = text.rpartition(")")[2].split()  # the name of the program before it may hold anything
    state, start = fields[0], fields[19]
    return "gone" if state in "ZX" else start  # ended, but its parent has not asked how


def _exists(pid: int) -> bool:
    """Return whether there is a process, also one of another user that /proc hides."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
