"""The signs of life that a process gives to a run, for processes that record nothing."""

import subprocess

from analysis.runs import life


def tags_of(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """Return the tags that a process of this machine would give to a run."""
    tags = life.process_tags()
    where, _, _ = tags["process"].rpartition(" ")
    return tags | {"pid": str(process.pid), "process": f"{where} {life._start_of(process.pid)}"}
