"""Whether the process that records a run is still at work, as the tags of the run and this machine tell it."""

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

GONE = "killed: its process is gone"
"""The reason of the end of a run whose process no longer exists, or has not been heard of."""


def process_tags() -> dict[str, str]:
    """Return the tags of a run that say which process records it: this one."""
    return {
        schema.HOST_TAG: platform.node(),
        schema.PID_TAG: str(os.getpid()),
        schema.PROCESS_TAG: f"{_where_ids_count()} {_start_of(str(os.getpid()))}",
        **heartbeat_tag(),
    }


def heartbeat_tag() -> dict[str, str]:
    """Return the tag that says when a process was last at work: now."""
    return {schema.HEARTBEAT_TAG: f"{time.time():.0f}"}


def is_alive(run: Run) -> bool:
    """Return whether a run has not ended and may still be at work.

    If its process was started on this machine, since it last started and in the same container, the process decides.
    Otherwise a heartbeat that is at most STALE_SECONDS old counts as life. A run without signs of life, which an older
    version recorded, counts as alive.
    """
    tags = run.data.tags
    if schema.read_end(run.info.status, tags) != End.RUNNING:
        return False
    if schema.HEARTBEAT_TAG not in tags:
        return True
    where, _, start = tags.get(schema.PROCESS_TAG, "").rpartition(" ")
    if where and where == _where_ids_count() and tags.get(schema.HOST_TAG) == platform.node():
        return start == _start_of(tags.get(schema.PID_TAG, ""))
    try:
        return time.time() - float(tags[schema.HEARTBEAT_TAG]) <= STALE_SECONDS
    except ValueError:
        return True


def end_of(run: Run) -> End:
    """Return how a run ended; KILLED also if it says that it is RUNNING, but its process is no longer at work."""
    end = schema.read_end(run.info.status, run.data.tags)
    return End.KILLED if end == End.RUNNING and not is_alive(run) else end


def reason_of(run: Run) -> str:
    """Return the reason of a run's end in words; empty for a run that is at work."""
    if schema.read_end(run.info.status, run.data.tags) == End.RUNNING:
        return "" if is_alive(run) else GONE
    tags: Mapping[str, str] = run.data.tags
    return tags.get(schema.END_REASON_TAG, "")


def _where_ids_count() -> str:
    """Return what names the system in which a process id stands for one process: this start of the machine, and the
    namespace of process ids, which differs between containers; empty where there is no /proc, as on macOS.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: str) -> str:
    """Return when a process of this system started, in clock ticks since the machine's start; "gone" if it has ended.

    Process ids are used again, so an id and its start together name a process.
    """
    try:
        text = Path(f"/proc/{int(pid)}/stat").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return "gone"
    fields = text.rpartition(")")[2].split()  # the name of the program before it may hold anything
    state, start = fields[0], fields[19]
    return "gone" if state in "ZX" else start  # ended, but its parent has not asked how
