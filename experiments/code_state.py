"""The state of the code that runs: its git commit, and the changes since. Notebooks and documents do not count."""

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

NO_CODE = (":(exclude)*.ipynb", ":(exclude)*.md", ":(exclude)docs")
"""Paths, as git writes them, whose changes do not change a run; a notebook changes when it is executed."""


@dataclass(frozen=True)
class CodeState:
    """The state of a git checkout.

    Attributes:
        commit: the hash of the commit; "unknown" outside a checkout.
        dirty: "true" if the code has changed since the commit, else "false"; "unknown" outside a checkout.
        diff: the changes since the commit, new Python files included; empty if there are none.
    """

    commit: str
    dirty: str
    diff: str


@functools.cache  # edits of files that are imported already do not change the code that runs
def code_state(project: Path = PROJECT) -> CodeState:
    """Return the state of the checkout whose top folder is `project`, by default that of this code."""
    top, commit = _git(project, "rev-parse", "--show-toplevel"), _git(project, "rev-parse", "HEAD")
    # The checkout may be another project's, with this one installed in a folder inside it.
    if not top or not commit or Path(top.strip()).resolve() != project.resolve():
        return CodeState("unknown", "unknown", "")
    status = _git(project, "status", "--porcelain", "--", ".", *NO_CODE)
    if status is None:
        return CodeState(commit.strip(), "unknown", "")
    if not status:
        return CodeState(commit.strip(), "false", "")
    new = _git(project, "ls-files", "--others", "--exclude-standard", "--", "*.py") or ""
    added = [_git(project, "diff", "--no-index", "--", "/dev/null", name) or "" for name in new.splitlines()]
    return CodeState(
        commit.strip(), "true", "".join([_git(project, "diff", "HEAD", "--", ".", *NO_CODE) or "", *added])
    )


def _git(project: Path, *arguments: str) -> str | None:
    """Return what git prints; None if git is not installed or fails. `git diff` also succeeds with exit status 1."""
    command = ["git", "-C", str(project), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode in (0, 1) else None
